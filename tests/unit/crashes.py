"""A disk that remembers what it was at every step: what a kill, and what a power cut, would have left of it.

Before each call into the kernel that changes the disk, or makes something durable, all of it is remembered: as it is
(that is what a `kill -9` leaves), and as it would be if only what was made durable were there (that is what a power cut
may leave). What is durable follows the strictest reading of POSIX: a file's content by `fsync` of the file, a name by
`fsync` of its folder, each without the other. Only a rename is whole or not at all, as every file system with a journal
has it. Between those two lies everything that a real disk may leave; two such are kept as well (`Left`).

Files that are written through a buffer appear here with what the kernel has, not with what Python still holds.
"""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

STEPS = ("open", "rename", "replace", "unlink", "mkdir", "rmdir", "fsync", "fdatasync", "pwrite", "write", "ftruncate")

Tree = dict[str, bytes | None]
"""What lies below the root, by path: a file's content, None for a folder."""


class Left:
    """What is left, by its name in `Moment.trees`."""

    KILLED = "killed"
    """All that the kernel was given."""

    DURABLE = "power cut: only what was made durable"
    NAMES = "power cut: every name, and of the contents what was made durable"
    HEARTBEATS = "power cut: what was made durable, and all heartbeats, by chance"


@dataclass(frozen=True)
class Moment:
    """Just before a step. `outside`: what the other side of the ports held then."""

    step: str
    trees: dict[str, Tree]
    outside: Any


@dataclass
class _Node:
    """A file or a folder for as long as it lives, and what of it would be found again."""

    is_folder: bool
    content: bytes | None = None
    names: dict[str, int] = field(default_factory=dict)


Change = tuple[str, int, str, int, int, str]
"""What (`link`, `unlink`, `rename`), in which folder, which name, of whom; and where from, if it is a rename."""


