"""Which calls wait in `sealed/`, and which of them is next: one whose time has come, else the oldest that is new.

A new one is one that was never tried. What waits for its time is stored already, and its audio may go then; so it comes
before a backlog of new ones, which would else keep the disk full until the last of them.

A hundred thousand wait there after an outage, so the folder is listed again only after twenty times as long as the
last listing took, and of what is known already nothing is asked. No clock and no file but that one folder.
"""

import heapq
import os
import time
from contextlib import suppress
from pathlib import Path
from threading import Condition
from typing import Final

from ari_app.core import names
from ari_app.core.names import Instant, RecordingId, UnsafeNameError

NEW, AT_ONCE = Instant(-1), Instant(0)
LISTING_SHARE: Final = 20
"""Listing takes at most one twentieth of the time."""

LONG_SECONDS: Final = 0.01


class Queue:
    """The calls that wait. Several workers take from it; a call is with one of them at a time."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._due: dict[RecordingId, Instant] = {}
        self._new: list[RecordingId] = []
        self._timed: list[tuple[Instant, RecordingId]] = []
        self._taken: set[RecordingId] = set()
        self._stored: set[RecordingId] = set()
        self._done: set[str] = set()
        """Since the last listing began: it may name them still."""
        self._again_at = 0.0
        self._changed = Condition()
        self.oldest: Instant | None = None
        """When the oldest one that was not stored at the last listing began."""

    def __len__(self) -> int:
        """Return how many are not stored."""
        return len(self._due) + len(self._taken) - len(self._stored)

    def look(self) -> None:
        """Learn which calls have come, and which somebody else has taken away."""
        began = time.monotonic()
        if began < self._again_at:
            return
        with self._changed:
            self._done.clear()
        found = set(self._listed())
        with self._changed:
            for name in found - self._due.keys() - self._taken - self._done:
                with suppress(UnsafeNameError):
                    recording = names.recording_id(name)
                    self._due[recording] = NEW
                    heapq.heappush(self._new, recording)
            for gone in self._due.keys() - found:
                del self._due[gone]
                self._stored.discard(gone)
            oldest = min((self._due.keys() | self._taken) - self._stored, default=None)
            self.oldest = None if oldest is None else names.minted_at(oldest)
            self._changed.notify_all()
        took = time.monotonic() - began
        self._again_at = began + LISTING_SHARE * took if took > LONG_SECONDS else began

    def _listed(self) -> list[str]:
        with suppress(FileNotFoundError):
            return os.listdir(self._folder)  # noqa: PTH208  # a hundred thousand paths would take their time
        return []

    def _push(self, recording: RecordingId, due: Instant) -> None:
        self._due[recording] = due
        heapq.heappush(self._timed, (due, recording))

    def take(self, now: Instant) -> RecordingId | None:
        """Return the next call that is due, the caller's until `put_back` or `done`; None: there is none."""
        with self._changed:
            while self._timed and self._timed[0][0] <= now:
                due, recording = heapq.heappop(self._timed)
                # What has another time by now, or is gone, stands there still.
                if self._due.get(recording) == due:
                    return self._take(recording)
            while self._new:
                recording = heapq.heappop(self._new)
                if self._due.get(recording) == NEW:
                    return self._take(recording)
        return None

    def _take(self, recording: RecordingId) -> RecordingId:
        del self._due[recording]
        self._taken.add(recording)
        return recording

    def wait(self, seconds: float) -> None:
        """Wait until there is news, at most so long."""
        with self._changed:
            self._changed.wait(seconds)

    def wake(self) -> None:
        """Let nobody wait for news any longer: this process ends."""
        with self._changed:
            self._changed.notify_all()

    def put_back(self, recording: RecordingId, due: Instant, *, stored: bool = False) -> None:
        """Let a taken call wait until an instant; stored: it has to do so only before its audio may go."""
        with self._changed:
            (self._stored.add if stored else self._stored.discard)(recording)
            self._taken.discard(recording)
            self._push(recording, due)
            self._changed.notify_all()

    def done(self, recording: RecordingId) -> None:
        """Forget a taken call: it is in `sealed/` no more."""
        with self._changed:
            self._taken.discard(recording)
            self._stored.discard(recording)
            self._done.add(recording)
            self._changed.notify_all()

    def hurry(self, name: str) -> None:
        """Make a call due at once."""
        with self._changed:
            if name in self._due:
                self._push(RecordingId(name), AT_ONCE)
                self._changed.notify_all()

    def hurry_all(self) -> None:
        """Make every call due at once."""
        with self._changed:
            for recording in list(self._due):
                self._push(recording, AT_ONCE)
            self._changed.notify_all()

    def idle(self, now: Instant) -> bool:
        """Tell whether no call is taken, and none is due."""
        with self._changed:
            return not self._taken and not any(due <= now for due in self._due.values())
