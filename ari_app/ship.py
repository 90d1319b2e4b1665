"""`consentgate ship`: the process that takes sealed calls out of the spool. Composition root, order, signals.

One thread that blocks: there is nothing to be won by storing a call a second earlier, and everything by steps
that come strictly one after the other. Nothing here is lost by a kill; a polite end only saves repeated work.
"""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from ari_app import attempts, clock, config, log
from ari_app.adapters import s3
from ari_app.adapters import spool as spool_adapter
from ari_app.adapters.attested import Attested
from ari_app.adapters.postgres import PostgresDatabase
from ari_app.adapters.spool import Heartbeats, Spool
from ari_app.attempts import ANCHOR, REACH, Attempts
from ari_app.core import policy
from ari_app.core.names import MICROSECONDS, Instant, RecordingId
from ari_app.durable import replace
from ari_app.errors import FINDING, GOOD, ConsentgateError, SpoolError, UnreachableError
from ari_app.layout import Layout
from ari_app.ports import Database, ObjectStore
from ari_app.retrying import Patience, RetryingDatabase, RetryingStore, StoppedError
from ari_app.safekeeping import Terms, terms_of
from ari_app.shipping import Shipping, UnshippableError, Wait, Waiting
from ari_app.signing import Signer
from ari_app.strays import Lookout

POLL_SECONDS = 0.5
PROBE_MICROSECONDS = 5 * MICROSECONDS
ONCE_ATTEMPTS = 3
STOP_SECONDS = 8.0
UNSIGNED = "Manifests go out without a signature: make a key (openssl rand -hex 32) and name it in signing.key_file"
KEPT_MICROSECONDS = 60 * MICROSECONDS
"""How often a call that a person must look at is tried again."""


