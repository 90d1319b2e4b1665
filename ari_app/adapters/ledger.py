"""Ship's ledger of what it stored on which day, and the anchors that became of it: `anchors/` in the spool.

<day>.jsonl       every manifest that was stored on that day, a line each, durable before the call counts as shipped
<day>.json        the anchor, once the day is over; never changed any more, for it may be in S3 already
<day>.json.sig    its signature
<day>.001.jsonl.gz   its first bundle, and so on, until it is stored

A line may stand there twice, for a call that was stored again after a kill: the anchor names it once.
"""

import json
import os
import zlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import date, timedelta
from hashlib import sha256
from pathlib import Path

from ari_app.core import anchor as an
from ari_app.core import names
from ari_app.core.anchor import Bundle, Link, Packed
from ari_app.core.names import Instant
from ari_app.core.policy import canonical
from ari_app.core.signature import MANIFEST, SIGNATURE, SUFFIX
from ari_app.durable import replace, sync_folder
from ari_app.signing import Signer

_GZIP = 31
"""zlib's window of 32 KiB in a gzip file, which holds no time and no name: the same lines are the same bytes."""


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
        days = self._days(".jsonl")
        # What a kill left of a day that was just forgotten.
        self._forget_bundles(days)
        return [day for day in days if day < today or day in closed]

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

    def bundle(self, day: str, number: int) -> Path:
        """Where a day's bundle is, or will be, counted from 1."""
        return self._folder / f"{day}.{number:03}.jsonl.gz"

    def pack(self, day: str, manifests: Mapping[str, str], kept: Sequence[Path]) -> list[Bundle]:
        """Make a day's bundles of the calls that ship has kept. One whose files are gone or changed is left out."""
        bundles = []
        for number, keys in enumerate(an.shares(manifests), start=1):
            packer = zlib.compressobj(wbits=_GZIP)
            pieces = [packer.compress(an.to_lines(_found(kept, key, manifests[key]))) for key in keys]
            content = b"".join([*pieces, packer.flush()])
            replace(self.bundle(day, number), content, mode=0o640)
            bundles.append(Bundle(len(content), sha256(content).hexdigest()))
        return bundles

    def objects(self, day: str, node: str) -> list[tuple[Path, str]]:
        """Return what is to be stored of a day that is closed, and where below `anchors/`: its anchor as the last."""
        name = an.object_name(node, day)
        bundles = range(1, len(an.read(self.file(day).read_bytes()).bundles) + 1)
        return [
            *((self.bundle(day, number), an.bundle_name(node, day, number)) for number in bundles),
            (self.signature(day), f"{name}{SUFFIX}"),
            (self.file(day), name),
        ]

    def close(self, day: str, node: str, signer: Signer, kept: Sequence[Path]) -> None:
        """Make a day's bundles and its anchor, and sign it, before any of it leaves the machine.

        From then on nothing is added to that day, and nothing of it made anew.
        """
        if self.file(day).exists():
            return
        manifests = self.manifests(day)
        bundles = tuple(self.pack(day, manifests, kept))
        anchor = an.to_json(an.Anchor(node, day, self.before(day), manifests, bundles))
        # The signature first: an anchor that is there has one.
        replace(self.signature(day), signer.sign(anchor), mode=0o640)
        replace(self.file(day), anchor, mode=0o640)

    def forget(self, day: str) -> None:
        """Forget what was noted for a day whose anchor is stored and proved."""
        # The first: a day without its bundles must not be looked for any more.
        (self._folder / f"{day}.jsonl").unlink()
        self._forget_bundles(self._days(".jsonl"))
        sync_folder(self._folder)

    def _forget_bundles(self, awaited: list[str]) -> None:
        for bundle in self._folder.glob("*.jsonl.gz"):
            if bundle.name.split(".")[0] not in awaited:
                bundle.unlink()


def _found(kept: Sequence[Path], key: str, digest: str) -> Packed | None:
    for folder in kept:
        call = folder / key.split("/")[-2]
        with suppress(OSError):
            manifest, signature = (call / MANIFEST).read_bytes(), (call / SIGNATURE).read_bytes()
            if sha256(manifest).hexdigest() == digest:
                return Packed(manifest, signature)
    return None
