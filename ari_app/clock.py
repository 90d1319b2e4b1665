"""The one place where clocks are read; everything that decides is given the time as an argument."""

import time

from .core.names import Instant


def now() -> Instant:
    """Return the wall clock in microseconds. Asterisk's stamps come from the same clock of the same machine."""
    return Instant(time.time_ns() // 1000)


def ticks() -> int:
    """Return microseconds by a clock that nobody sets: it says how long something takes, never when it was."""
    return time.monotonic_ns() // 1000
