"""Counts calls by what is written into their journals, and ends each with one line in the log.

What is counted is the evidence itself, at the door of the journal: so a count can never say other than what can be
proved, and the core knows nothing of being counted. A call has its line when its `ended` is written; of calls that
passed us by (a `never` line, an emergency number, a called party whom no gate told) as well.
"""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field

from ari_app import log
from ari_app.core import evidence as ev
from ari_app.core.names import MICROSECONDS, Instant, PartyId, RecordingId, party_id
from ari_app.core.party import REFUSALS
from ari_app.core.reasons import Reason

from . import catalogue as m
from .catalogue import known_line
from .meters import Meters

RECORDED, DECLINED, NOT_RECORDED = "recorded", "declined", "not_recorded"
OWNER: PartyId = party_id(1)
_log = log.get("gate")


@dataclass(slots=True)
class _Call:
    """What was written of a call so far. `refused`: the last reason why nothing is captured."""

    line: str
    began_at: Instant
    announced: bool = False
    announcements: int = 0
    captured: bool = False
    permits: int = 0
    refused: Reason | None = None
    granted_at: dict[int, Instant] = field(default_factory=dict)


class Calls:
    """All calls of one gate.

    lines: the names of those that the rules know. line_of: the line of a call that was opened by a run that is dead.
    """

    def __init__(
        self, meters: Meters, lines: Callable[[], Collection[str]], line_of: Callable[[RecordingId], str]
    ) -> None:
        self._meters, self._lines, self._line_of = meters, lines, line_of
        self._calls: dict[RecordingId, _Call] = {}

    def written(self, recording: RecordingId, entries: Iterable[ev.Entry]) -> None:
        """Take what is written into a journal."""
        for entry in entries:
            self._entry(recording, entry)

    def _of(self, recording: RecordingId, entry: ev.Entry) -> _Call:
        call = self._calls.get(recording)
        if call is None:
            # Its beginning is a dead run's: whether it was recorded before is not known here, its end says it.
            line = entry.line if isinstance(entry, ev.Opened) else self._line_of(recording)
            call = self._calls[recording] = _Call(known_line(line, self._lines()), entry.at)
            call.announced = call.captured = not isinstance(entry, ev.Opened | ev.NotRecorded)
        return call

    def _entry(self, recording: RecordingId, entry: ev.Entry) -> None:
        call, meters = self._of(recording, entry), self._meters
        match entry:
            case ev.NoticePlayed(party=party, began_at=began_at) if party == OWNER:
                # What others in the room have heard is written here as well, and counted where they heard it.
                meters.count(m.PLAYED, call.line, "played", "")
                call.announcements += 1
                if not call.announced:
                    call.announced = True
                    meters.observe(m.ANNOUNCE_WAIT, _seconds(call.began_at, began_at))
            case ev.NoticeFailed(party=party, reason=reason) if party == OWNER:
                meters.count(m.PLAYED, call.line, "failed", reason)
            case ev.PermitGranted(at=at, permit=permit):
                call.permits += 1
                call.granted_at[permit] = at
                meters.count(m.GRANTED, call.line)
            case ev.PermitRevoked(permit=permit, reason=reason):
                call.granted_at.pop(permit, None)
                meters.count(m.REVOKED, call.line, reason)
            case ev.CaptureStarted():
                call.captured = True
                meters.count(m.CAPTURED, call.line)
            case ev.TrackOrigin(at=at, segment=segment) if segment in call.granted_at:
                # The first track of a segment; who joins later is captured from when they came.
                meters.observe(m.CAPTURE_START, _seconds(call.granted_at.pop(segment), at))
            case _:
                self._rest(recording, call, entry)

    def _rest(self, recording: RecordingId, call: _Call, entry: ev.Entry) -> None:
        match entry:
            case ev.PartyObjected():
                self._meters.count(m.OBJECTIONS, call.line)
            case ev.ForeignCapture():
                self._meters.count(m.FOREIGN, call.line)
            case ev.NotRecorded(reason=reason):
                call.refused = reason
            case ev.Ended():
                self._ended(recording, call, entry)
            case _:
                pass

    def _ended(self, recording: RecordingId, call: _Call, entry: ev.Ended) -> None:
        del self._calls[recording]
        # A call that passed us by has its reason at its beginning, and none at its end.
        reason = entry.reason or (None if call.captured else call.refused)
        outcome = DECLINED if reason in REFUSALS else NOT_RECORDED if reason else RECORDED
        self._meters.count(m.CALLS, call.line, outcome, reason or "")
        _log.info(
            "call.ended",
            recording=recording,
            line=call.line,
            outcome=outcome,
            reason=reason,
            seconds=round(_seconds(call.began_at, entry.at), 1),
            announcements=call.announcements,
            permits=call.permits,
        )


def _seconds(since: Instant, until: Instant) -> float:
    return max(0, until - since) / MICROSECONDS
