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
    verdicts = core.anchor.judge(lain, (), whole=whole).verdicts
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
    judged = core.anchor.judge(reversed(lain), (), whole=True)
    assert [one.faults for one in judged.verdicts] == [(), (), ()]
    named = {f"calls/{number}": core.anchor.Anchored(day, "c" * 64, "") for number, day in enumerate(DAYS)}
    assert (judged.anchored, judged.shares) == (named, {})
    assert core.anchor.judge([], (), whole=True) == core.anchor.Judged([], {}, {}, [])


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
    anchored = {key: core.anchor.Anchored("2026-11-22", "a" * 64, "")}
    for same in (verdict(core, "a" * 64), verdict(core, "")):
        assert core.anchor.compare(same, anchored, key) is same
    other = verdict(core, "b" * 64)
    assert core.anchor.compare(other, {}, key) is other
    found = core.anchor.compare(other, anchored, key)
    assert [str(one) for one in found.faults] == ["manifest.json is not the one that was anchored on 2026-11-22"]
    assert (found.folder, found.manifest, found.sha256) == (other.folder, None, "b" * 64)


def test_what_was_anchored_and_is_gone_is_told(core):
    anchored = {key: core.anchor.Anchored("2026-11-22", sha256, "") for key, sha256 in KEYS.items()}
    (found,) = core.anchor.missing(anchored, {"calls/a"})
    assert found.folder == "calls/b"
    assert [str(one) for one in found.faults] == ["manifest.json was anchored on 2026-11-22, and is not there"]


# -- bundles


def test_the_keys_of_a_day_are_shared_out_in_their_order(core):
    most = core.anchor.BUNDLED
    assert most == 5000
    keys = [f"calls/{number:05}" for number in range(2 * most + 1)]
    shares = core.anchor.shares(reversed(keys))
    assert shares == [keys[:most], keys[most : 2 * most], keys[2 * most :]]
    assert core.anchor.shares([]) == []


def test_a_bundle_has_a_name_of_its_own(core):
    name = core.anchor.bundle_name("pbx-1", "2026-11-22", 7)
    assert name == "2026/11/22.pbx-1.007.jsonl.gz"
    assert core.anchor.is_bundle(name)
    assert core.anchor.day_of(name) is None
    for other in ("2026/11/22.pbx1.json", "x/" + name, name + ".sig", "2026/11/22.pbx-1.jsonl.gz"):
        assert not core.anchor.is_bundle(other)


def with_bundles(core, *sizes, manifests=None, day="2026-11-22"):
    bundles = tuple(core.anchor.Bundle(size, "f" * 64) for size in sizes)
    return core.anchor.Anchor("pbx1", day, None, KEYS if manifests is None else manifests, bundles)


def test_an_anchor_names_its_bundles(core):
    text = core.anchor.to_json(with_bundles(core, 77))
    assert core.anchor.read(text) == with_bundles(core, 77)
    said = json.loads(text)
    assert (said["format"], said["bundles"]) == (2, [{"bytes": 77, "sha256": "f" * 64}])


def test_an_anchor_of_a_later_version_is_told_as_such(core):
    text = canonical(json.loads(core.anchor.to_json(made(core))) | {"format": 3})
    with pytest.raises(ValueError, match="is of a later version than this one, which knows 2: update consentgate"):
        core.anchor.read(text)


@pytest.mark.parametrize(
    "bundles", [[{"bytes": -1, "sha256": "f" * 64}], [{"bytes": 1, "sha256": 7}], [{"bytes": True, "sha256": "f" * 64}]]
)
def test_a_bundle_that_ship_cannot_have_named_is_told(core, bundles):
    said = json.loads(core.anchor.to_json(with_bundles(core, 1)))
    with pytest.raises(ValueError, match="is not in the bytes"):
        core.anchor.read(canonical(said | {"bundles": bundles}))


def test_an_anchor_names_as_many_bundles_as_its_manifests_fill(core):
    said = json.loads(core.anchor.to_json(with_bundles(core, 1)))
    with pytest.raises(ValueError, match="does not name the bundles of its manifests"):
        core.anchor.read(canonical(said | {"bundles": said["bundles"] * 2}))
    assert core.anchor.read(core.anchor.to_json(with_bundles(core, 0))).bundles[0].size == 0


