"""How journals lie on the disk: appended by position, durable when synced, moved away when their call is over.

Everything returns why it failed, empty for success. A line that was half written is written over, never continued;
the names of new folders are made durable for many calls at once, because each such sync costs as much as a file's.
"""

import errno
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .core import evidence as ev
from .core.names import RecordingId, RunId
from .durable import sync_folder
from .layout import JOURNAL, Layout


@dataclass(slots=True)
class Journal:
    """One call's journal: the hash of its last line, its length, and what is not on the disk yet."""

    previous: str = ev.FIRST
    length: int = 0
    dirty: bool = False
    named: bool = False
    """Whether the file's own name in its folder is durable."""
    torn: bool = True
    """Whether something may stand behind `length`: part of a line that an attempt, or a dead run, left there."""
    owed: list[ev.Entry] = field(default_factory=list)
    """Entries that are not written yet: they wait for what needs them, or for a disk that takes them."""
    moved: bool = False
    """Whether the folder is in `sealed/` already, and only the sync that makes it durable is missing."""


def put(descriptor: int, text: bytes, position: int) -> None:
    """Write all of text at a position. A disk that is nearly full takes a part of it and reports no error."""
    written = os.pwrite(descriptor, text, position)
    if written != len(text):
        raise OSError(errno.ENOSPC, f"{os.strerror(errno.ENOSPC)}: {written} of {len(text)} bytes were written")


def name_capture(path: Path, text: bytes, run: RunId) -> None:
    """Make the file in `live/` that names a capture. Raises OSError; only for who holds the spool's lock."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o640)
    except FileExistsError:
        # Left by a run that is dead, or naming a capture of ours that is being stopped for this one: we hold the
        # spool's lock, so nobody else can own it.
        fresh = path.with_suffix(f".{run}")
        fresh.write_bytes(text)
        fresh.replace(path)
        return
    try:
        put(descriptor, text, 0)
    except OSError:
        # On a full disk: an empty name would stay there, for a capture that never begins.
        path.unlink(missing_ok=True)
        raise
    finally:
        os.close(descriptor)


class Journals:
    """The journals of all open calls. For one thread."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.open: dict[RecordingId, Journal] = {}
        self._unnamed_calls = False

    def of(self, recording: RecordingId) -> Journal:
        """Return a call's journal; a call that has none yet gets an empty one."""
        return self.open.setdefault(recording, Journal())

    def write(self, recording: RecordingId, entries: Sequence[ev.Entry], *, durable: bool = False) -> str:
        """Append entries; with `durable` the file is synced as well, but its names only by `name_calls`."""
        journal = self.of(recording)
        path = self.layout.journal_of(recording)
        previous, text = journal.previous, b""
        for entry in entries:
            line, previous = ev.line(entry, previous)
            text += line
        try:
            if journal.length == 0 and not path.parent.is_dir():
                path.parent.mkdir()
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
            try:
                if journal.torn:
                    # A half-written line of a failed attempt would break the chain for good.
                    os.ftruncate(descriptor, journal.length)
                journal.torn = True
                put(descriptor, text, journal.length)
                journal.torn = False
                journal.previous, journal.length, journal.dirty = previous, journal.length + len(text), True
                if durable:
                    self._sync(descriptor, recording, journal)
            finally:
                os.close(descriptor)
        except OSError as failure:
            return str(failure)
        return ""

    def sync(self, recording: RecordingId) -> str:
        """Make what was written durable, but for the name of the call's folder."""
        try:
            descriptor = os.open(self.layout.journal_of(recording), os.O_WRONLY)
            try:
                self._sync(descriptor, recording, self.of(recording))
            finally:
                os.close(descriptor)
        except OSError as failure:
            return str(failure)
        return ""

    def _sync(self, descriptor: int, recording: RecordingId, journal: Journal) -> None:
        os.fdatasync(descriptor)
        if not journal.named:
            sync_folder(self.layout.journal_of(recording).parent)
            self._unnamed_calls = journal.named = True
        journal.dirty = False

    def name_calls(self, *, anyway: bool = False) -> str:
        """Make the names of new calls' folders durable; nothing of theirs is, before. `anyway`: some have gone."""
        if self._unnamed_calls or anyway:
            try:
                sync_folder(self.layout.calls)
            except OSError as failure:
                return str(failure)
            self._unnamed_calls = False
        return ""

    def move(self, recording: RecordingId) -> str:
        """Rename a finished call's folder into `sealed/`, after the sync of what is not durable in it."""
        journal = self.open.get(recording)
        if journal is not None and journal.owed:
            return "entries of the call are not written yet"
        if journal is not None and journal.moved:
            return ""
        trouble = self.sync(recording) if journal is None or journal.dirty else ""
        if not trouble:
            try:
                self.layout.journal_of(recording).parent.rename(self.layout.sealed / recording)
            except OSError as failure:
                return str(failure)
            self.of(recording).moved = True
        return trouble

    def settle_moves(self, moved: Sequence[RecordingId]) -> str:
        """Make the renames durable, all of them with one sync a folder, and forget these calls."""
        try:
            sync_folder(self.layout.sealed)
        except OSError as failure:
            return str(failure)
        trouble = self.name_calls(anyway=True)
        if not trouble:
            for recording in moved:
                self.open.pop(recording, None)
        return trouble


def leftovers(layout: Layout) -> list[tuple[RecordingId, bytes]]:
    """Return the journals of calls that a dead run never sealed. A folder without one is an empty promise."""
    found = []
    for folder in sorted(layout.calls.iterdir()) if layout.calls.is_dir() else []:
        journal = folder / JOURNAL
        found.append(
            (
                RecordingId(folder.name),
                journal.read_bytes() if journal.is_file() else b"",
            )
        )
    return found
