"""The gate as a service: what the service manager and the guard are told, and a second gate that waits its turn.

The lock file is the gate's own sign of life, beside the heartbeats, which need Asterisk: its event loop touches it as
long as it turns. The service manager is told the same (sd_notify, if NOTIFY_SOCKET is set).
"""

import asyncio
import fcntl
import os
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from . import announcements, config, mounts, systemd
from . import policy as policies
from .core.policy import Policy
from .errors import SpoolError
from .layout import Layout
from .systemd import notify

SIGN_SECONDS: Final = systemd.SIGN_SECONDS


class Lock:
    """The file that the one gate of a spool holds locked. The kernel lets go of it when the process ends."""

    def __init__(self, path: Path) -> None:
        """Open it, without asking for it. Raises OSError."""
        self._descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o640)

    def take(self, *, wait: bool = False) -> bool:
        """Hold it; tell whether it was free. With `wait` until it is, and nothing else happens in this thread."""
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            return False
        return True

    def say(self, *, signs: bool) -> None:
        """Write who holds it, and whether signs of life are to be expected: not while it starts or stops."""
        text = f"{os.getpid()} {'signs' if signs else 'no-signs'}\n".encode()
        with suppress(OSError):
            os.pwrite(self._descriptor, text, 0)
            os.ftruncate(self._descriptor, len(text))

    async def signs(self) -> None:
        """Give signs of life for as long as the event loop turns."""
        while True:
            # It needs no room on the disk.
            with suppress(OSError):
                os.utime(self._descriptor)
            notify(systemd.WATCHDOG)
            await asyncio.sleep(SIGN_SECONDS)

    def close(self) -> None:
        """Let go of it."""
        os.close(self._descriptor)


def somebody_waits(layout: Layout) -> bool:
    """Tell whether a gate stands by."""
    try:
        descriptor = os.open(layout.lock("gate-standby"), os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


async def turn(lock: Lock, layout: Layout, stopping: asyncio.Event) -> bool:
    """Stand by until the lock is free and ours (True), or until told to stop (False). Raises OSError."""
    loop = asyncio.get_running_loop()
    ours = asyncio.Event()
    # Of several that stand by one is next: who holds this second lock.
    place = Lock(layout.lock("gate-standby"))

    def wait() -> None:
        # A thread that nobody joins: what waits in the kernel for a lock cannot be told to stop.
        place.take(wait=True)
        lock.take(wait=True)
        place.close()
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(ours.set)

    threading.Thread(target=wait, name="standby", daemon=True).start()
    waiting = {asyncio.ensure_future(one.wait()) for one in (ours, stopping)}
    watched = asyncio.ensure_future(systemd.signs())
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (*waiting, watched):
            task.cancel()
    return ours.is_set() and not stopping.is_set()


Stamp = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Prepared:
    """All of a gate's start that can be done before it owns the spool, and from which files that came."""

    settings: config.Config
    layout: Layout
    rules: Policy
    stamps: dict[Path, Stamp | None]

    def current(self) -> bool:
        """Tell whether the files are still those, and the announcements' copies untouched."""
        sounds = [sound for line in self.rules.lines.values() for sound in line.announcements]
        sounds += [sound for line in self.rules.lines.values() for sound in line.outgoing_announcements]
        return self.stamps == _stamps(list(self.stamps)) and all(map(announcements.intact, sounds))


def prepare(config_path: Path) -> tuple[Prepared, Lock]:
    """Read the configuration, open the spool's lock, judge and copy the announcements, compile the rules.

    Raises ConsentgateError.
    """
    before = _stamps([config_path])
    settings = config.load(config_path)
    layout = Layout(settings.spool.path)
    mounts.refuse_unfit(layout.root)
    # First of all that is done to the spool: one that is not there must not be made.
    try:
        lock = Lock(layout.lock("gate"))
    except OSError as failure:
        hint = "Set spool.path to a folder that the user of the gate and ship owns"
        raise SpoolError("the spool cannot be used", on=str(layout.root), why=str(failure), hint=hint) from failure
    files = [value for _, section in settings for value in _files(section)]
    stamps = before | _stamps([*files, *(one.file for one in settings.announcements.values())])
    rules = policies.compile(settings, announcements.prepare(settings, layout))
    return Prepared(settings, layout, rules, stamps), lock


def _files(section: object) -> list[Path]:
    if not isinstance(section, config.Section):
        return []
    return [value for name, value in section if name.endswith("_file") and isinstance(value, Path)]


def _stamps(files: list[Path]) -> dict[Path, Stamp | None]:
    return {file: _stamp(file) for file in files}


def _stamp(file: Path) -> Stamp | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns
