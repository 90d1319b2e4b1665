"""Heartbeats for several workers: each judges a call by one state of them, read before it looked at the call's files.

A later state must not be mixed in: "Asterisk is gone, so this file is whole" is true of a file that was looked at after
that was known, and not of one whose size was read a moment before.
"""

from copy import deepcopy
from pathlib import Path
from threading import local

from ari_app.adapters.heartbeats import Heartbeats
from ari_app.core.names import Instant
from ari_app.core.standstill import Standstill


class PinnedHeartbeats(Heartbeats):
    """All runs' heartbeats. `refresh` is one thread's; each thread sees what was current when it said `pin`."""

    def __init__(self, *folders: Path) -> None:
        super().__init__(*folders)
        self._now = Heartbeats(*folders)
        self._mine = local()

    def refresh(self) -> None:
        fresh = deepcopy(self._now)
        fresh.refresh()
        self._now = fresh

    def pin(self) -> None:
        """Judge from here on by what is known now."""
        self._mine.seen = self._now

    @property
    def _seen(self) -> Heartbeats:
        seen: Heartbeats = getattr(self._mine, "seen", self._now)
        return seen

    def last(self, run: str, since: Instant = Instant(0)) -> Instant | None:
        return self._seen.last(run, since)

    def stood_still(self, run: str) -> tuple[Standstill, ...]:
        return self._seen.stood_still(run)

    def superseded(self, run: str) -> bool:
        return self._seen.superseded(run)

    def asterisk_gone(self, run: str, at: Instant) -> bool:
        return self._seen.asterisk_gone(run, at)
