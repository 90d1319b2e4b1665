"""What a room does not follow at once: facts that come late, and changes that come too fast."""

from dataclasses import replace

import pytest
from unit.calls import P01, P02, P03, caught_up, colleague, guest, lost, ms, paused, resumed, surrounded, woke
from unit.driven import entries, only
from unit.talks import FIRST, HELD, SECOND, STOPS, granted, hears, talking, waiting, widened

from ari_app.core import evidence as ev
from ari_app.core import facts as f
from ari_app.core import orders as o
from ari_app.core.names import ChannelId
from ari_app.core.reasons import Reason

# -- facts that come late


def test_a_newcomer_who_is_heard_of_too_late_is_not_let_in_until_everything_is_read(core):
    call = talking(core)
    orders = call.hear(surrounded(9000, FIRST, SECOND, seen_at=10_000.001))
    assert entries(orders)[1:] == [ev.PermitRevoked(at=ms(9000), permit=1, reason=Reason.STALE_FACTS)]
    assert only(orders, o.StopCapture) == STOPS
    assert entries(call.hear(caught_up(9100, seen_at=10_200))) == []
    assert entries(call.hear(caught_up(9800, seen_at=10_300)))[0] == granted(9800, P01, P02, P03, permit=2)


def test_a_newcomer_of_a_second_ago_is_let_in(core):
    call = talking(core)
    assert len(only(call.hear(surrounded(9000, FIRST, SECOND, seen_at=10_000)), o.Attest)) == 1


def test_a_room_that_became_good_too_long_ago_waits_until_everything_is_read(core):
    call = talking(core)
    call.hear(surrounded(9000, FIRST, quiet=HELD))
    assert entries(call.hear(surrounded(9100, FIRST, seen_at=11_000))) == [
        ev.NotRecorded(at=ms(9100), reason=Reason.STALE_FACTS)
    ]
    assert entries(call.hear(caught_up(9050, seen_at=11_100))) == []
    assert entries(call.hear(caught_up(11_000, seen_at=11_200)))[0] == granted(11_000, P01, P02, permit=2)


def test_what_is_read_again_does_not_make_a_room_older_than_it_is(core):
    call = talking(core)
    call.hear(surrounded(9000, FIRST, quiet=HELD), caught_up(8000))
    assert call.room.changed_at == ms(9000)


@pytest.mark.parametrize(("seen_at", "good_since"), [(9200, 9100), (10_050, 9100)])
def test_a_leaving_that_is_heard_of_afterwards_makes_a_room_no_older_than_its_last_change(core, seen_at, good_since):
    call = talking(core)
    call.hear(surrounded(9100, FIRST, quiet=HELD))
    orders = call.hear(surrounded(9050, FIRST, seen_at=seen_at))
    assert entries(orders)[0] == granted(good_since, P01, P02, permit=2)


def test_a_leaving_that_is_heard_of_too_late_makes_nothing_good_until_everything_is_read(core):
    call = talking(core)
    call.hear(surrounded(9100, FIRST, quiet=HELD))
    orders = call.hear(surrounded(9050, FIRST, seen_at=10_050.001))
    assert entries(orders) == [ev.NotRecorded(at=ms(9050), reason=Reason.STALE_FACTS)]


def test_a_pause_that_is_over_too_long_ago_waits_as_well(core):
    call = talking(core)
    call.hear(paused(9000))
    assert entries(call.hear(resumed(9100, seen_at=11_000))) == [ev.NotRecorded(at=ms(9100), reason=Reason.STALE_FACTS)]


# -- changes that come too fast


def flaps(call, *instants):
    """Hold and go on at each of these instants; return the orders of the last hold."""
    orders = []
    for at in instants:
        orders = call.hear(surrounded(at, FIRST, quiet=HELD))
        call.hear(surrounded(at + 10, FIRST))
    return orders


def test_a_room_that_changes_four_times_in_two_seconds_is_left_alone_until_it_is_still(core):
    call = talking(core)
    assert only(flaps(call, 9000, 9500, 10_000), o.WakeAt) == []
    assert call.room.permits == 4
    last = call.hear(surrounded(10_999.999, FIRST, quiet=HELD))
    assert only(last, o.WakeAt) == [o.WakeAt(ms(11_299.999), f.Timer.SETTLING, ms(10_999.999))]
    good = call.hear(surrounded(11_100, FIRST))
    assert entries(good) == [ev.NotRecorded(at=ms(11_100), reason=Reason.ROOM_CHANGED)]
    assert only(good, o.WakeAt) == [o.WakeAt(ms(11_400), f.Timer.SETTLING, ms(11_100))]
    assert call.hear(woke(11_300, f.Timer.SETTLING, ms(10_999.999))) == []
    assert entries(call.hear(woke(11_400, f.Timer.SETTLING, ms(11_100))))[0] == granted(11_100, P01, P02, permit=5)


def test_four_changes_in_more_than_two_seconds_are_followed(core):
    call = talking(core)
    flaps(call, 9000, 9500, 10_000, 11_000)
    assert (call.room.permits, call.room.restless) == (5, 0)


def test_what_is_handled_when_counts_for_the_speed_and_not_when_it_was(core):
    call = talking(core)
    for number in range(4):
        call.hear(surrounded(9000 + 3000 * number, FIRST, quiet=HELD, seen_at=20_000 + number))
        call.hear(surrounded(9001 + 3000 * number, FIRST, seen_at=20_000.5 + number), caught_up(20_000.6 + number))
    assert call.room.restless == ms(20_003.5)


