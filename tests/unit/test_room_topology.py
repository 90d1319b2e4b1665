"""Who can hear whom: the one colleague who may join, and every other change of the room, which ends the capture."""

import pytest
from unit.calls import (
    AGENT,
    BRIDGE,
    CALLER,
    MONITOR,
    P01,
    P02,
    SECOND_AGENT,
    STRANGER,
    Call,
    attested,
    bridged,
    capture_answered,
    capture_began,
    capture_ended,
    disturbed,
    ended,
    entries,
    hangup_requested,
    hung_up,
    inspected,
    left_bridge,
    left_stasis,
    line,
    lost,
    member,
    ms,
    only,
    released,
)

from ari_app.core import evidence as ev
from ari_app.core import facts as f
from ari_app.core import orders as o
from ari_app.core.names import BridgeId, MonitorId
from ari_app.core.policy import Capture
from ari_app.core.reasons import Reason

SECOND_MONITOR = MonitorId("0x7f0000000002")
STOPS = [
    o.StopCapture(CALLER, 1, P01, "seg-001.p01.wav", MONITOR),
    o.StopCapture(AGENT, 1, P02, "seg-001.p02.wav", SECOND_MONITOR),
]
ALONE = (member(CALLER, 5000),)
BOTH = (member(CALLER, 5000), member(AGENT, 5001))
MUSIC = f.Disturbance.MUSIC_ON_HOLD
UNSUPPORTED = Reason.TOPOLOGY_NOT_SUPPORTED


def waiting(core, **rules):
    """Return a call whose caller is captured, released, and not in a bridge yet."""
    call = Call(core, line(**rules))
    call.running()
    call.hear(left_stasis(2040))
    return call


def talking(core):
    call = Call(core)
    call.talking()
    return call


def ends(call, fact, reason, stops):
    """Hear the fact, and find that it has ended everything, revoked first."""
    assert call.hear(fact) == [
        o.Note((ev.PermitRevoked(at=fact.at, permit=1, reason=reason), ev.NotRecorded(at=fact.at, reason=reason))),
        *stops,
    ]
    assert call.room.permit is None
    assert only(call.hear(attested(fact.at, 2)), o.StartCapture) == []


def changes_nothing(call, fact):
    before = call.room
    assert call.hear(fact) == []
    assert call.room == before


# -- the conversation


def test_a_colleague_who_joins_is_permitted_and_captured_on_their_own_channel(core):
    call = waiting(core)
    call.hear(bridged(5000, *ALONE))
    joined = ev.PartyEntered(at=ms(5001), party=P02, side="house", channel=AGENT, endpoint="PJSIP/2", contract=True)
    widened = ev.PermitWidened(at=ms(5001), permit=1, parties=[P01, P02])
    requested = ev.CaptureRequested(
        at=ms(5003), permit=1, segment=1, party=P02, file="seg-001.p02.wav", bridged_only=True
    )
    assert call.hear(bridged(5001, *BOTH, seen_at=5003)) == [
        o.Note((joined,)),
        o.Attest(2, (widened, requested), o.Live(AGENT, P02, 1, "seg-001.p02.wav")),
    ]
    assert call.room.permit.parties == (P01, P02)
    assert call.hear(attested(5003, 2)) == [o.StartCapture(AGENT, 1, P02, "seg-001.p02.wav", bridged_only=True)]


def test_the_permit_widens_from_the_later_of_joining_and_meeting(core):
    call = waiting(core)
    call.hear(bridged(5000, member(AGENT, 4900), member(CALLER, 5000)))
    widened = [one for one in entries(call.orders) if isinstance(one, ev.PermitWidened)]
    assert [one.at for one in widened] == [ms(5000)]
    call = waiting(core)
    call.hear(bridged(5000, member(AGENT, 5002), member(CALLER, 5000), seen_at=5004))
    widened = [one for one in entries(call.orders) if isinstance(one, ev.PermitWidened)]
    assert [one.at for one in widened] == [ms(5002)]


def test_the_track_of_a_colleague_begins_when_it_begins(core):
    call = talking(core)
    origins = [one for one in entries(call.orders) if isinstance(one, ev.TrackOrigin)]
    assert origins == [
        ev.TrackOrigin(at=ms(5000), segment=1, party=P01),
        ev.TrackOrigin(at=ms(5006), segment=1, party=P02),
    ]


def test_the_caller_is_released_once_although_two_captures_run(core):
    assert released(talking(core).orders) == [(o.Outcome.RECORDING, None)]


def test_a_colleague_whom_everybody_knows_already_joins_once(core):
    call = talking(core)
    changes_nothing(call, bridged(5010, *BOTH))


