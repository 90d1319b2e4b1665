"""Which samples of a file are covered by evidence, and where they lie on the recording's timeline.

A track is one party's own voice: a WAV whose first sample has a measured instant (its origin). Its positions are not
its times. Asterisk writes nothing while no frame flows in any direction: then a sample is *later* than its position
says, and cutting by position would let in what came after a revocation. And while frames flow to a party whose own are
late, it fills their file with silence and lays the late ones behind it (audiohook.c, audiohook_read_frame_both): then
they are *earlier* than their positions say, and cutting by position would destroy what was said in time.

Voice has its own measure. What a party says takes as long as it is: so of everything that follows a sample, all but
silence was said after it and before the file's end, and of everything that precedes it, after the origin. By these two
nothing is kept that could be too early or too late, however the silence came into the file.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from . import evidence as ev
from .names import MICROSECONDS, Instant

SAFETY_MICROSECONDS = 40_000
"""Cut before each revocation: one frame on its way in Asterisk and one of measuring error (DESIGN §3)."""

FRAME_MICROSECONDS = 20_000
STOP_MICROSECONDS = 5_000
"""What lies at most between a monitor's last frame being due and the answer to its stop."""

WAITED_MICROSECONDS = 40_000
"""Before Asterisk fills in silence it waits so long for a packet (audiohook.c: `(samples / 8) * 2` milliseconds)."""

TICK_MICROSECONDS = 10_000
"""The kernel stamps a change of a file with its last tick, which is that old at most (CONFIG_HZ=100)."""

SHORT_MICROSECONDS = 40_000
"""A track is called short when it lacks more than this of its wall time."""


Silence = tuple[int, int]
"""Samples [first, last) of a file, all of them 0."""


@dataclass(frozen=True, slots=True)
class Interval:
    """[start, end) in which a permit held and the events were known to be consumed."""

    start: Instant
    end: Instant


@dataclass(frozen=True, slots=True)
class Track:
    """A captured file as the journal describes it. `ended` is the latest instant a sample can have."""

    segment: int
    party: str
    file: str
    permit: int
    origin: Instant | None
    ended: Instant | None
    closed: bool
    ambiguous: bool
    stopped: bool = False


@dataclass(frozen=True, slots=True)
class Cut:
    """What may be stored of a track: samples [first, last) of the file; the rest is destroyed.

    `at` is the earliest instant of sample `first`, by which it is judged; `short_microseconds` the wall time that
    the file lacks, `long_microseconds` what it has too much (Asterisk waited for the party's frames, and filled in
    silence). `lag_microseconds` later than `at` it most likely was: by that the track is laid beside others.
    """

    first: int
    last: int
    at: Instant
    destroyed: int
    short_microseconds: int
    lag_microseconds: int = 0
    long_microseconds: int = 0


def tracks(entries: Iterable[ev.Entry]) -> list[Track]:
    """Return every track that was ever asked for, in the order of the journal."""
    found: dict[tuple[int, str], Track] = {}
    for entry in entries:
        match entry:
            case ev.CaptureRequested(segment=segment, party=party, file=file, permit=permit):
                found[segment, party] = Track(segment, party, file, permit, None, None, False, False)
            case ev.TrackOrigin(segment=segment, party=party, at=at, ambiguous=ambiguous):
                old = found[segment, party]
                found[segment, party] = _changed(old, origin=at, ambiguous=ambiguous or old.ambiguous)
            case ev.TrackEnded(segment=segment, party=party, at=at, closed=closed):
                old = found[segment, party]
                ended = at if old.ended is None else Instant(min(old.ended, at))
                found[segment, party] = _changed(old, ended=ended, closed=closed or old.closed, stopped=closed)
            case ev.TrackClosed(segment=segment, party=party, at=at):
                # Nothing is written into a closed file. Where events were lost, this alone says when the sound ended:
                # the gate learns of the hang-up seconds later, and by that every track would look short.
                old = found[segment, party]
                ended = at if old.ended is None else Instant(min(old.ended, at))
                found[segment, party] = _changed(old, ended=ended, closed=True)
            case _:
                pass
    return list(found.values())


