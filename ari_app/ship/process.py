"""Ship while it runs: its rounds, in one thread, and its workers beside it, each with one call at a time."""

import os
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from ari_app import attempts, clock, log, systemd
from ari_app.adapters import spool as spool_adapter
from ari_app.adapters.attested import Attested
from ari_app.adapters.spool import Spool
from ari_app.attempts import ANCHOR
from ari_app.core.names import MICROSECONDS, Instant, RecordingId
from ari_app.durable import replace
from ari_app.errors import FINDING, GOOD, ConsentgateError, SpoolError, UnreachableError
from ari_app.layout import Layout
from ari_app.ports import Database, ObjectStore
from ari_app.retrying import Patience, RetryingDatabase, RetryingStore, StoppedError
from ari_app.safekeeping import Safekeeping, Terms
from ari_app.shipping import Shipping, UnshippableError, Wait, Waiting
from ari_app.signing import Signer
from ari_app.strays import Lookout
from ari_app.watching import catalogue as m
from ari_app.watching.ship import DAMAGED, ShipWatch, TimedDatabase, TimedStore

from .findings import Findings
from .grouped import GroupedDatabase
from .pinned import PinnedHeartbeats
from .queue import Queue
from .windows import DiscardWindows

POLL_SECONDS = 0.5
POLL_MICROSECONDS = MICROSECONDS // 2
PROBE_MICROSECONDS = 5 * MICROSECONDS
ONCE_ATTEMPTS = 3
WORKERS = 2
UNSIGNED = "Manifests go out without a signature: make a key (openssl rand -hex 32) and name it in signing.key_file"


