"""`./tests/bench rooms`: what is promised of everybody who can be heard, measured on real calls with real sound."""

from collections.abc import Callable, Collection
from pathlib import Path
from typing import Final

from demo_world.progress import Progress
from demo_world.world import World
from system.cleanliness import alarms
from system.hospital import Hospital

from . import emergency, gate_world, guard, rooms_world, transfers
from .figures import Report, median, percentile

PARTS: Final = ("transfers", "attended_code", "guard", "emergency", "guard_cpu")

# The bars (issue #3).
BRIDGED_MEDIAN_MS, BRIDGED_P99_MS = 40.0, 80.0
ATTENDED_CALLS: Final = 50
STOPPED_P99_MS: Final = 300.0
DOOR_TIMES: Final = 20
SET_UP_CALLS: Final = 200
SET_UP_RATIO: Final = 1.05
GUARD_CPU_MS: Final = 2.0
RATE: Final = 50
LOAD_SECONDS: Final = 10.0
RUNS: Final = {
    "transfers": 4,
    "attended_code": ATTENDED_CALLS,
    "guard": DOOR_TIMES,
    "emergency": SET_UP_CALLS,
    "guard_cpu": 2,
}
"""How many times each part does what it measures, unless it is told otherwise."""

Say = Callable[[str], None]


def measure(
    packages: Path, command: tuple[str, ...], progress: Progress, parts: Collection[str], runs: int | None
) -> Report:
    """Make the worlds, measure the parts, and return figures and bars. Raises WorldError or OSError."""
    report = Report("rooms", figures={}, reference={})
    times = {part: runs or RUNS[part] for part in PARTS}
    say = progress.say
    if {"transfers", "attended_code", "guard", "emergency"} & set(parts):
        with rooms_world.hospital(packages, command) as at:
            report.figures["asterisk"] = at.world.programs.asterisk.program.version
            if "transfers" in parts:
                _transfers(at, report, say, times["transfers"])
            if "attended_code" in parts:
                _attended_code(at, report, say, times["attended_code"])
            if {"transfers", "attended_code"} & set(parts):
                _no_alarms(at.world, report, say, "transfers")
            if "guard" in parts:
                _guard(at, report, say, times["guard"])
            if "emergency" in parts:
                _emergency(at, packages, command, report, say, times["emergency"])
    if "guard_cpu" in parts:
        with gate_world.running(packages, command) as load:
            report.figures["asterisk"] = load.world.programs.asterisk.program.version
            _guard_cpu(load, report, say, times["guard_cpu"])
    return report


def _transfers(at: Hospital, report: Report, say: Say, runs: int) -> None:
    found = transfers.Played(0)
    for kinds in transfers.rounds(tuple(transfers.KINDS), runs):
        _play(at, found, [(kind, kind) for kind in kinds], say)
    voices = found.voices
    report.figures["transfers"] = {
        "scenes": found.scenes,
        "calls": found.calls,
        "bridged_to_first_sample_ms": transfers.spread(voices),
        "of_each_kind_ms": {
            kind: transfers.spread([one for one in voices if one.kind == kind]) for kind in transfers.KINDS
        },
    }
    # Every kind has at least two voices after it; one of whom nothing is known was not measured.
    missing = [kind for kind in transfers.KINDS if sum(one.kind == kind for one in voices) < 2 * runs]
    delays = [float("nan")] if missing else [one.delay_ms for one in voices]
    report.figures["transfers"]["kinds_not_measured_each_time"] = missing
    report.at_most("bridged_to_first_sample_ms_p50", percentile(delays, 50), BRIDGED_MEDIAN_MS)
    report.at_most("bridged_to_first_sample_ms_p99", percentile(delays, 99), BRIDGED_P99_MS)
    _harm(report, "transfers", found)


def _attended_code(at: Hospital, report: Report, say: Say, runs: int) -> None:
    found = transfers.Played(0)
    kinds = [transfers.ATTENDED[number % len(transfers.ATTENDED)] for number in range(runs)]
    named = [(f"{kind} {number}", kind) for number, kind in enumerate(kinds, start=1)]
    for first in range(0, runs, transfers.AT_ONCE):
        _play(at, found, named[first : first + transfers.AT_ONCE], say)
    report.figures["attended_code"] = {
        "transfers": found.scenes,
        "both_voices_complete": found.scenes - found.incomplete,
        "calls": found.calls,
        "bridged_to_first_sample_ms": transfers.spread(found.voices),
    }
    enough = found.scenes >= ATTENDED_CALLS
    name = f"not_complete_of_{ATTENDED_CALLS}_attended_by_code"
    report.at_most(name, found.incomplete if enough else float("nan"), 0)
    _harm(report, "attended_code", found)


def _play(at: Hospital, found: transfers.Played, kinds: list[tuple[str, str]], say: Say) -> None:
    played = transfers.play(at, kinds)
    say(f"  {', '.join(dict.fromkeys(kind for _, kind in kinds))}: {played.describe()}")
    for fault in (*played.failures, *played.faults):
        say(f"    {fault}")
    found.add(played)


