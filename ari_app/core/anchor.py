"""An object a day that names every manifest that a ship stored on it, and follows from the one of the day before.

A signature says that a recording is what it was; it cannot say that one is missing. The anchor can: whoever removes a
recording must alter the anchor that names it, and with it every later one, each of which is signed. The day is that
of the storing (UTC), for a call may wait for days until it can be stored, and an anchor is written once.
"""

import hashlib
import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from .policy import canonical
from .verification import Fault, Verdict

FORMAT = 1
FOLDER = "anchors"
_NAME = re.compile(r"(\d{4})/(\d\d)/(\d\d)\.([a-z0-9-]+)\.json\Z")


@dataclass(frozen=True, slots=True)
class Link:
    """An earlier anchor: its day (YYYY-MM-DD), and the SHA-256 of its bytes."""

    day: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Anchor:
    """`manifests`: the SHA-256 of each manifest, by its key. `before`: None for a node's first."""

    node: str
    day: str
    before: Link | None
    manifests: Mapping[str, str]


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


def to_json(anchor: Anchor) -> bytes:
    """Return the anchor's bytes, always the same for the same anchor."""
    before = {"day": anchor.before.day, "sha256": anchor.before.sha256} if anchor.before else None
    said = {"format": FORMAT, "node": anchor.node, "day": anchor.day, "before": before}
    return canonical({**said, "manifests": dict(anchor.manifests)})


def read(text: bytes) -> Anchor:
    """Read an anchor. Raises ValueError, in words for a person, for anything but what `to_json` writes."""
    try:
        raw = json.loads(text)
        before = Link(raw["before"]["day"], raw["before"]["sha256"]) if raw["before"] is not None else None
        anchor = Anchor(raw["node"], raw["day"], before, raw["manifests"])
        same = to_json(anchor) == text
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise ValueError("is no anchor that can be read") from None
    if not same or not all(isinstance(one, str) for one in anchor.manifests.values()):
        raise ValueError("is not in the bytes that this version of ship writes")
    return anchor


def judge(lain: Iterable[Lain], *, whole: bool) -> tuple[list[Verdict], dict[str, Link]]:
    """Return the verdict on each anchor, and for each manifest that they name its day and hash.

    whole: these are all that there are, so that the first of each node follows from none.
    """
    nodes: dict[str, list[tuple[str, Lain]]] = {}
    verdicts: list[Verdict] = []
    for one in lain:
        named = day_of(one.name)
        if named is None:
            verdicts.append(Verdict(FOLDER, (Fault(one.name, "", "is nothing that consentgate stores"),)))
        else:
            nodes.setdefault(named[0], []).append((named[1], one))
    anchored: dict[str, Link] = {}
    for node, unsorted in nodes.items():
        before: Link | None = None
        for day, one in sorted(unsorted, key=lambda pair: pair[0]):
            faults, anchor = _read(one, node, day)
            if anchor is not None:
                faults += _follows(anchor.before, before, unknown=before is None and not whole)
                anchored |= {key: Link(day, sha256) for key, sha256 in anchor.manifests.items()}
            verdicts.append(Verdict(FOLDER, tuple(Fault(one.name, "", what) for what in faults)))
            before = Link(day, one.sha256)
    return verdicts, anchored


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


def compare(verdict: Verdict, anchored: Mapping[str, Link], key: str) -> Verdict:
    """Return the verdict on a recording with what the anchors say of its manifest, whose key this is."""
    link = anchored.get(key)
    if link is None or verdict.sha256 in {"", link.sha256}:
        return verdict
    fault = Fault(key.rpartition("/")[2], "", f"is not the one that was anchored on {link.day}")
    return Verdict(verdict.folder, (*verdict.faults, fault), verdict.manifest, verdict.sha256)


def missing(anchored: Mapping[str, Link], seen: Collection[str]) -> Iterator[Verdict]:
    """Yield a verdict on each recording that an anchor names and of whose folder nothing is there any more."""
    for key, link in anchored.items():
        folder, _, name = key.rpartition("/")
        if folder not in seen:
            yield Verdict(folder, (Fault(name, "", f"was anchored on {link.day}, and is not there"),))
