"""Ship's ledger of what it stored on which day, and the anchors that became of it: `anchors/` in the spool.

<day>.jsonl       every manifest that was stored on that day, a line each, durable before the call counts as shipped
<day>.json        the anchor, once the day is over; never changed any more, for it may be in S3 already
<day>.json.sig    its signature

A line may stand there twice, for a call that was stored again after a kill: the anchor names it once.
"""

import json
import os
from contextlib import suppress
from datetime import date, timedelta
from hashlib import sha256
from pathlib import Path

from ari_app.core import names
from ari_app.core.anchor import Link
from ari_app.core.names import Instant
from ari_app.core.policy import canonical
from ari_app.core.signature import SUFFIX
from ari_app.durable import replace, sync_folder


class Ledger:
    """The files below one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def _days(self, suffix: str) -> list[str]:
        with suppress(FileNotFoundError):
            return sorted(one.stem for one in self._folder.iterdir() if one.suffix == suffix and one.name[0] != ".")
        return []

    def note(self, manifest: str, digest: str, now: Instant) -> None:
        """Write down, durably, that this manifest (its key and SHA-256) is stored."""
        self._folder.mkdir(mode=0o750, exist_ok=True)
        day = names.iso(now)[:10]
        if (closed := self._days(".json")) and closed[-1] >= day:
            # The clock was set back: what is in the anchor of that day is signed and out.
            day = str(date.fromisoformat(closed[-1]) + timedelta(days=1))
        file = self._folder / f"{day}.jsonl"
        new = not file.exists()
        # After a torn line a new one begins: the newline comes first.
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, 0o640)
        with os.fdopen(descriptor, "ab") as stream:
            stream.write(b"\n" + canonical({"manifest": manifest, "sha256": digest}) + b"\n")
            stream.flush()
            os.fsync(stream.fileno())
        if new:
            sync_folder(self._folder)
            # What is durable in a folder is lost all the same with a folder whose own name is not.
            sync_folder(self._folder.parent)

    def due(self, now: Instant) -> list[str]:
        """Return the days that are over and whose anchors are not stored and proved, the first one first."""
        today = names.iso(now)[:10]
        closed = set(self._days(".json"))
        return [day for day in self._days(".jsonl") if day < today or day in closed]

    def manifests(self, day: str) -> dict[str, str]:
        """Return what was stored on a day: the SHA-256 of each manifest, by its key."""
        found = {}
        for line in (self._folder / f"{day}.jsonl").read_bytes().split(b"\n"):
            # A torn line is of a call that was not done: it is stored, and stands here, a second time.
            with suppress(ValueError, KeyError, TypeError):
                raw = json.loads(line)
                found[raw["manifest"]] = raw["sha256"]
        return found

    def before(self, day: str) -> Link | None:
        """Return the last anchor before a day."""
        earlier = [one for one in self._days(".json") if one < day]
        return Link(earlier[-1], sha256(self.file(earlier[-1]).read_bytes()).hexdigest()) if earlier else None

    def file(self, day: str) -> Path:
        """Where a day's anchor is, or will be."""
        return self._folder / f"{day}.json"

    def signature(self, day: str) -> Path:
        """Where its signature is."""
        return self._folder / f"{day}.json{SUFFIX}"

    def close(self, day: str, anchor: bytes, signature: bytes) -> None:
        """Keep a day's anchor before it leaves the machine: nothing is added to that day any more."""
        # The signature first: an anchor that is there has one.
        replace(self.signature(day), signature, mode=0o640)
        replace(self.file(day), anchor, mode=0o640)

    def forget(self, day: str) -> None:
        """Forget what was noted for a day whose anchor is stored and proved."""
        (self._folder / f"{day}.jsonl").unlink()
        sync_folder(self._folder)
