"""Whatever is done to a recording in S3, `verify` finds it: each byte, each field, each object, in every way.

A real recording, made by ship from a journal and WAV files, with a real signature; small, so that all can be tried.
"""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from sealed_calls import BEGAN, SECOND, SyntheticSpool, good, minted, noise, wav
from unit.kept_recordings import altered
from unit.ship_world import World
from unit.test_verification_shape import leaves

from ari_app import clock
from ari_app.adapters.memory import MemoryStore
from ari_app.commands import verify
from ari_app.core import verification
from ari_app.core.names import Instant
from ari_app.core.policy import canonical
from ari_app.inspection import Inspection
from ari_app.signing import Keyring, Signer

SIGNER, STRANGER = Signer(bytes(range(32))), Signer(bytes(range(1, 33)))
DAY = "calls/2026/11/22"
ONE, TWO = minted(1), minted(2)
NAMES = ["manifest.json", "manifest.json.sig", "seg-001.flac"]


@cache
def stored() -> dict[str, bytes]:
    """Return two recordings as ship stored them: a tenth of a second of noise each, then silence."""
    with TemporaryDirectory() as folder:
        synthetic = SyntheticSpool(Path(folder) / "spool").prepare()
        world = World(synthetic)
        world.signer = SIGNER
        for number in (1, 2):
            sounds = {
                f"seg-001.{party}.wav": wav(np.concatenate([noise(seed, 0.1), np.zeros(length - 800, "<i2")]))
                for party, seed, length in (("p01", number, 32_000), ("p02", number + 10, 31_600))
            }
            synthetic.seal(good(minted(number)), sounds)
        assert world.run() == 0
        return world.store.objects


def content(name: str, recording: str = ONE) -> bytes:
    return stored()[f"{DAY}/{recording}/{name}"]


def faulty(changes: Mapping[str, bytes | None], folders: tuple[str, ...] = (f"{DAY}/{ONE}",)) -> bool:
    """Tell whether anything is found wrong in each of these folders; a change is a key and what lies there now."""
    store = MemoryStore()
    store.objects = {key: value for key, value in {**stored(), **changes}.items() if value is not None}
    inspection = Inspection(store, Keyring([SIGNER.public_key]), "calls")
    judged = {folder: inspection.verdict(folder, keys) for folder, keys in inspection.folders("")}
    return all(judged[folder].faults for folder in folders)


def key(name: str, recording: str = ONE) -> str:
    return f"{DAY}/{recording}/{name}"


def test_unaltered_they_are_whole():
    assert sorted(stored()) == sorted(key(name, recording) for recording in (ONE, TWO) for name in NAMES)
    assert not faulty({})
    assert not faulty({}, (f"{DAY}/{TWO}",))
    assert 1000 < len(content("seg-001.flac")) < 10_000, "it is a real sound, and a small one"


@pytest.mark.parametrize("name", NAMES)
def test_each_byte_of_each_object_is_looked_at(name):
    """One bit of it, all of its bits; cut off before it; one put in before it."""
    whole = content(name)
    for place, byte in enumerate(whole):
        before, after = whole[:place], whole[place + 1 :]
        for other in (bytes([byte ^ 1 << place % 8]), bytes([byte ^ 0xFF])):
            assert faulty({key(name): before + other + after}), place
        if place % 7 == 0:
            assert faulty({key(name): before}), place
            assert faulty({key(name): before + b"0" + whole[place:]}), place
    assert faulty({key(name): whole + b"\0"})


@pytest.mark.parametrize("name", NAMES)
def test_what_is_missing_or_is_anothers_is_found(name):
    assert faulty({key(name): None})
    assert faulty({key(name): b""})
    both = (f"{DAY}/{ONE}", f"{DAY}/{TWO}")
    assert faulty({key(name): content(name, TWO), key(name, TWO): content(name)}, both)


def test_what_is_anothers_as_a_whole_is_found():
    swapped = {key(name, one): content(name, two) for name in NAMES for one, two in ((ONE, TWO), (TWO, ONE))}
    assert faulty(swapped, (f"{DAY}/{ONE}", f"{DAY}/{TWO}"))
    # Its sound stays where it is.
    assert faulty({name: value for name, value in swapped.items() if not name.endswith(".flac")})


@pytest.mark.parametrize("folder", [f"calls/2026/11/23/{ONE}", f"{DAY}/{minted(3)}"])
def test_a_copy_elsewhere_is_found(folder):
    assert faulty({f"{folder}/{name}": content(name) for name in NAMES}, (folder,))


