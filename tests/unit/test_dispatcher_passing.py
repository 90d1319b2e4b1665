"""When a call is handed over; and the calls that never come to the gate: what is written down of them."""

import asyncio

import pytest
from unit.calls import AGENT, CALLER, STRANGER, answered, entered, hung_up, inspected, lost, ms
from unit.switchboard import NUMBERS, Switchboard

from ari_app.adapters import journal
from ari_app.core import evidence as ev
from ari_app.core import facts as f
from ari_app.core import orders as o
from ari_app.core.reasons import Reason


@pytest.fixture
def board(tmp_path, monkeypatch):
    return Switchboard(tmp_path, monkeypatch)


def dials(board, at, number="01632960002"):
    """2001 dials somebody outside, and they answer."""
    called = {"destuniqueid": STRANGER, "destchannel": "PJSIP/trunk-0000001c"}
    board.ami(at, "DialBegin", uniqueid=AGENT, channel="PJSIP/2001-0000001b", exten=number, **called)
    board.bridge(at + 1, STRANGER, 1)


def never(board, at, *, event="consentgate-never", line="crisis-line"):
    board.ami(at, "UserEvent", userevent=event, line=line, calleridnum="01632960001")


def test_who_is_called_without_the_gate_is_written_down_when_they_are_connected(board):
    async def story():
        dials(board, 100)

    board.run(story)
    opened, outcome = board.journalist.entries()
    assert isinstance(opened, ev.Opened)
    assert (opened.direction, opened.channel, opened.line) == ("outgoing", STRANGER, "")
    assert outcome == ev.NotRecorded(at=ms(101), reason=Reason.OUTGOING_NOT_GATED)


def test_who_leaves_a_bridge_is_not_connected_by_that(board):
    async def story():
        board.bridge(50, STRANGER, 1)
        called = {"destuniqueid": STRANGER, "destchannel": "PJSIP/trunk-0000001c"}
        board.ami(100, "DialBegin", uniqueid=AGENT, channel="PJSIP/2001-0000001b", exten="1", **called)
        board.bridge(200, STRANGER, 0, event="BridgeLeave")

    board.run(story)
    assert board.journalist.jobs == []


def test_an_emergency_call_is_written_down_when_it_is_answered(board):
    async def story():
        dials(board, 100, "999")
        assert board.journalist.jobs == []
        board.bridge(102, AGENT, 2)

    board.run(story)
    opened, outcome = board.journalist.entries()
    assert isinstance(opened, ev.Opened)
    assert (opened.channel, outcome) == (AGENT, ev.NotRecorded(at=ms(100), reason=Reason.EMERGENCY_NUMBER))


def test_a_call_that_we_have_already_is_not_written_down_twice(board):
    async def story():
        board.arrive()
        before = len(board.journalist.jobs)
        never(board, 100)
        assert len(board.journalist.jobs) == before

    board.run(story)


@pytest.mark.parametrize(
    ("event", "line", "direction", "reason"),
    [
        ("consentgate-never", "crisis-line", "incoming", Reason.LINE_NEVER),
        ("consentgate-machine", "advice-line", "outgoing", Reason.ANSWERING_MACHINE),
    ],
)
def test_whom_the_dialplan_lets_pass_is_written_down_as_such(board, event, line, direction, reason):
    async def story():
        never(board, 100, event=event, line=line)

    board.run(story)
    opened, outcome = board.journalist.entries()
    assert isinstance(opened, ev.Opened)
    assert (opened.direction, opened.line) == (direction, line)
    assert opened.number_hash == NUMBERS.hash("01632960001")
    assert outcome == ev.NotRecorded(at=ms(100), reason=reason)


def test_a_call_that_passes_by_is_handed_over_after_its_end(board):
    async def story():
        dials(board, 100)
        board.dispatcher.seal_until(ms(200))
        assert board.journalist.sealed() == []
        board.ami(300, "Hangup", uniqueid=STRANGER)
        board.dispatcher.seal_until(ms(299))
        assert board.journalist.sealed() == []
        board.dispatcher.seal_until(ms(300))

    board.run(story)
    assert board.journalist.entries()[-1] == ev.Ended(at=ms(300), reason=None)
    assert len(board.journalist.sealed()) == 1


def test_a_hang_up_of_a_stranger_hands_nothing_over(board):
    async def story():
        dials(board, 100)
        board.ami(300, "Hangup", uniqueid=AGENT)
        board.dispatcher.seal_until(ms(9000))

    board.run(story)
    assert board.journalist.sealed() == []


