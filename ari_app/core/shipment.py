"""What may be stored of a sealed call, decided as a whole before its audio is touched.

The journal says who was told when and what was captured; the files say how long they are; the heartbeat says
up to when anybody watched. From these alone follows which samples become which channel of which object. Pure:
the same journal and files always give the same plan.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from . import coverage
from . import evidence as ev
from . import recording as rec
from .coverage import OUTSIDE_PARTY, Permitted
from .evidence import ContradictionError
from .names import Instant, RecordingId
from .recording import Wav
from .standstill import Standstill

MAX_CHANNELS = 8
"""FLAC's limit; a room with more recorded parties needs another layout, not a truncated one."""

TrackKey = tuple[int, str]
"""Segment and party."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What is stored of a track: file samples [first, last), laid `offset` samples into the segment."""

    track: rec.Track
    cut: rec.Cut
    channel: int
    offset: int

    @property
    def samples(self) -> int:
        """Length of what is stored."""
        return self.cut.last - self.cut.first


@dataclass(frozen=True, slots=True)
class Segment:
    """One object to be: `parties[n]` speaks on channel n+1. `at` is the instant of its first sample."""

    number: int
    rate_hz: int
    at: Instant
    samples: int
    parties: tuple[str, ...]
    kept: tuple[Kept, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that is decided about a sealed call before its audio is touched."""

    opened: ev.Opened
    ended_at: Instant
    heartbeat_at: Instant | None
    lines: int
    chain: str
    entries: tuple[ev.Entry, ...]
    permits: Mapping[int, Permitted]
    cuts: tuple[tuple[rec.Track, rec.Cut, Wav | None], ...]
    segments: tuple[Segment, ...]
    later: Mapping[str, Instant]
    """What `heartbeat_at` is of the run that opened the call, of each that took it over."""


def opened(entries: Sequence[ev.Entry], recording: RecordingId) -> ev.Opened:
    """Return the journal's first entry, which must be the opening of this very recording."""
    if not entries or not isinstance(entries[0], ev.Opened):
        raise ContradictionError("the journal does not begin with the opening of a call")
    if entries[0].recording != recording or entries[0].format != ev.FORMAT:
        raise ContradictionError("the journal belongs to another recording or is of another format")
    if any(isinstance(entry, ev.Opened) for entry in entries[1:]):
        raise ContradictionError("the journal opens two calls")
    return entries[0]


def ended_at(entries: Sequence[ev.Entry]) -> Instant:
    """Return when the call was over; a journal without that entry knows only its last one."""
    over = [entry.at for entry in entries if isinstance(entry, ev.Ended)]
    return Instant(max(entries[0].at, over[0] if over else entries[-1].at))


def told_by(entries: Sequence[ev.Entry]) -> list[tuple[ev.Entry, str]]:
    """Return each entry with the run of the gate that wrote it; "" for the one that opened the call."""
    run, found = "", []
    for entry in entries:
        run = entry.run if isinstance(entry, ev.TakenOver) else run
        found.append((entry, run))
    return found


def awaited(entries: Sequence[ev.Entry]) -> dict[str, Instant]:
    """Return, by run as `told_by`, the instant up to which its heartbeats can still add coverage.

    A run that granted no permit is not among them.
    """
    revoked = {entry.permit: entry.at for entry in reversed(entries) if isinstance(entry, ev.PermitRevoked)}
    over = ended_at(entries)
    found: dict[str, Instant] = {}
    for entry, run in told_by(entries):
        if isinstance(entry, ev.PermitGranted):
            until = Instant(min(over, revoked.get(entry.permit, over)))
            found[run] = Instant(max(until, found.get(run, until)))
    return found


def plan(
    entries: Sequence[ev.Entry],
    chain: str,
    recording: RecordingId,
    heartbeat_at: Instant | None,
    wavs: Mapping[TrackKey, Wav],
    later: Mapping[str, Instant] | None = None,
    stood_still: Sequence[Standstill] = (),
) -> Plan:
    """Decide what may be stored of a sealed call.

    chain: the journal's last hash. heartbeat_at: up to when its gate had consumed every event; later: the same of each
    run that took the call over. wavs: the files that exist; a track that was asked for and has none is an empty track.
    stood_still: when Asterisk may have, by these runs. Raises ContradictionError.
    """
    first = opened(entries, recording)
    over = ended_at(entries)
    # Nothing after the call's end is a recording of the call, however long its gate lived on.
    known = None if heartbeat_at is None else Instant(min(heartbeat_at, over))
    known_later = {run: Instant(min(at, over)) for run, at in (later or {}).items()}
    permits = coverage.permits(entries, known, known_later, stood_still)
    guests = {name for name, party in coverage.parties_of(entries).items() if coverage.elsewhere(party)}
    found = [(track, wavs.get((track.segment, track.party))) for track in rec.tracks(entries)]
    cuts = []
    for track, wav in found:
        beside = (
            rec.spoken_through(one, other)
            for one, other in found
            if other and one.segment == track.segment and one.party != track.party
        )
        interval = _covered(track, permits, guests)
        cuts.append((track, _cut(track, interval, wav, [one for one in beside if one]), wav))
    return Plan(
        opened=first,
        ended_at=over,
        heartbeat_at=known,
        lines=len(entries),
        chain=chain,
        entries=tuple(entries),
        permits=permits,
        cuts=tuple(cuts),
        segments=tuple(_segments(cuts)),
        later=known_later,
    )


def _covered(track: rec.Track, permits: Mapping[int, Permitted], guests: Collection[str]) -> rec.Interval:
    """Return the party's own stretch of the permit that the track was captured under."""
    what = f"segment {track.segment} has a track of {track.party}"
    if track.permit != track.segment:
        raise ContradictionError(f"{what} under permit {track.permit}: a segment has its own permit's number")
    if track.party in guests:
        raise ContradictionError(f"{what}, whose voice is in their own recording alone")
    member = permits[track.permit].members.get(track.party) if track.permit in permits else None
    if member is None:
        raise ContradictionError(f"{what}, who is not in its permit")
    return rec.Interval(member.since, member.until)


def _cut(track: rec.Track, interval: rec.Interval, wav: Wav | None, beside: Sequence[rec.Interval]) -> rec.Cut:
    return rec.cut(track, interval, wav, beside) if wav else rec.Cut(0, 0, interval.start, 0, 0)


def _segments(cuts: Sequence[tuple[rec.Track, rec.Cut, Wav | None]]) -> list[Segment]:
    found = []
    for number in sorted({track.segment for track, _, _ in cuts}):
        here = sorted((one for one in cuts if one[0].segment == number), key=lambda one: one[0].party)
        kept = [(track, cut, wav) for track, cut, wav in here if wav is not None and cut.last > cut.first]
        if not kept:
            continue
        rates = {wav.rate_hz for _, _, wav in kept}
        if len(rates) > 1:
            raise ContradictionError(f"the tracks of segment {number} have different rates: {sorted(rates)}")
        rate_hz = rates.pop()
        # Channel 1 is the outside party's even where nothing of theirs is stored: a listener relies on it.
        parties = tuple(sorted({OUTSIDE_PARTY, *(track.party for track, _, _ in here)}))
        if len(parties) > MAX_CHANNELS:
            raise ContradictionError(f"segment {number} has {len(parties)} parties, an object holds {MAX_CHANNELS}")
        at, offsets = rec.offsets([cut for _, cut, _ in kept], rate_hz)
        laid = tuple(
            Kept(track, cut, parties.index(track.party) + 1, offset)
            for (track, cut, _), offset in zip(kept, offsets, strict=True)
        )
        samples = max(one.offset + one.samples for one in laid)
        found.append(Segment(number, rate_hz, at, samples, parties, laid))
    return found
