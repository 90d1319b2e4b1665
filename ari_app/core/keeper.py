"""Who ends a capture when no gate hears what happens: one caller, one telephone of the house, and nothing else.

An AGI script can tell a caller and begin a capture, but it is gone before the conversation. So the guard keeps such a
capture: it hears Asterisk's events in their order, and whatever is not the plain conversation that was foreseen ends
it, once and for ever. This is no second copy of the room's logic (`room`): nothing here is ever resumed, nobody is
ever asked anew, and of two possible readings the one that records less holds.

What may happen, and goes on: the caller enters one plain bridge; one telephone of the house is in it, or enters it.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace

from . import coverage, fallback
from . import evidence as ev
from .evidence import ContradictionError
from .facts import Side
from .names import MICROSECONDS, BridgeId, ChannelId, Instant, RecordingId, RunId, party_id
from .permit import STALE_MICROSECONDS
from .policy import Policy
from .reasons import Reason

LEAST = 5
"""Entries: who was told by what, and what was permitted and asked for."""

TELEPHONE = party_id(2)
"""The house's side of the conversation: told by contract, and not captured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """`at` is Asterisk's own stamp."""

    at: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class Entered(Fact):
    """A channel entered a bridge. plain: of the kind that two people talk in. count: by Asterisk, with this one."""

    channel: ChannelId
    endpoint: str
    bridge: BridgeId
    plain: bool
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Left(Fact):
    """A channel left a bridge."""

    channel: ChannelId


@dataclass(frozen=True, slots=True, kw_only=True)
class Held(Fact):
    """A telephone holds its other side, or a channel hears music."""

    channel: ChannelId
    music: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Replaced(Fact):
    """Another channel has taken this one's place."""

    channel: ChannelId


@dataclass(frozen=True, slots=True, kw_only=True)
class Spied(Fact):
    """Somebody listens to this channel, and may be heard on it."""

    channel: ChannelId


@dataclass(frozen=True, slots=True, kw_only=True)
class Objected(Fact):
    """Somebody on this channel does not want to be recorded; `for_caller`: or says so for the caller."""

    channel: ChannelId
    for_caller: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class HungUp(Fact):
    """A channel is gone."""

    channel: ChannelId


@dataclass(frozen=True, slots=True, kw_only=True)
class Paused(Fact):
    """Somebody on this channel has pressed a key that asks for a pause, or for anything else but an objection."""

    channel: ChannelId


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed(Fact):
    """The script says that its capture on this channel came to nothing."""

    channel: ChannelId


@dataclass(frozen=True, slots=True, kw_only=True)
class Returned(Fact):
    """The gate is back, and knows nothing of this capture."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Full(Fact):
    """The spool's file system has hardly any room left."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Woke(Fact):
    """Time has passed."""


Happened = Entered | Left | Held | Replaced | Spied | Objected | Paused | HungUp | Failed | Returned | Full | Woke


@dataclass(slots=True)
class Bridges:
    """Who is in which bridge, everywhere on the PBX: whom a caller meets may have been there before."""

    places: dict[ChannelId, tuple[BridgeId, str]] = field(default_factory=dict)

    def take(self, fact: Happened) -> None:
        """Note what a fact changes."""
        if isinstance(fact, Entered):
            self.places[fact.channel] = fact.bridge, fact.endpoint
        elif isinstance(fact, Left | HungUp):
            self.places.pop(fact.channel, None)

    def others(self, bridge: BridgeId, channel: ChannelId) -> dict[ChannelId, str]:
        """Return who else is in a bridge, and from which endpoint."""
        return {one: endpoint for one, (where, endpoint) in self.places.items() if where == bridge and one != channel}

    def busy(self, endpoint: str, channel: ChannelId) -> bool:
        """Tell whether an endpoint talks on another channel too: a telephone can join its calls by itself."""
        return any(one != channel and where[1] == endpoint for one, where in self.places.items())


