"""One recording: its owner being told, who is in the room with them, what is captured, and the end.

ALL transitions of this machine are in `step` and the methods it names; the telling of the owner is `telling.step`, one
capture `capture.step`, the segments `segments.settle`, the permit `permit.grant`. Three rules order everything here.
Evidence is durable before a capture is asked for. Whatever changes the room for the worse revokes first, with
Asterisk's own stamp. And every doubt about the recording ends in a refusal *and* in `Release`, so that the call goes
on.
"""

from dataclasses import dataclass, replace

from . import capture as capturing
from . import choice, hand, objection, segments, telling
from . import evidence as ev
from . import facts as f
from . import orders as o
from . import party as parties
from . import permit as permits
from .capture import Capturing
from .facts import Standing
from .free_space import Level
from .names import ChannelId, Instant, PartyId
from .party import Party
from .policy import Capture, Line
from .reasons import UNWATCHED, Reason
from .segments import Other

CLOSING_MICROSECONDS = 5_000_000
"""How long a finished call waits to see its files closed; after that ship finds out by other signs."""


@dataclass(frozen=True, slots=True)
class Room:
    """A call as we know it. `called`: the owner was called by us. `closed`: why nothing is captured any more at all.

    `around` is the last that was heard of the room, `changed_at` since when it is so; `suspended` why no permit holds
    now; `permitted_at`: since when there was a permit at all; `pauses`: why it is paused; `left`: who was named in the
    present permit and is not any more; `restless`: it changes too fast to follow.
    """

    opened: ev.Opened
    line: Line | None
    caller: Party
    called: bool = False
    others: tuple[Other, ...] = ()
    around: f.Surrounded | None = None
    changed_at: Instant = Instant(0)
    pauses: frozenset[str] = frozenset()
    paused_at: Instant = Instant(0)
    conversed: bool = False
    permit: permits.Permit | None = None
    permits: int = 0
    permitted_at: Instant = Instant(0)
    left: frozenset[PartyId] = frozenset()
    revoked: tuple[Instant, ...] = ()
    restless: int = 0
    tracks: tuple[Capturing, ...] = ()
    suspended: Reason | None = None
    lit: frozenset[str] = frozenset()
    closed: Reason | None = None
    recorded: bool = False
    released: bool = False
    gone_at: Instant | None = None
    sealed: bool = False
    space: Level = Level.AMPLE

    @property
    def bridged_only(self) -> bool:
        """Whether this line captures the conversation alone, and not the waiting before it."""
        return self.line is not None and self.line.capture is Capture.CONVERSATION

    @property
    def paused(self) -> bool:
        """Whether somebody has paused it."""
        return bool(self.pauses)

    @property
    def able(self) -> bool:
        """Whether anybody may yet be captured in this recording."""
        return self.closed is None and self.caller.standing is Standing.TOLD

    def starts(self, segment: int, party: PartyId) -> bool:
        """Tell whether a capture was asked for of which Asterisk has not said yet that it runs."""
        return any(
            (track.segment, track.party) == (segment, party) and track.phase is capturing.Phase.STARTING
            for track in self.tracks
        )

    def party_on(self, channel: ChannelId) -> PartyId | None:
        """Return the party whose channel this is, present or gone."""
        if channel == self.caller.channel:
            return self.caller.party
        return next((one.party for one in self.others if one.channel == channel), None)


