"""What is wrong with a recording as it lies in S3, judged from what lies there and nothing else.

    signature   of the manifest's exact bytes, by a key that is known            (`signing`)
    shape       every field is there and holds what belongs there                (`shape`)
    place       the manifest lies where it says that it does: nothing was moved or swapped
    objects     each that it names is there with its length and hash, and no other
    sound       each has the channels, the rate and the samples that are told
    arithmetic  every stored sample lies within the permits of all its parties   (`arithmetic`)

Pure: the same bytes always have the same faults. No database is asked, and none is needed.
"""

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from . import arithmetic, evidence, self_test, shape
from .evidence import DamagedJournalError
from .manifest import FORMAT
from .names import MICROSECONDS, Instant, instant_of, object_folder, recording_id
from .policy import canonical
from .signature import MANIFEST, SIGNATURE

HEAD_BYTES = 26
"""So much of a FLAC file says how long it is and how many channels it has (RFC 9639, section 8.2)."""

SKEW_MICROSECONDS = 60 * MICROSECONDS
"""By so much the clock of who verifies may be behind the PBX's."""

JOURNAL = "journal.jsonl"
_BITS = 16


@dataclass(frozen=True, slots=True)
class Object:
    """What lies under a name. `head`: its first bytes, at least HEAD_BYTES of a longer one."""

    size: int
    sha256: str
    head: bytes


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with which object of a call's folder, in which field ("" for all of it)."""

    object: str
    field: str
    what: str

    def __str__(self) -> str:
        return f"{self.object}: {self.field} {self.what}" if self.field else f"{self.object} {self.what}"


@dataclass(frozen=True, slots=True)
class Lying:
    """A call's folder as it lies there: its manifest, and every other object by its name.

    refusal: what is wrong with the manifest's signature; "" if nothing is, None if there is no signature. now: when it
    was fetched.
    """

    folder: str
    manifest: bytes | None
    refusal: str | None
    objects: Mapping[str, Object]
    now: Instant


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found of a folder; `manifest` only if it could be read, `sha256` of its bytes, "" if it is not there."""

    folder: str
    faults: tuple[Fault, ...]
    manifest: Mapping[str, Any] | None = None
    sha256: str = ""


def judge(lying: Lying) -> Verdict:
    """Return everything that is wrong with a call's folder."""
    found = account(lying)
    if lying.manifest is None:
        others = [Fault(name, "", "belongs to no manifest") for name in sorted(lying.objects)]
    else:
        others = [] if found.manifest is None else list(_objects(lying.objects, found.manifest))
    return replace(found, faults=(*found.faults, *others))


def account(lying: Lying) -> Verdict:
    """Return everything that is wrong with the manifest itself, whatever lies beside it: what its rows are made of."""
    if lying.manifest is None:
        return Verdict(lying.folder, (Fault(MANIFEST, "", "is not there"),))
    found, manifest = _manifest(lying.manifest)
    faults = [*_signed(lying.refusal), *found]
    if manifest is not None:
        faults += _place(lying.folder, manifest)
        if instant_of(manifest["call"]["ended_at"]) > lying.now + SKEW_MICROSECONDS:
            faults.append(Fault(MANIFEST, "call.ended_at", "is in the future"))
        faults += [Fault(MANIFEST, *one) for one in arithmetic.breaches(manifest)]
    return Verdict(lying.folder, tuple(faults), manifest, hashlib.sha256(lying.manifest).hexdigest())


def complete(found: Verdict, names: Collection[str]) -> Verdict:
    """Return a verdict on a manifest with whether each object lies there that it names, and no other.

    names: of all that lies in its folder. Nothing is said of what the objects hold.
    """
    if found.manifest is None:
        return found
    named = {one["object"] for one in found.manifest["segments"]} | {MANIFEST, SIGNATURE}
    if self_test.is_one(found.manifest["parties"]):
        # It is taken away when it has been proved.
        named &= {*names, MANIFEST, SIGNATURE}
    gone = [Fault(name, "", "is not there") for name in sorted(named - {*names})]
    more = [Fault(name, "", "is not in the manifest") for name in sorted({*names} - named)]
    told = {one.object for one in found.faults if one.object == SIGNATURE}
    return replace(found, faults=(*found.faults, *(one for one in gone if one.object not in told), *more))


