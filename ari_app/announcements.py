"""Announcements: judged, measured, and copied to where nobody but us can change them.

What is played must be what was hashed, and where its speech ends must be known: a caller has been told when they
have heard that end, not when the file is over. A file that cannot serve silences its own line with an alarm;
the gate and all other lines start all the same.
"""

import contextlib
import hashlib
import io
import stat
import wave
from dataclasses import dataclass
from pathlib import Path
from shlex import quote

import numpy as np
import numpy.typing as npt

from .config import AnnouncementFile, Config
from .core.policy import Announcement
from .durable import replace
from .errors import SpoolError
from .layout import Layout

RATE_HZ = 8000
HEADER_BYTES = 44
BYTES_PER_SAMPLE = 2
# Nobody writes a copy after it was made, its owner neither; the folder's group is Asterisk's as well.
COPY_MODE = 0o444
FOLDER_MODE = 0o2750
MAX_SECONDS = 180
FRAME_MS = 10
FRAME_SAMPLES = RATE_HZ * FRAME_MS // 1000
FULL_SCALE = 32768.0

# Too quiet: speech on the telephone lies near -20 dBFS. A file whose loudest 10 ms stay 20 dB below that is lost in
# the noise of a ward or a car.
AUDIBLE_DBFS = -40.0
# The end of speech. A criterion that errs must err towards "later": too late costs the caller's first syllables in
# the recording, too early would store what was said before they had heard everything. The weakest sounds that
# words end in (f, th, s) lie about 30 dB below the loudest vowels; 45 dB leaves a margin of 15. The floor is what
# 16-bit dither and mu-law's smallest steps make of silence: below it there is nothing to hear on any line.
BELOW_LOUDEST_DB = 45.0
SILENCE_DBFS = -66.0
MIN_SPEECH_MS = 300
MIN_TAIL_MS, MAX_TAIL_MS = 400, 1000

SOX = "sox {file} -r 8000 -c 1 -b 16 -e signed-integer new.wav"
TRIM_SOX = "sox {file} new.wav reverse silence 1 0.02 0.3% reverse pad 0 0.6"


@dataclass(frozen=True, slots=True)
class Problem:
    """Why an announcement cannot be used, and what to do about it."""

    problem: str
    hint: str = ""

    def __str__(self) -> str:
        return self.problem + (f": {self.hint}" if self.hint else "")


class _UnusableError(Exception):
    def __init__(self, problem: str, hint: str = "") -> None:
        super().__init__(problem)
        self.problem = Problem(problem, hint)


@dataclass(frozen=True, slots=True)
class Measure:
    """What the samples say: how many, and when their speech ends."""

    samples: int
    spoken_end_ms: int
    loudest_dbfs: float


def _levels_dbfs(samples: npt.NDArray[np.int16]) -> npt.NDArray[np.float64]:
    """Return the level of each 10 ms, without its constant part: an offset of the sound card is no sound."""
    missing = -len(samples) % FRAME_SAMPLES
    frames = np.pad(samples.astype(np.float64), (0, missing), mode="edge").reshape(-1, FRAME_SAMPLES)
    power = np.mean((frames - frames.mean(axis=1, keepdims=True)) ** 2, axis=1)
    levels: npt.NDArray[np.float64] = 10 * np.log10(np.maximum(power, 1e-9) / FULL_SCALE**2)
    return levels


