"""A call rehearsed: the core decides about it as about a real one; Asterisk, the disk and people answer from here.

Nothing is asked of anybody and nothing is written. Everybody answers at once and as they should, but for one `Fault`,
so that what comes of a call can be said before there is one. Who is in whose room is worked out as the gate does it
(`whereabouts`), every decision is `room.step`'s.
"""

import heapq
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from functools import partial
from typing import Final

from . import opening
from . import translation as t
from .core import evidence as ev
from .core import facts as f
from .core import names
from .core import orders as o
from .core import room as rooms
from .core.free_space import Level
from .core.names import BridgeId, ChannelId, Instant, MonitorId, PartyId, RecordingId
from .core.party import Phase
from .core.policy import Policy
from .core.topology import Kind
from .whereabouts import Whereabouts

MILLISECOND: Final = 1000
SOON: Final = 5 * MILLISECOND
"""How long Asterisk takes to do as it is told; a person takes longer."""
THINKS: Final = 1000 * MILLISECOND
LOST_PACKETS: Final = 5
CONVERSATION: Final = BridgeId("conversation")


class Fault(Enum):
    """What does not go as it should."""

    NO_ANSWER = "Asterisk cannot answer the call"
    NO_PLAY = "Asterisk refuses to play the announcement"
    CUT_SHORT = "the announcement is cut short"
    PACKETS_LOST = "part of the announcement is not sent"
    UNCOUNTED = "the channel's packets cannot be counted"
    COPY_CHANGED = "the announcement's copy is changed while it is used"
    JOURNAL = "the journal cannot be written"
    RECORDER = "Asterisk does not begin to record"


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody on a telephone: which channel, of which endpoint, with which number."""

    channel: ChannelId
    endpoint: str
    number: str = ""


@dataclass(slots=True)
class Call:
    """The recording of one person from outside, as the gate would have it."""

    person: Person
    room: rooms.Room
    keys: Sequence[tuple[int, str]] = ()
    """What they press: so many microseconds after the announcement began."""
    reply: str = ""
    """What they press when they are asked, after the last word."""
    entries: list[ev.Entry] = field(default_factory=list)
    reports: list[str] = field(default_factory=list)
    sent: int = 0
    playing: int = 0
    around: f.Surrounded | None = None
    timers: dict[f.Timer, int] = field(default_factory=dict)
    entered_at: Instant = Instant(0)
    released_at: Instant | None = None
    release: o.Release | None = None

    def of(self, kind: type[ev.Entry]) -> list[ev.Entry]:
        """Return what the journal would hold of one kind."""
        return [entry for entry in self.entries if isinstance(entry, kind)]


class Rehearsal:
    """One stage, with its clock."""

    def __init__(self, rules: Policy, at: Instant, fault: Fault | None = None, space: Level = Level.AMPLE) -> None:
        self.rules, self.now, self.fault, self.space = rules, at, fault, space
        self.began_at = at
        self.whereabouts = Whereabouts(rules.staff, rules.trunks)
        self.calls: dict[ChannelId, Call] = {}
        self.bridged: list[Person] = []
        self._queue: list[tuple[Instant, int, Callable[[], None]]] = []
        self._number = itertools.count(1)

    # -- what people do

    def arrive(
        self, person: Person, line: str, *, called: bool = False, keys: Sequence[tuple[int, str]] = (), reply: str = ""
    ) -> Call:
        """Let somebody from outside come to the gate, and go on until it has let them go.

        keys, reply: what they press while the announcement sounds, and when they are asked (`Call`).
        """
        at, known = self.now, self.rules.lines.get(line)
        recording = RecordingId(names.mint(at, bytes(9) + bytes([len(self.calls)])))
        opened = ev.Opened(
            at=at,
            recording=recording,
            run="rehearsal",
            node=self.rules.node,
            line=line,
            mode=known.mode.value if known else "",
            capture=known.capture.value if known else "",
            direction="outgoing" if called else "incoming",
            channel=person.channel,
            number=None,
            number_hash=None,
            policy_sha256=self.rules.sha256,
            software="",
            asterisk="",
        )
        seen = t.Arrived(at, person.channel, person.endpoint, person.number, ())
        room = opening.begun(opened, known, seen, person.number, self.space, adopted=False)
        call = self.calls[person.channel] = Call(person, room, keys, reply, entered_at=at)
        self.hear(call, f.Entered(at=at, seen_at=at, channel=person.channel))
        self._look_around({person.channel})
        self.run(lambda: call.released_at is not None)
        return call

    def connect(self, *people: Person) -> None:
        """Let these talk with each other, and nobody else with them."""
        for person in [one for one in self.bridged if one not in people]:
            self._moved(person, entered=False)
        for person in [one for one in people if one not in self.bridged]:
            self._moved(person, entered=True)
        self.wait(THINKS)

    def tell(self, call: Call, make: Callable[[Instant], f.Fact]) -> None:
        """Let something happen to a call, now."""
        self.hear(call, make(self.now))
        self.wait(THINKS)

    def later(self, act: Callable[[Instant], None]) -> None:
        """Let something happen after the next thing that somebody does."""
        self._later(THINKS + THINKS // 2, act)

    def wait(self, microseconds: int) -> None:
        """Let time pass."""
        until = Instant(self.now + microseconds)
        self.run(lambda: not self._queue or self._queue[0][0] > until)
        self.now = until

    def run(self, over: Callable[[], bool]) -> None:
        """Let happen what is due, one thing after the other, until that is so or nothing is due any more."""
        while not over() and self._queue:
            at, _, act = heapq.heappop(self._queue)
            self.now = max(self.now, at)
            act()

    # -- what the gate does

    def hear(self, call: Call, fact: f.Fact) -> None:
        """Let the core decide, and do as it says."""
        call.room, orders = rooms.step(call.room, fact)
        news = self.whereabouts.own(call.room.opened.recording, call.room)
        for order in orders:
            self._do(call, order)
        if call.room.caller.phase is Phase.WAITING and call.reply:
            key, call.reply = call.reply, ""
            self._later(THINKS, partial(self._press, call, key))
        if news:
            self._look_around(self.whereabouts.room_of(call.person.channel) - {call.person.channel})

    def _look_around(self, near: set[ChannelId]) -> None:
        for owner in self.whereabouts.owners_near(near):
            call = self.calls[owner]
            fact = self.whereabouts.surrounded(owner, self.now, self.now)
            if call.around is None or replace(fact, at=call.around.at, seen_at=call.around.seen_at) != call.around:
                call.around = fact
                self.hear(call, fact)

    def _moved(self, person: Person, *, entered: bool) -> None:
        if entered:
            self.bridged.append(person)
        else:
            self.bridged.remove(person)
        count = len(self.bridged)
        change = t.BridgeChange(
            self.now, CONVERSATION, Kind.CONVERSATION, person.channel, person.endpoint, entered, count
        )
        near, _ = self.whereabouts.change(change)
        self._look_around(near)
        self.wait(SOON)

    def _do(self, call: Call, order: o.Order) -> None:  # noqa: C901  one case per order
        channel = call.person.channel
        match order:
            case o.Note(entries=entries):
                call.entries += entries
            case o.Answer():
                ok = self.fault is not Fault.NO_ANSWER
                self._soon(call, lambda at: f.Answered(at=at, seen_at=at, channel=channel, ok=ok))
            case o.Inspect(question=question):
                self._soon(call, lambda at: self._inspected(call, at, question))
            case o.Play():
                self._play(call, order)
            case o.StopPlayback(playback=playback):
                call.playing = 0
                self._soon(
                    call, lambda at: f.PlaybackEnded(at=at, seen_at=at, channel=channel, playback=playback, done=True)
                )
            case o.WakeAt():
                self._wake(call, order)
            case o.Attest(token=token, entries=entries):
                ok = self.fault is not Fault.JOURNAL
                call.entries += entries if ok else ()
                self._soon(call, lambda at: f.Attested(at=at, seen_at=at, token=token, ok=ok))
            case o.StartCapture(segment=segment, party=party):
                self._capture(call, segment, party)
            case o.StopCapture(segment=segment, party=party):
                self._soon(
                    call, lambda at: f.CaptureEnded(at=at, seen_at=at, segment=segment, party=party, closed=True)
                )
            case o.Release():
                call.release, call.released_at = order, self.now
                self._soon(call, lambda at: f.LeftStasis(at=at, seen_at=at, channel=channel))
            case o.Report(what=what):
                call.reports.append(what)
            case o.ArmLifeline() | o.Confirm() | o.Lamp() | o.Seal() | o.Alarm():
                pass

    def _inspected(self, call: Call, at: Instant, question: int) -> f.Fact:
        return f.Inspected(
            at=at,
            seen_at=at,
            channel=call.person.channel,
            question=question,
            in_stasis=True,
            packets_sent=None if self.fault is Fault.UNCOUNTED else call.sent,
            copy_intact=self.fault is not Fault.COPY_CHANGED,
            objected=False,
        )

    def _play(self, call: Call, order: o.Play) -> None:
        channel, playback, sound = call.person.channel, order.playback, order.announcement
        if self.fault is Fault.NO_PLAY:
            self._soon(call, lambda at: f.PlayRefused(at=at, seen_at=at, channel=channel, playback=playback))
            return
        playing = call.playing = next(self._number)
        self._soon(call, lambda at: f.PlaybackBegan(at=at, seen_at=at, channel=channel, playback=playback))
        keys, call.keys = call.keys, ()
        for after, key in keys:
            self._later(SOON + after, partial(self._press, call, key))
        lost = LOST_PACKETS if self.fault is Fault.PACKETS_LOST else 0
        shorter = 2 if self.fault is Fault.CUT_SHORT else 1

        def ended(at: Instant) -> None:
            if call.playing == playing:
                call.sent += sound.packets - lost
                self.hear(call, f.PlaybackEnded(at=at, seen_at=at, channel=channel, playback=playback, done=True))

        self._later(SOON + sound.duration_ms * MILLISECOND // shorter, ended)

    def _press(self, call: Call, key: str, at: Instant) -> None:
        self.hear(call, f.Pressed(at=at, seen_at=at, channel=call.person.channel, key=key))

    def _capture(self, call: Call, segment: int, party: PartyId) -> None:
        def began(at: Instant) -> None:
            about = f.CaptureBegan(at=at, seen_at=at, segment=segment, party=party, ambiguous=False)
            self.hear(call, about)

        monitor = None if self.fault is Fault.RECORDER else MonitorId(f"monitor-{segment}-{party}")
        if monitor:
            self._later(MILLISECOND, began)
        self._soon(call, lambda at: f.CaptureAnswered(at=at, seen_at=at, segment=segment, party=party, monitor=monitor))

    def _wake(self, call: Call, order: o.WakeAt) -> None:
        # Each kind asks about the present step: one that is set anew has no older question left.
        mine = call.timers[order.timer] = next(self._number)

        def ring() -> None:
            if call.timers.get(order.timer) == mine:
                woke = f.Woke(at=self.now, seen_at=self.now, timer=order.timer, token=order.token)
                self.hear(call, woke)

        heapq.heappush(self._queue, (order.at, next(self._number), ring))

    def _soon(self, call: Call, make: Callable[[Instant], f.Fact]) -> None:
        self._later(SOON, lambda at: self.hear(call, make(at)))

    def _later(self, microseconds: int, act: Callable[[Instant], None]) -> None:
        at = Instant(self.now + microseconds)
        heapq.heappush(self._queue, (at, next(self._number), lambda: act(at)))
