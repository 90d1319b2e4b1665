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

from .config import AnnouncementChecks, AnnouncementFile, Config
from .core.policy import Announcement
from .durable import replace
from .ear import FULL_SCALE, Heard, hear
from .errors import SpoolError
from .layout import Layout
from .verdicts import Remark, judge

RATE_HZ = 8000
HEADER_BYTES = 44
BYTES_PER_SAMPLE = 2
# Nobody writes a copy after it was made, its owner neither; the folder's group is Asterisk's as well.
COPY_MODE = 0o444
FOLDER_MODE = 0o2750
MAX_SECONDS = 180

# A file whose loudest 10 ms stay below this is silent; one that is merely too quiet is measured (`ear`) and judged
# by the site's own range (`verdicts`).
AUDIBLE_DBFS = -40.0
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


@dataclass(frozen=True, slots=True)
class Examined:
    """One file: its bytes, its figures if they could be taken, what is to be said of them, why it cannot serve."""

    content: bytes
    heard: Heard | None
    remarks: tuple[Remark, ...]
    problem: Problem | None


class _UnusableError(Exception):
    def __init__(self, problem: str, hint: str = "") -> None:
        super().__init__(problem)
        self.problem = Problem(problem, hint)


def measure(content: bytes, name: str) -> Heard:
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
    return _whole(samples, name)


def _whole(samples: npt.NDArray[np.int16], name: str) -> Heard:
    """Measure a whole file, and refuse what has no speech, or no end of it that could be known."""
    if not len(samples):
        raise _UnusableError("is silent: it holds no sample", "record it again")
    heard = hear(samples / FULL_SCALE, RATE_HZ)
    if heard.loudest_dbfs < AUDIBLE_DBFS:
        found = f"is silent: its loudest moment has {heard.loudest_dbfs:.0f} dBFS"
        raise _UnusableError(found, "record it again, or raise it")
    if heard.sound_ms < MIN_SPEECH_MS:
        raise _UnusableError(f"holds only {heard.sound_ms} ms of sound", "it must say something")
    if not MIN_TAIL_MS <= heard.tail_ms <= MAX_TAIL_MS:
        found = f"ends with {heard.tail_ms} ms of silence; {MIN_TAIL_MS} to {MAX_TAIL_MS} ms are needed"
        raise _UnusableError(found, TRIM_SOX.format(file=quote(name)))
    return heard


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


def examine(file: Path, checks: AnnouncementChecks) -> Examined:
    """Read, measure and judge one file as the gate does at its start, and keep all that was found out on the way."""
    content, heard = b"", None
    try:
        content = _content(file)
        heard = measure(content, str(file))
    except _UnusableError as error:
        return Examined(content, heard, (), Problem(f"{file} {error.problem.problem}", error.problem.hint))
    remarks = judge(heard, checks, str(file))
    problem = None
    if refusing := [remark for remark in remarks if remark.refuses]:
        found = ", and ".join(remark.problem for remark in refusing)
        problem = Problem(f"{file} {found}", refusing[0].hint)
    return Examined(content, heard, remarks, problem)


def prepare_one(
    name: str, announcement: AnnouncementFile, checks: AnnouncementChecks, layout: Layout
) -> Announcement | Problem:
    """Judge, measure and copy one announcement, or say why it cannot serve."""
    found = examine(announcement.file, checks)
    if found.problem or found.heard is None:
        return found.problem or Problem(f"{announcement.file} was not measured")
    content, measured = found.content, found.heard
    try:
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
    checks = config.announcement_checks
    return {name: prepare_one(name, file, checks, layout) for name, file in config.announcements.items()}


def intact(announcement: Announcement) -> bool:
    """Tell whether the copy is still the file that was hashed: one stat, so that it can be asked around each play."""
    try:
        return _identity(Path(announcement.path)) == announcement.stat
    except OSError:
        return False
