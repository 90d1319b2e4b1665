"""The database is brought to a new version while calls are stored: nothing is lost, stored twice, or held up."""

import psycopg
import servers
from integration.test_ship_outage import Site, wait_for

from ari_app import attempts
from ari_app.adapters import schema
from ari_app.adapters.postgres import PostgresDatabase


def migrate(dsn, wanted=None):
    with psycopg.connect(dsn, autocommit=True) as connection:
        return schema.migrate(connection, wanted)


def test_a_new_ship_waits_for_its_schema_and_then_stores_all(tmp_path):
    site = Site(tmp_path)
    site.dsn = servers.running().database(template="template0")
    site.database = PostgresDatabase(site.dsn)
    migrate(site.dsn, schema.migrations()[:-1])
    site.seal(3)
    with site.shipping():
        wait_for(lambda: site.away() is not None)
        away = site.away()
        assert away is not None
        assert "the database is older than this program" in away.why
        assert "consentgate migrate" in away.why
        # Calls end meanwhile; the spool is all that they need.
        site.seal(3)
        assert not site.shipped()
        assert migrate(site.dsn) == 1
        # Somebody who has mended something need not wait.
        attempts.ask(site.layout, attempts.ALL)
        site.assert_each_is_stored_once()
    site.database.close()


def test_a_ship_that_runs_goes_on_while_the_schema_grows_under_it(tmp_path):
    later = schema.Migration(
        9000, "9000_later.sql", b"CREATE TABLE later (x int); ALTER TABLE calls ADD COLUMN later int;"
    )
    site = Site(tmp_path)
    with site.shipping():
        site.seal(2)
        wait_for(lambda: len(site.shipped()) == 2)
        assert migrate(site.dsn, [*schema.migrations(), later]) == 1
        site.seal(2)
        site.assert_each_is_stored_once()
    site.database.close()
