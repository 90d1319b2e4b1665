"""`./tests/bench start`: how long a person waits for a help text, and a hospital for a gate.

The gate's figure is from the process's beginning to its mark that it is ready: configuration read, eleven announcements
measured and copied, spool taken, both connections to Asterisk open, and a marker of its own back by both. The reference
is the same interpreter that starts and does nothing, and one that only imports what the gate is built on.
"""

import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from demo_world.errors import WorldError
from demo_world.processes import ready_pid
from demo_world.progress import Progress
from demo_world.world import World
from system import doors, site

from .figures import Report, median, percentile
from .rooms_world import made

PARTS: Final = ("help", "gate")
RUNS: Final = {"help": 15, "gate": 10}
HELP_BAR_MS, READY_BAR_MS = 400.0, 1500.0
LIBRARIES: Final = "import aiohttp, panoramisk, pydantic, yaml, structlog, numpy, cryptography"
COMMANDS: Final = ("gate", "check", "explain", "verify", "quarantine", "doctor")
DEADLINE_SECONDS: Final = 20.0
POLL_SECONDS: Final = 0.002


def measure(
    packages: Path, command: tuple[str, ...], progress: Progress, parts: Sequence[str], runs: int | None
) -> Report:
    """Measure the parts, and return figures and bars. Raises WorldError or OSError."""
    report = Report("start")
    python = sys.executable
    times = runs or RUNS["help"]
    bare = _ended_ms([python, "-c", "pass"], times)
    report.reference["bare_interpreter_ms"] = bare
    if "help" in parts:
        progress.say(f"help texts, {times} times each")
        shown = _ended_ms([*command, "--help"], times)
        report.figures["help_ms"] = shown
        report.figures["command_help_ms"] = {one: _ended_ms([*command, one, "--help"], times) for one in COMMANDS}
        worst = max(median(shown), *(median(found) for found in report.figures["command_help_ms"].values()))
        report.at_most("help_ms", median(shown), HELP_BAR_MS, reference=median(bare))
        report.at_most("slowest_command_help_ms", worst, HELP_BAR_MS, reference=median(bare))
    if "gate" in parts:
        times = runs or RUNS["gate"]
        libraries = _ended_ms([python, "-c", LIBRARIES], times)
        report.reference["libraries_ms"] = libraries
        with made(packages, command, doors.equipped(site.OPTIONS)) as world:
            ready = _ready_ms(world, progress, times)
        report.figures["gate_ready_ms"] = ready
        report.figures["announcements"] = len(site.ANNOUNCEMENTS)
        report.at_most("gate_ready_ms", median(ready), READY_BAR_MS, reference=median(libraries))
        report.figures["gate_ready_worst_ms"] = percentile(ready, 100)
    return report


def _ended_ms(command: Sequence[str], times: int) -> list[float]:
    """Return how long a command took from its beginning to its end, each time; the first is not counted."""
    found = []
    for _ in range(times + 1):
        began = time.perf_counter()
        done = subprocess.run(command, check=False, capture_output=True)
        found.append((time.perf_counter() - began) * 1000)
        if done.returncode:
            raise OSError(f"{' '.join(command)} ended with {done.returncode}: {done.stderr.decode()[:500]}")
    return found[1:]


def _ready_ms(world: World, progress: Progress, times: int) -> list[float]:
    """Return how long a gate took from its beginning to ready, each time; the first, which copies, is not counted."""
    world.start_asterisk()
    found = []
    for number in range(times + 1):
        progress.say(f"gate {number} of {times}")
        mark = world.spool / "gate.ready"
        began = time.perf_counter()
        world.start_gate(await_ready=False)
        while ready_pid(mark) != str(world.pid("gate")):
            if time.perf_counter() - began > DEADLINE_SECONDS:
                raise WorldError(f"the gate is not ready after {DEADLINE_SECONDS:.0f} s; see {world.place('gate').log}")
            time.sleep(POLL_SECONDS)
        found.append((time.perf_counter() - began) * 1000)
        world.stop_one("gate")
    return found[1:]