def test_a_colleague_who_is_in_another_bridge_is_no_change(core):
    changes_nothing(talking(core), bridged(5010, member(AGENT, 5001), bridge=BridgeId("bridge-2")))


# -- what a joining may come to


@pytest.mark.parametrize(
    ("fact", "reason"),
    [
        (attested(5003, 2, ok=False), Reason.JOURNAL_UNWRITABLE),
        (attested(5003, 2, seen_at=6100), Reason.STALE_FACTS),
    ],
    ids=["not durable", "stale"],
)
def test_a_colleague_without_evidence_ends_the_capture_of_both(core, fact, reason):
    call = waiting(core)
    call.hear(bridged(5001, *BOTH))
    ends(call, fact, reason, STOPS[:1])


def test_a_colleague_whose_capture_fails_ends_the_capture_of_both(core):
    call = waiting(core)
    call.hear(bridged(5001, *BOTH), attested(5002, 2))
    orders = call.hear(capture_answered(5005, None, P02))
    assert call.room.closed is Reason.CAPTURE_FAILED
    assert only(orders, o.StopCapture) == [
        o.StopCapture(AGENT, 1, P02, "seg-001.p02.wav", None),
        STOPS[0],
    ]


def test_a_joining_that_is_handled_too_late_ends_the_capture(core):
    call = waiting(core)
    orders = call.hear(bridged(5001, *BOTH, seen_at=6001.001))
    assert [type(one) for one in entries(orders)] == [
        ev.TrackOrigin,
        ev.PartyEntered,
        ev.PermitRevoked,
        ev.NotRecorded,
    ]
    assert call.room.closed is Reason.STALE_FACTS
    assert only(orders, o.StopCapture) == STOPS[:1]


def test_a_colleague_who_joins_when_nothing_is_captured_is_written_down_alone(core):
    call = waiting(core)
    call.hear(lost(3000))
    orders = call.hear(bridged(5001, *BOTH))
    assert [type(one) for one in entries(orders)] == [ev.TrackOrigin, ev.PartyEntered]
    assert only(orders, o.Attest) == []


# -- rooms that this version does not follow


@pytest.mark.parametrize(
    "fact",
    [
        bridged(9000, *BOTH, member(SECOND_AGENT, 9000)),
        bridged(9000, *BOTH, plain=False),
        bridged(9000, *BOTH, bridge=BridgeId("bridge-2")),
        bridged(9000, member(CALLER, 5000), member(STRANGER, 9000, staff=False)),
        bridged(9000, member(STRANGER, 9000, staff=False), member(CALLER, 5000)),
        disturbed(9000),
        disturbed(9000, MUSIC),
        disturbed(9000, channel=AGENT),
        disturbed(9000, MUSIC, AGENT),
        disturbed(9000, f.Disturbance.PARKED),
        disturbed(9000, f.Disturbance.TRANSFERRED),
        disturbed(9000, f.Disturbance.PICKED_UP, AGENT),
        disturbed(9000, f.Disturbance.RENAMED),
    ],
    ids=repr,
)
def test_another_room_ends_the_capture_of_everybody(core, fact):
    ends(talking(core), fact, UNSUPPORTED, STOPS)


@pytest.mark.parametrize(
    "fact",
    [
        left_bridge(9000),
        left_bridge(9000, AGENT),
        bridged(9000, *ALONE),
        bridged(9000, member(CALLER, 5000), member(SECOND_AGENT, 9000)),
    ],
    ids=repr,
)
def test_who_leaves_the_bridge_ends_the_capture_of_everybody(core, fact):
    ends(talking(core), fact, Reason.LEFT_BRIDGE, STOPS)


@pytest.mark.parametrize(
    "fact",
    [
        bridged(5000, member(CALLER, 5000), plain=False),
        bridged(5000, member(CALLER, 5000), member(STRANGER, 4000, staff=False)),
        bridged(5000, *BOTH, member(SECOND_AGENT, 4000)),
    ],
    ids=["holding bridge", "stranger", "three"],
)
def test_a_first_bridge_that_is_no_conversation_ends_the_capture_before_it_is_entered(core, fact):
    call = waiting(core)
    ends(call, fact, UNSUPPORTED, STOPS[:1])
    assert [one for one in entries(call.orders) if isinstance(one, ev.TrackOrigin)] == []


def test_after_the_end_no_room_begins_anything(core):
    call = talking(core)
    call.hear(left_bridge(9000))
    assert call.hear(bridged(9001, *ALONE, bridge=BridgeId("bridge-2"))) == []
    assert call.hear(bridged(9002, *BOTH)) == []
    assert released(call.orders) == [(o.Outcome.RECORDING, None)]


