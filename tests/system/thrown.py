"""What Asterisk threw away of a monitor's sound, by its own word.

A direction in which nothing came for 100 ms, what waits counted in, makes Asterisk throw away what it holds of both
(audiohook.c, AST_AUDIOHOOK_SYNC_TOLERANCE). A stall on a busy machine does that, and so does the first packet that goes
out after a silence: of 50 attended transfers by feature code one lost the packet that lay there as the Local channels
were optimised away and the party's ear was fed again. Nothing outside of Asterisk can prevent it; but it says so, at
debug level 4, and what it did not throw away must be there.
"""

import re
from datetime import datetime
from pathlib import Path
from typing import Final

import numpy as np
from demo_world.world import World
from numpy.typing import NDArray
from telephone import Instant

from .pairing import KEPT_US

LOG: Final = "audiohook.log"
EXTRA: Final = f"{LOG} => debug\n"
"""What a world needs in its logger.conf."""
_SAID: Final = re.compile(r"^\[([^]]+)\] DEBUG.* Flushing audiohook ", re.MULTILINE)
_MILLISECOND_US: Final = 1000


def listen(world: World) -> None:
    """Let this Asterisk say whenever it throws sound away; nothing else of it is that talkative."""
    world.asterisk.cli("core set debug 4 audiohook.c")


def moments(log: Path) -> list[Instant]:
    """Return when Asterisk threw something away, to the millisecond and rounded down."""
    text = log.read_text(errors="replace") if log.exists() else ""
    return [Instant(round(datetime.fromisoformat(one).astimezone().timestamp() * 1e6)) for one in _SAID.findall(text)]


def thrown_away(arrivals: NDArray[np.int64], thrown: list[Instant]) -> NDArray[np.bool_]:
    """Tell of each packet, by when it reached Asterisk, whether it was in its hands as that threw something away."""
    found = np.zeros(len(arrivals), dtype=np.bool_)
    for at in thrown:
        found |= (arrivals > at - KEPT_US) & (arrivals < at + _MILLISECOND_US)
    return found
