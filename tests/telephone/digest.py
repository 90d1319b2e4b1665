"""Digest authentication (RFC 7616, and RFC 2617 where a challenge names no `qop`): the answer to a challenge."""

import hashlib
import re
import secrets
from dataclasses import dataclass
from typing import Final

from .message import Message

_PARAMETER: Final = re.compile(r'(\w+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,]+))')
_HASHES: Final = {"MD5": "md5", "SHA-256": "sha256"}


@dataclass(frozen=True, slots=True)
class Credentials:
    """A name and a password, for whatever realm asks."""

    user: str
    password: str

    def __repr__(self) -> str:
        """Without the password, which would else be in every assertion that fails."""
        return f"Credentials(user={self.user!r}, password='***')"


def parameters(value: str) -> dict[str, str]:
    """The parameters of a challenge or of its answer."""
    _, _, rest = value.partition(" ")
    return {name.lower(): quoted or plain for name, quoted, plain in _PARAMETER.findall(rest)}


def digest_of(algorithm: str, credentials: Credentials, given: dict[str, str], method: str, uri: str) -> str:
    """The `response` value for the parameters `given` (realm, nonce, and with qop nc and cnonce)."""

    def hashed(text: str) -> str:
        return hashlib.new(
            _HASHES[algorithm], text.encode("utf-8", "surrogateescape"), usedforsecurity=False
        ).hexdigest()

    who = hashed(f"{credentials.user}:{given['realm']}:{credentials.password}")
    what = hashed(f"{method}:{uri}")
    if "qop" not in given:
        return hashed(f"{who}:{given['nonce']}:{what}")
    return hashed(f"{who}:{given['nonce']}:{given['nc']}:{given['cnonce']}:auth:{what}")


def answer(response: Message, credentials: Credentials, method: str, uri: str) -> tuple[str, str] | None:
    """The header that answers a 401 or 407, or None if it asks for nothing that we can do."""
    asked, answered = (
        ("proxy-authenticate", "Proxy-Authorization")
        if response.status == 407
        else ("www-authenticate", "Authorization")
    )
    for challenge in response.every(asked):
        given = parameters(challenge)
        algorithm = given.get("algorithm", "MD5").upper()
        if (
            not challenge.lower().startswith("digest")
            or algorithm not in _HASHES
            or not {"realm", "nonce"} <= given.keys()
        ):
            continue
        used = {"realm": given["realm"], "nonce": given["nonce"]}
        if "auth" in re.split(r"[\s,]+", given.get("qop", "")):
            used |= {"qop": "auth", "nc": "00000001", "cnonce": secrets.token_hex(8)}
        value = digest_of(algorithm, credentials, used, method, uri)
        parts = [
            f'username="{credentials.user}"',
            f'realm="{used["realm"]}"',
            f'nonce="{used["nonce"]}"',
            f'uri="{uri}"',
        ]
        parts += [f'response="{value}"', f"algorithm={algorithm}"]
        if "qop" in used:
            parts += ["qop=auth", f"nc={used['nc']}", f'cnonce="{used["cnonce"]}"']
        if "opaque" in given:
            parts.append(f'opaque="{given["opaque"]}"')
        return answered, "Digest " + ", ".join(parts)
    return None
