"""Session descriptions (RFC 4566) and the offer and answer of directions, which is how telephones hold (RFC 3264)."""

from dataclasses import dataclass
from typing import Final

from .datagram import Address

#: Payload types we speak: PCMU is static, the one for DTMF is ours to choose when we offer.
PCMU: Final = 0
TELEPHONE_EVENT: Final = 101

_SENDING: Final = frozenset({"sendrecv", "sendonly"})
_RECEIVING: Final = frozenset({"sendrecv", "recvonly"})
_DIRECTIONS: Final = {
    (True, True): "sendrecv",
    (True, False): "sendonly",
    (False, True): "recvonly",
    (False, False): "inactive",
}


@dataclass(frozen=True, slots=True)
class Session:
    """What one side says about its media: where it wants RTP, and in which direction it speaks."""

    address: Address
    direction: str = "sendrecv"
    event_type: int | None = TELEPHONE_EVENT
    speaks_pcmu: bool = True

    def encode(self, version: int) -> bytes:
        """The session description; `version` must rise with each change."""
        host, port = self.address
        events = [] if self.event_type is None else [str(self.event_type)]
        lines = ["v=0", f"o=- {port} {version} IN IP4 {host}", "s=-", f"c=IN IP4 {host}", "t=0 0"]
        lines += [" ".join(["m=audio", str(port), "RTP/AVP", str(PCMU), *events]), f"a=rtpmap:{PCMU} PCMU/8000"]
        for event in events:
            lines += [f"a=rtpmap:{event} telephone-event/8000", f"a=fmtp:{event} 0-16"]
        lines += ["a=ptime:20", f"a={self.direction}", ""]
        return "\r\n".join(lines).encode("ascii")


def session_in(body: bytes) -> Session | None:
    """The session description in a body, or None if there is none with audio."""
    host, direction, event_type, payloads, port = "", "sendrecv", None, list[int](), 0
    for line in body.decode("utf-8", "replace").splitlines():
        kind, _, value = line.partition("=")
        words = value.split()
        if kind == "c" and len(words) > 2:
            host = words[2]
        elif kind == "m" and words[:1] == ["audio"]:
            port, payloads = int(words[1]), [int(word) for word in words[3:] if word.isdigit()]
        elif kind == "a" and value in {"sendrecv", "sendonly", "recvonly", "inactive"}:
            direction = value
        elif kind == "a" and value.startswith("rtpmap:") and "telephone-event/8000" in value:
            event_type = int(words[0].removeprefix("rtpmap:"))
    return Session((host, port), direction, event_type, PCMU in payloads) if payloads else None


class Negotiation:
    """One side of a session over a call's life: what we want, and what the two sides agreed on."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._wanted = self._direction = "sendrecv"
        self._version = 0
        self.event_type: int | None = TELEPHONE_EVENT
        self.remote: Address | None = None
        #: Whether we speak: we want to, and they want to hear it.
        self.may_send = True
        #: Whether their last offer does not want to hear us.
        self.held_by_them = False

    def want(self, direction: str) -> None:
        """Offer this direction from now on."""
        self._wanted = self._direction = direction

    def describe(self) -> bytes:
        """Our session description; its version rises each time, though that only matters when something changed."""
        self._version += 1
        return Session(self._address, self._direction, self.event_type).encode(self._version)

    def take(self, theirs: Session, *, offer: bool) -> None:
        """Take their description, which is an offer or the answer to ours."""
        self.remote = theirs.address
        if self.event_type is not None:
            self.event_type = theirs.event_type
        they_receive, they_send = theirs.direction in _RECEIVING, theirs.direction in _SENDING
        self.may_send = they_receive and self._wanted in _SENDING
        if offer:
            self.held_by_them = not they_receive
            self._direction = _DIRECTIONS[self.may_send, they_send and self._wanted in _RECEIVING]
