"""What waits in the spool and why, as ship last said it, for people: `consentgate spool`. And their word to try now.

Ship alone writes the account, `ship.waiting.json`. It is there while a call is not stored yet, with how many there are
and when the oldest of them began, or while something was tried in vain; nothing relies on it. A person's word is an
empty file, `retry-<recording-id>` or `retry-all`, which ship takes away within a second, also while it waits for a
server that is away. No caller's number or name is in either.
"""

import json
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

from .core.names import MICROSECONDS, Instant
from .core.policy import canonical
from .durable import replace
from .errors import SpoolError
from .layout import Layout

FORMAT = 1
ALL = "all"
REACH = "reach"
"""What an attempt is about, if no recording: S3 or PostgreSQL was away."""

ANCHOR = "anchor"
"""The same, for the anchors of days that are over."""

WRITE_MICROSECONDS = 1 * MICROSECONDS
WRITING_SHARE = 20


@dataclass(frozen=True, slots=True)
class Attempt:
    """What came of the latest try. `attempts`: how many came to this since `since`; `failed`: not a mere waiting."""

    why: str
    failed: bool
    attempts: int
    since: Instant
    tried_at: Instant
    next_at: Instant


@dataclass(slots=True)
class Attempts:
    """Ship's own side."""

    layout: Layout
    _found: dict[str, Attempt] = field(default_factory=dict)
    _changed: bool = True
    _written_at: Instant = Instant(0)
    _write_microseconds: int = WRITE_MICROSECONDS
    _unshipped: tuple[int, Instant | None] = (0, None)

    def note(self, about: str, why: str, now: Instant, next_at: Instant, *, failed: bool) -> None:
        """Keep what came of a try, of a recording, an incident's file, the anchors or the servers."""
        before = self._found.get(about)
        if before is not None and before.failed == failed:
            attempt = Attempt(why, failed, before.attempts + 1, before.since, now, next_at)
        else:
            attempt = Attempt(why, failed, 1, now, now, next_at)
        self._found[about] = attempt
        self._changed = True

    def forget(self, about: str) -> None:
        """It is done."""
        self._changed = self._found.pop(about, None) is not None or self._changed

    def unshipped(self, count: int, oldest: Instant | None) -> None:
        """Note how many calls are not stored yet, and when the oldest of them began."""
        self._changed = self._changed or self._unshipped != (count, oldest)
        self._unshipped = (count, oldest)

    def counts(self) -> tuple[int, int]:
        """Return how much waits by itself, and how much was tried in vain; no server that is away is among these."""
        tried = [one.failed for about, one in self._found.items() if about != REACH]
        return tried.count(False), tried.count(True)

    def write(self, now: Instant, *, at_once: bool = False) -> None:
        """Tell what there is, if it is news, at most once a second unless at_once; that nothing waits, each time.

        Where very much waits, seldomer: telling it takes at most a twentieth of the time.
        """
        early = now - self._written_at < self._write_microseconds and not at_once
        if early and self._write_microseconds > WRITE_MICROSECONDS:
            return
        began, (count, oldest) = time.monotonic(), self._unshipped
        for about in [one for one in self._found if self._gone(one)]:
            self.forget(about)
        if self._changed and not self._found and not count:
            self.close()
            self._changed = False
        if not self._changed or early:
            return
        waiting = {about: asdict(one) for about, one in self._found.items()}
        said = {"format": FORMAT, "pid": os.getpid(), "at": now, "waiting": waiting}
        text = canonical({**said, "unshipped": count, "oldest": oldest})
        # A full disk must not end the process that empties it.
        with suppress(OSError):
            replace(self.layout.waiting, text, mode=0o640)
            self._changed, self._written_at = False, now
        took = round((time.monotonic() - began) * MICROSECONDS)
        self._write_microseconds = max(WRITE_MICROSECONDS, WRITING_SHARE * took)

    def _gone(self, about: str) -> bool:
        """Tell whether what was tried was taken out of the spool by somebody else."""
        if about.endswith(".json"):
            return not (self.layout.incidents / about).exists()
        return about not in {REACH, ANCHOR} and not (self.layout.sealed / about).exists()

    def close(self) -> None:
        """Take it away: nothing waits, or a ship that has ended tries nothing any more."""
        with suppress(OSError):
            self.layout.waiting.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class Account:
    """What a ship last said. `running`: its process is there. `unshipped`, `oldest`: not stored yet, and since when."""

    at: Instant
    running: bool
    found: Mapping[str, Attempt]
    unshipped: int = 0
    oldest: Instant | None = None


def read(layout: Layout) -> Account | None:
    """Return ship's account; None if there is none that this version can read."""
    try:
        raw = json.loads(layout.waiting.read_bytes())
        if raw["format"] != FORMAT:
            return None
        found = {str(about): Attempt(**one) for about, one in raw["waiting"].items()}
        count, oldest = int(raw.get("unshipped", 0)), raw.get("oldest")
        running = Path(f"/proc/{int(raw['pid'])}").exists()
        return Account(Instant(int(raw["at"])), running, found, count, None if oldest is None else Instant(int(oldest)))
    except (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError):
        return None


def ask(layout: Layout, name: str) -> Path:
    """Ask ship to try a recording, or `all`, now; return the file that is there until ship takes it.

    Raises SpoolError: nobody can be asked here.
    """
    path = layout.retry(name)
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW, 0o640))
    except OSError as failure:
        hint = "Run this as the user of ship, or as root"
        raise SpoolError("ship cannot be asked", on=str(path), why=failure.strerror or "", hint=hint) from failure
    return path


def asked(layout: Layout) -> list[str]:
    """Return what people have asked for since the last time, and take it away."""
    found = []
    for file in sorted(layout.root.glob(layout.retry("*").name)):
        with suppress(OSError):
            file.unlink()
            found.append(file.name.removeprefix(layout.retry("").name))
    return found
