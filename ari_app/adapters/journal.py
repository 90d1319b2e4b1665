"""The gate's hand in the spool: journals, `live/`, heartbeats, sealing; one thread, strictly in order.

Order is the point. A heartbeat says "every event up to T has been handled", and ship stores what lies before
the last one; so whatever those events revoked must be on the disk before the heartbeat is. One thread that
works through one queue gives that for nothing. Only attestations go ahead, with what they rest on: a caller waits
for each. Everything else is synced in groups: a heartbeat syncs each file once, a seal the folders of many calls.

Notes wait for the next attestation of their call, heartbeat or seal, and are written with it: what no heartbeat
covers is worth nothing yet. Only a call's first is written at once. A note that cannot be written is kept and tried
again, and until it is written no heartbeat is. An attestation that cannot be written is refused at once and
forgotten: nothing was done on the strength of it. A name in `live/` that cannot be removed is tried again.
"""

import json
import os
import queue
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from ari_app.core import evidence as ev
from ari_app.core.names import ChannelId, Instant, RecordingId, RunId
from ari_app.core.orders import Live
from ari_app.core.policy import canonical
from ari_app.core.standstill import Standstill
from ari_app.durable import sync_folder
from ari_app.journals import Journal, Journals, name_capture, put
from ari_app.layout import Layout

FOLDER_MODE: Final = 0o2770
RETRY_SECONDS: Final = 0.5


Answered = Callable[[bool, str], None]
"""How it went, and why not; called on the journal's thread."""


@dataclass(frozen=True, slots=True)
class Append:
    """Write entries; with `live` and `done`, durably, naming the capture, and tell the caller how it went."""

    recording: RecordingId
    entries: tuple[ev.Entry, ...]
    live: Live | None = None
    done: Answered | None = None


@dataclass(frozen=True, slots=True)
class Prepare:
    """Make the folder that a capture will write to while the announcement plays; nobody waits for it now."""

    recording: RecordingId


@dataclass(frozen=True, slots=True)
class Forget:
    """Remove `live/<uniqueid>` if it still names this capture: it runs no more."""

    channel: ChannelId
    recording: RecordingId
    file: str


@dataclass(frozen=True, slots=True)
class Beat:
    """Every event up to `consumed_at` has been handled; Asterisk may have stood still before."""

    consumed_at: Instant
    written_at: Instant
    boot: str
    stood_still: tuple[Standstill, ...] = ()


@dataclass(frozen=True, slots=True)
class SealCall:
    """Hand a finished call to ship."""

    recording: RecordingId
    done: Answered


Job = Append | Prepare | Forget | Beat | SealCall