def journal(found: Verdict, text: bytes) -> Verdict:
    """Return a verdict on a recording with whether this is the journal of which its manifest was made.

    It is not in the bucket. What follows its last whole line was never durable, and says nothing.
    """
    if found.manifest is None or found.manifest["journal"] is None:
        return found
    said = found.manifest["journal"]
    try:
        entries, chain = evidence.read(text)
    except DamagedJournalError as damage:
        what = str(damage)
    else:
        if (len(entries), chain) == (said["lines"], said["sha256"]):
            return found
        what = f"has {len(entries)} lines that end in {chain}, and the manifest says {said['lines']}, {said['sha256']}"
    return replace(found, faults=(*found.faults, Fault(JOURNAL, "", what)))


def _manifest(text: bytes) -> tuple[list[Fault], Mapping[str, Any] | None]:
    """Return what is wrong with a manifest's bytes and shape, and what it says if that can be relied on."""
    try:
        manifest = json.loads(text)
        same = canonical(manifest) == text
    except (ValueError, RecursionError):
        return [Fault(MANIFEST, "", "cannot be read")], None
    known = manifest.get("format") if isinstance(manifest, dict) else None
    if type(known) is int and known > FORMAT:
        what = f"is {known}, of a later version than this one, which knows {FORMAT}: update consentgate"
        return [Fault(MANIFEST, "format", what)], None
    faults = [] if same else [Fault(MANIFEST, "", "is not in the bytes that ship writes")]
    if damaged := shape.faults(manifest):
        return [*faults, *(Fault(MANIFEST, *one) for one in damaged)], None
    return faults, manifest


def _signed(refusal: str | None) -> Iterator[Fault]:
    if refusal is None:
        yield Fault(SIGNATURE, "", "is not there: nobody can prove that nothing was altered")
    elif refusal:
        yield Fault(SIGNATURE, "", refusal)


def _place(folder: str, manifest: Mapping[str, Any]) -> Iterator[Fault]:
    call = manifest["call"]
    if manifest["folder"] != folder:
        yield Fault(MANIFEST, "folder", f"is {manifest['folder']}, and it lies in {folder}")
    if object_folder("", recording_id(call["recording"]), instant_of(call["began_at"])) != "/".join(
        manifest["folder"].split("/")[-4:]
    ):
        yield Fault(MANIFEST, "folder", "is not that of this recording and its day")


def _objects(objects: Mapping[str, Object], manifest: Mapping[str, Any]) -> Iterator[Fault]:
    named = {one["object"]: one for one in manifest["segments"]}
    for name, segment in named.items():
        there = objects.get(name)
        if there is None:
            # The sound of a self-test is taken away when it has been proved.
            if not self_test.is_one(manifest["parties"]):
                yield Fault(name, "", "is not there")
            continue
        if there.size != segment["bytes"]:
            yield Fault(name, "", f"has {there.size} bytes, and the manifest says {segment['bytes']}")
        if there.sha256 != segment["sha256"]:
            yield Fault(name, "", f"has the SHA-256 {there.sha256}, and the manifest says {segment['sha256']}")
        for field, is_so, told in _sound(there.head, segment):
            if is_so != told:
                yield Fault(name, field, f"is {is_so}, and the manifest says {told}")
    for name in sorted(objects.keys() - named.keys()):
        yield Fault(name, "", "is not in the manifest")


def _sound(head: bytes, segment: Mapping[str, Any]) -> Iterator[tuple[str, object, object]]:
    """Yield what the head of a FLAC file says of its sound, and what the manifest says of it."""
    if len(head) < HEAD_BYTES or head[:4] != b"fLaC" or head[4] & 0x7F:
        yield "format", "not FLAC", "FLAC"
        return
    packed = int.from_bytes(head[18:26])
    yield "rate_hz", packed >> 44, segment["rate_hz"]
    yield "channels", (packed >> 41 & 7) + 1, len(segment["channels"])
    yield "bits", (packed >> 36 & 31) + 1, _BITS
    yield "samples", packed & (1 << 36) - 1, segment["samples"]
