"""`consentgate gate`: the process that tells callers, permits captures, and proves both.

Composition root: it opens the spool (one gate a spool), keeps both connections to Asterisk, and is *ready* while
both streams answer. It retries for ever; what it cannot do meanwhile is record. It never has to be running for a
call to go on.
"""

import asyncio
import importlib.metadata
import os
import random
import signal
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from . import announcements, clock, config, log, pulse, reconcile, translation
from . import policy as policies
from .adapters import spool
from .adapters.ami import Ami
from .adapters.ari import Ari
from .adapters.journal import Beat, Journalist
from .core import facts as f
from .core import names
from .core.backoff import delay_seconds
from .core.names import Instant
from .core.policy import Policy
from .core.reasons import Reason
from .dispatcher import Dispatcher
from .errors import GOOD, ConsentgateError, SpoolError
from .executor import Executor
from .layout import Layout
from .numbers import Numbers
from .opening import Identity

STOP_SECONDS: Final = 3.0
_log = log.get("gate")


class ReplacedError(ConsentgateError):
    """Another process registered our ARI application's name."""


class Gate:
    """One gate on one Asterisk and one spool."""

    def __init__(self, settings: config.Config, rules: Policy, layout: Layout) -> None:
        asterisk = settings.asterisk
        self.layout = layout
        self.ari = Ari(asterisk.ari_url, asterisk.ari_user, asterisk.ari_password.reveal())
        self.ami = Ami(asterisk.ami_host, asterisk.ami_port, asterisk.ami_user, asterisk.ami_password.reveal())
        run = names.RunId(names.mint(clock.now(), os.urandom(10)))
        software = f"consentgate {importlib.metadata.version('consentgate')}"
        self.journalist = Journalist(layout, run, stop_below_free_bytes=settings.spool.stop_below_free_bytes)
        numbers = Numbers.from_text(settings.numbers.key.reveal())
        self.dispatcher = Dispatcher(
            rules, Identity(run, settings.site.node, software), numbers, self.journalist, layout
        )
        self.executor = Executor(self.ari, self.ami, layout, self.dispatcher.hear)
        self.dispatcher.executor = self.executor
        self.pulse = pulse.Pulse(self.ari, self.ami, self._beat)
        self.inherited: list[reconcile.Inherited] = []
        self.consumed_at = Instant(0)
        self.stopping = asyncio.Event()
        self.replaced = False
        self._unstamped = False
        self._ready = False

    async def run(self) -> int:
        """Work until told to stop. Returns the exit code."""
        self.dispatcher.closed_files.start()
        stop = asyncio.ensure_future(self.stopping.wait())
        work = asyncio.ensure_future(self._keep_connected())
        await asyncio.wait({stop, work}, return_when=asyncio.FIRST_COMPLETED)
        stop.cancel()
        self.layout.ready("gate").unlink(missing_ok=True)
        await self.ami.set(None, pulse.ALIVE, "0")
        # In this order: nobody new is sent to us, nothing is permitted, everybody is let go, what ran is stopped.
        self._lose(Reason.GATE_STOPPED, clock.now())
        await self.executor.finish(STOP_SECONDS)
        work.cancel()
        with suppress(asyncio.CancelledError):
            await work
        await self.ari.close()
        self.ami.close()
        self.dispatcher.closed_files.close()
        self.journalist.close()
        return SpoolError.exit_code if self.replaced else GOOD

    async def _keep_connected(self) -> None:
        attempt = 1
        said = ""
        while not self.replaced:
            try:
                await self.ari.connect()
                await self.ami.connect(self._on_ami)
            except ConsentgateError as failure:
                if str(failure) != said:
                    said = str(failure)
                    _log.error("gate.not_ready", why=said)
                wait = delay_seconds(attempt, random.random())  # noqa: S311  jitter, no secret
                await asyncio.sleep(wait)
                attempt += 1
                continue
            said, attempt = "", 1
            lost = await self._connected()
            self._lose(Reason.EVENTS_LOST, self.consumed_at or clock.now())
            self._ready = False
            self.layout.ready("gate").unlink(missing_ok=True)
            if not self.replaced:
                _log.error("gate.connection_lost", stream=lost, hint="Nothing is recorded until both streams answer.")

    async def _connected(self) -> str:
        """Serve both streams until one of them is lost; return which."""
        self.dispatcher.opening.asterisk = await self.ari.version()
        self.pulse = pulse.Pulse(self.ari, self.ami, self._beat)
        ari = asyncio.ensure_future(self.ari.listen(self._on_ari))
        ami = asyncio.ensure_future(self.ami.listen())
        await reconcile.settle(self.ari, self.layout, self.dispatcher, self.executor, self.inherited)
        beating = asyncio.ensure_future(self.pulse.run())
        try:
            await asyncio.wait([ari, ami, beating], return_when=asyncio.FIRST_COMPLETED)
            return "ari" if ari.done() else "ami" if ami.done() else beating.result()
        finally:
            for task in (ari, ami, beating):
                task.cancel()
            for failure in await asyncio.gather(ari, ami, beating, return_exceptions=True):
                if isinstance(failure, Exception):
                    _log.error("event.unreadable", stream="ari", why=repr(failure))
            self.ami.close()
            with suppress(TimeoutError):
                async with asyncio.timeout(1):
                    await self.ari.close()

    def _on_ari(self, event: Any) -> None:  # noqa: ANN401  JSON
        seen = self.dispatcher.on_ari(event)
        match seen:
            case translation.Marker(at=at, number=number):
                self.pulse.returned("ari", number, at)
            case translation.Replaced():
                self.replaced = True
                hint = "Two gates on one Asterisk? Stop one; this one ends now."
                _log.error("gate.replaced", why="another process took the application's name", hint=hint)
                self.ami.close()
            case None:
                pass

    def _on_ami(self, message: Any) -> None:  # noqa: ANN401  panoramisk has no types
        try:
            seen = self.dispatcher.on_ami(message)
        except translation.UnstampedError:
            if not self._unstamped:
                self._unstamped = True
                hint = "Set timestampevents=yes in the [general] section of manager.conf and reload the manager."
                _log.error("gate.not_ready", why="AMI events carry no Timestamp, so nothing can be proved", hint=hint)
            return
        except (LookupError, ValueError, TypeError) as unreadable:
            # What it would have said is not known, so nothing after it is either: begin anew.
            _log.error("event.unreadable", stream="ami", kind=str(message.get("event")), why=repr(unreadable))
            self.ami.close()
            return
        if seen is not None:
            self.pulse.returned("ami", seen.number, seen.at)

    def _beat(self, consumed_at: Instant) -> None:
        if self.pulse.alive and not self._ready:
            self._ready = True
            self.layout.ready("gate").write_text(f"{os.getpid()}\n")
            _log.info("gate.ready", asterisk=self.dispatcher.opening.asterisk)
        self.consumed_at = consumed_at
        self.journalist.submit(Beat(consumed_at, clock.now(), self.ami.boot))
        self.dispatcher.seal_until(consumed_at)

    def _lose(self, reason: Reason, at: Instant) -> None:
        """Nothing after `at` is known: every permit ends there, and every caller in our hands is let go."""
        now = clock.now()
        self.dispatcher.whereabouts.forget()
        for recording in list(self.dispatcher.calls):
            self.dispatcher.hear(recording, f.EventsLost(at=Instant(min(at, now)), seen_at=now, reason=reason))


