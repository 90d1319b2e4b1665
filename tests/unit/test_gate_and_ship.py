"""The whole promise, in arithmetic: rooms as they really were, told to the gate late, and what ship stores of them.

The gate's own core writes the journal, from events that come up to 5 s after what they tell of; ship's core reads
it. Whatever is stored of somebody must have been said while everybody in the room was told and nothing forbade it,
by the room's own clock; and the gate must write nothing that ship calls a contradiction.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from unit.calls import (
    AGENT,
    CALLER,
    GUEST,
    RECORDING,
    SECOND_AGENT,
    STRANGER,
    capture_ended,
    caught_up,
    colleague,
    file_closed,
    guest,
    hung_up,
    line,
    ms,
    paused,
    resumed,
    surrounded,
    untold,
)
from unit.driven import Call, entries, only
from unit.room_stories import assert_time_is_whole

from ari_app.core import evidence as ev
from ari_app.core import facts as f
from ari_app.core import manifest as mf
from ari_app.core import names, shipment
from ari_app.core import orders as o
from ari_app.core.manifest import Stored
from ari_app.core.names import ChannelId, Instant
from ari_app.core.policy import OnObjection
from ari_app.core.reasons import Reason
from ari_app.core.recording import Wav

RATE_HZ = 8000
TOLD_MS = 2020.0
PEOPLE = (AGENT, SECOND_AGENT, GUEST, STRANGER)


@dataclass(frozen=True)
class Truth:
    """The owner's room from an instant (in milliseconds) on, as it really was."""

    at: float
    members: frozenset[ChannelId] = frozenset()
    quiet: Reason | None = None
    paused: bool = False
    objected: bool = False

    def allows(self, channel: ChannelId) -> bool:
        """Tell whether what is said on a channel now may be stored."""
        here = channel == CALLER or channel in self.members
        secret = STRANGER in self.members or self.quiet or self.paused or self.objected
        return here and not secret


def member(channel: ChannelId, at: float) -> f.Member:
    if channel == STRANGER:
        return untold(channel, at)
    return guest(channel, at) if channel == GUEST else colleague(channel, at)


