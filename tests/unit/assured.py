"""Accounts of calls for the tests of assurance: all is well with them, until one thing is changed."""

from typing import Any

from sealed_calls import at, minted
from unit.driven import REAL, Core

FOLDER = "calls/2026/11/22/R"
SOUND, MANIFEST = f"{FOLDER}/seg-001.flac", f"{FOLDER}/manifest.json"
NOW = at(3600)
HOUR = 3_600_000_000


def track(core: Core = REAL, party: str = "p01", **changes: Any) -> Any:
    same = {"segment": 1, "party": party, "file": True, "empty": False, "due_ms": 60_000, "stored_ms": 60_000}
    return core.accounts.Track(**{**same, **changes})


def piece(core: Core = REAL, object: str = SOUND, **changes: Any) -> Any:  # noqa: A002  as the field is called
    return core.accounts.Piece(**{"object": object, "sha256": "a" * 64, "channels": ("p01", "p02"), **changes})


def account(core: Core = REAL, **changes: Any) -> Any:
    """Return an account of a minute's conversation, recorded whole."""
    plain = {
        "recording": minted(1),
        "channel": "1.1",
        "line": "switchboard",
        "began": at(0),
        "ended": at(64),
        "recorded": True,
        "reason": None,
        "note": False,
        "manifest": MANIFEST,
        "covered_ms": {"p01": 61_000, "p02": 60_000},
        "tracks": (track(core), track(core, "p02")),
        "pieces": (piece(core),),
        "kept": core.accounts.Interval(at(3), at(63)),
    }
    return core.accounts.Account(**{**plain, **changes})


def unrecorded(core: Core, reason: Any, **changes: Any) -> Any:
    nothing: dict[str, Any] = {"covered_ms": {}, "tracks": (), "pieces": (), "kept": None}
    return account(core, recorded=False, reason=reason, **nothing, **changes)


def held(core: Core = REAL, one: Any = None, *, heard: tuple[bool, ...] | None = (True, True), **changes: Any) -> Any:
    one = one or account(core)
    sounds = {} if heard is None else {piece.object: heard for piece in one.pieces}
    return core.assurance.Held(one, **{"row": True, "sounds": sounds, **changes})


def call(core: Core = REAL, *of: Any, **changes: Any) -> Any:
    return core.assurance.Call("1.1", at(0), tuple(of), **changes)


def limits(core: Core = REAL, **changes: Any) -> Any:
    return core.assurance.Limits(**{"now": NOW, "late_microseconds": HOUR, **changes})


def judged(core: Core, *of: Any, within: Any = None, **changes: Any) -> Any:
    return core.assurance.judge(call(core, *of, **changes), within or limits(core))


def faults(found: Any) -> list[str]:
    return [str(one.fault) for one in found.findings]
