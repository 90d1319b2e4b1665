"""Start, find and end servers, also from another shell and after this program was killed.

A server is known by its pid *and* the instant the kernel started it: a pid alone is reused, and ending
somebody else's process is worse than leaving one of ours. Each server leads a session of its own, so that
Ctrl-C in the terminal of the demo does not reach it, and carries its world's path in its environment, by
which helpers it started (an AGI script, a PostgreSQL worker) are found when it is gone.
"""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from .accounts import Account
from .errors import WorldError

MARK = "CONSENTGATE_WORLD"
"""Environment variable by which every process of a world names that world's root."""
NAME = "CONSENTGATE_SERVER"
"""Environment variable by which it names the server it is or belongs to."""


def python_environment() -> dict[str, str]:
    """Return what a Python process needs: a fetched interpreter finds its libraries by LD_LIBRARY_PATH."""
    name = "LD_LIBRARY_PATH"
    return {name: os.environ[name]} if name in os.environ else {}


@dataclass(frozen=True, slots=True)
class Process:
    """A server that was started; `started_ticks` is field 22 of /proc/PID/stat."""

    pid: int
    started_ticks: int

    def alive(self) -> bool:
        """Tell whether it still runs. A zombie does not: where PID 1 never reaps, it would stay for ever."""
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self.pid, os.WNOHANG)
        return _started_ticks(self.pid) == self.started_ticks

    def signal(self, number: int) -> None:
        """Send a signal if it is still this process."""
        if self.alive():
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)


REALTIME_PRIORITY = 10
"""Of SCHED_RR, as Asterisk's option -p sets it."""


@contextlib.contextmanager
def realtime() -> Iterator[bool]:
    """Let what is started inside run before every ordinary process; tells whether the kernel permits that.

    A server that is another user by the time it runs may not ask for this itself (CAP_SYS_NICE), but may keep what it
    inherits. Linux counts the priority for each thread, so it is this one's for a moment, and nobody else's here.
    """
    policy, before = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(REALTIME_PRIORITY))
    except OSError:
        permitted = False
    else:
        permitted = True
    try:
        yield permitted
    finally:
        if permitted:
            os.sched_setscheduler(0, policy, before)


def is_realtime(pid: int) -> bool:
    """Tell whether a process runs before every ordinary one."""
    return os.sched_getscheduler(pid) == os.SCHED_RR


@dataclass(frozen=True, slots=True)
class Identity:
    """What subprocess must be given to start as an account; nothing at all when we are that account."""

    user: int | None = None
    group: int | None = None
    extra_groups: list[int] | None = None


def identity(account: Account) -> Identity:
    """Return how to become account."""
    if not account.switch:
        return Identity()
    return Identity(account.uid, account.gid, list(account.groups))


@dataclass(frozen=True, slots=True)
class Place:
    """Where one server of a world keeps its traces: its log, and the note of its pid."""

    root: Path
    name: str

    @property
    def log(self) -> Path:
        """Its output."""
        return self.root / "log" / f"{self.name}.log"

    @property
    def note(self) -> Path:
        """The pid and start of the one that was started last."""
        return self.root / "log" / f"{self.name}.pid"

    @property
    def marks(self) -> dict[str, str]:
        """What every process of this server carries in its environment."""
        return {MARK: str(self.root), NAME: self.name}

    def running(self) -> Process | None:
        """Return the server if it runs, whoever started it."""
        try:
            pid, ticks = self.note.read_text(encoding="utf-8").split()
        except FileNotFoundError:
            return None
        process = Process(int(pid), int(ticks))
        return process if process.alive() else None


