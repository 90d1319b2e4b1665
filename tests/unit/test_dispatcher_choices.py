"""Keys that the dialplan acted upon, or a caller pressed while they waited, reach the recordings that they concern."""

from dataclasses import replace

import pytest
from unit.calls import AGENT, CALLER
from unit.switchboard import Switchboard
from unit.test_dispatcher_rooms import room, two

from ari_app.core import evidence as ev
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


def test_on_a_line_without_a_sequence_keys_mean_nothing(board):
    async def story():
        await board.record()
        keyed(board, 9000, "*9")
        assert room(board).caller.failure is None

    board.run(story)
