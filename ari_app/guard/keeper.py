"""Keeps the captures that an AGI script has begun while no gate lives: hears their events, and ends them in time.

Who revokes when nobody consumes events? This does (`core.keeper` decides when), by three locks in series:

- A script's capture begins only after the guard has named it in `live/` and said so in `keeper/<recording>.kept`. The
  script asks by setting CONSENTGATE_FALLBACK on the channel: an event in the very stream that is judged, so that
  whatever happens to the channel afterwards comes after it, and nothing can be missed in between.
- What ends a capture is stamped by Asterisk, written down, and the capture is stopped by its id.
- Twice a second a variable of our own is set; when that event has come back, every event before it has been heard, and
  an instant is written to `keeper/<run>.jsonl`. Ship stores nothing later than the last of these. So a guard that dies
  or hangs, a stream that breaks and a disk that is full each end what is covered: every connection is a run of its own,
  and a capture of an earlier one is named by nobody who lives, so that the guard stops it as any other.

The connection is open only while the gate gives no sign of life: on a busy PBX these are many events.
"""

import asyncio
import os
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from typing import Any, Final

from ari_app import clock, log
from ari_app.adapters.ami import Message, passing
from ari_app.core import evidence as ev
from ari_app.core import fallback, standstill
from ari_app.core import guard as g
from ari_app.core import keeper as k
from ari_app.core.free_space import Level
from ari_app.core.names import MICROSECONDS, BridgeId, ChannelId, Instant, RunId, endpoint_of, mint
from ari_app.core.policy import Policy, from_json
from ari_app.errors import ConsentgateError
from ari_app.free_space import FreeSpace
from ari_app.layout import Layout
from ari_app.numbers import Numbers

from .asterisk import KEPT, GuardAmi
from .kept_files import KeptFiles
from .vitals import Vitals, instant_of
from .warden import until

LOOK_SECONDS: Final = 0.1
BEAT_SECONDS: Final = 0.5
RETRY_SECONDS: Final = 1.0
LINGER_MICROSECONDS: Final = 2 * MICROSECONDS
"""After the gate is back: ship waits for a heartbeat after the end of what was kept."""

DEAF_MICROSECONDS: Final = 2_500_000
MARK: Final = "CONSENTGATE_KEEPER"
FAILED: Final = "failed"
"""What a script says of a capture that came to nothing, in place of the recording that it asked for."""

WITHHELD: Final = "<unknown>"
"""What AMI says of a caller without a number."""

_log = log.get("guard")
Begin = Callable[[Coroutine[Any, Any, None]], object]


@dataclass(slots=True)
class _Capture:
    """A capture with the hash that the next line of its journal must hold."""

    kept: k.Kept
    previous: str


