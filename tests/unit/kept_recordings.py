"""Recordings as they lie in S3, whole, for tests that then alter one thing."""

import hashlib
import json
from copy import deepcopy
from typing import Any

from sealed_calls import at, narrowed, objected, opened, widened
from unit.room_stories import RECORDING, call, files, granted, revoked, track

from ari_app.core import evidence as ev
from ari_app.core import manifest as mf
from ari_app.core import names, shipment
from ari_app.core.manifest import Stored
from ari_app.core.policy import canonical
from ari_app.core.reasons import Reason
from ari_app.core.verification import Lying, Object

FOLDER = f"calls/2026/11/22/{RECORDING}"


def flac(*, rate_hz: int = 8000, channels: int = 2, bits: int = 16, samples: int) -> bytes:
    """Return the first bytes of a FLAC file (RFC 9639): its mark, and the block that says what it holds."""
    sound = rate_hz << 44 | channels - 1 << 41 | bits - 1 << 36 | samples
    return b"fLaC" + bytes([0, 0, 0, 34]) + bytes(10) + sound.to_bytes(8) + bytes(16)


def _entries(*, mode: str) -> list[ev.Entry]:
    """Everything that a manifest can tell: two permits, a guest, a failed notice, somebody who leaves, an objection."""
    failed = ev.NoticeFailed(at=at(3.5), party="p03", announcement="welcome-en", reason=Reason.HUNG_UP)
    told = call(
        ev.Chose(at=at(2.9), party="p01", choice="consented", key="1"),
        granted(3, 1, "p01", "p04"),
        failed,
        widened(3.9, "p01", "p02"),
        *track(1, "p01", 4, 20),
        *track(1, "p02", 4, 20),
        narrowed(9, "p01", "p04"),
        revoked(15, 1, Reason.HELD),
        granted(18, 2, "p01", "p02"),
        *track(2, "p01", 17.5, 25),
        *track(2, "p02", 18.5, 25),
        objected(22, "p02"),
        revoked(25, 2, Reason.HUNG_UP),
        ev.ForeignCapture(at=at(26), party="p01"),
    )
    return [opened(RECORDING, mode=mode), *told[1:]]


def manifest(*, mode: str = "announce") -> tuple[dict[str, Any], dict[str, Object]]:
    """Return a whole manifest and its objects."""
    entries = _entries(mode=mode)
    # The colleague's second file never appeared: their channel is silent.
    wavs = {key: wav for key, wav in files(entries).items() if key != (2, "p02")}
    made = shipment.plan(entries, "c" * 64, RECORDING, at(60), wavs)
    objects, stored = {}, {}
    for one in made.segments:
        head = flac(channels=len(one.parties), samples=one.samples)
        name = names.segment_object(one.number)
        objects[name] = Object(1000 + one.number, hashlib.sha256(head).hexdigest(), head)
        stored[one.number] = Stored(name, objects[name].sha256, objects[name].size)
    return json.loads(mf.to_json(mf.build(made, FOLDER, stored))[0]), objects


WHOLE, OBJECTS = manifest()
OPT_IN, _ = manifest(mode="opt_in")
NOTED = mf.build_fallback(
    mf.Fallback(RECORDING, "pbx1", "switchboard", "1763802000.1", at(0), at(5), Reason.GATE_AWAY), FOLDER
)


def lying(said: Any, **changes: Any) -> Lying:
    """Return a folder in which this manifest lies, well signed."""
    whole = {"folder": FOLDER, "manifest": canonical(said), "refusal": "", "objects": OBJECTS, "now": at(60)}
    return Lying(**{**whole, **changes})


def altered(said: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """Return a manifest with another value at a path (`permits[0].reason`)."""
    made = deepcopy(said)
    *way, last = [int(one) if one.isdigit() else one for one in path.replace("]", "").replace("[", ".").split(".")]
    place: Any = made
    for one in way:
        place = place[one]
    place[last] = value
    return made