class Disk:
    """Everything below one folder. Whatever is there at the beginning is durable."""

    def __init__(self, root: Path, outside: Callable[[], Any] = lambda: None, lucky: str = "heartbeat") -> None:
        self.root, self._outside, self._lucky = root, outside, lucky
        self.moments: list[Moment] = []
        self._lock, self._busy = threading.RLock(), threading.local()
        self._numbers: dict[int, int] = {}
        self._nodes: dict[int, _Node] = {}
        self._seen: dict[tuple[int, str], int] = {}
        self._pending: list[Change] = []
        self._scan()
        for change in self._pending:
            self._make_durable(change)
        self._pending = []
        for path in root.rglob("*"):
            if path.is_file():
                self._nodes[self._number(path)].content = path.read_bytes()

    # -- what is there, and who is who

    def _number(self, path: Path) -> int:
        return self._numbers[path.lstat().st_ino]

    def _scan(self) -> None:
        """Note what has changed since the last look."""
        found: dict[tuple[int, str], int] = {}
        living: dict[int, bool] = {}
        self._walk(self.root, found, living)
        for inode in list(self._numbers):
            if inode not in living:
                # The kernel gives its number to somebody else.
                del self._numbers[inode]
        gone = [one for one in self._seen if found.get(one) != self._seen[one]]
        came = [one for one in found if self._seen.get(one) != found[one]]
        moved = {self._seen[one]: one for one in gone if self._seen[one] in {found[other] for other in came}}
        for place in came:
            number = found[place]
            if number in moved:
                self._pending.append(("rename", *place, number, *moved[number]))
            else:
                self._pending.append(("link", *place, number, 0, ""))
        for place in gone:
            if self._seen[place] not in moved and place not in found:
                self._pending.append(("unlink", *place, 0, 0, ""))
        self._seen = found

    def _walk(self, folder: Path, found: dict[tuple[int, str], int], living: dict[int, bool]) -> int:
        number = self._identity(folder.lstat(), is_folder=True, living=living)
        for entry in sorted(os.scandir(folder), key=lambda one: one.name):
            if entry.is_dir(follow_symlinks=False):
                found[number, entry.name] = self._walk(Path(entry.path), found, living)
            else:
                status = entry.stat(follow_symlinks=False)
                found[number, entry.name] = self._identity(status, is_folder=False, living=living)
        return number

    def _identity(self, status: os.stat_result, *, is_folder: bool, living: dict[int, bool]) -> int:
        living[status.st_ino] = True
        known = self._numbers.get(status.st_ino)
        if known is None or self._nodes[known].is_folder != is_folder:
            known = self._numbers[status.st_ino] = len(self._nodes) + 1
            self._nodes[known] = _Node(is_folder)
        return known

    # -- what is durable

    def _make_durable(self, change: Change) -> None:
        what, folder, name, number, old_folder, old_name = change
        if what == "unlink":
            self._nodes[folder].names.pop(name, None)
            return
        if what == "rename" and self._nodes[old_folder].names.get(old_name) == number:
            del self._nodes[old_folder].names[old_name]
        self._nodes[folder].names[name] = number

    def _synced(self, descriptor: int) -> None:
        status = os.fstat(descriptor)
        number = self._numbers.get(status.st_ino)
        if number is None:
            return
        node = self._nodes[number]
        if not node.is_folder:
            node.content = Path(f"/proc/self/fd/{descriptor}").read_bytes()
            return
        mine = [one for one in self._pending if number in {one[1], one[4]}]
        for change in mine:
            self._make_durable(change)
        self._pending = [one for one in self._pending if one not in mine]

    # -- what would be left

    def _durable(self) -> Tree:
        tree: Tree = {}

        def below(number: int, path: str) -> None:
            for name, one in self._nodes[number].names.items():
                node = self._nodes[one]
                tree[path + name] = None if node.is_folder else node.content or b""
                if node.is_folder:
                    below(one, f"{path}{name}/")

        below(self._number(self.root), "")
        return tree

    def _trees(self) -> dict[str, Tree]:
        killed, names = tree_of(self.root), {}
        for path, content in killed.items():
            node = self._nodes[self._number(self.root / path)]
            names[path] = None if content is None else node.content or b""
        durable = self._durable()
        beats = {path: content for path, content in killed.items() if path.startswith(self._lucky)}
        return {
            Left.KILLED: killed,
            Left.DURABLE: durable,
            Left.NAMES: names,
            Left.HEARTBEATS: durable | beats,
        }

    def remember(self, step: str) -> None:
        """Remember how it is now."""
        with self._lock, self._quietly():
            self._scan()
            self.moments.append(Moment(step, self._trees(), self._outside()))

    @contextmanager
    def _quietly(self) -> Iterator[None]:
        self._busy.on = True
        try:
            yield
        finally:
            self._busy.on = False

    @contextmanager
    def watched(self) -> Iterator["Disk"]:
        """Remember every step that is taken in here, by any thread."""
        with pytest.MonkeyPatch.context() as patch:
            for name in STEPS:
                patch.setattr(os, name, self._step(name, getattr(os, name)))
            yield self
        self.remember("the end")

    def _step(self, name: str, original: Callable[..., Any]) -> Callable[..., Any]:
        def step(*arguments: Any, **options: Any) -> Any:
            if getattr(self._busy, "on", False):
                return original(*arguments, **options)
            self.remember(f"{name}({', '.join(self._short(one) for one in arguments[:2])})")
            done = original(*arguments, **options)
            if name in {"fsync", "fdatasync"}:
                with self._lock, self._quietly():
                    self._scan()
                    self._synced(arguments[0])
            return done

        return step

    def _short(self, argument: object) -> str:
        if isinstance(argument, bytes):
            return f"{len(argument)} bytes"
        return str(argument).replace(f"{self.root}/", "")

    def crashes(self) -> list[tuple[str, str, Tree, Any]]:
        """Return what may have been left, each once: the step, how it was cut off, what lay there, what lay outside."""
        found, seen = [], []
        for moment in self.moments:
            for how, tree in moment.trees.items():
                if (tree, moment.outside) not in seen:
                    seen.append((tree, moment.outside))
                    found.append((moment.step, how, tree, moment.outside))
        return found


def tree_of(root: Path) -> Tree:
    """Return what lies below a folder."""
    return {
        str(path.relative_to(root)): None if path.is_dir() else path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_dir() or path.is_file()
    }


def lay_out(root: Path, tree: Tree) -> None:
    """Make a folder of what was left."""
    root.mkdir(parents=True)
    for path, content in sorted(tree.items()):
        place = root / path
        if content is None:
            place.mkdir(parents=True, exist_ok=True)
        else:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)
