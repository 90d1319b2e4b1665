"""UDP on loopback for SIP and RTP: sockets with the kernel's arrival stamps, and a line that delays.

Arrival is stamped by the kernel (`SO_TIMESTAMPNS`), not when Python gets round to reading: with a hundred calls in one
loop the two differ by milliseconds, and the tests judge by milliseconds. The clock is the wall clock, the one Asterisk
stamps events with."""

import asyncio
import contextlib
import socket
import struct
import time
from collections import deque
from collections.abc import Callable
from typing import Final

Address = tuple[str, int]
#: Microseconds since 1970 UTC.
Instant = int
OnDatagram = Callable[[bytes, Address, Instant], None]

# linux/socket.h; Python 3.11 does not name it. Where the kernel refuses it, the moment of reading is used.
_SO_TIMESTAMPNS: Final = 35
_TIMESPEC: Final = struct.Struct("@qq")
_LARGEST: Final = 65536
_PORT_TRIES: Final = 200


def now_us() -> Instant:
    """The wall clock in microseconds since 1970 UTC."""
    return time.time_ns() // 1000


class DelayLine:
    """Carries out actions in order, each `delay_seconds` after it was handed in; at once if that is 0."""

    def __init__(self, loop: asyncio.AbstractEventLoop, delay_seconds: float) -> None:
        self._loop = loop
        self._delay_seconds = delay_seconds
        self._waiting: deque[tuple[float, Callable[[], object]]] = deque()
        self._timer: asyncio.TimerHandle | None = None

    def put(self, action: Callable[[], object]) -> None:
        """Do `action` when its time has come."""
        if not self._delay_seconds:
            action()
            return
        self._waiting.append((self._loop.time() + self._delay_seconds, action))
        if self._timer is None:
            self._timer = self._loop.call_at(self._waiting[0][0], self._release)

    def _release(self) -> None:
        self._timer = None
        while self._waiting and self._waiting[0][0] <= self._loop.time():
            self._waiting.popleft()[1]()
        if self._waiting and self._timer is None:
            self._timer = self._loop.call_at(self._waiting[0][0], self._release)

    def close(self) -> None:
        """Forget what is under way, as a cut cable does."""
        self._waiting.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class DatagramSocket:
    """One bound UDP socket read by the event loop, without a transport object that could outlive it."""

    def __init__(self, loop: asyncio.AbstractEventLoop, bound: socket.socket, on_datagram: OnDatagram) -> None:
        self._loop = loop
        self._socket = bound
        self._on_datagram = on_datagram
        self.address: Address = bound.getsockname()
        bound.setblocking(False)
        with contextlib.suppress(OSError):
            bound.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        loop.add_reader(bound.fileno(), self._readable)

    def _readable(self) -> None:
        try:
            data, ancillary, _flags, source = self._socket.recvmsg(_LARGEST, 64)
        except (BlockingIOError, InterruptedError):
            return
        arrived_at = now_us()
        for level, kind, stamp in ancillary:
            if level == socket.SOL_SOCKET and kind == _SO_TIMESTAMPNS and len(stamp) == _TIMESPEC.size:
                seconds, nanoseconds = _TIMESPEC.unpack(stamp)
                arrived_at = seconds * 1_000_000 + nanoseconds // 1000
        self._on_datagram(data, source, arrived_at)

    def send(self, data: bytes, destination: Address) -> None:
        """Send, or lose: to a full buffer or an absent peer UDP loses datagrams too, and SIP repeats its own."""
        with contextlib.suppress(OSError):
            self._socket.sendto(data, destination)

    def close(self) -> None:
        """Stop reading and give the port back. Harmless a second time."""
        if self._socket.fileno() >= 0:
            self._loop.remove_reader(self._socket.fileno())
            self._socket.close()


def bind(host: str, port: int = 0) -> socket.socket:
    """A UDP socket bound to `port`, or to a free one for 0."""
    bound = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        bound.bind((host, port))
    except OSError:
        bound.close()
        raise
    return bound


def bind_pair(host: str) -> tuple[socket.socket, socket.socket]:
    """Sockets for RTP (a free even port) and RTCP (the next one).

    The second is bound though nothing reads it: else it could be another call's RTP port, and the other side's RTCP
    would be taken for speech there."""
    for _ in range(_PORT_TRIES):
        first = bind(host)
        port = first.getsockname()[1]
        if port % 2 == 0 and port < _LARGEST - 1:
            with contextlib.suppress(OSError):
                return first, bind(host, port + 1)
        first.close()
    message = (
        f"no two neighbouring UDP ports are free on {host} ({_PORT_TRIES} tries); end calls or processes that hold them"
    )
    raise OSError(message)
