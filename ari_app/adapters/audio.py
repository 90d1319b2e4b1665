"""Captured WAV files as Asterisk writes them, and the FLAC objects that are made from them.

Asterisk's `format_wav` writes 44 bytes of header, then 16-bit mono samples; the lengths in the header are 0
until the file is closed, and stay 0 for ever if Asterisk is killed. So the file's size tells its length, and
the header only whether it was closed.
"""

import os
import struct
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

import numpy as np
import soundfile as sf

from ari_app.core.names import Instant
from ari_app.core.recording import Silence, Wav
from ari_app.untrusted import open_plain

HEADER_BYTES = 44
BYTES_PER_SAMPLE = 2
FRAME_SAMPLES = 160
"""What MixMonitor writes at a time (app_mixmonitor.c, SAMPLES_PER_FRAME)."""
_HEADER = struct.Struct("<4sI4s4sIHHIIHH4sI")
_PCM, _MONO, _BITS = 1, 1, 16
_BLOCK_SAMPLES = 409 * FRAME_SAMPLES


class DamagedAudioError(ValueError):
    """The file is not what Asterisk writes for us."""


@dataclass(frozen=True, slots=True)
class Captured:
    """A captured file; `closed_by_header` is only a proof if True."""

    wav: Wav
    closed_by_header: bool

    def left(self, *, by_a_killed_one: bool) -> Wav:
        """Return it as whoever writes no more has left it. A header alone says nothing: that must be known."""
        return replace(self.wav, truncated=not self.closed_by_header and (self.wav.samples > 0 or by_a_killed_one))


@dataclass(frozen=True, slots=True)
class Lane:
    """What one channel of an object holds: samples [first, last) of the file, after `offset` of silence."""

    file: Path
    first: int
    last: int
    offset: int


def inspect(file: Path) -> Captured | None:
    """Return what is known of a captured file, or None if it never appeared. Raises DamagedAudioError."""
    try:
        stream = open_plain(file)
    except FileNotFoundError:
        return None
    with stream:
        header = stream.read(HEADER_BYTES)
        status = os.fstat(stream.fileno())
        samples = max(0, status.st_size - HEADER_BYTES) // BYTES_PER_SAMPLE
        silences = tuple(_silences(stream, samples))
    changed_at = Instant(status.st_mtime_ns // 1000)
    if len(header) < HEADER_BYTES:
        # Asterisk was killed in the moment of creation: nothing is in it.
        return Captured(Wav(0, 8000, changed_at), closed_by_header=False)
    riff, riff_size, wave, fmt, fmt_size, coding, channels, rate_hz, _, _, bits, data, size = _HEADER.unpack(header)
    shape = (riff, wave, fmt, data, fmt_size, coding, channels, bits)
    if shape != (b"RIFF", b"WAVE", b"fmt ", b"data", 16, _PCM, _MONO, _BITS) or rate_hz == 0:
        raise DamagedAudioError(f"{file.name} is not a 16-bit mono WAV as Asterisk writes it")
    # A closed file without sound has the same 44 bytes as one that has just been opened.
    closed = size > 0 and size + HEADER_BYTES == status.st_size and riff_size + 8 == status.st_size
    return Captured(Wav(samples, rate_hz, changed_at, silences), closed_by_header=closed)


def _silences(stream: BinaryIO, samples: int) -> Iterator[Silence]:
    """Yield where nothing sounds, by the frames that Asterisk writes; the stream stands behind its header."""
    begin: int | None = None
    for start in range(0, samples, _BLOCK_SAMPLES):
        raw = stream.read(min(_BLOCK_SAMPLES, samples - start) * BYTES_PER_SAMPLE)
        frames = np.frombuffer(raw, dtype="<i2", count=len(raw) // BYTES_PER_SAMPLE)
        frames = frames[: len(frames) // FRAME_SAMPLES * FRAME_SAMPLES].reshape(-1, FRAME_SAMPLES)
        quiet = ~frames.any(axis=1)
        for place in np.flatnonzero(np.diff(quiet, prepend=begin is not None)):
            at = start + int(place) * FRAME_SAMPLES
            if begin is None:
                begin = at
            else:
                yield begin, at
                begin = None
    if begin is not None:
        yield begin, samples // FRAME_SAMPLES * FRAME_SAMPLES


def write_flac(target: Path, rate_hz: int, samples: int, lanes: Sequence[Lane | None]) -> None:
    """Write an object: one channel per lane (None is silence), all of the same length, durable under its name.

    The same input always gives the same bytes: fixed blocks, no date, no tags. Everything that no lane names is
    silence. Memory does not grow with the length.
    """
    new = target.with_name(f".{target.name}.new")
    new.unlink(missing_ok=True)
    with ExitStack() as stack:
        sources = [lane and (lane, stack.enter_context(open_plain(lane.file))) for lane in lanes]
        descriptor = os.open(new, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        output = _Output(stack.enter_context(os.fdopen(descriptor, "w+b")))
        with output.told(), sf.SoundFile(output, "w", rate_hz, len(lanes), "PCM_16", format="FLAC") as flac:
            for begin in range(0, samples, _BLOCK_SAMPLES):
                block = np.zeros((min(_BLOCK_SAMPLES, samples - begin), len(lanes)), dtype="<i2")
                for channel, source in enumerate(sources):
                    if source:
                        _lay(block[:, channel], begin, *source)
                flac.write(block)
        output.flush()
        os.fsync(output.fileno())
    new.rename(target)


class _Output:
    """A file that libsndfile writes to through callbacks, by which no exception comes back.

    Of a full disk it would say nothing when it writes the header at the end, and only assert while it writes the sound:
    a FLAC that lacks something would be stored, and the sound here destroyed.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._trouble: OSError | None = None
        self.tell, self.read, self.flush, self.fileno = file.tell, file.read, file.flush, file.fileno

    def write(self, data: bytes) -> int:
        return self._kept(self._file.write, data)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        # What is buffered is written by this.
        return self._kept(self._file.seek, offset, whence)

    def _kept(self, work: Callable[..., int], *arguments: object) -> int:
        try:
            return work(*arguments)
        except OSError as failure:
            self._trouble = self._trouble or failure
            return 0

    @contextmanager
    def told(self) -> Iterator[None]:
        """Raise what went wrong on the disk, whatever libsndfile makes of it."""
        try:
            yield
        except (AssertionError, RuntimeError):
            if self._trouble is None:
                raise
        if self._trouble is not None:
            raise self._trouble


def _lay(column: "np.ndarray[tuple[int], np.dtype[np.int16]]", begin: int, lane: Lane, stream: BinaryIO) -> None:
    """Copy into the column, which begins at sample `begin` of the object, what the lane has there."""
    start = max(begin, lane.offset)
    end = min(begin + len(column), lane.offset + lane.last - lane.first)
    if end <= start:
        return
    stream.seek(HEADER_BYTES + (lane.first + start - lane.offset) * BYTES_PER_SAMPLE)
    raw = stream.read((end - start) * BYTES_PER_SAMPLE)
    if len(raw) != (end - start) * BYTES_PER_SAMPLE:
        raise DamagedAudioError(f"{lane.file.name} became shorter while it was read")
    column[start - begin : end - begin] = np.frombuffer(raw, dtype="<i2")
