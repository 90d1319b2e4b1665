"""Carries out the core's orders on Asterisk and tells the core what came of them, as facts.

Every wait here has a deadline of its own, every answer is yes, no or unknown, and unknown is settled by looking
(MixMonitor's list, the file), never by assuming. What could hurt a call if it came late is made harmless where it
arrives, in Asterisk: a frozen process that thaws sends what it had meant to send minutes ago.
"""

import asyncio
import os
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from . import announcements, clock, log
from .adapters.ami import Ami
from .adapters.ari import Ari, Reply
from .core import facts as f
from .core import orders as o
from .core.names import ChannelId, Instant, MonitorId, RecordingId
from .core.policy import Announcement
from .core.restored import Mark
from .layout import Layout
from .whisper import whisper

MONITOR_VARIABLE: Final = "CONSENTGATE_MONITOR_ID"
STALE_ORDER_MICROSECONDS: Final = 500_000
FILE_APPEARS_SECONDS: Final = 0.05
FILE_LOOK_SECONDS: Final = 0.0005
STOP_ATTEMPTS: Final = 5
STOP_PAUSE_SECONDS: Final = 0.2

CALLED_LEG_LABEL: Final = "back"
"""Where a called leg goes on in [consentgate-party]."""

HERE: Final = "${CONTEXT:0:11}|${CONSENTGATE_HERE}"
"""Whether a channel is in our Stasis, as the dialplan says: its context, and the mark around the line that enters it.

Never by `CHANNEL(appname)`: read in the instant in which an application ends, it has crashed Asterisk 22.10.1 with
every call on it (func_channel.c: what is tested before the channel is locked is read again after)."""

_IS_HERE: Final = "consentgate|1"
_INSPECT: Final = f"EVAL({HERE}|${{CONSENTGATE_OBJECTED}}|${{CHANNEL(rtcp,txcount,audio)}})"
"""Where it is, whether somebody objected on it, and what it was sent: one question, so one instant."""

_HOLDS: Final = "EVAL(${CHANNEL(rtp,hold,audio)}|${CONSENTGATE_PAUSED}|${CONSENTGATE_RESUMED})"
_OWNER: Final = "EVAL(${CONSENTGATE_OBJECTED}|${CONSENTGATE_RECORDING})"
_log = log.get("gate")


@dataclass(frozen=True, slots=True)
class Phone:
    """What a telephone's channel says: whether it holds its other side, and which keys were pressed on it, and when."""

    holds: bool
    marks: tuple[Mark, ...] = ()


Hear = Callable[[RecordingId, f.Fact], None]


def lifeline_expression(milliseconds: int) -> str:
    """Return what arms the lifeline only while the channel is still in our Stasis, decided by Asterisk itself.

    TIMEOUT(absolute) set on a channel that has gone on would hang the caller up. The substitution happens
    inside Asterisk, so no pause of ours can lie between the test and the setting.
    """
    ours = f'$["{HERE}" = "{_IS_HERE}"]'
    target = f"${{IF({ours}?TIMEOUT(absolute):CONSENTGATE_TOO_LATE)}}"
    return f"EVAL(${{SET({target}={milliseconds / 1000:.3f})}})"


def lamp(endpoint: str) -> str:
    """Return the device state that a telephone's lamp watches: `Custom:consentgate-2001` for PJSIP/2001."""
    return f"DEVICE_STATE(Custom:consentgate-{endpoint.partition('/')[2]})"


