"""The database as the installer makes it, on a real server: two roles, and one of them can change nothing."""

import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
import servers
from installer.places import CHECKOUT
from psycopg import errors

SCRIPT = CHECKOUT / "deploy/postgres/make_roles.py"


@pytest.fixture
def files(tmp_path: Path):
    """A superuser's DSN and two places; afterwards nothing of it is left on the server."""
    admin = servers.running().postgres.admin_dsn
    names = [tmp_path / name for name in ("admin", "owner", "writer")]
    names[0].write_text(admin + "\n")
    clean(admin)
    yield names
    clean(admin)
    # The tests' own server has one of this name as well, which a later start of it looks for.
    servers.running().postgres._ensure_database()


def clean(admin):
    with psycopg.connect(admin, autocommit=True) as server:
        for statement in ("DROP DATABASE IF EXISTS consentgate", *(f"DROP ROLE IF EXISTS {one}" for one in ROLES)):
            server.execute(statement.encode())


ROLES = ("consentgate_owner", "consentgate_writer", "somebody")


def make(files):
    command = [sys.executable, "-I", str(SCRIPT), *map(str, files)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def migrate(owner):
    from ari_app.adapters import schema  # noqa: PLC0415

    with psycopg.connect(owner.read_text().strip(), autocommit=True) as connection:
        schema.migrate(connection)
        schema.grant(connection, "consentgate_writer")


def test_the_writer_adds_rows_and_changes_none_and_a_second_run_changes_nothing(files):
    _, owner, writer = files
    assert make(files).stderr == ""
    assert owner.stat().st_mode & 0o077 == 0
    said = owner.read_text(), writer.read_text()
    migrate(owner)
    assert make(files).stderr == ""
    assert (owner.read_text(), writer.read_text()) == said
    with psycopg.connect(writer.read_text().strip(), autocommit=True) as connection:
        assert connection.execute("SELECT count(*) FROM calls").fetchone() == (0,)
        for statement in (
            "UPDATE notices SET party = 'x'",
            "DELETE FROM permits",
            "DROP TABLE calls",
            "TRUNCATE tracks",
        ):
            with pytest.raises(errors.InsufficientPrivilege):
                connection.execute(statement.encode())


def test_a_database_of_somebody_else_s_is_not_taken(files):
    with psycopg.connect(files[0].read_text().strip(), autocommit=True) as server:
        server.execute("CREATE ROLE somebody")
        server.execute("CREATE DATABASE consentgate OWNER somebody")
    said = make(files).stderr
    assert said.startswith("the database consentgate is there already")
    assert "ALTER DATABASE consentgate OWNER TO consentgate_owner" in said
    assert not files[1].exists()


def test_a_server_that_is_not_there_is_one_line(files):
    files[0].write_text("postgresql://x:y@127.0.0.1:1/postgres")
    said = make(files).stderr
    assert said.startswith(f"the database cannot be made ({files[0]}): ")
    assert "Traceback" not in said
