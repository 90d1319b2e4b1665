"""Keys that the dialplan acted upon, or a caller pressed while they waited, reach the recordings that they concern."""

from dataclasses import replace

import pytest
from unit.calls import AGENT, CALLER
from unit.switchboard import Switchboard
from unit.test_dispatcher_rooms import room, two

from ari_app.core import evidence as ev
from ari_app.core import orders as o
from ari_app.core.names import whisper_id
from ari_app.core.reasons import Reason


@pytest.fixture
def board(tmp_path, monkeypatch):
    return Switchboard(tmp_path, monkeypatch)


def test_what_the_house_presses_for_the_caller_is_everybodys_objection_who_is_there_from_outside(board):
    async def story():
        recordings = await two(board)
        board.ami(9000, "UserEvent", uniqueid=AGENT, userevent="consentgate-caller-objects")
        assert {room(board, one).suspended for one in recordings} == {Reason.OBJECTED}

    board.run(story)


@pytest.mark.parametrize(
    ("given", "cause"), [({"cause": "distress"}, "distress"), ({"cause": "Mr Jones"}, ""), ({}, "")]
)
def test_who_stops_ends_everybodys_recording_and_why_is_one_of_our_words(board, given, cause):
    async def story():
        recordings = await two(board)
        board.ami(9000, "UserEvent", uniqueid=AGENT, userevent="consentgate-stopped", **given)
        assert {room(board, one).closed for one in recordings} == {Reason.STOPPED_BY_STAFF}
        said = [one for one in board.journalist.entries(recordings[0]) if isinstance(one, ev.Chose)]
        assert [(one.choice, one.why, one.by) for one in said] == [("stopped", cause, AGENT)]

    board.run(story)


def test_a_pause_for_a_payment_ends_by_itself_and_one_by_a_person_does_not(board):
    async def story():
        await board.record()
        await board.talk()
        board.ami(9000, "UserEvent", uniqueid=AGENT, userevent="consentgate-paused", cause="payment")
        board.ami(9100, "UserEvent", uniqueid=AGENT, userevent="consentgate-paused")
        board.ami(9200, "UserEvent", uniqueid=AGENT, userevent="consentgate-resumed", cause="payment")
        assert room(board).suspended is Reason.PAUSED
        board.ami(9300, "UserEvent", uniqueid=AGENT, userevent="consentgate-resumed")
        assert room(board).permits == 2

    board.run(story)


def keyed(board, at, keys, channel=CALLER, direction="Received"):
    for number, key in enumerate(keys):
        board.ami(at + 200 * number, "DTMFEnd", uniqueid=channel, digit=key, direction=direction)


@pytest.mark.parametrize(
    ("keys", "channel", "direction", "objects"),
    [
        ("*9", CALLER, "Received", True),
        ("*8", CALLER, "Received", False),
        ("*9", AGENT, "Received", False),
        # What we send to the caller is nobody's choice.
        ("*9", CALLER, "Sent", False),
    ],
)
def test_a_caller_who_waits_objects_by_the_lines_own_sequence(board, keys, channel, direction, objects):
    async def story():
        await board.record()
        board.dispatcher.calls[board.recording].room = replace(
            room(board), line=replace(room(board).line, opt_out_sequence="*9")
        )
        keyed(board, 9000, keys, channel, direction)
        assert (room(board).caller.failure is Reason.OBJECTED) is objects

    board.run(story)


async def whispers(board, *, sequence="*9"):
    """Bring a caller to where they wait and have objected; return the channel that speaks to them."""
    await board.record()
    rules = replace(room(board).line, opt_out_sequence=sequence)
    board.dispatcher.calls[board.recording].room = replace(room(board), line=rules)
    keyed(board, 9000, sequence)
    assert [one for one in board.executor.orders if isinstance(one, o.Confirm)] == [o.Confirm(CALLER, None)]
    return whisper_id(CALLER)


def spies(board, at, by):
    names = {"spyerchannel": f"Snoop/{CALLER}-00000001", "spyeechannel": "PJSIP/trunk-0000001a"}
    board.ami(at, "ChanSpyStart", spyeruniqueid=by, spyeeuniqueid=CALLER, **names)


def test_whoever_objects_while_they_wait_hears_that_it_was_heard_and_nobody_is_in_their_room_for_it(board):
    async def story():
        whisperer = await whispers(board)
        spies(board, 9300, whisperer)
        assert board.dispatcher.whereabouts.room_of(CALLER) == {CALLER}
        board.ari(9301, "StasisStart", uniqueid=whisperer, args=["whisper"])
        assert list(board.dispatcher.calls) == [board.recording]
        assert "Release" not in board.executor.names()[-1]
        # Once it is over, the name is a stranger's again.
        board.ami(9900, "Hangup", uniqueid=whisperer)
        spies(board, 9950, whisperer)
        assert board.dispatcher.whereabouts.room_of(CALLER) == {CALLER, whisperer}

    board.run(story)


def test_a_whisper_that_is_not_ours_is_let_go_and_is_no_call(board):
    """A dead gate's, or a stranger's that calls itself ours: to both nobody says anything."""

    async def story():
        board.ari(0, "StasisStart", uniqueid=whisper_id(CALLER), args=["incoming", "advice-line"])
        assert board.dispatcher.calls == {}
        assert board.executor.orders == [o.Release(whisper_id(CALLER), o.Outcome.NOT_RECORDED, None)]

    board.run(story)


def test_on_a_line_without_a_sequence_keys_mean_nothing(board):
    async def story():
        await board.record()
        keyed(board, 9000, "*9")
        assert room(board).caller.failure is None

    board.run(story)
