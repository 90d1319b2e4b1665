"""`consentgate check` against the real PostgreSQL and the real S3 server: good, and each credential wrong."""

from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
import servers
from demo_world.postgres import DATABASE
from demo_world.seaweed import BUCKET, REGION
from psycopg.conninfo import conninfo_to_dict
from unit.config_world import write

from ari_app import config
from ari_app.commands import check_storage
from ari_app.commands.finding import Finding
from ari_app.errors import FINDING, GOOD, UNREACHABLE

Change = Callable[[Path], object]


def loaded(folder: Path, dsn: str, *, bucket: str = BUCKET, change: Change | None = None) -> config.Config:
    server = servers.running().seaweed
    changes = {"bucket": bucket, "region": REGION, "endpoint_url": server.endpoint}
    file = write(folder, *((f"s3.{key}", value) for key, value in changes.items()))
    (folder / "s3.access_key").write_text(server.key.access)
    (folder / "s3.secret_key").write_text(server.key.secret)
    (folder / "postgres.dsn").write_text(dsn)
    if change:
        change(folder)
    return config.load(file, {})


def s3(folder: Path, *, bucket: str = BUCKET, change: Change | None = None) -> Finding:
    (found,) = check_storage.s3(loaded(folder, "postgresql://x/y", bucket=bucket, change=change))
    return found


def postgres(folder: Path, dsn: str) -> Finding:
    (found,) = check_storage.postgres(loaded(folder, dsn))
    return found


@pytest.mark.parametrize(("mode", "code"), [(None, GOOD), ("governance", FINDING), ("none", GOOD)])
def test_a_bucket_without_versions_and_lock_is_said(tmp_path: Path, mode: str | None, code: int) -> None:
    server = servers.running()
    changes = {"bucket": server.bucket("unlocked"), "region": REGION, "endpoint_url": server.seaweed.endpoint}
    file = write(tmp_path, *((f"s3.{key}", value) for key, value in (changes | {"object_lock": mode}).items() if value))
    (tmp_path / "s3.access_key").write_text(server.seaweed.key.access)
    (tmp_path / "s3.secret_key").write_text(server.seaweed.key.secret)
    good, *found = check_storage.s3(config.load(file, {}))
    assert good.code == GOOD
    assert found[0].warning
    assert found[0].verdict.startswith("keeps no older versions")
    locks = found[1:]
    assert [one.code for one in locks] == ([code] if mode != "none" else [])
    assert all("no Object Lock" in one.verdict for one in locks)
    assert [one.warning for one in locks] == ([mode is None] if mode != "none" else [])


def test_a_line_whose_recordings_nobody_locks_is_said(tmp_path: Path) -> None:
    server = servers.running().seaweed
    changes = {"s3.bucket": BUCKET, "s3.region": REGION, "s3.endpoint_url": server.endpoint}
    file = write(tmp_path, *changes.items(), ("lines.advice-line.retention", None))
    (tmp_path / "s3.access_key").write_text(server.key.access)
    (tmp_path / "s3.secret_key").write_text(server.key.secret)
    _, found = check_storage.s3(config.load(file, {}))
    assert (found.warning, "recordings of advice-line are not locked" in found.verdict) == (True, True)


def test_a_good_store_is_readable_and_writable_and_nothing_is_left_in_it(tmp_path: Path) -> None:
    found = s3(tmp_path)
    assert (found.code, found.verdict) == (GOOD, "readable, writable, checks what it is given")
    client = servers.running().store()._client
    assert "Contents" not in client.list_objects_v2(Bucket=BUCKET, Prefix="calls/consentgate-check")


@pytest.mark.parametrize(
    ("name", "hint"), [("s3.secret_key", "check s3.secret_key_file"), ("s3.access_key", "check s3.access_key_file")]
)
def test_a_wrong_key_of_s3(tmp_path: Path, name: str, hint: str) -> None:
    found = s3(tmp_path, change=lambda folder: (folder / name).write_text("wrong"))
    assert found.code == UNREACHABLE
    assert hint in found.hint


def test_another_bucket(tmp_path: Path) -> None:
    found = s3(tmp_path, bucket="another-bucket")
    assert found.code == UNREACHABLE
    assert found.hint


def test_a_migrated_database(tmp_path: Path) -> None:
    found = postgres(tmp_path, servers.running().database())
    assert (found.code, "schema as this version needs it" in found.verdict) == (GOOD, True)


def test_a_database_without_its_schema_says_what_to_run(tmp_path: Path) -> None:
    found = postgres(tmp_path, servers.running().database(template=DATABASE))
    assert (found.code, found.hint) == (FINDING, "run: consentgate migrate")
    assert "0001_calls.sql" in found.verdict


def test_a_user_who_may_only_read(tmp_path: Path) -> None:
    dsn = servers.running().database()
    owner = conninfo_to_dict(dsn)["user"]
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(f'REVOKE INSERT ON calls FROM "{owner}"')
    found = postgres(tmp_path, dsn)
    assert (found.code, "may not add rows" in found.verdict) == (FINDING, True)


def test_a_wrong_password_is_told_without_repeating_it(tmp_path: Path) -> None:
    found = postgres(tmp_path, servers.running().dsn("migrated", password="wrong-password"))
    assert found.code == UNREACHABLE
    assert "Check user and password" in found.hint
    assert "wrong-password" not in f"{found}"
