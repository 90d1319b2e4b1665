"""Both ports in memory: for tests, and to try something without servers. They keep the ports' contracts."""

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ari_app.core.manifest import is_note
from ari_app.core.names import Instant
from ari_app.core.retention import LockMode
from ari_app.errors import NotThereError, TransientError
from ari_app.ports import Account, ConflictError, Found, NotLockableError, conflict


class MemoryStore:
    """An ObjectStore and an Archive. `objects` holds what was put, `locks` and `held` which of it nobody may remove."""

    def __init__(self, *, lockable: bool = True) -> None:
        self.objects: dict[str, bytes] = {}
        self.locks: dict[str, tuple[LockMode, Instant]] = {}
        self.held: set[str] = set()
        self._lockable = lockable

    def reach(self) -> None:
        pass

    def put(self, key: str, file: Path, sha256: str, content_type: str) -> Found | None:
        del content_type
        content = file.read_bytes()
        if hashlib.sha256(content).hexdigest() != sha256:
            raise TransientError("an object cannot be stored", on=key, why="its bytes have another hash than was said")
        if self.objects.setdefault(key, content) != content:
            raise conflict(key, self.head(key), Found(len(content), sha256))
        return Found(len(content), sha256)

    def read_back(self, key: str) -> Found:
        content = b"".join(self.read(key))
        return Found(len(content), hashlib.sha256(content).hexdigest())

    def retain(self, key: str, mode: LockMode, until: Instant) -> None:
        self._check_lockable(key)
        before = self.locks.get(key, (mode, until))
        strength = list(LockMode).index
        self.locks[key] = max(before[0], mode, key=strength), max(before[1], until)

    def hold(self, key: str) -> None:
        self._check_lockable(key)
        self.held.add(key)

    def _check_lockable(self, key: str) -> None:
        self.head(key)
        if not self._lockable:
            raise NotLockableError("an object cannot be locked", on=key, why="this store was made without locks")

    def head(self, key: str) -> Found:
        if key not in self.objects:
            raise NotThereError("an object cannot be looked up", on=key, why="it is not there")
        content = self.objects[key]
        return Found(len(content), hashlib.sha256(content).hexdigest())

    def list(self, prefix: str) -> Iterator[str]:
        yield from sorted(key for key in self.objects if key.startswith(prefix))

    def read(self, key: str) -> Iterator[bytes]:
        if key not in self.objects:
            raise NotThereError("an object cannot be read", on=key, why="it is not there")
        yield self.objects[key]


class MemoryDatabase:
    """A Database. `manifests` and `incidents` hold what was stored, by id; the schema's promises are PostgreSQL's."""

    def __init__(self) -> None:
        self.manifests: dict[str, dict[str, Any]] = {}
        self.incidents: dict[str, dict[str, Any]] = {}
        self._hashes: dict[str, str] = {}
        self._incident_hashes: dict[str, str] = {}
        self._keys: dict[str, str] = {}
        """The recording or incident of each object that has rows."""

    def reach(self) -> None:
        pass

    def _of(self, node: str, channel: str) -> list[str]:
        return [
            recording
            for recording, manifest in self.manifests.items()
            if (manifest["call"]["node"], manifest["call"]["channel"]) == (node, channel)
        ]

    def has_call(self, node: str, channel: str) -> bool:
        return bool(self._of(node, channel))

    def known(self, keys: Collection[str]) -> set[str]:
        return {key for key in keys if key in self._keys}

    def store(self, manifest: Mapping[str, Any], key: str, sha256: str) -> bool:
        call = manifest["call"]
        recording = call["recording"]
        if recording in self.manifests:
            if self._hashes[recording] != sha256:
                raise ConflictError("the database holds another manifest of this recording", on=recording)
            return True
        others = self._of(call["node"], call["channel"])
        if is_note(call) and others:
            return False
        if any(self.manifests[other]["call"]["run"] == call["run"] for other in others):
            raise ConflictError("rows are refused by the database", on=f"{key}: the run has an account of this channel")
        for other in others:
            if is_note(self.manifests[other]["call"]):
                del self.manifests[other], self._hashes[other]
                self._keys = {one: of for one, of in self._keys.items() if of != other}
        # A copy through JSON: nothing that the caller changes later may change what was stored.
        self.manifests[recording] = json.loads(json.dumps(manifest))
        self._hashes[recording] = sha256
        self._keys[key] = recording
        return True

    def store_all(self, accounts: Sequence[Account]) -> list[bool | ConflictError]:
        def outcome(one: Account) -> bool | ConflictError:
            try:
                return self.store(one.manifest, one.key, one.sha256)
            except ConflictError as conflict:
                return conflict

        return [outcome(one) for one in accounts]

    def store_incident(self, incident: Mapping[str, Any], key: str, sha256: str) -> None:
        identity = incident["id"]
        if self._incident_hashes.setdefault(identity, sha256) != sha256:
            raise ConflictError("the database holds another account of this incident", on=f"{identity}, {key}")
        self._keys[key] = identity
        self.incidents[identity] = json.loads(json.dumps(incident))

    def close(self) -> None:
        pass
