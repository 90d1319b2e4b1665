"""Rows in PostgreSQL, all of a recording's in one transaction, and those of several in one if they are at hand.

A pool tells a caller only that it timed out, not that the password is wrong. So whenever the last attempt
failed, a plain connection comes first: its error says why, and says it at once.
"""

import json
import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg_pool import ConnectionPool, PoolTimeout

from ari_app.core.manifest import is_note
from ari_app.errors import PermanentError, TransientError, UnreachableError
from ari_app.ports import Account, ConflictError

from . import rows, schema

CONNECT_SECONDS = 5
POOL_SECONDS = 2
STATEMENT_SECONDS = 30
CLOSE_SECONDS = 2.0

_REFUSALS = (
    ("password authentication failed", "Check user and password in postgres.dsn_file"),
    ("no password supplied", "postgres.dsn_file must hold the password, or point to a passfile"),
    ("no pg_hba.conf entry", "pg_hba.conf on the server does not let this machine or user in"),
    ("role", "Create the role, or check the user in postgres.dsn_file"),
    ("database", "Create the database, or check its name in postgres.dsn_file"),
    ("certificate", "Check sslmode, sslrootcert and the server's certificate"),
)
"""What a server that answers may say at login, which gives no SQLSTATE to the client, and what to do."""


def connect(dsn: str, *, autocommit: bool = False) -> psycopg.Connection[tuple[Any, ...]]:
    """Return a plain connection. Raises TransientError or PermanentError with a hint."""
    with classified(dsn):
        return psycopg.connect(dsn, autocommit=autocommit, **_settings())


def _settings() -> dict[str, Any]:
    return {
        "connect_timeout": CONNECT_SECONDS,
        "application_name": "consentgate",
        # A server that hangs must not hang ship: statements end, and so do connections to a machine that is gone.
        "options": f"-c statement_timeout={STATEMENT_SECONDS * 1000} -c lock_timeout={STATEMENT_SECONDS * 1000}",
        "tcp_user_timeout": STATEMENT_SECONDS * 1000,
    }


def _where(dsn: str) -> str:
    """Name the server without the password."""
    try:
        parts = conninfo_to_dict(dsn)
    except psycopg.ProgrammingError:
        return "postgres.dsn_file"
    names = {key: parts.get(key) or default for key, default in (("dbname", ""), ("host", "local"), ("port", 5432))}
    return f"{names['dbname']} at {names['host']}:{names['port']}"


@contextmanager
def classified(dsn: str) -> Iterator[None]:
    """Turn psycopg's errors into ours."""
    try:
        yield
    except (psycopg.errors.InsufficientPrivilege, psycopg.errors.UndefinedTable) as error:
        hint = "As the tables' owner run: consentgate migrate --writer ROLE"
        raise PermanentError("PostgreSQL refuses a statement", on=_where(dsn), why=_line(error), hint=hint) from error
    except (psycopg.IntegrityError, psycopg.DataError) as error:
        broken = error.diag.constraint_name or error.diag.column_name or error.sqlstate
        # Not the server's detail line: it holds the values.
        raise ConflictError(
            "rows are refused by the database",
            on=f"table {error.diag.table_name}, {broken}",
            why=error.diag.message_primary or type(error).__name__,
            hint="The evidence contradicts itself or what is stored already; keep both and compare their manifests",
        ) from error
    except PoolTimeout as error:
        raise TransientError(
            "PostgreSQL gave no connection", on=_where(dsn), hint="See the message before this one"
        ) from error
    except psycopg.ProgrammingError as error:
        raise PermanentError(
            "PostgreSQL cannot be used", on=_where(dsn), why=_line(error), hint="Check postgres.dsn_file"
        ) from error
    except (psycopg.Error, OSError) as error:
        raise _unreachable(dsn, error) from error


def _line(error: Exception) -> str:
    return " ".join(str(error).split())


def _unreachable(dsn: str, error: Exception) -> UnreachableError:
    text = _line(error)
    said = text.partition("FATAL:")[2]
    for words, hint in _REFUSALS:
        if words in said and "the database system is" not in said:
            return PermanentError("PostgreSQL refuses us", on=_where(dsn), why=said.strip(), hint=hint)
    hint = "Check that the server runs, and host and port in postgres.dsn_file"
    return TransientError("PostgreSQL cannot be reached", on=_where(dsn), why=text, hint=hint)


