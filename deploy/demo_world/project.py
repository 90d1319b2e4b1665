"""The project's own processes: the gate, the guard and ship, and its commands, as the user they run as."""

import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from . import processes
from .accounts import Account
from .errors import WorldError

READY_SECONDS = 30.0
UMASK = 0o027


@dataclass(frozen=True, slots=True)
class Project:
    """How to start `consentgate` in one world."""

    command: tuple[str, ...]
    root: Path
    spool: Path
    account: Account

    def run(
        self, arguments: Sequence[str], env: Mapping[str, str], timeout_seconds: float
    ) -> subprocess.CompletedProcess[str]:
        """Run a command to its end; the caller judges the status."""
        identity = processes.identity(self.account)
        return subprocess.run(
            [*self.command, *arguments],
            cwd="/",
            env={**self._environment(), **env, processes.MARK: str(self.root)},
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout_seconds,
            stdin=subprocess.DEVNULL,
            umask=UMASK,
            user=identity.user,
            group=identity.group,
            extra_groups=identity.extra_groups,
        )

    def start(
        self, place: processes.Place, config: Path, env: Mapping[str, str], await_ready: bool
    ) -> processes.Process:
        """Start `gate`, `guard` or `ship`; await_ready: until `<spool>/<name>.ready` holds its pid."""
        name = place.name
        mark = self.spool / f"{name}.ready"
        mark.unlink(missing_ok=True)
        process = processes.start(
            [*self.command, name, "--config", config],
            account=self.account,
            place=place,
            cwd=Path("/"),
            env={**self._environment(), **env},
            umask=UMASK,
        )

        def ready() -> bool:
            return processes.ready_pid(mark) == str(process.pid)

        if await_ready:
            try:
                processes.await_ready(f"consentgate {name}", process, ready, place, READY_SECONDS)
            except WorldError:
                processes.stop(process)
                raise
        return process

    def _environment(self) -> dict[str, str]:
        return {
            "PATH": f"{Path(self.command[0]).parent}:/usr/local/bin:/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "HOME": "/nonexistent",
            **processes.python_environment(),
        }
