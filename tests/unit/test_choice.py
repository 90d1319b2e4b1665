"""Keys while somebody is told: a no at any instant, a yes after the last word."""

import pytest
from unit.asking import (
    ARRIVED,
    ASKED,
    COUNTING,
    DECLINED,
    FIRST,
    MEASURING,
    PLAYING,
    SECOND,
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
    attested,
    began,
    ended,
    entered,
    hangup_requested,
    hung_up,
    inspected,
    left_stasis,
    lost,
    ms,
    pressed,
    refused,
    replaced,
    surrounded,
    woke,
)
from unit.driven import Call, entries, only, released

from ari_app.core import evidence as ev
from ari_app.core import facts as f
from ari_app.core import orders as o
from ari_app.core.facts import Standing
from ari_app.core.reasons import Reason

# -- a no


@pytest.mark.parametrize(
    ("so_far", "stops"),
    [
        (MEASURING, []),
        (ASKED, [o.StopPlayback(FIRST)]),
        (PLAYING, [o.StopPlayback(FIRST)]),
        (COUNTING, []),
    ],
)
def test_a_no_counts_at_any_instant_and_is_confirmed_in_the_language_that_is_heard(core, so_far, stops):
    call = opt_out(core)
    call.hear(*so_far)
    orders = call.hear(pressed(2021, "9"))
    assert orders[:1] == [o.Note(tuple(declined(2021)))] or entries(orders)[:2] == declined(2021)
    assert only(orders, o.StopPlayback, o.Play, o.ArmLifeline, o.WakeAt, o.Release) == [
        *stops,
        o.Play(CALLER, SECOND, DECLINED),
        o.ArmLifeline(CALLER, 2000),
        o.WakeAt(ms(3721), f.Timer.ANNOUNCEMENT, 2),
    ]
    assert (call.room.caller.standing, call.room.caller.failure) == (Standing.OBJECTED, Reason.OBJECTED)
    assert only(call.hear(began(2030, 2)), o.Release) == []
    assert released(call.hear(ended(3030, 2))) == [(o.Outcome.DECLINED, Reason.OBJECTED)]
    assert only(call.orders, o.Attest) == []


def test_a_no_before_the_call_is_answered_lets_them_go_at_once(core):
    call = opt_out(core)
    call.hear(*ARRIVED)
    orders = call.hear(pressed(5, "9"))
    assert entries(orders)[:2] == declined(5)
    assert released(orders) == [(o.Outcome.DECLINED, Reason.OBJECTED)]


def test_a_no_without_words_to_confirm_it_lets_them_go_at_once(core):
    call = opt_out(core, confirmation=())
    call.hear(*PLAYING)
    assert released(call.hear(pressed(500, "9"))) == [(o.Outcome.DECLINED, Reason.OBJECTED)]


def test_why_nothing_is_recorded_is_written_down_with_the_no(core):
    call = opt_out(core)
    call.hear(*PLAYING)
    assert entries(call.hear(pressed(500, "9"))) == [
        *declined(500),
        ev.NotRecorded(at=ms(500), reason=Reason.OBJECTED),
    ]


@pytest.mark.parametrize(
    ("fact", "released_then"),
    [
        (ended(1600, 2, done=False), True),
        (refused(510, 2), True),
        (woke(2200, f.Timer.ANNOUNCEMENT, 2), True),
        (lost(600), True),
        (left_stasis(600), False),
        (hangup_requested(600), False),
        (hung_up(600), False),
        (ended(510, 1), None),
        (woke(2200, f.Timer.ANNOUNCEMENT, 1), None),
        (woke(2200, f.Timer.INSPECTION, 2), None),
        (refused(510, 1), None),
        (surrounded(600), None),
        (pressed(600, "9"), None),
        (began(520, 2), None),
        (inspected(600, 1, 0), None),
    ],
)
def test_whatever_becomes_of_the_confirmation_the_no_holds(core, fact, released_then):
    call = opt_out(core)
    call.hear(*PLAYING, pressed(500, "9"))
    orders = call.hear(fact)
    assert bool(released(orders)) is bool(released_then)
    over = call.core.party.Phase.OVER
    assert (call.room.caller.phase is over) is (released_then is not None)
    assert (call.room.caller.standing, call.room.caller.failure) == (Standing.OBJECTED, Reason.OBJECTED)
    assert ev.NoticeFailed not in {type(one) for one in entries(call.orders)}


