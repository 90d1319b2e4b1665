"""The one function that grants: every doubt is a reason, and nothing turns one into a permit."""

from dataclasses import replace
from typing import cast

import pytest
from unit.calls import AGENT, CALLER, NEVER, P01, SECOND_AGENT, line, ms

from ari_app.core import facts as f
from ari_app.core.policy import Line, Mode
from ari_app.core.reasons import Reason


def untold(core):
    return core.party.Party(P01, CALLER, "PJSIP/trunk", f.Side.OUTSIDE)


def told(core):
    return replace(untold(core), standing=core.party.Standing.TOLD)


def colleague(core, party="p02", channel=AGENT):
    return core.party.by_contract(party, channel, "PJSIP/2001")


def grant(core, *room, rules=None, at=1000, now=1000):
    return core.permit.grant(rules or line(), room, number=1, at=ms(at), now=ms(now))


def test_a_told_caller_alone_may_be_captured(core):
    permit = grant(core, told(core))
    assert (permit.number, permit.at, permit.parties) == (1, ms(1000), ("p01",))


def test_staff_who_join_a_told_caller_may_be_captured(core):
    room = told(core), colleague(core), colleague(core, "p03", SECOND_AGENT)
    assert grant(core, *room).parties == ("p01", "p02", "p03")


@pytest.mark.parametrize(
    "room",
    [
        lambda _: (),
        lambda core: (untold(core),),
        lambda core: (colleague(core),),
        lambda core: (colleague(core), colleague(core, "p03", SECOND_AGENT)),
        lambda core: (told(core), untold(core)),
        lambda core: (untold(core), told(core)),
        lambda core: (told(core), colleague(core), untold(core)),
        lambda core: (untold(core), colleague(core)),
    ],
    ids=["nobody", "untold", "staff", "staff among themselves", "told+untold", "untold+told", "all", "untold+staff"],
)
def test_a_room_in_which_not_everybody_is_told_has_no_permit(core, room):
    assert grant(core, *room(core)) is Reason.NOT_TOLD


@pytest.mark.parametrize("now", [1000, 1500, 2000])
def test_a_fact_of_up_to_a_second_ago_grants(core, now):
    assert grant(core, told(core), now=now).at == ms(1000)


@pytest.mark.parametrize("now", [2000.001, 60_000, 999.999])
def test_a_stale_fact_or_one_from_the_future_grants_nothing(core, now):
    assert grant(core, told(core), now=now) is Reason.STALE_FACTS


@pytest.mark.parametrize(
    ("rules", "reason"),
    [
        (NEVER, Reason.LINE_NEVER),
        (line(unusable="the file is silent"), Reason.ANNOUNCEMENT_UNUSABLE),
        (Line("advice-line", Mode.ANNOUNCE), Reason.ANNOUNCEMENT_UNUSABLE),
    ],
    ids=["never", "unusable", "no announcement"],
)
def test_a_hopeless_line_has_no_permit_even_for_the_told(core, rules, reason):
    assert core.permit.hopeless(rules) is reason
    assert grant(core, told(core), rules=rules) is reason


def test_an_unknown_line_has_no_permit(core):
    assert core.permit.hopeless(None) is Reason.LINE_UNKNOWN
    assert core.permit.grant(None, [told(core)], number=1, at=ms(0), now=ms(0)) is Reason.LINE_UNKNOWN


def test_a_line_that_announces_is_not_hopeless(core):
    assert core.permit.hopeless(line()) is None


def test_a_mode_that_nobody_thought_of_grants_nothing(core):
    with pytest.raises(AssertionError):
        core.permit.hopeless(replace(line(), mode=cast("Mode", "guess")))
