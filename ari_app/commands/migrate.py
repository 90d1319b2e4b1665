"""`consentgate migrate`: bring the database to this version's schema. Safe to run at any time and by several."""

from pathlib import Path

from rich.console import Console

from ari_app import config
from ari_app.adapters import postgres, schema
from ari_app.errors import GOOD, ConfigurationError


def run(config_path: Path, *, writer: str | None = None, dsn_file: Path | None = None) -> int:
    """Apply what is missing, say what was done, and return the exit code. Raises ConsentgateError.

    writer: a role of the server that shall be able to add rows, and to change none. dsn_file: of the tables' owner;
    without it the configuration's own.
    """
    dsn = config.load(config_path).postgres.dsn.reveal() if dsn_file is None else _line(dsn_file)
    console = Console(highlight=False, soft_wrap=True)
    with postgres.connect(dsn, autocommit=True) as connection, postgres.classified(dsn):
        count = schema.migrate(connection, applied=lambda one: console.print(f"applied {one.name}"))
        if writer is not None:
            schema.grant(connection, writer)
            console.print(f"the role {writer} may add rows and read them, and no more")
    last = schema.migrations()[-1]
    console.print(f"the database is at {last.name}" + ("" if count else ": nothing to do"))
    return GOOD


def _line(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as failure:
        hint = "One line, postgresql://…, that whoever runs this may read"
        raise ConfigurationError(
            "the owner's DSN cannot be read", on=str(file), why=str(failure), hint=hint
        ) from failure
