"""A database that was lost is made anew from the real S3, and is equal to what it was, table by table."""

import json

import psycopg
import pytest
import servers
from demo_world.seaweed import BUCKET
from sealed_calls import SyntheticSpool, at, entered, good, incident, minted, noise, opened, played, requested, wav
from sealed_calls import guest as guest_of
from unit.config_world import SECRETS
from unit.test_ship_spool import note
from unit.test_taken_over import JOURNAL as TAKEN_OVER

from ari_app.adapters.postgres import PostgresDatabase
from ari_app.commands.rebuild_index import Rebuilding
from ari_app.core import evidence as ev
from ari_app.core.reasons import Reason
from ari_app.errors import FINDING, GOOD
from ari_app.inspection import Inspection
from ari_app.ship import Ship
from ari_app.signing import Keyring, Signer

SIGNER = Signer.from_text(SECRETS["signing.key"])
RESTARTED = "1763802000.77"
"""The channel of a call of which two runs of the gate gave account."""
PASSED = "1763802000.99"
"""The channel of which a script noted that it had passed, before its account came."""


def seal(synthetic):
    """Leave recordings of every kind; return those that ship shall find only at its second round."""
    for _ in range(2):
        synthetic.good()
    synthetic.seal([opened(minted(9), mode="never"), ev.Ended(at=at(3), reason=Reason.LINE_NEVER)], {})
    owner, seconds = minted(10), [(1, 5.0), (2, 5.8)]
    taken = [opened(owner), *TAKEN_OVER[1:]]
    synthetic.seal(taken, {f"seg-00{number}.p01.wav": wav(noise(number, length)) for number, length in seconds})
    synthetic.beat(at(8))
    synthetic.beat(at(60), run="second")
    attested = good(minted(11), channel="1.11", run="keeper-1", attested_by="agi", number=None, number_hash=None)
    synthetic.seal(attested, {"seg-001.p01.wav": wav(noise(11, 4)), "seg-001.p02.wav": wav(noise(12, 3.95))})
    synthetic.beat(at(60), run="keeper-1")
    room = [
        opened(minted(12)),
        entered("p01", contract=False),
        guest_of("p02", minted(1)),
        ev.NoticeFailed(at=at(2), party="p01", announcement="welcome-en", reason=Reason.ANNOUNCEMENT_CUT_SHORT),
        played("p02", end=2.5),
        played("p01", end=3),
        ev.Chose(at=at(3.5), party="p01", choice="declined", key="9"),
        ev.Chose(at=at(3.6), party="", choice="paused", why="payment", by="176.2"),
        ev.PartyObjected(at=at(3.7), party="p01", destroys=[]),
        ev.ForeignCapture(at=at(4), party="p01"),
        requested(1, "p01", seconds=4),
        ev.Ended(at=at(6), reason=None),
    ]
    synthetic.seal([*room[:6], ev.PermitGranted(at=at(3), permit=1, parties=["p01", "p02"]), *room[6:]], {})
    (synthetic.layout.fallback / "1.json").write_text(note(channel="1.1"))
    (synthetic.layout.fallback / "2.json").write_text(note(channel=PASSED))
    for number in (1, 2):
        (synthetic.layout.incidents / f"{minted(number)}.json").write_text(json.dumps(incident(number)))
    last = good(minted(21), channel=RESTARTED, run="run-2", number="BAUG", number_hash="ef" * 32)
    synthetic.seal([last[0], ev.Ended(at=at(9), reason=Reason.HUNG_UP_BEFORE_TOLD)], {})
    synthetic.beat(at(60), run="run-2")


def second_round(synthetic):
    """Seal accounts of calls of which there is one already, later and of an earlier id."""
    first = good(minted(20), channel=RESTARTED, number="AQID", number_hash="ab" * 32, line="another")
    synthetic.seal([first[0], ev.Ended(at=at(5), reason=Reason.GATE_RESTARTED)], {})
    audio = {"seg-001.p01.wav": wav(noise(30, 4)), "seg-001.p02.wav": wav(noise(31, 3.95))}
    synthetic.seal(good(minted(30), channel=PASSED), audio)


