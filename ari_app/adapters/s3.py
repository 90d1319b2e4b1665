"""Objects in S3, each written once, with its SHA-256 checked by the server and asked for again afterwards."""

import base64
import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from botocore.exceptions import ClientError

from ari_app import clock
from ari_app.core.names import MICROSECONDS, Instant
from ari_app.core.retention import LockMode
from ari_app.errors import NotThereError, PermanentError, TransientError
from ari_app.ports import Found, NotEncryptedError, NotLockableError, conflict

from . import s3_multipart
from .s3_client import Access, access_of, classified, code_of, connect

if TYPE_CHECKING:  # the configuration is not read here
    from ari_app.config import S3

CHUNK_BYTES = 1 << 20
SMALL_BYTES = 8 << 20
MULTIPART_ABOVE_BYTES = 64 << 20

_TAKEN = {"PreconditionFailed", "412"}
_NO_LOCK = {"InvalidRequest", "ObjectLockConfigurationNotFoundError", "NotImplemented", "MethodNotAllowed"}
"""What stores answer who would lock an object in a bucket that was made without Object Lock."""

Encryption = Literal["AES256", "aws:kms"]


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
        encryption: Encryption | None = None,
        kms_key_id: str | None = None,
        ca_file: Path | None = None,
        addressing: Literal["path", "virtual"] | None = None,
        multipart_above_bytes: int = MULTIPART_ABOVE_BYTES,
        keys: Callable[[], tuple[str, str]] | None = None,
    ) -> None:
        """keys: where an access and a secret key are looked for again when the store refuses those that are known."""
        self._access = Access(bucket, region, endpoint_url, access_key, secret_key, ca_file, addressing)
        self._bucket = bucket
        self._encryption = encryption
        self._kms_key_id = kms_key_id
        self._multipart_above_bytes = multipart_above_bytes
        self._keys = keys
        self._client = connect(self._access)

    def reach(self) -> None:
        # Not HeadBucket: an answer to HEAD has no body, so it could not say which credential is wrong.
        with self._classified("S3 cannot be used"):
            self._client.list_objects_v2(Bucket=self._bucket, MaxKeys=1)

    def put(self, key: str, file: Path, sha256: str, content_type: str) -> Found | None:
        wanted = Found(file.stat().st_size, sha256)
        # Any, because boto3's types have one for each call, and no common one.
        request: dict[str, Any] = {"Bucket": self._bucket, "Key": key, "ContentType": content_type}
        if self._encryption:
            request["ServerSideEncryption"] = self._encryption
        if self._kms_key_id:
            request["SSEKMSKeyId"] = self._kms_key_id
        with self._classified("an object cannot be stored", key):
            try:
                if wanted.size > self._multipart_above_bytes:
                    request["ChecksumAlgorithm"] = "SHA256"
                    encrypted = s3_multipart.put(self._client, request, file, sha256)  # type: ignore[arg-type]  # as above
                    taken = None
                else:
                    encrypted, taken = self._put_whole(request, file, wanted)
            except ClientError as error:
                if code_of(error) not in _TAKEN:
                    raise
                encrypted, taken = self._compared(key, wanted), wanted
        if self._encryption and encrypted != self._encryption:
            raise NotEncryptedError(
                "an object was not encrypted by the store, as s3.encryption demands",
                on=self._where(key),
                why=f"it has {encrypted or 'no encryption'} instead of {self._encryption}",
                hint="It lies there, in clear: use a store that can, or leave s3.encryption out, and remove the object",
            )
        return taken

    def _put_whole(self, request: dict[str, Any], file: Path, wanted: Found) -> tuple[str | None, Found | None]:
        """Return how the store says it encrypted the object, and what it says it has taken."""
        checksum = base64.b64encode(bytes.fromhex(wanted.sha256)).decode("ascii")
        with file.open("rb") as stream:
            # Of a stream boto3 asks first whether it may come, and waits for the word: a small one is not worth it.
            small = os.fstat(stream.fileno()).st_size <= SMALL_BYTES
            body = stream.read() if small else stream
            # Decided by the server, so that not even a second ship on another machine could overwrite.
            answer = self._client.put_object(**request, Body=body, ChecksumSHA256=checksum, IfNoneMatch="*")
        # Reckoned by the store from the bytes that came: it was given this one, and had refused any others.
        taken = wanted if dict(answer).get("ChecksumSHA256") == checksum else None
        return str(dict(answer).get("ServerSideEncryption") or "") or None, taken

    def _compared(self, key: str, wanted: Found) -> str | None:
        """Return how what lies under a taken key is encrypted. Raises ConflictError if it is something else."""
        try:
            there = self.head(key)
            answer = dict(self._client.head_object(Bucket=self._bucket, Key=key)) if self._encryption else {}
        except NotThereError:
            why = "somebody removed what lay there, in this very moment"
            raise TransientError("an object cannot be stored", on=self._where(key), why=why) from None
        if there != wanted:
            raise conflict(self._where(key), there, wanted)
        return str(answer.get("ServerSideEncryption") or "") or None

    def head(self, key: str) -> Found:
        with self._classified("an object cannot be looked up", key):
            answer = self._client.head_object(Bucket=self._bucket, Key=key, ChecksumMode="ENABLED")
        checksum = str(dict(answer).get("ChecksumSHA256") or "")
        if checksum and "-" not in checksum:
            return Found(answer["ContentLength"], base64.b64decode(checksum).hex())
        # Not every S3 keeps checksums, and of what came in parts it is one of their checksums; then only the bytes
        # themselves can prove what is there.
        return self.read_back(key)

    def read_back(self, key: str) -> Found:
        digest, size = hashlib.sha256(), 0
        for chunk in self.read(key):
            digest.update(chunk)
            size += len(chunk)
        return Found(size, digest.hexdigest())

    def retain(self, key: str, mode: LockMode, until: Instant) -> None:
        if until <= clock.now():
            # Over by now. Stores say of an instant that is past what they say of a bucket without lock.
            return
        with self._classified("an object cannot be locked", key):
            try:
                self._retain(key, mode, until)
            except ClientError as error:
                if code_of(error) in _NO_LOCK:
                    raise self._unlockable(key, error) from error
                # So answers as well who would make a lock weaker or shorter: then what is there decides.
                if code_of(error) != "AccessDenied" or (there := self._lock_of(key)) is None:
                    raise
                strength = list(LockMode).index
                stronger = max(mode, there[0], key=strength), max(until, there[1])
                if stronger != there:
                    self._retain(key, *stronger)

    def _retain(self, key: str, mode: LockMode, until: Instant) -> None:
        date = datetime.fromtimestamp(-(-until // MICROSECONDS), UTC)
        name: Literal["GOVERNANCE", "COMPLIANCE"] = "COMPLIANCE" if mode is LockMode.COMPLIANCE else "GOVERNANCE"
        self._client.put_object_retention(
            Bucket=self._bucket, Key=key, Retention={"Mode": name, "RetainUntilDate": date}
        )

    def _lock_of(self, key: str) -> tuple[LockMode, Instant] | None:
        try:
            found = self._client.get_object_retention(Bucket=self._bucket, Key=key)["Retention"]
            until = Instant(round(found["RetainUntilDate"].timestamp()) * MICROSECONDS)
            return LockMode(found["Mode"].lower()), until
        except (ClientError, KeyError, ValueError):
            return None

    def hold(self, key: str) -> None:
        with self._classified("an object cannot be held", key):
            try:
                self._client.put_object_legal_hold(Bucket=self._bucket, Key=key, LegalHold={"Status": "ON"})
            except ClientError as error:
                if code_of(error) in _NO_LOCK:
                    raise self._unlockable(key, error) from error
                raise

    def _unlockable(self, key: str, error: ClientError) -> NotLockableError:
        return NotLockableError(
            "an object cannot be locked",
            on=self._where(key),
            why=f"the bucket has no Object Lock ({code_of(error)})",
            hint="`consentgate doctor s3 --apply` turns it on where that can be; else make a new bucket with it",
        )

    def list(self, prefix: str) -> Iterator[str]:
        with self._classified("objects cannot be listed", prefix):
            for page in self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix):
                yield from (one["Key"] for one in page.get("Contents", ()))

    def read(self, key: str) -> Iterator[bytes]:
        with self._classified("an object cannot be read", key):
            yield from self._client.get_object(Bucket=self._bucket, Key=key)["Body"].iter_chunks(CHUNK_BYTES)

    def _where(self, key: str) -> str:
        return f"{key} in {self._access.where}" if key else self._access.where

    @contextmanager
    def _classified(self, what: str, key: str = "") -> Iterator[None]:
        try:
            with classified(what, self._where(key)):
                yield
        except PermanentError:
            # Whoever tries again does so with what an administrator has put in their place meanwhile.
            self._renew()
            raise

    def _renew(self) -> None:
        if self._keys is None:
            return
        with suppress(OSError, ValueError):
            access, secret = self._keys()
            if (access, secret) != (self._access.access_key, self._access.secret_key):
                self._access = replace(self._access, access_key=access, secret_key=secret)
                self._client = connect(self._access)


def configured(settings: "S3") -> S3Store:
    """Return the store that the configuration names."""
    files = settings.access_key_file, settings.secret_key_file

    def keys() -> tuple[str, str]:
        found = [file.read_text(encoding="utf-8").strip() for file in files if file is not None]
        first, second = found
        return first, second

    return S3Store(
        **asdict(access_of(settings)),
        encryption=settings.encryption,
        kms_key_id=settings.kms_key_id,
        multipart_above_bytes=settings.multipart_above_bytes,
        keys=keys if None not in files else None,
    )
