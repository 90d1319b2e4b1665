"""Routes what Asterisk says to the call it is about, runs the core, and hands its orders on.

It knows which channel belongs to which call and who is in which bridge; it decides nothing about telling or
capturing. All of it runs in one event loop, so a fact is handled completely before the next is looked at.
"""

import asyncio
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from . import clock, layout, log
from . import translation as t
from .adapters import journal
from .adapters.closed_files import ClosedFiles
from .bridges import Bridges
from .core import capture, names, policy, room
from .core import evidence as ev
from .core import facts as f
from .core import orders as o
from .core.names import ChannelId, Instant, RecordingId
from .core.party import Party
from .core.reasons import Reason
from .executor import Executor
from .monitors import Key, Monitors
from .numbers import Numbers

_log = log.get("gate")

MOST_NUMBER_CHARACTERS = 64


@dataclass(frozen=True, slots=True)
class Identity:
    """Who writes the evidence: this run of this version of the gate, on this node."""

    run: names.RunId
    node: str
    software: str


@dataclass(slots=True)
class _Call:
    room: room.Room
    timers: dict[f.Timer, asyncio.TimerHandle] = field(default_factory=dict)


class Dispatcher:
    """All calls of this gate."""

    def __init__(
        self,
        rules: policy.Policy,
        identity: Identity,
        numbers: Numbers,
        journalist: journal.Journalist,
        places: layout.Layout,
    ) -> None:
        self.rules, self.identity, self.numbers = rules, identity, numbers
        self.journalist, self.places = journalist, places
        self.executor: Executor | None = None
        self.asterisk = "unknown"
        self.closed_files = ClosedFiles(self._file_closed)
        self.calls: dict[RecordingId, _Call] = {}
        self.by_channel: dict[ChannelId, RecordingId] = {}
        self.passing: dict[ChannelId, RecordingId] = {}
        self.bridges = Bridges(rules.staff)
        self.monitors = Monitors()
        self.gone: dict[ChannelId, Instant] = {}
        """Hung up by AMI's word before ARI's told us of them: a gate that thaws reads one stream before the other."""
        self.sealing: list[tuple[Instant, RecordingId]] = []

    # -- calls begin

    def arrived(self, seen: t.Arrived, *, adopted: bool = False) -> None:
        """A channel is in our application: make it a call, or send it on if it has been one."""
        recording = self.by_channel.get(seen.channel)
        if recording is None:
            recording = self.open(seen, adopted=adopted)
        entered = f.Entered(at=seen.at, seen_at=clock.now(), channel=seen.channel, adopted=adopted)
        self.hear(recording, entered)
        if self.monitors.stranger_on(seen.channel):
            self.hear(recording, f.ForeignCaptureSeen(at=seen.at, seen_at=clock.now(), channel=seen.channel))
        if seen.channel in self.gone:
            hung_up = f.HungUp(at=self.gone.pop(seen.channel), seen_at=clock.now(), channel=seen.channel)
            self.hear(recording, hung_up)

    def open(self, seen: t.Arrived, *, adopted: bool) -> RecordingId:
        """Make a call of an incoming channel."""
        name = seen.arguments[1] if len(seen.arguments) > 1 else ""
        line = self.rules.lines.get(name)
        opened = self._opened(seen.at, seen.channel, "incoming", line, name, seen.number)
        caller = Party(
            names.party_id(1),
            seen.channel,
            seen.endpoint,
            f.Side.OUTSIDE,
            script=line.announcements if line else (),
            # An adopted channel's first numbers belong to the dead gate's playbacks, which are stopped by name.
            notice=10 if adopted else 1,
        )
        self.calls[opened.recording] = _Call(room.Room(opened, line, caller))
        self.by_channel[seen.channel] = opened.recording
        return opened.recording

    def _opened(
        self, at: Instant, channel: ChannelId, direction: str, line: policy.Line | None, name: str, number: str
    ) -> ev.Opened:
        number = number[:MOST_NUMBER_CHARACTERS]
        return ev.Opened(
            at=at,
            recording=RecordingId(names.mint(at, os.urandom(10))),
            run=self.identity.run,
            node=self.identity.node,
            # An unknown line's name came with the call: the dialplan's filter has left it letters and digits.
            line=line.name if line else name[:40],
            mode=line.mode.value if line else "",
            capture=line.capture.value if line else "",
            direction=direction,
            channel=channel,
            number=self.numbers.encrypt(number) if number else None,
            number_hash=self.numbers.hash(number) if number else None,
            policy_sha256=self.rules.sha256,
            software=self.identity.software,
            asterisk=self.asterisk,
        )

    def pass_by(self, opened: ev.Opened, reason: Reason) -> None:
        """Keep a record of a call that does not come to us at all."""
        if opened.channel in self.passing or opened.channel in self.by_channel:
            return
        self.passing[ChannelId(opened.channel)] = opened.recording
        self.note(opened.recording, opened, ev.NotRecorded(at=opened.at, reason=reason))

    def passed_by(self, fact: f.HungUp) -> None:
        """A call that we only keep a record of is over."""
        recording = self.passing.pop(fact.channel, None)
        if recording is not None:
            self.note(recording, ev.Ended(at=fact.at, reason=None))
            self.sealing.append((fact.at, recording))

    # -- what Asterisk says

    def on_ari(self, event: Mapping[str, Any]) -> t.Marker | t.Replaced | None:
        """Handle one ARI event; return what concerns the gate as a whole."""
        try:
            seen = t.from_ari(event, clock.now())
        except names.UnsafeNameError as unsafe:
            _log.warning("call.unsafe_channel_id", why=str(unsafe))
            return None
        match seen:
            case None:
                return None
            case t.Marker() | t.Replaced():
                return seen
            case t.Arrived():
                self.arrived(seen)
            case t.BridgeChange() | t.MonitorChange() | t.Dialled() | t.NeverLine():
                pass
            case _:
                self._about_channel(seen)
        return None

    def on_ami(self, message: Mapping[str, Any]) -> t.Marker | None:
        """Handle one AMI event; return what concerns the gate as a whole. Raises UnstampedError."""
        seen = t.from_ami(message, clock.now())
        match seen:
            case t.Marker():
                return seen
            case t.BridgeChange():
                self._bridge(seen)
            case t.MonitorChange():
                self._monitor(seen)
            case t.Dialled() if seen.endpoint in self.rules.staff and seen.target in self.rules.trunks:
                opened = self._opened(seen.at, seen.channel, "outgoing", None, "", seen.number)
                self.pass_by(opened, Reason.OUTGOING_NOT_GATED)
            case t.NeverLine():
                line = self.rules.lines.get(seen.line)
                self.pass_by(
                    self._opened(seen.at, seen.channel, "incoming", line, seen.line, seen.number), Reason.LINE_NEVER
                )
            case None | t.Arrived() | t.Replaced() | t.Dialled():
                pass
            case _:
                self._about_channel(seen)
        return None

    def _about_channel(self, fact: f.Fact) -> None:
        channel: ChannelId = getattr(fact, "channel", ChannelId(""))
        if isinstance(fact, f.HungUp):
            self.passed_by(fact)
            self.monitors.gone(channel)
        recording = self.by_channel.get(channel)
        if recording is not None:
            self.hear(recording, fact)
        elif isinstance(fact, f.HungUp):
            self.gone[channel] = fact.at

    def _bridge(self, seen: t.BridgeChange) -> None:
        fact = self.bridges.change(seen, clock.now())
        if not seen.entered and (left := self.by_channel.get(seen.channel)):
            self.hear(left, f.LeftBridge(at=seen.at, seen_at=fact.seen_at, channel=seen.channel))
        for recording in {self.by_channel[one.channel] for one in fact.members if one.channel in self.by_channel}:
            self.hear(recording, fact)

    def _monitor(self, seen: t.MonitorChange) -> None:
        if not seen.began:
            return
        now = clock.now()
        key = self.monitors.began(seen.channel)
        if key is not None:
            recording, segment, party = key
            self.hear(recording, f.CaptureBegan(at=seen.at, seen_at=now, segment=segment, party=party, ambiguous=False))
            return
        stranger = self.by_channel.get(seen.channel)
        if stranger is None:
            return
        _log.warning("capture.foreign", recording=stranger, hint="A MixMonitor that is not ours began on this call.")
        self.hear(stranger, f.ForeignCaptureSeen(at=seen.at, seen_at=now, channel=seen.channel))
        mine = self.monitors.latest(seen.channel)
        if mine is not None and self._unanswered(mine):
            recording, segment, party = mine
            self.hear(recording, f.CaptureBegan(at=seen.at, seen_at=now, segment=segment, party=party, ambiguous=True))

    def _unanswered(self, key: Key) -> bool:
        """Whether Asterisk has not confirmed this capture yet, so that any start seen now might be its own."""
        call = self.calls.get(key[0])
        return call is not None and any(
            (track.segment, track.party) == key[1:] and track.phase is capture.Phase.STARTING
            for track in call.room.tracks
        )

    def _file_closed(self, recording: RecordingId, file: str) -> None:
        track = names.parse_track_file(file)
        if track is not None:
            now = clock.now()
            self.hear(recording, f.FileClosed(at=now, seen_at=now, segment=track[0], party=track[1]))

    # -- the core

    def hear(self, recording: RecordingId, fact: f.Fact) -> None:
        """Let the core decide about one fact of one call, and do what it orders."""
        call = self.calls.get(recording)
        if call is None:
            return
        before = call.room
        call.room, orders = room.step(before, fact)
        for party in call.room.house[len(before.house) :]:
            self.by_channel[party.channel] = recording
        ended = {track.token for track in before.tracks if track.phase is capture.Phase.ENDED}
        remote: list[o.Order] = []
        for order in orders:
            self._order(recording, call, order, remote)
        for track in call.room.tracks:
            if track.phase is capture.Phase.ENDED and track.token not in ended:
                self.journalist.submit(journal.Forget(track.channel))
                self.monitors.over(track.channel, (recording, track.segment, track.party))
        if remote and self.executor:
            self.executor.carry_out(recording, remote)

    def _order(self, recording: RecordingId, call: _Call, order: o.Order, remote: list[o.Order]) -> None:
        match order:
            case o.Note(entries=entries):
                self.note(recording, *entries)
            case o.Attest():
                self._attest(recording, order)
            case o.WakeAt(at=at, timer=timer, token=token):
                delay = max(0, at - clock.now()) / names.MICROSECONDS
                loop = asyncio.get_running_loop()
                # Each kind asks about the present step: one that is set anew has no older question left.
                if timer in call.timers:
                    call.timers[timer].cancel()
                call.timers[timer] = loop.call_later(delay, self._wake, recording, timer, token)
            case o.Seal(at=at):
                self.sealing.append((at, recording))
                self._close(recording, call)
            case o.Report(what=what):
                _log.debug("call.fact_ignored", recording=recording, what=what)
            case o.Inspect(question=1):
                # The first of two: seconds before anybody waits for the journal.
                self.journalist.submit(journal.Prepare(recording))
                remote.append(order)
            case o.StartCapture(channel=channel, segment=segment, party=party):
                self.monitors.ask(channel, (recording, segment, party))
                remote.append(order)
            case _:
                remote.append(order)

    def _wake(self, recording: RecordingId, timer: f.Timer, token: int) -> None:
        now = clock.now()
        self.hear(recording, f.Woke(at=now, seen_at=now, timer=timer, token=token))

    def note(self, recording: RecordingId, *entries: ev.Entry) -> None:
        """Append entries to a call's journal, in order, without waiting."""
        self.journalist.submit(journal.Append(recording, entries))

    def _attest(self, recording: RecordingId, order: o.Attest) -> None:
        loop = asyncio.get_running_loop()
        asked_at = clock.now()

        def answer(ok: bool, why: str) -> None:
            now = clock.now()
            if ok:
                try:
                    self.closed_files.watch(recording, self.places.audio_of(recording))
                except OSError as failure:
                    ok, why = False, f"inotify: {failure}"
            if not ok:
                _log.error("journal.refused", recording=recording, why=why)
            self.hear(recording, f.Attested(at=asked_at, seen_at=now, token=order.token, ok=ok))

        def done(ok: bool, why: str) -> None:
            loop.call_soon_threadsafe(answer, ok, why)

        self.journalist.submit(journal.Append(recording, order.entries, order.live, done))

    def _close(self, recording: RecordingId, call: _Call) -> None:
        for timer in call.timers.values():
            timer.cancel()
        del self.calls[recording]
        for party in (call.room.caller, *call.room.house):
            if self.by_channel.get(party.channel) == recording:
                del self.by_channel[party.channel]
        self.closed_files.forget(recording)
        last = call.room
        _log.info("call.ended", recording=recording, line=last.opened.line, recorded=last.recorded, reason=last.closed)

    def seal_until(self, consumed_at: Instant) -> None:
        """Hand to ship every finished call whose end is covered by a heartbeat."""
        # Both streams are read up to here: whoever was gone by then does not arrive any more.
        self.gone = {channel: at for channel, at in self.gone.items() if at > consumed_at}
        ready = [one for one in self.sealing if one[0] <= consumed_at]
        self.sealing = [one for one in self.sealing if one[0] > consumed_at]
        for at, recording in ready:
            self.journalist.submit(journal.SealCall(recording, self._sealed(at, recording)))

    def _sealed(self, at: Instant, recording: RecordingId) -> journal.Answered:
        loop = asyncio.get_running_loop()

        def done(ok: bool, why: str) -> None:
            if not ok:
                _log.error("call.not_sealed", recording=recording, why=why)
                loop.call_soon_threadsafe(self.sealing.append, (at, recording))

        return done
