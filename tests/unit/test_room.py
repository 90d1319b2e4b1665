"""A call from the told caller to the seal: what is permitted, asked for, revoked, and when the caller goes on."""

import pytest
from unit.calls import (
    CALLER,
    ENGLISH,
    MONITOR,
    NEVER,
    P01,
    P02,
    attested,
    capture_answered,
    capture_began,
    capture_ended,
    ended,
    entered,
    file_closed,
    inspected,
    left_stasis,
    line,
    lost,
    ms,
    objected,
    opened,
    paused,
    replaced,
    surrounded,
    untold,
    woke,
)
from unit.driven import FILE, RELEASED, START, STOP, STOP_BY_FILE, Call, entries, not_recorded, only, released, revoked

from ari_app.core import evidence as ev
from ari_app.core import facts as f
from ari_app.core import orders as o
from ari_app.core.policy import Capture, Line, Mode
from ari_app.core.reasons import Reason

# -- permitted and captured


def test_a_told_caller_is_permitted_in_one_entry_with_what_is_asked_for(core):
    call = Call(core, line(max_seconds=60))
    granted = ev.PermitGranted(at=ms(2020), permit=1, parties=[P01])
    requested = ev.CaptureRequested(at=ms(2022), permit=1, segment=1, party=P01, file=FILE, bridged_only=True)
    assert call.told()[1:] == [
        o.Note((granted,)),
        o.Attest(1, (requested,), o.Live(CALLER, P01, 1, FILE)),
        o.WakeAt(ms(2822), f.Timer.CAPTURE, 1),
        o.WakeAt(ms(62_020), f.Timer.MAX_HOURS, 1),
    ]


def test_nothing_is_asked_of_asterisk_before_the_evidence_is_durable(core):
    call = Call(core)
    call.told()
    assert only(call.orders, o.StartCapture) == []
    assert call.hear(attested(2022, seen_at=2030)) == [START]


def test_a_line_that_captures_from_the_announcement_on_says_so(core):
    call = Call(core, line(capture=Capture.AFTER_ANNOUNCEMENT))
    assert call.starting() == [o.StartCapture(CALLER, 1, P01, FILE, bridged_only=False)]
    requested = [one for one in entries(call.orders) if isinstance(one, ev.CaptureRequested)]
    assert [one.bridged_only for one in requested] == [False]


def test_the_caller_goes_on_once_the_capture_runs(core):
    call = Call(core)
    call.starting()
    assert call.hear(capture_answered(2033)) == [
        o.Note((ev.CaptureStarted(at=ms(2033), segment=1, party=P01, monitor=MONITOR),)),
        RELEASED,
    ]
    assert call.hear(left_stasis(2040)) == []


def test_the_origin_is_written_as_soon_as_it_is_known(core):
    call = Call(core, line(capture=Capture.AFTER_ANNOUNCEMENT))
    call.starting()
    assert entries(call.hear(capture_began(2031))) == [ev.TrackOrigin(at=ms(2031), segment=1, party=P01)]


def test_the_origin_of_a_bridged_capture_waits_for_the_bridge(core):
    call = Call(core)
    call.running()
    assert ev.TrackOrigin not in {type(one) for one in entries(call.orders)}
    assert entries(call.hear(surrounded(5000, joined=4999))) == [ev.TrackOrigin(at=ms(4999), segment=1, party=P01)]


