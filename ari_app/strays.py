"""Looks for what lies in the spool and belongs to nothing there, says each once, and sweeps up what was never finished.

It reads names and times alone, so that a hundred thousand calls that wait are looked through in a second or two.
"""

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Final

from . import clock, log
from .core import strays
from .core.evidence import Ended
from .core.names import MICROSECONDS, Instant
from .core.strays import Kind
from .durable import sync_folder
from .layout import JOURNAL, KEPT, Layout

AGE_SECONDS: Final = 600.0
"""So long something may be without its record, which comes within a second: nothing is called a stray for that."""

LOOK_MICROSECONDS: Final = 600 * MICROSECONDS
UNFINISHED_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class Stray:
    """Something that belongs to nothing. `place`: the folder, below the spool."""

    kind: Kind
    place: str
    path: Path

    @property
    def name(self) -> str:
        """The name, as it may be shown: it may be anybody's, so no control character of it reaches a terminal."""
        return ascii(self.path.name)[1:-1]

    @property
    def hash(self) -> str:
        """The name as it may be logged: a stranger may have written a caller's number into it."""
        return sha256(os.fsencode(self.path.name)).hexdigest()[:16]


def _names(folder: Path) -> Iterator[tuple[str, bool]]:
    """Yield what lies in a folder, and whether it is one itself; without a path of each: that costs most of it all."""
    with suppress(FileNotFoundError, NotADirectoryError), os.scandir(folder) as found:
        for entry in found:
            yield entry.name, entry.is_dir(follow_symlinks=False)


def _entries(folder: Path) -> Iterator[tuple[Path, bool]]:
    for name, is_folder in _names(folder):
        yield folder / name, is_folder


def _old(path: Path, seconds: float) -> bool:
    """Tell whether something was not changed for so long. What is gone meanwhile was no stray."""
    with suppress(FileNotFoundError):
        return clock.now() - path.lstat().st_mtime_ns // 1000 > seconds * MICROSECONDS
    return False


class _Accounts:
    """Of which recordings something is written, wherever that may be."""

    def __init__(self, layout: Layout) -> None:
        self._shipped = layout.shipped
        self._known = {name for place in (layout.calls, layout.sealed) for name, _ in _names(place)}
        self._known |= {kept.stem for kept, _ in _entries(layout.keeper)}

    def __contains__(self, recording: object) -> bool:
        return recording in self._known or (self._shipped / str(recording)).is_dir()


def find(layout: Layout, *, age_seconds: float = AGE_SECONDS, shipped: bool = True) -> list[Stray]:
    """Return what lies there and belongs to nothing, if it has lain there for so long. Raises OSError.

    shipped: look through what is stored as well, which grows for years.
    """
    found = [*_named(layout, shipped=shipped), *_alone(layout), *_scripts(layout), *_taken(layout)]
    return sorted((one for one in found if _old(one.path, age_seconds)), key=lambda one: str(one.path))


def _named(layout: Layout, *, shipped: bool) -> Iterator[Stray]:
    for place in strays.KNOWN.keys() - (set() if shipped else {layout.shipped.name}):
        folder = layout.root / place
        for name, is_folder in _names(folder):
            kind = strays.of_name(place, name, is_folder=is_folder)
            if kind is not None:
                yield Stray(kind, place, folder / name)


def _alone(layout: Layout) -> Iterator[Stray]:
    accounts = _Accounts(layout)
    for name, is_folder in _names(layout.audio):
        kind = strays.of_sound(name, accounts)
        if kind is None or not is_folder or strays.of_name("audio", name, is_folder=True):
            continue
        folder = layout.audio / name
        # An empty folder is a promise that nobody took up: a call that was told, and not captured.
        if any(True for _ in _entries(folder)):
            yield Stray(kind, "audio", folder)
    for file, _ in _entries(layout.live):
        if (recording := _recording(file)) and recording not in accounts:
            yield Stray(Kind.NAMED_ALONE, "live", file)


