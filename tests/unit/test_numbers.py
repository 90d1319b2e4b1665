"""Numbers leave in no readable form, and are found again by whoever has the key."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_app.errors import ConfigurationError, ConsentgateError
from ari_app.numbers import MAX_CHARACTERS, Numbers, normalise, parse_key

KEY = bytes(range(32))


@pytest.fixture(scope="module")
def numbers():
    return Numbers(KEY)


@pytest.mark.parametrize(
    "text", [KEY.hex(), KEY.hex().upper() + "\n", base64.b64encode(KEY).decode(), f" {KEY.hex()} "]
)
def test_a_key_is_hexadecimal_or_base64(text):
    assert parse_key(text) == KEY
    assert Numbers.from_text(text).hash("1") == Numbers(KEY).hash("1")


@pytest.mark.parametrize(
    "text", ["", "secret", KEY.hex()[:-2], "00" * 32, base64.b64encode(KEY[:-1]).decode(), "ü" * 64]
)
def test_anything_else_is_refused_with_the_command_that_makes_one(text):
    with pytest.raises(ConfigurationError, match="openssl rand -hex 32") as caught:
        parse_key(text)
    assert not text or text not in str(caught.value)


@given(st.text())
def test_what_was_encrypted_is_decrypted(text):
    numbers = Numbers(KEY)
    assert numbers.decrypt(numbers.encrypt(text)) == text[:MAX_CHARACTERS].encode("utf-8", "replace").decode()


def test_equal_numbers_cannot_be_told_from_their_ciphertext(numbers):
    first, second = numbers.encrypt("01632960100"), numbers.encrypt("01632960100")
    assert first != second
    assert b"01632960100" not in base64.b64decode(first)


def test_a_callers_kilobytes_are_cut(numbers):
    assert len(numbers.encrypt("9" * 100_000)) < 500


@pytest.mark.parametrize("spoil", ["", "AAAA", "not base64!", "other key", "flipped"])
def test_what_cannot_be_decrypted_is_an_error_for_a_person(numbers, spoil):
    ciphertext = numbers.encrypt("01632960100")
    if spoil == "other key":
        ciphertext = Numbers(bytes(32)).encrypt("01632960100")
    elif spoil == "flipped":
        raw = bytearray(base64.b64decode(ciphertext))
        raw[-1] ^= 1
        ciphertext = base64.b64encode(raw).decode()
    else:
        ciphertext = spoil
    with pytest.raises(ConsentgateError, match=r"numbers\.key_file"):
        numbers.decrypt(ciphertext)


def test_the_hash_is_keyed_and_for_search(numbers):
    assert numbers.hash("01632 960100") == numbers.hash("(01632) 960-100")
    assert numbers.hash("01632960100") != Numbers(bytes(32)).hash("01632960100")
    assert numbers.hash("01632960100") != numbers.hash("01632960101")
    assert len(bytes.fromhex(numbers.hash("x"))) == 32


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        ("01632 960100", "01632960100"),
        ("+44 1632 960100", "+441632960100"),
        (" +44", "+44"),
        ("44+1", "441"),
        ("sip:anonymous", ""),
        ("\N{ARABIC-INDIC DIGIT ZERO}\N{ARABIC-INDIC DIGIT ONE}", ""),
        ("1\r\n2", "12"),
    ],
)
def test_spellings_are_made_alike(number, expected):
    assert normalise(number) == expected
