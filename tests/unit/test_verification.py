"""A recording as it lies in S3: what is altered, moved, swapped, missing or too many is told, each by its object."""

import json
from dataclasses import replace

import pytest
from sealed_calls import at, journal, minted, opened
from unit.kept_recordings import FOLDER, NOTED, OBJECTS, OPT_IN, WHOLE, altered, flac, lying

from ari_app.core import evidence as ev
from ari_app.core.reasons import Reason

FIRST = OBJECTS["seg-001.flac"]


def faults(core, case):
    verdict = core.verification.judge(case)
    assert verdict.folder == case.folder
    return [str(one) for one in verdict.faults]


@pytest.mark.parametrize("said", [WHOLE, OPT_IN])
def test_a_whole_one_has_none(core, said):
    verdict = core.verification.judge(lying(said))
    assert (verdict.faults, verdict.manifest) == ((), said)


def test_one_that_was_not_recorded_has_no_object_and_no_fault(core):
    assert faults(core, lying(NOTED, objects={})) == []
    assert faults(core, lying(NOTED, objects={"seg-001.flac": FIRST})) == ["seg-001.flac is not in the manifest"]


def test_without_a_manifest_nothing_can_be_said_of_the_rest(core):
    case = lying(WHOLE, manifest=None)
    assert faults(core, case) == [
        "manifest.json is not there",
        "seg-001.flac belongs to no manifest",
        "seg-002.flac belongs to no manifest",
    ]
    assert core.verification.judge(case).manifest is None


def test_a_signature_is_there_and_fits(core):
    text = "manifest.json.sig is not there: nobody can prove that nothing was altered"
    assert faults(core, lying(WHOLE, refusal=None)) == [text]
    assert faults(core, lying(WHOLE, refusal="does not fit")) == ["manifest.json.sig does not fit"]


@pytest.mark.parametrize("text", [b"", b"{", b"\xff", b"[" * 100_000, b'{"a":NaN}'])
def test_a_manifest_that_cannot_be_read_is_told(core, text):
    assert faults(core, lying(WHOLE, manifest=text)) == ["manifest.json cannot be read"]


@pytest.mark.parametrize("text", [b"[]", b"7", b"null"])
def test_a_manifest_that_is_no_object_is_told(core, text):
    assert faults(core, lying(WHOLE, manifest=text)) == ["manifest.json is no object"]


def test_the_signature_is_judged_also_where_the_manifest_cannot_be(core):
    assert faults(core, lying(WHOLE, manifest=b"{", refusal="does not fit"))[0] == "manifest.json.sig does not fit"
    found = faults(core, lying(altered(WHOLE, "format", 2), refusal=None))
    assert found[0].startswith("manifest.json.sig is not there")
    assert faults(core, lying({}, refusal="x"))[:2] == ["manifest.json.sig x", "manifest.json: format is missing"]


def test_other_bytes_for_the_same_are_told(core):
    assert faults(core, lying(WHOLE, manifest=json.dumps(WHOLE).encode())) == [
        "manifest.json is not in the bytes that ship writes"
    ]


def test_a_later_format_is_not_judged_by_this_versions_rules(core):
    (only,) = faults(core, lying(altered(WHOLE, "format", 2)))
    assert only.startswith("manifest.json: format is 2, of a later version than this one, which knows 1: update")
    assert faults(core, lying(altered(WHOLE, "format", True))) == [
        "manifest.json: format does not hold what belongs there"
    ]


def test_what_is_of_another_shape_is_told_and_nothing_else_is_said_of_it(core):
    verdict = core.verification.judge(lying(altered(WHOLE, "gaps", None), objects={}))
    assert [(one.object, one.field) for one in verdict.faults] == [("manifest.json", "gaps")]
    assert verdict.manifest is None


