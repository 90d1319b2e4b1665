"""A dispatcher at work without disk and without Asterisk: what it writes and orders is kept, and answered on demand."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from unit.calls import (
    AGENT,
    CALLER,
    ENGLISH,
    NEVER,
    SECOND_AGENT,
    answered,
    capture_answered,
    inspected,
    line,
    ms,
    sound,
)

from ari_app import clock
from ari_app.adapters import journal
from ari_app.core import evidence as ev
from ari_app.core import facts as f
from ari_app.core import orders as o
from ari_app.core import policy
from ari_app.core.names import ChannelId, Instant, RecordingId, RunId, iso
from ari_app.dispatcher import Dispatcher
from ari_app.layout import Layout
from ari_app.numbers import Numbers
from ari_app.opening import Identity

OUTGOING = sound("outgoing")
RULES = policy.Policy(
    "hospital",
    "pbx1",
    {
        "advice-line": line(ENGLISH, outgoing_announcements=(OUTGOING,)),
        "crisis-line": NEVER,
        "quiet-line": line(ENGLISH),
    },
    frozenset({"PJSIP/2001", "PJSIP/2002"}),
    frozenset({"PJSIP/trunk"}),
    frozenset({"999"}),
    sha256="5" * 64,
)
NUMBERS = Numbers(bytes(range(32)))


@dataclass
class Journalist:
    """Keeps every job; `answer` is what those that wait are told, None to let them wait."""

    layout: Layout
    answer: tuple[bool, str] | None = (True, "")
    jobs: list[journal.Job] = field(default_factory=list)

    def submit(self, job: journal.Job) -> None:
        self.jobs.append(job)
        if isinstance(job, journal.Append) and job.live:
            self.layout.audio_of(job.recording).mkdir(parents=True, exist_ok=True)
        if isinstance(job, journal.Append | journal.SealCall) and job.done and self.answer:
            job.done(*self.answer)

    def entries(self, recording: RecordingId | None = None) -> list[ev.Entry]:
        found = [job for job in self.jobs if isinstance(job, journal.Append)]
        return [entry for job in found if recording in {None, job.recording} for entry in job.entries]

    def kinds(self) -> list[str]:
        return [entry.KIND for entry in self.entries()]

    def sealed(self) -> list[RecordingId]:
        return [job.recording for job in self.jobs if isinstance(job, journal.SealCall)]


@dataclass
class Executor:
    """Keeps every order."""

    orders: list[o.Order] = field(default_factory=list)

    def carry_out(self, recording: RecordingId, orders: list[o.Order]) -> None:
        # Only one of the house, who has none, is let go without a recording.
        assert recording or [type(order) for order in orders] == [o.Release]
        self.orders += orders

    def names(self) -> list[str]:
        return [type(order).__name__ for order in self.orders]


class Switchboard:
    """One dispatcher, its clock, and Asterisk's two streams."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = ms(0)
        monkeypatch.setattr(clock, "now", lambda: self.now)
        self.journalist, self.executor = Journalist(Layout(folder)), Executor()
        identity = Identity(RunId("run"), "pbx1", "consentgate 0")
        given: Any = self.journalist
        self.dispatcher = Dispatcher(RULES, identity, NUMBERS, given, Layout(folder))
        hands: Any = self.executor
        self.dispatcher.executor = hands
        self.recording = RecordingId("")

    def run(self, story: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run a story inside an event loop, as the gate does; its timers die with it."""
        try:
            asyncio.run(story())
        finally:
            self.dispatcher.closed_files._inotify.close()

    async def settle(self) -> None:
        """Let the loop hand over what the journal's thread has answered."""
        for _ in range(3):
            await asyncio.sleep(0)

    def at(self, at: float) -> None:
        self.now = Instant(max(self.now, ms(at)))

    def ari(self, at: float, kind: str, *, uniqueid: str = CALLER, **fields: Any) -> Any:
        self.at(at)
        about = {
            "id": uniqueid,
            "name": f"{endpoint(ChannelId(uniqueid))}-0000001a",
            "caller": {"number": "01632960001"},
        }
        return self.dispatcher.on_ari({"type": kind, "timestamp": iso(ms(at)), "channel": about, **fields})

    def ami(self, at: float, event: str, *, uniqueid: str = CALLER, **fields: Any) -> Any:
        self.at(at)
        seconds, micro = divmod(ms(at), 1_000_000)
        stamp = f"{seconds}.{micro:06d}"
        return self.dispatcher.on_ami({"event": event, "timestamp": stamp, "uniqueid": uniqueid, **fields})

    def hear(self, *facts: f.Fact) -> None:
        """Hear what the executor would say."""
        for fact in facts:
            self.now = max(self.now, fact.seen_at)
            self.dispatcher.hear(self.recording, fact)

    def arrive(
        self, at: float = 0, name: str = "advice-line", *, uniqueid: ChannelId = CALLER, door: str = "incoming"
    ) -> RecordingId:
        self.ari(at, "StasisStart", args=[door, name], uniqueid=uniqueid)
        self.recording = self.dispatcher.by_channel[uniqueid]
        return self.recording

    def playback(self, at: float, kind: str, state: str = "done", *, uniqueid: ChannelId = CALLER) -> None:
        about = {"id": f"cg-{uniqueid}-1", "target_uri": f"channel:{uniqueid}", "state": state}
        self.ari(at, kind, playback=about)

    async def start(
        self, at: float = 0, *, uniqueid: ChannelId = CALLER, door: str = "incoming", name: str = "advice-line"
    ) -> RecordingId:
        """Bring somebody to where their capture is asked for."""
        self.arrive(at, name, uniqueid=uniqueid, door=door)
        self.hear(replace(answered(at + 10), channel=uniqueid))
        self.hear(replace(inspected(at + 12, 1, 0), channel=uniqueid))
        self.playback(at + 20, "PlaybackStarted", uniqueid=uniqueid)
        self.playback(at + 2020, "PlaybackFinished", uniqueid=uniqueid)
        self.hear(replace(inspected(at + 2022, 2, 100), channel=uniqueid))
        await self.settle()
        return self.recording

    async def record(self, at: float = 0, *, uniqueid: ChannelId = CALLER, door: str = "incoming") -> RecordingId:
        """Bring somebody to where their capture runs, and let them go on."""
        await self.start(at, uniqueid=uniqueid, door=door)
        self.ami(at + 2031, "MixMonitorStart", uniqueid=uniqueid)
        self.hear(capture_answered(at + 2033))
        self.ari(at + 2040, "StasisEnd", uniqueid=uniqueid)
        return self.recording

    def bridge(
        self,
        at: float,
        uniqueid: ChannelId,
        count: int,
        *,
        event: str = "BridgeEnter",
        bridge: str = "bridge-1",
        seen_at: float | None = None,
    ) -> None:
        self.at(at if seen_at is None else seen_at)
        self.ami(
            at,
            event,
            uniqueid=uniqueid,
            channel=f"{endpoint(uniqueid)}-0000001b",
            bridgeuniqueid=bridge,
            bridgetype="basic",
            bridgenumchannels=str(count),
        )

    async def talk(self, at: float = 5000, *people: ChannelId) -> None:
        """Let the caller talk with 2001, or with others."""
        for count, one in enumerate((*(people or (AGENT,)), CALLER), start=1):
            self.bridge(at + count, one, count)
        await self.settle()


def endpoint(channel: ChannelId) -> str:
    """Return whose channel it is: the house has two telephones, everybody else comes from outside."""
    return {AGENT: "PJSIP/2001", SECOND_AGENT: "PJSIP/2002"}.get(channel, "PJSIP/trunk")
