"""Users and groups: `consentgate` runs gate, guard and ship; `asterisk` is a member of its group.

By that Asterisk reads the announcements and writes sound into the spool (DESIGN §5). In a private world nobody is made:
who is named must exist.
"""

import grp
import os
import pwd
from dataclasses import dataclass

from .errors import InstallError
from .steps import Command, Owner, Step

NAME = "consentgate"


@dataclass(frozen=True, slots=True)
class Accounts:
    """Who is who. private: of a world of its own."""

    user: str = NAME
    group: str = NAME
    asterisk: str = "asterisk"
    private: bool = False

    @property
    def plain(self) -> bool:
        """Tell whether everything has one owner, because whoever runs this is not root."""
        return os.geteuid() != 0

    def steps(self) -> list[Step]:
        """Return what makes them; in a private world nothing."""
        if self.private or self.plain:
            return []
        shell = "/usr/sbin/nologin"
        make = ["useradd", "--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent"]
        return [
            Command([*make, "--shell", shell, self.user], done=lambda: _user(self.user) is not None),
            Command(["usermod", "--append", "--groups", self.group, self.asterisk], done=self._member),
        ]

    def problems(self) -> list[InstallError]:
        """Return what is wrong with them before anything is done."""
        if self.plain:
            return []
        names = [self.asterisk, *([self.user] if self.private else [])]
        hint = "Install Asterisk first, or name its user with --asterisk-user (ps -o user= -C asterisk)"
        return [InstallError("there is no such user", on=name, hint=hint) for name in names if _user(name) is None]

    def _member(self) -> bool:
        try:
            there = grp.getgrnam(self.group)
        except KeyError:
            return False
        account = _user(self.asterisk)
        return self.asterisk in there.gr_mem or (account is not None and account.pw_gid == there.gr_gid)

    # -- owners of files: asked when the step is done, because only then the users are there

    def root(self) -> Owner:
        """Ours to read, nobody's to change."""
        return Owner() if self.plain else Owner(0, 0)

    def service(self) -> Owner:
        """The service's own."""
        account = _user(self.user)
        return Owner() if self.plain else Owner(account.pw_uid if account else None, self._gid())

    def pbx(self) -> Owner:
        """Asterisk's own."""
        account = _user(self.asterisk)
        return Owner() if self.plain or account is None else Owner(account.pw_uid, account.pw_gid)

    def _gid(self) -> int | None:
        try:
            return grp.getgrnam(self.group).gr_gid
        except KeyError:
            # It is made with its user, by a step before.
            return None


def _user(name: str) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None
