"""`consentgate quarantine`: what was taken away because nobody had permitted it, and its destruction.

Nothing is ever shipped from there, and nothing leaves it by itself: an administrator decides. What is destroyed
leaves its proof, a line in `incidents/destroyed.jsonl` with each file's hash, written before the first byte goes.
"""

import hashlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ari_app import clock, config, durable
from ari_app.config.units import size_text
from ari_app.core import incident, names
from ari_app.core.names import Instant, UnsafeNameError
from ari_app.core.policy import canonical
from ari_app.errors import FINDING, GOOD, ConsentgateError
from ari_app.layout import Layout

PIPE_COLUMNS: Final = 160
DESTROYED: Final = "destroyed.jsonl"
_CHUNK_BYTES: Final = 1 << 20
_OURS: Final = re.compile(r"([0-9A-HJKMNP-TV-Z]{26})(?:\.\w+)?\Z|((?:fallback|incident)-[0-9a-f]{16})\.json\Z")


@dataclass(frozen=True, slots=True)
class Item:
    """All that lies in quarantine under one id: an incident's files, or a call that ship or the gate put there."""

    id: str
    paths: tuple[Path, ...]
    incident: incident.Incident | None

    def files(self) -> Iterator[Path]:
        """Return every file, in folders too."""
        for path in self.paths:
            yield from sorted(one for one in path.rglob("*") if one.is_file()) if path.is_dir() else [path]

    @property
    def bytes(self) -> int:
        """How much it is."""
        return sum(file.lstat().st_size for file in self.files())

    @property
    def since(self) -> Instant:
        """When it was put there."""
        if self.incident is not None:
            return self.incident.at
        return Instant(min(path.lstat().st_ctime_ns for path in self.paths) // 1000)

    @property
    def door(self) -> str:
        """By which door it came in; what ship put there came by none."""
        if self.incident is not None:
            return str(self.incident.door)
        return "a note" if "-" in self.id else "a call"

    @property
    def why(self) -> str:
        """Why it is there."""
        if self.incident is not None:
            return str(self.incident.content["why"])
        return "it could not be read or is not whole; the log of ship or gate says more"


def _incident(layout: Layout, identity: str) -> incident.Incident | None:
    for folder in (layout.incidents, layout.incidents / "shipped"):
        try:
            return incident.read((folder / f"{identity}.json").read_bytes())
        except (OSError, ValueError):
            continue
    return None


def items(layout: Layout) -> list[Item]:
    """Return what lies there, the oldest first."""
    found: dict[str, list[Path]] = {}
    try:
        entries = sorted(layout.quarantine.iterdir())
    except FileNotFoundError:
        entries = []
    except OSError as failure:
        hint = "Run this as the user of the guard, or as root."
        raise ConsentgateError("the quarantine cannot be read", why=str(failure), hint=hint) from failure
    for path in entries:
        if (match := _OURS.match(path.name)) is not None:
            found.setdefault(match[1] or match[2], []).append(path)
    listed = [Item(identity, tuple(paths), _incident(layout, identity)) for identity, paths in found.items()]
    return sorted(listed, key=lambda item: item.since)


def _one(layout: Layout, identity: str) -> Item:
    try:
        return next(item for item in items(layout) if item.id == identity)
    except StopIteration:
        hint = "`consentgate quarantine list` names what there is"
        raise ConsentgateError("nothing of this id lies in quarantine", on=ascii(identity[:40]), hint=hint) from None


def _console() -> Console:
    console = Console(highlight=False, soft_wrap=True)
    return console if console.is_terminal else Console(highlight=False, width=PIPE_COLUMNS, soft_wrap=True)


def show_list(layout: Layout) -> int:
    """Print the table."""
    console, found = _console(), items(layout)
    if not found:
        console.print("nothing lies in quarantine")
        return GOOD
    table = Table(box=None, pad_edge=False)
    for title in ("id", "since", "door", "size", "why"):
        table.add_column(title, overflow="fold", no_wrap=title != "why")
    for item in found:
        table.add_row(item.id, names.iso(item.since)[:19] + "Z", item.door, size_text(item.bytes), escape(item.why))
    console.print(table)
    return GOOD


def show_one(layout: Layout, identity: str) -> int:
    """Print everything about one of them."""
    console, item = _console(), _one(layout, identity)
    lines = [("id", item.id), ("since", names.iso(item.since)), ("door", item.door), ("why", item.why)]
    if item.incident is not None:
        said = item.incident.content
        lines += [(key, "none" if said[key] is None else str(said[key])) for key in ("node", "action", "channel")]
        after = said["stopped_after_ms"]
        lines.append(("stopped after", "not known" if after is None else f"{after} ms"))
    for name, text in lines:
        console.print(f"{name:14} {escape(text)}")
    for file in item.files():
        relative = file.relative_to(layout.quarantine)
        console.print(f"{'file':14} {escape(str(relative))}  {file.lstat().st_size} bytes  sha256 {_sha256(file)}")
    console.print("Nothing of it is ever shipped. `consentgate quarantine destroy` removes it and keeps this account.")
    return GOOD


def destroy(layout: Layout, identity: str, *, yes: bool) -> int:
    """Remove it for ever, once somebody has said yes; the proof that it was there stays."""
    console, item = _console(), _one(layout, identity)
    files = list(item.files())
    if not yes:
        console.print(f"{item.id}: {len(files)} file(s), {size_text(item.bytes)}, by {item.door}, {escape(item.why)}")
        if not typer.confirm("Destroy it for ever?"):
            console.print("nothing was destroyed")
            return FINDING
    _note(layout, item, files)
    for path in item.paths:
        _remove(path)
    durable.sync_folder(layout.quarantine)
    console.print(f"{item.id} is destroyed; what it was stands in {layout.incidents / DESTROYED}")
    return GOOD


def _note(layout: Layout, item: Item, files: list[Path]) -> None:
    told: dict[str, Any] = {
        "format": 1,
        "id": item.id,
        "destroyed_at": clock.now(),
        "by_uid": os.getuid(),
        "door": item.door,
        "files": [
            {
                "sha256": _sha256(file),
                "bytes": file.lstat().st_size,
                "quarantined_as": str(file.relative_to(layout.quarantine)),
            }
            for file in files
        ],
    }
    path = layout.incidents / DESTROYED
    try:
        layout.incidents.mkdir(mode=0o750, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, 0o640)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(canonical(told) + b"\n")
            stream.flush()
            os.fsync(stream.fileno())
        durable.sync_folder(layout.incidents)
    except OSError as failure:
        hint = "Nothing was destroyed: what leaves no proof stays."
        raise ConsentgateError("the account cannot be written", on=str(path), why=str(failure), hint=hint) from failure


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        for one in sorted(path.iterdir()):
            _remove(one)
        path.rmdir()
        durable.sync_folder(path.parent)
    else:
        path.unlink(missing_ok=True)


def _sha256(file: Path) -> str:
    digest = hashlib.sha256()
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return "unreadable"
    with os.fdopen(descriptor, "rb") as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def run(config_path: Path, *, action: str, identity: str = "", yes: bool = False) -> int:
    """Do one of `list`, `show`, `destroy`. Returns the exit code; raises ConsentgateError for a person to read."""
    layout = Layout(config.load(config_path).spool.path)
    if action == "list":
        return show_list(layout)
    try:
        known = identity if _OURS.match(f"{identity}.json") else names.recording_id(identity)
    except UnsafeNameError as failure:
        raise ConsentgateError("this is no id", why=str(failure), hint="see `consentgate quarantine list`") from None
    return show_one(layout, known) if action == "show" else destroy(layout, known, yes=yes)
