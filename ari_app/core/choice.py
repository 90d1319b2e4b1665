"""What somebody chooses by a key while they are told: their no, their yes, their language, the same again, more.

A no counts from the first instant on (GMC, paragraphs 8 and 9; requirement R16). A yes counts only once the question
has been put, which is the end of the last word: who presses before it cannot know what they agree to (R23). Whatever
else is pressed instead of the yes is a no, as is silence: a hand that mashes keys has agreed to nothing.

ALL transitions of this machine are in `step`; between its phases the telling itself goes on in `telling`.
"""

from collections.abc import Callable
from dataclasses import replace
from enum import Enum
from typing import Final

from . import facts as f
from . import orders as o
from .evidence import Chose, Entry, PartyObjected
from .facts import Standing
from .names import MICROSECONDS, Instant
from .party import (
    BEGIN_DEADLINE_MICROSECONDS,
    END_DEADLINE_MICROSECONDS,
    LIFELINE_AFTER_FILE_MS,
    Party,
    Phase,
    Step,
    inspect,
)
from .policy import Announcement
from .reasons import Reason

MOST_TURNS: Final = 5
"""So often may somebody hear again, more, or in another language; then the keys for it mean nothing any more."""

MASH_MICROSECONDS: Final = 400_000
"""Two keys within this are a hand on the keypad, and no yes."""

LIFELINE_WAITING_MS: Final = 3_000
"""While we wait for a key the lifeline is moved on each second, so that a dead gate costs no more than ever."""


class Wish(Enum):
    """What somebody wants by a key; the word for it in the journal."""

    DECLINE = "declined"
    AGREE = "consented"
    NO_YES = "not_consented"
    REPEAT = "repeated"
    INFORM = "information"
    LANGUAGE = "language"


# -- what a key means


def wish(party: Party, key: str, at: Instant) -> Wish | None:
    """Return what a key means that somebody let go of at this instant; None: nothing."""
    asking, keys = party.asking, party.asking.keys
    if key == keys.decline:
        return Wish.DECLINE
    put = asking.needs_consent and asked(party, at)
    if asking.needs_consent and key == keys.consent:
        return Wish.AGREE if put else None
    # In a moment it is proved that they have heard this one: it is too late to stop it.
    if party.turns < MOST_TURNS and party.phase is not Phase.COUNTING:
        if key == keys.repeat:
            return Wish.REPEAT
        if key == keys.information:
            return Wish.INFORM
        if key in dict(keys.languages):
            return Wish.LANGUAGE
    return Wish.NO_YES if put and key not in keys.every else None


def asked(party: Party, at: Instant) -> bool:
    """Tell whether the question had been put by then: the last word of the last announcement was spoken."""
    if party.phase in {Phase.WAITING, Phase.SETTLING}:
        return True
    last = party.phase in {Phase.PLAYING, Phase.COUNTING} and len(party.script) == 1
    return last and at >= party.began_at + party.script[0].spoken_end_ms * 1000


def language(party: Party) -> str:
    """Return the language that somebody has chosen, or is hearing."""
    return party.language or (party.script[0].language if party.script else "")


def in_language(announcements: tuple[Announcement, ...], chosen: str) -> tuple[Announcement, ...]:
    """Return those in a language, or all of them if there are none: nobody hears less for having chosen."""
    return tuple(one for one in announcements if one.language == chosen) or announcements


def confirmation(party: Party) -> Announcement | None:
    """Return what somebody hears who says no, now or later, in their language; None if there is nothing."""
    return next(iter(in_language(party.asking.confirmation, language(party))), None)


# -- what is done


def step(party: Party, fact: f.Fact, tell: Callable[[Party, f.Fact], Step]) -> Step:
    """Return the party after a fact that is about their choice; everything else is the telling's."""
    match party.phase, fact:
        case Phase.OVER, _:
            return party, [], []
        # Whoever has said no has said it, whatever becomes of the words that confirm it.
        case Phase.CONFIRMING, f.PlaybackEnded(playback=party.playback) | f.PlayRefused(playback=party.playback):
            return replace(party, phase=Phase.OVER), [], []
        case Phase.CONFIRMING, f.Woke(timer=f.Timer.ANNOUNCEMENT, token=party.notice):
            return replace(party, phase=Phase.OVER), [], []
        case Phase.CONFIRMING, f.HangupRequested() | f.HungUp() | f.LeftStasis() | f.EventsLost():
            return replace(party, phase=Phase.OVER), [], []
        case Phase.CONFIRMING, _:
            return party, [], []

        case _, f.Pressed(key=key, at=at):
            return _pressed(party, fact, wish(party, key, at))
        case Phase.TURNING, f.PlaybackEnded(playback=party.playback) | f.PlayRefused(playback=party.playback):
            return inspect(replace(party, notice=party.notice + 1), fact, Phase.MEASURING, party.ended_at)
        case Phase.TURNING, f.PlaybackBegan():
            return party, [], []
        case Phase.TURNING, f.Woke(timer=f.Timer.ANNOUNCEMENT, token=party.notice):
            return replace(party, phase=Phase.OVER, failure=Reason.ANNOUNCE_TIMEOUT), [], []
        case Phase.WAITING, f.Woke(timer=f.Timer.CHOICE, seen_at=now) if now >= party.waits_until:
            return _refuse(party, fact, Wish.NO_YES, "")
        case Phase.WAITING, f.Woke(timer=f.Timer.CHOICE):
            return _wait(party, fact, Phase.WAITING, party.waits_until)
        case Phase.SETTLING, f.Woke(timer=f.Timer.CHOICE):
            return _agree(party, fact)
        case _:
            return tell(party, fact)


