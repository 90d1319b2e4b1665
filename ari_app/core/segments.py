"""The permit over a room and what is captured under it: begun, widened, narrowed and revoked as the room changes.

A permit and its segment have one number and one life. Somebody who was told joins: it is widened. Somebody leaves: it
is narrowed, and what they say elsewhere is not covered. Everything else that changes the room for the worse ends the
segment, and the next begins by itself as soon as `permit.grant` allows it.
"""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from . import capture as capturing
from . import evidence as ev
from . import facts as f
from . import orders as o
from . import party as parties
from . import permit as permits
from .capture import Capturing
from .facts import Standing
from .free_space import Level
from .names import MICROSECONDS, ChannelId, Instant, PartyId, party_id
from .reasons import Reason

if TYPE_CHECKING:
    from .room import Room, Turn

CAPTURE_DEADLINE_MICROSECONDS: Final = 800_000
"""From the announcement's end to the release: less than the second that the lifeline leaves at least."""

MOST_CHANNELS: Final = 8
"""FLAC's limit; whoever is more in one room is not captured."""

MOST_SEGMENTS: Final = 999
MOST_PARTIES: Final = 99
"""What the names of tracks have digits for."""

RESTLESS_REVOCATIONS: Final = 4
RESTLESS_MICROSECONDS: Final = 2 * MICROSECONDS
SETTLING_MICROSECONDS: Final = 300_000
"""So many segments ended within so long: a room that flaps is followed again when it was still for this long."""


@dataclass(frozen=True, slots=True)
class Other:
    """Somebody who is or was in the room beside the owner: one channel, one party, for as long as the call lasts.

    `notices`: what they had heard, elsewhere, when that was last written down here.
    """

    party: PartyId
    channel: ChannelId
    endpoint: str
    notices: tuple[ev.NoticePlayed, ...] = ()


def settle(turn: "Turn") -> None:
    """Make permit and captures what they must be in the room as it is now."""
    room = turn.room
    if room.closed or room.caller.phase is not parties.Phase.OVER:
        return
    if room.restless and isinstance(turn.fact, f.Surrounded):
        _rest(turn)
    if room.around and room.around.members:
        _register(turn, room.around.members)
    _decide(turn)


def _decide(turn: "Turn") -> None:
    verdict = _verdict(turn)
    if isinstance(verdict, Reason):
        revoke(turn, verdict)
        turn.refuse(verdict)
        # What was waited for does not come.
        turn.release()
    elif turn.room.permit is None:
        _begin(turn, verdict)
    else:
        _adjust(turn, turn.room.permit, verdict)


def _verdict(turn: "Turn") -> permits.Permit | Reason:
    room, fact = turn.room, turn.fact
    present = _present(turn)
    if room.permit is None:
        number, at = room.permits + 1, room.changed_at
    else:
        # Only letting somebody in asks for a fresh fact: of the others nothing is said that was not said before.
        newcomers = isinstance(fact, f.Surrounded) and any(one.party not in room.permit.parties for one in present)
        number, at = room.permit.number, fact.at if newcomers else fact.seen_at
    verdict = permits.grant(
        room.line, present, hindrance=_hindrance(turn) or _full(room), number=number, at=at, now=fact.seen_at
    )
    # Why the owner is not told says more than that they are not.
    return room.caller.failure or verdict if verdict is Reason.NOT_TOLD else verdict


def _present(turn: "Turn") -> list[permits.Present]:
    room = turn.room
    caller = room.caller
    members = room.around.members if room.around else ()
    present = [permits.Present(caller.party, caller.standing, room.around is not None and room.around.mixed)]
    for one in members:
        party = room.party_on(one.channel)
        # Without a name of ours for them nothing could be said of them: they count as untold.
        standing = one.standing if party else Standing.UNTOLD
        present.append(permits.Present(party or PartyId(""), standing, one.mixed))
    return present


