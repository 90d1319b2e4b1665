"""Which call an event is about, whose a MixMonitor is, what is written down, and when a call is handed over."""

import pytest
from unit.calls import (
    AGENT,
    CALLER,
    P01,
    STRANGER,
    answered,
    capture_answered,
    capture_ended,
    inspected,
    lost,
    ms,
)
from unit.switchboard import NUMBERS, Switchboard

from ari_app import translation as t
from ari_app.adapters import journal
from ari_app.core import evidence as ev
from ari_app.core import orders as o
from ari_app.core.names import playback_id
from ari_app.core.reasons import Reason


@pytest.fixture
def board(tmp_path, monkeypatch):
    return Switchboard(tmp_path, monkeypatch)


def orders(board, kind):
    return [order for order in board.executor.orders if isinstance(order, kind)]


# -- arriving


def test_who_arrives_becomes_a_call_with_an_encrypted_number(board):
    async def story():
        board.arrive()

    board.run(story)
    opened, party = board.journalist.entries()
    assert isinstance(opened, ev.Opened)
    assert (opened.at, opened.run, opened.node, opened.line, opened.mode) == (
        ms(0),
        "run",
        "pbx1",
        "advice-line",
        "announce",
    )
    assert (opened.direction, opened.channel, opened.policy_sha256) == ("incoming", CALLER, "5" * 64)
    assert opened.number is not None
    assert NUMBERS.decrypt(opened.number) == "01632960001"
    assert opened.number_hash == NUMBERS.hash("01632960001")
    assert isinstance(party, ev.PartyEntered)
    assert (party.party, party.endpoint) == ("p01", "PJSIP/trunk")
    assert board.executor.names() == ["Answer"]


@pytest.mark.parametrize("arguments", [["incoming", "unheard-of"], ["incoming"], []])
def test_an_unknown_line_is_let_go_at_once(board, arguments):
    async def story():
        board.ari(0, "StasisStart", args=arguments)

    board.run(story)
    assert orders(board, o.Release) == [o.Release(CALLER, o.Outcome.NOT_RECORDED, Reason.LINE_UNKNOWN)]
    assert board.journalist.entries()[0].line == "".join(arguments[1:])


def test_a_line_name_of_any_length_is_kept_to_forty_characters(board):
    async def story():
        board.arrive(name="x" * 4000)

    board.run(story)
    assert board.journalist.entries()[0].line == "x" * 40


@pytest.mark.parametrize(
    ("door", "direction", "called"),
    [("incoming", "incoming", False), ("party", "outgoing", True), ("join", "join", False)],
)
def test_who_comes_by_another_door_hears_what_is_meant_for_them(board, door, direction, called):
    async def story():
        board.arrive(door=door)
        board.hear(answered(10), inspected(12, 1, 0))

    board.run(story)
    opened = board.journalist.entries()[0]
    assert isinstance(opened, ev.Opened)
    assert opened.direction == direction
    assert board.dispatcher.calls[board.recording].room.called is called
    assert [order.announcement.name for order in orders(board, o.Play)] == ["outgoing" if called else "advice-en"]


def test_who_is_called_is_written_down_with_the_number_that_was_dialled(board):
    async def story():
        called = {"destuniqueid": CALLER, "destchannel": "PJSIP/trunk-0000001c"}
        board.ami(0, "DialBegin", uniqueid=AGENT, channel="PJSIP/2001-0000001b", exten="01632960002", **called)
        board.arrive(5, door="party")

    board.run(story)
    opened = board.journalist.entries()[0]
    assert isinstance(opened, ev.Opened)
    assert opened.number is not None
    assert NUMBERS.decrypt(opened.number) == "01632960002"


def test_who_is_called_for_a_line_without_words_for_them_goes_on_at_once_where_a_called_leg_does(board):
    async def story():
        board.arrive(name="quiet-line", door="party")

    board.run(story)
    reason = Reason.OUTGOING_ANNOUNCEMENT_MISSING
    assert orders(board, o.Release) == [o.Release(CALLER, o.Outcome.NOT_RECORDED, reason, called=True)]


