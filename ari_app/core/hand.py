"""The house's hand: one of its people pauses a recording, resumes it, or ends it for the rest of the call."""

from dataclasses import replace
from typing import TYPE_CHECKING

from . import evidence as ev
from . import facts as f
from . import orders as o
from .names import MICROSECONDS, Instant, PartyId
from .reasons import Reason

if TYPE_CHECKING:
    from .room import Turn


def pause(turn: "Turn", fact: f.Paused | f.Resumed) -> None:
    """Pause for a cause, or end the pause for one; the house's own key ends every pause, whatever it was for."""
    room = turn.room
    if isinstance(fact, f.Paused):
        pauses = room.pauses | {fact.cause}
        if room.line and not room.pauses and not room.closed:
            alarm = Instant(fact.seen_at + room.line.max_pause_seconds * MICROSECONDS)
            turn.orders.append(o.WakeAt(alarm, f.Timer.PAUSE, 0))
        _note(turn, "paused", fact)
    else:
        pauses = room.pauses - {fact.cause} if fact.cause else frozenset()
        _note(turn, "resumed", fact)
    turn.room = replace(turn.room, pauses=pauses, changed_at=fact.at)


def stop(turn: "Turn", fact: f.Stopped) -> None:
    """End the recording for the rest of the call."""
    _note(turn, "stopped", fact)
    turn.tell(fact)
    turn.give_up(Reason.STOPPED_BY_STAFF)


def _note(turn: "Turn", choice: str, fact: f.Paused | f.Resumed | f.Stopped) -> None:
    if fact.by and not turn.room.closed:
        party = turn.room.party_on(fact.by) or PartyId("")
        turn.note(ev.Chose(at=fact.at, party=party, choice=choice, why=fact.cause, by=fact.by))