class PostgresDatabase:
    """A Database in one PostgreSQL database."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._good = False
        self._pool: ConnectionPool[psycopg.Connection[tuple[Any, ...]]] | None = None
        # It warns once per attempt of its own, without the reason; ours are told where they are borne.
        logging.getLogger("psycopg.pool").setLevel(logging.CRITICAL)

    @contextmanager
    def _connection(self) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
        try:
            with classified(self._dsn):
                if not self._good:
                    connect(self._dsn).close()
                    self._good = True
                with self._opened().connection() as connection:
                    yield connection
        except UnreachableError:
            self._good = False
            raise

    def _opened(self) -> ConnectionPool[psycopg.Connection[tuple[Any, ...]]]:
        if self._pool is None:
            self._pool = ConnectionPool(
                self._dsn,
                kwargs=_settings(),
                min_size=0,
                # Rows of several recordings in one; beside it ship asks whether all is well.
                max_size=4,
                # The server answered a moment ago; if it is gone since, the next attempt asks it plainly.
                timeout=POOL_SECONDS,
                reconnect_timeout=POOL_SECONDS,
                num_workers=1,
                check=ConnectionPool.check_connection,
                open=True,
            )
        return self._pool

    def reach(self) -> None:
        with self._connection() as connection:
            schema.require_current(connection)

    def has_call(self, node: str, channel: str) -> bool:
        with self._connection() as connection:
            row = connection.execute(rows.HAS_CALL, {"node": node, "channel": channel}).fetchone()
            return bool(row and row[0])

    def known(self, keys: Collection[str]) -> set[str]:
        with self._connection() as connection:
            return {one for (one,) in connection.execute(rows.KNOWN_OBJECTS, {"keys": list(keys)})}

    def store(self, manifest: Mapping[str, Any], key: str, sha256: str) -> bool:
        (outcome,) = self.store_all([Account(manifest, key, sha256)])
        if isinstance(outcome, ConflictError):
            raise outcome
        return outcome

    def store_all(self, accounts: Sequence[Account]) -> list[bool | ConflictError]:
        try:
            with self._connection() as connection, connection.transaction():
                return _entered(connection, accounts)
        except ConflictError as conflict:
            if len(accounts) == 1:
                return [conflict]
        # Which of them the database refuses is found by asking it of each alone; that is rare.
        return [outcome for one in accounts for outcome in self.store_all([one])]

    def store_incident(self, incident: Mapping[str, Any], key: str, sha256: str) -> None:
        values = {"incident": json.dumps(incident), "id": incident["id"], "object": key, "sha256": sha256}
        with self._connection() as connection, connection.transaction():
            known = connection.execute(rows.KNOWN_INCIDENT, values).fetchone()
            if known and known[0] != sha256:
                raise ConflictError(
                    "the database holds another account of this incident",
                    on=incident["id"],
                    hint="Compare the file in S3 with the one in the spool; nothing was changed",
                )
            if not known:
                for statement in rows.INSERT_INCIDENT:
                    connection.execute(statement, values)

    def close(self) -> None:
        if self._pool is not None:
            self._pool.close(timeout=CLOSE_SECONDS)
            self._pool = None


def _entered(
    connection: psycopg.Connection[tuple[Any, ...]], accounts: Sequence[Account]
) -> list[bool | ConflictError]:
    """Enter accounts within a transaction, and return of each whether it has rows now, or who has its place."""
    connection.execute(rows.ALONE, _calls(accounts))
    outcomes: dict[int, bool | ConflictError] = {}
    waiting = dict(enumerate(accounts))
    while waiting:
        # What of one call stands in the list twice must see the rows of the first.
        firsts = {_call(one): number for number, one in reversed(waiting.items())}
        turn = {number: waiting.pop(number) for number in sorted(firsts.values())}
        outcomes |= _entered_at_once(connection, turn)
    return [outcomes[number] for number in range(len(accounts))]


def _entered_at_once(
    connection: psycopg.Connection[tuple[Any, ...]], accounts: Mapping[int, Account]
) -> Mapping[int, bool | ConflictError]:
    """Enter accounts of which no two are of one call."""
    recordings = [one.manifest["call"]["recording"] for one in accounts.values()]
    known = dict(connection.execute(rows.KNOWN, {"recordings": recordings}).fetchall())
    there = set(connection.execute(rows.THERE, _calls([*accounts.values()])).fetchall())
    outcomes: dict[int, bool | ConflictError] = {}
    for number, one in accounts.items():
        recording = one.manifest["call"]["recording"]
        if recording not in known:
            outcomes[number] = not (is_note(one.manifest["call"]) and _call(one) in there)
        elif known[recording] == one.sha256:
            outcomes[number] = True
        else:
            outcomes[number] = ConflictError(
                "the database holds another manifest of this recording",
                on=recording,
                hint="Compare the manifest in S3 with the one in the spool; nothing was changed",
            )
    new = [
        one
        for number, one in accounts.items()
        if outcomes[number] is True and one.manifest["call"]["recording"] not in known
    ]
    if new:
        evidence = [one for one in new if not is_note(one.manifest["call"])]
        for statement in rows.REPLACE_FALLBACK if evidence else ():
            connection.execute(statement, _calls(evidence))
        parts = rows.parts(new)
        for statement in rows.INSERT:
            connection.execute(statement, parts)
    return outcomes


def _call(account: Account) -> tuple[str, str]:
    return account.manifest["call"]["node"], account.manifest["call"]["channel"]


def _calls(accounts: Sequence[Account]) -> dict[str, list[str]]:
    return {"nodes": [_call(one)[0] for one in accounts], "channels": [_call(one)[1] for one in accounts]}
