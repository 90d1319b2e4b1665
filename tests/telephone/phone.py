"""A SIP telephone on loopback UDP: registers, calls, answers.

Many telephones live in one event loop; each has one SIP port, each call a pair of RTP ports. Leaving `async with` hangs
up, unregisters and leaves no task, timer or socket."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from types import TracebackType
from typing import Final, Self

from .call import Call
from .datagram import Address, DatagramSocket, bind
from .dialog import Dialog
from .digest import Credentials, answer
from .incoming import IncomingCall
from .message import ALLOW, Message, name_address, response_to, uri_in
from .outcome import RegistrationRefusedError, RequestFailedError, TelephoneError
from .outgoing import OutgoingCall
from .session import session_in
from .transactions import Endpoint, ServerTransaction
from .voice import Silence, Voice, VoiceSource, voice_of

_SILENCE: Final = Silence()

#: What a telephone does when it rings.
Policy = Callable[[IncomingCall], Awaitable[None]]


def answering(voice: VoiceSource = _SILENCE, *, ring_seconds: float = 0.0, talk_seconds: float | None = None) -> Policy:
    """Ring, answer, speak; hang up after `talk_seconds`, or leave that to the caller."""

    async def policy(call: IncomingCall) -> None:
        call.ring()
        if ring_seconds:
            await asyncio.sleep(ring_seconds)
        call.accept(voice_of(voice))
        if talk_seconds is not None and call.state == "up":
            await asyncio.sleep(talk_seconds)
            await call.hangup()

    return policy


def rejecting(status: int = 486, reason: str = "Busy Here", *, ring_seconds: float = 0.0) -> Policy:
    """Refuse, at once or after ringing for a while."""

    async def policy(call: IncomingCall) -> None:
        if ring_seconds:
            call.ring()
            await asyncio.sleep(ring_seconds)
        call.reject(status, reason)

    return policy


async def ringing_for_ever(call: IncomingCall) -> None:
    """Ring until the caller gives up."""
    call.ring()


class Telephone:
    """A telephone; use it as `async with Telephone(...) as phone`.

    `user` is its name in its own URI (default `telephone`); with `registrar` it registers on entry under `user` and
    `password`, again at half its time, and takes that back on leaving. `delay_ms` is the network's delay each way, for
    RTP and, unless `delay_sip` is false, for SIP: instants of what it says and hears are then those at the telephone.
    `on_call` is what it does when it rings."""

    def __init__(
        self,
        user: str = "telephone",
        password: str | None = None,
        *,
        host: str = "127.0.0.1",
        local_port: int = 0,
        registrar: Address | None = None,
        register_expires_seconds: int = 120,
        delay_ms: float = 0.0,
        delay_sip: bool = True,
        on_call: Policy | None = None,
    ) -> None:
        self.user, self.host = user, host
        self.credentials = Credentials(user, password) if password is not None else None
        self.registrar = registrar
        self.delay_seconds = delay_ms / 1000
        self.on_call: Policy = on_call if on_call is not None else answering()
        #: Every call of this telephone, in either direction, in order.
        self.calls: list[Call] = []
        self.registered = False
        self._local_port = local_port
        self._delay_sip = delay_sip
        self._register_expires_seconds = register_expires_seconds
        self._live: dict[str, Call] = {}
        self._rung: asyncio.Queue[IncomingCall] = asyncio.Queue()
        self._tasks: set[asyncio.Task[None]] = set()
        self._registration: Dialog | None = None
        self._refresher: asyncio.Task[None] | None = None
        self.failures: list[BaseException] = []

    async def __aenter__(self) -> Self:
        """Open the SIP port, and register if there is a registrar."""
        loop = asyncio.get_running_loop()
        self.endpoint = Endpoint(loop, self._on_request, self._on_ack, self.delay_seconds if self._delay_sip else 0.0)
        self._socket = DatagramSocket(loop, bind(self.host, self._local_port), self.endpoint.receive)
        self.address: Address = self._socket.address
        self.endpoint.attach(self._socket)
        if self.registrar is not None:
            try:
                await self.register()
            except BaseException:
                self._shut()
                raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Hang up, unregister, close."""
        await self.close()

    async def close(self) -> None:
        """Hang up everything, unregister, and leave nothing behind. A dead peer delays this by at most 3 s."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(3.0):
                await asyncio.gather(*(call.hangup(patience_seconds=2.0) for call in tuple(self._live.values())))
                if self.registered:
                    with contextlib.suppress(TelephoneError):
                        await self.unregister()
        self._shut()
        tasks = [*self._tasks, *([self._refresher] if self._refresher else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        # What a policy failed with is not lost in a task nobody looks at.
        if self.failures:
            raise self.failures[0]

    def _shut(self) -> None:
        for call in self.calls:
            call.abandon()
        self.endpoint.close()
        self._socket.close()

    # -- registration -----------------------------------------------------------------------------------------------

    async def register(self) -> None:
        """Register (again); `RegistrationRefusedError` if that fails. It is repeated at half its time from now on."""
        await self._register(self._register_expires_seconds)
        self.registered = True
        if self._refresher is None:
            self._refresher = asyncio.get_running_loop().create_task(self._refresh())

    async def unregister(self) -> None:
        """Take the registration back."""
        if self._refresher is not None:
            self._refresher.cancel()
            await asyncio.gather(self._refresher, return_exceptions=True)
            self._refresher = None
        self.registered = False
        await self._register(0)

    async def _refresh(self) -> None:
        while True:
            await asyncio.sleep(self._register_expires_seconds / 2)
            # A registrar that restarts is asked again at the next turn; a test that needs it registered says so itself.
            with contextlib.suppress(TelephoneError):
                await self._register(self._register_expires_seconds)

    async def _register(self, expires_seconds: int) -> None:
        if self.registrar is None:
            message = "this telephone has no registrar; give registrar=(host, port)"
            raise TelephoneError(message)
        host, port = self.registrar
        if self._registration is None:
            address_of_record = name_address(self.user, host, port)
            self._registration = Dialog(
                self.address, self.user, address_of_record, address_of_record, f"sip:{host}:{port}"
            )
        dialog = self._registration
        expires = ("Expires", str(expires_seconds))
        response = await self.endpoint.ask(dialog.request("REGISTER", [expires]), self.registrar, 8.0)
        if response is not None and response.status in {401, 407} and self.credentials:
            authorisation = answer(response, self.credentials, "REGISTER", dialog.target)
            if authorisation is not None:
                response = await self.endpoint.ask(
                    dialog.request("REGISTER", [expires, authorisation]), self.registrar, 8.0
                )
        if response is None or response.status >= 300:
            status, reason = (response.status, response.reason) if response else (0, "")
            raise RegistrationRefusedError(self.user, self.registrar, status, reason)

    # -- calls ------------------------------------------------------------------------------------------------------

    async def call(
        self,
        target: str,
        *,
        voice: Voice | None = _SILENCE,
        from_user: str | None = None,
        display_name: str | None = None,
        from_header: str | None = None,
        headers: Sequence[tuple[str, str]] = (),
    ) -> OutgoingCall:
        """Place a call and return as soon as its INVITE is sent; await `call.answered` for the rest.

        `target` is a URI with a numeric host. `from_user` may be any text at all: it is escaped in the URI, so that CR
        and LF reach the other side as part of the number. `display_name` may be any text but these two, which no quoted
        string can hold (PJSIP drops such a request). `from_header` is sent as it stands (without a tag), `headers` are
        added to the INVITE.
        """
        host, port = self.address
        local = (
            from_header if from_header is not None else name_address(from_user or self.user, host, port, display_name)
        )
        dialog = Dialog(self.address, self.user, local, f"<{target}>", target)
        call = OutgoingCall(self, dialog, voice, headers)
        self.calls.append(call)
        self._live[dialog.call_id] = call
        call.start()
        return call

    async def next_call(self) -> IncomingCall:
        """The next incoming call, in the order they rang."""
        return await self._rung.get()

    def forget(self, call: Call) -> None:
        """A call is over (it says so itself)."""
        if self._live.get(call.dialog.call_id) is call:
            del self._live[call.dialog.call_id]

    def spawn(self, work: Coroutine[None, None, None]) -> None:
        """Run something that ends with the telephone at the latest."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._reap)

    def _reap(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.failures.append(error)

    # -- what arrives -----------------------------------------------------------------------------------------------

    def _on_request(self, transaction: ServerTransaction) -> None:
        request = transaction.request
        call = self._live.get(request.get("call-id"))
        if request.method == "CANCEL":
            self._on_cancel(transaction)
        elif request.tag("to"):
            if call is not None and call.dialog.owns(request):
                call.on_request(transaction)
            else:
                transaction.respond(response_to(request, 481, "Call/Transaction Does Not Exist"))
        elif request.method == "INVITE":
            self._on_invite(transaction)
        elif request.method in {"OPTIONS", "NOTIFY", "MESSAGE", "INFO"}:
            transaction.respond(response_to(request, 200, "OK", [("Allow", ALLOW)]))
        else:
            transaction.respond(response_to(request, 405, "Method Not Allowed", [("Allow", ALLOW)]))

    def _on_invite(self, transaction: ServerTransaction) -> None:
        request = transaction.request
        transaction.respond(response_to(request, 100, "Trying"))
        theirs = request.get("from")
        remote_tag = request.tag("from")
        # From goes back as it came, without its tag: what is in it is theirs to choose and not ours to rewrite.
        remote = theirs.replace(f";tag={remote_tag}", "") if remote_tag else theirs
        dialog = Dialog(
            self.address, self.user, request.get("to"), remote, uri_in(request.get("contact")), request.get("call-id")
        )
        dialog.remote_tag = remote_tag
        dialog.route = [value.strip() for header in request.every("record-route") for value in header.split(",")]
        call = IncomingCall(self, dialog, transaction)
        call.note("INVITE received", request.arrived_at)
        self.calls.append(call)
        if call.dialog.call_id in self._live or (session_in(request.body) is None and request.body):
            call.reject(482 if call.dialog.call_id in self._live else 488, "Not Acceptable Here")
            return
        self._live[dialog.call_id] = call
        self._rung.put_nowait(call)
        self.spawn(self._follow(call))

    async def _follow(self, call: IncomingCall) -> None:
        try:
            await self.on_call(call)
        except RequestFailedError:
            # The other side went away in the middle of what the policy wanted; the call's own ending says so.
            if not call.ended.happened:
                raise

    def _on_cancel(self, transaction: ServerTransaction) -> None:
        request = transaction.request
        call = self._live.get(request.get("call-id"))
        open_invite = self.endpoint.server_transaction(request.branch, "INVITE")
        if open_invite is None:
            transaction.respond(response_to(request, 481, "Call/Transaction Does Not Exist"))
            return
        transaction.respond(response_to(request, 200, "OK"))
        if isinstance(call, IncomingCall):
            call.on_cancel()

    def _on_ack(self, message: Message) -> None:
        call = self._live.get(message.get("call-id"))
        if call is not None and call.dialog.owns(message):
            call.on_ack(message)