class DiscardWindows:
    """How long each line's finished calls may still be thrown away, from the gate's `policy.json`."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._read: tuple[int, int, int] | None = None
        self._seconds: dict[str, int] = {}

    def seconds(self, line: str) -> int:
        """Return the line's window; 0 for one that the policy does not (or no longer) know.

        Raises SpoolError if the policy is there but unreadable: without it a call might leave too early.
        """
        try:
            status = self._file.stat()
            read = (status.st_ino, status.st_size, status.st_mtime_ns)
            if read != self._read:
                lines = policy.from_json(self._file.read_bytes()).lines
                self._seconds = {name: one.discard_window_seconds for name, one in lines.items()}
                self._read = read
        except FileNotFoundError:
            return 0
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise SpoolError(
                "no call is shipped, because the policy cannot be read",
                on=str(self._file),
                why=str(error),
                hint="Restart the gate: it writes the file anew",
            ) from error
        return self._seconds.get(line, 0)


@dataclass(slots=True)
class Ship:
    """The process: what it looks at in each round, and what it has said already."""

    layout: Layout
    store: ObjectStore
    database: Database
    prefix: str
    node: str
    once: bool = False
    signer: Signer | None = None
    terms: Terms = field(default_factory=Terms)
    stopping: threading.Event = field(default_factory=threading.Event)
    _due: dict[str, Instant] = field(default_factory=dict)
    _said: dict[str, str] = field(default_factory=dict)
    _finding: bool = False
    _attempts: Attempts = field(init=False)
    _probed_at: Instant = Instant(0)

    def __post_init__(self) -> None:
        self._attempts = Attempts(self.layout)

    def run(self) -> int:
        """Ship until asked to stop, or (`once`) until nothing more can be done. Returns the exit code."""
        most = ONCE_ATTEMPTS if self.once else None
        patience = Patience(self.stopping, self._on_failure, self._on_success, most, pause=self._pause)
        spool, heartbeats = Spool(self.layout), Heartbeats(self.layout.heartbeats, self.layout.keeper)
        store, database = RetryingStore(self.store, patience), RetryingDatabase(self.database, patience)
        windows, lookout = DiscardWindows(self.layout.policy), Lookout(self.layout)
        shipping = Shipping(spool, heartbeats, Attested(self.layout), store, database, self.prefix, windows.seconds)
        shipping.node, shipping.signer, shipping.keeping.terms = self.node, self.signer, self.terms
        logger = log.get("ship")
        with spool_adapter.lock(self.layout, "ship"), suppress(StoppedError):
            try:
                spool.prepare()
                logger.info("ship.started", spool=str(self.layout.root), signed_by=self.signer and self.signer.id)
                if self.signer is None:
                    # A site that comes from a version without signatures must not stop storing calls for that.
                    logger.warning("ship.unsigned", why="signing.key_file is not set", hint=UNSIGNED)
                now = clock.now()
                lookout.look(now)
                self._probe(store, database, now)
                self._ready(is_ready=True)
                spool.destroy_finished()
                while not self.stopping.is_set():
                    self._take_requests()
                    now = clock.now()
                    if now - self._probed_at >= PROBE_MICROSECONDS:
                        self._probe(store, database, now)
                    lookout.look(now)
                    heartbeats.refresh()
                    self._adopt(shipping, now)
                    self._take_incidents(shipping, now)
                    self._anchor(shipping, now)
                    awaited = [self._ship(shipping, recording, now) for recording in spool.sealed()]
                    self._attempts.write(now)
                    if self.once and Wait.HEARTBEAT not in awaited:
                        break
                    self.stopping.wait(POLL_SECONDS)
            finally:
                self._ready(is_ready=False)
                self._attempts.close()
        logger.info("ship.ended")
        return FINDING if self.once and self._finding else GOOD

    def _probe(self, store: ObjectStore, database: Database, now: Instant) -> None:
        database.reach()
        store.reach()
        self._probed_at = now

    def _adopt(self, shipping: Shipping, now: Instant) -> None:
        for file in shipping.spool.fallbacks():
            try:
                fallback = spool_adapter.read_fallback(file, self.node)
                if shipping.adopt_attested(fallback, file, now) is False:
                    shipping.adopt(file, fallback)
            except (ValueError, SpoolError) as damage:
                self._aside(shipping, file, "fallback", damage)
            except OSError as problem:
                self._left(file, "fallback", problem)
        shipping.adopt_orphans(now)

    def _take_incidents(self, shipping: Shipping, now: Instant) -> None:
        """Store what the guard found. One that cannot be stored keeps neither the others nor a call waiting."""
        for file in shipping.spool.incidents():
            if now < self._due.get(file.name, now):
                continue
            try:
                incident = shipping.take_incident(file, now)
            except ValueError as damage:
                self._aside(shipping, file, "incident", damage)
            except UnreachableError:
                raise
            except (OSError, ConsentgateError) as problem:
                self._keep(file.name, now, "incident.kept", str(problem), incident=file.stem)
            else:
                self._forget(file.name)
                log.get("ship").info(
                    "incident.shipped", incident=incident.id, door=incident.door, action=incident.action
                )

    def _anchor(self, shipping: Shipping, now: Instant) -> None:
        """Store the anchors of days that are over. One that cannot be stored keeps no call waiting."""
        if now < self._due.get(ANCHOR, now):
            return
        try:
            for day in shipping.anchor(now):
                log.get("ship").info("anchor.stored", day=day)
        except UnreachableError:
            raise
        except (OSError, ConsentgateError) as problem:
            self._keep(ANCHOR, now, "anchor.kept", str(problem))
        else:
            self._forget(ANCHOR)

    def _aside(self, shipping: Shipping, file: Path, kind: str, damage: Exception) -> None:
        """Put a file aside that says nothing we could store; its name may be anything, so it is not said."""
        self._finding = True
        try:
            target = shipping.spool.quarantine_file(file, kind)
        except OSError as problem:
            self._left(file, kind, problem)
        else:
            log.get("ship").error(f"{kind}.quarantined", file=target.name, why=_why(damage))

    def _left(self, file: Path, kind: str, problem: OSError) -> None:
        self._finding = True
        if self._once_said(f"{kind} {file.name}", str(problem.strerror)):
            log.get("ship").error(f"{kind}.kept", why=problem.strerror)

    def _ship(self, shipping: Shipping, recording: RecordingId, now: Instant) -> Wait | None:
        """Bring one call as far as it goes; whatever is wrong with it, the others go on."""
        if now < self._due.get(recording, now):
            return None
        logger = log.get("ship").bind(recording=recording)
        try:
            result = shipping.ship(recording, now)
        except UnshippableError as damage:
            self._finding = True
            target = shipping.spool.quarantine(recording)
            # No traceback: what is wrong is in the call's files, not in this program.
            logger.error("call.quarantined", folder=str(target), why=str(damage))  # noqa: TRY400
        except UnreachableError:
            raise
        except (OSError, ConsentgateError) as problem:
            # A conflict, which a person must settle; or a full disk, which may be over in a minute. Either way
            # the call is safe where it is.
            self._keep(recording, now, "call.kept", str(problem), recording=recording)
        else:
            if isinstance(result, Waiting):
                self._due[recording] = result.until
                self._attempts.note(recording, result.why, now, result.until, failed=False)
                if self._once_said(recording, result.why):
                    logger.info("call.waits", why=result.why)
                return result.why
            logger.info(
                "call.shipped",
                outcome=result.outcome,
                reason=result.reason,
                segments=result.segments,
                stored_samples=result.stored_samples,
                destroyed_samples=result.destroyed_samples,
            )
        if recording not in self._due or self._due[recording] <= now:
            self._forget(recording)
        return None

    def _keep(self, about: str, now: Instant, action: str, why: str, **ids: str) -> None:
        self._finding = True
        self._due[about] = Instant(now + KEPT_MICROSECONDS)
        self._attempts.note(about, why, now, self._due[about], failed=True)
        if self._once_said(about, why):
            log.get("ship").error(action, why=why, **ids)

    def _forget(self, about: str) -> None:
        self._due.pop(about, None)
        self._said.pop(about, None)
        self._attempts.forget(about)

    def _take_requests(self) -> bool:
        """Make due at once what people have asked for, and say of it anew what comes of it. Returns whether any was."""
        asked = attempts.asked(self.layout)
        for name in [*self._due] if attempts.ALL in asked else asked:
            for about in (name, f"{name}.json"):
                self._due.pop(about, None)
                self._said.pop(about, None)
        if asked:
            log.get("ship").info("ship.asked_to_retry", asked=len(asked))
        return bool(asked)

    def _pause(self, seconds: float) -> bool:
        """Wait between two attempts at a server, less if somebody asks for the next one."""
        while seconds > 0 and not self._take_requests():
            if self.stopping.wait(min(seconds, POLL_SECONDS)):
                return True
            seconds -= POLL_SECONDS
        return self.stopping.is_set()

    def _once_said(self, about: str, text: str) -> bool:
        """Tell whether this is news, so that a week without S3 is one line and not a million."""
        news = self._said.get(about) != text
        self._said[about] = text
        return news

    def _on_failure(self, failure: UnreachableError) -> None:
        self._ready(is_ready=False)
        now = clock.now()
        self._attempts.note(REACH, str(failure), now, now, failed=True)
        self._attempts.write(now, at_once=True)
        if self._once_said(REACH, str(failure)):
            log.get("ship").error("ship.not_ready", why=str(failure), kind=type(failure).__name__)

    def _on_success(self) -> None:
        self._forget(REACH)
        self._ready(is_ready=True)
        log.get("ship").info("ship.ready_again")

    def _ready(self, *, is_ready: bool) -> None:
        file = self.layout.ready("ship")
        # A full disk must not end the process that empties it.
        with suppress(OSError):
            if is_ready:
                replace(file, f"{os.getpid()}\n".encode(), mode=0o644)
            else:
                file.unlink(missing_ok=True)


def _why(problem: Exception) -> str:
    """Return the problem in words of ours: a JSON error or an unknown value would quote what came from outside."""
    known = isinstance(problem, SpoolError) or type(problem) is ValueError
    return str(problem) if known else type(problem).__name__


@contextmanager
def _signals(stopping: threading.Event) -> Iterator[None]:
    """End after the current step on SIGTERM or SIGINT; a server that hangs does not delay that for ever."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        # Set by a thread: the main one, which runs this handler, may just hold the event's own lock.
        # And if a step hangs longer, it is done again at the next start, as after any kill.
        for delay_seconds, act in ((0.0, stopping.set), (STOP_SECONDS, lambda: os._exit(FINDING))):
            timer = threading.Timer(delay_seconds, act)
            timer.daemon = True
            timer.start()

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def run(config_path: Path, *, once: bool = False) -> int:
    """Run ship with a configuration; `once`: ship what is there, then end.

    Returns the exit code. Raises ConsentgateError: a wrong configuration, a second ship on the spool and, with
    `once`, a dependency that cannot be reached.
    """
    log.configure()
    settings = config.load(config_path)
    store = s3.configured(settings.s3)
    signer = Signer.from_text(settings.signing.key.reveal()) if settings.signing.key else None
    database = PostgresDatabase(settings.postgres.dsn.reveal())
    ship = Ship(Layout(settings.spool.path), store, database, settings.s3.prefix, settings.site.node, once, signer)
    ship.terms = terms_of(settings)
    try:
        with _signals(ship.stopping):
            return ship.run()
    finally:
        database.close()
