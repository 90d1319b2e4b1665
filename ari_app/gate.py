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
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Final

from . import clock, config, inherited, log, pulse, reloading, service, settling, systemd, translation
from . import policy as policies
from .adapters.ami import Ami
from .adapters.ari import Ari
from .adapters.journal import Append, Beat, Job, Journalist
from .core import evidence as ev
from .core import facts as f
from .core import names
from .core.backoff import delay_seconds
from .core.names import MICROSECONDS, Instant
from .core.policy import Policy
from .core.reasons import Reason
from .core.standstill import Standstill
from .dispatcher import Dispatcher
from .errors import GOOD, ConsentgateError, SpoolError
from .executor import Executor
from .free_space import LOOK_SECONDS, FreeSpace
from .layout import Layout
from .numbers import Numbers
from .opening import Identity
from .watching.gate import GateWatch

STOP_SECONDS: Final = 3.0
_log = log.get("gate")


class ReplacedError(ConsentgateError):
    """Another process registered our ARI application's name."""


class Counted(Journalist):
    """A journal at whose door it is counted what is written into it."""

    count: Callable[[names.RecordingId, tuple[ev.Entry, ...]], None] | None = None

    def submit(self, job: Job) -> None:
        super().submit(job)
        if self.count and isinstance(job, Append):
            self.count(job.recording, job.entries)


