"""A call that outlives its gate, made again from what the dead gate wrote, as far as that proves anything.

No permit survives: the old one ended with the last heartbeat, and the next is granted as any other, once the room is
known. Until then the room is closed, and hears all the same of objections, pauses and masquerades. Whatever the journal
does not prove makes no room: then the call goes on unrecorded.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from . import evidence as ev
from . import facts as f
from . import orders as o
from .facts import Standing
from .names import MICROSECONDS, ChannelId, Instant, PartyId, party_id
from .party import Party, Phase
from .policy import Line
from .reasons import Reason
from .room import Room
from .segments import Other

OWNER: Final = party_id(1)
PLAYED_BEFORE: Final = 10
"""So many playbacks of the dead gate may have a number after the last that was heard."""

PASSING: Final = frozenset({
    Reason.EVENTS_LOST, Reason.GATE_RESTARTED, Reason.GATE_STOPPED, Reason.STALE_FACTS, Reason.NOT_TOLD,
    Reason.OBJECTED, Reason.PAUSED, Reason.ROOM_CHANGED, Reason.NOT_BRIDGED, Reason.HELD, Reason.MUSIC_ON_HOLD,
    Reason.PARKED,
    Reason.NO_CONVERSATION, Reason.VOICEMAIL, Reason.TELEPHONE_CONFERENCE,
})  # fmt: skip
"""Why nothing is captured for a while. Any other reason was given for the rest of the call."""


@dataclass(frozen=True, slots=True)
class Restored:
    """A room that may live on. `chosen_at`: when it was last paused or resumed; `wake`: when it lasts too long."""

    room: Room
    chosen_at: Instant
    wake: o.WakeAt | None


@dataclass(frozen=True, slots=True)
class Mark:
    """What a key press has left on somebody's channel: the whole second in which they paused, or resumed."""

    second: int
    paused: bool

    @property
    def at(self) -> Instant:
        """When that may have been: of a pause the latest instant counts, of its end the earliest."""
        return Instant(self.second * MICROSECONDS + (MICROSECONDS - 1 if self.paused else 0))


def restore(entries: Sequence[ev.Entry], line: Line | None) -> Restored | None:
    """Return the room of a call whose journal this is; None for one whose owner it does not prove to be told.

    line: the call's, as its rules are now.
    """
    opened, entered = entries[0], _parties(entries)
    if line is None or not isinstance(opened, ev.Opened) or opened.channel_name is None or OWNER not in entered:
        return None
    if any(isinstance(entry, ev.Ended) for entry in entries) or Reason.CHANNEL_REPLACED in _reasons(entries):
        return None
    called = opened.direction == "outgoing"
    script = line.outgoing_announcements if called else line.announcements
    heard = _heard(entries)
    if not script or [(one.announcement, one.sha256) for one in heard] != [(one.name, one.sha256) for one in script]:
        return None
    objected = any(isinstance(entry, ev.PartyObjected) and entry.party == OWNER for entry in entries)
    caller = Party(
        OWNER,
        ChannelId(opened.channel),
        entered[OWNER].endpoint,
        f.Side.OUTSIDE,
        script=script[-1:],
        standing=Standing.OBJECTED if objected else Standing.TOLD,
        phase=Phase.OVER,
        notice=int(heard[-1].playback.rpartition("-")[2]) + PLAYED_BEFORE,
        heard=heard,
        told_at=heard[-1].at,
        failure=Reason.OBJECTED if objected else None,
    )
    others = tuple(_other(one, entries) for party, one in entered.items() if party != OWNER)
    pauses = [entry for entry in entries if isinstance(entry, ev.PauseChanged)]
    granted = [entry for entry in entries if isinstance(entry, ev.PermitGranted)]
    room = Room(
        opened,
        line,
        caller,
        called,
        others,
        changed_at=caller.told_at,
        paused=bool(pauses) and pauses[-1].paused,
        conversed=bool(others),
        permits=max((one.permit for one in granted), default=0),
        suspended=Reason.GATE_RESTARTED,
        closed=next((one for one in _reasons(entries) if one not in PASSING), Reason.GATE_RESTARTED),
        recorded=any(isinstance(entry, ev.CaptureStarted) for entry in entries),
        released=True,
        lit=frozenset(one.endpoint for one in entered.values() if one.contract),
    )
    longest = Instant(granted[0].at + line.max_seconds * MICROSECONDS) if granted else None
    wake = o.WakeAt(longest, f.Timer.MAX_HOURS, 1) if longest is not None else None
    return Restored(room, pauses[-1].at if pauses else Instant(0), wake)


def paused(known: bool, since: Instant, marks: Iterable[Mark]) -> bool:
    """Tell whether a room is paused: as was known at that instant, or by a later press of somebody who is in it."""
    latest = max(marks, key=lambda mark: mark.at, default=None)
    return known if latest is None or latest.at < since else latest.paused


def _parties(entries: Iterable[ev.Entry]) -> dict[PartyId, ev.PartyEntered]:
    found: dict[PartyId, ev.PartyEntered] = {}
    for entry in entries:
        if isinstance(entry, ev.PartyEntered):
            found.setdefault(PartyId(entry.party), entry)
    return found


def _reasons(entries: Iterable[ev.Entry]) -> list[Reason]:
    return [entry.reason for entry in entries if isinstance(entry, ev.PermitRevoked | ev.NotRecorded)]


def _heard(entries: Iterable[ev.Entry]) -> tuple[ev.NoticePlayed, ...]:
    """Return what the owner has heard since it was last begun to tell them: what failed is told anew as a whole."""
    heard: list[ev.NoticePlayed] = []
    for entry in entries:
        if isinstance(entry, ev.NoticePlayed) and entry.party == OWNER:
            heard.append(entry)
        elif isinstance(entry, ev.NoticeFailed) and entry.party == OWNER:
            heard.clear()
    return tuple(heard)


def _other(entered: ev.PartyEntered, entries: Iterable[ev.Entry]) -> Other:
    # As they stand in their own recording, where they are the owner: they are compared with that.
    notices = tuple(
        replace(entry, party=OWNER)
        for entry in entries
        if isinstance(entry, ev.NoticePlayed) and entry.party == entered.party
    )
    return Other(PartyId(entered.party), ChannelId(entered.channel), entered.endpoint, notices)
