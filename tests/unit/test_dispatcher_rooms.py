"""Everybody's whereabouts reach the recordings they concern: who joins, leaves, holds, objects, or is somebody else."""

import pytest
from unit.calls import AGENT, CALLER, GUEST, P02, SECOND_AGENT, STRANGER, capture_answered, ms, objected
from unit.switchboard import Switchboard

from ari_app.adapters import journal
from ari_app.core import evidence as ev
from ari_app.core import orders as o
from ari_app.core.names import ChannelId
from ari_app.core.reasons import Reason

RENAMED = {"channel": "PJSIP/trunk-0000001a", "newname": "PJSIP/2005-0000001f"}
HOLD = {"uniqueid": AGENT, "channel": "PJSIP/2001-0000001b"}


@pytest.fixture
def board(tmp_path, monkeypatch):
    return Switchboard(tmp_path, monkeypatch)


def orders(board, kind):
    return [order for order in board.executor.orders if isinstance(order, kind)]


def room(board, recording=None):
    return board.dispatcher.calls[recording or board.recording].room


def test_one_of_the_house_in_the_callers_bridge_is_captured(board):
    async def story():
        await board.record()
        await board.talk()

    board.run(story)
    assert [(order.party, order.channel) for order in orders(board, o.StartCapture)] == [
        ("p01", CALLER),
        ("p02", AGENT),
    ]
    assert board.dispatcher.by_channel == {CALLER: board.recording}
    assert board.dispatcher.tracked == {AGENT: {board.recording}}


def test_who_is_gone_does_not_come_into_a_bridge_any_more(board):
    async def story():
        await board.record()
        board.ami(4000, "Hangup", uniqueid=AGENT)
        board.bridge(3990, AGENT, 1)

    board.run(story)
    assert AGENT not in board.dispatcher.whereabouts.topology.wires


def test_who_leaves_the_bridge_ends_the_segment_and_who_comes_back_begins_the_next(board):
    async def story():
        await board.record()
        await board.talk()
        board.bridge(9000, AGENT, 1, event="BridgeLeave")
        assert room(board).suspended is Reason.NOT_BRIDGED
        board.bridge(9500, AGENT, 2)
        await board.settle()

    board.run(story)
    assert [order.file for order in orders(board, o.StartCapture)] == [
        "seg-001.p01.wav",
        "seg-001.p02.wav",
        "seg-002.p01.wav",
        "seg-002.p02.wav",
    ]
    assert [order.file for order in orders(board, o.StopCapture)] == ["seg-001.p01.wav", "seg-001.p02.wav"]


def test_whoever_nobody_has_told_ends_the_segment_with_asterisks_stamp(board):
    async def story():
        await board.record()
        await board.talk()
        board.bridge(9000, STRANGER, 3, seen_at=9400)

    board.run(story)
    assert board.journalist.entries()[-1] == ev.PermitRevoked(at=ms(9000), permit=1, reason=Reason.NOT_TOLD)


def test_a_stranger_of_whom_only_the_count_tells_does_as_well(board):
    async def story():
        await board.record()
        await board.talk()
        board.bridge(9000, SECOND_AGENT, 4)

    board.run(story)
    assert room(board).suspended is Reason.NOT_TOLD


@pytest.mark.parametrize(
    ("begin", "end", "reason"),
    [("Hold", "Unhold", Reason.HELD), ("MusicOnHoldStart", "MusicOnHoldStop", Reason.MUSIC_ON_HOLD)],
)
def test_a_hold_of_anybody_ends_the_segment_until_it_is_over(board, begin, end, reason):
    async def story():
        await board.record()
        await board.talk()
        board.ami(9000, begin, **HOLD)
        assert room(board).suspended is reason
        board.ami(9500, end, **HOLD)
        assert room(board).permits == 2

    board.run(story)


def test_what_changes_nothing_in_a_room_is_not_told_to_its_recording(board):
    async def story():
        await board.record()
        await board.talk()
        before = room(board)
        await board.talk()
        board.ami(9000, "Unhold", **HOLD)
        board.bridge(9100, STRANGER, 1, bridge="elsewhere")
        board.bridge(9101, ChannelId("7.7"), 2, bridge="elsewhere")
        assert room(board) is before

    board.run(story)


