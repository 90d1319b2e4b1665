"""SIP messages as text (RFC 3261 section 7) and what is read from their headers."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote

from .datagram import Address, Instant

_COMPACT: Final = {
    "v": "via",
    "f": "from",
    "t": "to",
    "i": "call-id",
    "m": "contact",
    "l": "content-length",
    "c": "content-type",
    "r": "refer-to",
    "b": "referred-by",
    "o": "event",
}
_URI: Final = re.compile(r"<?(sips?:[^>\s]+)>?", re.IGNORECASE)
_HOST_PORT: Final = re.compile(r"sips?:(?:[^@]*@)?([0-9.]+|[A-Za-z][A-Za-z0-9.-]*)(?::(\d+))?", re.IGNORECASE)
_TAG: Final = re.compile(r";\s*tag=([^;,\s>]+)", re.IGNORECASE)
_BRANCH: Final = re.compile(r";\s*branch=([^;,\s]+)", re.IGNORECASE)

#: What the user part of a URI may hold as it is (RFC 3261 section 25.1, `unreserved` and `user-unreserved`).
_URI_USER_SAFE: Final = "-_.!~*'()&=+$,;?/"

ALLOW: Final = "INVITE, ACK, CANCEL, BYE, OPTIONS, NOTIFY, UPDATE, INFO, REFER"


class MessageError(ValueError):
    """What arrived is not SIP."""


@dataclass(slots=True)
class Message:
    """A request or a response, with its headers in order and its names as they came."""

    start: str
    headers: list[tuple[str, str]]
    body: bytes = b""
    arrived_at: Instant = 0
    source: Address = field(default=("", 0))

    @property
    def method(self) -> str:
        """The request's method, or for a response the one in its CSeq."""
        return self.get("cseq").partition(" ")[2].strip() if self.status else self.start.split(" ", 1)[0]

    @property
    def status(self) -> int:
        """The response's code, 0 for a request."""
        return int(self.start.split(" ", 2)[1]) if self.start.startswith("SIP/2.0 ") else 0

    @property
    def reason(self) -> str:
        """The words after the response's code."""
        return self.start.split(" ", 2)[2] if self.start.count(" ") > 1 else ""

    @property
    def cseq(self) -> int:
        """The number in CSeq."""
        number = self.get("cseq").split(" ", 1)[0]
        return int(number) if number.isdigit() else 0

    @property
    def branch(self) -> str:
        """The branch of the topmost Via, which names the transaction."""
        found = _BRANCH.search(self.get("via"))
        return found.group(1) if found else ""

    def get(self, name: str) -> str:
        """The first header of this name, else an empty string."""
        return next(iter(self.every(name)), "")

    def every(self, name: str) -> list[str]:
        """All headers of this name, in order."""
        wanted = name.lower()
        return [value for key, value in self.headers if _COMPACT.get(key.lower(), key.lower()) == wanted]

    def tag(self, name: str) -> str:
        """The tag in a From or To header."""
        # Only behind the URI: a caller's display name may contain anything, also `;tag=`.
        found = _TAG.search(self.get(name).rpartition(">")[2] or self.get(name))
        return found.group(1) if found else ""

    def encode(self) -> bytes:
        """The message as it goes over the line."""
        lines = [
            self.start,
            *(f"{name}: {value}" for name, value in self.headers),
            f"Content-Length: {len(self.body)}",
            "",
            "",
        ]
        return "\r\n".join(lines).encode("utf-8", "surrogateescape") + self.body


def parse(data: bytes, source: Address, arrived_at: Instant) -> Message:
    """The message in a datagram, or `MessageError`."""
    head, _, body = data.partition(b"\r\n\r\n")
    text = re.sub(r"\r\n[ \t]+", " ", head.decode("utf-8", "surrogateescape"))
    start, *lines = text.split("\r\n")
    if not re.fullmatch(r"SIP/2\.0 [1-6]\d\d .*|SIP/2\.0 [1-6]\d\d|[A-Z]+ \S+ SIP/2\.0", start):
        message = "a datagram that is not SIP arrived at a telephone's SIP port"
        raise MessageError(message)
    headers = [(name.strip(), value.strip()) for name, _, value in (line.partition(":") for line in lines)]
    return Message(start, headers, body, arrived_at, source)


def uri_in(value: str) -> str:
    """The URI in a From, To, Contact or Refer-To value."""
    # With angle brackets the URI is what they hold; a display name before them may itself look like one.
    found = _URI.search(value[value.rfind("<") :] if "<" in value else value)
    return found.group(1) if found else ""


def address_of(uri: str) -> Address:
    """Where a URI is to be sent: its host, taken literally, and its port, else 5060."""
    found = _HOST_PORT.match(uri)
    if not found:
        message = f"cannot send to {uri!r}: no host in it; give a target like sip:NUMBER@127.0.0.1:5060"
        raise MessageError(message)
    return found.group(1), int(found.group(2) or 5060)


def name_address(uri_user: str, host: str, port: int, display_name: str | None = None) -> str:
    """A From value. What a URI or a quoted string cannot hold is escaped, so that any text at all arrives as text."""
    user = quote(uri_user, safe=_URI_USER_SAFE)
    uri = f"<sip:{user}@{host}:{port}>"
    if display_name is None:
        return uri
    escaped = display_name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}" {uri}'


def response_to(
    request: Message, status: int, reason: str, headers: Iterable[tuple[str, str]] = (), body: bytes = b""
) -> Message:
    """A response that finds its way back: the request's Via, From, To, Call-ID and CSeq, then `headers`."""
    copied = [
        (name, value)
        for name in ("Via", "Record-Route", "From", "To", "Call-ID", "CSeq")
        for value in request.every(name)
    ]
    return Message(f"SIP/2.0 {status} {reason}", [*copied, *headers], body)
