"""One call: the parties who can hear each other, the permit over them, and what is captured under it.

ALL transitions of this machine are in `step` and the methods it names; the telling of one party is
`party.step`, one capture `capture.step`, the permit `permit.grant`. Three rules order everything here.
Evidence is durable before a capture is asked for. Whatever changes the room revokes first, with Asterisk's own
stamp. And every doubt about the recording ends in `closed` (no capture for the rest of the call) *and* in
`Release`, so that the caller goes on.
"""

from dataclasses import dataclass, replace

from . import capture as capturing
from . import evidence as ev
from . import facts as f
from . import orders as o
from . import party as telling
from . import permit as permits
from .capture import Capturing
from .names import MICROSECONDS, BridgeId, ChannelId, Instant, party_id
from .party import Party, Standing
from .policy import Capture, Line
from .reasons import Reason

CAPTURE_DEADLINE_MICROSECONDS = 800_000
"""From the announcement's end to the release: less than the second that the lifeline leaves at least."""

CLOSING_MICROSECONDS = 5_000_000
"""How long a finished call waits to see its files closed; after that ship finds out by other signs."""

CONVERSATION = 2
"""Members of a bridge that this version follows: the caller and one member of staff."""

_SEGMENT = 1
_PERMIT = 1


@dataclass(frozen=True, slots=True)
class Room:
    """A call as we know it. `closed`: why nothing (more) is captured for the rest of it."""

    opened: ev.Opened
    line: Line | None
    caller: Party
    house: tuple[Party, ...] = ()
    permit: permits.Permit | None = None
    tracks: tuple[Capturing, ...] = ()
    bridge: BridgeId | None = None
    joined_at: Instant | None = None
    closed: Reason | None = None
    recorded: bool = False
    released: bool = False
    gone_at: Instant | None = None
    sealed: bool = False

    @property
    def bridged_only(self) -> bool:
        """Whether this line captures the conversation alone, and not the waiting before it."""
        return self.line is not None and self.line.capture is Capture.CONVERSATION

    def party_on(self, channel: ChannelId) -> Party | None:
        """Return the party whose channel this is, present or gone."""
        return next((one for one in (self.caller, *self.house) if one.channel == channel), None)


def step(room: Room, fact: f.Fact) -> tuple[Room, list[o.Order]]:
    """Return the call after fact and what the shell must do, in this order."""
    if room.sealed:
        return room, [o.Report(f"{type(fact).__name__} after the seal")]
    turn = _Turn(room, fact)
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
            turn.close(Reason.CAPTURE_TIMEOUT)
        case f.HangupRequested() | f.LeftStasis():
            pass
        case f.EventsLost(reason=reason):
            turn.tell(fact)
            turn.give_up(reason)
        case f.Bridged():
            turn.bridged(fact)
        case f.LeftBridge(channel=channel):
            turn.left_bridge(channel)
        case f.Disturbed(channel=channel, by=by):
            turn.disturbed(fact, channel, by)
        case f.Woke(timer=f.Timer.CAPTURE):
            if not room.released:
                turn.give_up(Reason.CAPTURE_TIMEOUT)
        case f.Woke(timer=f.Timer.MAX_HOURS):
            turn.give_up(Reason.MAX_HOURS)
        case f.Woke(timer=f.Timer.CLOSING):
            turn.seal()
        case _:
            turn.tell(fact)
    # A stop that gets no answer is tried for seconds. What follows the revocation is destroyed in any case, so the
    # caller does not wait for it.
    return turn.room, sorted(turn.orders, key=lambda order: isinstance(order, o.StopCapture))


