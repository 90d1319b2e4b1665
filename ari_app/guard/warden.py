"""Judges what is found at the doors, and ends what is secret without ending anybody's conversation."""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from ari_app import clock
from ari_app.core import guard as g
from ari_app.core.incident import Action, Why
from ari_app.core.names import ChannelId, Instant

from .calls import Calls
from .incidents import Incidents
from .quarantine import Held, Quarantine
from .vitals import Vitals

STOP_ATTEMPTS: Final = 5
STOP_PAUSE_SECONDS: Final = 0.02
CLOSE_SECONDS: Final = 0.1
INSIST_TIMES: Final = 60
INSIST_SECONDS: Final = 1.0
CLAIM_MICROSECONDS: Final = 30_000_000
MOST_REMEMBERED: Final = 20_000

Stop = Callable[[], Awaitable[bool]]
Again = Callable[[], Awaitable[None]]


@dataclass(slots=True)
class Found:
    """A capture that was seen at a door."""

    key: str
    """The same capture, seen again, has the same key: it is judged once."""
    capture: g.Capture
    channel: ChannelId | None
    begun_at: Instant | None
    paths: Callable[[], list[Path]] = list
    """Looks for its files on the disk. They may come a moment after the capture."""
    room: list[ChannelId] = field(default_factory=list)
    """Everybody whose voice is taken, if they are more than the channel."""
    closes_late: bool = False
    """Whether Asterisk closes the file after the stop was answered, on a thread of its own."""


class Warden:
    """Judges what the doors find, and carries the judgement out."""

    def __init__(
        self, rules: g.Rules, vitals: Vitals, calls: Calls, quarantine: Quarantine, incidents: Incidents
    ) -> None:
        self.rules, self.vitals, self.calls = rules, vitals, calls
        self._quarantine, self._incidents = quarantine, incidents
        self._judged: dict[str, None] = {}
        self.elsewhere: dict[str, Again] = {}
        """Captures of calls that are not the gate's: looked at again, for calls are joined."""
        self.claimed: dict[str, Instant] = {}
        """Files that a door has spoken for, by their path without suffix, and when."""

    def claim(self, *bases: str) -> None:
        """A door knows whose files these are (given without their suffix); the watch over folders need not ask."""
        now = clock.now()
        for one in bases:
            self.claimed[one] = now

    async def tick(self) -> None:
        """Look again at captures of other calls, and forget old claims."""
        again, self.elsewhere = self.elsewhere, {}
        for look in again.values():
            await look()
        old = clock.now() - CLAIM_MICROSECONDS
        for one in [one for one, at in self.claimed.items() if at < old]:
            del self.claimed[one]

    def _first_time(self, key: str) -> bool:
        if key in self._judged:
            return False
        self._judged[key] = None
        if len(self._judged) > MOST_REMEMBERED:
            del self._judged[next(iter(self._judged))]
        return True

    async def judge(self, found: Found, why: Why, stop: Stop, again: Again) -> None:
        """Deal with a capture that is not permitted."""
        if found.key in self._judged:
            return
        match g.response(found.capture, self.rules, gated=await self._gated(found)):
            case None:
                self.elsewhere[found.key] = again
                return
            case Action.REPORTED:
                if self._first_time(found.key):
                    self._alarm(found, Action.REPORTED, why)
            case _:
                if self._first_time(found.key):
                    await self._end(found, why, stop)
                    # Asterisk's ids of monitors are addresses, and come again.
                    self._judged.pop(found.key, None)
        self.elsewhere.pop(found.key, None)

    async def _gated(self, found: Found) -> bool:
        if self.rules.scope is g.Scope.WHOLE_PBX or self.rules.ours(found.capture):
            return True
        heard = [*found.room, *([found.channel] if found.channel else [])]
        return any([await self.calls.gated(one) for one in heard])

    async def _end(self, found: Found, why: Why, stop: Stop) -> None:
        identity = self._incidents.mint()
        taken = self._take(found, identity)
        stopped = await stop()
        now = clock.now()
        if found.closes_late or len(taken) < len(found.capture.files):
            await asyncio.sleep(CLOSE_SECONDS)
        taken |= self._take(found, identity, taken)
        files, trouble = await asyncio.to_thread(self._settle, [one for one in taken.values() if one])
        if not all(taken.values()):
            trouble = "a file was left where it is: its folder is none of guard.asterisk_recording_folders"
        if not stopped and files and not trouble:
            # What is written from here on has no name any more, and ends with the application.
            stopped, trouble, now = True, "the application goes on, and what it writes is lost", clock.now()
        after_ms = max(0, now - found.begun_at) // 1000 if stopped and found.begun_at is not None else None
        action = Action.STOPPED if stopped else Action.FAILED
        self._alarm(found, action, why, identity=identity, after_ms=after_ms, files=files, trouble=trouble)
        if not stopped:
            await self._insist(found, why, stop)

    async def _insist(self, found: Found, why: Why, stop: Stop) -> None:
        for _ in range(INSIST_TIMES):
            await asyncio.sleep(INSIST_SECONDS)
            if await stop():
                self._alarm(found, Action.STOPPED, why)
                return

    def _take(self, found: Found, identity: str, before: Collection[Path] = ()) -> dict[Path, Held | None]:
        """Move what may be moved into quarantine; None for a file that must stay where it is."""
        taken: dict[Path, Held | None] = {}
        for path in found.paths():
            if path not in before and g.to_quarantine(str(path), self.rules, self.vitals.journal(str(path))):
                taken[path] = self._quarantine.take(path, f"{identity}.{len(before) + len(taken) + 1}")
        return taken

    def _settle(self, held: list[Held]) -> tuple[tuple[g.Quarantined, ...], str]:
        files, trouble = [], ""
        for one in held:
            try:
                files.append(self._quarantine.settle(one))
            except OSError as failure:
                trouble = f"a file could not be taken: {failure.strerror or type(failure).__name__}"
        return tuple(files), trouble

    def _alarm(
        self,
        found: Found,
        action: Action,
        why: Why,
        *,
        identity: str = "",
        after_ms: int | None = None,
        files: tuple[g.Quarantined, ...] = (),
        trouble: str = "",
    ) -> None:
        self._incidents.raise_alarm(
            identity or self._incidents.mint(),
            found.capture.door,
            action,
            why,
            channel=found.channel,
            stopped_after_ms=after_ms,
            files=files,
            trouble=trouble,
        )


async def until(attempt: Callable[[], Awaitable[bool]]) -> bool:
    """Try a few times, briefly; a capture that goes on is worth a little insistence and no more."""
    for number in range(STOP_ATTEMPTS):
        if await attempt():
            return True
        await asyncio.sleep(STOP_PAUSE_SECONDS * (number + 1))
    return False
