"""Recordings that end by a verb of their own: ARI's, a conference's; and Record() and RECORD FILE, which have none."""

import asyncio
from collections import deque
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Final

from ari_app import clock
from ari_app.adapters.ari import Event, Reply
from ari_app.core import doors as words
from ari_app.core import guard as g
from ari_app.core.incident import Door, Why
from ari_app.core.names import ChannelId, Instant, instant_of

from .asterisk import Pbx
from .quarantine import on_disk
from .warden import Found, Warden, until

BEGINNING_SECONDS: Final = (0.002, 0.005, 0.01, 0.03)
READERS: Final = 2
"""So many files of those that were there already are asked after at once: a backup opens every one of them."""

BEEP_LOOKS: Final = 1000
LOOK_SECONDS: Final = 0.01
KEY_SECONDS: Final = 0.2
"""Asterisk gives a key that nobody pressed 100 ms of length before an application hears that it was released."""


class AriRecordings:
    """`POST /channels/{id}/record` and `/bridges/{id}/record`: AMI knows nothing of them."""

    def __init__(self, pbx: Pbx, warden: Warden) -> None:
        self._pbx, self._warden = pbx, warden
        self._heard: deque[tuple[str, Instant]] = deque(maxlen=100)
        self._begun: dict[str, Instant] = {}
        self._busy: dict[str, bool] = {}
        """What is judged now, and whether it was found once more meanwhile."""
        self._readers = asyncio.Semaphore(READERS)

    async def began(self, event: Event) -> None:
        """A live recording began. Each is told twice: to whoever hears its channel, and to whoever hears all."""
        recording = event["recording"]
        at = instant_of(str(event["timestamp"]))
        if (seen := (recording["name"], at)) in self._heard:
            return
        self._heard.append(seen)
        await self.judge(str(recording["name"]), str(recording["format"]), str(recording["target_uri"]), at)

    async def written(self, file: str, at: Instant, *, was_there: bool = False) -> None:
        """A file of ARI's folder was made or opened, said by its path in there: by a recording, or by anybody.

        Where Asterisk tells of each recording itself, that is earlier, and enough.
        """
        name, _, suffix = file.rpartition(".")
        if self._pbx.ari.hears_all or not name:
            return
        # A survey may find it a moment earlier than it is told: that is no recording without a beginning.
        self._begun.setdefault(name, at)
        try:
            async with self._readers if was_there else nullcontext():
                live = await self._pbx.ari.live_recording(name)
            if live is not None:
                await self.judge(name, suffix, live["target_uri"], at)
        finally:
            self._begun.pop(name, None)

    async def judge(self, name: str, suffix: str, target: str, at: Instant | None) -> None:
        """Deal with a live recording; once, if it is found in two ways at the same time."""
        if name in self._busy:
            self._busy[name] = True
            return
        self._busy[name] = False
        try:
            await self._judge(name, suffix, target, at)
        finally:
            found_again = self._busy.pop(name)
        if found_again:
            # Another may have begun by the same name while the file of the first was put away.
            await self._again(name, suffix)

    async def _judge(self, name: str, suffix: str, target: str, at: Instant | None) -> None:
        base = f"{self._pbx.ami.spool}/recording/{name}"
        self._warden.claim(base)
        kind, identity = words.recorded_by_ari(target)
        channel = g.channel_of(identity) if kind == "channel" else None
        room = [] if kind == "channel" else await self._pbx.ari.members(identity) or []
        door = Door.CHANNEL_RECORDING if kind == "channel" else Door.BRIDGE_RECORDING
        seen = await self._pbx.seen(channel) if channel else None
        file = f"{base}.{suffix}"
        capture = g.Capture(door, (file,), seen.runs if seen else "")
        if self._warden.rules.allowance(capture) is None:
            found = Found(f"{door} {name} {target}", capture, channel, at, lambda: _there(file), room)
            again = partial(self._again, name, suffix)
            await self._warden.judge(found, Why.NOT_ALLOWED, partial(self._stop, name), again)

    async def survey(self) -> None:
        """Judge every live recording."""
        async for name, suffix, target in self._pbx.live_recordings():
            await self.judge(name, suffix, target, self._begun.get(name))

    async def _again(self, name: str, suffix: str) -> None:
        if (live := await self._pbx.ari.live_recording(name)) is not None:
            await self.judge(name, suffix, live["target_uri"], None)

    async def _stop(self, name: str) -> bool:
        async def attempt() -> bool:
            return (
                await self._pbx.ari.stop_recording(name) is Reply.YES
                or await self._pbx.ari.recording_runs(name) is False
            )

        return await until(attempt)


