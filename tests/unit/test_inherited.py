"""Calls that outlived their gate, from its journals on the disk to the next segment; Asterisk is pretended."""

import asyncio

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
from unit.inherited_world import NAME, World
from unit.switchboard import Switchboard

from ari_app import settling
from ari_app.core import evidence as ev
from ari_app.core import orders as o
from ari_app.core.names import MICROSECONDS, RunId
from ari_app.core.reasons import Reason
from ari_app.core.restored import Mark


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
        ({"applications": {CALLER: "ChanSpy"}}, Reason.NOT_TOLD),
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


def test_a_pause_counts_from_the_press_that_nobody_heard(world):
    world.die()
    world.asterisk.marks = {AGENT: (Mark(1_800_000_003, paused=True),)}
    world.take_over(lambda: asyncio.sleep(0))
    assert world.next.dispatcher.calls[world.recording].room.paused_at == 1_800_000_003 * MICROSECONDS


def test_an_objectors_key_is_no_pause_for_others(world):
    world.die()
    world.asterisk.objected = True
    world.asterisk.marks = {CALLER: (Mark(10**10, paused=True),)}
    world.take_over()
    assert ev.Chose not in world.kinds
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
        await settling.settle(world.asterisk, world.layout, board.dispatcher, world.asterisk, [])
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
