"""What a telephone says, in frames of 20 ms of mu-law.

A voice keeps no position: the call counts its frames, so one voice may speak in many calls at once, and what was said
can be computed again afterwards. A telephone whose voice is `None` is muted and sends no RTP at all."""

import wave
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final, Protocol

import numpy as np

from .mulaw import RATE, SILENCE_BYTE, Pcm, decode, encode

FRAME_SAMPLES: Final = 160
_BLOCK_FRAMES: Final = 100
_SILENT_FRAME: Final = bytes([SILENCE_BYTE]) * FRAME_SAMPLES

# Without both zeros: a zero in a stored file is then always silence that Asterisk inserted, never something that was
# said. Without 0x00: Asterisk encodes its value as 0x02, so it would not survive a path that decodes and encodes again.
_NOISE_CODES: Final = np.array([code for code in range(256) if code not in {0x00, 0x7F, 0xFF}], dtype=np.uint8)


class VoiceError(ValueError):
    """A sound file cannot be spoken; the message says why and what to do."""


class Voice(Protocol):
    """Something that can be said."""

    def frame(self, index: int) -> bytes:
        """The 160 mu-law bytes of the frame `index`, counted from where this voice began in the call."""
        ...


@lru_cache(maxsize=512)
def _noise_block(seed: int, block: int) -> bytes:
    draw = np.random.default_rng([seed, block]).integers(0, len(_NOISE_CODES), _BLOCK_FRAMES * FRAME_SAMPLES)
    return _NOISE_CODES[draw].tobytes()


@dataclass(frozen=True, slots=True)
class Noise:
    """Noise without end in which every eight samples in a row are unique, so that any piece of it tells who said it and
    when.
    """

    seed: int

    def frame(self, index: int) -> bytes:
        """The 160 mu-law bytes of frame `index`."""
        block, place = divmod(index, _BLOCK_FRAMES)
        return _noise_block(self.seed, block)[place * FRAME_SAMPLES : (place + 1) * FRAME_SAMPLES]

    def pcm(self, samples: int) -> Pcm:
        """The first `samples` samples as Asterisk would store them."""
        blocks = -(-samples // (_BLOCK_FRAMES * FRAME_SAMPLES))
        return decode(b"".join(_noise_block(self.seed, block) for block in range(blocks)))[:samples]


@dataclass(frozen=True, slots=True)
class Silence:
    """A telephone that sends RTP in which nothing is said."""

    def frame(self, index: int) -> bytes:
        """The same silent frame, whatever `index`."""
        del index
        return _SILENT_FRAME


@dataclass(frozen=True, slots=True)
class Sound:
    """Mu-law said once and followed by silence, or over and over with `repeat`."""

    mulaw: bytes
    repeat: bool = False

    def frame(self, index: int) -> bytes:
        """The 160 mu-law bytes of frame `index`, filled up with silence where the sound ends."""
        start = index * FRAME_SAMPLES
        if self.repeat:
            start %= -(-len(self.mulaw) // FRAME_SAMPLES) * FRAME_SAMPLES
        piece = self.mulaw[start : start + FRAME_SAMPLES]
        return piece if len(piece) == FRAME_SAMPLES else piece + _SILENT_FRAME[len(piece) :]

    @property
    def seconds(self) -> float:
        """How long it takes to say it once."""
        return len(self.mulaw) / RATE


def read_wav(path: Path) -> Pcm:
    """Samples of a WAV file in 8 kHz, 16 bit, one channel; `VoiceError` for any other file."""
    try:
        with wave.open(str(path), "rb") as file:
            shape = (file.getframerate(), file.getsampwidth(), file.getnchannels())
            frames = file.readframes(file.getnframes())
    except (OSError, EOFError, wave.Error) as error:
        message = f"cannot read the sound file {path}: {error}; give a WAV file with 8000 Hz, 16 bit, one channel"
        raise VoiceError(message) from error
    if shape != (RATE, 2, 1):
        message = (
            f"cannot speak {path}: it has {shape[0]} Hz, {shape[1] * 8} bit, {shape[2]} channel(s), but a telephone of "
            f"ours needs 8000 Hz, 16 bit, one channel; convert it with: sox IN.wav -r 8000 -c 1 -b 16 OUT.wav"
        )
        raise VoiceError(message)
    return np.frombuffer(frames, dtype="<i2").astype(np.int16)


def wav(path: Path, *, repeat: bool = False) -> Sound:
    """The voice that speaks a WAV file (8 kHz, 16 bit, one channel)."""
    samples = read_wav(path)
    if not len(samples):
        message = f"cannot speak {path}: it has no samples; give a WAV file with something in it"
        raise VoiceError(message)
    return Sound(encode(samples).tobytes(), repeat=repeat)


#: A voice, none (muted), or a function that mints one for each call.
VoiceSource = Voice | None | Callable[[], Voice | None]


def voice_of(source: VoiceSource) -> Voice | None:
    """The voice to use for one call."""
    return source() if callable(source) else source
