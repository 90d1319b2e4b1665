"""The promise in arithmetic: what is kept of a track was spoken inside its permit, at its earliest and its latest."""

from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sealed_calls import BEGAN, MS, RATE_HZ, SECOND, at, good, minted, origin, over, requested

from ari_app.core import evidence as ev
from ari_app.core import recording as rec
from ari_app.core.names import Instant

INSTANTS = st.integers(BEGAN - 20 * SECOND, BEGAN + 120 * SECOND).map(Instant)
RATES = st.sampled_from([8000, 16000, 11025])


# -- tracks


def test_tracks_as_the_journal_tells_them():
    first, second = rec.tracks(good(minted(1)))
    assert first == rec.Track(1, "p01", "seg-001.p01.wav", 1, at(4), at(8), closed=True, ambiguous=False, stopped=True)
    assert second == rec.Track(
        1, "p02", "seg-001.p02.wav", 1, at(4.05), at(8), closed=True, ambiguous=False, stopped=True
    )


def test_the_later_origin_and_the_earlier_end_hold():
    entries = [
        requested(1, "p01"),
        origin(1, "p01", 4, ambiguous=True),
        origin(1, "p01", 4.02),
        over(1, "p01", 8, closed=False),
        over(1, "p01", 7, closed=False),
    ]
    (track,) = rec.tracks(entries)
    assert track == rec.Track(1, "p01", "seg-001.p01.wav", 1, at(4.02), at(7), closed=False, ambiguous=True)


def test_a_later_account_of_the_end_changes_nothing():
    entries = [requested(1, "p01"), over(1, "p01", 7, closed=False), over(1, "p01", 8, closed=False)]
    assert rec.tracks(entries)[0].ended == at(7)


def test_the_kernel_may_tell_that_a_file_was_closed():
    (track,) = rec.tracks([requested(1, "p01"), ev.TrackClosed(at=at(9), segment=1, party="p01")])
    assert track.closed
    assert track.origin is None


def test_the_files_own_last_change_tells_its_end_where_nobody_else_could():
    """The guard has ended it while the gate hung, which learnt of it when it went on."""
    (track,) = rec.tracks([requested(1, "p01"), origin(1, "p01", 4), over(1, "p01", 12)])
    covered = rec.Interval(at(3), at(6))
    cut = rec.cut(track, covered, rec.Wav(3 * RATE_HZ, RATE_HZ, Instant(at(7) - rec.TICK_MICROSECONDS)))
    assert (cut.last, cut.short_microseconds) == (2 * RATE_HZ, 0)
    # What is changed later than it was stopped says nothing.
    cut = rec.cut(track, covered, rec.Wav(3 * RATE_HZ, RATE_HZ, at(99)))
    assert cut.last == 0


def test_nothing_is_written_into_a_closed_file():
    """A gate whose events were lost learns of the hang-up late; the kernel told it of the file's end in time."""
    closed, learnt = ev.TrackClosed(at=at(7), segment=1, party="p01"), over(1, "p01", 10, closed=False)
    for entries in ([closed, learnt], [learnt, closed]):
        (track,) = rec.tracks([requested(1, "p01"), origin(1, "p01", 4), *entries])
        assert (track.ended, track.closed, track.stopped) == (at(7), True, False)
        cut = rec.cut(track, rec.Interval(at(3), at(6)), rec.Wav(3 * RATE_HZ, RATE_HZ, at(99)))
        assert (cut.last, cut.short_microseconds) == (2 * RATE_HZ, 0)


# -- cut


def track(start, end):
    return rec.Track(1, "p01", "seg-001.p01.wav", 1, start, end, closed=True, ambiguous=False)


def test_a_whole_track_inside_its_permit_is_kept_whole():
    cut = rec.cut(track(at(4), at(8)), rec.Interval(at(3), at(9)), rec.Wav(4 * RATE_HZ, RATE_HZ, at(99)))
    assert cut == rec.Cut(0, 4 * RATE_HZ, at(4), 0, 0, 10_000)


@pytest.mark.parametrize(
    ("ended_ms", "stopped", "lag_ms"),
    [
        (None, False, 10),  # nothing but the beginning is known
        (-12, True, 4),  # the last frame came at most at the end, so the first at most 8 ms after the beginning
        (-12, False, 4),
        (-20, True, 0),
        (-30, True, 0),  # more sound than time: stamps err, and no frame comes before the beginning
        (0, True, 10),
        (15, True, 15),  # and at most 25 ms before it, so the first at least 10 ms after it
        (15, False, 10),  # a hang-up: the sound may have ended long before
        (25, True, 20),
        (26, True, 10),  # a frame is missing somewhere: the end tells nothing
        (2000, True, 10),
    ],
)
def test_both_ends_of_a_file_tell_when_its_first_frame_came(ended_ms, stopped, lag_ms):
    ended = None if ended_ms is None else Instant(at(8) + ended_ms * MS)
    one = replace(track(at(4), ended), stopped=stopped)
    cut = rec.cut(one, rec.Interval(at(3), at(9)), rec.Wav(4 * RATE_HZ, RATE_HZ, at(8)))
    assert cut.lag_microseconds == lag_ms * MS
    assert cut.at == at(4), "what is judged by stays the earliest instant"


