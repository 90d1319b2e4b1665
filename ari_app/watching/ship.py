"""What ship counts, and what it calls ready: a call that was sealed now would be stored.

The two servers are timed here, around the adapters and below the layer that tries again: each request for itself.
"""

import threading
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ari_app import clock
from ari_app.core.names import MICROSECONDS, Instant
from ari_app.core.retention import LockMode
from ari_app.errors import NotThereError, PermanentError, TransientError
from ari_app.ports import (
    Account,
    ConflictError,
    Database,
    Found,
    NotEncryptedError,
    NotLockableError,
    ObjectStore,
)

from . import catalogue as m
from .endpoint import Readiness
from .meters import Meters
from .watch import Watch, age

S3, POSTGRES = "s3", "postgres"
KINDS: Mapping[type[BaseException], str] = {
    TransientError: "unreachable",
    PermanentError: "refused",
    ConflictError: "conflict",
    NotLockableError: "not_lockable",
    NotEncryptedError: "not_encrypted",
    NotThereError: "not_there",
    OSError: "disk",
}
OTHER, DAMAGED = "other", "damaged"


def kind_of(failure: BaseException) -> str:
    """Return the kind of a failure, for a label."""
    return next((word for kind, word in KINDS.items() if isinstance(failure, kind)), OTHER)


@dataclass(frozen=True, slots=True)
class Timed:
    """Times one thing that is asked of a server."""

    meters: Meters
    server: str
    operation: str
    began: list[int] = field(default_factory=list)

    def __enter__(self) -> None:
        self.began.append(clock.ticks())

    def __exit__(self, *_: object) -> None:
        seconds = (clock.ticks() - self.began.pop()) / MICROSECONDS
        self.meters.observe(m.REQUESTS, seconds, self.server, self.operation)


@dataclass(frozen=True, slots=True)
class TimedStore:
    """An ObjectStore whose requests are timed."""

    store: ObjectStore
    meters: Meters

    def reach(self) -> None:
        with Timed(self.meters, S3, "reach"):
            self.store.reach()

    def put(self, key: str, file: Path, sha256: str, content_type: str) -> Found | None:
        with Timed(self.meters, S3, "put"):
            taken = self.store.put(key, file, sha256, content_type)
        self.meters.count(m.STORED, by=file.stat().st_size)
        return taken

    def head(self, key: str) -> Found:
        with Timed(self.meters, S3, "head"):
            return self.store.head(key)

    def read_back(self, key: str) -> Found:
        with Timed(self.meters, S3, "read_back"):
            return self.store.read_back(key)

    def retain(self, key: str, mode: LockMode, until: Instant) -> None:
        with Timed(self.meters, S3, "retain"):
            self.store.retain(key, mode, until)

    def hold(self, key: str) -> None:
        with Timed(self.meters, S3, "hold"):
            self.store.hold(key)


@dataclass(frozen=True, slots=True)
class TimedDatabase:
    """A Database whose requests are timed."""

    database: Database
    meters: Meters

    def reach(self) -> None:
        with Timed(self.meters, POSTGRES, "reach"):
            self.database.reach()

    def has_call(self, node: str, channel: str) -> bool:
        with Timed(self.meters, POSTGRES, "has_call"):
            return self.database.has_call(node, channel)

    def known(self, keys: Collection[str]) -> set[str]:
        with Timed(self.meters, POSTGRES, "known"):
            return self.database.known(keys)

    def store(self, manifest: Mapping[str, Any], key: str, sha256: str) -> bool:
        with Timed(self.meters, POSTGRES, "store"):
            return self.database.store(manifest, key, sha256)

    def store_all(self, accounts: Sequence[Account]) -> list[bool | ConflictError]:
        with Timed(self.meters, POSTGRES, "store"):
            return self.database.store_all(accounts)

    def store_incident(self, incident: Mapping[str, Any], key: str, sha256: str) -> None:
        with Timed(self.meters, POSTGRES, "store_incident"):
            self.database.store_incident(incident, key, sha256)

    def close(self) -> None:
        self.database.close()


class ShipWatch:
    """What ship tells of itself, from any of its threads."""

    def __init__(self, port: int | None = None) -> None:
        self.watch = Watch(m.SHIP, port, self._ready)
        self.meters = self.watch.meters
        self._lock = threading.Lock()
        self._away: dict[str, str] = {}
        self._begun = False
        self._unshipped: tuple[int, Instant | None] = (0, None)
        self._failed_attempts = 0
        self._counts = 0, 0
        self._last_shipped: Instant | None = None
        self.meters.follow(m.OLDEST, self._oldest_age)
        self.meters.set(m.LAST_SHIPPED, 0)

    def begun(self) -> None:
        """Both servers answered."""
        self._begun = True
        for server in (S3, POSTGRES):
            self.meters.set(m.REACHABLE, 1, server)

    def failed(self, about: str, failure: BaseException, kind: str = "") -> None:
        """Something was tried in vain. about: call, incident, anchor, s3 or postgres."""
        self.meters.count(m.ATTEMPTS, about, kind or kind_of(failure))
        with self._lock:
            self._failed_attempts += 1

    def away(self, server: str, failure: BaseException) -> None:
        """A server cannot be reached, or refuses us."""
        self.failed(server, failure)
        self.meters.set(m.REACHABLE, 0, server)
        with self._lock:
            self._away[server] = kind_of(failure)

    def back(self, server: str) -> None:
        """It is there again."""
        self.meters.set(m.REACHABLE, 1, server)
        with self._lock:
            self._away.pop(server, None)

    def shipped(self, outcome: str, reason: str | None) -> None:
        """A call is stored and proved."""
        self.meters.count(m.SHIPPED, outcome, reason or "")
        self._last_shipped = clock.now()
        self.meters.set(m.LAST_SHIPPED, self._last_shipped / MICROSECONDS)

    def unshipped(self, count: int, oldest: Instant | None, waiting: int, failing: int) -> None:
        """So many calls are not stored; the round that says so turns."""
        self.watch.turned()
        self._unshipped, self._counts = (count, oldest), (waiting, failing)
        self.meters.set(m.UNSHIPPED, count)
        self.meters.set(m.WAITING, waiting)
        self.meters.set(m.FAILING, failing)

    def _oldest_age(self) -> float:
        oldest = self._unshipped[1]
        return age(oldest) if oldest is not None else 0.0

    def _ready(self) -> Readiness:
        with self._lock:
            away = dict(self._away)
        if away:
            # While it waits for a server its rounds stand still, and that is said already.
            self.watch.turned()
        checks = {
            server: f"cannot be reached, or refuses us ({away[server]})" if server in away else self._start_of(server)
            for server in (S3, POSTGRES)
        }
        count, oldest = self._unshipped
        about = {
            "unshipped": count,
            "oldest_unshipped_age_seconds": round(age(oldest), 1) if oldest is not None else None,
            "waiting": self._counts[0],
            "failing": self._counts[1],
            "failed_attempts": self._failed_attempts,
            "last_shipped_age_seconds": round(age(self._last_shipped), 1) if self._last_shipped else None,
        }
        return Readiness(checks, about)

    def _start_of(self, _: str) -> str:
        return "" if self._begun else "has not answered yet"