class Conferences:
    """ConfBridge's own recording, by its profile or by AMI: a hidden channel in the bridge, with a MixMonitor."""

    def __init__(self, pbx: Pbx, warden: Warden) -> None:
        self._pbx, self._warden = pbx, warden

    async def began(self, conference: str, at: Instant | None) -> None:
        """A conference is recorded."""
        mine, files = await self._recorders(conference)
        # It is said a moment before its MixMonitor is there.
        for pause in BEGINNING_SECONDS:
            if files:
                break
            await asyncio.sleep(pause)
            mine, files = await self._recorders(conference)
        room = [member for _, bridge in mine for member in await self._pbx.ari.members(bridge) or []]
        self._warden.claim(*files)
        capture = g.Capture(Door.CONFBRIDGE, tuple(files), "ConfBridge")
        if self._warden.rules.allowance(capture) is None:
            key = f"conference {conference} {mine} {files}"
            found = Found(key, capture, None, at, lambda: [path for one in files for path in on_disk(one)], room)
            again = partial(self._again, conference)
            await self._warden.judge(found, Why.NOT_ALLOWED, partial(self._stop, conference), again)

    async def _recorders(self, conference: str) -> tuple[list[tuple[str, str]], list[str]]:
        """Return the recording channels of a conference with their bridges, and the files they write."""
        mine = [one for one in await self._pbx.ami.conference_recorders() if _conference_of(one[0]) == conference]
        captures = [await self._pbx.ami.captures(channel) or {} for channel, _ in mine]
        return mine, [file for one in captures for listed in one.values() for file in listed]

    async def _again(self, conference: str) -> None:
        if any(_conference_of(name) == conference for name, _ in await self._pbx.ami.conference_recorders()):
            await self.began(conference, None)

    async def survey(self) -> None:
        """Judge every conference that is recorded now."""
        for conference in {_conference_of(name) for name, _ in await self._pbx.ami.conference_recorders()}:
            await self.began(conference, None)

    async def _stop(self, conference: str) -> bool:
        async def attempt() -> bool:
            if await self._pbx.ami.stop_conference(conference):
                return True
            return all(_conference_of(name) != conference for name, _ in await self._pbx.ami.conference_recorders())

        return await until(attempt)


class Recorders:
    """Record() and AGI's RECORD FILE. Nothing ends them but a key, if they were given one, or the channel's end.

    To redirect or hang up the caller would end them as well, and cost the caller their call. So the file is taken away
    under their hands: what they write goes into quarantine, and then nowhere.
    """

    def __init__(self, pbx: Pbx, warden: Warden) -> None:
        self._pbx, self._warden = pbx, warden
        self._ended: dict[ChannelId, asyncio.Event] = {}

    async def by_application(self, channel: ChannelId, recorded_file: str, at: Instant | None) -> None:
        """Record() has opened its file, called by whatever it may be."""
        seen = await self._pbx.seen(channel)
        if seen is None:
            return
        if seen.application == "Record":
            await self._judge(channel, words.recorder(seen.data, recorded_file), seen.runs, at)
        else:
            # Called from an AGI script. Its options are not known, so its usual key is tried.
            found = on_disk(recorded_file)
            file = str(found[0]) if found else recorded_file
            await self._judge(channel, words.Recorder(file, words.TERMINATOR), seen.runs, at)

    async def by_script(self, channel: ChannelId, command: str, at: Instant | None) -> None:
        """An AGI script has said RECORD FILE."""
        recorder = words.agi_recorder(command)
        if recorder is not None:
            await self._judge(channel, recorder, "AGI", at)

    def ended(self, channel: ChannelId) -> None:
        """One of them says that it is over."""
        if (event := self._ended.get(channel)) is not None:
            event.set()

    async def _judge(self, channel: ChannelId, recorder: words.Recorder, application: str, at: Instant | None) -> None:
        self._warden.claim(g.base(recorder.file))
        if at is None and not _there(recorder.file):
            # Found running, its file taken away already: it writes into nothing, and nothing can be done to it.
            return
        # A beep comes first, and eats the key. Nothing is recorded before the file is there.
        for _ in range(BEEP_LOOKS):
            if _there(recorder.file):
                break
            await asyncio.sleep(LOOK_SECONDS)
            at = clock.now()
        capture = g.Capture(Door.RECORD_APPLICATION, (recorder.file,), application)
        if self._warden.rules.allowance(capture) is None:
            key = f"record {channel} {recorder.file}"
            found = Found(key, capture, channel, at, lambda: _there(recorder.file), closes_late=True)
            again = partial(self._again, channel, recorder, application)
            await self._warden.judge(found, Why.NOT_ALLOWED, partial(self._press, channel, recorder.key), again)

    async def _again(self, channel: ChannelId, recorder: words.Recorder, application: str) -> None:
        seen = await self._pbx.seen(channel)
        if seen is not None and seen.runs == application and _there(recorder.file):
            await self._judge(channel, recorder, application, None)

    async def _press(self, channel: ChannelId, key: str | None) -> bool:
        if key is None:
            return False
        event = self._ended.setdefault(channel, asyncio.Event())
        try:
            if not await self._pbx.ami.press(channel, key):
                return False
            async with asyncio.timeout(KEY_SECONDS):
                await event.wait()
        except TimeoutError:
            return False
        finally:
            self._ended.pop(channel, None)
        return True


def _there(file: str) -> list[Path]:
    path = Path(file)
    return [path] if path.is_file() else []


def _conference_of(channel: str) -> str:
    return channel.removeprefix("CBRec/").rpartition("-")[0]
