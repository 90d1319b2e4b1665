"""Real announcements (the demo's, by espeak-ng), and copies of them that are spoiled in known ways."""

from pathlib import Path
from typing import Final

import numpy as np
import soundfile as sf

from ari_app.ear import Samples, active_level_dbfs, hear

RATE_HZ: Final = 8000
FOLDER: Final = Path(__file__).parent / "golden" / "spoken"
NAMES: Final = ("advice-en", "advice-cy", "calling-en", "shortest-en")


def spoken(name: str) -> Samples:
    """A good announcement, from -1 to 1, as it lies in a file of 16 bits."""
    samples: Samples
    samples, rate_hz = sf.read(FOLDER / f"{name}.flac", dtype="float64")
    assert rate_hz == RATE_HZ
    return samples


def at_level(samples: Samples, dbfs: float) -> Samples:
    return samples * 10 ** ((dbfs - active_level_dbfs(samples, RATE_HZ)) / 20)


def noisy(samples: Samples, snr_db: float) -> Samples:
    """White noise so far below the active speech level, as long as there is speech: the tail stays silent."""
    heard = hear(samples, RATE_HZ)
    noise = np.random.default_rng(1).normal(0, 10 ** ((heard.level_dbfs - snr_db) / 20), len(samples))
    noise[heard.spoken_end_ms * RATE_HZ // 1000 :] = 0
    return samples + noise


def low_passed(samples: Samples, hertz: float) -> Samples:
    steps = np.arange(-128, 129)
    response = np.sinc(2 * hertz / RATE_HZ * steps) * np.hamming(len(steps))
    return np.convolve(samples, response / response.sum(), "same")


def clipped(samples: Samples, gain_db: float) -> Samples:
    return np.clip(samples * 10 ** (gain_db / 20), -1, 32767 / 32768)


def pcm(samples: Samples) -> np.ndarray:
    """As a WAV file of 16 bits keeps it."""
    return np.clip(np.round(samples * 32768), -32768, 32767).astype(np.int16)