@pytest.mark.parametrize(("door", "called"), [("party", True), ("join", False)])
def test_one_of_the_house_is_sent_on_at_once_and_told_nothing(board, door, called):
    async def story():
        board.ari(0, "StasisStart", args=[door, "advice-line"], uniqueid=AGENT)

    board.run(story)
    assert board.executor.orders == [o.Release(AGENT, o.Outcome.NOT_RECORDED, None, called)]
    assert (board.dispatcher.calls, board.journalist.jobs) == ({}, [])


def test_one_of_the_house_who_calls_a_line_is_a_caller(board):
    async def story():
        board.arrive(uniqueid=AGENT)

    board.run(story)
    assert board.executor.names() == ["Answer"]


def test_before_the_gate_is_connected_one_of_the_house_waits_for_the_lifeline(board):
    async def story():
        board.dispatcher.executor = None
        board.ari(0, "StasisStart", args=["join", "advice-line"], uniqueid=AGENT)
        board.arrive(5)

    board.run(story)
    assert board.executor.orders == []
    assert board.journalist.kinds() == ["opened", "party_entered"]


def test_a_channel_id_that_is_not_fit_for_a_path_makes_no_call(board):
    async def story():
        board.ari(0, "StasisStart", args=["incoming", "advice-line"], uniqueid="../../x")

    board.run(story)
    assert board.dispatcher.calls == {}
    assert board.journalist.jobs == []


def test_who_comes_twice_is_one_call(board):
    async def story():
        recording = board.arrive()
        board.hear(lost(5))
        assert board.arrive(3000) == recording

    board.run(story)
    assert len(board.dispatcher.calls) == 1
    assert len(orders(board, o.Release)) == 2


def test_an_adopted_caller_is_announced_to_under_numbers_of_its_own(board):
    async def story():
        seen = t.Arrived(ms(0), CALLER, "PJSIP/trunk", "", ("incoming", "advice-line"))
        board.dispatcher.arrived(seen, adopted=True)

    board.run(story)
    assert orders(board, o.StopPlayback)[0] == o.StopPlayback(playback_id(CALLER, 1))
    assert next(iter(board.dispatcher.calls.values())).room.caller.notice == 20
    assert board.journalist.entries()[0].number is None


def test_a_hang_up_that_was_read_before_the_arrival_ends_the_call(board):
    async def story():
        board.ami(5, "Hangup")
        board.ari(0, "StasisStart", args=["incoming", "advice-line"])

    board.run(story)
    assert board.journalist.kinds()[-2:] == ["not_recorded", "ended"]
    assert board.dispatcher.calls == {}


def test_an_event_about_a_channel_of_nobody_changes_nothing(board):
    async def story():
        board.ami(0, "Hangup", uniqueid=STRANGER)
        board.ari(0, "StasisEnd", uniqueid=STRANGER)
        board.ami(0, "Hold", uniqueid=STRANGER, channel="PJSIP/trunk-1")
        board.ari(0, "ChannelStateChange")

    board.run(story)
    assert board.journalist.jobs == []
    assert board.executor.orders == []


def test_what_concerns_the_gate_as_a_whole_is_handed_back(board):
    async def story():
        marker = {"eventname": "consentgate-marker", "userevent": {"number": "7"}}
        assert board.ari(250, "ChannelUserevent", **marker) == t.Marker(ms(250), 7)
        assert board.ari(250, "ApplicationReplaced") == t.Replaced()
        assert board.ami(250, "UserEvent", userevent="consentgate-marker", number="8") == t.Marker(ms(250), 8)

    board.run(story)


def test_an_event_without_a_stamp_is_the_gates_to_complain_about(board):
    async def story():
        with pytest.raises(t.UnstampedError):
            board.dispatcher.on_ami({"event": "Hangup", "uniqueid": CALLER})

    board.run(story)


# -- captured


def test_evidence_that_is_durable_starts_the_capture(board):
    async def story():
        await board.start()

    board.run(story)
    *_, before, job = [job for job in board.journalist.jobs if isinstance(job, journal.Append)]
    assert [entry.KIND for one in (before, job) for entry in one.entries] == ["permit_granted", "capture_requested"]
    assert job.live == o.Live(CALLER, P01, 1, "seg-001.p01.wav")
    assert [order.file for order in orders(board, o.StartCapture)] == ["seg-001.p01.wav"]