@pytest.mark.parametrize("name", ["seg-002.flac", "seg-001.p01.wav", "manifest.json.old", "a/seg-001.flac"])
def test_an_object_more_is_found(name):
    assert faulty({key(name): content("seg-001.flac")})


def test_two_objects_of_three_do_not_pass_for_a_recording():
    assert faulty({key("manifest.json"): None, key("manifest.json.sig"): None})
    assert faulty({key("seg-001.flac"): None, key("manifest.json.sig"): None})
    assert faulty({key("seg-001.flac"): None, key("manifest.json"): None})


def forged(said: dict[str, Any], signer: Signer | None = None) -> dict[str, bytes | None]:
    text = canonical(said)
    signed = signer.sign(text) if signer else content("manifest.json.sig")
    return {key("manifest.json"): text, key("manifest.json.sig"): signed}


def test_each_field_of_the_manifest_is_signed():
    """Another value that could stand there, in the bytes that ship would have written."""
    said = json.loads(content("manifest.json"))
    for path in leaves(said):
        for other in (None, 0, 1, "x", "p02", True, "2026-11-22T09:00:05.000000Z", "0" * 64):
            made = altered(said, path, other)
            if canonical(made) != canonical(said):
                assert faulty(forged(made)), (path, other)


def test_who_has_another_key_signs_in_vain():
    said = json.loads(content("manifest.json"))
    assert faulty(forged(said, STRANGER))
    assert faulty(forged(altered(said, "call.line", "advice-line"), STRANGER))
    assert not faulty(forged(altered(said, "call.line", "advice-line"), SIGNER)), "the key alone protects a word"


def test_who_has_the_key_cannot_pass_what_nobody_had_permitted():
    """Not even ship itself, by a fault of its own: what is signed is judged all the same."""
    said = json.loads(content("manifest.json"))
    for path, other in (
        ("tracks[0].stored_from", "2026-11-22T09:00:02.000000Z"),
        ("permits[0].granted_at", "2026-11-22T09:00:02.000000Z"),
        ("permits[0].parties[0].since", "2026-11-22T09:00:02.000000Z"),
        ("notices[0].packets_sent", 100),
        ("notices[0].completed_at", "2026-11-22T09:00:05.000000Z"),
        ("call.mode", "opt_in"),
        ("parties[1].contract", False),
        ("journal.heartbeat_at", "2026-11-22T09:00:05.000000Z"),
        ("objections", [{"party": "p02", "at": "2026-11-22T09:00:05.000000Z"}]),
        ("gaps", []),
        ("segments", []),
        ("folder", f"{DAY}/{TWO}"),
        ("format", 2),
        ("call.ended_at", "2126-11-22T09:00:08.100000Z"),
    ):
        assert faulty(forged(altered(said, path, other), SIGNER)), path


# -- with the anchor, the bundle and the journal beside them


DAY_LATER = Instant(BEGAN + 86_400 * SECOND)
ANCHOR = "calls/anchors/2026/11/22.pbx1.json"
BUNDLE = "calls/anchors/2026/11/22.pbx1.001.jsonl.gz"


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """A spool whose two calls are stored and anchored: the objects, and where the journals are kept."""
    synthetic = SyntheticSpool(tmp_path_factory.mktemp("kept") / "spool").prepare()
    world = World(synthetic)
    world.signer = SIGNER
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clock, "now", lambda: Instant(BEGAN + 3600 * SECOND))
        for number in (1, 2):
            sounds = {
                f"seg-001.{party}.wav": wav(np.concatenate([noise(seed, 0.1), np.zeros(length - 800, "<i2")]))
                for party, seed, length in (("p01", number, 32_000), ("p02", number + 10, 31_600))
            }
            synthetic.seal(good(minted(number)), sounds)
        assert world.run() == 0
        patch.setattr(clock, "now", lambda: DAY_LATER)
        assert world.run() == 0
    return world.store.objects, synthetic.layout.shipped


@pytest.fixture
def told(kept, capsys, monkeypatch):
    """Return the code and every line that `verify --all --journals` says of changed objects."""
    monkeypatch.setattr(clock, "now", lambda: DAY_LATER)

    def ask(changes=None):
        store = MemoryStore()
        store.objects = {name: one for name, one in (kept[0] | (changes or {})).items() if one is not None}
        looking = Inspection(store, Keyring([SIGNER.public_key]), "calls")
        capsys.readouterr()
        code = verify.inspect(looking, recording=None, day=None, everything=True, as_json=False, shipped=kept[1])
        said = capsys.readouterr()
        assert said.err == ""
        return code, said.out.splitlines()

    return ask


