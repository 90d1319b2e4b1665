"""`deploy/install`: reads what it is told, asks the machine, and does the plan's steps or says what they would be."""

import argparse
import os
import shlex
import shutil
import sys
from pathlib import Path

from . import settings
from .accounts import Accounts
from .errors import InstallError, reason
from .places import Places
from .plan import CONFIGURATION, FINDING, GOOD, Phase, Wishes, judge, last_phases, phases, reloads
from .release import Release
from .removal import remove
from .site import FREEPBX, PLAIN, Site

SYSTEMD = Path("/run/systemd/system")


def parser() -> argparse.ArgumentParser:
    """Return what may be said."""
    made = argparse.ArgumentParser(
        prog="deploy/install",
        description="Lay consentgate down beside the Asterisk of this machine. Safe to repeat; an upgrade is the same.",
        epilog="Exit codes: 0 good, 1 a failure, 2 usage, 3 the configuration is not right yet.",
    )
    made.add_argument("--dry-run", action="store_true", help="touch nothing; list each step that would be done")
    made.add_argument(
        "--uninstall", action="store_true", help="take it away again; refuses while recordings are not stored"
    )
    made.add_argument(
        "--leave-unshipped", action="store_true", help="with --uninstall: leave them in the spool, and go on"
    )
    made.add_argument("--config", type=Path, metavar="FILE", help="the configuration, where none is there yet")
    made.add_argument(
        "--database",
        type=Path,
        metavar="FILE",
        help="make the database and its roles; FILE holds the DSN of a superuser",
    )
    made.add_argument("--kind", choices=(PLAIN, FREEPBX), help="what wrote Asterisk's files (default: as they look)")
    made.add_argument(
        "--asterisk-folder", type=Path, metavar="DIR", help="Asterisk's configuration (default /etc/asterisk)"
    )
    made.add_argument("--asterisk-user", default="asterisk", metavar="NAME", help="the user that Asterisk runs as")
    made.add_argument(
        "--asterisk-command", metavar="WORDS", help="how to reach its console (default: asterisk, if it is there)"
    )
    made.add_argument("--no-asterisk", action="store_true", help="leave Asterisk's files alone")
    made.add_argument(
        "--no-systemd", action="store_true", help="write no units: your own service manager starts the processes"
    )
    made.add_argument("--no-start", action="store_true", help="lay everything down; judge and start nothing")
    made.add_argument(
        "--spool", type=Path, metavar="DIR", help="default: the configuration's, else /var/spool/consentgate"
    )
    made.add_argument(
        "--wheels", type=Path, metavar="DIR", help="Python packages from a folder instead of a package index"
    )
    made.add_argument("--packaged", action="store_true", help=argparse.SUPPRESS)
    made.add_argument(
        "--root",
        type=Path,
        default=Path("/"),
        metavar="DIR",
        help="a private world below DIR: no users, no services of the machine",
    )
    made.add_argument(
        "--user", default="consentgate", metavar="NAME", help="with --root: who runs gate, guard and ship"
    )
    made.add_argument(
        "--group", default="consentgate", metavar="NAME", help="with --root: the group that shares the spool"
    )
    return made


def wishes_of(said: argparse.Namespace) -> Wishes:
    """Return what was said, with what the machine adds to it."""
    root = said.root.resolve()
    places = Places(root, said.asterisk_folder and said.asterisk_folder.resolve(), said.spool)
    if said.spool is None and (spool := settings.spool_of(places.config)):
        places = Places(root, places.asterisk_folder, spool)
    who = Accounts(said.user, said.group, said.asterisk_user, places.private)
    pip = Path(os.environ.get("CONSENTGATE_PIP", "/usr/share/python-wheels"))
    release = Release(places, Path(sys.executable), pip, said.wheels and said.wheels.resolve())
    command = shlex.split(said.asterisk_command or "")
    if not command and not places.private and shutil.which("asterisk", path="/usr/sbin:/usr/bin:/sbin:/bin"):
        command = ["asterisk"]
    return Wishes(
        places=places,
        who=who,
        release=release,
        kind=said.kind,
        config=said.config,
        database=said.database,
        systemd=not said.no_systemd,
        asterisk=not said.no_asterisk,
        start=not said.no_start,
        packaged=said.packaged,
        asterisk_command=tuple(command),
    )