@pytest.mark.parametrize(
    ("fact", "reason"),
    [
        (attested(2022, ok=False), Reason.JOURNAL_UNWRITABLE),
        (attested(2022, seen_at=3100), Reason.STALE_FACTS),
        (woke(2822, f.Timer.CAPTURE), Reason.CAPTURE_TIMEOUT),
        (lost(2100), Reason.EVENTS_LOST),
        (lost(2100, Reason.GATE_STOPPED), Reason.GATE_STOPPED),
        (surrounded(2100, untold()), Reason.NOT_TOLD),
        (paused(2100), Reason.PAUSED),
    ],
    ids=repr,
)
def test_a_doubt_before_the_start_revokes_and_lets_the_caller_go(core, fact, reason):
    call = Call(core)
    call.told()
    orders = call.hear(fact)
    assert entries(orders) == [ev.PermitRevoked(at=fact.at, permit=1, reason=reason)]
    assert orders[-1] == not_recorded(reason)
    assert call.room.permit is None
    call.hear(attested(2022, seen_at=2900))
    assert only(call.orders, o.StartCapture, o.StopCapture) == []


def test_a_capture_that_fails_revokes_and_lets_the_caller_go_before_it_is_stopped(core):
    call = Call(core)
    call.starting()
    assert call.hear(capture_answered(2033, None)) == [
        revoked(2033, Reason.CAPTURE_FAILED),
        not_recorded(Reason.CAPTURE_FAILED),
        STOP_BY_FILE,
    ]


def test_a_capture_that_somebody_else_stopped_has_failed(core):
    call = Call(core)
    call.running()
    orders = call.hear(capture_ended(9000))
    assert entries(orders) == [
        ev.TrackEnded(at=ms(9000), segment=1, party=P01, closed=True),
        *revoked(9000, Reason.CAPTURE_FAILED).entries,
    ]
    assert only(orders, o.StopCapture, o.Release) == []


@pytest.mark.parametrize(
    ("fact", "reason"),
    [
        (lost(9000), Reason.EVENTS_LOST),
        (woke(9000, f.Timer.MAX_HOURS), Reason.MAX_HOURS),
        (lost(9000, Reason.GATE_STOPPED), Reason.GATE_STOPPED),
        (replaced(9000), Reason.CHANNEL_REPLACED),
    ],
    ids=repr,
)
def test_what_ends_a_running_capture_revokes_first_and_stops_by_id(core, fact, reason):
    call = Call(core)
    call.running()
    assert call.hear(fact) == [revoked(9000, reason), STOP]
    assert call.room.permit is None


def test_what_ended_for_good_ends_only_once(core):
    call = Call(core)
    call.running()
    call.hear(lost(9000))
    assert call.hear(lost(9500)) == []
    assert call.hear(paused(9600)) == []


def test_who_is_replaced_has_heard_nothing_and_may_be_told_anew(core):
    call = Call(core)
    call.running()
    call.hear(replaced(9000))
    assert (call.room.caller.standing, call.room.caller.failure) == (f.Standing.UNTOLD, Reason.CHANNEL_REPLACED)
    assert only(call.hear(entered(9500)), o.Answer) == [o.Answer(CALLER)]


def test_a_recording_can_capture_somebody_while_its_owner_is_told_and_it_is_not_over(core):
    call = Call(core)
    call.playing()
    assert not call.room.able
    call.hear(ended(2020), inspected(2022, 2, 100))
    assert call.room.able
    call.hear(paused(2030))
    assert call.room.able
    call.hear(objected(2040))
    assert not call.room.able
    call = Call(core)
    call.running()
    call.hear(lost(9000))
    assert not call.room.able


def test_who_is_replaced_twice_is_replaced(core):
    call = Call(core)
    call.running()
    call.hear(replaced(9000))
    assert call.hear(replaced(9100)) == []


def test_the_timer_of_the_capture_is_nothing_to_who_is_released(core):
    call = Call(core)
    call.running()
    before = call.room
    assert call.hear(woke(2822, f.Timer.CAPTURE)) == []
    assert call.room == before


def test_a_late_timer_after_a_doubt_releases_nobody_twice(core):
    call = Call(core)
    call.told()
    call.hear(lost(2100), woke(2822, f.Timer.CAPTURE), woke(9000, f.Timer.MAX_HOURS))
    assert released(call.orders) == [(o.Outcome.NOT_RECORDED, Reason.EVENTS_LOST)]


