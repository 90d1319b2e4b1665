"""Which operating-system user each server runs as.

Started by root, every server has an unprivileged user of its own, so that the demo shows the file owners a
hospital would have: Asterisk writes audio, the gate and ship own the journal, and neither reads the other's
secrets. Started by an ordinary user everything has that one owner; the start says so.
"""

import grp
import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from .errors import WorldError

ASTERISK = "consentgate-demo-asterisk"
GATE = "consentgate-demo"
POSTGRES = "consentgate-demo-postgres"
S3 = "consentgate-demo-s3"
SPOOL_GROUP = "consentgate-demo-spool"


@dataclass(frozen=True, slots=True)
class Account:
    """One server's user. `switch` is False when everything runs as whoever started the demo."""

    name: str
    uid: int
    gid: int
    groups: tuple[int, ...] = ()
    switch: bool = False

    def own(self, path: Path, mode: int, *, gid: int | None = None) -> Path:
        """Give path to this account with exactly these mode bits, and return it."""
        if self.switch:
            os.chown(path, self.uid, self.gid if gid is None else gid)
        path.chmod(mode)
        return path

    def directory(self, path: Path, mode: int = 0o700, *, gid: int | None = None) -> Path:
        """Make a directory of this account's own."""
        path.mkdir(parents=True, exist_ok=True)
        return self.own(path, mode, gid=gid)

    def write(self, path: Path, text: str, mode: int = 0o600, *, gid: int | None = None) -> Path:
        """Write a file that only this account (and the group, if the mode says so) can read.

        Owner and mode are set before the text arrives, so that a secret is at no moment readable by others.
        """
        new = path.with_name(path.name + ".new")
        new.unlink(missing_ok=True)
        with os.fdopen(os.open(new, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w", encoding="utf-8") as stream:
            self.own(new, mode, gid=gid)
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        new.rename(path)
        return path


@dataclass(frozen=True, slots=True)
class Accounts:
    """The users of one world: the same person four times when not started by root."""

    asterisk: Account
    gate: Account
    postgres: Account
    s3: Account
    spool_gid: int
    separate: bool

    def describe(self) -> str:
        """One line for the terminal: who runs what."""
        if not self.separate:
            return f"Everything runs as {self.gate.name}: file owners are not kept apart (start as root for that)."
        return (
            f"Users: {self.asterisk.name} (Asterisk), {self.gate.name} (gate, guard, ship), {self.postgres.name}, "
            f"{self.s3.name}; group {SPOOL_GROUP}. They are system users and stay after `down`."
        )


def accounts() -> Accounts:
    """Find the users that servers shall run as; as root, make those that do not exist yet."""
    if os.geteuid() != 0:
        user = pwd.getpwuid(os.geteuid())
        me = Account(user.pw_name, user.pw_uid, user.pw_gid)
        return Accounts(me, me, me, me, spool_gid=user.pw_gid, separate=False)
    spool_gid = _group(SPOOL_GROUP)
    return Accounts(
        asterisk=_user(ASTERISK, (spool_gid,)),
        gate=_user(GATE, (spool_gid,)),
        postgres=_user(POSTGRES, ()),
        s3=_user(S3, ()),
        spool_gid=spool_gid,
        separate=True,
    )


def check_entry(directory: Path, who: Accounts) -> None:
    """Refuse a place below a directory that the servers' users may not enter.

    Without this the first sign would be an Asterisk that says "unable to open asterisk.conf".
    """
    if not who.separate:
        return
    for parent in (directory, *directory.parents):
        if parent.exists() and not parent.stat().st_mode & 0o001:
            raise WorldError(
                f"{directory} cannot be used: {parent} may not be entered by other users, and as root every "
                f"server runs as a user of its own. Choose another place, or: chmod o+x {parent}"
            )


def _group(name: str) -> int:
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        _tool("groupadd", "--system", name)
        return grp.getgrnam(name).gr_gid


def _user(name: str, groups: tuple[int, ...]) -> Account:
    try:
        user = pwd.getpwnam(name)
    except KeyError:
        _tool(
            *("useradd", "--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent"),
            *("--shell", "/usr/sbin/nologin", name),
        )
        user = pwd.getpwnam(name)
    for gid in groups:
        group = grp.getgrgid(gid)
        if name not in group.gr_mem:
            # For the administrator who runs something by hand as this user; the servers get it at start.
            _tool("usermod", "--append", "--groups", group.gr_name, name)
    return Account(name, user.pw_uid, user.pw_gid, groups, switch=True)


def _tool(name: str, *arguments: str) -> None:
    path = shutil.which(name, path="/usr/sbin:/sbin:/usr/bin:/bin")
    if path is None:
        raise WorldError(f"{name} is missing, so the servers' users cannot be made. Install the package passwd.")
    done = subprocess.run([path, *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise WorldError(f"{name} {' '.join(arguments)} failed: {done.stderr.strip()}")
