"""A dispatcher at work without disk and without Asterisk: what it writes and orders is kept, and answered on demand."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from unit.calls import CALLER, ENGLISH, NEVER, answered, capture_answered, inspected, line, ms

from ari_app import clock
from ari_app.adapters import journal
from ari_app.core import evidence as ev
from ari_app.core import facts as f
from ari_app.core import orders as o
from ari_app.core import policy
from ari_app.core.names import ChannelId, Instant, RecordingId, RunId, iso
from ari_app.dispatcher import Dispatcher, Identity
from ari_app.layout import Layout
from ari_app.numbers import Numbers

RULES = policy.Policy(
    "hospital",
    "pbx1",
    {"advice-line": line(ENGLISH), "crisis-line": NEVER},
    frozenset({"PJSIP/2001"}),
    frozenset({"PJSIP/trunk"}),
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
        assert recording
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
        about = {"id": uniqueid, "name": "PJSIP/trunk-0000001a", "caller": {"number": "01632960001"}}
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

    def arrive(self, at: float = 0, name: str = "advice-line", *, uniqueid: ChannelId = CALLER) -> RecordingId:
        self.ari(at, "StasisStart", args=["incoming", name], uniqueid=uniqueid)
        self.recording = self.dispatcher.by_channel[uniqueid]
        return self.recording

    def playback(self, at: float, kind: str, state: str = "done") -> None:
        self.ari(at, kind, playback={"id": f"cg-{CALLER}-1", "target_uri": f"channel:{CALLER}", "state": state})

    async def start(self) -> RecordingId:
        """Bring a caller to where their capture is asked for."""
        self.arrive()
        self.hear(answered(10), inspected(12, 1, 0))
        self.playback(20, "PlaybackStarted")
        self.playback(2020, "PlaybackFinished")
        self.hear(inspected(2022, 2, 100))
        await self.settle()
        return self.recording

    async def record(self) -> RecordingId:
        """Bring a caller to where their capture runs."""
        await self.start()
        self.ami(2031, "MixMonitorStart")
        self.hear(capture_answered(2033))
        return self.recording

    def bridge(self, at: float, uniqueid: ChannelId, endpoint: str, count: int, *, event: str = "BridgeEnter") -> None:
        self.ami(
            at,
            event,
            uniqueid=uniqueid,
            channel=f"{endpoint}-0000001b",
            bridgeuniqueid="bridge-1",
            bridgetype="basic",
            bridgenumchannels=str(count),
        )
