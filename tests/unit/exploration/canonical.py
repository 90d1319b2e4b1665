"""What behaves alike is one state: small numbers, few instants, and nothing that decides nothing any more."""

from collections.abc import Container, Iterable
from dataclasses import replace
from typing import Any

from unit.exploration.call import Call, Key, Turn, monitor, promise
from unit.exploration.instants import BEFORE, LONG_AGO, NEVER, NOW, RECENT
from unit.exploration.truth import Truth

from ari_app.core import evidence as ev
from ari_app.core import facts as f
from ari_app.core.names import ChannelId, Instant, PartyId, party_id
from ari_app.core.permit import STALE_MICROSECONDS
from ari_app.core.reasons import Reason

SEALED = Call(None, sealed=True)


def plain(around: f.Surrounded) -> f.Surrounded:
    """Return a room without its instants."""
    members = tuple(replace(one, joined_at=NEVER) for one in around.members)
    joined_at = None if around.joined_at is None else LONG_AGO
    return replace(around, at=NEVER, seen_at=NEVER, joined_at=joined_at, members=members)


def settled(turn: Turn, *, hurried: bool, changes: Container[ChannelId] = ()) -> Call:
    """Return the call after its turn, in the one form that stands for all that behave like it.

    changes: on these channels may be somebody else, so it matters who was known there.
    """
    return SEALED if turn.sealed else _Settled(turn, hurried, changes).call()


