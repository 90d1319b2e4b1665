"""Starts the bare loop in a process of its own, and asks it what it measured."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from demo_world.processes import MARK

PROGRAM = Path(__file__).with_name("bare_loop.py")


class Reference:
    """The running bare loop."""

    def __init__(self, settings: dict[str, Any], world: Path) -> None:
        """Start it and wait until it hears events. Raises OSError if it does not start."""
        self._log = world / "log" / "bare-loop.log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-P", PROGRAM],
                env={**os.environ, MARK: str(world)},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        self._say(json.dumps(settings))
        self._hear()

    @property
    def pid(self) -> int:
        return self._process.pid

    def taken(self) -> list[float]:
        """Return PlaybackFinished → MixMonitor confirmed of each call since the last question, in ms."""
        self._say("")
        return [(after - before) / 1000 for before, after in self._hear()]

    def stop(self) -> None:
        """End it."""
        self._process.kill()
        self._process.communicate()

    def _say(self, text: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(text + "\n")
        self._process.stdin.flush()

    def _hear(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise OSError(f"the bare loop ended; {self._log} says:\n{self._log.read_text(encoding='utf-8')[-1500:]}")
        return json.loads(line)
