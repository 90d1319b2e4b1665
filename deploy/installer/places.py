"""Where everything goes. All of it lies below one root, so that a private world is the real one somewhere else."""

from dataclasses import dataclass
from pathlib import Path

from .errors import InstallError

CHECKOUT = Path(__file__).resolve().parent.parent.parent
REAL = Path("/")


@dataclass(frozen=True, slots=True)
class Places:
    """Paths. root: `/`, or a folder for a private world; the others: where they are not as usual."""

    root: Path = REAL
    asterisk_folder: Path | None = None
    spool_folder: Path | None = None

    @property
    def private(self) -> bool:
        """Tell whether this is a world of its own: nothing of the machine's users and services is touched."""
        return self.root != REAL

    @property
    def prefix(self) -> Path:
        return self.root / "opt/consentgate"

    @property
    def releases(self) -> Path:
        return self.prefix / "releases"

    @property
    def current(self) -> Path:
        """A link to the release that runs."""
        return self.prefix / "current"

    @property
    def program(self) -> Path:
        """The command as the units start it."""
        return self.prefix / "venv/bin/consentgate"

    @property
    def wrapper(self) -> Path:
        """The command for people: with the secrets, without a service manager."""
        return self.prefix / "bin/consentgate"

    @property
    def command(self) -> Path:
        return self.root / "usr/local/bin/consentgate"

    @property
    def etc(self) -> Path:
        return self.root / "etc/consentgate"

    @property
    def config(self) -> Path:
        return self.etc / "consentgate.yaml"

    @property
    def credentials(self) -> Path:
        """A file for each secret, named as the systemd credential."""
        return self.etc / "credentials"

    @property
    def owner_dsn(self) -> Path:
        """How to reach the database as the tables' owner: for migrations alone, so readable by root alone."""
        return self.etc / "postgres_owner_dsn"

    @property
    def announcements(self) -> Path:
        return self.etc / "announcements"

    @property
    def spool(self) -> Path:
        return self.spool_folder or self.root / "var/spool/consentgate"

    @property
    def units(self) -> Path:
        return self.root / "etc/systemd/system"

    @property
    def tmpfiles(self) -> Path:
        return self.root / "etc/tmpfiles.d/consentgate.conf"

    @property
    def asterisk(self) -> Path:
        """Asterisk's own configuration."""
        return self.asterisk_folder or self.root / "etc/asterisk"

    @property
    def snippets(self) -> Path:
        """Our own files for Asterisk."""
        return self.asterisk / "consentgate.d"

    def refuse_unfit(self) -> None:
        """Raise InstallError where the program must not go."""
        if (self.prefix / ".git").exists() or self.prefix == CHECKOUT:
            hint = f"Move the clone away (mv {self.prefix} /root/consentgate) and run deploy/install from there"
            raise InstallError("a clone lies where the program goes", on=self.prefix, hint=hint)
        for folder in (self.root, self.etc, self.asterisk, self.spool):
            if any(character.isspace() or character in ";%\"'$" for character in str(folder)):
                hint = "Choose a path of letters, digits, . _ - and /: systemd and Asterisk give others a meaning"
                raise InstallError("the folder's name cannot be used", on=repr(str(folder)), hint=hint)