def test_who_is_bridged_before_the_capture_runs_is_not_captured(core):
    call = Call(core)
    call.starting()
    orders = call.hear(bridged(2032, member(CALLER, 2032), plain=False))
    assert released(orders) == [(o.Outcome.NOT_RECORDED, UNSUPPORTED)]


# -- what is no end


@pytest.mark.parametrize("before", [2500, 4999])
def test_music_while_waiting_for_a_bridge_ends_nothing(core, before):
    changes_nothing(waiting(core), disturbed(before, MUSIC))


def test_music_of_a_stranger_or_another_disturbance_while_waiting_does(core):
    ends(waiting(core), disturbed(2500, MUSIC, STRANGER), UNSUPPORTED, STOPS[:1])
    ends(waiting(core), disturbed(2500), UNSUPPORTED, STOPS[:1])


def test_music_while_the_waiting_itself_is_captured_does(core):
    ends(waiting(core, capture=Capture.AFTER_ANNOUNCEMENT), disturbed(2500, MUSIC), UNSUPPORTED, STOPS[:1])


@pytest.mark.parametrize(
    "fact",
    [
        left_bridge(9000, STRANGER),
        hung_up(9000, STRANGER),
        hangup_requested(9000, STRANGER),
        hangup_requested(9000, AGENT),
        left_stasis(9000, AGENT),
        left_stasis(9000),
        bridged(9000, member(STRANGER, 9000)),
    ],
    ids=repr,
)
def test_what_concerns_nobody_here_changes_nothing(core, fact):
    changes_nothing(talking(core), fact)


def test_leaving_a_bridge_that_was_never_entered_changes_nothing(core):
    changes_nothing(waiting(core), left_bridge(3000))


def test_a_bridge_of_others_says_nothing_about_a_told_caller(core):
    changes_nothing(waiting(core), bridged(3000, member(AGENT, 3000), member(SECOND_AGENT, 3000)))


# -- hanging up


def test_a_colleague_who_hangs_up_ends_the_capture_of_both(core):
    call = talking(core)
    orders = call.hear(hung_up(9000, AGENT))
    assert entries(orders) == [
        ev.PermitRevoked(at=ms(9000), permit=1, reason=Reason.LEFT_BRIDGE),
        ev.NotRecorded(at=ms(9000), reason=Reason.LEFT_BRIDGE),
        ev.TrackEnded(at=ms(9000), segment=1, party=P02, closed=False),
    ]
    assert not call.room.sealed
    assert call.room.gone_at is None


def test_a_colleague_who_hangs_up_before_their_capture_began_has_none(core):
    call = waiting(core)
    call.hear(bridged(5001, *BOTH), hung_up(5002, AGENT))
    assert only(call.hear(attested(5003, 2)), o.StartCapture) == []
    call.hear(capture_ended(5004))
    assert call.hear(hung_up(9000))[-1] == o.Seal(ms(9000))


def test_a_caller_who_hangs_up_ends_the_capture_of_both(core):
    call = talking(core)
    orders = call.hear(hung_up(9000))
    assert entries(orders) == [
        ev.PermitRevoked(at=ms(9000), permit=1, reason=Reason.HUNG_UP),
        ev.NotRecorded(at=ms(9000), reason=Reason.HUNG_UP),
        ev.TrackEnded(at=ms(9000), segment=1, party=P01, closed=False),
    ]
    # On the caller's own channel, which is gone, there is nothing to stop.
    assert only(orders, o.StopCapture) == STOPS[1:]


def test_a_late_capture_of_a_colleague_who_is_gone_is_still_stopped(core):
    call = waiting(core)
    call.hear(bridged(5001, *BOTH), attested(5002, 2), capture_began(5003, P02), hung_up(5004, AGENT))
    assert call.hear(capture_answered(5005, SECOND_MONITOR, P02)) == [STOPS[1]]


def test_the_bridge_of_the_caller_is_remembered(core):
    call = talking(core)
    assert (call.room.bridge, call.room.joined_at) == (BRIDGE, ms(5000))
    assert call.room.party_on(STRANGER) is None


def test_a_bridge_without_the_caller_fails_the_telling_all_the_same(core):
    call = Call(core)
    call.playing()
    call.hear(bridged(1000, member(AGENT, 1000)), ended(2020), inspected(2022, 2, 100))
    assert released(call.orders) == [(o.Outcome.NOT_RECORDED, Reason.BRIDGED_DURING_ANNOUNCEMENT)]
