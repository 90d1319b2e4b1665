"""A gate that hangs is ended, if the site has said so: its lock falls, and the gate that stands by takes over.

Hanging is not silence: with Asterisk away or the disk full a gate has no heartbeat, and lives. What it touches as long
as its event loop turns is its own lock file.
"""

import os
import signal
from contextlib import suppress
from typing import Final

from ari_app import log
from ari_app.layout import Layout

HUNG_TICKS: Final = 25
"""Of 0.2 s: five seconds. The gate itself calls a stream of Asterisk's dead after 2.5 s, its callers were let go after
1.2 s and reach it no more after 3 s: by now it is of no use to anybody. Counted in ticks of ours, so that a machine
that stood still does not make a hung gate of one that stood still with it."""

_log = log.get("guard")


class Hung:
    """Looks at the gate's lock file with every tick."""

    def __init__(self, layout: Layout) -> None:
        self._file = layout.lock("gate")
        self._seen = (0, b"")
        self._ticks = 0

    def tick(self) -> None:
        """Count how long it has given no sign, and end it when that is too long."""
        try:
            seen = self._file.stat().st_mtime_ns, self._file.read_bytes()
        except OSError:
            return
        pid, _, signs = seen[1].decode(errors="replace").strip().partition(" ")
        # One that starts or stops gives none, and may take its time.
        silent = seen == self._seen and signs == "signs" and pid.isdecimal()
        self._seen, self._ticks = seen, self._ticks + 1 if silent else 0
        if self._ticks == HUNG_TICKS:
            self._end(int(pid))

    def _end(self, pid: int) -> None:
        # By a handle on this very process: its number may be another's by the time the signal is sent.
        try:
            handle = os.pidfd_open(pid)
        except OSError:
            return
        try:
            if not self._held_by(pid):
                return
            signal.pidfd_send_signal(handle, signal.SIGKILL)
        except OSError as failure:
            _log.error("gate.not_ended", why=str(failure), hint="The guard must run as the gate's user.")
        else:
            _log.error("gate.ended", hint="It hung for 5 s. Its calls go on; a gate that stands by records them.")
        finally:
            os.close(handle)

    def _held_by(self, pid: int) -> bool:
        """Tell whether this process holds the lock, as the kernel says: what is written in the file may be old."""
        with suppress(OSError, ValueError), open("/proc/locks", encoding="ascii") as table:  # noqa: PTH123
            inode = str(self._file.stat().st_ino)
            for line in table:
                # 1: FLOCK  ADVISORY  WRITE 4711 08:01:131074 0 EOF; one that waits has an arrow before the kind.
                words = line.split()
                if words[1] == "FLOCK" and words[4] == str(pid) and words[5].rpartition(":")[2] == inode:
                    return True
        return False
