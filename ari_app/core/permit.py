"""The one function that grants permits. Nothing else in the suite constructs a `Permit`; a test holds that.

A permit says: from this instant everyone who can be heard in this room was told. It is refused whenever
anything is in doubt, with the reason; there is no argument, setting or role that turns a refusal into a grant
(requirements R2 and R9).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import assert_never

from .facts import Standing
from .names import Instant, PartyId
from .policy import Line, Mode, OnObjection
from .reasons import Reason

STALE_MICROSECONDS = 1_000_000
"""A fact older than this when it is handled grants nothing: a frozen process that thaws reads a stale queue."""


@dataclass(frozen=True, slots=True)
class Present:
    """Somebody in the room, as far as a permit asks. `mixed`: what comes from their telephone is not theirs alone."""

    party: PartyId
    standing: Standing
    mixed: bool = False


@dataclass(frozen=True, slots=True)
class Permit:
    """These parties may be captured from `at` on, until it is revoked."""

    number: int
    at: Instant
    parties: tuple[PartyId, ...]


def hopeless(line: Line | None) -> Reason | None:
    """Return why no permit can ever be granted on this line, so that nobody is told in vain; None if one can."""
    if line is None:
        return Reason.LINE_UNKNOWN
    match line.mode:
        case Mode.NEVER:
            return Reason.LINE_NEVER
        case Mode.ANNOUNCE | Mode.ANNOUNCE_OPT_OUT | Mode.OPT_IN:
            return None
        case _:
            # Falling through would say "a permit can be granted": a mode that is new here must not do that.
            assert_never(line.mode)


def grant(
    line: Line | None,
    room: Sequence[Present],
    *,
    hindrance: Reason | None,
    number: int,
    at: Instant,
    now: Instant,
) -> Permit | Reason:
    """Return a permit for the room from `at` on, or the reason why there is none.

    room: everyone who can be heard, the recording's owner first. hindrance: what forbids it beside who is there
    (hold, a pause, no conversation). at: the instant since which the room is as it is. now: when that is handled.
    """
    refusal = hopeless(line)
    if line is None or refusal is not None:
        return refusal or Reason.LINE_UNKNOWN
    owner = room[0]
    # Staff among themselves are not recorded: somebody from outside must be there, and be told.
    if owner.standing is not Standing.TOLD:
        return Reason.OBJECTED if owner.standing is Standing.OBJECTED else Reason.NOT_TOLD
    for one in room:
        match one.standing:
            case Standing.TOLD | Standing.CONTRACT:
                pass
            case Standing.OBJECTED if line.on_objection is OnObjection.LEAVE_OUT:
                pass
            case Standing.OBJECTED:
                return Reason.OBJECTED
            case Standing.UNTOLD:
                return Reason.NOT_TOLD
            case _:
                assert_never(one.standing)
    if hindrance is not None:
        return hindrance
    if not 0 <= now - at <= STALE_MICROSECONDS:
        return Reason.STALE_FACTS
    covered = tuple(one.party for one in room if one.standing is not Standing.OBJECTED and not one.mixed)
    return Permit(number, at, covered)
