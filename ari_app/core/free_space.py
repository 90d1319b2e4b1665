"""How much room is left for recordings, and what that permits: so a full disk never decides anything by itself.

A disk that is full to the brim takes what is dear: Asterisk goes on to call `write` and says nothing, so that samples
are missing anywhere in a file and no position of it is a time any more; no revocation, no heartbeat and no note can be
written, so that nothing after that instant is covered; and ship, which alone could make room, cannot write its objects.
So the end comes in two steps, both well before the brim:

LOW     less than the site's `spool.stop_below_free`: no conversation begins to be captured. Those that are captured go
        on, with whoever joins them: half a consultation is worth less than none, and the room that is kept free is for
        just that. (2 GiB are eleven minutes of a hundred conversations with two parties, or an hour of twenty.)
SCARCE  less than a quarter of it: what runs is ended too, with its reason and while that can still be written down.

The inodes of a file system can run out as its blocks do, and the same follows from it. Nothing that is not stored is
ever deleted for room: what waits in the spool is the only copy there is.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

SCARCE_PART: Final = 4
"""Of `stop_below_free`: below a quarter of it what runs is ended."""

FILES: Final = 10_000
"""Inodes: a call needs seven at most times, so that these are as far from the end as the bytes are."""

MARGIN_PART: Final = 10
"""A tenth more than what a level begins at must be free for it to be over: ship's own objects come and go."""


class Level(IntEnum):
    """How much room is left; the more, the worse."""

    AMPLE = 0
    LOW = 1
    SCARCE = 2


@dataclass(frozen=True, slots=True)
class Floor:
    """`spool.stop_below_free` as the site wrote it: so many bytes, or such a part of the file system."""

    bytes: int = 0
    percent: float = 0.0

    def of(self, total_bytes: int) -> int:
        """Return it in bytes, for a file system of this size."""
        return max(self.bytes, int(total_bytes * self.percent / 100))


@dataclass(frozen=True, slots=True)
class Space:
    """What the file system says of itself, for a user who is not root. `files`: inodes; None where it counts none."""

    free_bytes: int
    total_bytes: int
    free_files: int | None = None


def judge(space: Space, floor: Floor, before: Level) -> Level:
    """Return how much room is left. before: what was said last, so that the word does not change twice a second."""
    by_bytes = _level(space.free_bytes, floor.of(space.total_bytes), before)
    # A site that keeps no bytes free wants none of this.
    if space.free_files is None or floor == Floor():
        return by_bytes
    return max(by_bytes, _level(space.free_files, FILES, before))


def _level(free: int, limit: int, before: Level) -> Level:
    def below(limit: int, level: Level) -> bool:
        return free < limit + (limit // MARGIN_PART if before >= level else 0)

    if below(limit // SCARCE_PART, Level.SCARCE):
        return Level.SCARCE
    return Level.LOW if below(limit, Level.LOW) else Level.AMPLE
