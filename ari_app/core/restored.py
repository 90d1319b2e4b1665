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
from .choice import Wish, in_language
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

CONSENTED, LANGUAGE = Wish.AGREE.value, Wish.LANGUAGE.value
ANSWERS: Final = frozenset({CONSENTED, Wish.NO_YES.value, Wish.DECLINE.value})

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
    """What a key press has left on somebody's channel: the whole second in which they paused (why), or resumed."""

    second: int
    paused: bool
    cause: str = ""

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
    # Whether it came through a text relay only widens the time for a yes, which is over.
    asking = line.asking(called=called, relayed=False)
    heard = _heard(entries)
    told = {(one.announcement, one.sha256) for one in heard}
    wanted = in_language(asking.announcements, _language(entries))
    if not wanted or not told >= {(one.name, one.sha256) for one in wanted}:
        return None
    agreed_at = _agreed_at(entries)
    if asking.needs_consent and agreed_at is None:
        return None
    objected = any(isinstance(entry, ev.PartyObjected) and entry.party == OWNER for entry in entries)
    caller = Party(
        OWNER,
        ChannelId(opened.channel),
        entered[OWNER].endpoint,
        f.Side.OUTSIDE,
        script=wanted[-1:],
        standing=Standing.OBJECTED if objected else Standing.TOLD,
        phase=Phase.OVER,
        notice=int(heard[-1].playback.rpartition("-")[2]) + PLAYED_BEFORE,
        heard=heard,
        told_at=heard[-1].at,
        failure=Reason.OBJECTED if objected else None,
        asking=asking,
        agreed_at=agreed_at or Instant(0),
        language=_language(entries),
    )
    others = tuple(_other(one, entries) for party, one in entered.items() if party != OWNER)
    pauses, paused_at, chosen_at = _pauses(entries)
    granted = [entry for entry in entries if isinstance(entry, ev.PermitGranted)]
    room = Room(
        opened,
        line,
        caller,
        called,
        others,
        changed_at=caller.told_at,
        pauses=pauses,
        paused_at=paused_at,
        conversed=bool(others),
        permits=max((one.permit for one in granted), default=0),
        permitted_at=granted[0].at if granted else Instant(0),
        suspended=Reason.GATE_RESTARTED,
        closed=next((one for one in _reasons(entries) if one not in PASSING), Reason.GATE_RESTARTED),
        recorded=any(isinstance(entry, ev.CaptureStarted) for entry in entries),
        released=True,
        lit=frozenset(one.endpoint for one in entered.values() if one.contract),
    )
    longest = Instant(granted[0].at + line.max_seconds * MICROSECONDS) if granted else None
    wake = o.WakeAt(longest, f.Timer.MAX_HOURS, 1) if longest is not None else None
    return Restored(room, chosen_at, wake)


def latest(since: Instant, marks: Iterable[Mark]) -> Mark | None:
    """Return the last press that came after what is known; in doubt it is a pause, and came after."""
    mark = max(marks, key=lambda mark: mark.at, default=None)
    return None if mark is None or mark.at < since else mark


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


def _language(entries: Iterable[ev.Entry]) -> str:
    """Return the language that the owner chose last; then they had to hear all of that, and no other."""
    chosen = [one.language for one in entries if isinstance(one, ev.Chose) and one.choice == LANGUAGE]
    return chosen[-1] if chosen else ""


def _agreed_at(entries: Iterable[ev.Entry]) -> Instant | None:
    """Return when the owner said yes, if that was the last that they said of it."""
    said = [one for one in entries if isinstance(one, ev.Chose) and one.party == OWNER and one.choice in ANSWERS]
    return said[-1].at if said and said[-1].choice == CONSENTED else None


def _pauses(entries: Iterable[ev.Entry]) -> tuple[frozenset[str], Instant, Instant]:
    """Return why the room is paused, since when (of the last pause, if it is not), and when either was last said."""
    pauses, since, at = frozenset[str](), Instant(0), Instant(0)
    for entry in entries:
        if isinstance(entry, ev.Chose) and entry.choice in {"paused", "resumed"}:
            at = entry.at
            if entry.choice == "paused":
                since = since if pauses else at
                pauses |= {entry.why}
            else:
                pauses = pauses - {entry.why} if entry.why else frozenset()
    return pauses, since, at


def _other(entered: ev.PartyEntered, entries: Iterable[ev.Entry]) -> Other:
    # As they stand in their own recording, where they are the owner: they are compared with that.
    notices = tuple(
        replace(entry, party=OWNER)
        for entry in entries
        if isinstance(entry, ev.NoticePlayed) and entry.party == entered.party
    )
    return Other(PartyId(entered.party), ChannelId(entered.channel), entered.endpoint, notices)
