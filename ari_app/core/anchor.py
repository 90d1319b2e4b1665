"""An object a day that names every manifest that a ship stored on it, and follows from the one of the day before.

A signature says that a recording is what it was; it cannot say that one is missing. The anchor can: whoever removes a
recording must alter the anchor that names it, and with it every later one, each of which is signed. The day is that
of the storing (UTC), for a call may wait for days until it can be stored, and an anchor is written once.

Beside it lie the day's bundles: a copy of these manifests and their signatures, so that years can be read with a few
requests a day instead of thousands. Unpacked (gzip) a bundle is lines, two for each manifest in the order of their
keys: the manifest's bytes and its signature's, for neither holds a line's end. The anchor names the hash of each.
"""

import hashlib
import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from .policy import canonical
from .signature import MANIFEST, SIGNATURE
from .verification import Fault, Verdict

FORMAT = 2
WITHOUT_BUNDLES = 1
"""The format of an anchor that names no bundles, as all of the first version."""

FOLDER = "anchors"
BUNDLED = 5000
"""So many manifests at most are in a bundle: some 30 MB unpacked, and fetched whole."""

_BUNDLE = re.compile(r"\d{4}/\d\d/\d\d\.[a-z0-9-]+\.\d{3}\.jsonl\.gz\Z")
_NAME = re.compile(r"(\d{4})/(\d\d)/(\d\d)\.([a-z0-9-]+)\.json\Z")


@dataclass(frozen=True, slots=True)
class Link:
    """An earlier anchor: its day (YYYY-MM-DD), and the SHA-256 of its bytes."""

    day: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle's object: its length in bytes and its hash."""

    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Anchor:
    """`manifests`: the SHA-256 of each manifest, by its key. `before`: None for a node's first.

    bundles: of each share of the manifests (`shares`), in their order; none in the anchors of the first version.
    """

    node: str
    day: str
    before: Link | None
    manifests: Mapping[str, str]
    bundles: Sequence[Bundle] = ()


@dataclass(frozen=True, slots=True)
class Anchored:
    """What an anchor says of a manifest: its day, its hash, and the name of the bundle that has it ("": none)."""

    day: str
    sha256: str
    bundle: str


@dataclass(frozen=True, slots=True)
class Share:
    """What a bundle is, and the keys of the manifests in it, in its order."""

    bundle: Bundle
    keys: Sequence[str]


@dataclass(frozen=True, slots=True)
class Packed:
    """A manifest and its signature (None: it had none) as they are in a bundle."""

    manifest: bytes
    signature: bytes | None


@dataclass(frozen=True, slots=True)
class Judged:
    """The verdict on each anchor; what they say of each manifest, by its key; and of each bundle, by its name.

    stray: the bundles that no anchor names. A manifest whose anchor is faulty has no bundle: who altered the one may
    have altered the other.
    """

    verdicts: list[Verdict]
    anchored: dict[str, Anchored]
    shares: dict[str, Share]
    stray: list[str]


@dataclass(frozen=True, slots=True)
class Lain:
    """An anchor as it lies in S3. `refusal`: as in `verification.Lying`."""

    name: str
    text: bytes
    refusal: str | None

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.text).hexdigest()


def object_name(node: str, day: str) -> str:
    """Return where an anchor lies, below the prefix and `anchors/`."""
    return f"{day.replace('-', '/')}.{node}.json"


def day_of(name: str) -> tuple[str, str] | None:
    """Return node and day of an anchor's name; None if it is no such name."""
    found = _NAME.match(name)
    return (found[4], f"{found[1]}-{found[2]}-{found[3]}") if found else None


def bundle_name(node: str, day: str, number: int) -> str:
    """Return where a day's bundle lies, counted from 1, below the prefix and `anchors/`."""
    return f"{day.replace('-', '/')}.{node}.{number:03}.jsonl.gz"


