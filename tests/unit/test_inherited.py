"""Calls that outlived their gate, from its journals on the disk to the next segment; Asterisk is pretended."""

from dataclasses import dataclass, field
from typing import Any

import pytest
from unit.calls import (
    AGENT,
    CALLER,
    MONITOR,
    P01,
    P02,
    capture_answered,
    capture_ended,
    file_closed,
    lost,
    ms,
    replaced,
)
from unit.switchboard import RULES, Switchboard

from ari_app import inherited, reconcile
from ari_app.adapters.journal import Journalist
from ari_app.core import evidence as ev
from ari_app.core import orders as o
from ari_app.core.names import ChannelId, RecordingId, RunId
from ari_app.core.reasons import Reason
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
        journalist = Journalist(self.layout, RunId("run-1"), stop_below_free_bytes=0)
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
            await reconcile.settle(self.asterisk, self.layout, self.next.dispatcher, self.asterisk, found)
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


@pytest.fixture
def world(tmp_path, monkeypatch):
    return World(tmp_path, monkeypatch)


GOES_ON = ["seg-002.p01.wav", "seg-002.p02.wav"]


def test_a_conversation_goes_on_with_the_next_segment_in_the_same_journal(world):
    world.die()
    assert world.take_over() == []
    first, second, third, *_ = world.next.journalist.entries(world.recording)
    assert first == ev.PermitRevoked(at=ms(20_000), permit=1, reason=Reason.GATE_RESTARTED)
    assert second == ev.TakenOver(at=ms(20_000), run=RunId("run-1"))
    assert third == ev.PermitGranted(at=ms(20_000), permit=2, parties=["p01", "p02"])
    assert world.files == GOES_ON
    assert set(world.asterisk.stopped) == {CALLER, AGENT}


def test_its_hang_up_seals_it(world):
    world.die()

    async def story():
        world.next.hear(capture_answered(20_010, MONITOR, P01, 2), capture_answered(20_010, MONITOR, P02, 2))
        world.next.ami(25_000, "Hangup", uniqueid=CALLER)
        for party in (P01, P02):
            world.next.hear(capture_ended(25_010, party, 2), file_closed(25_011, party, 2))

    world.take_over(story)
    assert world.next.journalist.entries(world.recording)[-1] == ev.Ended(at=ms(25_000), reason=None)
    assert world.next.dispatcher.calls == {}


@pytest.mark.parametrize(
    "change",
    [
        {"names": {CALLER: "PJSIP/trunk-0000001f", AGENT: "PJSIP/2001-0000001b"}},
        {"owns": None},
        {"owns": ""},
        {"owns": "another"},
        {"applications": {AGENT: "ChanSpy"}},
        {"names": {CALLER: NAME, AGENT: "PJSIP/2001-0000001b", "3": "Snoop/1-00000001"}},
    ],
)
def test_whoever_is_not_recognised_passes_unrecorded(world, change):
    world.die()
    for name, value in change.items():
        setattr(world.asterisk, name, value)

    async def story():
        assert world.recording not in world.next.dispatcher.calls
        assert world.next.dispatcher.passing.recordings == {CALLER: world.recording}
        world.next.ami(25_000, "Hangup", uniqueid=CALLER)

    world.take_over(story)
    assert world.files == []
    assert world.reasons == [Reason.GATE_RESTARTED]
    assert world.kinds[-1] is ev.Ended
    assert world.next.dispatcher.whereabouts.owners == {}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"objected": True}, Reason.OBJECTED),
        ({"held": {AGENT}}, Reason.HELD),
        ({"marks": {AGENT: (Mark(10**10, paused=True),)}}, Reason.PAUSED),
        ({"names": {CALLER: NAME, "3": "PJSIP/trunk-0000001c"}}, Reason.NOT_TOLD),
        ({"names": {CALLER: NAME, "3": "Local/1@x-00000001;1"}}, Reason.NOT_TOLD),
        ({"names": {CALLER: NAME}}, Reason.NOT_BRIDGED),
        ({"names": {CALLER: NAME, "3": "Local/1@x-00000001;2"}}, Reason.NOT_TOLD),
    ],
)
def test_what_happened_while_nobody_watched_holds(world, change, reason):
    world.die()
    for name, value in change.items():
        setattr(world.asterisk, name, value)
    world.take_over()
    assert world.files == []
    assert world.reasons == [reason]


def test_a_pause_holds_until_somebody_resumes_it_also_while_no_gate_lived(world):
    world.die(paused=True)
    world.take_over()
    assert world.files == []
    assert world.reasons == [Reason.PAUSED]
    world.asterisk.orders.clear()
    world.asterisk.marks = {AGENT: (Mark(10**10, paused=False),)}
    world.take_over()
    assert world.files == GOES_ON


