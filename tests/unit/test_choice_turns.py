"""Keys while somebody is told by which they hear it again, or more, or in another language, each to its end."""

import pytest
from unit.asking import (
    ARRIVED,
    ASKED,
    COUNTING,
    FIRST,
    GWRTHOD,
    MEASURING,
    MORE,
    MORE_WELSH,
    PLAYING,
    SECOND,
    THIRD,
    TOLD,
    chose,
    declined,
    opt_in,
    opt_out,
    settle,
)
from unit.calls import (
    CALLER,
    ENGLISH,
    P01,
    WELSH,
    answered,
    began,
    ended,
    entered,
    inspected,
    left_stasis,
    ms,
    pressed,
    refused,
    woke,
)
from unit.driven import entries, only, released

from ari_app.core import evidence as ev
from ari_app.core import facts as f
from ari_app.core import orders as o
from ari_app.core.facts import Standing
from ari_app.core.reasons import Reason

# -- again, more, another language


@pytest.mark.parametrize("key", ["*", "0"])
@pytest.mark.parametrize("so_far", [ASKED, PLAYING])
def test_what_is_heard_is_stopped_for_what_is_wanted_and_begins_when_it_has_ended(core, so_far, key):
    call = opt_out(core)
    call.hear(*so_far)
    what = {"*": "repeated", "0": "information"}[key]
    assert call.hear(pressed(500, key)) == [
        o.Note((chose(500, what, key),)),
        o.StopPlayback(FIRST),
        o.WakeAt(ms(1500), f.Timer.ANNOUNCEMENT, 1),
    ]
    assert call.hear(began(501, 1)) == []
    wanted = {"*": ENGLISH, "0": MORE}[key]
    assert call.hear(ended(510, 1)) == [o.Inspect(CALLER, wanted, 2), o.WakeAt(ms(1710), f.Timer.INSPECTION, 2)]
    assert only(call.hear(inspected(512, 2, 25)), o.Play) == [o.Play(CALLER, SECOND, wanted)]


def test_more_is_followed_by_the_announcement_from_its_beginning_and_only_that_makes_told(core):
    call = opt_out(core)
    call.hear(*PLAYING, pressed(500, "0"), ended(510, 1), inspected(512, 2, 25), began(520, 2), ended(1520, 2))
    orders = call.hear(inspected(1522, 3, 75))
    assert only(orders, o.Play) == [o.Play(CALLER, THIRD, ENGLISH)]
    assert call.room.caller.told_at == 0
    call.hear(began(1530, 3), ended(3530, 3), inspected(3532, 4, 175))
    assert call.room.caller.standing is Standing.TOLD


def test_what_is_refused_while_it_is_being_stopped_is_stopped(core):
    call = opt_out(core)
    call.hear(*ASKED, pressed(500, "*"))
    assert only(call.hear(refused(510, 1)), o.Inspect) == [o.Inspect(CALLER, ENGLISH, 2)]


def test_what_does_not_stop_is_a_doubt(core):
    call = opt_out(core)
    call.hear(*PLAYING, pressed(500, "*"))
    orders = call.hear(woke(1500, f.Timer.ANNOUNCEMENT, 1))
    assert released(orders) == [(o.Outcome.NOT_RECORDED, Reason.ANNOUNCE_TIMEOUT)]


@pytest.mark.parametrize(
    "fact",
    [
        ended(510, 7),
        refused(510, 7),
        began(510, 7),
        woke(2720, f.Timer.ANNOUNCEMENT, -1),
        woke(510, f.Timer.INSPECTION, 1),
    ],
)
def test_what_is_not_about_the_sound_that_is_being_stopped_changes_nothing(core, fact):
    call = opt_out(core)
    call.hear(*PLAYING, pressed(500, "*"))
    assert only(call.hear(fact), o.Inspect, o.Release) == []
    assert call.room.caller.phase is call.core.party.Phase.TURNING


def test_a_second_key_while_a_sound_is_being_stopped_decides(core):
    call = opt_out(core, WELSH, ENGLISH)
    call.hear(*PLAYING, pressed(500, "*"), pressed(505, "2"))
    assert only(call.hear(ended(510, 1)), o.Inspect) == [o.Inspect(CALLER, ENGLISH, 2)]


def test_before_anything_is_heard_a_language_is_only_remembered(core):
    call = opt_out(core, WELSH, ENGLISH)
    call.hear(*ARRIVED)
    assert call.hear(pressed(5, "2")) == [o.Note((chose(5, "language", "2", "en"),))]
    assert only(call.hear(answered(10)), o.Inspect) == [o.Inspect(CALLER, ENGLISH, 1)]


