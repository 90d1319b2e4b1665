"""`consentgate guard`: the process that ends every capture that the gate has not named.

It shares the spool with the gate, and nothing else: not its connections, not its logins, not its knowledge of rooms.
Its three ears (AMI, an ARI application of its own, the folders in which files appear) are kept open each by itself,
so that the loss of one is not the loss of all.
"""

import asyncio
import itertools
import os
import random
from collections.abc import Awaitable, Callable, Collection, Coroutine
from contextlib import suppress
from typing import Any, Final

from ari_app import clock, config, log
from ari_app.adapters.ami import Message
from ari_app.adapters.ari import Event
from ari_app.core import guard as g
from ari_app.core.backoff import delay_seconds
from ari_app.core.free_space import Floor
from ari_app.core.names import MICROSECONDS, ChannelId, Instant
from ari_app.errors import ConsentgateError
from ari_app.free_space import FreeSpace, leave_mark
from ari_app.layout import Layout
from ari_app.numbers import Numbers
from ari_app.watching.guard import GuardWatch

from .asterisk import GUARD_APPLICATION, GuardAmi, GuardAri, Pbx
from .calls import Calls
from .files import Watch
from .hung import Hung
from .incidents import Incidents
from .keeper import Keeper
from .mixmonitors import MixMonitors
from .quarantine import Quarantine
from .recordings import AriRecordings, Conferences, Recorders
from .sight import Sight
from .stranded import Stranded
from .taps import SPIES, Taps
from .vitals import Vitals, instant_of
from .warden import Warden

TICK_SECONDS: Final = 0.2
ROUNDS: Final = 5
"""After so many ticks the slower looks."""

PING_SECONDS: Final = 1.0
PATROL_SECONDS: Final = 60.0
STEP_SECONDS: Final = 0.05
FINISH_SECONDS: Final = 1.0
"""For what is half done at our end: a capture that is stopped and whose file nobody has taken away is no use."""

NEEDED_EVENTS: Final = ("RecordingStarted",)
"""What AMI tells is not told twice. That another took our name is told in any case."""
_log = log.get("guard")


def rules_of(section: config.Guard, layout: Layout) -> g.Rules:
    """Return what the site has decided."""
    allowed = tuple(g.Allowance(one.reason, one.path, one.application) for one in section.allowed_captures)
    return g.Rules(f"{layout.audio}/", section.mode, section.scope, allowed)


async def finish(tasks: Collection["asyncio.Task[None]"], seconds: float) -> None:
    """Wait until what was begun is done, but not for ever."""
    if tasks:
        await asyncio.wait(set(tasks), timeout=seconds)