def problems(wishes: Wishes) -> list[InstallError]:
    """Return everything that keeps us from installing, before anything is touched."""
    places = wishes.places
    found: list[InstallError] = []
    try:
        places.refuse_unfit()
    except InstallError as unfit:
        found.append(unfit)
    if not places.private and os.geteuid() != 0:
        return [
            InstallError(
                "this must be run as root",
                hint="sudo deploy/install (--dry-run touches nothing); to try it out, --root DIR",
            )
        ]
    if wishes.systemd and not places.private and not SYSTEMD.is_dir():
        hint = "Run it again with --no-systemd and let your service manager start what docs/install.md lists"
        found.append(InstallError("this machine is not run by systemd", on=SYSTEMD, why="it is not there", hint=hint))
    found += wishes.who.problems()
    return found + (Site(places, wishes.kind).problems() if wishes.asterisk else [])


def do(found: list[Phase], *, dry: bool) -> int:
    """Do the steps that are needed, or say them; return how many."""
    count = 0
    for title, make in found:
        for step in make():
            if needed := step.needed():
                count += 1
                print(f"would {needed}" if dry else f"{title}: {needed}", flush=True)
                if not dry:
                    step.apply()
    return count


def install(wishes: Wishes, *, dry: bool) -> int:
    """Install, upgrade, or say what that would be. Returns the exit code."""
    fresh = wishes.config is None and not wishes.places.config.exists()
    counts = {title: do([(title, make)], dry=dry) for title, make in phases(wishes)}
    count = sum(counts.values())
    if counts["program"] or counts.get("Asterisk"):
        count += do(reloads(wishes), dry=dry)
    last = last_phases(wishes)
    if dry:
        count += do(last, dry=True)
        print(f"{count} steps; nothing was touched")
        return GOOD
    if fresh:
        print(
            f"Now write your lines into {wishes.places.config}, the secrets into {wishes.places.credentials},"
            " and run this again."
        )
        return GOOD
    if not wishes.start:
        return GOOD
    status, said = judge(wishes)
    if said:
        print(said)
    if status not in {GOOD, FINDING}:
        hint = f"Mend {wishes.places.config}, and run this again: nothing was started"
        raise InstallError("the configuration is not right yet", hint=hint, status=CONFIGURATION)
    do(last, dry=False)
    _say_what_is_left(wishes)
    return GOOD


def _say_what_is_left(wishes: Wishes) -> None:
    print(
        "Installed. What only you can do:\n"
        "  a line in each route, before anything rings: same => n,Gosub(consentgate,s,1(LINE)); then: dialplan reload\n"
        f"  if Asterisk ran before {wishes.who.asterisk} came into the group {wishes.who.group}: restart it once,"
        " when nobody calls (core restart when convenient)\n"
        "  then: consentgate check"
    )


def main(arguments: list[str]) -> int:
    """Run it; every failure is one message."""
    said = parser().parse_args(arguments)
    try:
        wishes = wishes_of(said)
        if said.uninstall:
            done = remove(wishes, dry=said.dry_run, leave=said.leave_unshipped)
            print(
                "\n".join(
                    [
                        *done,
                        ""
                        if said.dry_run
                        else f"Kept: {wishes.places.etc} and {wishes.places.spool}, which hold keys and evidence.",
                    ]
                ).rstrip()
            )
            return GOOD
        if found := problems(wishes):
            for one in found:
                print(f"deploy/install: {one}", file=sys.stderr)
            return FINDING
        return install(wishes, dry=said.dry_run)
    except InstallError as failure:
        print(f"deploy/install: {failure}", file=sys.stderr)
        return failure.status
    except OSError as failure:
        hint = "Run it as root; what is done already is left as it is, so run it again when that is mended"
        on = failure.filename or ""
        one = InstallError("a file could not be read or changed", on=on, why=reason(failure), hint=hint)
        print(f"deploy/install: {one}", file=sys.stderr)
        return FINDING


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
