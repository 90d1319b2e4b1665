"""What ship has found wrong, said already, and tries again later: one account for all of its threads."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from ari_app import attempts, clock, log
from ari_app.attempts import REACH, Attempts
from ari_app.core.names import MICROSECONDS, Instant
from ari_app.errors import SpoolError, UnreachableError
from ari_app.layout import Layout

KEPT_MICROSECONDS = 60 * MICROSECONDS
"""How often a call that a person must look at is tried again."""


@dataclass(slots=True)
class Findings:
    """Said once each, so that a week without S3 is one line and not a million."""

    layout: Layout
    on_ready: Callable[[bool], None]
    found: bool = False
    """Whether a person must look at anything."""
    _due: dict[str, Instant] = field(default_factory=dict)
    _said: dict[str, str] = field(default_factory=dict)
    _away: dict[str, UnreachableError] = field(default_factory=dict)
    _asked: list[str] = field(default_factory=list)
    _attempts: Attempts = field(init=False)
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def __post_init__(self) -> None:
        self._attempts = Attempts(self.layout)

    def due(self, about: str, now: Instant) -> bool:
        """Tell whether something may be tried: it was not yet, or long enough ago."""
        with self._lock:
            return now >= self._due.get(about, now)

    def waits(self, about: str, why: str, now: Instant, until: Instant) -> bool:
        """Note that something waits, and that nothing is wrong with that; tell whether it is news."""
        with self._lock:
            self._attempts.note(about, why, now, until, failed=False)
            return self.news(about, why)

    def keep(self, about: str, now: Instant, action: str, why: str, **ids: str) -> Instant:
        """Note that something could not be done, and say so once; return when to try it again."""
        with self._lock:
            self.found = True
            due = self._due[about] = Instant(now + KEPT_MICROSECONDS)
            self._attempts.note(about, why, now, due, failed=True)
            if self.news(about, why):
                log.get("ship").error(action, why=why, **ids)
            return due

    def forget(self, about: str) -> None:
        """It is done."""
        with self._lock:
            self._due.pop(about, None)
            self._said.pop(about, None)
            self._attempts.forget(about)

    def news(self, about: str, text: str) -> bool:
        """Tell whether this was not said of it the last time."""
        with self._lock:
            news = self._said.get(about) != text
            self._said[about] = text
            return news

    def aside(self, kind: str, name: str, damage: Exception) -> None:
        """Say that a file was put aside; its own name may be anything, so it is not said."""
        self.found = True
        log.get("ship").error(f"{kind}.quarantined", file=name, why=_why(damage))

    def left(self, kind: str, name: str, problem: OSError) -> None:
        """Say that a file could not even be put aside."""
        self.found = True
        if self.news(f"{kind} {name}", str(problem.strerror)):
            log.get("ship").error(f"{kind}.kept", why=problem.strerror)

    def ask(self) -> bool:
        """Take people's word to try something at once; tell whether there was any."""
        with self._lock:
            asked = attempts.asked(self.layout)
            self._asked += asked
            for name in [*self._due, *self._said] if attempts.ALL in asked else asked:
                for about in (name, f"{name}.json"):
                    self._due.pop(about, None)
                    self._said.pop(about, None)
            if asked:
                log.get("ship").info("ship.asked_to_retry", asked=len(asked))
            return bool(asked)

    def asked(self) -> list[str]:
        """Return what people have asked for since the last time."""
        with self._lock:
            asked, self._asked = self._asked, []
            return asked

    def failed(self, server: str, failure: UnreachableError) -> None:
        """Note that a server could not be reached, or refused us."""
        with self._lock:
            self.on_ready(False)
            self._away[server] = failure
            now = clock.now()
            self._attempts.note(REACH, "; ".join(map(str, self._away.values())), now, now, failed=True)
            self._attempts.write(now, at_once=True)
            # Not its whole text, which names the recording that happened to be tried.
            if self.news(f"{REACH} {server}", f"{type(failure).__name__} {failure.hint}"):
                log.get("ship").error("ship.not_ready", why=str(failure), kind=type(failure).__name__)

    def reached(self, server: str) -> None:
        """Note that it is there again."""
        with self._lock:
            self._away.pop(server, None)
            self._said.pop(f"{REACH} {server}", None)
            if not self._away:
                self._attempts.forget(REACH)
                self.on_ready(True)
                log.get("ship").info("ship.ready_again")

    def write(self, now: Instant, *, at_once: bool = False) -> None:
        """Tell people what waits (`attempts`)."""
        with self._lock:
            self._attempts.write(now, at_once=at_once)

    def unshipped(self, count: int, oldest: Instant | None) -> None:
        """Note how many calls are not stored yet, and when the oldest of them began."""
        with self._lock:
            self._attempts.unshipped(count, oldest)

    def counts(self) -> tuple[int, int]:
        """Return how much waits by itself, and how much was tried in vain."""
        with self._lock:
            return self._attempts.counts()

    def close(self) -> None:
        """Nothing is tried any more."""
        with self._lock:
            self._attempts.close()


def _why(problem: Exception) -> str:
    """Return the problem in words of ours: a JSON error or an unknown value would quote what came from outside."""
    known = isinstance(problem, SpoolError) or type(problem) is ValueError
    return str(problem) if known else type(problem).__name__