def test_tracks_are_laid_by_when_their_frames_most_likely_came():
    early, late = (rec.Cut(0, 100, at(4), 0, 0, lag * MS) for lag in (3, 13))
    assert rec.offsets([late, early], RATE_HZ) == (at(4) + 3 * MS, [80, 0])


def test_a_track_without_an_origin_is_destroyed():
    cut = rec.cut(track(None, at(8)), rec.Interval(at(3), at(9)), rec.Wav(32000, RATE_HZ, at(99)))
    assert cut == rec.Cut(0, 0, at(3), 32000, 0)


def test_what_came_before_the_permit_is_destroyed():
    cut = rec.cut(track(at(2), at(8)), rec.Interval(at(3), at(9)), rec.Wav(6 * RATE_HZ, RATE_HZ, at(99)))
    assert (cut.first, cut.last, cut.at, cut.destroyed) == (RATE_HZ, 6 * RATE_HZ, at(3), RATE_HZ)


def test_a_short_track_is_cut_from_its_end():
    # 4 s of samples for 6 s of wall time: the last sample may have been spoken at any time before 10 s, so
    # for a permit that ended at 8 s the last 2 s of samples go, although by position all lie before 8 s.
    cut = rec.cut(track(at(4), at(10)), rec.Interval(at(3), at(8)), rec.Wav(4 * RATE_HZ, RATE_HZ, at(99)))
    assert (cut.first, cut.last, cut.short_microseconds) == (0, 2 * RATE_HZ, 2 * SECOND)


@pytest.mark.parametrize(("lacking_ms", "kept_ms"), [(0, 3000), (40, 3000), (41, 2959)])
def test_what_a_track_lacks_by_two_frames_at_most_is_no_shortness(lacking_ms, kept_ms):
    samples = (4000 - lacking_ms) * RATE_HZ // 1000
    cut = rec.cut(track(at(4), at(8)), rec.Interval(at(3), at(7)), rec.Wav(samples, RATE_HZ, at(99)))
    assert (cut.last * 1000 // RATE_HZ, cut.short_microseconds) == (kept_ms, lacking_ms * MS if lacking_ms > 40 else 0)


def test_without_a_known_end_the_files_last_change_is_the_end():
    cut = rec.cut(track(at(4), None), rec.Interval(at(3), at(8)), rec.Wav(4 * RATE_HZ, RATE_HZ, at(10)))
    assert (cut.last, cut.short_microseconds) == (2 * RATE_HZ, 2 * SECOND)


@given(
    start=INSTANTS,
    wall=st.integers(0, 100 * SECOND),
    samples=st.integers(0, 900_000),
    permit=st.tuples(INSTANTS, st.integers(0, 60 * SECOND)),
    rate_hz=RATES,
    known=st.booleans(),
)
def test_nothing_is_kept_from_outside_the_permit(start, wall, samples, permit, rate_hz, known):
    end = Instant(start + wall)
    covered = rec.Interval(permit[0], Instant(permit[0] + permit[1]))
    cut = rec.cut(track(start, end if known else None), covered, rec.Wav(samples, rate_hz, end))
    assert 0 <= cut.first <= cut.last <= samples
    assert cut.destroyed == samples - (cut.last - cut.first)
    if cut.last == cut.first:
        return
    # Exactly, in fractions of a microsecond: sample k spans [earliest(k), earliest(k) + 1/rate).
    assert start + Fraction(cut.first * SECOND, rate_hz) >= covered.start
    assert start + Fraction(cut.last * SECOND, rate_hz) <= covered.end
    assert covered.start <= cut.at
    short = wall - Fraction(samples * SECOND, rate_hz)
    if short > rec.SHORT_MICROSECONDS + 1:
        # The latest instant at which the last kept sample can have ended.
        assert end - Fraction((samples - cut.last) * SECOND, rate_hz) <= covered.end
        assert cut.short_microseconds > 0
    else:
        # Not short: by position it is right to within what every revocation is cut by.
        latest = end - Fraction((samples - cut.last) * SECOND, rate_hz)
        assert latest <= covered.end + rec.SAFETY_MICROSECONDS + 1


@given(st.lists(st.tuples(INSTANTS, st.integers(1, 1000)), min_size=1, max_size=8), RATES)
def test_offsets_lay_every_track_at_its_instant(tracks, rate_hz):
    cuts = [rec.Cut(0, length, begin, 0, 0) for begin, length in tracks]
    start, offsets = rec.offsets(cuts, rate_hz)
    assert min(offsets) == 0
    assert start == min(begin for begin, _ in tracks)
    for cut, offset in zip(cuts, offsets, strict=True):
        # To within one sample, which is far below the 20 ms that are promised.
        assert abs((start - cut.at) * rate_hz + offset * SECOND) <= SECOND
