"""Who can hear whom on this Asterisk: channels, bridges, the wires between them, and what silences them.

Kept from events that come late, twice, and out of order between sources: so a change carries Asterisk's stamp, and
one that is older than what is known of the same channel changes nothing. Everybody is followed, not only channels of
ours: a newcomer enters a bridge before the caller does, and a telephone that holds one line may speak on another.
"""

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

from .names import MICROSECONDS, BridgeId, ChannelId, Instant
from .reasons import Reason

LOCAL: Final = "Local/"
FREEZE_MICROSECONDS: Final = MICROSECONDS
"""How long an optimisation of Local channels may take: no leaving is believed meanwhile."""

MOST_LINES: Final = 8
"""An endpoint with more lines connected at a time is no telephone that joins them, but a gateway or a test."""


class Kind(StrEnum):
    """What a bridge is for. Only in a conversation may anybody be captured."""

    CONVERSATION = "conversation"
    CONFERENCE = "conference"
    PARKING = "parking"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Wire:
    """One channel. `changed_at`: the stamp of its last change of bridges, `held_at` and `music_at` of those."""

    channel: ChannelId
    endpoint: str
    bridge: BridgeId | None = None
    joined_at: Instant | None = None
    changed_at: Instant = Instant(0)
    held: bool = False
    held_at: Instant = Instant(0)
    was_held: bool = False
    music: bool = False
    music_at: Instant = Instant(0)
    voicemail: bool = False
    partner: ChannelId | None = None
    spied_by: frozenset[ChannelId] = frozenset()

    @property
    def local(self) -> bool:
        """Whether it is a piece of wire inside Asterisk, with nobody at its end."""
        return self.endpoint.startswith(LOCAL)

    @property
    def quiet(self) -> Reason | None:
        """Why nobody may be captured while this channel is in the room."""
        if self.held:
            return Reason.HELD
        if self.music:
            return Reason.MUSIC_ON_HOLD
        return Reason.VOICEMAIL if self.voicemail else None


@dataclass(slots=True)
class _Bridge:
    kind: Kind
    members: set[ChannelId] = field(default_factory=set)
    count: int = 0
    counted_at: Instant = Instant(0)

    @property
    def strangers(self) -> bool:
        """Whether somebody is in it whom we do not know: they came before we listened.

        A conference counts its own announcer, a channel inside Asterisk of which no event speaks.
        """
        return self.count > len(self.members) + (self.kind is Kind.CONFERENCE)


@dataclass(frozen=True, slots=True)
class Room:
    """Everyone who can hear a channel through Asterisk, itself included, without the wires between them.

    `strangers`: and somebody whom we do not know. `quiet`: why nothing may be captured there. `lines`: other lines of
    telephones in it, which those may join themselves.
    """

    wires: tuple[Wire, ...]
    strangers: bool
    quiet: Reason | None
    lines: frozenset[ChannelId]