def _changed(
    track: Track,
    *,
    origin: Instant | None = None,
    ended: Instant | None = None,
    closed: bool | None = None,
    ambiguous: bool | None = None,
    stopped: bool | None = None,
) -> Track:
    return Track(
        segment=track.segment,
        party=track.party,
        file=track.file,
        permit=track.permit,
        origin=track.origin if origin is None else origin,
        ended=track.ended if ended is None else ended,
        closed=track.closed if closed is None else closed,
        ambiguous=track.ambiguous if ambiguous is None else ambiguous,
        stopped=track.stopped if stopped is None else stopped,
    )


@dataclass(frozen=True, slots=True)
class Wav:
    """A captured file as found: samples at a rate, `silences` where it holds no sound at all, in order.

    latest: the latest instant any sample can have, if the journal does not know better (the file's last change).
    truncated: nobody closed it. Asterisk was killed, or the machine lost power, with samples that it had not written.
    """

    samples: int
    rate_hz: int
    latest: Instant
    silences: tuple[Silence, ...] = ()
    truncated: bool = False

    def silent_microseconds(self) -> int:
        """Return how much of it is silence, whoever made that."""
        return sum(end - begin for begin, end in self.silences) * MICROSECONDS // self.rate_hz


def spoken_through(track: Track, wav: Wav) -> Interval | None:
    """Return a track's time if its party's voice fills it; None if there may have been a moment without a frame."""
    if track.origin is None:
        return None
    until = end_of(track, wav)
    voiced = wav.samples * MICROSECONDS // wav.rate_hz - wav.silent_microseconds()
    return Interval(track.origin, until) if until - track.origin - voiced <= SHORT_MICROSECONDS else None


def end_of(track: Track, wav: Wav) -> Instant:
    """Return the latest instant that a sample of the file can have.

    The last change of a file that was closed is its header's, and nothing is written after it: a gate that hung learns
    of the end seconds later, and by that the file would look short. Of one that was not closed it is the last of its
    samples', whenever the kernel told that its writer was gone: what Asterisk still held then is missing at the end
    alone.
    """
    if track.ended is None:
        return wav.latest
    return Instant(min(track.ended, wav.latest if wav.truncated else wav.latest + TICK_MICROSECONDS))


def missing_microseconds(track: Track, covered: Interval, wav: Wav) -> int | None:
    """Return how much of what is covered may be missing at the end of a file that nobody closed; None if one did.

    Asterisk holds up to 32 KiB of a file (2.05 s at 8 kHz) before it writes them; whoever had sent nothing for longer
    lacks less than this says. After a power cut it may be more: nobody makes Asterisk's files durable while it runs.
    """
    if not wav.truncated:
        return None
    since = track.origin or covered.start
    return max(0, covered.end - max(since, end_of(track, wav)))


