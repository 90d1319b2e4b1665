"""The house's hand: one of its people pauses a recording, resumes it, or ends it for the rest of the call."""

from dataclasses import replace
from typing import TYPE_CHECKING

from . import evidence as ev
from . import facts as f
from . import orders as o
from .names import MICROSECONDS, Instant, PartyId
from .reasons import UNWATCHED, Reason

if TYPE_CHECKING:
    from .room import Turn


def pause(turn: "Turn", fact: f.Paused | f.Resumed) -> None:
    """Pause for a cause, or end the pause for one; the house's own key ends every pause, whatever it was for."""
    room = turn.room
    if isinstance(fact, f.Paused):
        _note(turn, "paused", fact)
        since = room.paused_at if room.pauses else fact.since or fact.at
        turn.room = replace(turn.room, pauses=room.pauses | {fact.cause}, paused_at=since, changed_at=fact.at)
        if not room.pauses:
            watch(turn)
    else:
        _note(turn, "resumed", fact)
        pauses = room.pauses - {fact.cause} if fact.cause else frozenset[str]()
        turn.room = replace(turn.room, pauses=pauses, changed_at=fact.at)


def watch(turn: "Turn") -> None:
    """Have it said aloud when a pause lasts too long, counted from its beginning, whoever heard of that."""
    room = turn.room
    if room.line and room.pauses and not room.closed:
        longest = Instant(room.paused_at + room.line.max_pause_seconds * MICROSECONDS)
        turn.orders.append(o.WakeAt(longest, f.Timer.PAUSE, 0))


def stop(turn: "Turn", fact: f.Stopped) -> None:
    """End the recording for the rest of the call."""
    _note(turn, "stopped", fact)
    turn.tell(fact)
    turn.give_up(Reason.STOPPED_BY_STAFF)


def _note(turn: "Turn", choice: str, fact: f.Paused | f.Resumed | f.Stopped) -> None:
    closed = turn.room.closed
    # Of a call that nobody watches it is known no later than now, or never.
    if fact.by and (not closed or closed in UNWATCHED):
        party = turn.room.party_on(fact.by) or PartyId("")
        turn.note(ev.Chose(at=fact.at, party=party, choice=choice, why=fact.cause, by=fact.by))
