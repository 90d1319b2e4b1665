"""Every clause of "completely played", missing: the caller is not told, is let go, and is never told afterwards."""

from dataclasses import replace

import pytest
from unit.calls import (
    CALLER,
    P01,
    STRANGER,
    answered,
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
    objected,
    refused,
    replaced,
    surrounded,
    times,
    untold,
    woke,
)
from unit.driven import Call, entries, only, released

from ari_app.core import evidence as ev
from ari_app.core import facts as f
from ari_app.core import orders as o
from ari_app.core.names import playback_id
from ari_app.core.reasons import Reason

ANSWERING = (entered(0),)
MEASURING = (*ANSWERING, answered(10))
ASKED = (*MEASURING, inspected(12, 1, 0))
PLAYING = (*ASKED, began(20))
COUNTING = (*PLAYING, ended(2020))
TOLD = (*COUNTING, inspected(2022, 2, 100))
PHASES = {"answering": ANSWERING, "measuring": MEASURING, "asked": ASKED, "playing": PLAYING, "counting": COUNTING}
EVERY_PHASE = pytest.mark.parametrize("so_far", PHASES.values(), ids=PHASES)


def doubted(core, so_far, fact, reason):
    """Hear the fact, find the doubt in its orders, and find it final. Returns the orders."""
    call = Call(core)
    call.hear(*so_far)
    orders = call.hear(fact)
    failed = [ev.NoticeFailed(at=fact.at, party=P01, announcement="advice-en", reason=reason)]
    begun = len(so_far) >= len(MEASURING)
    over: list[ev.Entry] = [ev.Ended(at=fact.at, reason=reason)] if isinstance(fact, f.HungUp) else []
    if isinstance(fact, f.Objected):
        over = [ev.PartyObjected(at=fact.at, party=P01)]
    assert entries(orders) == [*(failed if begun else []), ev.NotRecorded(at=fact.at, reason=reason), *over]
    playing = so_far in {ASKED, PLAYING}
    assert only(orders, o.StopPlayback) == ([o.StopPlayback(playback_id(CALLER, 1))] if playing else [])
    before = len(call.orders)
    call.hear(*TOLD[len(so_far) :], attested(2023), attested(2024, 2))
    assert only(call.orders, o.Attest, o.StartCapture) == []
    assert only(call.orders[before:], o.Release, o.Play) == []
    return orders