def step(room: Room, fact: f.Fact) -> tuple[Room, list[o.Order]]:
    """Return the call after fact and what the shell must do, in this order."""
    if room.sealed:
        return room, [o.Report(f"{type(fact).__name__} after the seal")]
    turn = Turn(room, fact)
    match fact:
        case f.Entered():
            turn.enter(fact)
        case f.Attested(token=token):
            turn.advance(fact, lambda track: track.token == token)
        case f.CaptureAnswered() | f.CaptureBegan() | f.CaptureEnded() | f.FileClosed():
            key = fact.segment, fact.party
            turn.advance(fact, lambda track: (track.segment, track.party) == key)
        case f.ForeignCaptureSeen(channel=channel):
            turn.foreign_capture(channel)
        case f.HangupRequested(channel=room.caller.channel):
            turn.tell(fact)
            turn.close(Reason.HUNG_UP)
        case f.HungUp(channel=channel):
            turn.hung_up(fact, channel)
        case f.LeftStasis(channel=room.caller.channel) if not room.released:
            turn.room = replace(turn.room, released=True)
            turn.tell(fact)
            if not turn.room.caller.failure:
                turn.close(Reason.CAPTURE_TIMEOUT)
        case f.HangupRequested() | f.LeftStasis():
            pass
        case f.EventsLost(reason=reason):
            turn.tell(fact)
            turn.give_up(reason)
        case f.Surrounded(at=at, joined_at=joined_at):
            # What is late says by its own stamp that nothing may rest on it; but a room is never older for it.
            late = fact.seen_at - at > permits.STALE_MICROSECONDS
            turn.room = replace(room, around=fact, changed_at=at if late else Instant(max(at, room.changed_at)))
            turn.tell(fact)
            turn.measure(joined_at)
        case f.Replaced():
            turn.tell(fact)
            objection.void(turn, Standing.UNTOLD, Reason.CHANNEL_REPLACED)
        case f.Objected() | f.Inspected(objected=True):
            objection.take(turn, fact)
        case f.Paused() | f.Resumed():
            hand.pause(turn, fact)
        case f.Stopped():
            hand.stop(turn, fact)
        case f.Recognised(at=at) if room.closed in UNWATCHED and room.gone_at is None:
            turn.room = replace(room, closed=None, changed_at=Instant(max(at, room.changed_at)))
            hand.watch(turn)
        case f.SpaceMeasured(level=level):
            turn.room = replace(room, space=level)
        case f.CaughtUp(at=at):
            turn.room = replace(room, changed_at=Instant(max(at, room.changed_at)))
        case f.Woke(timer=f.Timer.SETTLING, token=room.restless):
            turn.room = replace(room, restless=0)
        case f.Woke(timer=f.Timer.CAPTURE):
            if not room.released:
                turn.give_up(Reason.CAPTURE_TIMEOUT)
        case f.Woke(timer=f.Timer.MAX_HOURS):
            turn.give_up(Reason.MAX_HOURS)
        case f.Woke(timer=f.Timer.PAUSE):
            if room.pauses and not room.closed:
                turn.orders.append(o.Alarm(o.Trouble.PAUSED_TOO_LONG))
        case f.Woke(timer=f.Timer.CLOSING):
            turn.seal()
        case _:
            turn.tell(fact)
    if not isinstance(fact, capturing.CaptureFact | f.ForeignCaptureSeen):
        # What becomes of a capture changes nothing about who is in the room.
        segments.settle(turn)
    turn.lamps()
    # A stop that gets no answer is tried for seconds. What follows the revocation is destroyed in any case, so the
    # caller does not wait for it.
    return turn.room, sorted(turn.orders, key=lambda order: isinstance(order, o.StopCapture))


