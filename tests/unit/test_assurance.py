"""One call at a time: what became of it, and each of the eight things that can be wrong with its recording."""

import itertools

import pytest
from sealed_calls import at, minted
from unit.assured import MANIFEST, SOUND, account, call, faults, held, judged, limits, piece, track, unrecorded

from ari_app.core.reasons import Reason

SECOND = f"{SOUND[:-5]}2.flac"


def seen(core, *, ended=100, context="house", began=4):
    return core.assurance.Witnessed(at(began), None if ended is None else at(ended), context)


def test_nothing_is_wrong_with_a_call_that_was_recorded(core):
    found = judged(core, held(core), witnessed=seen(core))
    assert (found.group, found.reason, found.findings) == (core.assurance.Group.RECORDED, None, ())
    assert found.waiting == ()


@pytest.mark.parametrize(
    ("reason", "group"),
    [
        (Reason.LINE_NEVER, "BY_POLICY"),
        (Reason.EMERGENCY_NUMBER, "BY_POLICY"),
        (Reason.OBJECTED, "WITH_REASON"),
        (Reason.PRIVATE, "WITH_REASON"),
        (Reason.NOTHING_CAPTURED, "UNEXPLAINED"),
    ],
)
def test_a_reason_says_whether_it_should_have_been(reason, group, core):
    found = judged(core, held(core, unrecorded(core, reason)), witnessed=seen(core))
    assert (found.group, found.reason) == (core.assurance.Group[group], reason)
    expected = ["missing"] if group == "UNEXPLAINED" else []
    assert faults(found) == expected
    assert all("nobody says why" in one.what and one.recording == minted(1) for one in found.findings)


def test_of_two_accounts_the_later_one_has_the_reason(core):
    first = unrecorded(core, Reason.GATE_RESTARTED, recording=minted(1), ended=at(5))
    second = unrecorded(core, Reason.LINE_NEVER, recording=minted(2), ended=at(9))
    for order in ((first, second), (second, first)):
        found = judged(core, *(held(core, one) for one in order))
        assert (found.group, found.reason) == (core.assurance.Group.BY_POLICY, Reason.LINE_NEVER)


def test_recorded_by_one_run_of_the_gate_is_recorded(core):
    found = judged(core, held(core, unrecorded(core, Reason.GATE_RESTARTED, ended=at(99))), held(core))
    assert (found.group, found.findings) == (core.assurance.Group.RECORDED, ())


def test_a_script_s_bare_note_gives_way_to_an_account(core):
    note = unrecorded(core, Reason.GATE_AWAY, note=True, recording=minted(9))
    found = judged(core, held(core, note, row=False), held(core))
    assert (found.group, found.findings) == (core.assurance.Group.RECORDED, ())
    alone = judged(core, held(core, note))
    assert (alone.group, alone.reason) == (core.assurance.Group.WITH_REASON, Reason.GATE_AWAY)


# -- missing


def test_a_conversation_of_which_nobody_gives_account_is_missing(core):
    found = judged(core, witnessed=seen(core))
    (one,) = found.findings
    assert (found.group, one.fault) == (core.assurance.Group.UNEXPLAINED, core.assurance.Fault.MISSING)
    assert (one.channel, one.line, one.recording, one.at) == ("1.1", "", "", at(0))
    assert "nothing gives account of it" in one.what


@pytest.mark.parametrize(("ended", "began", "over"), [(100, 4, True), (None, 0, False), (None, -1, True)])
def test_one_that_the_witness_has_not_seen_hang_up_is_awaited_for_a_while(ended, began, over, core):
    found = judged(core, witnessed=seen(core, ended=ended, began=began))
    assert found.group is (core.assurance.Group.UNEXPLAINED if over else None)
    assert faults(found) == (["missing"] if over else [])