def measure(content: bytes, name: str) -> Measure:
    """Judge the bytes of a WAV file. `name` stands in the hints. Raises with problem and hint if it cannot serve."""
    if not content:
        raise _UnusableError("is empty (0 bytes)", "put the recording there")
    convert = SOX.format(file=quote(name))
    try:
        with wave.open(io.BytesIO(content)) as file:
            form = (file.getframerate(), file.getnchannels(), file.getsampwidth() * 8)
            claimed, raw = file.getnframes(), file.readframes(MAX_SECONDS * RATE_HZ + 1)
    except (wave.Error, EOFError, RuntimeError) as error:
        raise _UnusableError(f"is not a PCM WAV file ({error or 'it ends in its header'})", convert) from None
    if form != (RATE_HZ, 1, 16):
        rate, channels, bits = form
        found = f"has {rate} Hz, {channels} channel{'s' if channels > 1 else ''}, {bits} bits"
        raise _UnusableError(f"{found}; the telephone needs 8000 Hz, 1 channel, 16 bits", convert)
    if claimed > MAX_SECONDS * RATE_HZ:
        raise _UnusableError(f"lasts longer than {MAX_SECONDS} s", "nobody listens that long: shorten it")
    samples = np.frombuffer(raw[: len(raw) // 2 * 2], dtype="<i2")
    if len(samples) != claimed:
        raise _UnusableError(f"is cut short: {len(samples)} of {claimed} samples are there", "copy it again")
    if len(content) != HEADER_BYTES + len(raw):
        # Asterisk's reader seeks and measures from byte 44; with a longer header or chunks after the samples, what
        # is played would not be what was measured here.
        raise _UnusableError("holds more than a plain header and its samples", convert)
    return _judged(samples, name)


def _judged(samples: npt.NDArray[np.int16], name: str) -> Measure:
    levels = _levels_dbfs(samples) if len(samples) else np.array([-np.inf])
    loudest = float(levels.max())
    if loudest < AUDIBLE_DBFS:
        raise _UnusableError(f"is silent: its loudest moment has {loudest:.0f} dBFS", "record it again, or raise it")
    speech = levels > max(loudest - BELOW_LOUDEST_DB, SILENCE_DBFS)
    if (spoken := int(speech.sum()) * FRAME_MS) < MIN_SPEECH_MS:
        raise _UnusableError(f"holds only {spoken} ms of sound", "it must say something")
    spoken_end_ms = (int(np.flatnonzero(speech)[-1]) + 1) * FRAME_MS
    tail_ms = len(samples) * 1000 // RATE_HZ - spoken_end_ms
    if not MIN_TAIL_MS <= tail_ms <= MAX_TAIL_MS:
        found = f"ends with {max(tail_ms, 0)} ms of silence; {MIN_TAIL_MS} to {MAX_TAIL_MS} ms are needed"
        raise _UnusableError(found, TRIM_SOX.format(file=quote(name)))
    return Measure(len(samples), spoken_end_ms, loudest)


def _content(file: Path) -> bytes:
    limit = HEADER_BYTES + MAX_SECONDS * RATE_HZ * BYTES_PER_SAMPLE * 8
    try:
        with file.open("rb") as stream:
            content = stream.read(limit + 1)
    except FileNotFoundError:
        raise _UnusableError("does not exist", "put it there, or correct the path") from None
    except OSError as error:
        raise _UnusableError(f"cannot be read: {error.strerror}", "the user of the gate must read it") from None
    if len(content) > limit:
        raise _UnusableError(f"is larger than {limit} bytes", SOX.format(file=quote(str(file))))
    return content


def _identity(copy: Path) -> tuple[int, int, int, int]:
    found = copy.stat(follow_symlinks=False)
    return (found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


def _is_intact(copy: Path, content: bytes) -> bool:
    """Tell whether this very content is there already, as a plain file of the right rights.

    Then the file stays: a second start must not change the inode under a gate that is still playing it.
    """
    try:
        found = copy.stat(follow_symlinks=False)
        right = stat.S_ISREG(found.st_mode) and stat.S_IMODE(found.st_mode) == COPY_MODE
        return right and copy.read_bytes() == content
    except OSError:
        return False


def _copy(content: bytes, layout: Layout) -> tuple[Path, str]:
    sha256 = hashlib.sha256(content).hexdigest()
    copy = layout.announcements / f"{sha256}.wav"
    strangers = sorted(path.name for path in layout.announcements.glob(f"{sha256}.*") if path != copy)
    if strangers:
        # Of two formats of one stem Asterisk plays the one that is cheaper for the call: not what was hashed.
        raise _UnusableError(f"has a second file beside its copy: {strangers[0]}", f"remove it from {copy.parent}")
    if not _is_intact(copy, content):
        try:
            replace(copy, content, mode=COPY_MODE)
        except OSError as error:
            raise _UnusableError(f"cannot be copied to {copy.parent}: {error.strerror}", "see to the spool") from None
    return copy, sha256


def prepare_one(name: str, announcement: AnnouncementFile, layout: Layout) -> Announcement | Problem:
    """Judge, measure and copy one announcement, or say why it cannot serve."""
    try:
        content = _content(announcement.file)
        measured = measure(content, str(announcement.file))
        copy, sha256 = _copy(content, layout)
        identity = _identity(copy)
    except _UnusableError as error:
        return Problem(f"{announcement.file} {error.problem.problem}", error.problem.hint)
    except OSError as error:
        return Problem(f"{announcement.file}: its copy is gone again: {error.strerror}", "see who writes to the spool")
    return Announcement(
        name=name,
        language=announcement.language,
        text=announcement.text,
        sha256=sha256,
        path=str(copy),
        samples=measured.samples,
        rate_hz=RATE_HZ,
        spoken_end_ms=measured.spoken_end_ms,
        stat=identity,
    )


def prepare(config: Config, layout: Layout) -> dict[str, Announcement | Problem]:
    """Copy every announcement into the spool; return each as it will be played, or what is wrong with it.

    Raises SpoolError if the spool has no place for them at all.
    """
    try:
        layout.announcements.mkdir(parents=True, exist_ok=True)
        # Only what we made or own can be given its rights; a folder made by the installer has them already.
        with contextlib.suppress(PermissionError):
            layout.announcements.chmod(FOLDER_MODE)
    except OSError as error:
        raise SpoolError(
            "the folder of the announcements' copies cannot be made",
            on=str(layout.announcements),
            why=error.strerror or "",
            hint="the user of the gate must own the spool",
        ) from None
    return {name: prepare_one(name, file, layout) for name, file in config.announcements.items()}


def intact(announcement: Announcement) -> bool:
    """Tell whether the copy is still the file that was hashed: one stat, so that it can be asked around each play."""
    try:
        return _identity(Path(announcement.path)) == announcement.stat
    except OSError:
        return False
