"""The way to one bucket: its client, and what a failure means at this border. Nothing is tried again here.

boto3's own retries are off: one layer retries (`retrying`), and an administrator is told of the first failure. Its
habit of following a bucket into another region is off as well: where recordings lie is for the site to say.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import boto3
import botocore.session
from botocore.config import Config as ClientConfig
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    NoCredentialsError,
    PartialCredentialsError,
    SSLError,
)
from botocore.utils import parse_timestamp

from ari_app import clock
from ari_app.core.names import MICROSECONDS
from ari_app.errors import ConsentgateError, NotThereError, PermanentError, TransientError

if TYPE_CHECKING:  # the stubs are a development tool, the configuration is not read here
    from mypy_boto3_s3 import S3Client

    from ari_app.config import S3

CONNECT_SECONDS = 5
READ_SECONDS = 60

_RENEW = (
    "With a role: look whether this machine still gets credentials for it. With keys: put new ones into "
    "s3.access_key_file and s3.secret_key_file, which ship reads again by itself. Nothing is lost meanwhile"
)
_HINTS = {
    "InvalidAccessKeyId": "The access key is unknown there: check s3.access_key_file",
    "SignatureDoesNotMatch": "The secret key is wrong: check s3.secret_key_file",
    "ExpiredToken": _RENEW,
    "ExpiredTokenException": _RENEW,
    "TokenRefreshRequired": _RENEW,
    "InvalidToken": _RENEW,
    "RequestTimeTooSkewed": "Set this machine's clock (`timedatectl`, chrony); ship goes on by itself when it is right",
    "RequestExpired": "Set this machine's clock (`timedatectl`, chrony); ship goes on by itself when it is right",
    "NoSuchBucket": "Create the bucket, or check s3.bucket, s3.region and s3.endpoint_url",
    "AccessDenied": (
        "The key needs ListBucket, GetObject and PutObject on the bucket (and PutObjectRetention, PutObjectLegalHold "
        "for a lock): `consentgate doctor s3` says what it lacks"
    ),
    "NotImplemented": "This S3 lacks a function that is needed: `consentgate doctor s3` says which",
    "PermanentRedirect": "The bucket is in another region: set s3.region to where it is meant to be",
    "AuthorizationHeaderMalformed": "The bucket is in another region: set s3.region to where it is meant to be",
    "InternalError": (
        "If it stays, look into the store's own log. Stores answer so as well for a key that they do not know "
        "(s3.kms_key_id)"
    ),
    "XMinioStorageFull": "The store's disks are full: make room there. Recordings wait in the spool",
    "QuotaExceeded": "The bucket's quota is used up: raise it. Recordings wait in the spool",
}
_THROTTLED = {"SlowDown", "ServiceUnavailable", "Throttling", "ThrottlingException", "TooManyRequests", "503", "429"}
_SLOW_DOWN = (
    "The store asks for fewer requests. Ship waits longer each time and goes on by itself; if it stays, ask who runs "
    "the store to raise its limits"
)
_BUSY = {
    "BadDigest", "XAmzContentSHA256Mismatch", "XAmzContentChecksumMismatch", "IncompleteBody", "RequestTimeout",
    "OperationAborted", "XMinioStorageFull", "QuotaExceeded",
}  # fmt: skip
"""4xx answers that mean: the bytes were damaged or lost on the way, or there was no room for them."""

_SKEWED = {"RequestTimeTooSkewed", "RequestExpired"}


@dataclass(frozen=True, slots=True)
class Access:
    """One bucket and by which way. Without keys boto3 looks for them itself: an instance's role, a profile.

    ca_file: who vouches for the server instead of the usual authorities. addressing: None is by path at an endpoint of
    one's own, because a bucket as host name needs a wildcard in the DNS, which Amazon alone is sure to have.
    """

    bucket: str
    region: str
    endpoint_url: str | None = None
    access_key: str | None = None
    secret_key: str | None = None
    ca_file: Path | None = None
    addressing: Literal["path", "virtual"] | None = None

    @property
    def where(self) -> str:
        """The bucket, for a message."""
        return f"bucket {self.bucket} at {self.endpoint_url or self.region}"


def access_of(settings: "S3") -> Access:
    """Return the way to the bucket that a configuration names."""
    access, secret = settings.access_key, settings.secret_key
    return Access(
        bucket=settings.bucket,
        region=settings.region,
        endpoint_url=settings.endpoint_url,
        access_key=access.reveal() if access else None,
        secret_key=secret.reveal() if secret else None,
        ca_file=settings.ca_file,
        addressing=settings.addressing,
    )


class _ElsewhereError(Exception):
    """A request was about to be signed for another region."""


def connect(access: Access) -> "S3Client":
    """Return a client that asks nobody yet."""
    style = access.addressing or ("path" if access.endpoint_url else "auto")
    config = ClientConfig(
        connect_timeout=CONNECT_SECONDS,
        read_timeout=READ_SECONDS,
        retries={"total_max_attempts": 1},
        s3={"addressing_style": style, "us_east_1_regional_endpoint": "regional"},
    )
    session = botocore.session.get_session()
    session.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=_timestamp)
    client: S3Client = boto3.Session(botocore_session=session).client(
        "s3",
        region_name=access.region,
        endpoint_url=access.endpoint_url,
        aws_access_key_id=access.access_key,
        aws_secret_access_key=access.secret_key,
        verify=str(access.ca_file) if access.ca_file else None,
        config=config,
    )

    def stay(request: Any, **_: object) -> None:  # noqa: ANN401  # botocore's own, without types
        # botocore follows a redirect by signing the request once more, for the region that it was told of.
        region = request.context.get("signing", {}).get("region") or access.region
        if region != access.region:
            raise _ElsewhereError(region)

    client.meta.events.register("before-sign.s3", stay)
    return client


def _timestamp(value: object) -> datetime:
    """Read a server's time. botocore's own way guesses at its form, and costs more than all the rest of a listing."""
    try:
        return datetime.fromisoformat(str(value))
    except ValueError:
        pass
    try:
        return parsedate_to_datetime(str(value))
    except ValueError:
        return parse_timestamp(str(value))


def code_of(error: ClientError) -> str:
    """Return the server's word for what is wrong; for an answer without a text its number."""
    return str(error.response.get("Error", {}).get("Code", ""))


