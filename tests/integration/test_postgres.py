"""The promises that the schema itself keeps: what contradicts them is refused, whoever wrote it."""

import copy
import itertools
import signal
import time

import psycopg
import pytest
import servers
from contract.test_database import CHANNEL, gates, scripts, store
from sealed_calls import NUMBER_HASH, at, incident, minted, narrowed, objected
from unit.room_stories import call, granted, track
from unit.room_stories import manifest as told_of

from ari_app.adapters.postgres import PostgresDatabase
from ari_app.core import manifest as mf
from ari_app.core import names
from ari_app.core.incident import Action, Door, Why
from ari_app.errors import PermanentError, TransientError
from ari_app.ports import ConflictError

PROMISES = [
    ("a party that was told after the permit began", lambda m: told(m, since=at(2.9))),
    ("a party that was never told", lambda m: told(m, notice=None, told_at=None)),
    ("a notice of somebody else", lambda m: m["permits"][0]["parties"][1].update(notice=1, told_at=names.iso(at(3)))),
    ("a notice with another end", lambda m: told(m, told_at=names.iso(at(2.5)))),
    ("a notice that failed", lambda m: failed(m)),  # noqa: PLW0108  it is defined below
    ("stored before the permit", lambda m: m["tracks"][0].update(stored_from=names.iso(at(2.999)))),
    ("stored after the coverage", lambda m: m["tracks"][0].update(stored_until=names.iso(at(7.961)))),
    ("stored of a party that the permit does not name", lambda m: m["permits"][0]["parties"].pop()),
    ("stored under a permit that does not exist", lambda m: m["tracks"][0].update(permit=2, segment=2)),
    ("stored under another segment's permit", lambda m: m["tracks"][0].update(segment=2)),
    ("stored without a segment", lambda m: m["segments"].clear()),
    ("covered up to the revocation itself", lambda m: m["permits"][0].update(covered_until=names.iso(at(8)))),
    ("two tracks on one channel", lambda m: m["tracks"][1].update(m["tracks"][0], party="p02")),
    ("a recorded call with a reason", lambda m: m["call"].update(reason="hung_up")),
    ("an unknown reason", lambda m: m["gaps"][0].update(reason="because")),
    ("stored after the party had left", lambda m: member(m, 1, left_at=at(7))),
    ("stored after the party had objected", lambda m: m["objections"].append({"party": "p02", "at": names.iso(at(7))})),
    ("stored after the party's own end", lambda m: member(m, 0, covered_until=at(7))),
    ("covered up to the leaving itself", lambda m: member(m, 1, left_at=at(7.96))),
    ("covered beyond the permit", lambda m: member(m, 1, covered_until=at(7.97))),
    ("covered from after its end", lambda m: member(m, 1, covered_until=at(3.9))),
    ("an objection of nobody", lambda m: m["objections"].append({"party": "p09", "at": names.iso(at(7.99))})),
    ("a guest's voice", lambda m: m["parties"][1].update(recording=minted(9))),
    ("a guest of no recording", lambda m: m["parties"][1].update(recording="elsewhere")),
    ("a guest of this very recording", lambda m: m["parties"][1].update(recording=m["call"]["recording"])),
    ("an owner who is a guest", lambda m: (m["tracks"].clear(), m["parties"][0].update(recording=minted(9)))),
    ("a call from nowhere", lambda m: m["call"].update(direction="sideways")),
    ("less than nothing cut", lambda m: m["tracks"][0].update(cut_after_ms=-1)),
    ("half of what was cut", lambda m: m["tracks"][0].update(cut_after_ms=None)),
    ("a recording without a journal", lambda m: m.update(journal=None)),
    ("an id that we did not mint", lambda m: m["call"].update(recording="../../etc/passwd")),
]


def member(manifest, index, **changes):
    """Change what the permit says of a party; what is stored of them stays."""
    manifest["permits"][0]["parties"][index].update({key: names.iso(value) for key, value in changes.items()})


def told(manifest, **changes):
    texts = {key: names.iso(names.Instant(value)) for key, value in changes.items() if isinstance(value, int)}
    manifest["permits"][0]["parties"][0].update(changes | texts)


def failed(manifest):
    notice = manifest["notices"][0]
    notice.update(failed_at=notice.pop("completed_at"), reason="announcement_cut_short")


@pytest.fixture
def dsn():
    return servers.running().database()


@pytest.fixture
def database(dsn):
    made = PostgresDatabase(dsn)
    yield made
    made.close()


def rows(dsn, query):
    with psycopg.connect(dsn) as connection:
        return connection.execute(query).fetchall()


@pytest.mark.parametrize(("change"), [change for _, change in PROMISES], ids=[name for name, _ in PROMISES])
def test_what_breaks_a_promise_is_refused_whole(database, dsn, change):
    manifest = copy.deepcopy(gates())
    change(manifest)
    with pytest.raises(ConflictError):
        store(database, manifest)
    assert rows(dsn, "SELECT count(*) FROM calls") == [(0,)]


