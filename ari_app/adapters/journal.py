"""The gate's hand in the spool: journals, `live/`, heartbeats, sealing; one thread, strictly in order.

Order is the point. A heartbeat says "every event up to T has been handled", and ship stores what lies before
the last one; so whatever those events revoked must be on the disk before the heartbeat is. One thread that
works through one queue gives that for nothing. It commits in groups: all that waits is written, each file is
synced once, then everybody who waited is told.

A note that cannot be written is kept and tried again, and until it is written no heartbeat is. An attestation
that cannot be written is refused at once and forgotten: nothing was done on the strength of it.
"""

import errno
import json
import os
import queue
import shutil
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from ari_app.core import evidence as ev
from ari_app.core.names import ChannelId, Instant, RecordingId, RunId
from ari_app.core.orders import Live
from ari_app.core.policy import canonical
from ari_app.durable import sync_folder
from ari_app.layout import JOURNAL, Layout

FOLDER_MODE: Final = 0o2770
GROUP: Final = 500
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
class Forget:
    """Remove `live/<uniqueid>`: that capture runs no more."""

    channel: ChannelId


@dataclass(frozen=True, slots=True)
class Beat:
    """Every event up to `consumed_at` has been handled."""

    consumed_at: Instant
    written_at: Instant
    boot: str


@dataclass(frozen=True, slots=True)
class SealCall:
    """Hand a finished call to ship."""

    recording: RecordingId
    done: Answered


Job = Append | Forget | Beat | SealCall


@dataclass(slots=True)
class _Journal:
    previous: str = ev.FIRST
    length: int = 0
    dirty: bool = False
    owed: list[ev.Entry] = field(default_factory=list)


def put(descriptor: int, text: bytes, position: int) -> None:
    """Write all of text at a position. A disk that is nearly full takes a part of it and reports no error."""
    written = os.pwrite(descriptor, text, position)
    if written != len(text):
        raise OSError(errno.ENOSPC, f"{os.strerror(errno.ENOSPC)}: {written} of {len(text)} bytes were written")


