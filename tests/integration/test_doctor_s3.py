"""`consentgate doctor s3` on the real S3 server: what it finds, what it sets, and that nothing of it is left."""

import hashlib
import json
import sys

import pytest
import servers
from integration.scripted_s3 import Answer, scripted
from unit.config_world import write

from ari_app import bucket_rules, cli
from ari_app.commands import doctor_probes, doctor_s3
from ari_app.errors import FINDING, GOOD, UNREACHABLE, ConfigurationError, PermanentError

SHIP = "arn:aws:iam::000000000000:user/ship"
BASE = {"TLS", "write", "SHA-256 of what comes in", "read back", "If-None-Match", "large files in parts"}


@pytest.fixture(autouse=True)
def _hasty(monkeypatch):
    monkeypatch.setattr(doctor_probes, "LOCK_SECONDS", 2)


@pytest.fixture
def configure(tmp_path):
    server = servers.running().seaweed

    def configured(bucket, **changes):
        settings = {"bucket": bucket, "region": "eu-west-2", "endpoint_url": server.endpoint, **changes}
        file = write(tmp_path, *((f"s3.{key}", value) for key, value in settings.items()))
        (tmp_path / "s3.access_key").write_text(server.key.access)
        (tmp_path / "s3.secret_key").write_text(server.key.secret)
        (tmp_path / "admin.access").write_text(server.admin.access)
        (tmp_path / "admin.secret").write_text(server.admin.secret)
        return file

    return configured


@pytest.fixture
def doctor(configure, tmp_path, capsys):
    """Return the code and what was found, by name, of a run with these settings and options."""
    keys = {"access_key_file": tmp_path / "admin.access", "secret_key_file": tmp_path / "admin.secret"}

    def asked(bucket, settings=None, **options):
        file = configure(bucket, **(settings or {}))
        capsys.readouterr()
        code = doctor_s3.run(file, as_json=True, **(keys | {"writer": SHIP} | options))
        said = json.loads(capsys.readouterr().out)
        assert said["ok"] is (code == GOOD)
        assert said["left"] == []
        return code, {one["name"]: one for one in said["capabilities"]}, said["changes"]

    return asked


def lying(bucket):
    client = servers.running().seaweed.client(servers.running().seaweed.admin)
    found = client.list_object_versions(Bucket=bucket, Prefix="calls/")
    uploads = client.list_multipart_uploads(Bucket=bucket, Prefix="calls/")
    return [*found.get("Versions", ()), *found.get("DeleteMarkers", ()), *uploads.get("Uploads", ())]


def met(found):
    return {name for name, one in found.items() if one["met"]}


def test_a_bucket_without_versions_and_lock_is_set_and_then_has_both(doctor):
    bucket = servers.running().bucket("doctor-1")
    code, found, changes = doctor(bucket)
    assert (code, changes) == (GOOD, [])
    assert met(found) & {"versioning", "Object Lock", "legal hold", "lifecycle", "ship's key may not remove"} == set()
    assert met(found) >= BASE
    assert "doctor s3 --apply" in found["Object Lock"]["todo"]

    _, found, before = doctor(bucket, dry_run=True)
    assert [one["setting"] for one in before] == ["versioning", "Object Lock", "lifecycle", "policy"]
    assert "versioning" not in met(found)

    code, found, changes = doctor(bucket, apply=True)
    assert (code, changes) == (GOOD, before)
    assert found.keys() - met(found) == {"encryption at rest", "nobody comes without TLS"}
    assert "lock from the first instant" in met(found)

    assert doctor(bucket, apply=True)[2] == []
    assert lying(bucket) == []


def test_what_the_site_demands_is_needed(doctor):
    bucket = servers.running().bucket("doctor-2")
    code, found, _ = doctor(bucket, {"object_lock": "governance", "legal_hold": True})
    assert code == FINDING
    missing = {name for name, one in found.items() if one["needed"] and not one["met"]}
    assert missing == {"Object Lock", "legal hold", "versioning"}
    assert lying(bucket) == []


@pytest.mark.parametrize("mode", ["governance", "compliance", "none"])
def test_a_bucket_that_was_made_with_lock_has_all_that_is_demanded(doctor, mode):
    settings = {"object_lock": mode, "legal_hold": True, "encryption": "AES256"}
    code, found, _ = doctor("recordings", settings)
    assert code == GOOD
    assert BASE | {"Object Lock", "legal hold", "encryption at rest", "versioning"} <= met(found)
    assert found["encryption at rest"]["seen"] == "AES256"
    assert lying("recordings") == []


def test_a_key_of_kms_that_the_store_does_not_know_is_found_out(doctor):
    code, found, _ = doctor(
        "recordings", {"encryption": "aws:kms", "kms_key_id": "arn:aws:kms:eu-west-2:000000000000:key/nobody"}
    )
    assert code == FINDING
    assert found["encryption at rest"]["met"] is False
    assert "check s3.kms_key_id" in found["encryption at rest"]["todo"]


def test_a_key_of_kms_that_the_store_knows_is_used(doctor):
    code, found, _ = doctor("recordings", {"encryption": "aws:kms", "kms_key_id": "alias/recordings"})
    assert (code, found["encryption at rest"]["seen"]) == (GOOD, "aws:kms")


