"""Evidence in PostgreSQL is added and never changed: refused by triggers to the owner, by grants to who writes."""

from contextlib import closing
from pathlib import Path

import psycopg
import pytest
import servers
from contract.test_database import CHANNEL, account, gates, scripts, store
from psycopg import sql
from sealed_calls import incident, minted

from ari_app import config
from ari_app.adapters import schema
from ari_app.adapters.postgres import PostgresDatabase
from ari_app.commands import migrate
from ari_app.errors import PermanentError
from ari_app.ports import ConflictError

NOTED = "1763802000.8"
RESTARTED = "1763802000.9"
WITHOUT = {"schema_migrations"}
"""Tables that are no evidence. Whatever a later migration adds must stand here or be append-only."""


@pytest.fixture
def dsn():
    """A database with rows in every table of evidence."""
    made = servers.running().database()
    database = PostgresDatabase(made)
    room = gates(1)
    room["choices"] = [{"at": room["call"]["ended_at"], "party": "p01", "choice": "declined", "key": "9"}]
    room["choices"][0] |= {"language": None, "cause": None, "by": None}
    room["foreign_captures"] = [{"party": "p01", "at": room["call"]["ended_at"]}]
    room["objections"] = [{"party": "p02", "at": room["call"]["ended_at"]}]
    store(database, room)
    noted = scripts(2)
    noted["call"]["channel"] = NOTED
    store(database, noted)
    store(database, gates(3, channel=RESTARTED))
    database.store_incident(incident(), "calls/incidents/1.json", "e" * 64)
    database.close()
    with psycopg.connect(made, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO self_tests (node, line, at, ok, result, sha256) VALUES ('pbx1', 'a', now(), true, '{}', %s)",
            ["0" * 64],
        )
    return made


def tables(connection):
    query = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
    return sorted({name for (name,) in connection.execute(query)} - WITHOUT)


def done(dsn, *statements):
    """Do all of it in one transaction; nothing of it waits for a lock."""
    # psycopg leaves a connection open whose commit fails.
    with closing(psycopg.connect(dsn, options="-c lock_timeout=3s")) as connection, connection.transaction():
        for statement, values in statements:
            connection.execute(statement, values)


def refused(dsn, statement, *values):
    with pytest.raises(psycopg.errors.RestrictViolation) as caught:
        done(dsn, (statement, values))
    assert caught.value.diag.constraint_name == "append_only"
    return str(caught.value)


def test_no_row_of_any_table_can_be_changed_removed_or_emptied_by_its_owner(dsn):
    # In autocommit: a transaction would hold locks that the others wait for.
    with psycopg.connect(dsn, autocommit=True) as connection:
        there = tables(connection)
        for table in there:
            name = sql.Identifier(table)
            whole = sql.SQL("SELECT count(*) FROM {}").format(name)
            ((count,),) = connection.execute(whole).fetchall()
            assert count, f"{table} has no row, so that nothing is proved by it"
            columns = connection.execute(
                "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND attgenerated = ''"
                " AND NOT attisdropped",
                (table,),
            ).fetchall()
            for (column,) in columns if table != "calls" else ():
                same = sql.SQL("UPDATE {} SET {} = {}").format(name, *[sql.Identifier(column)] * 2)
                assert "is refused" in refused(dsn, same), (table, column)
            assert "is refused" in refused(dsn, sql.SQL("TRUNCATE {} CASCADE").format(name))
            with pytest.raises(psycopg.errors.IntegrityError):
                done(dsn, (sql.SQL("DELETE FROM {}").format(name), ()))
            assert connection.execute(whole).fetchall() == [(count,)]
    assert len(there) == 16


SUMMARIES = [
    "began_at = began_at + interval '1 second'",
    "ended_at = ended_at - interval '1 second'",
    "outcome = 'not_recorded', reason = 'hung_up'",
    "channel = 'another'",
    "node = 'another'",
    # These a second account may change, and nobody without one.
    "line = 'another'",
    "number = NULL, number_hash = NULL",
    "ended_at = ended_at + interval '1 second'",
]