class Gate:
    """One gate on one Asterisk and one spool."""

    def __init__(
        self, settings: config.Config, rules: Policy, layout: Layout, stopping: asyncio.Event | None = None
    ) -> None:
        asterisk = settings.asterisk
        self.layout = layout
        self.ari = Ari(asterisk.ari_url, asterisk.ari_user, asterisk.ari_password.reveal())
        self.ami = Ami(asterisk.ami_host, asterisk.ami_port, asterisk.ami_user, asterisk.ami_password.reveal())
        run = names.RunId(names.mint(clock.now(), os.urandom(10)))
        software = f"consentgate {importlib.metadata.version('consentgate')}"
        self.journalist = Counted(layout, run)
        numbers = Numbers.from_text(settings.numbers.key.reveal())
        self.dispatcher = Dispatcher(
            rules, Identity(run, settings.site.node, software), numbers, self.journalist, layout
        )
        self.executor = Executor(self.ari, self.ami, layout, self.dispatcher.hear)
        self.dispatcher.executor = self.executor
        self.space = FreeSpace(layout, settings.spool.stop_below_free, "gate")
        self.stopping = stopping or asyncio.Event()
        self.pulse = self._pulse()
        self.inherited: list[inherited.Inherited] = []
        self.consumed_at = Instant(0)
        self.replaced = False
        self._unstamped = False
        self.is_ready = self._taken_up = False
        self.watching = GateWatch(self, settings.metrics.gate_port)
        self.journalist.count = self.watching.written

    def _pulse(self, stood_still: Sequence[Standstill] = ()) -> pulse.Pulse:
        standby = partial(service.somebody_waits, self.layout)
        return pulse.Pulse(self.ari, self.ami, self._beat, standby, self.stopping.is_set, stood_still)

    async def run(self, *, before_end: Callable[[], None] = lambda: None) -> int:
        """Work until told to stop. Returns the exit code; before_end: called when the stop begins."""
        self.dispatcher.closed_files.start()
        self.watching.watch.start()
        stop = asyncio.ensure_future(self.stopping.wait())
        work = asyncio.ensure_future(self._keep_connected())
        measuring = asyncio.ensure_future(self._measure())
        await asyncio.wait({stop, work}, return_when=asyncio.FIRST_COMPLETED)
        stop.cancel()
        measuring.cancel()
        self.watching.watch.close()
        before_end()
        systemd.notify("STOPPING=1")
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

    async def _measure(self) -> None:
        while True:
            self.look_for_room()
            self.watching.look()
            await asyncio.sleep(LOOK_SECONDS)

    def look_for_room(self) -> None:
        """Let every call know, and those that will come, when there is less room in the spool, or more again."""
        if self.space.look():
            self.dispatcher.opening.space = self.space.level
            now = clock.now()
            for recording in list(self.dispatcher.calls):
                self.dispatcher.hear(recording, f.SpaceMeasured(at=now, seen_at=now, level=self.space.level))

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
            self.is_ready = False
            self.layout.ready("gate").unlink(missing_ok=True)
            if not self.replaced:
                _log.error("gate.connection_lost", stream=lost, hint="Nothing is recorded until both streams answer.")

    async def _connected(self) -> str:
        """Serve both streams until one of them is lost; return which."""
        self.dispatcher.opening.asterisk = await self.ari.version()
        self.pulse = self._pulse(self.pulse.left())
        ari = asyncio.ensure_future(self.ari.listen(self._on_ari))
        ami = asyncio.ensure_future(self.ami.listen())
        if not self._taken_up:
            # The guard asks for a sign of life of whoever has named a capture; the first beat may come after that.
            self.journalist.submit(Beat(Instant(0), clock.now(), self.ami.boot))
            inherited.take_up(self.inherited, self.dispatcher)
            self._taken_up = True
        await settling.settle(self.ari, self.layout, self.dispatcher, self.executor, self.inherited)
        beating = asyncio.ensure_future(self.pulse.run())
        try:
            await asyncio.wait([ari, ami, beating], return_when=asyncio.FIRST_COMPLETED)
            lost = "ari" if ari.done() else "ami" if ami.done() else beating.result()
            if lost == pulse.CLOCK:
                # By the clock as it was, and while Asterisk still answers: then each track's end is a time of its own.
                self._lose(Reason.EVENTS_LOST, self.consumed_at or clock.now())
                await self.executor.finish(STOP_SECONDS)
            return lost
        finally:
            for task in (ari, ami, beating):
                task.cancel()
            for failure in await asyncio.gather(ari, ami, beating, return_exceptions=True):
                if isinstance(failure, Exception):
                    _log.error("event.unreadable", stream="ari", why=log.said(failure))
            self.ami.close()
            with suppress(TimeoutError):
                async with asyncio.timeout(1):
                    await self.ari.close()
            clock.let_go()

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
            _log.error("event.unreadable", stream="ami", kind=str(message.get("event")), why=log.said(unreadable))
            self.ami.close()
            return
        if seen is not None:
            self.pulse.returned("ami", seen.number, seen.at)

    def _beat(self, consumed_at: Instant, stood_still: Sequence[Standstill]) -> None:
        if self.pulse.alive and not self.is_ready and not self.stopping.is_set():
            self.is_ready = True
            self.layout.ready("gate").write_text(f"{os.getpid()}\n")
            _log.info("gate.ready", asterisk=self.dispatcher.opening.asterisk)
        self.consumed_at = consumed_at
        self.journalist.submit(Beat(consumed_at, clock.now(), self.ami.boot, tuple(stood_still)))
        for one in stood_still:
            hint = "Is it out of memory, or the machine overloaded? As much is cut before an objection of that time."
            seconds = (one.until - one.since) / MICROSECONDS
            _log.warning("asterisk.stood_still", seconds=round(seconds, 3), hint=hint)
        self.dispatcher.seal_until(consumed_at)

    def take_up(self, settings: config.Config, rules: Policy) -> None:
        """Work by other rules from now on (`reloading.govern`)."""
        reloading.govern(self.dispatcher, rules)
        self.space.floor = settings.spool.stop_below_free
        self.look_for_room()

    def _lose(self, reason: Reason, at: Instant) -> None:
        """Nothing after `at` is known: every permit ends there, and every caller in our hands is let go."""
        now = clock.now()
        self.dispatcher.whereabouts.forget()
        # Whoever is being told is told anew by the gate that stands by, which is sooner here than the lifeline ends.
        handed_on = reason is Reason.GATE_STOPPED and service.somebody_waits(self.layout)
        for recording, call in list(self.dispatcher.calls.items()):
            if handed_on and not call.room.released:
                continue
            self.dispatcher.whereabouts.doubted.add(call.room.caller.channel)
            call.chosen_at = Instant(min(at, now))
            self.dispatcher.hear(recording, f.EventsLost(at=Instant(min(at, now)), seen_at=now, reason=reason))


