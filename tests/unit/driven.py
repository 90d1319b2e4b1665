"""A call that can be driven through the core, and what becomes of it.

Everything that is mutated (`test_mutants.py`) is reached through a `Core`, so that the same tables judge the real
modules and each of their mutants.
"""

from dataclasses import dataclass, field, replace
from types import ModuleType
from typing import Any

from unit.calls import (
    CALLER,
    MONITOR,
    P01,
    answered,
    attested,
    began,
    capture_answered,
    capture_began,
    colleague,
    ended,
    entered,
    inspected,
    left_stasis,
    line,
    ms,
    opened,
    surrounded,
)

from ari_app.core import (
    accounts,
    anchor,
    arithmetic,
    assurance,
    capture,
    choice,
    day,
    fallback,
    free_space,
    hand,
    keeper,
    notice,
    notice_words,
    objection,
    party,
    permit,
    restored,
    retention,
    room,
    rooms,
    segments,
    self_test,
    shape,
    signature,
    standstill,
    strays,
    telling,
    topology,
    verification,
)
from ari_app.core import evidence as ev
from ari_app.core import facts as f
from ari_app.core import orders as o
from ari_app.core.names import MonitorId, PartyId
from ari_app.core.policy import Asking, Line
from ari_app.core.reasons import Reason


@dataclass(frozen=True)
class Core:
    """The modules whose mutants must be found."""

    party: ModuleType | Any
    choice: ModuleType | Any
    telling: ModuleType | Any
    objection: ModuleType | Any
    hand: ModuleType | Any
    permit: ModuleType | Any
    capture: ModuleType | Any
    segments: ModuleType | Any
    room: ModuleType | Any
    topology: ModuleType | Any
    rooms: ModuleType | Any
    restored: ModuleType | Any
    fallback: ModuleType | Any
    keeper: ModuleType | Any
    signature: ModuleType | Any
    shape: ModuleType | Any
    arithmetic: ModuleType | Any
    verification: ModuleType | Any
    anchor: ModuleType | Any
    accounts: ModuleType | Any
    assurance: ModuleType | Any
    day: ModuleType | Any
    free_space: ModuleType | Any
    standstill: ModuleType | Any
    retention: ModuleType | Any
    strays: ModuleType | Any
    notice_words: ModuleType | Any
    notice: ModuleType | Any
    self_test: ModuleType | Any


REAL = Core(
    party,
    choice,
    telling,
    objection,
    hand,
    permit,
    capture,
    segments,
    room,
    topology,
    rooms,
    restored,
    fallback,
    keeper,
    signature,
    shape,
    arithmetic,
    verification,
    anchor,
    accounts,
    assurance,
    day,
    free_space,
    standstill,
    retention,
    strays,
    notice_words,
    notice,
    self_test,
)


@dataclass
class Call:
    """A call that is driven: each fact's orders are returned, and all of them kept."""

    core: Core = REAL
    line: Line | None = field(default_factory=line)
    notice: int = 1
    called: bool = False
    relayed: bool = False
    room: Any = None
    orders: list[Any] = field(default_factory=list)
    facts: list[f.Fact] = field(default_factory=list)

    def __post_init__(self) -> None:
        caller = self.core.party.Party(P01, CALLER, "PJSIP/trunk", f.Side.OUTSIDE, notice=self.notice)
        room = self.core.room.Room(opened(self.line), self.line, caller, self.called)
        asking = self.line.asking(called=self.called, relayed=self.relayed) if self.line else Asking()
        self.room = replace(room, caller=replace(caller, script=asking.announcements, asking=asking))

    def hear(self, *facts: f.Fact) -> list[Any]:
        """Return the orders of the last of these facts."""
        orders: list[Any] = []
        for fact in facts:
            self.room, orders = self.core.room.step(self.room, fact)
            self.facts.append(fact)
            self.orders += orders
        return orders

    # The way of a call on which nothing goes wrong, with a two-second announcement.

    def playing(self) -> list[Any]:
        return self.hear(entered(0), answered(10), inspected(12, 1, 0), began(20))

    def told(self) -> list[Any]:
        self.playing()
        return self.hear(ended(2020), inspected(2022, 2, 100))

    def starting(self) -> list[Any]:
        self.told()
        return self.hear(attested(2022, seen_at=2030))

    def running(self) -> list[Any]:
        self.starting()
        return self.hear(capture_began(2031), capture_answered(2033))

    def waiting(self) -> list[Any]:
        """The caller is captured as soon as they are in a conversation, and not in a bridge yet."""
        self.running()
        return self.hear(left_stasis(2040))

    def talking(self, *members: f.Member) -> list[Any]:
        """The caller is with 2002, and both are captured; or with others, each of whom has been waited for."""
        self.waiting()
        self.hear(surrounded(5000), surrounded(5001, *(members or (colleague(),))))
        return self.captured(5002)

    def captured(self, at: float) -> list[Any]:
        """Let every capture run that waits for its evidence, first their beginnings, in their order."""
        orders: list[Any] = []
        for track in self.room.tracks:
            if track.phase is self.core.capture.Phase.ATTESTING:
                self.hear(attested(at, track.token), capture_began(at + 2, track.party, track.segment))
                orders = self.hear(capture_answered(at + 3, monitor(track.party, track.segment), *key(track)))
        return orders


def key(track: Any) -> tuple[PartyId, int]:
    return track.party, track.segment


def monitor(party: PartyId, segment: int = 1) -> MonitorId:
    """Return the name that Asterisk gives to a capture in these tests: MONITOR for the caller's first."""
    return MonitorId(f"0x7f{segment - 1:04}{party[1:]:>06}")


def entries(orders: list[Any]) -> list[ev.Entry]:
    """Return the journal's entries among the orders, in order."""
    return [entry for order in orders if isinstance(order, o.Note | o.Attest) for entry in order.entries]


def only(orders: list[Any], *kinds: type) -> list[Any]:
    return [order for order in orders if isinstance(order, kinds)]


def released(orders: list[Any]) -> list[tuple[o.Outcome, Reason | None]]:
    return [(order.outcome, order.reason) for order in only(orders, o.Release)]


# What a room orders for its caller's own capture.

FILE = "seg-001.p01.wav"
START = o.StartCapture(CALLER, 1, P01, FILE, bridged_only=True)
STOP = o.StopCapture(CALLER, 1, P01, FILE, MONITOR)
STOP_BY_FILE = o.StopCapture(CALLER, 1, P01, FILE, None)
RELEASED = o.Release(CALLER, o.Outcome.RECORDING, None)


def not_recorded(reason):
    return o.Release(CALLER, o.Outcome.NOT_RECORDED, reason)


def revoked(at, reason, permit=1):
    return o.Note((ev.PermitRevoked(at=ms(at), permit=permit, reason=reason),))
