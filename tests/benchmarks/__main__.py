"""`python -m benchmarks gate`: what `./tests/bench` runs once it has made the environment."""

import argparse
import contextlib
import signal
import sys
from pathlib import Path

from demo_world.errors import WorldError
from demo_world.progress import Progress
from servers import packages_cache

from . import choice, custody, gate, rooms, ship, standby, start
from .figures import Report

GOOD, MISSED = 0, 1


def main() -> int:
    """Run one benchmark, print its line, and return the exit code."""
    parser = argparse.ArgumentParser(prog="./tests/bench", description="One line of JSON on stdout; see DESIGN §5.")
    benches = parser.add_subparsers(dest="name", required=True)
    named = {"gate": gate, "rooms": rooms, "choice": choice, "ship": ship, "custody": custody, "start": start}
    for name, bench in named.items():
        one = benches.add_parser(name)
        help_text = "measure this part alone, and set only its bars (repeatable)"
        one.add_argument("--only", choices=bench.PARTS, action="append", help=help_text)
    benches.choices["gate"].add_argument(
        "--seconds", type=float, default=gate.LOAD_SECONDS, help="of load in each burst (default 10)"
    )
    help_text = "fifty recordings instead of a thousand, a backlog of two thousand, one short round of calls: to try it"
    benches.choices["ship"].add_argument("--quick", action="store_true", help=help_text)
    for name, runs in (
        ("rooms", rooms.RUNS),
        ("choice", choice.RUNS),
        ("custody", custody.RUNS),
        ("start", start.RUNS),
    ):
        benches.choices[name].add_argument(
            "--runs",
            type=int,
            help="how many times each part does what it measures (default "
            + ", ".join(f"{part} {times}" for part, times in runs.items())
            + "); with fewer, bars that need the number are not met",
        )
    relay = benches.add_parser("standby")
    relay.add_argument("--runs", type=int, help=f"how many gates are killed (default {standby.KILLS}, 10 calls each)")
    relay.add_argument(
        "--crowd", type=int, default=standby.CROWD_CALLS, help="calls at once when one more is killed (default 100)"
    )
    said = parser.parse_args()
    # Ended by a signal it still stops its servers.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(MISSED))
    try:
        # What is printed on the way is for whoever watches: on stdout stands one line.
        with contextlib.redirect_stdout(sys.stderr):
            report = _measure(said)
    except (WorldError, OSError) as failure:
        print(f"bench: {failure}", file=sys.stderr)
        return MISSED
    except KeyboardInterrupt:
        print("bench: interrupted; its servers are stopped", file=sys.stderr)
        return MISSED
    print(report.line(), flush=True)
    return GOOD if report.ok else MISSED


def _measure(said: argparse.Namespace) -> Report:
    command = (str(Path(sys.prefix) / "bin" / "consentgate"),)
    if said.name == "gate":
        return gate.measure(packages_cache(), command, Progress(), said.only or gate.PARTS, said.seconds)
    if said.name == "standby":
        return standby.measure(packages_cache(), command, Progress(), said.runs, said.crowd)
    if said.name == "ship":
        report = ship.measure(packages_cache(), command, Progress(), said.only or ship.PARTS, quick=said.quick)
        print(report.table())
        return report
    if said.name == "custody":
        report = custody.measure(Progress(), said.only or custody.PARTS, said.runs)
        print(report.table())
        return report
    if said.name == "start":
        report = start.measure(packages_cache(), command, Progress(), said.only or start.PARTS, said.runs)
        print(report.table())
        return report
    if said.name == "choice":
        return choice.measure(packages_cache(), command, Progress(), said.only or choice.PARTS, said.runs)
    return rooms.measure(packages_cache(), command, Progress(), said.only or rooms.PARTS, said.runs)


if __name__ == "__main__":
    sys.exit(main())
