"""What ship needs of the outside: a place for objects and a place for rows, as contracts.

Adapters classify a failure and never retry; `retrying` is the one layer that does. Both ports are idempotent,
because ship may be killed between any two steps and then does them again. In-memory versions that keep the
same contracts are in `adapters.memory`; one suite of tests runs on both.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from .core.names import Instant
from .core.retention import LockMode
from .errors import ConsentgateError


class ConflictError(ConsentgateError):
    """Something else already stands where this is to be stored: only a person can say which one is right."""


class NotLockableError(ConsentgateError):
    """The store cannot keep an object from being removed: only whoever runs it can change that."""


class NotEncryptedError(ConsentgateError):
    """The store did not encrypt an object as it was asked to: only whoever runs it can change that."""


@dataclass(frozen=True, slots=True)
class Found:
    """An object as the store describes it. `sha256` is of the bytes that the store holds, in hex."""

    size: int
    sha256: str


def conflict(key: str, there: Found, wanted: Found) -> ConflictError:
    """Return the error that says that another object has a key."""
    return ConflictError(
        "S3 holds another object under this name",
        on=key,
        why=f"{there.size} bytes, SHA-256 {there.sha256[:16]}…; ours is {wanted.size}, {wanted.sha256[:16]}…",
        hint="Nothing was changed on either side. Find out where it came from before you move it away",
    )


class ObjectStore(Protocol):
    """Objects that are written once. All methods raise TransientError or PermanentError (credentials, bucket)."""

    def reach(self) -> None:
        """Return if the store answers, knows us and has our bucket."""

    def put(self, key: str, file: Path, sha256: str, content_type: str) -> Found | None:
        """Store the file's bytes under a key that is not taken; if just these lie there already, that is as good.

        sha256: hex; the store refuses other bytes. What lies there is never replaced: raises ConflictError if it is
        something else. Returns what the store answered that it has taken, by its own reckoning; None if it does not say
        that. Whoever puts proves afterwards, by `head` or `read_back`, what is there.
        """

    def head(self, key: str) -> Found:
        """Return what lies under the key, as the store says. Raises NotThereError."""

    def read_back(self, key: str) -> Found:
        """Return what lies under the key, told from its bytes, all of which are fetched. Raises NotThereError."""

    def retain(self, key: str, mode: LockMode, until: Instant) -> None:
        """See that nobody removes what lies under the key before an instant to come; a stronger lock is left as it is.

        mode: GOVERNANCE or COMPLIANCE. Raises NotThereError, NotLockableError.
        """

    def hold(self, key: str) -> None:
        """See that nobody removes what was proved to be there before somebody takes the hold away.

        Raises NotLockableError.
        """


class Archive(Protocol):
    """What was stored, to be read again. All methods raise TransientError or PermanentError (credentials, bucket)."""

    def list(self, prefix: str) -> Iterator[str]:
        """Yield every key that begins with the prefix; those of one folder come one after the other."""

    def read(self, key: str) -> Iterator[bytes]:
        """Yield the object's bytes, in pieces. Raises NotThereError, before the first of them."""


@dataclass(frozen=True, slots=True)
class Account:
    """A manifest whose rows are to be stored. key, sha256: its object."""

    manifest: Mapping[str, Any]
    key: str
    sha256: str


class Database(Protocol):
    """Rows made from manifests. All methods raise TransientError or PermanentError (password, schema)."""

    def reach(self) -> None:
        """Return if the database answers, knows us and has exactly this version's schema."""

    def has_call(self, node: str, channel: str) -> bool:
        """Tell whether the gate itself has given account of this channel."""

    def known(self, keys: Collection[str]) -> set[str]:
        """Return those of these objects, manifests and incidents, that have their rows."""

    def store(self, manifest: Mapping[str, Any], key: str, sha256: str) -> bool:
        """Store all rows of a manifest in one transaction; a manifest that is there already changes nothing.

        Returns whether it has rows now: a script's bare note of a call of which there is an account has none.
        key, sha256: the manifest's object. The gate's account of a channel replaces an AGI script's of the same
        channel and is never replaced by it. Raises ConflictError if another manifest has the recording's id,
        or if the rows break a promise that the schema keeps.
        """

    def store_all(self, accounts: Sequence[Account]) -> list[bool | ConflictError]:
        """Do what `store` does of several manifests, in their order and in one transaction, or a few.

        Returns for each what `store` would have returned or raised: one that is refused stops no other.
        """

    def store_incident(self, incident: Mapping[str, Any], key: str, sha256: str) -> None:
        """Store the rows of an incident in one transaction; one that is there already changes nothing.

        incident: what the guard's file says, checked. key, sha256: the object that the file became. Raises
        ConflictError if another file has the incident's id.
        """

    def close(self) -> None:
        """End all connections within two seconds."""
