"""The one function that grants permits. Nothing else in the suite constructs a `Permit`; a test holds that.

A permit says: from this instant everyone who can be heard in this room was told. It is refused whenever
anything is in doubt, with the reason; there is no argument, setting or role that turns a refusal into a grant
(requirements R2 and R9).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import assert_never

from .names import Instant, PartyId
from .party import Party, Standing
from .policy import Line, Mode
from .reasons import Reason

STALE_MICROSECONDS = 1_000_000
"""A fact older than this when it is handled grants nothing: a frozen process that thaws reads a stale queue."""


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
        case Mode.ANNOUNCE:
            return Reason.ANNOUNCEMENT_UNUSABLE if line.unusable or not line.announcements else None
        case _:
            # Falling through would say "a permit can be granted": a mode that is new here must not do that.
            assert_never(line.mode)


def grant(line: Line | None, room: Sequence[Party], *, number: int, at: Instant, now: Instant) -> Permit | Reason:
    """Return a permit for everyone in the room from `at` on, or the reason why there is none.

    room: everyone who can be heard. at: the instant of the fact that completed it. now: when it is handled.
    """
    refusal = hopeless(line)
    if refusal is not None:
        return refusal
    if not 0 <= now - at <= STALE_MICROSECONDS:
        return Reason.STALE_FACTS
    # Staff among themselves are not recorded: somebody from outside must be there, and be told.
    if not any(party.standing is Standing.TOLD for party in room):
        return Reason.NOT_TOLD
    if any(party.standing not in {Standing.TOLD, Standing.CONTRACT} for party in room):
        return Reason.NOT_TOLD
    return Permit(number, at, tuple(party.party for party in room))