def _harm(report: Report, part: str, found: transfers.Played) -> None:
    report.at_most(f"{part}_failed_calls", len(found.failures), 0)
    report.at_most(f"{part}_forbidden_ms", found.forbidden_ms, 0)
    report.at_most(f"{part}_other_faults", len(found.faults), 0)


def _no_alarms(world: World, report: Report, say: Say, part: str) -> None:
    """Set the bar of false alarms: nobody has done what the guard must stop."""
    said = alarms(world, 0)
    for one in said:
        say(f"    false alarm: {one}")
    report.at_most(f"{part}_false_alarms", len(said), 0)


def _guard(at: Hospital, report: Report, say: Say, times: int) -> None:
    doors = []
    for name, opening in guard.every_door().items():
        doors.append(guard.opened(at, name, opening, times))
        say(f"  {doors[-1].describe()}")
    stopped = [ms for door in doors for ms in door.stopped_after_ms]
    report.figures["guard"] = {
        "doors": len(doors),
        "accounts_in_s3": sum(door.accounts for door in doors),
        "stopped_after_ms": {"p50": percentile(stopped, 50), "p99": percentile(stopped, 99)},
        "of_each_door_ms": {
            door.name: {
                "times": len(door.stopped_after_ms),
                "p50": percentile(door.stopped_after_ms, 50),
                "p99": percentile(door.stopped_after_ms, 99),
            }
            for door in doors
        },
    }
    worst = [percentile(door.stopped_after_ms, 99) for door in doors if len(door.stopped_after_ms) >= DOOR_TIMES]
    slowest = max(worst) if len(worst) == len(doors) else float("nan")
    report.at_most(f"slowest_door_stopped_ms_p99_of_{DOOR_TIMES}", slowest, STOPPED_P99_MS)
    report.at_most("guard_shipped", sum(door.shipped for door in doors), 0)
    report.at_most("guard_doors_with_faults", sum(bool(door.faults) for door in doors), 0)


def _emergency(at: Hospital, packages: Path, command: tuple[str, ...], report: Report, say: Say, calls: int) -> None:
    found = {state: emergency.Compared() for state in emergency.STATES}
    with rooms_world.plain_pbx(packages, command) as plain:
        realtime = emergency.realtime(at.world), emergency.realtime(plain)
        for state, now in emergency.blocks(calls):
            block = emergency.block(at.world, plain, state, now)
            say(f"  emergency, {state}: {block.describe()}")
            found[state].add(block)
    report.figures["emergency_set_up"] = {state: one.suite.figures() for state, one in found.items()}
    report.reference["without_the_suite"] = {
        f"emergency_set_up_beside_{state}": one.plain.figures() for state, one in found.items()
    }
    report.figures["emergency_set_up"]["asterisk_is_realtime"] = realtime[0]
    report.reference["without_the_suite"]["asterisk_is_realtime"] = realtime[1]
    report.figures["emergency_set_up"]["suite_ended_over_without"] = found[emergency.ENDED].ratio
    for state in (emergency.ALIVE, emergency.HUNG, emergency.DEAD):
        one = found[state]
        enough = min(len(one.suite.answered_ms), len(one.plain.answered_ms)) >= SET_UP_CALLS
        ratio = one.ratio if enough else float("nan")
        report.at_most(f"emergency_set_up_{state}_over_without_in_{SET_UP_CALLS}", ratio, SET_UP_RATIO)
    failed = sum(side.failed for one in found.values() for side in (one.suite, one.plain))
    report.at_most("emergency_failed_calls", failed, 0)


def _guard_cpu(at: gate_world.GateWorld, report: Report, say: Say, runs: int) -> None:
    at.world.start_guard()
    bursts = []
    for _ in range(runs):
        bursts.append(guard.watched(at, RATE, LOAD_SECONDS))
        say(f"  {bursts[-1].describe()}")
    calls = sum(one.burst.placed.calls for one in bursts)
    used = median([one.guard_cpu_ms for one in bursts])
    report.figures["guard_cpu"] = {
        "calls": calls,
        "guard_cpu_ms_per_call": used,
        "gate_cpu_ms_per_call": median([one.burst.controller_cpu_ms for one in bursts]),
        "asterisk_cpu_ms_per_call": median([one.burst.asterisk_cpu_ms for one in bursts]),
    }
    report.at_most(f"guard_cpu_ms_per_call_at_{RATE}_per_second", used, GUARD_CPU_MS)
    _no_alarms(at.world, report, say, "guard_cpu")
    report.at_most("guard_cpu_failed_calls", sum(one.burst.placed.failed for one in bursts), 0)
    report.at_most("guard_cpu_unrecorded_calls", calls - sum(one.burst.recorded for one in bursts), 0)
