"""Manifests are signed by ship with Ed25519, and whoever knows the public key can tell that none was altered.

One secret of 32 bytes, made once by the administrator and kept apart from database and bucket:

    openssl rand -hex 32 > /etc/consentgate/signing.key

`consentgate check` says which public key belongs to it. That one is no secret: write it down elsewhere, for whoever
has it needs to trust neither us nor the bucket.
"""

from collections.abc import Iterable

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from .core import signature
from .core.signature import Signature
from .errors import ConfigurationError
from .numbers import read_key


class Signer:
    """The one key that signs."""

    __slots__ = ("_key",)

    def __init__(self, key: bytes) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(key)

    @classmethod
    def from_text(cls, text: str) -> "Signer":
        """Make it from the content of `signing.key_file`. Raises ConfigurationError."""
        key = read_key(text)
        if key is None:
            raise ConfigurationError(
                "the key for signatures cannot be used",
                on="signing.key_file",
                why="it must be 32 random bytes as 64 hexadecimal digits or in base64",
                hint="Make one with: openssl rand -hex 32",
            )
        return cls(key)

    @property
    def public_key(self) -> str:
        """The public key in hex: what `signing.public_keys` and other programs take."""
        return self._key.public_key().public_bytes_raw().hex()

    @property
    def id(self) -> str:
        """By which name signatures know the key."""
        return signature.key_id(bytes.fromhex(self.public_key))

    def sign(self, text: bytes) -> bytes:
        """Return the object that holds the signature of these bytes: always the same for the same bytes and key."""
        return signature.to_json(Signature(self.id, self._key.sign(text)))


class Keyring:
    """All public keys whose signatures are believed, by their ids."""

    __slots__ = ("_keys",)

    def __init__(self, public_keys: Iterable[str]) -> None:
        raw = [bytes.fromhex(one) for one in public_keys]
        self._keys = {signature.key_id(one): Ed25519PublicKey.from_public_bytes(one) for one in raw}

    def refusal(self, text: bytes, signed: bytes) -> str:
        """Return what is wrong with a signature object of these bytes, in words for a person; "" if nothing is."""
        try:
            found = signature.read(signed)
            self._keys[found.key].verify(found.value, text)
        except ValueError as damage:
            return str(damage)
        except KeyError:
            return f"is by the key {found.key[:16]}…, which is not known here (signing.public_keys)"
        except InvalidSignature:
            return "does not fit: one of the two was altered"
        return ""