class Guard:
    """One guard on one Asterisk and one spool."""

    def __init__(self, settings: config.Config, section: config.Guard, layout: Layout) -> None:
        asterisk = settings.asterisk
        self.layout = layout
        login = asterisk.ami_host, asterisk.ami_port, section.ami_user, section.ami_password.reveal()
        self.ami = GuardAmi(*login)
        self.ari = GuardAri(
            asterisk.ari_url,
            section.ari_user,
            section.ari_password.reveal(),
            application=GUARD_APPLICATION,
            events=NEEDED_EVENTS,
            section="guard",
        )
        pbx = Pbx(self.ami, self.ari)
        self.vitals = Vitals(layout)
        self.calls = Calls(pbx, self.vitals)
        incidents = self.incidents = Incidents(layout, settings.site.node)
        quarantine = Quarantine(layout, section.asterisk_recording_folders)
        self.warden = Warden(rules_of(section, layout), self.vitals, self.calls, quarantine, incidents)
        self.mixmonitors = MixMonitors(pbx, self.warden)
        self.taps = Taps(pbx, self.warden)
        self.recordings = AriRecordings(pbx, self.warden)
        self.conferences = Conferences(pbx, self.warden)
        self.recorders = Recorders(pbx, self.warden)
        folders = section.asterisk_recording_folders
        self.watch = Watch(layout, folders, self.warden, self.recordings, self._begin)
        self.sight = Sight(pbx, self.watch)
        self.stranded = Stranded(self.ari, self.vitals, incidents)
        self.hung = Hung(layout) if section.ends_hung_gate else None
        self.space = FreeSpace(layout, settings.spool.stop_below_free, "guard")
        ears = GuardAmi(*login)
        numbers = Numbers.from_text(settings.numbers.key.reveal())
        self.keeper = Keeper(ears, self.ami, layout, self.vitals, self._begin, numbers, self.space)
        self.stopping = asyncio.Event()
        self.watching = GuardWatch(self, settings.metrics.guard_port)
        incidents.meters = self.watching.watch.meters
        self._ready = False
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Work until told to stop."""
        self.watch.start()
        self.watching.watch.start()
        self._measure()
        streams = [self._keep("ami", self._ami), self._keep("ari", self._ari), self.keeper.run()]
        jobs = [*streams, self._ticking(), self._patrolling()]
        tasks = [asyncio.ensure_future(job) for job in jobs]
        stop = asyncio.ensure_future(self.stopping.wait())
        await asyncio.wait([stop, *tasks], return_when=asyncio.FIRST_COMPLETED)
        self.watching.watch.close()
        await finish(self._tasks, FINISH_SECONDS)
        self.incidents.retry()
        for task in (stop, *tasks, *self._tasks):
            task.cancel()
        self.layout.ready("guard").unlink(missing_ok=True)
        self.ami.close()
        self.keeper.close()
        self.watch.close()
        with suppress(TimeoutError):
            async with asyncio.timeout(0.5):
                await self.ari.close()
        for ended in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(ended, Exception):
                raise ended

    def take_up(self, section: config.Guard, floor: Floor) -> None:
        """Judge by other rules from now on, also what runs already: with the next look at everything."""
        self.warden.rules = rules_of(section, self.layout)
        if (self.hung is not None) is not section.ends_hung_gate:
            self.hung = Hung(self.layout) if section.ends_hung_gate else None
        self.space.floor = floor
        self._measure()
        if self.ami.connected:
            self._begin(self._survey())

    async def _keep(self, stream: str, serve: Callable[[], Awaitable[None]]) -> None:
        """Keep one stream open for ever; a failure is said once, not at each attempt."""
        attempt, said = 1, ""
        while True:
            try:
                await serve()
            except ConsentgateError as failure:
                if str(failure) != said:
                    said = str(failure)
                    _log.error("guard.not_ready", stream=stream, why=said)
                attempt += 1
            else:
                _log.error("guard.connection_lost", stream=stream, hint="Nothing is seen there until it answers again.")
                attempt, said = 1, ""
            self._mark()
            await asyncio.sleep(delay_seconds(attempt, random.random()))  # noqa: S311  jitter, no secret

    def _mark(self) -> None:
        mark = self.layout.ready("guard")
        was, self._ready = self._ready, self.ami.connected and self.ari.connected and self.sight.open
        if not self._ready:
            mark.unlink(missing_ok=True)
        elif not was:
            mark.write_text(f"{os.getpid()}\n")
            _log.info("guard.ready", mode=str(self.warden.rules.mode), scope=str(self.warden.rules.scope))

    # -- the streams

    async def _ami(self) -> None:
        await self.ami.connect(self._on_ami)
        self.vitals.signs.watched_since = clock.now()
        self._mark()
        self._begin(self._survey())
        lost = asyncio.ensure_future(self.ami.listen())
        try:
            while not lost.done():
                await asyncio.wait([lost], timeout=PING_SECONDS)
                # A stream whose socket is open and whose other end is dead would be silence for ever.
                if not lost.done() and not await self.ami.alive():
                    return
        finally:
            lost.cancel()
            self.ami.close()

    async def _ari(self) -> None:
        self.sight.forget()
        await self.ari.connect()
        self._begin(self._see_recordings())
        await self.ari.listen(self._on_ari)
        await self.ari.close()

    async def _patrolling(self) -> None:
        """Look at everything from time to time, slowly: a belt beside what Asterisk tells."""
        while True:
            await asyncio.sleep(PATROL_SECONDS)
            if self.ami.connected:
                await asyncio.wait([self._begin(self._survey(pause_seconds=STEP_SECONDS))])

    async def _survey(self, *, pause_seconds: float = 0.0) -> None:
        """Judge everything that runs: it may have begun while nobody listened."""
        rows = await self.ami.channels() or []
        if self.warden.rules.scope is g.Scope.GATED_CALLS:
            for row in rows:
                if (channel := g.channel_of(str(row["uniqueid"]))) is not None:
                    await self.calls.gated(channel)
        for row in rows:
            if (channel := g.channel_of(str(row["uniqueid"]))) is not None:
                await self._look(channel, str(row["channel"]), str(row["linkedid"]), str(row["application"]))
                await asyncio.sleep(pause_seconds)
        await self.conferences.survey()
        await self._see_recordings()

    async def _see_recordings(self) -> None:
        if self.ari.connected:
            await self.sight.settle()
            self._mark()
            # What began before anybody told us of it.
            await self.recordings.survey()

    async def _look(self, channel: ChannelId, name: str, linked: str, application: str) -> None:
        await self.mixmonitors.look(channel, None)
        await self.taps.appeared(name, channel, linked, None)
        if application in SPIES:
            await self.taps.spies(channel, None)
        if application == "Record" and (file := await self.ami.get(channel, "RECORDED_FILE")):
            self._begin(self.recorders.by_application(channel, file, None))

    async def _ticking(self) -> None:
        for number in itertools.count(1):
            await asyncio.sleep(TICK_SECONDS)
            await asyncio.wait([self._begin(self._tick(slow=number % ROUNDS == 0))])

    async def _tick(self, *, slow: bool) -> None:
        if self.hung:
            self.hung.tick()
        await self.stranded.tick()
        if self.ami.connected:
            await self.mixmonitors.tick()
            if slow:
                await self.warden.tick()
        if slow:
            self.incidents.retry()
            self._measure()
            self.watch.tick()
            if self.sight.lost():
                await self._see_recordings()

    def _measure(self) -> None:
        self.space.look()
        leave_mark(self.layout, self.space.level)
        self.watching.look()

    # -- what they say

    def _begin(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (failure := task.exception()):
            # A bug of ours, at one capture. The guard goes on: there are others.
            _log.error("guard.failed", why=log.said(failure))

    def _on_ari(self, event: Event) -> None:
        if event["type"] == "RecordingStarted":
            self._begin(self.recordings.began(event))
        elif event["type"] == "ApplicationReplaced":
            hint = "Two guards on one Asterisk? Stop one. This one asks for the name again."
            _log.error("guard.replaced", why="another process took the application's name", hint=hint)
            self._begin(self.ari.close())

    def _on_ami(self, message: Message) -> None:
        try:
            self._hear(message)
        except (LookupError, ValueError, TypeError) as unreadable:
            _log.error("event.unreadable", stream="ami", kind=str(message.get("event")), why=log.said(unreadable))

    def _hear(self, message: Message) -> None:
        at = Instant(round(float(message["timestamp"]) * MICROSECONDS)) if "timestamp" in message else clock.now()
        match message["event"]:
            case "ConfbridgeRecord":
                self._begin(self.conferences.began(str(message["conference"]), at))
            case "ChanSpyStart":
                if (spy := g.channel_of(str(message["spyeruniqueid"]))) is not None:
                    self._begin(self.taps.spies(spy, at))
            case "VarSet" if message["variable"] == "CONSENTGATE_ALIVE":
                # When it was set, not the whole seconds that it says: those are up to a second older.
                self.vitals.signs.alive_at = at if instant_of(str(message["value"])) else None
            case kind:
                if (channel := g.channel_of(str(message["uniqueid"]))) is not None:
                    self._of_channel(kind, channel, message, at)

    def _of_channel(self, kind: str, channel: ChannelId, message: Message, at: Instant) -> None:
        match kind, message.get("variable"):
            case "MixMonitorStart", _:
                self._begin(self.mixmonitors.began(channel, at))
            case "Newchannel", _:
                self._begin(self.taps.appeared(str(message["channel"]), channel, str(message["linkedid"]), at))
            case "AGIExecStart", _:
                self._begin(self.recorders.by_script(channel, str(message["command"]), at))
            case ("AGIExecEnd", _) | ("VarSet", "RECORD_STATUS"):
                self.recorders.ended(channel)
            case "VarSet", "RECORDED_FILE":
                self._begin(self.recorders.by_application(channel, str(message["value"]), at))
            case "VarSet", "CONSENTGATE_OUTCOME":
                self.calls.note(str(message["linkedid"]))
            case _:
                pass
