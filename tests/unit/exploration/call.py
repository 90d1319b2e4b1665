"""One recording as it is explored: the core's room, what Asterisk and the journal do for it, and the truth about it.

`Turn` carries out what the core orders, and judges it: each `promise` here is about one recording.
"""

from dataclasses import dataclass, field, replace
from typing import Any

from unit.driven import Core
from unit.exploration.instants import BEFORE, LONG_AGO, NOW
from unit.exploration.truth import NOTHING_YET, Machine, Truth

from ari_app.core import evidence as ev
from ari_app.core import facts as f
from ari_app.core import orders as o
from ari_app.core.names import ChannelId, Instant, MonitorId, PartyId
from ari_app.core.permit import STALE_MICROSECONDS
from ari_app.core.reasons import Reason

Key = tuple[int, PartyId]
"""A capture: segment and party."""


class BrokenPromiseError(Exception):
    """The core did what it never may. `label`: in which step; the notes say how it came to that."""

    label: tuple[object, ...] = ()


def promise(kept: object, what: str) -> None:
    """Raise BrokenPromiseError unless it is kept."""
    if not kept:
        raise BrokenPromiseError(what)


def monitor(key: Key) -> MonitorId:
    """Return the id that Asterisk gives to a capture's monitor."""
    return MonitorId(f"0x{key[0]}{key[1]}")


@dataclass(frozen=True, slots=True)
class Call:
    """A recording between two steps; one that is sealed is nothing more."""

    room: Any
    truth: Truth = NOTHING_YET
    machines: tuple[tuple[Key, Machine], ...] = ()
    timers: tuple[tuple[f.Timer, int], ...] = ()
    sealed: bool = False


@dataclass(frozen=True, slots=True)
class Deed:
    """Something that happens to a recording: what becomes true, and what the core hears of it.

    `machine`: a capture as it is afterwards. `rings`: the timer that is over. `dead`: a channel without captures from
    now on; `strangers`: nothing of ours runs anywhere any more. `another`: on this channel is somebody else now.
    `passes`: what was recent is so no more. `right`: as it should be. `ignored`: the core must not care.
    """

    what: str
    facts: tuple[f.Fact, ...] = ()
    truth: tuple[tuple[str, Any], ...] = ()
    machine: tuple[Key, Machine] | None = None
    rings: f.Timer | None = None
    dead: ChannelId | None = None
    strangers: bool = False
    another: ChannelId | None = None
    passes: bool = False
    right: bool = False
    ignored: bool = False


