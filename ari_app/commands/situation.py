"""How everything stands now, from the spool, the kernel's table of locks, and what the processes say on loopback.

It needs none of them: what is dead is found dead, and what may not be read is told as that. It takes no lock, so that
it never stands in the way of a process that starts. No journal, no sound, no channel, no number and no name is read.
"""

import http.client
import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, TypeVar

from ari_app import attempts, clock, free_space, safekeeping
from ari_app.attempts import REACH
from ari_app.core import guard, incident, names
from ari_app.core.free_space import Floor, Level, Space, judge
from ari_app.core.names import MICROSECONDS, Instant
from ari_app.layout import Layout

T = TypeVar("T")

ASKING_SECONDS: Final = 0.5
HANGS_MICROSECONDS: Final = 5 * MICROSECONDS
TAIL_BYTES: Final = 600
MOST_LOOKED_AT: Final = 1000
MOST_ANSWER_BYTES: Final = 65_536
ADDRESS: Final = "127.0.0.1"
PROCESSES: Final = ("gate", "guard", "ship")
STANDBY: Final = "standby"


class State(StrEnum):
    """Of a process."""

    READY = "ready"
    STANDS_BY = "stands by"
    NOT_READY = "not ready"
    HANGS = "hangs"
    DEAD = "dead"
    UNUSED = "not used"


@dataclass(frozen=True, slots=True)
class Process:
    """One process. `since`: when it started; `why`: what keeps it from being ready, as it says itself, if it says."""

    name: str
    state: State
    pid: int | None = None
    since: Instant | None = None
    why: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Alarm:
    """The last one that anybody raised: when, which event, and what it says to do."""

    at: Instant
    event: str
    hint: str


@dataclass(frozen=True, slots=True)
class Places:
    """What of the configuration is needed for that. ports: where each process says how it is, if anywhere."""

    node: str
    layout: Layout
    floor: Floor
    guarded: bool
    ports: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Situation:
    """All of it. None: nobody knows, because no process says it or a folder may not be read (`unreadable`)."""

    at: Instant
    node: str
    processes: tuple[Process, ...]
    calls: int | None
    rooms: int | None
    permits: int | None
    captures: int | None
    heartbeat_at: Instant | None
    space: Space | None
    level: Level
    to_store: int | None
    oldest: Instant | None
    failing: int | None
    away: str
    notes: int | None
    incidents: int | None
    quarantined: int | None
    alarm: Alarm | None
    unreadable: bool

    def process(self, name: str) -> Process:
        """Return one of them."""
        return next(one for one in self.processes if one.name == name)