def test_an_objectors_key_is_no_pause_for_others(world):
    world.die()
    world.asterisk.objected = True
    world.asterisk.marks = {CALLER: (Mark(10**10, paused=True),)}
    world.take_over()
    assert ev.PauseChanged not in world.kinds
    assert world.kinds.count(ev.PartyObjected) == 1


def test_what_is_heard_before_asterisk_has_answered_counts(world):
    world.die()
    world.take_over(before=lambda: world.next.dispatcher.hear(world.recording, replaced(20_000)))
    assert world.files == []


def test_who_left_the_bridge_while_it_was_asked_for_is_not_brought_back(world):
    world.die()

    def leave():
        world.next.bridge(20_001, AGENT, 1, event="BridgeLeave")

    world.asterisk.meanwhile = leave
    world.take_over()
    assert AGENT not in world.next.dispatcher.whereabouts.topology.wires
    assert world.files == []


def test_an_asterisk_that_does_not_answer_leaves_everybody_closed(world):
    world.die()
    world.asterisk.silent = True
    (left,) = world.take_over()
    assert left.recording == world.recording
    assert world.files == []
    # For everybody else they are untold meanwhile.
    assert world.next.dispatcher.whereabouts.owners[CALLER].standing.value == "untold"


def test_whoever_is_gone_is_sealed(world):
    world.die()
    world.asterisk.names = {AGENT: "PJSIP/2001-0000001b"}
    world.take_over()
    assert world.kinds[-1] is ev.Ended
    assert [recording for _, recording in world.next.dispatcher.sealing.waiting] == [world.recording]


def test_whoever_is_stranded_is_told_afresh_in_a_record_of_their_own(world):
    world.die()
    world.asterisk.stranded_channels = [CALLER]
    world.take_over()
    assert world.kinds[-1] is ev.Ended
    (fresh,) = world.next.dispatcher.calls
    assert fresh != world.recording


def test_a_lost_connection_is_the_same(world):
    world.next = board = Switchboard(world.layout.root, world.monkeypatch)
    board.executor = board.dispatcher.executor = world.asterisk

    async def story():
        await board.record()
        await board.talk()
        world.asterisk.owns = board.recording
        board.at(9000)
        board.dispatcher.whereabouts.forget()
        board.dispatcher.whereabouts.doubted.add(CALLER)
        board.hear(lost(9000))
        board.at(9500)
        await reconcile.settle(world.asterisk, world.layout, board.dispatcher, world.asterisk, [])
        await board.settle()

    board.run(story)
    assert world.files[-2:] == GOES_ON


def test_a_journal_that_is_not_of_a_call_is_put_aside(world):
    world.die(opened=False)
    assert world.inherit() == []
    assert [one.name for one in world.layout.quarantine.iterdir()] == [world.recording]


def test_a_call_that_was_over_is_only_sealed(world):
    world.die()
    file = world.layout.journal_of(world.recording)
    _, previous = ev.read(file.read_bytes())
    file.write_bytes(file.read_bytes() + ev.line(ev.Ended(at=ms(9000), reason=None), previous)[0])
    world.take_over()
    assert world.kinds == []
    assert [recording for _, recording in world.next.dispatcher.sealing.waiting] == [world.recording]


def test_the_lamp_of_a_conversation_that_does_not_go_on_is_darkened(world):
    world.die()
    world.asterisk.held = {AGENT}
    world.take_over()
    assert [one for one in world.asterisk.orders if isinstance(one, o.Lamp)] == [o.Lamp("PJSIP/2001", lit=False)]


@pytest.mark.parametrize(
    ("application", "heard"),
    [("Wait", None), ("Queue", Reason.MUSIC_ON_HOLD), ("Dial", Reason.MUSIC_ON_HOLD), ("VoiceMail", Reason.VOICEMAIL)],
)
def test_whoever_is_alone_may_hear_music_until_they_come_into_a_bridge(world, application, heard):
    world.die()
    world.asterisk.bridged = False
    world.asterisk.applications = {CALLER: application}

    async def story():
        around = world.next.dispatcher.calls[world.recording].room.around
        assert around.quiet is heard
        world.next.bridge(21_000, AGENT, 1)
        world.next.bridge(21_001, CALLER, 2)
        await world.next.settle()

    world.take_over(story)
    assert world.files == GOES_ON
    assert world.next.dispatcher.whereabouts.presumed == set()
