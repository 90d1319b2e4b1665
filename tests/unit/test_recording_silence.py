"""Asterisk lays silence into a track while frames are late, and the late ones behind it: nothing of them is lost.

A model of what MixMonitor does with one party's frames, and whatever it did: what is kept was said inside the permit,
and what was said inside it, and is in the file, is kept.
"""

from dataclasses import dataclass, field, replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from sealed_calls import MS, RATE_HZ, SECOND, at

from ari_app.core import recording as rec
from ari_app.core.names import Instant

FRAME = rec.FRAME_MICROSECONDS
FRAME_SAMPLES = 160
THROWN_FRAMES = 2
BEGIN = at(4)


def track(ended):
    return rec.Track(1, "p01", "seg-001.p01.wav", 1, BEGIN, ended, closed=True, ambiguous=False, stopped=True)


def cut(ended, covered, samples, silences):
    return rec.cut(track(ended), covered, rec.Wav(samples, RATE_HZ, ended, tuple(silences)))


def samples(seconds):
    return round(seconds * RATE_HZ)


def test_what_was_said_in_time_is_kept_though_it_lies_late_in_the_file():
    """A quarter of a second was filled in: by position the last quarter of what was said would be too late."""
    covered = rec.Interval(at(4), at(6))
    made = cut(at(6.04), covered, samples(2.29), [(samples(1), samples(1.25))])
    assert (made.first, made.last, made.destroyed) == (0, samples(2.25), samples(0.04))
    assert (made.long_microseconds, made.short_microseconds) == (250 * MS, 0)


def test_what_was_said_too_late_is_not_kept_though_position_and_length_would_let_it_in():
    """Time is missing where none flowed, and as much silence was filled in behind it: the file seems to be whole.

    What it may hide is what Asterisk throws away at a time. A file that lacks more than that may hide all of it.
    """
    covered = rec.Interval(at(4), at(6))
    made = cut(at(8), covered, samples(4), [(samples(3), samples(3.5))])
    assert made.last == samples(2)
    assert (made.long_microseconds, made.short_microseconds) == (0, 0)
    made = cut(at(8.041), covered, samples(4), [(samples(3), samples(3.5))])
    assert made.last == samples(1.459), "it lacks more than that, and what is filled in may hide half a second of it"


@pytest.mark.parametrize(
    ("begin", "end", "kept"),
    [(4, 8, 1.959), (4.04, 6, 1.959), (4.041, 8, 1.459), (4, 5.999, 1.459)],
)
def test_where_somebody_spoke_through_no_more_time_is_missing_than_the_file_lacks(begin, end, kept):
    """What they said was sent to this party, and Asterisk writes a file while a frame flows in any direction."""
    covered, wav = rec.Interval(at(4), at(6)), rec.Wav(samples(4), RATE_HZ, at(9), ((samples(3), samples(3.5)),))
    assert rec.cut(track(at(8.041)), covered, wav, [rec.Interval(at(begin), at(end))]).last == samples(kept)


@pytest.mark.parametrize(
    ("origin", "length", "silences", "through"),
    [
        (BEGIN, 4, (), True),
        (BEGIN, 3.96, (), True),
        (BEGIN, 3.959, (), False),
        (BEGIN, 4.02, ((0, 480),), True),
        (BEGIN, 4.02, ((0, 481),), False),
        (None, 4, (), False),
    ],
)
def test_who_spoke_through(origin, length, silences, through):
    one = replace(track(at(8)), origin=origin)
    found = rec.spoken_through(one, rec.Wav(samples(length), RATE_HZ, at(9), silences))
    assert found == (rec.Interval(BEGIN, at(8)) if through else None)
    without_an_end = rec.spoken_through(
        replace(one, ended=None), rec.Wav(samples(length + 1), RATE_HZ, at(9), silences)
    )
    assert without_an_end == (rec.Interval(BEGIN, at(9)) if through else None)


def test_what_was_said_too_early_is_not_kept_though_it_lies_late_in_the_file():
    covered = rec.Interval(at(5), at(8))
    made = cut(at(8), covered, samples(4.25), [(samples(0.5), samples(0.75))])
    assert made.first == samples(1.25)


def test_silence_before_the_first_word_is_no_voice():
    assert cut(at(8), rec.Interval(at(5), at(8)), samples(4.5), [(0, samples(0.5))]).first == samples(1.5)


@pytest.mark.parametrize("silences", [[], [(0, samples(0.5))]])
def test_an_end_that_is_too_early_for_what_the_file_holds_is_not_believed(silences):
    """Another channel took the file along (a masquerade), and wrote on: it is cut by position, as if it had no end."""
    made = cut(at(6), rec.Interval(at(4), at(5.9)), samples(6), silences)
    assert made.last == samples(1.9) + sum(end - begin for begin, end in silences)


