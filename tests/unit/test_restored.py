"""A call that outlived its gate: what its journal proves, and what it does not."""

from dataclasses import replace

import pytest
from unit.calls import (
    AGENT,
    CALLER,
    ENGLISH,
    GUEST,
    GUESTS_RECORDING,
    NEVER,
    P01,
    P02,
    P03,
    WELSH,
    colleague,
    heard,
    hung_up,
    line,
    lost,
    ms,
    objected,
    opened,
    paused,
    recognised,
    replaced,
    surrounded,
    woke,
)
from unit.driven import REAL, Call, entries, only

from ari_app.core import evidence as ev
from ari_app.core import facts as f
from ari_app.core import orders as o
from ari_app.core.facts import Side, Standing
from ari_app.core.names import Instant
from ari_app.core.reasons import Reason

NAME = "PJSIP/trunk-0000001a"
OPENED = replace(opened(line()), channel_name=NAME)
OUTGOING = replace(OPENED, direction="outgoing")


def entered(party=P01, channel=CALLER, **changes):
    endpoint = {P01: "PJSIP/trunk", P02: "PJSIP/2001"}.get(party, "PJSIP/trunk")
    side = "house" if party == P02 else "outside"
    known = {"party": party, "side": side, "channel": channel, "endpoint": endpoint, "contract": party == P02}
    return ev.PartyEntered(at=ms(0), **(known | changes))


def notice(party=P01, channel=CALLER, at=2020, **changes):
    return replace(heard(party, channel, at), **changes)


def failed(party=P01):
    return ev.NoticeFailed(at=ms(1500), party=party, announcement="advice-en", reason=Reason.ANNOUNCE_TIMEOUT)


def granted(number=1, at=2020):
    return ev.PermitGranted(at=ms(at), permit=number, parties=["p01"])


def revoked(reason, number=1):
    return ev.PermitRevoked(at=ms(9000), permit=number, reason=reason)


def refused(reason):
    return ev.NotRecorded(at=ms(9000), reason=reason)


def pause(*, on, at=9000):
    return ev.PauseChanged(at=ms(at), paused=on)


STARTED = ev.CaptureStarted(at=ms(2030), segment=1, party="p01", monitor="0x7f")
TOLD = (OPENED, entered(), notice())
RECORDED = (*TOLD, granted(), STARTED)
GONE_ON = (*RECORDED, revoked(Reason.GATE_RESTARTED))


def restore(core, *journal, rules=None):
    return core.restored.restore(list(journal), line() if rules is None else rules)


def room(core, *journal, rules=None):
    found = restore(core, *journal, rules=rules)
    assert found is not None
    return found.room


def test_a_told_caller_lives_on_in_a_room_that_is_closed_until_they_are_recognised(core):
    found = restore(core, *GONE_ON)
    made = found.room
    assert (made.opened, made.line) == (OPENED, line())
    caller = made.caller
    assert (caller.party, caller.channel, caller.endpoint, caller.side) == (P01, CALLER, "PJSIP/trunk", Side.OUTSIDE)
    assert (caller.standing, caller.failure, caller.heard) == (Standing.TOLD, None, (notice(),))
    assert (caller.told_at, made.changed_at) == (ms(2020), ms(2020))
    assert caller.phase is core.party.Phase.OVER
    assert caller.script == (ENGLISH,)
    assert (made.closed, made.suspended) == (Reason.GATE_RESTARTED, Reason.GATE_RESTARTED)
    assert made.released
    assert made.recorded
    assert not made.called
    assert not made.paused
    assert not made.conversed
    assert (made.permit, made.permits, made.tracks, made.others) == (None, 1, (), ())
    assert made.lit == frozenset()
    assert found.chosen_at == Instant(0)
    assert found.wake == o.WakeAt(ms(2020 + 3 * 3600 * 1000), f.Timer.MAX_HOURS, 1)


def test_who_was_told_and_never_captured_has_no_longest_time_yet(core):
    found = restore(core, *TOLD, refused(Reason.NOT_TOLD))
    assert found.wake is None
    assert (found.room.recorded, found.room.permits) == (False, 0)


def test_playbacks_to_come_have_numbers_that_the_dead_gate_did_not_use(core):
    assert room(core, OPENED, entered(), notice(playback=f"cg-{CALLER}-3")).caller.notice == 13


@pytest.mark.parametrize(
    "journal",
    [
        (OPENED, entered()),
        (OPENED, entered(), notice(announcement="another")),
        (OPENED, entered(), notice(sha256="b" * 64)),
        (OPENED, entered(), notice(), failed()),
        (OPENED, entered(), notice(), notice()),
        (OPENED, entered(), notice(P02)),
        (OPENED, notice()),
        (replace(OPENED, channel_name=None), entered(), notice()),
        (entered(), notice()),
        (*TOLD, ev.Ended(at=ms(9000), reason=None)),
        (*TOLD, refused(Reason.CHANNEL_REPLACED)),
        (*GONE_ON, revoked(Reason.CHANNEL_REPLACED, 2), notice()),
        (OUTGOING, entered(), notice()),
    ],
)
def test_what_the_journal_does_not_prove_makes_no_room(core, journal):
    assert restore(core, *journal) is None