def question(party: Party, fact: f.Fact) -> Step:
    """Somebody has heard everything: take their yes, or wait for it."""
    if party.agreed_at:
        return _agree(party, fact)
    return _wait(party, fact, Phase.WAITING, Instant(party.ended_at + party.asking.window_seconds * MICROSECONDS))


def _pressed(party: Party, fact: f.Pressed, wanted: Wish | None) -> Step:
    match wanted:
        case None:
            return party, [o.Report("a key that means nothing")], []
        case Wish.DECLINE | Wish.NO_YES:
            return _refuse(party, fact, wanted, fact.key)
        case Wish.AGREE:
            agreed = party if party.agreed_at else replace(party, agreed_at=fact.at)
            return _agree(agreed, fact) if party.phase is Phase.WAITING else (agreed, [], [])
        case _:
            return _turn(party, fact, wanted)


def _refuse(party: Party, fact: f.Fact, wanted: Wish, key: str) -> Step:
    """Take somebody's no, which holds at once; then they hear that it does."""
    reason = Reason.OBJECTED if wanted is Wish.DECLINE else Reason.NOT_CONSENTED
    stop: list[o.Order] = [o.StopPlayback(party.playback)] if party.phase in {Phase.ASKED, Phase.PLAYING} else []
    entries: list[Entry] = [
        Chose(at=fact.at, party=party.party, choice=wanted.value, key=key, language=language(party)),
        PartyObjected(at=fact.at, party=party.party),
    ]
    after = replace(party, standing=Standing.OBJECTED, failure=reason, phase=Phase.OVER)
    words = confirmation(party)
    if words is None or party.phase is Phase.ANSWERING:
        return after, stop, entries
    after = replace(after, phase=Phase.CONFIRMING, notice=party.notice + 1)
    length_ms = words.duration_ms
    deadline = Instant(fact.seen_at + length_ms * 1000 + END_DEADLINE_MICROSECONDS)
    return (
        after,
        [
            *stop,
            o.Play(party.channel, after.playback, words),
            o.ArmLifeline(party.channel, length_ms + LIFELINE_AFTER_FILE_MS),
            o.WakeAt(deadline, f.Timer.ANNOUNCEMENT, after.notice),
        ],
        entries,
    )


def _turn(party: Party, fact: f.Pressed, wanted: Wish) -> Step:
    """Let somebody hear something else, or the same again: from its beginning, each announcement to its end."""
    asking = party.asking
    chosen = dict(asking.keys.languages)[fact.key] if wanted is Wish.LANGUAGE else party.language
    said: list[Entry] = [Chose(at=fact.at, party=party.party, choice=wanted.value, key=fact.key, language=chosen)]
    after = replace(party, turns=party.turns + 1, language=chosen, agreed_at=Instant(0))
    sounds = party.phase in {Phase.ASKED, Phase.PLAYING}
    if wanted is Wish.LANGUAGE and sounds and party.script[0].language == chosen:
        # They hear it already: only what would follow in other languages falls away.
        return replace(after, script=in_language(party.script, chosen)), [], said
    script = in_language(asking.announcements, chosen)
    if wanted is Wish.INFORM:
        # Whatever it interrupts is heard again: half an announcement tells nobody.
        script = (*in_language(asking.information, language(party)), *party.script)
    after = replace(after, script=script)
    match party.phase:
        case Phase.ASKED | Phase.PLAYING:
            deadline = Instant(fact.seen_at + BEGIN_DEADLINE_MICROSECONDS)
            stopped: list[o.Order] = [
                o.StopPlayback(party.playback),
                o.WakeAt(deadline, f.Timer.ANNOUNCEMENT, party.notice),
            ]
            return replace(after, phase=Phase.TURNING), stopped, said
        case Phase.MEASURING | Phase.WAITING | Phase.SETTLING:
            # What was measured for one file is no proof for another.
            anew = after if party.phase is Phase.MEASURING else replace(after, notice=party.notice + 1)
            after, orders, _ = inspect(anew, fact, Phase.MEASURING, party.ended_at)
            return after, orders, said
        case _:
            return after, [], said


def _agree(party: Party, fact: f.Fact) -> Step:
    """Take somebody's yes, once no other key has followed it for a moment."""
    until = Instant(party.agreed_at + MASH_MICROSECONDS)
    if fact.seen_at < until:
        return _wait(party, fact, Phase.SETTLING, until)
    told_at = Instant(max(party.ended_at, party.agreed_at))
    said = Chose(
        at=party.agreed_at,
        party=party.party,
        choice=Wish.AGREE.value,
        key=party.asking.keys.consent,
        language=language(party),
    )
    return replace(party, phase=Phase.OVER, standing=Standing.TOLD, told_at=told_at), [], [said]


def _wait(party: Party, fact: f.Fact, phase: Phase, until: Instant) -> Step:
    """Wait for a key, or for another one; the lifeline and the timer go on in steps of a second at most."""
    next_at = Instant(max(fact.seen_at + 1, min(until, fact.seen_at + MICROSECONDS)))
    orders: list[o.Order] = [
        o.ArmLifeline(party.channel, LIFELINE_WAITING_MS),
        o.WakeAt(next_at, f.Timer.CHOICE, party.notice),
    ]
    return replace(party, phase=phase, waits_until=until), orders, []
