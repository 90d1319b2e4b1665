"""MixMonitor, the one door of our own: which of them are the gate's, and what becomes of the others."""

from collections.abc import Collection
from functools import partial
from pathlib import Path

from ari_app import clock
from ari_app.core import guard as g
from ari_app.core.names import ChannelId, Instant, MonitorId, RunId

from .asterisk import GuardAmi
from .quarantine import on_disk
from .warden import Found, Warden, until


def _on_disk(files: tuple[str, ...]) -> list[Path]:
    return [path for file in files for path in on_disk(file)]


class MixMonitors:
    """MixMonitor, by whomever: dialplan, console, AMI, a feature code, a telephone's record key, a queue."""

    def __init__(self, ami: GuardAmi, warden: Warden) -> None:
        self._ami, self._warden, self._vitals = ami, warden, warden.vitals
        self._starts = g.Starts()
        self._unseen: dict[ChannelId, g.Live] = {}
        self._settled: dict[ChannelId, g.Live] = {}
        self._run = RunId("")

    async def began(self, channel: ChannelId, at: Instant) -> None:
        """Asterisk says that a MixMonitor began."""
        live = self._vitals.live(channel)
        if self._starts.doubtful(channel, live) or live is None or self._vitals.objection(live.run):
            await self.look(channel, at)
        else:
            self._unseen[channel] = live

    async def tick(self) -> None:
        """Look where what was taken to be the gate's capture has made no file, and where its gate is silent."""
        unseen, self._unseen = self._unseen, {}
        for channel, live in unseen.items():
            if not self._vitals.began(live):
                await self.look(channel, None)
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

    async def look(self, channel: ChannelId, at: Instant | None) -> None:
        """Ask Asterisk what runs on a channel, and judge each."""
        before = self._vitals.live(channel)
        running = await self._ami.captures(channel)
        if not running:
            return
        lives = [live for live in (before, self._vitals.live(channel)) if live]
        seen = None
        for monitor, files in running.items():
            self._warden.claim(*files)
            capture = g.Capture(g.Door.MIXMONITOR, files)
            if any(g.named(capture, live, self._warden.rules) for live in lives):
                why = self._judge(capture, lives)
            else:
                seen = seen or await self._ami.seen(channel)
                door = g.Door.QUEUE if seen and seen.application == "Queue" else g.Door.MIXMONITOR
                capture = g.Capture(door, files, seen.runs if seen else "")
                why = self._judge(capture, lives)
            if why:
                key = f"mixmonitor {channel} {monitor} {files}"
                found = Found(key, capture, channel, at, partial(_on_disk, files))
                await self._warden.judge(
                    found, why, partial(self._stop, channel, monitor), partial(self.look, channel, None)
                )

    def _judge(self, capture: g.Capture, lives: list[g.Live]) -> g.Why | None:
        for live in lives:
            self._vitals.objection(live.run)
        return g.objection(capture, lives, self._vitals.signs, self._warden.rules, clock.now())

    async def _stop(self, channel: ChannelId, monitor: MonitorId) -> bool:
        async def attempt() -> bool:
            if await self._ami.stop_mixmonitor(channel, monitor):
                return True
            running = await self._ami.captures(channel)
            return running is not None and monitor not in running

        return await until(attempt)