class Journalist:
    """Owns every file that the gate writes. `submit` never blocks; answers come on the journal's thread."""

    def __init__(self, layout: Layout, run: RunId, *, stop_below_free_bytes: int) -> None:
        self.layout, self.run = layout, run
        self._stop_below_free_bytes = stop_below_free_bytes
        self._queue: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._journals: dict[RecordingId, _Journal] = {}
        self._beaten = 0
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
        self._journals[recording] = _Journal(previous, length)

    # -- everything below runs on the journal's thread

    def _work(self) -> None:
        open_ = True
        while open_:
            batch = [self._next()]
            while len(batch) < GROUP and not self._queue.empty():
                batch.append(self._queue.get())
            open_ = None not in batch
            self._pay_debts()
            waiting: list[tuple[Append, str]] = []
            for job in batch:
                waiting = self._do(job, waiting)
            self._settle(waiting)
        for recording, journal in self._journals.items():
            if journal.dirty:
                self._sync(recording, journal)

    def _do(self, job: Job | None, waiting: list[tuple[Append, str]]) -> list[tuple[Append, str]]:
        """Do one job; return whom an answer is owed to once the files are synced."""
        match job:
            case Append(done=None):
                self._note(job)
            case Append():
                waiting.append((job, self._attest(job)))
            case Forget(channel=channel):
                self._forget(channel)
            case Beat():
                waiting = self._settle(waiting)
                self._beat(job)
            case SealCall():
                waiting = self._settle(waiting)
                self._seal(job)
            case None:
                pass
        return waiting

    def _forget(self, channel: ChannelId) -> None:
        try:
            self.layout.live_of(channel).unlink(missing_ok=True)
        except OSError as failure:
            # Uncaught it would end this thread, and with it every recording until a restart.
            self.trouble = str(failure)

    def _next(self) -> Job | None:
        while True:
            owed = any(journal.owed for journal in self._journals.values())
            try:
                return self._queue.get(timeout=RETRY_SECONDS if owed else None)
            except queue.Empty:
                self._pay_debts()

    def _pay_debts(self) -> None:
        for recording, journal in self._journals.items():
            if journal.owed:
                owed, journal.owed = journal.owed, []
                self._note(Append(recording, tuple(owed)))

    def _note(self, job: Append) -> None:
        journal = self._journals.setdefault(job.recording, _Journal())
        trouble = "earlier entries are not written yet" if journal.owed else self._write(job.recording, job.entries)
        if trouble:
            journal.owed.extend(job.entries)
            self.trouble = trouble
        else:
            self.trouble = ""

    def _attest(self, job: Append) -> str:
        journal = self._journals.setdefault(job.recording, _Journal())
        if journal.owed:
            return self.trouble or "earlier entries are not written yet"
        try:
            free = shutil.disk_usage(self.layout.root).free
        except OSError as failure:
            return str(failure)
        if free < self._stop_below_free_bytes:
            self.trouble = f"{free} bytes are free in the spool, spool.stop_below_free is {self._stop_below_free_bytes}"
            return self.trouble
        trouble = self._name_live(job) or self._write(job.recording, job.entries)
        self.trouble = trouble
        return trouble

    def _name_live(self, job: Append) -> str:
        live = job.live
        if live is None:
            return ""
        text = canonical(
            {
                "format": 1,
                "run": self.run,
                "recording": job.recording,
                "party": live.party,
                "permit": live.permit,
                "file": live.file,
            }
        )
        path = self.layout.live_of(live.channel)
        try:
            folder = self.layout.audio_of(job.recording)
            if not folder.is_dir():
                folder.mkdir()
                folder.chmod(FOLDER_MODE)
            try:
                descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o640)
                try:
                    put(descriptor, text, 0)
                finally:
                    os.close(descriptor)
            except FileExistsError:
                if json.loads(path.read_bytes())["run"] == self.run:
                    return f"live/{live.channel} names a capture of this run already"
                # Left by a run that is dead: we hold the spool's lock, so nobody else can own it.
                fresh = path.with_suffix(f".{self.run}")
                fresh.write_bytes(text)
                fresh.replace(path)
        except (OSError, ValueError, KeyError, TypeError) as failure:
            return f"{path}: {failure}"
        return ""

    def _write(self, recording: RecordingId, entries: tuple[ev.Entry, ...]) -> str:
        journal = self._journals.setdefault(recording, _Journal())
        path = self.layout.journal_of(recording)
        previous, text = journal.previous, b""
        for entry in entries:
            line, previous = ev.line(entry, previous)
            text += line
        try:
            if journal.length == 0 and not path.parent.is_dir():
                path.parent.mkdir()
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
            try:
                # A half-written line of a failed attempt would break the chain for good.
                os.ftruncate(descriptor, journal.length)
                put(descriptor, text, journal.length)
                if journal.length == 0:
                    os.fsync(descriptor)
                    sync_folder(path.parent)
                    sync_folder(self.layout.calls)
            finally:
                os.close(descriptor)
        except OSError as failure:
            return str(failure)
        journal.previous, journal.length, journal.dirty = previous, journal.length + len(text), True
        return ""

    def _sync(self, recording: RecordingId, journal: _Journal) -> str:
        try:
            descriptor = os.open(self.layout.journal_of(recording), os.O_WRONLY)
            try:
                os.fdatasync(descriptor)
            finally:
                os.close(descriptor)
        except OSError as failure:
            return str(failure)
        journal.dirty = False
        return ""

    def _settle(self, waiting: list[tuple[Append, str]]) -> list[tuple[Append, str]]:
        """Sync each file that somebody waits for once, then tell them."""
        synced: dict[RecordingId, str] = {}
        for job, trouble in waiting:
            if not trouble and job.recording not in synced:
                synced[job.recording] = self._sync(job.recording, self._journals[job.recording])
        for job, trouble in waiting:
            final = trouble or synced.get(job.recording, "")
            self.trouble = final or self.trouble
            if job.done:
                job.done(not final, final)
        return []

    def _beat(self, job: Beat) -> None:
        for recording, journal in self._journals.items():
            if journal.owed:
                return
            if journal.dirty:
                trouble = self._sync(recording, journal)
                if trouble:
                    self.trouble = trouble
                    return
        text = canonical({"boot": job.boot, "consumed_at": job.consumed_at, "written_at": job.written_at}) + b"\n"
        try:
            path = self.layout.heartbeat_of(self.run)
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
            try:
                # By position, as the journals: a line that was half written is written over, not continued.
                put(descriptor, text, self._beaten)
                self._beaten += len(text)
            finally:
                os.close(descriptor)
        except OSError as failure:
            self.trouble = str(failure)

    def _seal(self, job: SealCall) -> None:
        journal = self._journals.get(job.recording, _Journal())
        trouble = "entries of the call are not written yet" if journal.owed else self._sync(job.recording, journal)
        if not trouble:
            try:
                folder = self.layout.journal_of(job.recording).parent
                folder.rename(self.layout.sealed / job.recording)
                sync_folder(self.layout.sealed)
                sync_folder(self.layout.calls)
                self._journals.pop(job.recording, None)
            except OSError as failure:
                trouble = str(failure)
        job.done(not trouble, trouble)


def leftovers(layout: Layout) -> list[tuple[RecordingId, bytes]]:
    """Return the journals of calls that a dead run never sealed. A folder without one is an empty promise."""
    found = []
    for folder in sorted(layout.calls.iterdir()) if layout.calls.is_dir() else []:
        journal = folder / JOURNAL
        found.append((RecordingId(folder.name), journal.read_bytes() if journal.is_file() else b""))
    return found
