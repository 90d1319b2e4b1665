"""What is decided about a sealed call, and the document that says so."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sealed_calls import RATE_HZ, at, entered, good, minted, opened, origin, over, played, requested

from ari_app.core import evidence as ev
from ari_app.core import manifest as mf
from ari_app.core import names, shipment
from ari_app.core.evidence import ContradictionError
from ari_app.core.manifest import Stored
from ari_app.core.reasons import Reason
from ari_app.core.recording import Wav

RECORDING = minted(1)
WAVS = {(1, "p01"): Wav(4 * RATE_HZ, RATE_HZ, at(8)), (1, "p02"): Wav(round(3.95 * RATE_HZ), RATE_HZ, at(8))}
LATER = at(60)


def plan(entries, wavs=WAVS, heartbeat=LATER):
    return shipment.plan(entries, "c" * 64, RECORDING, heartbeat, wavs)


def manifest(entries, wavs=WAVS, heartbeat=LATER):
    made = plan(entries, wavs, heartbeat)
    objects = {one.number: Stored(names.segment_object(one.number), "d" * 64, 1000) for one in made.segments}
    return mf.build(made, "calls/x", objects)


def without(entries, *kinds):
    return [entry for entry in entries if not isinstance(entry, kinds)]


def refused(reason, *, ended=None, notices=True):
    """A call that was never captured."""
    return [
        opened(RECORDING),
        entered("p01", contract=False),
        *([played()] if notices else []),
        ev.NotRecorded(at=at(3), reason=reason),
        ev.Ended(at=at(9), reason=ended),
    ]


# -- the good call


def test_the_good_call_is_recorded_and_whole():
    made = manifest(good(RECORDING))
    call = made["call"]
    assert (call["outcome"], call["reason"], call["began_at"], call["ended_at"]) == (
        "recorded",
        None,
        "2026-11-22T09:00:00.000000Z",
        "2026-11-22T09:00:08.100000Z",
    )
    assert made["segments"] == [
        {
            "segment": 1,
            "object": "seg-001.flac",
            "sha256": "d" * 64,
            "bytes": 1000,
            "rate_hz": RATE_HZ,
            "samples": round(3.96 * RATE_HZ),
            "began_at": "2026-11-22T09:00:04.010000Z",
            "channels": ["p01", "p02"],
        },
    ]
    caller, house = made["tracks"]
    assert (caller["channel"], caller["offset"], caller["destroyed_samples"]) == (1, 0, 320)
    assert (house["channel"], house["offset"], house["stored_from"]) == (2, 400, "2026-11-22T09:00:04.050000Z")
    beat = "2026-11-22T09:00:08.100000Z"
    assert made["journal"] == {"lines": 16, "sha256": "c" * 64, "heartbeat_at": beat, "taken_over": []}
    assert [gap["reason"] for gap in made["gaps"]] == ["announcement", "not_bridged", "hung_up"]
    whole = {"left_at": None, "covered_until": names.iso(at(7.96))}
    assert made["permits"][0]["parties"] == [
        {"party": "p01", "since": names.iso(at(3)), "notice": 1, "told_at": names.iso(at(3)), **whole},
        {"party": "p02", "since": names.iso(at(4)), "notice": None, "told_at": None, **whole},
    ]


def test_who_called_a_script_is_said_by_its_keeper():
    first, *rest = good(RECORDING)
    assert isinstance(first, ev.Opened)
    unknown = replace(first, number=None, number_hash=None)
    said = ev.NumberSealed(at=at(3), number="BAUG", number_hash="cd" * 32)
    call = manifest([unknown, rest[0], said, *rest[1:]])["call"]
    assert (call["number"], call["number_hash"]) == ("BAUG", "cd" * 32)
    call = manifest([unknown, *rest])["call"]
    assert (call["number"], call["number_hash"]) == (None, None)


def test_its_bytes_are_canonical_and_always_the_same():
    text, sha256 = mf.to_json(manifest(good(RECORDING)))
    assert (text, sha256) == mf.to_json(manifest(good(RECORDING)))
    assert mf.to_json(json.loads(text)) == (text, sha256)


def test_two_segments_are_two_objects():
    entries = good(RECORDING)
    more = [
        ev.PermitGranted(at=at(9), permit=2, parties=["p01"]),
        requested(2, "p01", permit=2, seconds=9),
        origin(2, "p01", 9.1),
        ev.PermitRevoked(at=at(12), permit=2, reason=Reason.LEFT_BRIDGE),
        over(2, "p01", 12),
        ev.Ended(at=at(12), reason=None),
    ]
    made = manifest([*entries[:-1], *more], {**WAVS, (2, "p01"): Wav(3 * RATE_HZ, RATE_HZ, at(12))})
    assert [one["object"] for one in made["segments"]] == ["seg-001.flac", "seg-002.flac"]
    assert made["segments"][1]["channels"] == ["p01"]
    assert [one["reason"] for one in made["gaps"]] == [
        *("announcement", "not_bridged", "hung_up", "capture_starting", "left_bridge"),
    ]


def test_who_joins_a_permit_later_is_covered_only_from_then():
    early = [replace(one, at=at(3.5)) if one == origin(1, "p02", 4.05) else one for one in good(RECORDING)]
    wavs = {**WAVS, (1, "p02"): Wav(round(4.5 * RATE_HZ), RATE_HZ, at(8))}
    house = manifest(early, wavs)["tracks"][1]
    assert (house["first_sample"], house["stored_from"]) == (RATE_HZ // 2, names.iso(at(4)))


def test_a_party_that_is_named_twice_counts_from_the_first_time():
    entries = good(RECORDING)
    again = ev.PermitWidened(at=at(5), permit=1, parties=["p01", "p02"])
    assert manifest([*entries[:-1], again, entries[-1]])["permits"] == manifest(entries)["permits"]


def test_channel_one_stays_the_outside_partys_when_nothing_of_theirs_is_stored():
    made = plan(good(RECORDING), {key: wav for key, wav in WAVS.items() if key[1] == "p02"})
    (segment,) = made.segments
    assert segment.parties == ("p01", "p02")
    assert [(one.channel, one.track.party) for one in segment.kept] == [(2, "p02")]


def test_channel_one_is_the_outside_partys_even_if_they_were_not_captured():
    entries = [
        one
        for one in good(RECORDING)
        if not (isinstance(one, ev.CaptureRequested | ev.CaptureStarted | ev.TrackOrigin | ev.TrackEnded))
        or one.party != "p01"
    ]
    (segment,) = plan(entries).segments
    assert segment.parties == ("p01", "p02")


def test_a_missing_file_is_an_empty_track():
    made = manifest(good(RECORDING), {})
    assert (made["call"]["outcome"], made["call"]["reason"]) == ("not_recorded", "hung_up")
    assert [(one["file"], one["stored_samples"], one["destroyed_samples"]) for one in made["tracks"]] == [
        (False, 0, 0),
        (False, 0, 0),
    ]
    assert made["segments"] == []


def test_a_short_track_says_so():
    made = manifest(good(RECORDING), {**WAVS, (1, "p01"): Wav(3 * RATE_HZ, RATE_HZ, at(8))})
    assert made["tracks"][0]["short_ms"] == 1000
    assert made["tracks"][1]["short_ms"] == 0


def test_a_track_that_somebody_else_ended_says_when():
    """The guard, while the gate hung: by the file's own last change, a tick of the kernel's later at most."""
    entries = [*without(good(RECORDING), ev.TrackEnded)[:-1], *(over(1, one, 8) for one in ("p01", "p02"))]
    shorter = {(1, "p01"): Wav(2 * RATE_HZ, RATE_HZ, at(6)), (1, "p02"): WAVS[1, "p02"]}
    first, second = manifest(entries, shorter)["tracks"]
    assert (first["ended_at"], first["short_ms"]) == (names.iso(at(6.01)), 0)
    assert (second["ended_at"], second["short_ms"]) == (names.iso(at(8)), 0)
    assert first["stored_samples"] == 2 * RATE_HZ


def test_a_long_track_says_so_and_claims_no_time_beyond_its_cover():
    filled = Wav(round(4.25 * RATE_HZ), RATE_HZ, at(8), ((RATE_HZ, round(1.25 * RATE_HZ)),))
    made = manifest(good(RECORDING), {**WAVS, (1, "p01"): filled})
    one, other = made["tracks"]
    assert (one["long_ms"], other["long_ms"]) == (250, 0)
    assert one["stored_samples"] == round((4.25 - 0.04) * RATE_HZ), "all that was said until 40 ms before the end"
    assert one["stored_until"] == names.iso(at(7.96))


@pytest.mark.parametrize(("silent", "kept"), [(0, 3.85), (0.5, 3.83)])
def test_silence_in_a_track_that_lacks_time_costs_no_word_where_somebody_else_spoke_through(silent, kept):
    """How much time is missing in it, the other track of the room tells."""
    lacks = Wav(round(3.89 * RATE_HZ), RATE_HZ, at(8), ((round(3.85 * RATE_HZ), round(3.87 * RATE_HZ)),))
    through = Wav(4 * RATE_HZ, RATE_HZ, at(8), ((0, round(silent * RATE_HZ)),))
    made = plan(good(RECORDING), {(1, "p01"): through, (1, "p02"): lacks})
    assert made.cuts[1][1].last == round(kept * RATE_HZ)


def test_foreign_captures_are_told():
    entries = [*good(RECORDING)[:-1], ev.ForeignCapture(at=at(5), party="p01"), ev.Ended(at=at(8.1), reason=None)]
    assert manifest(entries)["foreign_captures"] == [{"party": "p01", "at": names.iso(at(5))}]


def test_a_failed_notice_is_told():
    failed = ev.NoticeFailed(at=at(1), party="p01", announcement="welcome-cy", reason=Reason.ANNOUNCEMENT_CUT_SHORT)
    entries = good(RECORDING)
    made = manifest([*entries[:2], failed, *entries[2:]])
    assert made["notices"][0] == {
        "notice": 1,
        "party": "p01",
        "announcement": "welcome-cy",
        "failed_at": names.iso(at(1)),
        "reason": "announcement_cut_short",
    }
    # The notice that was heard keeps its own number.
    assert made["permits"][0]["parties"][0]["notice"] == 2
    assert [gap["reason"] for gap in made["gaps"]][:2] == ["announcement", "announcement_cut_short"]


def test_the_earliest_revocation_is_the_permits():
    entries = good(RECORDING)
    later = ev.PermitRevoked(at=at(8.05), permit=1, reason=Reason.GATE_STOPPED)
    earlier = ev.PermitRevoked(at=at(7), permit=1, reason=Reason.LEFT_BRIDGE)
    permit = manifest([*entries[:-1], later, earlier, entries[-1]])["permits"][0]
    assert (permit["revoked_at"], permit["reason"], permit["covered_until"]) == (
        names.iso(at(7)),
        "left_bridge",
        names.iso(at(6.96)),
    )


# -- why nothing was recorded


@pytest.mark.parametrize(
    ("entries", "heartbeat", "reason"),
    [
        (refused(Reason.NOT_READY, ended=Reason.NOT_TOLD), at(60), Reason.NOT_TOLD),
        (refused(Reason.CAPTURE_FAILED), at(60), Reason.CAPTURE_FAILED),
        (without(good(RECORDING), ev.PermitRevoked), None, Reason.NO_HEARTBEAT),
        (good(RECORDING), None, Reason.NO_HEARTBEAT),
        (good(RECORDING), at(2), Reason.NO_HEARTBEAT),
        (without(good(RECORDING), ev.TrackOrigin), at(60), Reason.HUNG_UP),
        (without(good(RECORDING), ev.TrackOrigin, ev.PermitRevoked), at(60), Reason.NOTHING_CAPTURED),
    ],
)
def test_the_reason_of_an_unrecorded_call(entries, heartbeat, reason):
    made = manifest(entries, heartbeat=heartbeat)
    assert (made["call"]["outcome"], made["call"]["reason"]) == ("not_recorded", reason)
    assert sum(one["stored_samples"] for one in made["tracks"]) == 0


def test_a_never_line_is_one_gap():
    entries = [opened(RECORDING, mode="never"), ev.Ended(at=at(9), reason=Reason.LINE_NEVER)]
    made = manifest(entries)
    assert made["call"]["reason"] == "line_never"
    assert made["gaps"] == [{"began_at": names.iso(at(0)), "ended_at": names.iso(at(9)), "reason": "line_never"}]


def test_where_the_heartbeat_ended_a_gap_begins():
    made = manifest(good(RECORDING), heartbeat=at(6))
    assert made["gaps"][-2:] == [
        {"began_at": names.iso(at(6)), "ended_at": names.iso(at(8)), "reason": "no_heartbeat"},
        {"began_at": names.iso(at(8)), "ended_at": names.iso(at(8.1)), "reason": "hung_up"},
    ]


def test_after_the_announcement_there_is_nothing_to_wait_for():
    made = manifest(good(RECORDING, capture="after_announcement"))
    assert [gap["reason"] for gap in made["gaps"]] == ["announcement", "capture_starting", "hung_up"]


def test_a_journal_without_an_end_ends_with_its_last_entry():
    entries = good(RECORDING)[:-1]
    assert shipment.ended_at(entries) == at(8)
    assert manifest(entries)["call"]["ended_at"] == names.iso(at(8))


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        (good(RECORDING), {"": at(8)}),
        (without(good(RECORDING), ev.PermitRevoked), {"": at(8.1)}),
        (
            [
                *good(RECORDING)[:-1],
                ev.PermitGranted(at=at(9), permit=2, parties=["p01"]),
                ev.PermitRevoked(at=at(12), permit=2, reason=Reason.HELD),
                ev.PermitRevoked(at=at(13), permit=2, reason=Reason.HUNG_UP),
                ev.Ended(at=at(20), reason=None),
            ],
            {"": at(12)},
        ),
        (refused(Reason.NOT_READY), {}),
    ],
)
def test_up_to_when_a_heartbeat_can_matter(entries, expected):
    assert shipment.awaited(entries) == expected


# -- the promise, over all of it


@given(
    told=st.integers(0, 9000),
    grant=st.integers(0, 9000),
    revoke=st.integers(0, 9000),
    heartbeat=st.none() | st.integers(0, 12000),
    begin=st.integers(0, 9000),
    length_ms=st.integers(0, 9000),
)
def test_nothing_is_stored_from_before_the_end_of_the_announcement(told, grant, revoke, heartbeat, begin, length_ms):
    entries = [
        opened(RECORDING),
        entered("p01", contract=False),
        played(end=told / 1000),
        ev.PermitGranted(at=at(grant / 1000), permit=1, parties=["p01"]),
        requested(1, "p01"),
        origin(1, "p01", begin / 1000),
        ev.PermitRevoked(at=at(revoke / 1000), permit=1, reason=Reason.HUNG_UP),
        over(1, "p01", (begin + length_ms) / 1000),
        ev.Ended(at=at(10), reason=None),
    ]
    wavs = {(1, "p01"): Wav(length_ms * 8, RATE_HZ, at(10))}
    known = None if heartbeat is None else at(heartbeat / 1000)
    if grant < told:
        with pytest.raises(ContradictionError):
            plan(entries, wavs, known)
        return
    made = manifest(entries, wavs, known)
    for one in made["tracks"]:
        if one["stored_samples"]:
            assert names.instant_of(one["stored_from"]) >= at(told / 1000)
            assert names.instant_of(one["stored_until"]) <= at(revoke / 1000) - 40_000
            assert known is not None
            assert names.instant_of(one["stored_until"]) <= known
        assert one["stored_samples"] + one["destroyed_samples"] == length_ms * 8


# -- fallback


def test_a_fallback_has_the_same_shape_and_no_audio():
    fallback = mf.Fallback(RECORDING, "pbx1", "switchboard", "176.1", at(0), at(5), Reason.GATE_AWAY)
    made = mf.build_fallback(fallback, "calls/x")
    assert set(made) == set(manifest(good(RECORDING)))
    assert set(made["call"]) == set(manifest(good(RECORDING))["call"])
    assert (made["call"]["outcome"], made["call"]["reason"], made["call"]["source"]) == (
        "not_recorded",
        "gate_away",
        "fallback",
    )