@EVERY_PHASE
@pytest.mark.parametrize(
    ("fact", "reason"),
    [
        (lost(1000), Reason.EVENTS_LOST),
        (lost(1000, Reason.GATE_STOPPED), Reason.GATE_STOPPED),
        (surrounded(1000), Reason.BRIDGED_DURING_ANNOUNCEMENT),
        (surrounded(1000, untold(), joined=1000), Reason.BRIDGED_DURING_ANNOUNCEMENT),
        (surrounded(1000, quiet=Reason.HELD), Reason.BRIDGED_DURING_ANNOUNCEMENT),
        (surrounded(1000, joined=None, quiet=Reason.HELD), Reason.HELD_DURING_ANNOUNCEMENT),
        (surrounded(1000, joined=None, quiet=Reason.MUSIC_ON_HOLD), Reason.HELD_DURING_ANNOUNCEMENT),
        (replaced(1000), Reason.CHANNEL_REPLACED),
        (objected(1000), Reason.OBJECTED),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_disturbs_the_telling_ends_it_and_lets_the_caller_go(core, so_far, fact, reason):
    orders = doubted(core, so_far, fact, reason)
    outcome = o.Outcome.DECLINED if reason is Reason.OBJECTED else o.Outcome.NOT_RECORDED
    assert released(orders) == [(outcome, reason)]


@EVERY_PHASE
@pytest.mark.parametrize("fact", [hangup_requested(1000), hung_up(1000)], ids=lambda fact: type(fact).__name__)
def test_who_hangs_up_is_not_told_and_needs_no_release(core, so_far, fact):
    assert released(doubted(core, so_far, fact, Reason.HUNG_UP_BEFORE_TOLD)) == []


@pytest.mark.parametrize("fact", [lost(5), hung_up(5), left_stasis(5)], ids=lambda fact: type(fact).__name__)
def test_no_announcement_fails_of_who_never_arrived(core, fact):
    call = Call(core)
    orders = call.hear(fact)
    assert ev.NoticeFailed not in {type(entry) for entry in entries(orders)}
    assert call.room.caller.failure is not None


@EVERY_PHASE
def test_who_leaves_our_hands_is_not_told_and_is_gone_already(core, so_far):
    assert released(doubted(core, so_far, left_stasis(1000), Reason.LEFT_BEFORE_TOLD)) == []


@pytest.mark.parametrize(
    ("so_far", "fact", "reason"),
    [
        # up before we began
        (ANSWERING, answered(10, ok=False), Reason.ANSWER_FAILED),
        (ANSWERING, woke(1500, f.Timer.ANSWER), Reason.ANSWER_FAILED),
        # alone in our Stasis, before and after
        (MEASURING, inspected(12, 1, 0, stasis=False), Reason.LEFT_BEFORE_TOLD),
        (COUNTING, inspected(2022, 2, 100, stasis=False), Reason.LEFT_BEFORE_TOLD),
        # the file is the one that was hashed, before and after
        (MEASURING, inspected(12, 1, 0, intact=False), Reason.ANNOUNCEMENT_COPY_CHANGED),
        (COUNTING, inspected(2022, 2, 100, intact=False), Reason.ANNOUNCEMENT_COPY_CHANGED),
        # packets can be counted, before and after
        (MEASURING, inspected(12, 1, None), Reason.ANNOUNCEMENT_PACKETS_UNPROVABLE),
        (COUNTING, inspected(2022, 2, None), Reason.ANNOUNCEMENT_PACKETS_UNPROVABLE),
        # every packet was sent, and nobody else's
        (COUNTING, inspected(2022, 2, 99), Reason.ANNOUNCEMENT_PACKETS_MISSING),
        (COUNTING, inspected(2022, 2, 103), Reason.ANNOUNCEMENT_PACKETS_MISSING),
        (COUNTING, inspected(2022, 2, 0), Reason.ANNOUNCEMENT_PACKETS_MISSING),
        # no answer is not "yes"
        (MEASURING, woke(1210, f.Timer.INSPECTION, 1), Reason.ANNOUNCE_TIMEOUT),
        (COUNTING, woke(3220, f.Timer.INSPECTION, 2), Reason.ANNOUNCE_TIMEOUT),
        # it began
        (ASKED, refused(15), Reason.ANNOUNCEMENT_REFUSED),
        (ASKED, woke(1012, f.Timer.ANNOUNCEMENT, 1), Reason.ANNOUNCE_TIMEOUT),
        (ASKED, ended(2020), Reason.ANNOUNCEMENT_FAILED),
        # it ended
        (PLAYING, woke(2720, f.Timer.ANNOUNCEMENT, -1), Reason.ANNOUNCE_TIMEOUT),
        # state done
        (ASKED, ended(30, done=False), Reason.ANNOUNCEMENT_FAILED),
        (PLAYING, ended(2020, done=False), Reason.ANNOUNCEMENT_FAILED),
        # "done" also means stopped: elapsed time within tolerance of the file's
        (PLAYING, ended(1999.999), Reason.ANNOUNCEMENT_CUT_SHORT),
        (PLAYING, ended(21), Reason.ANNOUNCEMENT_CUT_SHORT),
        (PLAYING, ended(2520.001), Reason.ANNOUNCEMENT_OVERRAN),
    ],
    ids=repr,
)
def test_a_missing_clause_of_completely_played_is_not_told(core, so_far, fact, reason):
    orders = doubted(core, so_far, fact, reason)
    assert released(orders) == [(o.Outcome.NOT_RECORDED, reason)]


def test_proof_that_comes_more_than_a_second_after_the_end_grants_nothing(core):
    call = Call(core)
    call.hear(*COUNTING)
    orders = call.hear(inspected(2022, 2, 100, seen_at=3020.001))
    assert [type(entry) for entry in entries(orders)] == [ev.NoticePlayed, ev.NotRecorded]
    assert released(orders) == [(o.Outcome.NOT_RECORDED, Reason.STALE_FACTS)]
    assert only(orders, o.Attest) == []


def test_proof_that_comes_a_second_after_the_end_grants(core):
    call = Call(core)
    call.hear(*COUNTING)
    assert len(only(call.hear(inspected(2022, 2, 100, seen_at=3020)), o.Attest)) == 1


# -- what proves nothing, and disproves nothing

ON_ANOTHER_CHANNEL = (
    f.Answered(**times(30), channel=STRANGER, ok=False),
    f.PlayRefused(**times(30), channel=STRANGER, playback=playback_id(CALLER, 1)),
    f.PlaybackBegan(**times(30), channel=STRANGER, playback=playback_id(CALLER, 1)),
    f.PlaybackEnded(**times(30), channel=STRANGER, playback=playback_id(CALLER, 1), done=False),
    replace(inspected(30, 1, None), channel=STRANGER),
    replace(inspected(30, 2, None), channel=STRANGER),
)


@EVERY_PHASE
def test_a_telling_that_is_spied_upon_goes_on(core, so_far):
    """The spy is in the room, and untold: so nothing is captured, but what is heard counts."""
    call = Call(core)
    call.hear(*so_far)
    before = call.room.caller
    assert call.hear(surrounded(1000, untold(), joined=None)) == []
    assert call.room.caller == before


@EVERY_PHASE
@pytest.mark.parametrize("fact", ON_ANOTHER_CHANNEL, ids=lambda fact: type(fact).__name__)
def test_a_fact_of_another_channel_changes_nothing(core, so_far, fact):
    call = Call(core)
    call.hear(*so_far)
    before = call.room
    assert call.hear(fact) == [o.Report(f"{type(fact).__name__} on another channel")]
    assert call.room == before


@EVERY_PHASE
@pytest.mark.parametrize(
    "fact", [hung_up(30, STRANGER), hangup_requested(30, STRANGER), left_stasis(30, STRANGER)], ids=repr
)
def test_another_channel_goes_and_nothing_changes(core, so_far, fact):
    call = Call(core)
    call.hear(*so_far)
    before = call.room
    assert call.hear(fact) == []
    assert call.room == before


@pytest.mark.parametrize(
    ("so_far", "fact"),
    [
        # twice
        (MEASURING, answered(11)),
        (MEASURING, answered(11, ok=False)),
        (ASKED, inspected(13, 1, 5)),
        (ASKED, inspected(13, 1, None)),
        (PLAYING, began(21)),
        (COUNTING, ended(2021)),
        (COUNTING, ended(2021, done=False)),
        (COUNTING, inspected(2021, 1, 100)),
        (COUNTING, inspected(2021, 1, None)),
        (COUNTING, inspected(2021, 1, 100, stasis=False)),
        (COUNTING, inspected(2021, 1, 100, intact=False)),
        # too early
        (ANSWERING, inspected(5, 1, 0)),
        (ANSWERING, began(5)),
        (ANSWERING, ended(5)),
        (ANSWERING, ended(5, done=False)),
        (MEASURING, began(11)),
        (MEASURING, ended(11)),
        (MEASURING, inspected(11, 2, 0)),
        (MEASURING, refused(11)),
        (PLAYING, inspected(25, 2, 100)),
        (PLAYING, inspected(25, 1, None)),
        # somebody else's playback
        (ASKED, began(15, 2)),
        (ASKED, refused(15, 2)),
        (ASKED, ended(15, 2)),
        (ASKED, ended(15, 2, done=False)),
        (PLAYING, ended(2020, 2)),
        (PLAYING, ended(2020, 2, done=False)),
        # too late
        (PLAYING, refused(25)),
        (MEASURING, woke(1500, f.Timer.ANSWER)),
        (PLAYING, woke(1012, f.Timer.ANNOUNCEMENT, 1)),
        (PLAYING, woke(1210, f.Timer.INSPECTION, 1)),
        (COUNTING, woke(2720, f.Timer.ANNOUNCEMENT, -1)),
        (COUNTING, woke(2720, f.Timer.ANNOUNCEMENT, 1)),
        (COUNTING, woke(2721, f.Timer.INSPECTION, 1)),
        # another timer with the same number
        (ANSWERING, woke(100, f.Timer.ANNOUNCEMENT, 1)),
        (MEASURING, woke(100, f.Timer.ANNOUNCEMENT, 1)),
        (ASKED, woke(100, f.Timer.ANSWER, 1)),
        (ASKED, woke(100, f.Timer.INSPECTION, 1)),
        (ASKED, woke(100, f.Timer.ANNOUNCEMENT, -1)),
        (PLAYING, woke(100, f.Timer.INSPECTION, -1)),
    ],
    ids=repr,
)
def test_what_is_late_doubled_or_foreign_changes_nothing(core, so_far, fact):
    call = Call(core)
    call.hear(*so_far)
    before = call.room
    orders = call.hear(fact)
    assert [type(order) for order in orders] == [o.Report]
    assert call.room == before


def test_a_late_fact_says_in_which_phase_it_came(core):
    call = Call(core)
    call.hear(*ASKED)
    assert call.hear(answered(13)) == [o.Report("Answered in phase asked")]


@pytest.mark.parametrize("fact", [*TOLD[1:], ended(2030, done=False), woke(2040, f.Timer.ANNOUNCEMENT, -1)], ids=repr)
def test_who_is_told_stays_told(core, fact):
    call = Call(core)
    call.told()
    before = call.room
    assert call.hear(fact) == []
    assert call.room == before


def test_nobody_is_told_before_they_arrive(core):
    call = Call(core)
    call.hear(*TOLD[1:])
    assert {type(order) for order in call.orders} == {o.Report}
    assert call.room.caller.standing is f.Standing.UNTOLD


def test_the_failure_is_stamped_by_asterisk_and_the_deadline_by_us(core):
    call = Call(core)
    call.hear(entered(0))
    late = f.Answered(at=ms(10), seen_at=ms(400), channel=CALLER, ok=True)
    assert call.hear(late)[1] == o.WakeAt(ms(1600), f.Timer.INSPECTION, 1)