class World:
    """A room that changes, the gate that hears of it late, and Asterisk that does what it is asked at once."""

    def __init__(self, seed: int) -> None:
        self.chance = np.random.default_rng(seed)
        self.call = Call(line=line(on_objection=OnObjection.LEAVE_OUT) if self.chance.random() < 0.3 else line())
        self.call.waiting()
        self.truth = [Truth(5000.0)]
        self.joined: dict[ChannelId, float] = {}
        self.seen = 5000.0
        self.late = bool(self.chance.random() < 0.7)
        self.starts: dict[tuple[int, str], Instant] = {}
        self.ends: dict[tuple[int, str], Instant] = {}

    def between(self, least: float, most: float) -> float:
        return float(self.chance.uniform(least, most))

    def hear(self, fact: f.Fact) -> None:
        """Tell the gate, and do for it what it orders."""
        orders = self.call.hear(fact)
        while orders:
            stops = only(orders, o.StopCapture)
            orders = []
            for stop in stops:
                self.ended(stop.segment, stop.party)
                orders += self.call.hear(capture_ended(self.seen + 1, stop.party, stop.segment))
        self.call.captured(self.seen)

    def ended(self, segment: int, party: str) -> None:
        self.ends.setdefault((segment, party), ms(self.seen + 1))

    def change(self) -> None:
        """Let something happen, and the gate hear of it: at once, or up to 5 s later, but in its turn."""
        before = self.truth[-1]
        at = before.at + self.between(30, 4000)
        self.seen = max(self.seen + 1, at + (self.between(0, 5000) if self.late else self.between(0, 5)))
        match int(self.chance.integers(10)):
            case 0:
                self.truth.append(Truth(at, before.members, before.quiet, not before.paused, before.objected))
                self.hear((resumed if before.paused else paused)(at, self.seen))
            case 1 if self.chance.random() < 0.3:
                self.truth.append(Truth(at, before.members, before.quiet, before.paused, objected=True))
                self.hear(f.Objected(at=ms(at), seen_at=ms(self.seen), channel=CALLER))
            case 2 | 3:
                quiet = None if before.quiet else Reason.HELD
                self.move(Truth(at, before.members, quiet, before.paused, before.objected))
            case _:
                weights = {AGENT: 0.8, SECOND_AGENT: 0.4, GUEST: 0.4, STRANGER: 0.15}
                members = frozenset(one for one in PEOPLE if self.chance.random() < weights[one])
                self.move(Truth(at, members, before.quiet, before.paused, before.objected))

    def move(self, now: Truth) -> None:
        self.joined = {one: self.joined.get(one, now.at) for one in now.members}
        self.truth.append(now)
        members = [member(one, self.joined[one]) for one in sorted(now.members)]
        self.hear(surrounded(now.at, *members, quiet=now.quiet, seen_at=self.seen))
        if self.chance.random() < 0.5:
            self.seen += 50
            # What was too old to be believed is asked for again.
            self.hear(caught_up(self.seen, self.seen + 1))

    def over(self) -> list[ev.Entry]:
        """End the call and return its journal, as read back from disk."""
        at = self.truth[-1].at + self.between(30, 4000)
        self.seen = max(self.seen + 1, at)
        self.truth.append(Truth(at))
        self.hear(hung_up(at))
        for track in self.call.room.tracks:
            self.hear(capture_ended(self.seen + 1, track.party, track.segment))
            self.hear(file_closed(self.seen + 2, track.party, track.segment))
            self.ended(track.segment, track.party)
        assert self.call.room.sealed
        text, previous = b"", ev.FIRST
        for entry in entries(self.call.orders):
            raw, previous = ev.line(entry, previous)
            text += raw
        return ev.read(text)[0]

    def manifest(self, journal: list[ev.Entry]) -> dict[str, Any]:
        """Return what ship makes of it, of files that lack no sample of what was captured."""
        starts = {(one.segment, one.party): one.at for one in journal if isinstance(one, ev.TrackOrigin)}
        wavs = {}
        for key, start in starts.items():
            microseconds = max(0, self.ends[key] - start)
            wavs[key] = Wav(microseconds * RATE_HZ // names.MICROSECONDS, RATE_HZ, self.ends[key])
        made = shipment.plan(journal, "c" * 64, RECORDING, ms(self.seen + 1000), wavs)
        objects = {one.number: Stored(names.segment_object(one.number), "d" * 64, 1000) for one in made.segments}
        return mf.build(made, "calls/x", objects)


def told(seed):
    world = World(seed)
    for _ in range(int(world.chance.integers(1, 16))):
        world.change()
    journal = world.over()
    return world, journal, world.manifest(journal)


def assert_nothing_secret(world, made):
    channels = {one["party"]: one["channel"] for one in made["parties"]}
    periods = list(zip(world.truth, [*world.truth[1:], None], strict=True))
    for one in made["tracks"]:
        if not one["stored_from"]:
            continue
        channel = channels[one["party"]]
        assert channel != GUEST
        begin, end = names.instant_of(one["stored_from"]), names.instant_of(one["stored_until"])
        for now, following in periods:
            until = None if following is None else ms(following.at)
            if ms(now.at) < end and (until is None or until > begin):
                assert now.allows(channel), (now, one)


@settings(max_examples=500, deadline=None)
@given(st.integers(0, 2**32))
def test_nothing_is_stored_that_was_said_in_a_room_where_it_must_not_be(seed):
    world, _, made = told(seed)
    assert_nothing_secret(world, made)
    assert_time_is_whole(made)


def test_the_rooms_are_worth_it():
    made = [told(seed)[2] for seed in range(120)]
    assert sum(one["call"]["outcome"] == "recorded" for one in made) > 40
    assert sum(len(one["segments"]) > 1 for one in made) > 15
    assert sum(any(party["recording"] for party in one["parties"]) for one in made) > 30
    assert sum(any(party["left_at"] for permit in one["permits"] for party in permit["parties"]) for one in made) > 15


@pytest.mark.parametrize("milliseconds", [0, 500, 5000])
def test_a_stranger_of_whom_the_gate_hears_late_ends_what_is_stored_when_they_came(milliseconds):
    world = World(0)
    world.seen = 6000
    world.move(Truth(6000, frozenset({AGENT})))
    world.seen = 12_000 + milliseconds
    world.move(Truth(12_000, frozenset({AGENT, STRANGER})))
    made = world.manifest(world.over())
    assert {one["stored_until"] for one in made["tracks"]} == {names.iso(ms(11_960))}
    assert all(one["cut_after_ms"] >= milliseconds for one in made["tracks"])
    assert_nothing_secret(world, made)
