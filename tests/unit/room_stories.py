"""Journals of rooms, told in a few words, and files as long as Asterisk would have written them."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from sealed_calls import RATE_HZ, SECOND, at, entered, guest, minted, opened, over, played, requested
from sealed_calls import origin as began

from ari_app.core import evidence as ev
from ari_app.core import manifest as mf
from ari_app.core import names, shipment
from ari_app.core.manifest import Stored
from ari_app.core.names import Instant, instant_of
from ari_app.core.reasons import Reason
from ari_app.core.recording import Wav

RECORDING = minted(1)
GUEST = minted(4)
HANGUP = 30.0
PEOPLE = [
    opened(RECORDING),
    entered("p01", contract=False),
    entered("p02", contract=True),
    entered("p03", contract=True),
    guest("p04", GUEST),
    played("p04", end=2.0),
    played(end=3.0),
]
"""The owner, told at 3 s; two colleagues; another call's outside party, told at 2 s."""


def granted(seconds: float, permit: int, *parties: str) -> ev.PermitGranted:
    return ev.PermitGranted(at=at(seconds), permit=permit, parties=list(parties))


def revoked(seconds: float, permit: int, reason: Reason) -> ev.PermitRevoked:
    return ev.PermitRevoked(at=at(seconds), permit=permit, reason=reason)


def track(segment: int, party: str, start: float, end: float) -> list[ev.Entry]:
    """Return a capture that ran all the time, whatever the permit said: what a late event lets in."""
    asked = requested(segment, party, permit=segment, seconds=start)
    return [asked, began(segment, party, start), over(segment, party, end)]


def call(*entries: ev.Entry) -> list[ev.Entry]:
    return [*PEOPLE, *entries, ev.Ended(at=at(HANGUP), reason=None)]


def files(entries: Sequence[ev.Entry]) -> dict[tuple[int, str], Wav]:
    """Return each track's file, without a sample missing."""
    starts = {(one.segment, one.party): one.at for one in entries if isinstance(one, ev.TrackOrigin)}
    ends = {(one.segment, one.party): one.at for one in entries if isinstance(one, ev.TrackEnded)}
    return {key: Wav((ends[key] - start) * RATE_HZ // SECOND, RATE_HZ, ends[key]) for key, start in starts.items()}


def manifest(entries: Sequence[ev.Entry], heartbeat: float | None = 60.0) -> dict[str, Any]:
    beat = None if heartbeat is None else at(heartbeat)
    made = shipment.plan(entries, "c" * 64, RECORDING, beat, files(entries))
    objects = {one.number: Stored(names.segment_object(one.number), "d" * 64, 1000) for one in made.segments}
    return mf.build(made, "calls/x", objects)


def seconds(text: str) -> float:
    """Return an instant of a manifest in seconds from the call's beginning."""
    return (instant_of(text) - at(0)) / SECOND


def stored(made: Mapping[str, Any]) -> dict[tuple[int, str], tuple[float, float]]:
    """Return from when until when each party is stored, by segment."""
    return {
        (one["segment"], one["party"]): (seconds(one["stored_from"]), seconds(one["stored_until"]))
        for one in made["tracks"]
        if one["stored_from"]
    }


def gaps(made: Mapping[str, Any]) -> list[tuple[float, float, str]]:
    return [(seconds(one["began_at"]), seconds(one["ended_at"]), str(one["reason"])) for one in made["gaps"]]


def assert_time_is_whole(made: Mapping[str, Any]) -> None:
    """Every microsecond of the call is stored, or is in exactly one gap."""
    spans = [(instant_of(one["began_at"]), instant_of(one["ended_at"])) for one in made["gaps"]]
    assert all(start < end for start, end in spans)
    kept = sorted(
        (instant_of(one["stored_from"]), instant_of(one["stored_until"]))
        for one in made["tracks"]
        if one["stored_from"]
    )
    merged: list[tuple[Instant, Instant]] = []
    for start, end in kept:
        if merged and start <= merged[-1][1]:
            merged[-1] = merged[-1][0], Instant(max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    whole = sorted([*spans, *merged])
    began, ended = instant_of(made["call"]["began_at"]), instant_of(made["call"]["ended_at"])
    assert (whole[0][0], whole[-1][1]) == (began, ended)
    assert all(before[1] == after[0] for before, after in pairwise(whole)), whole
    told = [(one["ended_at"], one["reason"]) for one in made["gaps"]]
    heard = [(one["began_at"], one["reason"]) for one in made["gaps"]]
    assert not set(told) & set(heard), "two gaps that touch have different reasons"
