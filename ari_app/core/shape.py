"""Which fields a manifest of format 1 has, and what each may hold: asked of every manifest that is read again.

A manifest that comes back from a bucket may have been written by anybody. Whoever judges what it says must be able to
rely on its shape; what is not of this shape is told by its path (`tracks[2].stored_from`).
"""

import re
from collections.abc import Callable, Iterator
from typing import Any, Final

from .manifest import FALLBACK, FORMAT, GATE, NOT_RECORDED, RECORDED
from .names import instant_of, iso, recording_id
from .policy import Capture, Mode
from .reasons import Reason

Kind = Callable[[object], bool]
Shape = Kind | dict[str, Any] | list[Any]
"""What a value is: of a kind, an object with these fields, or a list of which each item is the first one's."""

LATER: Final = frozenset({"attested_by", "choices", "long_ms", "truncated", "missing_ms", "text"})
"""Fields that the first manifests did not have; what a later version adds is left alone."""

_SHA256: Final = re.compile(r"[0-9a-f]{64}\Z")
_PARTY: Final = re.compile(r"p\d{2}\Z")


def _text(value: object) -> bool:
    return isinstance(value, str)


def _count(value: object) -> bool:
    # A bool is an int to Python, and to nobody else.
    return type(value) is int and value >= 0


def _flag(value: object) -> bool:
    return type(value) is bool


def _sha256(value: object) -> bool:
    return isinstance(value, str) and bool(_SHA256.match(value))


def _party(value: object) -> bool:
    return isinstance(value, str) and bool(_PARTY.match(value))


def _instant(value: object) -> bool:
    try:
        return isinstance(value, str) and iso(instant_of(value)) == value
    except (ValueError, OverflowError):
        return False


def _recording(value: object) -> bool:
    try:
        return isinstance(value, str) and bool(recording_id(value))
    except ValueError:
        return False


def _one_of(*words: str) -> Kind:
    return lambda value: isinstance(value, str) and value in words


def _maybe(kind: Kind) -> Kind:
    return lambda value: value is None or kind(value)


_reason = _one_of(*Reason)
_direction = _one_of("incoming", "outgoing", "join")

_FAILED: Final = {"notice": _count, "party": _party, "announcement": _text, "failed_at": _instant, "reason": _reason}
_PLAYED: Final = {
    "notice": _count,
    "party": _party,
    "announcement": _text,
    "language": _text,
    "text": _maybe(_text),
    "sha256": _sha256,
    "duration_ms": _count,
    "spoken_end_ms": _count,
    "playback": _text,
    "began_at": _instant,
    "completed_at": _instant,
    "packets_expected": _count,
    "packets_sent": _count,
}
_MEMBER: Final = {
    "party": _party,
    "since": _instant,
    "notice": _maybe(_count),
    "told_at": _maybe(_instant),
    "left_at": _maybe(_instant),
    "covered_until": _instant,
}
_JOURNAL: Final = {
    "lines": _count,
    "sha256": _sha256,
    "heartbeat_at": _maybe(_instant),
    "taken_over": [{"run": _text, "at": _instant, "heartbeat_at": _maybe(_instant)}],
}
_MANIFEST: Final = {
    "format": lambda value: type(value) is int and value == FORMAT,
    "folder": _text,
    "call": {
        "recording": _recording,
        "source": _one_of(GATE, FALLBACK),
        "attested_by": _maybe(_one_of(GATE, "agi")),
        "run": _maybe(_text),
        "node": _text,
        "line": _text,
        # Of a line that no configuration knows nothing is said.
        "mode": _maybe(_one_of(*Mode, "")),
        "capture": _maybe(_one_of(*Capture, "")),
        "direction": _maybe(_direction),
        "channel": _text,
        "began_at": _instant,
        "ended_at": _instant,
        "outcome": _one_of(RECORDED, NOT_RECORDED),
        "reason": _maybe(_reason),
        "number": _maybe(_text),
        "number_hash": _maybe(_sha256),
        "policy_sha256": _maybe(_sha256),
        "software": _maybe(_text),
        "asterisk": _maybe(_text),
    },
    "parties": [
        {
            "party": _party,
            "side": _text,
            "channel": _text,
            "endpoint": _text,
            "contract": _flag,
            "entered_at": _instant,
            "recording": _maybe(_recording),
        }
    ],
    "objections": [{"party": _party, "at": _instant}],
    "choices": [
        {
            "at": _instant,
            "party": _maybe(_party),
            "choice": _text,
            "key": _maybe(_text),
            "language": _maybe(_text),
            "cause": _maybe(_text),
            "by": _maybe(_text),
        }
    ],
    "permits": [
        {
            "permit": _count,
            "granted_at": _instant,
            "revoked_at": _maybe(_instant),
            "reason": _maybe(_reason),
            "covered_until": _instant,
            "parties": [_MEMBER],
        }
    ],
    "segments": [
        {
            "segment": _count,
            "object": _text,
            "sha256": _sha256,
            "bytes": _count,
            "rate_hz": lambda value: _count(value) and value != 0,
            "samples": _count,
            "began_at": _instant,
            "channels": [_party],
        }
    ],
    "tracks": [
        {
            "segment": _count,
            "party": _party,
            "permit": _count,
            "file": _flag,
            "origin_at": _maybe(_instant),
            "ended_at": _maybe(_instant),
            "first_sample": _count,
            "stored_samples": _count,
            "destroyed_samples": _count,
            "cut_before_ms": _maybe(_count),
            "cut_after_ms": _maybe(_count),
            "short_ms": _count,
            "long_ms": _count,
            "truncated": _flag,
            "missing_ms": _maybe(_count),
            "ambiguous": _flag,
            "channel": _maybe(_count),
            "offset": _maybe(_count),
            "stored_from": _maybe(_instant),
            "stored_until": _maybe(_instant),
        }
    ],
    "gaps": [{"began_at": _instant, "ended_at": _instant, "reason": _reason}],
    "foreign_captures": [{"party": _party, "at": _instant}],
}


def faults(manifest: object) -> list[tuple[str, str]]:
    """Return the path of each field that is not of its shape, and what is wrong with it; none: all is as it must be."""
    if not isinstance(manifest, dict):
        return [("", "is no object")]
    found = list(_within(_MANIFEST, manifest, ""))
    if manifest.get("journal") is not None:
        found += _within(_JOURNAL, manifest["journal"], "journal")
    elif "journal" not in manifest:
        found.append(("journal", "is missing"))
    notices = manifest.get("notices")
    if not isinstance(notices, list):
        return [*found, ("notices", "is missing, or no list")]
    for number, one in enumerate(notices):
        shape = _FAILED if isinstance(one, dict) and "failed_at" in one else _PLAYED
        found += _within(shape, one, f"notices[{number}]")
    return found


def _within(shape: Shape, value: object, path: str) -> Iterator[tuple[str, str]]:
    match shape:
        # Not the abstract classes: asking them costs more than all the rest of it.
        case dict():
            if not isinstance(value, dict):
                yield path, "is no object"
                return
            for name, inner in shape.items():
                below = f"{path}.{name}" if path else name
                if name in value:
                    yield from _within(inner, value[name], below)
                elif name not in LATER:
                    yield below, "is missing"
        case list():
            if not isinstance(value, list):
                yield path, "is no list"
                return
            for number, one in enumerate(value):
                yield from _within(shape[0], one, f"{path}[{number}]")
        case _:
            if not shape(value):
                yield path, "does not hold what belongs there"
