"""The kinds of step that an installation is made of. Each knows whether it is done, and how to take itself back."""

import contextlib
import fnmatch
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from .errors import InstallError, reason

BACKUP = ".before-consentgate"
MARK = "consentgate: added by its installer, which takes it away again (deploy/install --uninstall)"
_INCLUDE = re.compile(r"\s*#\s*(?:include|tryinclude)\s+[\"<]?([^\">;]+)", re.IGNORECASE)


class Step(Protocol):
    """One thing that is done, or is so already."""

    def needed(self) -> str:
        """Return what `apply` would do, for a person; empty: it is so already. Touches nothing."""

    def apply(self) -> None:
        """Do it. Raises InstallError or OSError."""

    def undo(self) -> str:
        """Take it back as far as it is ours; return what was done, empty for nothing."""


@dataclass(frozen=True, slots=True)
class Owner:
    """User and group by number; None: nobody is changed (whoever runs this owns it)."""

    uid: int | None = None
    gid: int | None = None

    def fits(self, path: Path) -> bool:
        found = path.stat()
        return self.uid in {None, found.st_uid} and self.gid in {None, found.st_gid}

    def give(self, path: Path) -> None:
        os.chown(path, -1 if self.uid is None else self.uid, -1 if self.gid is None else self.gid)


ME = Owner()


@dataclass(frozen=True, slots=True)
class Directory:
    """A folder with its owner and mode. What is in it stays when it is taken back."""

    path: Path
    mode: int = 0o755
    owner: Owner = ME

    def needed(self) -> str:
        said = f"make the folder {self.path} (mode {self.mode:o})"
        if not self.path.is_dir():
            return said
        same = self.path.stat().st_mode & 0o7777 == self.mode and self.owner.fits(self.path)
        return "" if same else f"set owner and mode {self.mode:o} of {self.path}"

    def apply(self) -> None:
        self.path.mkdir(parents=True, exist_ok=True)
        self.owner.give(self.path)
        self.path.chmod(self.mode)

    def undo(self) -> str:
        with contextlib.suppress(OSError):
            self.path.rmdir()
            return f"removed {self.path}"
        return ""


def write(path: Path, content: bytes, mode: int, owner: Owner) -> None:
    """Replace a file whole or not at all; owner and mode are set before the text arrives."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f".{path.name}.new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as stream:
        owner.give(new)
        new.chmod(mode)
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    new.rename(path)


@dataclass(frozen=True, slots=True)
class OwnFile:
    """A file of ours, written anew whenever it is to say something else."""

    path: Path
    content: str
    mode: int = 0o644
    owner: Owner = ME

    def needed(self) -> str:
        if not self.path.is_file():
            return f"write {self.path}"
        same = self.path.read_bytes() == self.content.encode()
        fits = self.path.stat().st_mode & 0o7777 == self.mode and self.owner.fits(self.path)
        return "" if same and fits else f"write {self.path} anew"

    def apply(self) -> None:
        write(self.path, self.content.encode(), self.mode, self.owner)

    def undo(self) -> str:
        if not self.path.is_file():
            return ""
        self.path.unlink()
        return f"removed {self.path}"


@dataclass(frozen=True, slots=True)
class SiteFile:
    """A file that is the site's from the moment it is there: written once, never changed, never taken away."""

    path: Path
    make: Callable[[], str]
    mode: int = 0o640
    owner: Owner = ME

    def needed(self) -> str:
        if not self.path.exists():
            return f"write {self.path} (mode {self.mode:o}), yours from then on"
        fits = self.path.stat().st_mode & 0o7777 == self.mode and self.owner.fits(self.path)
        return "" if fits else f"set owner and mode {self.mode:o} of {self.path}"

    def apply(self) -> None:
        if self.path.exists():
            self.owner.give(self.path)
            self.path.chmod(self.mode)
        else:
            write(self.path, self.make().encode(), self.mode, self.owner)

    def undo(self) -> str:
        return f"kept {self.path}" if self.path.exists() else ""