def test_of_a_context_that_the_site_has_named_nobody_asks_for_a_recording(core):
    named = limits(core, contexts=frozenset({"fax"}))
    found = judged(core, witnessed=seen(core, context="fax"), within=named)
    assert (found.group, found.reason, found.findings) == (core.assurance.Group.BY_POLICY, None, ())
    assert faults(judged(core, witnessed=seen(core, context="faxes"), within=named)) == ["missing"]
    # What it says of a call that came to us all the same counts more.
    assert judged(core, held(core), witnessed=seen(core, context="fax"), within=named).group == "recorded"


def test_what_nobody_knows_is_no_call(core):
    found = judged(core)
    assert (found.group, found.findings) == (None, ())


@pytest.mark.parametrize("witnessed", [True, False])
def test_what_was_put_aside_is_missing(witnessed, core):
    found = judged(core, aside=(minted(3),), witnessed=seen(core) if witnessed else None)
    (one,) = found.findings
    assert (found.group, one.fault, one.recording) == ("unexplained", "missing", minted(3))
    assert "put aside" in one.what


def test_what_was_put_aside_and_recorded_by_another_run_is_both(core):
    found = judged(core, held(core), aside=(minted(3),))
    assert (found.group, faults(found)) == ("recorded", ["missing"])


# -- late


@pytest.mark.parametrize(("ended", "late"), [(0, False), (-0.001, True)])
def test_what_waits_in_the_spool_is_late_after_the_limit(ended, late, core):
    one = account(core, ended=at(ended))
    found = judged(core, held(core, one, waiting=True, row=False))
    assert (found.group, found.waiting) == (core.assurance.Group.RECORDED, (one,))
    assert faults(found) == (["late"] if late else [])


@pytest.mark.parametrize(
    ("ended", "group", "expected"),
    [(None, None, []), (0, None, []), (-0.001, "unexplained", ["late"])],
)
def test_what_the_gate_has_not_handed_over_is_late_once_the_witness_saw_its_end(ended, group, expected, core):
    found = judged(core, running=True, witnessed=seen(core, ended=ended, began=-9))
    assert (found.group, faults(found)) == (group, expected)
    assert judged(core, running=True).group is None
    # Another run's account of the same channel is no reason to wait longer.
    beside = judged(core, held(core), running=True, witnessed=seen(core, ended=ended, began=-9))
    assert (beside.group, faults(beside)) == ("recorded", expected)


# -- short, and header-only


@pytest.mark.parametrize(("stored", "short"), [(59_001, False), (59_000, True), (0, True)])
def test_less_than_the_permit_covers_is_short(stored, short, core):
    one = account(core, tracks=(track(core), track(core, "p02", stored_ms=stored)), covered_ms={"p01": 60_000})
    found = judged(core, held(core, one))
    assert faults(found) == (["short"] if short else [])
    if stored == 0:
        assert found.findings[0].what == "lacks 60.0 of 60.0 s that were permitted (segment 1, the house (p02))"


def test_a_file_that_never_appeared_is_not_short(core):
    one = account(core, tracks=(track(core), track(core, "p02", file=False, stored_ms=0)))
    assert faults(judged(core, held(core, one))) == ["one_sided"]


@pytest.mark.parametrize(
    ("due", "other", "segment", "expected"),
    [
        (1_000, 0, 1, True),
        (999, 0, 1, False),
        (0, 1_000, 1, True),
        (0, 999, 1, False),
        (0, 60_000, 2, False),
    ],
)
def test_a_header_alone_is_told_where_there_was_something_to_record(due, other, segment, expected, core):
    empty = track(core, "p02", empty=True, due_ms=due, stored_ms=0)
    beside = track(core, segment=segment, due_ms=other, stored_ms=other)
    found = judged(core, held(core, account(core, tracks=(beside, empty), covered_ms={"p01": 60_000})))
    assert faults(found) == (["header_only"] if expected else [])
    assert all(one.what.endswith("(segment 1, the house (p02))") for one in found.findings)


