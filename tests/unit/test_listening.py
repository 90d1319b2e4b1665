"""Is there a sound on a channel: what is louder than a line that nobody speaks on."""

import io

import numpy as np
import pytest
import soundfile as sf

from ari_app.adapters.memory import MemoryStore
from ari_app.commands import listening
from ari_app.inspection import Inspection
from ari_app.signing import Keyring

RATE = 8000


def sine(level_dbfs, seconds=1.0):
    """Return a tone of so many dBFS (its root mean square)."""
    peak = 32768 * 10 ** (level_dbfs / 20) * np.sqrt(2)
    return np.round(peak * np.sin(np.arange(round(seconds * RATE)) * 2 * np.pi * 440 / RATE)).astype("<i2")


@pytest.mark.parametrize(("level", "sounds"), [(-20, True), (-50, True), (-59, True), (-61, False), (-72, False)])
def test_what_is_louder_than_the_limit_is_a_sound(level, sounds):
    both = np.stack([sine(level), np.zeros(RATE, dtype="<i2")], axis=1)
    assert listening.loud(both, 800).tolist() == [sounds, False]


def test_a_tenth_of_a_second_is_enough_and_what_is_left_over_counts():
    quiet = np.zeros((RATE + 300, 1), dtype="<i2")
    assert not listening.loud(quiet, 800).any()
    for start, length in ((3000, 800), (RATE, 300)):
        spoken = quiet.copy()
        spoken[start : start + length, 0] = sine(-30)[:length]
        assert listening.loud(spoken, 800).all()
    assert listening.loud(quiet[:0], 800).tolist() == [False]


@pytest.fixture
def hear():
    store = MemoryStore()

    def heard(content, key="x"):
        if content is not None:
            store.objects[key] = content
        return listening.heard(Inspection(store, Keyring([]), ""), "x")

    return heard


def flac(samples):
    content = io.BytesIO()
    sf.write(content, samples, RATE, format="FLAC", subtype="PCM_16")
    return content.getvalue()


def test_a_sound_far_behind_silence_is_heard(hear):
    late = np.zeros((60 * RATE, 2), dtype="<i2")
    late[-RATE:, 1] = sine(-30)
    assert hear(flac(late)) == (False, True)


@pytest.mark.parametrize("content", [b"", b"fLaC", b"no sound", None])
def test_what_cannot_be_listened_to_is_not_called_silent(content, hear):
    assert hear(content) is None


def test_a_damaged_end_is_not_called_silent_either(hear):
    whole = flac(
        np.zeros((60 * RATE, 2), dtype="<i2") + np.random.default_rng(1).integers(-3, 3, (60 * RATE, 2), dtype="<i2")
    )
    assert hear(whole[: len(whole) // 2]) is None
