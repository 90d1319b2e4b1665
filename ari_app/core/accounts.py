"""What an account says of a call, as far as it is compared with the world (`assurance`).

It is read from a manifest, or from what the database gives in the same shape; a permit's cover, a track's place in it
and what is stored of it become milliseconds here. Nothing is judged.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from . import names, self_test
from .coverage import OUTSIDE_PARTY
from .manifest import GATE, RECORDED, is_note
from .names import MICROSECONDS, Instant, instant_of
from .reasons import Reason
from .recording import Interval

MILLISECOND = 1000
"""In microseconds."""


@dataclass(frozen=True, slots=True)
class Track:
    """One party's voice in one segment. `due_ms`: what their permit covers of the file's own time.

    file: it appeared. empty: it did, and not one sample was in it.
    """

    segment: int
    party: str
    file: bool
    empty: bool
    due_ms: int
    stored_ms: int


@dataclass(frozen=True, slots=True)
class Piece:
    """A stored segment: its key in S3, the hash of its sound, and who speaks on which channel."""

    object: str
    sha256: str
    channels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Account:
    """What is said of a call. `covered_ms`: for how long a permit names each party who is recorded here.

    note: nothing but its passing is known. test: it was nobody's, but our own test of the line. manifest: the key of
    its object. kept: from the first to the last stored sample.
    """

    recording: str
    channel: str
    line: str
    began: Instant
    ended: Instant
    recorded: bool
    reason: Reason | None
    note: bool
    manifest: str
    covered_ms: Mapping[str, int]
    tracks: tuple[Track, ...]
    pieces: tuple[Piece, ...]
    kept: Interval | None
    test: bool = False

    @property
    def objects(self) -> frozenset[str]:
        """Every object that there must be; a signature may be there besides."""
        return frozenset({self.manifest, *(one.object for one in self.pieces)})

    def stored_ms(self, party: str) -> int:
        """Return how much is stored of a party."""
        return sum(one.stored_ms for one in self.tracks if one.party == party)


def read(said: Mapping[str, Any]) -> Account:
    """Return what a manifest says. Raises what a dict raises where its shape is another one.

    Rows come in the same shape: `folder` is empty then, for their objects are whole keys.
    """
    call, folder = said["call"], said["folder"]
    rates = {one["segment"]: one["rate_hz"] for one in said["segments"]}
    # Of a conversation that a script had to attest, the caller's own voice alone is captured.
    alone = call["source"] != GATE
    guests = {
        one["party"]
        for one in said["parties"]
        if one["recording"] is not None or (alone and one["party"] != OUTSIDE_PARTY)
    }
    covers: dict[tuple[int, str], Interval] = {}
    covered: dict[str, int] = {}
    for permit in said["permits"]:
        for member in permit["parties"]:
            party = member["party"]
            cover = Interval(instant_of(member["since"]), instant_of(member["covered_until"]))
            covers[permit["permit"], party] = cover
            if party not in guests:
                covered[party] = covered.get(party, 0) + (cover.end - cover.start) // MILLISECOND
    kept = [
        (instant_of(one["stored_from"]), instant_of(one["stored_until"]))
        for one in said["tracks"]
        if one["stored_samples"]
    ]
    return Account(
        recording=call["recording"],
        channel=call["channel"],
        line=call["line"],
        began=instant_of(call["began_at"]),
        ended=instant_of(call["ended_at"]),
        recorded=call["outcome"] == RECORDED,
        reason=None if call["reason"] is None else Reason(call["reason"]),
        note=is_note(call),
        manifest=said.get("manifest") or f"{folder}/manifest.json",
        covered_ms=covered,
        tracks=tuple(
            _track(one, covers.get((one["permit"], one["party"])), rates.get(one["segment"])) for one in said["tracks"]
        ),
        pieces=tuple(
            Piece(_key(folder, one["object"]), one["sha256"], tuple(one["channels"])) for one in said["segments"]
        ),
        kept=Interval(min(start for start, _ in kept), max(end for _, end in kept)) if kept else None,
        test=self_test.is_one(said["parties"]),
    )


def _key(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name


def _track(said: Mapping[str, Any], cover: Interval | None, rate_hz: int | None) -> Track:
    due = 0
    if cover is not None and said["origin_at"] is not None and said["ended_at"] is not None:
        start = max(cover.start, instant_of(said["origin_at"]))
        due = max(0, min(cover.end, instant_of(said["ended_at"])) - start)
    stored = said["stored_samples"]
    return Track(
        segment=said["segment"],
        party=said["party"],
        file=said["file"],
        empty=said["file"] and not stored and not said["destroyed_samples"],
        due_ms=due // MILLISECOND,
        stored_ms=stored * MICROSECONDS // rate_hz // MILLISECOND if rate_hz else 0,
    )


def within(account: Account, day: str) -> bool:
    """Tell whether a call began on a day (UTC, YYYY-MM-DD)."""
    return names.iso(account.began).startswith(day)