def test_what_was_measured_for_one_file_is_measured_anew_for_another(core):
    call = opt_out(core, WELSH, ENGLISH)
    call.hear(*MEASURING)
    assert only(call.hear(pressed(11, "2")), o.Inspect) == [o.Inspect(CALLER, ENGLISH, 2)]
    assert only(call.hear(inspected(12, 1, 0)), o.Play) == []
    assert only(call.hear(inspected(13, 2, 0)), o.Play) == [o.Play(CALLER, FIRST, ENGLISH)]


@pytest.mark.parametrize("so_far", [ASKED, PLAYING])
def test_who_hears_their_language_already_hears_it_out_and_no_other(core, so_far):
    call = opt_out(core, ENGLISH, WELSH)
    call.hear(*so_far)
    assert call.hear(pressed(500, "2")) == [o.Note((chose(500, "language", "2", "en"),))]
    call.hear(*TOLD[len(so_far) :])
    assert call.room.caller.standing is Standing.TOLD


def test_who_chooses_another_language_hears_all_of_that(core):
    call = opt_out(core, WELSH, ENGLISH)
    call.hear(*PLAYING, pressed(500, "2"), ended(510, 1), inspected(512, 2, 25), began(520, 2), ended(2520, 2))
    call.hear(inspected(2522, 3, 125))
    assert call.room.caller.standing is Standing.TOLD
    assert [one.language for one in call.room.caller.heard] == ["en"]


def test_a_language_once_chosen_is_that_of_everything_heard_again(core):
    call = opt_out(core, WELSH, ENGLISH)
    call.hear(*PLAYING, pressed(500, "2"), ended(510, 1), inspected(512, 2, 25), began(520, 2))
    call.hear(pressed(600, "*"))
    assert only(call.hear(ended(610, 2)), o.Inspect) == [o.Inspect(CALLER, ENGLISH, 3)]


def test_a_no_is_confirmed_in_the_language_that_was_chosen(core):
    call = opt_out(core, ENGLISH, WELSH)
    call.hear(*PLAYING, pressed(500, "1"))
    orders = call.hear(pressed(600, "9"))
    assert only(orders, o.Play) == [o.Play(CALLER, SECOND, GWRTHOD)]
    assert entries(orders)[0] == ev.Chose(at=ms(600), party=P01, choice="declined", key="9", language="cy")


def test_more_is_told_in_the_language_that_is_heard(core):
    call = opt_out(core, WELSH, ENGLISH)
    call.hear(*PLAYING, pressed(500, "0"))
    assert only(call.hear(ended(510, 1)), o.Inspect) == [o.Inspect(CALLER, MORE_WELSH, 2)]


@pytest.mark.parametrize("key", ["*", "0", "1"])
def test_between_two_announcements_it_is_too_late_for_another_sound(core, key):
    call = opt_out(core)
    call.hear(*COUNTING)
    assert [type(one) for one in call.hear(pressed(2021, key))] == [o.Report]
    call.hear(*TOLD[5:])
    assert call.room.caller.standing is Standing.TOLD


@pytest.mark.parametrize("yes", [(), (pressed(4000, "5"),)])
def test_who_is_asked_for_a_yes_may_hear_the_question_again_and_answers_after_it(core, yes):
    call = opt_in(core)
    call.hear(*TOLD, *yes)
    orders = call.hear(pressed(4100, "*"))
    assert only(orders, o.Inspect) == [o.Inspect(CALLER, ENGLISH, 3)]
    assert only(call.hear(inspected(4102, 3, 100)), o.Play) == [o.Play(CALLER, SECOND, ENGLISH)]
    call.hear(began(4110, 2), ended(6110, 2), inspected(6112, 4, 200))
    assert call.room.caller.phase is call.core.party.Phase.WAITING
    call.hear(pressed(7000, "5"))
    settle(call, 7400)
    assert call.room.caller.standing is Standing.TOLD


def test_nobody_keeps_us_for_ever_by_pressing_keys(core):
    call = opt_out(core)
    call.hear(*MEASURING)
    for number in range(5):
        assert only(call.hear(pressed(11, "*")), o.Inspect) == [o.Inspect(CALLER, ENGLISH, number + 2)]
    for key in "*01":
        assert [type(one) for one in call.hear(pressed(11, key))] == [o.Report]
    assert entries(call.hear(pressed(11, "9")))[:2] == declined(11)


def test_who_comes_anew_has_all_their_turns_again(core):
    call = opt_in(core)
    call.hear(*MEASURING, *(pressed(11, "*") for _ in range(5)), left_stasis(12), entered(20), answered(21))
    assert call.room.caller.turns == 0
    assert only(call.hear(pressed(22, "*")), o.Inspect) != []


def test_who_comes_anew_has_not_agreed_yet(core):
    call = opt_in(core)
    call.hear(*PLAYING, pressed(1600, "5"), left_stasis(1700), entered(3000), answered(3010))
    assert call.room.caller.agreed_at == 0
