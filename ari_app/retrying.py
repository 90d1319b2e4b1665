"""The one layer that tries again: around the ports, for ever, and only for failures of reaching them.

A call that waits here is safe in the spool. So nothing is ever given up: a wrong password is tried again too,
at the pace of the backoff's cap, because an administrator who corrects it on the other side expects no restart.

Several workers share one patience for each server. While it is away one of them tries, and the others wait for what
comes of it: an outage is one attempt at a time, and its end is no storm.
"""

import random
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Condition, Event
from typing import Any, Final, TypeVar

from .core.backoff import delay_seconds
from .core.names import Instant
from .core.retention import LockMode
from .errors import ConsentgateError, PermanentError, UnreachableError
from .ports import Account, ConflictError, Database, Found, ObjectStore

Result = TypeVar("Result")

OWN_FAILURES: Final = 4
"""After so many in a row of one step, another worker's may be tried: if that goes well, the fault is the step's own."""

WAIT_SECONDS: Final = 0.5


class StoppedError(Exception):
    """The process was asked to end; what it was doing is done again at the next start."""


class AloneError(ConsentgateError):
    """This step fails again and again while the same server does what others ask of it: it alone must wait."""


def _nothing(_: UnreachableError) -> None:
    pass


@dataclass(slots=True)
class Patience:
    """How failures of one server are borne. `max_attempts` None: for ever; else the last failure is raised.

    on_failure is told each failure (the caller logs and is not ready), on_success that it is over. pause waits for some
    seconds before the next attempt, or less, and tells whether the process was asked to end meanwhile.
    """

    stopping: Event
    on_failure: Callable[[UnreachableError], None] = _nothing
    on_success: Callable[[], None] = lambda: None
    max_attempts: int | None = None
    jitter: Callable[[], float] = field(default=random.random)
    pause: Callable[[float], bool] | None = None
    _failures: int = 0
    """In a row, of whoever tries; 0: the server is there, as far as anybody knows."""
    _trying: bool = False
    _successes: int = 0
    _only_reaching: bool = False
    """Even the mere question whether it is there fails: then that alone tells when it is back."""
    _changed: Condition = field(default_factory=Condition)

    def bear(self, attempt: Callable[[], Result], *, reaching: bool = False) -> Result:
        """Return what the attempt returns, however long that takes. Raises StoppedError, AloneError.

        reaching: the attempt only asks whether the server is there, which proves little about what it does for others.
        """
        mine, seen = 0, self._successes
        while True:
            leading = self._turn()
            try:
                result = attempt()
            except UnreachableError as failure:
                mine += 1
                if mine > OWN_FAILURES and self._successes != seen:
                    self._only_reaching = True
                    self._let_others(leading=leading)
                    raise AloneError(failure.what, on=failure.on, why=failure.why, hint=failure.hint) from failure
                self._failed(failure, leading=leading, reaching=reaching, rest=mine % OWN_FAILURES == 0)
            except BaseException:
                self._let_others(leading=leading)
                raise
            else:
                self._succeeded(leading=leading, reaching=reaching)
                return result

    def _turn(self) -> bool:
        """Wait until an attempt is ours to make; tell whether we make it for all. Raises StoppedError."""
        with self._changed:
            # Each use of a port is a step that may be repeated, so before one is a good place to end.
            while not self.stopping.is_set():
                if not self._failures:
                    return False
                if not self._trying:
                    self._trying = True
                    return True
                self._changed.wait(WAIT_SECONDS)
        raise StoppedError

    def _failed(self, failure: UnreachableError, *, leading: bool, reaching: bool, rest: bool) -> None:
        """Wait before the next attempt, unless another thread does. Raises the failure if it was the last."""
        with self._changed:
            if not leading and self._trying:
                # Both were under way when the server went: it is one outage, and the other has it in hand.
                return
            self._trying, self._only_reaching = True, reaching
            self._failures += 1
            failures = self._failures
        try:
            self.on_failure(failure)
            hopeless = isinstance(failure, PermanentError) and self.max_attempts is not None
            if hopeless or failures >= (self.max_attempts or failures + 1):
                raise failure
            if (self.pause or self.stopping.wait)(delay_seconds(failures, self.jitter())):
                raise StoppedError from failure
        finally:
            with self._changed:
                self._trying = False
                self._changed.notify_all()
                if rest and not self.stopping.is_set():
                    self._changed.wait(WAIT_SECONDS)

    def _succeeded(self, *, leading: bool, reaching: bool) -> None:
        over = False
        with self._changed:
            self._successes += not reaching
            if self._failures and (not reaching or self._only_reaching):
                self._failures, over = 0, True
            if leading:
                self._trying = False
            self._changed.notify_all()
        if over:
            self.on_success()

    def _let_others(self, *, leading: bool) -> None:
        if leading:
            with self._changed:
                self._trying = False
                self._changed.notify_all()


@dataclass(frozen=True, slots=True)
class RetryingStore:
    """An ObjectStore that is always reached in the end."""

    store: ObjectStore
    patience: Patience

    def reach(self) -> None:
        self.patience.bear(self.store.reach, reaching=True)

    def put(self, key: str, file: Path, sha256: str, content_type: str) -> Found | None:
        return self.patience.bear(lambda: self.store.put(key, file, sha256, content_type))

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
        self.patience.bear(self.database.reach, reaching=True)

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
