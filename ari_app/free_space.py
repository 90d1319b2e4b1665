"""Looks how much room the spool's file system has, and says aloud when that becomes too little, or enough again.

`statvfs` at an interval: it costs microseconds and never waits for a disk. What follows from it is the core's matter.
"""

import os
from contextlib import suppress

from . import log
from .config.units import size_text
from .core.free_space import Floor, Level, Space, judge
from .layout import Layout

LOOK_SECONDS = 1.0

_HINTS = {
    Level.LOW: "No new recording begins; calls go on, nothing is deleted. `consentgate spool list` says what waits, "
    "and why ship cannot make room; or enlarge the file system.",
    Level.SCARCE: "Recordings that ran are ended, calls go on, nothing is deleted. Make room now: nothing is recorded.",
}


def measure(layout: Layout) -> Space:
    """Return what is free for us. Raises OSError."""
    found = os.statvfs(layout.root)
    # Some file systems (btrfs) make inodes as they need them, and count none.
    files = found.f_favail if found.f_files else None
    return Space(found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize, files)


class FreeSpace:
    """What is known of the room in one spool. `level` is what was said last."""

    def __init__(self, layout: Layout, floor: Floor, process: str) -> None:
        self._layout, self.floor, self._log = layout, floor, log.get(process)
        self.level = Level.AMPLE
        self.space: Space | None = None
        """What was measured last."""

    def look(self) -> bool:
        """Measure, and say it if it has changed. Returns whether it has."""
        try:
            self.space = space = measure(self._layout)
        except OSError:
            # A spool that is gone altogether is told by whoever cannot write into it.
            return False
        before, self.level = self.level, judge(space, self.floor, self.level)
        if self.level is before:
            return False
        free, limit = size_text(space.free_bytes), size_text(self.floor.of(space.total_bytes))
        about = {"free": free, "stop_below_free": limit, "free_files": space.free_files}
        if self.level is Level.AMPLE:
            self._log.info("spool.has_room", **about)
        else:
            self._log.error(f"spool.{self.level.name.lower()}", **about, hint=_HINTS[self.level])
        return True


def leave_mark(layout: Layout, level: Level) -> None:
    """Let the scripts know whether there is room: whom they cannot record they tell nothing. Only the guard does."""
    # Where even this cannot be written, the keeper refuses what a script asks for.
    with suppress(OSError):
        if level is Level.AMPLE:
            layout.full.unlink(missing_ok=True)
        else:
            layout.full.touch(mode=0o640)