class Turn:
    """One step's working copy: the room so far and the orders so far. It does not outlive `step`."""

    def __init__(self, room: Room, fact: f.Fact) -> None:
        self.room, self.fact = room, fact
        self.orders: list[o.Order] = []

    def note(self, *entries: ev.Entry) -> None:
        if entries:
            self.orders.append(o.Note(entries))

    # -- telling

    def enter(self, fact: f.Entered) -> None:
        room = self.room
        caller = room.caller
        if fact.channel != caller.channel:
            # Nobody announces to it here, so it must not stay.
            self.orders.append(o.Release(fact.channel, o.Outcome.NOT_RECORDED, Reason.NOT_TOLD))
            return
        if caller.phase is not parties.Phase.ARRIVED or room.closed:
            if caller.phase is not parties.Phase.OVER or room.closed or not parties.askable(caller):
                # The dialplan sent it here a second time: whatever it wants, the caller must not stay here.
                self.orders.append(o.Report("Entered twice"))
                if room.released:
                    self.room = replace(room, released=False)
                    self.release()
                return
            # Before a conference, say: whom we could not tell at first may hear it yet.
            self.room = replace(room, caller=parties.again(caller), released=False, suspended=None, conversed=False)
        else:
            self.note(room.opened, parties.entered(caller, fact.at))
        refusal = permits.hopeless(self.room.line) or self.unannounceable()
        if refusal:
            self.give_up(refusal)
        else:
            self.tell(fact)

    def unannounceable(self) -> Reason | None:
        """Return why the owner cannot be told, or would be in vain, although the line would have it."""
        if self.room.space is not Level.AMPLE:
            return Reason.SPOOL_FULL
        if self.room.caller.asking.announcements:
            return None
        return Reason.OUTGOING_ANNOUNCEMENT_MISSING if self.room.called else Reason.ANNOUNCEMENT_UNUSABLE

    def tell(self, fact: f.Fact) -> None:
        """Hand the fact to the owner's own machine and act on what became of them."""
        before = self.room.caller
        if self.room.closed:
            return
        caller, orders, entries = telling.step(before, fact)
        self.room = replace(self.room, caller=caller)
        self.note(*entries)
        # On a called leg there is no dialplan for the lifeline to bring it to: the timeout would hang it up.
        self.orders += [one for one in orders if not (self.room.called and isinstance(one, o.ArmLifeline))]
        if caller.failure and not before.failure:
            self.refuse(caller.failure)
        elif caller.standing is Standing.TOLD:
            self.room = replace(self.room, changed_at=Instant(max(self.room.changed_at, caller.told_at)))

    def refuse(self, reason: Reason) -> None:
        """Write down why nothing is captured from now on; said once."""
        if self.room.suspended is not reason:
            self.room = replace(self.room, suspended=reason)
            self.note(ev.NotRecorded(at=self.fact.at, reason=reason))

    # -- capturing

    def put(self, old: Capturing, after: capturing.Step) -> None:
        """Take a capture's step into the room, its entries and orders with it."""
        track, orders, entries = after
        self.room = replace(
            self.room, tracks=tuple(track if one.token == old.token else one for one in self.room.tracks)
        )
        self.note(*entries)
        self.orders += orders

    def advance(self, fact: capturing.CaptureFact, wanted: capturing.Wanted) -> None:
        """Hand the fact to the capture it is about and act on what became of it."""
        old = next((track for track in self.room.tracks if wanted(track)), None)
        if old is None:
            self.orders.append(o.Report(f"{type(fact).__name__} for a capture that never was"))
            return
        permit = self.room.permit
        named = permit is not None and permit.number == old.segment and old.party in permit.parties
        permitted = named and not old.dismissed
        after = capturing.step(old, fact, permitted=permitted)
        self.put(old, after)
        self.measure(self.room.around.joined_at if self.room.around else None)
        if after[0].failure and not old.failure and old.party == self.room.caller.party:
            self.give_up(after[0].failure)
        elif after[0].phase is capturing.Phase.RUNNING and old.phase is not capturing.Phase.RUNNING:
            self.room = replace(self.room, recorded=True)
            self.release()
        self.finish()

    def measure(self, joined_at: Instant | None) -> None:
        """Write down where tracks begin, once it is known. joined_at: since when the owner is in a bridge."""
        for track in self.room.tracks:
            # Anybody else's capture begins when they are already in the bridge: its own start is the later.
            joined = joined_at if track.channel == self.room.caller.channel else Instant(0)
            after = capturing.measure(track, joined)
            if after[0] is not track:
                self.put(track, after)

    def foreign_capture(self, channel: ChannelId) -> None:
        party = self.room.party_on(channel)
        if party:
            self.note(ev.ForeignCapture(at=self.fact.at, party=party))

    def lamps(self) -> None:
        """Let the telephones in the room show what is so now."""
        room, lit = self.room, segments.lit(self)
        if lit != room.lit:
            self.orders += [o.Lamp(one, lit=False) for one in sorted(room.lit - lit)]
            self.orders += [o.Lamp(one, lit=True) for one in sorted(lit - room.lit)]
            self.room = replace(room, lit=lit)

    # -- the end

    def give_up(self, reason: Reason) -> None:
        """Capture nothing more, and let the caller go on at once if they are still in our hands."""
        self.close(reason)
        self.release()

    def close(self, reason: Reason) -> None:
        """Nothing is captured for the rest of the call."""
        unwatched = self.room.closed in UNWATCHED and reason is not Reason.HUNG_UP
        if not self.room.closed or unwatched:
            segments.revoke(self, reason)
            if reason is not Reason.HUNG_UP or self.room.suspended is None:
                self.refuse(reason)
            self.room = replace(self.room, closed=reason)

    def release(self) -> None:
        if not self.room.released:
            self.room = replace(self.room, released=True)
            room = self.room
            reason = room.closed or room.caller.failure or room.suspended
            outcome = o.Outcome.NOT_RECORDED if reason else o.Outcome.RECORDING
            if room.caller.failure in parties.REFUSALS:
                outcome = o.Outcome.DECLINED
            words = choice.confirmation(room.caller)
            self.orders.append(o.Release(room.caller.channel, outcome, reason, room.called, words))

    def hung_up(self, fact: f.HungUp, channel: ChannelId) -> None:
        if channel == self.room.caller.channel:
            self.tell(fact)
            self.close(Reason.HUNG_UP)
            self.room = replace(self.room, gone_at=self.room.gone_at or fact.at, released=True)
            closing = Instant(fact.seen_at + CLOSING_MICROSECONDS)
            self.orders.append(o.WakeAt(closing, f.Timer.CLOSING, 0))
        for track in self.room.tracks:
            if track.channel == channel and track.phase is not capturing.Phase.ENDED:
                self.put(track, capturing.step(track, fact, permitted=False))
        self.finish()

    def finish(self) -> None:
        if self.room.gone_at is not None and all(
            track.phase is capturing.Phase.ENDED and track.closed for track in self.room.tracks
        ):
            self.seal()

    def seal(self) -> None:
        gone = self.room.gone_at
        if gone is None or self.room.sealed:
            return
        self.room = replace(self.room, sealed=True)
        reason = None if self.room.recorded else self.room.caller.failure or self.room.closed
        self.note(ev.Ended(at=gone, reason=reason))
        self.orders.append(o.Seal(gone))
