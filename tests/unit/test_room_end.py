"""A call that comes again, leaves early, or ends: who is let go, and when the record is handed over."""

import pytest
from unit.calls import (
    AGENT,
    CALLER,
    ENGLISH,
    NEVER,
    P01,
    P02,
    STRANGER,
    answered,
    attested,
    began,
    capture_answered,
    capture_ended,
    colleague,
    ended,
    entered,
    file_closed,
    foreign,
    hangup_requested,
    hung_up,
    inspected,
    left_stasis,
    line,
    lost,
    ms,
    objected,
    replaced,
    surrounded,
    woke,
)
from unit.driven import STOP, STOP_BY_FILE, Call, entries, only, released, revoked

from ari_app.core import evidence as ev
from ari_app.core import facts as f
from ari_app.core import orders as o
from ari_app.core.reasons import Reason

# -- who comes a second time


@pytest.mark.parametrize(
    ("meanwhile", "outcome", "reason"),
    [
        ((), o.Outcome.RECORDING, None),
        ((lost(2500),), o.Outcome.NOT_RECORDED, Reason.EVENTS_LOST),
        ((objected(2500),), o.Outcome.DECLINED, Reason.OBJECTED),
    ],
    ids=["told", "over", "objected"],
)
def test_who_comes_again_told_or_in_vain_is_sent_on_again_and_told_nothing(core, meanwhile, outcome, reason):
    call = Call(core)
    call.waiting()
    call.hear(*meanwhile)
    before = call.room
    assert call.hear(entered(3000)) == [o.Report("Entered twice"), o.Release(CALLER, outcome, reason)]
    assert call.room == before


@pytest.mark.parametrize("called", [False, True])
def test_who_comes_again_to_a_line_that_is_not_recorded_is_sent_on_again(core, called):
    call = Call(core, NEVER, called=called)
    call.hear(entered(0))
    before = call.room
    again = o.Release(CALLER, o.Outcome.NOT_RECORDED, Reason.LINE_NEVER, called)
    assert call.hear(entered(3000)) == [o.Report("Entered twice"), again]
    assert call.room == before


def test_who_is_called_and_comes_again_is_sent_on_again(core):
    call = Call(core, line(outgoing_announcements=(ENGLISH,)), called=True)
    call.waiting()
    assert only(call.hear(entered(3000)), o.Release) == [o.Release(CALLER, o.Outcome.RECORDING, None, called=True)]


def test_who_comes_again_untold_is_let_go_again_if_that_fails_too(core):
    call = Call(core)
    call.playing()
    call.hear(ended(900), left_stasis(910), entered(3000), answered(3010))
    assert released(call.hear(inspected(3012, 2, None))) == [
        (o.Outcome.NOT_RECORDED, Reason.ANNOUNCEMENT_PACKETS_UNPROVABLE)
    ]
    assert entries(call.orders)[-1] == ev.NotRecorded(at=ms(3012), reason=Reason.ANNOUNCEMENT_PACKETS_UNPROVABLE)


def test_who_fails_twice_for_one_reason_has_it_written_down_twice(core):
    call = Call(core)
    call.playing()
    call.hear(ended(900), left_stasis(910), entered(3000), answered(3010), inspected(3012, 2, 40), began(3020, 2))
    orders = call.hear(ended(4000, 2))
    assert ev.NotRecorded(at=ms(4000), reason=Reason.ANNOUNCEMENT_CUT_SHORT) in entries(orders)


def test_who_comes_again_untold_and_waits_for_a_conversation_is_captured_in_the_next(core):
    """They were in a conversation before, so being alone meant that it was over."""
    call = Call(core)
    call.hear(entered(0), answered(10, ok=False), left_stasis(20), surrounded(100, colleague(at=100), joined=90))
    call.hear(surrounded(2900, joined=None), entered(3000), answered(3010), inspected(3012, 1, 0), began(3020, 2))
    orders = call.hear(ended(5020, 2), inspected(5022, 2, 100))
    assert [entry.parties for entry in entries(orders) if isinstance(entry, ev.PermitGranted)] == [[P01]]


def test_an_arrival_told_twice_while_the_announcement_plays_changes_nothing(core):
    call = Call(core)
    call.playing()
    before = call.room
    assert call.hear(entered(30)) == [o.Report("Entered twice")]
    assert call.room == before


def test_another_channel_on_this_call_does_not_stay_in_our_hands(core):
    call = Call(core)
    call.talking()
    before = call.room
    assert call.hear(entered(9000, channel=AGENT)) == [o.Release(AGENT, o.Outcome.NOT_RECORDED, Reason.NOT_TOLD)]
    assert call.room == before


def test_who_leaves_before_the_capture_runs_is_not_captured(core):
    call = Call(core)
    call.starting()
    assert call.hear(left_stasis(2032)) == [revoked(2032, Reason.CAPTURE_TIMEOUT), STOP_BY_FILE]
    assert call.hear(capture_answered(2033)) == [STOP]


