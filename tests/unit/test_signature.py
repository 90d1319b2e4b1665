"""The signature's own object: one way to write it, and every other one is refused."""

import json

import pytest
from unit.driven import REAL, Core

KEY, VALUE = "ab" * 32, bytes(range(64))


@pytest.fixture
def core() -> Core:
    return REAL


def test_what_was_written_is_read(core):
    made = core.signature.Signature(KEY, VALUE)
    text = core.signature.to_json(made)
    assert core.signature.read(text) == made
    said = {"format": 1, "algorithm": "ed25519", "key": KEY, "signature": VALUE.hex()}
    assert json.loads(text) == said


def test_a_key_is_known_by_the_hash_of_its_public_one(core):
    assert core.signature.key_id(b"abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_no_byte_of_it_may_be_another(core):
    """Nothing else is read as the same signature: a flipped bit changes it, or is refused."""
    made = core.signature.Signature(KEY, VALUE)
    text = core.signature.to_json(made)
    for place in range(len(text)):
        for bit in range(8):
            altered = bytearray(text)
            altered[place] ^= 1 << bit
            try:
                found = core.signature.read(bytes(altered))
            except ValueError:
                continue
            assert found != made, (place, bit)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{}",
        b"[]",
        b"1",
        b"\xff",
        b"[" * 100_000,
        b'{"format":1}',
        b'{"format":1,"algorithm":"ed25519","key":"x","signature":7}',
        b'{"format":1,"algorithm":"ed25519","key":"x","signature":"no hex"}',
    ],
)
def test_what_is_no_signature_is_told(core, text):
    with pytest.raises(ValueError, match="is no signature that can be read"):
        core.signature.read(text)


@pytest.mark.parametrize("changes", [{"format": 2}, {"format": True}, {"algorithm": "ed448"}])
def test_a_later_format_is_not_taken_for_this_one(core, changes):
    said = {"format": 1, "algorithm": "ed25519", "key": KEY, "signature": VALUE.hex()} | changes
    with pytest.raises(ValueError, match=r"another format|in these bytes"):
        core.signature.read(json.dumps(said, sort_keys=True, separators=(",", ":")).encode())


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text + b"\n",
        lambda text: text.replace(b":1,", b": 1,"),
        lambda text: text.replace(b"0a0b", b"0A0B"),
        lambda text: text[:-1] + b',"more":1}',
        lambda text: text.replace(b'"}', b'00"}'),
        lambda text: text.replace(b'3f"}', b'"}'),
    ],
)
def test_the_same_in_other_bytes_is_refused(core, change):
    text = core.signature.to_json(core.signature.Signature(KEY, VALUE))
    assert change(text) != text
    with pytest.raises(ValueError, match="was not written by ship in these bytes"):
        core.signature.read(change(text))
