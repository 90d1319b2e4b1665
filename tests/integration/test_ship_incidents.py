"""What the guard noted arrives in the real S3 and the real PostgreSQL, once."""

import hashlib
import json

import psycopg
import pytest
import servers
from sealed_calls import SyntheticSpool, incident, minted

from ari_app.adapters.postgres import PostgresDatabase
from ari_app.ports import Found
from ari_app.ship import Ship


@pytest.fixture
def layout(tmp_path):
    return SyntheticSpool(tmp_path / "spool").prepare().layout


def test_incidents_are_stored_once_and_a_changed_one_is_kept(layout):
    running = servers.running()
    dsn, store, prefix = running.database(), running.store(), running.prefix()
    database = PostgresDatabase(dsn)

    def ship():
        return Ship(layout, store, database, prefix, "pbx1", once=True).run()

    file = layout.incidents / f"{minted(1)}.json"
    text = json.dumps(incident())
    for _ in range(2):
        # The second time as after a kill just before the file was put away.
        file.write_text(text)
        assert ship() == 0
        assert not file.exists()
    key = f"{prefix}/incidents/2026/11/22/{minted(1)}.json"
    assert store.head(key) == Found(len(text), hashlib.sha256(text.encode()).hexdigest())
    with psycopg.connect(dsn) as connection:
        assert connection.execute("SELECT object, door FROM incidents").fetchall() == [(key, "mixmonitor")]
        assert connection.execute("SELECT count(*) FROM incident_files").fetchall() == [(1,)]
    file.write_text(json.dumps(incident(door="snoop")))
    assert ship() == 1
    assert file.exists()
    assert store.head(key).size == len(text)
    database.close()
