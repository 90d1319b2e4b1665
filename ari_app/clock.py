"""The one place where clocks are read; everything that decides is given the time as an argument."""

import time

from .core.names import Instant


class _Held:
    apart: int | None = None


def wall() -> Instant:
    """Return the machine's clock in microseconds, whatever has become of it."""
    return Instant(time.time_ns() // 1000)


def now() -> Instant:
    """Return the wall clock in microseconds. Asterisk's stamps come from the same clock of the same machine.

    While it is held it goes on as it went, whoever sets the machine's: what began by it ends by it.
    """
    return wall() if _Held.apart is None else Instant(ticks() + _Held.apart)


def hold(apart: int) -> None:
    """Let `now` be so many microseconds ahead of `ticks` from here on."""
    _Held.apart = apart


def let_go() -> None:
    """Let `now` be the machine's clock again."""
    _Held.apart = None


def ticks() -> int:
    """Return microseconds by a clock that nobody sets: it says how long something takes, never when it was."""
    return time.monotonic_ns() // 1000
