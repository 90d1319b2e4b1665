"""Somebody does not want to be recorded: what becomes of them, and of what was captured before.

An objection holds for the channel's whole life, through transfers and conferences (requirement R25), and is never
forgotten for another reason.
"""

from dataclasses import replace
from typing import TYPE_CHECKING

from . import choice
from . import evidence as ev
from . import facts as f
from . import orders as o
from . import party as parties
from .facts import Standing
from .names import MICROSECONDS
from .policy import OnObjection
from .reasons import Reason

if TYPE_CHECKING:
    from .room import Turn


def take(turn: "Turn", fact: f.Objected | f.Inspected) -> None:
    """Take in that somebody on the owner's channel objects, or did while nobody listened."""
    caller = turn.room.caller
    turn.tell(fact)
    if caller.failure not in parties.REFUSALS:
        turn.note(ev.PartyObjected(at=fact.at, party=caller.party, destroys=destroyed(turn)))
    # What is read from the channel may have been the wish of somebody who is not on it any more: who is there now may
    # have heard nothing, and counts as untold for the others.
    known = isinstance(fact, f.Objected) or caller.standing is Standing.OBJECTED
    void(turn, Standing.OBJECTED if known else Standing.UNTOLD, Reason.OBJECTED)
    if isinstance(fact, f.Objected) and fact.unanswered and _waits(turn):
        turn.orders.append(o.Confirm(caller.channel, choice.confirmation(caller)))


def _waits(turn: "Turn") -> bool:
    """Tell whether the owner is in the dialplan's hands and alone: anywhere else their keys are answered otherwise."""
    around = turn.room.around
    parked = around is not None and around.quiet is Reason.PARKED
    return turn.room.released and (around is None or around.joined_at is None or parked)


def destroyed(turn: "Turn") -> list[str]:
    """Return of whom what was captured so far is destroyed with an objection that comes now (requirement R22)."""
    room, line = turn.room, turn.room.line
    if line is None:
        return []
    # Without a permit so far nothing is young enough.
    age = turn.fact.at - room.permitted_at
    if age > line.destroy_if_objected_within_seconds * MICROSECONDS:
        return []
    mine = {room.caller.party}
    everybody = mine | {track.party for track in room.tracks}
    return sorted(mine if line.on_objection is OnObjection.LEAVE_OUT else everybody)


def void(turn: "Turn", standing: Standing, reason: Reason) -> None:
    """Let what the owner heard count for nothing any more."""
    caller = turn.room.caller
    failure = reason if reason is Reason.OBJECTED else caller.failure or reason
    turn.room = replace(turn.room, caller=replace(caller, standing=standing, failure=failure))
