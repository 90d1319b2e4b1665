"""A SIP telephone for tests, benchmark and demo: standard library and numpy, SIP over UDP and PCMU on loopback.

    async with Telephone("2001", "secret", registrar=("127.0.0.1", 5062)) as phone:
        call = await phone.call("sip:01632960100@127.0.0.1:5060", voice=Noise(seed=7))
        await call.answered
        ...
        await call.hangup()

Everything that was said and heard is kept with its instants (`call.sent`, `call.heard`, `call.events`), microseconds
since 1970 UTC, so that what Asterisk stored can be matched bit for bit with what was said and when; see `canary`."""

from . import conference
from .call import Call
from .datagram import Address, Instant, now_us
from .digest import Credentials
from .incoming import IncomingCall
from .media import Heard, Sent
from .outcome import CallRefusedError, Ending, Event, RegistrationRefusedError, RequestFailedError, TelephoneError
from .outgoing import OutgoingCall
from .phone import Policy, Telephone, answering, rejecting, ringing_for_ever
from .voice import FRAME_SAMPLES, Noise, Silence, Sound, Voice, VoiceError, VoiceSource, read_wav, wav

__all__ = [
    "FRAME_SAMPLES",
    "Address",
    "Call",
    "CallRefusedError",
    "Credentials",
    "Ending",
    "Event",
    "Heard",
    "IncomingCall",
    "Instant",
    "Noise",
    "OutgoingCall",
    "Policy",
    "RegistrationRefusedError",
    "RequestFailedError",
    "Sent",
    "Silence",
    "Sound",
    "Telephone",
    "TelephoneError",
    "Voice",
    "VoiceError",
    "VoiceSource",
    "answering",
    "conference",
    "now_us",
    "read_wav",
    "rejecting",
    "ringing_for_ever",
    "wav",
]