def test_what_was_moved_or_swapped_is_told(core):
    elsewhere = FOLDER.replace("22", "23")
    assert faults(core, lying(WHOLE, folder=elsewhere)) == [
        f"manifest.json: folder is {FOLDER}, and it lies in {elsewhere}"
    ]
    wrong = "manifest.json: folder is not that of this recording and its day"
    assert faults(core, lying(altered(WHOLE, "folder", elsewhere), folder=elsewhere)) == [wrong]
    assert faults(core, lying(altered(WHOLE, "call.recording", minted(2)))) == [wrong]


def test_what_is_not_over_yet_is_told(core):
    """The call ended at 30 s; a minute is allowed to the clocks."""
    assert faults(core, lying(WHOLE, now=at(-30))) == []
    assert faults(core, lying(WHOLE, now=at(-30.000_001))) == ["manifest.json: call.ended_at is in the future"]


def test_a_prefix_of_several_parts_or_of_none_is_right(core):
    for folder in ("a/b/" + FOLDER, FOLDER.removeprefix("calls/")):
        assert faults(core, lying(altered(WHOLE, "folder", folder), folder=folder)) == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"size": 1000}, "seg-001.flac has 1000 bytes, and the manifest says 1001"),
        ({"sha256": "0" * 64}, f"seg-001.flac has the SHA-256 {'0' * 64}, and the manifest says {FIRST.sha256}"),
        ({"head": flac(samples=87_681)}, "seg-001.flac: samples is 87681, and the manifest says 87680"),
        ({"head": flac(samples=0)}, "seg-001.flac: samples is 0, and the manifest says 87680"),
        (
            {"head": flac(samples=87_680 + (1 << 35))},
            f"seg-001.flac: samples is {87_680 + (1 << 35)}, and the manifest says 87680",
        ),
        ({"head": flac(samples=87_680, channels=1)}, "seg-001.flac: channels is 1, and the manifest says 2"),
        ({"head": flac(samples=87_680, channels=8)}, "seg-001.flac: channels is 8, and the manifest says 2"),
        ({"head": flac(samples=87_680, rate_hz=8001)}, "seg-001.flac: rate_hz is 8001, and the manifest says 8000"),
        ({"head": flac(samples=87_680, bits=24)}, "seg-001.flac: bits is 24, and the manifest says 16"),
        ({"head": b"RIFF" + FIRST.head[4:]}, "seg-001.flac: format is not FLAC, and the manifest says FLAC"),
        ({"head": FIRST.head[:25]}, "seg-001.flac: format is not FLAC, and the manifest says FLAC"),
        ({"head": b"fLaC\x01" + FIRST.head[5:]}, "seg-001.flac: format is not FLAC, and the manifest says FLAC"),
    ],
)
def test_a_sound_that_is_not_the_one_that_was_signed_is_told(core, changes, words):
    case = lying(WHOLE, objects={**OBJECTS, "seg-001.flac": replace(FIRST, **changes)})
    assert faults(core, case) == [words]


def test_no_more_of_a_sound_is_needed_than_its_first_bytes(core):
    assert core.verification.HEAD_BYTES == 26
    heads = {name: replace(one, head=one.head[:26]) for name, one in OBJECTS.items()}
    assert faults(core, lying(WHOLE, objects=heads)) == []
    # Whether more blocks follow the first one does not matter.
    alone = replace(FIRST, head=b"fLaC\x80" + FIRST.head[5:])
    assert faults(core, lying(WHOLE, objects={**OBJECTS, "seg-001.flac": alone})) == []


def test_objects_that_are_missing_too_many_or_swapped_are_told(core):
    one, two = OBJECTS["seg-001.flac"], OBJECTS["seg-002.flac"]
    assert faults(core, lying(WHOLE, objects={"seg-002.flac": two})) == ["seg-001.flac is not there"]
    more = {**OBJECTS, "seg-003.flac": one, "a/b": two}
    assert faults(core, lying(WHOLE, objects=more)) == [
        "a/b is not in the manifest",
        "seg-003.flac is not in the manifest",
    ]
    swapped = faults(core, lying(WHOLE, objects={"seg-001.flac": two, "seg-002.flac": one}))
    assert len([one for one in swapped if "has the SHA-256" in one]) == 2