# -- silent, and one-sided


@pytest.mark.parametrize(
    ("heard", "expected"),
    [
        ((True, True), []),
        ((False, False), ["silent"]),
        ((True, False), ["one_sided"]),
        ((False, True), ["one_sided"]),
        (None, []),
    ],
)
def test_a_channel_without_a_sound_is_told(heard, expected, core):
    found = judged(core, held(core, heard=heard))
    assert faults(found) == expected
    if heard == (False, True):
        assert found.findings[0].what == "has no sound of the person outside"


@pytest.mark.parametrize(("stored", "expected"), [(5_000, ["silent"]), (4_999, [])])
def test_in_a_short_conversation_silence_means_nothing(stored, expected, core):
    tracks = tuple(track(core, party, due_ms=stored, stored_ms=stored) for party in ("p01", "p02"))
    one = account(core, tracks=tracks)
    assert faults(judged(core, held(core, one, heard=(False, False)))) == expected


@pytest.mark.parametrize(("covered", "expected"), [(5_000, ["one_sided"]), (4_999, [])])
def test_somebody_who_was_there_for_an_instant_only_may_have_said_nothing(covered, expected, core):
    one = account(core, covered_ms={"p01": 60_000, "p02": covered})
    assert faults(judged(core, held(core, one, heard=(True, False)))) == expected


@pytest.mark.parametrize(
    ("heard", "expected"), [((True,), ["one_sided"]), ((False,), ["silent"]), (None, ["one_sided"])]
)
def test_somebody_of_whom_nothing_is_stored_is_one_sided(heard, expected, core):
    one = account(core, tracks=(track(core),), pieces=(piece(core, channels=("p01",)),))
    found = judged(core, held(core, one, heard=heard))
    assert faults(found) == expected
    if expected == ["one_sided"]:
        assert found.findings[0].what == "has nothing of the house (p02)"


def test_a_sound_in_any_segment_is_a_sound(core):
    pieces = (piece(core), piece(core, SECOND))
    one = account(core, pieces=pieces)
    sounds = {SOUND: (True, False), SECOND: (True, True)}
    assert faults(judged(core, held(core, one, sounds=sounds))) == []
    assert faults(judged(core, held(core, one, sounds={**sounds, SECOND: (True, False)}))) == ["one_sided"]
    # What could not be listened to may have held one.
    assert faults(judged(core, held(core, one, sounds={SOUND: (True, False)}))) == []


def test_where_no_object_is_named_nothing_was_listened_to(core):
    assert faults(judged(core, held(core, account(core, pieces=())))) == []


def test_who_is_recorded_elsewhere_is_not_missed(core):
    one = account(core, covered_ms={"p01": 60_000}, tracks=(track(core),), pieces=(piece(core, channels=("p01",)),))
    assert faults(judged(core, held(core, one, heard=(True,)))) == []


def test_of_a_call_that_was_not_recorded_nobody_asks_for_sound(core):
    assert faults(judged(core, held(core, unrecorded(core, Reason.PRIVATE)))) == []


# -- orphaned


@pytest.mark.parametrize(
    ("changes", "group", "words"),
    [
        ({"row": False}, "recorded", ["has no row in the database"]),
        ({"row": None}, "recorded", []),
        ({"row": False, "waiting": True}, "recorded", []),
        ({"missing": frozenset({MANIFEST})}, "recorded", [f"lacks an object in S3: {MANIFEST}"]),
        ({"missing": frozenset({SOUND})}, "unexplained", [f"lacks an object in S3: {SOUND}"]),
        (
            {"stray": frozenset({SECOND})},
            "recorded",
            [f"has an object in S3 beside it that it does not name: {SECOND}"],
        ),
    ],
)
def test_what_is_in_one_place_and_not_in_another_is_orphaned(changes, group, words, core):
    one = account(core, ended=at(63.999))
    found = judged(core, held(core, one, **changes))
    assert (found.group, [finding.what for finding in found.findings]) == (group, words)
    assert {str(finding.fault) for finding in found.findings} <= {"orphaned"}


