"""The database: its two roles, and its schema. Both are done by programs of the release, which know PostgreSQL."""

from dataclasses import dataclass
from pathlib import Path

from .errors import InstallError
from .places import CHECKOUT, Places
from .steps import run

WRITER = "consentgate_writer"
_HINT = "Mend that and run this again: what is done already is left as it is"


def said(path: Path) -> str:
    """Return a file's one line; empty if there is none."""
    try:
        return path.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return ""


@dataclass(frozen=True, slots=True)
class Roles:
    """An owner of the tables and a writer who can change none of their rows, with their DSNs where they belong.

    admin: a file with the DSN of a role that may make roles and databases.
    """

    places: Places
    admin: Path

    def needed(self) -> str:
        if said(self.places.owner_dsn) and said(self.places.credentials / "postgres_dsn"):
            return ""
        return "make the database consentgate and its roles consentgate_owner and consentgate_writer (deploy/postgres)"

    def apply(self) -> None:
        if not said(self.admin):
            raise InstallError(
                "--database names no DSN", on=self.admin, hint="One line: postgresql://USER:PASSWORD@HOST/postgres"
            )
        python = str(self.places.prefix / "venv/bin/python")
        script = str(CHECKOUT / "deploy/postgres/make_roles.py")
        files = [str(one) for one in (self.admin, self.places.owner_dsn, self.places.credentials / "postgres_dsn")]
        run([python, "-I", script, *files], hint=_HINT)

    def undo(self) -> str:
        return ""


@dataclass(frozen=True, slots=True)
class Schema:
    """The schema brought to this version, by the owner; calls go on meanwhile, and what ship cannot store waits."""

    places: Places

    def needed(self) -> str:
        return f"run: consentgate migrate --writer {WRITER}"

    def apply(self) -> None:
        if not said(self.places.owner_dsn):
            # Somebody else keeps the database; they migrate.
            return
        owner = ["--dsn-file", str(self.places.owner_dsn), "--writer", WRITER]
        run([str(self.places.wrapper), "migrate", "--config", str(self.places.config), *owner], hint=_HINT)

    def undo(self) -> str:
        return ""