@pytest.mark.parametrize("fact", [replaced(9500), entered(9500), hangup_requested(9500)], ids=repr)
def test_what_is_told_of_the_owner_of_an_ended_recording_is_no_entry_of_it(core, fact):
    call = Call(core)
    call.playing()
    call.hear(woke(100, f.Timer.CAPTURE))
    assert entries(call.hear(fact)) == []


# -- captures of others


def test_a_foreign_capture_on_a_party_is_written_down_and_left_alone(core):
    call = Call(core)
    call.running()
    before = call.room
    assert call.hear(foreign(9000)) == [o.Note((ev.ForeignCapture(at=ms(9000), party=P01),))]
    assert call.hear(foreign(9000, STRANGER)) == []
    assert call.room == before


# -- the end


def test_a_request_to_hang_up_ends_what_is_captured_before_the_channel_is_gone(core):
    call = Call(core)
    call.running()
    assert call.hear(hangup_requested(9000)) == [revoked(9000, Reason.HUNG_UP), STOP]
    assert entries(call.hear(hung_up(9003))) == [ev.TrackEnded(at=ms(9003), segment=1, party=P01, closed=False)]


def test_a_call_is_sealed_once_its_files_are_closed(core):
    call = Call(core)
    call.running()
    gone = call.hear(hung_up(9000))
    assert gone[0] == revoked(9000, Reason.HUNG_UP)
    assert only(gone, o.StopCapture) == []
    assert gone[1] == o.WakeAt(ms(14_000), f.Timer.CLOSING, 0)
    assert entries(gone[2:]) == [ev.TrackEnded(at=ms(9000), segment=1, party=P01, closed=False)]
    assert call.hear(file_closed(9400)) == [
        o.Note((ev.TrackClosed(at=ms(9400), segment=1, party=P01),)),
        o.Note((ev.Ended(at=ms(9000), reason=None),)),
        o.Seal(ms(9000)),
    ]


def test_who_has_hung_up_is_not_released_by_a_later_doubt(core):
    call = Call(core)
    call.starting()
    call.hear(hung_up(2032), lost(2033), woke(2822, f.Timer.CAPTURE))
    assert only(call.orders, o.Release) == []


def test_a_file_that_closed_before_the_hang_up_was_heard_needs_no_waiting(core):
    call = Call(core)
    call.running()
    call.hear(hangup_requested(9000), capture_ended(9001))
    assert call.hear(hung_up(9003))[-1] == o.Seal(ms(9003))


def test_a_call_is_sealed_when_its_capture_ends_after_the_hang_up(core):
    call = Call(core)
    call.talking()
    call.hear(hung_up(9000), file_closed(9001))
    assert not call.room.sealed
    assert call.hear(capture_ended(9005, P02))[-1] == o.Seal(ms(9000))


def test_a_file_whose_closing_nobody_hears_holds_the_seal_up_for_five_seconds(core):
    call = Call(core)
    call.running()
    call.hear(hung_up(9000))
    assert call.hear(woke(14_000, f.Timer.CLOSING, 0)) == [
        o.Note((ev.Ended(at=ms(9000), reason=None),)),
        o.Seal(ms(9000)),
    ]


def test_a_call_that_was_not_recorded_ends_with_its_reason(core):
    call = Call(core)
    call.hear(entered(0), lost(5), left_stasis(8))
    assert call.hear(hung_up(9000))[-2:] == [
        o.Note((ev.Ended(at=ms(9000), reason=Reason.EVENTS_LOST),)),
        o.Seal(ms(9000)),
    ]


def test_a_capture_that_never_ran_is_no_recording(core):
    call = Call(core)
    call.starting()
    call.hear(hung_up(9000), file_closed(9001))
    assert entries(call.orders)[-1] == ev.Ended(at=ms(9000), reason=Reason.HUNG_UP)


def test_a_call_whose_evidence_never_came_waits_for_it(core):
    call = Call(core)
    call.told()
    call.hear(hung_up(2025))
    assert call.room.sealed
    assert only(call.hear(attested(2022, seen_at=2030)), o.StartCapture) == []


def test_nobody_seals_a_call_that_is_not_over(core):
    call = Call(core)
    call.running()
    assert call.hear(woke(9000, f.Timer.CLOSING, 0)) == []
    assert not call.room.sealed


def test_a_hang_up_that_is_heard_twice_keeps_the_first_instant(core):
    call = Call(core)
    call.running()
    call.hear(hung_up(9000))
    assert only(call.hear(hung_up(9500)), o.Note) == []
    call.hear(file_closed(9600))
    assert only(call.orders, o.Seal) == [o.Seal(ms(9000))]


@pytest.mark.parametrize(
    "fact",
    [entered(9500), began(9500), ended(9500), inspected(9500, 3, 1), hung_up(9500), woke(14_000, f.Timer.CLOSING, 0)],
    ids=repr,
)
def test_after_the_seal_nothing_happens(core, fact):
    call = Call(core)
    call.running()
    call.hear(hung_up(9000), file_closed(9001))
    before = call.room
    assert call.hear(fact) == [o.Report(f"{type(fact).__name__} after the seal")]
    assert call.room == before