@dataclass
class Turn:
    """A call while something happens to it. `mute`: what is ordered on the channel is lost."""

    core: Core
    call: Call
    mute: bool = False
    room: Any = field(init=False)
    truth: Truth = field(init=False)
    machines: dict[Key, Machine] = field(init=False)
    timers: dict[f.Timer, int] = field(init=False)
    sealed: bool = False
    ended: bool = False
    heard_at: dict[PartyId, Instant] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.room, self.truth = self.call.room, self.call.truth
        self.machines, self.timers = dict(self.call.machines), dict(self.call.timers)

    def suffer(self, deed: Deed) -> None:
        """Let it happen."""
        self._become(**dict(deed.truth))
        if deed.machine:
            self.machines[deed.machine[0]] = deed.machine[1]
        if deed.rings:
            del self.timers[deed.rings]
        for track in self.room.tracks:
            key = track.segment, track.party
            if track.channel == deed.dead or deed.strangers:
                self.machines[key] = _silenced(self.machines[key])
        if deed.passes:
            self.room = replace(self.room, changed_at=LONG_AGO, revoked=())
            self._become(begun=0)
        if deed.another:
            self._forget(deed.another)
        before = self.room
        for fact in deed.facts:
            self.hear(fact)
        promise(not deed.ignored or self.room == before, f"{deed.what}: it proves nothing, and changes nothing")
        failed = not before.closed and not self.truth.spoilt and (self.room.caller.failure or self.room.closed)
        promise(not (deed.right and failed), "an announcement that is heard as it should be does not fail")
        self._look_back(deed)
        if self.sealed:
            self._rest_in_peace()

    def _forget(self, channel: ChannelId) -> None:
        """What the journal says of somebody proves nothing of who takes their place, and those hear something new."""
        room = self.room
        self._become(proven=self.truth.proven - {room.party_on(channel)})
        others = (replace(one, notices=_before(one.notices)) if one.channel == channel else one for one in room.others)
        self.room = replace(room, others=tuple(others))
        if channel == room.caller.channel:
            self.room = replace(self.room, caller=replace(room.caller, heard=_before(room.caller.heard)))

    def _look_back(self, deed: Deed) -> None:
        for fact in deed.facts:
            match fact:
                case f.CaughtUp():
                    promise(self.room.suspended is not Reason.STALE_FACTS, "nothing is stale once all is known")
                case f.CaptureEnded(segment=segment, party=party):
                    track = next(one for one in self.room.tracks if (one.segment, one.party) == (segment, party))
                    promise(track.phase is self.core.capture.Phase.ENDED, "a capture that has ended is over")
                case _:
                    pass

    def _rest_in_peace(self) -> None:
        owner = self.room.caller.channel
        times: dict[str, Any] = {"at": NOW, "seen_at": NOW}
        answers: dict[str, Any] = {**times, "segment": 1, "party": PartyId("p01")}
        for fact in (
            f.Entered(**times, channel=owner),
            f.Surrounded(**times, channel=owner),
            f.Attested(**times, token=1, ok=True),
            f.CaptureAnswered(**answers, monitor=monitor((1, PartyId("p01")))),
            f.CaptureEnded(**answers, closed=True),
            f.FileClosed(**answers),
            f.HungUp(**times, channel=owner),
            f.EventsLost(**times),
            f.Woke(**times, timer=f.Timer.CLOSING, token=0),
        ):
            self.hear(fact)

    def hear(self, fact: f.Fact) -> None:
        """Let the core decide about a fact, and take its orders."""
        self.room, orders = self.core.room.step(self.room, fact)
        if isinstance(fact, f.Woke) and fact.timer is f.Timer.SETTLING:
            self._become(begun=0)
        for order in orders:
            promise(not self.sealed or isinstance(order, o.Report), "nothing is ordered after the seal")
            self._carry_out(order, fact)
        if isinstance(fact, f.Surrounded) and fact.members and self.truth.named is not None:
            self._become(conversed=True)

    def _become(self, **truth: Any) -> None:
        self.truth = replace(self.truth, **truth)

    def _carry_out(self, order: o.Order, fact: f.Fact) -> None:
        match order:
            case o.Note(entries=entries):
                for entry in entries:
                    self._write(entry, fact)
            case o.Attest():
                self._attest(order, fact)
            case o.StartCapture(segment=segment, party=party):
                late = isinstance(fact, f.Attested) and fact.seen_at - fact.at > STALE_MICROSECONDS
                promise(not late, "no capture begins on evidence that came too late")
                self._start((segment, party))
            case o.StopCapture(segment=segment, party=party, monitor=known):
                key = segment, party
                promise(known in {None, monitor(key)}, "a capture is stopped by its own id")
                hung_up = isinstance(fact, f.HungUp) and fact.channel == order.channel
                promise(not hung_up, "nothing is asked of a channel that is gone")
                old = self.machines[key]
                self.machines[key] = replace(old, stops=old.stops | {known is not None})
            case o.Release(outcome=outcome, reason=reason):
                promise(self.truth.here, "only who is here is let go")
                heard_out = self.room.caller.phase is self.core.party.Phase.OVER or self.room.closed
                promise(heard_out, "nobody is let go in the middle of an announcement that may yet be heard")
                promise((outcome is o.Outcome.RECORDING) == (reason is None), "who is not recorded learns why")
                promise(reason or self.truth.told, "only who was told goes on as recorded")
                self._become(here=self.truth.here and self.mute)
            case o.WakeAt(timer=timer, token=token, at=at):
                promise(at > fact.seen_at, "a timer rings later")
                self.timers[timer] = token
            case o.Lamp(endpoint=endpoint, lit=lit):
                self._become(lit=self.truth.lit | {endpoint} if lit else self.truth.lit - {endpoint})
            case o.Seal():
                promise(self.truth.gone, "no call is sealed before its end")
                promise(self.ended, "no call is sealed before its journal says that it ended")
                begins = [one for one in self.machines.values() if one.asked == "ordered" or (one.asked and one.runs)]
                promise(not begins, "nothing can begin after the seal")
                self.sealed = True
            case _:
                pass

    def _attest(self, order: o.Attest, fact: f.Fact) -> None:
        for entry in order.entries:
            self._write(entry, fact)
        key = order.live.permit, order.live.party
        asked = [(one.segment, one.party) for one in order.entries if isinstance(one, ev.CaptureRequested)]
        promise(asked == [key] and key not in self.machines, "an attestation names one capture, and it once")
        self.machines[key] = Machine(attesting=True)

    def _start(self, key: Key) -> None:
        machine, permit = self.machines.get(key, Machine()), self.room.permit
        promise(machine.durable, "no capture begins before its evidence is durable")
        promise(permit and permit.number == key[0], "no capture begins without a permit in force")
        promise(key[1] in (self.truth.named or frozenset()), "no capture begins of whom the permit does not name")
        promise(not machine.asked and not machine.runs, "no capture begins twice")
        self.machines[key] = replace(machine, asked="no" if self.mute else "ordered")

    def _write(self, entry: ev.Entry, fact: f.Fact) -> None:
        truth = self.truth
        named = truth.named or frozenset()
        promise(truth.opened != isinstance(entry, ev.Opened), "a journal is opened once, and first")
        match entry:
            case ev.Opened():
                self._become(opened=True)
            case ev.PartyEntered(party=party, contract=True):
                self._become(proven=truth.proven | {party})
            case ev.NoticePlayed(party=party, at=at):
                self.heard_at[PartyId(party)] = at
                self._become(proven=truth.proven | {party})
            case ev.PermitGranted(parties=parties):
                promise(truth.named is None, "there is one permit at a time")
                self._open(entry, fact)
                self._become(named=frozenset(parties), left=frozenset(), begun=truth.begun + 1, explained=False)
            case ev.PermitWidened(parties=parties):
                promise(named < set(parties), "a permit is widened by somebody")
                promise(not truth.left & set(parties), "whoever comes back does so under another permit")
                self._open(entry, fact)
                self._become(named=frozenset(parties))
            case ev.PermitNarrowed(parties=parties, at=at):
                promise(named > set(parties), "a permit is narrowed by somebody")
                promise(at <= fact.at, "a permit is narrowed from the instant on at which somebody left")
                self._become(named=frozenset(parties), left=truth.left | named - set(parties))
            case ev.PermitRevoked(at=at):
                promise(truth.named is not None, "what is revoked was granted")
                promise(at <= fact.at, "a permit is revoked from the instant on at which the room was not good")
                self._become(named=None, left=frozenset(), explained=True)
            case ev.NotRecorded():
                self._become(explained=True)
            case ev.NoticeFailed():
                promise(not truth.told, "an announcement that was heard has not failed")
            case ev.PartyObjected():
                promise(not truth.protested, "an objection is written down once")
                self._become(protested=True)
            case ev.CaptureRequested(party=party):
                promise(party in named, "a permit names whoever is captured")
            case ev.CaptureStarted():
                self._become(captured=True)
            case ev.Ended(reason=reason):
                promise(reason or truth.captured, "a recording that ends without anything recorded says why")
                self.ended = True
            case _:
                pass

    def _open(self, entry: ev.PermitGranted | ev.PermitWidened, fact: f.Fact) -> None:
        at = entry.at
        promise(at <= fact.seen_at, "no permit holds before it is decided")
        promise(at >= fact.seen_at - STALE_MICROSECONDS, "a stale fact grants nothing")
        if isinstance(fact, f.Surrounded | f.Resumed):
            promise(at >= fact.at, "no permit holds before the room was good")
        promise(self.truth.proven >= set(entry.parties), "a permit rests on what the journal says of everybody in it")
        told_before = all(self.heard_at.get(PartyId(one), LONG_AGO) <= at for one in entry.parties)
        promise(told_before, "no permit holds before everybody in it was told")


def _before(heard: tuple[ev.NoticePlayed, ...]) -> tuple[ev.NoticePlayed, ...]:
    return tuple(replace(one, playback=BEFORE) for one in heard)


def _silenced(machine: Machine) -> Machine:
    asked = "no" if machine.asked == "ordered" else machine.asked
    return replace(machine, asked=asked, runs=False, stops=frozenset())
