"""A call's RTP (RFC 3550, PCMU in 20 ms packets) and DTMF (RFC 4733): what was sent and when, what was heard and when.

Two clocks matter with a network delay: `Sent` gives instants at the *telephone's mouth* (the packet reaches Asterisk
`delay_ms` later), `Heard` gives instants at the *telephone's ear* (the packet left Asterisk `delay_ms` earlier)."""

import asyncio
import secrets
import struct
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from .clock import PacingClock
from .conference import Relay
from .datagram import Address, DatagramSocket, DelayLine, Instant, bind_pair, now_us
from .moment import Moment
from .mulaw import SILENCE_BYTE, MulawBytes, Pcm, decode
from .session import PCMU, TELEPHONE_EVENT, Negotiation
from .voice import FRAME_SAMPLES, Voice

_HEADER: Final = struct.Struct("!BBHII")
_EVENT: Final = struct.Struct("!BBH")
_PLAIN: Final = 0x80
_MARKER: Final = 0x80
_EVENT_END: Final = 0x80
_EVENT_VOLUME: Final = 10
_SAMPLE_US: Final = 125
_SILENT: Final = bytes([SILENCE_BYTE]) * FRAME_SAMPLES
_DIGITS: Final = "0123456789*#ABCD"


class Sent:
    """Everything a telephone said in one call: frames of 160 samples, with the instant each left.

    Samples are counted over what was really sent: a muted time or a DTMF digit sends no samples and takes no numbers.
    """

    def __init__(self) -> None:
        self.instants: list[Instant] = []
        self.frames: list[bytes] = []
        #: Numbers of the frames that a conference of the telephone's own passed on: somebody else's words.
        self.passed_on: set[int] = set()

    def __len__(self) -> int:
        """How many samples were sent."""
        return len(self.frames) * FRAME_SAMPLES

    @property
    def mulaw(self) -> MulawBytes:
        """The mu-law bytes as they were sent."""
        return np.frombuffer(b"".join(self.frames), dtype=np.uint8)

    @property
    def pcm(self) -> Pcm:
        """The same as Asterisk stores it."""
        return decode(self.mulaw)

    @property
    def own(self) -> MulawBytes:
        """What this telephone said itself, with silence where it passed somebody else's words on."""
        if not self.passed_on:
            return self.mulaw
        return np.frombuffer(
            b"".join(_SILENT if number in self.passed_on else one for number, one in enumerate(self.frames)), np.uint8
        )

    def lately(self, frames: int) -> MulawBytes:
        """The mu-law bytes of the latest frames."""
        return np.frombuffer(b"".join(self.frames[-frames:]), dtype=np.uint8)

    def sent_at(self, sample: int) -> Instant:
        """The instant at which the packet with this sample left the telephone (all 160 samples of a packet leave
        together).
        """
        return self.instants[sample // FRAME_SAMPLES]

    def spoken_at(self, sample: int) -> Instant:
        """The instant at which the sample was spoken: a packet leaves when its last sample has been."""
        return self.sent_at(sample) - (FRAME_SAMPLES - 1 - sample % FRAME_SAMPLES) * _SAMPLE_US

    def first_sample_from(self, instant: Instant) -> int:
        """The first sample whose packet left at `instant` or later; the number of samples if there is none."""
        return int(np.searchsorted(np.array(self.instants, dtype=np.int64), instant)) * FRAME_SAMPLES


@dataclass(frozen=True, slots=True, eq=False)
class Heard:
    """Everything a telephone heard up to now, in the order of arrival; one entry per audio packet unless said
    otherwise.
    """

    #: Microseconds since 1970 UTC, by the kernel's stamp.
    arrived_at: NDArray[np.int64]
    sequence: NDArray[np.int64]
    timestamp: NDArray[np.int64]
    ssrc: NDArray[np.int64]
    #: Index of the packet's first sample, one more entry than packets.
    starts: NDArray[np.int64]
    #: All samples, one after another.
    mulaw: MulawBytes
    #: DTMF digits (RFC 4733) with the instant each began.
    digits: tuple[tuple[Instant, str], ...]
    #: How many packets the sequence numbers miss, DTMF counted in; a new source starts anew.
    lost: int

    @property
    def packets(self) -> int:
        """How many audio packets arrived."""
        return len(self.arrived_at)

    @property
    def pcm(self) -> Pcm:
        """All samples, decoded."""
        return decode(self.mulaw)

    def packet_of(self, sample: int) -> int:
        """The packet that brought this sample."""
        return bisect_right(self.starts, sample) - 1

    def heard_at(self, sample: int) -> Instant:
        """The instant at which the packet with this sample arrived."""
        return int(self.arrived_at[self.packet_of(sample)])

    def first_sample_from(self, instant: Instant) -> int:
        """The first sample that arrived at `instant` or later; the number of samples if there is none."""
        return int(self.starts[np.searchsorted(self.arrived_at, instant)])


def heard_from(packets: list[tuple[Instant, bytes]], event_type: int | None) -> Heard:
    """What RTP packets with their arrival instants amount to. Other payload types than ours are passed over."""
    rows: list[tuple[Instant, int, int, int]] = []
    payloads: list[bytes] = []
    digits: dict[tuple[int, int], tuple[Instant, str]] = {}
    lost, last = 0, dict[int, int]()
    for arrived_at, data in packets:
        if len(data) < _HEADER.size or data[0] >> 6 != 2:
            continue
        first, kind, sequence, timestamp, ssrc = _HEADER.unpack_from(data)
        step = (sequence - last.get(ssrc, sequence - 1)) & 0xFFFF
        # A step of more than half the circle is a packet that was overtaken.
        if 0 < step < 0x8000:
            lost += step - 1
            last[ssrc] = sequence
        start = _HEADER.size + 4 * (first & 15)
        if first & 0x10 and len(data) >= start + 4:
            start += 4 + 4 * int.from_bytes(data[start + 2 : start + 4], "big")
        payload = data[start : len(data) - data[-1]] if first & 0x20 else data[start:]
        if kind & 0x7F == PCMU:
            rows.append((arrived_at, sequence, timestamp, ssrc))
            payloads.append(payload)
        elif kind & 0x7F == event_type and len(payload) >= _EVENT.size and payload[0] < len(_DIGITS):
            digits.setdefault((ssrc, timestamp), (arrived_at, _DIGITS[payload[0]]))
    table = np.array(rows, dtype=np.int64).reshape(-1, 4)
    starts = np.concatenate([[0], np.cumsum([len(payload) for payload in payloads])]).astype(np.int64)
    mulaw = np.frombuffer(b"".join(payloads), dtype=np.uint8)
    return Heard(table[:, 0], table[:, 1], table[:, 2], table[:, 3], starts, mulaw, tuple(digits.values()), lost)


class Media:
    """The RTP side of one call: a socket pair, a voice, and the two logs."""

    def __init__(self, loop: asyncio.AbstractEventLoop, host: str, voice: Voice | None, delay_seconds: float) -> None:
        self._clock = PacingClock.of(loop)
        self._loop = loop
        self._voice, self._voice_frame = voice, 0
        self._delay_seconds, self._delay_us = delay_seconds, round(delay_seconds * 1_000_000)
        self._out, self._in = DelayLine(loop, delay_seconds), DelayLine(loop, delay_seconds)
        rtp, self._rtcp = bind_pair(host)
        self._socket = DatagramSocket(loop, rtp, self._receive)
        self.address: Address = self._socket.address
        self.remote: Address | None = None
        self.event_type: int | None = TELEPHONE_EVENT
        #: Whether the other side wants to hear us (RFC 3264); the clock and the timestamps run on while it does not.
        self.may_send = True
        self.sent = Sent()
        #: Packets from anywhere but the agreed address: an earlier call's last ones, or a stranger's.
        self.strays = 0
        self.first_heard: Moment[Instant] = Moment(loop)
        #: When each key that was pressed was down, and up again: as its first packet and as its end was sent, a gap
        #: before `press` is done.
        self.keys_down: list[Instant] = []
        self.keys_up: list[Instant] = []
        #: The latest frame of speech that came, with its number since the call began; what a conference passes on.
        self.newest: tuple[int, bytes] | None = None
        self._packets: list[tuple[Instant, bytes]] = []
        self._heard: tuple[int, Heard] | None = None
        self._ssrc, self._sequence = secrets.randbits(32), secrets.randbits(15)
        self._timestamp = secrets.randbits(31)
        self._marker = _MARKER
        self._speaking = False
        self._digits: Iterator[tuple[int, int, bool] | None] | None = None
        self._digits_sent: asyncio.Future[None] | None = None

    @property
    def heard(self) -> Heard:
        """What was heard until now."""
        if self._heard is None or self._heard[0] != len(self._packets):
            self._heard = len(self._packets), heard_from(self._packets, self.event_type)
        return self._heard[1]

    @property
    def packets(self) -> int:
        """How many packets have come until now; it costs nothing to ask."""
        return len(self._packets)

    def lately(self, packets: int) -> Heard:
        """What was heard in the latest packets."""
        return heard_from(self._packets[-packets:], self.event_type)

    def agreed(self, session: Negotiation) -> None:
        """The two sides agreed (anew) on where and in which direction RTP goes."""
        self.remote, self.event_type, self.may_send = session.remote, session.event_type, session.may_send

    def start(self) -> None:
        """Speak from now on, every 20 ms."""
        if not self._speaking:
            self._speaking = True
            self._clock.attach(self)

    def say(self, voice: Voice | None) -> None:
        """Speak with another voice, from its beginning, from the next packet on; None for no packets at all."""
        self._voice, self._voice_frame = voice, 0

    async def press(self, digits: str, duration_ms: int, gap_ms: int) -> None:
        """Press keys; done when the last is released. Speech pauses while a key is down, as on a real telephone."""
        if not self._speaking or self.event_type is None or self._digits is not None:
            message = "cannot press keys: the call is not up, keys are down already, or the other side takes none"
            raise RuntimeError(message)
        codes = [_DIGITS.index(digit) for digit in digits.upper()]
        self._digits = _key_beats(codes, max(2, duration_ms // 20), max(1, gap_ms // 20))
        self._digits_sent = self._loop.create_future()
        await self._digits_sent

    def tick(self) -> None:
        """Send what is due (called by the clock)."""
        self._timestamp = (self._timestamp + FRAME_SAMPLES) & 0xFFFFFFFF
        if self._digits is not None and self._press_on():
            return
        if self._voice is None or not self.may_send or self.remote is None:
            self._marker = _MARKER
            return
        payload = self._voice.frame(self._voice_frame)
        if isinstance(self._voice, Relay) and self._voice.passes_on:
            self.sent.passed_on.add(len(self.sent.frames))
        self._voice_frame += 1
        # The log first and the network after: nothing can arrive before the instant at which we say it left.
        self.sent.instants.append(now_us())
        self.sent.frames.append(payload)
        self._send(PCMU, self._timestamp, payload)

    def _press_on(self) -> bool:
        """Send the beat of a key; False where it is a gap, which has speech, or after the last key."""
        beat = None
        try:
            beat = next(self._digits) if self._digits is not None else None
        except StopIteration:
            self._finish_keys()
        if beat is None:
            return False
        code, frames, last = beat
        if frames == 1:
            self._marker = _MARKER
            self.keys_down.append(now_us())
        # All packets of a key carry the timestamp at which it went down (RFC 4733 section 2.5.1.2), its end three
        # times.
        pressed_at = (self._timestamp - (frames - 1) * FRAME_SAMPLES) & 0xFFFFFFFF
        payload = _EVENT.pack(code, _EVENT_VOLUME | (_EVENT_END if last else 0), frames * FRAME_SAMPLES)
        if last:
            self.keys_up.append(now_us())
        for _ in range(3 if last else 1):
            self._send(self.event_type or TELEPHONE_EVENT, pressed_at, payload)
        return True

    def _finish_keys(self) -> None:
        self._digits = None
        if self._digits_sent is not None and not self._digits_sent.done():
            self._digits_sent.set_result(None)

    def _send(self, kind: int, timestamp: int, payload: bytes) -> None:
        if self.remote is None:
            return
        self._sequence = (self._sequence + 1) & 0xFFFF
        packet = _HEADER.pack(_PLAIN, kind | self._marker, self._sequence, timestamp, self._ssrc) + payload
        self._marker = 0
        if self._delay_us:
            remote = self.remote
            self._out.put(lambda: self._socket.send(packet, remote))
        else:
            self._socket.send(packet, self.remote)

    def _receive(self, data: bytes, source: Address, arrived_at: Instant) -> None:
        if self.remote is not None and source != self.remote:
            self.strays += 1
            return
        if self._delay_us:
            self._in.put(lambda: self._take(arrived_at + self._delay_us, data))
        else:
            self._take(arrived_at, data)

    def _take(self, arrived_at: Instant, data: bytes) -> None:
        self._packets.append((arrived_at, data))
        # Asterisk sends plain headers of twelve bytes; `heard_from` reads the others.
        if len(data) == _HEADER.size + FRAME_SAMPLES and data[0] == _PLAIN and data[1] & 0x7F == PCMU:
            self.newest = len(self._packets), data[_HEADER.size :]
        self.first_heard.set(arrived_at)

    def stop(self) -> None:
        """Speak no more; go on hearing. What a delayed path still holds is delivered."""
        if self._speaking:
            self._speaking = False
            self._clock.detach(self)
        self._finish_keys()

    def close(self) -> None:
        """Give the ports back."""
        self.stop()
        self._out.close()
        self._in.close()
        self._socket.close()
        self._rtcp.close()


def _key_beats(codes: list[int], key_frames: int, gap_frames: int) -> Iterator[tuple[int, int, bool] | None]:
    """For each 20 ms: the key, how many frames it has been down, whether it is released now; None between keys."""
    for code in codes:
        for frames in range(1, key_frames + 1):
            yield code, frames, frames == key_frames
        for _ in range(gap_frames):
            yield None
