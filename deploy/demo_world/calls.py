"""One call through the demo's world, as two real telephones make it.

The caller says something at once, while the announcement still plays: that must be in no recording. After it
both speak, one after the other, so that a listener can tell the two channels apart.
"""

import contextlib
import json
import os
import subprocess
import sys
import time
import wave
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import WorldError
from .ports import ADDRESS
from .processes import MARK
from .voices import length_seconds
from .world import CHECKOUT, World

CALLER_NUMBER = "07700900123"
"""From the range that the regulator keeps free for drama: it can be nobody's."""
RING_SECONDS = 1.0
AFTER_SECONDS = 0.4
NO_AFTER_SECONDS = 2.0
SHIPPED_SECONDS = 20.0
TOO_EARLY = "Hello? Can you hear me?"
GREETING = "Saint Elsewhere, good morning."
QUESTION = "Good morning. Could you move my appointment to Tuesday?"
ANSWER = "Yes, of course. Tuesday, half past two."


@dataclass(frozen=True, slots=True)
class PlacedCall:
    """What came of a call. recordings is empty if neither gate nor ship has left a trace of it in time.

    caller, house: what each telephone reports; instants in microseconds since 1970 UTC, null for what did
    not happen. house is None if nobody rang it.
    """

    line: str
    recordings: list[str]
    caller: dict[str, Any]
    house: dict[str, Any] | None
    scratch: Path


def place(world: World, line: str, scratch: Path, *, opt_out: bool = False) -> PlacedCall:
    """Call a line of the world and wait until ship has finished with it.

    scratch: a directory for the voices that were used. opt_out: the caller says no by the line's key during the
    announcement. Raises WorldError if the call does not connect.
    """
    check_line(world, line)
    env = world.env()
    announcements = [Path(path) for path in env["lines"][line]["announcements"]]
    caller, house, seconds = _voices(world, sum(map(length_seconds, announcements)), scratch)
    no = _no(world, line) if opt_out else []
    before = known(world.spool)
    port = world.ports.asterisk.demo_phone
    answering = ["answer", "--listen", f"{ADDRESS}:{port}", "--user", "demo-phone", "--for-calls", "1"]
    calling = ["call", "--to", f"sip:{env['lines'][line]['number']}@{env['sip']}", "--from", CALLER_NUMBER, *no]
    with _telephone(world, *answering, "--ring-seconds", str(RING_SECONDS), "--speak", str(house)) as answers:
        try:
            with _telephone(world, *calling, "--speak", str(caller), "--seconds", f"{seconds:.2f}") as calls:
                said, complaint = calls.communicate(timeout=seconds + 60)
            if calls.returncode:
                raise WorldError(f"the call did not connect: {complaint.strip()}")
            with contextlib.suppress(subprocess.TimeoutExpired):
                answers.wait(timeout=5)
        finally:
            # With a house phone registered, nobody rings this one, and it would wait for ever.
            answers.terminate()
        house_said = answers.communicate(timeout=10)[0]
    recordings = await_shipped(world.spool, before, 1)
    report = json.loads(house_said.splitlines()[0]) if house_said.strip() else None
    return PlacedCall(line, recordings, json.loads(said), report, scratch)


def _no(world: World, line: str) -> list[str]:
    key = world.options.lines[line].get("opt_out_key")
    if key is None:
        offering = [name for name, said in world.options.lines.items() if said.get("opt_out_key")]
        raise WorldError(f"callers of {line} have no key for a no; those of {', '.join(offering)} have")
    return ["--press", str(key), "--press-after-seconds", str(NO_AFTER_SECONDS)]


def check_line(world: World, line: str) -> None:
    """Raise WorldError if nobody outside can call this line now."""
    callable_lines = [name for name, said in world.options.lines.items() if said.get("numbers")]
    if line not in callable_lines:
        raise WorldError(f"there is no line {line!r} to call in this world; its lines are {', '.join(callable_lines)}")
    if not world.running("asterisk"):
        raise WorldError("the world is not running: ./deploy/demo up starts it")


def _voices(world: World, announced_seconds: float, scratch: Path) -> tuple[Path, Path, float]:
    """Make what each side says; return both files and how long the caller stays."""
    studio = world.studio
    caller, house = "en-gb+f3", "en-gb+m3"
    early = studio.speak(TOO_EARLY, scratch / "early.wav", voice=caller, lead_seconds=0.3)
    greeting = studio.speak(GREETING, scratch / "greeting.wav", voice=house, lead_seconds=0.1, tail_seconds=0.3)
    question = studio.speak(QUESTION, scratch / "question.wav", voice=caller, tail_seconds=0.3)
    answer = studio.speak(ANSWER, scratch / "answer.wav", voice=house)
    answered = announced_seconds + RING_SECONDS + 0.1
    spoken = scratch / "caller.wav"
    _join(spoken, early, answered + length_seconds(greeting) - length_seconds(early), question, 30.0)
    _join(scratch / "house.wav", greeting, length_seconds(question), answer, 30.0)
    seconds = answered + length_seconds(greeting) + length_seconds(question) + length_seconds(answer) + AFTER_SECONDS
    return spoken, scratch / "house.wav", seconds


def _join(target: Path, *parts: Path | float) -> None:
    """Write WAV files and silences (in seconds) one after the other."""
    with wave.open(str(target), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(8000)
        for part in parts:
            if isinstance(part, Path):
                with wave.open(str(part), "rb") as source:
                    out.writeframes(source.readframes(source.getnframes()))
            else:
                out.writeframes(bytes(2 * round(8000 * max(0.0, part))))


def _telephone(world: World, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "telephone", *arguments, "--json"],
        # Marked, so that `down` also ends a telephone whose demo was killed.
        env={**os.environ, "PYTHONPATH": str(CHECKOUT / "tests"), MARK: str(world.root)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def known(spool: Path) -> set[str]:
    """Ids of all calls that the spool knows, in whichever state."""
    found: set[str] = set()
    for state in ("calls", "sealed", "shipped"):
        with contextlib.suppress(FileNotFoundError):
            found |= {entry.name for entry in (spool / state).iterdir()}
    return found


def await_shipped(spool: Path, before: set[str], count: int) -> list[str]:
    """Return the ids, which sort by time, of what was not there before, once that many are shipped or time is over."""
    deadline = time.monotonic() + SHIPPED_SECONDS
    while True:
        new = sorted(known(spool) - before)
        settled = len(new) >= count and all((spool / "shipped" / one).exists() for one in new)
        if settled or time.monotonic() > deadline:
            return new
        time.sleep(0.05)
