"""What the watching of every process has in common: build, start, readiness, its last alarm, the room in the spool."""

import importlib.metadata
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from structlog.typing import EventDict

from ari_app import clock, log
from ari_app.core import names
from ari_app.core.free_space import Level
from ari_app.core.names import MICROSECONDS, Instant
from ari_app.free_space import FreeSpace

from . import catalogue as m
from . import meters
from .endpoint import Endpoint, Readiness

HANGS_MICROSECONDS = 5 * MICROSECONDS
"""The loop says once a second that it turns; after so long without, it does not."""

_ROOM = {
    Level.AMPLE: "",
    Level.LOW: "too little room is left in the spool: no new recording begins",
    Level.SCARCE: "almost no room is left in the spool: nothing is recorded",
}


class Watch:
    """The meters of a process, the server that shows them, and the last alarm."""

    def __init__(self, process: str, port: int | None, readiness: Callable[[], Readiness]) -> None:
        self.process = process
        self.meters = meters.of(process, port)
        self._readiness = readiness
        self._endpoint = Endpoint(process, port, self.meters, self.readiness)
        self.started_at = clock.now()
        self._alarm: dict[str, str] | None = None
        self._turned = clock.ticks()
        self._faulty = False
        self.meters.set(m.BUILD, 1, process, importlib.metadata.version("consentgate"))
        self.meters.set(m.STARTED, self.started_at / MICROSECONDS, process)
        for event in m.ALARMS[process]:
            self.meters.count(m.EVENTS, process, "error", event, by=0)
        self.meters.follow(m.READY, lambda: self.readiness().ready, process)

    def start(self) -> None:
        """Count the log's lines, and show what is counted."""
        log.observe(self._said)
        self._endpoint.start()

    def close(self) -> None:
        """Show nothing any more."""
        self._endpoint.close()

    @contextmanager
    def harmless(self) -> Iterator[None]:
        """Let a fault in the counting cost nothing but the count; it is said once."""
        try:
            yield
        except Exception as failure:  # noqa: BLE001  whatever it is, it concerns no call
            if not self._faulty:
                self._faulty = True
                log.get(self.process).error("metrics.failed", why=log.said(failure), hint="A bug: please report it.")

    def turned(self) -> None:
        """The process' own loop turns: to be said once a second."""
        self._turned = clock.ticks()

    def readiness(self) -> Readiness:
        """Return whether the process is ready. On any thread."""
        found = self._readiness()
        still = clock.ticks() - self._turned
        hangs = f"has not turned for {still // MICROSECONDS} s" if still > HANGS_MICROSECONDS else ""
        about: dict[str, Any] = {
            "process": self.process,
            "pid": os.getpid(),
            "since": names.iso(self.started_at),
            "last_alarm": self._alarm,
        }
        return Readiness({**found.checks, "loop": hangs}, {**about, **found.about})

    def room(self, space: FreeSpace) -> None:
        """Say how much room is left in the spool."""
        if (found := space.space) is not None:
            self.meters.set(m.FREE, found.free_bytes, self.process)
            self.meters.set(m.TOTAL, found.total_bytes, self.process)
            if found.free_files is not None:
                self.meters.set(m.FILES, found.free_files, self.process)
        self.meters.set(m.LEVEL, space.level, self.process)

    def _said(self, level: str, event: str, line: EventDict) -> None:
        if level in {"warning", "error"}:
            self.meters.count(m.EVENTS, self.process, level, event)
        if level == "error":
            hint = str(line.get("hint") or line.get("why") or "")
            self._alarm = {"at": names.iso(clock.now()), "event": event, "hint": hint}


def of_level(level: Level) -> str:
    """Return what is wrong with so little room; "" if nothing is."""
    return _ROOM[level]


def age(at: Instant | None) -> float:
    """Return how many seconds ago something was."""
    return max(0, clock.now() - (at or Instant(0))) / MICROSECONDS
