"""All that an installation is, in its order. Phase by phase: what one makes, the next one may ask for."""

import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from . import settings, snippets, units
from .accounts import Accounts
from .console import DIALPLAN, Reload
from .database import Roles, Schema, said
from .errors import InstallError, reason
from .places import Places
from .release import Release
from .services import Started
from .site import Site
from .steps import Command, Directory, Link, OwnFile, SiteFile, Step

_WRAPPER = """\
#!/bin/sh
# The command `consentgate` for people: the secrets that systemd gives the processes are read from the same files here.
: "${{CONSENTGATE_CONFIG:={config}}}"
: "${{CREDENTIALS_DIRECTORY:={credentials}}}"
export CONSENTGATE_CONFIG CREDENTIALS_DIRECTORY
exec {program} "$@"
"""
SECRET = 0o400
"""Its user's alone. Not its group's: Asterisk is a member of that, and shall not read the keys of the recordings."""
UNTOLD = "(drawn when it is installed)"


@dataclass(frozen=True, slots=True)
class Wishes:
    """What whoever runs it has said."""

    places: Places
    who: Accounts
    release: Release
    kind: str | None = None
    config: Path | None = None
    database: Path | None = None
    systemd: bool = True
    asterisk: bool = True
    start: bool = True
    packaged: bool = False
    """Units, tmpfiles and the command are dpkg's."""
    asterisk_command: tuple[str, ...] = field(default=())


Phase = tuple[str, Callable[[], list[Step]]]


def phases(wishes: Wishes) -> list[Phase]:
    """Return all phases, each with its title and what makes its steps."""
    site = Site(wishes.places, wishes.kind)
    found: list[Phase] = [
        ("users", wishes.who.steps),
        ("folders", lambda: _folders(wishes)),
        ("program", lambda: _program(wishes)),
        ("settings", lambda: _settings(wishes, site)),
    ]
    if wishes.asterisk:
        found.append(("Asterisk", lambda: snippets.steps(site, wishes.places, wishes.who, _secrets(wishes.places))))
    if wishes.systemd:
        found.append(("services", lambda: _units(wishes, site)))
    return found


def last_phases(wishes: Wishes) -> list[Phase]:
    """Return what is done only with a configuration that is right."""
    found: list[Phase] = []
    if wishes.database or said(wishes.places.owner_dsn):
        found.append(("database", lambda: [Schema(wishes.places)]))
    if wishes.systemd and wishes.start and not wishes.places.private:
        found.append(("start", lambda: [Started(wishes.places, wishes.release.name)]))
    if wishes.asterisk and wishes.asterisk_command:
        before = _stamp(wishes.places.spool / "lines.conf")
        # The gate writes it when it starts: each line's mode, and who belongs to the house.
        same = partial(_unchanged, wishes.places.spool / "lines.conf", before)
        found.append(("lines", lambda: [Reload(wishes.asterisk_command, (DIALPLAN,), same)]))
    return found


def reloads(wishes: Wishes) -> list[Phase]:
    """Return what is done where anything that Asterisk reads has changed; never else: somebody may be amid a change."""
    if not (wishes.asterisk and wishes.asterisk_command):
        return []
    return [("Asterisk reads its files", lambda: [Reload(wishes.asterisk_command)])]


def _unchanged(file: Path, before: int) -> bool:
    return _stamp(file) == before


def _stamp(file: Path) -> int:
    return file.stat().st_mtime_ns if file.exists() else 0


def _folders(wishes: Wishes) -> list[Step]:
    places, who = wishes.places, wishes.who
    return [
        Directory(places.prefix, 0o755, who.root()),
        Directory(places.prefix / "bin", 0o755, who.root()),
        Directory(places.releases, 0o755, who.root()),
        Directory(places.etc, 0o755, who.root()),
        Directory(places.announcements, 0o755, who.root()),
        Directory(places.credentials, 0o700, who.service()),
        Directory(places.spool, 0o2750, who.service()),
    ]


