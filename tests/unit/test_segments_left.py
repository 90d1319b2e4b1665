"""Who leaves the room narrows the permit; who comes back begins another segment."""

import pytest
from unit.calls import AGENT, CALLER, P01, P02, P03, SECOND_AGENT, attested, guest, ms, surrounded
from unit.driven import STOP, entries, monitor, only, revoked
from unit.talks import (
    COLLEAGUES_STOP,
    FIRST,
    FROM_THE_START,
    HELD,
    SECOND,
    attest,
    granted,
    hears,
    narrowed,
    permits,
    requested,
    talking,
    waiting,
    widened,
)

from ari_app.core import evidence as ev
from ari_app.core import orders as o
from ari_app.core.reasons import Reason

# -- who leaves


def test_who_leaves_narrows_the_permit_to_those_who_remain_and_is_stopped(core):
    call = talking(core, FIRST, SECOND)
    assert hears(call, surrounded(9000, SECOND)) == [o.Note((narrowed(9000, P01, P03),)), COLLEAGUES_STOP]
    assert call.room.permit.parties == (P01, P03)
    assert entries(call.hear(surrounded(9500))) == [ev.PermitRevoked(at=ms(9500), permit=1, reason=Reason.NOT_BRIDGED)]


def test_a_leaving_that_is_handled_late_narrows_from_its_own_instant(core):
    call = talking(core, FIRST, SECOND)
    assert entries(call.hear(surrounded(9000, SECOND, seen_at=12_000))) == [narrowed(9000, P01, P03)]


def test_a_guest_who_leaves_narrows_and_there_is_nothing_to_stop(core):
    call = talking(core, FIRST, guest())
    assert hears(call, surrounded(9000, FIRST)) == [o.Note((narrowed(9000, P01, P02),))]


def test_who_leaves_as_another_comes_is_let_go_before_the_other_is_let_in(core):
    call = talking(core)
    orders = call.hear(surrounded(9000, SECOND))
    assert [type(entry) for entry in entries(orders)] == [
        ev.PartyEntered,
        ev.PermitNarrowed,
        ev.PermitWidened,
        ev.CaptureRequested,
    ]
    assert entries(orders)[1:3] == [narrowed(9000, P01), widened(9000, P01, P03)]
    assert only(orders, o.StopCapture) == [COLLEAGUES_STOP]


def test_on_a_line_that_captures_from_the_start_the_caller_who_is_left_alone_goes_on(core):
    call = talking(core, **FROM_THE_START)
    assert hears(call, surrounded(9000)) == [o.Note((narrowed(9000, P01),)), COLLEAGUES_STOP]
    assert hears(call, surrounded(9100, joined=None)) == []


@pytest.mark.parametrize("begun", [False, True])
def test_who_leaves_before_their_capture_runs_is_stopped_or_never_asked_for(core, begun):
    call = waiting(core)
    call.hear(surrounded(5000, FIRST, SECOND), attested(5001, 3), *([attested(5001, 2)] if begun else []))
    stops = [o.StopCapture(AGENT, 1, P02, "seg-001.p02.wav", None)] if begun else []
    assert only(call.hear(surrounded(5002, SECOND)), o.StopCapture) == stops
    assert only(call.hear(attested(5003, 2)), o.StartCapture) == []
    assert call.room.permit.parties == (P01, P03)


def test_who_comes_back_begins_another_segment(core):
    call = talking(core, FIRST, SECOND)
    call.hear(surrounded(9000, SECOND))
    assert hears(call, surrounded(9500, FIRST, SECOND)) == [
        revoked(9500, Reason.ROOM_CHANGED),
        permits(granted(9500, P01, P02, P03, permit=2)),
        attest(4, CALLER, requested(9500, P01, 2)),
        attest(5, AGENT, requested(9500, P02, 2)),
        attest(6, SECOND_AGENT, requested(9500, P03, 2)),
        STOP,
        o.StopCapture(SECOND_AGENT, 1, P03, "seg-001.p03.wav", monitor(P03)),
    ]
    assert call.room.suspended is None


def test_a_guest_who_comes_back_begins_another_segment_although_nothing_of_theirs_is_captured(core):
    call = talking(core, FIRST, guest())
    call.hear(surrounded(9000, FIRST))
    assert entries(call.hear(surrounded(9500, FIRST, guest())))[0] == ev.PermitRevoked(
        at=ms(9500), permit=1, reason=Reason.ROOM_CHANGED
    )


def test_who_left_an_earlier_segment_joins_the_present_one(core):
    call = talking(core, FIRST, SECOND)
    call.hear(surrounded(9000, SECOND), surrounded(9100, SECOND, quiet=HELD), surrounded(9200, SECOND))
    assert entries(call.hear(surrounded(9500, FIRST, SECOND))) == [
        widened(9500, P01, P02, P03, permit=2),
        requested(9500, P02, 2),
    ]


def test_evidence_of_an_ended_segment_starts_nothing_in_the_next(core):
    call = waiting(core)
    call.hear(surrounded(5000, FIRST), surrounded(5001, FIRST, quiet=HELD), surrounded(5002, FIRST))
    assert call.room.permit.number == 2
    assert only(call.hear(attested(5003, 2)), o.StartCapture) == []
    assert len(only(call.hear(attested(5003, 4)), o.StartCapture)) == 1