def test_a_channel_that_another_telephone_takes_over_is_somebody_untold(board):
    async def story():
        await board.record()
        await board.talk()
        board.ami(9000, "Rename", **RENAMED)
        board.ami(9001, "Rename", **{**RENAMED, "uniqueid": AGENT})

    board.run(story)
    assert room(board).caller.failure is Reason.CHANNEL_REPLACED
    assert board.journalist.entries()[-1] == ev.PermitRevoked(at=ms(9000), permit=1, reason=Reason.CHANNEL_REPLACED)


def test_one_of_the_house_who_hangs_up_has_their_capture_ended_and_forgotten(board):
    async def story():
        await board.record()
        await board.talk(5000, AGENT, SECOND_AGENT)
        board.ami(9000, "Hangup", uniqueid=AGENT)

    board.run(story)
    narrowed = ev.PermitNarrowed(at=ms(9000), permit=1, parties=["p01", "p03"])
    ended = ev.TrackEnded(at=ms(9000), segment=1, party="p02", closed=False)
    assert board.journalist.entries()[-2:] == [narrowed, ended]
    assert board.journalist.jobs[-1] == journal.Forget(AGENT, board.recording, "seg-001.p02.wav")
    assert AGENT not in board.dispatcher.tracked


def test_a_foreign_capture_on_one_of_the_house_is_written_down(board):
    async def story():
        await board.record()
        await board.talk()
        board.ami(5010, "MixMonitorStart", uniqueid=AGENT)
        board.hear(capture_answered(5011, party=P02))
        board.ami(9000, "MixMonitorStart", uniqueid=AGENT)

    board.run(story)
    assert board.journalist.entries()[-1] == ev.ForeignCapture(at=ms(9000), party="p02")


def test_a_telephone_shows_the_capture_once(board):
    async def story():
        await board.record()
        await board.talk()
        board.ami(9000, "Hold", **HOLD)

    board.run(story)
    assert orders(board, o.Lamp) == [o.Lamp("PJSIP/2001", lit=True), o.Lamp("PJSIP/2001", lit=False)]


# -- two recordings in one room


async def two(board):
    """Bring two told callers and one of the house into one bridge; return the older recording and the younger."""
    older = await board.record()
    younger = await board.record(100, uniqueid=GUEST)
    await board.talk(5000, GUEST, AGENT)
    return older, younger


def test_each_of_two_callers_is_captured_in_their_own_recording_and_the_house_in_the_older(board):
    async def story():
        older, younger = await two(board)
        starts = [(order.channel, order.party) for order in orders(board, o.StartCapture)]
        assert starts == [(CALLER, "p01"), (GUEST, "p01"), (AGENT, "p02")]
        assert [one.channel for one in room(board, older).others] == [AGENT, GUEST]
        assert {one.channel for one in room(board, younger).others} == {AGENT, CALLER}
        notices = [one for one in board.journalist.entries(older) if isinstance(one, ev.NoticePlayed)]
        assert [(one.party, one.playback) for one in notices] == [("p01", f"cg-{CALLER}-1"), ("p03", f"cg-{GUEST}-1")]
        entered = [one for one in board.journalist.entries(younger) if isinstance(one, ev.PartyEntered)]
        assert older in {one.recording for one in entered}

    board.run(story)


def test_when_the_older_recording_is_over_the_younger_captures_the_house(board):
    async def story():
        _, younger = await two(board)
        board.ami(9000, "Hangup")
        board.bridge(9001, CALLER, 2, event="BridgeLeave")
        await board.settle()
        (party,) = {one.party for one in room(board, younger).others if one.channel == AGENT}
        last = orders(board, o.StartCapture)[-1]
        assert (last.channel, last.party) == (AGENT, party)

    board.run(story)


def test_an_objection_is_the_objectors_and_stops_everybody(board):
    async def story():
        older, younger = await two(board)
        board.ami(9000, "UserEvent", uniqueid=GUEST, userevent="consentgate-objected")
        assert room(board, younger).suspended is Reason.OBJECTED
        assert room(board, older).suspended is Reason.OBJECTED
        assert ev.PartyObjected(at=ms(9000), party="p01") in board.journalist.entries(younger)
        revoked = board.journalist.entries(older)[-1]
        assert revoked == ev.PermitRevoked(at=ms(9000), permit=1, reason=Reason.OBJECTED)

    board.run(story)


