"""The audio canary finds every kind of damage that a recording could have, and nothing where there is none."""

import time

import numpy as np
import pytest
from canary import (
    Match,
    Span,
    Stretch,
    assert_aligned,
    assert_complete,
    assert_nothing_before,
    assert_nothing_between,
    assert_only,
    find_reference,
    heard_span,
    missing_between,
    times_heard,
)
from canary.heard import NEVER_PLAYED_SAMPLES
from telephone import FRAME_SAMPLES, Heard, Noise, Sent
from telephone.mulaw import DECODE, Pcm, encode

BEGAN_AT = 1_800_000_000_000_000
FRAME_US = 20_000


def sent(seed: int, frames: int, began_at: int = BEGAN_AT) -> Sent:
    """A party who spoke without a pause, a frame every 20 ms."""
    said = Sent()
    said.instants = [began_at + index * FRAME_US for index in range(frames)]
    said.frames = [Noise(seed).frame(index) for index in range(frames)]
    return said


def silence(samples: int) -> Pcm:
    """As Asterisk inserts it."""
    return np.zeros(samples, dtype=np.int16)


def test_every_sample_of_a_file_is_accounted_for() -> None:
    said = sent(7, 500)
    pcm = said.pcm
    stored = np.concatenate(
        [silence(333), pcm[1007:5000], silence(160), pcm[5000:9000], pcm[9160:20000], Noise(8).pcm(100)]
    )
    match = find_reference(stored, said)
    assert match.spans == (Span(333, 1007, 3993), Span(4486, 5000, 4000), Span(8486, 9160, 10840))
    assert match.silent == (Stretch(0, 333), Stretch(4326, 4486))
    assert match.unmatched == (Stretch(19326, 19426),)
    assert match.matched == 3993 + 4000 + 10840
    assert match.length == len(stored)


def test_a_file_of_nothing_and_a_file_of_others() -> None:
    said = sent(7, 50)
    assert find_reference(silence(0), said) == Match((), (), (), 0)
    assert find_reference(silence(5), said).silent == (Stretch(0, 5),)
    assert find_reference(said.pcm, Sent()).unmatched == (Stretch(0, 8000),)
    foreign = find_reference(Noise(8).pcm(8000), said)
    assert (foreign.spans, foreign.unmatched) == ((), (Stretch(0, 8000),))


def test_one_changed_sample_is_seen() -> None:
    said = sent(7, 50)
    stored = said.pcm.copy()
    # 1 is no value that mu-law can express: mixing or scaling makes such.
    stored[4000] += 1
    match = find_reference(stored, said)
    assert match.spans == (Span(0, 0, 4000), Span(4001, 4001, 3999))
    assert match.unmatched == (Stretch(4000, 4001),)


def test_what_stands_twice_in_a_file_is_found_twice() -> None:
    said = sent(7, 50)
    match = find_reference(np.concatenate([said.pcm[:480], said.pcm[320:]]), said)
    assert match.spans == (Span(0, 0, 480), Span(480, 320, 7680))
    with pytest.raises(AssertionError, match="twice or out of order"):
        assert_complete(match, said, BEGAN_AT, BEGAN_AT + 1_000_000)


def test_a_foreign_sound_is_one_stretch_though_it_passes_through_zero() -> None:
    tone = np.array([0, 500, 0, -500] * 400, dtype=np.int16)
    match = find_reference(np.concatenate([silence(320), tone, silence(320)]), sent(7, 50))
    assert match.unmatched == (Stretch(321, 1920),)
    assert match.silent == (Stretch(0, 321), Stretch(1920, 2240))
    many = find_reference(np.tile(np.concatenate([tone, silence(160)]), 12), sent(7, 50))
    assert "and 4 more" in str(many)


def test_two_minutes_are_compared_quickly() -> None:
    said = sent(7, 6_000)
    began = time.perf_counter()
    match = find_reference(said.pcm[77:], said)
    assert match.spans == (Span(0, 77, 6_000 * FRAME_SAMPLES - 77),)
    assert time.perf_counter() - began < 5


def test_nothing_before_and_nothing_between() -> None:
    said = sent(7, 100)
    # Stored from the packet that left 600 ms after the first one.
    match = find_reference(said.pcm[30 * 160 :], said)
    assert_nothing_before(match, said.sent_at, BEGAN_AT + 600_000, tolerance_ms=0)
    assert_nothing_before(match, said.sent_at, BEGAN_AT + 620_000)
    with pytest.raises(AssertionError, match=r"21\.0 ms before the limit"):
        assert_nothing_before(match, said.sent_at, BEGAN_AT + 621_000)
    assert_nothing_between(match, said.sent_at, BEGAN_AT, BEGAN_AT + 620_000)
    with pytest.raises(AssertionError, match="nothing may be stored"):
        assert_nothing_between(match, said.sent_at, BEGAN_AT + 800_000, BEGAN_AT + 900_000)


def test_completeness_names_what_is_missing() -> None:
    said = sent(7, 100)
    whole = find_reference(said.pcm[10 * 160 :], said)
    assert_complete(whole, said, BEGAN_AT + 200_000, BEGAN_AT + 2_000_000, tolerance_ms=0)
    assert_complete(whole, said, BEGAN_AT + 180_000, BEGAN_AT + 2_000_000)
    holed = find_reference(np.delete(said.pcm, np.s_[8000:8160]), said)
    assert missing_between(holed, said, BEGAN_AT, BEGAN_AT + 2_000_000) == [Stretch(8000, 8160)]
    with pytest.raises(AssertionError, match=r"20\.0 ms of what was said are not in the file: samples 8000-8160"):
        assert_complete(holed, said, BEGAN_AT, BEGAN_AT + 2_000_000)