def cut(track: Track, covered: Interval, wav: Wav, beside: Iterable[Interval] = ()) -> Cut:
    """Return which samples of the track may be stored.

    beside: when somebody else of the same room spoke through. What they said was sent to this party, so that Asterisk
    wrote this file too, and no time is missing in it. A track without a measured origin is not covered: nobody can say
    when its samples were spoken.
    """
    samples, rate_hz, silences = wav.samples, wav.rate_hz, wav.silences
    if track.origin is None:
        return Cut(0, 0, covered.start, samples, 0)
    ended = end_of(track, wav)
    wall, length = ended - track.origin, samples * MICROSECONDS // rate_hz
    short = wall - length
    # Earliest possible instant of a sample: the origin and the voice before it.
    first = _voiced(samples, silences, max(0, _ceiling((covered.start - track.origin) * rate_hz, MICROSECONDS)))
    # Latest possible instant of a sample: the end less the voice behind it.
    last = _last(samples, rate_hz, silences, ended - covered.end)
    # By position it is right but for the time that is missing before it.
    until = min(ended, covered.end)
    flowed = any(one.start <= track.origin + SHORT_MICROSECONDS and until <= one.end for one in beside)
    lacking = _lacking(short, 0 if flowed else wav.silent_microseconds())
    last = max(last, (covered.end - lacking - track.origin) * rate_hz // MICROSECONDS)
    # Whatever was said before the cover's end fits between the origin and it; if not, the end is not to be believed.
    within = max(0, (covered.end - track.origin) * rate_hz // MICROSECONDS)
    last = min(last, _voiced(samples, silences, within))
    last = max(0, min(samples, last))
    first = min(first, last)
    at = Instant(track.origin + first * MICROSECONDS // rate_hz)
    missing = short if short > SHORT_MICROSECONDS else 0
    long = -short if -short > FRAME_MICROSECONDS else 0
    return Cut(first, last, at, samples - (last - first), missing, _lag(track, track.origin, length), long)


def _last(samples: int, rate_hz: int, silences: Sequence[Silence], before_end: int) -> int:
    """Return the last sample that was certainly spoken so many microseconds before the file's end.

    It was, if so much voice follows it. Or if it lies before a silence: nothing of that is written until 40 ms after
    the last packet came. (What the end itself may err by, the cover's end has in hand.)
    """
    after = max(0, _ceiling(before_end * rate_hz, MICROSECONDS))
    last = samples - _voiced(samples, _backwards(samples, silences), after)
    if silences:
        *earlier, (begin, end) = silences
        quiet = min(end - begin, (WAITED_MICROSECONDS + STOP_MICROSECONDS) * rate_hz // MICROSECONDS)
        last = max(last, begin - _voiced(begin, _backwards(begin, earlier), max(0, after - quiet)))
    return last


def _backwards(samples: int, silences: Sequence[Silence]) -> list[Silence]:
    return [(samples - end, samples - begin) for begin, end in reversed(silences)]


def _lacking(short: int, silent: int) -> int:
    """Return how much time may be missing before a sample, in microseconds.

    A file that lacks more than two frames may lack them, and whatever silence made up for, anywhere. In one that seems
    to be whole silence may hide what Asterisk threw away: not more than two frames, for it does not hold more of a
    direction for which it has not filled in before (audiohook.c: it waits 40 ms for the other one), and so much every
    cover has in hand.
    """
    return short + silent if short > SHORT_MICROSECONDS else 0


def _voiced(samples: int, silences: Iterable[Silence], wanted: int) -> int:
    """Return how many samples from the beginning hold so many that are no silence; all, if there are not so many."""
    position = wanted
    for begin, end in silences:
        if begin >= position:
            break
        position += end - begin
    return min(samples, position)


def _lag(track: Track, origin: Instant, length: int) -> int:
    """Return how long after the track's origin its first frame came, as far as both ends of the file tell.

    A monitor begins somewhere between two frames and ends somewhere between two others. So the first frame came up to
    a frame after the beginning, and its distance to the last, which came up to a frame before the stop, is the file's
    length less one frame. What both allow is narrower than either; its middle errs by half a frame at most.
    """
    earliest, latest = 0, FRAME_MICROSECONDS
    if track.ended is not None:
        from_end = track.ended - length - origin
        latest = max(earliest, min(latest, from_end + FRAME_MICROSECONDS))
        # A file that lacks a frame and more says nothing here: its sound paused, or ended before the stop.
        if track.stopped and from_end <= FRAME_MICROSECONDS + STOP_MICROSECONDS:
            earliest = min(latest, max(earliest, from_end - STOP_MICROSECONDS))
    return (earliest + latest) // 2


def _ceiling(value: int, divisor: int) -> int:
    return -(-value // divisor)


def offsets(cuts: Sequence[Cut], rate_hz: int) -> tuple[Instant, list[int]]:
    """Return the segment's first instant and, for each cut, the samples of silence to lay before it."""
    begins = [cut.at + cut.lag_microseconds for cut in cuts]
    start = Instant(min(begins))
    return start, [(begin - start) * rate_hz // MICROSECONDS for begin in begins]