def _program(wishes: Wishes) -> list[Step]:
    places = wishes.places
    wrapper = _WRAPPER.format(config=places.config, credentials=places.credentials, program=places.program)
    links = [Link(places.prefix / one, Path("current") / one) for one in ("venv", "agi_scripts", "dialplan", "ari_app")]
    return [
        wishes.release,
        Link(places.current, Path("releases") / wishes.release.name, wherever=True),
        *links,
        OwnFile(places.wrapper, wrapper, 0o755, wishes.who.root()),
        *([] if wishes.packaged else [Link(places.command, places.wrapper)]),
    ]


def _settings(wishes: Wishes, site: Site) -> list[Step]:
    places, who = wishes.places, wishes.who
    found: list[Step] = [
        SiteFile(places.credentials / one, settings.drawn, SECRET, who.service()) for one in settings.GENERATED
    ]
    asked = [one for one in settings.present(places) if one in settings.ASKED]
    found += [SiteFile(places.credentials / one, str, SECRET, who.service()) for one in asked]
    if wishes.config is None:
        found.append(SiteFile(places.config, lambda: settings.first_config(places, site), 0o644, who.root()))
    else:
        given = wishes.config
        found.append(SiteFile(places.config, lambda: _read(given), 0o644, who.root()))
    if wishes.database:
        found.append(Roles(places, wishes.database))
    return found


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as failure:
        raise InstallError(
            "the configuration cannot be read", on=path, why=failure, hint="Name another with --config"
        ) from None


def _secrets(places: Places) -> dict[str, str]:
    # In a dry run they are not drawn yet.
    return {one: said(places.credentials / one) or UNTOLD for one in settings.GENERATED}


def _units(wishes: Wishes, site: Site) -> list[Step]:
    places, who = wishes.places, wishes.who
    words = units.words(places, who.user, who.group, site.spool, settings.present(places))
    found: list[Step] = []
    if not wishes.packaged:
        found += [
            OwnFile(places.units / one.name, units.fill(one, words), 0o644, who.root()) for one in units.templates()
        ]
        tmpfiles = units.fill(units.SOURCE / "consentgate.tmpfiles", words)
        found.append(OwnFile(places.tmpfiles, tmpfiles, 0o644, who.root()))
    if site.addresses:
        # Gate and guard speak to Asterisk on this machine alone, and here that is not loopback.
        text = f"[Service]\nIPAddressAllow={' '.join(site.addresses)}\n"
        for name in ("consentgate-gate@.service.d", "consentgate-guard.service.d"):
            found.append(Directory(places.units / name, 0o755, who.root()))
            found.append(OwnFile(places.units / name / "addresses.conf", text, 0o644, who.root()))
    if not places.private:
        found.append(Command(["systemctl", "daemon-reload"], back=["systemctl", "daemon-reload"]))
    return found


GOOD, FINDING, CONFIGURATION = 0, 1, 3
"""Exit codes, as every command of consentgate has them."""


def judge(wishes: Wishes) -> tuple[int, str]:
    """Return how `consentgate check --offline` ends, and what it says; nothing where all is well.

    A finding (1) is for the administrator to know and holds nothing up: callers are told by a gate that runs.
    What could not be used at all (3, or anything else) does.
    """
    places = wishes.places
    command = [str(places.wrapper), "check", "--offline", "--config", str(places.config)]
    command += ["--asterisk-folder", str(places.asterisk)]
    identity: dict[str, object] = {}
    if os.geteuid() == 0:
        owner = wishes.who.service()
        identity = {"user": owner.uid, "group": owner.gid, "extra_groups": []}
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/", **identity)  # type: ignore[call-overload]  # None and numbers by name
    except OSError as failure:
        hint = f"Every folder above it must be open to that user: namei -l {places.wrapper}"
        why = f"{wishes.who.user} may not run it: {reason(failure)}"
        raise InstallError("the program cannot be used", on=places.wrapper, why=why, hint=hint) from None
    said = str(done.stdout + done.stderr).strip() or f"consentgate check ended with {done.returncode}"
    return done.returncode, "" if done.returncode == GOOD else said