def _recording(live: Path) -> str:
    try:
        return str(json.loads(live.read_bytes())["recording"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _scripts(layout: Layout) -> Iterator[Stray]:
    attested = set()
    for folder, is_folder in _entries(layout.fallback):
        journal = folder / JOURNAL
        if not is_folder or folder.name.startswith("."):
            continue
        if recording := _first(journal):
            attested.add(recording)
        else:
            yield Stray(Kind.NOT_ATTESTED, "fallback", folder)
    for kept, _ in _entries(layout.keeper):
        if kept.suffix == KEPT and kept.stem not in attested:
            yield Stray(Kind.KEPT_ALONE, "keeper", kept)


def _taken(layout: Layout) -> Iterator[Stray]:
    incidents = {one.stem for place in (layout.incidents, layout.incidents / "shipped") for one, _ in _entries(place)}
    for file, _ in _entries(layout.quarantine):
        if kind := strays.of_taken(file.name, incidents):
            yield Stray(kind, "quarantine", file)


def _first(journal: Path) -> str:
    """Return of which recording a script's journal is, as its first line says."""
    try:
        with journal.open("rb") as stream:
            return str(json.loads(stream.readline(1 << 16))["recording"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def sweep(layout: Layout) -> list[Path]:
    """Remove what a process was writing that is gone: whatever it was, it was written anew, or never promised."""
    swept = []
    for path in _unfinished(layout):
        with suppress(OSError):
            path.unlink()
            swept.append(path)
    return [*swept, *_notes(layout), *_unattested(layout), *_kept_for_nothing(layout)]


def _gone(pid: int, path: Path) -> bool:
    """Tell whether whoever was writing a file is gone, for a while now."""
    return not Path(f"/proc/{pid}").exists() and _old(path, UNFINISHED_SECONDS)


def _unfinished(layout: Layout) -> Iterator[Path]:
    for place in ("", "announcements", "incidents", "anchors"):
        for path, is_folder in _entries(layout.root / place):
            pid = strays.sweepable(path.name)
            if pid is not None and not is_folder and _gone(pid, path):
                yield path
    for path, is_folder in _entries(layout.quarantine):
        # A copy that the guard had begun: what it was of lies beside it, or where it was taken from.
        if strays.begun_copy(path.name) and not is_folder and _old(path, UNFINISHED_SECONDS):
            yield path


def _notes(layout: Layout) -> Iterator[Path]:
    """Finish a script's note of a call that nobody told, if it is whole: the script was ended before its last step."""
    for path, _ in _entries(layout.fallback):
        begun = strays.begun_note(path.name)
        if begun and _gone(begun[1], path):
            with suppress(OSError):
                _finish_note(path, layout.fallback / f"{begun[0]}.json")
                yield path


def _unattested(layout: Layout) -> Iterator[Path]:
    """Remove the folder of a script that was ended before its first line, or of a ship before its last step."""
    for folder, is_folder in _entries(layout.fallback):
        if is_folder and _old(folder, UNFINISHED_SECONDS):
            # One that holds anything stays: no `rmdir` removes it.
            with suppress(OSError):
                if (folder / JOURNAL).is_file() and b"\n" not in (folder / JOURNAL).read_bytes():
                    (folder / JOURNAL).unlink()
                folder.rmdir()
                yield folder


def _finish_note(unfinished: Path, note: Path) -> None:
    try:
        json.loads(unfinished.read_bytes())
    except ValueError:
        unfinished.unlink()
    else:
        unfinished.rename(note)
        sync_folder(note.parent)


def _kept_for_nothing(layout: Layout) -> Iterator[Path]:
    """Remove what the guard kept of a script that did not wait for it: its call is over, and nothing was captured."""
    for stray in _scripts(layout):
        sound = layout.audio / stray.path.stem
        if stray.kind is Kind.KEPT_ALONE and _ended(stray.path) and _old(stray.path, UNFINISHED_SECONDS):
            with suppress(OSError):
                if sound.exists():
                    # Where anything lies in it, it fails, and the stray is said.
                    sound.rmdir()
                stray.path.unlink()
                yield stray.path


def _ended(kept: Path) -> bool:
    try:
        return bool(json.loads(kept.read_bytes().splitlines()[-1])["kind"] == Ended.KIND)
    except (OSError, ValueError, LookupError, TypeError):
        return False


@dataclass(slots=True)
class Lookout:
    """Ship's look, at its start and every ten minutes: each stray is said once."""

    layout: Layout
    _said: set[Path] = field(default_factory=set)
    _next_at: Instant = Instant(0)

    def look(self, now: Instant) -> None:
        """Look, if it is time to."""
        if now < self._next_at:
            return
        self._next_at = Instant(now + LOOK_MICROSECONDS)
        logger = log.get("ship")
        if swept := sweep(self.layout):
            logger.info("spool.swept", files=len(swept))
        try:
            found = find(self.layout, shipped=False)
        except OSError as failure:
            logger.error("spool.not_looked_through", why=failure.strerror)  # noqa: TRY400  no fault of this program
            return
        for one in found:
            if one.path not in self._said:
                logger.error("spool.stray", kind=one.kind, place=one.place, name=one.hash, hint=strays.TO_DO[one.kind])
        # What has gone and comes again is news.
        self._said = {one.path for one in found}
