"""How much room is left, and what a call makes of that."""

import pytest
from unit.calls import (
    P01,
    P02,
    answered,
    attested,
    capture_answered,
    capture_began,
    caught_up,
    ended,
    entered,
    inspected,
    ms,
    space,
    surrounded,
)
from unit.driven import START, STOP, Call, entries, monitor, not_recorded, only, released
from unit.talks import FIRST, SECOND, attest, granted, hears, permits, requested, talking, waiting

from ari_app.core import evidence as ev
from ari_app.core import orders as o
from ari_app.core.free_space import FILES, Floor, Level, Space
from ari_app.core.reasons import Reason

GIB = 1 << 30
AMPLE, LOW, SCARCE = Level.AMPLE, Level.LOW, Level.SCARCE


@pytest.mark.parametrize(
    ("free", "before", "level"),
    [
        (2 * GIB, AMPLE, AMPLE),
        (2 * GIB - 1, AMPLE, LOW),
        (GIB // 2, AMPLE, LOW),
        (GIB // 2 - 1, AMPLE, SCARCE),
        # What has become too little is too little until there is a tenth more.
        (2 * GIB + 2 * GIB // 10 - 1, LOW, LOW),
        (2 * GIB + 2 * GIB // 10, LOW, AMPLE),
        (GIB // 2, LOW, LOW),
        (GIB // 2 + GIB // 20 - 1, SCARCE, SCARCE),
        (GIB // 2 + GIB // 20, SCARCE, LOW),
        (2 * GIB + 2 * GIB // 10 - 1, SCARCE, LOW),
        (2 * GIB + 2 * GIB // 10, SCARCE, AMPLE),
        (0, AMPLE, SCARCE),
    ],
)
def test_how_much_room_is_left(core, free, before, level):
    for files in (None, FILES * 2):
        assert core.free_space.judge(Space(free, 100 * GIB, files), Floor(2 * GIB), before).value == level.value


@pytest.mark.parametrize(
    ("files", "before", "level"),
    [
        (FILES, AMPLE, AMPLE),
        (FILES - 1, AMPLE, LOW),
        (FILES * 11 // 10 - 1, LOW, LOW),
        (FILES // 4 - 1, AMPLE, SCARCE),
        (FILES // 4, AMPLE, LOW),
    ],
)
def test_inodes_run_out_as_blocks_do(core, files, before, level):
    space = Space(50 * GIB, 100 * GIB, files)
    assert core.free_space.judge(space, Floor(2 * GIB), before).value == level.value
    # The worse of the two is how it is.
    assert core.free_space.judge(Space(0, 100 * GIB, files), Floor(2 * GIB), before).value == SCARCE.value


def test_a_part_of_the_file_system_and_nothing_at_all(core):
    floor = core.free_space.Floor(percent=2.5)
    assert floor.of(100 * GIB) == 2_684_354_560
    assert core.free_space.judge(Space(2 * GIB, 100 * GIB), floor, AMPLE).value == LOW.value
    assert core.free_space.judge(Space(0, 0, 5), core.free_space.Floor(), AMPLE).value == AMPLE.value


@pytest.mark.parametrize("level", [LOW, SCARCE])
def test_whoever_comes_while_there_is_little_room_is_told_nothing_and_goes_on_at_once(core, level):
    call = Call(core)
    assert call.hear(space(0, level)) == []
    orders = call.hear(entered(1))
    assert released(orders) == [(o.Outcome.NOT_RECORDED, Reason.SPOOL_FULL)]
    assert only(orders, o.Answer, o.Play, o.Attest, o.Inspect) == []
    assert entries(orders)[2:] == [ev.NotRecorded(at=ms(1), reason=Reason.SPOOL_FULL)]
    assert call.room.closed is Reason.SPOOL_FULL


def test_the_same_room_with_space_again_is_told(core):
    call = Call(core)
    call.hear(space(0, LOW), space(1, AMPLE), entered(1), answered(10), inspected(12, 1, 0))
    assert call.room.closed is None
    assert only(call.orders, o.Play)


def test_whoever_was_being_told_meanwhile_is_not_captured(core):
    call = Call(core)
    call.playing()
    call.hear(space(1000, LOW), ended(2020))
    orders = call.hear(inspected(2022, 2, 100))
    assert entries(orders)[1:] == [ev.NotRecorded(at=ms(2022), reason=Reason.SPOOL_FULL)]
    assert only(orders, o.Release) == [not_recorded(Reason.SPOOL_FULL)]
    # With room again it begins by itself, as soon as it is known that nothing has happened meanwhile.
    call.hear(space(9000, AMPLE))
    assert call.room.suspended is Reason.STALE_FACTS
    orders = call.hear(caught_up(9500))
    assert entries(orders) == [granted(9500, P01), requested(9500, P01)]


def test_a_conversation_that_is_captured_goes_on_with_whoever_joins_it(core):
    call = talking(core, FIRST)
    assert call.hear(space(8000, LOW)) == []
    orders = call.hear(surrounded(9000, FIRST, SECOND))
    assert [type(one) for one in entries(orders)] == [ev.PartyEntered, ev.PermitWidened, ev.CaptureRequested]
    assert call.room.permit is not None


def test_what_is_ended_while_there_is_little_room_does_not_begin_again_before_there_is_more(core):
    call = talking(core, FIRST)
    call.hear(space(8000, LOW), surrounded(9000, FIRST, quiet=Reason.HELD))
    orders = call.hear(surrounded(9500, FIRST))
    assert entries(orders) == [ev.NotRecorded(at=ms(9500), reason=Reason.SPOOL_FULL)]
    assert call.room.permit is None
    assert hears(call, space(9600, AMPLE)) == [
        permits(granted(9500, P01, P02, permit=2)),
        attest(3, call.room.caller.channel, requested(9600, P01, 2)),
        attest(4, FIRST.channel, requested(9600, P02, 2)),
    ]


def test_what_runs_is_ended_before_the_disk_is_full(core):
    call = waiting(core)
    orders = call.hear(space(8000, SCARCE))
    assert entries(orders) == [
        ev.PermitRevoked(at=ms(8000), permit=1, reason=Reason.SPOOL_FULL),
    ]
    assert only(orders, o.StopCapture) == [STOP]
    assert call.room.suspended is Reason.SPOOL_FULL
    assert call.room.closed is None


def test_a_capture_that_is_just_starting_is_stopped_and_its_caller_goes_on(core):
    call = Call(core)
    call.told()
    assert only(call.hear(attested(2022, seen_at=2030)), o.StartCapture) == [START]
    orders = call.hear(space(2031, SCARCE))
    assert only(orders, o.Release) == [not_recorded(Reason.SPOOL_FULL)]
    call.hear(capture_began(2032))
    assert only(call.hear(capture_answered(2033, monitor(P01))), o.StopCapture)