def _hindrance(turn: "Turn") -> Reason | None:
    room = turn.room
    if room.paused:
        return Reason.PAUSED
    if room.restless:
        return Reason.ROOM_CHANGED
    around = room.around
    alone = around is None or not around.members
    if alone and room.bridged_only and room.conversed:
        # Where somebody is parked alone, that is what an administrator looks for.
        return Reason.PARKED if around and around.quiet is Reason.PARKED else Reason.NOT_BRIDGED
    waits = around is None or (alone and room.bridged_only and around.joined_at is None)
    if around is None or (waits and around.quiet is not Reason.VOICEMAIL):
        # Music of a queue, or in place of ringing: nothing is captured before a bridge, so nothing ends.
        return None
    return around.quiet


def _full(room: "Room") -> Reason | None:
    """Return whether there is no room for this: a conversation that is captured goes on while there is any."""
    return Reason.SPOOL_FULL if room.space > (Level.AMPLE if room.permit is None else Level.LOW) else None


def _register(turn: "Turn", members: tuple[f.Member, ...]) -> None:
    """Give everybody in the room a name in this recording, and write down who they are and how they were told."""
    for one in members:
        room = turn.room
        if one.standing is Standing.UNTOLD or _known(turn, one) or len(room.others) + 1 >= MOST_PARTIES:
            continue
        other = Other(party_id(len(room.others) + 2), one.channel, one.endpoint, one.notices)
        turn.room = replace(room, others=(*room.others, other))
        side = f.Side.HOUSE if one.standing is Standing.CONTRACT else f.Side.OUTSIDE
        entered = ev.PartyEntered(
            at=one.joined_at,
            party=other.party,
            side=side.value,
            channel=one.channel,
            endpoint=one.endpoint,
            contract=one.standing is Standing.CONTRACT,
            recording=one.recording,
        )
        turn.note(entered, *(replace(notice, party=other.party) for notice in one.notices))


def _known(turn: "Turn", member: f.Member) -> bool:
    """Tell whether somebody has a name here; whatever they have heard since is written down as well."""
    room = turn.room
    known = next((one for one in room.others if one.channel == member.channel), None)
    if known is None:
        return False
    if member.notices != known.notices:
        # They were replaced by another telephone, who was told anew: the permits to come rest on that.
        news = (notice for notice in member.notices if notice not in known.notices)
        turn.note(*(replace(notice, party=known.party) for notice in news))
        others = tuple(replace(one, notices=member.notices) if one is known else one for one in room.others)
        turn.room = replace(room, others=others)
    return True


def _wanted(turn: "Turn", covered: tuple[PartyId, ...]) -> list[tuple[PartyId, ChannelId]]:
    """Return whom this recording captures: its owner, and the house where no older recording is in the room."""
    room = turn.room
    wanted = [(room.caller.party, room.caller.channel)]
    if room.around and room.around.host:
        for one in room.around.members:
            party = room.party_on(one.channel)
            if party and one.recording is None:
                wanted.append((party, one.channel))
    return [one for one in wanted if one[0] in covered][:MOST_CHANNELS]


def _begin(turn: "Turn", permit: permits.Permit) -> None:
    room = turn.room
    if permit.number > MOST_SEGMENTS or room.line is None:
        turn.give_up(Reason.TOO_MANY_SEGMENTS)
        return
    conversed = room.conversed or bool(room.around and room.around.members)
    turn.room = replace(
        room,
        permit=permit,
        permits=permit.number,
        permitted_at=room.permitted_at or permit.at,
        left=frozenset(),
        suspended=None,
        conversed=conversed,
    )
    granted = ev.PermitGranted(at=permit.at, permit=permit.number, parties=list(permit.parties))
    _capture(turn, permit, granted)
    if not turn.room.released:
        deadline = Instant(turn.fact.seen_at + CAPTURE_DEADLINE_MICROSECONDS)
        turn.orders.append(o.WakeAt(deadline, f.Timer.CAPTURE, permit.number))
    if permit.number == 1:
        longest = Instant(permit.at + room.line.max_seconds * MICROSECONDS)
        turn.orders.append(o.WakeAt(longest, f.Timer.MAX_HOURS, permit.number))


