"""Somebody objects: it holds for the whole call, whatever becomes of the channel; what came before may be destroyed."""

from dataclasses import replace

import pytest
from unit.asking import DECLINED, GWRTHOD, opt_out
from unit.calls import (
    CALLER,
    ENGLISH,
    P01,
    P02,
    WELSH,
    answered,
    began,
    ended,
    entered,
    inspected,
    line,
    ms,
    objected,
    pressed,
    replaced,
    surrounded,
)
from unit.driven import Call, entries, only, revoked
from unit.talks import FIRST, talking

from ari_app.core import evidence as ev
from ari_app.core import facts as f
from ari_app.core import orders as o
from ari_app.core.policy import OnObjection
from ari_app.core.reasons import Reason


def test_an_objection_is_written_down_before_what_it_revokes_and_once(core):
    call = Call(core)
    call.running()
    assert entries(call.hear(objected(9000))) == [
        ev.PartyObjected(at=ms(9000), party=P01),
        ev.PermitRevoked(at=ms(9000), permit=1, reason=Reason.OBJECTED),
    ]
    assert call.hear(objected(9500)) == []
    assert call.room.caller.standing is f.Standing.OBJECTED


def test_an_objection_before_the_start_lets_the_caller_go_as_one_who_has_declined(core):
    call = Call(core)
    call.told()
    orders = call.hear(objected(2100))
    assert orders == [
        o.Note((ev.PartyObjected(at=ms(2100), party=P01),)),
        revoked(2100, Reason.OBJECTED),
        o.Release(CALLER, o.Outcome.DECLINED, Reason.OBJECTED),
    ]


def test_who_takes_the_place_of_an_objector_is_untold_and_nobody_is_asked_there_again(core):
    """Else the others in the room would be captured beside somebody who has heard nothing."""
    call = Call(core)
    call.running()
    call.hear(objected(9000), replaced(9100))
    assert (call.room.caller.standing, call.room.caller.failure) == (f.Standing.UNTOLD, Reason.OBJECTED)
    assert only(call.hear(entered(9500)), o.Release) == [
        o.Release(CALLER, o.Outcome.DECLINED, Reason.OBJECTED, called=False)
    ]
    assert call.room.caller.standing is f.Standing.UNTOLD


def test_an_objection_outlasts_whatever_else_became_of_the_channel(core):
    call = Call(core)
    call.running()
    assert entries(call.hear(replaced(9000), objected(9100))) == [
        ev.PartyObjected(at=ms(9100), party=P01),
        ev.NotRecorded(at=ms(9100), reason=Reason.OBJECTED),
    ]
    assert call.room.caller.standing is f.Standing.OBJECTED
    assert entries(call.hear(replaced(9200), objected(9300))) == []
    call.hear(replaced(9400))
    assert (call.room.caller.standing, call.room.caller.failure) == (f.Standing.UNTOLD, Reason.OBJECTED)


def test_a_channel_that_is_marked_as_an_objectors_is_told_nothing_and_is_untold_for_the_others(core):
    call = Call(core)
    call.hear(entered(), answered())
    orders = call.hear(inspected(12, 1, objected=True))
    assert entries(orders) == [
        ev.NoticeFailed(at=ms(12), party=P01, announcement="advice-en", reason=Reason.OBJECTED),
        ev.NotRecorded(at=ms(12), reason=Reason.OBJECTED),
        ev.PartyObjected(at=ms(12), party=P01),
    ]
    assert only(orders, o.Play) == []
    assert only(orders, o.Release) == [o.Release(CALLER, o.Outcome.DECLINED, Reason.OBJECTED, called=False)]
    assert call.room.caller.standing is f.Standing.UNTOLD


def test_the_mark_says_nothing_new_of_whom_we_heard_objecting(core):
    call = Call(core)
    call.playing()
    call.hear(objected(1000))
    assert entries(call.hear(inspected(1010, 2, objected=True))) == []
    assert call.room.caller.standing is f.Standing.OBJECTED


# -- whoever is heard by us alone is told that they were


