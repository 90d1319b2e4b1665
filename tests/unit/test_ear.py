"""The figures of an announcement: each against sounds of which they are known, and against each other's rank."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.spoiled import NAMES, RATE_HZ, at_level, clipped, low_passed, noisy, pcm, spoken

from ari_app.ear import FULL_SCALE, Samples, active_level_dbfs, clipped_spans, hear

SECOND = np.arange(RATE_HZ)
TONE = 0.1 * np.sqrt(2) * np.sin(SECOND * 2 * np.pi * 440 / RATE_HZ)
"""-20 dBFS."""


def index(samples: Samples) -> float:
    return hear(pcm(samples) / FULL_SCALE, RATE_HZ).intelligibility


def test_the_level_of_a_tone_is_its_mean_square() -> None:
    assert active_level_dbfs(np.tile(TONE, 4), RATE_HZ) == pytest.approx(-20, abs=0.3)


@pytest.mark.parametrize("pause_seconds", [1, 3, 10])
def test_pauses_do_not_count(pause_seconds: int) -> None:
    """The mean square would fall by up to 10 dB; P.56 counts 200 ms of each pause as speech."""
    sound = np.concatenate([np.tile(TONE, 2), np.zeros(pause_seconds * RATE_HZ), TONE])
    assert active_level_dbfs(sound, RATE_HZ) == pytest.approx(-20.4, abs=0.4)


@given(gain_db=st.floats(-30, 0))
def test_the_level_follows_the_gain(gain_db: float) -> None:
    sound = spoken("shortest-en")
    shifted = active_level_dbfs(sound * 10 ** (gain_db / 20), RATE_HZ)
    assert shifted == pytest.approx(active_level_dbfs(sound, RATE_HZ) + gain_db, abs=0.3)


def test_an_offset_is_no_level_and_is_told() -> None:
    sound = spoken("calling-en")
    shifted = hear(sound * 0.5 + 0.03, RATE_HZ)
    assert shifted.level_dbfs == pytest.approx(hear(sound * 0.5, RATE_HZ).level_dbfs, abs=0.05)
    assert shifted.intelligibility == pytest.approx(hear(sound * 0.5, RATE_HZ).intelligibility, abs=0.01)
    assert shifted.dc_percent == pytest.approx(3.0, abs=0.1)


@pytest.mark.parametrize("sound", [np.zeros(8000), np.full(8000, 0.3), np.zeros(1)], ids=["silence", "constant", "one"])
def test_nothing_has_figures_too(sound: Samples) -> None:
    heard = hear(sound, RATE_HZ)
    assert (heard.level_dbfs, heard.intelligibility, heard.spoken_end_ms) == (-100, 0, 0)


@pytest.mark.parametrize(
    ("values", "spans"),
    [
        ([0, 32767, 32767, 0], []),
        ([0, 32767, 32767, 32767, 0], [(1, 4)]),
        ([-32768, -32768, -32768], [(0, 3)]),
        ([32767, 32767, -32768, -32768, 32767], []),
        ([32124, 32124, 32124], [(0, 3)]),
        ([0, 9000, 9001, 9002, 0], [(1, 4)]),
        ([0, 9000, 9001, 9004, 0], []),
        ([0, 9, 9, 9, 0], []),
        ([-32768] * 4 + [32767] * 3, [(0, 4), (4, 7)]),
        ([0, 0], []),
    ],
    ids=[
        "two",
        "three",
        "below",
        "a wave",
        "mu-law's largest",
        "turned down",
        "a round top",
        "dither",
        "both sides",
        "silence",
    ],
)
def test_three_samples_at_the_ceiling_in_a_row_are_clipped(values: list[int], spans: list[tuple[int, int]]) -> None:
    assert clipped_spans(np.array(values) / FULL_SCALE) == tuple(spans)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_turned_down_afterwards_is_still_clipped(name: str) -> None:
    """By a program that adds dither, as sox does."""
    hot = clipped(spoken(name), 20)
    draw = np.random.default_rng(1)
    dither = (draw.random(len(hot)) - draw.random(len(hot))) / FULL_SCALE
    before, after = hear(pcm(hot) / FULL_SCALE, RATE_HZ), hear(pcm(hot * 0.2 + dither) / FULL_SCALE, RATE_HZ)
    assert after.clipped_percent == pytest.approx(before.clipped_percent, rel=0.05)


def test_silences_are_measured_from_the_first_sound_and_from_the_last() -> None:
    heard = hear(np.concatenate([np.zeros(4000), TONE, np.zeros(5600)]), RATE_HZ)
    assert (heard.lead_ms, heard.spoken_end_ms, heard.tail_ms, heard.duration_ms) == (500, 1500, 700, 2200)


def test_another_rate_has_the_same_figures() -> None:
    sound = spoken("advice-en")
    twice = hear(np.repeat(sound, 2), 2 * RATE_HZ)
    once = hear(sound, RATE_HZ)
    assert (twice.lead_ms, twice.tail_ms) == (once.lead_ms, once.tail_ms)
    assert twice.level_dbfs == pytest.approx(once.level_dbfs, abs=0.2)
    assert twice.intelligibility == pytest.approx(once.intelligibility, abs=0.02)


@pytest.mark.parametrize("name", NAMES)
class TestIntelligibility:
    def test_more_noise_is_less(self, name: str) -> None:
        found = [index(spoken(name)), *(index(noisy(spoken(name), snr_db)) for snr_db in (20, 15, 10, 5, 0, -5))]
        assert found == sorted(found, reverse=True)
        assert all(before - after > 0.02 for before, after in pairwise(found[1:]))

    def test_less_treble_is_less(self, name: str) -> None:
        found = [index(low_passed(spoken(name), hertz)) for hertz in (3400, 2500, 2000, 1500, 1000, 500)]
        assert found == sorted(found, reverse=True)

    def test_quieter_is_less(self, name: str) -> None:
        found = [index(at_level(spoken(name), dbfs)) for dbfs in (-20, -26, -30, -36, -40, -50)]
        assert found == sorted(found, reverse=True)

    def test_clipping_is_no_matter_of_understanding(self, name: str) -> None:
        """Clipped speech is understood (Licklider, 1946): it has a figure of its own, and this one does not fall."""
        assert index(clipped(spoken(name), 20)) >= index(spoken(name)) - 0.02

    def test_no_telephone_carries_more(self, name: str) -> None:
        assert 0.7 < index(spoken(name)) <= 0.7826


def test_what_never_pauses_is_noise() -> None:
    steady = np.concatenate([np.random.default_rng(1).normal(0, 0.1, 2 * RATE_HZ), np.zeros(4800)])
    assert index(steady) < 0.3


def test_the_noise_between_the_words_is_not_hidden_by_the_silence_after_them() -> None:
    longer = np.concatenate([noisy(spoken("advice-en"), 5), np.zeros(4 * RATE_HZ)])
    assert index(longer) == pytest.approx(index(noisy(spoken("advice-en"), 5)), abs=0.01)


def test_the_distance_to_the_noise_is_that_of_the_noise() -> None:
    for snr_db in (5, 10, 20):
        # The telephone's bands hold more of the speech than of white noise: a little above what was added.
        found = hear(noisy(spoken("advice-en"), snr_db), RATE_HZ).above_noise_db
        assert snr_db - 1 <= found <= snr_db + 4
