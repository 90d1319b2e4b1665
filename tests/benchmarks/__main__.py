"""`python -m benchmarks gate`: what `./tests/bench` runs once it has made the environment."""

import argparse
import signal
import sys
from pathlib import Path
from typing import Final

from demo_world.errors import WorldError
from demo_world.progress import Progress
from servers import packages_cache

from . import gate

GOOD, MISSED = 0, 1
PARTS: Final = ("signalling", "media", "memory")


def main() -> int:
    """Run one benchmark, print its line, and return the exit code."""
    parser = argparse.ArgumentParser(prog="./tests/bench", description="One line of JSON on stdout; see DESIGN §5.")
    parser.add_argument("name", choices=["gate"])
    parser.add_argument(
        "--only", choices=PARTS, action="append", help="measure this part alone, and set only its bars (repeatable)"
    )
    parser.add_argument("--seconds", type=float, default=gate.LOAD_SECONDS, help="of load in each burst (default 10)")
    said = parser.parse_args()
    # Ended by a signal it still stops its servers.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(MISSED))
    command = (str(Path(sys.prefix) / "bin" / "consentgate"),)
    try:
        report = gate.measure(packages_cache(), command, Progress(), said.only or PARTS, said.seconds)
    except (WorldError, OSError) as failure:
        print(f"bench: {failure}", file=sys.stderr)
        return MISSED
    except KeyboardInterrupt:
        print("bench: interrupted; its servers are stopped", file=sys.stderr)
        return MISSED
    print(report.line(), flush=True)
    return GOOD if report.ok else MISSED


if __name__ == "__main__":
    sys.exit(main())
