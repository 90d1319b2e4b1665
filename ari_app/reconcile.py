"""After every (re)connect: compare what Asterisk holds with what we believe, and settle the difference.

A restarted gate believes nothing: it stops every capture that writes into our spool and is not its own, announces
afresh to whoever is stranded in our application, and seals what its dead predecessors left. Captures of others
are never touched.
"""

import asyncio
import json
from typing import Any

from . import clock, log
from . import translation as t
from .adapters.ari import Ari
from .adapters.journal import Append, Journalist, SealCall, leftovers
from .core import evidence as ev
from .core import facts as f
from .core.names import ChannelId, RecordingId, UnsafeNameError, channel_id, endpoint_of, recording_id
from .core.reasons import Reason
from .dispatcher import Dispatcher
from .executor import Executor
from .layout import Layout

_log = log.get("gate")


def take_over_journals(layout: Layout, journalist: Journalist) -> list[RecordingId]:
    """Continue the journals of dead runs, each to its end, and return their calls. Before the journalist starts."""
    found = []
    for recording, text in leftovers(layout):
        try:
            recording_id(recording)
            entries, previous = ev.read(text)
        except (ev.DamagedJournalError, UnsafeNameError) as damage:
            # Never sealed, so never shipped; kept where an administrator will be shown it.
            (layout.calls / recording).rename(layout.quarantine / recording)
            _log.error("call.quarantined", recording=recording, why=str(damage))
            continue
        if not entries:
            continue
        journalist.resume(recording, previous, text.rfind(b"\n") + 1)
        found.append(recording)
        now = clock.now()
        tail = _ending(entries)
        journalist.submit(Append(recording, (*tail, ev.Ended(at=now, reason=None)) if tail else ()))
        journalist.submit(SealCall(recording, lambda ok, why: None if ok else _log.error("call.not_sealed", why=why)))
    return found


def _ending(entries: list[ev.Entry]) -> tuple[ev.Entry, ...]:
    """What a dead run did not live to write. Its heartbeats end before, so nothing more is covered by this."""
    if isinstance(entries[-1], ev.Ended):
        return ()
    now = clock.now()
    granted = {entry.permit for entry in entries if isinstance(entry, ev.PermitGranted)}
    revoked = {entry.permit for entry in entries if isinstance(entry, ev.PermitRevoked)}
    return (
        *(ev.PermitRevoked(at=now, permit=one, reason=Reason.GATE_RESTARTED) for one in sorted(granted - revoked)),
        ev.NotRecorded(at=now, reason=Reason.GATE_RESTARTED),
    )


async def settle(ari: Ari, layout: Layout, dispatcher: Dispatcher, executor: Executor) -> None:
    """Make Asterisk and us agree. Called when both connections are up, before anything new is permitted."""
    channels = await ari.channels()
    stranded = await ari.stranded()
    if channels is None or stranded is None:
        return
    there = {str(one["id"]): one for one in channels}
    await _stop_strangers(layout, dispatcher, executor, set(there))
    now = clock.now()
    for recording, call in list(dispatcher.calls.items()):
        if call.room.caller.channel not in there:
            gone = f.HungUp(at=now, seen_at=now, channel=call.room.caller.channel)
            dispatcher.hear(recording, gone)
    for channel in list(dispatcher.passing):
        if channel not in there:
            dispatcher.passed_by(f.HungUp(at=now, seen_at=now, channel=channel))
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
        str(layout.audio_of(recording) / track.file)
        for recording, call in dispatcher.calls.items()
        if call.room.permit is not None
        for track in call.room.tracks
    }
    counts = await asyncio.gather(*(executor.stop_strangers(ChannelId(one), keep) for one in there))
    if any(counts):
        _log.warning("capture.stopped_unmatched", captures=sum(counts))
    for name in layout.live.iterdir():
        try:
            stale = json.loads(name.read_bytes())["run"] != dispatcher.identity.run
        except (OSError, ValueError, KeyError):
            stale = True
        if stale:
            name.unlink(missing_ok=True)
