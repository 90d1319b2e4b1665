"""Telephone numbers leave the machine's memory only as ciphertext, with a keyed hash to search by.

One secret of 32 bytes, made once by the administrator and kept apart from database and bucket:

    openssl rand -hex 32 > /etc/consentgate/numbers.key

From it follow two keys, so that whoever may search cannot decrypt. Without it nobody can tell whose call a
recording is, not even by trying all numbers: an unkeyed hash of eleven digits would fall in minutes.
"""

import base64
import binascii
import hashlib
import hmac
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from .errors import ConfigurationError, ConsentgateError

KEY_BYTES = 32
MAX_CHARACTERS = 256
"""Longer "numbers" are not numbers: SIP lets a caller send kilobytes of user part."""

MOST_NUMBER_CHARACTERS = 64
"""Of what a caller says is their number so much is kept."""

_NONCE_BYTES = 12
_VERSION = b"\x01"
_PURPOSE_ENCRYPT = b"consentgate numbers: encryption 1"
_PURPOSE_SEARCH = b"consentgate numbers: search 1"


def read_key(text: str) -> bytes | None:
    """Return a secret of 32 random bytes, written as 64 hexadecimal digits or in base64; None if it is neither."""
    text = text.strip()
    for read in (bytes.fromhex, lambda value: base64.b64decode(value, validate=True)):
        try:
            key = read(text)
        except (ValueError, binascii.Error):
            continue
        if len(key) == KEY_BYTES and len(set(key)) > 1:
            return key
    return None


def parse_key(text: str) -> bytes:
    """Read the content of `numbers.key_file`. Raises ConfigurationError."""
    if (key := read_key(text)) is not None:
        return key
    raise ConfigurationError(
        "the key for telephone numbers cannot be used",
        on="numbers.key_file",
        why="it must be 32 random bytes as 64 hexadecimal digits or in base64",
        hint="Make one with: openssl rand -hex 32",
    )


def normalise(number: str) -> str:
    """Return the digits, with a leading + kept: what two spellings of a number have in common.

    Whether 01632… and +441632… are one line depends on the country and the site's trunk, which decide it
    before the number comes here.
    """
    digits = "".join(character for character in number if character in "0123456789")
    return ("+" if number.lstrip().startswith("+") else "") + digits


class Numbers:
    """Encrypts and hashes under one site's key."""

    __slots__ = ("_cipher", "_search")

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(hmac.digest(key, _PURPOSE_ENCRYPT, hashlib.sha256))
        self._search = hmac.digest(key, _PURPOSE_SEARCH, hashlib.sha256)

    @classmethod
    def from_text(cls, text: str) -> "Numbers":
        """Make it from the key file's content. Raises ConfigurationError."""
        return cls(parse_key(text))

    def encrypt(self, number: str) -> str:
        """Return base64 that differs each time: equal numbers cannot be told from their ciphertext."""
        nonce = os.urandom(_NONCE_BYTES)
        text = number[:MAX_CHARACTERS].encode("utf-8", "replace")
        return base64.b64encode(_VERSION + nonce + self._cipher.encrypt(nonce, text, _VERSION)).decode("ascii")

    def seal(self, number: str) -> tuple[str, str] | tuple[None, None]:
        """Return a caller's number as evidence holds it: its ciphertext and its hash; of a withheld one, nothing."""
        number = number[:MOST_NUMBER_CHARACTERS]
        return (self.encrypt(number), self.hash(number)) if number else (None, None)

    def decrypt(self, ciphertext: str) -> str:
        """Return the number. Raises ConsentgateError if the key is another one or the text was altered."""
        try:
            raw = base64.b64decode(ciphertext, validate=True)
            nonce, sealed = raw[1 : 1 + _NONCE_BYTES], raw[1 + _NONCE_BYTES :]
            return self._cipher.decrypt(nonce, sealed, raw[:1]).decode("utf-8")
        except (ValueError, InvalidTag) as error:
            raise ConsentgateError(
                "a telephone number cannot be decrypted",
                why="it was encrypted under another key, or was altered",
                hint="Put back the key of the time of the call in numbers.key_file",
            ) from error

    def hash(self, number: str) -> str:
        """Return the keyed hash to search by, in hex: the same for all spellings that normalise alike."""
        return hmac.digest(self._search, normalise(number).encode("ascii"), hashlib.sha256).hex()
