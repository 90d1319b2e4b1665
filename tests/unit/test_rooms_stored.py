"""Rooms as ship sees them: what is stored of whom, when events came late, in any order, or not at all."""

from dataclasses import replace

import pytest
from sealed_calls import RATE_HZ, at, narrowed, objected, requested, widened
from unit.room_stories import (
    GUEST,
    HANGUP,
    assert_time_is_whole,
    call,
    gaps,
    granted,
    manifest,
    revoked,
    seconds,
    stored,
    track,
)

from ari_app.core import evidence as ev
from ari_app.core import names
from ari_app.core.evidence import ContradictionError
from ari_app.core.reasons import Reason

HUNG_UP = Reason.HUNG_UP


def of(made, segment, party):
    return next(one for one in made["tracks"] if (one["segment"], one["party"]) == (segment, party))


def conversation(*entries, permit_end=HANGUP, party_end=HANGUP):
    """Return a call of p01 and p02 from 4 s on, whose files go on to the end."""
    return call(
        granted(3, 1, "p01"),
        widened(4, "p01", "p02"),
        *entries,
        *track(1, "p01", 4, permit_end),
        *track(1, "p02", 4, party_end),
        revoked(permit_end, 1, HUNG_UP),
    )


# -- late events


def test_a_revocation_that_was_written_five_seconds_late_counts_from_its_own_stamp():
    # A telephone that nobody told joined at 12 s; the event came at 17 s, and until then both were captured.
    late = revoked(12, 1, Reason.NOT_TOLD)
    made = manifest(
        call(
            granted(3, 1, "p01"),
            widened(4, "p01", "p02"),
            *track(1, "p01", 4, 17),
            *track(1, "p02", 4, 17),
            late,
        )
    )
    assert stored(made) == {(1, "p01"): (4, 11.96), (1, "p02"): (4, 11.96)}
    assert [(one["cut_before_ms"], one["cut_after_ms"]) for one in made["tracks"]] == [(0, 5040), (0, 5040)]
    assert gaps(made)[-1] == (11.96, HANGUP, "not_told")
    assert_time_is_whole(made)


def test_where_the_heartbeat_was_delayed_nothing_later_is_covered():
    made = manifest(conversation(), heartbeat=10)
    assert stored(made) == {(1, "p01"): (4, 10), (1, "p02"): (4, 10)}
    assert of(made, 1, "p01")["cut_after_ms"] == 20_000
    assert gaps(made)[-1] == (10, HANGUP, "no_heartbeat")
    assert_time_is_whole(made)


def test_a_leaver_of_whom_one_heard_late_is_stored_until_they_left():
    made = manifest(conversation(narrowed(9, "p01")))
    assert stored(made) == {(1, "p01"): (4, 29.96), (1, "p02"): (4, 8.96)}
    assert of(made, 1, "p02")["cut_after_ms"] == 21_040
    (permit,) = made["permits"]
    assert [(one["party"], one["left_at"] and seconds(one["left_at"])) for one in permit["parties"]] == [
        ("p01", None),
        ("p02", 9),
    ]
    assert (seconds(permit["covered_until"]), seconds(permit["parties"][1]["covered_until"])) == (29.96, 8.96)
    assert_time_is_whole(made)


def test_who_was_captured_before_they_joined_is_stored_from_then():
    early = [*track(1, "p01", 3.5, HANGUP), *track(1, "p02", 3.5, HANGUP)]
    made = manifest(call(granted(3, 1, "p01"), widened(4, "p01", "p02"), *early, revoked(HANGUP, 1, HUNG_UP)))
    assert stored(made)[1, "p02"] == (4, 29.96)
    assert (of(made, 1, "p02")["cut_before_ms"], of(made, 1, "p02")["cut_after_ms"]) == (500, 40)


def test_what_began_when_it_was_over_is_all_after():
    made = manifest(call(granted(3, 1, "p01"), *track(1, "p01", 10, 12), revoked(8, 1, Reason.HELD)))
    assert stored(made) == {}
    assert (of(made, 1, "p01")["cut_before_ms"], of(made, 1, "p01")["cut_after_ms"]) == (0, 2000)
    assert made["call"]["reason"] == "held"


def test_what_ended_before_it_began_is_all_before():
    made = manifest(call(*track(1, "p01", 1, 2.5), granted(3, 1, "p01"), revoked(8, 1, Reason.HELD)))
    assert (of(made, 1, "p01")["cut_before_ms"], of(made, 1, "p01")["cut_after_ms"]) == (1500, 0)


def test_of_a_file_without_a_beginning_nobody_can_say_what_lay_where():
    entries = [one for one in conversation() if not isinstance(one, ev.TrackOrigin)]
    made = manifest(entries)
    assert (of(made, 1, "p01")["cut_before_ms"], of(made, 1, "p01")["file"]) == (0, False)


# -- segments


def test_a_hold_in_the_middle_is_a_gap_with_wall_clock_ends():
    made = manifest(
        call(
            granted(3, 1, "p01"),
            widened(4, "p01", "p02"),
            *track(1, "p01", 4, 10.004),
            *track(1, "p02", 4, 10.004),
            revoked(10, 1, Reason.HELD),
            granted(15, 2, "p01", "p02"),
            *track(2, "p01", 15.021, HANGUP),
            *track(2, "p02", 15.025, HANGUP),
            revoked(HANGUP, 2, HUNG_UP),
        )
    )
    assert [one["object"] for one in made["segments"]] == ["seg-001.flac", "seg-002.flac"]
    assert stored(made) == {
        (1, "p01"): (4, 9.96),
        (1, "p02"): (4, 9.96),
        (2, "p01"): (15.021, 29.96),
        (2, "p02"): (15.025, 29.96),
    }
    assert gaps(made) == [
        (0, 3, "announcement"),
        (3, 4, "not_bridged"),
        (9.96, 15, "held"),
        (15, 15.021, "capture_starting"),
        (29.96, HANGUP, "hung_up"),
    ]
    assert_time_is_whole(made)


