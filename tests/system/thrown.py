"""What Asterisk threw away of a monitor's sound, by its own word.

A direction in which nothing came for 100 ms, what waits counted in, makes Asterisk throw away what it holds of both
(audiohook.c, AST_AUDIOHOOK_SYNC_TOLERANCE). A stall on a busy machine does that, and so does the first packet that goes
out after a silence: in 2 of 150 attended transfers by feature code the packet was lost that had come in the same
instant in which the Local channels were optimised away, and the party's ear was fed again. Nothing outside of Asterisk
can prevent it; but it says so, at debug level 4, and what it did not throw away must be there.
"""

import re
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from telephone import Instant

LOG: Final = "audiohook.log"
EXTRA: Final = {
    "logger.conf": f"{LOG} => debug,verbose(2)\n",
    "cli.conf": "[startup_commands]\ncore set debug 4 audiohook.c = yes\ncore set verbose 2 = yes\n",
}
"""What a world needs in its files, so that Asterisk says whenever it throws sound away, as often as it is started."""
HELD_US: Final = 41_000
"""For so long a monitor holds one direction and waits for the other: two packets, and where in them the moment lies."""
_MILLISECOND_US: Final = 1000
_LINE: Final = re.compile(
    r"^\[(?P<at>[^]]+)\] (?:DEBUG|VERBOSE)\[(?P<thread>\d+)\]\S* (?:"
    r"app_mixmonitor\.c: Begin MixMonitor Recording (?P<channel>\S+)"
    r"|audiohook\.c: .*?[Rr]ead factory 0x(?P<factory>[0-9a-f]+)"
    r"|audiohook\.c: (?:Flushing a|A)udiohook 0x(?P<hook>[0-9a-f]+) )",
    re.MULTILINE,
)
_HOOK_BYTES: Final = 0x400
"""A hook holds its factories: the one for reading lies this near behind its beginning (136 bytes here)."""


def moments(log: Path) -> dict[str, list[Instant]]:
    """Return for each channel when Asterisk threw something of its monitor away, to the millisecond, rounded down."""
    found: dict[str, list[Instant]] = defaultdict(list)
    channels: dict[str, str] = {}
    factories: dict[int, str] = {}
    text = log.read_text(errors="replace") if log.exists() else ""
    for said in _LINE.finditer(text):
        if said["channel"]:
            channels[said["thread"]] = said["channel"]
        elif said["factory"]:
            # Only the monitor's own thread says what its factories lack.
            factories[int(said["factory"], 16)] = channels.get(said["thread"], "")
        else:
            hook = int(said["hook"], 16)
            for factory, channel in factories.items():
                if hook < factory < hook + _HOOK_BYTES and channel:
                    at = datetime.fromisoformat(said["at"]).astimezone().timestamp()
                    found[channel].append(Instant(round(at * 1e6)))
    return found


def thrown_away(arrivals: NDArray[np.int64], thrown: Sequence[Instant]) -> NDArray[np.bool_]:
    """Tell of each packet, by when it reached Asterisk, whether it was in its hands as that threw something away."""
    found = np.zeros(len(arrivals), dtype=np.bool_)
    for at in thrown:
        found |= (arrivals > at - HELD_US) & (arrivals < at + _MILLISECOND_US)
    return found
