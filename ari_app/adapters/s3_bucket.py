"""A bucket itself, asked and set by whoever looks after it: every answer is an answer, also a refusal."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import boto3
from botocore.exceptions import ClientError

from ari_app.errors import ConsentgateError

from .s3_client import Access, classified, code_of, connect, refusal, skew_seconds


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a question. code: S3's word for a refusal, "" for none; data: what it said."""

    code: str = ""
    why: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)

    @property
    def good(self) -> bool:
        """Tell whether it was done."""
        return not self.code

    @property
    def denied(self) -> bool:
        """Tell whether that is not for who asks."""
        return self.code in {"AccessDenied", "403"}


class S3Bucket:
    """One bucket by one identity."""

    def __init__(self, access: Access) -> None:
        self.name = access.bucket
        self.where = access.where
        self._client = connect(access)
        self.clock_ahead_seconds: float | None = None
        """How far this machine's clock was ahead of the store's at its last answer; None: it does not say."""

    def ask(self, operation: str, **parameters: object) -> Answer:
        """Do one thing, as boto3 names it. Raises TransientError, PermanentError if nobody answers."""
        with classified("S3 cannot be used", self.where):
            try:
                data = getattr(self._client, operation)(Bucket=self.name, **parameters)
            except ClientError as error:
                self._clock(error.response)
                return Answer(code_of(error) or "?", self._why(error), error.response)
        self._clock(data)
        return Answer(data=data)

    def _clock(self, data: Mapping[str, Any]) -> None:
        self.clock_ahead_seconds = skew_seconds(data.get("ResponseMetadata", {}).get("HTTPHeaders", {}))

    def _why(self, error: ClientError) -> str:
        return refusal("S3 refused", self.where, error).why

    def reach(self) -> None:
        """Return if the bucket is there and known to us. Raises ConsentgateError."""
        with classified("S3 cannot be used", self.where):
            self._clock(dict(self._client.list_objects_v2(Bucket=self.name, MaxKeys=1)))


def caller(access: Access) -> str | None:
    """Return the ARN of who asks, from Amazon's own service; None where there is none."""
    if access.endpoint_url:
        return None
    client = boto3.client(
        "sts",
        region_name=access.region,
        aws_access_key_id=access.access_key,
        aws_secret_access_key=access.secret_key,
    )
    try:
        with classified("Amazon does not say who ship is", access.region):
            arn = str(client.get_caller_identity()["Arn"])
    except ConsentgateError:
        return None
    # A role is named by its session; a policy names the role.
    if ":assumed-role/" in arn:
        account, role = arn.split(":")[4], arn.split("/")[1]
        return f"arn:aws:iam::{account}:role/{role}"
    return arn
