"""The gate's heartbeat: proof for ship, a sign of life for the dialplan, and the test of both event streams.

Twice a second a marker of our own is sent through ARI and through AMI. When it has come back through *both*,
every event up to the earlier of its two stamps has been handled, and that instant is written to the heartbeat
file: a stream that is delayed delays the heartbeat, and with it what ship may store. A marker that does not come
back means that the stream is dead, however open its socket looks.

A marker that is late on both streams says that Asterisk may have stood still, and since when (`core.standstill`).

All evidence is stamps of the wall clock. So when that is set, what was said before and after cannot be compared: then
everything begins anew, as when a stream is lost. A machine that was suspended looks the same. Until then this process
goes by the clock as it was: when a capture that began by it was stopped is a time of that one as well, and what was
said before is stored.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

from . import clock
from .adapters.ami import Ami
from .adapters.ari import Ari
from .core import standstill
from .core.names import MICROSECONDS, Instant
from .core.standstill import Standstill

BEAT_SECONDS: Final = 0.5
DEAD_MICROSECONDS: Final = 2_500_000
SET_MICROSECONDS: Final = 1_000_000
"""The least by which a clock that was set goes on wrong between two beats; NTP moves it by 250 us at most."""
CLOCK: Final = "none, but the machine's clock was set"
ALIVE: Final = "CONSENTGATE_ALIVE"
STANDBY: Final = "CONSENTGATE_STANDBY"
"""When another gate last stood by: for a second a caller waits for it, instead of passing unrecorded."""


class Pulse:
    """Runs while both connections are up.

    `beat` is told each instant up to which everything was handled, and when Asterisk may have stood still before it.
    """

    def __init__(
        self,
        ari: Ari,
        ami: Ami,
        beat: Callable[[Instant, Sequence[Standstill]], None],
        standby: Callable[[], bool] = lambda: False,
        leaving: Callable[[], bool] = lambda: False,
        stood_still: Sequence[Standstill] = (),
    ) -> None:
        """Beat on both streams; standby: whether another gate waits to take over, which the dialplan is told.

        leaving: whether this gate ends: nobody new is sent to it, and what is under way still needs the beats.
        stood_still: what the pulse before this one had `left`.
        """
        self._ari, self._ami, self._beat, self._standby, self._leaving = ari, ami, beat, standby, leaving
        self._stood_by = True
        self._number = 0
        self._sent: dict[int, int] = {}
        """When each marker was sent that has not come back, in ticks."""
        self._sent_at: dict[int, Instant] = {}
        """The same, by the clock that Asterisk's stamps are of."""
        self._alive_at = clock.now()
        """The last instant at which Asterisk surely lived: it has just answered whoever made this."""
        self._stood_still = list(stood_still)
        self._stamps: dict[int, dict[str, Instant]] = {}
        self._first_beat = asyncio.Event()
        self.alive = False
        """Whether Asterisk has taken the alive mark, so that the dialplan sends callers to us."""

    def returned(self, stream: str, number: int, at: Instant) -> None:
        """A marker came back through `ari` or `ami`, with Asterisk's stamp."""
        if number not in self._sent:
            return
        self._lives(number, at)
        stamps = self._stamps.setdefault(number, {})
        stamps[stream] = at
        if len(stamps) == len(("ari", "ami")):
            self._first_beat.set()
            self._beat(Instant(min(stamps.values())), tuple(self._stood_still))
            self._stood_still.clear()
            for old in [one for one in self._sent if one <= number]:
                del self._sent[old], self._sent_at[old]
                self._stamps.pop(old, None)

    def _lives(self, number: int, at: Instant) -> None:
        """Asterisk lived then; and since the stamp before, if no marker had waited for it meanwhile."""
        # A request that was given up is lost for good: so the oldest of which nothing at all has come back counts.
        waiting = [one for one in self._sent if one <= number and one not in self._stamps]
        if waiting:
            took = clock.ticks() - self._sent[waiting[0]]
            still = standstill.by_marker(self._alive_at, self._sent_at[waiting[0]], at, took)
            self._stood_still += [still] if still else []
        self._alive_at = Instant(max(self._alive_at, at))

    def left(self) -> tuple[Standstill, ...]:
        """Return what no beat has said yet, once Asterisk answers again: with that the next pulse begins.

        Who has stood still for longer than a stream may be silent still has in hand what came meanwhile, and a permit
        that is granted anew would let it in.
        """
        waiting = [sent for one, sent in self._sent.items() if one not in self._stamps]
        late = bool(waiting) and clock.ticks() - min(waiting) > standstill.LATE_MICROSECONDS
        return (*self._stood_still, *([Standstill(self._alive_at, clock.now())] if late else []))

    async def run(self) -> str:
        """Beat until a stream is dead, or the clock is set; return which, for the log."""
        apart = clock.wall() - clock.ticks()
        while True:
            now, ticks = clock.wall(), clock.ticks()
            if abs(now - ticks - apart) >= SET_MICROSECONDS:
                return CLOCK
            apart = now - ticks
            clock.hold(apart)
            if self._sent and ticks - min(self._sent.values()) > DEAD_MICROSECONDS:
                oldest = min(self._sent)
                silent = [name for name in ("ari", "ami") if name not in self._stamps.get(oldest, {})]
                return " and ".join(silent)
            self._number += 1
            self._sent[self._number], self._sent_at[self._number] = ticks, now
            await asyncio.gather(self._ari.mark(self._number), self._ami.mark(self._number))
            # Callers are sent to us from the first marker on that came back through both streams, not before. With each
            # beat: if no heartbeat can be written, it is all by which the guard knows a full disk from a dead gate.
            came_alive = not self.alive
            if self._first_beat.is_set():
                await self._say_alive(now)
                await self._say_standby(now)
            # The next marker that comes back says that we are ready: nobody waits half a second for that.
            came_alive = came_alive and self.alive
            pause_seconds = 0.0 if came_alive else max(0.0, BEAT_SECONDS - (clock.ticks() - ticks) / MICROSECONDS)
            if self._first_beat.is_set():
                await asyncio.sleep(pause_seconds)
            else:
                with suppress(TimeoutError):
                    async with asyncio.timeout(pause_seconds):
                        await self._first_beat.wait()

    async def _say_alive(self, now: Instant) -> None:
        if not self._leaving():
            self.alive = bool(await self._ami.set(None, ALIVE, str(now // MICROSECONDS))) or self.alive

    async def _say_standby(self, now: Instant) -> None:
        waits = self._standby()
        if waits or self._stood_by:
            await self._ami.set(None, STANDBY, str(now // MICROSECONDS) if waits else "0")
        self._stood_by = waits
