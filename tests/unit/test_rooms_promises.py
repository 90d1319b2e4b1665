"""The promises over random rooms: no voice outside its own stretch, and no microsecond of a call unaccounted for."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from sealed_calls import at, narrowed, objected, widened
from unit.room_stories import PEOPLE, assert_time_is_whole, call, granted, manifest, revoked, track

from ari_app.core import coverage
from ari_app.core import evidence as ev
from ari_app.core.names import instant_of
from ari_app.core.reasons import Reason

PARTIES = ("p01", "p02", "p03", "p04")
CAPTURED = PARTIES[:3]
SAFETY = 40_000
TOLD = {"p01": at(3.0), "p02": at(0), "p03": at(0), "p04": at(2.0)}
REASONS = [Reason.HELD, Reason.NOT_TOLD, Reason.HUNG_UP, Reason.ROOM_CHANGED]
JITTER = 0.000_037
"""No instant lies on a sample's edge."""

SEEDS = st.integers(0, 2**32)
"""A story is drawn by chance from its number: drawn by hypothesis, nearly all would end before they begin."""


class Gate:
    """A gate that writes down nothing that it knows to be wrong, but learns what happened late, or never."""

    def __init__(self, seed: int) -> None:
        self.chance = np.random.default_rng(seed)
        self.now = 3.0
        self.story: list[ev.Entry] = []
        self.permit = 0
        self.named: dict[int, set[str]] = {}
        self.present: set[str] = set()
        self.left: set[str] = set()
        self.objected: set[str] = set()

    def seconds(self, most: float) -> float:
        return round(float(self.chance.uniform(0, most)), 3) + JITTER

    def one(self, of: Sequence[str]) -> str:
        return of[int(self.chance.integers(len(of)))]

    def some(self, of: set[str]) -> set[str]:
        return {one for one in sorted(of) if self.chance.random() < 0.7}

    def late(self) -> float:
        """Return a stamp of up to 5 s ago, which may lie before what the gate has written since."""
        return max(0.0, self.now - self.seconds(5))

    def act(self) -> None:
        self.now += self.seconds(3)
        reason = REASONS[int(self.chance.integers(len(REASONS)))]
        match self.one(["join", "join", "join", "leave", "revoke", "forget", "object", "refuse"]):
            case "join" if self.present:
                self.present |= self.some(set(PARTIES) - self.objected - self.left)
                self.named[self.permit] |= self.present
                self.story.append(widened(self.now, *sorted(self.present), permit=self.permit))
            case "join":
                self.permit += 1
                self.left = set()
                self.present = self.some(set(PARTIES) - self.objected)
                self.named[self.permit] = set(self.present)
                self.story.append(granted(self.now, self.permit, *sorted(self.present)))
            case "leave" if self.present:
                stay = self.some(self.present)
                self.left |= self.present - stay
                self.present = stay
                self.story.append(narrowed(self.late(), *sorted(stay), permit=self.permit))
            case "revoke" if self.permit:
                self.present = set()
                self.story.append(revoked(self.late(), self.permit, reason))
            case "forget":
                self.present = set()
            case "object" if self.chance.random() < 0.5:
                party = self.one(PARTIES)
                self.objected.add(party)
                self.present.discard(party)
                self.left.add(party)
                self.story.append(objected(self.late(), party))
            case _:
                self.story.append(ev.NotRecorded(at=at(self.late()), reason=reason))

    def capture(self) -> None:
        """Have everybody's file begin and end at any time: later and earlier than it should."""
        for segment, parties in self.named.items():
            for party in sorted(parties & set(CAPTURED)):
                start = self.seconds(20)
                self.story += track(segment, party, start, start + self.seconds(25))


def room(seed: int) -> tuple[list[ev.Entry], float | None]:
    """Return what a gate may have written about a room whose events came up to 5 s late, and its last heartbeat."""
    gate = Gate(seed)
    for _ in range(int(gate.chance.integers(1, 14))):
        gate.act()
    gate.capture()
    heartbeat = None if gate.chance.random() < 0.05 else 10 + gate.seconds(30)
    return call(*gate.story), heartbeat


def allowed(entries: list[ev.Entry], heartbeat: float | None, permit: int, party: str) -> tuple[int, int]:
    """Say once more, in other words than the core's, within what one party's samples may lie."""
    begins: list[int] = [TOLD[party]]
    ends: list[int] = [at(0) if heartbeat is None else at(heartbeat), at(30)]
    named = False
    for index, entry in enumerate(entries):
        match entry:
            case ev.PermitGranted(permit=number) | ev.PermitWidened(permit=number) if number == permit:
                if isinstance(entry, ev.PermitGranted):
                    begins.append(entry.at)
                if party in entry.parties and not named:
                    begins.append(entry.at)
                    named = True
            case ev.PermitNarrowed(permit=number) if number == permit:
                before = [
                    one
                    for one in entries[:index]
                    if isinstance(one, ev.PermitGranted | ev.PermitWidened) and one.permit == permit
                ]
                if party not in entry.parties and any(party in one.parties for one in before):
                    ends.append(entry.at - SAFETY)
            case ev.PermitRevoked(permit=number) if number == permit:
                ends.append(entry.at - SAFETY)
            case ev.PartyObjected(party=objector) if objector == party:
                ends.append(entry.at - SAFETY)
            case _:
                pass
    return max(begins), min(ends)


@settings(max_examples=600)
@given(SEEDS)
def test_no_voice_outside_its_own_stretch_and_no_time_unaccounted_for(seed):
    entries, heartbeat = room(seed)
    made = manifest(entries, heartbeat)
    for one in made["tracks"]:
        if one["stored_from"]:
            begin, end = allowed(entries, heartbeat, one["permit"], one["party"])
            assert begin <= instant_of(one["stored_from"]) < instant_of(one["stored_until"]) <= end
            assert one["party"] in CAPTURED
    assert_time_is_whole(made)
    assert (made["call"]["reason"] is None) == any(one["stored_samples"] for one in made["tracks"])


@settings(max_examples=300)
@given(SEEDS)
def test_one_permit_at_a_time_covers_anything(seed):
    entries, heartbeat = room(seed)
    permits = coverage.permits(entries, None if heartbeat is None else at(heartbeat))
    spans = sorted((one.granted_at, one.until) for one in permits.values() if one.until > one.granted_at)
    assert all(before[1] <= after[0] for before, after in pairwise(spans))
    for permit in permits.values():
        for one in permit.members.values():
            assert permit.granted_at <= one.since <= one.until
            assert one.until == one.since or one.until <= permit.until


def test_the_stories_are_worth_telling():
    made = [manifest(*room(seed)) for seed in range(100)]
    assert sum(one["call"]["outcome"] == "recorded" for one in made) > 30
    assert sum(len(one["segments"]) > 1 for one in made) > 10
    assert sum(bool(one["objections"]) for one in made) > 10
    assert (
        sum(any(track["cut_after_ms"] > 1000 for track in one["tracks"] if track["stored_from"]) for one in made) > 10
    )


def test_the_stories_are_about_people_who_were_told():
    told = {entry.party: entry.at for entry in PEOPLE if isinstance(entry, ev.NoticePlayed)}
    assert {party: TOLD[party] for party in told} == told
