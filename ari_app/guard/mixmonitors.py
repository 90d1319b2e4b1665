"""MixMonitor, the one door of our own: which of them are the gate's, and what becomes of the others."""

import asyncio
from collections.abc import Collection
from functools import partial
from pathlib import Path
from typing import Final

from ari_app import clock
from ari_app.core import guard as g
from ari_app.core.incident import Door, Why
from ari_app.core.names import ChannelId, Instant, MonitorId, RunId

from .asterisk import Pbx
from .quarantine import on_disk
from .warden import Found, Warden, until

TOLD_SECONDS: Final = (0.0, 0.01, 0.03, 0.06)
OPENING_SECONDS: Final = (0.001, 0.002, 0.004, 0.008, 0.016, 0.032)


def _on_disk(files: tuple[str, ...]) -> list[Path]:
    return [path for file in files for path in on_disk(file)]


class MixMonitors:
    """MixMonitor, by whomever: dialplan, console, AMI, a feature code, a telephone's record key, a queue."""

    def __init__(self, pbx: Pbx, warden: Warden) -> None:
        self._pbx, self._warden, self._vitals = pbx, warden, warden.vitals
        self._starts = g.Starts()
        self._unseen: dict[ChannelId, tuple[g.Live, Instant | None]] = {}
        """What was taken to be the gate's, and when the first of it began."""
        self._settled: dict[ChannelId, g.Live] = {}
        self._run = RunId("")

    async def began(self, channel: ChannelId, at: Instant) -> None:
        """Asterisk says that a MixMonitor began."""
        live = self._vitals.live(channel)
        if self._starts.doubtful(channel, live) or live is None or self._vitals.objection(live.run):
            # It is told a moment before Asterisk lists it.
            for pause in TOLD_SECONDS:
                await asyncio.sleep(pause)
                if await self.look(channel, at):
                    break
        else:
            self._unseen.setdefault(channel, (live, at))

    async def tick(self) -> None:
        """Look where what was taken to be the gate's capture has made no file, and where its gate is silent."""
        unseen, self._unseen = self._unseen, {}
        for channel, (live, at) in unseen.items():
            if not self._vitals.began(live):
                await self.look(channel, at)
        channels = self._vitals.channels()
        self._starts.keep(channels)
        for gone in self._settled.keys() - channels:
            del self._settled[gone]
        # While one gate lives, what it names is permitted; after another has begun, what lies there may be its dead
        # predecessor's, until it has cleared that away.
        if self._vitals.objection(self._vitals.newest) or self._run != self._vitals.newest:
            self._run = self._vitals.newest
            await self._look_at_stale(channels)

    async def _look_at_stale(self, channels: Collection[ChannelId]) -> None:
        for channel in channels:
            live = self._vitals.live(channel)
            if live and self._settled.get(channel) != live and self._vitals.objection(live.run):
                self._settled[channel] = live
                await self.look(channel, None)

    async def look_again(self, channel: ChannelId) -> None:
        """Look at a channel whose call was another's."""
        await self.look(channel, None)

    async def look(self, channel: ChannelId, at: Instant | None) -> bool:
        """Ask Asterisk what runs on a channel, and judge each. Returns whether any is not the gate's."""
        before = self._vitals.live(channel)
        running = await self._running(channel)
        if not running:
            return False
        lives = [live for live in (before, self._vitals.live(channel)) if live]
        strangers: dict[MonitorId, tuple[str, ...]] = {}
        for monitor, files in running.items():
            self._warden.claim(*files)
            capture = g.Capture(Door.MIXMONITOR, files)
            mine = next((live for live in lives if g.named(capture, live, self._warden.rules)), None)
            if mine is None:
                strangers[monitor] = files
                continue
            self._starts.found(channel, mine)
            if (why := self._judge(capture, lives)) is not None:
                await self._end(channel, monitor, capture, why, at)
        if lives and len(strangers) == len(running) and () in strangers.values():
            # One that has no file yet may be what is named, and takes nothing meanwhile.
            self._unseen[channel] = lives[-1], at
            strangers = {monitor: files for monitor, files in strangers.items() if files}
        seen = await self._pbx.seen(channel) if strangers else None
        for monitor, files in strangers.items():
            door = Door.QUEUE if seen and seen.application == "Queue" else Door.MIXMONITOR
            capture = g.Capture(door, files, seen.runs if seen else "")
            if (why := self._judge(capture, lives)) is not None:
                await self._end(channel, monitor, capture, why, at)
        return bool(strangers)

    async def _running(self, channel: ChannelId) -> dict[MonitorId, tuple[str, ...]] | None:
        """Return what runs; Asterisk lists a file when it has opened it, some milliseconds after the begin."""
        running = await self._pbx.ami.captures(channel)
        for pause in OPENING_SECONDS:
            if not running or () not in running.values():
                break
            await asyncio.sleep(pause)
            running = await self._pbx.ami.captures(channel)
        return running

    async def _end(
        self, channel: ChannelId, monitor: MonitorId, capture: g.Capture, why: Why, at: Instant | None
    ) -> None:
        key = f"mixmonitor {channel} {monitor} {capture.files}"
        found = Found(key, capture, channel, at, partial(_on_disk, capture.files))
        await self._warden.judge(found, why, partial(self._stop, channel, monitor), partial(self.look_again, channel))

    def _judge(self, capture: g.Capture, lives: list[g.Live]) -> Why | None:
        for live in lives:
            self._vitals.objection(live.run)
        return g.objection(capture, lives, self._vitals.signs, self._warden.rules, clock.now())

    async def _stop(self, channel: ChannelId, monitor: MonitorId) -> bool:
        async def attempt() -> bool:
            if await self._pbx.ami.stop_mixmonitor(channel, monitor):
                return True
            running = await self._pbx.ami.captures(channel)
            return running is not None and monitor not in running

        return await until(attempt)