def test_one_lost_segment_of_two_is_orphaned_and_the_call_is_recorded(core):
    one = account(core, pieces=(piece(core), piece(core, SECOND)))
    found = judged(core, held(core, one, missing=frozenset({SECOND}), heard=None))
    assert (found.group, faults(found)) == ("recorded", ["orphaned"])


def test_what_is_lost_is_not_called_one_sided_as_well(core):
    one = account(core, tracks=(track(core),))
    found = judged(core, held(core, one, missing=frozenset({SOUND}), heard=None))
    assert (found.group, faults(found)) == ("unexplained", ["orphaned"])


# -- duplicate


@pytest.mark.parametrize(
    ("start", "end", "twice"),
    [(3, 63, True), (62.999, 70, True), (63, 70, False), (1, 3, False), (1, 3.001, True)],
)
def test_the_same_time_of_the_same_channel_twice_is_a_duplicate(start, end, twice, core):
    other = account(core, recording=minted(2), kept=core.accounts.Interval(at(start), at(end)))
    third = unrecorded(core, Reason.GATE_RESTARTED, recording=minted(3))
    found = judged(core, held(core), held(core, third), held(core, other))
    assert faults(found) == (["duplicate"] if twice else [])
    for one in found.findings:
        assert one.recording == minted(2)
        assert minted(1) in one.what


def test_the_same_sound_in_two_objects_is_a_duplicate(core):
    one = account(core, pieces=(piece(core), piece(core, SECOND)))
    found = judged(core, held(core, one), shared=frozenset({SECOND}))
    assert faults(found) == ["duplicate"]
    assert "seg-0012.flac" in found.findings[0].what
    assert core.assurance.judge(call(core, held(core)), limits(core)).findings == ()


APART = ("missing", "late", "duplicate", "orphaned", "short", "header_only", "one_sided")


@pytest.mark.parametrize("made", [one for n in range(8) for one in itertools.combinations(APART, n)], ids=" ".join)
def test_each_fault_is_found_whatever_others_there_are(made, core):
    stored = 50_000 if "short" in made else 60_000
    empty = (track(core, "p03", empty=True, stored_ms=0),) if "header_only" in made else ()
    one = account(core, tracks=(track(core, stored_ms=stored), track(core, "p02"), *empty))
    found = judged(
        core,
        held(
            core,
            one,
            heard=(True, "one_sided" not in made),
            stray=frozenset({SECOND} if "orphaned" in made else ()),
        ),
        aside=(minted(7),) if "missing" in made else (),
        running="late" in made,
        witnessed=seen(core, ended=-1, began=-9),
        shared=frozenset({SOUND} if "duplicate" in made else ()),
    )
    assert sorted(faults(found)) == sorted(made)
    assert found.group == "recorded"


def test_everything_at_once_is_told_each_for_itself(core):
    empty = track(core, "p03", empty=True, due_ms=0, stored_ms=0)
    tracks = (track(core), track(core, "p02", stored_ms=10_000), empty)
    first = account(core, tracks=tracks, ended=at(-1), covered_ms={"p01": 60_000, "p02": 60_000, "p03": 60_000})
    found = judged(
        core,
        held(core, first, waiting=True, heard=(True, False), stray=frozenset({SECOND})),
        held(core, account(core, recording=minted(2)), row=False, heard=(False, False)),
        aside=(minted(7),),
        shared=frozenset({SOUND}),
    )
    expected = ["missing", "late", "duplicate", "duplicate", "duplicate", "orphaned", "short", "header_only"]
    assert faults(found) == [*expected, "one_sided", "one_sided", "orphaned", "silent"]
    assert found.group == "recorded"
    assert {finding.line for finding in found.findings} == {"switchboard"}
