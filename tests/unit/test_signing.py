"""Keys sign and are recognised; against the test vectors of RFC 8032."""

import pytest

from ari_app.core import signature
from ari_app.errors import ConfigurationError
from ari_app.signing import Keyring, Signer

SEED = "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"
PUBLIC = "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"
SIGNED = (
    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
    "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
)
OTHER = Signer(bytes(range(32)))


def test_it_signs_as_the_standard_says():
    signer = Signer.from_text(SEED + "\n")
    assert signer.public_key == PUBLIC
    found = signature.read(signer.sign(b"\x72"))
    assert (found.key, found.value.hex()) == (signer.id, SIGNED)
    assert signer.sign(b"\x72") == signer.sign(b"\x72")


@pytest.mark.parametrize("text", ["", "short", SEED[:-2], "00" * 32])
def test_anything_else_is_refused_with_the_command_that_makes_one(text):
    with pytest.raises(ConfigurationError, match="openssl rand -hex 32") as caught:
        Signer.from_text(text)
    assert not text or text not in str(caught.value)


def test_what_a_known_key_signed_is_believed_whichever_of_them_it_was():
    first = Signer.from_text(SEED)
    ring = Keyring([OTHER.public_key, first.public_key])
    assert ring.refusal(b"text", first.sign(b"text")) == ""
    assert ring.refusal(b"text", OTHER.sign(b"text")) == ""


@pytest.mark.parametrize(
    ("text", "signed", "said"),
    [
        (b"texts", OTHER.sign(b"text"), "does not fit"),
        (b"text", Signer.from_text(SEED).sign(b"text"), "which is not known here"),
        (b"text", b"{}", "is no signature that can be read"),
        (b"text", signature.to_json(signature.Signature(OTHER.id, bytes(64))), "does not fit"),
    ],
)
def test_anything_else_is_not(text, signed, said):
    assert said in Keyring([OTHER.public_key]).refusal(text, signed)


def test_without_a_key_nothing_is_believed():
    assert "is not known here" in Keyring([]).refusal(b"text", OTHER.sign(b"text"))
