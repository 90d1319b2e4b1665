"""A heartbeat says what both streams have delivered, and a stream that delivers nothing is dead."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from unit.calls import ms

from ari_app import clock, pulse
from ari_app.core.names import Instant
from ari_app.core.standstill import Standstill


@dataclass
class Stream:
    marked: list[int] = field(default_factory=list)
    variables: list[tuple[Any, str, str]] = field(default_factory=list)
    taken: bool | None = True

    async def mark(self, number):
        self.marked.append(number)

    async def set(self, channel, name, value):
        self.variables.append((channel, name, value))
        return self.taken


class Heart:
    """A pulse whose clock is a list of instants: when it has run out, the story is over."""

    def __init__(self, monkeypatch):
        self.beats: list[Instant] = []
        self.ari, self.ami = Stream(), Stream()
        ari: Any = self.ari
        ami: Any = self.ami
        self.now = ms(0)
        self.set_us = 0
        monkeypatch.setattr(clock, "wall", lambda: Instant(self.now + self.set_us))
        self.stood_still: list[Standstill] = []
        self.pulse = pulse.Pulse(ari, ami, self.beat)
        monkeypatch.setattr(clock, "ticks", lambda: self.now)
        monkeypatch.setattr(pulse, "BEAT_SECONDS", 0.0)

    def beat(self, at: Instant, stood_still: Sequence[Standstill]) -> None:
        self.beats.append(at)
        self.stood_still += stood_still

    def run(self, *instants, answer=()):
        """Send a marker at each instant; the streams in `answer` give each back 5 and 7 ms later."""

        async def work():
            task = asyncio.ensure_future(self.pulse.run())
            for at in instants:
                self.now = ms(at)
                sent = len(self.ari.marked)
                for _ in range(20):
                    await asyncio.sleep(0)
                    if len(self.ari.marked) > sent or task.done():
                        break
                if task.done():
                    return task.result()
                for stream, delay in (("ari", 5), ("ami", 7)):
                    if stream in answer:
                        self.pulse.returned(stream, self.ari.marked[-1], ms(at + delay))
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            return None

        return asyncio.run(work())


@pytest.fixture
def heart(monkeypatch):
    yield Heart(monkeypatch)
    clock.let_go()


def test_until_it_is_let_go_the_clock_goes_on_as_it_was_whoever_sets_the_machines(heart):
    def returned(at, _):
        heart.set_us = 90_000_000 if at >= ms(500) else 0

    heart.pulse._beat = returned
    assert heart.run(0, 500, 1000, answer=("ari", "ami")) == pulse.CLOCK
    # What is stopped now was begun by that clock.
    assert (clock.now(), clock.wall()) == (ms(1000), ms(91_000))
    clock.let_go()
    assert clock.now() == ms(91_000)


def test_a_marker_that_came_back_through_both_is_a_beat_at_the_earlier_stamp(heart):
    heart.run(0)
    heart.pulse.returned("ami", 1, ms(9))
    assert heart.beats == []
    heart.pulse.returned("ari", 1, ms(4))
    assert heart.beats == [ms(4)]


def test_a_marker_that_comes_back_twice_beats_once(heart):
    heart.run(0)
    for _ in range(2):
        heart.pulse.returned("ari", 1, ms(4))
        heart.pulse.returned("ami", 1, ms(9))
    assert heart.beats == [ms(4)]


@pytest.mark.parametrize("number", [0, 2, 77])
def test_a_marker_that_was_never_sent_is_nobodys_heartbeat(heart, number):
    heart.run(0)
    heart.pulse.returned("ari", number, ms(4))
    heart.pulse.returned("ami", number, ms(9))
    assert heart.beats == []


def test_one_stream_alone_never_beats(heart):
    heart.run(0, 500)
    heart.pulse.returned("ari", 1, ms(4))
    heart.pulse.returned("ari", 1, ms(5))
    heart.pulse.returned("ari", 2, ms(504))
    assert heart.beats == []


def test_a_later_marker_settles_the_earlier_ones(heart):
    heart.run(0, 500)
    heart.pulse.returned("ari", 2, ms(504))
    heart.pulse.returned("ami", 2, ms(507))
    heart.pulse.returned("ari", 1, ms(4))
    heart.pulse.returned("ami", 1, ms(7))
    assert heart.beats == [ms(504)]


def test_while_both_streams_answer_it_goes_on(heart):
    assert heart.run(0, 500, 1000, 1500, 4500, answer=("ari", "ami")) is None
    assert heart.beats == [ms(5), ms(505), ms(1005), ms(1505), ms(4505)]


@pytest.mark.parametrize(
    ("answer", "dead"), [((), "ari and ami"), (("ari",), "ami"), (("ami",), "ari")], ids=["both", "ami", "ari"]
)
def test_a_stream_that_gives_no_marker_back_for_two_and_a_half_seconds_is_dead(heart, answer, dead):
    assert heart.run(0, 500, 2500, 2501, answer=answer) == dead
    assert heart.ari.marked == [1, 2, 3]


def test_a_marker_that_is_late_on_both_streams_tells_that_asterisk_stood_still(heart):
    heart.run(0, answer=("ari", "ami"))
    heart.run(500)
    assert heart.stood_still == []
    heart.now = ms(1310)
    heart.pulse.returned("ami", 2, ms(1304))
    heart.pulse.returned("ari", 2, ms(1301))
    # Since the later stamp of what came back before: on both streams it lived then.
    assert heart.stood_still == [Standstill(ms(7), ms(1304))]


@pytest.mark.parametrize("lost", ["ari", "ami", "both"])
def test_a_marker_that_was_given_up_meanwhile_tells_it_all_the_same(heart, lost):
    """A request that takes too long is given up, and Asterisk that goes on knows nothing of it any more."""
    heart.run(0, answer=("ari", "ami"))
    heart.run(500, 1500)
    for stream in ("ari", "ami"):
        if lost not in {stream, "both"}:
            heart.pulse.returned(stream, 2, ms(1502))
    for stream, at in (("ari", 1504), ("ami", 1505)):
        heart.pulse.returned(stream, 3, ms(at))
    assert heart.stood_still == [Standstill(ms(7), ms(1504 if lost == "both" else 1502))]
    assert heart.beats == [ms(5), ms(1504)]


def test_a_standstill_that_cost_both_streams_is_told_by_the_pulse_that_follows(heart):
    """A key that was pressed meanwhile may come to Asterisk after everybody was permitted anew."""
    heart.run(0, answer=("ari", "ami"))
    assert heart.run(500, 3001) == "ari and ami"
    assert heart.stood_still == []
    heart.now = ms(3400)
    left = heart.pulse.left()
    assert left == (Standstill(ms(7), ms(3400)),)
    ari: Any = heart.ari
    ami: Any = heart.ami
    heart.pulse = pulse.Pulse(ari, ami, heart.beat, stood_still=left)
    assert heart.pulse.left() == left
    heart.run(3500, answer=("ari", "ami"))
    assert heart.stood_still == list(left)
    assert heart.pulse.left() == ()


def test_what_was_seen_of_a_standstill_outlives_the_stream_that_died_of_it(heart):
    heart.run(0, answer=("ari", "ami"))
    heart.run(500)
    heart.now = ms(3105)
    heart.pulse.returned("ami", 2, ms(3100))
    assert heart.pulse.left() == (Standstill(ms(7), ms(3100)),)


@pytest.mark.parametrize("answered", ["ari", "ami"])
def test_one_stream_that_was_lost_leaves_nothing(heart, answered):
    heart.run(0, answer=("ari", "ami"))
    heart.run(500, 1000, 1500, 2000, 2500, answer=(answered,))
    heart.now = ms(3010)
    assert heart.pulse.left() == ()


def test_what_one_stream_gives_back_in_time_shows_that_asterisk_lives(heart):
    heart.run(0, answer=("ari", "ami"))
    heart.run(500, 1000, 1500)
    for number in (2, 3, 4):
        heart.pulse.returned("ari", number, ms(500 * number - 495))
    for number in (2, 3, 4):
        heart.pulse.returned("ami", number, ms(2700))
    assert heart.stood_still == []


@pytest.mark.parametrize("late", ["ari", "ami"])
def test_a_marker_that_is_late_on_one_stream_tells_nothing_of_asterisk(heart, late):
    heart.run(0, answer=("ari", "ami"))
    heart.run(500)
    other = "ami" if late == "ari" else "ari"
    heart.pulse.returned(other, 2, ms(504))
    heart.pulse.returned(late, 2, ms(2304))
    assert heart.stood_still == []


def test_the_first_marker_counts_from_when_the_streams_were_opened(heart):
    heart.run(700)
    heart.now = ms(1000)
    for stream in ("ari", "ami"):
        heart.pulse.returned(stream, 1, ms(1000))
    assert heart.stood_still == [Standstill(ms(0), ms(1000))]


@pytest.mark.parametrize("seconds", [-3600, -1, 1, 90, 3600])
def test_when_the_clock_is_set_everything_begins_anew(heart, seconds):
    """Stamps from before and after cannot be compared; and no pause between two beats is as long as the step."""

    def returned(at, _):
        if at >= ms(900):
            heart.set_us = seconds * 1_000_000

    heart.pulse._beat = returned
    assert heart.run(0, 500, 1000, 1500, answer=("ari", "ami")) == pulse.CLOCK
    assert len(heart.ari.marked) == 3


@pytest.mark.parametrize("seconds", [-3600.0, 3600.0])
def test_the_next_beat_comes_in_time_though_the_clock_was_set_during_this_one(heart, monkeypatch, seconds):
    asked = []

    async def sleep(pause):
        asked.append(pause)
        heart.now = Instant(heart.now + round(pause * 1e6))
        await real(0)

    real = asyncio.sleep
    monkeypatch.setattr(pulse, "BEAT_SECONDS", 0.5)
    monkeypatch.setattr(asyncio, "sleep", sleep)
    heart.pulse._first_beat.set()
    heart.pulse.alive = True

    async def set_meanwhile(_):
        heart.set_us = round(seconds * 1e6)

    heart.ari.mark = set_meanwhile
    assert asyncio.run(heart.pulse.run()) == pulse.CLOCK
    assert asked == [0.5]


def test_the_marker_that_says_that_we_are_ready_is_sent_as_soon_as_asterisk_has_taken_the_alive_mark(
    heart, monkeypatch
):
    asked = []

    async def sleep(pause):
        asked.append(pause)
        if len(asked) == 3:
            raise asyncio.CancelledError
        await real(0)

    real = asyncio.sleep
    monkeypatch.setattr(pulse, "BEAT_SECONDS", 0.5)
    monkeypatch.setattr(asyncio, "sleep", sleep)
    heart.pulse._first_beat.set()
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(heart.pulse.run())
    assert asked == [0.0, 0.5, 0.5]
    assert len(heart.ari.marked) == 3


@pytest.mark.parametrize("drift_us", [-250, 250])
def test_a_clock_that_is_slowly_put_right_is_not_set(heart, drift_us):
    def returned(_at, _still):
        heart.set_us += drift_us

    heart.pulse._beat = returned
    assert heart.run(*range(0, 50_000, 500), answer=("ari", "ami")) is None


def test_with_every_beat_the_dialplan_and_the_guard_are_told_that_the_gate_lives(heart):
    heart.run(0, 500, 1000, 1500, answer=("ari", "ami"))
    seconds = ms(0) // 1_000_000
    told = [value for _, name, value in heart.ami.variables if name == "CONSENTGATE_ALIVE"]
    assert told == [str(seconds), str(seconds), str(seconds + 1)]


def test_nobody_is_sent_to_a_gate_that_has_not_heard_both_streams(heart):
    heart.run(0, 500, 1000, 1500, 2000, answer=("ari",))
    assert heart.ami.variables == []
    assert heart.ari.marked == heart.ami.marked == [1, 2, 3, 4, 5]
    assert not heart.pulse.alive


@pytest.mark.parametrize(("taken", "alive"), [(True, True), (False, False), (None, False)])
def test_the_gate_is_alive_once_asterisk_has_taken_the_mark(heart, taken, alive):
    heart.ami.taken = taken
    heart.run(0, 500, 1000, answer=("ari", "ami"))
    assert heart.pulse.alive is alive


def test_a_mark_that_was_taken_once_stays_so(heart):
    heart.run(0, 500, 1000, answer=("ari", "ami"))
    heart.ami.taken = None
    heart.run(2000, 2500, answer=("ari", "ami"))
    assert heart.pulse.alive


def test_nobody_is_sent_to_a_gate_that_stops_however_long_it_still_beats(heart):
    heart.run(0, 500, 1000, answer=("ari", "ami"))
    told = heart.ami.variables.copy()
    heart.pulse._leaving = lambda: True
    heart.run(1500, 2000, 2500, answer=("ari", "ami"))
    assert [one for one in heart.ami.variables[len(told) :] if one[1] == pulse.ALIVE] == []
    assert heart.beats[-1] == ms(2505)


@pytest.mark.parametrize("waits", [True, False])
def test_the_dialplan_is_told_whether_another_gate_stands_by(heart, waits):
    heart.pulse._standby = lambda: waits
    heart.run(0, 500, 1000, 1500, answer=("ari", "ami"))
    told = [value for _, name, value in heart.ami.variables if name == pulse.STANDBY]
    # That nobody does is said once: a gate that died while somebody did has left the mark.
    assert told == [value for _, name, value in heart.ami.variables if name == pulse.ALIVE] if waits else ["0"]
    assert (len(told) > 1) is waits
