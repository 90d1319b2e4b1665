"""Calls whose callers may choose by a key, for the tests of what they choose."""

from dataclasses import replace
from typing import Any

from unit.calls import CALLER, ENGLISH, P01, answered, began, ended, entered, inspected, line, ms, sound, woke
from unit.driven import Call

from ari_app.core import evidence as ev
from ari_app.core import facts as f
from ari_app.core.names import playback_id
from ari_app.core.policy import Keys, Mode

MORE = sound("information-en", seconds=1)
MORE_WELSH = sound("mwy", seconds=1, language="cy")
DECLINED, GWRTHOD = sound("declined-en", seconds=1), sound("gwrthod", seconds=1, language="cy")
KEYS = Keys(decline="9", repeat="*", information="0", languages=(("1", "cy"), ("2", "en")))
WORDS: dict[str, Any] = {"information": (MORE_WELSH, MORE), "confirmation": (GWRTHOD, DECLINED)}
FIRST, SECOND, THIRD = (playback_id(CALLER, number) for number in (1, 2, 3))


def opt_out(core, *sounds, keys=KEYS, **words):
    rules = replace(line(*(sounds or (ENGLISH,))), keys=keys, **{**WORDS, **words})
    return Call(core, replace(rules, mode=Mode.ANNOUNCE_OPT_OUT))


def opt_in(core, *sounds, relayed=False):
    rules = replace(line(*(sounds or (ENGLISH,))), keys=replace(KEYS, consent="5"), choice_seconds=8, **WORDS)
    return Call(core, replace(rules, mode=Mode.OPT_IN), relayed=relayed)


def declined(at, key="9", *, language="en", choice="declined"):
    return [
        ev.Chose(at=ms(at), party=P01, choice=choice, key=key, language=language),
        ev.PartyObjected(at=ms(at), party=P01),
    ]


def chose(at, choice, key, language=""):
    return ev.Chose(at=ms(at), party=P01, choice=choice, key=key, language=language)


ARRIVED = (entered(0),)
MEASURING = (*ARRIVED, answered(10))
ASKED = (*MEASURING, inspected(12, 1, 0))
PLAYING = (*ASKED, began(20))
COUNTING = (*PLAYING, ended(2020))
TOLD = (*COUNTING, inspected(2022, 2, 100))


def settle(call, at):
    return call.hear(woke(at, f.Timer.CHOICE, call.room.caller.notice))
