"""Channels that exist to hear others: snoop, external media, ChanSpy. Hung up, they end no conversation."""

import asyncio
from functools import partial
from pathlib import Path
from typing import Final

from ari_app import clock
from ari_app.core import doors as words
from ari_app.core import guard as g
from ari_app.core.incident import Door, Why
from ari_app.core.names import WHISPER, ChannelId, Instant

from .asterisk import Pbx
from .warden import Found, Warden, until

EXTERNAL: Final = ("UnicastRTP/", "AudioSocket/", "WebSocket/")
ENTERING_SECONDS: Final = (0.0, 0.005, 0.02)
SPIES: Final = frozenset({"ChanSpy", "ExtenSpy"})


class Taps:
    """Ends a tap by ending its own channel."""

    def __init__(self, pbx: Pbx, warden: Warden) -> None:
        self._pbx, self._warden = pbx, warden
        self._whispers: dict[ChannelId, Instant] = {}
        """Since when the gate says something to somebody."""

    async def appeared(self, name: str, channel: ChannelId, linked: str, at: Instant | None) -> None:
        """A channel of a kind that may be a tap was made."""
        spied = words.spied_channel(name)
        if spied is not None:
            await self._snoops(channel, g.channel_of(spied), at)
        # Dialled by a call it is that call's party, a talking machine perhaps; on its own it is somebody's ear.
        elif name.startswith(EXTERNAL[0]) or (name.startswith(EXTERNAL) and linked == channel):
            await self._judge(Door.EXTERNAL_MEDIA, channel, at)

    async def _snoops(self, channel: ChannelId, spied: ChannelId | None, at: Instant | None) -> None:
        if channel.startswith(WHISPER):
            now = clock.now()
            # Of one name there is one at a time, so a new one has a begin of its own.
            began = self._whispers[channel] = at or self._whispers.get(channel, now)
            capture = g.Capture(Door.SNOOP, (), await self._application(channel))
            if not self._warden.vitals.signs.gate_dead(now) and g.whispers(capture, channel, spied, now - began):
                self._warden.elsewhere[f"{Door.SNOOP} {channel}"] = partial(self._whispers_on, channel, spied)
                return
        await self._judge(Door.SNOOP, channel, at, room=[spied] if spied else [])

    async def _whispers_on(self, channel: ChannelId, spied: ChannelId | None) -> None:
        if await self._pbx.seen(channel) is None:
            self._whispers.pop(channel, None)
        else:
            await self._snoops(channel, spied, None)

    async def spies(self, channel: ChannelId, at: Instant | None) -> None:
        """ChanSpy or ExtenSpy has begun to listen. Who only listens is a supervisor; who records is a recorder."""
        seen = await self._pbx.seen(channel)
        if seen is None or seen.application not in SPIES:
            return
        name = words.spied_into(seen.data)
        if name is not None:
            base = f"{self._pbx.ami.spool}/monitor/{name}"
            capture = g.Capture(Door.CHANSPY, (base,), seen.application)
            await self._judge(Door.CHANSPY, channel, at, capture=capture)

    async def _judge(
        self,
        door: Door,
        channel: ChannelId,
        at: Instant | None,
        *,
        room: list[ChannelId] | None = None,
        capture: g.Capture | None = None,
    ) -> None:
        if capture is None:
            capture = g.Capture(door, (), await self._application(channel))
        if self._warden.rules.allowance(capture) is not None:
            self._warden.claim(*capture.files)
            return
        paths = partial(_raw_files, Path(capture.files[0])) if capture.files else list
        found = Found(f"{door} {channel}", capture, channel, at, paths, room or [], closes_late=True)
        spies = partial(self.spies, channel, None)
        again = spies if door is Door.CHANSPY else partial(self._again, door, channel, room)
        await self._warden.judge(found, Why.NOT_ALLOWED, partial(self._hang_up, channel), again)

    async def _application(self, channel: ChannelId) -> str:
        """Return whose tap it is. A new one enters its ARI application a moment after it was made."""
        may_run = self._warden.rules.allowed or channel.startswith(WHISPER)
        for pause in ENTERING_SECONDS if may_run else (0.0,):
            await asyncio.sleep(pause)
            seen = await self._pbx.seen(channel)
            if seen is None or seen.runs:
                break
        return seen.runs if seen else ""

    async def _again(self, door: Door, channel: ChannelId, room: list[ChannelId] | None) -> None:
        if await self._pbx.seen(channel) is not None:
            await self._judge(door, channel, None, room=room)

    async def _hang_up(self, channel: ChannelId) -> bool:
        async def attempt() -> bool:
            await self._pbx.ami.hang_up(channel)
            return await self._pbx.seen(channel) is None

        return await until(attempt)


def _raw_files(base: Path) -> list[Path]:
    """Return the files of a spy: its name, the second in which it began, and `.raw`."""
    return [one for one in base.parent.glob("*.raw") if one.name.rsplit(".", 2)[0] == base.name]