@dataclass(frozen=True, slots=True)
class Keypad:
    """What is known of a channel's keys: which are listened for, since when, and when they were let go of."""

    keys: frozenset[str] = frozenset()
    since: Instant = Instant(0)
    pressed: tuple[tuple[Instant, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Kept:
    """One capture, as its keeper knows it; `over` for ever says why nothing more of it is covered.

    `destroys_until`: an objection up to then destroys what was captured before it as well.
    """

    channel: ChannelId
    recording: RecordingId
    until: Instant
    destroys_until: Instant
    bridge: BridgeId | None = None
    telephone: ChannelId | None = None
    endpoint: str = ""
    over: Reason | None = None
    objected: bool = False

    def talks(self, channel: ChannelId) -> bool:
        """Tell whether a channel is one of the two."""
        return channel in {self.channel, self.telephone}

    def wanted(self, now: Instant) -> bool:
        """Tell whether it must be heard what happens to it: an objection may yet destroy what was captured."""
        return self.over is None or (not self.objected and now <= self.destroys_until)


def begin(
    entries: Sequence[ev.Entry], policy: Policy, run: RunId, channel: ChannelId, now: Instant, keypad: Keypad
) -> Kept:  # fmt: skip
    """Return what is to be kept of a script's journal. Raises ValueError, saying why it is not.

    The journal is read by other rules than those it was written by: that two programs must agree before a capture may
    begin is the point.
    """
    if len(entries) < LEAST:
        raise ContradictionError("holds too little to be a script's account")
    opened, granted, asked = entries[0], *entries[-2:]
    if not isinstance(opened, ev.Opened) or (opened.attested_by, opened.channel) != (fallback.AGI, channel):
        raise ContradictionError("is not a script's account of this channel")
    if opened.run != run:
        raise ContradictionError("rests on another keeper's heartbeat")
    if opened.policy_sha256 != policy.sha256 or opened.line not in policy.lines:
        raise ContradictionError("was made by another policy")
    line = policy.lines[opened.line]
    heard = [one.sha256 for one in entries if isinstance(one, ev.NoticePlayed)]
    if not heard or heard != [one.sha256 for one in fallback.script(line)]:
        raise ContradictionError("does not hold every announcement of its line")
    # Between two commands of a script Asterisk takes a key and tells it to nobody but us: the script may not know.
    if key := fallback.no_key(line):
        if key not in keypad.keys or keypad.since > opened.at:
            raise ContradictionError("is of a line with a key for a no, and nobody has listened for that")
        if any(at >= opened.at and one == key for at, one in keypad.pressed):
            raise ContradictionError("is of a caller who has pressed the key for a no")
    if not isinstance(granted, ev.PermitGranted) or granted.parties != [fallback.CALLER]:
        raise ContradictionError("permits somebody else than its caller")
    wanted = ev.CaptureRequested(
        at=asked.at,
        permit=granted.permit,
        segment=fallback.SEGMENT,
        party=fallback.CALLER,
        file=fallback.FILE,
        bridged_only=True,
    )
    if asked != wanted or granted.permit != fallback.SEGMENT:
        raise ContradictionError("asks for another capture than its caller's")
    coverage.permits(entries, None)
    if not 0 <= now - granted.at <= STALE_MICROSECONDS:
        raise ContradictionError("is not of this moment")
    return Kept(
        channel,
        opened.recording,
        Instant(granted.at + line.max_seconds * MICROSECONDS),
        Instant(granted.at + line.destroy_if_objected_within_seconds * MICROSECONDS),
    )


def step(kept: Kept, fact: Happened, around: Bridges, staff: Collection[str]) -> tuple[Kept, tuple[ev.Entry, ...]]:
    """Return the capture as it is after a fact, and what is to be written down; `around` has taken the fact already.

    A capture that is over only waits for its caller's hang-up, or their objection.
    """
    if isinstance(fact, HungUp) and fact.channel == kept.channel:
        kept, entries = _end(kept, fact, Reason.HUNG_UP)
        return kept, (*entries, ev.Ended(at=fact.at, reason=None))
    if isinstance(fact, Objected) and kept.talks(fact.channel):
        return _object(kept, fact)
    if kept.over is not None:
        return kept, ()
    match fact:
        case Entered(channel=channel) if channel == kept.channel:
            return _bridged(kept, fact, around, staff)
        case Entered(bridge=bridge) if bridge == kept.bridge:
            return _met(kept, fact, around, staff)
        case Entered(endpoint=endpoint) if endpoint == kept.endpoint:
            return _end(kept, fact, Reason.ROOM_CHANGED)
        case Left(channel=channel) | HungUp(channel=channel) if kept.talks(channel):
            return _end(kept, fact, Reason.LEFT_BRIDGE)
        # Music of a queue, or in place of ringing, before the conversation is none of it: nothing is captured yet.
        case Held(channel=channel, music=music) if kept.talks(channel) and (kept.bridge or not music):
            return _end(kept, fact, Reason.MUSIC_ON_HOLD if music else Reason.HELD)
        case Replaced(channel=channel) if kept.talks(channel):
            return _end(kept, fact, Reason.CHANNEL_REPLACED)
        case Spied(channel=channel) if kept.talks(channel):
            return _end(kept, fact, Reason.ROOM_CHANGED)
        case Paused(channel=channel) if kept.talks(channel):
            return _end(kept, fact, Reason.PAUSED)
        case Failed(channel=channel) if channel == kept.channel:
            return _end(kept, fact, Reason.CAPTURE_FAILED)
        case Returned():
            return _end(kept, fact, Reason.GATE_RESTARTED)
        case Full():
            return _end(kept, fact, Reason.SPOOL_FULL)
        case Woke(at=at) if at >= kept.until:
            return _end(kept, replace(fact, at=kept.until), Reason.MAX_HOURS)
        case _:
            return kept, ()


def _object(kept: Kept, fact: Objected) -> tuple[Kept, tuple[ev.Entry, ...]]:
    """Take an objection. If it is the house's own, nothing is captured of them that could be destroyed."""
    caller = fact.for_caller or fact.channel == kept.channel
    if kept.objected or (kept.over is not None and not caller):
        return kept, ()
    destroys: list[str] = [fallback.CALLER] if caller and fact.at <= kept.destroys_until else []
    objected = ev.PartyObjected(at=fact.at, party=fallback.CALLER if caller else TELEPHONE, destroys=destroys)
    kept, entries = _end(replace(kept, objected=caller), fact, Reason.OBJECTED)
    return kept, (objected, *entries)


def _end(kept: Kept, fact: Fact, reason: Reason) -> tuple[Kept, tuple[ev.Entry, ...]]:
    if kept.over is not None:
        return kept, ()
    return replace(kept, over=reason), (ev.PermitRevoked(at=fact.at, permit=fallback.SEGMENT, reason=reason),)


def _bridged(kept: Kept, fact: Entered, around: Bridges, staff: Collection[str]) -> tuple[Kept, tuple[ev.Entry, ...]]:
    """The caller comes into a bridge: the first, and with one telephone of the house or nobody in it."""
    others = around.others(fact.bridge, kept.channel)
    if kept.bridge is not None or not fact.plain or fact.count != len(others) + 1:
        return _end(kept, fact, Reason.TOPOLOGY_NOT_SUPPORTED)
    # The first sample of a MixMonitor that waits for a bridge is of this instant.
    origin = ev.TrackOrigin(at=fact.at, segment=fallback.SEGMENT, party=fallback.CALLER)
    kept = replace(kept, bridge=fact.bridge)
    met: list[ev.Entry] = []
    for channel, endpoint in others.items():
        kept, more = _meet(kept, fact, (channel, endpoint), around, staff)
        met += more
    return kept, (origin, *met)


def _met(kept: Kept, fact: Entered, around: Bridges, staff: Collection[str]) -> tuple[Kept, tuple[ev.Entry, ...]]:
    """Somebody comes into the caller's bridge."""
    if not fact.plain or fact.count != len(around.others(fact.bridge, kept.channel)) + 1:
        return _end(kept, fact, Reason.TOPOLOGY_NOT_SUPPORTED)
    return _meet(kept, fact, (fact.channel, fact.endpoint), around, staff)


def _meet(
    kept: Kept, fact: Entered, other: tuple[ChannelId, str], around: Bridges, staff: Collection[str]
) -> tuple[Kept, tuple[ev.Entry, ...]]:
    channel, endpoint = other
    if kept.over is not None:
        return kept, ()
    if endpoint not in staff:
        return _end(kept, fact, Reason.NOT_TOLD)
    if kept.telephone is not None or around.busy(endpoint, channel):
        return _end(kept, fact, Reason.ROOM_CHANGED)
    entered = ev.PartyEntered(
        at=fact.at, party=TELEPHONE, side=Side.HOUSE.value, channel=channel, endpoint=endpoint, contract=True
    )
    widened = ev.PermitWidened(at=fact.at, permit=fallback.SEGMENT, parties=[fallback.CALLER, TELEPHONE])
    return replace(kept, telephone=channel, endpoint=endpoint), (entered, widened)


def stopped(at: Instant) -> ev.TrackEnded:
    """Return the entry that the capture was stopped, and its file closed, by this instant."""
    return ev.TrackEnded(at=at, segment=fallback.SEGMENT, party=fallback.CALLER, closed=True)


def lines(entries: Iterable[ev.Entry], previous: str) -> tuple[bytes, str]:
    """Return entries as the lines that follow from a hash, and the last line's own."""
    text = b""
    for entry in entries:
        line, previous = ev.line(entry, previous)
        text += line
    return text, previous
