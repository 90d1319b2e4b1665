"""What ship relies on of a place for rows, asked of the real PostgreSQL and of the one in memory."""

import pytest
import servers
from sealed_calls import RATE_HZ, at, good, incident, minted

from ari_app.adapters.memory import MemoryDatabase
from ari_app.adapters.postgres import PostgresDatabase
from ari_app.core import manifest as mf
from ari_app.core import shipment
from ari_app.core.manifest import Stored
from ari_app.core.reasons import Reason
from ari_app.core.recording import Wav
from ari_app.ports import Account, ConflictError

CHANNEL = "1763802000.7"


@pytest.fixture(params=["postgresql", "memory"])
def database(request):
    made = PostgresDatabase(servers.running().database()) if request.param == "postgresql" else MemoryDatabase()
    yield made
    made.close()


def gates(number=1, **changes):
    recording = minted(number)
    entries = good(recording, **{"channel": CHANNEL} | changes)
    wavs = {(1, "p01"): Wav(4 * RATE_HZ, RATE_HZ, at(8))}
    made = shipment.plan(entries, "c" * 64, recording, at(60), wavs)
    return mf.build(made, f"calls/{recording}", {1: Stored("seg-001.flac", "d" * 64, 1000)})


def scripts(number=2):
    recording = minted(number)
    fallback = mf.Fallback(recording, "pbx1", "switchboard", CHANNEL, at(0), at(5), Reason.GATE_AWAY)
    return mf.build_fallback(fallback, f"calls/{recording}")


def account(manifest):
    return Account(manifest, f"{manifest['folder']}/manifest.json", mf.to_json(manifest)[1])


def store(database, manifest):
    database.store(manifest, f"{manifest['folder']}/manifest.json", mf.to_json(manifest)[1])


def test_it_answers(database):
    database.reach()


def test_a_call_that_was_stored_is_known(database):
    assert not database.has_call("pbx1", CHANNEL)
    store(database, gates())
    assert database.has_call("pbx1", CHANNEL)
    assert not database.has_call("pbx2", CHANNEL)


def test_storing_again_changes_nothing(database):
    for _ in range(2):
        store(database, gates())


def test_another_manifest_of_the_same_recording_is_refused(database):
    store(database, gates())
    with pytest.raises(ConflictError, match="another manifest"):
        store(database, gates(line="crisis-line"))


def test_a_scripts_account_after_the_gates_changes_nothing(database):
    store(database, gates())
    store(database, scripts())
    # It was not stored, so the gate's own next account of the same id would be new.
    store(database, gates(2, run="run-2"))


def test_the_gates_account_replaces_a_scripts(database):
    store(database, scripts())
    assert database.has_call("pbx1", CHANNEL)
    store(database, gates())
    store(database, scripts(3))
    assert database.has_call("pbx1", CHANNEL)


def test_a_second_script_adds_nothing(database):
    store(database, scripts(2))
    store(database, scripts(3))


def test_what_a_script_attested_replaces_a_note_and_stands_beside_the_gates(database):
    store(database, scripts(2))
    store(database, gates(1, run="keeper-1", attested_by="agi"))
    store(database, gates(3))
    store(database, scripts(4))
    with pytest.raises(ConflictError):
        store(database, gates(5, run="keeper-1", attested_by="agi"))


def test_what_a_script_attested_is_not_replaced_by_the_gates(database):
    store(database, gates(1, run="keeper-1", attested_by="agi"))
    store(database, gates(2))
    with pytest.raises(ConflictError, match="another manifest"):
        store(database, gates(1, run="keeper-1", attested_by="agi", line="crisis-line"))


def test_a_run_gives_one_account_of_a_channel(database):
    store(database, gates(1))
    with pytest.raises(ConflictError):
        store(database, gates(2))


def test_a_restarted_gate_gives_its_own_account(database):
    store(database, gates(1))
    store(database, gates(2, run="run-2"))


def test_an_incident_is_stored_once(database):
    for _ in range(2):
        database.store_incident(incident(), "calls/incidents/1.json", "e" * 64)
    with pytest.raises(ConflictError, match="another account of this incident"):
        database.store_incident(incident(door="snoop"), "calls/incidents/1.json", "f" * 64)
    database.store_incident(incident(2), "calls/incidents/2.json", "f" * 64)


def test_an_incident_is_no_call(database):
    database.store_incident(incident(), "calls/incidents/1.json", "e" * 64)
    store(database, gates(1))


def test_what_has_rows_is_known_by_its_object(database):
    made, noted = gates(), scripts()
    keys = [f"{one['folder']}/manifest.json" for one in (made, noted)]
    incidents = "calls/incidents/1.json"
    asked = [*keys, incidents, "calls/x", "'); DROP TABLE calls; --"]
    assert database.known(asked) == set()
    assert database.store(noted, keys[1], mf.to_json(noted)[1])
    assert database.known(asked) == {keys[1]}
    assert database.store(made, keys[0], mf.to_json(made)[1])
    database.store_incident(incident(), incidents, "e" * 64)
    assert database.known(asked) == {keys[0], incidents}
    assert database.store(made, keys[0], mf.to_json(made)[1])
    assert not database.store(noted, keys[1], mf.to_json(noted)[1]), "a note gives way"
    assert database.known([]) == set()


def told(outcomes):
    return ["conflict" if isinstance(one, ConflictError) else one for one in outcomes]


def test_several_are_stored_at_once(database):
    several = [account(gates(number, channel=f"1763802000.{number}")) for number in range(1, 30)]
    assert told(database.store_all(several)) == [True] * 29
    assert database.known([one.key for one in several]) == {one.key for one in several}
    assert told(database.store_all(several)) == [True] * 29
    assert told(database.store_all([])) == []


def test_of_several_each_sees_those_before_it(database):
    """Of one call: a script's note, the gate's account, another note, that of the next run, one of a run known."""
    made = [scripts(2), gates(1), scripts(3), gates(4, run="run-2"), gates(1), gates(5)]
    assert told(database.store_all([account(one) for one in made])) == [True, True, False, True, True, "conflict"]
    keys = [account(one).key for one in made]
    assert database.known(keys) == {keys[1], keys[3]}


def test_one_that_is_refused_stops_no_other(database):
    store(database, gates(7, channel="1763802000.70"))
    others = [account(gates(number, channel=f"1763802000.{number}")) for number in range(1, 5)]
    altered = account(gates(7, channel="1763802000.70", line="crisis-line"))
    again = account(gates(6, channel="1763802000.70"))
    outcomes = database.store_all([*others[:2], altered, again, *others[2:]])
    assert told(outcomes) == [True, True, "conflict", "conflict", True, True]
    assert "another manifest" in str(outcomes[2])
    assert database.known([one.key for one in (*others, again)]) == {one.key for one in others}
