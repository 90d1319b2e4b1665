"""Is there a sound on each channel of what is stored: every object is fetched and listened to, as far as needed."""

import tempfile
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import soundfile as sf

from ari_app.errors import NotThereError
from ari_app.inspection import Inspection, each

SOUND_DBFS = -60.0
"""A tenth of a second that is louder holds a sound. An idle line has about -68 dBFS (-65 dBm0p, ITU-T G.712), the one
step of G.711 that a silent telephone may flicker by has -72; a quiet room through a handset has more than -50."""

WINDOW_MS = 100
_BLOCK_WINDOWS = 80
_IN_MEMORY_BYTES = 4 << 20
_FULL_SCALE = 32768


def loud(samples: npt.NDArray[np.int16], window: int) -> npt.NDArray[np.bool_]:
    """Tell for each channel (column) whether any whole window of it, or what there is of one, holds a sound."""
    if not len(samples):
        return np.zeros(samples.shape[1], dtype=bool)
    starts = np.arange(0, len(samples), window)
    power = np.add.reduceat(np.square(samples.astype(np.float64)), starts, axis=0)
    lengths = np.diff(np.append(starts, len(samples)))[:, np.newaxis]
    threshold = np.square(_FULL_SCALE * 10 ** (SOUND_DBFS / 20))
    return np.asarray((power / lengths > threshold).any(axis=0))


def heard(inspection: Inspection, key: str) -> tuple[bool, ...] | None:
    """Return for each channel of an object whether it holds a sound; None if nobody can listen to it.

    Raises UnreachableError. It stops when there is a sound on every channel, which is soon in almost every call.
    """
    with tempfile.SpooledTemporaryFile(_IN_MEMORY_BYTES) as content:

        def fetch() -> None:
            content.seek(0)
            content.truncate()
            for chunk in inspection.archive.read(key):
                content.write(chunk)

        try:
            inspection.patience.bear(fetch)
        except NotThereError:
            return None
        content.seek(0)
        try:
            with sf.SoundFile(content) as sound:
                window = sound.samplerate * WINDOW_MS // 1000
                found = np.zeros(sound.channels, dtype=bool)
                while not found.all():
                    block = sound.read(window * _BLOCK_WINDOWS, dtype="int16", always_2d=True)
                    if not len(block):
                        break
                    found |= loud(block, window)
        except sf.LibsndfileError:
            return None
        return tuple(bool(one) for one in found)


def listen(inspection: Inspection, keys: Iterator[str]) -> Iterator[tuple[str, tuple[bool, ...] | None]]:
    """Yield each object with what is heard in it, several at once. Raises UnreachableError."""

    def look(key: str) -> tuple[str, tuple[bool, ...] | None]:
        return key, heard(inspection, key)

    yield from each(inspection, keys, look)
