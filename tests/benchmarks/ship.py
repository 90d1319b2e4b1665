"""`./tests/bench ship`: how fast ship stores recordings, what that costs, and what a caller notices of it.

Ship is the real process with the real servers; the reference (`bare_ship`) runs in the same minutes, before and after
it. PostgreSQL and the S3 server share the cores with ship and the gate here, which no hospital would do: they take more
of them than ship does.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psycopg
from demo_world.progress import Progress
from demo_world.seaweed import BUCKET, PREFIX, REGION
from demo_world.settings import Options
from demo_world.world import World

from ari_app.ship import NICE

from . import signalling
from .figures import Report, Say, percentile
from .gate_world import GATE, GateWorld, running
from .process import cpu_ms, peak_rss_mb
from .ship_spool import Backlog

PARTS: Final = ("throughput", "backlog", "gate")
WORKERS: Final = 4
RATE: Final = 20

# The bars (issue #5).
OF_BARE_LOOP, CPU_MS = 0.7, 60.0
SCAN_SECONDS, RSS_MB, SAME_RATE = 5.0, 200.0, 0.9
GATE_P99 = 1.3

PATIENCE_SECONDS: Final = 900.0


@dataclass(frozen=True, slots=True)
class Size:
    """How much of everything there is."""

    recordings: int
    waiting: int
    rounds: int
    round_seconds: float
    keep_seconds: int
    """So long audio lies in the spool before the last proof, which is part of what a recording costs."""


FULL, QUICK = Size(1000, 100_000, 3, 15.0, 120), Size(50, 2000, 1, 5.0, 10)


@dataclass(frozen=True, slots=True)
class Drained:
    """What ship did with a number of recordings."""

    recordings: int
    seconds: float
    first_row_seconds: float
    """After the process was started."""
    rss_mb: float

    @property
    def rate(self) -> float:
        """Recordings a second."""
        return self.recordings / self.seconds


@dataclass(slots=True)
class ShipWorld:
    """A running world with servers, and a spool for ship alone."""

    world: World
    at: GateWorld | None
    backlog: Backlog
    config: Path
    rows: "psycopg.Connection[tuple[Any, ...]]"

    def start(self) -> float:
        """Start ship; return when."""
        began = time.monotonic()
        self.world.start_ship(config=self.config, await_ready=False)
        return began

    def stop(self) -> None:
        """Stop ship, politely."""
        self.world.stop_one("ship")

    def ready(self) -> None:
        """Wait until ship says that it is ready."""
        self._await(self.backlog.layout.ready("ship").exists)

    def stored(self) -> int:
        """Return how many recordings have their rows."""
        found = self.rows.execute("SELECT count(*) FROM recordings").fetchone()
        return int(found[0]) if found else 0

    def await_stored(self, count: int) -> None:
        """Wait until so many recordings have their rows."""
        self._await(lambda: self.stored() >= count)

    def await_empty(self) -> None:
        """Wait until nothing is left in `sealed/`."""
        self._await(lambda: not self.backlog.waiting())

    @property
    def pid(self) -> int:
        """Ship's. Raises OSError if it has ended."""
        pid = self.world.pid("ship")
        if pid is None:
            raise OSError(f"ship has ended; its log is {self.world.place('ship').log}")
        return pid

    def _await(self, there: Any) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not there():
            if time.monotonic() > deadline or not self.world.running("ship"):
                raise OSError(f"ship did not do it; its log is {self.world.place('ship').log}")
            time.sleep(0.02)

    def bare(self, recordings: list[Any], *, like_ship: bool = False) -> dict[str, float]:
        """Let the reference store some recordings; like_ship: with as many requests as ship makes."""
        key = self.world.s3.key
        settings = {
            "s3": {
                "endpoint_url": self.world.s3.endpoint,
                "region_name": REGION,
                "aws_access_key_id": key.access,
                "aws_secret_access_key": key.secret,
            },
            "bucket": BUCKET,
            "prefix": f"{PREFIX}/bare-{time.monotonic_ns()}",
            "audio": str(self.backlog.layout.audio),
            "recordings": recordings,
            "workers": WORKERS,
            "like_ship": like_ship,
        }
        command = ["nice", "-n", str(NICE), sys.executable, "-P", "-m", "benchmarks.bare_ship"]
        done = subprocess.run(command, input=json.dumps(settings), capture_output=True, text=True, check=False)
        if done.returncode:
            raise OSError(f"the bare loop ended with {done.returncode}: {done.stderr}")
        found: dict[str, float] = json.loads(done.stdout)
        return found


