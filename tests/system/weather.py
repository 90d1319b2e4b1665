"""What a bad network and a busy PBX do to events on their way: late, twice, or in another order than they happened.

Answers to the gate's own requests pass as they come, and so do a socket's own signs of life: a gate whose requests are
not answered knows that it is blind, and one whose events are late does not.
"""

import asyncio
import heapq
import random
import re
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

_TEXT_FRAME: Final = 0x81
_SOURCE: Final = re.compile(rb"^(?:Uniqueid|ParkeeUniqueid|TransfereeUniqueid): (\S+)", re.MULTILINE)


@dataclass(slots=True)
class Weather:
    """late_seconds: each event is held for so long; twice: it comes twice; shuffle_seconds: each is held for a random
    time up to this, so that events of different channels overtake each other, and those of one channel do not.
    """

    late_seconds: float = 0.0
    twice: bool = False
    shuffle_seconds: float = 0.0
    chance: random.Random = field(default_factory=lambda: random.Random(3))  # noqa: S311  not for secrets
    met: int = 0
    """How many events it has hit."""


def is_event(message: bytes) -> bool:
    """Tell whether a message says what happened, unasked."""
    if message[:1] == bytes([_TEXT_FRAME]):
        return True
    # Asterisk puts all headers of the action into a user event, its ActionID too: the gate's own marker has one, and a
    # marker that passed while what lies before it is held would be proof of what nobody has read.
    return message.startswith(b"Event: UserEvent\r\n") or (
        message.startswith(b"Event: ") and b"\r\nActionID: " not in message
    )


class Sky:
    """The way of one connection's events to the gate, in whatever weather there is."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        self._waiting: list[tuple[float, int, bytes]] = []
        self._count = 0
        self._latest: dict[bytes, float] = {}
        self._news = asyncio.Event()

    def takes(self, message: bytes, weather: Weather | None) -> bool:
        """Tell whether the message goes this way; it is delivered when its time has come."""
        if not is_event(message) or (weather is None and not self._waiting):
            return False
        now = asyncio.get_running_loop().time()
        weather = weather or Weather()
        weather.met += 1
        source = b""
        if weather.shuffle_seconds and (found := _SOURCE.search(message)):
            source = found[1]
        due = now + weather.late_seconds + weather.chance.random() * weather.shuffle_seconds
        # What follows fair weather does not overtake what the storm still holds.
        due = max([due, self._latest.get(source, 0.0), *([] if weather.shuffle_seconds else self._latest.values())])
        self._latest[source] = due
        for _ in range(2 if weather.twice else 1):
            self._count += 1
            heapq.heappush(self._waiting, (due, self._count, message))
        self._news.set()
        return True

    async def deliver(self) -> None:
        """Write each event when it is due; for ever."""
        loop = asyncio.get_running_loop()
        with suppress(OSError):
            while True:
                self._news.clear()
                if not self._waiting:
                    await self._news.wait()
                    continue
                pause = self._waiting[0][0] - loop.time()
                if pause > 0:
                    with suppress(TimeoutError):
                        await asyncio.wait_for(self._news.wait(), pause)
                    continue
                self._writer.write(heapq.heappop(self._waiting)[2])
                await self._writer.drain()