def test_the_same_manifest_without_the_fault_is_taken(database, dsn):
    manifest = gates()
    store(database, manifest)
    assert rows(dsn, "SELECT outcome, encode(number_hash, 'hex') FROM calls") == [("recorded", NUMBER_HASH)]
    assert rows(dsn, "SELECT object FROM segments") == [(f"{manifest['folder']}/seg-001.flac",)]
    assert rows(dsn, "SELECT manifest_sha256 FROM recordings") == [(mf.to_json(manifest)[1],)]
    assert len(rows(dsn, "SELECT 1 FROM tracks")) == 2


def test_a_room_is_taken_as_it_was(database, dsn):
    """A colleague left, a guest was there, the owner objected: all of it stands in rows, and is whole."""
    manifest = told_of(
        call(
            granted(3, 1, "p01", "p02", "p04"),
            *track(1, "p01", 4, 20),
            *track(1, "p02", 4, 20),
            narrowed(9, "p01", "p04"),
            objected(12, "p01"),
        )
    )
    store(database, manifest)
    assert rows(dsn, "SELECT party, recorded_in FROM parties WHERE guest") == [("p04", minted(4))]
    assert rows(dsn, "SELECT party, cut_after_ms FROM tracks ORDER BY party") == [("p01", 8040), ("p02", 11_040)]
    assert rows(
        dsn,
        "SELECT party, extract(epoch FROM covered_until - began_at)::float FROM permit_parties, calls ORDER BY 1",
    ) == [("p01", 11.96), ("p02", 8.96), ("p04", 30.0)]
    assert rows(dsn, "SELECT party, extract(epoch FROM at - began_at)::float FROM objections, calls") == [("p01", 12.0)]


def test_one_object_belongs_to_one_recording(database):
    store(database, gates())
    manifest = gates(2, run="run-2")
    manifest["folder"] = gates()["folder"]
    with pytest.raises(ConflictError, match=r"segments|recordings"):
        database.store(manifest, "elsewhere/manifest.json", "e" * 64)


def test_a_refusal_names_the_rule_and_no_value(database):
    manifest = gates()
    manifest["call"]["number_hash"] = None
    with pytest.raises(ConflictError, match="table calls") as caught:
        store(database, manifest)
    assert manifest["call"]["number"] not in str(caught.value)


def test_two_accounts_of_a_call_are_one_call(database, dsn):
    store(database, gates(1))
    unrecorded = gates(2, run="run-2")
    unrecorded["call"].update(outcome="not_recorded", reason="gate_restarted", ended_at=names.iso(at(30)))
    unrecorded.update(segments=[], tracks=[])
    store(database, unrecorded)
    assert rows(dsn, "SELECT outcome, reason, ended_at - began_at FROM calls")[0][:2] == ("recorded", None)
    assert rows(dsn, "SELECT count(*) FROM recordings") == [(2,)]


def accounts():
    """Three accounts of one call that no gate saw whole, and a script's bare note of it."""
    numbers = (("AAEC", "ab" * 32), (None, None), ("AQID", "cd" * 32))
    made = []
    for number, (sealed, hashed) in enumerate(numbers, start=1):
        one = gates(number, run=f"run-{number}")
        reason = ("gate_restarted", "left_before_told", "hung_up_before_told")[number - 1]
        began, ended = names.iso(at(number)), names.iso(at(31 - number))
        one["call"].update(outcome="not_recorded", reason=reason, began_at=began, ended_at=ended)
        one["call"].update(line=f"line-{number}", number=sealed, number_hash=hashed)
        one.update(segments=[], tracks=[])
        made.append(one)
    return [*made, scripts(4)]


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
def test_a_call_is_the_same_whichever_account_came_first(database, dsn, order):
    """So that the rows that are made anew from S3, in its order, are those that there were."""
    told = accounts()
    for number in order:
        store(database, told[number])
    query = "SELECT line, reason, began_at, ended_at, number, encode(number_hash, 'hex') FROM calls"
    (row,) = rows(dsn, query)
    assert row[:2] == ("line-1", "hung_up_before_told")
    assert [names.instant_of(one.isoformat()) for one in row[2:4]] == [at(1), at(30)]
    assert row[4:] == (b"\x00\x01\x02", "ab" * 32)
    assert rows(dsn, "SELECT count(*) FROM recordings") == [(3,)]


def test_the_gates_account_leaves_nothing_of_the_scripts(database, dsn):
    store(database, scripts())
    assert rows(dsn, "SELECT outcome, reason FROM calls") == [("not_recorded", "gate_away")]
    store(database, gates())
    assert rows(dsn, "SELECT outcome, reason FROM calls") == [("recorded", None)]
    assert rows(dsn, "SELECT source FROM recordings") == [("gate",)]