def test_a_strangers_voice_is_named() -> None:
    caller, house = sent(1, 100), sent(2, 100)
    assert assert_only(caller.pcm, caller, {"house": house}).matched == 16000
    leaked = np.concatenate([caller.pcm[:8000], house.pcm[8000:8160], caller.pcm[8160:]])
    with pytest.raises(AssertionError, match=r"20\.0 ms of the voice of house"):
        assert_only(leaked, caller, {"house": house})
    mixed = caller.pcm.copy()
    mixed[8000:8160] //= 2
    with pytest.raises(AssertionError, match="neither this party's voice nor silence"):
        assert_only(mixed, caller, {"house": house})
    with pytest.raises(AssertionError, match="only 0 samples"):
        assert_only(silence(8000), caller, {"house": house})


def test_two_channels_in_step_and_out_of_it() -> None:
    # The house's packets leave 7 ms after the caller's, and it answered half a second later.
    caller, house = sent(1, 200), sent(2, 150, BEGAN_AT + 507_000)
    channel_1 = caller.pcm[25 * 160 :]
    channel_2 = house.pcm
    first, second = find_reference(channel_1, caller), find_reference(channel_2, house)
    assert assert_aligned(first, caller, second, house) == pytest.approx(7.0)
    late = find_reference(np.concatenate([silence(480), channel_2]), house)
    with pytest.raises(AssertionError, match="apart"):
        assert_aligned(first, caller, late, house)
    torn = find_reference(np.concatenate([channel_2[:8000], silence(400), channel_2[8000:]]), house)
    with pytest.raises(AssertionError, match="drift"):
        assert_aligned(first, caller, torn, house, offset_ms=100)
    with pytest.raises(AssertionError, match="nowhere side by side"):
        assert_aligned(first, caller, find_reference(silence(800), house), house)


def announcement() -> Pcm:
    """Something like speech: quiet at both ends, words with pauses, and the same word twice."""
    rng = np.random.default_rng(5)
    word = (9000 * np.sin(np.arange(3000) / 9) * np.hanning(3000)).astype(np.int16)
    other = (6000 * np.sin(np.cumsum(rng.normal(0.2, 0.05, 5000))) * np.hanning(5000)).astype(np.int16)
    return np.concatenate([silence(800), word, silence(900), other, silence(500), word, silence(4000)])


def heard_of(pcm: Pcm) -> Heard:
    """A telephone that heard this, in packets of 20 ms."""
    mulaw = encode(pcm)
    packets = -(-len(mulaw) // FRAME_SAMPLES)
    arrived_at = BEGAN_AT + FRAME_US * np.arange(packets, dtype=np.int64)
    starts = np.minimum(FRAME_SAMPLES * np.arange(packets + 1, dtype=np.int64), len(mulaw))
    nothing = np.zeros(packets, dtype=np.int64)
    return Heard(arrived_at, nothing, nothing, nothing, starts, mulaw, (), 0)


def test_an_announcement_is_found_whole_in_what_was_heard() -> None:
    pcm = announcement()
    heard = heard_of(np.concatenate([DECODE[encode(Noise(3).pcm(1600))], pcm, Noise(2).pcm(8000)]))
    found = heard_span(heard, pcm)
    assert found is not None
    assert found.complete
    assert (found.start, found.end, found.missing) == (1600, 1600 + len(pcm) - NEVER_PLAYED_SAMPLES, 0)
    assert found.started_at == BEGAN_AT + 10 * FRAME_US
    assert found.ended_at == BEGAN_AT + ((1600 + len(pcm) - 1) // FRAME_SAMPLES) * FRAME_US
    assert times_heard(heard, pcm) == 1


def test_silence_that_follows_an_announcement_is_not_its_end() -> None:
    """Its last 22 samples are silence and are never sent; the packet after it begins with as much of that."""
    pcm = announcement()
    played = (len(pcm) - NEVER_PLAYED_SAMPLES) // FRAME_SAMPLES * FRAME_SAMPLES
    pcm = pcm[: played + NEVER_PLAYED_SAMPLES]
    found = heard_span(heard_of(np.concatenate([pcm[:played], silence(1600)])), pcm)
    assert found is not None
    assert found.ended_at == BEGAN_AT + (played // FRAME_SAMPLES - 1) * FRAME_US


def test_an_announcement_cut_short_or_begun_anew_is_seen() -> None:
    pcm = announcement()
    cut = heard_span(heard_of(np.concatenate([pcm[:8000], Noise(2).pcm(4000)])), pcm)
    assert cut is not None
    assert not cut.complete
    assert (cut.end, cut.missing) == (8000, len(pcm) - 8000)
    anew = heard_of(np.concatenate([pcm[:8000], silence(1600), pcm]))
    assert times_heard(anew, pcm) == 2
    second = heard_span(anew, pcm, nth=1)
    assert second is not None
    assert second.complete
    assert second.start == 9600
    assert heard_span(heard_of(Noise(2).pcm(16000)), pcm) is None
    assert heard_span(heard_of(silence(16000)), pcm) is None
