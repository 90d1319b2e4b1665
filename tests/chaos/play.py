"""One round: a crowd is gathered, the blow falls, all is mended, and everything that is left is judged."""

import asyncio
import json
import shutil
import time
import traceback
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from demo_world import processes
from demo_world.world import OWN
from system.cleanliness import dirt, settle_alarms
from system.judge import new_recordings
from system.scene import Scenario, Scene
from system.stage import Stage
from telephone import Instant, TelephoneError, now_us

from . import faults
from .crowd import Crowd
from .ground import GATE, READY_SECONDS, Ground
from .outcome import ALARMS, Outcome, known, left_over, once, settle
from .points import CALL, FREEZE, KILL, STEP, Round
from .shipments import Shipments

SETTLED_SECONDS: Final = 75.0
"""Longer than ship waits before it looks again at what it keeps."""
NOTED_SECONDS: Final = 20.0
LAG_US: Final = 600_000
STAGGER_SECONDS: Final = 0.15
READY: Final = b'"gate.ready"'
NOT_WRITTEN: Final = "incident.not_written"
BUGS: Final = ("Traceback", "order.failed", "fact_failed", "guard.failed", NOT_WRITTEN)


def play(ground: Ground, what: Round, kept: Path) -> Outcome:
    """Play one round and return what is left of it; a fault that is impossible on this machine is skipped by name.

    kept: a folder for the logs of a round in which something was wrong, and for the calls that were not shipped.
    """
    outcome = Outcome(what.name, points=len(what.points))
    began = time.monotonic()
    logs = {name: ground.world.place(name).log for name in (*OWN, "standby") if ground.world.place(name).log.exists()}
    sizes = {name: log.stat().st_size for name, log in logs.items()}
    try:
        if what.blow.standby:
            ground.stand_by()
        asyncio.run(_play(ground, what, outcome, kept))
    except faults.ImpossibleError as reason:
        outcome.skipped = str(reason)
    finally:
        ground.dismiss()
    settle_alarms(ground.world, sizes["guard"], set(ALARMS))
    processes.wait_until(lambda: not dirt(ground.world), 12.0, pause_seconds=0.2)
    false = settle_alarms(ground.world, sizes["guard"], set(ALARMS))
    left_over(ground, dirt(ground.world) + false, outcome)
    for name, log in logs.items():
        said = log.read_bytes()[sizes[name] :].decode(errors="replace")
        bugs = [line for line in said.splitlines() if any(one in line for one in BUGS)]
        if what.blow.victim == "disk":
            bugs = [line for line in bugs if not _written_later(line, said)]
        outcome.faults += [f"{name}'s log: {line[:400]}" for line in bugs]
        if outcome.faults:
            kept.mkdir(parents=True, exist_ok=True)
            (kept / log.name).write_text(said, encoding="utf-8")
    outcome.seconds = round(time.monotonic() - began, 1)
    return outcome


def _written_later(line: str, said: str) -> bool:
    """Tell whether it is only an incident that the disk did not take, and took when it was mended."""
    if NOT_WRITTEN not in line:
        return False
    identity = json.loads(line)["incident"]
    return any(identity in other and "incident.written" in other for other in said.splitlines())


