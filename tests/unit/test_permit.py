"""The one function that grants: every doubt is a reason, and nothing turns one into a permit."""

from dataclasses import replace
from typing import cast

import pytest
from unit.calls import NEVER, line, ms

from ari_app.core.facts import Standing
from ari_app.core.policy import Line, Mode, OnObjection
from ari_app.core.reasons import Reason

UNTOLD, TOLD, CONTRACT, OBJECTED = Standing.UNTOLD, Standing.TOLD, Standing.CONTRACT, Standing.OBJECTED
LEAVE_OUT = line(on_objection=OnObjection.LEAVE_OUT)


def grant(core, *standings, rules=None, hindrance=None, at=1000, now=1000, mixed=()):
    room = [
        core.permit.Present(f"p{number:02d}", standing, number in mixed)
        for number, standing in enumerate(standings, start=1)
    ]
    return core.permit.grant(rules or line(), room, hindrance=hindrance, number=3, at=ms(at), now=ms(now))


def test_a_told_caller_alone_may_be_captured(core):
    permit = grant(core, TOLD)
    assert (permit.number, permit.at, permit.parties) == (3, ms(1000), ("p01",))


def test_staff_and_others_who_were_told_may_be_captured_with_a_told_caller(core):
    assert grant(core, TOLD, CONTRACT, TOLD).parties == ("p01", "p02", "p03")


@pytest.mark.parametrize(
    "room",
    [
        (UNTOLD,),
        (CONTRACT,),
        (CONTRACT, CONTRACT),
        (CONTRACT, TOLD),
        (TOLD, UNTOLD),
        (UNTOLD, TOLD),
        (TOLD, CONTRACT, UNTOLD),
        (UNTOLD, CONTRACT),
        (UNTOLD, OBJECTED),
    ],
    ids=str,
)
@pytest.mark.parametrize("rules", [line(), LEAVE_OUT], ids=["stop", "leave out"])
def test_a_room_in_which_not_everybody_is_told_has_no_permit(core, room, rules):
    assert grant(core, *room, rules=rules) is Reason.NOT_TOLD


@pytest.mark.parametrize("room", [(OBJECTED,), (TOLD, OBJECTED), (TOLD, CONTRACT, OBJECTED), (OBJECTED, CONTRACT)])
def test_an_objection_of_anybody_is_one_of_all(core, room):
    assert grant(core, *room) is Reason.OBJECTED


def test_where_the_objector_alone_is_left_out_the_others_are_captured(core):
    assert grant(core, TOLD, OBJECTED, CONTRACT, rules=LEAVE_OUT).parties == ("p01", "p03")


def test_a_caller_who_objects_leaves_nobody_to_be_captured(core):
    assert grant(core, OBJECTED, CONTRACT, TOLD, rules=LEAVE_OUT) is Reason.OBJECTED


def test_who_is_not_told_and_who_objects_forbid_it_in_the_order_of_the_room(core):
    assert grant(core, TOLD, OBJECTED, UNTOLD) is Reason.OBJECTED
    assert grant(core, TOLD, UNTOLD, OBJECTED) is Reason.NOT_TOLD


def test_a_telephone_that_mixes_its_lines_is_not_captured_and_forbids_nothing(core):
    assert grant(core, TOLD, CONTRACT, CONTRACT, mixed={2}).parties == ("p01", "p03")
    assert grant(core, TOLD, CONTRACT, mixed={1}).parties == ("p02",)


@pytest.mark.parametrize("hindrance", [Reason.HELD, Reason.PAUSED, Reason.NO_CONVERSATION])
def test_what_hinders_the_room_is_the_reason_once_everybody_is_told(core, hindrance):
    assert grant(core, TOLD, CONTRACT, hindrance=hindrance) is hindrance
    assert grant(core, TOLD, UNTOLD, hindrance=hindrance) is Reason.NOT_TOLD
    assert grant(core, TOLD, OBJECTED, rules=LEAVE_OUT, hindrance=hindrance) is hindrance


@pytest.mark.parametrize("now", [1000, 1500, 2000])
def test_a_fact_of_up_to_a_second_ago_grants(core, now):
    assert grant(core, TOLD, now=now).at == ms(1000)


@pytest.mark.parametrize("now", [2000.001, 60_000, 999.999])
def test_a_stale_fact_or_one_from_the_future_grants_nothing(core, now):
    assert grant(core, TOLD, now=now) is Reason.STALE_FACTS
    assert grant(core, TOLD, now=now, hindrance=Reason.HELD) is Reason.HELD


def test_a_line_that_is_never_recorded_has_no_permit_even_for_the_told(core):
    assert core.permit.hopeless(NEVER) is Reason.LINE_NEVER
    assert grant(core, TOLD, rules=NEVER) is Reason.LINE_NEVER


def test_an_unknown_line_has_no_permit(core):
    assert core.permit.hopeless(None) is Reason.LINE_UNKNOWN
    room = [core.permit.Present("p01", TOLD)]
    refusal = core.permit.grant(None, room, hindrance=None, number=1, at=ms(0), now=ms(0))
    assert refusal is Reason.LINE_UNKNOWN


@pytest.mark.parametrize("rules", [line(), Line("advice-line", Mode.ANNOUNCE)])
def test_a_line_that_announces_is_not_hopeless(core, rules):
    assert core.permit.hopeless(rules) is None


def test_a_mode_that_nobody_thought_of_grants_nothing(core):
    with pytest.raises(AssertionError):
        core.permit.hopeless(replace(line(), mode=cast("Mode", "guess")))


def test_a_standing_that_nobody_thought_of_grants_nothing(core):
    with pytest.raises(AssertionError):
        grant(core, TOLD, cast("Standing", "guess"))
