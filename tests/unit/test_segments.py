"""The room of a told caller: who widens the permit, who narrows it, what ends a segment and what begins the next."""

from dataclasses import replace

import pytest
from unit.calls import (
    AGENT,
    CALLER,
    GUEST,
    GUESTS_RECORDING,
    P01,
    P02,
    P03,
    SECOND_AGENT,
    STRANGER,
    attested,
    caught_up,
    colleague,
    ended,
    entered,
    guest,
    hangup_requested,
    heard,
    hung_up,
    inspected,
    left_stasis,
    ms,
    objected,
    paused,
    resumed,
    surrounded,
    untold,
    woke,
)
from unit.driven import Call, entries, only, released, revoked
from unit.talks import (
    FIRST,
    HELD,
    LEAVE_OUT,
    SECOND,
    STOPS,
    attest,
    changes_nothing,
    granted,
    hears,
    narrowed,
    permits,
    requested,
    suspends,
    talking,
    waiting,
    widened,
)

from ari_app.core import evidence as ev
from ari_app.core import facts as f
from ari_app.core import orders as o
from ari_app.core.facts import Standing
from ari_app.core.reasons import Reason

# -- who joins


def test_a_colleague_who_joins_is_permitted_and_captured_on_their_own_channel(core):
    call = waiting(core)
    call.hear(surrounded(5000))
    joined = ev.PartyEntered(at=ms(5001), party=P02, side="house", channel=AGENT, endpoint="PJSIP/2002", contract=True)
    assert hears(call, surrounded(5002, FIRST, seen_at=5003)) == [
        o.Note((joined,)),
        permits(widened(5002, P01, P02)),
        attest(2, AGENT, requested(5003, P02)),
    ]
    assert call.room.permit.parties == (P01, P02)
    assert hears(call, attested(5003, 2)) == [o.StartCapture(AGENT, 1, P02, "seg-001.p02.wav", bridged_only=True)]


def test_who_was_told_elsewhere_joins_with_what_they_heard_and_is_captured_there_alone(core):
    call = waiting(core)
    came = ev.PartyEntered(
        at=ms(5001),
        party=P02,
        side="outside",
        channel=GUEST,
        endpoint="PJSIP/trunk",
        contract=False,
        recording=GUESTS_RECORDING,
    )
    assert hears(call, surrounded(5002, guest())) == [
        o.Note((ev.TrackOrigin(at=ms(5000), segment=1, party=P01),)),
        o.Note((came, heard(P02))),
        o.Note((widened(5002, P01, P02),)),
    ]
    assert [track.party for track in call.room.tracks] == [P01]


def test_who_joins_as_the_second_has_the_third_name(core):
    call = talking(core)
    orders = call.hear(surrounded(6000, FIRST, guest(at=6000)))
    entered, *_, last = entries(orders)
    assert isinstance(entered, ev.PartyEntered)
    assert entered.party == P03
    assert last == widened(6000, P01, P02, P03)


def test_several_who_join_at_once_are_attested_one_after_the_other(core):
    call = waiting(core)
    orders = hears(call, surrounded(5000, FIRST, SECOND))
    assert orders[-3:] == [
        permits(widened(5000, P01, P02, P03)),
        attest(2, AGENT, requested(5000, P02)),
        attest(3, SECOND_AGENT, requested(5000, P03)),
    ]


def test_the_origin_of_a_colleagues_track_is_its_own_beginning(core):
    call = talking(core)
    origins = [one for one in entries(call.orders) if isinstance(one, ev.TrackOrigin)]
    assert origins == [
        ev.TrackOrigin(at=ms(5000), segment=1, party=P01),
        ev.TrackOrigin(at=ms(5004), segment=1, party=P02),
    ]


def test_the_caller_is_released_once_however_many_captures_run(core):
    assert released(talking(core, FIRST, SECOND).orders) == [(o.Outcome.RECORDING, None)]


