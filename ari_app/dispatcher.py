"""Routes what Asterisk says to the recordings it is about, runs the core, and hands its orders on.

It knows which channel belongs to which recording; it decides nothing about telling or capturing. All of it runs in
one event loop, so a fact is handled completely before the next is looked at.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from . import clock, layout, log
from . import translation as t
from .adapters import journal
from .adapters.closed_files import ClosedFiles
from .core import capture, names, policy, room
from .core import evidence as ev
from .core import facts as f
from .core import orders as o
from .core.names import ChannelId, Instant, RecordingId
from .core.reasons import Reason
from .executor import Executor
from .lamps import Lamps
from .monitors import Monitors
from .numbers import Numbers
from .opening import Call, Identity, Opening, begun
from .passing import Passing
from .sealing import Sealing
from .sequences import Sequences
from .whereabouts import Whereabouts

_log = log.get("gate")


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
        self.rules, self.journalist, self.places = rules, journalist, places
        self.executor: Executor | None = None
        self.opening = Opening(rules, identity, numbers)
        self.closed_files = ClosedFiles(self._file_closed)
        self.calls: dict[RecordingId, Call] = {}
        self.by_channel: dict[ChannelId, RecordingId] = {}
        """Whose recording it is."""
        self.tracked: dict[ChannelId, set[RecordingId]] = {}
        """In which recordings they are a party beside the owner."""
        self.whereabouts = Whereabouts(rules.staff, rules.trunks)
        self.passing = Passing(rules, self.opening, self.note, self.by_channel.__contains__)
        self.monitors = Monitors()
        self.lamps = Lamps()
        self.sequences = Sequences()
        self.whispers: set[ChannelId] = set()
        """Channels by which we say something to somebody who waits: nobody's, and nobody hears anything by them."""
        self.gone: dict[ChannelId, Instant] = {}
        """Hung up by AMI's word before ARI's told us of them: a gate that thaws reads one stream before the other."""
        self.sealing = Sealing(journalist)

    # -- calls begin

    def arrived(self, seen: t.Arrived, *, adopted: bool = False) -> None:
        """A channel is in our application: make it a call, or send it on if it has been one."""
        if seen.channel in self.whispers:
            return
        left_over = seen.channel.startswith(names.WHISPER)
        if left_over or (seen.arguments[:1] != ("incoming",) and seen.endpoint in self.rules.staff):
            # A dead gate's whisper; or the dialplan knows an older list of the staff: nothing is to be told to them.
            release = o.Release(seen.channel, o.Outcome.NOT_RECORDED, None, seen.arguments[:1] == ("party",))
            if self.executor:
                self.executor.carry_out(RecordingId(""), [release])
            return
        recording = self.by_channel.get(seen.channel)
        if recording is None:
            recording = self.open(seen, adopted=adopted)
        entered = f.Entered(at=seen.at, seen_at=clock.now(), channel=seen.channel, adopted=adopted)
        self.hear(recording, entered)
        # Somebody may have listened to it before it came here, or it is on hold: no event will say so again.
        self.look_around({seen.channel}, seen.at)
        if self.monitors.stranger_on(seen.channel):
            self.hear(recording, f.ForeignCaptureSeen(at=seen.at, seen_at=clock.now(), channel=seen.channel))
        if seen.channel in self.gone:
            hung_up = f.HungUp(at=self.gone.pop(seen.channel), seen_at=clock.now(), channel=seen.channel)
            self.hear(recording, hung_up)

    def open(self, seen: t.Arrived, *, adopted: bool) -> RecordingId:
        """Make a call of a channel that came to us."""
        door, name = (*seen.arguments, "", "")[:2]
        called = door == "party"
        line = self.rules.lines.get(name)
        direction = "outgoing" if called else "join" if door == "join" else "incoming"
        number = self.passing.number_of(seen.channel, seen.number)
        opened = self.opening(seen.at, seen.channel, direction, line, name, number, seen.name or None)
        self.calls[opened.recording] = Call(begun(opened, line, seen, number, self.opening.space, adopted=adopted))
        self.by_channel[seen.channel] = opened.recording
        return opened.recording

    # -- what Asterisk says

    def on_ari(self, event: Mapping[str, Any]) -> t.Marker | t.Replaced | None:
        """Handle one ARI event; return what concerns the gate as a whole."""
        try:
            seen = t.from_ari(event, clock.now())
        except names.UnsafeNameError:
            # Not the id itself: who made the channel chose it, and may have chosen a number.
            _log.warning("call.unsafe_channel_id", why="it holds more than letters, digits and . _ -")
            return None
        match seen:
            case None:
                return None
            case t.Marker() | t.Replaced():
                return seen
            case t.Arrived():
                self.arrived(seen)
            case f.Stamped():
                self._about_channel(seen)
            case _:
                pass
        return None

    def on_ami(self, message: Mapping[str, Any]) -> t.Marker | None:
        """Handle one AMI event; return what concerns the gate as a whole. Raises UnstampedError."""
        seen = t.from_ami(message, clock.now())
        match seen:
            case t.Marker():
                return seen
            case t.MonitorChange():
                self._monitor(seen)
            case t.Dialled():
                self.passing.dialled(seen)
            case t.PassedBy():
                self.passing.passed(seen)
            case t.Chosen():
                self._chosen(seen)
            case t.KeyReleased(at=at, channel=channel):
                if self.sequences.completes(seen, self._opt_out_sequence(channel)):
                    self._chosen(t.Chosen(at, channel, "objected", unanswered=True))
            case t.BridgeChange() | t.HoldChange() | t.LocalChange() | t.Spied() | t.Renamed() | t.LeavesMessage():
                self.moved(seen)
            case f.Stamped():
                self._about_channel(seen)
            case _:
                pass
        return None

    def _about_channel(self, fact: f.Fact) -> None:
        channel: ChannelId = getattr(fact, "channel", ChannelId(""))
        recording = self.by_channel.get(channel)
        if not isinstance(fact, f.HungUp):
            if recording is not None:
                self.hear(recording, fact)
            return
        over = self.passing.over(fact)
        if over is not None:
            self.sealing.add(fact.at, over)
        self.monitors.gone(channel)
        self.whispers.discard(channel)
        self.sequences.gone(channel)
        near = self.whereabouts.gone(channel)
        if recording is not None:
            self.hear(recording, fact)
        else:
            self.gone[channel] = fact.at
        self.look_around(near, fact.at)
        for one in self.tracked.pop(channel, set()):
            self.hear(one, fact)

    def moved(self, seen: t.TopologyChange) -> None:
        """Somebody is elsewhere, or holds, or hears music: every recording in the rooms concerned is told."""
        out_of_order = isinstance(seen, t.BridgeChange) and seen.channel in self.gone
        if out_of_order or (isinstance(seen, t.Spied) and seen.by in self.whispers):
            # Of who is gone nothing comes any more that would take them out of there again.
            return
        near, at = self.whereabouts.change(seen)
        if isinstance(seen, t.Renamed) and (recording := self.by_channel.get(seen.channel)):
            self.hear(recording, f.Replaced(at=seen.at, seen_at=clock.now(), channel=seen.channel))
        self.look_around(near, at)
        if isinstance(seen, t.BridgeChange) and seen.entered:
            self.passing.connected(seen.at, seen.channel)

    def look_around(self, near: set[ChannelId], at: Instant) -> None:
        """Tell the recordings of these channels who is in their room, if that is news."""
        for owner in self.whereabouts.owners_near(near):
            recording = self.by_channel[owner]
            fact = self.whereabouts.surrounded(owner, at, clock.now())
            call = self.calls[recording]
            if call.around is None or replace(fact, at=call.around.at, seen_at=call.around.seen_at) != call.around:
                call.around = fact
                self.hear(recording, fact)

    def _opt_out_sequence(self, channel: ChannelId) -> str:
        call = self.calls.get(self.by_channel.get(channel, RecordingId("")))
        return call.room.line.opt_out_sequence if call and call.room.line else ""

    def _chosen(self, seen: t.Chosen) -> None:
        own = seen.what == "objected" and seen.channel in self.by_channel
        near = self.whereabouts.owners_near(self.whereabouts.room_of(seen.channel))
        for owner in [seen.channel] if own else near:
            self.hear(self.by_channel[owner], t.meant(seen, owner, clock.now()))

    def _monitor(self, seen: t.MonitorChange) -> None:
        if not seen.began:
            return
        now = clock.now()
        key = self.monitors.began(seen.channel)
        if key is not None:
            recording, segment, party = key
            self.hear(recording, f.CaptureBegan(at=seen.at, seen_at=now, segment=segment, party=party, ambiguous=False))
            return
        mine = self.by_channel.get(seen.channel)
        concerned = sorted(self.tracked.get(seen.channel, set()) | ({mine} if mine else set()))
        for one in concerned:
            _log.warning("capture.foreign", recording=one, hint="A MixMonitor that is not ours began on this call.")
            self.hear(one, f.ForeignCaptureSeen(at=seen.at, seen_at=now, channel=seen.channel))
        latest = self.monitors.latest(seen.channel)
        call = self.calls.get(latest[0]) if latest else None
        if latest and call and call.room.starts(latest[1], latest[2]):
            # Asterisk has not confirmed ours yet, so any start seen now might be its own.
            recording, segment, party = latest
            self.hear(recording, f.CaptureBegan(at=seen.at, seen_at=now, segment=segment, party=party, ambiguous=True))

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
        for other in call.room.others[len(before.others) :]:
            self.tracked.setdefault(other.channel, set()).add(recording)
        news = self.whereabouts.own(recording, call.room)
        ended = {track.token for track in before.tracks if track.phase is capture.Phase.ENDED}
        remote: list[o.Order] = []
        for order in orders:
            self.order(recording, call, order, remote)
        for track in call.room.tracks:
            if track.phase is capture.Phase.ENDED and track.token not in ended:
                self.journalist.submit(journal.Forget(track.channel, recording, track.file))
                self.monitors.over(track.channel, (recording, track.segment, track.party))
        if remote and self.executor:
            self.executor.carry_out(recording, remote)
        if call.room.sealed:
            self.close(recording, call)
        if news:
            # Whether this one is told, or objects, is a matter of everybody else's in the room.
            mine = call.room.caller.channel
            self.look_around(self.whereabouts.room_of(mine) - {mine}, fact.at)

    def order(  # noqa: C901  one case per order
        self, recording: RecordingId, call: Call, order: o.Order, remote: list[o.Order]
    ) -> None:
        """Do what is the dispatcher's own work; the rest is for the executor (`remote`)."""
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
                self.sealing.add(at, recording)
            case o.Report(what=what):
                _log.debug("call.fact_ignored", recording=recording, what=what)
            case o.Alarm(trouble=trouble):
                hint = "Somebody paused it and did not resume it: ask on the ward."
                _log.error("recording.trouble", recording=recording, trouble=trouble, hint=hint)
            case o.Lamp(endpoint=endpoint, lit=lit):
                remote += [order] if self.lamps.turn(recording, endpoint, lit=lit) else []
            case o.Inspect(question=1):
                # The first of two: seconds before anybody waits for the journal.
                self.journalist.submit(journal.Prepare(recording))
                remote.append(order)
            case o.Confirm(channel=channel):
                self.whispers.add(names.whisper_id(channel))
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

    def close(self, recording: RecordingId, call: Call) -> None:
        """Know nothing more of a call."""
        for timer in call.timers.values():
            timer.cancel()
        del self.calls[recording]
        self.by_channel.pop(call.room.caller.channel, None)
        self.whereabouts.disown(call.room.caller.channel)
        for other in call.room.others:
            self.tracked.get(other.channel, set()).discard(recording)
        self.closed_files.forget(recording)

    def seal_until(self, consumed_at: Instant) -> None:
        """Hand to ship every finished call whose end is covered by a heartbeat, and catch up with what was stale."""
        self.look_around(*self.whereabouts.overdue(consumed_at))
        now = clock.now()
        for recording, call in list(self.calls.items()):
            if call.room.suspended is Reason.STALE_FACTS:
                self.hear(recording, f.CaughtUp(at=consumed_at, seen_at=now))
        # Both streams are read up to here: whoever was gone by then does not arrive any more.
        self.gone = {channel: at for channel, at in self.gone.items() if at > consumed_at}
        self.sealing.until(consumed_at)