def test_a_contradiction_is_told_by_its_field(core):
    case = lying(altered(WHOLE, "tracks[0].channel", 2))
    assert faults(core, case) == ["manifest.json: tracks[0].channel is not this party's in its segment"]


def test_without_what_they_hold_the_names_of_the_objects_are_compared(core):
    def complete(names, **changes):
        found = core.verification.account(lying(WHOLE, **changes))
        return [str(one) for one in core.verification.complete(found, names).faults]

    whole = ["manifest.json", "manifest.json.sig", "seg-001.flac", "seg-002.flac"]
    assert complete(whole) == []
    assert complete([*whole[:3], "seg-003.flac", "a.wav"]) == [
        "seg-002.flac is not there",
        "a.wav is not in the manifest",
        "seg-003.flac is not in the manifest",
    ]
    assert complete(whole[2:]) == ["manifest.json is not there", "manifest.json.sig is not there"]
    assert complete([*whole[:1], *whole[2:]], refusal=None) == [
        "manifest.json.sig is not there: nobody can prove that nothing was altered"
    ]
    assert complete(["x"], manifest=b"{") == ["manifest.json cannot be read"]


def test_a_journal_is_the_one_that_the_manifest_was_made_of(core):
    entries = [opened(minted(1)), ev.Ended(at=at(3), reason=Reason.LINE_NEVER)]
    text = journal(entries)
    _, chain = ev.read(text)
    said = altered(altered(WHOLE, "journal.lines", 2), "journal.sha256", chain)
    found = core.verification.account(lying(said))
    assert core.verification.journal(found, text) is found
    assert core.verification.journal(found, text + b'{"torn') is found, "it was never durable"

    def told(content):
        return [str(one) for one in core.verification.journal(found, content).faults]

    assert told(text.replace(b"pbx1", b"pbx2")) == ["journal.jsonl line 2 does not follow from the line before it"]
    assert told(b"{}\n")[0].startswith("journal.jsonl line 1 cannot be read")
    first, end = ev.line(entries[0], ev.FIRST)
    assert told(first) == [f"journal.jsonl has 1 lines that end in {end}, and the manifest says 2, {chain}"]
    one_more = core.verification.account(lying(altered(said, "journal.lines", 3)))
    assert len(core.verification.journal(one_more, text).faults) == 1
    for without in (core.verification.account(lying(NOTED)), core.verification.account(lying(WHOLE, manifest=b"{"))):
        assert core.verification.journal(without, b"{}\n") is without


def test_the_sound_of_a_self_test_may_have_been_taken_away(core):
    said = altered(WHOLE, "parties[0].endpoint", "PJSIP/consentgate-selftest")
    assert faults(core, lying(said, objects={})) == []
    damaged = replace(OBJECTS["seg-002.flac"], size=1)
    kept = faults(core, lying(said, objects={"seg-002.flac": damaged}))
    assert kept, "what is still there must be whole"
    assert all(one.startswith("seg-002.flac") for one in kept)
    found = core.verification.judge(lying(said, objects={}))
    names = ["manifest.json", "manifest.json.sig"]
    assert core.verification.complete(found, names).faults == ()
    assert core.verification.complete(found, [*names, "seg-001.flac"]).faults == ()
    assert [str(one) for one in core.verification.complete(found, names[:1]).faults] == [
        "manifest.json.sig is not there"
    ]
    assert [str(one) for one in core.verification.complete(found, names[1:]).faults] == ["manifest.json is not there"]
    assert [str(one) for one in core.verification.complete(found, [*names, "seg-009.flac"]).faults] == [
        "seg-009.flac is not in the manifest"
    ]