class Keeper:
    """Listens while no gate lives, on a connection of its own; stops by the guard's."""

    def __init__(
        self,
        ears: GuardAmi,
        hands: GuardAmi,
        layout: Layout,
        vitals: Vitals,
        begin: Begin,
        numbers: Numbers,
        space: FreeSpace,
    ) -> None:
        self._ears, self._hands, self._layout, self._vitals, self._begin = ears, hands, layout, vitals, begin
        self._numbers = numbers
        self._space = space
        self._captures: dict[ChannelId, _Capture] = {}
        self._bridges = k.Bridges()
        self._moved: set[ChannelId] = set()
        self._policy: Policy | None = None
        self._keypad = k.Keypad()
        self._pressed: dict[ChannelId, list[tuple[Instant, str]]] = {}
        self._files = self._fresh()
        self._sent = 0
        self._sent_at = self._alive_at = self._heard_at = self._needed_at = Instant(0)

    def _fresh(self) -> KeptFiles:
        run = RunId(mint(clock.now(), os.urandom(10)))

        def written(at: Instant) -> None:
            # On the files' thread: a single assignment, read by the loop.
            self._vitals.signs.kept = {run: at}

        return KeptFiles(self._layout, run, written)

    async def run(self) -> None:
        """Work for ever."""
        said = ""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            if not self._silent():
                continue
            try:
                await self._keep()
                said = ""
            except (ConsentgateError, OSError) as failure:
                if str(failure) != said:
                    said = str(failure)
                    _log.error("keeper.not_ready", why=said, hint="Without a gate and a keeper nothing is recorded.")
                await asyncio.sleep(RETRY_SECONDS)

    def close(self) -> None:
        """Hear nothing more; what is kept is covered up to the last heartbeat."""
        self._ears.close()
        self._files.close()

    @property
    def keeps(self) -> int:
        """How many captures."""
        return len(self._captures)

    def _silent(self) -> bool:
        return self._vitals.signs.gate_dead(clock.now())

    async def _keep(self) -> None:
        """Listen once, from the gate's silence until it is back. Raises ConsentgateError, OSError."""
        self._files = self._fresh()
        self._captures, self._bridges, self._moved, self._pressed = {}, k.Bridges(), set(), {}
        self._files.prepare()
        self._needed_at = self._heard_at = clock.now()
        try:
            await self._listen()
            await self._look()
            self._alive_at = clock.now()
            _log.info("keeper.ready", run=self._files.run)
            while self._ears.connected and not self._files.trouble:
                now = clock.now()
                if self._silent() or any(one.kept.wanted(now) for one in self._captures.values()):
                    self._needed_at = now
                if now - self._needed_at > LINGER_MICROSECONDS or now - self._heard_at > DEAF_MICROSECONDS:
                    break
                self._tell(k.Full(at=now) if self._space.level is Level.SCARCE else k.Woke(at=now))
                self._sent += 1
                # The oldest that has not come back: one that was given up may never.
                self._sent_at = now if self._alive_at >= self._sent_at else self._sent_at
                await self._ears.set(None, MARK, str(self._sent))
                await asyncio.sleep(BEAT_SECONDS)
        finally:
            self._ears.close()
            self._files.close()
            # What still runs is nobody's from here on: the guard's own rules end it.
            self._vitals.signs.kept = {}
            _log.info("keeper.ended", why=self._files.trouble or None)

    async def _listen(self) -> None:
        """Connect, and of all keys on the PBX hear only those by which a caller says no. Raises ConsentgateError."""
        keys = self._no_keys()
        pressed = [passing("DTMFEnd", f"Digit: [{''.join(sorted(keys))}][[:cntrl:]]")] if keys else []
        self._ears.wanted = (*KEPT, *pressed)
        await self._ears.connect(self._on_event)
        hears = not keys or await self._ears.reads("dtmf")
        self._keypad = k.Keypad(keys if hears else frozenset(), clock.now())
        if not hears:
            hint = "Add dtmf to read= of the guard's user in manager.conf; run `consentgate check`."
            why = "keys are not heard: callers of lines with an opt_out_key are told and not recorded"
            _log.warning("keeper.hears_no_keys", why=why, hint=hint)

    def _no_keys(self) -> frozenset[str]:
        try:
            policy = from_json(self._layout.policy.read_bytes())
        except (OSError, ValueError, LookupError, TypeError, AttributeError):
            # Nothing is kept by a policy that cannot be read.
            return frozenset()
        return frozenset(filter(None, map(fallback.no_key, policy.lines.values())))

    async def _look(self) -> None:
        """Learn who is in which bridge already. Whoever moved while we asked is where the event said."""
        for row in await self._ears.channels() or []:
            if (channel := g.channel_of(str(row["uniqueid"]))) is None or channel in self._moved:
                continue
            if bridge := str(row.get("bridgeid", "")):
                self._bridges.places[channel] = BridgeId(bridge), endpoint_of(str(row["channel"]))
        self._moved.clear()

    # -- what Asterisk says

    def _on_event(self, message: Message) -> None:
        try:
            self._hear(message)
        except (LookupError, ValueError, TypeError) as unreadable:
            _log.error("event.unreadable", stream="keeper", kind=str(message.get("event")), why=log.said(unreadable))
            # Nobody can say what it was about: it may have been what ends a capture.
            self._files.trouble = self._files.trouble or "an event could not be read"

    def _hear(self, message: Message) -> None:
        at = Instant(round(float(message["timestamp"]) * MICROSECONDS))
        if message["event"] == "VarSet":
            self._set(str(message["variable"]), str(message["value"]), message, at)
        elif message["event"] == "DTMFEnd":
            if message["direction"] == "Received" and (channel := g.channel_of(str(message["uniqueid"]))):
                self._pressed.setdefault(channel, []).append((at, str(message["digit"])))
        elif message["event"] == "ChanSpyStart":
            self._tell(k.Spied(at=at, channel=ChannelId(str(message["spyeeuniqueid"]))))
        elif (fact := (_key if message["event"] == "Newexten" else _fact)(message, at)) is not None:
            self._tell(fact)

    def _set(self, variable: str, value: str, message: Message, at: Instant) -> None:
        match variable:
            case "CONSENTGATE_KEEPER":
                if value == str(self._sent):
                    self._heard_at = clock.now()
                    took = self._heard_at - self._sent_at
                    still = standstill.by_marker(self._alive_at, self._sent_at, at, took)
                    self._alive_at = at
                    self._files.beat(self._ears.boot, at, self._heard_at, still)
            case "CONSENTGATE_ALIVE":
                if (alive := instant_of(value)) and abs(alive - at) < LINGER_MICROSECONDS:
                    self._tell(k.Returned(at=at))
            case _:
                if channel := g.channel_of(str(message.get("uniqueid", ""))):
                    self._set_on(variable, value, channel, message, at)

    def _set_on(self, variable: str, value: str, channel: ChannelId, message: Message, at: Instant) -> None:
        match variable:
            case "CONSENTGATE_OBJECTED":
                self._tell(k.Objected(at=at, channel=channel))
            case "CONSENTGATE_FALLBACK" if value == FAILED:
                self._tell(k.Failed(at=at, channel=channel))
            case "CONSENTGATE_FALLBACK" if value:
                number = str(message.get("calleridnum", ""))
                self._adopt(channel, "" if number == WITHHELD else number, at)
            case _:
                pass

    def _adopt(self, channel: ChannelId, number: str, at: Instant) -> None:
        """A script asks whether its capture will be kept. No answer is no."""
        try:
            if not self._silent() or channel in self._captures or channel in self._bridges.places:
                raise ev.ContradictionError("comes while a gate lives, or on a channel that is taken")
            if self._space.level is not Level.AMPLE:
                raise ev.ContradictionError("asks for more than there is room for: see spool.stop_below_free")
            policy = from_json(self._layout.policy.read_bytes())
            entries, previous = ev.read(self._vitals.account(channel))
            keypad = replace(self._keypad, pressed=tuple(self._pressed.get(channel, ())))
            kept = k.begin(entries, policy, self._files.run, channel, at, keypad)
            self._files.name(kept)
        except (OSError, ValueError, LookupError, TypeError, AttributeError) as refusal:
            # Of a damaged file its words are not said: they may be a stranger's.
            why = str(refusal) if isinstance(refusal, ev.ContradictionError) else type(refusal).__name__
            _log.warning("fallback.not_kept", channel=channel, why=why)
            return
        self._policy = policy
        capture = self._captures[channel] = _Capture(kept, previous)
        sealed, hashed = self._numbers.seal(number)
        if sealed is not None and hashed is not None:
            self._write(capture, ev.NumberSealed(at=at, number=sealed, number_hash=hashed))
        _log.info("fallback.kept", channel=channel, recording=kept.recording)

    def _tell(self, fact: k.Happened) -> None:
        self._bridges.take(fact)
        if isinstance(fact, k.Entered | k.Left | k.HungUp):
            self._moved.add(fact.channel)
        if isinstance(fact, k.HungUp):
            self._pressed.pop(fact.channel, None)
        staff = self._policy.staff if self._policy else frozenset[str]()
        for channel, one in list(self._captures.items()):
            before = one.kept
            one.kept, entries = k.step(before, fact, self._bridges, staff)
            self._write(one, *entries)
            gone = isinstance(fact, k.HungUp) and fact.channel == channel
            if gone:
                del self._captures[channel]
                self._files.forget(channel)
            elif before.over is None and one.kept.over is not None:
                _log.info("fallback.ended", channel=channel, recording=before.recording, reason=one.kept.over)
                self._begin(self._stop(one))

    def _write(self, capture: _Capture, *entries: ev.Entry) -> None:
        if entries:
            text, capture.previous = k.lines(entries, capture.previous)
            self._files.append(capture.kept.recording, text)

    async def _stop(self, capture: _Capture) -> None:
        """Stop it by its id, and insist while its channel is there; nothing more of it is covered in any case."""
        channel, recording = capture.kept.channel, capture.kept.recording
        wanted = g.base(str(self._layout.audio_of(recording) / fallback.FILE))

        async def attempt() -> bool:
            running = await self._hands.captures(channel)
            if running is None:
                return False
            ours = [monitor for monitor, files in running.items() if wanted in files]
            answers = [await self._hands.stop_mixmonitor(channel, monitor) for monitor in ours]
            return all(answers)

        while not await until(attempt):
            if self._captures.get(channel) is not capture:
                return
            await asyncio.sleep(RETRY_SECONDS)
        if self._captures.get(channel) is capture:
            self._write(capture, k.stopped(clock.now()))
            self._files.forget(channel)