def is_bundle(name: str) -> bool:
    """Tell whether this is the name of a bundle."""
    return bool(_BUNDLE.match(name))


def shares(keys: Iterable[str]) -> list[list[str]]:
    """Return which manifests go into each of a day's bundles, by their keys."""
    ordered = sorted(keys)
    return [ordered[start : start + BUNDLED] for start in range(0, len(ordered), BUNDLED)]


def to_lines(packed: Packed | None) -> bytes:
    """Return a manifest's two lines in a bundle; None: it is not at hand any more, and must be fetched by itself."""
    return b"\n\n" if packed is None else packed.manifest + b"\n" + (packed.signature or b"") + b"\n"


def unpack(share: Share, anchored: Mapping[str, Anchored], lines: Sequence[bytes]) -> dict[str, Packed]:
    """Return the manifests in a bundle by their keys, all of which are those that were anchored.

    lines: without their ends. Raises ValueError, in words for a person, for anything but what ship packs.
    """
    if len(lines) != 2 * len(share.keys):
        raise ValueError(f"has {len(lines)} lines, and the anchor names {len(share.keys)} manifests of it")
    found = {}
    for key, manifest, signature in zip(share.keys, lines[::2], lines[1::2], strict=True):
        if manifest:
            if hashlib.sha256(manifest).hexdigest() != anchored[key].sha256:
                raise ValueError(f"holds another {key} than the one that was anchored")
            found[key] = Packed(manifest, signature or None)
    return found


def to_json(anchor: Anchor) -> bytes:
    """Return the anchor's bytes, always the same for the same anchor."""
    before = {"day": anchor.before.day, "sha256": anchor.before.sha256} if anchor.before else None
    said = {"format": WITHOUT_BUNDLES, "node": anchor.node, "day": anchor.day, "before": before}
    if anchor.bundles:
        bundles = [{"bytes": one.size, "sha256": one.sha256} for one in anchor.bundles]
        said |= {"format": FORMAT, "bundles": bundles}
    return canonical({**said, "manifests": dict(anchor.manifests)})


def read(text: bytes) -> Anchor:
    """Read an anchor. Raises ValueError, in words for a person, for anything but what `to_json` writes."""
    try:
        raw = json.loads(text)
        later = type(raw["format"]) is int and raw["format"] > FORMAT
        anchor = None if later else _anchor(raw)
        same = anchor is not None and to_json(anchor) == text
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise ValueError("is no anchor that can be read") from None
    if anchor is None:
        raise ValueError(f"is of a later version than this one, which knows {FORMAT}: update consentgate")
    texts = [*anchor.manifests.values(), *(one.sha256 for one in anchor.bundles)]
    if not same or not all(isinstance(one, str) for one in texts) or not all(one.size >= 0 for one in anchor.bundles):
        raise ValueError("is not in the bytes that this version of ship writes")
    if anchor.bundles and len(anchor.bundles) != len(shares(anchor.manifests)):
        raise ValueError("does not name the bundles of its manifests")
    return anchor


def _anchor(raw: Mapping[str, Any]) -> Anchor:
    before = Link(raw["before"]["day"], raw["before"]["sha256"]) if raw["before"] is not None else None
    bundles = tuple(Bundle(int(one["bytes"]), one["sha256"]) for one in raw.get("bundles", ()))
    return Anchor(raw["node"], raw["day"], before, raw["manifests"], bundles)


