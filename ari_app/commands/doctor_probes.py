"""What `doctor s3` tries on the real bucket: each capability by doing it, below `<prefix>/doctor/`, and taking it away.

It has the rights of ship and no other, for what ship may do is what counts.
"""

import base64
import hashlib
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from math import ceil
from secrets import token_hex
from typing import Any, Final
from urllib.parse import urlsplit

from ari_app import bucket_rules, clock
from ari_app.adapters.s3_bucket import Answer, S3Bucket
from ari_app.config import S3
from ari_app.core.names import MICROSECONDS
from ari_app.errors import ConsentgateError

CONTENT: Final = b"consentgate doctor"
PART_BYTES: Final = 5 << 20
"""The least that S3 takes for a part that is not the last."""

LOCK_SECONDS: Final = 4
MOST_SKEW_SECONDS: Final = 60
_LOOPBACK: Final = {"127.0.0.1", "localhost", "::1"}
_REFUSED: Final = {"PreconditionFailed", "412", "ConditionalRequestConflict"}
APPLY: Final = "consentgate doctor s3 --apply"
NEW_BUCKET: Final = f"{APPLY}; where a bucket cannot be given it later, make a new one with it"


@dataclass(frozen=True, slots=True)
class Capability:
    """One thing that the bucket can do or not; `met` None: that could not be seen. `todo`: what to do about it."""

    name: str
    needed: bool
    met: bool | None
    seen: str
    todo: str = ""


def checksum(content: bytes) -> str:
    """Return a SHA-256 as S3 writes it."""
    return base64.b64encode(hashlib.sha256(content).digest()).decode("ascii")


