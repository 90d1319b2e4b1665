"""What the heartbeats say, the gate's and the keeper's: up to when every event was handled, and of which Asterisk."""

import json
from bisect import bisect_right
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from ari_app.core import names
from ari_app.core.names import Instant
from ari_app.core.standstill import Standstill

SET_BACK = Instant(names.MICROSECONDS)


@dataclass(slots=True)
class _Run:
    """One gate run's heartbeats so far: how far its file is read, and when which Asterisk answered."""

    read_bytes: int = 0
    consumed_at: list[Instant] = field(default_factory=list)
    """The greatest instant, anew when the clock is set back: what was heard before proves nothing of after."""
    written_at: Instant = Instant(0)
    boots: list[tuple[Instant, str]] = field(default_factory=list)
    stood_still: list[Standstill] = field(default_factory=list)
    folder: Path = Path()


class Heartbeats:
    """All runs' heartbeat files, the gate's and the keeper's, read once and then only where they grew."""

    def __init__(self, *folders: Path) -> None:
        self._folders = folders
        self._runs: dict[str, _Run] = {}

    def refresh(self) -> None:
        """Read what was written since the last time. A torn last line is left for the next time."""
        for folder in self._folders:
            with suppress(FileNotFoundError):
                for file in folder.iterdir():
                    if file.suffix == ".jsonl":
                        self._read(file, self._runs.setdefault(file.stem, _Run(folder=folder)))

    @staticmethod
    def _read(file: Path, run: _Run) -> None:
        with file.open("rb") as stream:
            stream.seek(run.read_bytes)
            whole, newline, _ = stream.read().rpartition(b"\n")
        run.read_bytes += len(whole) + len(newline)
        for raw in whole.split(b"\n"):
            # A damaged line proves nothing; the lines around it still do.
            with suppress(ValueError, KeyError, TypeError):
                line = json.loads(raw)
                boot, consumed_at, written_at = str(line["boot"]), int(line["consumed_at"]), int(line["written_at"])
                still = [Standstill(Instant(int(a)), Instant(int(b))) for a, b in line.get("stood_still", ())]
                run.stood_still += still
                if not run.consumed_at or consumed_at < run.consumed_at[-1] - SET_BACK:
                    run.consumed_at.append(Instant(consumed_at))
                run.consumed_at[-1] = Instant(max(consumed_at, run.consumed_at[-1]))
                run.written_at = Instant(max(written_at, run.written_at))
                if not run.boots or run.boots[-1][1] != boot:
                    run.boots.append((Instant(written_at), boot))

    def last(self, run: str, since: Instant = Instant(0)) -> Instant | None:
        """Return up to when this run had consumed every event since an instant, at least; None if it never said so."""
        said = self._runs[run].consumed_at if run in self._runs else []
        return min((at for at in said if at >= since), default=max(said, default=None))

    def stood_still(self, run: str) -> tuple[Standstill, ...]:
        """Return when Asterisk may have stood still, by what this run has said."""
        return tuple(self._runs[run].stood_still) if run in self._runs else ()

    def superseded(self, run: str) -> bool:
        """Tell whether another run of its kind has written since: then this one, whose lock it holds, does no more."""
        mine = self._runs.get(run) or _Run(folder=self._folders[0])
        others = (other for name, other in self._runs.items() if name != run and other.folder == mine.folder)
        return any(other.written_at > mine.written_at for other in others)

    def asterisk_gone(self, run: str, at: Instant) -> bool:
        """Tell whether the Asterisk that this run had at an instant has been followed by another one.

        A capture belongs to the Asterisk of the line before it: an announcement, and so a heartbeat, lies
        between a new Asterisk's first line and its first capture.
        """
        boots = self._runs[run].boots if run in self._runs else []
        if not boots:
            return False
        index = max(0, bisect_right(boots, at, key=lambda boot: boot[0]) - 1)
        since, mine = boots[index]
        return any(when > since and boot != mine for other in self._runs.values() for when, boot in other.boots)
