"""A gate that was killed in a conversation, the journal that it left, and the next gate, on a pretended Asterisk."""

from dataclasses import dataclass, field
from typing import Any

from unit.calls import (
    AGENT,
    CALLER,
    MONITOR,
    capture_answered,
)
from unit.switchboard import RULES, Switchboard

from ari_app import inherited, settling
from ari_app.adapters.journal import Journalist
from ari_app.core import evidence as ev
from ari_app.core import orders as o
from ari_app.core.names import ChannelId, RecordingId, RunId
from ari_app.core.restored import Mark
from ari_app.executor import Phone
from ari_app.layout import JOURNAL, Layout

NAME = "PJSIP/trunk-0000001a"
DEAD = RunId("run-0")


@dataclass
class Asterisk:
    """What it answers a gate that asks who is where; every channel is in one bridge."""

    names: dict[str, str] = field(default_factory=lambda: {CALLER: NAME, AGENT: "PJSIP/2001-0000001b"})
    applications: dict[str, str] = field(default_factory=dict)
    stranded_channels: list[ChannelId] = field(default_factory=list)
    owns: str | None = ""
    objected: bool = False
    held: set[str] = field(default_factory=set)
    marks: dict[str, tuple[Mark, ...]] = field(default_factory=dict)
    silent: bool = False
    stopped: list[str] = field(default_factory=list)
    orders: list[o.Order] = field(default_factory=list)
    meanwhile: Any = None
    bridged: bool = True

    async def bridges(self):
        if self.silent:
            return None
        return [{"id": "bridge-1", "bridge_class": "basic", "creator": "", "channels": list(self.names)}][
            : self.bridged
        ]

    async def channels(self):
        if self.meanwhile:
            self.meanwhile()
        return [
            {
                "id": one,
                "name": name,
                "dialplan": {"app_name": self.applications.get(one, "Dial"), "app_data": "consentgate,incoming,x"},
                "caller": {"number": ""},
            }
            for one, name in self.names.items()
        ]

    async def stranded(self):
        return self.stranded_channels

    async def phones(self, channels):
        return {one: Phone(one in self.held, self.marks.get(one, ())) for one in channels}

    async def owner(self, _):
        return None if self.owns is None else (self.owns, self.objected)

    async def stop_strangers(self, channel, _):
        self.stopped.append(channel)
        return 0

    def carry_out(self, _, orders):
        self.orders += orders


class World:
    """A gate that was killed in a conversation, and the next one."""

    def __init__(self, folder, monkeypatch):
        self.folder, self.monkeypatch = folder, monkeypatch
        self.layout = Layout(folder / "spool")
        for one in (self.layout.calls, self.layout.live, self.layout.quarantine, self.layout.audio):
            one.mkdir(parents=True)
        self.asterisk: Any = Asterisk()
        self.recording = RecordingId("")
        self.next: Switchboard

    def die(self, *, paused=False, opened=True):
        """Let a gate record a conversation, and leave its journal."""
        dead = Switchboard(self.folder, self.monkeypatch)

        async def story():
            await dead.record()
            await dead.talk()
            if paused:
                dead.ami(6000, "UserEvent", uniqueid=AGENT, userevent="consentgate-paused")
            dead.hear(capture_answered(6010, MONITOR))

        dead.run(story)
        self.recording = dead.recording
        self.asterisk.owns = dead.recording
        entries = dead.journalist.entries(dead.recording)
        text, previous = b"", ev.FIRST
        for entry in entries if opened else entries[1:]:
            line, previous = ev.line(entry, previous)
            text += line
        folder = self.layout.calls / dead.recording
        folder.mkdir()
        (folder / JOURNAL).write_bytes(text)

    def inherit(self):
        journalist = Journalist(self.layout, RunId("run-1"))
        return inherited.inherit(self.layout, journalist, RULES)

    def take_over(self, story=None, *, before=None):
        """Let the next gate come at 20 s, and settle; then the story goes on."""
        self.next = Switchboard(self.layout.root, self.monkeypatch)
        self.next.executor = self.asterisk
        self.next.dispatcher.executor = self.asterisk
        self.next.recording = self.recording
        self.next.at(20_000)
        found = self.inherit()

        async def all_of_it():
            inherited.take_up(found, self.next.dispatcher)
            if before:
                before()
            await settling.settle(self.asterisk, self.layout, self.next.dispatcher, self.asterisk, found)
            await self.next.settle()
            if story:
                await story()

        self.next.run(all_of_it)
        return found

    @property
    def kinds(self):
        return [type(one) for one in self.next.journalist.entries(self.recording)]

    @property
    def reasons(self):
        return [one.reason for one in self.next.journalist.entries(self.recording) if isinstance(one, ev.NotRecorded)]

    @property
    def files(self):
        return [one.file for one in self.asterisk.orders if isinstance(one, o.StartCapture)]