@pytest.mark.parametrize("change", SUMMARIES)
def test_a_calls_summary_changes_with_an_account_of_it_alone(dsn, change):
    statement = sql.SQL("UPDATE calls SET {} WHERE channel = %s").format(sql.SQL(change))
    refused(dsn, statement, RESTARTED)


def test_a_note_goes_only_for_an_account_with_evidence(dsn):
    statement = sql.SQL("DELETE FROM recordings WHERE channel = %s")
    assert "no account of the call came" in refused(dsn, statement, NOTED)
    assert "evidence is added" in refused(dsn, statement, CHANNEL)
    with pytest.raises(psycopg.errors.RestrictViolation):
        done(dsn, (statement, (NOTED,)), ("DELETE FROM calls WHERE channel = %s", (NOTED,)))


def test_what_ship_does_stays_possible(dsn):
    database = PostgresDatabase(dsn)
    evidence = gates(4, channel=NOTED)
    restarted = gates(5, channel=RESTARTED, run="run-2", line="another")
    assert database.store_all([account(evidence), account(restarted)]) == [True, True]
    database.close()
    with psycopg.connect(dsn) as connection:
        query = "SELECT recording FROM recordings WHERE channel = %s"
        assert connection.execute(query, (NOTED,)).fetchall() == [(minted(4),)]
        assert len(connection.execute(query, (RESTARTED,)).fetchall()) == 2


def test_what_the_triggers_refuse_is_a_conflict_that_says_why(dsn):
    database = PostgresDatabase(dsn)
    with pytest.raises(ConflictError, match=r"table gaps, append_only.*evidence is added and never changed"):  # noqa: SIM117
        with database._connection() as connection:
            connection.execute("DELETE FROM gaps")
    database.close()


@pytest.fixture
def writer(dsn):
    """A role that may only write, which other databases of the server may know already."""
    with psycopg.connect(servers.running().postgres.admin_dsn, autocommit=True) as admin:
        admin.execute("DROP OWNED BY writer" if _known(admin) else "CREATE ROLE writer LOGIN PASSWORD 'writer'")
    return psycopg.conninfo.make_conninfo(dsn, user="writer", password="writer")  # of a test's own server


def _known(admin):
    return admin.execute("SELECT FROM pg_roles WHERE rolname = 'writer'").fetchone() is not None


def test_a_writer_adds_rows_and_changes_none(dsn, writer):
    database = PostgresDatabase(writer)
    with pytest.raises(PermanentError, match="--writer ROLE"):
        database.reach()
    with psycopg.connect(dsn, autocommit=True) as owner:
        for _ in range(2):
            schema.grant(owner, "writer")
    database.reach()
    several = [gates(4, channel=NOTED), gates(5, channel=RESTARTED, run="run-2"), gates(6, channel="1.6")]
    assert database.store_all([account(one) for one in several]) == [True] * 3
    database.store_incident(incident(2), "calls/incidents/2.json", "f" * 64)
    database.close()
    with psycopg.connect(writer, autocommit=True) as connection:
        for table in tables(connection):
            name = sql.Identifier(table)
            statements = ["TRUNCATE {}", "DROP TABLE {}", "ALTER TABLE {} DISABLE TRIGGER ALL"]
            if table not in {"calls", "recordings"}:
                statements += ["DELETE FROM {}"]
            for statement in statements:
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    connection.execute(sql.SQL(statement).format(name))
        for statement in (
            "UPDATE tracks SET short_ms = 0",
            "UPDATE calls SET channel = 'x'",
            "UPDATE recordings SET outcome = 'recorded'",
            "INSERT INTO outcomes VALUES ('because')",
            "DELETE FROM schema_migrations",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)
        with pytest.raises(psycopg.errors.RestrictViolation):
            connection.execute("DELETE FROM recordings")


def test_the_command_grants_it(dsn, writer, monkeypatch, capsys):
    class Settings:
        class postgres:  # noqa: N801  as the configuration names it
            class dsn:  # noqa: N801
                @staticmethod
                def reveal():
                    return dsn

    monkeypatch.setattr(config, "load", lambda _: Settings)
    assert migrate.run(Path("x"), writer="writer") == 0
    assert "the role writer may add rows and read them, and no more" in capsys.readouterr().out
    with closing(PostgresDatabase(writer)) as database:
        database.reach()
