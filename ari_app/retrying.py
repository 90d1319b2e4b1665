"""The one layer that tries again: around the ports, for ever, and only for failures of reaching them.

A call that waits here is safe in the spool. So nothing is ever given up: a wrong password is tried again too,
at the pace of the backoff's cap, because an administrator who corrects it on the other side expects no restart.
"""

import random
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Any, TypeVar

from .core.backoff import delay_seconds
from .core.names import Instant
from .core.retention import LockMode
from .errors import PermanentError, UnreachableError
from .ports import Account, ConflictError, Database, Found, ObjectStore

Result = TypeVar("Result")


class StoppedError(Exception):
    """The process was asked to end; what it was doing is done again at the next start."""


def _nothing(_: UnreachableError) -> None:
    pass


@dataclass(slots=True)
class Patience:
    """How failures are borne. `max_attempts` None: for ever; else the last failure is raised.

    on_failure is told each failure (the caller logs and is not ready), on_success that it is over. pause waits for some
    seconds before the next attempt, or less, and tells whether the process was asked to end meanwhile.
    """

    stopping: Event
    on_failure: Callable[[UnreachableError], None] = _nothing
    on_success: Callable[[], None] = lambda: None
    max_attempts: int | None = None
    jitter: Callable[[], float] = field(default=random.random)
    pause: Callable[[float], bool] | None = None

    def bear(self, attempt: Callable[[], Result]) -> Result:
        """Return what the attempt returns, however long that takes. Raises StoppedError."""
        failures = 0
        while True:
            # Each use of a port is a step that may be repeated, so before one is a good place to end.
            if self.stopping.is_set():
                raise StoppedError
            try:
                result = attempt()
            except UnreachableError as failure:
                failures += 1
                self.on_failure(failure)
                hopeless = isinstance(failure, PermanentError) and self.max_attempts is not None
                if hopeless or failures == self.max_attempts:
                    raise
                if (self.pause or self.stopping.wait)(delay_seconds(failures, self.jitter())):
                    raise StoppedError from failure
            else:
                if failures:
                    self.on_success()
                return result


@dataclass(frozen=True, slots=True)
class RetryingStore:
    """An ObjectStore that is always reached in the end."""

    store: ObjectStore
    patience: Patience

    def reach(self) -> None:
        self.patience.bear(self.store.reach)

    def put(self, key: str, file: Path, sha256: str, content_type: str) -> None:
        self.patience.bear(lambda: self.store.put(key, file, sha256, content_type))

    def head(self, key: str) -> Found:
        return self.patience.bear(lambda: self.store.head(key))

    def read_back(self, key: str) -> Found:
        return self.patience.bear(lambda: self.store.read_back(key))

    def retain(self, key: str, mode: LockMode, until: Instant) -> None:
        self.patience.bear(lambda: self.store.retain(key, mode, until))

    def hold(self, key: str) -> None:
        self.patience.bear(lambda: self.store.hold(key))


@dataclass(frozen=True, slots=True)
class RetryingDatabase:
    """A Database that is always reached in the end."""

    database: Database
    patience: Patience

    def reach(self) -> None:
        self.patience.bear(self.database.reach)

    def has_call(self, node: str, channel: str) -> bool:
        return self.patience.bear(lambda: self.database.has_call(node, channel))

    def known(self, keys: Collection[str]) -> set[str]:
        return self.patience.bear(lambda: self.database.known(keys))

    def store(self, manifest: Mapping[str, Any], key: str, sha256: str) -> bool:
        return self.patience.bear(lambda: self.database.store(manifest, key, sha256))

    def store_all(self, accounts: Sequence[Account]) -> list[bool | ConflictError]:
        return self.patience.bear(lambda: self.database.store_all(accounts))

    def store_incident(self, incident: Mapping[str, Any], key: str, sha256: str) -> None:
        self.patience.bear(lambda: self.database.store_incident(incident, key, sha256))

    def close(self) -> None:
        self.database.close()
