"""The database's schema: plain SQL files in `ari_app/migrations`, each applied once, in one transaction each.

A dozen lines instead of a migration tool: of the two that were tried, one fails under racing migrators and the
other leaves a lock behind when it is killed. Here the server holds the lock for as long as the session lives.
A migration that cannot run inside a transaction (CREATE INDEX CONCURRENTLY) is not supported.
"""

import hashlib
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import resources
from time import monotonic, sleep
from typing import Any, LiteralString

import psycopg
from psycopg import sql

from ari_app.errors import PermanentError, TransientError

LOCK = 0x636F_6E73_656E_7467
"""The advisory lock's key: "consentg" in ASCII."""

POLL_SECONDS = 0.2
WAIT_SECONDS = 120.0
_FILE = re.compile(r"(\d{4})_[a-z0-9_]+\.sql\Z")

_CREATE = """
CREATE TABLE IF NOT EXISTS schema_migrations (
    version integer PRIMARY KEY,
    name text NOT NULL,
    sha256 text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
)
"""


@dataclass(frozen=True, slots=True)
class Migration:
    """One file: its number, its name and what it does."""

    version: int
    name: str
    sql: bytes

    @property
    def sha256(self) -> str:
        """Hash of the file: an applied migration must never change."""
        return hashlib.sha256(self.sql).hexdigest()


def migrations() -> list[Migration]:
    """Return this version's migrations in their order."""
    found = []
    for file in resources.files("ari_app.migrations").iterdir():
        match = _FILE.match(file.name)
        if match:
            found.append(Migration(int(match[1]), file.name, file.read_bytes()))
    return sorted(found, key=lambda one: one.version)


def check(connection: psycopg.Connection[Any], wanted: list[Migration] | None = None) -> list[Migration]:
    """Return the migrations that are still to be applied.

    Raises PermanentError if the database is newer than this program, or was migrated by other files.
    """
    wanted = migrations() if wanted is None else wanted
    with connection.transaction():
        there = connection.execute("SELECT to_regclass('schema_migrations') IS NOT NULL").fetchone()
        applied: list[tuple[int, str, str]] = []
        if there and there[0]:
            applied = connection.execute(
                "SELECT version, name, sha256 FROM schema_migrations ORDER BY version",
            ).fetchall()
    ours = {one.version: one for one in wanted}
    for version, name, sha256 in applied:
        if version not in ours:
            raise PermanentError(
                "the database is newer than this program",
                on=f"migration {name}",
                why="it was applied by a later version",
                hint="Update consentgate on this machine",
            )
        if ours[version].sha256 != sha256:
            raise PermanentError(
                "the database was migrated by another file of the same number",
                on=f"migration {name}",
                hint="Restore the database of this version, or ask who changed the file",
            )
    done = {version for version, _, _ in applied}
    return [one for one in wanted if one.version not in done]


def require_current(connection: psycopg.Connection[Any]) -> None:
    """Return if the schema is exactly this version's. Raises PermanentError."""
    missing = check(connection)
    if missing:
        raise PermanentError(
            "the database is older than this program",
            on=f"{len(missing)} of {len(migrations())} migrations are missing",
            hint="Run: consentgate migrate",
        )


def migrate(
    connection: psycopg.Connection[Any],
    wanted: list[Migration] | None = None,
    *,
    applied: Callable[[Migration], None] = lambda _: None,
) -> int:
    """Apply what is missing and return how many that were; `applied` is told each, when it is committed.

    connection: in autocommit. Of several migrators at once one works and the others find nothing to do.
    """
    # An index over years of calls takes longer than any statement of ship may. But if this program is killed
    # meanwhile, the server must notice it, or the dead one's lock keeps all others out until the index is built.
    connection.execute("SET statement_timeout = 0")
    connection.execute("SET client_connection_check_interval = '1s'")
    with _locked(connection):
        connection.execute(_CREATE)
        missing = check(connection, wanted)
        for one in missing:
            with connection.transaction():
                connection.execute(one.sql)
                connection.execute(
                    "INSERT INTO schema_migrations (version, name, sha256) VALUES (%s, %s, %s)",
                    (one.version, one.name, one.sha256),
                )
            applied(one)
        return len(missing)


_TABLES: LiteralString = "SELECT tablename FROM pg_tables WHERE schemaname = current_schema() ORDER BY 1"
_READ_ONLY = frozenset({"schema_migrations", "outcomes"})

_SUMMARY: tuple[LiteralString, ...] = (
    "GRANT UPDATE (line, direction, began_at, ended_at, outcome, reason, number, number_hash) ON calls TO {}",
    "GRANT DELETE ON calls, recordings TO {}",
)
"""What a second account of a call asks for; the triggers of 0006 let nothing else through."""


def grant(connection: psycopg.Connection[Any], role: str) -> None:
    """Let a role do what ship, rebuild-index and `check` do, and no more: add rows and read them.

    connection: of the tables' owner. To be repeated when a migration has made new tables. Raises psycopg.Error.
    """
    name = sql.Identifier(role)
    with connection.transaction():
        for (table,) in connection.execute(_TABLES).fetchall():
            there = sql.Identifier(table)
            connection.execute(sql.SQL("REVOKE ALL ON {} FROM {}").format(there, name))
            rights = sql.SQL("SELECT" if table in _READ_ONLY else "SELECT, INSERT")
            connection.execute(sql.SQL("GRANT {} ON {} TO {}").format(rights, there, name))
        for statement in _SUMMARY:
            connection.execute(sql.SQL(statement).format(name))
        row = connection.execute("SELECT current_schema()").fetchone()
        schema_name = sql.Identifier(row[0] if row else "public")
        connection.execute(sql.SQL("GRANT USAGE ON SCHEMA {} TO {}").format(schema_name, name))


@contextmanager
def _locked(connection: psycopg.Connection[Any]) -> Iterator[None]:
    # Polled: a session that waits in pg_advisory_lock holds a snapshot, and another's DDL may wait for that.
    deadline = monotonic() + WAIT_SECONDS
    while not _try_lock(connection):
        if monotonic() > deadline:
            raise TransientError(
                "the database cannot be migrated",
                why=f"another migration has held the lock for {WAIT_SECONDS:g} s",
                hint="Look for it in pg_stat_activity and pg_locks",
            )
        sleep(POLL_SECONDS)
    try:
        yield
    finally:
        # A lost connection has released it already, and its own error is the one to be seen.
        if not connection.closed:
            connection.execute("SELECT pg_advisory_unlock(%s)", (LOCK,))


def _try_lock(connection: psycopg.Connection[Any]) -> bool:
    row = connection.execute("SELECT pg_try_advisory_lock(%s)", (LOCK,)).fetchone()
    return bool(row and row[0])