def test_a_hang_up_without_an_arrival_is_forgotten_once_both_streams_are_read(board):
    async def story():
        board.ami(300, "Hangup", uniqueid=STRANGER)
        board.dispatcher.seal_until(ms(299))
        assert board.dispatcher.gone == {STRANGER: ms(300)}
        board.dispatcher.seal_until(ms(300))
        assert board.dispatcher.gone == {}

    board.run(story)


def test_a_timer_that_is_due_rings(board, monkeypatch):
    monkeypatch.setattr("ari_app.core.telling.ANSWER_DEADLINE_MICROSECONDS", 5000)

    async def story():
        board.arrive()
        await asyncio.sleep(0.03)

    board.run(story)
    released = [order for order in board.executor.orders if isinstance(order, o.Release)]
    assert released == [o.Release(CALLER, o.Outcome.NOT_RECORDED, Reason.ANSWER_FAILED)]


def test_a_timer_that_is_set_anew_asks_only_the_newer_question(board):
    async def story():
        board.arrive()
        (call,) = board.dispatcher.calls.values()
        board.hear(answered(10))
        first = call.timers[f.Timer.INSPECTION]
        board.hear(inspected(12, 1, 0))
        board.playback(20, "PlaybackStarted")
        board.playback(2020, "PlaybackFinished")
        assert (first.cancelled(), call.timers[f.Timer.INSPECTION].cancelled()) == (True, False)

    board.run(story)


def test_timers_end_with_their_call(board):
    async def story():
        board.arrive()
        (call,) = board.dispatcher.calls.values()
        board.hear(lost(5))
        assert [timer.cancelled() for timer in call.timers.values()] == [False]
        board.ami(9000, "Hangup")
        assert {timer.cancelled() for timer in call.timers.values()} == {True}

    board.run(story)


# -- handed over


def test_a_capture_that_has_ended_is_named_in_live_no_more(board):
    async def story():
        await board.record()
        board.ami(9000, "Hangup")

    board.run(story)
    assert journal.Forget(CALLER, board.recording, "seg-001.p01.wav") in board.journalist.jobs


def test_a_call_is_handed_over_once_a_heartbeat_covers_its_end(board):
    async def story():
        board.arrive()
        board.hear(lost(5))
        board.ami(9000, "Hangup")
        recording = board.recording
        board.dispatcher.seal_until(ms(8999.999))
        assert board.journalist.sealed() == []
        board.dispatcher.seal_until(ms(9000))
        assert board.journalist.sealed() == [recording]
        board.dispatcher.seal_until(ms(9500))
        assert board.journalist.sealed() == [recording]

    board.run(story)
    assert board.dispatcher.calls == {}
    assert board.dispatcher.by_channel == {}
    assert board.dispatcher.whereabouts.owners == {}


def test_a_call_that_could_not_be_handed_over_is_tried_again(board):
    async def story():
        board.arrive()
        board.hear(lost(5))
        board.ami(9000, "Hangup")
        board.journalist.answer = False, "the disk is full"
        board.dispatcher.seal_until(ms(9000))
        await board.settle()
        board.journalist.answer = True, ""
        board.dispatcher.seal_until(ms(9500))
        await board.settle()
        board.dispatcher.seal_until(ms(9900))

    board.run(story)
    assert board.journalist.sealed() == [board.recording] * 2


def test_after_its_end_a_channel_is_a_new_call(board):
    async def story():
        first = board.arrive()
        board.hear(lost(5))
        board.ami(9000, "Hangup")
        assert board.arrive(9500) != first

    board.run(story)


def test_a_fact_about_a_call_that_is_over_is_ignored(board):
    async def story():
        board.arrive()
        board.hear(lost(5))
        board.ami(9000, "Hangup")
        jobs = len(board.journalist.jobs)
        board.hear(hung_up(9001), entered(9002))
        assert len(board.journalist.jobs) == jobs

    board.run(story)


def test_a_hangup_that_was_read_before_the_arrival_is_kept_until_both_streams_are_read(board):
    """A gate that thaws finds a minute of both streams and reads one of them first."""

    async def story():
        board.ami(2000, "Hangup")
        board.at(9000)
        board.ari(0, "StasisStart", args=["incoming", "advice-line"])

    board.run(story)
    assert board.dispatcher.by_channel == {}
    assert board.journalist.entries()[-1] == ev.Ended(at=ms(2000), reason=Reason.HUNG_UP_BEFORE_TOLD)
    assert board.dispatcher.gone == {}


def test_a_hangup_is_not_kept_longer_than_an_arrival_can_be_late(board):
    async def story():
        board.ami(2000, "Hangup")
        board.dispatcher.seal_until(ms(1999))
        assert board.dispatcher.gone == {CALLER: ms(2000)}
        board.dispatcher.seal_until(ms(2000))

    board.run(story)
    assert board.dispatcher.gone == {}
