"""Ship with the real S3 and the real PostgreSQL: what it stored is locked, lies its time, and nobody can remove it."""

import pytest
import servers
from botocore.exceptions import ClientError
from demo_world.seaweed import BUCKET
from sealed_calls import SyntheticSpool

from ari_app.adapters.postgres import PostgresDatabase
from ari_app.core.names import instant_of
from ari_app.core.retention import Keep, Locking, LockMode
from ari_app.safekeeping import STORED, Proof, Terms
from ari_app.ship import Ship
from ari_app.signing import Signer

CLASS = Keep(30, "year")
LOCKING = Locking(LockMode.GOVERNANCE, demanded=True, legal_hold=True, lines={"switchboard": CLASS}, classes=(CLASS,))


@pytest.fixture
def synthetic(tmp_path):
    return SyntheticSpool(tmp_path / "spool").prepare()


@pytest.fixture
def prefix():
    return servers.running().prefix()


@pytest.fixture
def ship(synthetic, prefix):
    """Return a function that ships what lies in the spool, by these terms, and returns the exit code."""
    running = servers.running()
    database = PostgresDatabase(running.database())

    def shipped(terms, bucket=BUCKET):
        made = Ship(synthetic.layout, running.store(bucket=bucket), database, prefix, "pbx1", once=True)
        made.terms, made.signer = terms, Signer(bytes(range(32)))
        return made.run()

    yield shipped
    database.close()


def test_nobody_can_remove_what_is_stored_before_its_time(synthetic, ship, prefix):
    recording = synthetic.good()
    assert ship(Terms(locking=LOCKING)) == 0
    assert (synthetic.layout.shipped / recording).is_dir()
    client = servers.running().store()._client
    versions = client.list_object_versions(Bucket=BUCKET, Prefix=f"{prefix}/2026")["Versions"]
    assert sorted(one["Key"].rpartition("/")[2] for one in versions) == [
        "manifest.json",
        "manifest.json.sig",
        "seg-001.flac",
    ]
    for one in versions:
        lock = client.get_object_retention(Bucket=BUCKET, Key=one["Key"])["Retention"]
        assert lock["Mode"] == "GOVERNANCE"
        assert lock["RetainUntilDate"].timestamp() * 1e6 >= CLASS.after(instant_of("2026-11-22T00:00:00Z"))
        hold = client.get_object_legal_hold(Bucket=BUCKET, Key=one["Key"])["LegalHold"]
        assert hold["Status"] == "ON"
        for bypass in (False, True):
            with pytest.raises(ClientError, match="AccessDenied"):
                client.delete_object(
                    Bucket=BUCKET, Key=one["Key"], VersionId=one["VersionId"], BypassGovernanceRetention=bypass
                )
        client.put_object_legal_hold(Bucket=BUCKET, Key=one["Key"], LegalHold={"Status": "OFF"})


def test_a_recording_that_the_store_lost_after_it_was_stored_is_stored_again(synthetic, ship, prefix):
    """As SeaweedFS does whose power fails before the kernel has written what it answered for."""
    recording, terms = synthetic.good(), Terms(proof=Proof.READ_BACK, keep_audio_seconds=300)
    assert ship(terms) == 0
    mark = synthetic.layout.sealed / recording / STORED
    client = servers.running().store()._client
    (key,) = [
        one["Key"]
        for one in client.list_objects_v2(Bucket=BUCKET, Prefix=f"{prefix}/2026")["Contents"]
        if one["Key"].endswith(".flac")
    ]
    whole = client.get_object(Bucket=BUCKET, Key=key)["Body"].read()
    client.delete_object(Bucket=BUCKET, Key=key)
    mark.write_text(str(int(mark.read_text()) - 301_000_000))
    assert ship(terms) == 1
    assert not mark.exists()
    assert (synthetic.layout.audio_of(recording)).is_dir()
    assert ship(terms) == 0
    assert client.get_object(Bucket=BUCKET, Key=key)["Body"].read() == whole
    mark.write_text(str(int(mark.read_text()) - 301_000_000))
    assert ship(terms) == 0
    assert not synthetic.layout.audio_of(recording).exists()
    assert (synthetic.layout.shipped / recording).is_dir()


def test_a_bucket_without_lock_keeps_the_sound_here_where_one_is_demanded(synthetic, ship):
    recording = synthetic.good()
    bucket = servers.running().bucket("unlocked")
    assert ship(Terms(locking=LOCKING), bucket) == 1
    assert synthetic.layout.audio_of(recording).is_dir()
    assert ship(Terms(locking=Locking(LockMode.GOVERNANCE, lines={"switchboard": CLASS})), bucket) == 0
    assert not synthetic.layout.audio_of(recording).exists()
