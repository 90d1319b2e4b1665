"""Who is where on this Asterisk, from its events: each change, and whose room it may have changed.

Every channel is followed, not only those with a recording: a newcomer enters a bridge before the caller does.
"""

from dataclasses import replace
from typing import Final

from . import translation as t
from .core import facts as f
from .core import rooms
from .core.names import MICROSECONDS, ChannelId, Instant, RecordingId
from .core.room import Room
from .core.topology import Topology

LIST_MICROSECONDS: Final = 5 * MICROSECONDS
"""A list of bridges is younger than this when it is read: Asterisk's answers are waited for a second."""


class Whereabouts:
    """The topology, and the recordings' owners in it."""

    def __init__(self, staff: frozenset[str], trunks: frozenset[str]) -> None:
        self._staff = staff
        self._staff_then: dict[ChannelId, frozenset[str]] = {}
        """Who was of the house when an owner's recording began: nobody becomes it for a call that is under way."""
        self.topology = Topology(trunks)
        self.owners: dict[ChannelId, rooms.Owner] = {}
        self.doubted: set[ChannelId] = set()
        """Owners of whom nobody knows what they became while nobody watched: for the others they are untold."""
        self.presumed: set[ChannelId] = set()
        """Of whom it is presumed that they hear music, until they come into a bridge: what played has ended then."""
        self.left: dict[ChannelId, Instant] = {}
        """Who left a bridge lately: a list that Asterisk gave before does not bring them back."""
        self._lurkers: set[ChannelId] = set()
        """Who listens to somebody, since before we did: nobody says to whom, so it may be anybody."""

    def take_up(self, staff: frozenset[str], trunks: frozenset[str]) -> None:
        """Know the house by these from now on."""
        self._staff, self.topology.trunks = staff, trunks

    def forget(self) -> None:
        """Know nothing any more of who is where: events were lost."""
        self.topology.forget()
        self._lurkers.clear()

    def lurks(self, channel: ChannelId, endpoint: str) -> None:
        """Take in that a channel was found listening. The house's own may: they are told by contract."""
        if endpoint not in self._staff:
            self._lurkers.add(channel)

    # -- changes; each returns the channels whose room it may have changed

    def change(self, seen: t.TopologyChange) -> tuple[set[ChannelId], Instant]:
        """Take in what Asterisk says; return with the channels since when their rooms are as they are."""
        if isinstance(seen, t.LocalChange) and seen.what == "LocalOptimizationEnd":
            touched = self._around(seen.one, seen.two)
            near, at = self._left(self.topology.optimised(seen.one, seen.two), seen.at)
            return touched | near | self._around(seen.one, seen.two), at
        return self._change(seen), seen.at

    def _change(self, seen: t.TopologyChange) -> set[ChannelId]:
        topology = self.topology
        match seen:
            case t.LocalChange(one=one, two=two):
                touched = self._around(one, two)
                if seen.what == "LocalBridge":
                    topology.paired(one, two)
                else:
                    topology.optimising(seen.at, one, two)
                return touched | self._around(one, two)
            case t.Spied(by=by, spied=spied):
                touched = self._around(by, spied)
                if seen.begins:
                    topology.spied(spied, seen.spied_endpoint, by, seen.by_endpoint)
                    return touched | self._around(spied)
                return touched | self._around(*topology.spied_no_more(by)) | self._lurks_no_more(by)
            case _:
                return self._one(seen)

    def _one(self, seen: t.BridgeChange | t.HoldChange | t.Renamed | t.LeavesMessage) -> set[ChannelId]:
        topology, channel, endpoint = self.topology, seen.channel, seen.endpoint
        touched = self._around(channel)
        match seen:
            case t.BridgeChange(at=at, bridge=bridge, count=count):
                if seen.entered:
                    if channel in self.presumed:
                        self.presumed.discard(channel)
                        topology.music(at, channel, endpoint, plays=False)
                    topology.entered(at, channel, endpoint, bridge, seen.kind, count)
                else:
                    self.left[channel] = at
                    topology.left(at, channel, bridge, count)
                # Also when it was not known to be there: who is still there has a stranger less among them.
                touched |= self._around(*topology.inside(bridge))
            case t.HoldChange(at=at, begins=begins):
                if seen.music:
                    topology.music(at, channel, endpoint, plays=begins)
                else:
                    topology.held(at, channel, endpoint, held=begins)
            case t.Renamed():
                topology.renamed(channel, endpoint)
            case t.LeavesMessage(at=at):
                topology.voicemail(at, channel, endpoint)
        return touched | self._around(channel)

    def gone(self, channel: ChannelId) -> set[ChannelId]:
        """A channel is hung up."""
        touched = self._around(channel) | self._lurks_no_more(channel)
        self.presumed.discard(channel)
        self.topology.gone(channel)
        return touched - {channel}

    def _lurks_no_more(self, channel: ChannelId) -> set[ChannelId]:
        if channel not in self._lurkers:
            return set()
        self._lurkers.discard(channel)
        return set(self.owners)

    def overdue(self, now: Instant) -> tuple[set[ChannelId], Instant]:
        """An optimisation of Local channels whose end never came is over by now."""
        self.left = {one: at for one, at in self.left.items() if at > now - LIST_MICROSECONDS}
        return self._left(self.topology.overdue(now), now)

    def _left(self, left: dict[ChannelId, Instant], at: Instant) -> tuple[set[ChannelId], Instant]:
        # They left when they left, not when we could believe it: nothing that they said since is covered.
        return left.keys() | self._around(*left), min(left.values(), default=at)

    def _around(self, *channels: ChannelId) -> set[ChannelId]:
        near = set(channels)
        for one in channels:
            room = self.topology.room(one)
            for each in (room, *self.topology.joined(room)):
                near |= {wire.channel for wire in each.wires}
        return near

    # -- owners

    def own(self, recording: RecordingId, room: Room) -> bool:
        """Take in what a recording knows of its owner; tell whether that is news to the others in the room."""
        caller = room.caller
        standing = f.Standing.UNTOLD if caller.channel in self.doubted else caller.standing
        owner = rooms.Owner(recording, standing, caller.heard, room.able, room.paused)
        known = self.owners.get(caller.channel)
        self._staff_then.setdefault(caller.channel, self._staff)
        self.owners[caller.channel] = owner
        return known is not None and known != owner

    def disown(self, channel: ChannelId) -> None:
        """A recording is over."""
        self.owners.pop(channel, None)
        self._staff_then.pop(channel, None)
        self.doubted.discard(channel)

    def owners_near(self, channels: set[ChannelId]) -> list[ChannelId]:
        """Return those of the channels that own a recording, the oldest recording first: it lets go before another
        takes hold."""
        return sorted((one for one in channels if one in self.owners), key=lambda one: self.owners[one].recording)

    def room_of(self, channel: ChannelId) -> set[ChannelId]:
        """Return everybody in a channel's room, itself included."""
        return self._around(channel)

    def surrounded(self, owner: ChannelId, at: Instant, now: Instant) -> f.Surrounded:
        """Return a recording's room as it is now; at: Asterisk's stamp of what changed it."""
        # Who is of the house no more is so for every call from now on.
        staff = self._staff & self._staff_then.get(owner, self._staff)
        found = rooms.surrounded(self.topology, self.owners, staff, owner, at, now)
        if not self._lurkers:
            return found
        return replace(found, members=(*found.members, rooms.SOMEBODY))
