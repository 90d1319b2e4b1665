"""What a person sees while things are fetched: one line per thing on a terminal, quiet otherwise."""

import sys
import threading
import time
from typing import TextIO

MEGABYTE = 1_000_000
REDRAW_SECONDS = 0.1


class Progress:
    """Lines of state for jobs that run side by side. Speaks on stderr: stdout belongs to `env`."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = sys.stderr if stream is None else stream
        self._terminal = self._stream.isatty()
        self._lock = threading.Lock()
        self._running: dict[str, str] = {}
        self._drawn_at = 0.0

    def say(self, text: str) -> None:
        """Print a whole line."""
        with self._lock:
            self._clear()
            print(text, file=self._stream, flush=True)

    def begin(self, job: str) -> None:
        """Start a job; off a terminal this is the first of its two lines."""
        with self._lock:
            self._running[job] = ""
        if not self._terminal:
            self.say(f"  {job} ...")

    def state(self, job: str, text: str) -> None:
        """Show how far a job is; only drawn on a terminal, at most ten times a second."""
        with self._lock:
            self._running[job] = text
            if self._terminal and time.monotonic() - self._drawn_at > REDRAW_SECONDS:
                self._clear()
                line = "   ".join(f"{name}: {state}" for name, state in self._running.items() if state)
                print(line[:118], end="", file=self._stream, flush=True)
                self._drawn_at = time.monotonic()

    def done(self, job: str, text: str) -> None:
        """End a job with a line that stays."""
        with self._lock:
            self._running.pop(job, None)
        self.say(f"  {job}: {text}")

    def _clear(self) -> None:
        if self._terminal:
            print("\r\033[K", end="", file=self._stream, flush=True)
