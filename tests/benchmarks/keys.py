"""Keys that end a recording: from the moment at which a key is up again to the last sample that is stored.

Begin: the telephone's clock (the machine's, as Asterisk's) as the end of the last key of the code leaves it; each key
is down for 100 ms. End: the last packet of anybody in the room, by the clock of the telephone that sent it, of which
any sample lies in S3. So a figure is below 0 if what is stored ends before the key is up: Asterisk acts on its own
stamp, and evidence leaves a margin. Everybody talks all the time, only whoever presses is silent while a key is down.

With the gate dead it is killed in the midst of the conversations, and started again when all keys have been pressed:
the calls are up then, and whatever it would go on to record counts as well. Judged are the calls as in the system
tests.
"""

import asyncio
import math
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import numpy as np
from demo_world import processes
from system.case import Case
from system.cleanliness import dirt, settle_alarms
from system.hospital import CONNECT_SECONDS, Hospital
from system.judge import LAG_US
from system.scene import Scene
from system.stage import Stage
from telephone import FRAME_SAMPLES, Instant, TelephoneError

from .figures import Report, Say, percentile
from .transfers import judged

LINE: Final = "kept-line"
"""What came before a no is kept there, so that there is a last sample."""
KEY_MS: Final = 100
TIMES: Final = 20
LAST_SAMPLE_P99_MS: Final = 200.0
AT_ONCE: Final = 9
STAGGER_SECONDS: Final = 0.3
LATER_SECONDS: Final = 0.3
"""With the gate dead a code of each kind is pressed at once, and the next ones so much later each."""
AFTERWARDS_SECONDS: Final = 1.5
"""Everybody talks on for so long, so that it is seen if it goes on."""
SETTLED_SECONDS: Final = 12.0

ALIVE, DEAD = "gate_alive", "gate_dead"
EXPECTED: Final[Mapping[str, set[str]]] = {
    ALIVE: set(),
    DEAD: {"leg.continued", "capture.stopped stale_heartbeat", "capture.stopped other_run"},
}
"""Alarms that are none: with a gate that dies the guard ends what it captured."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A code, who presses it, and the gap that the recording must name."""

    keys: str
    by_caller: bool
    reason: str


KINDS: Final[Mapping[str, Kind]] = {
    "opt_out": Kind("*9", by_caller=True, reason="objected"),
    "pause": Kind("*52", by_caller=False, reason="paused"),
    "staff_stop": Kind("*55", by_caller=False, reason="stopped_by_staff"),
}


@dataclass(slots=True)
class Pressed:
    """Calls in which a key was pressed, and what was found of them."""

    calls: int = 0
    last_ms: dict[str, list[float]] = field(default_factory=lambda: {kind: [] for kind in KINDS})
    """Of each kind."""
    unmeasured: list[str] = field(default_factory=list)
    """Calls of which nothing at all is stored, so that there is no last sample."""
    failures: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    forbidden_ms: float = 0.0

    def add(self, other: "Pressed") -> None:
        """Take in what others found."""
        self.calls += other.calls
        for kind, found in other.last_ms.items():
            self.last_ms[kind] += found
        self.unmeasured += other.unmeasured
        self.failures += other.failures
        self.faults += other.faults
        self.forbidden_ms += other.forbidden_ms

    def describe(self) -> str:
        """One line for whoever watches."""
        spans = [f"{kind} {min(one):.1f} to {max(one):.1f} ms" for kind, one in self.last_ms.items() if one]
        harm = f"{len(self.failures)} failed, {len(self.faults)} faults, {len(self.unmeasured)} unmeasured"
        return f"{self.calls} calls, {harm}; key up → last sample: {', '.join(spans) or 'none'}"


