"""One 20 ms beat for all telephones of an event loop.

A timer per call would wake the loop 50 times a second for each of a hundred calls; a beat in four slots of 5 ms wakes
it 200 times in all, spreads the packets, and still sends each call's first packet within 5 ms. It runs only while
somebody speaks, so nothing of it is left behind."""

import asyncio
from typing import ClassVar, Final, Protocol
from weakref import WeakKeyDictionary

FRAME_SECONDS: Final = 0.02
_SLOTS: Final = 4


class Stream(Protocol):
    """Something that wants to be called every 20 ms."""

    def tick(self) -> None:
        """Send what is due now."""
        ...


class PacingClock:
    """The beat of one event loop; get it by `PacingClock.of(loop)`."""

    _clocks: ClassVar[WeakKeyDictionary[asyncio.AbstractEventLoop, "PacingClock"]] = WeakKeyDictionary()

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._slots: list[tuple[Stream, ...]] = [()] * _SLOTS
        self._origin = loop.time()
        self._next = 0
        self._timer: asyncio.TimerHandle | None = None

    @classmethod
    def of(cls, loop: asyncio.AbstractEventLoop) -> "PacingClock":
        """The clock that all telephones of this loop share."""
        return cls._clocks.setdefault(loop, cls(loop))

    def attach(self, stream: Stream) -> None:
        """Tick `stream` every 20 ms, for the first time within 5 ms."""
        if self._timer is None:
            self._origin, self._next = self._loop.time(), 0
            self._schedule()
        slot = self._next % _SLOTS
        self._slots[slot] = (*self._slots[slot], stream)

    def detach(self, stream: Stream) -> None:
        """Tick `stream` no more."""
        # The timer is left to find out: cancelled here, in the middle of a beat, a stream attached by the same beat
        # would start a second one.
        self._slots = [tuple(other for other in slot if other is not stream) for slot in self._slots]

    def _schedule(self) -> None:
        self._timer = self._loop.call_at(self._origin + self._next * FRAME_SECONDS / _SLOTS, self._wake)

    def _wake(self) -> None:
        # A late loop makes up for every beat it missed: a telephone's clock does not stand still, and a recording that
        # lacks what was never sent would look like a loss in Asterisk.
        while self._origin + self._next * FRAME_SECONDS / _SLOTS <= self._loop.time():
            slot = self._next % _SLOTS
            self._next += 1
            for stream in self._slots[slot]:
                stream.tick()
        if any(self._slots):
            self._schedule()
        else:
            self._timer = None
