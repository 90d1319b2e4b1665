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


def dials(board, at, caller="PJSIP/2001", callee="PJSIP/trunk", *, uniqueid=AGENT):
    board.ami(
        at,
        "DialBegin",
        uniqueid=uniqueid,
        channel=f"{caller}-0000001b",
        destchannel=f"{callee}-0000001c",
        exten="01632960002",
    )


def never(board, at, *, uniqueid=CALLER):
    board.ami(
        at, "UserEvent", uniqueid=uniqueid, userevent="consentgate-never", line="crisis-line", calleridnum="01632960001"
    )


def test_an_outgoing_call_is_written_down_as_not_gated(board):
    async def story():
        dials(board, 100)

    board.run(story)
    opened, outcome = board.journalist.entries()
    assert isinstance(opened, ev.Opened)
    assert (opened.direction, opened.channel, opened.line, opened.mode) == ("outgoing", AGENT, "", "")
    assert opened.number is not None
    assert NUMBERS.decrypt(opened.number) == "01632960002"
    assert outcome == ev.NotRecorded(at=ms(100), reason=Reason.OUTGOING_NOT_GATED)


@pytest.mark.parametrize(
    ("caller", "callee"),
    [
        ("PJSIP/2001", "PJSIP/2002"),
        ("PJSIP/trunk", "PJSIP/2001"),
        ("PJSIP/2001", "PJSIP/trunk-2"),
        ("PJSIP/2001-office", "PJSIP/trunk"),
    ],
)
def test_only_staff_who_dial_a_trunk_make_an_outgoing_call(board, caller, callee):
    async def story():
        dials(board, 100, caller, callee)

    board.run(story)
    assert board.journalist.jobs == []


def test_a_second_attempt_of_the_same_channel_is_the_same_call(board):
    async def story():
        dials(board, 100)
        dials(board, 200)

    board.run(story)
    assert board.journalist.kinds() == ["opened", "not_recorded"]


def test_a_call_that_we_have_already_is_not_written_down_twice(board):
    async def story():
        board.arrive()
        before = len(board.journalist.jobs)
        never(board, 100)
        assert len(board.journalist.jobs) == before

    board.run(story)


def test_a_line_that_is_never_recorded_is_written_down_as_such(board):
    async def story():
        never(board, 100)

    board.run(story)
    opened, outcome = board.journalist.entries()
    assert isinstance(opened, ev.Opened)
    assert (opened.direction, opened.line, opened.mode) == ("incoming", "crisis-line", "never")
    assert opened.number_hash == NUMBERS.hash("01632960001")
    assert outcome == ev.NotRecorded(at=ms(100), reason=Reason.LINE_NEVER)


def test_a_call_that_passes_by_is_handed_over_after_its_end(board):
    async def story():
        dials(board, 100)
        board.dispatcher.seal_until(ms(200))
        assert board.journalist.sealed() == []
        board.ami(300, "Hangup", uniqueid=AGENT)
        board.dispatcher.seal_until(ms(299))
        assert board.journalist.sealed() == []
        board.dispatcher.seal_until(ms(300))

    board.run(story)
    assert board.journalist.entries()[-1] == ev.Ended(at=ms(300), reason=None)
    assert len(board.journalist.sealed()) == 1


def test_a_hang_up_of_a_stranger_hands_nothing_over(board):
    async def story():
        dials(board, 100)
        board.ami(300, "Hangup", uniqueid=STRANGER)
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
    monkeypatch.setattr("ari_app.core.party.ANSWER_DEADLINE_MICROSECONDS", 5000)

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
    assert journal.Forget(CALLER) in board.journalist.jobs


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