@pytest.mark.parametrize(
    "fact",
    [
        surrounded(9000, FIRST),
        surrounded(9000, colleague(at=8000)),
        surrounded(9000, FIRST, seen_at=60_000),
        surrounded(9000, FIRST, joined=4000),
        resumed(9000),
        caught_up(9000),
        hung_up(9000, STRANGER),
        hangup_requested(9000, AGENT),
        left_stasis(9000),
        left_stasis(9000, AGENT),
        woke(9000, f.Timer.SETTLING, 1),
        woke(9000, f.Timer.CAPTURE, 1),
    ],
    ids=repr,
)
def test_what_is_no_change_of_the_room_changes_nothing(core, fact):
    changes_nothing(talking(core), fact)


# -- who may not be in the room


@pytest.mark.parametrize(
    ("fact", "reason"),
    [
        (surrounded(9000, FIRST, untold()), Reason.NOT_TOLD),
        (surrounded(9000, untold()), Reason.NOT_TOLD),
        (surrounded(9000, FIRST, guest(standing=Standing.UNTOLD)), Reason.NOT_TOLD),
        (surrounded(9000, FIRST, quiet=HELD), HELD),
        (surrounded(9000, FIRST, quiet=Reason.MUSIC_ON_HOLD), Reason.MUSIC_ON_HOLD),
        (surrounded(9000, FIRST, quiet=Reason.PARKED), Reason.PARKED),
        (surrounded(9000, FIRST, quiet=Reason.NO_CONVERSATION), Reason.NO_CONVERSATION),
        (surrounded(9000, FIRST, quiet=Reason.TELEPHONE_CONFERENCE), Reason.TELEPHONE_CONFERENCE),
        (surrounded(9000), Reason.NOT_BRIDGED),
        (surrounded(9000, joined=None), Reason.NOT_BRIDGED),
        (surrounded(9000, joined=None, quiet=Reason.VOICEMAIL), Reason.NOT_BRIDGED),
        (surrounded(9000, quiet=Reason.PARKED), Reason.PARKED),
        (surrounded(9000, quiet=Reason.MUSIC_ON_HOLD), Reason.NOT_BRIDGED),
    ],
    ids=repr,
)
def test_what_makes_the_room_worse_ends_the_segment_and_the_next_begins_by_itself(core, fact, reason):
    call = talking(core)
    suspends(call, fact, reason)
    assert hears(call, surrounded(9500, FIRST, joined=9499)) == [
        permits(granted(9500, P01, P02, permit=2)),
        attest(3, CALLER, requested(9500, P01, 2)),
        attest(4, AGENT, requested(9500, P02, 2)),
    ]
    assert (call.room.suspended, call.room.permits) == (None, 2)
    call.captured(9501)
    assert [track.file for track in call.room.tracks][2:] == ["seg-002.p01.wav", "seg-002.p02.wav"]
    assert released(call.orders) == [(o.Outcome.RECORDING, None)]


def test_a_pause_ends_the_segment_and_its_end_begins_the_next(core):
    call = talking(core)
    orders = call.hear(paused(9000))
    assert only(orders, o.WakeAt) == [o.WakeAt(ms(609_000), f.Timer.PAUSE, 0)]
    assert entries(orders) == list(revoked(9000, Reason.PAUSED).entries)
    assert only(orders, o.StopCapture) == STOPS
    changes_nothing(call, surrounded(9100, FIRST, joined=5001))
    changes_nothing(call, paused(9200))
    assert entries(call.hear(resumed(9500)))[0] == granted(9500, P01, P02, permit=2)


def test_a_pause_before_the_caller_is_told_lets_them_go_and_they_are_captured_after_it(core):
    call = Call(core)
    call.playing()
    call.hear(paused(100))
    assert released(call.hear(ended(2020), inspected(2022, 2, 100))) == [(o.Outcome.NOT_RECORDED, Reason.PAUSED)]
    assert entries(call.orders)[-1] == ev.NotRecorded(at=ms(2022), reason=Reason.PAUSED)
    call.hear(left_stasis(2030))
    assert hears(call, resumed(3000)) == [
        permits(granted(3000, P01)),
        attest(1, CALLER, requested(3000)),
        o.WakeAt(ms(3000 + 3 * 3600 * 1000), f.Timer.MAX_HOURS, 1),
    ]


