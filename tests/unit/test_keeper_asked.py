"""What a script asks its keeper to keep, and what is not kept: two programs must agree before a capture begins."""

from dataclasses import replace
from typing import Any

import pytest
from unit.calls import AGENT, CALLER, ENGLISH, P01, P02, RECORDING, line, ms
from unit.driven import REAL
from unit.test_fallback_core import RULES, RUN, account

from ari_app.core import evidence as ev
from ari_app.core.names import RunId
from ari_app.core.policy import Keys, Mode


def begun(entries=None, *, core=REAL, rules=RULES, run=RUN, channel=CALLER, now=2000, keypad=None):
    entries = account(core=core) if entries is None else entries
    return core.keeper.begin(entries, rules, run, channel, ms(now), keypad or core.keeper.Keypad())


def test_a_sound_account_is_kept_to_its_lines_longest_time(core):
    assert begun(core=core) == core.keeper.Kept(CALLER, RECORDING, ms(2000 + 3 * 3600 * 1000), ms(2000))
    assert begun(core=core, now=3000).channel == CALLER


CHOOSING = replace(
    RULES,
    lines={
        "advice-line": line(
            mode=Mode.ANNOUNCE_OPT_OUT, keys=Keys(decline="9", repeat="*"), destroy_if_objected_within_seconds=60
        )
    },
)
"""A line whose callers may say no by a key."""


def chosen(core, *pressed, keys="9", since=0, rules=CHOOSING):
    """Begin on that line, of a channel on which these keys were pressed: each an instant and a key."""
    heard = tuple((ms(at), key) for at, key in pressed)
    keypad = core.keeper.Keypad(frozenset(keys), ms(since), heard)
    return begun(account(rules=rules, core=core), core=core, rules=rules, keypad=keypad)


@pytest.mark.parametrize("pressed", [(), ((-1, "9"),), ((500, "*"), (600, "1"))])
def test_who_has_not_pressed_the_key_for_a_no_is_kept(core, pressed):
    kept = chosen(core, *pressed)
    assert kept == core.keeper.Kept(CALLER, RECORDING, ms(2000 + 3 * 3600 * 1000), ms(62_000))


@pytest.mark.parametrize(
    ("how", "why"),
    [
        ({"pressed": ((0, "9"),)}, "has pressed"),
        ({"pressed": ((500, "1"), (1999, "9"))}, "has pressed"),
        ({"keys": ""}, "nobody has listened"),
        ({"keys": "8"}, "nobody has listened"),
        ({"since": 0.001}, "nobody has listened"),
    ],
)
def test_a_no_that_the_script_may_have_missed_is_one(core, how, why):
    with pytest.raises(ValueError, match=why):
        chosen(core, *how.get("pressed", ()), **{name: value for name, value in how.items() if name != "pressed"})


def test_where_there_is_no_key_nobody_need_listen(core):
    keys = Keys(decline="9")
    for rules in (line(keys=keys), line(mode=Mode.ANNOUNCE_OPT_OUT)):
        found = chosen(core, (500, "9"), keys="", rules=replace(RULES, lines={"advice-line": rules}))
        assert found.channel == CALLER


def changed(number, **changes):
    entries = list(account())
    entries[number] = replace(entries[number], **changes)
    return entries


REFUSED: dict[str, tuple[list[ev.Entry] | None, dict[str, Any], str]] = {
    "nothing": ([], {}, "too little"),
    "no opening": ([*account()[1:], account()[4]], {}, "account of this channel"),
    "the gate's": (changed(0, attested_by="gate"), {}, "account of this channel"),
    "another channel": (None, {"channel": AGENT}, "account of this channel"),
    "another keeper": (None, {"run": RunId("01M89EP1ZYXF1YNMXJBPC6YR8S")}, "another keeper"),
    "another policy": (None, {"rules": replace(RULES, sha256="6" * 64)}, "another policy"),
    "no such line": (changed(0, line="nobody-knows"), {}, "another policy"),
    "another announcement": (changed(2, sha256="b" * 64), {}, "every announcement"),
    "no announcement": ([*account()[:2], account()[1], *account()[3:]], {}, "every announcement"),
    "a line without": (
        [*account()[:2], account()[1], *account()[3:]],
        {"rules": replace(RULES, lines={"advice-line": line(unusable="x")})},
        "every announcement",
    ),
    "no permit": ([*account()[:3], account()[1], account()[4]], {}, "somebody else"),
    "another's permit": (changed(3, parties=[P01, P02]), {}, "somebody else"),
    "a second permit": (changed(3, permit=2), {}, "another capture"),
    "second of all": (
        [*account()[:3], replace(account()[3], permit=2), replace(account()[4], permit=2)], {}, "another capture",
    ),
    "another's capture": (changed(4, party=P02), {}, "another capture"),
    "another segment": (changed(4, segment=2), {}, "another capture"),
    "another file": (changed(4, file="seg-001.p02.wav"), {}, "another capture"),
    "not bridged only": (changed(4, bridged_only=False), {}, "another capture"),
    "told later": (changed(2, at=ms(2001)), {}, "had not been told"),
    "stale": (None, {"now": 3000.001}, "this moment"),
    "of the future": (None, {"now": 1999.999}, "this moment"),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_not_kept(what, core):
    entries, changes, why = REFUSED[what]
    with pytest.raises(ValueError, match=why):
        begun(entries, core=core, **changes)


def test_the_announcement_of_these_tests_is_the_lines_own():
    assert RULES.lines["advice-line"].announcements == (ENGLISH,)
