"""`python -m chaos`: what `./tests/run chaos` runs once it has made the environment.

It remembers which rounds were good on this commit, and goes on with the others: after an interruption, a time limit, or
a fault that was mended by nothing but luck. Its last words are a table, of all that was played on this commit.
"""

import argparse
import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

from servers import packages_cache
from system.hospital import Hospital

from .ground import Ground, world
from .outcome import Outcome
from .play import play
from .points import ROUNDS, Round

GOOD, BAD, USAGE = 0, 1, 2
CHECKOUT: Final = Path(__file__).resolve().parent.parent.parent
COLUMNS: Final = ("calls", "recordings", "lost", "doubled", "secret_samples", "failed_calls")
ROUND_SECONDS: Final = 30.0
"""What a round takes, until one was measured."""


def commit() -> str:
    """Return by what is remembered: the commit, and a hash of what was changed since."""

    def git(*arguments: str) -> str:
        return subprocess.run(["git", *arguments], cwd=CHECKOUT, capture_output=True, text=True, check=False).stdout

    changed = git("diff", "HEAD")
    head = git("rev-parse", "HEAD").strip() or "unknown"
    return head + (f"-{hashlib.sha256(changed.encode()).hexdigest()[:8]}" if changed else "")


class Memory:
    """What was played on this commit: a line of JSON for each round, the last one counts."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.outcomes: dict[str, Outcome] = {}
        if file.exists():
            for line in file.read_text(encoding="utf-8").splitlines():
                said: dict[str, Any] = json.loads(line)
                self.outcomes[said["name"]] = Outcome(**said)

    def note(self, outcome: Outcome) -> None:
        """Keep it."""
        self.outcomes[outcome.name] = outcome
        self.file.parent.mkdir(parents=True, exist_ok=True)
        with self.file.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(outcome.to_json()) + "\n")
            stream.flush()
            os.fsync(stream.fileno())

    def done(self, what: Round) -> bool:
        """Tell whether there is nothing more to try: it was good, or is impossible here."""
        outcome = self.outcomes.get(what.name)
        return outcome is not None and outcome.good


def table(rounds: Sequence[Round], memory: Memory) -> str:
    """Return what was found, a line for each point, and the sum."""
    head = ("point", *(one.replace("_", " ") for one in COLUMNS))
    lines: list[tuple[str, ...]] = []
    sums = dict.fromkeys(COLUMNS, 0)
    points = 0
    for what in rounds:
        outcome = memory.outcomes.get(what.name)
        if outcome is None or outcome.skipped:
            continue
        points += len(what.points)
        for name in COLUMNS:
            sums[name] += getattr(outcome, name)
        # One crowd is behind all points of a round, so its figures stand once.
        for number, (victim, phase, how) in enumerate(what.points):
            figures = [str(getattr(outcome, name)) if number == 0 or name == "calls" else '"' for name in COLUMNS]
            lines.append((f"{victim} | {phase} | {how}", *figures))
    lines.append((f"all {points} points", *(str(sums[name]) for name in COLUMNS)))
    widths = [max(len(line[place]) for line in (head, *lines)) for place in range(len(head))]
    rows = [" ".join([line[0].ljust(widths[0]), *(map(str.rjust, line[1:], widths[1:]))]) for line in (head, *lines)]
    skipped = [f"skipped: {one.name}: {one.skipped}" for one in memory.outcomes.values() if one.skipped]
    excepted = sorted({one for outcome in memory.outcomes.values() for one in outcome.excepted})
    if excepted:
        skipped.append(f"ended with Asterisk itself, and called again: {', '.join(excepted)}")
    return "\n".join([*rows, *skipped])


@contextmanager
def _ground() -> Iterator[Ground]:
    with world(packages_cache()) as made, Ground(Hospital(made)) as ground:
        yield ground


def run(rounds: Sequence[Round], memory: Memory, seconds: float) -> int:
    """Play what is not done, for so long at most; returns the exit code."""
    todo = [one for one in rounds if not memory.done(one)]
    all_points = sum(len(one.points) for one in rounds)
    began = time.monotonic()
    took: list[float] = []
    bad = 0
    if todo:
        with ExitStack() as opened:
            ground: Ground | None = None
            for number, what in enumerate(todo):
                mean = sum(took) / len(took) if took else ROUND_SECONDS
                if time.monotonic() - began + mean > seconds:
                    break
                ground = ground or opened.enter_context(_ground())
                kept = memory.file.with_suffix("") / re.sub(r"[^a-zA-Z0-9+-]+", "-", what.name).strip("-")
                outcome = play(ground, what, kept)
                memory.note(outcome)
                took.append(outcome.seconds)
                if not outcome.good:
                    # What a bad round has left would make the next ones bad as well.
                    bad += 1
                    ground = None
                    opened.close()
                done = sum(len(one.points) for one in rounds if memory.done(one))
                left = sum(took) / len(took) * (len(todo) - number - 1)
                print(
                    f"chaos: {done}/{all_points} points, {left / 60:.0f} min left | {what.name}: "
                    f"{outcome.seconds:.0f} s, {outcome.calls} calls, {outcome.recordings} recordings"
                    + (f", skipped: {outcome.skipped}" if outcome.skipped else "")
                    + "".join(f"\n    {one}" for one in outcome.faults),
                    flush=True,
                )
    print(table(rounds, memory))
    left_over = [one for one in rounds if not memory.done(one)]
    if left_over:
        print(f"chaos: {len(left_over)} of {len(rounds)} rounds are not good yet; the same command goes on with them")
    return BAD if bad or left_over else GOOD


def chosen(text: str) -> list[Round]:
    """Return the rounds that numbers name, in this order: `3`, `5..8`, `12,1..4`. Raises ValueError, IndexError."""
    found: list[Round] = []
    for part in text.split(","):
        first, _, last = part.partition("..")
        found += [ROUNDS[number - 1] for number in range(int(first), int(last or first) + 1)]
    return found


def main() -> int:
    """Read the arguments, play, and return the exit code."""
    parser = argparse.ArgumentParser(prog="./tests/run chaos", description=__doc__)
    parser.add_argument("--points", type=chosen, metavar="A..B,C", help="only these rounds, by their numbers in --list")
    parser.add_argument("--minutes", type=float, default=45.0, help="begin nothing that would take longer (45)")
    parser.add_argument("--again", action="store_true", help="forget what was good on this commit")
    parser.add_argument("--list", action="store_true", help="say what there is, and play nothing")
    said = parser.parse_args()
    memory = Memory(packages_cache().parent / "chaos" / f"{commit()}.jsonl")
    if said.list:
        for number, one in enumerate(ROUNDS, start=1):
            print(f"{number:3} {'good' if memory.done(one) else '    '} {one.name}: {len(one.points)} points")
        return GOOD
    if said.again:
        memory.file.unlink(missing_ok=True)
        memory.outcomes.clear()
    # Ended by a signal it still stops its servers.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(BAD))
    return run(said.points or ROUNDS, memory, said.minutes * 60)


if __name__ == "__main__":
    sys.exit(main())
