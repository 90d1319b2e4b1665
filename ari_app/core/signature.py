"""The signature of a manifest, as an object beside it: `manifest.json.sig`.

It is of the manifest's exact bytes, so that anybody can check it with any Ed25519 there is (RFC 8032), and in an
object of its own, so that those bytes stay what is hashed. It names its key by a hash of the public one: a
site that changes its key goes on being believed for what the earlier one signed.
"""

import hashlib
import json
from dataclasses import dataclass

from .policy import canonical

FORMAT = 1
ALGORITHM = "ed25519"
SUFFIX = ".sig"
MANIFEST = "manifest.json"
SIGNATURE = f"{MANIFEST}{SUFFIX}"
SIGNATURE_BYTES = 64


@dataclass(frozen=True, slots=True)
class Signature:
    """What was signed by which key. `value`: 64 bytes."""

    key: str
    value: bytes


def key_id(public_key: bytes) -> str:
    """Return by which name a signature knows its key: the SHA-256 of the 32 bytes of the public one, in hex."""
    return hashlib.sha256(public_key).hexdigest()


def to_json(signature: Signature) -> bytes:
    """Return the object's bytes: always the same for the same signature."""
    value = signature.value.hex()
    return canonical({"format": FORMAT, "algorithm": ALGORITHM, "key": signature.key, "signature": value})


def read(text: bytes) -> Signature:
    """Read the object. Raises ValueError, in words for a person, for anything but what `to_json` writes."""
    try:
        raw = json.loads(text)
        kind, algorithm, key = raw["format"], raw["algorithm"], str(raw["key"])
        value = bytes.fromhex(raw["signature"])
    except (ValueError, KeyError, TypeError, RecursionError):
        raise ValueError("is no signature that can be read") from None
    if (kind, algorithm) != (FORMAT, ALGORITHM):
        raise ValueError("is of another format or algorithm than this version knows")
    signature = Signature(key, value)
    # The same in other bytes (a space, an upper-case digit) was written by somebody else.
    if len(value) != SIGNATURE_BYTES or to_json(signature) != text:
        raise ValueError("was not written by ship in these bytes")
    return signature