def run(config_path: Path) -> int:
    """Run the gate until SIGTERM or SIGINT. Returns the exit code; raises ConsentgateError for a person to read."""
    log.configure()
    os.umask(0o027)
    settings = config.load(config_path)
    layout = Layout(settings.spool.path)
    with spool.lock(layout, "gate"):
        layout.ready("gate").unlink(missing_ok=True)
        return asyncio.run(_main(settings, layout))


async def _main(settings: config.Config, layout: Layout) -> int:
    prepared = announcements.prepare(settings, layout)
    rules = policies.compile(settings, prepared)
    if policies.write(rules, layout):
        hint = 'Asterisk learns the lines\' modes by: asterisk -rx "dialplan reload"'
        _log.warning("dialplan.reload_needed", on=str(layout.lines), hint=hint)
    for line in rules.lines.values():
        if line.unusable:
            _log.error("line.not_recorded", line=line.name, why=line.unusable, hint="Run `consentgate check`.")
        if line.outgoing_unusable:
            hint = "Run `consentgate check`."
            _log.error("line.called_not_recorded", line=line.name, why=line.outgoing_unusable, hint=hint)
    if os.stat(layout.root).st_uid == 0 or os.getuid() == 0:  # noqa: PTH116  once, at the start
        _log.warning("gate.owner", hint="The gate should run as a user of its own, not as root.")
    gate = Gate(settings, rules, layout)
    gate.inherited = reconcile.inherit(layout, gate.journalist)
    try:
        gate.journalist.start()
    except OSError as failure:
        raise SpoolError("the spool cannot be used", on=str(layout.root), why=str(failure)) from failure
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, gate.stopping.set)
    return await gate.run()
