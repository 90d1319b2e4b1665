"""Large files go to the real S3 server in parts: whole or not at all, and nothing is left of what was cut off."""

import hashlib

import pytest
import servers
from botocore.exceptions import ClientError
from demo_world.seaweed import BUCKET

from ari_app.adapters import s3_multipart
from ari_app.adapters.s3 import S3Store
from ari_app.errors import NotThereError, TransientError
from ari_app.ports import ConflictError, Found

PART = s3_multipart.PART_BYTES


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "seg-001.flac"
    path.write_bytes(b"\x00\xff sound \x01" * ((2 * PART + 12345) // 10))
    return path


def found(file):
    content = file.read_bytes()
    return Found(len(content), hashlib.sha256(content).hexdigest())


@pytest.fixture
def key():
    return f"{servers.running().prefix()}/seg-001.flac"


def store(**changes):
    server = servers.running().seaweed
    return S3Store(
        bucket=BUCKET,
        region="eu-west-2",
        endpoint_url=server.endpoint,
        access_key=server.key.access,
        secret_key=server.key.secret,
        multipart_above_bytes=PART,
        **changes,
    )


def begun(made, key):
    return [
        one["UploadId"] for one in made._client.list_multipart_uploads(Bucket=BUCKET, Prefix=key).get("Uploads", ())
    ]


def test_a_large_file_is_stored_and_read_back_whole(file, key):
    made = store(encryption="AES256")
    for _ in range(2):
        made.put(key, file, found(file).sha256, "audio/flac")
    assert made.head(key) == made.read_back(key) == found(file)
    answer = made._client.head_object(Bucket=BUCKET, Key=key, ChecksumMode="ENABLED")
    assert answer["ChecksumSHA256"].endswith("-3"), "it was meant to come in three parts"
    assert answer["ServerSideEncryption"] == "AES256"
    assert answer["ContentType"] == "audio/flac"
    assert begun(made, key) == []


def test_a_taken_key_is_left_alone_by_parts_as_well(file, key, tmp_path):
    made, other = store(), tmp_path / "other"
    other.write_bytes(file.read_bytes()[::-1])
    made.put(key, file, found(file).sha256, "audio/flac")
    with pytest.raises(ConflictError):
        made.put(key, other, found(other).sha256, "audio/flac")
    assert made.head(key) == found(file)
    assert begun(made, key) == []


def test_other_bytes_than_were_said_are_not_stored_and_leave_nothing(file, key):
    made = store()
    with pytest.raises(TransientError, match="another hash"):
        made.put(key, file, "0" * 64, "audio/flac")
    with pytest.raises(NotThereError):
        made.head(key)
    assert begun(made, key) == []


@pytest.mark.parametrize("error", [ClientError({"Error": {"Code": "SlowDown"}}, "UploadPart"), KeyboardInterrupt()])
def test_what_is_cut_off_leaves_nothing(file, key, monkeypatch, error):
    made, sent = store(), []
    part = made._client.upload_part

    def fail(**request):
        sent.append(request["PartNumber"])
        if len(sent) > 1:
            raise error
        return part(**request)

    with monkeypatch.context() as patch:
        patch.setattr(made._client, "upload_part", fail)
        with pytest.raises((TransientError, KeyboardInterrupt)):
            made.put(key, file, found(file).sha256, "audio/flac")
    assert sent == [1, 2]
    assert begun(made, key) == []


def test_what_a_killed_ship_left_is_thrown_away_before_it_is_sent_again(file, key):
    made = store()
    for name in (key, f"{key}-of-another"):
        upload = made._client.create_multipart_upload(Bucket=BUCKET, Key=name)["UploadId"]
        made._client.upload_part(Bucket=BUCKET, Key=name, UploadId=upload, PartNumber=1, Body=b"left")
    made.put(key, file, found(file).sha256, "audio/flac")
    assert begun(made, key) == [upload], "another object's parts are not ours to take away"
    assert made.head(key) == found(file)
    assert s3_multipart.discard(made._client, BUCKET, f"{key}-of-another") == 1


def test_a_file_of_more_than_ten_thousand_parts_has_larger_ones(tmp_path, monkeypatch):
    monkeypatch.setattr(s3_multipart, "MOST_PARTS", 3)
    monkeypatch.setattr(s3_multipart, "PART_BYTES", 2)
    file = tmp_path / "x"
    file.write_bytes(b"0123456789")
    pieces = list(s3_multipart._checked(file, "x", hashlib.sha256(b"0123456789").hexdigest()))
    assert pieces == [b"0123", b"4567", b"89"]
