"""A caller is told: the one way there, and what is asked for on it. The doubts are in `test_party_doubts.py`."""

from dataclasses import replace

import pytest
from unit.calls import (
    CALLER,
    ENGLISH,
    P01,
    RECORDING,
    WELSH,
    answered,
    began,
    ended,
    entered,
    inspected,
    left_stasis,
    line,
    ms,
    opened,
    refused,
    sound,
    woke,
)
from unit.driven import Call, entries, only, released

from ari_app.core import evidence as ev
from ari_app.core import facts as f
from ari_app.core import orders as o
from ari_app.core.names import playback_id
from ari_app.core.reasons import Reason

FIRST, SECOND = playback_id(CALLER, 1), playback_id(CALLER, 2)


def notices(orders):
    return [entry for entry in entries(orders) if isinstance(entry, ev.NoticePlayed)]


def test_who_arrives_is_written_down_and_answered(core):
    assert Call(core).hear(entered(0)) == [
        o.Note(
            (
                opened(line()),
                ev.PartyEntered(
                    at=ms(0), party=P01, side="outside", channel=CALLER, endpoint="PJSIP/trunk", contract=False
                ),
            )
        ),
        o.Answer(CALLER),
        o.WakeAt(ms(1500), f.Timer.ANSWER, 1),
    ]


def test_once_answered_the_packets_before_are_counted(core):
    assert Call(core).hear(entered(0), answered(10)) == [
        o.Inspect(CALLER, ENGLISH, 1),
        o.WakeAt(ms(1210), f.Timer.INSPECTION, 1),
    ]


def test_once_counted_the_one_file_is_played_under_our_name(core):
    assert Call(core).hear(entered(0), answered(10), inspected(12, 1, 40)) == [
        o.Play(CALLER, FIRST, ENGLISH),
        o.WakeAt(ms(1012), f.Timer.ANNOUNCEMENT, 1),
    ]


def test_the_lifeline_is_armed_once_the_play_has_begun(core):
    call = Call(core)
    assert call.playing() == [
        o.ArmLifeline(CALLER, 3500),
        o.WakeAt(ms(2720), f.Timer.ANNOUNCEMENT, -1),
    ]


@pytest.mark.parametrize(
    ("spoken_end_ms", "lifeline_ms"),
    # Two seconds after the end of the speech, or one after the end of the file, whichever is later.
    [(1600, 3600), (1000, 3000), (900, 3000)],
)
def test_the_lifeline_leaves_time_after_speech_and_file(core, spoken_end_ms, lifeline_ms):
    call = Call(core, line(replace(sound(), spoken_end_ms=spoken_end_ms)))
    assert only(call.playing(), o.ArmLifeline) == [o.ArmLifeline(CALLER, lifeline_ms)]


def test_once_played_the_packets_are_counted_again(core):
    call = Call(core)
    call.playing()
    assert call.hear(ended(2020)) == [
        o.Inspect(CALLER, ENGLISH, 2),
        o.WakeAt(ms(3220), f.Timer.INSPECTION, 2),
    ]


def test_completely_played_is_written_down_with_all_that_proves_it(core):
    call = Call(core)
    call.hear(entered(0), answered(10), inspected(12, 1, 40), began(20), ended(2019))
    assert entries(call.hear(inspected(2022, 2, 141)))[0] == ev.NoticePlayed(
        at=ms(2019),
        party=P01,
        announcement="advice-en",
        language="en",
        text="This call may be recorded.",
        sha256="a" * 64,
        duration_ms=2000,
        spoken_end_ms=1500,
        playback=f"cg-{CALLER}-1",
        began_at=ms(20),
        packets_expected=100,
        packets_sent=101,
    )
    assert call.room.caller.standing is f.Standing.TOLD
    assert call.room.caller.told_at == ms(2019)


