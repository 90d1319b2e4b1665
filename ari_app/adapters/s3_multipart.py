"""One large file in parts, each with its SHA-256, complete only if nothing lies under its key; else nothing is left.

What a killed ship left in parts is found by the key, before the same file is sent again, and thrown away.
"""

import base64
import hashlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from botocore.exceptions import BotoCoreError, ClientError

from ari_app.errors import TransientError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef, CreateMultipartUploadRequestTypeDef

PART_BYTES: Final = 16 << 20
MOST_PARTS: Final = 10_000
"""S3's own limit; the parts of a file that would need more are larger."""


def put(client: "S3Client", request: "CreateMultipartUploadRequestTypeDef", file: Path, sha256: str) -> str | None:
    """Store a file under a key that is not taken; return how the store says it encrypted it.

    Raises ClientError (PreconditionFailed if the key is taken) and BotoCoreError; TransientError if the file has not
    the bytes that were said.
    """
    bucket, key = request["Bucket"], request["Key"]
    discard(client, bucket, key)
    upload = client.create_multipart_upload(**request)["UploadId"]
    try:
        parts, encrypted = _send(client, bucket, key, upload, _checked(file, key, sha256))
        client.complete_multipart_upload(
            Bucket=bucket, Key=key, UploadId=upload, MultipartUpload={"Parts": parts}, IfNoneMatch="*"
        )
    except BaseException:
        with suppress(ClientError, BotoCoreError):
            client.abort_multipart_upload(Bucket=bucket, Key=key, UploadId=upload)
        raise
    return encrypted


def _send(
    client: "S3Client", bucket: str, key: str, upload: str, pieces: Iterator[bytes]
) -> "tuple[list[CompletedPartTypeDef], str | None]":
    parts: list[CompletedPartTypeDef] = []
    encrypted: object = None
    for number, body in enumerate(pieces, start=1):
        checksum = base64.b64encode(hashlib.sha256(body).digest()).decode("ascii")
        sent = client.upload_part(
            Bucket=bucket, Key=key, UploadId=upload, PartNumber=number, Body=body, ChecksumSHA256=checksum
        )
        encrypted = dict(sent).get("ServerSideEncryption")
        parts.append({"PartNumber": number, "ETag": sent["ETag"], "ChecksumSHA256": checksum})
    return parts, str(encrypted) if encrypted else None


def discard(client: "S3Client", bucket: str, key: str) -> int:
    """Throw away what lies in parts under a key; return how many. A key that may not ask leaves it to the lifecycle."""
    found = 0
    with suppress(ClientError):
        for one in client.list_multipart_uploads(Bucket=bucket, Prefix=key).get("Uploads", ()):
            if one["Key"] == key:
                client.abort_multipart_upload(Bucket=bucket, Key=key, UploadId=one["UploadId"])
                found += 1
    return found


def _checked(file: Path, key: str, sha256: str) -> Iterator[bytes]:
    """Yield the file in pieces. Raises TransientError at its end if it is another: a store checks each part alone."""
    size = max(PART_BYTES, -(-file.stat().st_size // MOST_PARTS))
    whole = hashlib.sha256()
    with file.open("rb") as stream:
        while piece := stream.read(size):
            whole.update(piece)
            yield piece
    if whole.hexdigest() != sha256:
        why = "its bytes have another hash than was said"
        raise TransientError("an object cannot be stored", on=key, why=why)