class Executor:
    """One for the whole gate. `hear` takes the facts; nothing here decides anything."""

    def __init__(self, ari: Ari, ami: Ami, layout: Layout, hear: Hear) -> None:
        self._ari, self._ami, self._layout, self._hear = ari, ami, layout, hear
        self._tasks: set[asyncio.Task[None]] = set()

    def carry_out(self, recording: RecordingId, orders: list[o.Order]) -> None:
        """Carry out the orders one after the other, beside everything else."""
        self._begin(self._each(recording, orders, clock.now()))

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (failure := task.exception()):
            # A bug of ours. The lifeline brings the caller on, and what is not evidenced is not stored.
            _log.error("order.failed", why=log.said(failure))

    async def finish(self, seconds: float) -> None:
        """Wait until what was ordered is done, but not for ever."""
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=seconds)

    async def _each(self, recording: RecordingId, orders: list[o.Order], decided_at: Instant) -> None:
        for order in orders:
            await self._one(recording, order, decided_at)

    async def _one(  # noqa: C901  one case per order
        self, recording: RecordingId, order: o.Order, decided_at: Instant
    ) -> None:
        match order:
            case o.Answer(channel=channel):
                reply = await self._ari.answer(channel)
                now = clock.now()
                self._hear(recording, f.Answered(at=now, seen_at=now, channel=channel, ok=reply is Reply.YES))
            case o.Inspect():
                await self._inspect(recording, order)
            case o.Play(channel=channel, playback=playback, announcement=announcement):
                reply = await self._ari.play(channel, playback, announcement.path)
                if reply is Reply.NO:
                    now = clock.now()
                    self._hear(recording, f.PlayRefused(at=now, seen_at=now, channel=channel, playback=playback))
            case o.StopPlayback(playback=playback):
                await self._ari.stop_playback(playback)
            case o.ArmLifeline(channel=channel, milliseconds=milliseconds):
                await self._ami.get(channel, lifeline_expression(milliseconds))
            case o.StartCapture():
                await self._start(recording, order, decided_at)
            case o.StopCapture():
                await self._stop(recording, order)
            case o.Release():
                await self._release(recording, order)
            case o.Confirm(channel=channel, words=words):
                # Beside everything else: what stops the capture does not wait for its words.
                self._begin(self._confirm(channel, words))
            case o.Lamp(endpoint=endpoint, lit=lit):
                await self._ami.set(None, lamp(endpoint), "INUSE" if lit else "NOT_INUSE")
            case o.WakeAt() | o.Attest() | o.Note() | o.Seal() | o.Alarm() | o.Report():
                raise TypeError(f"{type(order).__name__} is the dispatcher's own work")

    async def _confirm(self, channel: ChannelId, words: Announcement | None) -> None:
        await whisper(self._ari, self._ami, channel, words)

    async def _inspect(self, recording: RecordingId, order: o.Inspect) -> None:
        intact = announcements.intact(order.announcement)
        value = await self._ami.get(order.channel, _INSPECT)
        rest, _, packets = (value or "").rpartition("|")
        here, _, objected = rest.rpartition("|")
        now = clock.now()
        self._hear(
            recording,
            f.Inspected(
                at=now,
                seen_at=now,
                channel=order.channel,
                question=order.question,
                in_stasis=here == _IS_HERE,
                packets_sent=int(packets) if packets.isdecimal() else None,
                copy_intact=intact,
                objected=objected != "",
            ),
        )

    def _path(self, recording: RecordingId, file: str) -> Path:
        return self._layout.audio_of(recording) / file

    async def _start(self, recording: RecordingId, order: o.StartCapture, decided_at: Instant) -> None:
        path = self._path(recording, order.file)
        monitor: MonitorId | None = None
        if clock.now() - decided_at <= STALE_ORDER_MICROSECONDS:
            options = f"{'b' if order.bridged_only else ''}r({path})i({MONITOR_VARIABLE})"
            monitor, _ = await self._ami.start_mixmonitor(order.channel, options)
        if monitor is not None and not await self._appears(path):
            # "Success" is also said of a file that could not be opened.
            _log.error("capture.no_file", recording=recording, hint="May Asterisk's user write in the spool's audio/?")
            await self._ami.stop_mixmonitor(order.channel, monitor)
            monitor = None
        now = clock.now()
        answered = f.CaptureAnswered(at=now, seen_at=now, segment=order.segment, party=order.party, monitor=monitor)
        self._hear(recording, answered)

    async def _appears(self, path: Path) -> bool:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + FILE_APPEARS_SECONDS
        pause = FILE_LOOK_SECONDS
        while not os.path.exists(path):  # noqa: ASYNC240, PTH110  one stat of a local file; a thread would cost more
            if loop.time() > deadline:
                return False
            await asyncio.sleep(pause)
            pause *= 2
        return True

    async def _stop(self, recording: RecordingId, order: o.StopCapture) -> None:
        path = self._path(recording, order.file)
        closed = False
        monitor = order.monitor or await self._find(order.channel, path)
        for _ in range(STOP_ATTEMPTS):
            if monitor is not None and await self._ami.stop_mixmonitor(order.channel, monitor):
                closed = True
            stopped_at = clock.now()
            running = await self._ami.mixmonitors(order.channel)
            if running is not None and not any(
                one == monitor or _shown(path) in files for one, files in running.items()
            ):
                ended = f.CaptureEnded(
                    at=stopped_at, seen_at=clock.now(), segment=order.segment, party=order.party, closed=closed
                )
                self._hear(recording, ended)
                return
            await asyncio.sleep(STOP_PAUSE_SECONDS)
            # If the id that we were given is another's, it is to be whatever writes our file.
            monitor = await self._find(order.channel, path) or order.monitor
        # The permit is revoked, so nothing of it will be stored; but it runs, and somebody must know.
        _log.error("capture.not_stopped", recording=recording, party=order.party)

    async def _find(self, channel: ChannelId, path: Path) -> MonitorId | None:
        running = await self._ami.mixmonitors(channel) or {}
        return next((monitor for monitor, files in running.items() if _shown(path) in files), None)

    async def _release(self, recording: RecordingId, order: o.Release) -> None:
        values = f"1,{order.outcome.value},{order.reason or ''},{recording}"
        names = "CONSENTGATE_PASSED,CONSENTGATE_OUTCOME,CONSENTGATE_REASON,CONSENTGATE_RECORDING"
        if order.confirmation:
            sound = order.confirmation.path.removesuffix(".wav")
            names, values = f"{names},CONSENTGATE_CONFIRMATION", f"{values},{sound}"
        if order.outcome is o.Outcome.DECLINED:
            # As the dialplan's own key leaves it: it outlives us.
            names, values = f"{names},CONSENTGATE_OBJECTED", f"{values},1"
        await self._ami.set(order.channel, f"ARRAY({names})", values)
        await self._ari.continue_(order.channel, label=CALLED_LEG_LABEL if order.called else "")

    async def phones(self, channels: list[ChannelId]) -> dict[ChannelId, Phone]:
        """Return what each telephone's channel says; one that says nothing may hold, for all that we know."""
        answers = await asyncio.gather(*(self._ami.get(one, _HOLDS) for one in channels))
        return dict(zip(channels, map(_phone, answers), strict=True))

    async def owner(self, channel: ChannelId) -> tuple[str, bool] | None:
        """Return whose recording the channel says that it owns, and whether somebody objected on it; None if it says
        nothing."""
        answer = await self._ami.get(channel, _OWNER)
        objected, divider, recording = (answer or "").partition("|")
        return (recording, objected != "") if divider else None

    async def stop_strangers(self, channel: ChannelId, keep: set[Path]) -> int:
        """Stop every capture on the channel that writes into our spool and is not in `keep`; return how many."""
        running = await self._ami.mixmonitors(channel) or {}
        kept = {_shown(path) for path in keep}
        ours = f"{self._layout.audio}/"
        stopped = 0
        for monitor, files in running.items():
            if any(file.startswith(ours) and file not in kept for file in files):
                stopped += bool(await self._ami.stop_mixmonitor(channel, monitor))
        return stopped


def _phone(answer: str | None) -> Phone:
    holds, *said = (answer or "").split("|")
    marks = []
    for text, paused in zip(said, (True, False), strict=False):
        second, _, cause = text.partition(":")
        if second.isdecimal():
            marks.append(Mark(int(second), paused, cause))
    return Phone(holds != "0", tuple(marks))


def _shown(path: Path) -> str:
    """How `mixmonitor list` shows a file."""
    return str(path.with_suffix(""))