class _Turn:
    """One step's working copy: the room so far and the orders so far. It does not outlive `step`."""

    def __init__(self, room: Room, fact: f.Fact) -> None:
        self.room, self.fact = room, fact
        self.orders: list[o.Order] = []

    def note(self, *entries: ev.Entry) -> None:
        if entries:
            self.orders.append(o.Note(entries))

    # -- telling

    def enter(self, fact: f.Entered) -> None:
        caller = self.room.caller
        if fact.channel != caller.channel:
            # A colleague's channel that went on into a line of ours: nobody announces to it, so it must not stay.
            self.orders.append(o.Release(fact.channel, o.Outcome.NOT_RECORDED, Reason.TOPOLOGY_NOT_SUPPORTED))
            return
        if caller.phase is not telling.Phase.ARRIVED or self.room.closed:
            # The dialplan sent it here a second time: whatever it wants, the caller must not stay here.
            self.orders.append(o.Report("Entered twice"))
            if self.room.released:
                self.room = replace(self.room, released=False)
                self.release()
            return
        self.note(self.room.opened, _entered(caller, fact.at))
        hopeless = permits.hopeless(self.room.line)
        if hopeless:
            self.give_up(hopeless)
        else:
            self.tell(fact)

    def tell(self, fact: f.Fact) -> None:
        """Hand the fact to the caller's own machine and act on what became of them."""
        before = self.room.caller
        caller, orders, entries = telling.step(before, fact)
        self.room = replace(self.room, caller=caller)
        self.note(*entries)
        self.orders += orders
        if caller.failure and not before.failure:
            self.close(caller.failure)
            if not isinstance(fact, f.HungUp | f.HangupRequested):
                self.release()
        elif caller.standing is Standing.TOLD and before.standing is not Standing.TOLD and not self.room.closed:
            self.seek_permit(caller.told_at)

    def seek_permit(self, at: Instant) -> None:
        line = self.room.line
        permit = permits.grant(line, [self.room.caller], number=_PERMIT, at=at, now=self.fact.seen_at)
        if isinstance(permit, Reason) or line is None:
            self.give_up(permit if isinstance(permit, Reason) else Reason.LINE_UNKNOWN)
            return
        self.room = replace(self.room, permit=permit)
        granted = ev.PermitGranted(at=at, permit=_PERMIT, parties=list(permit.parties))
        self.capture(self.room.caller, granted)
        deadline = Instant(self.fact.seen_at + CAPTURE_DEADLINE_MICROSECONDS)
        self.orders.append(o.WakeAt(deadline, f.Timer.CAPTURE, _PERMIT))
        longest = Instant(at + line.max_seconds * MICROSECONDS)
        self.orders.append(o.WakeAt(longest, f.Timer.MAX_HOURS, _PERMIT))

    # -- capturing

    def capture(self, party: Party, *because: ev.Entry) -> None:
        """Write down that the party may be, and will be, captured; nothing is asked of Asterisk yet."""
        token = len(self.room.tracks) + 1
        track = Capturing(party.party, party.channel, _SEGMENT, self.room.bridged_only, token)
        self.room = replace(self.room, tracks=(*self.room.tracks, track))
        asked = ev.CaptureRequested(
            at=self.fact.seen_at,
            permit=_PERMIT,
            segment=track.segment,
            party=track.party,
            file=track.file,
            bridged_only=track.bridged_only,
        )
        live = o.Live(track.channel, track.party, _PERMIT, track.file)
        self.orders.append(o.Attest(token, (*because, asked), live))

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
        after = capturing.step(old, fact, permitted=self.room.permit is not None)
        self.put(old, after)
        self.measure()
        if after[0].failure and not old.failure:
            self.give_up(after[0].failure)
        elif after[0].phase is capturing.Phase.RUNNING and old.phase is not capturing.Phase.RUNNING:
            self.room = replace(self.room, recorded=True)
            self.release()
        self.finish()

    def measure(self) -> None:
        for track in self.room.tracks:
            # A colleague's capture begins when they are already in the bridge: its own start is the later.
            joined = self.room.joined_at if track.channel == self.room.caller.channel else Instant(0)
            after = capturing.measure(track, joined)
            if after[0] is not track:
                self.put(track, after)

    def foreign_capture(self, channel: ChannelId) -> None:
        found = self.room.party_on(channel)
        if found:
            self.note(ev.ForeignCapture(at=self.fact.at, party=found.party))

    # -- the room

    def bridged(self, fact: f.Bridged) -> None:
        caller = self.room.caller
        here = next((one for one in fact.members if one.channel == caller.channel), None)
        if here is None or caller.phase is not telling.Phase.OVER:
            self.tell(fact)
            return
        others = [one for one in fact.members if one.channel != caller.channel]
        known = {one.channel for one in self.room.house}
        moved = self.room.bridge not in {None, fact.bridge}
        strange = len(fact.members) > CONVERSATION or any(not one.staff for one in others)
        if moved or strange or not fact.plain:
            self.give_up(Reason.TOPOLOGY_NOT_SUPPORTED)
        elif not known <= {one.channel for one in others}:
            self.give_up(Reason.LEFT_BRIDGE)
        else:
            self.room = replace(self.room, bridge=fact.bridge, joined_at=here.joined_at)
            self.measure()
            for one in others:
                if one.channel not in known:
                    self.join(one)

    def join(self, member: f.Member) -> None:
        """A member of staff joins the told caller: the permit widens to them, and their own track begins."""
        colleague = telling.by_contract(party_id(len(self.room.house) + 2), member.channel, member.endpoint)
        self.room = replace(self.room, house=(*self.room.house, colleague))
        # Not part of the attestation: they are there even if that comes to nothing.
        self.note(_entered(colleague, member.joined_at))
        if self.room.permit is None:
            return
        at = Instant(max(member.joined_at, self.fact.at))
        everybody = [self.room.caller, *self.room.house]
        wider = permits.grant(self.room.line, everybody, number=_PERMIT, at=at, now=self.fact.seen_at)
        if isinstance(wider, Reason):
            self.give_up(wider)
            return
        self.room = replace(self.room, permit=wider)
        widened = ev.PermitWidened(at=at, permit=_PERMIT, parties=list(wider.parties))
        self.capture(colleague, widened)

    def left_bridge(self, channel: ChannelId) -> None:
        if self.room.bridge is not None and self.room.party_on(channel):
            self.give_up(Reason.LEFT_BRIDGE)

    def disturbed(self, fact: f.Disturbed, channel: ChannelId, by: f.Disturbance) -> None:
        caller = self.room.caller
        waiting = self.room.bridged_only and self.room.bridge is None
        if caller.phase is not telling.Phase.OVER:
            self.tell(fact)
        elif by is f.Disturbance.MUSIC_ON_HOLD and channel == caller.channel and waiting:
            # Music of a queue, or in place of ringing: nothing is captured before a bridge, so nothing ends.
            pass
        else:
            self.give_up(Reason.TOPOLOGY_NOT_SUPPORTED)

    def give_up(self, reason: Reason) -> None:
        """Capture nothing more, and let the caller go on at once if they are still in our hands."""
        self.close(reason)
        self.release()

    def close(self, reason: Reason) -> None:
        """Revoke what is permitted and stop what runs: nothing is captured for the rest of the call."""
        if self.room.closed:
            return
        permit, self.room = self.room.permit, replace(self.room, closed=reason, permit=None)
        revoked = [ev.PermitRevoked(at=self.fact.at, permit=permit.number, reason=reason)] if permit else []
        self.note(*revoked, ev.NotRecorded(at=self.fact.at, reason=reason))
        # On a channel that is gone nothing can be stopped, and nothing runs.
        gone = self.fact.channel if isinstance(self.fact, f.HungUp) else None
        for track in self.room.tracks:
            if track.phase is not capturing.Phase.STOPPING and track.channel != gone:
                self.put(track, capturing.stop(track))

    def release(self) -> None:
        if not self.room.released:
            self.room = replace(self.room, released=True)
            outcome = o.Outcome.NOT_RECORDED if self.room.closed else o.Outcome.RECORDING
            self.orders.append(o.Release(self.room.caller.channel, outcome, self.room.closed))

    # -- the end

    def hung_up(self, fact: f.HungUp, channel: ChannelId) -> None:
        if channel == self.room.caller.channel:
            self.tell(fact)
            self.close(Reason.HUNG_UP)
            self.room = replace(self.room, gone_at=self.room.gone_at or fact.at, released=True)
            closing = Instant(fact.seen_at + CLOSING_MICROSECONDS)
            self.orders.append(o.WakeAt(closing, f.Timer.CLOSING, 0))
        elif self.room.party_on(channel):
            self.give_up(Reason.LEFT_BRIDGE)
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
        self.note(ev.Ended(at=gone, reason=None if self.room.recorded else self.room.closed))
        self.orders.append(o.Seal(gone))


def _entered(party: Party, at: Instant) -> ev.PartyEntered:
    return ev.PartyEntered(
        at=at,
        party=party.party,
        side=party.side.value,
        channel=party.channel,
        endpoint=party.endpoint,
        contract=party.standing is Standing.CONTRACT,
    )
