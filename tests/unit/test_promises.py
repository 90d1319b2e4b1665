"""What holds whatever happens: random streams of facts, late, doubled, foreign and lost, driven through the room.

A driver answers the core's orders as Asterisk would, in the right order or in a wrong one, and mixes everything in
that may happen to a call meanwhile. A judge looks at every order as it comes.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from unit.calls import (
    AGENT,
    CALLER,
    ENGLISH,
    MONITOR,
    P01,
    P02,
    SECOND_AGENT,
    STRANGER,
    WELSH,
    Call,
    began,
    bridged,
    capture_answered,
    capture_began,
    capture_ended,
    disturbed,
    ended,
    entered,
    file_closed,
    foreign,
    hangup_requested,
    hung_up,
    inspected,
    left_bridge,
    left_stasis,
    line,
    lost,
    member,
    ms,
    refused,
    woke,
)

from ari_app.core import evidence as ev
from ari_app.core import facts as f
from ari_app.core import orders as o
from ari_app.core.policy import Capture

Move = tuple[int, int, int]
"""What to do, how many milliseconds later, and how much later still it is handled."""

LINES = [line(), line(ENGLISH, WELSH), line(capture=Capture.AFTER_ANNOUNCEMENT)]
MEANWHILE: list[f.Fact] = [
    entered(0),
    entered(0, channel=AGENT),
    hangup_requested(0),
    hung_up(0),
    hung_up(0, AGENT),
    left_stasis(0),
    lost(0),
    disturbed(0),
    disturbed(0, f.Disturbance.MUSIC_ON_HOLD),
    disturbed(0, channel=AGENT),
    left_bridge(0),
    left_bridge(0, AGENT),
    bridged(0, member(CALLER, 0)),
    bridged(0, member(CALLER, 0), member(AGENT, 0)),
    bridged(0, member(CALLER, 0), member(AGENT, 0)),
    bridged(0, member(CALLER, 0), member(STRANGER, 0, staff=False)),
    bridged(0, member(CALLER, 0), member(AGENT, 0), member(SECOND_AGENT, 0)),
    bridged(0, member(CALLER, 0), plain=False),
    bridged(0, member(AGENT, 0), member(SECOND_AGENT, 0)),
    began(0),
    began(0, 2),
    ended(0),
    ended(0, done=False),
    ended(0, 2),
    inspected(0, 1, None),
    inspected(0, 2, 100),
    inspected(0, 2, 3),
    inspected(0, 3, 250, intact=False),
    inspected(0, 2, 100, stasis=False),
    refused(0),
    capture_answered(0, None),
    capture_answered(0, MONITOR),
    capture_answered(0, MONITOR, P02),
    capture_began(0),
    capture_began(0, P02, ambiguous=True),
    capture_ended(0),
    capture_ended(0, P02, closed=False),
    file_closed(0),
    foreign(0),
    woke(0, f.Timer.CAPTURE),
    woke(0, f.Timer.MAX_HOURS),
    woke(0, f.Timer.CLOSING, 0),
    woke(0, f.Timer.INSPECTION, 2),
]


@dataclass
class Judge:
    """All that was ordered, written down and heard so far; `look` raises AssertionError for a broken promise."""

    announcements: int
    written: list[ev.Entry] = field(default_factory=list)
    durable: set[str] = field(default_factory=set)
    promised: dict[int, str] = field(default_factory=dict)
    started: dict[str, o.StartCapture] = field(default_factory=dict)
    stopped: set[str] = field(default_factory=set)
    arrivals: int = 0
    releases: int = 0
    gone: bool = False
    hung_up: set[str] = field(default_factory=set)
    ended: set[str] = field(default_factory=set)
    seals: int = 0

    def has(self, kind: type[ev.Entry]) -> bool:
        return any(isinstance(entry, kind) for entry in self.written)

    def told(self) -> bool:
        return sum(isinstance(entry, ev.NoticePlayed) for entry in self.written) == self.announcements

    def look(self, fact: f.Fact, before: Any, orders: Sequence[Any]) -> None:
        sealed = self.seals > 0
        self.hear(fact)
        for order in orders:
            assert not sealed or isinstance(order, o.Report), "an order after the seal"
            self.take(order)
        if self.seals:
            assert isinstance(self.written[-1], ev.Ended)
        if self.has(ev.NotRecorded):
            assert self.gone or self.releases, "the recording failed and the caller was not let go"
            running = set(self.started) - self.stopped - self.ended
            assert {file for file in running if self.started[file].channel not in self.hung_up} == set()
            if isinstance(fact, f.CaptureAnswered) and fact.monitor and not sealed:
                late = [one for one in before.tracks if one.party == fact.party and one.file in self.started]
                unknown = [one for one in late if one.monitor is None and one.segment == fact.segment]
                stops = [one.monitor for one in orders if isinstance(one, o.StopCapture)]
                assert not unknown or fact.monitor in stops, "a monitor that came late runs on"

    def hear(self, fact: f.Fact) -> None:
        match fact:
            case f.Attested(ok=True, token=token) if token in self.promised:
                self.durable.add(self.promised[token])
            case f.Entered(channel=channel) if channel == CALLER:
                self.arrivals += 1
            case f.CaptureEnded(segment=segment, party=party):
                self.ended.add(f"seg-{segment:03d}.{party}.wav")
            case f.HungUp(channel=channel) | f.HangupRequested(channel=channel) | f.LeftStasis(channel=channel):
                self.gone = self.gone or channel == CALLER
                if isinstance(fact, f.HungUp):
                    self.hung_up.add(channel)
            case _:
                pass

    def take(self, order: Any) -> None:
        match order:
            case o.Note(entries=entries):
                self.write(entries)
            case o.Attest(token=token, entries=entries, live=live):
                self.write(entries)
                self.promised[token] = live.file
            case o.StartCapture(file=file):
                assert file in self.durable, "a capture before its evidence"
                assert self.told(), "a capture of who is not told"
                assert not self.has(ev.PermitRevoked), "a capture after the permit was revoked"
                assert not self.has(ev.NotRecorded), "a capture after the end of all captures"
                assert file not in self.started, "a second capture of the same party"
                self.started[file] = order
            case o.StopCapture(file=file):
                self.stopped.add(file)
            case o.Release(channel=channel) if channel == CALLER:
                self.releases += 1
                assert self.releases <= max(1, self.arrivals), "released more often than they came"
            case o.Seal():
                self.seals += 1
                assert self.seals == 1
            case _:
                pass

    def write(self, entries: Sequence[ev.Entry]) -> None:
        for entry in entries:
            if isinstance(entry, ev.PermitGranted | ev.PermitWidened):
                contract = {one.party for one in self.written if isinstance(one, ev.PartyEntered) and one.contract}
                assert self.told()
                assert P01 in entry.parties
                assert set(entry.parties) - {P01} <= contract, "a permit names somebody who was not told"
                assert not self.has(ev.NotRecorded), "a permit after the end of all captures"
            self.written.append(entry)


@dataclass
class Driver:
    """Plays Asterisk: `due` holds what the orders so far will be answered with."""

    call: Call
    judge: Judge
    now: int = 0
    due: list[f.Fact] = field(default_factory=list)

    def hear(self, fact: f.Fact, later_ms: int = 0, lag_ms: int = 0) -> None:
        self.now += later_ms
        if isinstance(fact, f.PlaybackEnded) and fact in self.due:
            self.now += 3000 if fact.playback.endswith("-2") else 2000
        fact = replace(fact, at=ms(self.now), seen_at=ms(self.now + lag_ms))
        if isinstance(fact, f.Bridged):
            members = tuple(replace(one, joined_at=ms(self.now)) for one in fact.members)
            fact = replace(fact, members=members)
        self.now += lag_ms
        before = self.call.room
        orders = self.call.hear(fact)
        self.judge.look(fact, before, orders)
        for order in orders:
            self.due += self.answers(order)

    def answers(self, order: Any) -> list[f.Fact]:
        stamp: dict[str, Any] = {"at": ms(0), "seen_at": ms(0)}
        match order:
            case o.Answer(channel=channel):
                return [f.Answered(**stamp, channel=channel, ok=True)]
            case o.Inspect(question=question):
                return [inspected(0, question, {1: 0, 2: 100}.get(question, 250))]
            case o.Play(playback=playback):
                number = int(playback[-1])
                return [began(0, number), ended(0, number)]
            case o.Attest(token=token):
                return [f.Attested(**stamp, token=token, ok=True)]
            case o.StartCapture(party=party):
                return [capture_began(0, party), capture_answered(0, MONITOR, party)]
            case o.StopCapture(party=party):
                return [capture_ended(0, party)]
            case o.Release(channel=channel):
                return [left_stasis(0, channel)]
            case _:
                return []

    def move(self, what: int, later_ms: int, lag_ms: int) -> None:
        if what < 60:
            if not self.due:
                return
            fact = self.due[0] if what < 50 else self.due[what % len(self.due)]
            self.hear(fact, later_ms, lag_ms)
            self.due.remove(fact)
        elif what < 70:
            self.hear(self.call.facts[what % len(self.call.facts)], later_ms, lag_ms)
        elif what < 75:
            failed = f.Attested(at=ms(0), seen_at=ms(0), token=what % 3, ok=False)
            self.hear(failed, later_ms, lag_ms)
        else:
            fact = MEANWHILE[what % len(MEANWHILE)]
            self.hear(fact, later_ms, lag_ms)


def drive(rules: Any, well: int, moves: Sequence[Move], *, met: bool = False) -> Driver:
    """Let a call go well for some steps, perhaps to a colleague, then as the moves have it, then end it."""
    driver = Driver(Call(line=rules), Judge(len(rules.announcements)))
    # A call is opened and its arrival heard in one step of the loop: nothing lies before it.
    driver.hear(entered(0))
    for _ in range(well):
        driver.move(0, 1, 0)
    if met:
        driver.hear(bridged(0, member(CALLER, 0), member(AGENT, 0)), 1)
    for move in moves:
        driver.move(*move)
    for fact in (lost(0), hung_up(0, AGENT), hung_up(0), woke(0, f.Timer.CLOSING, 0)):
        driver.hear(fact, 1)
    return driver


MOVES = st.lists(
    st.tuples(
        st.integers(0, 75 + len(MEANWHILE)),
        st.sampled_from([0, 1, 1, 20, 700]),
        st.sampled_from([0, 0, 0, 0, 2, 1500]),
    ),
    max_size=30,
)


@settings(max_examples=800, derandomize=True, deadline=None, database=None)
@given(st.sampled_from(LINES), st.sampled_from([0, 2, 5, 7, 10, 13]), st.booleans(), MOVES)
def test_the_promises_hold_whatever_happens(rules, well, met, moves):
    judge = drive(rules, well, moves, met=met).judge
    assert judge.seals == 1
    assert judge.has(ev.NotRecorded)


def test_a_call_on_which_nothing_goes_wrong_is_recorded():
    """So that the promises above are not kept by never recording anything."""
    for rules in LINES:
        driver = drive(rules, 20, [])
        assert list(driver.judge.started) == ["seg-001.p01.wav"]
        assert driver.judge.stopped == {"seg-001.p01.wav"}
        assert driver.judge.written[-1] == ev.Ended(at=driver.judge.written[-1].at, reason=None)


def test_a_conversation_on_which_nothing_goes_wrong_is_captured_on_both_sides():
    judge = drive(LINES[0], 10, [(0, 1, 0)] * 5, met=True).judge
    assert list(judge.started) == ["seg-001.p01.wav", "seg-001.p02.wav"]
    assert judge.stopped == {"seg-001.p01.wav", "seg-001.p02.wav"}
    assert judge.releases == 1