def test_who_left_and_came_back_is_in_the_next_segment():
    made = manifest(
        call(
            granted(3, 1, "p01", "p02"),
            *track(1, "p01", 4, 12),
            *track(1, "p02", 4, 8),
            narrowed(8, "p01"),
            revoked(12, 1, Reason.ROOM_CHANGED),
            granted(12, 2, "p01", "p02"),
            *track(2, "p01", 12.02, HANGUP),
            *track(2, "p02", 12.02, HANGUP),
            revoked(HANGUP, 2, HUNG_UP),
        )
    )
    assert stored(made)[1, "p02"] == (4, 7.96)
    assert stored(made)[2, "p02"] == (12.02, 29.96)
    assert [segment["channels"] for segment in made["segments"]] == [["p01", "p02"], ["p01", "p02"]]
    assert_time_is_whole(made)


def test_a_segments_number_is_its_permits():
    entries = call(granted(3, 1, "p01"), requested(2, "p01", permit=1), revoked(8, 1, HUNG_UP))
    with pytest.raises(ContradictionError, match="segment 2 has a track of p01 under permit 1"):
        manifest(entries)


# -- guests and objectors


def test_a_guest_is_in_the_permit_and_in_no_track():
    made = manifest(
        call(
            granted(3, 1, "p01", "p02", "p04"),
            *track(1, "p01", 4, HANGUP),
            *track(1, "p02", 4, HANGUP),
            revoked(HANGUP, 1, HUNG_UP),
        )
    )
    people = {one["party"]: one["recording"] for one in made["parties"]}
    assert people == {"p01": None, "p02": None, "p03": None, "p04": GUEST}
    (permit,) = made["permits"]
    assert permit["parties"][2]["told_at"] == names.iso(at(2)), "their own announcement, copied from their own call"
    assert [segment["channels"] for segment in made["segments"]] == [["p01", "p02"]]


def test_a_guests_voice_is_in_their_own_recording_alone():
    entries = call(granted(3, 1, "p01", "p04"), *track(1, "p01", 4, HANGUP), *track(1, "p04", 4, HANGUP))
    with pytest.raises(ContradictionError, match="segment 1 has a track of p04, whose voice is in their own"):
        manifest(entries)


def test_an_objection_ends_the_objectors_track_though_nothing_was_revoked():
    made = manifest(conversation(objected(9, "p02"), objected(11, "p02")))
    assert stored(made) == {(1, "p01"): (4, 29.96), (1, "p02"): (4, 8.96)}
    assert made["objections"] == [{"party": "p02", "at": names.iso(at(9))}]
    assert_time_is_whole(made)


def test_the_owners_objection_is_the_gaps_reason_though_nothing_was_revoked():
    made = manifest(call(granted(3, 1, "p01"), *track(1, "p01", 4, HANGUP), objected(9, "p01")))
    assert stored(made) == {(1, "p01"): (4, 8.96)}
    assert gaps(made)[-1] == (8.96, HANGUP, "objected")
    assert_time_is_whole(made)


def test_after_an_objection_the_others_may_go_on_without_the_objector():
    made = manifest(
        conversation(
            objected(9, "p02"),
            revoked(9, 1, Reason.OBJECTED),
            granted(9.1, 2, "p01"),
            *track(2, "p01", 9.12, HANGUP),
            revoked(HANGUP, 2, HUNG_UP),
        )
    )
    assert stored(made)[2, "p01"] == (9.12, 29.96)
    assert gaps(made)[2:4] == [(8.96, 9.1, "objected"), (9.1, 9.12, "capture_starting")]


def test_no_later_permit_names_an_objector():
    with pytest.raises(ContradictionError, match="permit 2 names p01, who had objected by then"):
        manifest(call(granted(3, 1, "p01"), objected(9, "p01"), granted(10, 2, "p01")))


# -- why nothing is stored


@pytest.mark.parametrize(
    ("entries", "reason"),
    [
        ([granted(3, 1, "p01"), revoked(4, 1, Reason.HELD), revoked(HANGUP, 1, HUNG_UP)], "held"),
        (
            [
                granted(3, 1, "p01"),
                revoked(4, 1, Reason.HELD),
                granted(6, 2, "p01"),
                revoked(6.05, 2, Reason.NOT_TOLD),
                ev.NotRecorded(at=at(29), reason=HUNG_UP),
            ],
            "not_told",
        ),
        ([granted(3, 1, "p01"), revoked(29, 1, HUNG_UP)], "hung_up"),
    ],
)
def test_why_nothing_is_stored_of_a_call_that_was_permitted(entries, reason):
    made = manifest(call(*entries))
    assert (made["call"]["outcome"], made["call"]["reason"]) == ("not_recorded", reason)
    assert_time_is_whole(made)


@pytest.mark.parametrize("direction", ["incoming", "outgoing", "join"])
def test_a_call_may_come_go_or_join(direction):
    first, *others = conversation()
    assert isinstance(first, ev.Opened)
    assert manifest([replace(first, direction=direction), *others])["call"]["direction"] == direction


def test_cut_lengths_are_rounded_up_so_that_nothing_cut_reads_as_none():
    made = manifest(conversation(narrowed(29.999875, "p01")))
    assert of(made, 1, "p02")["cut_after_ms"] == 41
    assert RATE_HZ == 8000