def _key(message: Message, at: Instant) -> k.Objected | k.Paused | None:
    """Return what a key asks for, by the line of the dialplan that it runs: less recording is never wrong."""
    channel, what = ChannelId(str(message["uniqueid"])), str(message["extension"])
    match what:
        case "resume" | "end":
            return None
        case "object" | "caller-objects":
            return k.Objected(at=at, channel=channel, for_caller=what == "caller-objects")
        case _:
            return k.Paused(at=at, channel=channel)


def _fact(message: Message, at: Instant) -> k.Happened | None:
    channel = ChannelId(str(message["uniqueid"]))
    match message["event"]:
        case "BridgeEnter":
            return k.Entered(
                at=at,
                channel=channel,
                endpoint=endpoint_of(str(message["channel"])),
                bridge=BridgeId(str(message["bridgeuniqueid"])),
                plain=message["bridgetype"] == "basic",
                count=int(message["bridgenumchannels"]),
            )
        case "BridgeLeave":
            return k.Left(at=at, channel=channel)
        case "Hold" | "MusicOnHoldStart" as kind:
            return k.Held(at=at, channel=channel, music=kind != "Hold")
        case "Rename":
            return k.Replaced(at=at, channel=channel)
        case "Hangup":
            return k.HungUp(at=at, channel=channel)
        case _:
            return None
