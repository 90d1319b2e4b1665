"""What the store's answers mean: each failure is of one kind, and tells the administrator what to do."""

import base64
import datetime as dt
import hashlib

import certificates
import pytest
from integration.scripted_s3 import Answer, scripted

from ari_app.adapters.s3 import S3Store
from ari_app.core.names import Instant
from ari_app.core.retention import LockMode
from ari_app.errors import NotThereError, PermanentError, TransientError
from ari_app.ports import ConflictError, NotEncryptedError, NotLockableError

CONTENT = b"sound" * 1000
SHA256 = hashlib.sha256(CONTENT).hexdigest()
GOOD = Answer(200, body="<ListBucketResult><KeyCount>0</KeyCount></ListBucketResult>")


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "object"
    path.write_bytes(CONTENT)
    return path


def store(server, **changes):
    keys = {"access_key": "AKIATEST", "secret_key": "secret", "endpoint_url": server.endpoint}
    return S3Store(bucket="recordings", region="eu-west-2", **(keys | changes))


@pytest.mark.parametrize(
    ("answer", "error", "told"),
    [
        (Answer(503, "SlowDown"), TransientError, r"throttled.*SlowDown.*asks for fewer requests.*goes on by itself"),
        (Answer(429, "TooManyRequests"), TransientError, r"throttled.*goes on by itself"),
        (Answer(503), TransientError, r"throttled.*goes on by itself"),
        (Answer(400, "ExpiredToken"), PermanentError, r"ExpiredToken.*still gets credentials.*Nothing is lost"),
        (Answer(400, "TokenRefreshRequired"), PermanentError, r"still gets credentials"),
        (
            Answer(403, "RequestTimeTooSkewed", ahead_seconds=3600),
            PermanentError,
            r"clock is 3\d{3} s behind the store's.*Set this machine's clock.*goes on by itself",
        ),
        (Answer(403, "RequestTimeTooSkewed", ahead_seconds=-3600), PermanentError, r"clock is 3\d{3} s ahead of"),
        (Answer(403, "RequestTimeTooSkewed", headers={"Date": "now"}), PermanentError, r"test wants it \(Request"),
        (Answer(400, "KMS.NotFoundException"), PermanentError, r"Check s3\.kms_key_id"),
        (Answer(400, "KMS.DisabledException"), PermanentError, r"Check s3\.kms_key_id"),
        (Answer(403, "AccessDenied"), PermanentError, r"doctor s3"),
        (Answer(501, "NotImplemented"), TransientError, r"lacks a function.*doctor s3"),
        (Answer(507, "XMinioStorageFull"), TransientError, r"disks are full"),
        (Answer(403, "QuotaExceeded"), TransientError, r"quota is used up"),
        (Answer(409, "OperationAborted"), TransientError, r"OperationAborted"),
        (Answer(400, "BadDigest"), TransientError, r"BadDigest"),
        (Answer(400, "EntityTooLarge"), PermanentError, r"EntityTooLarge"),
    ],
)
@pytest.mark.parametrize("deed", ["put", "reach"])
def test_each_failure_is_of_one_kind_and_says_what_to_do(file, answer, error, told, deed):
    with scripted(answer) as server:
        made = store(server)
        with pytest.raises(error, match=told):
            made.put("x", file, SHA256, "audio/flac") if deed == "put" else made.reach()
        # One layer tries again, and it is not this one.
        assert len(server.asked) == 1


@pytest.mark.parametrize(
    "answer",
    [
        Answer(301, "PermanentRedirect", headers={"x-amz-bucket-region": "us-east-1"}),
        Answer(400, "AuthorizationHeaderMalformed", body="<Region>us-east-1</Region>"),
    ],
)
def test_no_recording_follows_a_bucket_into_another_region(file, answer):
    with scripted(answer, GOOD) as server:
        made = store(server)
        for _ in range(2):
            server.answers[:] = [answer, GOOD]
            with pytest.raises(PermanentError, match=r"region us-east-1, not in s3\.region.*never follows"):
                made.put("x", file, SHA256, "audio/flac")
            assert [one for one in server.asked if one.startswith("PUT")][1:] == []


@pytest.mark.parametrize("code", ["InvalidRequest", "ObjectLockConfigurationNotFoundError", "NotImplemented"])
def test_a_bucket_without_lock_is_no_failure_of_reaching_it(code):
    until = Instant(4_102_444_800_000_000)
    with scripted(Answer(400, code)) as server:
        with pytest.raises(NotLockableError, match=r"no Object Lock.*doctor s3 --apply"):
            store(server).retain("x", LockMode.GOVERNANCE, until)
        with pytest.raises(NotLockableError, match=r"no Object Lock"):
            store(server).hold("x")


