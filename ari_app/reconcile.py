"""After every (re)connect: compare what Asterisk holds with what we believe, and settle the difference.

A restarted gate believes nothing: it stops every capture that writes into our spool and is not its own, announces
afresh to whoever is stranded in our application, and seals what its dead predecessors left. Captures of others
are never touched.
"""

import asyncio
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from . import clock, log
from . import translation as t
from .adapters.ari import Ari
from .adapters.journal import Journalist
from .core import evidence as ev
from .core import facts as f
from .core.names import (
    BridgeId,
    ChannelId,
    Instant,
    RecordingId,
    UnsafeNameError,
    channel_id,
    endpoint_of,
    recording_id,
)
from .core.reasons import Reason
from .dispatcher import Dispatcher
from .executor import Executor
from .journals import leftovers
from .layout import Layout

LISTENING = ("ChanSpy", "ExtenSpy")
"""Applications by which somebody hears a channel that is in no room with them."""

_log = log.get("gate")


@dataclass(frozen=True, slots=True)
class Inherited:
    """A call that a dead run left open: its journal is continued by us, its channel may still be in a call."""

    recording: RecordingId
    channel: ChannelId
    ending: tuple[ev.Entry, ...]
    over: bool


def inherit(layout: Layout, journalist: Journalist) -> list[Inherited]:
    """Take over the journals of dead runs, each at its end. Before the journalist starts."""
    found = []
    for recording, text in leftovers(layout):
        try:
            recording_id(recording)
            entries, previous = ev.read(text)
            channel = _channel_of(entries)
        except (ev.DamagedJournalError, UnsafeNameError) as damage:
            # Never sealed, so never shipped; kept where an administrator will be shown it.
            (layout.calls / recording).rename(layout.quarantine / recording)
            _log.error("call.quarantined", recording=recording, why=str(damage))
            continue
        journalist.resume(recording, previous, text.rfind(b"\n") + 1)
        over = any(isinstance(entry, ev.Ended) for entry in entries)
        found.append(Inherited(recording, channel, () if over else _ending(entries), over))
    return found


def _channel_of(entries: list[ev.Entry]) -> ChannelId:
    if not entries or not isinstance(entries[0], ev.Opened):
        raise ev.DamagedJournalError("it does not begin with the call")
    return ChannelId(entries[0].channel)


def _ending(entries: list[ev.Entry]) -> tuple[ev.Entry, ...]:
    """What a dead run did not live to write. Its heartbeats end before, so nothing more is covered by this."""
    now = clock.now()
    granted = {entry.permit for entry in entries if isinstance(entry, ev.PermitGranted)}
    revoked = {entry.permit for entry in entries if isinstance(entry, ev.PermitRevoked)}
    return (
        *(ev.PermitRevoked(at=now, permit=one, reason=Reason.GATE_RESTARTED) for one in sorted(granted - revoked)),
        ev.NotRecorded(at=now, reason=Reason.GATE_RESTARTED),
    )


def _settle_inherited(
    inherited: list[Inherited], dispatcher: Dispatcher, there: set[str], stranded: list[ChannelId]
) -> None:
    """Seal what is over; follow what goes on to its hang-up, so that the record says when the call ended."""
    now = clock.now()
    for one in inherited:
        if one.ending:
            dispatcher.note(one.recording, *one.ending)
        # Whoever is announced to afresh is a new record; the old one ends here.
        if one.channel in there and one.channel not in stranded and not one.over:
            dispatcher.passing.recordings[one.channel] = one.recording
            continue
        if not one.over:
            dispatcher.note(one.recording, ev.Ended(at=now, reason=None))
        dispatcher.sealing.add(now, one.recording)
    inherited.clear()