def test_who_has_said_no_is_not_asked_again(core):
    call = opt_out(core)
    call.hear(*PLAYING, pressed(500, "9"), ended(1500, 2))
    assert released(call.hear(entered(2000))) == [(o.Outcome.DECLINED, Reason.OBJECTED)]
    call.hear(replaced(2100))
    assert released(call.hear(entered(2200))) == [(o.Outcome.DECLINED, Reason.OBJECTED)]


def test_keys_mean_nothing_where_none_are_configured(core):
    call = Call(core)
    call.hear(*PLAYING)
    for key in "0123456789*#ABCD":
        assert [type(one) for one in call.hear(pressed(500, key))] == [o.Report]
    call.hear(*TOLD[4:])
    assert call.room.caller.standing is Standing.TOLD


def test_other_keys_mean_nothing_and_do_not_count_as_heard(core):
    call = opt_out(core)
    call.hear(*PLAYING)
    for key in "345678#":
        assert [type(one) for one in call.hear(pressed(500, key))] == [o.Report]
    assert call.room.caller.standing is Standing.UNTOLD


def test_a_key_after_the_telling_is_not_ours_to_hear(core):
    call = opt_out(core)
    call.hear(*TOLD)
    assert call.hear(pressed(2100, "9")) == []


# -- a yes


def test_whoever_has_heard_everything_is_waited_for_and_the_lifeline_goes_on(core):
    call = opt_in(core)
    call.hear(*COUNTING)
    waits = [o.ArmLifeline(CALLER, 3000), o.WakeAt(ms(3022), f.Timer.CHOICE, 1)]
    assert only(call.hear(inspected(2022, 2, 100)), o.ArmLifeline, o.WakeAt, o.Release) == waits
    assert settle(call, 3022) == [o.ArmLifeline(CALLER, 3000), o.WakeAt(ms(4022), f.Timer.CHOICE, 1)]
    assert settle(call, 9522) == [o.ArmLifeline(CALLER, 3000), o.WakeAt(ms(10_020), f.Timer.CHOICE, 1)]
    assert call.room.caller.standing is Standing.UNTOLD


def test_silence_is_a_no(core):
    call = opt_in(core)
    call.hear(*TOLD)
    assert entries(settle(call, 10_020)) == [
        *declined(10_020, "", choice="not_consented"),
        ev.NotRecorded(at=ms(10_020), reason=Reason.NOT_CONSENTED),
    ]
    assert call.room.caller.standing is Standing.OBJECTED
    assert released(call.hear(ended(11_100, 2))) == [(o.Outcome.DECLINED, Reason.NOT_CONSENTED)]


def test_through_a_text_relay_a_yes_is_waited_for_longer(core):
    call = opt_in(core, relayed=True)
    call.hear(*TOLD)
    settle(call, 61_000)
    assert call.room.caller.failure is None
    settle(call, 62_020)
    assert call.room.caller.failure is Reason.NOT_CONSENTED


def test_a_yes_counts_once_no_other_key_follows_it(core):
    call = opt_in(core)
    call.hear(*TOLD)
    assert call.hear(pressed(4000, "5")) == [o.ArmLifeline(CALLER, 3000), o.WakeAt(ms(4400), f.Timer.CHOICE, 1)]
    assert call.room.caller.told_at == 0
    assert entries(settle(call, 4400))[:2] == [
        chose(4000, "consented", "5", "en"),
        ev.PermitGranted(at=ms(4000), permit=1, parties=[P01]),
    ]
    assert call.room.caller.standing is Standing.TOLD


def test_a_timer_that_rings_too_soon_settles_nothing(core):
    call = opt_in(core)
    call.hear(*TOLD, pressed(4000, "5"))
    assert settle(call, 4399) == [o.ArmLifeline(CALLER, 3000), o.WakeAt(ms(4400), f.Timer.CHOICE, 1)]


def test_a_window_that_was_over_before_it_was_known_to_begin_is_over_in_a_moment(core):
    call = opt_in(core)
    call.hear(*COUNTING)
    assert only(call.hear(inspected(10_500, 2, 100)), o.WakeAt) == [o.WakeAt(ms(10_500.001), f.Timer.CHOICE, 1)]


@pytest.mark.parametrize("yes", [(), (pressed(4000, "5"),)])
def test_timers_of_other_questions_answer_this_one_not(core, yes):
    call = opt_in(core)
    call.hear(*TOLD, *yes)
    for fact in (woke(20_000, f.Timer.INSPECTION, 2), woke(20_000, f.Timer.ANNOUNCEMENT, -1)):
        assert [type(one) for one in call.hear(fact)] == [o.Report]


