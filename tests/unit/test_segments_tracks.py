"""Whose voice is captured in which recording, what comes of a capture that fails, and what the telephones show."""

from dataclasses import replace

import pytest
from unit.calls import (
    AGENT,
    CALLER,
    GUESTS_RECORDING,
    P01,
    P02,
    P03,
    SECOND_AGENT,
    STRANGER,
    attested,
    capture_answered,
    capture_ended,
    colleague,
    foreign,
    guest,
    hung_up,
    left_stasis,
    ms,
    paused,
    resumed,
    surrounded,
    untold,
)
from unit.driven import STOP, Call, entries, monitor, only
from unit.talks import (
    COLLEAGUES_STOP,
    FIRST,
    HELD,
    SECOND,
    attest,
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
from ari_app.core.facts import Standing
from ari_app.core.names import ChannelId
from ari_app.core.reasons import Reason

LIT = [o.Lamp("PJSIP/2002", lit=True)]
DARK = [o.Lamp("PJSIP/2002", lit=False)]
NOBODY = surrounded(9000, untold())


def tracks(call):
    return [track.file for track in call.room.tracks]


# -- whose voice


def test_where_an_older_recording_is_in_the_room_the_house_is_captured_there(core):
    call = waiting(core)
    orders = call.hear(surrounded(5000, FIRST, guest(), host=False))
    assert only(orders, o.Attest) == []
    assert entries(orders)[-1] == widened(5000, P01, P02, P03)
    assert tracks(call) == ["seg-001.p01.wav"]


def test_when_the_older_recording_has_left_the_house_is_captured_here(core):
    call = waiting(core)
    call.hear(surrounded(5000, FIRST, guest(), host=False))
    assert hears(call, surrounded(6000, FIRST)) == [
        o.Note((narrowed(6000, P01, P02),)),
        attest(2, AGENT, requested(6000, P02)),
    ]


def test_a_capture_of_the_house_that_waits_for_its_evidence_is_let_go_as_well(core):
    call = waiting(core)
    call.hear(surrounded(5000, FIRST), surrounded(5001, FIRST, guest(), host=False))
    assert call.room.permit.parties == (P01, P02, P03)
    assert call.hear(attested(5002, 2)) == []


def test_when_an_older_recording_comes_the_house_is_captured_there_and_let_go_here(core):
    call = talking(core)
    orders = hears(call, surrounded(6000, FIRST, guest(), host=False))
    assert entries(orders)[-1] == widened(6000, P01, P02, P03)
    assert only(orders, o.StopCapture) == [COLLEAGUES_STOP]


def test_the_house_that_is_given_back_begins_another_segment(core):
    call = talking(core)
    call.hear(surrounded(6000, FIRST, guest(), host=False))
    orders = call.hear(surrounded(7000, FIRST, guest()))
    assert [type(entry) for entry in entries(orders)] == [
        ev.PermitRevoked,
        ev.PermitGranted,
        ev.CaptureRequested,
        ev.CaptureRequested,
    ]
    assert tracks(call)[2:] == ["seg-002.p01.wav", "seg-002.p02.wav"]


def test_one_of_the_house_with_a_recording_of_their_own_is_captured_there(core):
    call = waiting(core)
    call.hear(surrounded(5000, colleague(recording=GUESTS_RECORDING)))
    assert (call.room.permit.parties, tracks(call)) == ((P01, P02), ["seg-001.p01.wav"])


def test_a_telephone_that_mixes_its_lines_is_not_captured(core):
    call = waiting(core)
    call.hear(surrounded(5000, colleague(mixed=True)))
    assert (call.room.permit.parties, tracks(call)) == ((P01,), ["seg-001.p01.wav"])
    assert call.room.party_on(AGENT) == P02


def test_one_that_begins_to_mix_them_is_stopped(core):
    call = talking(core)
    assert hears(call, surrounded(6000, colleague(mixed=True))) == [o.Note((narrowed(6000, P01),)), COLLEAGUES_STOP]


def test_a_caller_whose_telephone_mixes_its_lines_is_stopped_and_the_others_go_on(core):
    call = talking(core)
    assert hears(call, surrounded(6000, FIRST, mixed=True)) == [o.Note((narrowed(6000, P02),)), STOP]


def test_who_has_a_name_keeps_it(core):
    call = talking(core, FIRST, SECOND)
    call.hear(surrounded(6000, SECOND), surrounded(6500, SECOND, FIRST))
    assert [(one.party, one.channel) for one in call.room.others] == [(P02, AGENT), (P03, SECOND_AGENT)]
    assert call.room.party_on(SECOND_AGENT) == P03
    assert call.room.party_on(CALLER) == P01
    assert call.room.party_on(STRANGER) is None


# -- captures that fail


@pytest.mark.parametrize("fact", [attested(5003, 2, ok=False), attested(5003, 2, seen_at=6003.001)], ids=repr)
def test_a_colleague_without_evidence_is_not_captured_and_the_caller_is(core, fact):
    call = waiting(core)
    call.hear(surrounded(5001, FIRST))
    assert call.hear(fact) == []
    assert (call.room.closed, call.room.permit.parties) == (None, (P01, P02))


def test_what_permits_the_others_is_not_lost_with_the_evidence_of_one(core):
    call = waiting(core)
    orders = call.hear(surrounded(5001, FIRST, SECOND))
    assert [type(entry) for order in only(orders, o.Attest) for entry in order.entries] == [ev.CaptureRequested] * 2
    call.hear(attested(5002, 2, ok=False))
    assert len(only(call.hear(attested(5002, 3)), o.StartCapture)) == 1


def test_a_colleagues_capture_that_fails_is_stopped_and_not_tried_again_in_this_segment(core):
    call = waiting(core)
    call.hear(surrounded(5001, FIRST), attested(5002, 2))
    assert hears(call, capture_answered(5005, None, P02)) == [replace(COLLEAGUES_STOP, monitor=None)]
    assert call.hear(capture_ended(5010, P02)) == [
        o.Note((ev.TrackEnded(at=ms(5010), segment=1, party=P02, closed=True),))
    ]
    assert hears(call, surrounded(6000, FIRST, SECOND))[1:] == [
        permits(widened(6000, P01, P02, P03)),
        attest(3, SECOND_AGENT, requested(6000, P03)),
    ]
    call.hear(surrounded(6500, FIRST, SECOND, quiet=HELD))
    assert [order.live.party for order in only(call.hear(surrounded(7000, FIRST, SECOND)), o.Attest)] == [P01, P02, P03]


def test_a_colleagues_capture_that_somebody_else_stops_ends_alone(core):
    call = talking(core)
    assert entries(call.hear(capture_ended(9000, P02))) == [
        ev.TrackEnded(at=ms(9000), segment=1, party=P02, closed=True)
    ]
    assert (call.room.closed, call.room.permit.parties) == (None, (P01, P02))


@pytest.mark.parametrize("segment", [1, 2])
def test_the_callers_own_capture_that_fails_is_the_end_of_the_recording(core, segment):
    call = talking(core)
    if segment == 2:
        call.hear(surrounded(9000, FIRST, quiet=HELD), surrounded(9100, FIRST))
        call.captured(9101)
    orders = call.hear(capture_ended(9500, P01, segment))
    assert entries(orders)[-1] == ev.PermitRevoked(at=ms(9500), permit=segment, reason=Reason.CAPTURE_FAILED)
    assert call.room.closed is Reason.CAPTURE_FAILED


def test_a_capture_of_an_earlier_segment_that_ends_later_is_no_failure(core):
    call = talking(core)
    call.hear(surrounded(9000, FIRST, quiet=HELD), surrounded(9100, FIRST), capture_ended(9105))
    assert call.room.closed is None


def test_a_monitor_of_an_earlier_segment_that_answers_later_is_stopped_and_nobody_is_let_go_for_it(core):
    call = Call(core)
    call.starting()
    call.hear(paused(2031), left_stasis(2032), resumed(2040))
    assert only(call.hear(capture_answered(2050)), o.StopCapture, o.Release) == [STOP]


def test_the_first_sample_of_a_track_stays_where_it_was_when_the_caller_moves_on(core):
    call = talking(core)
    assert entries(call.hear(surrounded(9000, FIRST, joined=8999))) == []
    call.hear(surrounded(9100, FIRST, quiet=HELD, joined=8999), surrounded(9200, FIRST, joined=9199))
    call.captured(9201)
    assert entries(call.orders)[-2:] == [
        ev.TrackOrigin(at=ms(9203), segment=2, party=P02),
        ev.CaptureStarted(at=ms(9204), segment=2, party=P02, monitor=monitor(P02, 2)),
    ]
    assert [entry.at for entry in entries(call.orders) if isinstance(entry, ev.TrackOrigin) and entry.party == P01] == [
        ms(5000),
        ms(9203),
    ]


def test_a_foreign_capture_on_a_colleague_is_written_down(core):
    assert talking(core).hear(foreign(9000, AGENT)) == [o.Note((ev.ForeignCapture(at=ms(9000), party=P02),))]


# -- lamps


def lamps(call, fact):
    return only(call.hear(fact), o.Lamp)


def test_the_telephone_shows_that_the_conversation_is_captured_while_it_is(core):
    call = waiting(core)
    assert lamps(call, surrounded(5000, FIRST)) == LIT
    assert lamps(call, surrounded(5500, FIRST, SECOND)) == [o.Lamp("PJSIP/2003", lit=True)]
    assert lamps(call, surrounded(6000, FIRST)) == [o.Lamp("PJSIP/2003", lit=False)]
    assert lamps(call, paused(6500)) == DARK
    assert lamps(call, resumed(7000)) == []
    assert lamps(call, attested(7000, call.room.tracks[-1].token)) == []
    assert lamps(call, capture_answered(7001, party=P02, segment=2)) == LIT
    assert lamps(call, hung_up(9000)) == DARK


@pytest.mark.parametrize("member", [guest(), guest(standing=Standing.UNTOLD), colleague(mixed=True)], ids=repr)
def test_lamps_are_for_the_house_whether_it_is_captured_or_not(core, member):
    call = waiting(core)
    assert lamps(call, surrounded(5000, member)) == (LIT if member.endpoint == "PJSIP/2002" else [])


def test_a_capture_that_is_only_asked_for_shows_nowhere(core):
    call = Call(core)
    call.starting()
    assert lamps(call, surrounded(2035, FIRST)) == []
    assert lamps(call, capture_answered(2040)) == LIT


def test_a_capture_of_an_earlier_segment_shows_nowhere(core):
    call = talking(core)
    call.hear(surrounded(9000, FIRST, quiet=HELD))
    assert lamps(call, surrounded(9100, FIRST)) == []


def test_lamps_change_in_the_order_of_their_names_the_dark_ones_first(core):
    call = talking(core, colleague(ChannelId("1800000000.7")), FIRST)
    orders = lamps(call, surrounded(9000, SECOND, colleague(ChannelId("1800000000.8"))))
    assert [(order.endpoint, order.lit) for order in orders] == [
        ("PJSIP/2002", False),
        ("PJSIP/2007", False),
        ("PJSIP/2003", True),
        ("PJSIP/2008", True),
    ]