def test_the_reason_for_which_nothing_is_captured_is_written_down_when_it_changes(core):
    call = talking(core)
    call.hear(surrounded(9000, FIRST, quiet=HELD))
    assert entries(call.hear(paused(9100))) == [
        ev.NotRecorded(at=ms(9100), reason=Reason.PAUSED),
    ]
    assert entries(call.hear(resumed(9200))) == [
        ev.NotRecorded(at=ms(9200), reason=HELD),
    ]
    assert entries(call.hear(surrounded(9300, FIRST, quiet=HELD, joined=5001))) == []
    assert entries(call.hear(surrounded(9400))) == [ev.NotRecorded(at=ms(9400), reason=Reason.NOT_BRIDGED)]
    assert entries(call.hear(hung_up(9500)))[-1] != ev.NotRecorded(at=ms(9500), reason=Reason.HUNG_UP)


def test_a_newcomer_who_is_told_meanwhile_begins_the_next_segment(core):
    call = talking(core)
    suspends(call, surrounded(9000, FIRST, guest(standing=Standing.UNTOLD)), Reason.NOT_TOLD)
    assert call.room.party_on(GUEST) is None
    orders = call.hear(surrounded(12_000, FIRST, guest(at=9000)))
    assert [type(entry) for entry in entries(orders)] == [
        ev.PartyEntered,
        ev.NoticePlayed,
        ev.PermitGranted,
        ev.CaptureRequested,
        ev.CaptureRequested,
    ]
    assert entries(orders)[2] == granted(12_000, P01, P02, P03, permit=2)


def test_a_guest_who_is_told_anew_has_what_they_heard_written_down_anew(core):
    call = talking(core, FIRST, guest())
    suspends(call, surrounded(9000, FIRST, guest(standing=Standing.UNTOLD)), Reason.NOT_TOLD)
    anew = heard(channel=GUEST, at=12_000)
    orders = call.hear(surrounded(12_500, FIRST, guest(notices=(heard(), anew))))
    assert entries(orders)[:2] == [replace(anew, party=P03), granted(12_500, P01, P02, P03, permit=2)]
    assert call.room.party_on(GUEST) == P03
    assert entries(call.hear(surrounded(12_600, FIRST, guest(notices=(heard(), anew)), joined=5001))) == []


def test_a_guest_who_objects_ends_everybodys_segment_until_they_leave(core):
    call = talking(core, FIRST, guest())
    suspends(call, surrounded(9000, FIRST, guest(standing=Standing.OBJECTED)), Reason.OBJECTED)
    assert entries(call.hear(surrounded(9500, FIRST)))[0] == granted(9500, P01, P02, permit=2)


def test_a_guest_who_objects_may_be_left_out_alone(core):
    call = talking(core, FIRST, guest(), **LEAVE_OUT)
    assert hears(call, surrounded(9000, FIRST, guest(standing=Standing.OBJECTED))) == [
        o.Note((narrowed(9000, P01, P02),)),
    ]


def test_an_objector_who_is_left_out_is_named_all_the_same_when_they_come(core):
    call = waiting(core, **LEAVE_OUT)
    orders = call.hear(surrounded(5001, FIRST, guest(standing=Standing.OBJECTED)))
    assert [type(entry) for entry in entries(orders)] == [
        ev.TrackOrigin,
        ev.PartyEntered,
        ev.PartyEntered,
        ev.NoticePlayed,
        ev.PermitWidened,
        ev.CaptureRequested,
    ]
    assert call.room.permit.parties == (P01, P02)


def test_the_caller_who_objects_is_never_permitted_again(core):
    call = talking(core, **LEAVE_OUT)
    assert hears(call, objected(9000)) == [
        o.Note((ev.PartyObjected(at=ms(9000), party=P01),)),
        revoked(9000, Reason.OBJECTED),
        *STOPS,
    ]
    for fact in (surrounded(9500, FIRST, joined=9400), resumed(9600), caught_up(9700), entered(9800)):
        assert entries(call.hear(fact)) == []