def lain_of(core, anchor, refusal=""):
    return core.anchor.Lain(core.anchor.object_name("pbx1", anchor.day), core.anchor.to_json(anchor), refusal)


BUNDLE = "2026/11/22.pbx1.001.jsonl.gz"


def test_what_an_anchor_says_of_a_manifest_tells_its_bundle(core):
    judged = core.anchor.judge([lain_of(core, with_bundles(core, 77))], {BUNDLE}, whole=True)
    assert judged.stray == []
    assert judged.anchored == {key: core.anchor.Anchored("2026-11-22", sha256, BUNDLE) for key, sha256 in KEYS.items()}
    assert judged.shares == {BUNDLE: core.anchor.Share(core.anchor.Bundle(77, "f" * 64), sorted(KEYS))}


def test_of_a_faulty_anchor_no_bundle_is_believed(core):
    judged = core.anchor.judge([lain_of(core, with_bundles(core, 77), "does not fit")], {BUNDLE}, whole=True)
    assert (judged.stray, judged.shares) == ([], {})
    assert {one.bundle for one in judged.anchored.values()} == {""}
    later = lain_of(core, with_bundles(core, 77, day="2026-11-23"))
    follows = core.anchor.judge([lain_of(core, made(core)), later], (), whole=True)
    assert [len(one.faults) for one in follows.verdicts] == [0, 1]
    assert len(follows.shares) == 1, "that its link is broken says nothing of what it names"


def test_a_bundle_that_no_anchor_names_is_stray(core):
    others = ["2026/11/22.pbx1.002.jsonl.gz", "2026/11/22.pbx2.001.jsonl.gz", "2026/11/21.pbx1.001.jsonl.gz"]
    named = core.anchor.judge([lain_of(core, with_bundles(core, 77))], {BUNDLE, *others}, whole=True)
    assert named.stray == sorted(others)
    # Of an anchor that cannot be read, or is of a later version, nobody knows which bundles are its own.
    torn = core.anchor.Lain("2026/11/22.pbx1.json", b"{", "")
    assert core.anchor.judge([torn], {BUNDLE, *others}, whole=True).stray == sorted(others[1:])


def packed(core, manifest, signature=None):
    return core.anchor.Packed(manifest, signature)


def test_what_was_packed_is_unpacked(core):
    texts = {"calls/a/manifest.json": b"one", "calls/b/manifest.json": b"two", "calls/c/manifest.json": b"three"}
    signatures = {"calls/a/manifest.json": b"sig"}
    anchored = {
        key: core.anchor.Anchored("2026-11-22", hashlib.sha256(text).hexdigest(), BUNDLE) for key, text in texts.items()
    }
    share = core.anchor.Share(core.anchor.Bundle(1, "f" * 64), sorted(texts))
    there = [packed(core, text, signatures.get(key)) for key, text in texts.items()]
    lines = b"".join(core.anchor.to_lines(one) for one in [*there[:2], None])
    assert lines == b"one\nsig\ntwo\n\n\n\n"
    found = core.anchor.unpack(share, anchored, lines.split(b"\n")[:-1])
    assert found == dict(zip(sorted(texts)[:2], there, strict=False))
    with pytest.raises(ValueError, match="has 5 lines, and the anchor names 3 manifests of it"):
        core.anchor.unpack(share, anchored, lines.split(b"\n")[:-2])
    swapped = [b"two", b"", b"one", b"sig", b"", b""]
    with pytest.raises(ValueError, match=r"holds another calls/a/manifest\.json than the one that was anchored"):
        core.anchor.unpack(share, anchored, swapped)


def test_a_signature_is_compared_with_the_one_in_the_bundle(core):
    same = core.verification.Verdict("calls/a", (), None, hashlib.sha256(b"m").hexdigest())
    for one, there in ((None, b"x"), (packed(core, b"m", b"s"), b"s"), (packed(core, b"m", b"s"), None)):
        assert core.anchor.same_signature(same, one, there) is same
    # The manifest is another one; that has been told.
    assert core.anchor.same_signature(same, packed(core, b"n", b"s"), b"x") is same
    found = core.anchor.same_signature(same, packed(core, b"m", b"s"), b"x")
    expected = "manifest.json.sig is not the one in the bundle of the day on which it was stored"
    assert [str(one) for one in found.faults] == [expected]