def test_a_monitor_that_answers_after_the_doubt_is_stopped_by_its_id(core):
    call = Call(core)
    call.starting()
    assert call.hear(lost(2032))[-1] == STOP_BY_FILE
    assert call.hear(capture_answered(2033)) == [STOP]
    assert not call.room.recorded
    assert released(call.orders) == [(o.Outcome.NOT_RECORDED, Reason.EVENTS_LOST)]


@pytest.mark.parametrize(
    "fact",
    [
        attested(9000, 2),
        capture_answered(9000, party=P02),
        capture_answered(9000, segment=2),
        file_closed(9000, P02),
    ],
    ids=repr,
)
def test_a_capture_that_never_was_changes_nothing(core, fact):
    call = Call(core)
    call.running()
    before = call.room
    assert call.hear(fact) == [o.Report(f"{type(fact).__name__} for a capture that never was")]
    assert call.room == before


# -- lines on which nobody is told


@pytest.mark.parametrize(
    ("rules", "called", "reason"),
    [
        (None, False, Reason.LINE_UNKNOWN),
        (None, True, Reason.LINE_UNKNOWN),
        (NEVER, False, Reason.LINE_NEVER),
        (NEVER, True, Reason.LINE_NEVER),
        (Line("advice-line", Mode.ANNOUNCE), False, Reason.ANNOUNCEMENT_UNUSABLE),
        (Line("advice-line", Mode.ANNOUNCE, outgoing_announcements=(ENGLISH,)), False, Reason.ANNOUNCEMENT_UNUSABLE),
        (line(), True, Reason.OUTGOING_ANNOUNCEMENT_MISSING),
    ],
    ids=repr,
)
def test_on_a_hopeless_line_who_comes_goes_on_at_once(core, rules, called, reason):
    call = Call(core, rules, called=called)
    orders = call.hear(entered(0))
    came = ev.PartyEntered(at=ms(0), party=P01, side="outside", channel=CALLER, endpoint="PJSIP/trunk", contract=False)
    assert orders == [
        o.Note((opened(rules), came)),
        o.Note((ev.NotRecorded(at=ms(0), reason=reason),)),
        o.Release(CALLER, o.Outcome.NOT_RECORDED, reason, called),
    ]
    assert call.room.closed is reason


def test_what_is_over_before_the_caller_is_told_stays_over(core):
    call = Call(core)
    call.playing()
    call.hear(woke(100, f.Timer.CAPTURE), ended(2020), inspected(2022, 2, 100))
    assert released(call.orders) == [(o.Outcome.NOT_RECORDED, Reason.CAPTURE_TIMEOUT)]
    assert only(call.orders, o.Attest) == []


# -- who is called


def test_who_is_called_is_told_captured_and_sent_on_to_where_a_called_leg_goes_on(core):
    call = Call(core, line(outgoing_announcements=(ENGLISH,)), called=True)
    call.running()
    assert only(call.orders, o.Release) == [o.Release(CALLER, o.Outcome.RECORDING, None, called=True)]
    assert only(call.orders, o.ArmLifeline) == []


def test_who_is_called_and_cannot_be_told_is_sent_on_there_as_well(core):
    call = Call(core, line(outgoing_announcements=(ENGLISH,)), called=True)
    call.playing()
    assert only(call.hear(ended(900)), o.Release) == [
        o.Release(CALLER, o.Outcome.NOT_RECORDED, Reason.ANNOUNCEMENT_CUT_SHORT, called=True)
    ]


def test_a_capture_starts_from_its_order_to_its_answer(core):
    call = Call(core)
    call.told()
    assert not call.room.starts(1, P01)
    call.hear(attested(2022, seen_at=2030))
    assert call.room.starts(1, P01)
    assert not call.room.starts(2, P01)
    assert not call.room.starts(1, P02)
    call.hear(capture_began(2031), capture_answered(2033))
    assert not call.room.starts(1, P01)
