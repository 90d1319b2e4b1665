"""After every (re)connect: compare what Asterisk holds with what we believe, and settle the difference.

A restarted gate believes only what its dead predecessors have proved: it stops every capture that writes into our spool
and is not its own, goes on with the calls whose owners are who they were, announces afresh to whoever is stranded in
our application, and seals what is over. Captures of others are never touched.
"""

import asyncio
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from . import clock, log
from . import inherited as inherited_calls
from . import translation as t
from .adapters.ari import Ari
from .core import facts as f
from .core.names import BridgeId, ChannelId, Instant, UnsafeNameError, channel_id, endpoint_of
from .dispatcher import Dispatcher
from .executor import Executor
from .layout import Layout

LISTENING = ("ChanSpy", "ExtenSpy")
"""Applications by which somebody hears a channel that is in no room with them."""

_log = log.get("gate")


VOICEMAIL = frozenset({"VoiceMail", "MinivmRecord"})
SILENT = frozenset({"Wait", "WaitExten", "Playback", "BackGround", "Read", "Echo", ""})
"""In any other application somebody who is alone may be hearing music, which Asterisk does not say when it is asked."""


def _listens(channel: Mapping[str, Any]) -> bool:
    return channel["dialplan"].get("app_name") in LISTENING or str(channel["name"]).startswith("Snoop/")


def _listen_in(
    calls: list[inherited_calls.Doubted], dispatcher: Dispatcher, there: dict[str, dict[str, Any]], at: Instant
) -> None:
    """Presume that owners who are alone hear music, or leave a message, where their application may let them."""
    for one in calls:
        topology = dispatcher.whereabouts.topology
        wire = topology.wires.get(one.channel)
        bridge = wire.bridge if wire is not None else None
        if one.channel not in there or (bridge is not None and len(topology.inside(bridge)) > 1):
            continue
        endpoint = one.call.room.caller.endpoint
        application = str(there[one.channel]["dialplan"].get("app_name", ""))
        if application in VOICEMAIL:
            dispatcher.moved(t.LeavesMessage(at, one.channel, endpoint))
        elif application not in SILENT or bridge is not None:
            dispatcher.whereabouts.presumed.add(one.channel)
            dispatcher.moved(t.HoldChange(at, one.channel, endpoint, music=True, begins=True))


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


async def settle(
    ari: Ari, layout: Layout, dispatcher: Dispatcher, executor: Executor, inherited: list[inherited_calls.Inherited]
) -> None:
    """Make Asterisk and us agree. Called when both connections are up, before anything new is permitted.

    inherited: what dead runs left open; emptied once it is settled.
    """
    asked_at = clock.now()
    bridges, channels, stranded = await asyncio.gather(ari.bridges(), ari.channels(), ari.stranded())
    if bridges is None or channels is None or stranded is None:
        return
    there = {str(one["id"]): one for one in channels}
    left = dispatcher.whereabouts.left
    found = [one for one in found_in(bridges, channels, asked_at) if left.get(one.channel, Instant(0)) < asked_at]
    for one in channels:
        if _listens(one):
            dispatcher.whereabouts.lurks(ChannelId(str(one["id"])), endpoint_of(str(one["name"])))
    for change in found:
        dispatcher.moved(change)
    pjsip = [one for one in found if one.endpoint.startswith("PJSIP/")]
    # Only now: who presses a key from here on is heard, for we know whose room they are in.
    phones, calls, _ = await asyncio.gather(
        executor.phones([one.channel for one in pjsip]),
        inherited_calls.doubted(dispatcher, executor),
        _stop_strangers(layout, dispatcher, executor, set(there)),
    )
    for change in pjsip:
        # Whether it held before nobody can say, so it did: two lines of one telephone may be joined in it.
        for begins in (True,) if phones[change.channel].holds else (True, False):
            dispatcher.moved(t.HoldChange(asked_at, change.channel, change.endpoint, music=False, begins=begins))
    _listen_in(calls, dispatcher, there, asked_at)
    inherited_calls.settle(inherited, dispatcher, there, stranded)
    inherited.clear()
    names = {ChannelId(one): str(channel["name"]) for one, channel in there.items()}
    inherited_calls.recognise(calls, dispatcher, names, phones, asked_at)
    _hang_up_the_gone(dispatcher, set(there))
    for one in stranded:
        _adopt(dispatcher, there.get(one))


def _hang_up_the_gone(dispatcher: Dispatcher, there: set[str]) -> None:
    now = clock.now()
    for recording, call in list(dispatcher.calls.items()):
        if call.room.caller.channel not in there:
            gone = f.HungUp(at=now, seen_at=now, channel=call.room.caller.channel)
            dispatcher.hear(recording, gone)
    for channel in dispatcher.passing.channels():
        gone = f.HungUp(at=now, seen_at=now, channel=channel)
        if channel not in there and (over := dispatcher.passing.over(gone)):
            dispatcher.sealing.add(now, over)


def _adopt(dispatcher: Dispatcher, found: dict[str, Any] | None) -> None:
    if found is None:
        return
    try:
        channel = channel_id(str(found["id"]))
    except UnsafeNameError:
        return
    arguments = tuple(str(found["dialplan"].get("app_data", "")).split(",")[1:])
    arrived = t.Arrived(
        clock.now(),
        channel,
        endpoint_of(str(found["name"])),
        str(found["caller"]["number"]),
        arguments,
        str(found["name"]),
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
