"""What a caller's ear makes of an announcement: level, clipping, silences, and how well it is understood.

Samples in, figures out; what the figures mean is decided in `verdicts`. All of it is arithmetic on the samples alone,
so that a finding can be repeated by anybody with any other tool.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from .intelligibility import P56_MARGIN_DB, understood

Samples = npt.NDArray[np.float64]

FULL_SCALE: Final = 32768.0
FRAME_MS: Final = 10

# The end of speech. A criterion that errs must err towards "later": too late costs the caller's first syllables in
# the recording, too early would store what was said before they had heard everything. The weakest sounds that
# words end in (f, th, s) lie about 30 dB below the loudest vowels; 45 dB leaves a margin of 15. The floor is what
# 16-bit dither and mu-law's smallest steps make of silence: below it there is nothing to hear on any line.
BELOW_LOUDEST_DB: Final = 45.0
SILENCE_DBFS: Final = -66.0

CEILING: Final = 32124 / FULL_SCALE
"""The largest that G.711's mu-law can say (A-law: 32256): a file that once was mu-law is clipped there."""
CLIPPED_RUN: Final = 3
"""One sample at the ceiling may be a peak that fits exactly; three in a row are a peak that was cut off."""
FLAT: Final = 3 / FULL_SCALE
"""So much dither and a change of gain make of a flat top. No round peak of speech lies within it for three samples."""
LEAST_CEILING: Final = 0.01
"""Where everything is as small as the dither, everything is flat."""

P56_SECONDS: Final = 0.03
P56_HANGOVER_SECONDS: Final = 0.2
_STEP_MS: Final = 5


@dataclass(frozen=True, slots=True)
class Heard:
    """The figures of one file; a span is the number of its first sample and that of the first one after it."""

    rate_hz: int
    samples: int
    lead_ms: int
    tail_ms: int
    spoken_end_ms: int
    sound_ms: int
    loudest_dbfs: float
    level_dbfs: float
    dc_percent: float
    clipped: tuple[tuple[int, int], ...]
    clipped_percent: float
    intelligibility: float
    above_noise_db: float

    @property
    def duration_ms(self) -> int:
        """The file's length, rounded up to a whole millisecond."""
        return -(-self.samples * 1000 // self.rate_hz)


def levels_dbfs(samples: Samples, rate_hz: int) -> Samples:
    """Return the level of each 10 ms, without its constant part: an offset of the sound card is no sound."""
    length = max(1, rate_hz * FRAME_MS // 1000)
    frames = np.pad(samples, (0, -len(samples) % length), mode="edge").reshape(-1, length)
    power = np.mean((frames - frames.mean(axis=1, keepdims=True)) ** 2, axis=1)
    levels: Samples = 10 * np.log10(np.maximum(power, 1e-18))
    return levels


def speech_frames(levels: Samples) -> npt.NDArray[np.bool_]:
    """Tell which of the 10 ms hold something to hear."""
    return np.asarray(levels > max(float(levels.max()) - BELOW_LOUDEST_DB, SILENCE_DBFS))


def active_level_dbfs(samples: Samples, rate_hz: int) -> float:
    """Return the level of the speech without its pauses: the active speech level of ITU-T P.56, method B.

    The envelope (two exponential averages of 30 ms), the hangover of 200 ms and the margin of 15.9 dB are the
    Recommendation's; simplified are the envelope's grid of 5 ms and the threshold's of 0.5 dB (where P.56 interpolates
    between steps of 6 dB), and of its band filter only the constant part is taken out. -100 is silence.
    """
    signal = samples - samples.mean()
    length = max(1, rate_hz * _STEP_MS // 1000)
    steps = np.abs(np.pad(signal, (0, -len(signal) % length))).reshape(-1, length).mean(axis=1)
    keep = float(np.exp(-_STEP_MS / 1000 / P56_SECONDS))
    first = second = 0.0
    envelope = np.empty(len(steps))
    for index, step in enumerate(steps.tolist()):
        first = keep * first + (1 - keep) * step
        second = keep * second + (1 - keep) * first
        envelope[index] = second
    energy = float(np.sum(signal**2))
    hangover = round(P56_HANGOVER_SECONDS * 1000 / _STEP_MS)
    for threshold_dbfs in np.arange(-90.0, 0.0, 0.5).tolist():
        above = envelope >= 10 ** (threshold_dbfs / 20)
        counted = np.concatenate(([0], np.cumsum(above)))
        since = np.maximum(np.arange(1, len(above) + 1) - hangover, 0)
        active = int(np.count_nonzero(counted[1:] - counted[since])) * length
        if not active:
            break
        level = 10 * float(np.log10(max(energy / active, 1e-10)))
        if level - threshold_dbfs <= P56_MARGIN_DB:
            return level
    return -100.0


def clipped_spans(samples: Samples) -> tuple[tuple[int, int], ...]:
    """Return where at least three samples in a row lie at full scale, or at the file's own largest or smallest sample.

    The latter is what was clipped and turned down afterwards: it sounds as it did before.
    """
    top, bottom = max(float(samples.max()), LEAST_CEILING), min(float(samples.min()), -LEAST_CEILING)
    sides = (samples >= min(top - FLAT, CEILING), samples <= max(bottom + FLAT, -CEILING))
    found: list[tuple[int, int]] = []
    for side in sides:
        edges = np.flatnonzero(np.diff(np.concatenate(([0], side.astype(np.int8), [0]))))
        found += [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True) if b - a >= CLIPPED_RUN]
    return tuple(sorted(found))


def _length(spans: Sequence[tuple[int, int]]) -> int:
    return sum(end - start for start, end in spans)


def hear(samples: Samples, rate_hz: int) -> Heard:
    """Measure a whole file; it must hold at least one sample."""
    levels = levels_dbfs(samples, rate_hz)
    heard = np.flatnonzero(speech_frames(levels))
    start_ms, end_ms = (int(heard[0]) * FRAME_MS, (int(heard[-1]) + 1) * FRAME_MS) if len(heard) else (0, 0)
    start, end = start_ms * rate_hz // 1000, end_ms * rate_hz // 1000
    spoken = samples[start:end] if end > start else samples[:1]
    clipped = clipped_spans(samples)
    level = active_level_dbfs(samples, rate_hz)
    clear = understood(spoken - spoken.mean(), rate_hz, level)
    return Heard(
        rate_hz=rate_hz,
        samples=len(samples),
        lead_ms=start_ms,
        tail_ms=max(len(samples) * 1000 // rate_hz - end_ms, 0),
        spoken_end_ms=end_ms,
        sound_ms=len(heard) * FRAME_MS,
        loudest_dbfs=float(levels.max()),
        level_dbfs=level,
        dc_percent=100 * float(samples.mean()),
        clipped=clipped,
        clipped_percent=100 * _length(clipped) / len(spoken),
        intelligibility=clear.index,
        above_noise_db=clear.above_noise_db,
    )
