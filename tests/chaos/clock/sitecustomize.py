"""The wall clock of one process of ours, stepped by a test: the file that CHAOS_CLOCK names says by how much.

Python loads this file by itself when a process starts whose PYTHONPATH names its folder; the program knows nothing of
it. The machine's own clock is not touched: others use it. So Asterisk and the telephones keep their time, and the
process alone is wrong, which is worse for it than a step of the whole machine.
"""

import mmap
import os
import struct
import time
from collections.abc import Callable


def _follow(path: str) -> None:
    with open(path, "rb") as stream:  # noqa: PTH123  what is imported here, every Python process of the test imports
        room = mmap.mmap(stream.fileno(), 8, prot=mmap.PROT_READ)
    nanoseconds: Callable[[], int] = time.time_ns
    seconds: Callable[[], float] = time.time

    def offset() -> int:
        found: int = struct.unpack_from("<q", room)[0]
        return found

    time.time_ns = lambda: nanoseconds() + offset()
    time.time = lambda: seconds() + offset() / 1e9


if _path := os.environ.get("CHAOS_CLOCK"):
    _follow(_path)