def found_in(
    bridges: Iterable[Mapping[str, Any]], channels: Iterable[Mapping[str, Any]], at: Instant
) -> Iterator[t.BridgeChange]:
    """Yield who is in which bridge, from ARI's lists, as if they entered when we asked (`at`)."""
    endpoints = {str(one["id"]): endpoint_of(str(one["name"])) for one in channels}
    for bridge in bridges:
        kind = t.kind_of(str(bridge["bridge_class"]), str(bridge["creator"]))
        for channel in bridge["channels"]:
            # Somebody in the one list and not in the other has come or gone meanwhile, and events say so.
            if channel in endpoints:
                name, count = BridgeId(str(bridge["id"])), len(bridge["channels"])
                yield t.BridgeChange(at, name, kind, ChannelId(str(channel)), endpoints[channel], True, count)


async def _find(
    dispatcher: Dispatcher,
    executor: Executor,
    bridges: list[dict[str, Any]],
    channels: list[dict[str, Any]],
    asked_at: Instant,
) -> None:
    """Learn who is where, who holds, and who listens: no event will say so again."""
    found = list(found_in(bridges, channels, asked_at))
    phones = [one for one in found if one.endpoint.startswith("PJSIP/")]
    holding = await executor.holding([one.channel for one in phones])
    for one in channels:
        if one["dialplan"]["app_name"] in LISTENING:
            dispatcher.whereabouts.lurks(ChannelId(str(one["id"])), endpoint_of(str(one["name"])))
    for change in found:
        dispatcher.moved(change)
    for change in phones:
        # Whether it held before nobody can say, so it did: two lines of one telephone may be joined in it.
        for begins in (True,) if change.channel in holding else (True, False):
            dispatcher.moved(t.HoldChange(asked_at, change.channel, change.endpoint, music=False, begins=begins))


async def settle(
    ari: Ari, layout: Layout, dispatcher: Dispatcher, executor: Executor, inherited: list[Inherited]
) -> None:
    """Make Asterisk and us agree. Called when both connections are up, before anything new is permitted.

    inherited: what dead runs left open; emptied once it is settled.
    """
    asked_at = clock.now()
    bridges, channels, stranded = await ari.bridges(), await ari.channels(), await ari.stranded()
    if bridges is None or channels is None or stranded is None:
        return
    await _find(dispatcher, executor, bridges, channels, asked_at)
    there = {str(one["id"]): one for one in channels}
    await _stop_strangers(layout, dispatcher, executor, set(there))
    _settle_inherited(inherited, dispatcher, set(there), stranded)
    now = clock.now()
    for recording, call in list(dispatcher.calls.items()):
        if call.room.caller.channel not in there:
            gone = f.HungUp(at=now, seen_at=now, channel=call.room.caller.channel)
            dispatcher.hear(recording, gone)
    for channel in dispatcher.passing.channels():
        gone = f.HungUp(at=now, seen_at=now, channel=channel)
        if channel not in there and (over := dispatcher.passing.over(gone)):
            dispatcher.sealing.add(now, over)
    for one in stranded:
        _adopt(dispatcher, there.get(one))


def _adopt(dispatcher: Dispatcher, found: dict[str, Any] | None) -> None:
    if found is None:
        return
    try:
        channel = channel_id(str(found["id"]))
    except UnsafeNameError:
        return
    arguments = tuple(str(found["dialplan"].get("app_data", "")).split(",")[1:])
    arrived = t.Arrived(
        clock.now(), channel, endpoint_of(str(found["name"])), str(found["caller"]["number"]), arguments
    )
    _log.info("call.adopted")
    dispatcher.arrived(arrived, adopted=True)


async def _stop_strangers(layout: Layout, dispatcher: Dispatcher, executor: Executor, there: set[str]) -> None:
    """Stop captures that write into our spool and belong to no running call of this run."""
    keep = {
        layout.audio_of(recording) / track.file
        for recording, call in dispatcher.calls.items()
        if call.room.permit is not None
        for track in call.room.tracks
    }
    counts = await asyncio.gather(*(executor.stop_strangers(ChannelId(one), keep) for one in there))
    if any(counts):
        _log.warning("capture.stopped_unmatched", captures=sum(counts))
    for name in layout.live.iterdir():
        try:
            stale = json.loads(name.read_bytes())["run"] != dispatcher.opening.run
        except (OSError, ValueError, KeyError):
            stale = True
        if stale:
            name.unlink(missing_ok=True)