ELSEWHERE = {"schema_migrations", "self_tests"}
"""When the schema was made; and what self-tests found, which the spool keeps: the next one enters its rows again."""


def tables(dsn):
    """Return all rows of all tables that are made from what is in S3."""
    with psycopg.connect(dsn) as connection:
        found = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        names = sorted(name for (name,) in found if name not in ELSEWHERE)
        return {
            name: [row for (row,) in connection.execute(f"SELECT t::text FROM {name} t ORDER BY 1")]  # noqa: S608
            for name in names
        }


@pytest.fixture
def shipped(tmp_path):
    """Recordings of every kind in S3, with the rows that ship made of them: return their prefix and their tables."""
    running = servers.running()
    synthetic = SyntheticSpool(tmp_path / "spool").prepare()
    prefix, dsn = running.prefix(), running.database()
    database = PostgresDatabase(dsn)
    for more in (seal, second_round):
        more(synthetic)
        ship = Ship(synthetic.layout, running.store(), database, prefix, "pbx1", once=True, signer=SIGNER)
        assert ship.run() == 0
    database.close()
    assert not list(synthetic.layout.quarantine.iterdir())
    return prefix, tables(dsn)


def rebuild(prefix, dsn, **options):
    database = PostgresDatabase(dsn)
    looking = Inspection(servers.running().store(), Keyring([SIGNER.public_key]), prefix)
    made = Rebuilding(looking, database, **options)
    try:
        return made.run(), made.sum
    finally:
        database.close()


def test_the_rows_are_those_that_ship_made_table_by_table(shipped, capsys):
    prefix, before = shipped
    empty = {name for name, rows in before.items() if not rows}
    assert not empty, "each table has rows, or its equality would prove nothing"
    dsn = servers.running().database()
    code, total = rebuild(prefix, dsn)
    assert code == GOOD, capsys.readouterr().out
    after = tables(dsn)
    for name, rows in before.items():
        assert after[name] == rows, name
    # The script's note gave way to the account of its call, then as now.
    assert (total.recordings, total.entered, total.given_way, total.incidents_entered) == (11, 10, 1, 2)
    code, total = rebuild(prefix, dsn)
    assert (code, total.there, total.entered, total.given_way, total.incidents_there) == (GOOD, 10, 0, 1, 2)
    assert tables(dsn) == before


def test_what_was_interrupted_goes_on_where_it_was(shipped, monkeypatch):
    prefix, before = shipped
    dsn = servers.running().database()
    stores = PostgresDatabase.store_all
    left = iter(range(2))

    def until_it_is_killed(self, *args):
        if next(left, None) is None:
            raise KeyboardInterrupt
        return stores(self, *args)

    monkeypatch.setattr(PostgresDatabase, "store_all", until_it_is_killed)
    with pytest.raises(KeyboardInterrupt):
        rebuild(prefix, dsn, at_once=2)
    monkeypatch.undo()
    with psycopg.connect(dsn) as connection:
        assert connection.execute("SELECT count(*) FROM recordings").fetchall() == [(4,)]
    code, total = rebuild(prefix, dsn)
    assert (code, total.there) == (GOOD, 4)
    assert tables(dsn) == before


def test_what_was_altered_has_no_rows_and_all_others_have_theirs(shipped, capsys):
    prefix, before = shipped
    folder, dsn = f"{prefix}/2026/11/22/{minted(2)}", servers.running().database()
    client = servers.running().seaweed.client()
    text = client.get_object(Bucket=BUCKET, Key=f"{folder}/manifest.json")["Body"].read()
    client.put_object(Bucket=BUCKET, Key=f"{folder}/manifest.json", Body=text.replace(b"switchboard", b"crisis-line"))
    code, total = rebuild(prefix, dsn)
    assert (code, total.refused) == (FINDING, 1)
    line = f"{folder}/manifest.json.sig does not fit: one of the two was altered"
    assert capsys.readouterr().out.splitlines()[0] == line
    after = tables(dsn)
    assert after["recordings"] == [row for row in before["recordings"] if minted(2) not in row]
