"""`consentgate doctor` on a real PostgreSQL: its clock, its version, and a role that could do too much."""

from pathlib import Path

import psycopg
import servers
from psycopg import sql
from unit.config_world import write

from ari_app import config
from ari_app.adapters import schema
from ari_app.commands import doctor_postgres
from ari_app.config import Config
from ari_app.doctor.catalogue import Found, Grade

WRITER = "doctor_writer"


def looked(folder: Path, dsn: str) -> tuple[dict[str, Found], float | None]:
    file = write(folder)
    (folder / "postgres.dsn").write_text(dsn, encoding="utf-8")
    settings: Config = config.load(file)
    look = doctor_postgres.Look(settings)
    found = {one.name: one for one in look.everything()}
    return found, look.ahead_seconds


def test_an_owner_could_remove_evidence_and_a_writer_could_not(tmp_path: Path) -> None:
    dsn = servers.running().database()
    with psycopg.connect(dsn, autocommit=True) as connection:
        schema.migrate(connection)
        found, ahead = looked(tmp_path, dsn)
        assert found["postgres-role"].grade is Grade.WARNING
        assert found["postgres-version"].grade in {Grade.GOOD, Grade.WARNING}
        assert ahead is not None
        assert abs(ahead) < 1
        with psycopg.connect(servers.running().postgres.admin_dsn, autocommit=True) as admin:
            if admin.execute("SELECT FROM pg_roles WHERE rolname = %s", [WRITER]).fetchone() is None:
                admin.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD 'x'").format(sql.Identifier(WRITER)))
        schema.grant(connection, WRITER)
    found, _ = looked(tmp_path, psycopg.conninfo.make_conninfo(dsn, user=WRITER, password="x"))
    assert (found["postgres-role"].grade, found["postgres-role"].seen) == (Grade.GOOD, "may add and read, and no more")


def test_a_server_that_is_away_is_said_elsewhere(tmp_path: Path) -> None:
    assert looked(tmp_path, "postgresql://x:y@127.0.0.1:1/z") == ({}, None)
