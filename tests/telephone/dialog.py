"""A SIP dialog (RFC 3261 section 12): the names two sides have for their call, and the requests made within it."""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field

from .datagram import Address
from .message import ALLOW, Message, address_of, uri_in
from .transactions import new_branch

Headers = Iterable[tuple[str, str]]


def new_tag() -> str:
    """A tag, or the local part of a Call-ID."""
    return secrets.token_hex(8)


@dataclass(slots=True)
class Dialog:
    """One side's view of a dialog. `local` and `remote` are From and To values without tags."""

    local_address: Address
    user: str
    local: str
    remote: str
    target: str
    call_id: str = field(default_factory=lambda: f"{new_tag()}@telephone")
    local_tag: str = field(default_factory=new_tag)
    remote_tag: str = ""
    cseq: int = 0
    #: Where requests go: the address behind `target`, or the proxy that insisted on staying in the path.
    route: list[str] = field(default_factory=list)

    @property
    def contact(self) -> str:
        """Our own address for the other side's requests."""
        host, port = self.local_address
        return f"<sip:{self.user}@{host}:{port}>" if self.user else f"<sip:{host}:{port}>"

    @property
    def destination(self) -> Address:
        """Where a request of this dialog is sent."""
        return address_of(uri_in(self.route[0]) if self.route else self.target)

    def request(self, method: str, headers: Headers = (), body: bytes = b"", *, cseq: int | None = None) -> Message:
        """A request within the dialog, or the one that opens it. Without `cseq` it takes the next number."""
        if cseq is None:
            self.cseq += 1
            cseq = self.cseq
        host, port = self.local_address
        to = f"{self.remote};tag={self.remote_tag}" if self.remote_tag else self.remote
        fixed = [
            ("Via", f"SIP/2.0/UDP {host}:{port};branch={new_branch()};rport"),
            ("Max-Forwards", "70"),
            *(("Route", route) for route in self.route),
            ("From", f"{self.local};tag={self.local_tag}"),
            ("To", to),
            ("Call-ID", self.call_id),
            ("CSeq", f"{cseq} {method}"),
            ("Contact", self.contact),
            ("User-Agent", "consentgate-telephone"),
            ("Allow", ALLOW),
        ]
        given = list(headers)
        if body and not any(name.lower() == "content-type" for name, _ in given):
            given.append(("Content-Type", "application/sdp"))
        return Message(f"{method} {self.target} SIP/2.0", [*fixed, *given], body)

    def cancel(self, invite: Message) -> Message:
        """The CANCEL for an INVITE that is still open: the same branch and number (RFC 3261 section 9.1)."""
        kept = [(name, value) for name in ("Via", "Route", "From", "To", "Call-ID") for value in invite.every(name)]
        headers = [*kept, ("Max-Forwards", "70"), ("CSeq", f"{invite.cseq} CANCEL")]
        return Message(f"CANCEL {invite.start.split(' ')[1]} SIP/2.0", headers)

    def learn(self, response: Message) -> None:
        """Take the other side's tag, contact and route from a response that sets the dialog up."""
        self.remote_tag = response.tag("to") or self.remote_tag
        self.target = uri_in(response.get("contact")) or self.target
        self.route = [
            value.strip() for header in reversed(response.every("record-route")) for value in header.split(",")
        ]

    def owns(self, request: Message) -> bool:
        """Whether a request belongs to this dialog."""
        return request.get("call-id") == self.call_id and request.tag("to") == self.local_tag
