"""Objects in S3, each written once, with its SHA-256 checked by the server and asked for again afterwards.

boto3's own retries are off: one layer retries (`retrying`), and an administrator is told of the first failure.
"""

import base64
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import boto3
from botocore.config import Config as ClientConfig
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, PartialCredentialsError

from ari_app.errors import NotThereError, PermanentError, TransientError
from ari_app.ports import Found

if TYPE_CHECKING:  # the stubs are a development tool, the configuration is not read here
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import PutObjectRequestTypeDef

    from ari_app.config import S3

CONNECT_SECONDS = 5
READ_SECONDS = 60
CHUNK_BYTES = 1 << 20

_HINTS = {
    "InvalidAccessKeyId": "The access key is unknown there: check s3.access_key_file",
    "SignatureDoesNotMatch": "The secret key is wrong: check s3.secret_key_file",
    "RequestTimeTooSkewed": "The clocks differ too much: check this machine's time",
    "NoSuchBucket": "Create the bucket, or check s3.bucket, s3.region and s3.endpoint_url",
    "AccessDenied": "The key needs ListBucket, GetObject and PutObject on the bucket: check its rights",
    "NotImplemented": "This S3 lacks a function that is needed (SHA-256 checksums, If-None-Match)",
}
_BUSY = {"BadDigest", "XAmzContentSHA256Mismatch", "XAmzContentChecksumMismatch", "IncompleteBody", "RequestTimeout"}
"""4xx answers that mean: the bytes were damaged or lost on the way."""


class S3Store:
    """An ObjectStore and an Archive in one bucket. `encryption`: what the server shall do with each object at rest."""

    def __init__(
        self,
        *,
        bucket: str,
        region: str,
        endpoint_url: str | None = None,
        access_key: str | None = None,
        secret_key: str | None = None,
        encryption: Literal["AES256", "aws:kms"] | None = None,
        kms_key_id: str | None = None,
    ) -> None:
        self._bucket = bucket
        self._where = f"bucket {bucket} at {endpoint_url or region}"
        self._encryption = encryption
        self._kms_key_id = kms_key_id
        self._client: S3Client = boto3.client(
            "s3",
            region_name=region,
            endpoint_url=endpoint_url,
            aws_access_key_id=access_key,
            aws_secret_access_key=secret_key,
            config=ClientConfig(
                connect_timeout=CONNECT_SECONDS,
                read_timeout=READ_SECONDS,
                retries={"total_max_attempts": 1},
                # A bucket as host name needs a wildcard in the DNS, which only AWS itself is sure to have.
                s3={"addressing_style": "path" if endpoint_url else "auto"},
            ),
        )

    def reach(self) -> None:
        # Not HeadBucket: an answer to HEAD has no body, so it could not say which credential is wrong.
        with self._classified("S3 cannot be used"):
            self._client.list_objects_v2(Bucket=self._bucket, MaxKeys=1)

    def put(self, key: str, file: Path, sha256: str, content_type: str) -> None:
        request: PutObjectRequestTypeDef = {
            "Bucket": self._bucket,
            "Key": key,
            "ContentType": content_type,
            "ChecksumSHA256": base64.b64encode(bytes.fromhex(sha256)).decode("ascii"),
            # Decided by the server, so that not even a second ship on another machine could overwrite.
            "IfNoneMatch": "*",
        }
        if self._encryption:
            request["ServerSideEncryption"] = self._encryption
        if self._kms_key_id:
            request["SSEKMSKeyId"] = self._kms_key_id
        with self._classified("an object cannot be stored", key), file.open("rb") as body:
            try:
                request["Body"] = body
                self._client.put_object(**request)
            except ClientError as error:
                if _code(error) not in {"PreconditionFailed", "412"}:
                    raise

    def head(self, key: str) -> Found:
        with self._classified("an object cannot be looked up", key):
            answer = self._client.head_object(Bucket=self._bucket, Key=key, ChecksumMode="ENABLED")
            if checksum := str(dict(answer).get("ChecksumSHA256") or ""):
                return Found(answer["ContentLength"], base64.b64decode(checksum).hex())
            # Not every S3 keeps checksums; then only the bytes themselves can prove what is there.
            return self._read_back(key)

    def _read_back(self, key: str) -> Found:
        digest, size = hashlib.sha256(), 0
        for chunk in self._client.get_object(Bucket=self._bucket, Key=key)["Body"].iter_chunks(CHUNK_BYTES):
            digest.update(chunk)
            size += len(chunk)
        return Found(size, digest.hexdigest())

    def list(self, prefix: str) -> Iterator[str]:
        with self._classified("objects cannot be listed", prefix):
            for page in self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix):
                yield from (one["Key"] for one in page.get("Contents", ()))

    def read(self, key: str) -> Iterator[bytes]:
        with self._classified("an object cannot be read", key):
            yield from self._client.get_object(Bucket=self._bucket, Key=key)["Body"].iter_chunks(CHUNK_BYTES)

    @contextmanager
    def _classified(self, what: str, key: str = "") -> Iterator[None]:
        where = f"{key} in {self._where}" if key else self._where
        try:
            yield
        except ClientError as error:
            raise self._refusal(what, where, error) from error
        except (NoCredentialsError, PartialCredentialsError) as error:
            hint = "Set s3.access_key_file and s3.secret_key_file, or give the machine a role"
            raise PermanentError(what, on=where, why="there are no credentials", hint=hint) from error
        except BotoCoreError as error:
            hint = "Check s3.endpoint_url, the network and that the server runs"
            raise TransientError(what, on=where, why=str(error), hint=hint) from error

    @staticmethod
    def _refusal(what: str, where: str, error: ClientError) -> TransientError | PermanentError | NotThereError:
        code = _code(error)
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        why = error.response.get("Error", {}).get("Message") or f"the server answered {code}"
        hint = _HINTS.get(code, "")
        if code in {"NoSuchKey", "404"}:
            return NotThereError(what, on=where, why="it is not there")
        if status in {401, 403} and not hint:
            hint = "Check s3.access_key_file and s3.secret_key_file, and the key's rights (ListBucket is one of them)"
        if status >= 500 or status in {408, 409, 429} or code in _BUSY:  # noqa: PLR2004  # HTTP's own numbers
            return TransientError(what, on=where, why=f"{why} ({code})", hint=hint)
        return PermanentError(what, on=where, why=f"{why} ({code})", hint=hint)


def configured(settings: "S3") -> S3Store:
    """Return the store that the configuration names."""
    access, secret = settings.access_key, settings.secret_key
    return S3Store(
        bucket=settings.bucket,
        region=settings.region,
        endpoint_url=settings.endpoint_url,
        access_key=access.reveal() if access else None,
        secret_key=secret.reveal() if secret else None,
        encryption=settings.encryption,
        kms_key_id=settings.kms_key_id,
    )


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))