@dataclass(slots=True)
class Ship:
    """The process: what it looks at in each round, and the workers that it has."""

    layout: Layout
    store: ObjectStore
    database: Database
    prefix: str
    node: str
    once: bool = False
    signer: Signer | None = None
    terms: Terms = field(default_factory=Terms)
    stopping: threading.Event = field(default_factory=threading.Event)
    workers: int = WORKERS
    watching: ShipWatch = field(default_factory=ShipWatch)
    _findings: Findings = field(init=False)
    _queue: Queue = field(init=False)
    _heartbeats: PinnedHeartbeats = field(init=False)
    _lookout: Lookout = field(init=False)
    _failure: BaseException | None = None
    """What ended a worker, and with it the process."""
    _unheard: set[RecordingId] = field(default_factory=set)
    """Calls for which the last heartbeat may still come."""
    _stored: set[RecordingId] = field(default_factory=set)
    """Calls whose audio only lies here until it may go."""
    _probed_at: Instant = Instant(0)
    _keeping: Safekeeping | None = None

    def __post_init__(self) -> None:
        self._findings = Findings(self.layout, self._ready)
        self._queue = Queue(self.layout.sealed)
        self._lookout = Lookout(self.layout)
        self._heartbeats = PinnedHeartbeats(self.layout.heartbeats, self.layout.keeper)

    def run(self) -> int:
        """Ship until asked to stop, or (`once`) until nothing more can be done. Returns the exit code."""
        meters = self.watching.meters
        store = RetryingStore(TimedStore(self.store, meters), self._patience("s3"))
        database = GroupedDatabase(RetryingDatabase(TimedDatabase(self.database, meters), self._patience("postgres")))
        spool, windows, attested = Spool(self.layout), DiscardWindows(self.layout.policy), Attested(self.layout)
        shipping = Shipping(spool, self._heartbeats, attested, store, database, self.prefix, windows.seconds)
        shipping.node, shipping.signer, self._keeping = self.node, self.signer, shipping.keeping
        self.take_up(self.terms)
        logger = log.get("ship")
        workers: list[threading.Thread] = []
        with spool_adapter.lock(self.layout, "ship"), suppress(StoppedError):
            try:
                spool.prepare()
                logger.info("ship.started", spool=str(self.layout.root), signed_by=self.signer and self.signer.id)
                # It serves: servers that are away are waited for, which the service manager shall not take for a fault.
                systemd.notify("READY=1")
                if self.signer is None:
                    # A site that comes from a version without signatures must not stop storing calls for that.
                    logger.warning("ship.unsigned", why="signing.key_file is not set", hint=UNSIGNED)
                self.watching.watch.start()
                now = clock.now()
                self._lookout.look(now)
                self._probe(shipping, now)
                self.watching.begun()
                self._ready(True)
                spool.destroy_finished()
                # Before the first of them judges a call.
                self._heartbeats.refresh()
                workers += [self._start(shipping, number) for number in range(self.workers)]
                while not self.stopping.is_set() and self._round(shipping):
                    self.stopping.wait(POLL_SECONDS)
            finally:
                self._end(workers)
        if self._failure is not None:
            raise self._failure
        logger.info("ship.ended")
        return FINDING if self.once and self._findings.found else GOOD

    def take_up(self, terms: Terms) -> None:
        """Keep sound on other terms from now on; called from any thread."""
        self.terms = terms
        if self._keeping is not None:
            self._keeping.take_up(terms)

    def _patience(self, server: str) -> Patience:
        def failed(failure: UnreachableError) -> None:
            self.watching.away(server, failure)
            self._findings.failed(server, failure)

        def reached() -> None:
            self.watching.back(server)
            self._findings.reached(server)

        return Patience(self.stopping, failed, reached, ONCE_ATTEMPTS if self.once else None, pause=self._pause)

    def _start(self, shipping: Shipping, number: int) -> threading.Thread:
        worker = threading.Thread(target=self._work, args=(shipping,), name=f"ship-{number + 1}", daemon=True)
        worker.start()
        return worker

    def _end(self, workers: list[threading.Thread]) -> None:
        # Each ends after the step that it is at; what it had in hand is done again at the next start.
        self.stopping.set()
        self._queue.wake()
        for worker in workers:
            worker.join()
        self._ready(False)
        self._findings.close()
        self.watching.watch.close()

    # -- the rounds

    def _round(self, shipping: Shipping) -> bool:
        """Look at everything once; tell whether there is to be another round."""
        systemd.notify(systemd.WATCHDOG)
        self._take_requests()
        now = clock.now()
        if now - self._probed_at >= PROBE_MICROSECONDS:
            self._probe(shipping, now)
        self._lookout.look(now)
        self._heartbeats.refresh()
        self._heartbeats.pin()
        self._adopt(shipping, now)
        self._take_incidents(shipping, now)
        self._anchor(shipping, now)
        self._queue.look()
        if not self.once:
            self._findings.unshipped(len(self._queue), self._queue.oldest)
            self.watching.unshipped(len(self._queue), self._queue.oldest, *self._findings.counts())
            self._findings.write(now)
            return True
        while not self.stopping.is_set() and not self._queue.idle(now):
            self._queue.wait(POLL_SECONDS)
        self._findings.write(now, at_once=True)
        return bool(self._unheard)

    def _probe(self, shipping: Shipping, now: Instant) -> None:
        shipping.database.reach()
        shipping.store.reach()
        self._probed_at = now

    def _adopt(self, shipping: Shipping, now: Instant) -> None:
        waiting = [file for file in shipping.spool.fallbacks() if self._adopt_note(shipping, file, now)]
        shipping.adopt_orphans(now)
        # What one of them waited for may just have been adopted: then its note says nothing more.
        for file in waiting:
            self._adopt_note(shipping, file, now)

    def _adopt_note(self, shipping: Shipping, file: Path, now: Instant) -> bool:
        """Make a call of what a script noted; tell whether that must wait for its keeper."""
        try:
            fallback = spool_adapter.read_fallback(file, self.node)
            adopted = shipping.adopt_attested(fallback, file, now)
            if adopted is False:
                shipping.adopt(file, fallback)
        except (ValueError, SpoolError) as damage:
            self._aside(shipping, file, "fallback", damage)
        except OSError as problem:
            self._findings.left("fallback", file.name, problem)
        else:
            return adopted is None
        return False

    def _take_incidents(self, shipping: Shipping, now: Instant) -> None:
        """Store what the guard found. One that cannot be stored keeps neither the others nor a call waiting."""
        for file in shipping.spool.incidents():
            if not self._findings.due(file.name, now):
                continue
            try:
                incident = shipping.take_incident(file, now)
            except ValueError as damage:
                self._aside(shipping, file, "incident", damage)
            except UnreachableError:
                raise
            except (OSError, ConsentgateError) as problem:
                self.watching.failed("incident", problem)
                self._findings.keep(file.name, now, "incident.kept", str(problem), incident=file.stem)
            else:
                self._findings.forget(file.name)
                self.watching.meters.count(m.INCIDENTS_SHIPPED, incident.door, incident.action)
                log.get("ship").info(
                    "incident.shipped", incident=incident.id, door=incident.door, action=incident.action
                )

    def _anchor(self, shipping: Shipping, now: Instant) -> None:
        """Store the anchors of days that are over. One that cannot be stored keeps no call waiting."""
        if not self._findings.due(ANCHOR, now):
            return
        try:
            for day in shipping.anchor(now):
                self.watching.meters.count(m.ANCHORS)
                log.get("ship").info("anchor.stored", day=day)
        except UnreachableError:
            raise
        except (OSError, ConsentgateError) as problem:
            self.watching.failed("anchor", problem)
            self._findings.keep(ANCHOR, now, "anchor.kept", str(problem))
        else:
            self._findings.forget(ANCHOR)

    def _aside(self, shipping: Shipping, file: Path, kind: str, damage: Exception) -> None:
        """Put a file aside that says nothing we could store."""
        try:
            target = shipping.spool.quarantine_file(file, kind)
        except OSError as problem:
            self._findings.left(kind, file.name, problem)
        else:
            self._findings.aside(kind, target.name, damage)

    def _take_requests(self) -> None:
        """Make due at once what people have asked for, and say of it anew what comes of it."""
        self._findings.ask()
        for name in self._findings.asked():
            if name == attempts.ALL:
                self._queue.hurry_all()
            else:
                self._queue.hurry(name)

    def _pause(self, seconds: float) -> bool:
        """Wait between two attempts at a server, less if somebody asks for the next one."""
        while seconds > 0 and not self._findings.ask():
            systemd.notify(systemd.WATCHDOG)
            if self.stopping.wait(min(seconds, POLL_SECONDS)):
                return True
            seconds -= POLL_SECONDS
        return self.stopping.is_set()

    # -- the workers

    def _work(self, shipping: Shipping) -> None:
        try:
            while not self.stopping.is_set():
                now = clock.now()
                recording = self._queue.take(now)
                if recording is None:
                    self._queue.wait(POLL_SECONDS)
                    continue
                self._heartbeats.pin()
                self._unheard.discard(recording)
                self._stored.discard(recording)
                due = self._ship(shipping, recording, now)
                if due is None:
                    self._queue.done(recording)
                else:
                    self._queue.put_back(recording, due, stored=recording in self._stored)
        except StoppedError:
            pass
        except BaseException as failure:  # noqa: BLE001  # the main thread raises it
            self._failure = self._failure or failure
        self.stopping.set()

    def _ship(self, shipping: Shipping, recording: RecordingId, now: Instant) -> Instant | None:
        """Bring one call as far as it goes; whatever is wrong with it, the others go on.

        Returns when to try it again; None: there is nothing more to be done.
        """
        logger = log.get("ship").bind(recording=recording)
        try:
            result = shipping.ship(recording, now)
        except UnshippableError as damage:
            self._findings.found = True
            self.watching.failed("call", damage, DAMAGED)
            try:
                target = shipping.spool.quarantine(recording)
            except OSError as problem:
                return self._findings.keep(recording, now, "call.kept", str(problem), recording=recording)
            # No traceback: what is wrong is in the call's files, not in this program.
            logger.error("call.quarantined", folder=str(target), why=str(damage))  # noqa: TRY400
        except UnreachableError:
            raise
        except (OSError, ConsentgateError) as problem:
            if not (self.layout.sealed / recording).exists():
                # Somebody has taken it away meanwhile.
                return None
            # A conflict, which a person must settle; or a full disk, which may be over in a minute. Either way
            # the call is safe where it is.
            self.watching.failed("call", problem)
            return self._findings.keep(recording, now, "call.kept", str(problem), recording=recording)
        else:
            if isinstance(result, Waiting):
                return self._wait(recording, result, now)
            self.watching.shipped(result.outcome, result.reason)
            logger.info(
                "call.shipped",
                outcome=result.outcome,
                reason=result.reason,
                segments=result.segments,
                stored_samples=result.stored_samples,
                destroyed_samples=result.destroyed_samples,
            )
        self._findings.forget(recording)
        return None

    def _wait(self, recording: RecordingId, waiting: Waiting, now: Instant) -> Instant:
        if waiting.why is Wait.HEARTBEAT:
            self._unheard.add(recording)
        elif waiting.why is Wait.STORED:
            self._stored.add(recording)
        if self._findings.waits(recording, waiting.why, now, waiting.until):
            log.get("ship").info("call.waits", recording=recording, why=waiting.why)
        return max(waiting.until, Instant(now + POLL_MICROSECONDS))

    def _ready(self, is_ready: bool) -> None:
        file = self.layout.ready("ship")
        # A full disk must not end the process that empties it.
        with suppress(OSError):
            if is_ready:
                replace(file, f"{os.getpid()}\n".encode(), mode=0o644)
            else:
                file.unlink(missing_ok=True)
