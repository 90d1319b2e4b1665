"""`./tests/bench gate`: the gate next to Asterisk's own dialplan and to a bare loop, all in one run.

The ways alternate, mirrored around the middle, so that a slow minute of the machine hits all of them.
"""

from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any, Final

from demo_world.progress import Progress

from . import media, signalling
from .figures import Report, median, percentile
from .gate_world import BARE, CONVERSATION, GATE, NATIVE, WAYS, GateWorld, running
from .process import rss_mb

PARTS: Final = ("signalling", "media", "memory")
LOAD_SECONDS: Final = 10.0
RATE, HIGH_RATE = 50, 100
BURSTS: Final = (
    (NATIVE, RATE), (BARE, RATE), (GATE, RATE),
    (BARE, HIGH_RATE), (GATE, HIGH_RATE), (NATIVE, HIGH_RATE),
    (GATE, RATE), (BARE, RATE), (NATIVE, RATE),
)  # fmt: skip
BATCHES: Final = (NATIVE, GATE, CONVERSATION, GATE, NATIVE, NATIVE, GATE, CONVERSATION, GATE, NATIVE)
MANY_CALLS, MANY_RATE = 1000, 80

# The bars (issue #2).
CAPTURE_MEDIAN_OVER_NATIVE_MS, CAPTURE_P99_OVER_NATIVE_MS = 10.0, 20.0
HOUSE_MEDIAN_MS, HOUSE_P99_MS = 40.0, 80.0
OVER_BARE_LOOP = 2.0
RSS_MB = 120.0
EARLY_MS, EARLY_CALLS = 20.0, 200

Say = Callable[[str], None]


def measure(
    packages: Path, command: tuple[str, ...], progress: Progress, parts: Collection[str], seconds: float
) -> Report:
    """Make the world, measure the parts, and return figures and bars. Raises WorldError or OSError."""
    report = Report("gate", figures={}, reference={NATIVE: {}, BARE: {}})
    counts = {"calls": 0, "failed": 0, "unrecorded": 0}
    with running(packages, command) as at:
        report.figures["asterisk"] = at.world.programs.asterisk.program.version
        if "media" in parts:
            _media(at, report, counts, progress.say)
        if "signalling" in parts:
            _signalling(at, report, counts, progress.say, seconds)
        if "memory" in parts:
            _memory(at, report, counts, progress.say)
    report.figures["calls"] = counts["calls"]
    report.at_most("failed_calls", counts["failed"], 0)
    # A gate that gives up under load would be quick, and nobody's call would fail.
    report.at_most("unrecorded_calls", counts["unrecorded"], 0)
    return report


def _signalling(at: GateWorld, report: Report, counts: dict[str, int], say: Say, seconds: float) -> None:
    rounds: list[signalling.Round] = []
    for way, rate in BURSTS:
        rounds.append(signalling.burst(at, way, rate, seconds))
        say(f"  {rounds[-1].describe()}")
        if rounds[-1].placed.failed:
            say(rounds[-1].placed.said)
    for one in rounds:
        counts["calls"] += one.placed.calls
        counts["failed"] += one.placed.failed
        counts["unrecorded"] += one.placed.calls - one.recorded
    figures = {(way, rate): signalling.pooled(rounds, way, rate) for way in WAYS for rate in (RATE, HIGH_RATE)}
    for (way, rate), found in figures.items():
        _place(report, way)[f"signalling_at_{rate}_per_second"] = found
    gate, bare = figures[GATE, RATE], figures[BARE, RATE]
    report.at_most(f"step_ms_p99_at_{RATE}_per_second", gate["step_ms_p99"], OVER_BARE_LOOP * bare["step_ms_p99"])
    cpu = "cpu_ms_per_call"
    report.at_most(f"gate_{cpu}_at_{RATE}_per_second", gate[cpu], OVER_BARE_LOOP * bare[cpu])
    report.at_most(f"failed_calls_at_{HIGH_RATE}_per_second", figures[GATE, HIGH_RATE]["failed_calls"], 0)
    report.at_most("evidence_late", sum(one.evidence_late for one in rounds), 0)


def _media(at: GateWorld, report: Report, counts: dict[str, int], say: Say) -> None:
    batches: list[media.Batch] = []
    for way in BATCHES:
        batches.append(media.batch(at, way))
        say(f"  {batches[-1].describe()}")
    for one in batches:
        counts["calls"] += one.calls
        counts["failed"] += one.failed
        counts["unrecorded"] += one.unrecorded
    gaps = {way: [gap for one in batches if one.way == way for gap in one.gaps_ms] for way in {*BATCHES}}
    house = [gap for one in batches for gap in one.house_gaps_ms]
    for way in (NATIVE, GATE):
        _place(report, way)["announcement_to_first_sample_ms"] = _spread(gaps[way])
    report.figures["house_bridged_to_first_sample_ms"] = _spread(house)
    report.figures["telephones_cpu_percent"] = median([one.own_cpu_percent for one in batches])
    for percent, over in ((50, CAPTURE_MEDIAN_OVER_NATIVE_MS), (99, CAPTURE_P99_OVER_NATIVE_MS)):
        name = f"announcement_to_first_sample_ms_p{percent}"
        report.at_most(name, percentile(gaps[GATE], percent), percentile(gaps[NATIVE], percent) + over)
    report.at_most("house_bridged_to_first_sample_ms_p50", percentile(house, 50), HOUSE_MEDIAN_MS)
    report.at_most("house_bridged_to_first_sample_ms_p99", percentile(house, 99), HOUSE_P99_MS)
    checked = [one for each in batches if each.way != NATIVE for one in each.early_ms]
    early = max(0.0, *checked) if len(gaps[GATE]) >= EARLY_CALLS else float("nan")
    report.figures["calls_compared_with_what_was_said"] = len(checked)
    report.at_most(f"stored_before_announcement_end_ms_in_{EARLY_CALLS}_calls", early, EARLY_MS)
    report.at_most("stored_of_others_ms", sum(one.foreign_ms for one in batches if one.way != NATIVE), 0)


def _memory(at: GateWorld, report: Report, counts: dict[str, int], say: Say) -> None:
    before = rss_mb(at.pid(GATE))
    crowd = signalling.crowd(at, MANY_CALLS, MANY_RATE)
    say(
        f"  memory: {crowd.rss_mb:.1f} MB with {crowd.in_progress} calls in progress, {before:.1f} MB before, "
        f"{crowd.placed.failed} failed, {crowd.recorded} recorded"
    )
    counts["calls"] += crowd.placed.calls
    counts["failed"] += crowd.placed.failed
    counts["unrecorded"] += MANY_CALLS - crowd.recorded
    report.figures["memory"] = {
        "calls_in_progress": crowd.in_progress,
        "rss_mb": crowd.rss_mb,
        "rss_mb_before": before,
    }
    enough = crowd.in_progress >= MANY_CALLS
    report.at_most(f"gate_rss_mb_with_{MANY_CALLS}_calls", crowd.rss_mb if enough else float("nan"), RSS_MB)


def _place(report: Report, way: str) -> dict[str, Any]:
    """Where the figures of a way belong."""
    if way == GATE:
        return report.figures
    found: dict[str, Any] = report.reference[way]
    return found


def _spread(values: list[float]) -> dict[str, float]:
    """Return what describes many values."""
    return {
        "calls": len(values),
        "min": min(values, default=float("nan")),
        "p50": percentile(values, 50),
        "p90": percentile(values, 90),
        "p99": percentile(values, 99),
        "max": max(values, default=float("nan")),
    }