async def _play(ground: Ground, what: Round, outcome: Outcome, kept: Path) -> None:
    hospital = ground.hospital
    before = await hospital.do(known, ground)
    async with Stage(hospital) as stage:
        stage.lag_us = LAG_US
        deadly = what.blow.victim == "Asterisk" and what.blow.fault == KILL
        crowd = Crowd(stage, deadly=deadly) if what.kind == CALL else Shipments(stage, ground)
        outcome.calls = crowd.in_flight
        blow = _Blow(ground, what, stage)
        playing = asyncio.ensure_future(_scenes(stage, crowd.scenes))
        try:
            if isinstance(crowd, Crowd):
                await crowd.struck(blow.strike, blow.mend)
                if what.blow.victim == GATE and what.blow.step_seconds < 0:
                    # Of a call that runs when the clock is set back nothing can be proved: no time comes once.
                    stage.acted_at = Instant(0)
            else:
                outcome.faults += await crowd.struck(blow.begin, blow.mend)
        except (AssertionError, TimeoutError) as failure:
            outcome.faults.append(f"the blow: {failure!r}"[:1500])
        finally:
            await hospital.do(blow.end)
        failed = await playing
        outcome.failed_calls += len(failed)
        outcome.faults += failed
        if deadly:
            outcome.excepted = sorted(one for one in crowd.scenes if one != "next")
        try:
            await stage.settle(SETTLED_SECONDS)
        except AssertionError as failure:
            waiting = [
                one.name for name in ("live", "calls", "sealed") for one in (ground.world.spool / name).iterdir()
            ]
            outcome.lost += len(waiting)
            outcome.faults.append(f"{failure}: {waiting}")
            for one in (
                place for name in ("calls", "sealed", "audio") for place in (ground.world.spool / name).iterdir()
            ):
                shutil.copytree(one, kept / one.parent.name / one.name, dirs_exist_ok=True)
        # What scripts have noted meanwhile ship takes up by itself, and they are accounts as well.
        noted = ground.world.spool / "fallback"
        await hospital.do(processes.wait_until, lambda: not any(noted.iterdir()), NOTED_SECONDS)
        found = await hospital.do(lambda: list(new_recordings(stage)))
        try:
            await hospital.do(settle, stage, found, outcome)
        except AssertionError as failure:
            where = "".join(traceback.format_tb(failure.__traceback__)[-2:])
            outcome.faults.append(f"what is stored does not agree: {failure} {where}"[:1500])
        await hospital.do(once, ground, found, before, outcome)


class _Blow:
    """The fault as the crowd strikes it: several times, if need be."""

    def __init__(self, ground: Ground, what: Round, stage: Stage) -> None:
        self.ground, self.blow, self.stage = ground, what.blow, stage
        self._open = ExitStack()
        self._begun = self._mended = Instant(0)

    def begin(self) -> None:
        """Let it begin, in whatever thread sees that it is time."""
        if self.stage.acted_at is None:
            self.stage.acted_at = now_us()
        self._begun = now_us()
        self._open.enter_context(faults.of(self.ground, self.blow))

    def end(self) -> None:
        """Let it be over."""
        self._mended = now_us()
        self._open.close()

    async def strike(self) -> None:
        """Let it begin."""
        await asyncio.to_thread(self.begin)

    async def mend(self) -> None:
        """After its time let it be over; wait until all is ready again."""
        await asyncio.sleep(self.blow.seconds)
        log = self.ground.world.place(GATE).log
        size = log.stat().st_size
        await asyncio.to_thread(self.end)
        if self.blow.victim == GATE and self.blow.fault == STEP:
            # It is ready until it has noticed, and after that again.
            anew = await asyncio.to_thread(
                processes.wait_until, lambda: READY in log.read_bytes()[size:], READY_SECONDS
            )
            assert anew, "the gate has not begun anew when its clock was set back"
        if self.blow.victim == "Asterisk":
            if self.blow.fault == KILL:
                await self.stage.witness.another_life(self._begun)
            elif self.blow.fault == FREEZE:
                self.stage.stood_still.append((self._begun, self._mended))
        await asyncio.to_thread(self.ground.await_ready)
        if self.blow.victim == "disk":
            # By itself ship looks again after a minute; whoever has made room says so.
            done = await asyncio.to_thread(self.ground.world.consentgate, "spool", "retry", "--all", *self.ground.said)
            assert done.returncode in {0, 1}, done.stderr


async def _scenes(stage: Stage, scenarios: Mapping[str, Scenario]) -> list[str]:
    """Play all scenes at the same time; return which failed, and how."""

    async def one(number: int, name: str) -> str:
        await asyncio.sleep(number * STAGGER_SECONDS)
        try:
            await Scene(stage, name).run(scenarios[name])
        except (AssertionError, TimeoutError, OSError, TelephoneError) as failure:
            return f"call failed: {name}: {failure!r}"[:1200]
        return ""

    found = await asyncio.gather(*(one(number, name) for number, name in enumerate(scenarios)))
    return [one for one in found if one]