@dataclass(frozen=True, slots=True)
class Link:
    """A symbolic link, switched in one instant. Something else in its place is the site's and refused."""

    path: Path
    target: Path
    wherever: bool = False
    """It is ours whatever it points at."""

    def needed(self) -> str:
        if self.path.is_symlink():
            return "" if self.path.readlink() == self.target else f"point {self.path} at {self.target}"
        if self.path.exists():
            hint = "Move it away and run this again"
            raise InstallError("something else lies where a link of ours goes", on=self.path, hint=hint)
        return f"link {self.path} to {self.target}"

    def apply(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        new = self.path.with_name(f".{self.path.name}.new")
        new.unlink(missing_ok=True)
        new.symlink_to(self.target)
        new.rename(self.path)

    def undo(self) -> str:
        if not self.path.is_symlink() or (self.path.readlink() != self.target and not self.wherever):
            return ""
        self.path.unlink()
        return f"removed {self.path}"


@dataclass(frozen=True, slots=True)
class Include:
    """One line at the end of a site's own file by which it takes ours in; a copy of the file as it was lies beside it.

    folder: from where Asterisk means a relative path. comment: what stands above it.
    """

    path: Path
    target: Path
    folder: Path
    owner: Owner = ME
    comment: str = ""

    @property
    def line(self) -> str:
        named = self.target.relative_to(self.folder) if self.target.is_relative_to(self.folder) else self.target
        return f'#tryinclude "{named}"'

    @property
    def block(self) -> str:
        return "".join(f"; {one}\n" for one in (MARK, *filter(None, [self.comment]))) + f"{self.line}\n"

    def needed(self) -> str:
        if self._taken_in():
            return ""
        there = "" if self.path.exists() else ", which is not there yet"
        return f"append to {self.path}{there}: {self.line}"

    def _taken_in(self) -> bool:
        """Tell whether the site's file already names ours, by whichever line: a pattern counts as well."""
        return any(
            # A pattern takes in what will be there, too.
            fnmatch.fnmatchcase(str(self.target), str(self.folder / found[1].strip()))
            for line in self._text().splitlines()
            if (found := _INCLUDE.match(line))
        )

    def _text(self) -> str:
        try:
            # Whatever its bytes are, they come out as they went in.
            return self.path.read_bytes().decode(errors="surrogateescape")
        except FileNotFoundError:
            return ""
        except OSError as failure:
            hint = "Run this as root, or as who owns Asterisk's configuration"
            raise InstallError(
                "a file of Asterisk's cannot be read", on=self.path, why=reason(failure), hint=hint
            ) from None

    def apply(self) -> None:
        before = self._text()
        owner, mode = self.owner, 0o640
        if self.path.exists():
            found = self.path.stat()
            owner, mode = Owner(found.st_uid, found.st_gid), found.st_mode & 0o7777
            backup = self.path.with_name(self.path.name + BACKUP)
            if not backup.exists():
                write(backup, before.encode(errors="surrogateescape"), mode, owner)
        gap = "\n" if before and not before.endswith("\n") else ""
        write(self.path, (before + gap + self.block).encode(errors="surrogateescape"), mode, owner)

    def undo(self) -> str:
        before = self._text()
        if self.block not in before:
            return ""
        found, backup = self.path.stat(), self.path.with_name(self.path.name + BACKUP)
        after = before.replace(self.block, "").encode(errors="surrogateescape")
        if backup.exists() and after.rstrip(b"\n") == backup.read_bytes().rstrip(b"\n"):
            # Nobody else has changed it: to the last byte as it was.
            backup.rename(self.path)
            return f"{self.path} is as it was"
        if not after and not backup.exists():
            self.path.unlink()
            return f"removed {self.path}"
        write(self.path, after, found.st_mode & 0o7777, Owner(found.st_uid, found.st_gid))
        return f"took our line out of {self.path}" + (f"; as it was: {backup}" if backup.exists() else "")


@dataclass(frozen=True, slots=True)
class Command:
    """A program that is run. done: tells whether it need not be; back: what takes it back."""

    argv: Sequence[str]
    done: Callable[[], bool] = lambda: False
    back: Sequence[str] = ()
    hint: str = ""
    env: dict[str, str] = field(default_factory=dict)

    def needed(self) -> str:
        return "" if self.done() else f"run: {' '.join(self.argv)}"

    def apply(self) -> None:
        run(self.argv, hint=self.hint, env=self.env)

    def undo(self) -> str:
        if not self.back:
            return ""
        with contextlib.suppress(InstallError):
            run(self.back)
        return f"ran: {' '.join(self.back)}"


def run(argv: Sequence[str], *, hint: str = "", env: dict[str, str] | None = None) -> str:
    """Run a program to its end and return what it printed. Raises InstallError with its last words."""
    path = f"{os.environ.get('PATH', '')}:/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin"
    program = shutil.which(argv[0], path=path)
    if program is None:
        raise InstallError("a program is missing", on=argv[0], hint=hint or "Install it and run this again")
    environment = {**os.environ, "PATH": path, **(env or {})}
    done = subprocess.run(
        [program, *argv[1:]], capture_output=True, text=True, check=False, env=environment, stdin=subprocess.DEVNULL
    )
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip() or "it said nothing").splitlines()
        why = f"it ended with {done.returncode}: {' / '.join(said[-8:])}"
        raise InstallError("a program failed", on=" ".join(argv), why=why, hint=hint)
    return done.stdout