def run(config_path: Path, *, standby: bool = False) -> int:
    """Run the gate until SIGTERM or SIGINT. Returns the exit code; raises ConsentgateError for a person to read.

    standby: wait until the gate that owns the spool ends, and go on with its calls.
    """
    log.configure()
    os.umask(0o027)
    return asyncio.run(_main(config_path, standby=standby))


async def _main(config_path: Path, *, standby: bool) -> int:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    # Whoever asks before anything can be taken up asks for what is read anyway.
    loop.add_signal_handler(signal.SIGHUP, _log.info, "config.read_later")
    prepared, lock = service.prepare(config_path)
    if not lock.take():
        if not standby:
            hint = "Two would work on the same calls: stop the other one, or let this one wait with --standby"
            raise SpoolError("another gate owns this spool", on=str(prepared.layout.root), hint=hint)
        _log.info("gate.stands_by", spool=str(prepared.layout.root))
        systemd.notify("READY=1\nSTATUS=standing by")
        if not await service.turn(lock, prepared.layout, stopping):
            return GOOD
        _log.info("gate.takes_over")
        prepared = _refreshed(config_path, prepared)
    lock.say(signs=False)
    prepared.layout.ready("gate").unlink(missing_ok=True)
    gate = _gate(prepared, stopping)
    reloader = _reloader(gate, config_path, prepared.settings)
    loop.add_signal_handler(signal.SIGHUP, reloader.asked.set)
    beside = [asyncio.ensure_future(one) for one in (lock.signs(), reloader.run())]
    lock.say(signs=True)
    systemd.notify("READY=1\nSTATUS=owns the spool")
    try:
        return await gate.run(before_end=lambda: lock.say(signs=False))
    finally:
        for task in beside:
            task.cancel()


def _reloader(gate: Gate, config_path: Path, settings: config.Config) -> reloading.Reloader:
    def prepare(fresh: config.Config) -> Policy:
        rules = policies.recompiled(fresh, gate.layout, gate.dispatcher.rules)
        policies.publish(rules, gate.layout)
        return rules

    keys, notify = reloading.GATE, systemd.notify
    return reloading.Reloader("gate", config_path, settings, keys, prepare=prepare, apply=gate.take_up, notify=notify)


def _refreshed(config_path: Path, prepared: service.Prepared) -> service.Prepared:
    """What has changed while we stood by holds from now on; what cannot be used must not keep us from taking over."""
    if prepared.current():
        return prepared
    try:
        fresh, lock = service.prepare(config_path)
    except ConsentgateError as failure:
        hint = "The gate goes on with what it read when it began to stand by: run `consentgate check`."
        _log.error("config.not_taken_up", why=str(failure), hint=hint)
        return prepared
    lock.close()
    if fresh.layout != prepared.layout:
        hint = "Restart the gate: this one owns the spool that it stood by for."
        _log.error("config.not_taken_up", why="spool.path is another", hint=hint)
        return prepared
    return fresh


def _gate(prepared: service.Prepared, stopping: asyncio.Event) -> Gate:
    settings, rules, layout = prepared.settings, prepared.rules, prepared.layout
    policies.publish(rules, layout)
    if layout.root.stat().st_uid == 0 or os.getuid() == 0:
        _log.warning("gate.owner", hint="The gate should run as a user of its own, not as root.")
    gate = Gate(settings, rules, layout, stopping)
    gate.look_for_room()
    gate.inherited = inherited.inherit(layout, gate.journalist, rules)
    try:
        gate.journalist.start()
    except OSError as failure:
        raise SpoolError("the spool cannot be used", on=str(layout.root), why=str(failure)) from failure
    return gate
