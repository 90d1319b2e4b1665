"""`./tests/bench choice`: what is promised of a person's hand on the recording, and of a gate that is not there.

A part is one line of PARTS: `_in_hospital` for what measures in a world of ours, anything else that fills a report.
"""

from collections.abc import Callable, Collection, Mapping
from functools import partial
from pathlib import Path
from typing import Final

from demo_world.progress import Progress
from system.hospital import Hospital

from . import fallback, keys, rooms_world, standby
from .figures import Report, Say

Part = Callable[[Path, tuple[str, ...], Progress, Report, int], None]
"""What measures so many times and adds figures and bars to the report. Raises WorldError or OSError."""


def _in_hospital(measured: Callable[[Hospital, Report, Say, int], None]) -> Part:
    """Give a part the hospital of the system tests, for it alone."""

    def part(packages: Path, command: tuple[str, ...], progress: Progress, report: Report, runs: int) -> None:
        with rooms_world.hospital(packages, command) as at:
            report.figures["asterisk"] = at.world.programs.asterisk.program.version
            measured(at, report, progress.say, runs)

    return part


def _without_a_gate(at: Hospital, report: Report, say: Say, calls: int) -> None:
    fallback.measure(at, report, say, number=calls)


def _standby(packages: Path, command: tuple[str, ...], progress: Progress, report: Report, kills: int) -> None:
    report.take(standby.measure(packages, command, progress, kills, 0))


PARTS: Final[Mapping[str, tuple[Part, int]]] = {
    "keys": (_in_hospital(partial(keys.measure, keys.ALIVE)), keys.TIMES),
    "keys_gate_dead": (_in_hospital(partial(keys.measure, keys.DEAD)), keys.TIMES),
    "fallback": (_in_hospital(_without_a_gate), fallback.CALLS),
    "standby": (_standby, standby.KILLS),
}
"""Each part, and how many times it does what it measures unless it is told otherwise."""
RUNS: Final = {name: runs for name, (_, runs) in PARTS.items()}


def measure(
    packages: Path, command: tuple[str, ...], progress: Progress, parts: Collection[str], runs: int | None
) -> Report:
    """Measure the parts one after the other, and return figures and bars. Raises WorldError or OSError."""
    report = Report("choice")
    for name, (part, times) in PARTS.items():
        if name in parts:
            part(packages, command, progress, report, runs or times)
    return report
