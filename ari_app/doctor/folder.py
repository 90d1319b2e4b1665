"""Asterisk's folder of configuration as doctor reads it: each file once, and a list of what could not be read."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from ari_app.commands.asterisk_files import Entry, File, read, text_of

TRUE: Final = {"yes", "true", "y", "t", "1", "on"}
FALSE: Final = {"no", "false", "n", "f", "0", "off"}
MOST_SCRIPT_BYTES: Final = 1024 * 1024
AGI_FOLDERS: Final = (Path("/var/lib/asterisk/agi-bin"), Path("/usr/share/asterisk/agi-bin"))
_SCRIPT: Final = re.compile(r"[A-Za-z0-9_./+-]+")


@dataclass(slots=True)
class Folder:
    """The files of one Asterisk."""

    path: Path
    _files: dict[str, File] = field(default_factory=dict)

    def file(self, name: str) -> File:
        """Return a file with all that it includes; one that is not there has no sections."""
        if name not in self._files:
            self._files[name] = read(self.path, name)
        return self._files[name]

    @property
    def unseen(self) -> list[str]:
        """What in the files that were read could not be: `#exec`, a file without rights, includes without end."""
        return [f"{name}: {one}" for name, file in self._files.items() for one in file.unseen]

    def text(self, name: str) -> str | None:
        """Return a file's text as it is; None if it is not there. What may not be read is said among the unseen."""
        try:
            return text_of(self.path / name)
        except FileNotFoundError:
            return None
        except OSError as error:
            self.file(name).unseen.append(f"{name} ({error.strerror})")
            return None

    def directory(self, name: str) -> Path | None:
        """Return what asterisk.conf says about a directory, as astagidir."""
        said = self.file("asterisk.conf").value("directories", name)
        return Path(said) if said else None

    def script(self, name: str) -> str | None:
        """Return the text of an AGI script of this machine; None if it is somewhere else or may not be read."""
        if not _SCRIPT.fullmatch(name) or "://" in name:
            return None
        said = self.directory("astagidir")
        for folder in (said,) if said else AGI_FOLDERS:
            try:
                # An absolute name stays what it is.
                return (folder / name).read_bytes()[:MOST_SCRIPT_BYTES].decode("utf-8", "replace")
            except (OSError, ValueError):
                continue
        return None


def is_true(value: str | None) -> bool:
    """As Asterisk's own ast_true."""
    return (value or "").strip().lower() in TRUE


def objects(file: File, kind: str) -> Iterator[tuple[str, list[Entry]]]:
    """Yield the sections that say `type = kind`, and are no templates."""
    for name, entries in file.sections.items():
        if name not in file.templates and any(
            one.key.lower() == "type" and one.value.strip().lower() == kind for one in entries
        ):
            yield name, entries


def said(entries: list[Entry], key: str) -> Entry | None:
    """Return the last entry of a key."""
    return next((one for one in reversed(entries) if one.key.lower() == key), None)