# -- incidents


def test_an_incident_stands_in_rows_to_the_microsecond(database, dsn):
    database.store_incident(incident(), "calls/incidents/1.json", "e" * 64)
    (row,) = rows(dsn, "SELECT incident, node, at, door, action, why, channel, stopped_after_ms, object FROM incidents")
    assert row[:2] == (minted(1), "pbx1")
    assert names.instant_of(row[2].isoformat()) == at(7.000_001)
    assert row[3:] == (*("mixmonitor", "stopped", "not_named_in_live", "1763802000.7", 12, "calls/incidents/1.json"),)
    assert rows(dsn, "SELECT incident, file, sha256, bytes, quarantined_as FROM incident_files") == [
        (minted(1), 1, "a" * 64, 1644, f"{minted(1)}-1.wav")
    ]


def test_the_database_knows_every_word_of_an_incident(database, dsn):
    words = list(itertools.zip_longest(Door, Action, Why))
    for number, (door, action, why) in enumerate(words, start=1):
        said = incident(number, door=door, action=action or "failed", why=why or "not_allowed", channel=None, files=[])
        database.store_incident(said, f"calls/incidents/{number}.json", "e" * 64)
    assert rows(dsn, "SELECT count(*), count(channel) FROM incidents") == [(len(words), 0)]
    assert rows(dsn, "SELECT count(*) FROM incident_files") == [(0,)]


@pytest.mark.parametrize(
    "changes",
    [
        {"id": "x"},
        {"door": "window"},
        {"action": "forgiven"},
        {"why": "because"},
        {"at": None},
        {"stopped_after_ms": -1},
        {"files": [{"sha256": "x", "bytes": 1, "quarantined_as": "x.wav"}]},
        {"files": [{"sha256": "a" * 64, "bytes": None, "quarantined_as": "x.wav"}]},
    ],
)
def test_an_incident_in_other_words_is_refused_whole(database, dsn, changes):
    with pytest.raises(ConflictError):
        database.store_incident(incident(**changes), "calls/incidents/1.json", "e" * 64)
    assert rows(dsn, "SELECT count(*) FROM incidents") == [(0,)]


# -- a server that refuses, is gone, comes back, hangs


def test_a_wrong_password_is_named(dsn):
    wrong = psycopg.conninfo.make_conninfo(dsn, password="hunter2")  # that is the point
    database = PostgresDatabase(wrong)
    with pytest.raises(PermanentError, match=r"PostgreSQL refuses us .*password.*dsn_file") as caught:
        database.reach()
    assert "hunter2" not in str(caught.value)
    database.close()


def test_a_missing_database_is_named():
    database = PostgresDatabase(servers.running().dsn("nowhere"))
    with pytest.raises(PermanentError, match='"nowhere" does not exist'):
        database.reach()
    database.close()


def test_nothing_listening_is_transient():
    database = PostgresDatabase("host=127.0.0.1 port=1 user=x dbname=y")
    with pytest.raises(TransientError, match=r"y at 127\.0\.0\.1:1"):
        database.reach()
    database.close()


def test_a_dsn_that_is_none_is_named():
    database = PostgresDatabase("postgres//nonsense")
    with pytest.raises(PermanentError, match="dsn_file"):
        database.reach()
    database.close()


def test_after_a_restart_of_the_server_the_next_attempt_works(database):
    database.reach()
    running = servers.running()
    running.kill("postgres")
    with pytest.raises(TransientError):
        database.reach()
    began = time.monotonic()
    with pytest.raises(TransientError, match="refused"):
        database.reach()
    assert time.monotonic() - began < 1, "a server that is away is told at once, not after a pool's timeout"
    running.start_postgres()
    database.reach()
    store(database, gates())


def test_a_role_without_rights_is_named(dsn):
    with psycopg.connect(servers.running().postgres.admin_dsn, autocommit=True) as admin:
        admin.execute("CREATE ROLE stranger LOGIN PASSWORD 'stranger'")
    stranger = PostgresDatabase(psycopg.conninfo.make_conninfo(dsn, user="stranger", password="stranger"))
    with pytest.raises(PermanentError, match="permission denied"):
        stranger.reach()
    stranger.close()


def test_closing_does_not_wait_for_a_server_that_hangs(dsn):
    database = PostgresDatabase(dsn)
    database.reach()
    postmaster = servers.running().processes["postgres"]
    postmaster.signal(signal.SIGSTOP)
    try:
        began = time.monotonic()
        database.close()
        assert time.monotonic() - began < 3
    finally:
        postmaster.signal(signal.SIGCONT)


def test_has_call_asks_by_node_and_channel(database):
    store(database, gates())
    assert database.has_call("pbx1", CHANNEL)
    assert not database.has_call("pbx1", "'; DROP TABLE calls; --")
