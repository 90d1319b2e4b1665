"""Ship anchors each day that is over, once, whatever happens to it, its clock and its servers meanwhile."""

import json

import pytest
from sealed_calls import BEGAN, SECOND, SyntheticSpool
from unit.ship_world import World, failing, said

from ari_app import clock
from ari_app.adapters.ledger import Ledger
from ari_app.commands import verify
from ari_app.core import anchor
from ari_app.core.anchor import Link
from ari_app.core.names import Instant
from ari_app.errors import TransientError
from ari_app.inspection import Inspection
from ari_app.signing import Keyring, Signer

SIGNER, NEXT = Signer(bytes(range(32))), Signer(bytes(range(1, 33)))
DAY = 86_400 * SECOND
ANCHOR = "calls/anchors/2026/11/22.pbx1.json"


class Days(World):
    """A world whose clock can be set: so much later than the synthetic calls began."""

    later = 3600 * SECOND


@pytest.fixture
def world(tmp_path, monkeypatch):
    made = Days(SyntheticSpool(tmp_path / "spool").prepare())
    made.signer = SIGNER
    monkeypatch.setattr(clock, "now", lambda: Instant(BEGAN + made.later))
    return made


def stored(world, day):
    key = f"calls/anchors/2026/11/{day}.pbx1.json"
    return world.store.objects.get(key), world.store.objects.get(f"{key}.sig")


def shipped(world, *, later=None, calls=0):
    world.later = world.later if later is None else later
    recordings = [world.synthetic.good() for _ in range(calls)]
    assert world.run() == 0
    return recordings


def test_a_day_is_anchored_when_it_is_over(world):
    first, second = shipped(world, calls=2)
    assert stored(world, 22) == (None, None)
    (third,) = shipped(world, later=DAY, calls=1)
    text, signed = stored(world, 22)
    assert Keyring([SIGNER.public_key]).refusal(text, signed) == ""
    found = anchor.read(text)
    assert (found.node, found.day, found.before) == ("pbx1", "2026-11-22", None)
    folder = "calls/2026/11/22"
    assert list(found.manifests) == [f"{folder}/{one}/manifest.json" for one in (first, second)]
    assert all(world.store.head(key).sha256 == digest for key, digest in found.manifests.items())
    # What was stored on a day is in that day's anchor, whenever the call was.
    shipped(world, later=3 * DAY)
    assert list(anchor.read(stored(world, 23)[0]).manifests) == [f"{folder}/{third}/manifest.json"]
    assert anchor.read(stored(world, 23)[0]).before == Link("2026-11-22", world.store.head(ANCHOR).sha256)
    assert stored(world, 24) == (None, None)
    names = sorted(one.name for one in world.layout.anchors.iterdir())
    assert names == [f"2026-11-{day}.json{end}" for day in (22, 23) for end in ("", ".sig")]


def test_one_that_could_not_be_stored_is_stored_later_as_it_was_decided(world, monkeypatch):
    shipped(world, calls=1)
    with monkeypatch.context() as patch:
        patch.setattr(world.store, "put", failing(TransientError("S3 is away")))
        with pytest.raises(TransientError):
            shipped(world, later=DAY)
    decided = Ledger(world.layout.anchors).file("2026-11-22").read_bytes()
    world.signer = NEXT
    shipped(world, later=2 * DAY)
    text, signed = stored(world, 22)
    assert text == decided
    assert Keyring([SIGNER.public_key]).refusal(text, signed) == ""
    assert Ledger(world.layout.anchors).due(Instant(BEGAN + 9 * DAY)) == []


def test_a_clock_that_is_set_back_adds_nothing_to_a_day_that_is_signed(world):
    shipped(world, calls=1)
    shipped(world, later=DAY)
    before = stored(world, 22)
    (late,) = shipped(world, later=2 * 3600 * SECOND, calls=1)
    shipped(world, later=2 * DAY)
    assert stored(world, 22) == before
    assert list(anchor.read(stored(world, 23)[0]).manifests) == [f"calls/2026/11/22/{late}/manifest.json"]


def test_a_torn_line_of_the_ledger_costs_no_other(world):
    (first,) = shipped(world, calls=1)
    with (world.layout.anchors / "2026-11-22.jsonl").open("ab") as ledger:
        ledger.write(b'{"manifest":"calls/')
    (second,) = shipped(world, calls=1)
    shipped(world, later=DAY)
    assert [one.split("/")[4] for one in anchor.read(stored(world, 22)[0]).manifests] == [first, second]


def test_a_call_that_was_stored_twice_after_a_kill_is_named_once(world, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr("ari_app.adapters.spool.Spool.finish", failing(KeyboardInterrupt()))
        world.synthetic.good()
        with pytest.raises(KeyboardInterrupt):
            world.run()
    shipped(world)
    assert (world.layout.anchors / "2026-11-22.jsonl").read_bytes().count(b"manifest.json") == 2
    shipped(world, later=DAY)
    assert len(anchor.read(stored(world, 22)[0]).manifests) == 1


def test_a_foreign_one_in_its_place_keeps_no_call_waiting(world, capsys):
    shipped(world, calls=1)
    world.store.objects["calls/anchors/2026/11/22.pbx1.json"] = b"another"
    world.later = DAY
    recording = world.synthetic.good()
    assert world.run() == 1
    assert recording in world.names("shipped")
    text = said(capsys)
    assert "anchor.kept" in text
    assert "S3 holds another object under this name" in text


def test_without_a_key_nothing_is_noted_and_nothing_anchored(world):
    world.signer = None
    shipped(world, calls=1)
    shipped(world, later=DAY)
    assert not world.layout.anchors.exists()
    assert not [key for key in world.store.objects if "anchors" in key]


@pytest.fixture
def ask(world, capsys):
    """Three days with a call each, of which two are anchored; return the code and every line that was said."""
    for days in range(3):
        shipped(world, later=days * DAY + 3600 * SECOND, calls=1)

    def asked(*, day=None, as_json=False):
        capsys.readouterr()
        looking = Inspection(world.store, Keyring([SIGNER.public_key]), "calls")
        code = verify.inspect(looking, recording=None, day=day, everything=day is None, as_json=as_json)
        return code, capsys.readouterr().out.splitlines()

    return asked


def folder_of(world, day):
    (key,) = anchor.read(stored(world, day)[0]).manifests
    return key.removesuffix("/manifest.json")


def test_verify_says_that_the_anchors_are_unbroken(ask):
    code, lines = ask()
    assert (code, len(lines)) == (0, 1)
    assert lines[0].endswith("permits of all its parties. 2 days anchored, unbroken.")
    assert ask(day="2026-11-22") == (code, lines)
    assert json.loads(ask(as_json=True)[1][-1]) == {"recordings": 3, "whole": 3} | {
        "anchors": 2, "anchors_whole": 2, "bundles": 2, "bundles_whole": 2,
    }  # fmt: skip


def test_verify_finds_a_recording_that_was_removed_with_all_that_belongs_to_it(world, ask):
    gone = folder_of(world, 23)
    world.store.objects = {key: value for key, value in world.store.objects.items() if not key.startswith(gone)}
    line = f"{gone}/manifest.json was anchored on 2026-11-23, and is not there"
    for code, lines in (ask(), ask(day="2026-11-22")):
        assert (code, lines[0]) == (1, line)
        assert lines[1] == "3 recordings: 1 is not whole. 2 days anchored, unbroken."


def test_verify_finds_a_recording_that_was_signed_once_more(world, ask):
    """By somebody who has the key: what was anchored before it came into their hands is safe from them."""
    folder = folder_of(world, 22)
    said_before = json.loads(world.store.objects[f"{folder}/manifest.json"])
    said_before["call"]["line"] = "another"
    text = json.dumps(said_before, sort_keys=True, separators=(",", ":")).encode()
    world.store.objects |= {f"{folder}/manifest.json": text, f"{folder}/manifest.json.sig": SIGNER.sign(text)}
    code, lines = ask()
    assert (code, lines[0]) == (1, f"{folder}/manifest.json is not the one that was anchored on 2026-11-22")


@pytest.mark.parametrize("end", ["", ".sig"])
def test_verify_looks_at_each_byte_of_an_anchor(world, ask, end):
    key = f"calls/anchors/2026/11/22.pbx1.json{end}"
    whole = world.store.objects[key]
    for place in range(len(whole)):
        world.store.objects[key] = whole[:place] + bytes([whole[place] ^ 1 << place % 8]) + whole[place + 1 :]
        looking = Inspection(world.store, Keyring([SIGNER.public_key]), "calls")
        assert any(one.faults for one in looking.anchors("", whole=True).verdicts), place
    world.store.objects[key] = whole
    del world.store.objects[key]
    code, lines = ask()
    assert code == 1
    assert lines[0].startswith("calls/anchors/2026/11/22.pbx1.json")
    assert "2 days anchored" in lines[-1]


def test_verify_finds_an_anchor_that_was_removed_with_its_signature(world, ask):
    for end in ("", ".sig"):
        del world.store.objects[f"calls/anchors/2026/11/22.pbx1.json{end}"]
    code, lines = ask()
    follows = "calls/anchors/2026/11/23.pbx1.json follows from that of 2026-11-22, which is not there"
    assert (code, lines[0]) == (1, follows)
    assert lines[-1].endswith("1 day anchored: 1 not whole. 1 of 2 bundles not whole.")
    (told, *_, total) = [json.loads(line) for line in ask(as_json=True)[1]]
    assert (told["folder"], told["whole"]) == ("calls/anchors", False)
    assert "recording" not in told
    assert (total["anchors"], total["anchors_whole"]) == (1, 0)
