"""A private S3 server (SeaweedFS `weed mini`): loopback only, signed requests only, restart-safe.

Every flag answers a trap: without identities it is open to all, its filer port bypasses S3's rights, and
telemetry is on by default. So the launcher proves, at each start, that an unsigned PUT and a wrong secret
are refused before anything is stored.
"""

import contextlib
import json
import secrets
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:  # the stubs are a development tool; the demo's environment has none
    from mypy_boto3_s3 import S3Client

from . import processes
from .accounts import Account
from .errors import WorldError
from .ports import ADDRESS, SEAWEED_OFFSET, SeaweedPorts

REGION: Final = "eu-west-2"
BUCKET = "recordings"
PREFIX = "calls"
START_SECONDS = 40.0
LOCK_RIGHTS = (
    "GetObjectRetention",
    "PutObjectRetention",
    "GetObjectLegalHold",
    "PutObjectLegalHold",
    "GetBucketObjectLockConfiguration",
)


@dataclass(frozen=True, slots=True)
class Key:
    """One identity's credentials."""

    access: str
    secret: str


@dataclass(frozen=True, slots=True)
class Seaweed:
    """The S3 server of one world: one bucket, an identity for the project and one for this launcher."""

    weed: Path
    directory: Path
    account: Account
    ports: SeaweedPorts
    key: Key
    admin: Key
    sse_key: str
    """64 hexadecimal digits; objects stored with SSE-S3 are lost without it."""
    more_buckets: tuple[str, ...] = ()
    """On which ship's key has its rights as well, if somebody makes them."""
    kms: bool = False
    """Keys for SSE-KMS, in the server's memory: what was encrypted by them is lost when it ends."""

    @property
    def endpoint(self) -> str:
        """The URL that S3 clients take."""
        return f"http://{ADDRESS}:{self.ports.s3}"

    def client(self, key: Key | None = None) -> "S3Client":
        """Return a client with the project's own rights, or with another key's."""
        key = key or self.key
        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            region_name=REGION,
            aws_access_key_id=key.access,
            aws_secret_access_key=key.secret,
            config=Config(connect_timeout=2, read_timeout=10, retries={"total_max_attempts": 1}),
        )

    def start(self, place: processes.Place) -> processes.Process:
        """Start the server, make the bucket if it is not there, and prove who is refused."""
        data = self.account.directory(self.directory / "data")
        identities = self.account.write(self.directory / "identities.json", json.dumps(self._identities(), indent=1))
        master = ("-master.telemetry=false", "-master.volumeSizeLimitMB=256", f"-master.port={self.ports.master}")
        process = processes.start(
            [
                *(self.weed, "-logtostderr=true", "mini", f"-dir={data}", f"-ip={ADDRESS}", f"-ip.bind={ADDRESS}"),
                *(*master, f"-volume.port={self.ports.volume}", "-volume.max=300"),
                *(f"-filer.port={self.ports.filer}", f"-s3.port={self.ports.s3}", f"-admin.port={self.ports.admin}"),
                *("-webdav=false", "-admin.ui=false", "-s3.port.iceberg=0", "-s3.port.lance=0", "-disableHttp"),
                *("-s3.allowDeleteBucketNotEmpty=false", "-s3.autoCreateBucket=false", f"-s3.config={identities}"),
            ],
            account=self.account,
            place=place,
            cwd=data,
            env={
                "HOME": str(data),
                "GOMEMLIMIT": "200MiB",
                "GOGC": "50",
                "WEED_MASTER_VOLUME_GROWTH_COPY_1": "1",
                "WEED_S3_SSE_KEK": self.sse_key,
            },
        )
        processes.await_ready("SeaweedFS", process, self._stores, place, START_SECONDS)
        self._prove_refusal()
        return process

    def stop(self, process: processes.Process) -> None:
        """Stop it, and take away the sockets that a killed one leaves behind."""
        processes.stop(process)
        numbers = {self.ports.s3, self.ports.master, self.ports.volume, self.ports.filer, self.ports.admin}
        for number in numbers | {port + SEAWEED_OFFSET for port in numbers}:
            for socket in Path("/tmp").glob(f"seaweedfs-*-{number}.sock"):  # noqa: S108  # weed's own choice
                with contextlib.suppress(OSError):
                    socket.unlink()

    def _identities(self) -> dict[str, object]:
        def identity(name: str, key: Key, actions: list[str]) -> dict[str, object]:
            credentials = [{"accessKey": key.access, "secretKey": key.secret}]
            return {"name": name, "credentials": credentials, "actions": actions}

        rights = ["Read", "List", "Tagging", "Write"]
        # Of the lock's rights not the one to pass it by: who stores recordings shall not be able to remove them.
        buckets = (BUCKET, *self.more_buckets)
        own = [f"{right}:{bucket}" for bucket in buckets for right in (*rights, *LOCK_RIGHTS)]
        known = [identity("launcher", self.admin, ["Admin", *rights]), identity("ship", self.key, own)]
        local = {"type": "local", "enableOnDemandCreate": True}
        kms = {"kms": {"default_provider": "local", "providers": {"local": local}}} if self.kms else {}
        return {"identities": known, **kms}

    def _stores(self) -> bool:
        """The first PUT can come long after the first answer, so only a stored object counts as ready."""
        client = self.client(self.admin)
        try:
            with contextlib.suppress(client.exceptions.BucketAlreadyExists, client.exceptions.BucketAlreadyOwnedByYou):
                client.create_bucket(
                    Bucket=BUCKET,
                    CreateBucketConfiguration={"LocationConstraint": REGION},
                    # Only at its birth can a bucket be given this everywhere; it turns versioning on as well.
                    ObjectLockEnabledForBucket=True,
                )
            client.put_object(Bucket=BUCKET, Key="launcher/ready", Body=b"ready")
            client.delete_object(Bucket=BUCKET, Key="launcher/ready")
        except (BotoCoreError, ClientError):
            return False
        return True

    def _prove_refusal(self) -> None:
        url = f"{self.endpoint}/{BUCKET}/launcher/unsigned"
        request = urllib.request.Request(url, data=b"unsigned", method="PUT")  # noqa: S310  # http, our own loopback
        try:
            urllib.request.urlopen(request, timeout=5).close()  # noqa: S310
        except urllib.error.HTTPError as refused:
            refused.close()
            if refused.code != 403:  # noqa: PLR2004
                raise WorldError(f"SeaweedFS answered an unsigned PUT with {refused.code}, not 403") from refused
        else:
            raise WorldError("SeaweedFS took an unsigned PUT: this world must not be used")
        try:
            wrong = Key(self.key.access, secrets.token_hex(20))
            self.client(wrong).put_object(Bucket=BUCKET, Key="launcher/wrong", Body=b"wrong")
        except ClientError as refused_client:
            if refused_client.response["ResponseMetadata"]["HTTPStatusCode"] != 403:  # noqa: PLR2004
                raise WorldError(f"SeaweedFS did not refuse a wrong secret but said: {refused_client}") from None
        else:
            raise WorldError("SeaweedFS took a wrong secret: this world must not be used")
