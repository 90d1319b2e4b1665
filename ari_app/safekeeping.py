"""What must be true of what is stored before its audio here may go: proved, locked, old enough, and proved again.

What a PUT promises differs from store to store (SeaweedFS answers before anything is on a disk). So the site says how
an object is proved and how long its audio stays here all the same; the last proof is of what is there after that time.
"""

import hashlib
import threading
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256
from pathlib import Path
from typing import Any

from . import log
from .config import Config
from .core.names import MICROSECONDS, Instant
from .core.retention import Keep, Locking, LockMode
from .errors import ConsentgateError, NotThereError
from .layout import MANIFEST, SIGNATURE
from .ports import Found, NotLockableError, ObjectStore, conflict

STORED = "stored"
"""In a sealed call's folder: when all of it was stored and entered, in microseconds since 1970."""

UNLOCKED = "Say `s3.object_lock: none` if that is meant; else make a bucket with Object Lock: `consentgate doctor s3`"


class Proof(StrEnum):
    """How it is proved what the store holds: all of its bytes are fetched, or the store is asked for its checksum."""

    READ_BACK = "read_back"
    HEAD = "head"


class LostError(ConsentgateError):
    """The store took an object, proved it, and does not hold it any more. The audio is still here."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What the site demands before audio is destroyed here."""

    proof: Proof = Proof.READ_BACK
    keep_audio_seconds: int = 0
    locking: Locking = field(default_factory=Locking)


def terms_of(config: Config) -> Terms:
    """Return what a configuration demands. A lock that it does not name is made where the bucket can."""
    s3 = config.s3
    classes = {name: Keep(one.keep.count, one.keep.unit) for name, one in config.retention.items()}
    lines = {name: classes[line.retention] for name, line in config.lines.items() if line.retention}
    locking = Locking(
        mode=LockMode(s3.object_lock or "governance"),
        demanded=s3.object_lock is not None,
        legal_hold=s3.legal_hold,
        lines=lines,
        classes=tuple(classes.values()),
    )
    return Terms(Proof(s3.proof), s3.keep_audio_seconds, locking)


@dataclass(slots=True)
class Safekeeping:
    """The demands, and the store that must meet them."""

    store: ObjectStore
    terms: Terms = field(default_factory=Terms)
    _unlockable: bool = field(default=False, init=False)
    _telling: threading.Lock = field(default_factory=threading.Lock, init=False)

    def take_up(self, terms: Terms) -> None:
        """Keep by other terms from now on, and find out again what the store can do."""
        self.terms, self._unlockable = terms, False

    def lies(self, *, sound: bool) -> bool:
        """Tell whether a call's audio stays here for a while after it was stored, to be proved again before it goes."""
        return sound and self.terms.keep_audio_seconds > 0

    def put(self, key: str, file: Path, wanted: Found, content_type: str, *, later: bool = False) -> None:
        """Store a file and prove it. Raises ConflictError if something else has its name.

        later: `settle` will prove it once more, when it must have reached the store's disks. So it is neither fetched
        nor asked for twice: until then the store's word is enough, if it gives it.
        """
        said = self.store.put(key, file, wanted.sha256, content_type)
        there = (said or self.store.head(key)) if later else self._look(key)
        if there != wanted:
            raise conflict(key, there, wanted)

    def lock(self, keys: Iterable[str], until: Instant | None, now: Instant) -> None:
        """See that nobody removes objects before an instant; None: they are not locked, but held if that is set.

        Raises NotLockableError if the store cannot, and the site demands it.
        """
        locking = self.terms.locking
        due = until is not None and until > now
        if self._unlockable or not (due or locking.legal_hold):
            return
        try:
            for key in keys:
                if until is not None and due:
                    self.store.retain(key, locking.mode, until)
                if locking.legal_hold:
                    self.store.hold(key)
        except NotLockableError as refusal:
            if locking.demanded or locking.legal_hold:
                raise
            with self._telling:
                told, self._unlockable = self._unlockable, True
            # Two workers may come to know it at the same time.
            if not told:
                log.get("ship").warning("ship.unlocked", why=refusal.why, hint=UNLOCKED)

    def lock_evidence(self, keys: Iterable[str], at: Instant, now: Instant) -> None:
        """Lock what proves recordings, of an instant, as `lock` does."""
        self.lock(keys, self.terms.locking.until_of_evidence(at), now)

    def settle(
        self, call: Path, wanted: Mapping[str, Found], locked_until: Instant | None, now: Instant, *, later: bool
    ) -> Instant | None:
        """Let what is stored of a sealed call lie, prove it again, lock it; return None when its audio may go.

        The lock comes last: it is of what was proved, and until then nobody can remove anything that is not here too.
        call: its folder; later: what `put` was told. What was marked as stored is proved again, whatever the terms have
        become meanwhile. Returns until when the audio stays. Raises NotLockableError, and LostError, after which the
        call is to be stored once more.
        """
        at = stored_at(call, now)
        if at is None and later:
            at = _mark(call, now)
        if at is not None:
            until = Instant(at + self.terms.keep_audio_seconds * MICROSECONDS)
            if now < until:
                return until
            try:
                self.prove_again(wanted)
            except LostError:
                (call / STORED).unlink(missing_ok=True)
                raise
        self.lock(wanted, locked_until, now)
        return None

    def prove_again(self, wanted: Mapping[str, Found]) -> None:
        """Prove that the store holds what it took. Raises LostError."""
        for key, one in wanted.items():
            try:
                found: Found | None = self._look(key)
            except NotThereError:
                found = None
            if found != one:
                raise LostError(
                    "S3 lost or changed what it had taken; it is stored once more from the audio that is still here",
                    on=key,
                    why="nothing is there" if found is None else f"{found.size} bytes, SHA-256 {found.sha256[:16]}…",
                    hint="Look into the store's own log, and raise s3.keep_audio_seconds",
                )

    def _look(self, key: str) -> Found:
        read_back = self.terms.proof is Proof.READ_BACK
        return self.store.read_back(key) if read_back else self.store.head(key)


def objects_of(manifest: Mapping[str, Any], text: bytes, signed: bytes | None) -> dict[str, Found]:
    """Return what lies in S3 of a call: by its manifest, the manifest itself, and its signature if it has one."""
    folder = manifest["folder"]
    found = {f"{folder}/{one['object']}": Found(one["bytes"], one["sha256"]) for one in manifest["segments"]}
    for name, content in ((MANIFEST, text), (SIGNATURE, signed)):
        if content is not None:
            found[f"{folder}/{name}"] = Found(len(content), sha256(content).hexdigest())
    return found


def stored_at(call: Path, now: Instant) -> Instant | None:
    """Return when a sealed call was stored; None if it was not, or its mark is torn or of a clock since set back."""
    with suppress(OSError, ValueError):
        at = Instant(int((call / STORED).read_bytes()))
        return at if at <= now else None
    return None


def _mark(call: Path, now: Instant) -> Instant:
    """Note that a sealed call is stored, and return when. Without fsync: what is lost of it is only done again."""
    (call / STORED).write_bytes(str(now).encode())
    return now


def measure(file: Path) -> Found:
    """Return what a file holds, as the store would describe it. Raises OSError."""
    with file.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256")
        return Found(stream.tell(), digest.hexdigest())