@contextmanager
def shipping(packages: Path, command: tuple[str, ...], keep_seconds: int, *, with_gate: bool) -> Iterator[ShipWorld]:
    """Make the world with its servers, and a spool of ship's own; Asterisk and a gate only if they are needed."""
    with ExitStack() as stack:
        at = stack.enter_context(running(packages, command)) if with_gate else None
        world = at.world if at else stack.enter_context(_servers(packages, command))
        if at:
            world.start_servers()
        world.migrate()
        backlog = Backlog(world.root / "backlog", world.who.gate).prepare()
        changes: dict[str, dict[str, Any]] = {"spool": {"path": str(backlog.root)}, "ship": {"workers": WORKERS}}
        changes["s3"] = {"keep_audio_seconds": keep_seconds}
        config = world.write_config(world.root / "etc" / "ship.yaml", changes)
        rows = stack.enter_context(psycopg.connect(world.postgres.dsn, autocommit=True))
        stack.callback(world.stop_one, "ship")
        yield ShipWorld(world, at, backlog, config, rows)


@contextmanager
def _servers(packages: Path, command: tuple[str, ...]) -> Iterator[World]:
    packages.parent.mkdir(parents=True, exist_ok=True)
    root = Path(tempfile.mkdtemp(prefix="bench-", dir=packages.parent))
    root.chmod(0o755)
    world = World.create(root, packages_cache=packages, options=Options(), command=command, progress=Progress())
    try:
        world.start_servers()
        yield world
    finally:
        if os.environ.get("CONSENTGATE_BENCH_KEEP"):
            world.stop()
        else:
            world.destroy()


def measure(
    packages: Path, command: tuple[str, ...], progress: Progress, parts: Collection[str], *, quick: bool
) -> Report:
    """Make the world, measure the parts, and return figures and bars. Raises WorldError or OSError."""
    report, size = Report("ship", figures={}, reference={}), QUICK if quick else FULL
    report.figures |= {"workers": WORKERS, "recordings": size.recordings, "waiting": size.waiting}
    with shipping(packages, command, size.keep_seconds, with_gate="gate" in parts) as it:
        small = _throughput(it, report, size, progress.say) if {"throughput", "backlog"} & {*parts} else None
        if small and "backlog" in parts:
            _backlog(it, report, size, small, progress.say)
        if it.at:
            _gate(it, it.at, report, size, progress.say)
    return report


def _drain(it: ShipWorld, before: int, count: int, began: float, shown: float) -> Drained:
    """Watch ship bring so many rows more, and judge it by the time since `shown`."""
    pid = it.pid
    it.await_stored(before + 1)
    first = time.monotonic() - began
    it.await_stored(before + count)
    return Drained(count, time.monotonic() - shown, first, peak_rss_mb(pid))


