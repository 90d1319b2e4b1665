"""What a manifest says of a call becomes what is compared: covers, lengths, keys."""

import pytest
from sealed_calls import at, minted
from unit.kept_recordings import FOLDER, NOTED, WHOLE, altered

from ari_app.core.reasons import Reason


def test_a_whole_manifest_is_read(core):
    found = core.accounts.read(WHOLE)
    assert (found.channel, found.line, found.recorded, found.note) == (
        WHOLE["call"]["channel"],
        "switchboard",
        True,
        False,
    )
    assert found.manifest == f"{FOLDER}/manifest.json"
    assert [one.object for one in found.pieces] == [f"{FOLDER}/seg-001.flac", f"{FOLDER}/seg-002.flac"]
    assert found.objects == {found.manifest, *(one.object for one in found.pieces)}
    assert found.reason is None
    # p04 is a guest, whose voice is in their own recording alone: nobody misses it here.
    assert set(found.covered_ms) == {"p01", "p02"}
    cover = {"p01": 0, "p02": 0}
    for permit in WHOLE["permits"]:
        for one in permit["parties"]:
            if one["party"] in cover:
                span = core.accounts.instant_of(one["covered_until"]) - core.accounts.instant_of(one["since"])
                cover[one["party"]] += span // 1000
    assert found.covered_ms == cover


@pytest.mark.parametrize(("source", "parties"), [("gate", {"p01", "p02"}), ("fallback", {"p01"})])
def test_of_what_a_script_attested_the_caller_alone_is_recorded(source, parties, core):
    assert set(core.accounts.read(altered(WHOLE, "call.source", source)).covered_ms) == parties


def test_what_was_due_is_the_permit_s_share_of_the_file(core):
    tracks = {(one.segment, one.party): one for one in core.accounts.read(WHOLE).tracks}
    first = tracks[1, "p01"]
    said = WHOLE["tracks"][0]
    assert (said["segment"], said["party"]) == (1, "p01")
    assert first.stored_ms == said["stored_samples"] * 1000 // 8000
    assert abs(first.due_ms - first.stored_ms) <= 40
    # It began half a second before its permit: what lies before that is not due.
    second = tracks[2, "p01"]
    assert second.due_ms < 25_000 - 17_500
    assert (tracks[2, "p02"].file, tracks[2, "p02"].stored_ms, tracks[2, "p02"].empty) == (False, 0, False)
    assert sum(one.stored_ms for one in tracks.values() if one.party == "p01") == core.accounts.read(WHOLE).stored_ms(
        "p01"
    )


def test_a_file_with_nothing_in_it_is_empty(core):
    said = altered(WHOLE, "tracks[0].stored_samples", 0)
    assert not core.accounts.read(said).tracks[0].empty
    said = altered(said, "tracks[0].destroyed_samples", 0)
    assert core.accounts.read(said).tracks[0].empty
    assert not core.accounts.read(altered(said, "tracks[0].file", False)).tracks[0].empty


def test_nobody_can_say_what_is_due_of_a_file_without_beginning_end_or_permit(core):
    for path, value in (("origin_at", None), ("ended_at", None), ("permit", 9)):
        found = core.accounts.read(altered(WHOLE, f"tracks[0].{path}", value)).tracks[0]
        assert found.due_ms == 0
    late = altered(WHOLE, "tracks[0].origin_at", "2026-11-22T12:00:00.000000Z")
    assert core.accounts.read(late).tracks[0].due_ms == 0


def test_of_a_segment_that_is_not_stored_nothing_is(core):
    said = altered(WHOLE, "segments[0].segment", 7)
    assert core.accounts.read(said).tracks[0].stored_ms == 0


def test_the_stretch_that_is_kept_is_from_the_first_to_the_last(core):
    said = [one for one in WHOLE["tracks"] if one["stored_samples"]]
    kept = core.accounts.read(WHOLE).kept
    assert core.accounts.names.iso(kept.start) == min(one["stored_from"] for one in said)
    assert core.accounts.names.iso(kept.end) == max(one["stored_until"] for one in said)


def test_a_script_s_note_is_one(core):
    found = core.accounts.read(NOTED)
    assert (found.note, found.recorded, found.reason) == (True, False, Reason.GATE_AWAY)
    assert (found.kept, found.pieces, found.tracks) == (None, (), ())
    assert (found.began, found.ended) == (at(0), at(5))


def test_rows_have_whole_keys_and_their_manifest_s(core):
    said = {**altered(WHOLE, "segments[0].object", "x/seg-001.flac"), "folder": "", "manifest": "x/manifest.json"}
    found = core.accounts.read(said)
    assert (found.manifest, found.pieces[0].object) == ("x/manifest.json", "x/seg-001.flac")
    assert found.recording == minted(1)


def test_a_call_belongs_to_the_day_on_which_it_began(core):
    found = core.accounts.read(WHOLE)
    assert core.accounts.within(found, "2026-11-22")
    assert not core.accounts.within(found, "2026-11-23")


@pytest.mark.parametrize(
    ("party", "endpoint", "test"),
    [
        (0, "PJSIP/consentgate-selftest", True),
        (0, "PJSIP/consentgate-selftest-2", False),
        (0, "PJSIP/trunk", False),
        (1, "PJSIP/consentgate-selftest", False),
    ],
)
def test_a_self_test_is_known_by_its_caller_alone(core, party, endpoint, test):
    assert not core.accounts.read(WHOLE).test
    said = altered(WHOLE, f"parties[{party}].endpoint", endpoint)
    assert said["parties"][0]["party"] == "p01"
    assert core.accounts.read(said).test is test


def test_rows_without_an_endpoint_are_no_test(core):
    parties = [{name: value for name, value in one.items() if name != "endpoint"} for one in WHOLE["parties"]]
    assert not core.accounts.read({**WHOLE, "parties": parties}).test
