"""A stage on which calls are played: all telephones of a run, what Asterisk said, and what the judge must know.

Several scenes are on at once, as in a hospital: nobody may be found in another's recording either.
"""

import asyncio
import itertools
import re
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import numpy as np
from canary import playings
from canary.heard import HeardSpan
from telephone import Call, IncomingCall, Instant, Telephone, Voice, now_us
from telephone.mulaw import RATE, Pcm

from . import thrown
from .hospital import CONNECT_SECONDS, Hospital
from .rooms import Joint, Off
from .site import HOUSE_PHONES
from .witness import Witness

_QUIET: Final = 100
"""Samples of an announcement that are no louder are its silence."""


@dataclass(eq=False, slots=True)
class Leg:
    """One call of one telephone, with the voice that only it has, and what the judge must know of it."""

    name: str
    call: Call
    staff: bool
    announcements: tuple[Pcm, ...] = ()
    """What an outside party must have heard; an outside party of whom nothing may ever be kept has none."""
    endpoint: str = ""
    scene: str = ""
    told_anew: bool = False
    """Whether its gate may have ended during the announcement, which the next one begins anew."""
    released: bool = False
    """Whether it was right that Asterisk ended this call."""
    reasons: tuple[str, ...] | None = None
    """Gaps that its recording must name, in this order, others between them or not; None: it has no recording."""
    refused: tuple[str, ...] = ()
    """Why nothing of it may be recorded, one of these; empty if it must be."""
    causes: tuple[str, ...] = ()
    """Why the house paused its recording, in this order, each as often as it was said."""
    turns: int = 0
    """How often they had their announcement begun anew by a key."""
    held: list[tuple[Instant, Instant]] = field(default_factory=list)
    """When it held the other side itself, and so heard nothing."""

    @property
    def title(self) -> str:
        """Its name among all scenes."""
        return f"{self.scene}: {self.name}"

    @property
    def key_up(self) -> Instant:
        """When the last key that it pressed was up again, by the telephone: IndexError if it pressed none."""
        return self.call.media.keys_up[-1]


def _whole(call: Call, announcement: Pcm) -> HeardSpan | None:
    """Return where an announcement was heard whole: whoever is told anew has not heard it whole the first time."""
    found = playings(call.heard, announcement)
    if len(found) > 1 and not found[0].complete:
        return found[1]
    return found[0] if found else None


def told_at(leg: Leg) -> Instant | None:
    """When an outside party had heard all that they must hear, at their own ear; None if they never had.

    With a delay on their path only the speech counts: the silence behind it is there for just that delay.
    """
    if leg.staff or not leg.announcements:
        return None
    heard = [_whole(leg.call, one) for one in leg.announcements]
    last = heard[-1]
    if last is None or not all(one is not None and one.complete for one in heard):
        return None
    if not leg.call.delay_us:
        return last.ended_at
    spoken_end = int(np.flatnonzero(np.abs(leg.announcements[-1].astype(np.int32)) > _QUIET)[-1])
    return leg.call.heard.heard_at(min(last.start + spoken_end, last.end - 1))


class Outsider:
    """Somebody outside whom the house calls: answers as `policy` says, by default after a moment."""

    def __init__(self, number: str, voice: Callable[[], Voice | None], ring_seconds: float) -> None:
        self.number, self.voice, self.ring_seconds = number, voice, ring_seconds
        self.rang: asyncio.Queue[IncomingCall] = asyncio.Queue()
        self.answers = True

    async def policy(self, call: IncomingCall) -> None:
        """Ring, and answer unless this is somebody who is not at home."""
        self.rang.put_nowait(call)
        call.ring()
        await asyncio.sleep(self.ring_seconds)
        if self.answers:
            call.accept(self.voice())


class Stage:
    """One run that is judged as a whole."""

    def __init__(self, hospital: Hospital) -> None:
        self.hospital = hospital
        ami = hospital.at["ami"]
        self.witness = Witness((ami["host"], ami["port"]))
        self.legs: list[Leg] = []
        self.offs: list[Off] = []
        self.joints: list[Joint] = []
        self.began_at = now_us()
        self.outsiders: dict[str, Outsider] = {}
        self._phones = itertools.cycle(HOUSE_PHONES)
        self._open = AsyncExitStack()
        self.lag_us = 0
        """How long after a room became good its capture may begin."""
        self.messages: Path | None = None
        """Where callers' voice messages lie, if some are left in this run."""
        self.delicate: tuple[asyncio.Barrier, Callable[[], None]] | None = None
        """Where all scenes wait for each other before what they are about, and what happens then."""
        self.acted_at: Instant | None = None
        """When that was: from then on nothing has to be recorded."""
        self.stood_still: list[tuple[Instant, Instant]] = []
        """When Asterisk took nothing in, and let nothing out."""
        self.afterwards: Callable[[], None] = lambda: None
        """What happens when all scenes are over, before their calls are waited for."""
        self.deaf = False
        """Whether from then on AMI is late for so long that the gate takes it for dead: what is under way is lost."""
        self.longest_announcement = max(
            len(one) / RATE for line in hospital.at["lines"] for one in hospital.announcements(line)
        )
        self.before = set((hospital.world.spool / "shipped").iterdir())

    async def __aenter__(self) -> Self:
        """Begin to watch, and open the outside world that the house can call."""
        await self._open.enter_async_context(self.witness)
        port = self.hospital.world.ports.asterisk.trunk_peer
        exchange = Telephone("exchange", local_port=port, on_call=self._rung)
        await self._open.enter_async_context(exchange)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close all of it."""
        await self._open.aclose()

    async def _rung(self, call: IncomingCall) -> None:
        said = re.match(r"INVITE sip:([^@;>]+)@", call.opening.start if call.opening else "")
        outsider = self.outsiders.get(said[1] if said else "")
        if outsider is None:
            call.reject(404, "Not Found")
        else:
            await outsider.policy(call)

    @property
    def still_us(self) -> int:
        """How long Asterisk stood still in all."""
        return sum(end - begin for begin, end in self.stood_still)

    def thrown(self) -> dict[str, list[Instant]]:
        """Return for each channel when Asterisk threw away sound of it."""
        return thrown.moments(self.hospital.world.asterisk.state / "log" / thrown.LOG)

    def next_phone(self) -> str:
        """Return a house phone's user that no scene of this stage has yet."""
        return next(self._phones)

    async def act(self) -> None:
        """Wait for every other scene, and let happen what is to happen then."""
        if self.delicate is None:
            return
        barrier, happens = self.delicate
        async with asyncio.timeout(CONNECT_SECONDS):
            if await barrier.wait() == 0:
                self.acted_at = now_us()
                happens()
            await barrier.wait()

    async def settle(self, seconds: float = 30.0) -> None:
        """Wait until no channel is left and every call is shipped: 0.4 to 1.1 s in 25 of 26 stages, 5.9 s in one."""
        spool = self.hospital.world.spool

        async def settled() -> bool:
            waiting = [one for name in ("live", "calls", "sealed") for one in (spool / name).iterdir()]
            return not waiting and not await self.hospital.channels()

        await self.hospital.until(settled, "every call shipped", seconds)
