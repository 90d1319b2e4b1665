"""A second gate that stands by, and what it made of calls whose gate ended."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from demo_world import processes
from demo_world.processes import Place, Process

from ari_app.core.names import MICROSECONDS, instant_of

from .evidence import Evidence
from .hospital import Hospital
from .judge import play
from .scene import Scenario

TOLD_SECONDS: Final = 0.8
"""Until the dialplan has been told that a gate stands by: with the next beat of the one that lives."""
_numbers = itertools.count(1)


@dataclass(slots=True)
class Standby:
    """A second gate beside the world's own."""

    hospital: Hospital
    process: Process
    place: Place

    async def takes_over(self) -> None:
        """Wait until it owns the spool, and has gone on with every call."""

        async def ready() -> bool:
            # The mark of the gate that was killed lies there until this one takes it away, between two looks or in one.
            return processes.ready_pid(self.hospital.world.spool / "gate.ready") == str(self.process.pid)

        await self.hospital.until(ready, "the gate that stood by is ready", 10.0)


async def stand_by(hospital: Hospital) -> Standby:
    """Start a gate that waits, and wait until it does and the dialplan knows."""
    world = hospital.world
    place = Place(world.root, f"standby-{next(_numbers)}")
    process = await hospital.do(
        lambda: processes.start(
            [*world.command, "gate", "--standby", "--config", world.config],
            account=world.who.gate,
            place=place,
            cwd=Path("/"),
            env=world.project._environment(),
            umask=0o027,
        )
    )

    async def waits() -> bool:
        return '"gate.stands_by"' in place.log.read_text(encoding="utf-8")

    await hospital.until(waits, "it stands by", 10.0)
    await asyncio.sleep(TOLD_SECONDS)
    return Standby(hospital, process, place)


@asynccontextmanager
async def standing_by(hospital: Hospital) -> AsyncIterator[Standby]:
    """Let a second gate wait meanwhile; at the end the world has its own again."""
    standby = await stand_by(hospital)
    try:
        yield standby
    finally:
        await hospital.do(processes.stop, standby.process)
        await hospital.start("gate")


def loss_seconds(found: Evidence) -> float:
    """Return how much of the caller is in no segment, between the first two."""
    first, second = (found.track("p01", number) for number in (1, 2))
    return (instant_of(second["stored_from"]) - instant_of(first["stored_until"])) / MICROSECONDS


def shipped(hospital: Hospital) -> set[Path]:
    """Return the folders of all calls that ship is done with."""
    return set((hospital.world.spool / "shipped").iterdir())


async def played(hospital: Hospital, scenes: dict[str, Scenario], happens: Callable[[], None]) -> list[Evidence]:
    """Play scenes in the midst of which something happens, judge them, and return all that was kept of them."""
    before = shipped(hospital)
    verdict = await play(hospital, scenes, before_acts=happens)
    assert verdict.forbidden_ms == 0.0
    return await read_new(hospital, before)


async def read_new(hospital: Hospital, before: set[Path], least: int = 0) -> list[Evidence]:
    """Return what was shipped since, when there are so many."""

    async def enough() -> bool:
        return len(shipped(hospital) - before) >= least

    await hospital.until(enough, f"{least} calls shipped")
    return [await hospital.do(hospital.archive.read, one.name) for one in sorted(shipped(hospital) - before)]