@pytest.mark.parametrize("elapsed_ms", [1980, 1997, 2000, 2500])
def test_an_elapsed_time_within_tolerance_is_complete(core, elapsed_ms):
    call = Call(core)
    call.playing()
    call.hear(ended(20 + elapsed_ms), inspected(22 + elapsed_ms, 2, 100))
    assert call.room.caller.failure is None
    assert call.room.permit.at == ms(20 + elapsed_ms)


@pytest.mark.parametrize("packets", [100, 101, 102])
def test_every_packet_and_up_to_two_more_is_complete(core, packets):
    call = Call(core)
    call.hear(entered(0), answered(10), inspected(12, 1, 7), began(20), ended(2020), inspected(2022, 2, 7 + packets))
    assert [one.packets_sent for one in notices(call.orders)] == [packets]
    assert call.room.caller.standing is f.Standing.TOLD


# -- two announcements


def bilingual(core):
    """Return a call whose first announcement is over."""
    call = Call(core, line(ENGLISH, WELSH))
    call.playing()
    call.hear(ended(2020))
    return call


def test_the_second_announcement_follows_the_first_and_is_a_playback_of_its_own(core):
    call = bilingual(core)
    orders = call.hear(inspected(2022, 2, 100))
    assert orders[1:] == [o.Play(CALLER, SECOND, WELSH), o.WakeAt(ms(3022), f.Timer.ANNOUNCEMENT, 2)]
    assert [type(entry) for entry in entries(orders)] == [ev.NoticePlayed]
    assert call.room.caller.standing is f.Standing.UNTOLD
    assert call.room.permit is None


def test_who_has_heard_both_announcements_is_told(core):
    call = bilingual(core)
    call.hear(inspected(2022, 2, 100))
    assert call.hear(began(2030, 2)) == [
        o.ArmLifeline(CALLER, 4500),
        o.WakeAt(ms(5730), f.Timer.ANNOUNCEMENT, -2),
    ]
    assert call.hear(ended(5030, 2))[0] == o.Inspect(CALLER, WELSH, 3)
    orders = call.hear(inspected(5032, 3, 250))
    (notice,) = notices(orders)
    assert (notice.announcement, notice.playback, notice.packets_sent, notice.at) == ("cymraeg", SECOND, 150, ms(5030))
    assert entries(orders)[1] == ev.PermitGranted(at=ms(5030), permit=1, parties=[P01])
    assert [one.announcement for one in call.room.caller.heard] == ["advice-en", "cymraeg"]


def test_the_packets_of_the_first_do_not_count_for_the_second(core):
    call = bilingual(core)
    call.hear(inspected(2022, 2, 100), began(2030, 2), ended(5030, 2))
    call.hear(inspected(5032, 3, 150))
    assert call.room.caller.failure is Reason.ANNOUNCEMENT_PACKETS_MISSING


def test_the_second_is_measured_from_its_own_beginning(core):
    call = bilingual(core)
    call.hear(inspected(2022, 2, 100), began(2030, 2))
    call.hear(ended(4500, 2))
    assert call.room.caller.failure is Reason.ANNOUNCEMENT_CUT_SHORT


def test_the_first_failing_leaves_the_second_unplayed(core):
    call = Call(core, line(ENGLISH, WELSH))
    call.playing()
    orders = call.hear(ended(900))
    assert only(orders, o.Play) == []
    assert released(orders) == [(o.Outcome.NOT_RECORDED, Reason.ANNOUNCEMENT_CUT_SHORT)]


@pytest.mark.parametrize(
    "late",
    [
        woke(2600, f.Timer.ANNOUNCEMENT, 1),
        woke(2720, f.Timer.ANNOUNCEMENT, -1),
        woke(3220, f.Timer.INSPECTION, 2),
        ended(2600, 1),
        ended(2600, 1, done=False),
        began(2600, 1),
        refused(2600, 1),
    ],
    ids=repr,
)
@pytest.mark.parametrize("begun", [False, True])
def test_what_concerns_the_first_says_nothing_about_the_second(core, late, begun):
    call = bilingual(core)
    call.hear(inspected(2022, 2, 100))
    if begun:
        call.hear(began(2030, 2))
    before = call.room
    assert [type(order) for order in call.hear(late)] == [o.Report]
    assert call.room == before


