"""A shipment is struck in each of its phases, one after the other, while ten calls talk.

The moment is not guessed: ship's own requests tell it, as a proxy sees them, or a folder that appears.
"""

import asyncio
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from demo_world.processes import wait_until
from system.hospital import CONNECT_SECONDS
from system.scene import Scenario, Scene
from system.stage import Stage

from ari_app.core.signature import MANIFEST, SIGNATURE

from .crowd import Strike
from .ground import SHIP, Ground
from .points import SHIPMENT_PHASES

TALKING: Final = 10
REACHED_SECONDS: Final = 15.0
SHIPPED_SECONDS: Final = 45.0
"""Ship tries a server again every 15 s at the latest, and what it keeps every minute at the latest."""
LOOK_SECONDS: Final = 0.002
HEARS_SECONDS: Final = 12.0


@dataclass(slots=True)
class _Watch:
    """Calls `fire` as soon as something is seen; a thread, because the folder says nothing by itself."""

    seen: Callable[[], bool]
    fire: Callable[[], None]
    sprung: bool = False
    _ended: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def begin(self) -> None:
        """Start to look."""
        self._thread = threading.Thread(target=self._look, name="watch", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Look no more."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join(5)

    def _look(self) -> None:
        while not self._ended.is_set():
            if self.seen():
                self.fire()
                self.sprung = True
                return
            time.sleep(LOOK_SECONDS)


class Shipments:
    """A crowd of which six leave one after the other, and what happens to the recording of each."""

    def __init__(self, stage: Stage, ground: Ground) -> None:
        self.stage, self.ground = stage, ground
        self.spool = ground.world.spool
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
        house.released = True
        async with asyncio.timeout(300):
            await self._turns[scene.name].wait()
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
        before = self._shipped()
        watch = self._set(phase, before, strike)
        self._turns[phase].set()
        reached = await asyncio.to_thread(wait_until, lambda: self._sprung(watch), REACHED_SECONDS, pause_seconds=0.01)
        if watch is not None:
            watch.end()
        self._disarm()
        if not reached:
            return [f"{phase}: not reached within {REACHED_SECONDS:g} s"]
        await mend()
        async with asyncio.timeout(CONNECT_SECONDS):
            await self._left[phase].wait()

        def shipped() -> bool:
            return len(self._shipped() - before) >= 1 and not list((self.spool / "sealed").iterdir())

        over = await asyncio.to_thread(wait_until, shipped, SHIPPED_SECONDS)
        return [] if over else [f"{phase}: not shipped within {SHIPPED_SECONDS:g} s after all was mended"]

    # -- the moments

    def _set(self, phase: str, before: set[Path], strike: Callable[[], None]) -> _Watch | None:
        s3, postgres = self.ground.lines[SHIP, "S3"], self.ground.lines[SHIP, "PostgreSQL"]
        match phase:
            case "before decide":
                sealed = self.spool / "sealed"
                return self._watch(lambda: any(not (one / MANIFEST).exists() for one in sealed.iterdir()), strike)
            case "after decide":
                s3.set_trap(strike, "PUT /", ".flac")
            case "after first PUT":
                s3.set_trap(strike, "HEAD /", ".flac")
            case "after manifest":
                s3.set_trap(strike, "HEAD /", f"{MANIFEST} ")
            case "after rows":
                # A probe commits as well; what is committed next after the signature was proved are the rows.
                s3.set_trap(lambda: self._arm(strike), "HEAD /", SIGNATURE)
            case _:
                return self._watch(lambda: bool(self._shipped() - before), strike)
        postgres.trap = None
        return None

    def _arm(self, strike: Callable[[], None]) -> None:
        self.ground.lines[SHIP, "PostgreSQL"].set_trap(strike, "COMMIT", back=True)

    def _watch(self, seen: Callable[[], bool], strike: Callable[[], None]) -> _Watch:
        watch = _Watch(seen, strike)
        watch.begin()
        return watch

    def _sprung(self, watch: _Watch | None) -> bool:
        if watch is not None:
            return watch.sprung
        s3, postgres = self.ground.lines[SHIP, "S3"].trap, self.ground.lines[SHIP, "PostgreSQL"].trap
        if s3 is not None and SIGNATURE.encode() in s3.words:
            return postgres is not None and postgres.sprung
        return s3 is not None and s3.sprung

    def _disarm(self) -> None:
        for name in ("S3", "PostgreSQL"):
            self.ground.lines[SHIP, name].trap = None

    def _shipped(self) -> set[Path]:
        return set((self.spool / "shipped").iterdir())
