"""An executor on a pretended Asterisk that answers as it is told, and the facts that come of it."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

from unit.calls import CALLER, MONITOR, RECORDING, ms

from ari_app import clock, executor
from ari_app.adapters.ari import Reply
from ari_app.core import facts as f
from ari_app.core.names import MonitorId
from ari_app.layout import Layout

FILE = "seg-001.p01.wav"
NOW = ms(1000)


@dataclass
class Ari:
    """Answers every order with `reply`."""

    reply: Reply = Reply.YES
    application: str = "consentgate"
    sent: list[tuple[Any, ...]] = field(default_factory=list)

    async def answer(self, channel):
        return self._sent("answer", channel)

    async def play(self, channel, playback, path):
        return self._sent("play", channel, playback, path)

    async def stop_playback(self, playback):
        return self._sent("stop_playback", playback)

    async def continue_(self, channel, *, label=""):
        return self._sent("continue", channel, label)

    def _sent(self, *what):
        self.sent.append(what)
        return self.reply


@dataclass
class Ami:
    """Runs MixMonitors: `running` is what Asterisk lists, None for no answer; `log` is shared with Ari's."""

    log: list[tuple[Any, ...]]
    running: dict[MonitorId, list[str]] | None = field(default_factory=dict)
    started: MonitorId | None = MONITOR
    stops: bool | None = True
    value: str | None = "Stasis|consentgate,incoming,advice-line|140"

    async def get(self, channel, expression):
        self.log.append(("get", channel, expression))
        return self.value

    async def set(self, channel, name, value):
        self.log.append(("set", channel, name, value))
        return True

    async def start_mixmonitor(self, channel, options):
        self.log.append(("start", channel, options))
        return self.started, True

    async def stop_mixmonitor(self, channel, monitor):
        self.log.append(("stop", channel, monitor))
        if self.stops and self.running:
            self.running.pop(monitor, None)
        return self.stops

    async def mixmonitors(self, channel):
        assert channel == CALLER
        return None if self.running is None else dict(self.running)


class Desk:
    """An executor, its Asterisk, and the facts that it tells."""

    def __init__(self, folder, monkeypatch):
        self.now = NOW
        monkeypatch.setattr(clock, "now", lambda: self.now)
        monkeypatch.setattr(executor, "STOP_PAUSE_SECONDS", 0.0)
        monkeypatch.setattr(executor, "FILE_APPEARS_SECONDS", 0.01)
        self.ari = Ari()
        self.ami = Ami(self.ari.sent)
        self.layout = Layout(folder)
        self.layout.audio_of(RECORDING).mkdir(parents=True)
        self.path = self.layout.audio_of(RECORDING) / FILE
        self.shown = str(self.path).removesuffix(".wav")
        self.facts: list[tuple[str, f.Fact]] = []
        ari: Any = self.ari
        ami: Any = self.ami
        self.executor = executor.Executor(ari, ami, self.layout, lambda *heard: self.facts.append(heard))

    def carry_out(self, *orders, decided_at=NOW):
        async def work():
            now, self.now = self.now, decided_at
            self.executor.carry_out(RECORDING, list(orders))
            self.now = now
            await self.executor.finish(1)

        asyncio.run(work())
        assert {recording for recording, _ in self.facts} <= {RECORDING}
        return [fact for _, fact in self.facts]

    @property
    def sent(self):
        return self.ari.sent
