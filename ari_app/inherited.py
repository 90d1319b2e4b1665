"""Calls that outlived their gate, or its connections: whose recording goes on, and whose does not.

A dead run's journal is continued at its end. If it proves that the call's owner was told, the call is ours from then
on: closed, but it hears of everything. Once Asterisk has said that its channel is still the one that was told, and who
objected or paused meanwhile, the recording goes on with its next segment. After a lost connection it is the same.
"""

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from . import clock, log
from .adapters.journal import Journalist
from .core import evidence as ev
from .core import facts as f
from .core import restored as rs
from .core.facts import Standing
from .core.names import MICROSECONDS, ChannelId, Instant, RecordingId, UnsafeNameError, recording_id
from .core.policy import Policy
from .core.reasons import Reason
from .core.restored import Restored
from .core.room import Room
from .dispatcher import Dispatcher
from .executor import Executor, Phone
from .journals import leftovers
from .layout import JOURNAL, Layout
from .opening import Call

_log = log.get("gate")


@dataclass(frozen=True, slots=True)
class Inherited:
    """A call that a dead run left open. `restored`: its room, if it may live on."""

    recording: RecordingId
    channel: ChannelId
    ending: tuple[ev.Entry, ...]
    over: bool
    restored: Restored | None = None


def inherit(layout: Layout, journalist: Journalist, rules: Policy) -> list[Inherited]:
    """Take over the journals of dead runs, each at its end. Before the journalist starts."""
    found = []
    for recording, text in leftovers(layout):
        if not text and _removed(layout.calls / recording):
            continue
        try:
            recording_id(recording)
            entries, previous = ev.read(text)
            opened = _opened(entries)
        except (ev.DamagedJournalError, UnsafeNameError) as damage:
            # Never sealed, so never shipped; kept where an administrator will be shown it.
            (layout.calls / recording).rename(layout.quarantine / recording)
            _log.error("call.quarantined", recording=recording, why=str(damage))
            continue
        journalist.resume(recording, previous, text.rfind(b"\n") + 1)
        over = any(isinstance(entry, ev.Ended) for entry in entries)
        room = rs.restore(entries, rules.lines.get(opened.line)) if opened.recording == recording else None
        ending = () if over else (*_ending(entries), *_going_on(room, journalist))
        found.append(Inherited(recording, ChannelId(opened.channel), ending, over, room))
    return found


def _removed(folder: Path) -> bool:
    """Remove the folder of a call of which not a word was written; tell whether it was no more than that.

    Nobody was told on the strength of it, and nothing captured. Who called is let pass or told by whoever comes now.
    """
    try:
        if [one.name for one in folder.iterdir()] == [JOURNAL]:
            (folder / JOURNAL).unlink()
        folder.rmdir()
    except OSError:
        return False
    return True


def _opened(entries: list[ev.Entry]) -> ev.Opened:
    if not entries or not isinstance(entries[0], ev.Opened):
        raise ev.DamagedJournalError("it does not begin with the call")
    return entries[0]


def _ending(entries: list[ev.Entry]) -> tuple[ev.Entry, ...]:
    """What a dead run did not live to write. Its heartbeats end before, so nothing more is covered by this."""
    granted = {entry.permit for entry in entries if isinstance(entry, ev.PermitGranted)}
    revoked = {entry.permit for entry in entries if isinstance(entry, ev.PermitRevoked)}
    reason, now = Reason.GATE_RESTARTED, clock.now()
    return tuple(ev.PermitRevoked(at=now, permit=one, reason=reason) for one in sorted(granted - revoked))


def _going_on(room: Restored | None, journalist: Journalist) -> tuple[ev.Entry, ...]:
    now = clock.now()
    if room is None:
        return (ev.NotRecorded(at=now, reason=Reason.GATE_RESTARTED),)
    return (ev.TakenOver(at=now, run=journalist.run),)


def take_up(inherited: Collection[Inherited], dispatcher: Dispatcher) -> None:
    """Make calls of those that may live on: they hear from the first event on, and nothing is captured yet."""
    for one in inherited:
        if one.ending:
            dispatcher.note(one.recording, *one.ending)
        if one.restored is None:
            continue
        room = replace(one.restored.room, space=dispatcher.opening.space)
        call = dispatcher.calls[one.recording] = Call(room, chosen_at=one.restored.chosen_at)
        dispatcher.by_channel[one.channel] = one.recording
        for other in room.others:
            dispatcher.tracked.setdefault(other.channel, set()).add(one.recording)
        for endpoint in room.lit:
            # As the dead gate may have left it; what is so now is shown with the next that is heard.
            dispatcher.lamps.turn(one.recording, endpoint, lit=True)
        dispatcher.whereabouts.doubted.add(one.channel)
        dispatcher.whereabouts.own(one.recording, room)
        if one.restored.wake is not None:
            dispatcher.order(one.recording, call, one.restored.wake, [])


