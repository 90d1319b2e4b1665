"""One call of a telephone, in either direction: signalling, what is said and heard, and a timeline of it all."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from .datagram import Instant, now_us
from .dialog import Dialog
from .digest import answer
from .media import Heard, Media, Sent
from .message import ALLOW, Message, response_to, uri_in
from .moment import Moment
from .outcome import CallRefusedError, Ending, Event, RequestFailedError
from .session import Negotiation, session_in
from .transactions import ServerTransaction
from .voice import Voice

if TYPE_CHECKING:
    from .phone import Telephone

State = Literal["calling", "ringing", "up", "ending", "ended"]


class Call(ABC):
    """What both directions have in common; a call is an `OutgoingCall` or an `IncomingCall`."""

    def __init__(self, phone: "Telephone", dialog: Dialog, voice: Voice | None) -> None:
        loop = asyncio.get_running_loop()
        self.phone, self.dialog = phone, dialog
        self.state: State = "calling"
        self.events: list[Event] = []
        #: The other side's ringing (180) or other early word; its value is when.
        self.ringing: Moment[Instant] = Moment(loop)
        #: The 200; for an incoming call the instant we sent it.
        self.answered: Moment[Instant] = Moment(loop)
        self.ended: Moment[Ending] = Moment(loop)
        #: Requests of theirs within the call (INFO, NOTIFY, …), newest last.
        self.requests: list[Message] = []
        #: The request or response with which the other side set the call up, for its headers.
        self.opening: Message | None = None
        self.media = Media(loop, phone.host, voice, phone.delay_seconds)
        self.session = Negotiation(self.media.address)
        self._ending: Ending | None = None
        self._unacknowledged: dict[int, ServerTransaction] = {}

    # -- what tests ask ---------------------------------------------------------------------------------------------

    @property
    def heard(self) -> Heard:
        """What this telephone heard until now."""
        return self.media.heard

    @property
    def sent(self) -> Sent:
        """What this telephone said until now."""
        return self.media.sent

    def sent_at(self, sample: int) -> Instant:
        """The instant at which the packet with this sample of `sent` left the telephone's mouth."""
        return self.media.sent.sent_at(sample)

    @property
    def held_by_them(self) -> bool:
        """Whether the other side holds us: its last offer does not want to hear."""
        return self.session.held_by_them

    @property
    def delay_us(self) -> int:
        """The network's delay each way."""
        return round(self.phone.delay_seconds * 1_000_000)

    @property
    def ending(self) -> Ending | None:
        """How the call ended; None while it lasts."""
        return self._ending

    def at(self, what: str) -> Instant:
        """When this first happened, by the timeline (`KeyError` if it did not)."""
        for event in self.events:
            if event.what == what:
                return event.at
        raise KeyError(what)

    def note(self, what: str, at: Instant | None = None) -> None:
        """Add to the timeline."""
        self.events.append(Event(now_us() if at is None else at, what))

    # -- what a person does with a telephone ------------------------------------------------------------------------

    def say(self, voice: Voice | None) -> None:
        """Speak with this voice from the next packet on; None mutes, so that no RTP is sent."""
        self.note("muted" if voice is None else "speaks")
        self.media.say(voice)

    async def press(self, digits: str, *, duration_ms: int = 100, gap_ms: int = 100) -> None:
        """Press keys (RFC 4733); done when the last is up again."""
        self.note(f"presses {digits}")
        await self.media.press(digits, duration_ms, gap_ms)
        self.note("keys released")

    async def hold(self, direction: Literal["sendonly", "inactive"] = "sendonly") -> None:
        """Hold the other side by re-INVITE; with `sendonly` our voice goes on, so what leaks can be seen."""
        await self.reinvite(direction)

    async def unhold(self) -> None:
        """Take the other side off hold."""
        await self.reinvite("sendrecv")

    async def reinvite(self, direction: str) -> None:
        """Offer another direction; `RequestFailedError` if the other side refuses."""
        self.session.want(direction)
        request = self.dialog.request("INVITE", (), self.session.describe())
        done: asyncio.Future[Message | None] = asyncio.get_running_loop().create_future()

        def on_response(response: Message) -> None:
            if 200 <= response.status < 300:
                self._send_ack(response.cseq)
            if response.status >= 200 and not done.done():
                done.set_result(response)

        def on_timeout() -> None:
            if not done.done():
                done.set_result(None)

        self.note(f"re-INVITE {direction}")
        self.phone.endpoint.request(request, self.dialog.destination, on_response, on_timeout)
        response = await done
        if response is None or response.status >= 300:
            raise RequestFailedError(
                "re-INVITE", response.status if response else 0, response.reason if response else "no answer"
            )
        self.note(f"re-INVITE {direction} accepted", response.arrived_at)
        self._take_session(response.body, offer=False)

    async def request(self, method: str, headers: Sequence[tuple[str, str]] = (), body: bytes = b"") -> Message:
        """Send any request within the call (INFO, …) and return its final response; `RequestFailedError` if none
        comes.
        """
        message = self.dialog.request(method, headers, body)
        response = await self.phone.endpoint.ask(message, self.dialog.destination)
        if response is not None and response.status in {401, 407} and self.phone.credentials:
            authorisation = answer(response, self.phone.credentials, method, self.dialog.target)
            if authorisation:
                message = self.dialog.request(method, [*headers, authorisation], body)
                response = await self.phone.endpoint.ask(message, self.dialog.destination)
        if response is None:
            raise RequestFailedError(method, 0, "no answer")
        return response

    async def refer(self, target: str, *, replaces: "Call | None" = None) -> None:
        """Transfer the other side: blind to `target`, or to the far end of another call of ours (`replaces`)."""
        where = f"<{target}>"
        if replaces is not None:
            other = replaces.dialog
            embedded = f"{other.call_id};to-tag={other.remote_tag};from-tag={other.local_tag}"
            where = f"<{target}?Replaces={embedded.replace(';', '%3B').replace('=', '%3D').replace('@', '%40')}>"
        self.note("REFER")
        response = await self.request("REFER", [("Refer-To", where), ("Referred-By", self.dialog.local)])
        if response.status >= 300:
            raise RequestFailedError("REFER", response.status, response.reason)
        self.note("REFER accepted", response.arrived_at)

    async def hangup(self, *, patience_seconds: float = 5.0) -> Ending:
        """End the call whatever its state: BYE, CANCEL or a refusal. It ends on our side even if no answer to that
        comes.
        """
        if self.state == "up":
            self.state = "ending"
            self.media.stop()
            self.note("BYE")
            self.finish("us")
            try:
                await self.phone.endpoint.ask(self.dialog.request("BYE"), self.dialog.destination, patience_seconds)
            finally:
                self.media.close()
        elif self.state in {"calling", "ringing"}:
            await self._give_up(patience_seconds)
        return await self.ended

    @abstractmethod
    async def _give_up(self, patience_seconds: float) -> None:
        """End a call that is not answered yet."""

    def _send_ack(self, cseq: int) -> None:
        self.phone.endpoint.send(self.dialog.request("ACK", cseq=cseq).encode(), self.dialog.destination)

    # -- what the other side does -----------------------------------------------------------------------------------

    def on_ack(self, message: Message) -> None:
        """Their ACK to a 200 of ours."""
        transaction = self._unacknowledged.pop(message.cseq, None)
        if transaction is not None:
            transaction.acknowledged()
        if message.body:
            self._take_session(message.body, offer=False)

    def on_request(self, transaction: ServerTransaction) -> None:
        """A request within this call."""
        request = transaction.request
        self.requests.append(request)
        match request.method:
            case "BYE":
                transaction.respond(self._response(request, 200, "OK"))
                self.note("BYE received", request.arrived_at)
                self.media.close()
                self.finish("them", 0, request.get("reason"), request.arrived_at)
            case "INVITE" | "UPDATE":
                self._take_session(request.body, offer=True)
                self.dialog.target = uri_in(request.get("contact")) or self.dialog.target
                self.note(f"{request.method} received", request.arrived_at)
                body = self.session.describe() if request.body or request.method == "INVITE" else b""
                if request.method == "INVITE":
                    self._unacknowledged[request.cseq] = transaction
                transaction.respond(self._response(request, 200, "OK", body), on_no_ack=self._no_ack)
            case _:
                self.note(f"{request.method} received", request.arrived_at)
                transaction.respond(self._response(request, 200, "OK"))

    def _no_ack(self) -> None:
        self.note("no ACK")
        self.finish("nobody", 0, "our 200 was never acknowledged")
        self.media.close()

    # -- common -----------------------------------------------------------------------------------------------------

    def _take_session(self, body: bytes, *, offer: bool) -> None:
        theirs = session_in(body)
        if theirs is not None:
            self.session.take(theirs, offer=offer)
            self.media.agreed(self.session)

    def _response(self, request: Message, status: int, reason: str, body: bytes = b"") -> Message:
        headers = [("Contact", self.dialog.contact), ("Allow", ALLOW)]
        if body:
            headers.append(("Content-Type", "application/sdp"))
        response = response_to(request, status, reason, headers, body)
        if not request.tag("to"):
            response.headers = [
                (name, f"{value};tag={self.dialog.local_tag}" if name == "To" else value)
                for name, value in response.headers
            ]
        return response

    def finish(
        self, by: Literal["us", "them", "nobody"], status: int = 0, reason: str = "", at: Instant | None = None
    ) -> None:
        """The call is over (once)."""
        if self.ended.happened:
            return
        self.state = "ended"
        self.media.stop()
        for transaction in self._unacknowledged.values():
            transaction.acknowledged()
        ending = Ending(now_us() if at is None else at, by, status, reason)
        self.note(f"ended by {by}", ending.at)
        self._ending = ending
        self.ended.set(ending)
        refusal = CallRefusedError(status, reason or f"ended by {by}")
        self.answered.fail(refusal)
        self.ringing.fail(refusal)
        self.media.first_heard.fail(refusal)
        self.phone.forget(self)

    def abandon(self) -> None:
        """Drop the call without a word (the telephone is going away)."""
        self.finish("nobody", 0, "the telephone was switched off")
        self.media.close()
