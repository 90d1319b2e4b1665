"""A shipment is struck in each of its phases, one after the other, while ten calls talk."""

import asyncio
from collections.abc import Callable
from typing import Final

from demo_world.processes import wait_until
from system.hospital import CONNECT_SECONDS
from system.scene import Scenario, Scene
from system.stage import Stage

from .crowd import Strike
from .ground import SHIP, Ground
from .moments import Moments
from .points import SHIPMENT_PHASES

TALKING: Final = 10
REACHED_SECONDS: Final = 15.0
SHIPPED_SECONDS: Final = 45.0
"""Ship tries a server again every 15 s at the latest, and what it keeps every minute at the latest."""
HEARS_SECONDS: Final = 12.0


class Shipments:
    """A crowd of which six leave one after the other, and what happens to the recording of each."""

    def __init__(self, stage: Stage, ground: Ground) -> None:
        self.stage, self.ground = stage, ground
        self.spool = ground.world.spool
        self._moments = Moments(ground.lines[SHIP, "S3"], ground.lines[SHIP, "PostgreSQL"], self.spool)
        self.done = asyncio.Event()
        self._turns = {phase: asyncio.Event() for phase in SHIPMENT_PHASES}
        self._left = {phase: asyncio.Event() for phase in SHIPMENT_PHASES}
        self._up = 0
        self._all_up = asyncio.Event()
        scenes: dict[str, Scenario] = {f"conversation {number}": self.talks for number in range(1, TALKING + 1)}
        self.scenes = scenes | dict.fromkeys(SHIPMENT_PHASES, self.leaves)
        self.in_flight = len(self.scenes)

    async def talks(self, scene: Scene) -> None:
        """Two talk until all is over."""
        legs = await scene.incoming(await scene.phone())
        self._arrived()
        async with asyncio.timeout(300):
            await self.done.wait()
        await scene.converse(*legs, seconds=HEARS_SECONDS)

    async def leaves(self, scene: Scene) -> None:
        """Two talk, and hang up when it is their turn."""
        caller, house = await scene.incoming(await scene.phone())
        self._arrived()
        async with asyncio.timeout(300):
            await self._turns[scene.name].wait()
        house.released = True
        await scene.hangs_up(caller)
        await scene.released(house, seconds=CONNECT_SECONDS)
        self._left[scene.name].set()

    def _arrived(self) -> None:
        self._up += 1
        if self._up == len(self.scenes):
            self._all_up.set()

    async def struck(self, strike: Callable[[], None], mend: Strike) -> list[str]:
        """Strike in each phase; return which were not reached, and what was not shipped."""
        faults: list[str] = []
        async with asyncio.timeout(3 * CONNECT_SECONDS):
            await self._all_up.wait()
        try:
            for phase in SHIPMENT_PHASES:
                faults += await self._one(phase, strike, mend)
        finally:
            for turn in self._turns.values():
                turn.set()
            self.done.set()
        return faults

    async def _one(self, phase: str, strike: Callable[[], None], mend: Strike) -> list[str]:
        moments, before = self._moments, self._moments.shipped()
        moments.set(phase, strike)
        self._turns[phase].set()
        reached = await asyncio.to_thread(wait_until, moments.sprung, REACHED_SECONDS, pause_seconds=0.01)
        moments.disarm()
        if not reached:
            return [f"{phase}: not reached within {REACHED_SECONDS:g} s"]
        await mend()
        async with asyncio.timeout(CONNECT_SECONDS):
            await self._left[phase].wait()

        def shipped() -> bool:
            return len(moments.shipped() - before) >= 1 and not list((self.spool / "sealed").iterdir())

        over = await asyncio.to_thread(wait_until, shipped, SHIPPED_SECONDS)
        return [] if over else [f"{phase}: not shipped within {SHIPPED_SECONDS:g} s after all was mended"]
