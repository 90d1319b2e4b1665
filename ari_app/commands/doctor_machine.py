"""What `doctor` looks at on this machine: the spool's disk, its rights, clocks, the host's name, who keeps packets."""

import os
import socket
import stat
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Final

from ari_app import mounts
from ari_app.config import Config
from ari_app.core.names import MICROSECONDS, Instant
from ari_app.doctor.catalogue import Found, Grade
from ari_app.doctor.doors import door
from ari_app.layout import Layout

WRITES: Final = 20
SLOW_SECONDS: Final = 0.02
TOO_SLOW_SECONDS: Final = 0.25
"""The journal is written while the announcement plays; what is slower than this delays a recording, or loses it."""

NAME_SECONDS: Final = 0.1
MOST_NAME_SECONDS: Final = 5.0
CLOCK_SECONDS: Final = 2.0
WRONG_CLOCK_SECONDS: Final = 60.0
PACKET_KEEPERS: Final = frozenset(
    {"tcpdump", "dumpcap", "tshark", "wireshark", "sngrep", "voipmonitor", "netsniff-ng", "pcapsipdump", "rtpbreak"}
)
_SHARED: Final = ("audio", "fallback")


def spool(config: Config, temporary: Path | None = None) -> Iterator[Found]:
    """Look at the spool's file system, try how fast it is, and compare the folders' rights with what they must be.

    temporary: where to try the speed, if not in the spool itself.
    """
    path = config.spool.path
    if not path.is_dir():
        return  # said already by what `check` looks at
    mount = mounts.mount_of(os.path.realpath(path), _text(mounts.MOUNTS))
    if mount is not None:
        yield Found("spool-filesystem", str(path), f"lies on {mount.point} ({mount.kind})")
    yield _speed(temporary or path)
    yield from _rights(Layout(path))


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _speed(folder: Path) -> Found:
    subject = f"fsync in {folder}"
    try:
        # A file without a name: nothing is left behind, whatever happens.
        with tempfile.TemporaryFile(dir=folder, prefix=".doctor-") as file:
            took = []
            for _ in range(WRITES):
                began = time.monotonic()
                file.write(b"x" * 512)
                file.flush()
                os.fdatasync(file.fileno())
                took.append(time.monotonic() - began)
    except OSError as error:
        why = "how fast evidence reaches the disk is not known"
        mend = "run this as the gate's user"
        return Found("spool-speed", subject, f"could not be tried: {error.strerror}", Grade.UNKNOWN, why, mend)
    middle, worst = median(took), max(took)
    seen = f"{middle * 1000:.1f} ms, at most {worst * 1000:.1f} ms"
    if middle <= SLOW_SECONDS:
        return Found("spool-speed", subject, seen)
    grade = Grade.WRONG if middle > TOO_SLOW_SECONDS else Grade.WARNING
    why = "evidence is on the disk before a recording begins: so much later it begins, and more under load"
    return Found("spool-speed", subject, seen, grade, why, "put the spool on an SSD of its own")


def _rights(layout: Layout) -> Iterator[Found]:
    wrong = 0
    for name in _SHARED:
        folder = layout.root / name
        mode = _mode(folder)
        if mode is not None and mode & 0o2770 != 0o2770:  # noqa: PLR2004 - as DESIGN §5 has it
            wrong += 1
            why = "Asterisk and ship write and read there as one group; without the bit they lose each other's files"
            yield _right(folder, mode, why, f"chmod 2770 {folder}")
    quarantine = _mode(layout.quarantine)
    if quarantine is not None and quarantine & 0o077:
        wrong += 1
        why = "what nobody permitted lies there, and only whoever decides about it may read it"
        yield _right(layout.quarantine, quarantine, why, f"chmod 0700 {layout.quarantine}")
    for folder in (layout.audio, layout.announcements):
        mode = _mode(folder)
        if mode is not None and not mode & 0o050 and folder.stat().st_uid == os.geteuid():
            wrong += 1
            why = "Asterisk must be able to read there"
            yield _right(folder, mode, why, f"chmod g+rx {folder}")
    if not wrong:
        yield Found("spool-rights", str(layout.root), "owners and modes as they must be")


