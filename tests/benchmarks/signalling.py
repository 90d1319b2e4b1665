"""Calls without sound by SIPp: the step from announcement to capture, CPU per call, memory."""

import statistics
import time
from collections import Counter
from dataclasses import dataclass, field

from . import journals
from .figures import percentile
from .gate_world import BARE, GATE, LONG, SHORT, GateWorld
from .load import Load, Placed
from .process import cpu_ms, rss_mb


@dataclass(slots=True)
class Round:
    """One burst of calls one way."""

    way: str
    rate: int
    placed: Placed
    steps_ms: list[float]
    asterisk_cpu_ms: float
    controller_cpu_ms: float
    recorded: int = 0
    """Calls with a capture that Asterisk confirmed to the gate; of the others, those with a file."""
    outcomes: Counter[str] = field(default_factory=Counter)
    evidence_late: int = 0

    def describe(self) -> str:
        """One line for whoever watches."""
        calls = self.placed.calls
        words = [f"{self.way:6} {self.rate:3}/s: {calls} calls, {self.placed.failed} failed, {self.recorded} recorded"]
        if self.steps_ms:
            words.append(f"step p50 {percentile(self.steps_ms, 50):.1f} p99 {percentile(self.steps_ms, 99):.1f} ms")
            words.append(f"controller {self.controller_cpu_ms:.2f} ms/call")
        words.append(f"Asterisk {self.asterisk_cpu_ms:.2f} ms/call")
        if set(self.outcomes) - {"recorded"}:
            words.append(f"outcomes {dict(self.outcomes)}")
        return ", ".join(words)


def burst(at: GateWorld, way: str, rate: int, seconds: float) -> Round:
    """Call one way for so many seconds and wait for the end of the last call."""
    calls = round(rate * seconds)
    at.forget()
    asterisk, controller = at.pid("asterisk"), at.pid(way) if way in {BARE, GATE} else None
    at.reference.taken()
    before = cpu_ms(asterisk), cpu_ms(controller) if controller else 0.0
    load = Load(at.world.programs.sipp, at.target, SHORT[way], at.scratch, rate=rate, calls=calls)
    placed = load.wait()
    steps: list[float] = []
    told: list[journals.Told] = []
    if way == BARE:
        steps = at.reference.taken()
    elif way == GATE:
        told = journals.take(at.world.spool)
        steps = [one.step_ms for one in told if one.step_ms is not None]
    after = cpu_ms(asterisk), cpu_ms(controller) if controller else 0.0
    files = list(at.audio.iterdir())
    return Round(
        way,
        rate,
        placed,
        steps,
        asterisk_cpu_ms=(after[0] - before[0]) / calls,
        controller_cpu_ms=(after[1] - before[1]) / calls,
        recorded=sum(one.captured for one in told) if way == GATE else len(files),
        outcomes=Counter(one.outcome if not one.captured else "recorded" for one in told),
        evidence_late=sum(one.captured and not one.evidence_first for one in told),
    )


@dataclass(frozen=True, slots=True)
class Crowd:
    """Many calls in progress at once."""

    rss_mb: float
    in_progress: int
    recorded: int
    placed: Placed


def crowd(at: GateWorld, calls: int, rate: int) -> Crowd:
    """Have so many calls in progress, each announced and captured, and measure the gate's resident memory."""
    at.forget()
    load = Load(at.world.programs.sipp, at.target, LONG, at.scratch, rate=rate, calls=calls)
    deadline = time.monotonic() + calls / rate + 10
    while at.channels() < calls and load.running and time.monotonic() < deadline:
        time.sleep(0.5)
    # The last announcements are over, and every capture has begun.
    time.sleep(3.5)
    seen, megabytes = at.channels(), rss_mb(at.pid(GATE))
    at.world.asterisk.cli("channel request hangup all")
    placed = load.wait()
    return Crowd(megabytes, seen, sum(one.captured for one in journals.take(at.world.spool)), placed)


def pooled(rounds: list[Round], way: str, rate: int) -> dict[str, float]:
    """Return the figures of all rounds of one way at one rate: medians of rounds, and the worst of them."""
    mine = [one for one in rounds if (one.way, one.rate) == (way, rate)]
    if not mine:
        return {}
    said = {
        "calls": sum(one.placed.calls for one in mine),
        "failed_calls": sum(one.placed.failed for one in mine),
        "recorded_calls": sum(one.recorded for one in mine),
        "retransmissions": sum(one.placed.retransmissions for one in mine),
        "asterisk_cpu_ms_per_call": statistics.median(one.asterisk_cpu_ms for one in mine),
    }
    if way in {BARE, GATE}:
        said["cpu_ms_per_call"] = statistics.median(one.controller_cpu_ms for one in mine)
        for percent in (50, 99):
            each = [percentile(one.steps_ms, percent) for one in mine]
            said[f"step_ms_p{percent}"] = statistics.median(each)
        said["step_ms_p99_worst_round"] = max(percentile(one.steps_ms, 99) for one in mine)
    return said
