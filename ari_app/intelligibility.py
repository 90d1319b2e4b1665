"""How well an announcement can be understood, judged without another copy of it to compare with: 0 to 1.

It is the Speech Intelligibility Index of ANSI S3.5-1997 (one-third octave bands, importance for average speech) with
what the file itself tells: speech from its loud moments, noise from its quiet ones. Of the standard's refinements
neither the spread of masking nor the distortion of very loud speech is here; both matter little beside what is asked:
whether a caller could have understood it at all. The standard calls less than 0.45 a poor channel, more than 0.75 a
good one; what a telephone carries is worth 0.78 at best. Of connected sentences 0.45 lets listeners with normal hearing
get 90 %, 0.35 gets 74 %, 0.25 gets 45 % (Sherbecoe and Studebaker, Ear and Hearing, 2003).

The listener counts too: they hold a telephone in a room, and rooms are not silent. A clean prompt that is too quiet
is lost in that room, and so is the upper half of one whose high tones are weak.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.float64]

BANDS_HZ: Final = np.array([315, 400, 500, 630, 800, 1000, 1250, 1600, 2000, 2500, 3150], dtype=np.float64)
IMPORTANCE: Final = np.array([289, 440, 578, 653, 711, 818, 844, 882, 898, 868, 844], dtype=np.float64) / 10_000
"""ANSI S3.5-1997, table 3, for the bands that telephones carry (300 to 3400 Hz, ITU-T G.712)."""

NOMINAL_DBFS: Final = -26.0
NOMINAL_DB_SPL: Final = 79.0
"""Speech of nominal level arrives at the ear with 79 dB SPL: the listening level of telephone tests (ITU-T P.830)."""
ROOM_DB_A: Final = 60.0
"""A ward by day, a street from indoors. Telephone tests' own room has 50 (ITU-T P.800): a patient's is not so quiet."""
ROOM_DB_PER_OCTAVE: Final = -5.0
"""How the noise of rooms falls with frequency (Hoth, Journal of the Acoustical Society of America 12, 1941)."""

FRAME_SECONDS: Final = 0.032
QUIET_SHARE: Final = 0.1
"""So much of any speech is pauses and the closures of p, t, k; with noise in the file, that is all there is then."""
P56_MARGIN_DB: Final = 15.9
"""What is further below the active speech level is no speech (ITU-T P.56)."""
NOTHING: Final = 1e-15
MOST_DB: Final = 60.0
EDGE: Final = 2 ** (1 / 6)
"""From a band's middle to its edge."""


def _a_weighting_db(hertz: Samples) -> Samples:
    """IEC 61672-1, annex E."""
    square = hertz**2
    upper = 12194.0**2 * square**2
    lower = (square + 20.6**2) * np.sqrt((square + 107.7**2) * (square + 737.9**2)) * (square + 12194.0**2)
    weighting: Samples = 20 * np.log10(upper / lower) + 2.0
    return weighting


def _room_power() -> Samples:
    """Return each band's power of the listener's room, as if it were in the file."""
    every = 1000 * 2 ** (np.arange(-10, 10) / 3)
    level = ROOM_DB_PER_OCTAVE * np.log2(every / 1000) + 10 * np.log10(every * (EDGE - 1 / EDGE))
    whole = 10 * np.log10(np.sum(10 ** ((level + _a_weighting_db(every)) / 10)))
    here = ROOM_DB_PER_OCTAVE * np.log2(BANDS_HZ / 1000) + 10 * np.log10(BANDS_HZ * (EDGE - 1 / EDGE))
    in_file_db = here - whole + ROOM_DB_A - NOMINAL_DB_SPL + NOMINAL_DBFS
    power: Samples = 10 ** (in_file_db / 10)
    return power


ROOM_POWER: Final = _room_power()


def _band_powers(samples: Samples, rate_hz: int) -> Samples:
    """Return the mean square in each band (columns) of each frame (rows), half overlapping."""
    length = max(2, round(FRAME_SECONDS * rate_hz))
    padded = np.pad(samples, (0, max(0, length - len(samples))))
    frames = np.lib.stride_tricks.sliding_window_view(padded, length)[:: length // 2]
    window = np.hanning(length)
    spectrum = np.abs(np.fft.rfft(frames * window, axis=1)) ** 2
    # Parseval: a line of a one-sided spectrum stands for two.
    spectrum *= 2 / (length * np.sum(window**2))
    lines = np.fft.rfftfreq(length, 1 / rate_hz)
    inside = (lines[:, None] >= BANDS_HZ / EDGE) & (lines[:, None] < BANDS_HZ * EDGE)
    powers: Samples = spectrum @ inside.astype(np.float64)
    return powers


@dataclass(frozen=True, slots=True)
class Understood:
    """The index from 0 to 1, and the speech's distance from the noise in the file, at most 60 dB."""

    index: float
    above_noise_db: float


def understood(spoken: Samples, rate_hz: int, level_dbfs: float) -> Understood:
    """Judge what is spoken: samples from the first sound to the last, and their active level.

    The noise is what the quietest tenth holds: digital silence before and after the speech is not among it, because
    it would hide the noise between the words. Noise that never pauses counts as noise, whatever it was meant to be.
    """
    powers = _band_powers(spoken, rate_hz)
    whole = powers.sum(axis=1)
    quiet = powers[np.argsort(whole)[: max(1, round(len(whole) * QUIET_SHARE))]].mean(axis=0)
    least = min(10 ** ((level_dbfs - P56_MARGIN_DB) / 10), float(whole.max()))
    speech = np.maximum(powers[whole >= least].mean(axis=0) - quiet, NOTHING)
    audible = (10 * np.log10(speech / (quiet + ROOM_POWER)) + 15) / 30
    distance = 10 * float(np.log10(speech.sum() / max(float(quiet.sum()), NOTHING)))
    return Understood(float(np.sum(IMPORTANCE * np.clip(audible, 0, 1))), min(distance, MOST_DB))
