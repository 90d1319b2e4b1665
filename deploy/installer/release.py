"""The program: each version in a folder of its own with an environment of its own, and one link that says which runs.

So an upgrade never changes a file under a process that runs, a version that was half made is none, and the way back to
the one before is the same link. The one before is kept; older ones go.
"""

import hashlib
import shutil
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .errors import InstallError
from .places import CHECKOUT, Places
from .steps import run

PARTS = (
    "ari_app",
    "agi_scripts",
    "dialplan",
    "deploy",
    "docs",
    "pyproject.toml",
    "requirements.lock",
    "README.md",
    "LICENSE",
)
_SOURCE = ("ari_app", "pyproject.toml", "README.md", "LICENSE")
COMPLETE = ".complete"
KEPT = 2
PIP_HINT = (
    "Without access to a package index: bring the wheels on a disk (pip download -r requirements.lock on a machine with"
    " the same Python, and setuptools) and say --wheels DIR"
)


@dataclass(frozen=True, slots=True)
class Release:
    """One version's folder. python: with what the environment is made; pip: where pip's own wheel lies;
    wheels: a folder instead of a package index."""

    places: Places
    python: Path
    pip: Path
    wheels: Path | None = None

    @property
    def name(self) -> str:
        """The version, and a hash of all that it is made of: another checkout or Python is another release."""
        project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        digest = hashlib.sha256(run([str(self.python), "-I", "-VV"]).encode())
        for file in _files():
            digest.update(f"{file.relative_to(CHECKOUT)}\0".encode() + file.read_bytes() + b"\0")
        return f"{project['version']}-{digest.hexdigest()[:10]}"

    @property
    def folder(self) -> Path:
        return self.places.releases / self.name

    def needed(self) -> str:
        if (self.folder / COMPLETE).exists():
            return ""
        half = ", anew: an earlier run ended amid it" if self.folder.exists() else ""
        return f"make {self.folder}: the program and its environment ({self.python}, requirements.lock){half}"

    def apply(self) -> None:
        folder = self.folder
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for part in PARTS:
            copy(CHECKOUT / part, folder / part)
        self._environment(folder)
        (folder / COMPLETE).touch()
        self._forget()

    def undo(self) -> str:
        if not self.places.releases.is_dir():
            return ""
        shutil.rmtree(self.places.releases)
        return f"removed {self.places.releases}"

    def _environment(self, folder: Path) -> None:
        venv, source = folder / "venv", folder / ".source"
        run([str(self.python), "-I", "-m", "venv", "--without-pip", str(venv)])
        python = str(venv / "bin/python")
        wheel = max(self.pip.glob("pip-*.whl"), default=None)
        if wheel is None:
            raise InstallError(
                "there is no pip", on=self.pip, hint="Install python3-venv (Debian, Ubuntu) and run this again"
            )
        # pip runs from its own wheel to install itself; neither ensurepip nor python3-venv is needed.
        run([python, str(wheel / "pip"), "install", "-q", "--no-index", "--find-links", str(self.pip), "pip"])
        offline = ["--no-index", "--find-links", str(self.wheels)] if self.wheels else []
        pip = [
            python,
            "-m",
            "pip",
            "--disable-pip-version-check",
            "install",
            "-q",
            "--no-input",
            "--progress-bar",
            "off",
        ]
        lock = ["--constraint", str(folder / "requirements.lock")]
        # A build must leave nothing where the scripts are.
        copy_source(source)
        built = next(self.wheels.glob("consentgate-*.whl"), source) if self.wheels else source
        env = {"PIP_ROOT_USER_ACTION": "ignore", "PYTHONDONTWRITEBYTECODE": "1"}
        run([*pip, *offline, *lock, str(built)], hint=PIP_HINT, env=env)
        shutil.rmtree(source)

    def _forget(self) -> None:
        whole = [one for one in self.places.releases.iterdir() if (one / COMPLETE).exists()]
        kept = sorted(whole, key=lambda one: (one / COMPLETE).stat().st_mtime_ns)[-KEPT:]
        running = self.places.current.resolve()
        for one in self.places.releases.iterdir():
            if one not in kept and one != running:
                shutil.rmtree(one)


def copy_source(target: Path) -> None:
    """Copy what the program is built from."""
    for part in _SOURCE:
        copy(CHECKOUT / part, target / part)


def _files() -> Iterator[Path]:
    for part in PARTS:
        path = CHECKOUT / part
        found = sorted(path.rglob("*")) if path.is_dir() else [path]
        yield from (one for one in found if one.is_file() and "__pycache__" not in one.parts)


def copy(source: Path, target: Path) -> None:
    """Copy a file or a folder; every user may read it, whatever the checkout's modes are."""
    if not source.exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy(source, target)
    for one in (target, *(target.rglob("*") if target.is_dir() else ())):
        one.chmod(0o755 if one.is_dir() or one.stat().st_mode & 0o100 else 0o644)
