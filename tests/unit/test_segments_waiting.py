"""Before the conversation, after it, and when nobody is in it any more."""

import pytest
from unit.calls import (
    AGENT,
    CALLER,
    P01,
    P02,
    P03,
    answered,
    began,
    ended,
    entered,
    hung_up,
    inspected,
    ms,
    replaced,
    surrounded,
    untold,
)
from unit.driven import STOP, Call, entries, only, released, revoked
from unit.talks import (
    FIRST,
    FROM_THE_START,
    HELD,
    SECOND,
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
)

from ari_app.core import evidence as ev
from ari_app.core import facts as f
from ari_app.core import orders as o
from ari_app.core.reasons import Reason


@pytest.mark.parametrize("quiet", [Reason.MUSIC_ON_HOLD, HELD])
def test_music_while_waiting_for_a_bridge_ends_nothing(core, quiet):
    changes_nothing(waiting(core), surrounded(3000, joined=None, quiet=quiet))


def test_whoever_leaves_a_message_is_not_recorded_a_second_time(core):
    """Although nothing is captured before a bridge: the record must say why there was nothing."""
    call = waiting(core)
    said = entries(call.hear(surrounded(3000, joined=None, quiet=Reason.VOICEMAIL)))
    assert said == [ev.PermitRevoked(at=ms(3000), permit=1, reason=Reason.VOICEMAIL)]


@pytest.mark.parametrize(
    ("fact", "reason"),
    [
        (surrounded(3000, untold(), joined=None), Reason.NOT_TOLD),
        (surrounded(3000, quiet=Reason.MUSIC_ON_HOLD), Reason.MUSIC_ON_HOLD),
        (surrounded(3000, FIRST, joined=None, quiet=HELD), HELD),
    ],
    ids=repr,
)
def test_what_is_no_waiting_for_a_bridge_does(core, fact, reason):
    call = waiting(core)
    assert revoked(3000, reason) in call.hear(fact)


def test_music_while_the_waiting_itself_is_captured_does_and_its_end_begins_the_next_segment(core):
    call = waiting(core, **FROM_THE_START)
    suspends(call, surrounded(3000, joined=None, quiet=Reason.MUSIC_ON_HOLD), Reason.MUSIC_ON_HOLD, [STOP])
    assert hears(call, surrounded(3500, joined=None)) == [
        permits(granted(3500, P01, permit=2)),
        attest(2, CALLER, requested(3500, P01, 2, bridged_only=False)),
    ]


def test_a_caller_who_waits_in_a_bridge_alone_is_in_no_conversation_that_could_be_over(core):
    call = waiting(core)
    assert [type(entry) for entry in entries(call.hear(surrounded(5000)))] == [ev.TrackOrigin]
    changes_nothing(call, surrounded(5100, joined=None))


@pytest.mark.parametrize("how", ["joined", "granted", "conversed twice"])
def test_once_they_have_conversed_being_alone_is_the_end_of_it(core, how):
    call = waiting(core)
    call.hear(surrounded(5000, FIRST) if how == "joined" else surrounded(5000, untold()))
    if how != "joined":
        call.hear(surrounded(5100, FIRST))
    if how == "conversed twice":
        call.hear(surrounded(5200, FIRST, quiet=HELD), surrounded(5300, FIRST))
    call.hear(surrounded(6000, joined=None))
    assert call.room.suspended is Reason.NOT_BRIDGED


def test_a_replaced_caller_who_is_told_anew_waits_for_their_next_conversation(core):
    call = talking(core)
    call.hear(replaced(9000), surrounded(9100, joined=None))
    call.hear(entered(9500), answered(9510), inspected(9512, 3, 0), began(9520, 2))
    orders = call.hear(ended(11_520, 2), inspected(11_522, 4, 100))
    assert entries(orders)[1:] == [granted(11_520, P01, permit=2), requested(11_522, P01, 2)]
    assert only(orders, o.WakeAt) == [o.WakeAt(ms(12_322), f.Timer.CAPTURE, 2)]


def test_the_caller_who_is_told_in_a_room_that_is_not_is_let_go_with_its_reason(core):
    call = Call(core)
    call.playing()
    call.hear(surrounded(1000, untold(), joined=None), ended(2020))
    assert released(call.hear(inspected(2022, 2, 100))) == [(o.Outcome.NOT_RECORDED, Reason.NOT_TOLD)]


def test_a_hang_up_of_somebody_else_ends_their_track(core):
    call = talking(core, FIRST, SECOND)
    assert entries(call.hear(hung_up(9000, AGENT))) == [ev.TrackEnded(at=ms(9000), segment=1, party=P02, closed=False)]
    assert not call.room.sealed
    assert call.room.closed is None
    assert entries(call.hear(surrounded(9001, SECOND))) == [narrowed(9001, P01, P03)]
