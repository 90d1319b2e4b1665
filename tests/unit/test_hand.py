"""The house's hand: what its people pause, resume and end by a key, for which cause, and who did it."""

from dataclasses import replace

import pytest
from unit.calls import AGENT, P01, P02, ms, objected, paused, resumed, stopped, woke
from unit.driven import Call, entries, only, released
from unit.talks import STOPS, granted, talking

from ari_app.core import evidence as ev
from ari_app.core import facts as f
from ari_app.core import orders as o
from ari_app.core.names import ChannelId
from ari_app.core.reasons import Reason

ALARM = o.Alarm(o.Trouble.PAUSED_TOO_LONG)


def chose(at, choice, why="", by=AGENT, party=P02):
    return ev.Chose(at=ms(at), party=party, choice=choice, why=why, by=by)


def test_who_paused_and_why_is_written_down_before_what_it_ends(core):
    call = talking(core)
    assert entries(call.hear(paused(9000, cause="payment", by=AGENT))) == [
        chose(9000, "paused", "payment"),
        ev.PermitRevoked(at=ms(9000), permit=1, reason=Reason.PAUSED),
    ]
    found = entries(call.hear(resumed(9500, cause="payment", by=AGENT)))
    assert found[:2] == [chose(9500, "resumed", "payment"), granted(9500, P01, P02, permit=2)]


def test_who_is_in_no_room_of_ours_may_press_as_well(core):
    call = talking(core)
    assert entries(call.hear(paused(9000, by=ChannelId("9.9"))))[0] == chose(9000, "paused", by="9.9", party="")


@pytest.mark.parametrize(
    ("causes", "ended", "on"),
    [
        (["payment"], "payment", True),
        (["payment"], "", True),
        (["payment"], "distress", False),
        (["payment", "distress"], "payment", False),
        (["payment", "distress"], "", True),
        (["", "payment"], "payment", False),
        ([""], "", True),
    ],
)
def test_what_pauses_by_itself_ends_its_own_pause_alone_and_a_person_ends_all(core, causes, ended, on):
    call = talking(core)
    for number, cause in enumerate(causes):
        call.hear(paused(9000 + number, cause=cause))
    call.hear(resumed(9500, cause=ended))
    assert (call.room.permit is not None, call.room.paused) == (on, not on)


def test_a_pause_that_lasts_too_long_is_said_aloud_once_for_all_of_them(core):
    call = talking(core)
    assert only(call.hear(paused(9000)), o.WakeAt) == [o.WakeAt(ms(609_000), f.Timer.PAUSE, 0)]
    assert only(call.hear(paused(9100, cause="distress")), o.WakeAt) == []
    assert call.hear(woke(609_000, f.Timer.PAUSE)) == [ALARM]


def test_a_pause_counts_from_its_own_beginning_whenever_it_was_heard_of(core):
    call = talking(core)
    assert only(call.hear(paused(9000, seen_at=11_000)), o.WakeAt) == [o.WakeAt(ms(609_000), f.Timer.PAUSE, 0)]
    call.hear(resumed(12_000))
    learnt = replace(paused(20_000), since=ms(15_000))
    assert only(call.hear(learnt), o.WakeAt) == [o.WakeAt(ms(615_000), f.Timer.PAUSE, 0)]


def test_the_room_is_as_it_is_since_the_key(core):
    call = talking(core)
    call.hear(paused(9000))
    assert call.room.changed_at == ms(9000)
    call.hear(resumed(9500))
    assert call.room.changed_at == ms(9500)


def test_a_pause_that_is_over_needs_nobody(core):
    call = talking(core)
    call.hear(paused(9000), resumed(9500))
    assert call.hear(woke(609_000, f.Timer.PAUSE)) == []


def test_nor_does_one_of_a_recording_that_is_over(core):
    call = talking(core)
    call.hear(paused(9000), stopped(9100))
    assert call.hear(woke(609_000, f.Timer.PAUSE)) == []
    assert call.hear(paused(9200, by=AGENT)) == []


def test_a_pause_never_ends_an_objection(core):
    call = talking(core)
    call.hear(paused(9000, cause="payment"), objected(9100), resumed(9500, cause="payment"))
    assert call.room.permit is None
    assert call.room.caller.failure is Reason.OBJECTED


def test_an_unknown_line_has_no_pause_that_lasts_too_long(core):
    call = Call(core, line=None)
    assert call.hear(paused(10)) == []


def test_who_stops_ends_it_for_the_rest_of_the_call(core):
    call = talking(core)
    orders = call.hear(stopped(9000, cause="distress", by=AGENT))
    assert entries(orders) == [
        chose(9000, "stopped", "distress"),
        ev.PermitRevoked(at=ms(9000), permit=1, reason=Reason.STOPPED_BY_STAFF),
    ]
    assert only(orders, o.StopCapture) == STOPS
    assert call.room.closed is Reason.STOPPED_BY_STAFF
    assert call.hear(resumed(9500, by=AGENT)) == []


def test_who_stops_during_the_announcement_lets_the_caller_go(core):
    call = Call(core)
    call.playing()
    orders = call.hear(stopped(1000))
    assert len(only(orders, o.StopPlayback)) == 1
    assert released(orders) == [(o.Outcome.NOT_RECORDED, Reason.STOPPED_BY_STAFF)]