@contextmanager
def classified(what: str, where: str) -> Iterator[None]:
    """Turn the failures of what is done inside into ours: permanent, transient, not there."""
    try:
        yield
    except ClientError as error:
        raise refusal(what, where, error) from error
    except _ElsewhereError as error:
        hint = "Set s3.region to where recordings are meant to be; ship never follows a bucket into another region"
        why = f"the bucket is in the region {error}, not in s3.region"
        raise PermanentError(what, on=where, why=why, hint=hint) from error
    except (NoCredentialsError, PartialCredentialsError, CredentialRetrievalError) as error:
        hint = "Set s3.access_key_file and s3.secret_key_file, or give the machine a role"
        raise PermanentError(what, on=where, why="there are no credentials", hint=hint) from error
    except SSLError as error:
        hint = "Name the CA that signed the server's certificate in s3.ca_file, or check the name in s3.endpoint_url"
        raise PermanentError(what, on=where, why=f"TLS: {error}", hint=hint) from error
    except BotoCoreError as error:
        hint = "Check s3.endpoint_url, the network and that the server runs"
        raise TransientError(what, on=where, why=str(error), hint=hint) from error


def refusal(what: str, where: str, error: ClientError) -> ConsentgateError:
    """Return what an answer of the server means."""
    code = code_of(error)
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    why = error.response.get("Error", {}).get("Message") or f"the server answered {code}"
    hint = _HINTS.get(code, "")
    if code in {"NoSuchKey", "404"}:
        return NotThereError(what, on=where, why="it is not there")
    if code in _THROTTLED or status in {429, 503}:
        return TransientError(what, on=where, why=f"throttled: {why} ({code})", hint=_SLOW_DOWN)
    if code.startswith("KMS"):
        return PermanentError(what, on=where, why=f"{why} ({code})", hint="Check s3.kms_key_id and the right to use it")
    if code in _SKEWED:
        why = f"{why}{_skew(error)}"
    if status in {401, 403} and not hint:
        hint = "Check s3.access_key_file and s3.secret_key_file, and the key's rights (ListBucket is one of them)"
    if status >= 500 or status in {408, 409} or code in _BUSY:  # noqa: PLR2004  # HTTP's own numbers
        return TransientError(what, on=where, why=f"{why} ({code})", hint=hint)
    return PermanentError(what, on=where, why=f"{why} ({code})", hint=hint)


def skew_seconds(headers: "dict[str, str]") -> float | None:
    """Return how far this machine's clock is ahead of the server's, by the date of its answer; None: it said none."""
    try:
        there = parsedate_to_datetime(headers["date"]).timestamp()
    except (KeyError, ValueError):
        return None
    return clock.now() / MICROSECONDS - there


def _skew(error: ClientError) -> str:
    ahead = skew_seconds(error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {}))
    if ahead is None:
        return ""
    return f"; this machine's clock is {abs(ahead):.0f} s {'ahead of' if ahead > 0 else 'behind'} the store's"