class Look:
    """One look at everything; `unreadable` is true when something could not be read."""

    def __init__(self, places: Places) -> None:
        self._places, self._layout = places, places.layout
        self.unreadable = False

    def now(self) -> Situation:
        """Return how it stands."""
        layout, now = self._layout, clock.now()
        said = {name: ask(port) for name, port in self._places.ports.items()}
        processes = tuple(self._processes(said, now))
        account = attempts.read(layout)
        if account is not None and not account.running:
            account = None
        live = self._read(lambda: [one.read_bytes() for one in layout.live.iterdir()])
        to_store, oldest = (
            (account.unshipped, account.oldest) if account else self._read(lambda: _unstored(layout)) or (None, None)
        )
        space = self._read(lambda: free_space.measure(layout))
        of_gate = said.get("gate") or {}
        return Situation(
            at=now,
            node=self._places.node,
            processes=processes,
            calls=_count(of_gate, "calls", self._entries(layout.calls)),
            rooms=_count(of_gate, "rooms", None),
            permits=_count(of_gate, "permits", None if live is None else len(set(_permits(live)))),
            captures=_count(of_gate, "captures", None if live is None else len(live)),
            heartbeat_at=self._read(lambda: _last_beat(layout.heartbeats)),
            space=space,
            level=judge(space, self._places.floor, Level.AMPLE) if space else Level.AMPLE,
            to_store=to_store,
            oldest=oldest,
            failing=sum(one.failed for about, one in account.found.items() if about != REACH) if account else None,
            away=account.found[REACH].why if account and REACH in account.found else "",
            notes=self._entries(layout.fallback, ".json"),
            incidents=self._entries(layout.incidents, ".json"),
            quarantined=self._entries(layout.quarantine),
            alarm=self._alarm(said),
            unreadable=self.unreadable,
        )

    def _read(self, read: Callable[[], T]) -> T | None:
        """Return what is read; None if it may not be, or is not there yet."""
        try:
            return read()
        except FileNotFoundError:
            return None
        except OSError:
            self.unreadable = True
            return None

    def _entries(self, folder: Path, ending: str = "") -> int | None:
        return self._read(lambda: sum(1 for one in folder.iterdir() if one.name.endswith(ending)))

    # -- the processes

    def _processes(self, said: Mapping[str, Mapping[str, Any] | None], now: Instant) -> Iterator[Process]:
        held = holders()
        for name in PROCESSES:
            yield self._process(name, held, said.get(name), now)
            if name == "gate" and (waits := self._holder("gate-standby", held)):
                yield Process(STANDBY, State.STANDS_BY, waits, started(waits))

    def _holder(self, lock: str, held: Mapping[int, int]) -> int | None:
        inode = self._read(lambda: self._layout.lock(lock).stat().st_ino)
        return None if inode is None else held.get(inode)

    def _process(self, name: str, held: Mapping[int, int], said: Mapping[str, Any] | None, now: Instant) -> Process:
        pid = self._holder(name, held)
        if pid is None:
            unused = name == "guard" and not self._places.guarded
            return Process(name, State.UNUSED if unused else State.DEAD)
        checks = said.get("checks") if said else None
        why = tuple(
            f"{_printable(check)} {_printable(text)}"
            for check, text in (checks if isinstance(checks, dict) else {}).items()
            if text != "ok"
        )
        state = State.NOT_READY if why or not self._marked(name, pid) else State.READY
        if name == "gate" and self._hangs(now):
            state = State.HANGS
        return Process(name, state, pid, started(pid), why)

    def _marked(self, name: str, pid: int) -> bool:
        text = self._read(lambda: self._layout.ready(name).read_text(encoding="ascii", errors="replace"))
        return text is not None and text.strip() == str(pid)

    def _hangs(self, now: Instant) -> bool:
        """Tell whether the gate, which touches its lock as long as its loop turns, has not for too long."""
        lock = self._layout.lock("gate")
        signs = self._read(
            lambda: (lock.read_text(encoding="ascii", errors="replace"), lock.stat().st_mtime_ns // 1000)
        )
        return signs is not None and signs[0].endswith(" signs\n") and now - signs[1] > HANGS_MICROSECONDS

    def _alarm(self, said: Mapping[str, Mapping[str, Any] | None]) -> Alarm | None:
        found = [alarm for one in said.values() if one and (alarm := _told(one.get("last_alarm")))]
        if (kept := self._read(lambda: _last_incident(self._layout.incidents))) is not None:
            found.append(kept)
        return max(found, key=lambda alarm: alarm.at, default=None)


def _count(said: Mapping[str, Any], name: str, otherwise: int | None) -> int | None:
    value = said.get(name)
    return value if isinstance(value, int) else otherwise


def _unstored(layout: Layout) -> tuple[int, Instant | None]:
    """Return how many calls lie in the spool that are not stored, and when the oldest began: if no ship says so.

    Of very many only the oldest are looked at: after an outage nearly all of the others are not stored either.
    """
    found = []
    for one in layout.sealed.iterdir():
        with suppress(names.UnsafeNameError):
            found.append(names.recording_id(one.name))
    first = sorted(found)[:MOST_LOOKED_AT]
    stored = {one for one in first if (layout.sealed / one / safekeeping.STORED).exists()}
    oldest = next((one for one in first if one not in stored), None)
    return len(found) - len(stored), None if oldest is None else names.minted_at(oldest)


def _permits(live: list[bytes]) -> Iterator[tuple[str, str]]:
    for text in live:
        with suppress(ValueError, KeyError, TypeError):
            named = json.loads(text)
            yield str(named["recording"]), str(named["permit"])


def _last_beat(folder: Path) -> Instant | None:
    newest = max((one for one in folder.iterdir() if one.suffix == ".jsonl"), default=None)
    if newest is None:
        return None
    with newest.open("rb") as stream:
        stream.seek(max(0, stream.seek(0, os.SEEK_END) - TAIL_BYTES))
        return guard.last_beat(stream.read())


def _last_incident(folder: Path) -> Alarm | None:
    stored = folder / "shipped"
    files = [one for place in (folder, stored) if place.is_dir() for one in place.iterdir() if one.suffix == ".json"]
    if not files:
        return None
    try:
        # Ids sort by time.
        found = incident.read(max(files, key=lambda file: file.name).read_bytes())
    except (ValueError, FileNotFoundError):
        return None
    event = "leg.continued" if found.action is incident.Action.CONTINUED else f"capture.{found.action}"
    return Alarm(found.at, event, f"door: {found.door}. See `consentgate quarantine list`")


def _told(alarm: object) -> Alarm | None:
    if not isinstance(alarm, dict):
        return None
    try:
        at = names.instant_of(str(alarm["at"]))
        return Alarm(at, _printable(alarm["event"]), _printable(alarm["hint"]))
    except (KeyError, ValueError):
        return None


def _printable(text: object) -> str:
    """Return a text that somebody said on a port; it may be anybody who has that port."""
    return "".join(character for character in str(text)[:300] if character.isprintable())


def ask(port: int) -> dict[str, Any] | None:
    """Return what a process says at /readyz; None if nobody answers there."""
    connection = http.client.HTTPConnection(ADDRESS, port, timeout=ASKING_SECONDS)
    try:
        connection.request("GET", "/readyz")
        found = json.loads(connection.getresponse().read(MOST_ANSWER_BYTES))
    except (OSError, ValueError, http.client.HTTPException):
        return None
    finally:
        connection.close()
    return found if isinstance(found, dict) else None


def holders() -> dict[int, int]:
    """Return which process holds which file locked, by the file's inode, as the kernel says.

    Not by asking for the lock: a process that starts just then would find it taken.
    """
    found = {}
    with suppress(OSError):
        for line in Path("/proc/locks").read_text(encoding="ascii").splitlines():
            # 1: FLOCK  ADVISORY  WRITE 4711 08:01:131074 0 EOF; one that waits has an arrow before the kind.
            words = line.split()
            if words[1] == "FLOCK" and words[3] == "WRITE" and words[4].isdecimal():
                found[int(words[5].rpartition(":")[2])] = int(words[4])
    return found


def started(pid: int) -> Instant | None:
    """Return when a process started; None if it is gone."""
    try:
        # The name in parentheses may hold anything; what follows it does not.
        ticks = int(
            Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[19]
        )
        boot = next(
            int(line.split()[1])
            for line in Path("/proc/stat").read_text(encoding="ascii").splitlines()
            if line.startswith("btime ")
        )
    except (OSError, ValueError, IndexError, StopIteration):
        return None
    return Instant(boot * MICROSECONDS + ticks * MICROSECONDS // os.sysconf("SC_CLK_TCK"))
