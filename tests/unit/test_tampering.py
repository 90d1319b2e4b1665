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
from sealed_calls import SyntheticSpool, good, minted, noise, wav
from unit.kept_recordings import altered
from unit.ship_world import World
from unit.test_verification_shape import leaves

from ari_app.adapters.memory import MemoryStore
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
