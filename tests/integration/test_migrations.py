"""Migrators that race, and migrators that are killed, against the real PostgreSQL."""

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
import servers
from psycopg import sql
from psycopg.rows import dict_row

from ari_app.adapters import postgres, schema
from ari_app.adapters.postgres import PostgresDatabase
from ari_app.adapters.schema import Migration
from ari_app.core.reasons import Reason
from ari_app.errors import PermanentError

CHECKOUT = Path(__file__).resolve().parents[2]
SLOW = Migration(9000, "9000_slow.sql", b"CREATE TABLE slow (x int); SELECT pg_sleep(1.5);")
BROKEN = Migration(9001, "9001_broken.sql", b"CREATE TABLE half (x int); SELECT 1/0;")


@pytest.fixture
def dsn():
    return servers.running().database(template="template0")


def migrate(dsn, wanted=None):
    with psycopg.connect(dsn, autocommit=True) as connection:
        return schema.migrate(connection, wanted)


def tables(dsn):
    query = "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"
    with psycopg.connect(dsn) as connection:
        return {name for (name,) in connection.execute(query)}


def test_from_nothing_to_the_present_and_then_nothing_to_do(dsn):
    assert migrate(dsn) == len(schema.migrations())
    assert {"calls", "recordings", "tracks", "schema_migrations"} <= tables(dsn)
    assert migrate(dsn) == 0


def test_calls_that_were_stored_before_rooms_existed_keep_all_they_said(dsn):
    first, *later = schema.migrations()
    migrate(dsn, [first])
    with psycopg.connect(dsn) as connection:
        connection.execute((Path(__file__).parent / "before_rooms.sql").read_bytes())
    before = rows(dsn)
    assert migrate(dsn) == len(later)
    after = rows(dsn)
    for table, told in before.items():
        kept = [{name: row[name] for name in told[0]} for row in after[table]]
        # A track's limit was the permit's and is the party's own now: the same for who was in it from the beginning.
        assert kept == told, table
    ends = [(one["party"], one["covered_until"] - one["since"]) for one in after["permit_parties"]]
    assert [(party, end.total_seconds()) for party, end in ends] == [("p01", 4.96), ("p02", 3.96), ("p03", 0)]
    assert all(row["cut_after_ms"] is None for row in after["tracks"])
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("ALTER TABLE tracks DISABLE TRIGGER append_only")
    with psycopg.connect(dsn) as connection, pytest.raises(psycopg.errors.CheckViolation):
        connection.execute("UPDATE tracks SET stored_until = permit_until + interval '1 microsecond'")


def rows(dsn):
    """Return every row of every table of calls, in order."""
    names = ("calls", "recordings", "parties", "notices", "permits", "permit_parties", "segments", "tracks", "gaps")
    query = sql.SQL("SELECT * FROM {} ORDER BY 1, 2, 3")
    with psycopg.connect(dsn, row_factory=dict_row) as connection:
        return {name: connection.execute(query.format(sql.Identifier(name))).fetchall() for name in names}


def test_of_racing_migrators_one_works_and_none_fails(dsn):
    wanted = [*schema.migrations(), SLOW]
    with ThreadPoolExecutor(4) as pool:
        counts = list(pool.map(lambda _: migrate(dsn, wanted), range(4)))
    assert sorted(counts) == [0, 0, 0, len(wanted)]


def test_a_killed_migrator_leaves_neither_a_lock_nor_half_a_migration(dsn):
    program = (
        "import sys, psycopg; from ari_app.adapters import schema\n"
        "slow = schema.Migration(9000, '9000_slow.sql', b'CREATE TABLE slow (x int); SELECT pg_sleep(600);')\n"
        "connection = psycopg.connect(sys.argv[1], autocommit=True)\n"
        "schema.migrate(connection, [*schema.migrations(), slow], applied=lambda one: print(one.name, flush=True))\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, dsn], stdout=subprocess.PIPE, cwd=CHECKOUT, text=True
    ) as killed:
        assert killed.stdout is not None
        for _ in schema.migrations():
            assert killed.stdout.readline()
        time.sleep(0.3)
        killed.send_signal(signal.SIGKILL)
        assert killed.wait() == -signal.SIGKILL
    assert migrate(dsn, [*schema.migrations(), SLOW]) == 1
    assert "slow" in tables(dsn)


def test_a_failing_migration_leaves_nothing_of_itself(dsn):
    with pytest.raises(psycopg.errors.DivisionByZero):
        migrate(dsn, [*schema.migrations(), BROKEN])
    assert "half" not in tables(dsn)
    with psycopg.connect(dsn) as connection:
        schema.require_current(connection)


def test_an_older_database_is_named_as_such(dsn):
    database = PostgresDatabase(dsn)
    with pytest.raises(PermanentError, match=r"older than this program.*consentgate migrate"):
        database.reach()
    database.close()


def test_a_newer_database_is_named_as_such(dsn):
    migrate(dsn, [*schema.migrations(), SLOW])
    database = PostgresDatabase(dsn)
    with pytest.raises(PermanentError, match=r"newer than this program.*Update consentgate"):
        database.reach()
    database.close()


def test_a_changed_migration_is_found(dsn):
    first = schema.migrations()[0]
    migrate(dsn, [Migration(first.version, first.name, first.sql + b"-- changed")])
    database = PostgresDatabase(dsn)
    with pytest.raises(PermanentError, match="another file"):
        database.reach()
    database.close()


def test_the_reasons_in_the_database_are_the_cores():
    with psycopg.connect(servers.running().database()) as connection:
        stored = {reason for (reason,) in connection.execute("SELECT reason FROM outcomes")}
    assert stored == set(Reason)


def test_numbers_of_migrations_have_no_gap():
    assert [one.version for one in schema.migrations()] == list(range(1, len(schema.migrations()) + 1))


def test_a_connection_that_is_refused_says_why():
    wrong = servers.running().dsn("migrated", password="wrong")  # that is the point
    with pytest.raises(PermanentError, match=r"password authentication failed.*postgres\.dsn_file") as caught:
        postgres.connect(wrong)
    assert "wrong" not in str(caught.value).replace("wrong password", "")
    assert os.environ.get("PGPASSWORD") is None
