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
    line,
    ms,
)
from unit.driven import REAL
from unit.restored_calls import (
    GONE_ON,
    OPENED,
    OUTGOING,
    RECORDED,
    TOLD,
    chose,
    entered,
    failed,
    granted,
    notice,
    refused,
    restore,
    revoked,
    room,
)

from ari_app.core import evidence as ev
from ari_app.core import facts as f
from ari_app.core import orders as o
from ari_app.core.facts import Side, Standing
from ari_app.core.names import Instant
from ari_app.core.policy import Mode
from ari_app.core.reasons import Reason


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
    assert made.pauses == frozenset()
    assert (caller.asking, caller.agreed_at) == (line().asking(called=False, relayed=False), Instant(0))
    assert made.permitted_at == ms(2020)
    assert not made.conversed
    assert (made.permit, made.permits, made.tracks, made.others) == (None, 1, (), ())
    assert made.lit == frozenset()
    assert found.chosen_at == Instant(0)
    assert found.wake == o.WakeAt(ms(2020 + 3 * 3600 * 1000), f.Timer.MAX_HOURS, 1)


def test_who_was_told_and_never_captured_has_no_longest_time_yet(core):
    found = restore(core, *TOLD, refused(Reason.NOT_TOLD))
    assert found.wake is None
    assert (found.room.recorded, found.room.permits, found.room.permitted_at) == (False, 0, Instant(0))


def test_playbacks_to_come_have_numbers_that_the_dead_gate_did_not_use(core):
    assert room(core, OPENED, entered(), notice(playback=f"cg-{CALLER}-3")).caller.notice == 13


@pytest.mark.parametrize(
    "journal",
    [
        (OPENED, entered()),
        (OPENED, entered(), notice(announcement="another")),
        (OPENED, entered(), notice(sha256="b" * 64)),
        (OPENED, entered(), notice(), failed()),
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


def speaks(*languages):
    return [ev.Chose(at=ms(500), party=P01, choice="language", key="1", language=one) for one in languages]


@pytest.mark.parametrize(
    ("chosen", "lives"), [(["cy"], True), (["en", "cy"], True), (["cy", "en"], False), ([], False)]
)
def test_who_chose_a_language_had_to_hear_all_of_that_and_no_other(core, chosen, lives):
    welsh = notice(at=2020, announcement="cymraeg", sha256="c" * 64)
    made = restore(core, OPENED, entered(), *speaks(*chosen), welsh, rules=line(ENGLISH, WELSH))
    assert (made is not None) is lives
    if made:
        assert (made.room.caller.language, made.room.caller.script) == ("cy", (WELSH,))


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


@pytest.mark.parametrize(
    ("choices", "pauses", "since"),
    [
        ([], set(), None),
        ([("paused", "")], {""}, 0),
        ([("paused", "payment"), ("paused", "distress")], {"payment", "distress"}, 0),
        ([("paused", "payment"), ("paused", "distress"), ("resumed", "payment")], {"distress"}, 0),
        ([("paused", "payment"), ("paused", "distress"), ("resumed", "")], set(), 0),
        ([("paused", "payment"), ("resumed", ""), ("paused", "")], {""}, 2),
        ([("paused", "payment"), ("language", "")], {"payment"}, 0),
    ],
)
def test_a_room_is_paused_for_what_nobody_has_resumed_since_the_first_of_it(core, choices, pauses, since):
    said = [chose(choice, why, at=9000 + number) for number, (choice, why) in enumerate(choices)]
    found = restore(core, *RECORDED, *said)
    assert found.room.pauses == pauses
    assert found.room.paused_at == (Instant(0) if since is None else said[since].at)
    known = [one.at for one in said if one.choice != "language"]
    assert found.chosen_at == (known[-1] if known else Instant(0))


@pytest.mark.parametrize(
    ("since", "marks", "expected"),
    [
        (0, [], None),
        (0, [(5, True)], (5, True)),
        (0, [(5, False)], (5, False)),
        (0, [(5, False), (5, True)], (5, True)),
        (0, [(6, False), (5, True)], (6, False)),
        (5_999, [(5, True)], (5, True)),
        (6_000, [(5, True)], None),
        (5_000, [(5, False)], (5, False)),
        (5_001, [(5, False)], None),
    ],
)
def test_the_latest_press_holds_and_in_doubt_the_pause(core, since, marks, expected):
    second = ms(0) // 1_000_000
    pressed = [core.restored.Mark(second + at, on) for at, on in marks]
    wanted = core.restored.Mark(second + expected[0], expected[1]) if expected else None
    assert core.restored.latest(ms(since), pressed) == wanted


@pytest.mark.parametrize(
    ("choices", "agreed"),
    [
        ([], None),
        ([chose("consented")], 9000),
        ([chose("consented", party="p02")], None),
        ([chose("consented"), chose("not_consented", at=9500)], None),
        ([chose("consented"), chose("declined", at=9500)], None),
        ([chose("not_consented"), chose("consented", at=9500)], 9500),
        ([chose("declined"), chose("language", at=9500)], None),
        ([chose("consented"), chose("language", at=9500)], 9000),
    ],
)
def test_on_a_line_where_only_a_yes_counts_the_journal_must_hold_it(core, choices, agreed):
    rules = replace(line(), mode=Mode.OPT_IN)
    found = restore(core, *RECORDED, *choices, rules=rules)
    assert (found.room.caller.agreed_at if found else None) == (ms(agreed) if agreed else None)
    assert restore(core, *RECORDED, *choices) is not None
