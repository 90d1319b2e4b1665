"""`consentgate ship`: the process that takes sealed calls out of the spool. Composition root and signals.

Several workers, each with one call at a time, whose steps come strictly one after the other: nothing is lost by a
kill, and a polite end only saves repeated work. They share what must not be done by each of them for itself: the
waiting for a server that is away, the transaction, what is said in the log.
"""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from ari_app import config, log, reloading
from ari_app.adapters import s3
from ari_app.adapters.postgres import PostgresDatabase
from ari_app.errors import FINDING, ConsentgateError
from ari_app.layout import Layout
from ari_app.safekeeping import terms_of
from ari_app.signing import Signer
from ari_app.watching.ship import ShipWatch

from .process import Ship
from .windows import DiscardWindows

__all__ = ["DiscardWindows", "Ship", "run"]

STOP_SECONDS = 8.0
NICE = 10
"""Calls come first: whatever else the machine has to do, a recording may be stored a little later for it. The kernel
derives from it whose reads and writes come first as well."""


@contextmanager
def _signals(stopping: threading.Event, reload: Callable[[], None]) -> Iterator[None]:
    """End after the current step on SIGTERM or SIGINT; a server that hangs does not delay that for ever.

    On SIGHUP `reload`, in a thread: the main one may be waiting for a server.
    """

    def again(_number: int, _frame: FrameType | None) -> None:
        threading.Thread(target=reload, name="reload", daemon=True).start()

    def stop(_number: int, _frame: FrameType | None) -> None:
        # Set by a thread: the main one, which runs this handler, may just hold the event's own lock.
        # And if a step hangs longer, it is done again at the next start, as after any kill.
        for delay_seconds, act in ((0.0, stopping.set), (STOP_SECONDS, lambda: os._exit(FINDING))):
            timer = threading.Timer(delay_seconds, act)
            timer.daemon = True
            timer.start()

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    before[signal.SIGHUP] = signal.signal(signal.SIGHUP, again)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _reload(ship: Ship, path: Path, settings: config.Config) -> Callable[[], None]:
    """Return what takes up on what terms sound is kept, for whatever is stored from then on."""
    lock, current = threading.Lock(), settings
    logger = log.get("ship")

    def reload() -> None:
        nonlocal current
        with lock:
            try:
                current, change = reloading.read(path, current, reloading.SHIP)
            except ConsentgateError as failure:
                # No traceback: what is wrong is in the file, not in this program.
                logger.error("config.not_taken_up", why=str(failure), hint=reloading.HINT)  # noqa: TRY400
                return
            ship.take_up(terms_of(current))
            reloading.told(logger, change)

    return reload


def run(config_path: Path, *, once: bool = False) -> int:
    """Run ship with a configuration; `once`: ship what is there, then end.

    Returns the exit code. Raises ConsentgateError: a wrong configuration, a second ship on the spool and, with
    `once`, a dependency that cannot be reached.
    """
    log.configure()
    settings = config.load(config_path)
    # Before the first of the threads, which take it over; a user who has set it higher is left with that.
    os.setpriority(os.PRIO_PROCESS, 0, max(NICE, os.getpriority(os.PRIO_PROCESS, 0)))
    store = s3.configured(settings.s3)
    signer = Signer.from_text(settings.signing.key.reveal()) if settings.signing.key else None
    database = PostgresDatabase(settings.postgres.dsn.reveal())
    ship = Ship(Layout(settings.spool.path), store, database, settings.s3.prefix, settings.site.node, once, signer)
    ship.workers, ship.terms = settings.ship.workers, terms_of(settings)
    ship.watching = ShipWatch(settings.metrics.ship_port)
    reload = _reload(ship, config_path, settings)
    try:
        with _signals(ship.stopping, reload):
            return ship.run()
    finally:
        database.close()