def test_ship_may_still_store_and_no_more_remove_after_the_policy_is_set(doctor, tmp_path):
    running = servers.running()
    bucket = running.bucket("doctor-1")
    doctor(bucket, apply=True)
    store, file = running.store(bucket=bucket), tmp_path / "x"
    file.write_bytes(b"sound")
    key = "calls/2026/11/22/x/seg-001.flac"
    sha256 = hashlib.sha256(b"sound").hexdigest()
    store.put(key, file, sha256, "audio/flac")
    assert store.head(key).sha256 == sha256
    with pytest.raises(Exception, match="AccessDenied"):
        store._client.delete_object(Bucket=bucket, Key=key)
    client = running.seaweed.client(running.seaweed.admin)
    version = client.head_object(Bucket=bucket, Key=key)["VersionId"]
    client.delete_object(Bucket=bucket, Key=key, VersionId=version, BypassGovernanceRetention=True)


def test_a_policy_that_would_shut_ship_out_is_taken_back(doctor, monkeypatch):
    """As with a store that does not know a condition, and then denies every PUT."""
    bucket = servers.running().bucket("doctor-3")
    made = bucket_rules.statements

    def without_condition(*arguments, **options):
        return [{key: value for key, value in one.items() if key != "Condition"} for one in made(*arguments, **options)]

    monkeypatch.setattr(bucket_rules, "statements", without_condition)
    code, _, changes = doctor(bucket, {"object_lock": "none"}, apply=True)
    assert code == FINDING
    (policy,) = [one for one in changes if one["setting"] == "policy"]
    assert not policy["done"]
    assert "so it was taken back" in policy["why"]
    client = servers.running().seaweed.client(servers.running().seaweed.admin)
    with pytest.raises(Exception, match="NoSuchBucketPolicy"):
        client.get_bucket_policy(Bucket=bucket)


def test_who_may_not_set_the_bucket_is_told_so(doctor):
    bucket = servers.running().bucket("doctor-3")
    code, _, changes = doctor(bucket, apply=True, access_key_file=None, secret_key_file=None, writer=None)
    assert code == FINDING
    refused = {one["setting"]: one["why"] for one in changes if not one["done"]}
    assert "--access-key-file" in refused["Object Lock"]
    assert "--writer ARN" in refused["policy"]


def test_a_person_sees_a_table_and_what_was_done(configure, capsys, tmp_path):
    file = configure(servers.running().bucket("doctor-2"), object_lock="governance")
    assert doctor_s3.run(file, dry_run=True, writer=SHIP) == FINDING
    shown = " ".join(capsys.readouterr().out.split())
    assert "would be versioning: turned on" in shown
    assert "capability" in shown
    assert "Missing, and needed: versioning, Object Lock." in shown
    assert "more would make it safer" in shown
    with pytest.raises(ConfigurationError, match="two parts"):
        doctor_s3.run(file, apply=True, access_key_file=tmp_path / "admin.access")
    with pytest.raises(ConfigurationError, match=r"--access-key-file cannot be used .*does not exist"):
        doctor_s3.run(file, apply=True, access_key_file=tmp_path / "nowhere", secret_key_file=tmp_path / "x")


def test_the_command_line_hands_all_of_it_through(configure, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["consentgate", "doctor", "s3", "--json", "-c", str(configure("recordings"))])
    with pytest.raises(SystemExit) as caught:
        cli.main()
    assert caught.value.code == GOOD
    assert json.loads(capsys.readouterr().out)["bucket"] == "recordings"


def test_a_bucket_that_is_not_there_cannot_be_reached(configure):
    file = configure("recordings")
    (file.parent / "s3.secret_key").write_text("wrong")
    with pytest.raises(PermanentError) as caught:
        doctor_s3.run(file)
    assert caught.value.exit_code == UNREACHABLE


def test_a_store_that_can_nothing_is_told_all_that_it_lacks(configure, capsys):
    """It takes everything and keeps nothing: each promise is tried, and none is believed."""
    with scripted(Answer(200, headers={"ETag": '"x"'})) as server:
        file = configure("recordings", endpoint_url=server.endpoint, object_lock="governance", encryption="AES256")
        code = doctor_s3.run(file, as_json=True)
    found = {one["name"]: one for one in json.loads(capsys.readouterr().out)["capabilities"]}
    assert code == FINDING
    assert found.keys() - met(found) >= {
        "SHA-256 of what comes in",
        "SHA-256 of what is there",
        "read back",
        "If-None-Match",
        "encryption at rest",
        "Object Lock",
        "legal hold",
        "ship's key may not remove",
    }


def test_a_store_that_takes_nothing_is_told_what_its_key_lacks(configure, capsys):
    good = Answer(200, body="<ListBucketResult/>")
    with scripted(good, Answer(404, "ObjectLockConfigurationNotFoundError"), Answer(403, "AccessDenied")) as server:
        file = configure("recordings", endpoint_url=server.endpoint)
        assert doctor_s3.run(file, as_json=True) == FINDING
    found = {one["name"]: one for one in json.loads(capsys.readouterr().out)["capabilities"]}
    assert found["write"]["met"] is False
    assert "s3:PutObject" in found["write"]["todo"]
    assert found["region"]["met"] is None


@pytest.mark.parametrize(
    ("ahead", "good", "words"), [(0, True, "0 s"), (600, False, "600 s behind"), (-600, False, "600 s ahead of")]
)
def test_a_clock_that_is_wrong_is_seen(configure, capsys, ahead, good, words):
    with scripted(Answer(200, ahead_seconds=ahead, headers={"ETag": '"x"'})) as server:
        doctor_s3.run(configure("recordings", endpoint_url=server.endpoint), as_json=True)
    found = {one["name"]: one for one in json.loads(capsys.readouterr().out)["capabilities"]}
    assert found["clock"]["met"] is good
    assert words in found["clock"]["seen"].replace("599", "600").replace("601", "600").replace("1 s", "0 s")