class Journalist:
    """Owns every file that the gate writes. `submit` never blocks; answers come on the journal's thread."""

    def __init__(self, layout: Layout, run: RunId) -> None:
        self.layout, self.run = layout, run
        self._queue: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._later: deque[Job] = deque()
        self._open = True
        self._journals = Journals(layout)
        self._owing: set[RecordingId] = set()
        self._unforgotten: dict[Forget, str] = {}  # and why not
        self._beaten = 0
        self._stood_still: list[Standstill] = []
        """What no heartbeat has said yet: one that cannot be written leaves it to the next."""
        self._thread = threading.Thread(target=self._work, name="journal", daemon=True)
        self.trouble = ""
        """Why the last write failed; empty while all is well. Read by the gate for its readiness and logs."""

    def start(self) -> None:
        """Make the spool's folders and begin to work. Raises OSError if the spool cannot be used at all."""
        layout = self.layout
        for folder, mode in (
            (layout.audio, FOLDER_MODE),
            (layout.fallback, FOLDER_MODE),
            (layout.live, 0o2750),
            (layout.calls, 0o700),
            (layout.sealed, 0o700),
            (layout.shipped, 0o700),
            (layout.heartbeats, 0o700),
            (layout.quarantine, 0o700),
            (layout.announcements, 0o2750),
        ):
            if not folder.is_dir():
                folder.mkdir(parents=True)
                folder.chmod(mode)
        # What is durable in a folder is lost all the same with a folder whose own name is not.
        sync_folder(layout.root)
        self._thread.start()

    def submit(self, job: Job) -> None:
        """Put a job at the end of the queue."""
        self._queue.put(job)

    def close(self) -> None:
        """Finish what is queued and stop."""
        self._queue.put(None)
        self._thread.join(timeout=10)

    def resume(self, recording: RecordingId, previous: str, length: int) -> None:
        """Take over the journal of a run that died: its chain goes on from here. Only before `start`."""
        self._journals.open[recording] = Journal(previous, length)

    # -- everything below runs on the journal's thread

    def _work(self) -> None:
        while self._open or self._later:
            if not self._later:
                self._take(self._next())
            self._let_through()
            if self._later:
                self._do(self._later.popleft())
        self._pay_debts()
        self._sync_all()

    def _take(self, job: Job | None) -> None:
        if job is None:
            self._open = False
        else:
            self._later.append(job)

    def _let_through(self) -> None:
        """Settle every attestation that waits ahead of all that it does not rest on.

        Somebody has just been told, and each millisecond until their capture is one of what they say. Called
        between any two syncs of the bulk (a heartbeat's, a seal's), each of which a disk may take long for.
        """
        while not self._queue.empty():
            self._take(self._queue.get())
        first, rest = attestations_first(self._later)
        if not first:
            return
        self._later = rest
        for job in first:
            self._do(job)

    def _do(self, job: Job) -> None:
        match job:
            case Append(done=None):
                self._note(job)
            case Append():
                self.trouble = trouble = self._attest(job)
                if job.done:
                    job.done(not trouble, trouble)
            case Prepare(recording=recording):
                # What fails here fails again, and is told, when somebody rests on it.
                with suppress(OSError):
                    self._make_audio(recording)
            case Forget():
                self._forget(job)
            case Beat():
                self._beat(job)
            case SealCall():
                group = [job]
                while self._later and isinstance(after := self._later[0], SealCall):
                    group.append(after)
                    self._later.popleft()
                self._seal(group)

    def _forget(self, job: Forget) -> None:
        path = self.layout.live_of(job.channel)
        try:
            # Another recording may have taken the channel over meanwhile.
            named = json.loads(path.read_bytes())
            if (named["recording"], named["file"]) == (job.recording, job.file):
                path.unlink()
        except FileNotFoundError:
            pass
        except (ValueError, KeyError, TypeError) as failure:
            # Uncaught it would end this thread, and with it every recording until a restart.
            self.trouble = str(failure)
        except OSError as failure:
            if job not in self._unforgotten:
                self._unforgotten[job] = self.trouble = str(failure)
            return
        if (why := self._unforgotten.pop(job, "")) and self.trouble == why:
            self.trouble = ""

    def _next(self) -> Job | None:
        while True:
            try:
                return self._queue.get(timeout=RETRY_SECONDS if self._owing or self._unforgotten else None)
            except queue.Empty:
                self._pay_debts()

    def _pay_debts(self) -> None:
        for recording in list(self._owing):
            self._pay(recording)
        for job in list(self._unforgotten):
            self._forget(job)

    def _pay(self, recording: RecordingId) -> None:
        if recording in self._owing:
            self.trouble = self._journals.write(recording, self._journals.of(recording).owed)
            if not self.trouble:
                self._paid(recording)

    def _paid(self, recording: RecordingId) -> None:
        self._journals.of(recording).owed = []
        self._owing.discard(recording)

    def _note(self, job: Append) -> None:
        journal = self._journals.of(job.recording)
        journal.owed.extend(job.entries)
        self._owing.add(job.recording)
        if journal.length == 0:
            self._pay(job.recording)

    def _attest(self, job: Append) -> str:
        owed = self._journals.of(job.recording).owed
        trouble = self._name_live(job) or self._journals.write(job.recording, (*owed, *job.entries), durable=True)
        if not trouble:
            self._paid(job.recording)
        return trouble or self._journals.name_calls()

    def _make_audio(self, recording: RecordingId) -> None:
        folder = self.layout.audio_of(recording)
        if not folder.is_dir():
            folder.mkdir()
            folder.chmod(FOLDER_MODE)

    def _name_live(self, job: Append) -> str:
        live = job.live
        if live is None:
            return ""
        named = {"recording": job.recording, "party": live.party, "permit": live.permit, "file": live.file}
        text = canonical({"format": 1, "run": self.run, **named})
        path = self.layout.live_of(live.channel)
        try:
            self._make_audio(job.recording)
            name_capture(path, text, self.run)
        except OSError as failure:
            return f"{path}: {failure}"
        return ""

    def _sync_all(self) -> str:
        for recording, journal in list(self._journals.open.items()):
            if journal.dirty:
                trouble = self._journals.sync(recording)
                if trouble:
                    return trouble
                self._let_through()
        return self._journals.name_calls()

    def _beat(self, job: Beat) -> None:
        self._stood_still += job.stood_still
        # What is let through meanwhile was said after this beat, which does not speak of it.
        for recording in list(self._owing):
            self._pay(recording)
            self._let_through()
        trouble = self._sync_all()
        self.trouble = trouble or self.trouble
        if trouble or self._owing:
            return
        still = {"stood_still": [[one.since, one.until] for one in self._stood_still]} if self._stood_still else {}
        said = {"boot": job.boot, "consumed_at": job.consumed_at, "written_at": job.written_at}
        text = canonical(said | still) + b"\n"
        try:
            path = self.layout.heartbeat_of(self.run)
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
            try:
                # By position, as the journals: a line that was half written is written over, not continued.
                put(descriptor, text, self._beaten)
                self._beaten += len(text)
                self._stood_still.clear()
            finally:
                os.close(descriptor)
        except OSError as failure:
            self.trouble = str(failure)

    def _seal(self, jobs: list[SealCall]) -> None:
        moved: list[SealCall] = []
        for job in jobs:
            self._pay(job.recording)
            trouble = self._journals.move(job.recording)
            if trouble:
                job.done(False, trouble)
            else:
                moved.append(job)
            self._let_through()
        trouble = self._journals.settle_moves([job.recording for job in moved]) if moved else ""
        for job in moved:
            job.done(not trouble, trouble)


def attestations_first(jobs: Sequence[Job]) -> tuple[list[Job], deque[Job]]:
    """Divide jobs into attestations with what they rest on, and the rest; each part keeps its order.

    An attestation rests on the earlier entries of its own call, and on what was said of its channel. A heartbeat
    or a seal rests on everything before it, and never moves ahead of any of that.
    """
    first: list[Job] = []
    rest: deque[Job] = deque()
    recordings: set[RecordingId] = set()
    channels: set[ChannelId] = set()
    for job in reversed(jobs):
        match job:
            case Append(recording=recording, live=live, done=done) if done is not None or recording in recordings:
                recordings.add(recording)
                channels |= {live.channel} if live else set()
                first.append(job)
            case Forget(channel=channel) if channel in channels:
                first.append(job)
            case _:
                rest.appendleft(job)
    first.reverse()
    return first, rest
