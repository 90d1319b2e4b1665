"""The processes under systemd: begun, and at an upgrade begun anew one by one, so that calls are recorded meanwhile.

Ship and the guard first; then the gate that waits, which comes back with the new program; then the one that owns the
spool, whose calls the other takes over within a second.
"""

import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .errors import InstallError
from .places import Places
from .steps import run

SHIP, GUARD = "consentgate-ship.service", "consentgate-guard.service"
GATES = ("consentgate-gate@a.service", "consentgate-gate@b.service")
ALL = (*GATES, GUARD, SHIP)
"""What runs from the installation on; the timers are the site's to enable."""


def pid_of(unit: str) -> int:
    """Return a unit's main process; 0 while it does not run."""
    return int(run(["systemctl", "show", "--property", "MainPID", "--value", unit]).strip() or 0)


def command_of(pid: int) -> str:
    """Return the command line of a process; empty if it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def outdated(places: Places, release: str, pids: dict[str, int], command: Callable[[int], str]) -> list[str]:
    """Return the units that run another release's program, in the order in which they are begun anew."""
    old = {unit for unit, pid in pids.items() if pid and f"{places.releases}/{release}/" not in command(pid)}
    owner = _owner(places)
    gates = sorted(GATES, key=lambda unit: pids.get(unit) == owner)
    return [unit for unit in (SHIP, GUARD, *gates) if unit in old]


def _owner(places: Places) -> int:
    """Return the pid of the gate that owns the spool; 0 if none does."""
    try:
        found = re.match(r"\d+", (places.spool / "gate.lock").read_text(encoding="ascii"))
    except (OSError, UnicodeDecodeError):
        return 0
    return int(found[0]) if found else 0


@dataclass(frozen=True, slots=True)
class Started:
    """All four units enabled and running, with this release's program."""

    places: Places
    release: str

    def needed(self) -> str:
        return f"enable and start {' '.join(ALL)}; what runs another release is begun anew, one after the other"

    def apply(self) -> None:
        run(["systemctl", "enable", "--now", *ALL], hint="journalctl -u 'consentgate-*' says why")
        for unit in outdated(self.places, self.release, {unit: pid_of(unit) for unit in ALL}, command_of):
            # Each comes back only when it has said that it is ready.
            run(
                ["systemctl", "restart", unit],
                hint=f"journalctl -u {unit} says why; those that run go on with the old release",
            )

    def undo(self) -> str:
        try:
            run(["systemctl", "disable", "--now", *ALL])
        except InstallError:
            # Units that are not there (any more) are no hindrance; a process that runs on is.
            if shutil.which("systemctl") and any(pid_of(unit) for unit in ALL):
                raise
            return ""
        return f"stopped and disabled {' '.join(ALL)}"