@dataclass(slots=True)
class Probes:
    """One look at a bucket. `left`: what could not be removed."""

    bucket: S3Bucket
    settings: S3
    pause: Callable[[float], None] = time.sleep
    left: list[str] = field(default_factory=list)
    _made: list[tuple[str, str | None]] = field(default_factory=list)
    _folder: str = ""
    _default_lock: bool = False

    def __post_init__(self) -> None:
        self._folder = bucket_rules.below(self.settings.prefix, bucket_rules.PROBES, token_hex(8))

    def capabilities(self) -> Iterator[Capability]:
        """Try one after the other. Raises ConsentgateError if the bucket cannot be reached."""
        self.bucket.reach()
        lock = self.bucket.ask("get_object_lock_configuration")
        self._default_lock = "Rule" in lock.data.get("ObjectLockConfiguration", {})
        try:
            yield self._tls()
            yield self._region()
            yield self._clock()
            yield from self._objects()
            if not self._made:
                return
            # First, so that what is locked for some seconds is free again when the others are done.
            locked = self._lock(lock)
            yield self._parts()
            yield self._encryption()
            yield self._versioning()
            yield locked
            yield self._legal_hold()
            yield from self._set(lock)
        finally:
            self._clean()

    # -- the way there

    def _tls(self) -> Capability:
        name, address = "TLS", self.settings.endpoint_url
        if address is None or address.startswith("https:"):
            by = f"by {self.settings.ca_file}" if self.settings.ca_file else "by the usual authorities"
            return Capability(name, needed=True, met=True, seen=f"the server's certificate was verified {by}")
        if urlsplit(address).hostname in _LOOPBACK:
            return Capability(name, needed=False, met=True, seen="none, and nothing leaves this machine")
        todo = "write https:// in s3.endpoint_url (and s3.ca_file for a CA of your own)"
        return Capability(name, needed=True, met=False, seen="recordings cross the network in clear", todo=todo)

    def _region(self) -> Capability:
        name, found = "region", self.bucket.ask("get_bucket_location")
        if not found.good:
            seen = (
                f"the key may not ask ({found.code}); every request is signed for {self.settings.region} all the same"
            )
            return Capability(name, needed=False, met=None, seen=seen)
        there = found.data.get("LocationConstraint")
        if there is None and self.settings.endpoint_url is not None:
            return Capability(name, needed=False, met=True, seen="this store names none")
        there = {None: "us-east-1", "EU": "eu-west-1"}.get(there, there)
        good = there == self.settings.region
        return Capability(name, needed=True, met=good, seen=str(there), todo="" if good else f"set s3.region: {there}")

    def _clock(self) -> Capability:
        name, ahead = "clock", self.bucket.clock_ahead_seconds
        if ahead is None:
            return Capability(name, needed=False, met=None, seen="the store does not say its time")
        seen = f"this machine's is {abs(ahead):.0f} s {'ahead of' if ahead > 0 else 'behind'} the store's"
        good = abs(ahead) <= MOST_SKEW_SECONDS
        todo = "" if good else "set this machine's clock (timedatectl, chrony): 15 minutes off, and nothing is taken"
        return Capability(name, needed=False, met=good, seen=seen, todo=todo)

    # -- objects

    def _put(self, name: str, content: bytes = CONTENT, **parameters: Any) -> Answer:  # noqa: ANN401  # boto3's
        key = f"{self._folder}/{name}"
        parameters = {"ChecksumSHA256": checksum(content), **self._briefly(), **parameters}
        answer = self.bucket.ask("put_object", Key=key, Body=content, **parameters)
        if answer.good:
            self._made.append((key, answer.data.get("VersionId")))
        return answer

    def _briefly(self) -> dict[str, Any]:
        """Return what keeps the bucket's own lock away from a probe, which would have to stay for it."""
        if not self._default_lock:
            return {}
        return {"ObjectLockMode": "GOVERNANCE", "ObjectLockRetainUntilDate": self._soon(1)}

    def _put_kept(self, name: str) -> tuple[str, str | None]:
        """Put an object, and return its key and version."""
        return f"{self._folder}/{name}", self._put(name).data.get("VersionId")

    def _objects(self) -> Iterator[Capability]:
        put = self._put("object", IfNoneMatch="*")
        todo = "give the key s3:PutObject (and s3:PutObjectRetention for a lock) below the prefix"
        seen = "stored" if put.good else f"{put.code}: {put.why}"
        yield Capability("write", needed=True, met=put.good, seen=seen, todo="" if put.good else todo)
        wrong = self._put("wrong", ChecksumSHA256=checksum(b"another"))
        seen = f"a wrong one was refused ({wrong.code})" if not wrong.good else "an object with a wrong one was taken"
        todo = "" if not wrong.good else "use a store that checks ChecksumSHA256: damage on the way would not be seen"
        refused = not wrong.good and not wrong.denied
        yield Capability("SHA-256 of what comes in", needed=True, met=refused, seen=seen, todo=todo)
        head = self.bucket.ask("head_object", Key=f"{self._folder}/object", ChecksumMode="ENABLED")
        kept = head.data.get("ChecksumSHA256") == checksum(CONTENT)
        seen = "kept with the object" if kept else "not kept: each object is fetched again to be proved"
        yield Capability("SHA-256 of what is there", needed=False, met=kept, seen=seen)
        yield self._read_back()
        again = self._put("object", IfNoneMatch="*", content=b"another")
        met = again.code in _REFUSED
        seen = "a second PUT of a name was refused" if met else "a second PUT of a name was taken"
        todo = "" if met else "use a store that knows If-None-Match: two ships could overwrite each other's recordings"
        yield Capability("If-None-Match", needed=True, met=met, seen=seen, todo=todo)

    def _read_back(self) -> Capability:
        got = self.bucket.ask("get_object", Key=f"{self._folder}/object")
        good = got.good and bytes(got.data["Body"].read()) == CONTENT
        seen = "the same bytes" if good else got.why or "other bytes"
        return Capability(
            "read back", needed=True, met=good, seen=seen, todo="" if good else "give the key s3:GetObject"
        )

    def _parts(self) -> Capability:
        name, key = "large files in parts", f"{self._folder}/parts"
        first = self._upload(key)
        if not first.good:
            todo = "the key needs s3:PutObject and s3:AbortMultipartUpload; a store without parts takes 5 GiB at most"
            return Capability(name, needed=True, met=False, seen=f"{first.code}: {first.why}", todo=todo)
        self._made.append((key, first.data.get("VersionId")))
        second = self._upload(key)
        if second.code not in _REFUSED:
            seen = "a second upload of a name was completed" if second.good else f"{second.code}: {second.why}"
            todo = "use a store that knows If-None-Match for CompleteMultipartUpload"
            return Capability(name, needed=True, met=False, seen=seen, todo=todo)
        listed = self.bucket.ask("list_multipart_uploads", Prefix=key).data.get("Uploads", ())
        seen = "stored; a second one of a name was refused and left nothing"
        if listed:
            seen, todo = "parts that were given up are left", f"{APPLY} (the lifecycle takes them away)"
            return Capability(name, needed=False, met=False, seen=seen, todo=todo)
        return Capability(name, needed=True, met=True, seen=seen)

    def _upload(self, key: str) -> Answer:
        begun = self.bucket.ask("create_multipart_upload", Key=key, ChecksumAlgorithm="SHA256", **self._briefly())
        if not begun.good or "UploadId" not in begun.data:
            return begun if begun.code else Answer("no UploadId", "the store begins no upload in parts")
        upload, parts = begun.data["UploadId"], []
        for number, body in enumerate((bytes(PART_BYTES), b"tail"), start=1):
            about = {"Key": key, "UploadId": upload, "PartNumber": number, "Body": body}
            sent = self.bucket.ask("upload_part", **about, ChecksumSHA256=checksum(body))
            if not sent.good:
                self.bucket.ask("abort_multipart_upload", Key=key, UploadId=upload)
                return sent
            parts.append({"PartNumber": number, "ETag": sent.data.get("ETag", ""), "ChecksumSHA256": checksum(body)})
        done = self.bucket.ask(
            "complete_multipart_upload", Key=key, UploadId=upload, MultipartUpload={"Parts": parts}, IfNoneMatch="*"
        )
        if not done.good:
            self.bucket.ask("abort_multipart_upload", Key=key, UploadId=upload)
        return done

    def _encryption(self) -> Capability:
        name, wanted = "encryption at rest", self.settings.encryption
        if wanted is None:
            found = self._put("encrypted").data.get("ServerSideEncryption")
            seen = f"the bucket's own: {found}" if found else "none that the store would name"
            return Capability(name, needed=False, met=bool(found), seen=seen, todo="" if found else "set s3.encryption")
        key: dict[str, Any] = {"SSEKMSKeyId": self.settings.kms_key_id} if self.settings.kms_key_id else {}
        answer = self._put("encrypted", ServerSideEncryption=wanted, **key)
        found = answer.data.get("ServerSideEncryption")
        good = answer.good and found == wanted
        seen = str(found) if answer.good else f"{answer.code}: {answer.why}"
        todo = (
            "check s3.kms_key_id and the key's own policy"
            if key
            else "use a store that can, or leave s3.encryption out"
        )
        return Capability(name, needed=True, met=good, seen=seen, todo="" if good else todo)

    # -- what cannot be removed

    def _versioning(self) -> Capability:
        name, found = "versioning", self.bucket.ask("get_bucket_versioning")
        if found.good:
            met = found.data.get("Status") == "Enabled"
        else:
            # A bucket that has them names the version of each object that it takes.
            met = any(version not in {None, "null"} for _, version in self._made)
        seen = "on: what is overwritten or removed can be fetched back" if met else "off"
        needed = self.settings.object_lock not in {None, "none"}
        return Capability(name, needed=needed, met=met, seen=seen, todo="" if met else APPLY)

    def _lock(self, configured: Answer) -> Capability:
        name, mode = "Object Lock", (self.settings.object_lock or "governance").upper()
        if mode == "NONE":
            seen = "not asked for: s3.object_lock is none" + ("; the bucket has it" if configured.good else "")
            return Capability(name, needed=False, met=True, seen=seen)
        needed = self.settings.object_lock is not None
        key, version = self._put_kept("locked")
        lock = {"Mode": mode, "RetainUntilDate": self._soon(LOCK_SECONDS)}
        over = clock.now() + LOCK_SECONDS * MICROSECONDS
        locked = self.bucket.ask("put_object_retention", Key=key, Retention=lock)
        if not locked.good:
            todo = "give the key s3:PutObjectRetention" if locked.denied else NEW_BUCKET
            seen = f"an object could not be locked ({locked.code})"
            return Capability(name, needed=needed, met=False, seen=seen, todo=todo)
        shortened = self.bucket.ask(
            "put_object_retention", Key=key, Retention={"Mode": mode, "RetainUntilDate": self._soon(1)}
        )
        removed = self._remove(key, version)
        passed = self._remove(key, version, BypassGovernanceRetention=True)
        if clock.now() > over:
            seen = f"the store took longer than {LOCK_SECONDS} s to answer four questions: ask again"
            return Capability(name, needed=needed, met=None, seen=seen)
        if removed.good or shortened.good:
            what = "removed" if removed.good else "unlocked"
            todo = "use a store that keeps its locks: this one says that it does"
            return Capability(
                name, needed=True, met=False, seen=f"an object was locked, and {what} all the same", todo=todo
            )
        if passed.good:
            todo = "take s3:BypassGovernanceRetention away from ship's key"
            return Capability(name, needed=needed, met=False, seen="ship's own key may pass the lock by", todo=todo)
        seen = f"{mode.lower()}: neither removed nor unlocked before its time"
        return Capability(name, needed=needed, met=True, seen=seen)

    def _legal_hold(self) -> Capability:
        name, needed = "legal hold", self.settings.legal_hold
        key, version = self._put_kept("held")
        held = self.bucket.ask("put_object_legal_hold", Key=key, LegalHold={"Status": "ON"})
        if not held.good:
            todo = "give the key s3:PutObjectLegalHold" if held.denied else NEW_BUCKET
            seen = f"an object could not be held ({held.code})"
            return Capability(name, needed=needed, met=False, seen=seen, todo=todo)
        # The bucket's own short lock is over by then, so that it is the hold which is tried.
        self.pause(1.5 if self._default_lock else 0)
        removed = self._remove(key, version)
        self.bucket.ask("put_object_legal_hold", Key=key, LegalHold={"Status": "OFF"})
        seen = "a held object was removed" if removed.good else "a held object stays until the hold is taken away"
        todo = "use a store that keeps its holds" if removed.good else ""
        return Capability(name, needed=needed, met=not removed.good, seen=seen, todo=todo)

    def _remove(self, key: str, version: str | None, **parameters: Any) -> Answer:  # noqa: ANN401  # boto3's
        return self.bucket.ask("delete_object", Key=key, **({"VersionId": version} if version else {}), **parameters)

    # -- what was set

    def _set(self, lock: Answer) -> Iterator[Capability]:
        policy = self.bucket.ask("get_bucket_policy")
        # Of a version that is not there: where it is allowed nothing is removed by it.
        path = bucket_rules.below(self.settings.prefix, "2000/01/01/nothing")
        removed = self.bucket.ask("delete_object", Key=path, VersionId="null")
        seen = "refused" if removed.denied else "allowed: whoever has ship's key can remove what is not locked"
        todo = "" if removed.denied else f"{APPLY} --writer ARN (the bucket's policy denies it)"
        yield Capability("ship's key may not remove", needed=False, met=removed.denied, seen=seen, todo=todo)
        yield self._no_clear_text(policy)
        rules = self.bucket.ask("get_bucket_lifecycle_configuration")
        if rules.denied:
            yield Capability("lifecycle", needed=False, met=None, seen="the key may not ask")
        else:
            wanted = bucket_rules.lifecycle(self.settings.prefix)
            good = bucket_rules.merged_lifecycle(rules.data.get("Rules", ()), wanted) is None
            seen = "what was given up in parts and older versions are cleaned away" if good else "not set"
            yield Capability("lifecycle", needed=False, met=good, seen=seen, todo="" if good else APPLY)
        if lock.denied:
            yield Capability("lock from the first instant", needed=False, met=None, seen="the key may not ask")
        elif self.settings.object_lock != "none":
            seen = "the bucket's default" if self._default_lock else "none until ship has proved an object and locks it"
            todo = "" if self._default_lock else APPLY
            met = self._default_lock
            yield Capability("lock from the first instant", needed=False, met=met, seen=seen, todo=todo)

    def _no_clear_text(self, policy: Answer) -> Capability:
        name = "nobody comes without TLS"
        if (self.settings.endpoint_url or "https:").startswith("http:"):
            return Capability(name, needed=False, met=None, seen="ship itself does: s3.endpoint_url is http://")
        if policy.denied:
            return Capability(name, needed=False, met=None, seen="the key may not ask")
        good = bucket_rules.denies_without_tls(policy.data.get("Policy"))
        seen = "the policy refuses them" if good else "the policy does not say so"
        return Capability(name, needed=False, met=good, seen=seen, todo="" if good else APPLY)

    def _clean(self) -> None:
        """Take away what was tried, as far as locks and rights allow: what is locked for seconds is waited for."""
        patience = clock.now() + (LOCK_SECONDS + 4) * MICROSECONDS
        waiting = self._made
        with suppress(ConsentgateError):
            while waiting:
                waiting = [one for one in waiting if not self._remove(*one).good]
                if not waiting or clock.now() > patience:
                    break
                self.pause(0.5)
        self.left += [key for key, _ in waiting]

    def _soon(self, seconds: float) -> datetime:
        """Return an instant to come, in whole seconds and at least so many from now, by the store's clock."""
        ahead = self.bucket.clock_ahead_seconds or 0
        # The store tells its time in whole seconds; a difference that may be none is none.
        there = clock.now() / MICROSECONDS - (ahead if abs(ahead) > MOST_SKEW_SECONDS else 0)
        return datetime.fromtimestamp(ceil(there + seconds), UTC)
