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
    ENGLISH,
    GUEST,
    MONITOR,
    P01,
    P02,
    SECOND_AGENT,
    STRANGER,
    WELSH,
    began,
    capture_answered,
    capture_began,
    capture_ended,
    caught_up,
    colleague,
    ended,
    entered,
    file_closed,
    foreign,
    guest,
    hangup_requested,
    hung_up,
    inspected,
    left_stasis,
    line,
    lost,
    ms,
    objected,
    paused,
    refused,
    replaced,
    resumed,
    space,
    surrounded,
    untold,
    woke,
)
from unit.driven import REAL, Call
from unit.judge import Judge
from unit.map_of import connected

from ari_app.core import evidence as ev
from ari_app.core import facts as f
from ari_app.core import orders as o
from ari_app.core.facts import Standing, Timer
from ari_app.core.free_space import Level
from ari_app.core.policy import Capture, OnObjection
from ari_app.core.reasons import Reason

Move = tuple[int, int, int, int]
"""What to do, with which of several, how many milliseconds later, and how much later still it is handled."""

LINES = [
    line(),
    line(ENGLISH, WELSH),
    line(capture=Capture.AFTER_ANNOUNCEMENT),
    line(on_objection=OnObjection.LEAVE_OUT),
]
PEOPLE = [
    colleague(),
    colleague(SECOND_AGENT),
    guest(),
    colleague(SECOND_AGENT, mixed=True),
    guest(standing=Standing.OBJECTED),
    guest(standing=Standing.UNTOLD),
    untold(),
]
"""By likelihood: each further one is half as likely to be there."""

QUIET = [None, None, None, None, None, Reason.HELD, Reason.MUSIC_ON_HOLD, Reason.TELEPHONE_CONFERENCE]
MEANWHILE: list[f.Fact] = [
    entered(0),
    entered(0, channel=AGENT),
    hangup_requested(0),
    hung_up(0),
    hung_up(0, AGENT),
    hung_up(0, STRANGER),
    left_stasis(0),
    lost(0),
    replaced(0),
    objected(0),
    paused(0),
    paused(0),
    resumed(0),
    resumed(0),
    caught_up(0),
    caught_up(0),
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
    capture_answered(0, None, P02),
    capture_answered(0, MONITOR, P02, 2),
    capture_began(0),
    capture_began(0, P02, ambiguous=True),
    capture_ended(0),
    capture_ended(0, P02, closed=False),
    capture_ended(0, P01, 2),
    file_closed(0),
    foreign(0),
    space(0, Level.LOW),
    space(0, Level.SCARCE),
    space(0, Level.AMPLE),
    space(0, Level.AMPLE),
    woke(0, Timer.CAPTURE),
    woke(0, Timer.MAX_HOURS),
    woke(0, Timer.CLOSING, 0),
    woke(0, Timer.SETTLING, 7),
    woke(0, Timer.INSPECTION, 2),
]


def room_of(number: int) -> f.Surrounded:
    """Return one of many rooms: who is there, what silences it, and whether it is a bridge at all."""
    there: list[f.Member] = []
    for one in PEOPLE:
        # Nobody is there twice.
        if number % 2 == 0 and one.channel not in {other.channel for other in there}:
            there.append(one)
            number //= 2
        number //= 2
    return surrounded(
        0,
        *there,
        quiet=QUIET[number % len(QUIET)],
        joined=None if number % 5 == 0 else 0,
        mixed=number % 7 == 0,
        host=number % 3 != 0,
    )