def settle(
    inherited: list[Inherited], dispatcher: Dispatcher, there: Collection[str], stranded: list[ChannelId]
) -> None:
    """Seal what is over; follow what goes on to its hang-up, so that the record says when the call ended."""
    now = clock.now()
    for one in inherited:
        call = dispatcher.calls.get(one.recording)
        # Whoever is announced to afresh is a new record; the old one ends here.
        here = one.channel in there and one.channel not in stranded and not one.over
        if call is not None:
            if here:
                continue
            dispatcher.close(one.recording, call)
        elif here:
            dispatcher.passing.recordings[one.channel] = one.recording
            continue
        elif one.restored is not None:
            # It was hung up, or let pass, before we came to it.
            continue
        if not one.over:
            dispatcher.note(one.recording, ev.Ended(at=now, reason=None))
        dispatcher.sealing.add(now, one.recording)


# -- who is still who they were


@dataclass(frozen=True, slots=True)
class Doubted:
    """A call that nobody watched for a while, and what its channel says now."""

    recording: RecordingId
    call: Call
    owns: str | None
    objected: bool

    @property
    def channel(self) -> ChannelId:
        return self.call.room.caller.channel


def _may_live_on(room: Room) -> bool:
    told = room.caller.standing in {Standing.TOLD, Standing.OBJECTED}
    return told and room.released and room.gone_at is None


async def doubted(dispatcher: Dispatcher, executor: Executor) -> list[Doubted]:
    """Return the calls that nobody watched for a while and that might live on, the oldest first."""
    calls = [
        (recording, call)
        for recording, call in sorted(dispatcher.calls.items())
        if call.room.caller.channel in dispatcher.whereabouts.doubted and _may_live_on(call.room)
    ]
    answers = await asyncio.gather(*(executor.owner(call.room.caller.channel) for _, call in calls))
    found = zip(calls, answers, strict=True)
    return [Doubted(*one, *(answer if answer is not None else (None, True))) for one, answer in found]


def recognise(
    calls: list[Doubted],
    dispatcher: Dispatcher,
    names: Mapping[ChannelId, str],
    phones: Mapping[ChannelId, Phone],
    at: Instant,
) -> None:
    """Let the recordings go on whose owners are who they were. names: of every channel, as it was at that instant."""
    now = clock.now()
    known = []
    for one in calls:
        if dispatcher.calls.get(one.recording) is not one.call or not _may_live_on(one.call.room):
            continue
        if names.get(one.channel) != one.call.room.opened.channel_name or one.owns != one.recording:
            _let_pass(one, dispatcher)
            continue
        known.append(one)
        dispatcher.whereabouts.doubted.discard(one.channel)
        dispatcher.whereabouts.own(one.recording, one.call.room)
    for one in known:
        if one.objected and one.call.room.caller.standing is Standing.TOLD:
            dispatcher.hear(one.recording, f.Objected(at=now, seen_at=now, channel=one.channel))
        # Of an owner's objection their own recording knows: for the others it is no pause.
        objectors = {other.channel for other in calls if other.objected}
        near = (phones.get(near) for near in dispatcher.whereabouts.room_of(one.channel) - objectors)
        marks = [mark for phone in near if phone for mark in phone.marks]
        mark = rs.latest(one.call.chosen_at, marks)
        if mark is not None and mark.paused is not one.call.room.paused:
            by = next(who for who, phone in phones.items() if mark in phone.marks)
            if mark.paused:
                since = Instant(mark.second * MICROSECONDS)
                dispatcher.hear(one.recording, f.Paused(at=now, seen_at=now, cause=mark.cause, by=by, since=since))
            else:
                dispatcher.hear(one.recording, f.Resumed(at=now, seen_at=now, cause=mark.cause, by=by))
        one.call.around = None
        dispatcher.look_around({one.channel}, at)
    for one in known:
        dispatcher.hear(one.recording, f.Recognised(at=at, seen_at=now))
    if known:
        _log.info("calls.continued", calls=len(known))


def _let_pass(one: Doubted, dispatcher: Dispatcher) -> None:
    """Follow a call to its end without a recording: somebody else may be there now."""
    _log.warning("call.not_recognised", recording=one.recording, hint="It goes on, and is not recorded any more.")
    if one.call.room.closed is Reason.GATE_RESTARTED:
        dispatcher.close(one.recording, one.call)
        dispatcher.note(one.recording, ev.NotRecorded(at=clock.now(), reason=Reason.GATE_RESTARTED))
        dispatcher.passing.recordings[one.channel] = one.recording