def start(
    command: Sequence[str | Path],
    *,
    account: Account,
    place: Place,
    cwd: Path,
    env: Mapping[str, str],
    umask: int = 0o077,
) -> Process:
    """Start a server as `account`; its environment is exactly `env`, a PATH and the marks.

    The note is written before anything is waited for: a demo that is killed while a server starts must not
    leave one that nobody can find, least of all two PostgreSQLs on one directory.
    """
    end_leftovers(place.root, place.name)
    who = identity(account)
    with place.log.open("ab") as output:
        child = subprocess.Popen(
            [str(part) for part in command],
            cwd=cwd,
            env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", **env, **place.marks},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            umask=umask,
            user=who.user,
            group=who.group,
            extra_groups=who.extra_groups,
        )
    # The handle is dropped on purpose: the server outlives us, and Python would warn when it collects it.
    child.returncode = 0
    ticks = _started_ticks(child.pid)
    if ticks is None:
        raise WorldError(f"{command[0]} ended at once; its last words: {tail(place.log)}")
    new = place.note.with_suffix(".new")
    new.write_text(f"{child.pid} {ticks}\n", encoding="utf-8")
    new.rename(place.note)
    return Process(child.pid, ticks)


def stop(process: Process, *, number: int = signal.SIGTERM, timeout_seconds: float = 10.0) -> bool:
    """End a server, kindly first, and everything left in its session; False if it had to be killed."""
    process.signal(number)
    kindly = wait_until(lambda: not process.alive(), timeout_seconds)
    if not kindly:
        process.signal(signal.SIGCONT)
        process.signal(signal.SIGKILL)
        wait_until(lambda: not process.alive(), timeout_seconds)
    return kindly


def end_leftovers(root: Path, name: str | None = None) -> list[int]:
    """End every process that carries this world's mark (and this server's); return the pids that were ended."""
    ended = []
    for pid in marked(root, name):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGCONT)
            os.kill(pid, signal.SIGKILL)
            ended.append(pid)
    wait_until(lambda: not marked(root, name), 5.0)
    return ended


def marked(root: Path, name: str | None = None) -> list[int]:
    """Pids of live processes, other than this one, that belong to the world at root (and to this server)."""
    wanted = {f"{MARK}={root}".encode()} | ({f"{NAME}={name}".encode()} if name else set())

    def belongs(entry: Path) -> bool:
        return wanted <= set((entry / "environ").read_bytes().split(b"\0"))

    return [pid for pid in _live(belongs) if pid != os.getpid()]


def working_in(directory: Path) -> list[int]:
    """Pids of live processes whose working directory is this one."""
    return _live(lambda entry: (entry / "cwd").readlink() == directory)


def _live(fits: Callable[[Path], bool]) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        # One that has ended meanwhile, or is another user's: not ours.
        with contextlib.suppress(OSError):
            if entry.name.isdigit() and fits(entry) and _started_ticks(int(entry.name)) is not None:
                found.append(int(entry.name))
    return found


def wait_until(ready: Callable[[], bool], timeout_seconds: float, *, pause_seconds: float = 0.05) -> bool:
    """Ask `ready` again and again until it says yes (True) or the time is over (False)."""
    deadline = time.monotonic() + timeout_seconds
    while not ready():
        if time.monotonic() > deadline:
            return False
        time.sleep(pause_seconds)
    return True


def await_ready(title: str, process: Process, ready: Callable[[], bool], place: Place, timeout_seconds: float) -> None:
    """Wait until a server serves; if it ends or the time is over, say so with the end of its log."""

    def settled() -> bool:
        return ready() or not process.alive()

    in_time = wait_until(settled, timeout_seconds)
    if not process.alive():
        raise WorldError(f"{title} ended while it was starting; the end of {place.log}:\n{tail(place.log)}")
    if not in_time:
        raise WorldError(
            f"{title} was not ready within {timeout_seconds:g} s; the end of {place.log}:\n{tail(place.log)}"
        )


def ready_pid(mark: Path) -> str:
    """Return which process says by its mark that it is ready; "" if none. A mark may go in any instant."""
    with contextlib.suppress(FileNotFoundError):
        return mark.read_text(encoding="ascii").strip()
    return ""


def tail(log: Path, lines: int = 12) -> str:
    """Return the last lines of a log file, for an error message."""
    try:
        return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])
    except OSError:
        return "(no log)"


def _started_ticks(pid: int) -> int | None:
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    # The command's name stands in parentheses and may itself hold any character.
    fields = text.rpartition(")")[2].split()
    state, threads, ticks = fields[0], int(fields[17]), int(fields[19])
    # A leader that has ended is Z while other threads of it still run, and hold ports.
    return None if state == "X" or (state == "Z" and threads <= 1) else ticks