def test_evidence_that_is_refused_starts_nothing(board):
    async def story():
        board.journalist.answer = False, "the disk is full"
        await board.start()

    board.run(story)
    assert orders(board, o.StartCapture) == []
    assert orders(board, o.Release) == [o.Release(CALLER, o.Outcome.NOT_RECORDED, Reason.JOURNAL_UNWRITABLE)]


def test_evidence_of_a_folder_that_cannot_be_watched_starts_nothing(board, monkeypatch):
    def refuse(*_):
        raise OSError(28, "no more watches")

    async def story():
        monkeypatch.setattr(board.dispatcher.closed_files, "watch", refuse)
        await board.start()

    board.run(story)
    assert orders(board, o.StartCapture) == []
    assert orders(board, o.Release) == [o.Release(CALLER, o.Outcome.NOT_RECORDED, Reason.JOURNAL_UNWRITABLE)]


def test_evidence_that_became_durable_too_late_starts_nothing(board):
    async def story():
        board.journalist.answer = None
        await board.start()
        board.at(3100)
        board.journalist.jobs[-1].done(True, "")
        await board.settle()

    board.run(story)
    assert orders(board, o.StartCapture) == []
    assert orders(board, o.Release) == [o.Release(CALLER, o.Outcome.NOT_RECORDED, Reason.STALE_FACTS)]


def test_a_start_that_we_asked_for_is_ours(board):
    async def story():
        await board.record()

    board.run(story)
    track = board.dispatcher.calls[board.recording].room.tracks[0]
    assert (track.began_at, track.ambiguous) == (ms(2031), False)
    assert "foreign_capture" not in board.journalist.kinds()
    assert [order.outcome for order in orders(board, o.Release)] == ["recording"]


def test_a_start_that_nobody_asked_for_is_foreign(board):
    async def story():
        await board.record()
        board.ami(9000, "MixMonitorStart")
        board.ami(9001, "MixMonitorStop")

    board.run(story)
    assert board.journalist.entries()[-1] == ev.ForeignCapture(at=ms(9000), party="p01")
    assert not board.dispatcher.calls[board.recording].room.tracks[0].ambiguous


def test_a_second_start_before_ours_is_confirmed_is_ambiguous_and_foreign(board):
    async def story():
        await board.start()
        board.ami(2031, "MixMonitorStart")
        board.ami(2032, "MixMonitorStart")

    board.run(story)
    track = board.dispatcher.calls[board.recording].room.tracks[0]
    assert (track.began_at, track.ambiguous) == (ms(2032), True)
    assert board.journalist.entries()[-1] == ev.ForeignCapture(at=ms(2032), party="p01")


def test_after_a_start_that_came_to_nothing_the_next_is_a_stranger_s(board):
    async def story():
        await board.start()
        board.hear(capture_answered(2033, None), capture_ended(2040))
        board.ami(9000, "MixMonitorStart")

    board.run(story)
    assert board.journalist.entries()[-1] == ev.ForeignCapture(at=ms(9000), party="p01")


def test_a_capture_that_ran_before_the_caller_came_is_written_down_when_they_come(board):
    async def story():
        board.ami(0, "MixMonitorStart")
        board.arrive(5)

    board.run(story)
    assert board.journalist.kinds() == ["opened", "party_entered", "foreign_capture"]


def test_a_foreign_capture_is_forgotten_with_its_channel(board):
    async def story():
        board.ami(0, "MixMonitorStart", uniqueid=STRANGER)
        board.ami(5, "Hangup", uniqueid=STRANGER)

    board.run(story)
    assert not board.dispatcher.monitors.stranger_on(STRANGER)


def test_a_file_that_the_kernel_reports_closed_is_a_track_of_its_call(board):
    async def story():
        await board.record()
        board.dispatcher._file_closed(board.recording, "seg-001.p01.wav")
        board.dispatcher._file_closed(board.recording, "notes.txt")

    board.run(story)
    assert [entry.KIND for entry in board.journalist.entries()].count("track_closed") == 1