def test_a_room_that_was_still_is_counted_anew(core):
    call = talking(core)
    flaps(call, 9000, 9100, 9200, 9300)
    call.hear(woke(9610, f.Timer.SETTLING, ms(9310)))
    assert call.room.permits == 5
    flaps(call, 11_301)
    assert (call.room.permits, call.room.restless) == (6, 0)


def test_a_hold_that_ends_a_restless_time_is_waited_for(core):
    call = talking(core)
    flaps(call, 9000, 9100, 9200, 9300)
    call.hear(surrounded(9400, FIRST, quiet=HELD), woke(9700, f.Timer.SETTLING, ms(9400)))
    assert call.room.suspended is HELD
    assert entries(call.hear(surrounded(9800, FIRST)))[0] == granted(9800, P01, P02, permit=5)


def test_a_colleague_who_comes_and_goes_too_fast_is_waited_for_as_well(core):
    call = talking(core, FIRST, SECOND)
    orders = []
    for number in range(4):
        call.hear(surrounded(9000 + 100 * number, SECOND))
        orders = hears(call, surrounded(9050 + 100 * number, FIRST, SECOND))
    assert only(orders, o.Attest) == []
    assert entries(orders) == [ev.PermitRevoked(at=ms(9350), permit=4, reason=Reason.ROOM_CHANGED)]
    assert only(orders, o.WakeAt) == [o.WakeAt(ms(9650), f.Timer.SETTLING, ms(9350))]
    assert call.room.suspended is Reason.ROOM_CHANGED
    assert entries(call.hear(woke(9650, f.Timer.SETTLING, ms(9350))))[0] == granted(9350, P01, P02, P03, permit=5)


def test_what_ends_for_good_does_not_settle(core):
    call = talking(core)
    flaps(call, 9000, 9100, 9200, 9300)
    call.hear(lost(9400))
    assert only(call.hear(surrounded(9500, FIRST)), o.WakeAt) == []


def test_a_next_segment_that_is_heard_of_late_begins_when_all_events_are_known(core):
    call = talking(core, FIRST, guest())
    call.hear(surrounded(9000, FIRST, guest(), host=False))
    late = call.hear(surrounded(9500, FIRST, seen_at=10_501))
    assert [entry for entry in entries(late) if not isinstance(entry, ev.TrackEnded)] == [
        ev.PermitRevoked(at=ms(9500), permit=1, reason=Reason.ROOM_CHANGED),
        ev.NotRecorded(at=ms(9500), reason=Reason.STALE_FACTS),
    ]
    assert call.room.suspended is Reason.STALE_FACTS
    assert entries(call.hear(caught_up(10_600)))[0] == granted(10_600, P01, P02, permit=2)


# -- more than there are names for


def crowd(size, *, at=5001):
    return [colleague(ChannelId(f"1800000000.1{number:02d}"), at) for number in range(size)]


def test_eight_channels_are_captured_and_whoever_is_more_is_there_all_the_same(core):
    call = waiting(core)
    orders = call.hear(surrounded(5000, *crowd(8)))
    assert [order.live.party for order in only(orders, o.Attest)] == [f"p{number:02d}" for number in range(2, 9)]
    assert call.room.permit.parties == tuple(f"p{number:02d}" for number in range(1, 10))
    assert entries(call.hear(surrounded(6000, *crowd(9))))[1:] == [
        widened(6000, *(f"p{number:02d}" for number in range(1, 11)))
    ]


def test_a_ninth_channel_in_the_place_of_one_that_left_begins_another_segment(core):
    call = waiting(core)
    call.hear(surrounded(5000, *crowd(8)))
    orders = call.hear(surrounded(6000, *crowd(8)[1:]))
    assert ev.PermitRevoked(at=ms(6000), permit=1, reason=Reason.ROOM_CHANGED) in entries(orders)
    assert [order.live.party for order in only(orders, o.Attest)] == ["p01", *(f"p{n:02d}" for n in range(3, 10))]


def test_an_eighth_channel_is_captured_in_the_same_segment(core):
    call = waiting(core)
    call.hear(surrounded(5000, *crowd(6)))
    assert [order.live.party for order in only(call.hear(surrounded(6000, *crowd(7))), o.Attest)] == ["p08"]


def test_the_ninety_ninth_party_has_a_name_and_the_hundredth_counts_as_untold(core):
    call = waiting(core)
    call.hear(surrounded(5000, *crowd(98)))
    assert call.room.permit.parties[-1] == "p99"
    call.hear(surrounded(6000, *crowd(99)))
    assert (len(call.room.others), call.room.suspended) == (98, Reason.NOT_TOLD)


@pytest.mark.parametrize(("so_far", "closed"), [(998, None), (999, Reason.TOO_MANY_SEGMENTS)])
def test_after_999_segments_the_recording_is_over(core, so_far, closed):
    call = talking(core)
    call.hear(surrounded(9000, FIRST, quiet=HELD))
    call.room = replace(call.room, permits=so_far)
    orders = call.hear(surrounded(9500, FIRST))
    assert call.room.closed is closed
    over = [ev.NotRecorded(at=ms(9500), reason=Reason.TOO_MANY_SEGMENTS)]
    assert entries(orders) == over if closed else entries(orders)[0] == granted(9500, P01, P02, permit=999)
