"""SIP transactions over UDP (RFC 3261 section 17): what repeats messages until they are answered, and answers repeated
ones.

Timers only, no tasks: a telephone that is closed leaves nothing behind. Every request that arrives a second time gets
the answer it got the first time and is not shown to anybody again."""

import asyncio
import secrets
from collections.abc import Callable
from typing import Final

from .datagram import Address, DatagramSocket, DelayLine, Instant
from .message import Message, MessageError, parse

T1_SECONDS: Final = 0.5
T2_SECONDS: Final = 4.0
_GIVE_UP_SECONDS: Final = 64 * T1_SECONDS


def new_branch() -> str:
    """A name for a transaction that nobody else has."""
    return "z9hG4bK" + secrets.token_hex(10)


class _Repeater:
    """Sends the same datagram again and again, at first after T1 and then at doubled intervals, until stopped."""

    def __init__(self, endpoint: "Endpoint", data: bytes, address: Address, longest_seconds: float) -> None:
        self._endpoint = endpoint
        self._data, self._address = data, address
        self._interval = T1_SECONDS
        self._longest = longest_seconds
        self._timer: asyncio.TimerHandle | None = None
        self._fire()

    def _fire(self) -> None:
        self._endpoint.send(self._data, self._address)
        self._timer = self._endpoint.loop.call_later(self._interval, self._fire)
        self._interval = min(2 * self._interval, self._longest)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class ClientTransaction:
    """A request of ours and what comes back.

    `on_response` sees each provisional and final response; a final one to INVITE below 300 each time it is repeated,
    because each wants its ACK. Failures of an INVITE are acknowledged here. `on_timeout` is called if nothing final
    came in 32 s."""

    def __init__(
        self,
        endpoint: "Endpoint",
        request: Message,
        address: Address,
        on_response: Callable[[Message], None],
        on_timeout: Callable[[], None],
    ) -> None:
        self._endpoint = endpoint
        self.request, self.address = request, address
        self._on_response, self._on_timeout = on_response, on_timeout
        self._final = 0
        self.provisional = False
        invite = request.method == "INVITE"
        self._repeater = _Repeater(endpoint, request.encode(), address, _GIVE_UP_SECONDS if invite else T2_SECONDS)
        self._deadline = endpoint.loop.call_later(_GIVE_UP_SECONDS, self._give_up)

    def receive(self, response: Message) -> None:
        """Take a response that belongs to this transaction."""
        invite = self.request.method == "INVITE"
        if response.status < 200:
            if self._final:
                return
            self.provisional = True
            # An INVITE that is being worked on may ring for longer than any timer of ours.
            if invite:
                self._repeater.stop()
                self._deadline.cancel()
            self._on_response(response)
            return
        self._repeater.stop()
        if invite and response.status >= 300:
            self._endpoint.send(self._acknowledgement(response).encode(), self.address)
        repeated, self._final = self._final, response.status
        if not repeated:
            self._deadline.cancel()
            self._deadline = self._endpoint.loop.call_later(_GIVE_UP_SECONDS, self._endpoint.forget, self)
        if not repeated or (invite and response.status < 300):
            self._on_response(response)

    def _acknowledgement(self, response: Message) -> Message:
        kept = [(name, value) for name in ("Via", "From", "Call-ID") for value in self.request.every(name)[:1]]
        headers = [*kept, ("To", response.get("to")), ("CSeq", f"{self.request.cseq} ACK"), ("Max-Forwards", "70")]
        return Message(f"ACK {self.request.start.split(' ')[1]} SIP/2.0", headers)

    def _give_up(self) -> None:
        self._repeater.stop()
        self._endpoint.forget(self)
        self._on_timeout()

    def stop(self) -> None:
        """End without another word."""
        self._repeater.stop()
        self._deadline.cancel()


class ServerTransaction:
    """A request from the other side and the answer it gets each time it is repeated."""

    def __init__(self, endpoint: "Endpoint", request: Message) -> None:
        self._endpoint = endpoint
        self.request = request
        self.final = 0
        self._last: bytes | None = None
        self._repeater: _Repeater | None = None
        self._deadline: asyncio.TimerHandle | None = None

    def respond(self, response: Message, on_no_ack: Callable[[], None] | None = None) -> None:
        """Send a response; a final one to INVITE is repeated until `acknowledged`, and `on_no_ack` called if that never
        comes.
        """
        if self.final:
            return
        self._last = response.encode()
        if response.status < 200:
            self._endpoint.send(self._last, self.request.source)
            return
        self.final = response.status
        if self.request.method == "INVITE":
            self._repeater = _Repeater(self._endpoint, self._last, self.request.source, T2_SECONDS)
        else:
            self._endpoint.send(self._last, self.request.source)
        self._deadline = self._endpoint.loop.call_later(_GIVE_UP_SECONDS, self._expire, on_no_ack)

    def repeat(self) -> None:
        """The request came again: so does the answer."""
        if self._last is not None:
            self._endpoint.send(self._last, self.request.source)

    def acknowledged(self) -> None:
        """The ACK is here, or the call is over: repeat no more."""
        if self._repeater is not None:
            self._repeater.stop()
            self._repeater = None

    def _expire(self, on_no_ack: Callable[[], None] | None) -> None:
        unheard = self._repeater is not None
        self.acknowledged()
        self._endpoint.forget(self)
        if unheard and on_no_ack is not None:
            on_no_ack()

    def stop(self) -> None:
        """End without another word."""
        self.acknowledged()
        if self._deadline is not None:
            self._deadline.cancel()