def _throughput(it: ShipWorld, report: Report, size: Size, say: Say) -> Drained:
    recordings = it.backlog.add(size.recordings)
    half = size.recordings // 2
    hidden = it.backlog.hide()
    before = it.bare(recordings[:half])
    alike = half / it.bare(recordings[half:][:half], like_ship=True)["seconds"]
    began = it.start()
    it.ready()
    # Past its first looks around, which are not what is measured.
    time.sleep(2)
    shown, used = time.monotonic(), cpu_ms(it.pid)
    it.backlog.show(hidden)
    small = _drain(it, 0, size.recordings, began, shown)
    # Until the last of their audio is gone: the last proof is part of it.
    it.await_empty()
    own_cpu = (cpu_ms(it.pid) - used) / size.recordings
    it.stop()
    # Ship has destroyed its audio: the reference takes others, which then wait with the rest.
    after = it.bare(it.backlog.add(half))
    bare = 2 * half / (before["seconds"] + after["seconds"])
    report.figures["throughput"] = {"recordings_per_second": small.rate, "cpu_ms_per_recorded_minute": own_cpu}
    cpu = (before["cpu_ms"] + after["cpu_ms"]) / 2
    report.reference["bare_loop"] = {"recordings_per_second": bare, "cpu_ms_per_recorded_minute": cpu}
    say(f"  ship {small.rate:.1f}/s, {own_cpu:.1f} ms; bare loop {bare:.1f}/s, {cpu:.1f} ms; like ship {alike:.1f}/s")
    # Every recording is three objects here, each asked for: on a machine that the store shares, that is most of it.
    report.reference["bare_loop_with_ships_requests"] = {"recordings_per_second": alike}
    report.figures["throughput"]["of_bare_loop_with_ships_requests"] = small.rate / alike
    report.at_least("recordings_per_second_of_bare_loop", small.rate / bare, OF_BARE_LOOP, reference=bare)
    report.at_most("ship_cpu_ms_per_recorded_minute", own_cpu, CPU_MS, reference=cpu)
    return small


def _backlog(it: ShipWorld, report: Report, size: Size, small: Drained, say: Say) -> None:
    before = it.stored()
    it.backlog.add(size.recordings)
    it.backlog.add(size.waiting - size.recordings, whole=False)
    waiting = it.backlog.waiting()
    say(f"  {waiting} wait")
    began = it.start()
    it.await_stored(before + 1)
    large = _drain(it, before, size.recordings, began, time.monotonic())
    it.stop()
    report.figures["backlog"] = {
        "waiting": waiting,
        "first_row_seconds": large.first_row_seconds,
        "rss_mb": large.rss_mb,
        "recordings_per_second": large.rate,
    }
    say(f"  first row after {large.first_row_seconds:.1f} s, {large.rss_mb:.0f} MB, {large.rate:.1f}/s")
    # From the start of the process to its first row: the scan and everything else.
    report.at_most("seconds_to_first_row_with_backlog", large.first_row_seconds, SCAN_SECONDS)
    report.at_most("ship_rss_mb_with_backlog", large.rss_mb, RSS_MB)
    report.at_least("rate_with_backlog_of_small", large.rate / small.rate, SAME_RATE, reference=small.rate)
    _clear(it)


def _clear(it: ShipWorld) -> None:
    """Take what was only to wait out of ship's sight."""
    it.backlog.hide().rename(it.backlog.root / "waited")


def _gate(it: ShipWorld, at: GateWorld, report: Report, size: Size, say: Say) -> None:
    # Enough for as long as it drains, twice as fast as any machine here.
    it.backlog.add(round(size.rounds * (size.round_seconds + 15) * 40))
    steps: dict[bool, list[float]] = {True: [], False: []}
    drained = 0
    # Mirrored, so that a slow minute of the machine hits both.
    for draining in [False, True, True, False, False, True][: 2 * size.rounds]:
        before = it.stored()
        if draining:
            it.start()
            it.await_stored(before + 1)
        found = signalling.burst(at, GATE, RATE, size.round_seconds)
        if draining:
            if not it.backlog.waiting():
                raise OSError("the backlog was drained before the calls were over: this would prove nothing")
            it.stop()
            drained += it.stored() - before
        steps[draining] += found.steps_ms
        say(f"  {'draining' if draining else 'at rest '} {found.describe()}")
    with_, without = (percentile(steps[one], 99) for one in (True, False))
    report.figures["gate_step_ms_p99"] = {"draining": with_, "at_rest": without, "calls": len(steps[True])}
    report.figures["drained_meanwhile"] = drained
    report.at_most("gate_p99_draining_of_at_rest", with_ / without, GATE_P99, reference=without)