# -- after a restart


def test_an_adopted_caller_hears_no_leftover_of_the_dead_gate(core):
    call = Call(core, line(ENGLISH, WELSH), notice=10)
    orders = call.hear(entered(0, adopted=True))
    # Its first numbers, and ours: the dead gate may have adopted the channel itself.
    assert only(orders, o.StopPlayback) == [o.StopPlayback(playback_id(CALLER, number)) for number in range(1, 12)]
    assert orders[-2:] == [o.Answer(CALLER), o.WakeAt(ms(1500), f.Timer.ANSWER, 10)]
    call.hear(answered(10))
    assert call.hear(inspected(12, 1, 0))[0] == o.Play(CALLER, playback_id(CALLER, 10), ENGLISH)


def test_who_is_not_adopted_has_no_leftover(core):
    assert only(Call(core).hear(entered(0)), o.StopPlayback) == []


# -- called

OUTGOING = sound("outgoing", seconds=1)


def test_who_is_called_hears_what_is_meant_for_the_called(core):
    call = Call(core, line(ENGLISH, WELSH, outgoing_announcements=(OUTGOING,)), called=True)
    orders = call.hear(entered(0), answered(10), inspected(12, 1, 0))
    assert only(orders, o.Play) == [o.Play(CALLER, FIRST, OUTGOING)]
    assert [entry.endpoint for entry in entries(call.orders) if isinstance(entry, ev.PartyEntered)] == ["PJSIP/trunk"]


def test_the_lifeline_is_never_armed_on_a_called_leg_because_there_it_would_hang_up(core):
    call = Call(core, line(outgoing_announcements=(OUTGOING,)), called=True)
    call.hear(entered(0), answered(10), inspected(12, 1, 0))
    assert call.hear(began(20)) == [o.WakeAt(ms(1720), f.Timer.ANNOUNCEMENT, -1)]
    call.hear(ended(1020), inspected(1022, 2, 50))
    assert call.room.caller.standing is f.Standing.TOLD
    assert only(call.orders, o.ArmLifeline) == []


# -- told anew


@pytest.mark.parametrize("rules", [line(), line(ENGLISH, WELSH)], ids=["one", "two"])
def test_who_comes_again_untold_hears_it_all_under_numbers_of_its_own(core, rules):
    call = Call(core, rules)
    call.playing()
    call.hear(ended(900), left_stasis(910))
    assert call.hear(entered(3000)) == [o.Answer(CALLER), o.WakeAt(ms(4500), f.Timer.ANSWER, 2)]
    call.hear(answered(3010))
    assert call.hear(inspected(3012, 2, 40))[0] == o.Play(CALLER, SECOND, ENGLISH)
    caller = call.room.caller
    assert (caller.script, caller.heard, caller.failure) == (rules.announcements, (), None)


def test_who_comes_again_untold_and_hears_it_is_told(core):
    call = Call(core)
    call.playing()
    call.hear(ended(900), left_stasis(910), entered(3000), answered(3010), inspected(3012, 2, 40), began(3020, 2))
    orders = call.hear(ended(5020, 2), inspected(5022, 3, 140))
    assert [type(entry) for entry in entries(orders)] == [ev.NoticePlayed, ev.PermitGranted, ev.CaptureRequested]
    assert [notice.playback for notice in call.room.caller.heard] == [SECOND]


def test_of_a_first_announcement_that_was_heard_nothing_counts_the_second_time(core):
    call = bilingual(core)
    call.hear(inspected(2022, 2, 100), began(2030, 2), ended(3000, 2), entered(4000))
    assert (call.room.caller.heard, call.room.caller.script) == ((), (ENGLISH, WELSH))


def test_a_playback_is_named_after_its_channel():
    assert FIRST == "cg-1800000000.1-1"
    assert len(RECORDING) == 26
