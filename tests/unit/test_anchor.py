"""The anchors of the days: what they say, that each follows from the one before, and what they find missing."""

import hashlib
import json

import pytest

from ari_app.core.policy import canonical

DAYS = ["2026-11-22", "2026-11-23", "2026-11-25"]
KEYS = {"calls/a/manifest.json": "a" * 64, "calls/b/manifest.json": "b" * 64}


def made(core, day="2026-11-22", before=None, *, node="pbx1", manifests=None):
    return core.anchor.Anchor(node, day, before, KEYS if manifests is None else manifests)


def chain(core, *days, node="pbx1"):
    """Return anchors that follow from one another, as they lie."""
    lain, before = [], None
    for number, day in enumerate(days):
        text = core.anchor.to_json(made(core, day, before, node=node, manifests={f"calls/{number}": "c" * 64}))
        lain.append(core.anchor.Lain(core.anchor.object_name(node, day), text, ""))
        before = core.anchor.Link(day, hashlib.sha256(text).hexdigest())
    return lain


def faults(core, lain, *, whole=True):
    verdicts, _ = core.anchor.judge(lain, whole=whole)
    assert {one.folder for one in verdicts} <= {"anchors"}
    return [str(fault) for verdict in verdicts for fault in verdict.faults]


@pytest.mark.parametrize("before", [False, True])
def test_what_was_written_is_read(core, before):
    anchor = made(core, before=core.anchor.Link("2026-11-21", "e" * 64) if before else None)
    text = core.anchor.to_json(anchor)
    assert core.anchor.read(text) == anchor
    said = {"format": 1, "node": "pbx1", "day": "2026-11-22", "manifests": KEYS}
    assert json.loads(text) == {**said, "before": {"day": "2026-11-21", "sha256": "e" * 64} if before else None}


@pytest.mark.parametrize(
    "text",
    [
        b"", b"{}", b"[]", b"7", b"\xff", b"[" * 100_000,
        b'{"format":1,"node":"x","day":"y","before":7,"manifests":{}}',
        b'{"format":1,"node":"x","day":"y","before":null,"manifests":[7]}',
    ],
)  # fmt: skip
def test_what_is_no_anchor_is_told(core, text):
    with pytest.raises(ValueError, match="is no anchor that can be read"):
        core.anchor.read(text)


@pytest.mark.parametrize(
    "changes", [{"format": 2}, {"more": 1}, {"manifests": {"x": 1}}, {"before": {"day": "d", "sha256": "s", "more": 1}}]
)
def test_other_bytes_are_told(core, changes):
    said = json.loads(core.anchor.to_json(made(core))) | changes
    with pytest.raises(ValueError, match="is not in the bytes that this version of ship writes"):
        core.anchor.read(canonical(said))
    with pytest.raises(ValueError, match="is not in the bytes"):
        core.anchor.read(core.anchor.to_json(made(core)) + b"\n")


def test_a_name_says_whose_anchor_it_is_and_of_which_day(core):
    assert core.anchor.object_name("pbx1", "2026-11-22") == "2026/11/22.pbx1.json"
    assert core.anchor.day_of("2026/11/22.pbx1.json") == ("pbx1", "2026-11-22")
    for name in ("2026/11/22.json", "2026/11/22.pbx1.json.sig", "x/2026/11/22.pbx1.json", "2026/11/22.PBX.json"):
        assert core.anchor.day_of(name) is None


def test_a_chain_is_whole_in_whatever_order_it_is_found(core):
    lain = chain(core, *DAYS)
    verdicts, anchored = core.anchor.judge(reversed(lain), whole=True)
    assert [one.faults for one in verdicts] == [(), (), ()]
    assert anchored == {f"calls/{number}": core.anchor.Link(day, "c" * 64) for number, day in enumerate(DAYS)}
    assert core.anchor.judge([], whole=True) == ([], {})


def test_each_node_has_a_chain_of_its_own(core):
    assert faults(core, [*chain(core, *DAYS), *chain(core, *DAYS[1:], node="pbx2")]) == []


def test_a_link_that_is_missing_is_told_by_the_one_that_followed(core):
    lain = chain(core, *DAYS)
    assert faults(core, [lain[0], lain[2]]) == [
        "2026/11/25.pbx1.json follows from that of 2026-11-23, which is not there"
    ]
    assert faults(core, lain[1:]) == ["2026/11/23.pbx1.json follows from that of 2026-11-22, which is not there"]
    # Of a part of them nobody knows what was before the first one.
    assert faults(core, lain[1:], whole=False) == []
    assert faults(core, [lain[0], lain[2]], whole=False) != []


def test_a_link_that_is_another_is_told_by_the_one_that_followed(core):
    lain = chain(core, *DAYS)
    other = core.anchor.to_json(made(core, DAYS[0]))
    assert faults(core, [core.anchor.Lain(lain[0].name, other, ""), *lain[1:]]) == [
        "2026/11/23.pbx1.json follows from another one of 2026-11-22 than the one that is there"
    ]


def test_a_chain_that_begins_anew_is_told(core):
    anew = core.anchor.Lain("2026/11/26.pbx1.json", core.anchor.to_json(made(core, "2026-11-26")), "")
    assert faults(core, [*chain(core, *DAYS), anew]) == [
        "2026/11/26.pbx1.json begins anew, although there are earlier ones"
    ]


def test_its_signature_its_bytes_and_its_place_are_judged(core):
    (one,) = chain(core, DAYS[0])
    lain = core.anchor.Lain
    assert faults(core, [lain(one.name, one.text, None)]) == ["2026/11/22.pbx1.json is not signed"]
    wrong = "2026/11/22.pbx1.json has a signature that does not fit"
    assert faults(core, [lain(one.name, one.text, "does not fit")]) == [wrong]
    assert faults(core, [lain(one.name, b"{", "does not fit")]) == [
        wrong,
        "2026/11/22.pbx1.json is no anchor that can be read",
    ]
    for name in ("2026/11/23.pbx1.json", "2026/11/22.pbx2.json"):
        assert faults(core, [lain(name, one.text, "")]) == [f"{name} is that of 2026-11-22 and node pbx1"]
    assert faults(core, [lain("notes.txt", b"", None)]) == ["notes.txt is nothing that consentgate stores"]


def verdict(core, sha256):
    return core.verification.Verdict("calls/a", (), None, sha256)


def test_a_recording_is_compared_with_its_anchor(core):
    key = "calls/a/manifest.json"
    anchored = {key: core.anchor.Link("2026-11-22", "a" * 64)}
    for same in (verdict(core, "a" * 64), verdict(core, "")):
        assert core.anchor.compare(same, anchored, key) is same
    other = verdict(core, "b" * 64)
    assert core.anchor.compare(other, {}, key) is other
    found = core.anchor.compare(other, anchored, key)
    assert [str(one) for one in found.faults] == ["manifest.json is not the one that was anchored on 2026-11-22"]
    assert (found.folder, found.manifest, found.sha256) == (other.folder, None, "b" * 64)


def test_what_was_anchored_and_is_gone_is_told(core):
    anchored = {key: core.anchor.Link("2026-11-22", sha256) for key, sha256 in KEYS.items()}
    (found,) = core.anchor.missing(anchored, {"calls/a"})
    assert found.folder == "calls/b"
    assert [str(one) for one in found.faults] == ["manifest.json was anchored on 2026-11-22, and is not there"]