def _right(folder: Path, mode: int, why: str, mend: str) -> Found:
    return Found("spool-rights", str(folder), f"has mode {mode:04o}", Grade.WRONG, why, mend)


def _mode(folder: Path) -> int | None:
    try:
        return stat.S_IMODE(folder.stat().st_mode)
    except OSError:
        return None


def host_name(seconds: float = MOST_NAME_SECONDS) -> Found:
    """Look the machine's own name up, as Asterisk does for each call."""
    name = socket.gethostname()
    answer: list[OSError | None] = []

    def ask() -> None:
        try:
            socket.getaddrinfo(name, 5060)
            answer.append(None)
        except OSError as error:
            answer.append(error)

    began = time.monotonic()
    # A resolver cannot be told to stop: who waits for it must not be the process.
    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(seconds)
    took = time.monotonic() - began
    why = "Asterisk looks its machine's own name up for each call, and every call waits for it"
    mend = f"write the name into /etc/hosts: 127.0.1.1 {name}"
    if not answer:
        return Found("host-name", name, f"no answer within {seconds:.0f} s", Grade.WRONG, why, mend)
    if answer[0] is not None:
        seen = f"cannot be looked up ({took:.2f} s): {answer[0].strerror}"
        return Found("host-name", name, seen, Grade.WRONG if took > NAME_SECONDS else Grade.WARNING, why, mend)
    grade = Grade.WRONG if took > 1 else Grade.WARNING if took > NAME_SECONDS else Grade.GOOD
    good = grade is Grade.GOOD
    return Found(
        "host-name", name, f"looked up in {took * 1000:.0f} ms", grade, "" if good else why, "" if good else mend
    )


def clock(ahead: dict[str, float]) -> Iterator[Found]:
    """Compare this machine's clock with those of the others. ahead: by how many seconds each is ahead of ours."""
    why = "evidence, permits, locks and S3's signatures all carry a time, and two clocks must mean the same by it"
    wrong = [name for name, seconds in ahead.items() if abs(seconds) > WRONG_CLOCK_SECONDS]
    for name, seconds in ahead.items():
        size = abs(seconds)
        if size <= CLOCK_SECONDS:
            yield Found("clock", name, f"agrees with this machine's within {max(size, 0.01):.2f} s")
            continue
        seen = f"is {_span(size)} {'ahead of' if seconds > 0 else 'behind'} this machine's"
        grade = Grade.WRONG if size > WRONG_CLOCK_SECONDS else Grade.WARNING
        together = len(wrong) > 1 and _agree([ahead[one] for one in wrong])
        mend = "set this machine's clock: the others agree with each other" if together else f"set the clock of {name}"
        yield Found("clock", name, seen, grade, why, f"{mend} (timedatectl set-ntp true, chrony)")


def _agree(seconds: list[float]) -> bool:
    return max(seconds) - min(seconds) < WRONG_CLOCK_SECONDS


def _span(seconds: float) -> str:
    if seconds >= 5400:  # noqa: PLR2004 - an hour and a half
        return f"{seconds / 3600:.1f} h"
    return f"{seconds / 60:.0f} min" if seconds >= 120 else f"{seconds:.1f} s"  # noqa: PLR2004 - two minutes


def seconds_ahead(theirs: Instant, before: Instant, after: Instant) -> float:
    """Return by how much a clock is ahead that was asked between two instants of ours."""
    return (theirs - (before + after) / 2) / MICROSECONDS


def packets(processes: Path = Path("/proc")) -> Iterator[Found]:
    """Find programs on this machine that keep packets."""
    for entry in sorted(processes.glob("[0-9]*/comm")):
        name = _text(entry).strip()
        if name in PACKET_KEEPERS:
            seen = f"process {entry.parent.name} keeps packets"
            yield door("door-packet-capture", name, seen, guarded=False)
