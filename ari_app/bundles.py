"""The days' bundles in S3: many manifests with one request, each of them proved to be the one that was anchored.

A bundle is fetched when the first of its manifests is asked for, and a few are kept: recordings are asked for in the
order of their keys, as they are packed. What is wrong with a bundle is told, and its manifests are fetched singly.
"""

import hashlib
import zlib
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ari_app.core import anchor
from ari_app.core.anchor import Anchored, Packed, Share
from ari_app.core.verification import Fault, Verdict
from ari_app.inspection import Inspection

KEPT = 4
"""So many bundles are kept unpacked: a day's calls are in its own, in the next day's, or of a second node."""

MOST_BYTES = 1 << 30
"""A manifest of many hours has some hundred kilobytes, and 5000 of them have been packed by ship."""

_GZIP = 31


@dataclass(slots=True)
class Bundles:
    """Those that the anchors name, and the stray ones that none names. `faults`: what is wrong, by their names."""

    inspection: Inspection
    shares: Mapping[str, Share]
    anchored: Mapping[str, Anchored]
    stray: Sequence[str] = ()
    faults: dict[str, str] = field(init=False)
    _read: set[str] = field(default_factory=set)
    _kept: "OrderedDict[str, dict[str, Packed]]" = field(default_factory=OrderedDict)

    def __post_init__(self) -> None:
        self.faults = dict.fromkeys(self.stray, "belongs to no anchor")

    @property
    def total(self) -> int:
        """How many there are, named or not."""
        return len({*self.shares, *self.stray})

    def of(self, key: str) -> Packed | None:
        """Return what the bundles hold of the manifest under this key; None: nothing that can be relied on."""
        named = self.anchored.get(key)
        return self._bundle(named.bundle).get(key) if named and named.bundle in self.shares else None

    def read_all(self) -> None:
        """Read each that was not read yet, to see that it is whole."""
        for name in sorted(self.shares.keys() - self._read):
            self._bundle(name)

    def verdicts(self) -> Iterator[Verdict]:
        """Yield a verdict on each that is not whole."""
        folder = self.inspection.below(anchor.FOLDER)
        for name, what in sorted(self.faults.items()):
            yield Verdict(folder, (Fault(name, "", what),))

    def _bundle(self, name: str) -> dict[str, Packed]:
        if name in self._kept:
            self._kept.move_to_end(name)
            return self._kept[name]
        self._read.add(name)
        try:
            found = self._fetch(name)
        except ValueError as damage:
            self.faults[name], found = str(damage), {}
        self._kept[name] = found
        if len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        return found

    def _fetch(self, name: str) -> dict[str, Packed]:
        share = self.shares[name]
        key = f"{self.inspection.below(anchor.FOLDER)}/{name}"
        content = self.inspection.content(key, share.bundle.size)
        if content is None:
            raise ValueError("is not there, and its anchor names it")
        if (len(content), hashlib.sha256(content).hexdigest()) != (share.bundle.size, share.bundle.sha256):
            raise ValueError("is not the one that its anchor names: it was altered")
        try:
            unpacker = zlib.decompressobj(_GZIP)
            text = unpacker.decompress(content, MOST_BYTES)
        except zlib.error:
            raise ValueError("cannot be unpacked, although it is what its anchor names") from None
        if not unpacker.eof or unpacker.unused_data:
            raise ValueError("is cut off, although it is what its anchor names")
        return anchor.unpack(share, self.anchored, text.split(b"\n")[:-1])