def spoiled(whole: bytes, other: bytes) -> dict[str, bytes | None]:
    """Return what may be done to bytes: cut off at a place, a bit of it, another's, nothing, gone."""
    places = sorted({0, 1, 7, len(whole) // 3, len(whole) // 2, len(whole) - 2, len(whole) - 1})
    kinds: dict[str, bytes | None] = {"another's": other, "empty": b"", "gone": None, "longer": whole + b"\n"}
    for place in places:
        flipped = bytes([whole[place] ^ 1 << place % 8])
        kinds[f"flipped at {place}"] = whole[:place] + flipped + whole[place + 1 :]
        kinds[f"cut off at {place}"] = whole[:place]
        kinds[f"doubled at {place}"] = whole[:place] + whole[place : place + 1] + whole[place:]
    return kinds


@pytest.mark.parametrize("name", [*(key(one) for one in NAMES), ANCHOR, f"{ANCHOR}.sig", BUNDLE])
def test_every_kind_of_tampering_with_every_object_is_told_by_its_name(kept, told, name):
    assert told()[0] == 0
    other = kept[0][name.replace(ONE, TWO)] if ONE in name else kept[0][ANCHOR if name != ANCHOR else BUNDLE]
    for kind, content in spoiled(kept[0][name], other).items():
        code, lines = told({name: content})
        assert code == 1, kind
        about = [line for line in lines[:-1] if line.startswith((name.removesuffix(".sig"), BUNDLE))]
        assert about, (kind, lines)
        assert len(lines[-1]) > 1


def test_every_byte_of_a_journal_that_is_still_there_is_looked_at(kept, told, monkeypatch):
    file = kept[1] / ONE / "journal.jsonl"
    whole = file.read_bytes()
    reads = Path.read_bytes
    found = next(verdict for verdict in judged(kept) if verdict.folder.endswith(ONE))
    for place, byte in enumerate(whole):
        for content in (whole[:place] + bytes([byte ^ 1 << place % 8]) + whole[place + 1 :], whole[:place]):
            assert verification.journal(found, content).faults, place
    monkeypatch.setattr(Path, "read_bytes", lambda self: whole[:-9] if self == file else reads(self))
    code, lines = told()
    assert (code, lines[0].split(" has ")[0]) == (1, f"{DAY}/{ONE}/journal.jsonl")
    other = (kept[1] / TWO / "journal.jsonl").read_bytes()
    monkeypatch.setattr(Path, "read_bytes", lambda self: other if self == file else reads(self))
    assert told()[0] == 1

    def refused(self):
        if self == file:
            raise PermissionError(13, "Permission denied")
        return reads(self)

    monkeypatch.setattr(Path, "read_bytes", refused)
    assert told()[1][0] == f"{DAY}/{ONE}/journal.jsonl cannot be read: Permission denied"

    def gone(self):
        if self == file:
            raise FileNotFoundError
        return reads(self)

    monkeypatch.setattr(Path, "read_bytes", gone)
    assert told()[0] == 0, "the journal is not in the bucket, and need not be kept"


def judged(kept):
    store = MemoryStore()
    store.objects = kept[0]
    inspection = Inspection(store, Keyring([SIGNER.public_key]), "calls")
    return [inspection.verdict(folder, keys) for folder, keys in inspection.folders("")]


@pytest.mark.parametrize(
    ("path", "value", "what"),
    [
        ("format", 2, "is 2, of a later version than this one, which knows 1: update consentgate"),
        ("call.ended_at", "2126-11-22T09:00:08.100000Z", "call.ended_at is in the future"),
        ("call.recording", TWO, "folder is not that of this recording and its day"),
        ("journal.sha256", "0" * 64, "and the manifest says 16"),
    ],
)
def test_what_the_holder_of_the_key_says_wrongly_is_told_with_its_reason(kept, told, path, value, what):
    text = canonical(altered(json.loads(kept[0][key("manifest.json")]), path, value))
    code, lines = told({key("manifest.json"): text, key("manifest.json.sig"): SIGNER.sign(text)})
    assert code == 1
    assert any(what in line for line in lines), lines


def test_an_anchor_of_a_later_version_is_told_as_such(kept, told):
    text = canonical(json.loads(kept[0][ANCHOR]) | {"format": 3})
    code, lines = told({ANCHOR: text, f"{ANCHOR}.sig": SIGNER.sign(text)})
    assert (code, lines[0]) == (1, f"{ANCHOR} is of a later version than this one, which knows 2: update consentgate")