@pytest.mark.parametrize("rules", [NEVER, line(WELSH), line(ENGLISH, WELSH)])
def test_who_was_told_something_else_than_the_line_says_now_was_not_told(core, rules):
    assert restore(core, *GONE_ON, rules=rules) is None


def test_a_line_that_is_not_known_any_more_has_no_rooms(core):
    assert core.restored.restore(list(GONE_ON), None) is None


def test_whoever_was_told_at_the_second_attempt_was_told(core):
    journal = OPENED, entered(), notice(at=1000), failed(P02), failed(), notice(at=2020)
    assert room(core, *journal).caller.heard == (notice(at=2020),)


def test_what_somebody_else_did_not_hear_takes_nothing_from_the_owner(core):
    assert room(core, *TOLD, failed(P02)).caller.heard == (notice(),)


def test_all_announcements_must_be_heard_and_the_last_stays_in_the_script(core):
    both = notice(at=1000), notice(at=2020, announcement="cymraeg", sha256="c" * 64)
    made = room(core, OPENED, entered(), *both, rules=line(ENGLISH, WELSH))
    assert made.caller.heard == both
    assert made.caller.script == (WELSH,)


def test_somebody_who_was_called_has_heard_what_the_called_hear(core):
    rules = replace(line(WELSH), outgoing_announcements=(ENGLISH,))
    made = room(core, OUTGOING, entered(), notice(), rules=rules)
    assert made.called
    assert made.caller.standing is Standing.TOLD


def test_an_objection_is_never_forgotten(core):
    made = room(core, *GONE_ON, ev.PartyObjected(at=ms(9000), party="p01"))
    assert (made.caller.standing, made.caller.failure) == (Standing.OBJECTED, Reason.OBJECTED)
    made = room(core, *GONE_ON, ev.PartyObjected(at=ms(9000), party="p02"))
    assert (made.caller.standing, made.caller.failure) == (Standing.TOLD, None)


def test_the_others_keep_their_names_and_what_they_had_heard_in_their_own_recording(core):
    agent = entered(P02, AGENT)
    guest = entered(P03, GUEST, recording=GUESTS_RECORDING)
    made = room(core, *RECORDED, agent, guest, notice(P03, GUEST), entered(P02, GUEST))
    other = core.segments.Other
    assert made.others == (
        other(P02, AGENT, "PJSIP/2001"),
        other(P03, GUEST, "PJSIP/trunk", (notice(P01, GUEST),)),
    )
    assert made.conversed
    assert made.lit == frozenset({"PJSIP/2001"})


def test_the_next_segment_has_the_next_number(core):
    assert room(core, *TOLD, granted(1), granted(3, at=5000)).permits == 3


@pytest.mark.parametrize("reason", sorted(REAL.restored.PASSING))
def test_what_passes_does_not_close_the_room_for_good(core, reason):
    assert room(core, *RECORDED, revoked(reason), refused(reason)).closed is Reason.GATE_RESTARTED


def test_only_these_pass(core):
    assert {
        Reason.EVENTS_LOST,
        Reason.GATE_RESTARTED,
        Reason.GATE_STOPPED,
        Reason.HELD,
        Reason.MUSIC_ON_HOLD,
        Reason.NOT_BRIDGED,
        Reason.NOT_TOLD,
        Reason.NO_CONVERSATION,
        Reason.OBJECTED,
        Reason.PARKED,
        Reason.PAUSED,
        Reason.ROOM_CHANGED,
        Reason.STALE_FACTS,
        Reason.TELEPHONE_CONFERENCE,
        Reason.VOICEMAIL,
    } == core.restored.PASSING


@pytest.mark.parametrize("reason", [Reason.MAX_HOURS, Reason.CAPTURE_FAILED, Reason.HUNG_UP, Reason.TOO_MANY_SEGMENTS])
def test_what_was_given_up_for_good_stays_so(core, reason):
    for said in (revoked(reason), refused(reason)):
        assert room(core, *RECORDED, said, refused(Reason.HELD)).closed is reason


def test_a_room_is_paused_if_nobody_has_resumed_it(core):
    found = restore(core, *RECORDED, pause(on=True))
    assert (found.room.paused, found.chosen_at) == (True, ms(9000))
    found = restore(core, *RECORDED, pause(on=True), pause(on=False, at=9500))
    assert (found.room.paused, found.chosen_at) == (False, ms(9500))


@pytest.mark.parametrize(
    ("known", "since", "marks", "expected"),
    [
        (False, 0, [], False),
        (True, 0, [], True),
        (False, 0, [(5, True)], True),
        (True, 0, [(5, False)], False),
        (False, 0, [(5, False), (5, True)], True),
        (False, 0, [(6, False), (5, True)], False),
        (False, 5_999, [(5, True)], True),
        (False, 6_000, [(5, True)], False),
        (True, 5_000, [(5, False)], False),
        (True, 5_001, [(5, False)], True),
    ],
)
def test_the_latest_press_holds_and_in_doubt_the_pause(core, known, since, marks, expected):
    second = ms(0) // 1_000_000
    pressed = [core.restored.Mark(second + at, on) for at, on in marks]
    assert core.restored.paused(known, ms(since), pressed) is expected


# -- a room that nobody watched, from then on


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
