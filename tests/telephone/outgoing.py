"""A call that this telephone places: INVITE, digest, CANCEL, and the answer (RFC 3261 sections 9, 13 and 22)."""

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from .call import Call
from .dialog import Dialog
from .digest import answer
from .message import Message
from .transactions import ClientTransaction
from .voice import Voice

if TYPE_CHECKING:
    from .phone import Telephone


class OutgoingCall(Call):
    """Made by `Telephone.call`; await `answered`, `ringing` or `ended`."""

    def __init__(
        self, phone: "Telephone", dialog: Dialog, voice: Voice | None, headers: Sequence[tuple[str, str]]
    ) -> None:
        super().__init__(phone, dialog, voice)
        self._headers = headers
        self._invite: ClientTransaction | None = None
        self._authorised = self._acknowledged = False
        self._cancelled = self._cancel_sent = False

    def start(self) -> None:
        """Send the INVITE (the telephone does this)."""
        self._send_invite([])

    def _send_invite(self, authorisation: list[tuple[str, str]]) -> None:
        request = self.dialog.request("INVITE", [*self._headers, *authorisation], self.session.describe())
        self.note("INVITE")
        self._invite = self.phone.endpoint.request(
            request, self.dialog.destination, self._on_invite_response, self._on_invite_timeout
        )

    def _on_invite_response(self, response: Message) -> None:
        if response.status < 200:
            self.note(str(response.status), response.arrived_at)
            if response.status > 100:
                self.state = "ringing"
                self.opening = response
                self._take_session(response.body, offer=False)
                self.ringing.set(response.arrived_at)
            if self._cancelled:
                self._cancel_if_possible()
        elif response.status < 300:
            if self._acknowledged:
                self._send_ack(response.cseq)
                return
            self._on_answer(response)
        elif response.status in {401, 407} and not self._authorised and not self._cancelled and self.phone.credentials:
            self._authorised = True
            authorisation = answer(response, self.phone.credentials, "INVITE", self.dialog.target)
            if authorisation is None:
                self._refused(response)
            else:
                self._send_invite([authorisation])
        else:
            self._refused(response)

    def _on_answer(self, response: Message) -> None:
        self.note("200", response.arrived_at)
        self.opening = response
        self.dialog.learn(response)
        self._send_ack(response.cseq)
        self._acknowledged = True
        if self._cancelled or self.ended.happened:
            # The answer crossed our CANCEL (RFC 3261 section 9.1): the call is up all the same and is ended as one.
            self.phone.spawn(self._end_crossed())
            return
        self._take_session(response.body, offer=False)
        self.state = "up"
        self.answered.set(response.arrived_at)
        self.media.start()

    async def _end_crossed(self) -> None:
        await self.phone.endpoint.ask(self.dialog.request("BYE"), self.dialog.destination, 5.0)
        self.finish("us", 0, "cancelled while it was answered")
        self.media.close()

    def _refused(self, response: Message) -> None:
        self.note(str(response.status), response.arrived_at)
        self.finish("us" if self._cancelled else "them", response.status, response.reason, response.arrived_at)
        self.media.close()

    def _on_invite_timeout(self) -> None:
        self.finish("nobody", 0, "no answer to INVITE in 32 s")
        self.media.close()

    def _cancel_if_possible(self) -> None:
        # Not before a first provisional response: RFC 3261 section 9.1 forbids it, and a CANCEL could overtake its
        # INVITE.
        if self._invite is not None and self._invite.provisional and not self._cancel_sent:
            self._cancel_sent = True
            self.note("CANCEL")
            cancel = self.dialog.cancel(self._invite.request)
            self.phone.endpoint.request(cancel, self._invite.address, lambda _: None, lambda: None)

    async def _give_up(self, patience_seconds: float) -> None:
        self._cancelled = True
        self._cancel_if_possible()
        try:
            await asyncio.wait_for(self.ended, patience_seconds)
        except TimeoutError:
            self.finish("us", 0, "cancelled, and no word from the other side")
            self.media.close()
