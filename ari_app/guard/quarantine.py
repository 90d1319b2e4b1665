"""Takes a stopped capture's file away: out of Asterisk's hands, into a folder that nothing ships from.

The file is moved while Asterisk still writes it. Writing goes on into the moved file, so that nothing of it stays
behind, and what the capture's owner wanted to be done with it at its end (a command, a mail) finds nothing.
"""

import errno
import hashlib
import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ari_app import durable
from ari_app.core.guard import Quarantined
from ari_app.layout import Layout
from ari_app.untrusted import open_plain

FILE_MODE: Final = 0o600
_CHUNK_BYTES: Final = 1 << 20
_SUFFIXES: Final = (
    "wav", "WAV", "wav49", "gsm", "ulaw", "ul", "pcm", "alaw", "al", "sln", "sln16", "raw", "g722", "ogg", "sln48",
)  # fmt: skip
"""Tried first: a folder of a year's recordings is slow to list."""


@dataclass(frozen=True, slots=True)
class Held:
    """A file in our hands. moved: it lies in quarantine already; else it is still to be copied from `path`."""

    path: Path
    name: str
    moved: bool


def on_disk(listed: str) -> list[Path]:
    """Return the files that `mixmonitor list` means by a path without its suffix."""
    found = [path for suffix in _SUFFIXES if (path := Path(f"{listed}.{suffix}")).exists()]
    if found:
        return found
    folder, name = os.path.split(listed)
    with suppress(OSError), os.scandir(folder) as entries:
        return [Path(one.path) for one in entries if one.name.rpartition(".")[0] == name]
    return []


class Quarantine:
    """The folder `quarantine/`, and the folders from which files may be taken there."""

    def __init__(self, layout: Layout, folders: Iterable[Path]) -> None:
        self._folder = layout.quarantine
        self._sources = [os.path.realpath(one) for one in (*folders, layout.audio)]

    def may_take(self, path: Path) -> bool:
        """Tell whether a file lies where captures lie.

        A stranger chooses the path that Asterisk tells us: it must not make us move a journal, or whatever else we
        may write to.
        """
        folder = os.path.realpath(path.parent)
        return any(folder == source or folder.startswith(f"{source}/") for source in self._sources)

    def take(self, path: Path, name: str) -> Held | None:
        """Move a file into quarantine under this name; None if it is not there or not to be taken."""
        if not self.may_take(path) or not path.is_file() or path.is_symlink():
            return None
        try:
            path.rename(self._folder / name)
        except OSError as failure:
            # Another disk: copied when it is closed. No right to move it: perhaps the right to read it.
            return None if failure.errno == errno.ENOENT else Held(path, name, moved=False)
        return Held(path, name, moved=True)

    def settle(self, held: Held) -> Quarantined:
        """Keep a copy that is ours alone, and tell what it holds. Raises OSError.

        The file itself belongs to Asterisk's user, who could change it for ever. It loses its name here: whatever is
        written to it still has none, and is gone when it is closed.
        """
        target = self._folder / held.name
        with open_plain(target if held.moved else held.path) as stream:
            digest, size = self._copy(stream.fileno(), target)
        durable.sync_folder(self._folder)
        if not held.moved:
            held.path.unlink()
        return Quarantined(digest.hexdigest(), size, held.name)

    def _copy(self, source: int, target: Path) -> "tuple[hashlib._Hash, int]":
        digest, size = hashlib.sha256(), 0
        new = target.with_name(f".{target.name}.new")
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, FILE_MODE)
        with os.fdopen(descriptor, "wb") as copy:
            while chunk := os.read(source, _CHUNK_BYTES):
                digest.update(chunk)
                size += len(chunk)
                copy.write(chunk)
            copy.flush()
            os.fsync(copy.fileno())
        new.rename(target)
        return digest, size