@dataclass
class Driver:
    """Plays Asterisk: `due` holds what the orders so far will be answered with, `timers` what was asked to ring."""

    call: Call
    judge: Judge
    now: int = 0
    due: list[f.Fact] = field(default_factory=list)
    timers: dict[Timer, o.WakeAt] = field(default_factory=dict)

    def hear(self, fact: f.Fact, later_ms: int = 0, lag_ms: int = 0) -> None:
        self.now += later_ms
        if isinstance(fact, f.PlaybackEnded) and fact in self.due:
            self.now += 3000 if fact.playback.endswith("-2") and len(self.judge.line.announcements) > 1 else 2000
        fact = replace(fact, at=ms(self.now), seen_at=ms(self.now + lag_ms))
        if isinstance(fact, f.Surrounded) and fact.joined_at is not None:
            fact = replace(fact, joined_at=ms(self.now))
        self.now += lag_ms
        before = self.call.room
        orders = self.call.hear(fact)
        self.judge.look(fact, before, orders)
        for order in orders:
            self.due += self.answers(order)
            if isinstance(order, o.WakeAt):
                self.timers[order.timer] = order

    def answers(self, order: Any) -> list[f.Fact]:
        stamp: dict[str, Any] = {"at": ms(0), "seen_at": ms(0)}
        match order:
            case o.Answer(channel=channel):
                return [f.Answered(**stamp, channel=channel, ok=True)]
            case o.Inspect(question=question, announcement=sound):
                sent = self.call.room.caller.packets_before
                played = self.call.room.caller.phase is self.call.core.party.Phase.COUNTING
                return [inspected(0, question, sent + sound.packets if played else sent)]
            case o.Play(playback=playback):
                number = int(playback.rpartition("-")[2])
                return [began(0, number), ended(0, number)]
            case o.Attest(token=token):
                return [f.Attested(**stamp, token=token, ok=True)]
            case o.StartCapture(party=party, segment=segment):
                return [capture_began(0, party, segment), capture_answered(0, MONITOR, party, segment)]
            case o.StopCapture(party=party, segment=segment):
                return [capture_ended(0, party, segment)]
            case o.Release(channel=channel):
                return [left_stasis(0, channel)]
            case _:
                return []

    def move(self, what: int, which: int, later_ms: int, lag_ms: int) -> None:
        if what < 50:
            if not self.due:
                return
            fact = self.due[0] if what < 42 else self.due[which % len(self.due)]
            # Now and then the disk takes nothing.
            answer = fact
            if isinstance(fact, f.Attested) and which % 8 == 1:
                answer = replace(fact, ok=False)
            self.hear(answer, later_ms, lag_ms)
            self.due.remove(fact)
        elif what < 56:
            self.hear(self.call.facts[which % len(self.call.facts)], later_ms, lag_ms)
        elif what < 58:
            failed = f.Attested(at=ms(0), seen_at=ms(0), token=which % 6, ok=False)
            self.hear(failed, later_ms, lag_ms)
        elif what < 78:
            self.hear(room_of(which), later_ms, lag_ms)
        elif what < 82:
            self.ring(set(Timer) - {Timer.MAX_HOURS})
        else:
            self.hear(MEANWHILE[which % len(MEANWHILE)], later_ms, lag_ms)

    def ring(self, kinds: set[Timer]) -> bool:
        """Let time pass until the first of these timers rings."""
        waiting = [order for order in self.timers.values() if order.timer in kinds]
        if not waiting:
            return False
        first = min(waiting, key=lambda order: order.at)
        del self.timers[first.timer]
        self.now = max(self.now, (first.at - ms(0)) // 1000)
        self.hear(woke(0, first.timer, first.token))
        return True


def drive(rules: Any, well: int, moves: Sequence[Move], *, met: bool = False) -> Driver:
    """Let a call go well for some steps, perhaps to a colleague, then as the moves have it; the rest is silence."""
    driver = Driver(Call(line=rules), Judge(rules))
    # A call is opened and its arrival heard in one step of the loop: nothing lies before it.
    driver.hear(entered(0))
    for _ in range(well):
        driver.move(0, 0, 1, 0)
    if met:
        driver.hear(surrounded(0, colleague()), 1)
    for move in moves:
        driver.move(*move)
    return driver


def end(driver: Driver) -> None:
    """Nobody says anything more; then the room is good; then everything ends."""
    while driver.ring({Timer.ANSWER, Timer.INSPECTION, Timer.ANNOUNCEMENT, Timer.CAPTURE}):
        pass
    assert driver.judge.hanging_up or not driver.judge.in_hands, "a caller who is kept for ever"
    driver.hear(resumed(0))
    driver.hear(space(0, Level.AMPLE))
    driver.hear(surrounded(0, colleague()), 3000)
    driver.ring({Timer.SETTLING})
    assert driver.call.room.closed or not driver.judge.told() or driver.judge.permit, "a good room is not captured"
    for fact in (lost(0), hung_up(0, AGENT), hung_up(0, SECOND_AGENT), hung_up(0), woke(0, Timer.CLOSING, 0)):
        driver.hear(fact, 1)
    assert driver.judge.seals == 1
    assert driver.judge.lit == set()
    assert driver.judge.running() == set()


MOVES = st.lists(
    st.tuples(
        st.integers(0, 99),
        st.integers(0, 4095),
        st.sampled_from([0, 1, 1, 20, 700]),
        st.sampled_from([0, 0, 0, 0, 2, 1500]),
    ),
    max_size=30,
)


@settings(max_examples=1500, derandomize=True, deadline=None, database=None)
@given(st.sampled_from(LINES), st.sampled_from([0, 2, 5, 7, 10, 13, 16]), st.booleans(), MOVES)
def test_the_promises_hold_whatever_happens(rules, well, met, moves):
    end(drive(rules, well, moves, met=met))


def test_a_call_on_which_nothing_goes_wrong_is_recorded():
    """So that the promises above are not kept by never recording anything."""
    for rules in LINES:
        driver = drive(rules, 20, [])
        assert list(driver.judge.started) == ["seg-001.p01.wav"]
        end(driver)
        assert driver.judge.written[-1] == ev.Ended(at=driver.judge.written[-1].at, reason=None)


def test_a_conversation_on_which_nothing_goes_wrong_is_captured_on_both_sides():
    judge = drive(LINES[0], 10, [(0, 0, 1, 0)] * 5, met=True).judge
    assert list(judge.started) == ["seg-001.p01.wav", "seg-001.p02.wav"]
    assert judge.stopped == set()
    assert not judge.in_hands


def test_the_rooms_of_the_random_streams_are_of_every_kind():
    rooms = [room_of(number) for number in range(4096)]
    assert {one.channel for room in rooms for one in room.members} == {AGENT, SECOND_AGENT, GUEST, STRANGER}
    assert {room.quiet for room in rooms} == set(QUIET)
    good = [room for room in rooms if room.members and room.quiet is None and room.joined_at]
    good = [room for room in good if {one.standing for one in room.members} <= {Standing.TOLD, Standing.CONTRACT}]
    assert len(good) > len(rooms) / 10
    assert {len(room.members) for room in good} >= {1, 2, 3}


# -- who is where

CHANGES = st.lists(
    st.tuples(st.sampled_from("elhum"), st.sampled_from("abcd"), st.sampled_from("xy"), st.integers(0, 9)), max_size=25
)


@settings(max_examples=400, derandomize=True, deadline=None, database=None)
@given(CHANGES)
def test_copies_of_events_that_come_later_change_nothing(changes):
    once, copied = connected(REAL, "ab"), connected(REAL, "ab")
    told: list[tuple[str, str, str, int, int]] = []

    def tell(world: Any, what: str, who: str, bridge: str, at: int, count: int) -> None:
        match what:
            case "e":
                world.enter(at, who, bridge, count=count)
            case "l":
                world.leave(at, who, bridge, count=count)
            case "h" | "u":
                world.hold(at, who, held=what == "h")
            case _:
                world.music(at, who, plays=count % 2 == 0)

    for number, (what, who, bridge, older) in enumerate(changes):
        event = what, who, bridge, 2000 + number, older % 4 + 1
        told.append(event)
        tell(once, *event)
        tell(copied, *event)
        tell(copied, *told[-1 - older % len(told)])
    for who in "abcd":
        assert copied.room(who) == once.room(who)
