"""How calls end and what can go wrong: the errors of this package, and the entries of a call's timeline.

    TelephoneError
    ├── CallRefusedError         a call ended before it was answered
    ├── RequestFailedError       something within a call (hold, REFER) was refused or not answered
    └── RegistrationRefusedError the registrar said no, or nothing

Sound files have `VoiceError`, a `ValueError`: it is about what was given, not about a call.
"""

from dataclasses import dataclass
from typing import Literal, NamedTuple

from .datagram import Address, Instant


class TelephoneError(Exception):
    """Something that a telephone was asked to do did not work."""


class CallRefusedError(TelephoneError):
    """The call ended without an answer; `status` is SIP's code, 0 if nothing came at all."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(
            f"the call was not answered: {status} {reason}" if status else f"the call was not answered: {reason}"
        )
        self.status, self.reason = status, reason


class RequestFailedError(TelephoneError):
    """A request within a call was refused (`status`) or not answered (0)."""

    def __init__(self, method: str, status: int, reason: str) -> None:
        super().__init__(f"{method} failed: {status} {reason}" if status else f"{method} failed: {reason}")
        self.status, self.reason = status, reason


class RegistrationRefusedError(TelephoneError):
    """The registrar said no (`status`), or nothing (0)."""

    def __init__(self, user: str, registrar: Address, status: int, reason: str) -> None:
        said = f"{status} {reason}" if status else "no answer"
        super().__init__(
            f"cannot register {user} at {registrar[0]}:{registrar[1]}: {said}; check that it runs, user and password"
        )
        self.status, self.reason = status, reason


class Event(NamedTuple):
    """An entry of a call's timeline."""

    at: Instant
    what: str


@dataclass(frozen=True, slots=True)
class Ending:
    """How a call ended."""

    at: Instant
    by: Literal["us", "them", "nobody"]
    #: SIP's code if it ended before it was answered, else 0.
    status: int
    #: The words with the code, or the Reason header of their BYE.
    reason: str
