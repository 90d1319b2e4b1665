"""One capture: one party's own voice in one segment, from "may I?" to a closed file.

ALL transitions of this machine are in `step`. Nothing is asked of Asterisk before the evidence is durable, and
a monitor is always stopped by its id: a stop without one hits whichever monitor is the newest on the channel.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum
from typing import assert_never

from . import evidence as ev
from . import facts as f
from . import orders as o
from .names import ChannelId, Instant, MonitorId, PartyId, track_file
from .permit import STALE_MICROSECONDS
from .reasons import Reason


class Phase(Enum):
    """Where the capture is."""

    ATTESTING = "attesting"
    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Capturing:
    """`failure` is set once if the capture came to nothing; `closed` once nobody writes the file any more.

    `dismissed`: it was told to stop, so nothing of it may begin any more.
    """

    party: PartyId
    channel: ChannelId
    segment: int
    bridged_only: bool
    token: int
    phase: Phase = Phase.ATTESTING
    monitor: MonitorId | None = None
    began_at: Instant | None = None
    origin: Instant | None = None
    ambiguous: bool = False
    dismissed: bool = False
    closed: bool = False
    failure: Reason | None = None

    @property
    def file(self) -> str:
        """The track's file name in `audio/<recording-id>/`."""
        return track_file(self.segment, self.party)


Step = tuple[Capturing, list[o.Order], list[ev.Entry]]

Wanted = Callable[[Capturing], bool]
CaptureFact = f.Attested | f.CaptureAnswered | f.CaptureBegan | f.CaptureEnded | f.FileClosed | f.HungUp


def step(track: Capturing, fact: CaptureFact, *, permitted: bool) -> Step:
    """Return the capture after fact, the orders, and the entries for the journal.

    permitted: whether the permit it was begun under still holds.
    """

    def unbegun(failure: Reason | None) -> Step:
        return replace(track, phase=Phase.ENDED, closed=True, failure=failure), [], []

    match track.phase, fact:
        case Phase.ATTESTING, f.Attested() if not permitted:
            return unbegun(None)
        case Phase.ATTESTING, f.Attested(ok=False):
            return unbegun(Reason.JOURNAL_UNWRITABLE)
        case Phase.ATTESTING, f.Attested(at=at, seen_at=now) if now - at > STALE_MICROSECONDS:
            return unbegun(Reason.STALE_FACTS)
        case Phase.ATTESTING, f.Attested():
            start = o.StartCapture(track.channel, track.segment, track.party, track.file, track.bridged_only)
            return replace(track, phase=Phase.STARTING), [start], []
        case Phase.ATTESTING, f.HungUp():
            return unbegun(None)

        case Phase.STARTING, f.CaptureAnswered(monitor=None):
            # No answer is not "no": it may run all the same, so it is looked for by its file and stopped.
            stopping, orders, entries = stop(track)
            return replace(stopping, failure=Reason.CAPTURE_FAILED if permitted else None), orders, entries
        case Phase.STARTING, f.CaptureAnswered(monitor=str(monitor), at=at):
            started = ev.CaptureStarted(at=at, segment=track.segment, party=track.party, monitor=monitor)
            return replace(track, phase=Phase.RUNNING, monitor=MonitorId(monitor)), [], [started]
        case ((Phase.STOPPING | Phase.ENDED), f.CaptureAnswered(monitor=monitor)) if track.monitor is None and (
            monitor or track.dismissed
        ):
            # The stop went out before it ran, and perhaps found nothing to stop; now it can be stopped for certain. No
            # answer is not "no": it is looked for once more.
            return stop(replace(track, phase=Phase.STOPPING, monitor=monitor))

        case ((Phase.STARTING | Phase.RUNNING | Phase.STOPPING), f.CaptureBegan(at=at, ambiguous=ambiguous)):
            # Of two stamps the later is taken: an origin that is too late cuts more at the end, never less.
            began = at if track.began_at is None else Instant(max(at, track.began_at))
            return replace(track, began_at=began, ambiguous=ambiguous or track.began_at is not None), [], []

        case ((Phase.STARTING | Phase.RUNNING | Phase.STOPPING), (f.CaptureEnded() | f.HungUp())):
            # On a channel that is gone no stop is possible, and none is needed: Asterisk closes the file.
            closed = isinstance(fact, f.CaptureEnded) and fact.closed
            ended = ev.TrackEnded(at=fact.at, segment=track.segment, party=track.party, closed=closed)
            # Somebody else stopped what we run: the record must not say that the conversation is in it.
            failure = Reason.CAPTURE_FAILED if track.phase is not Phase.STOPPING and permitted else track.failure
            after = replace(track, phase=Phase.ENDED, closed=closed or track.closed, failure=failure)
            return after, [], [ended]
        case phase, f.FileClosed(at=at) if phase is not Phase.ATTESTING and not track.closed:
            entry = ev.TrackClosed(at=at, segment=track.segment, party=track.party)
            return replace(track, closed=True), [], [entry]
        case _:
            return track, [o.Report(f"{type(fact).__name__} for a capture that is {track.phase.value}")], []


def stop(track: Capturing) -> Step:
    """End a capture that was asked for; one that waits for its evidence ends by itself when that arrives."""
    order = o.StopCapture(track.channel, track.segment, track.party, track.file, track.monitor)
    match track.phase:
        case Phase.STARTING | Phase.RUNNING | Phase.STOPPING:
            return replace(track, phase=Phase.STOPPING, dismissed=True), [order], []
        case Phase.ATTESTING | Phase.ENDED:
            return replace(track, dismissed=True), [], []
        case _:
            assert_never(track.phase)


def measure(track: Capturing, joined_at: Instant | None) -> Step:
    """Write down the instant of the first sample as soon as it is known, or when it proves to be a later one.

    joined_at: since when the party is in a bridge; a monitor with `b` writes nothing before. The first bridge counts:
    whoever moves on to another is in the same file.
    """
    if track.began_at is None:
        return track, [], []
    origin = track.began_at
    if track.origin is None and track.bridged_only:
        if joined_at is None:
            return track, [], []
        origin = Instant(max(origin, joined_at))
    if track.origin is not None and origin <= track.origin:
        return track, [], []
    entry = ev.TrackOrigin(at=origin, segment=track.segment, party=track.party, ambiguous=track.ambiguous)
    return replace(track, origin=origin), [], [entry]
