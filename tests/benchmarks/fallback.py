"""Callers while the gate is dead: how soon they hear something, and whether anybody is lost.

Set against a bare start of the very interpreter that the script runs in, by turns with the calls: each pair sees the
same second of the machine. From the caller's INVITE to the first packet of sound at their ear: more than from the
dialplan's entry, by what SIP takes.

    python -m benchmarks.fallback      this alone, as ./tests/bench would run it
"""

import asyncio
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from canary import heard_span
from demo_world.progress import Progress
from servers import packages_cache
from system.hospital import Hospital, House
from system.passage import kept_instead
from telephone import TelephoneError

from . import rooms_world
from .figures import Report, median, percentile

LINE: Final = "switchboard"
STARTS: Final = 20
CALLS: Final = 200
AT_ONCE: Final = 6
BEYOND_START_MS: Final = 60.0
"""The bar: from the dialplan's entry to sound, beyond a bare start of the interpreter."""
TALK_SECONDS: Final = 0.2
LONGEST_SECONDS: Final = 20.0

Say = Callable[[str], None]


@dataclass(slots=True)
class FirstSound:
    """By turns: a bare start, and a call."""

    start_ms: list[float] = field(default_factory=list)
    sound_ms: list[float] = field(default_factory=list)

    def figures(self) -> dict[str, float]:
        """Return what is printed."""
        return {
            "calls": len(self.sound_ms),
            "invite_to_sound_ms_p50": median(self.sound_ms),
            "invite_to_sound_ms_p90": percentile(self.sound_ms, 90),
            "bare_start_ms_p50": median(self.start_ms),
            "bare_start_ms_p90": percentile(self.start_ms, 90),
        }


@dataclass(slots=True)
class Calls:
    """What became of callers while no gate was there."""

    placed: int = 0
    lost: int = 0
    told: int = 0
    recorded: int = 0
    """Of them so many are stored, by the script's word. All ring at one telephone, a few at once: two calls of one
    telephone are one room, so a capture ends when the next caller comes to it, or never begins."""

    def figures(self) -> dict[str, int]:
        """Return what is printed."""
        return {"placed": self.placed, "lost": self.lost, "told": self.told, "recorded": self.recorded}


async def silence_gate(at: Hospital) -> None:
    """Kill the gate and wait until the guard keeps in its place."""
    since = len(at.log("guard"))
    await at.kill("gate")
    await kept_instead(at, since)


def bare_start_ms(at: Hospital) -> float:
    """Start the interpreter that Asterisk finds for the script, with the script's options, and nothing else."""
    python = at.world.asterisk.python / "python3"
    begin = time.perf_counter()
    subprocess.run([str(python), "-I", "-S", "-c", "pass"], check=True)
    return (time.perf_counter() - begin) * 1000


async def first_sound(at: Hospital, starts: int) -> FirstSound:
    """Measure both by turns; the gate is dead already."""
    found = FirstSound()
    async with at.house() as house:
        for _ in range(starts):
            found.start_ms.append(await at.do(bare_start_ms, at))
            async with at.conversation(house, LINE) as talk:
                arrived = talk.caller.heard.arrived_at
                found.sound_ms.append((int(arrived[0]) - talk.caller.at("INVITE")) / 1000)
    return found


async def calls(at: Hospital, number: int) -> Calls:
    """Place so many calls, a few at once; the gate is dead already."""
    found, room = Calls(), asyncio.Semaphore(AT_ONCE)
    before = set((at.world.spool / "shipped").iterdir())

    async def one(house: House) -> None:
        async with room:
            found.placed += 1
            try:
                async with asyncio.timeout(LONGEST_SECONDS), at.conversation(house, LINE) as talk:
                    await asyncio.sleep(TALK_SECONDS)
                    up = talk.caller.state == talk.house.state == "up"
                heard = heard_span(talk.caller.heard, at.announcements(LINE)[0])
                found.told += heard is not None and heard.complete
                found.lost += not up
            except (TimeoutError, TelephoneError, AssertionError):
                found.lost += 1

    async with at.house() as house:
        await asyncio.gather(*(one(house) for _ in range(number)))

    async def shipped() -> bool:
        return len(set((at.world.spool / "shipped").iterdir()) - before) >= found.placed - found.lost

    await at.until(shipped, "every call shipped", 60.0)
    new = set((at.world.spool / "shipped").iterdir()) - before
    found.recorded = sum(b'"outcome":"recorded"' in (one / "manifest.json").read_bytes() for one in new)
    return found


def measure(at: Hospital, report: Report, say: Say, *, starts: int = STARTS, number: int = CALLS) -> None:
    """Add both to a report, with their bars; the gate runs again afterwards."""
    first, many = asyncio.run(_measured(at, starts, number))
    report.figures["fallback_first_sound"] = first.figures()
    report.figures["fallback_calls"] = many.figures()
    report.reference["fallback_bare_start_ms_p50"] = median(first.start_ms)
    say(f"fallback: {first.figures()}, {many.figures()}")
    bar = median(first.start_ms) + BEYOND_START_MS
    report.at_most("fallback_sound_ms", median(first.sound_ms), bar)
    report.at_most("fallback_lost", many.lost if many.placed == number else float("nan"), 0)


async def _measured(at: Hospital, starts: int, number: int) -> tuple[FirstSound, Calls]:
    await silence_gate(at)
    try:
        return await first_sound(at, starts), await calls(at, number)
    finally:
        await at.start("gate")


def main() -> int:
    """Measure it alone and print the line."""
    report: Report = Report("fallback")
    command: tuple[Any, ...] = (str(Path(sys.prefix) / "bin" / "consentgate"),)
    with rooms_world.hospital(packages_cache(), command) as at:
        measure(at, report, Progress().say)
    print(report.line(), flush=True)
    return 0 if report.ok else 1


if __name__ == "__main__":
    sys.exit(main())