class Topology:
    """The state, and one method a kind of change. `trunks`: endpoints whose channels are different people."""

    def __init__(self, trunks: frozenset[str]) -> None:
        self.trunks = trunks
        self.wires: dict[ChannelId, Wire] = {}
        self._bridges: dict[BridgeId, _Bridge] = {}
        self._open_lines: dict[str, set[ChannelId]] = {}
        """By telephone, the lines on which people hear each other: connected and not held."""
        self._spies: set[ChannelId] = set()
        self._frozen: dict[frozenset[ChannelId], tuple[Instant, frozenset[BridgeId]]] = {}
        """By pair of halves that are being taken out, until when at most, and the bridges that they were between."""
        self._leaving: dict[ChannelId, tuple[BridgeId, Instant]] = {}

    def forget(self) -> None:
        """Know nothing any more: events were lost."""
        for known in (self.wires, self._bridges, self._open_lines, self._spies, self._frozen, self._leaving):
            known.clear()

    # -- who is in which bridge

    def entered(self, at: Instant, channel: ChannelId, endpoint: str, bridge: BridgeId, kind: Kind, count: int) -> None:
        """A channel came into a bridge, which has so many members by Asterisk's own count."""
        wire = self._wire(channel, endpoint)
        place = self._bridges.setdefault(bridge, _Bridge(kind))
        self._count(place, at, count)
        if at < wire.changed_at:
            self._tidy(bridge)
            return
        self._unplace(wire)
        # Who came twice was its last member, and took it along.
        self._bridges[bridge] = place
        place.members.add(channel)
        # In a bridge nobody leaves messages any more.
        self._put(replace(wire, bridge=bridge, joined_at=at, changed_at=at, voicemail=False))

    def left(self, at: Instant, channel: ChannelId, bridge: BridgeId, count: int) -> None:
        """A channel left a bridge. Of one that is being optimised this is believed when that is over."""
        place = self._bridges.get(bridge)
        if place is not None:
            self._count(place, at, count)
        wire = self.wires.get(channel)
        if wire is None or wire.bridge != bridge or at < wire.changed_at:
            return
        if self._is_frozen(bridge):
            self._leaving[channel] = bridge, at
        else:
            self._leave(wire, at)

    def _leave(self, wire: Wire, at: Instant) -> None:
        self._unplace(wire)
        self._put(replace(wire, bridge=None, joined_at=None, changed_at=at))

    @staticmethod
    def _count(place: _Bridge, at: Instant, count: int) -> None:
        if at >= place.counted_at:
            place.count, place.counted_at = count, at

    def _unplace(self, wire: Wire) -> None:
        self._leaving.pop(wire.channel, None)
        if wire.bridge is not None:
            self._bridges[wire.bridge].members.discard(wire.channel)
            self._tidy(wire.bridge)

    def _tidy(self, bridge: BridgeId) -> None:
        place = self._bridges.get(bridge)
        if place is not None and not place.members and not self._is_frozen(bridge):
            del self._bridges[bridge]

    # -- Local channels

    def paired(self, one: ChannelId, two: ChannelId) -> None:
        """Two halves of a Local channel: what goes into one comes out of the other."""
        for half, other in ((one, two), (two, one)):
            self._put(replace(self._wire(half, LOCAL), partner=other))

    def optimising(self, at: Instant, one: ChannelId, two: ChannelId) -> None:
        """Asterisk takes a Local channel out from between two others; they stay connected, whatever they leave."""
        wires = (self.wires.get(half) for half in (one, two))
        between = frozenset(wire.bridge for wire in wires if wire is not None and wire.bridge is not None)
        if between:
            self._frozen[frozenset((one, two))] = Instant(at + FREEZE_MICROSECONDS), between

    def optimised(self, one: ChannelId, two: ChannelId) -> dict[ChannelId, Instant]:
        """It is over: whoever has not arrived elsewhere has left. Returns who, and when."""
        return self._thaw([frozenset((one, two))])

    def overdue(self, now: Instant) -> dict[ChannelId, Instant]:
        """Give up on optimisations whose end never came. Returns who has left, and when."""
        return self._thaw([pair for pair, (until, _) in self._frozen.items() if until <= now])

    def _thaw(self, pairs: list[frozenset[ChannelId]]) -> dict[ChannelId, Instant]:
        thawed = [self._frozen.pop(pair)[1] for pair in pairs if pair in self._frozen]
        left = {one: at for one, (bridge, at) in self._leaving.items() if not self._is_frozen(bridge)}
        for channel, at in left.items():
            self._leave(self.wires[channel], at)
        for bridge in frozenset().union(*thawed):
            self._tidy(bridge)
        return left

    def _is_frozen(self, bridge: BridgeId) -> bool:
        return any(bridge in between for _, between in self._frozen.values())

    # -- one channel

    def held(self, at: Instant, channel: ChannelId, endpoint: str, *, held: bool) -> None:
        """A telephone holds its other side, or takes it back."""
        wire = self._wire(channel, endpoint)
        if at >= wire.held_at:
            self._put(replace(wire, held=held, held_at=at, was_held=wire.was_held or held))

    def music(self, at: Instant, channel: ChannelId, endpoint: str, *, plays: bool) -> None:
        """A channel hears music instead of the other side, or does no longer."""
        wire = self._wire(channel, endpoint)
        if at >= wire.music_at:
            self._put(replace(wire, music=plays, music_at=at))

    def voicemail(self, at: Instant, channel: ChannelId, endpoint: str) -> None:
        """A channel leaves a message, which is a recording of its own."""
        wire = self._wire(channel, endpoint)
        if at >= wire.changed_at:
            self._put(replace(wire, voicemail=True))

    def spied(self, spied: ChannelId, spied_endpoint: str, by: ChannelId, by_endpoint: str) -> None:
        """Somebody listens to a channel, or whispers to it."""
        wire = self._wire(spied, spied_endpoint)
        self._put(self._wire(by, by_endpoint))
        self._spies.add(by)
        self._put(replace(wire, spied_by=wire.spied_by | {by}))

    def spied_no_more(self, by: ChannelId) -> set[ChannelId]:
        """A spy stopped. Returns whom they had listened to."""
        if by not in self._spies:
            return set()
        self._spies.discard(by)
        freed = {one.channel for one in self.wires.values() if by in one.spied_by}
        for channel in freed:
            self._put(replace(self.wires[channel], spied_by=self.wires[channel].spied_by - {by}))
        return freed

    def renamed(self, channel: ChannelId, endpoint: str) -> None:
        """A channel is another telephone's now."""
        wire = self._wire(channel, endpoint)
        self._close(wire)
        self._put(replace(wire, endpoint=endpoint))

    def gone(self, channel: ChannelId) -> None:
        """A channel is hung up."""
        wire = self.wires.pop(channel, None)
        if wire is None:
            return
        if wire.bridge is not None:
            place = self._bridges[wire.bridge]
            # Its leaving, if that is still to come, tells nothing new; and if it was counted already, this does not.
            place.count -= place.count >= len(place.members)
        self._unplace(wire)
        self._close(wire)
        self.spied_no_more(channel)

    def _wire(self, channel: ChannelId, endpoint: str) -> Wire:
        return self.wires.get(channel) or Wire(channel, endpoint)

    def _put(self, wire: Wire) -> None:
        self.wires[wire.channel] = wire
        if self._open(wire):
            self._open_lines.setdefault(wire.endpoint, set()).add(wire.channel)
        else:
            self._close(wire)

    def _close(self, wire: Wire) -> None:
        lines = self._open_lines.get(wire.endpoint)
        if lines is not None:
            lines.discard(wire.channel)
            if not lines:
                del self._open_lines[wire.endpoint]

    # -- the question

    def inside(self, bridge: BridgeId) -> frozenset[ChannelId]:
        """Return who is known to be in a bridge."""
        place = self._bridges.get(bridge)
        return frozenset(place.members) if place else frozenset()

    def room(self, channel: ChannelId) -> Room:
        """Return everyone who can hear a channel, and whom it can hear, through Asterisk."""
        found: dict[ChannelId, Wire] = {}
        waiting = [channel]
        strangers = False
        quiet: list[Reason] = []
        lines: set[ChannelId] = set()
        while waiting:
            wire = self.wires.get(waiting.pop())
            if wire is None or wire.channel in found:
                continue
            found[wire.channel] = wire
            quiet += [wire.quiet] if wire.quiet else []
            place = self._bridges.get(wire.bridge) if wire.bridge else None
            if place is not None:
                strangers |= place.strangers
                quiet += _QUIET[place.kind]
                waiting += place.members
            if wire.local:
                waiting += [wire.partner] if wire.partner else []
                # The other half is not known: whoever is behind it was not heard of.
                strangers |= wire.partner is None
            elif self._open(wire):
                lines |= self._beside(wire)
            waiting += wire.spied_by
            if wire.channel in self._spies:
                waiting += [one.channel for one in self.wires.values() if wire.channel in one.spied_by]
        people = sorted((one for one in found.values() if not one.local), key=lambda one: one.channel)
        if len(people) == 1 and people[0].bridge and self._bridges[people[0].bridge].kind is Kind.CONFERENCE:
            # The others may come in an hour, or never. (In any other bridge somebody is alone for a moment only.)
            quiet.append(Reason.NO_CONVERSATION)
        urgent = min(quiet, key=_URGENCY.index, default=None)
        return Room(tuple(people), strangers, urgent, frozenset(lines - found.keys()))

    def joined(self, room: Room) -> list[Room]:
        """Return the rooms that telephones of this one may have joined with it, near and far."""
        seen = {wire.channel for wire in room.wires}
        waiting, found = set(room.lines), []
        while waiting:
            line = waiting.pop()
            if line not in seen:
                other = self.room(line)
                found.append(other)
                seen |= {wire.channel for wire in other.wires}
                waiting |= other.lines - seen
        return found

    def mixes(self, wire: Wire) -> bool:
        """Tell whether a telephone sends more on this line than what is said into it: it has taken one of several open
        lines back from hold, which is how a person joins them."""
        lines = self._beside(wire) if self._open(wire) else set()
        return len(lines) > 1 and any(self.wires[one].was_held for one in lines)

    def _open(self, wire: Wire) -> bool:
        """Tell whether it is a telephone's line on which people hear each other."""
        return wire.bridge is not None and not wire.held and not wire.local and wire.endpoint not in self.trunks

    def _beside(self, wire: Wire) -> set[ChannelId]:
        """Return the open lines of a channel's telephone, its own included."""
        lines = self._open_lines.get(wire.endpoint, set())
        return lines if len(lines) <= MOST_LINES else set()


_QUIET: Final[dict[Kind, list[Reason]]] = {
    Kind.CONVERSATION: [],
    Kind.CONFERENCE: [],
    Kind.PARKING: [Reason.PARKED],
    Kind.OTHER: [Reason.NO_CONVERSATION],
}
_URGENCY: Final = [Reason.PARKED, Reason.HELD, Reason.MUSIC_ON_HOLD, Reason.NO_CONVERSATION, Reason.VOICEMAIL]
