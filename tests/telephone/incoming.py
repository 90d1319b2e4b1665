"""A call that reaches this telephone: ring, answer, refuse, or be given up by the caller."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from .call import Call
from .datagram import now_us
from .dialog import Dialog
from .session import session_in
from .transactions import ServerTransaction
from .voice import Silence, Voice

if TYPE_CHECKING:
    from .phone import Telephone

_SILENCE: Final = Silence()


class IncomingCall(Call):
    """Handed to the telephone's policy when it rings. It is silent until `accept`, with `Silence` unless told
    otherwise.
    """

    def __init__(self, phone: "Telephone", dialog: Dialog, invite: ServerTransaction) -> None:
        super().__init__(phone, dialog, _SILENCE)
        self.opening = invite.request
        self._waiting_invite: ServerTransaction | None = invite

    def ring(self) -> None:
        """Say 180 to an incoming call."""
        if self._waiting_invite is not None and self.state == "calling":
            self.state = "ringing"
            self.note("180")
            self.ringing.set(now_us())
            self._waiting_invite.respond(self._response(self._waiting_invite.request, 180, "Ringing"))

    def accept(self, voice: Voice | None = _SILENCE) -> None:
        """Answer with 200 and speak at once; with None the telephone is muted and sends no RTP."""
        transaction = self._waiting_invite
        if transaction is None:
            return
        theirs = session_in(transaction.request.body)
        if theirs is not None and not theirs.speaks_pcmu:
            self.reject(488, "Not Acceptable Here")
            return
        self._waiting_invite = None
        self.media.say(voice)
        self._take_session(transaction.request.body, offer=True)
        self.state = "up"
        self.note("200")
        response = self._response(transaction.request, 200, "OK", self.session.describe())
        self._unacknowledged[transaction.request.cseq] = transaction
        transaction.respond(response, on_no_ack=self._no_ack)
        self.answered.set(self.at("200"))
        self.media.start()

    def redirect(self, target: str) -> None:
        """Send the caller elsewhere (302), as a telephone with call forwarding does."""
        self.reject(302, "Moved Temporarily", [("Contact", f"<{target}>")])

    def reject(self, status: int = 486, reason: str = "Busy Here", headers: Sequence[tuple[str, str]] = ()) -> None:
        """Refuse an incoming call."""
        if self._waiting_invite is not None:
            transaction, self._waiting_invite = self._waiting_invite, None
            response = self._response(transaction.request, status, reason)
            if headers:
                named = {name for name, _ in headers}
                response.headers = [*(one for one in response.headers if one[0] not in named), *headers]
            transaction.respond(response)
            self.note(str(status))
            self.finish("us", status, reason)
            self.media.close()

    async def _give_up(self, patience_seconds: float) -> None:
        del patience_seconds
        self.reject(603, "Decline")

    def on_cancel(self) -> None:
        """They gave up before we answered."""
        if self._waiting_invite is not None:
            transaction, self._waiting_invite = self._waiting_invite, None
            transaction.respond(self._response(transaction.request, 487, "Request Terminated"))
            self.note("CANCEL received")
            self.finish("them", 487, "Request Terminated")
            self.media.close()