def test_who_joins_a_paused_room_is_not_captured_there_until_the_pause_is_over(board):
    async def story():
        older = await board.record()
        younger = await board.record(100, uniqueid=GUEST)
        await board.talk()
        board.ami(9000, "UserEvent", uniqueid=CALLER, userevent="consentgate-paused")
        board.bridge(9100, GUEST, 3)
        assert room(board, younger).suspended is Reason.PAUSED
        board.ami(9500, "UserEvent", uniqueid=CALLER, userevent="consentgate-resumed")
        assert [room(board, one).suspended for one in (older, younger)] == [None, None]

    board.run(story)


@pytest.mark.parametrize("presser", [AGENT, CALLER, GUEST])
def test_a_pause_is_everybodys_whoever_wants_it(board, presser):
    async def story():
        recordings = await two(board)
        board.ami(9000, "UserEvent", uniqueid=presser, userevent="consentgate-paused")
        assert {room(board, one).suspended for one in recordings} == {Reason.PAUSED}
        board.ami(9500, "UserEvent", uniqueid=presser, userevent="consentgate-resumed")
        assert [room(board, one).permits for one in recordings] == [2, 2]

    board.run(story)


@pytest.mark.parametrize("event", ["consentgate-objected", "consentgate-paused", "consentgate-resumed"])
def test_a_key_that_a_stranger_presses_concerns_nobody_here(board, event):
    async def story():
        await board.record()
        await board.talk()
        before = room(board)
        board.ami(9000, "UserEvent", uniqueid=STRANGER, userevent=event)
        assert room(board) is before

    board.run(story)


def test_one_of_the_house_who_presses_the_objectors_key_pauses_everybodys_recording(board):
    async def story():
        recordings = await two(board)
        board.ami(9000, "UserEvent", uniqueid=AGENT, userevent="consentgate-objected")
        assert {room(board, one).suspended for one in recordings} == {Reason.PAUSED}

    board.run(story)


def test_a_newcomer_who_is_told_at_last_is_let_in_by_the_recordings_of_the_room(board):
    async def story():
        older = await board.record()
        await board.talk()
        board.ari(6000, "StasisStart", args=["join", "advice-line"], uniqueid=GUEST)
        board.bridge(6100, GUEST, 3)
        assert room(board, older).suspended is Reason.NOT_TOLD
        board.bridge(6200, GUEST, 2, event="BridgeLeave")
        assert room(board, older).permits == 2

    board.run(story)


def test_a_telephone_in_two_recordings_goes_dark_with_the_last(board):
    async def story():
        older, younger = await two(board)
        board.recording = older
        board.hear(objected(9000))
        assert orders(board, o.Lamp) == [o.Lamp("PJSIP/2001", lit=True), o.Lamp("PJSIP/2001", lit=False)]
        assert room(board, younger).lit == frozenset()

    board.run(story)


# -- late


def test_a_newcomer_who_was_heard_of_too_late_is_let_in_by_the_next_heartbeat(board):
    async def story():
        await board.record()
        await board.talk()
        board.bridge(9000, SECOND_AGENT, 3, seen_at=11_000)
        assert room(board).suspended is Reason.STALE_FACTS
        board.at(11_400)
        board.dispatcher.seal_until(ms(10_300))
        assert room(board).suspended is Reason.STALE_FACTS
        board.dispatcher.seal_until(ms(11_300))
        assert room(board).permit.at == ms(11_300)

    board.run(story)


def test_a_heartbeat_ends_an_optimisation_whose_end_never_came(board):
    halves = {"localoneuniqueid": "7.1", "localtwouniqueid": "7.2"}

    async def story():
        await board.record()
        board.bridge(5000, ChannelId("7.1"), 1)
        board.ami(5001, "LocalBridge", **halves)
        await board.talk(5002)
        board.ami(8000, "LocalOptimizationBegin", **halves)
        board.bridge(8001, AGENT, 2, event="BridgeLeave")
        board.dispatcher.seal_until(ms(8999))
        permits = room(board).permits
        board.dispatcher.seal_until(ms(9000))
        assert room(board).permit is None
        assert permits == room(board).permits

    board.run(story)


def test_a_capture_that_answers_is_told_to_its_recording_alone(board):
    async def story():
        older, younger = await two(board)
        board.recording = older
        before = room(board, younger)
        board.hear(capture_answered(5100, party=P02))
        assert room(board, younger) is before

    board.run(story)
