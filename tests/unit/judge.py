"""A judge of one recording: whatever happens to it, these promises of DESIGN §1 and §4 hold after every step."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from unit.calls import CALLER, P01

from ari_app.core import evidence as ev
from ari_app.core import facts as f
from ari_app.core import orders as o
from ari_app.core.facts import Standing
from ari_app.core.names import parse_track_file
from ari_app.core.policy import Capture, Line, OnObjection

MOST_CHANNELS = 8
SECOND = 1_000_000


@dataclass
class Judge:
    """All that was ordered, written down and heard so far; `look` raises AssertionError for a broken promise."""

    line: Line
    written: list[ev.Entry] = field(default_factory=list)
    # what is so
    around: f.Surrounded | None = None
    paused: bool = False
    objected: bool = False
    heard: list[str] = field(default_factory=list)
    in_hands: bool = False
    hanging_up: bool = False
    over: bool = False
    hung_up: set[str] = field(default_factory=set)

    # what was made of it
    permit: int = 0
    parties: set[str] = field(default_factory=set)
    granted: int = 0
    names: dict[str, str] = field(default_factory=dict)
    told_elsewhere: set[str] = field(default_factory=set)
    contract: set[str] = field(default_factory=set)
    promised: dict[int, str] = field(default_factory=dict)
    durable: set[str] = field(default_factory=set)
    refused: set[int] = field(default_factory=set)
    disk: list[tuple[int, tuple[ev.Entry, ...]]] = field(default_factory=list)
    started: dict[str, o.StartCapture] = field(default_factory=dict)
    stopped: set[str] = field(default_factory=set)
    ended: set[str] = field(default_factory=set)
    lit: set[str] = field(default_factory=set)
    seals: int = 0

    def look(self, fact: f.Fact, before: Any, orders: Sequence[Any]) -> None:
        """Judge the orders of one fact; before: the room as it was."""
        sealed = self.seals > 0
        self.hear(fact)
        for order in orders:
            assert not sealed or isinstance(order, o.Report), "an order after the seal"
            self.take(order, fact)
        self.weigh()
        if isinstance(fact, f.CaptureAnswered) and fact.monitor and not sealed:
            late = [one for one in before.tracks if (one.segment, one.party) == (fact.segment, fact.party)]
            unknown = [one for one in late if one.monitor is None and one.file in self.stopped]
            stops = [one.monitor for one in orders if isinstance(one, o.StopCapture)]
            assert not unknown or fact.monitor in stops, "a monitor that came late runs on"

    def weigh(self) -> None:
        """Compare what is permitted and what runs with who is there."""
        if self.permit:
            assert self.told(), "a permit while the caller is not told"
            assert self.good(), "a permit while somebody is not told, held, paused or has objected"
            assert self.parties == self.covered(), "a permit that names others than those who are there"
        for file in self.running():
            segment, party = parse_track_file(file) or (0, "")
            assert segment == self.permit, "a capture runs on after its segment"
            assert party in self.parties, "a capture runs on of somebody whom the permit does not name"
            assert self.ours(self.started[file].channel), "a capture runs on that is another recording's"
        assert not self.lit or self.permit, "a telephone shows a capture that is not permitted"
        if self.seals:
            assert isinstance(self.written[-1], ev.Ended)

    # -- the world

    def told(self) -> bool:
        return self.heard == [one.name for one in self.line.announcements] and not self.objected

    def good(self) -> bool:
        """Whether everybody there may be captured now, as far as anybody has said."""
        around = self.around
        if self.paused:
            return False
        if around is None:
            return True
        forbidden = {Standing.UNTOLD}
        if self.line.on_objection is not OnObjection.LEAVE_OUT:
            forbidden.add(Standing.OBJECTED)
        if any(one.standing in forbidden for one in around.members):
            return False
        waits = self.line.capture is Capture.CONVERSATION and not around.members and around.joined_at is None
        return waits or around.quiet is None

    def covered(self) -> set[str]:
        members = self.around.members if self.around else ()
        mixed = self.around is not None and self.around.mixed
        named = {
            self.names[one.channel]
            for one in members
            if one.standing in {Standing.TOLD, Standing.CONTRACT} and not one.mixed
        }
        return named if mixed else {P01, *named}

    def ours(self, channel: str) -> bool:
        """Whether it is for this recording to capture that channel."""
        if channel == CALLER:
            return True
        around = self.around
        return around is not None and around.host and self.owner_of(channel) is None

    def owner_of(self, channel: str) -> str | None:
        members = self.around.members if self.around else ()
        return next((one.recording for one in members if one.channel == channel), "nobody there")

    def running(self) -> set[str]:
        asked = set(self.started) - self.stopped - self.ended
        return {file for file in asked if self.started[file].channel not in self.hung_up}

    def hear(self, fact: f.Fact) -> None:
        match fact:
            case f.Attested(ok=True, token=token) if token in self.promised and token not in self.refused:
                self.durable.add(self.promised[token])
            case f.Attested(ok=False, token=token) if self.promised.get(token, "") not in {"", *self.durable}:
                self.refused.add(token)
            case f.Entered(channel=channel) if channel == CALLER:
                self.in_hands = True
            case f.CaptureEnded(segment=segment, party=party):
                self.ended.add(f"seg-{segment:03d}.{party}.wav")
            case f.HungUp(channel=channel):
                self.hung_up.add(channel)
                self.hang_up(channel)
            case f.HangupRequested(channel=channel):
                self.hang_up(channel)
            case f.LeftStasis(channel=channel) if channel == CALLER:
                self.in_hands = False
            case f.EventsLost():
                self.over = True
            case f.Surrounded():
                self.around = fact
            case f.Paused() | f.Resumed():
                self.paused = isinstance(fact, f.Paused)
            case f.Objected():
                self.objected = True
            case f.Replaced():
                self.heard = []
            case _:
                pass

    def hang_up(self, channel: str) -> None:
        if channel == CALLER:
            self.hanging_up = self.over = True
            self.in_hands = self.in_hands and channel not in self.hung_up

    # -- the orders

    def take(self, order: Any, fact: f.Fact) -> None:
        match order:
            case o.Note(entries=entries):
                self.write(entries, fact)
                self.disk.append((0, entries))
            case o.Attest(token=token, entries=entries, live=live):
                self.write(entries, fact)
                assert token not in self.promised
                self.promised[token] = live.file
                assert live.permit == self.permit
                self.disk.append((token, entries))
            case o.StartCapture(file=file, segment=segment, party=party, channel=channel):
                assert file in self.durable, "a capture before its evidence"
                assert segment == self.permit, "a capture without a permit"
                assert party in self.parties, "a capture of somebody whom the permit does not name"
                assert file not in self.started, "a second capture into the same file"
                assert self.ours(channel), "a capture that is another recording's"
                assert (segment, party) in self.permitted_on_disk(), "a capture that the journal does not permit"
                assert all(self.started[one].channel != channel for one in self.running()), "two on one channel"
                self.started[file] = order
                assert sum(one.startswith(file[:7]) for one in self.started) <= MOST_CHANNELS
            case o.StopCapture(file=file):
                late = isinstance(fact, f.CaptureAnswered)
                assert late or file in self.started, "a stop of what never was"
                self.stopped.add(file)
            case o.Release(channel=channel) if channel == CALLER:
                assert self.in_hands, "released more often than they came"
                self.in_hands = False
            case o.Lamp(endpoint=endpoint, lit=lit):
                assert (endpoint in self.lit) is not lit, "a lamp that is turned twice"
                (self.lit.add if lit else self.lit.discard)(endpoint)
            case o.ArmLifeline(channel=channel):
                assert channel == CALLER
            case o.Seal():
                self.seals += 1
                assert self.seals == 1
            case _:
                pass

    def permitted_on_disk(self) -> set[tuple[int, str]]:
        """Whom the journal permits that would be found if all ended now: what was refused is not in it."""
        found: set[tuple[int, str]] = set()
        for token, entries in self.disk:
            for entry in entries if token not in self.refused else ():
                match entry:
                    case ev.PermitGranted() | ev.PermitWidened() | ev.PermitNarrowed():
                        found = {(entry.permit, party) for party in entry.parties}
                    case ev.PermitRevoked():
                        found = set()
                    case _:
                        pass
        return found

    def write(self, entries: Sequence[ev.Entry], fact: f.Fact) -> None:
        for entry in entries:
            match entry:
                case ev.PermitGranted(permit=permit, parties=parties):
                    assert not self.permit, "two permits at a time"
                    assert permit == self.granted + 1
                    self.granted = permit
                    self.allow(entry, permit, parties, fact)
                case ev.PermitWidened(permit=permit, parties=parties):
                    assert permit == self.permit
                    assert set(parties) > self.parties
                    self.allow(entry, permit, parties, fact)
                case ev.PermitNarrowed(permit=permit, parties=parties):
                    assert permit == self.permit
                    assert set(parties) < self.parties
                    self.parties = set(parties)
                case ev.PermitRevoked(permit=permit):
                    assert permit == self.permit
                    self.permit, self.parties = 0, set()
                case ev.PartyEntered(party=party, channel=channel, contract=contract, recording=recording, side=side):
                    assert (side == "house") is contract
                    assert channel not in self.names, "somebody with two names"
                    assert recording is None or not contract
                    self.names[channel] = party
                    self.contract |= {party} if contract else set()
                case ev.NoticePlayed(party=party, announcement=announcement):
                    if party == P01:
                        self.heard.append(announcement)
                    else:
                        self.told_elsewhere.add(party)
                case ev.NoticeFailed():
                    self.heard = []
                case _:
                    pass
            self.written.append(entry)

    def allow(self, entry: ev.Entry, permit: int, parties: list[str], fact: f.Fact) -> None:
        assert self.told(), "a permit for a caller who is not told"
        assert set(parties) - {P01} <= self.contract | self.told_elsewhere, "a permit names somebody who was not told"
        assert self.good(), "a permit while somebody is not told, held, paused or has objected"
        assert 0 <= fact.seen_at - entry.at <= SECOND, "a permit from a stale fact"
        assert not isinstance(fact, f.Surrounded) or fact.at == entry.at, "somebody is let in before they came"
        assert not self.over, "a permit after the end"
        self.permit, self.parties = permit, set(parties)
