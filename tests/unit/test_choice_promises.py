"""Whatever keys are pressed, and when: nobody is told who has not heard it all, nobody agrees by accident, all go on.

A telephone that hears what the core orders, to the millisecond; and promises that need no knowledge of the core.
"""

import heapq
import itertools
from dataclasses import dataclass, field
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from unit.asking import KEYS, opt_in, opt_out
from unit.calls import CALLER, ENGLISH, WELSH, answered, began, ended, entered, inspected, ms, pressed, woke
from unit.driven import REAL, Call

from ari_app.core import orders as o
from ari_app.core.facts import Standing
from ari_app.core.names import PlaybackId, playback_id
from ari_app.core.policy import Announcement
from ari_app.core.reasons import Reason

MASH_MS = 400
PATIENCE_MS = 90_000
Keyed = list[tuple[int, str]]


@dataclass
class Heard:
    """One sound at the telephone, from when to when, and whether to its end."""

    sound: Announcement
    begins: int
    ends: int = 0
    whole: bool = False


@dataclass
class Ear:
    """A caller's telephone: it hears what is ordered, and its keys are pressed when they are."""

    call: Call
    now: int = 0
    packets: int = 0
    playing: PlaybackId | None = None
    heard: list[Heard] = field(default_factory=list)
    orders: list[Any] = field(default_factory=list)
    timers: dict[Any, int] = field(default_factory=dict)
    _number: Any = field(default_factory=itertools.count)
    _due: list[tuple[int, int, Any]] = field(default_factory=list)

    def at(self, when: int, what: Any) -> None:
        heapq.heappush(self._due, (when, next(self._number), what))

    def live(self, keys: Keyed) -> None:
        """Let everything happen until nothing is due any more."""
        for when, key in keys:
            self.at(when, lambda key=key: self.hear(pressed(self.now, key)))
        self.at(0, lambda: self.hear(entered(0)))
        while self._due and self.now < PATIENCE_MS:
            self.now, _, what = heapq.heappop(self._due)
            what()

    def hear(self, fact: Any) -> None:
        for order in self.call.hear(fact):
            self.orders.append(order)
            self._obey(order)

    def _obey(self, order: Any) -> None:
        match order:
            case o.Answer():
                self.at(self.now + 10, lambda: self.hear(answered(self.now)))
            case o.Inspect(question=question):
                self.at(self.now + 2, lambda: self.hear(inspected(self.now, question, self.packets)))
            case o.Play(playback=playback, announcement=sound):
                self.at(self.now + 8, lambda: self._begin(playback, sound))
            case o.StopPlayback(playback=playback):
                self.at(self.now + 5, lambda: self._end(playback, whole=False))
            case o.WakeAt(at=at, timer=timer, token=token):
                when = -(-(at - ms(0)) // 1000)
                self.timers[timer] = mark = next(self._number)
                self.at(when, lambda: self._wake(timer, token, mark))
            case _:
                pass

    def _wake(self, timer: Any, token: int, mark: int) -> None:
        if self.timers.get(timer) == mark:
            self.hear(woke(self.now, timer, token))

    def _begin(self, playback: PlaybackId, sound: Announcement) -> None:
        if self.playing is not None:
            # One sound after the other, as Asterisk queues them.
            self.at(self.now + 1, lambda: self._begin(playback, sound))
            return
        self.playing = playback
        self.heard.append(Heard(sound, self.now))
        self.hear(began(self.now, _number_of(playback)))
        self.at(self.now + sound.duration_ms, lambda: self._end(playback, whole=True))

    def _end(self, playback: PlaybackId, *, whole: bool) -> None:
        if self.playing != playback:
            return
        self.playing = None
        last = self.heard[-1]
        last.ends, last.whole = self.now, whole
        self.packets += last.sound.packets if whole else (self.now - last.begins) // 20
        self.hear(ended(self.now, _number_of(playback)))


def _number_of(playback: PlaybackId) -> int:
    return next(number for number in range(1, 40) if playback_id(CALLER, number) == playback)


def run(call: Call, keys: Keyed) -> Ear:
    ear = Ear(call)
    ear.live(keys)
    return ear


def wholly(ear: Ear, languages: set[str]) -> bool:
    """Tell whether the last sounds are the line's announcements in these languages, one after the other and whole."""
    wanted = [one for one in ear.call.room.caller.asking.announcements if one.language in languages]
    last = [one for one in ear.heard if one.sound in ear.call.room.caller.asking.announcements][-len(wanted) :]
    return [one.sound for one in last] == wanted and all(one.whole for one in last)


MOMENTS = st.integers(0, 240).map(lambda number: number * 50 + 3)
PRESSES = st.lists(st.tuples(MOMENTS, st.sampled_from("0123456789*#")), max_size=6)


@settings(max_examples=300, deadline=None)
@given(PRESSES)
def test_whoever_may_say_no(keys):
    """A no counts whenever it comes before they are let go; without one they are told, in the end, by whole sounds."""
    ear = run(opt_out(REAL, WELSH, ENGLISH), keys)
    caller = ear.call.room.caller
    assert [type(one) for one in ear.orders].count(o.Release) <= 1
    assert caller.phase is REAL.party.Phase.OVER
    if caller.standing is Standing.TOLD:
        assert wholly(ear, {"cy"}) or wholly(ear, {"en"}) or wholly(ear, {"cy", "en"})
        told_ms = (caller.told_at - ms(0)) // 1000
        assert not [when for when, key in keys if key == "9" and when < told_ms]
    else:
        assert (caller.standing, caller.failure) == (Standing.OBJECTED, Reason.OBJECTED)
        assert any(key == "9" for _, key in keys), "only a no is a no here"
        assert not [one for one in ear.orders if isinstance(one, o.Attest)]


@settings(max_examples=300, deadline=None)
@given(PRESSES)
def test_whoever_must_say_yes(keys):
    """Only their yes, after the last word, and no other key with it, is one."""
    ear = run(opt_in(REAL, ENGLISH), keys)
    caller = ear.call.room.caller
    assert caller.phase is REAL.party.Phase.OVER
    if caller.standing is not Standing.TOLD:
        assert caller.standing is Standing.OBJECTED
        assert not [one for one in ear.orders if isinstance(one, o.Attest)]
        return
    assert wholly(ear, {"en"})
    agreed_ms = (caller.agreed_at - ms(0)) // 1000
    assert (agreed_ms, "5") in keys, "somebody pressed the key for yes, then"
    assert agreed_ms >= ear.heard[-1].begins + ENGLISH.spoken_end_ms, "after the last word that they heard"
    meaning = {"5", *KEYS.every}
    mashed = [key for when, key in keys if key not in meaning and agreed_ms < when < agreed_ms + MASH_MS]
    assert not mashed, "and nothing else with it"


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(MOMENTS, st.sampled_from("34678#")), max_size=6))
def test_keys_that_mean_nothing_keep_nobody_from_being_told(keys):
    ear = run(opt_out(REAL, WELSH, ENGLISH), keys)
    assert ear.call.room.caller.standing is Standing.TOLD


def test_every_hundred_milliseconds_of_an_announcement_each_key_is_right():
    """The whole table: each key, at each moment, on both kinds of lines."""
    wrong = []
    for when, key in itertools.product(range(3, 5200, 100), "0123456789*#"):
        may, must = (run(make, [(when, key)]).call.room.caller for make in (opt_out(REAL), opt_in(REAL)))
        if (may.standing is Standing.TOLD) != (key != "9" or when > may_end(key)):
            wrong.append((when, key, "may say no", may.standing))
        yes = key == "5" and when >= 20 + ENGLISH.spoken_end_ms
        if (must.standing is Standing.TOLD) != yes:
            wrong.append((when, key, "must say yes", must.standing))
    assert wrong == []


def may_end(key: str) -> int:
    """When the announcement has been heard, with its proof: what comes after that is a matter of the conversation."""
    assert key == "9"
    return 20 + ENGLISH.duration_ms + 2