class Endpoint:
    """A SIP port: sends, repeats, recognises repetitions, and shows each new request once to `on_request`."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        on_request: Callable[[ServerTransaction], None],
        on_ack: Callable[[Message], None],
        delay_seconds: float,
    ) -> None:
        self.loop = loop
        self._on_request, self._on_ack = on_request, on_ack
        self._out, self._in = DelayLine(loop, delay_seconds), DelayLine(loop, delay_seconds)
        self._socket: DatagramSocket | None = None
        self._client: dict[tuple[str, str], ClientTransaction] = {}
        self._server: dict[tuple[str, str], ServerTransaction] = {}
        self._delay_us = round(delay_seconds * 1_000_000)

    def attach(self, bound: DatagramSocket) -> None:
        """Use this socket."""
        self._socket = bound

    def send(self, data: bytes, address: Address) -> None:
        """Send once, without any repetition (an ACK)."""
        self._out.put(lambda: self._send_now(data, address))

    def _send_now(self, data: bytes, address: Address) -> None:
        if self._socket is not None:
            self._socket.send(data, address)

    def request(
        self, request: Message, address: Address, on_response: Callable[[Message], None], on_timeout: Callable[[], None]
    ) -> ClientTransaction:
        """Send a request and repeat it until it is answered."""
        transaction = ClientTransaction(self, request, address, on_response, on_timeout)
        self._client[request.branch, request.method] = transaction
        return transaction

    async def ask(
        self, request: Message, address: Address, patience_seconds: float = _GIVE_UP_SECONDS
    ) -> Message | None:
        """Send a request other than INVITE and wait for its final response; None if there is none in
        `patience_seconds`.
        """
        answered: asyncio.Future[Message | None] = self.loop.create_future()

        def settle(response: Message | None) -> None:
            if not answered.done() and (response is None or response.status >= 200):
                answered.set_result(response)

        transaction = self.request(request, address, settle, lambda: settle(None))
        timer = self.loop.call_later(patience_seconds, settle, None)
        try:
            response = await answered
        finally:
            timer.cancel()
            if not answered.done() or answered.cancelled() or answered.result() is None:
                transaction.stop()
                self.forget(transaction)
        return response

    def receive(self, data: bytes, source: Address, arrived_at: Instant) -> None:
        """Take a datagram; what is not SIP is passed over, as a telephone does with scanners' noise."""
        self._in.put(lambda: self._take(data, source, arrived_at + self._delay_us))

    def _take(self, data: bytes, source: Address, arrived_at: Instant) -> None:
        try:
            message = parse(data, source, arrived_at)
        except MessageError:
            return
        if message.status:
            client = self._client.get((message.branch, message.method))
            if client is not None:
                client.receive(message)
            return
        if message.method == "ACK":
            # The ACK of a refusal names the INVITE's transaction; that of a 2xx names a new one and belongs to the
            # call.
            refused = self._server.get((message.branch, "INVITE"))
            if refused is not None:
                refused.acknowledged()
            self._on_ack(message)
            return
        known = self._server.get((message.branch, message.method))
        if known is not None:
            known.repeat()
            return
        transaction = self._server[message.branch, message.method] = ServerTransaction(self, message)
        self._on_request(transaction)

    def server_transaction(self, branch: str, method: str) -> ServerTransaction | None:
        """The transaction that a CANCEL is about."""
        return self._server.get((branch, method))

    def forget(self, transaction: ClientTransaction | ServerTransaction) -> None:
        """Drop a transaction that is over."""
        key = (transaction.request.branch, transaction.request.method)
        if isinstance(transaction, ClientTransaction):
            self._client.pop(key, None)
        else:
            self._server.pop(key, None)

    def close(self) -> None:
        """Stop every timer and drop what is under way. The socket is its owner's to close."""
        for client in self._client.values():
            client.stop()
        for server in self._server.values():
            server.stop()
        self._client.clear()
        self._server.clear()
        self._out.close()
        self._in.close()
        self._socket = None