@pytest.mark.parametrize(("too_much_ms", "long_ms"), [(0, 0), (20, 0), (21, 21)])
def test_what_a_file_has_too_much_by_a_frame_is_nothing(too_much_ms, long_ms):
    made = cut(at(6), rec.Interval(at(4), at(6)), samples(2) + too_much_ms * 8, [(0, too_much_ms * 8)])
    assert made.long_microseconds == long_ms * MS


@pytest.mark.parametrize(
    ("key_ms", "then_ms", "beyond_ms", "kept_ms"),
    [
        (80, 0, 41, 3000),  # it was down at the end: what was said before it was said 40 ms before the end at least
        (80, 20, 41, 3000),
        (80, 0, 46, 2999),
        (20, 0, 41, 2979),  # a frame of silence is a frame of time at most
        (80, 60, 41, 3099),
    ],
)
def test_what_was_said_before_a_key_is_kept_though_the_file_lacks_some_time(key_ms, then_ms, beyond_ms, kept_ms):
    """An objection ends the file while its key is down, and Asterisk has thrown away what it held at the first key."""
    length = 3000 + key_ms + then_ms
    ended = Instant(BEGIN + (length + 50) * MS)
    covered = rec.Interval(BEGIN, Instant(ended - beyond_ms * MS))
    silences = [(8000, 8800), (24_000, 24_000 + key_ms * 8)]
    made = cut(ended, covered, length * 8, silences)
    assert made.last // 8 == kept_ms


@dataclass
class Monitor:
    """What MixMonitor has written of one party: each frame of the file with when it was said, None for silence."""

    now: int = 0
    frames: list[int | None] = field(default_factory=list)
    held: list[int | None] = field(default_factory=list)

    def takes(self, act, count):
        """Let so many frames' time pass, or write what is held; return nothing."""
        for _ in range(count):
            match act:
                case "said" | "quiet" | "late" | "lost":
                    if act != "lost":
                        self.held.append(None if act == "quiet" else self.now)
                    self.now += FRAME
                    self.frames.append(self.held.pop(0) if act in {"said", "quiet"} else None)
                case "nothing flows":
                    self.now += FRAME
                case "catches up" if self.held:
                    self.frames.append(self.held.pop(0))

    def silences(self):
        """Return the runs of silence, in samples."""
        runs: list[tuple[int, int]] = []
        for number, said in enumerate(self.frames):
            if said is None:
                begin = runs.pop()[0] if runs and runs[-1][1] == number * FRAME_SAMPLES else number * FRAME_SAMPLES
                runs.append((begin, (number + 1) * FRAME_SAMPLES))
        return runs


ACTS = ["said", "quiet", "late", "lost", "nothing flows", "catches up"]


def played(acts):
    monitor = Monitor()
    for act, count in acts:
        monitor.takes(act, count)
    return monitor


def kept_of(monitor, since, until, beyond):
    ended = Instant(BEGIN + monitor.now + beyond)
    covered = rec.Interval(Instant(BEGIN + since), Instant(BEGIN + until))
    made = cut(ended, covered, len(monitor.frames) * FRAME_SAMPLES, monitor.silences())
    assert 0 <= made.first <= made.last <= len(monitor.frames) * FRAME_SAMPLES
    return made


TIMES = st.tuples(st.integers(-SECOND, 4 * SECOND), st.integers(0, 4 * SECOND), st.integers(0, 100 * MS))


@given(st.lists(st.tuples(st.sampled_from(ACTS), st.integers(1, 30)), max_size=14), TIMES)
def test_whatever_asterisk_did_nothing_is_kept_that_was_said_outside(acts, times):
    since, lasts, beyond = times
    monitor = played(acts)
    made = kept_of(monitor, since, since + lasts, beyond)
    missing = sum(count for act, count in acts if act == "nothing flows")
    assume(missing <= THROWN_FRAMES or made.short_microseconds)
    for number, said in enumerate(monitor.frames):
        inside = range(max(made.first, number * FRAME_SAMPLES), min(made.last, (number + 1) * FRAME_SAMPLES))
        if said is None or not inside:
            continue
        first, last = (said + (one - number * FRAME_SAMPLES) * SECOND // RATE_HZ for one in (inside[0], inside[-1]))
        assert first >= since - 1
        assert last <= since + lasts + rec.SAFETY_MICROSECONDS + 1


@given(st.lists(st.tuples(st.sampled_from(["said", "late", "catches up"]), st.integers(1, 30)), max_size=14), TIMES)
def test_of_what_is_in_the_file_nothing_is_destroyed_that_was_said_inside(acts, times):
    since, lasts, beyond = times
    monitor = played(acts)
    made = kept_of(monitor, since, since + lasts, beyond)
    # What Asterisk still held at the end is lost there, and moves what is certain by as much.
    until = since + lasts - len(monitor.held) * FRAME - beyond
    for number, said in enumerate(monitor.frames):
        if said is not None and said >= since and said + FRAME <= until:
            assert made.first <= number * FRAME_SAMPLES
            assert (number + 1) * FRAME_SAMPLES <= made.last