def test_the_same_key_twice_is_one_yes(core):
    call = opt_in(core)
    call.hear(*TOLD, pressed(4000, "5"))
    assert call.hear(pressed(4300, "5")) == []
    settle(call, 4400)
    assert call.room.caller.standing is Standing.TOLD


@pytest.mark.parametrize("key", "34678#ABCD")
def test_another_key_with_the_yes_is_a_hand_on_the_keypad(core, key):
    call = opt_in(core)
    call.hear(*TOLD, pressed(4000, "5"))
    assert entries(call.hear(pressed(4200, key)))[:2] == declined(4200, key, choice="not_consented")


@pytest.mark.parametrize("key", "34678#ABCD")
def test_a_wrong_key_is_a_no(core, key):
    call = opt_in(core)
    call.hear(*TOLD)
    assert entries(call.hear(pressed(4200, key)))[:2] == declined(4200, key, choice="not_consented")


def test_the_key_for_a_no_is_one_here_as_well(core):
    call = opt_in(core)
    call.hear(*TOLD, pressed(4000, "5"))
    assert entries(call.hear(pressed(4200, "9")))[:2] == declined(4200)
    assert call.room.caller.failure is Reason.OBJECTED


@pytest.mark.parametrize("at", [20, 1519.999])
def test_a_yes_before_the_last_word_is_none(core, at):
    call = opt_in(core)
    call.hear(*PLAYING)
    assert [type(one) for one in call.hear(pressed(at, "5"))] == [o.Report]
    call.hear(*TOLD[4:])
    assert call.room.caller.phase is call.core.party.Phase.WAITING


@pytest.mark.parametrize("so_far", [PLAYING, COUNTING])
def test_a_yes_in_the_silence_after_the_last_word_counts_when_the_announcement_is_proved(core, so_far):
    call = opt_in(core)
    call.hear(*so_far)
    assert call.hear(pressed(1520, "5")) == []
    assert call.room.caller.standing is Standing.UNTOLD
    orders = call.hear(*TOLD[len(so_far) :])
    assert [type(one) for one in entries(orders)[:2]] == [ev.NoticePlayed, ev.Chose]
    assert entries(orders)[2] == ev.PermitGranted(at=ms(2020), permit=1, parties=[P01])


def test_a_yes_just_before_the_end_is_still_waited_with(core):
    call = opt_in(core)
    call.hear(*PLAYING, pressed(1900, "5"), *TOLD[4:])
    assert call.room.caller.phase is call.core.party.Phase.SETTLING
    settle(call, 2300)
    assert call.room.caller.told_at == ms(2020)


def test_a_wrong_key_in_that_silence_is_a_no(core):
    call = opt_in(core)
    call.hear(*PLAYING, pressed(1600, "5"))
    orders = call.hear(pressed(1700, "6"))
    assert entries(orders)[:2] == declined(1700, "6", choice="not_consented")
    assert only(orders, o.StopPlayback) == [o.StopPlayback(FIRST)]


def test_a_key_during_an_announcement_that_is_not_the_last_is_no_answer(core):
    call = opt_in(core, WELSH, ENGLISH)
    call.hear(*PLAYING)
    assert [type(one) for one in call.hear(pressed(2900, "5"))] == [o.Report]
    assert [type(one) for one in call.hear(pressed(2910, "6"))] == [o.Report]


@pytest.mark.parametrize("yes", [(), (pressed(4000, "5"),)])
@pytest.mark.parametrize(
    ("fact", "reason"),
    [
        (hangup_requested(4100), Reason.HUNG_UP_BEFORE_TOLD),
        (left_stasis(4100), Reason.LEFT_BEFORE_TOLD),
        (lost(4100), Reason.EVENTS_LOST),
        (surrounded(4100, joined=None, quiet=Reason.HELD), Reason.HELD_DURING_ANNOUNCEMENT),
        (replaced(4100), Reason.CHANNEL_REPLACED),
    ],
)
def test_who_hangs_up_or_holds_instead_has_not_agreed(core, yes, fact, reason):
    call = opt_in(core)
    call.hear(*TOLD, *yes, fact)
    assert (call.room.caller.standing, call.room.caller.failure) == (Standing.UNTOLD, reason)
    assert ev.NoticeFailed not in {type(one) for one in entries(call.orders)}
    settle(call, 20_000)
    assert only(call.orders, o.Attest) == []


def test_after_the_yes_the_evidence_comes_first_as_ever(core):
    call = opt_in(core)
    call.hear(*TOLD, pressed(4000, "5"))
    settle(call, 4400)
    assert len(only(call.orders, o.Attest)) == 1
    assert len(only(call.hear(attested(4401)), o.StartCapture)) == 1
