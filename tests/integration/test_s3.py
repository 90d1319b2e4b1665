"""The real S3 server when it refuses, is gone, hangs, or holds what it should not."""

import hashlib
import socket
import threading

import pytest
import servers
from unit.config_world import write

from ari_app import config
from ari_app.adapters.s3 import S3Store, configured
from ari_app.errors import PermanentError, TransientError
from ari_app.ports import Found


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "object"
    path.write_bytes(b"sound" * 1000)
    return path


SHA256 = hashlib.sha256(b"sound" * 1000).hexdigest()


def nowhere(port, **changes):
    endpoint = f"http://127.0.0.1:{port}"
    keys = {"access_key": "AKIATEST", "secret_key": "secret"}
    return S3Store(bucket="recordings", region="eu-west-2", endpoint_url=endpoint, **(keys | changes))


def test_a_wrong_secret_is_named():
    store = servers.running().store(secret_key="hunter2")
    with pytest.raises(PermanentError, match=r"SignatureDoesNotMatch.*s3\.secret_key_file") as caught:
        store.reach()
    assert "hunter2" not in str(caught.value)


def test_keys_that_were_replaced_are_taken_up_without_a_restart(tmp_path, file):
    server = servers.running().seaweed
    changes = {"bucket": "recordings", "region": "eu-west-2", "endpoint_url": server.endpoint}
    settings = config.load(write(tmp_path, *((f"s3.{key}", value) for key, value in changes.items())), {}).s3
    store = configured(settings)
    with pytest.raises(PermanentError):
        store.reach()
    (tmp_path / "s3.access_key").write_text(f"{server.key.access}\n")
    for spoilt in ("", "wrong\n", None):
        # Whatever lies there meanwhile, the next attempt is made all the same.
        secret = tmp_path / "s3.secret_key"
        secret.unlink(missing_ok=True) if spoilt is None else secret.write_text(spoilt)
        with pytest.raises(PermanentError):
            store.put(f"{servers.running().prefix()}/x", file, SHA256, "audio/flac")
    (tmp_path / "s3.secret_key").write_text(f"{server.key.secret}\n")
    with pytest.raises(PermanentError):
        store.reach()
    store.reach()
    store.put(f"{servers.running().prefix()}/x", file, SHA256, "audio/flac")


def test_an_unknown_access_key_is_named():
    with pytest.raises(PermanentError, match=r"InvalidAccessKeyId.*s3\.access_key_file"):
        servers.running().store(access_key="AKIANOBODY").reach()


def test_a_missing_bucket_is_named():
    # Our key has rights on one bucket only, so the launcher's asks here.
    running = servers.running()
    admin = running.seaweed.admin
    store = running.store(bucket="elsewhere", access_key=admin.access, secret_key=admin.secret)
    with pytest.raises(PermanentError, match=r"NoSuchBucket.*s3\.bucket"):
        store.reach()


def test_another_bucket_is_none_of_ours():
    with pytest.raises(PermanentError, match="AccessDenied"):
        servers.running().store(bucket="elsewhere").reach()


def test_wrong_credentials_are_told_for_every_operation(file):
    store = servers.running().store(secret_key="hunter2")
    with pytest.raises(PermanentError):
        store.put("x/y", file, SHA256, "audio/flac")
    with pytest.raises(PermanentError, match=r"credentials|secret_key_file"):
        store.head("x/y")


def test_no_credentials_at_all_are_named(monkeypatch, file):
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    with pytest.raises(PermanentError, match="no credentials"):
        nowhere(1, access_key=None, secret_key=None).put("x", file, SHA256, "audio/flac")


def test_nothing_listening_is_transient():
    with pytest.raises(TransientError, match=r"Check s3\.endpoint_url"):
        nowhere(1).reach()


def test_a_server_that_hangs_up_is_transient(file):
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=lambda: server.accept()[0].close())  # noqa: PLW0108  accept must wait in the thread
        thread.start()
        with pytest.raises(TransientError):
            nowhere(server.getsockname()[1]).put("x", file, SHA256, "audio/flac")
        thread.join()


@pytest.mark.parametrize(
    ("status", "error"),
    [(500, TransientError), (503, TransientError), (429, TransientError), (400, PermanentError), (501, TransientError)],
)
def test_answers_are_classified_by_their_status(status, error):
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer():
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(f"HTTP/1.1 {status} X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(error):
            nowhere(server.getsockname()[1]).reach()
        thread.join()


def test_an_object_without_a_kept_checksum_is_read_back(file):
    running = servers.running()
    key = f"{running.prefix()}/old"
    running.seaweed.client().put_object(Bucket="recordings", Key=key, Body=file.read_bytes())
    assert running.store().head(key) == Found(5000, SHA256)


@pytest.mark.parametrize(
    ("encryption", "kms_key_id"), [("AES256", None), ("aws:kms", "alias/recordings"), ("aws:kms", "1234abcd-12ab")]
)
@pytest.mark.parametrize("multipart_above_bytes", [1 << 20, 1 << 10])
def test_encryption_is_asked_for_and_recorded(file, encryption, kms_key_id, multipart_above_bytes):
    running = servers.running()
    key = f"{running.prefix()}/secret"
    store = S3Store(
        bucket="recordings",
        region="eu-west-2",
        endpoint_url=running.seaweed.endpoint,
        access_key=running.seaweed.key.access,
        secret_key=running.seaweed.key.secret,
        encryption=encryption,
        kms_key_id=kms_key_id,
        multipart_above_bytes=multipart_above_bytes,
    )
    for _ in range(2):
        store.put(key, file, SHA256, "audio/flac")
    assert store.head(key) == store.read_back(key) == Found(5000, SHA256)
    answer = running.seaweed.client().head_object(Bucket="recordings", Key=key)
    assert (answer["ServerSideEncryption"], answer.get("SSEKMSKeyId")) == (encryption, kms_key_id)


def test_a_key_of_kms_that_the_store_does_not_know_is_named(file):
    running = servers.running()
    store = S3Store(
        bucket="recordings",
        region="eu-west-2",
        endpoint_url=running.seaweed.endpoint,
        access_key=running.seaweed.key.access,
        secret_key=running.seaweed.key.secret,
        encryption="aws:kms",
        kms_key_id="arn:aws:kms:eu-west-2:000000000000:key/nobody",
    )
    with pytest.raises(TransientError, match=r"InternalError.*s3\.kms_key_id"):
        store.put(f"{running.prefix()}/secret", file, SHA256, "audio/flac")


def test_objects_survive_a_killed_server(file):
    running = servers.running()
    store, key = running.store(), f"{running.prefix()}/survivor"
    store.put(key, file, SHA256, "audio/flac")
    running.kill("s3")
    with pytest.raises(TransientError):
        store.head(key)
    running.start_s3()
    assert store.head(key) == Found(5000, SHA256)