LOCKED = "<Retention><Mode>{mode}</Mode><RetainUntilDate>{year}-01-01T00:00:00Z</RetainUntilDate></Retention>"
UNTIL = Instant(int(dt.datetime(2030, 1, 1, tzinfo=dt.UTC).timestamp()) * 1_000_000)


@pytest.mark.parametrize(
    ("there", "asked"),
    [
        (LOCKED.format(mode="GOVERNANCE", year=2031), ["PUT", "GET"]),
        (LOCKED.format(mode="COMPLIANCE", year=2030), ["PUT", "GET"]),
        # What is stronger and shorter is made longer, what is longer and weaker is made stronger.
        (LOCKED.format(mode="COMPLIANCE", year=2029), ["PUT", "GET", "PUT"]),
    ],
)
def test_a_stronger_or_longer_lock_that_is_there_is_as_good(there, asked):
    with scripted(Answer(403, "AccessDenied"), Answer(200, body=there), Answer(200)) as server:
        store(server).retain("x", LockMode.GOVERNANCE, UNTIL)
        assert [one.split()[0] for one in server.asked] == asked


def test_whoever_may_not_lock_is_told_which_right_they_lack():
    with scripted(Answer(403, "AccessDenied")) as server:
        with pytest.raises(PermanentError, match="PutObjectRetention"):
            store(server).retain("x", LockMode.GOVERNANCE, UNTIL)
        with pytest.raises(PermanentError, match="PutObjectLegalHold"):
            store(server).hold("x")


def test_a_store_that_does_not_encrypt_is_found_out(file):
    with (
        scripted(Answer(200, headers={"ETag": '"x"'})) as server,
        pytest.raises(NotEncryptedError, match=r"no encryption instead of AES256.*in clear"),
    ):
        store(server, encryption="AES256").put("x", file, SHA256, "audio/flac")
    with scripted(Answer(200, headers={"x-amz-server-side-encryption": "AES256"})) as server:
        store(server, encryption="AES256").put("x", file, SHA256, "audio/flac")


def test_what_was_there_in_clear_does_not_pass_for_encrypted(file):
    checksum = {"x-amz-checksum-sha256": base64.b64encode(bytes.fromhex(SHA256)).decode()}
    there = Answer(200, headers={**checksum, "Content-Length": str(len(CONTENT))})
    with (
        scripted(Answer(412, "PreconditionFailed"), there) as server,
        pytest.raises(NotEncryptedError),
    ):
        store(server, encryption="AES256").put("x", file, SHA256, "audio/flac")


def test_a_key_that_was_taken_and_is_free_again_is_tried_again(file):
    with (
        scripted(Answer(412, "PreconditionFailed"), Answer(404, "NoSuchKey")) as server,
        pytest.raises(TransientError, match="in this very moment"),
    ):
        store(server).put("x", file, SHA256, "audio/flac")


def test_what_else_lies_there_is_for_a_person_to_settle(file):
    other = Answer(200, body="another call")
    with (
        scripted(Answer(412, "PreconditionFailed"), other) as server,
        pytest.raises(ConflictError, match=r"12 bytes.*ours is 5000"),
    ):
        store(server).put("x", file, SHA256, "audio/flac")


def test_an_answer_without_a_text_is_still_told():
    with scripted(Answer(404)) as server, pytest.raises(NotThereError):
        store(server).head("x")


@pytest.fixture
def certificate(tmp_path):
    return certificates.make(tmp_path)


def test_a_server_that_nobody_vouches_for_gets_nothing(certificate, file):
    public, whole = certificate
    with scripted(GOOD, certificate=whole) as server:
        with pytest.raises(PermanentError, match=r"TLS: .*certificate verify failed.*s3\.ca_file"):
            store(server).put("x", file, SHA256, "audio/flac")
        assert server.asked == []
        store(server, ca_file=public).reach()
        assert len(server.asked) == 1


def test_a_bucket_is_a_host_name_only_where_that_is_asked_for(file):
    with scripted(Answer(200, headers={"ETag": '"x"'})) as server:
        store(server).put("x", file, SHA256, "audio/flac")
        assert server.asked == ["PUT /recordings/x"]
        virtual = store(server, addressing="virtual", endpoint_url=server.endpoint.replace("127.0.0.1", "localhost"))
        assert virtual._client.meta.config.s3["addressing_style"] == "virtual"