def judge(lain: Iterable[Lain], bundles: Collection[str], *, whole: bool) -> Judged:
    """Judge the anchors.

    bundles: the names of those that lie there. whole: these are all anchors that there are, so that the first of each
    node follows from none.
    """
    nodes: dict[str, list[tuple[str, Lain]]] = {}
    judged = Judged([], {}, {}, [])
    for one in lain:
        named = day_of(one.name)
        if named is None:
            judged.verdicts.append(Verdict(FOLDER, (Fault(one.name, "", "is nothing that consentgate stores"),)))
        else:
            nodes.setdefault(named[0], []).append((named[1], one))
    claimed: set[str] = set()
    for node, unsorted in nodes.items():
        before: Link | None = None
        for day, one in sorted(unsorted, key=lambda pair: pair[0]):
            faults, anchor = _read(one, node, day)
            if anchor is None:
                # Of one that cannot be read nobody knows which bundles it names.
                claimed |= {name for name in bundles if name.startswith(one.name.removesuffix("json"))}
            else:
                there = _shares(anchor, node, day)
                claimed |= there.keys()
                _name(judged, anchor, day, {} if faults else there)
                faults += _follows(anchor.before, before, unknown=before is None and not whole)
            judged.verdicts.append(Verdict(FOLDER, tuple(Fault(one.name, "", what) for what in faults)))
            before = Link(day, one.sha256)
    judged.stray.extend(sorted(set(bundles) - claimed))
    return judged


def _shares(anchor: Anchor, node: str, day: str) -> dict[str, Share]:
    pairs = zip(anchor.bundles, shares(anchor.manifests), strict=False)
    return {bundle_name(node, day, number): Share(*pair) for number, pair in enumerate(pairs, start=1)}


def _name(judged: Judged, anchor: Anchor, day: str, there: Mapping[str, Share]) -> None:
    within = {key: name for name, share in there.items() for key in share.keys}
    judged.shares.update(there)
    for key, sha256 in anchor.manifests.items():
        judged.anchored[key] = Anchored(day, sha256, within.get(key, ""))


def _read(one: Lain, node: str, day: str) -> tuple[list[str], Anchor | None]:
    faults = ["is not signed"] if one.refusal is None else [f"has a signature that {one.refusal}"]
    faults = [] if one.refusal == "" else faults
    try:
        anchor = read(one.text)
    except ValueError as damage:
        return [*faults, str(damage)], None
    if (anchor.node, anchor.day) != (node, day):
        faults.append(f"is that of {anchor.day} and node {anchor.node}")
    return faults, anchor


def _follows(said: Link | None, there: Link | None, *, unknown: bool) -> Iterator[str]:
    if unknown or said == there:
        return
    if said is None:
        yield "begins anew, although there are earlier ones"
    elif there is None or said.day != there.day:
        yield f"follows from that of {said.day}, which is not there"
    else:
        yield f"follows from another one of {said.day} than the one that is there"


def compare(verdict: Verdict, anchored: Mapping[str, Anchored], key: str) -> Verdict:
    """Return the verdict on a recording with what the anchors say of its manifest, whose key this is."""
    link = anchored.get(key)
    if link is None or verdict.sha256 in {"", link.sha256}:
        return verdict
    fault = Fault(MANIFEST, "", f"is not the one that was anchored on {link.day}")
    return replace(verdict, faults=(*verdict.faults, fault))


def same_signature(verdict: Verdict, packed: Packed | None, there: bytes | None) -> Verdict:
    """Return the verdict on a recording with whether the signature beside its manifest is the one in the bundle.

    there: None if none lies there, of which has been told.
    """
    if packed is None or there in {None, packed.signature}:
        return verdict
    if verdict.sha256 != hashlib.sha256(packed.manifest).hexdigest():
        # The manifest is another one, and that is told.
        return verdict
    fault = Fault(SIGNATURE, "", "is not the one in the bundle of the day on which it was stored")
    return replace(verdict, faults=(*verdict.faults, fault))


def missing(anchored: Mapping[str, Anchored], seen: Collection[str]) -> Iterator[Verdict]:
    """Yield a verdict on each recording that an anchor names and of whose folder nothing is there any more."""
    for key, link in anchored.items():
        folder, _, name = key.rpartition("/")
        if folder not in seen:
            yield Verdict(folder, (Fault(name, "", f"was anchored on {link.day}, and is not there"),))