class _Round:
    """Some calls at once, in each of which somebody presses a code."""

    def __init__(self, stage: Stage, state: str, kinds: Sequence[str]) -> None:
        self.stage, self.state = stage, state
        self.kinds = {f"{kind} {number}": kind for number, kind in enumerate(kinds)}
        self.scenes = {name: Scene(stage, name) for name in self.kinds}
        self.up: dict[str, Instant] = {}
        self.failures: list[str] = []
        self._left, self._over = len(self.kinds), asyncio.Event()
        if state == DEAD:
            kill = partial(stage.hospital.signal, "gate", signal.SIGKILL)
            stage.delicate = asyncio.Barrier(len(self.kinds)), kill

    async def play(self) -> None:
        """Play all of them; who fails is named."""
        await asyncio.gather(*(self._one(number, name) for number, name in enumerate(self.kinds)))

    async def _one(self, number: int, name: str) -> None:
        await asyncio.sleep(number * STAGGER_SECONDS)
        try:
            await self.scenes[name].run(partial(self._pressed, number, KINDS[self.kinds[name]]))
        except (AssertionError, TimeoutError, TelephoneError, asyncio.BrokenBarrierError) as failure:
            self.failures.append(f"{name}: {failure or type(failure).__name__}")

    async def _pressed(self, number: int, kind: Kind, scene: Scene) -> None:
        caller, house = await scene.incoming(await scene.phone(), LINE)
        caller.reasons = (kind.reason,)
        await scene.act()
        if self.state == DEAD:
            await scene.talk(LATER_SECONDS * (number // len(KINDS)))
        presser = caller if kind.by_caller else house
        await presser.call.press(kind.keys, duration_ms=KEY_MS)
        self.up[scene.name] = presser.key_up
        scene.off(presser, presser.key_up, why=kind.reason)
        if self.state == DEAD:
            await self._gate_is_back()
        await scene.talk(AFTERWARDS_SECONDS)
        await scene.converse(caller, house)

    async def _gate_is_back(self) -> None:
        """Wait until all have pressed; the last of them starts the gate."""
        self._left -= 1
        if not self._left:
            await self.stage.hospital.start("gate")
            self._over.set()
        async with asyncio.timeout(CONNECT_SECONDS):
            await self._over.wait()


def rounds(runs: int) -> list[list[str]]:
    """Return what is pressed at once: every kind so many times, by turns."""
    kinds = [kind for _ in range(runs) for kind in KINDS]
    return [kinds[first : first + AT_ONCE] for first in range(0, len(kinds), AT_ONCE)]


def press(hospital: Hospital, state: str, kinds: Sequence[str]) -> Pressed:
    """Place calls at once, press a code in each, and find the last sample that is stored of anybody in its room."""
    since = len(hospital.log("guard").encode())
    try:
        found = asyncio.run(_press(hospital, state, kinds))
    finally:
        hospital.world.start_gate()
    found.faults += settle_alarms(hospital.world, since, EXPECTED[state])
    if not processes.wait_until(lambda: not dirt(hospital.world), SETTLED_SECONDS, pause_seconds=0.2):
        found.faults += dirt(hospital.world)
    return found


async def _press(hospital: Hospital, state: str, kinds: Sequence[str]) -> Pressed:
    found = Pressed(len(kinds))
    async with Stage(hospital) as stage:
        stage.lag_us = LAG_US
        calls = _Round(stage, state, kinds)
        await calls.play()
        found.failures = calls.failures
        if not hospital.world.running("gate"):
            await hospital.start("gate")
        try:
            await stage.settle()
        except AssertionError as failure:
            raise OSError(f"{state}: {failure}") from failure
        case = await hospital.do(judged, stage)
    found.faults, found.forbidden_ms = list(case.verdict.faults), case.verdict.forbidden_ms
    for name, up in calls.up.items():
        last = last_stored(case, calls.scenes[name])
        if last is None:
            found.unmeasured.append(name)
        else:
            found.last_ms[calls.kinds[name]].append((last - up) / 1000)
    return found


def last_stored(case: Case, scene: Scene) -> int | None:
    """Return when the last packet of anybody in a scene reached Asterisk of which a sample is stored."""
    found = []
    for leg in scene.legs:
        stored = case.arrivals(leg.title)[case.kept[leg.title].reshape(-1, FRAME_SAMPLES).any(axis=1)]
        found += [int(np.max(stored))] if len(stored) else []
    return max(found, default=None)


def measure(state: str, at: Hospital, report: Report, say: Say, runs: int) -> None:
    """Press every code so many times with the gate in this state, and set the bars."""
    total = Pressed()
    for kinds in rounds(runs):
        found = press(at, state, kinds)
        say(f"  {state}: {found.describe()}")
        for one in (*found.failures, *found.faults, *found.unmeasured):
            say(f"    {one}")
        total.add(found)
    report.figures[f"key_up_to_last_sample_ms_{state}"] = {kind: spread(one) for kind, one in total.last_ms.items()}
    for kind, times in total.last_ms.items():
        p99 = percentile(times, 99) if len(times) >= TIMES else math.nan
        report.at_most(f"{kind}_{state}_last_sample_ms_p99_of_{TIMES}", p99, LAST_SAMPLE_P99_MS)
    report.at_most(f"{state}_failed_calls", len(total.failures), 0)
    report.at_most(f"{state}_unmeasured_calls", len(total.unmeasured), 0)
    report.at_most(f"{state}_forbidden_ms", total.forbidden_ms, 0)
    report.at_most(f"{state}_other_faults", len(total.faults), 0)


def spread(times: Sequence[float]) -> dict[str, float]:
    """Return what describes many figures."""
    return {
        "calls": len(times),
        "min": min(times, default=math.nan),
        "p50": percentile(times, 50),
        "p90": percentile(times, 90),
        "p99": percentile(times, 99),
        "max": max(times, default=math.nan),
    }