@pytest.mark.parametrize("around", [[], [surrounded(5000, joined=None)], [surrounded(5000, quiet=Reason.PARKED)]])
@pytest.mark.parametrize("words", [(), (DECLINED,)])
def test_who_objects_where_no_dialplan_hears_it_is_told_that_it_was_heard(core, around, words):
    call = opt_out(core, confirmation=words)
    call.waiting()
    call.hear(*around)
    orders = call.hear(objected(9000, unanswered=True))
    assert only(orders, o.Confirm) == [o.Confirm(CALLER, words[0] if words else None)]
    # Also who did not hear it the first time and tries again.
    assert call.hear(objected(12_000, unanswered=True)) == [o.Confirm(CALLER, words[0] if words else None)]


def test_in_the_language_that_they_chose(core):
    call = opt_out(core, ENGLISH, WELSH)
    call.playing()
    call.hear(ended(2020), inspected(2022, 2, 100), began(2024, 2), pressed(2500, "1"), ended(2600, 2))
    assert call.room.caller.language == "cy"
    call.room = replace(call.room, released=True)
    assert only(call.hear(objected(9000, unanswered=True)), o.Confirm) == [o.Confirm(CALLER, GWRTHOD)]


def test_whom_the_dialplan_has_answered_hears_it_once(core):
    call = opt_out(core)
    call.waiting()
    assert only(call.hear(objected(9000)), o.Confirm) == []


@pytest.mark.parametrize("quiet", [None, Reason.HELD, Reason.NO_CONVERSATION])
def test_in_a_conversation_and_a_conference_asterisk_answers_the_same_keys(core, quiet):
    call = opt_out(core)
    call.waiting()
    call.hear(surrounded(5000, quiet=quiet))
    assert only(call.hear(objected(9000, unanswered=True)), o.Confirm) == []


def test_while_they_are_told_the_telling_answers_them(core):
    call = opt_out(core)
    call.playing()
    assert only(call.hear(objected(1000, unanswered=True)), o.Confirm) == []


def test_a_mark_on_the_channel_is_nobodys_key_of_now(core):
    call = Call(core)
    call.waiting()
    assert only(call.hear(inspected(9000, 3, objected=True)), o.Confirm) == []


# -- what was captured before


@pytest.mark.parametrize(
    ("seconds", "on_objection", "at", "destroyed"),
    [
        (0, OnObjection.STOP, 9000, []),
        (60, OnObjection.STOP, 9000, [P01, P02]),
        (60, OnObjection.LEAVE_OUT, 9000, [P01]),
        # The permit is of 2020.
        (60, OnObjection.STOP, 62_020, [P01, P02]),
        (60, OnObjection.STOP, 62_020.001, []),
    ],
)
def test_what_came_shortly_before_an_objection_is_destroyed_with_it(core, seconds, on_objection, at, destroyed):
    call = talking(core, destroy_if_objected_within_seconds=seconds, on_objection=on_objection)
    (found,) = (one for one in entries(call.hear(objected(at))) if isinstance(one, ev.PartyObjected))
    assert found == ev.PartyObjected(at=ms(at), party=P01, destroys=destroyed)


def test_it_is_the_first_permit_whose_age_counts(core):
    call = talking(core, destroy_if_objected_within_seconds=60)
    assert call.room.permitted_at == ms(2020)
    call.hear(surrounded(30_000, FIRST, quiet=Reason.HELD), surrounded(50_000, FIRST))
    assert call.room.permits == 2
    assert call.room.permitted_at == ms(2020)


def test_before_any_permit_there_is_nothing_to_destroy(core):
    call = Call(core, line=line(destroy_if_objected_within_seconds=60))
    call.playing()
    assert only_objection(call.hear(objected(1000))).destroys == []


def test_on_an_unknown_line_nothing_is_destroyed(core):
    call = Call(core, line=None)
    assert only_objection(call.hear(objected(1000))).destroys == []


def only_objection(orders):
    (found,) = (one for one in entries(orders) if isinstance(one, ev.PartyObjected))
    return found
