"""What each recording must know of its room: who is there beside its owner, and how they were told.

Whether somebody was told is known by the recording that they own; who is there, by the topology. Staff are told by
contract, by the exact name of their endpoint. Everybody else is untold.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from .evidence import NoticePlayed
from .facts import Member, Standing, Surrounded
from .names import ChannelId, Instant, RecordingId
from .reasons import Reason
from .topology import Room, Topology, Wire

STRANGER = ChannelId("")
"""Stands for whoever is in a bridge that we do not know by name."""


SOMEBODY = Member(STRANGER, "", Standing.UNTOLD, Instant(0))


@dataclass(frozen=True, slots=True)
class Owner:
    """An outside channel with a recording of its own.

    `able`: that recording can still capture somebody. `paused`: somebody has paused it, wherever its owner goes.
    """

    recording: RecordingId
    standing: Standing
    notices: tuple[NoticePlayed, ...]
    able: bool
    paused: bool = False


def surrounded(
    topology: Topology,
    owners: Mapping[ChannelId, Owner],
    staff: frozenset[str],
    owner: ChannelId,
    at: Instant,
    now: Instant,
) -> Surrounded:
    """Return the room of a recording's owner as its recording must know it.

    at: Asterisk's stamp of what changed it; now: when that is handled.
    """
    room = topology.room(owner)
    mine = owners[owner]
    able = [owners[wire.channel].recording for wire in room.wires if _able(owners, wire)]
    members = [
        _member(wire, owners.get(wire.channel), staff, mixed=topology.mixes(wire))
        for wire in room.wires
        if wire.channel != owner
    ]
    if room.strangers:
        members.append(SOMEBODY)
    own = topology.wires.get(owner)
    return Surrounded(
        at=at,
        seen_at=now,
        channel=owner,
        members=tuple(members),
        quiet=room.quiet or _paused(room, owners, owner) or _beside(topology, room, owners, staff),
        joined_at=own.joined_at if own else None,
        mixed=own is not None and topology.mixes(own),
        host=mine.recording == min(able, default=mine.recording),
    )


def _able(owners: Mapping[ChannelId, Owner], wire: Wire) -> bool:
    return wire.channel in owners and owners[wire.channel].able


def _paused(room: Room, owners: Mapping[ChannelId, Owner], owner: ChannelId) -> Reason | None:
    """Tell whether somebody else's recording in the room is paused: who joins must not record what others paused."""
    others = (owners.get(wire.channel) for wire in room.wires if wire.channel != owner)
    return Reason.PAUSED if any(one is not None and one.paused for one in others) else None


def _beside(topology: Topology, room: Room, owners: Mapping[ChannelId, Owner], staff: frozenset[str]) -> Reason | None:
    """Return what forbids a capture because a telephone in the room has another line open."""
    for other in topology.joined(room):
        quiet = other.quiet or _paused(other, owners, STRANGER)
        if quiet:
            return quiet
        standings = [_member(wire, owners.get(wire.channel), staff, mixed=False).standing for wire in other.wires]
        if other.strangers or any(one not in {Standing.TOLD, Standing.CONTRACT} for one in standings):
            return Reason.TELEPHONE_CONFERENCE
    return None


def _member(wire: Wire, owner: Owner | None, staff: frozenset[str], *, mixed: bool) -> Member:
    joined_at = wire.joined_at or wire.changed_at
    standing = owner.standing if owner else Standing.UNTOLD
    if standing is Standing.UNTOLD and wire.endpoint in staff:
        standing = Standing.CONTRACT
    recording, notices = (owner.recording, owner.notices) if owner else (None, ())
    return Member(wire.channel, wire.endpoint, standing, joined_at, recording, notices, mixed=mixed)