def _adjust(turn: "Turn", present: permits.Permit, permit: permits.Permit) -> None:
    room = turn.room
    before, now = set(present.parties), set(permit.parties)
    joined, gone = now - before, before - now
    wanted = {party for party, _ in _wanted(turn, permit.parties)}
    recorded_here = {track.party for track in room.tracks if track.segment == permit.number}
    if joined & room.left or len(wanted | recorded_here) > MOST_CHANNELS or _again(room.tracks, permit, wanted):
        # One stretch of one voice is one file: whoever comes back, or is one too many, begins another segment.
        revoke(turn, Reason.ROOM_CHANGED)
        _decide(turn)
        return
    conversed = room.conversed or bool(room.around and room.around.members)
    changed = permit if joined or gone else present
    turn.room = replace(room, permit=changed, left=room.left | gone, conversed=conversed)
    if gone:
        remain = [str(party) for party in present.parties if party not in gone]
        turn.note(ev.PermitNarrowed(at=turn.fact.at, permit=permit.number, parties=remain))
    widened = [ev.PermitWidened(at=permit.at, permit=permit.number, parties=list(permit.parties))] if joined else []
    for track in room.tracks:
        if track.segment == permit.number and track.party not in wanted:
            _stop(turn, track)
    _capture(turn, permit, *widened)


def _again(tracks: tuple[Capturing, ...], permit: permits.Permit, wanted: set[PartyId]) -> bool:
    """Tell whether somebody is to be captured whose track in this segment was stopped by us already.

    One that was stopped because it came to nothing is not tried again before the next segment: it would fail again.
    """
    return any(
        track.segment == permit.number and track.party in wanted and track.dismissed and not track.failure
        for track in tracks
    )


def _capture(turn: "Turn", permit: permits.Permit, *because: ev.Entry) -> None:
    """Write down who may be, and will be, captured; nothing is asked of Asterisk before that is durable.

    because: what permits it. It is written with the first attestation, but not lost with it if that is refused: others
    rest on it as well.
    """
    turn.note(*because)
    for party, channel in _wanted(turn, permit.parties):
        room = turn.room
        if any((track.segment, track.party) == (permit.number, party) for track in room.tracks):
            continue
        track = Capturing(party, channel, permit.number, room.bridged_only, len(room.tracks) + 1)
        turn.room = replace(room, tracks=(*room.tracks, track))
        asked = ev.CaptureRequested(
            at=turn.fact.seen_at,
            permit=permit.number,
            segment=track.segment,
            party=party,
            file=track.file,
            bridged_only=track.bridged_only,
        )
        turn.orders.append(o.Attest(track.token, (asked,), o.Live(channel, party, permit.number, track.file)))


def lit(turn: "Turn") -> frozenset[str]:
    """Return the telephones of the house whose conversation is captured now."""
    permit, around = turn.room.permit, turn.room.around
    if not permit or not around:
        return frozenset()
    tracks = (track for track in turn.room.tracks if track.segment == permit.number)
    if not any(track.phase is capturing.Phase.RUNNING for track in tracks):
        return frozenset()
    return frozenset(one.endpoint for one in around.members if one.standing is Standing.CONTRACT)


def revoke(turn: "Turn", reason: Reason) -> None:
    """End the permit, if there is one, and stop what runs under it."""
    room = turn.room
    permit, fact = room.permit, turn.fact
    if permit is None:
        return
    since = Instant(fact.seen_at - RESTLESS_MICROSECONDS)
    revoked = (*(at for at in room.revoked if at > since), fact.seen_at)
    turn.room = replace(room, permit=None, suspended=reason, revoked=revoked)
    turn.note(ev.PermitRevoked(at=fact.at, permit=permit.number, reason=reason))
    for track in room.tracks:
        _stop(turn, track)
    if len(revoked) >= RESTLESS_REVOCATIONS:
        _rest(turn)


def _rest(turn: "Turn") -> None:
    token = turn.fact.seen_at
    turn.room = replace(turn.room, restless=token)
    turn.orders.append(o.WakeAt(Instant(token + SETTLING_MICROSECONDS), f.Timer.SETTLING, token))


def _stop(turn: "Turn", track: Capturing) -> None:
    # On a channel that is gone nothing can be stopped, and nothing runs.
    gone = turn.fact.channel if isinstance(turn.fact, f.HungUp) else None
    if track.channel != gone and track.phase not in {capturing.Phase.STOPPING, capturing.Phase.ENDED}:
        turn.put(track, capturing.stop(track))
