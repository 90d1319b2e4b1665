"""Why nothing is stored of a stretch of a call, or of all of it.

A gap is part of the record (requirement: never silence in its place): it begins and ends at wall-clock instants
and bears one reason. What is stored and the gaps together are the call, to the microsecond.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from . import evidence as ev
from .coverage import OUTSIDE_PARTY, Permitted
from .names import Instant
from .reasons import Reason
from .recording import FRAME_MICROSECONDS, SAFETY_MICROSECONDS, Interval

Since = tuple[Instant, Reason]
"""A reason and from when on it holds, until the next."""


@dataclass(frozen=True, slots=True)
class Gap:
    """A stretch of the call of which nothing is stored, and why."""

    start: Instant
    end: Instant
    reason: Reason


def gaps(begin: Instant, end: Instant, stored: Iterable[Interval], reasons: Sequence[Since]) -> list[Gap]:
    """Return the stretches of [begin, end) of which nothing is stored; their sum is the call less the stored.

    reasons: in order of time. A gap bears the reason in force, and ends where that changes, for the next to begin.
    """
    found = []
    position = begin
    for interval in sorted(stored, key=lambda one: one.start):
        if interval.start > position:
            found.extend(_gaps(position, Instant(min(interval.start, end)), reasons))
        position = Instant(max(position, interval.end))
    if end > position:
        found.extend(_gaps(position, end, reasons))
    return found


def _gaps(start: Instant, end: Instant, reasons: Sequence[Since]) -> list[Gap]:
    before = [reason for at, reason in reasons if at <= start][-1:]
    within = [(at, reason) for at, reason in reasons if start < at < end]
    current = (before or [reason for _, reason in within[:1]] or [Reason.NOTHING_CAPTURED])[0]
    if current is Reason.NOTHING_CAPTURED and within and within[0][0] - start < FRAME_MICROSECONDS:
        # The last stored sample ends up to a sample before what ended its coverage: that is its reason, not a gap.
        current = within[0][1]
    found = []
    for at, reason in within:
        if reason is not current:
            found.append(Gap(start, at, current))
            start, current = at, reason
    return [*found, Gap(start, end, current)]


def reasons(entries: Sequence[ev.Entry], permits: Mapping[int, Permitted]) -> list[Since]:
    """Return what explains a stretch of which nothing is stored, and from when on; no reason twice in a row."""
    # A mark without an entry: from here on nobody watched.
    marks: list[tuple[Instant, ev.Entry | None]] = [(_effective(entry, permits), entry) for entry in entries]
    marks += [(known, None) for known in {one.known for one in permits.values()} if known is not None]
    # Nothing comes before the first entry, the call's opening.
    marks = [(Instant(max(at, entries[0].at)), entry) for at, entry in marks]
    destroyed = any(isinstance(entry, ev.PartyObjected) and OUTSIDE_PARTY in entry.destroys for entry in entries)
    story = _Story(permits, Reason.OBJECTED if destroyed else Reason.NOTHING_CAPTURED)
    found: dict[Instant, Reason] = {}
    for at, entry in sorted(marks, key=lambda mark: mark[0]):
        story.tell(entry)
        known = permits[story.permit].known if story.permit is not None else None
        unwatched = story.permit is not None and (known is None or at >= known)
        # Of several at one instant the last holds: a gap without length is none.
        found[at] = Reason.NO_HEARTBEAT if unwatched else story.reason
    changes: list[Since] = []
    for at, reason in found.items():
        if not changes or changes[-1][1] is not reason:
            changes.append((at, reason))
    return changes


def _effective(entry: ev.Entry, permits: Mapping[int, Permitted]) -> Instant:
    """Return from when on an entry shows in what is stored: what ends coverage cuts before its own instant."""
    match entry:
        case ev.PermitRevoked(permit=number, reason=Reason.GATE_RESTARTED) if number in permits:
            # The next gate can only say when it came; that nobody watched began with the last heartbeat.
            return permits[number].until
        case ev.PermitRevoked(permit=number) if number in permits and _ended_by_it(permits[number], entry):
            return permits[number].until
        case ev.PartyObjected():
            return Instant(entry.at - SAFETY_MICROSECONDS)
        case _:
            return entry.at


def _ended_by_it(permit: Permitted, revoked: ev.PermitRevoked) -> bool:
    at = permit.revoked_at if permit.revoked == revoked and permit.revoked_at is not None else revoked.at
    return permit.until >= at - SAFETY_MICROSECONDS


class _Story:
    """What is known of the call as its entries are told in order of time."""

    def __init__(self, permits: Mapping[int, Permitted], captured: Reason) -> None:
        self._permits, self._captured = permits, captured
        self._waits_for_bridge = False
        self._permitted = False
        self.reason = Reason.NOTHING_CAPTURED
        self.permit: int | None = None
        """Which is in force; while none is, its revocation's reason holds, whatever else may happen."""

    def tell(self, entry: ev.Entry | None) -> None:
        match entry:
            case ev.Opened(mode=mode, capture=capture):
                self._waits_for_bridge = capture == "conversation"
                self.reason = Reason.LINE_NEVER if mode == "never" else Reason.ANNOUNCEMENT
            case ev.NoticeFailed(party=party, reason=reason) if not self._permitted and party == OUTSIDE_PARTY:
                self.reason = reason
            case ev.PermitGranted(permit=number, parties=parties):
                # Whoever is alone and was never bridged waits for that. A permit that names others, and every one after
                # the first bridge, is of a conversation that goes on: only Asterisk's own start is waited for.
                waits = self._waits_for_bridge and list(parties) == [OUTSIDE_PARTY]
                self.reason = Reason.NOT_BRIDGED if waits else Reason.CAPTURE_STARTING
                self.permit, self._permitted = number, True
            case ev.TrackOrigin(segment=number, party=party):
                bridged = party == OUTSIDE_PARTY
                self._waits_for_bridge = self._waits_for_bridge and not bridged
                began = number == self.permit and (bridged or self.reason is Reason.CAPTURE_STARTING)
                self.reason = self._captured if began else self.reason
            case ev.PermitRevoked(permit=number) if number == self.permit and self._permits[number].revoked == entry:
                self.permit, self.reason = None, entry.reason
            case ev.PartyObjected(party=party) if self.permit is not None and party == OUTSIDE_PARTY:
                self.reason = Reason.OBJECTED
            case ev.NotRecorded(reason=reason) if self.permit is None:
                self.reason = reason
            case _:
                pass


def most_telling(entries: Sequence[ev.Entry], gaps: Iterable[Gap], *, unwatched: bool = False) -> Reason:
    """Return why nothing at all is stored of a call: why no permit was ever granted, or else what lasted longest.

    unwatched: something was captured, but nobody knows of any event since. That the call ended in a hang-up is true
    of almost every call, so it is said only if there is nothing else.
    """
    ended = [entry.reason for entry in entries if isinstance(entry, ev.Ended) and entry.reason is not None]
    if ended and ended[0] is not Reason.HUNG_UP:
        return ended[0]
    if unwatched:
        return Reason.NO_HEARTBEAT
    given = [entry.reason for entry in entries if isinstance(entry, ev.NotRecorded | ev.PermitRevoked)]
    lengths = dict.fromkeys(Reason, 0)
    for gap in gaps:
        lengths[gap.reason] += gap.end - gap.start
    telling = [reason for reason in given if reason is not Reason.HUNG_UP]
    return max(telling, key=lambda reason: lengths[reason], default=[*given, *ended, Reason.NOTHING_CAPTURED][0])
