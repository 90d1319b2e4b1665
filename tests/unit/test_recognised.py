"""A room that nobody watched for a while, from the moment at which somebody does again."""

from dataclasses import replace

import pytest
from unit.calls import (
    AGENT,
    P02,
    colleague,
    hung_up,
    lost,
    ms,
    objected,
    paused,
    recognised,
    replaced,
    surrounded,
    woke,
)
from unit.driven import Call, entries, only
from unit.restored_calls import GONE_ON, RECORDED, chose, entered, revoked, room

from ari_app.core import evidence as ev
from ari_app.core import facts as f
from ari_app.core import orders as o
from ari_app.core.names import Instant
from ari_app.core.reasons import Reason


def unwatched(core, *journal):
    call = Call(core)
    call.room = room(core, *(journal or (*GONE_ON, entered(P02, AGENT))))
    return call


def test_a_recognised_caller_is_captured_in_the_next_segment(core):
    call = unwatched(core)
    assert only(call.hear(surrounded(20_000, colleague())), o.Attest, o.Note) == []
    orders = call.hear(recognised(20_000, seen_at=20_010))
    assert entries(orders)[0] == ev.PermitGranted(at=ms(20_000), permit=2, parties=["p01", "p02"])
    assert [one.live.file for one in only(orders, o.Attest)] == ["seg-002.p01.wav", "seg-002.p02.wav"]
    assert only(orders, o.Release, o.WakeAt) == []


def test_the_room_is_as_it_was_when_asterisk_was_asked_or_changed_since(core):
    call = unwatched(core)
    call.hear(surrounded(20_500, colleague()))
    assert entries(call.hear(recognised(20_000, seen_at=20_600)))[0].at == ms(20_500)
    call = unwatched(core)
    call.hear(surrounded(19_900, colleague()))
    assert entries(call.hear(recognised(20_000, seen_at=20_600)))[0].at == ms(20_000)


@pytest.mark.parametrize(
    ("fact", "reason"),
    [
        (objected(19_000), Reason.OBJECTED),
        (replaced(19_000), Reason.CHANNEL_REPLACED),
        (paused(19_000), Reason.PAUSED),
        (woke(19_000, f.Timer.MAX_HOURS), Reason.MAX_HOURS),
        (lost(19_000, Reason.GATE_STOPPED), Reason.GATE_STOPPED),
    ],
)
def test_what_is_heard_before_that_holds(core, fact, reason):
    call = unwatched(core)
    orders = call.hear(fact) + call.hear(surrounded(20_000, colleague())) + call.hear(recognised(20_000))
    assert only(orders, o.Attest) == []
    assert ev.NotRecorded in {type(entry) for entry in entries(orders)}
    assert [entry.reason for entry in entries(orders) if isinstance(entry, ev.NotRecorded)][-1] is reason


def alarms(orders):
    return [one for one in only(orders, o.WakeAt) if one.timer is f.Timer.PAUSE]


def test_a_pause_goes_on_counting_from_its_beginning(core):
    said = chose("paused", "payment"), chose("paused", "distress", at=9500)
    call = unwatched(core, *GONE_ON, entered(P02, AGENT), *said)
    assert alarms(call.hear(surrounded(20_000, colleague()))) == []
    assert alarms(call.hear(recognised(20_000))) == [o.WakeAt(ms(609_000), f.Timer.PAUSE, 0)]
    assert call.hear(woke(609_000, f.Timer.PAUSE)) == [o.Alarm(o.Trouble.PAUSED_TOO_LONG)]


@pytest.mark.parametrize(("since", "begun"), [(0, 19_000), (18_000, 18_000)])
def test_a_pause_that_began_meanwhile_is_watched_from_then_on(core, since, begun):
    call = unwatched(core)
    assert alarms(call.hear(replace(paused(19_000), since=ms(since) if since else Instant(0)))) == []
    assert alarms(call.hear(recognised(20_000))) == [o.WakeAt(ms(begun + 600_000), f.Timer.PAUSE, 0)]


def test_a_connection_that_is_back_watches_the_pause_that_it_left(core):
    call = Call(core)
    call.talking()
    call.hear(paused(8500), lost(9000), woke(608_500, f.Timer.PAUSE))
    assert alarms(call.hear(recognised(610_000))) == [o.WakeAt(ms(608_500), f.Timer.PAUSE, 0)]


def test_without_a_pause_there_is_nothing_to_watch(core):
    call = unwatched(core, *GONE_ON, entered(P02, AGENT), chose("paused"), chose("resumed", at=9500))
    assert alarms(call.hear(recognised(20_000))) == []


def test_who_hung_up_meanwhile_is_not_recognised(core):
    call = unwatched(core)
    call.hear(hung_up(19_000))
    assert call.room.sealed
    assert entries(call.orders)[-1] == ev.Ended(at=ms(19_000), reason=None)


def test_a_connection_that_was_lost_and_is_back_goes_on_in_the_same_way(core):
    call = Call(core)
    call.talking()
    call.hear(lost(9000))
    assert call.room.closed is Reason.EVENTS_LOST
    assert entries(call.hear(recognised(9500)))[0] == ev.PermitGranted(at=ms(9500), permit=2, parties=["p01", "p02"])


def test_whose_files_are_still_open_is_gone_all_the_same(core):
    call = Call(core)
    call.talking()
    call.hear(lost(9000), hung_up(9100))
    assert only(call.hear(recognised(9500)), o.Attest) == []
    assert call.room.closed is Reason.EVENTS_LOST


def test_what_was_given_up_for_another_reason_is_not_taken_up_again(core):
    call = unwatched(core, *RECORDED, revoked(Reason.MAX_HOURS))
    assert only(call.hear(recognised(20_000)), o.Attest) == []
    assert call.room.closed is Reason.MAX_HOURS
    call = Call(core)
    call.talking()
    assert call.hear(recognised(9500)) == []
