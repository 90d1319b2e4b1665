"""`consentgate guard`, which ends captures that the gate has not named, and `guard --once`, which lists them."""

import asyncio
import os
import signal
from operator import attrgetter
from pathlib import Path

from ari_app import config, log, reloading, systemd
from ari_app.adapters import spool
from ari_app.errors import GOOD, ConfigurationError, SpoolError
from ari_app.layout import Layout

from .asterisk import Pbx
from .process import Guard
from .survey import Survey, show


def run(config_path: Path, *, once: bool = False) -> int:
    """Run the guard until SIGTERM or SIGINT. Returns the exit code; raises ConsentgateError for a person to read."""
    log.configure()
    os.umask(0o027)
    settings = config.load(config_path)
    section = settings.guard
    if section is None:
        hint = "Copy the section from deploy/consentgate.yaml; begin with mode: report."
        raise ConfigurationError("there is no section guard", on=str(config_path), hint=hint)
    layout = Layout(settings.spool.path)
    if once:
        return asyncio.run(_look(Guard(settings, section, layout)))
    with spool.lock(layout, "guard"):
        layout.ready("guard").unlink(missing_ok=True)
        for folder in (layout.incidents, layout.quarantine):
            try:
                folder.mkdir(mode=0o700, exist_ok=True)
            except OSError as failure:
                raise SpoolError("the spool cannot be used", on=str(folder), why=str(failure)) from failure
        return asyncio.run(_main(Guard(settings, section, layout), config_path, settings))


async def _main(guard: Guard, config_path: Path, settings: config.Config) -> int:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, guard.stopping.set)

    def apply(fresh: config.Config, section: config.Guard) -> None:
        guard.take_up(section, fresh.spool.stop_below_free)

    keys, prepare = reloading.GUARD, attrgetter("guard")
    reloader = reloading.Reloader("guard", config_path, settings, keys, prepare=prepare, apply=apply)
    loop.add_signal_handler(signal.SIGHUP, reloader.asked.set)
    beside = [asyncio.ensure_future(one) for one in (reloader.run(), systemd.signs())]
    systemd.notify("READY=1")
    try:
        await guard.run()
    finally:
        systemd.notify("STOPPING=1")
        for one in beside:
            one.cancel()
    return GOOD


async def _look(guard: Guard) -> int:
    """Raises UnreachableError: an Asterisk that does not answer is not one on which nothing is recorded."""
    await guard.ami.connect(lambda _: None)
    try:
        await guard.ari.look_in()
        return show(await Survey(Pbx(guard.ami, guard.ari), guard.vitals, guard.warden.rules).rows())
    finally:
        guard.watch.close()
        guard.ami.close()
        await guard.ari.close()
