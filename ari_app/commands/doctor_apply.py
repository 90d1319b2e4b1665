"""What `doctor s3 --apply` sets on a bucket: versions, a lock from the first instant, lifecycle, policy.

Each is looked at first and set only if it is not so already; what others have set stays. Nothing is ever made weaker.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from ari_app import bucket_rules
from ari_app.adapters.s3_bucket import Answer, S3Bucket
from ari_app.config import S3

from .doctor_probes import checksum

LOCK_DAYS: Final = 1
"""From the PUT to the lock that ship sets when it has proved an object; until then nobody may remove it either."""

_NO_LOCK: Final = {"ObjectLockConfigurationNotFoundError", "NotImplemented", "MethodNotAllowed"}
_NO_POLICY: Final = {"NoSuchBucketPolicy"}
_NO_LIFECYCLE: Final = {"NoSuchLifecycleConfiguration"}


@dataclass(frozen=True, slots=True)
class Change:
    """One setting. done: it is so now; False: it could not be made so, `why`."""

    setting: str
    what: str
    done: bool = True
    why: str = ""


@dataclass(slots=True)
class Settings:
    """One bucket, set by an administrator's key. dry_run: only say what would be done.

    writer: ship's own identity (an ARN), of which the policy is to say what it may not do; None: nobody knows it.
    ship: the bucket by ship's own key, to see that it still may do what it must.
    """

    bucket: S3Bucket
    ship: S3Bucket
    wanted: S3
    writer: str | None
    dry_run: bool = False
    _prefix: str = field(init=False)

    def __post_init__(self) -> None:
        self._prefix = self.wanted.prefix

    def apply(self) -> Iterator[Change]:
        """Set what is not so yet; yield what was done. Raises ConsentgateError if the bucket cannot be reached."""
        self.bucket.reach()
        yield from self._versioning()
        if self.wanted.object_lock != "none":
            yield from self._lock()
        yield from self._lifecycle()
        yield from self._policy()

    def _do(self, setting: str, what: str, operation: str, **parameters: Any) -> Change:  # noqa: ANN401  # boto3's
        if self.dry_run:
            return Change(setting, what)
        answer = self.bucket.ask(operation, **parameters)
        return Change(setting, what, answer.good, "" if answer.good else _why(answer))

    def _versioning(self) -> Iterator[Change]:
        found = self.bucket.ask("get_bucket_versioning")
        if found.good and found.data.get("Status") == "Enabled":
            return
        yield self._do(
            "versioning", "turned on", "put_bucket_versioning", VersioningConfiguration={"Status": "Enabled"}
        )

    def _lock(self) -> Iterator[Change]:
        found = self.bucket.ask("get_object_lock_configuration")
        if found.good and "Rule" in found.data.get("ObjectLockConfiguration", {}):
            return
        if not found.good and found.code not in _NO_LOCK:
            yield Change("Object Lock", "looked at", done=False, why=_why(found))
            return
        rule = {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": LOCK_DAYS}}
        configuration = {"ObjectLockEnabled": "Enabled", "Rule": rule}
        how = "" if found.good else "turned on; "
        what = f"{how}a new object is locked for {LOCK_DAYS} day (governance), before ship locks it for its own time"
        yield self._do("Object Lock", what, "put_object_lock_configuration", ObjectLockConfiguration=configuration)

    def _lifecycle(self) -> Iterator[Change]:
        found = self.bucket.ask("get_bucket_lifecycle_configuration")
        if not found.good and found.code not in _NO_LIFECYCLE:
            yield Change("lifecycle", "looked at", done=False, why=_why(found))
            return
        rules = bucket_rules.merged_lifecycle(found.data.get("Rules", ()), bucket_rules.lifecycle(self._prefix))
        if rules is None:
            return
        what = (
            f"below {self._prefix}/ parts that were given up go after {bucket_rules.ABORT_DAYS} days, older versions "
            f"after {bucket_rules.NONCURRENT_DAYS}, what doctor tried after {bucket_rules.PROBE_DAYS}"
        )
        yield self._do(
            "lifecycle",
            what,
            "put_bucket_lifecycle_configuration",
            LifecycleConfiguration={"Rules": rules},
        )

    def _policy(self) -> Iterator[Change]:
        found = self.bucket.ask("get_bucket_policy")
        if not found.good and found.code not in _NO_POLICY:
            yield Change("policy", "looked at", done=False, why=_why(found))
            return
        before = found.data.get("Policy") if found.good else None
        # A policy against clear text would shut out ship itself, and whoever would take it back, where that is the way.
        tls = not (self.wanted.endpoint_url or "https:").startswith("http:")
        ours = bucket_rules.statements(self.bucket.name, self._prefix, writer=self.writer, tls=tls)
        policy = bucket_rules.merged_policy(before, ours)
        if self.writer is None:
            why = "nobody knows ship's identity here: name it with --writer ARN (as the store's own policies name it)"
            yield Change("policy", "ship's key may neither remove nor overwrite", done=False, why=why)
        if policy is None or not ours:
            return
        what = "; ".join(
            text
            for wanted, text in (
                (self.writer is not None, f"{self.writer} may neither remove nor overwrite what is stored"),
                (tls, "nobody comes without TLS"),
            )
            if wanted
        )
        change = self._do("policy", what, "put_bucket_policy", Policy=json.dumps(policy))
        if change.done and not self.dry_run and (refusal := self._shuts_ship_out()):
            self._take_back(before)
            why = f"with it ship's own key could not store any more ({refusal}), so it was taken back"
            change = Change("policy", what, done=False, why=why)
        yield change

    def _shuts_ship_out(self) -> str:
        """Return how the store refuses what ship must be able to do, or "". Nothing is stored by it.

        A store that does not know a condition may read the policy as another one than was meant.
        """
        key = bucket_rules.below(self._prefix, "2000/01/01/nothing")
        put = self.ship.ask("put_object", Key=key, Body=b"x", ChecksumSHA256=checksum(b"y"), IfNoneMatch="*")
        return _why(put) if put.denied else ""

    def _take_back(self, before: str | None) -> None:
        if before is None:
            self.bucket.ask("delete_bucket_policy")
        else:
            self.bucket.ask("put_bucket_policy", Policy=before)


def _why(answer: Answer) -> str:
    rights = ": use a key that may (--access-key-file, --secret-key-file)" if answer.denied else ""
    return f"{answer.code}, {answer.why}{rights}"