class _Settled:
    def __init__(self, turn: Turn, hurried: bool, changes: Container[ChannelId]) -> None:
        self.turn, self.hurried = turn, hurried
        self.parties, self.captures = turn.core.party.Phase, turn.core.capture.Phase
        self.enough = turn.core.segments.RESTLESS_REVOCATIONS - 1
        room = turn.room
        promise(turn.truth.captured == room.recorded, "the core knows whether anything was captured")
        # Nothing is ever permitted any more, so what would decide about a permit is not remembered.
        self.dead = room.permit is None and (room.closed is not None or room.caller.failure is Reason.OBJECTED)
        self.kept = [track for track in room.tracks if self._matters(track)]
        current = {room.permit.number} if room.permit else set()
        numbers = sorted({track.segment for track in self.kept} | current)
        self.segments = {number: small for small, number in enumerate(numbers, 1)}
        present = {one.channel for one in (room.around.members if room.around and not self.dead else ())}
        named = {track.party for track in self.kept}
        named |= {*room.permit.parties, *room.left} if room.permit else set()
        present |= {one.channel for one in room.others if one.channel in changes and not self.dead}
        others = [one for one in room.others if one.party in named or one.channel in present]
        self.others = sorted(others, key=lambda one: one.channel)
        self.names = {room.caller.party: room.caller.party}
        self.names |= {one.party: party_id(number) for number, one in enumerate(self.others, 2)}

    def _matters(self, track: Any) -> bool:
        room, machine = self.turn.room, self.turn.machines[track.segment, track.party]
        over = track.phase is self.captures.ENDED and track.closed and not machine.waits and not machine.runs
        return not over or (room.permit is not None and track.segment == room.permit.number)

    def _key(self, track: Any) -> Key:
        return self.segments[track.segment], self.names[track.party]

    def call(self) -> Call:
        self.kept.sort(key=self._key)
        machines = self.turn.machines
        return Call(
            self._room(self.turn.room),
            self._truth(self.turn.truth),
            tuple((self._key(track), machines[track.segment, track.party]) for track in self.kept),
            tuple(sorted(self._timers().items(), key=lambda one: one[0].value)),
        )

    def _truth(self, truth: Truth) -> Truth:
        over = self.turn.room.caller.phase is self.parties.OVER
        return replace(
            truth,
            ending=truth.ending and truth.here,
            spoilt=truth.spoilt and not over,
            conversed=truth.conversed and not self.dead,
            named=self._renamed(truth.named) if truth.named is not None else None,
            left=self._renamed(truth.left),
            proven=self._renamed(truth.proven),
            captured=truth.captured or self.dead,
            explained=truth.explained or (truth.named is not None),
            begun=truth.begun if self.hurried and not self.dead else 0,
        )

    def _renamed(self, parties: Iterable[PartyId]) -> frozenset[PartyId]:
        return frozenset(self.names[one] for one in parties if one in self.names)

    def _room(self, room: Any) -> Any:
        permit = room.permit and replace(
            room.permit,
            number=self.segments[room.permit.number],
            at=LONG_AGO,
            parties=tuple(sorted(self.names[one] for one in room.permit.parties)),
        )
        about: dict[str, Any] = {
            "around": room.around and plain(room.around),
            "changed_at": self._instant(room.changed_at),
            "conversed": room.conversed,
            "revoked": tuple(RECENT for at in room.revoked if self._instant(at) == RECENT)[: self.enough],
            "restless": LONG_AGO if room.restless else 0,
            "suspended": room.suspended and self._reason(room.suspended),
            "recorded": room.recorded,
        }
        if self.dead:
            about = {
                "around": None,
                "changed_at": NEVER,
                "conversed": False,
                "revoked": (),
                "restless": 0,
                "suspended": Reason.HUNG_UP,
                "recorded": True,
            }
        return replace(
            room,
            **about,
            caller=self._caller(room.caller),
            others=tuple(replace(one, party=self.names[one.party]) for one in self.others),
            permit=permit,
            permits=max(1, len(self.segments)) if room.permits or self.dead else 0,
            left=frozenset(self.names[one] for one in room.left) if permit else frozenset(),
            tracks=tuple(self._track(track, token) for token, track in enumerate(self.kept, 1)),
            closed=self._closed(room),
            gone_at=None if room.gone_at is None else LONG_AGO,
        )

    def _closed(self, room: Any) -> Reason | None:
        """Of those who object nothing is captured any more, with or without another reason for it."""
        if self.dead and room.caller.failure is Reason.OBJECTED and room.caller.phase is self.parties.OVER:
            return None if room.released and room.gone_at is None else room.closed
        return Reason.HUNG_UP if room.closed and room.released else room.closed

    @staticmethod
    def _reason(reason: Reason) -> Reason:
        """Of the reasons why there is no permit now only one makes the core do something later."""
        return reason if reason is Reason.STALE_FACTS else Reason.NOT_BRIDGED

    def _instant(self, at: Instant) -> Instant:
        if self.hurried and NOW - at < STALE_MICROSECONDS // 2:
            return RECENT
        return LONG_AGO if at else NEVER

    def _caller(self, caller: Any) -> Any:
        began_at = ended_at = NEVER
        if caller.phase is self.parties.PLAYING:
            began_at = Instant(NOW - caller.script[0].duration_ms * 1000)
        if caller.phase is self.parties.COUNTING:
            ended_at = RECENT
        return replace(
            caller,
            notice=1,
            question=min(caller.question, 1),
            began_at=began_at,
            ended_at=ended_at,
            packets_before=0,
            heard=tuple(_heard(one) for one in caller.heard),
            told_at=LONG_AGO if caller.told_at else NEVER,
            failure=caller.failure and self._failure(caller.failure),
        )

    @staticmethod
    def _failure(reason: Reason) -> Reason:
        """Of the reasons why somebody is not told only one forbids to ask them again."""
        return reason if reason is Reason.OBJECTED else Reason.ANNOUNCEMENT_FAILED

    def _track(self, track: Any, token: int) -> Any:
        key = self._key(track)
        return replace(
            track,
            segment=key[0],
            party=key[1],
            token=token,
            monitor=track.monitor and monitor(key),
            began_at=None,
            origin=None,
            ambiguous=False,
            failure=track.failure and Reason.CAPTURE_FAILED,
        )

    def _timers(self) -> dict[f.Timer, int]:
        """Return the timers whose ringing can still mean something, with tokens as small as what they ask about."""
        room, phase = self.turn.room, self.turn.room.caller.phase
        kept: dict[f.Timer, int] = {}
        for timer, token in self.turn.timers.items():
            match timer:
                case f.Timer.ANSWER if phase is self.parties.ANSWERING:
                    kept[timer] = 1
                case f.Timer.INSPECTION if phase in {self.parties.MEASURING, self.parties.COUNTING}:
                    kept[timer] = int(token == room.caller.question)
                case f.Timer.ANNOUNCEMENT if phase in {self.parties.ASKED, self.parties.PLAYING}:
                    kept[timer] = -1 if token < 0 else 1
                case f.Timer.CAPTURE if not room.released:
                    kept[timer] = 1
                case f.Timer.MAX_HOURS if not room.closed:
                    kept[timer] = 1
                case f.Timer.SETTLING if room.restless and token == room.restless:
                    kept[timer] = LONG_AGO
                case f.Timer.CLOSING:
                    kept[timer] = 0
                case _:
                    pass
        return kept


def _heard(notice: ev.NoticePlayed) -> ev.NoticePlayed:
    playback = BEFORE if notice.playback == BEFORE else ""
    return replace(notice, at=LONG_AGO, began_at=LONG_AGO, playback=playback, packets_expected=0, packets_sent=0)
