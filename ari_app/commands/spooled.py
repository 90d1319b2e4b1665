"""What the spool says of some days: what waits, what was put aside, what is running, and what ship has finished.

It only reads. What is not decided yet is planned as ship would, from the sizes of the files, so that a call that waits
counts as what it is about to become.
"""

import json
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from ari_app.adapters.attested import Attested
from ari_app.adapters.audio import BYTES_PER_SAMPLE, HEADER_BYTES
from ari_app.adapters.spool import Spool, read_fallback
from ari_app.core import evidence as ev
from ari_app.core import manifest as mf
from ari_app.core import names, shipment
from ari_app.core import recording as rec
from ari_app.core.assurance import Fault, Finding
from ari_app.core.manifest import Stored
from ari_app.core.names import MICROSECONDS, Instant, RecordingId, UnsafeNameError
from ari_app.core.recording import Wav
from ari_app.core.shipment import TrackKey
from ari_app.errors import PermanentError
from ari_app.layout import JOURNAL, MANIFEST, Layout
from ari_app.untrusted import open_plain

from .gathered import Gathered

MARGIN = 3 * 3600 * MICROSECONDS
"""An id is minted when the call comes to us; so long before or after its day nothing is read for it."""

_UNREADABLE: Final = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError)
_RATE: Final = struct.Struct("<I")
_RATE_AT: Final = 24
_USUAL_HZ: Final = 8000


@dataclass(frozen=True, slots=True)
class Window:
    """The days that are looked at: [begin, end)."""

    begin: Instant
    end: Instant

    def holds(self, at: Instant) -> bool:
        return self.begin <= at < self.end

    def near(self, at: Instant) -> bool:
        return self.begin - MARGIN <= at < self.end + MARGIN


@dataclass(slots=True)
class Backlog:
    """What of earlier days still waits: how many calls, and the oldest of them."""

    count: int = 0
    oldest: RecordingId | None = None

    def add(self, recording: RecordingId) -> None:
        self.count += 1
        self.oldest = recording if self.oldest is None else min(self.oldest, recording)


@dataclass(slots=True)
class Spooled:
    """One look at the spool. `loose` is told what belongs to no call; late_microseconds: when that is no accident.

    keep_microseconds: for so long the sound of what is stored lies here on purpose (`s3.keep_audio_seconds`).
    """

    layout: Layout
    node: str
    window: Window
    now: Instant
    late_microseconds: int
    keep_microseconds: int = 0
    loose: list[Finding] = field(default_factory=list)
    backlog: Backlog = field(default_factory=Backlog)

    def gather(self, into: Gathered) -> None:
        """Take what has not been stored yet. Raises PermanentError if it may not be read."""
        with self._classified():
            # What is not there at all must not pass for a spool in which nothing lies.
            next(self.layout.root.iterdir(), None)
            # The least finished first: what moves on meanwhile is seen twice, and never not at all.
            for recording in list(_ids(self.layout.calls)):
                self._running(into, recording)
            self._scripts(into)
            for recording in _ids(self.layout.sealed):
                self._waiting(into, recording)
            for recording in _ids(self.layout.quarantine):
                self._aside(into, recording)
            self._sounds()

    @contextmanager
    def _classified(self) -> Iterator[None]:
        try:
            yield
        except OSError as failure:
            hint = "Run this as the user of ship, or as root, and check spool.path"
            why = failure.strerror or str(failure)
            raise PermanentError("the spool cannot be read", on=str(self.layout.root), why=why, hint=hint) from failure

    def shipped(self) -> Iterator[tuple[RecordingId, dict[str, Any]]]:
        """Yield the manifests that ship has finished with around these days. Raises PermanentError."""
        with self._classified():
            for recording in _ids(self.layout.shipped):
                if self.window.near(names.minted_at(recording)):
                    with suppress(FileNotFoundError, ValueError):
                        yield recording, json.loads((self.layout.shipped / recording / MANIFEST).read_bytes())

    def there(self, recording: str) -> bool:
        """Tell whether a recording is on its way at this moment."""
        with suppress(OSError):
            return any((folder / recording).is_dir() for folder in (self.layout.calls, self.layout.sealed))
        return False

    def _waiting(self, into: Gathered, recording: RecordingId) -> None:
        if not self.window.near(names.minted_at(recording)):
            self._earlier(recording)
            return
        try:
            said = self._decided(recording) or self._planned(recording)
            began = names.instant_of(said["call"]["began_at"])
            if self.window.holds(began):
                into.add_account(said, waiting=True)
                return
        except FileNotFoundError:
            # Ship has just finished with it.
            return
        except _UNREADABLE:
            self._put_aside(into, recording, self.layout.sealed / recording)
            return
        into.add_known(said["call"]["channel"])
        self._earlier(recording)

    def _earlier(self, recording: RecordingId) -> None:
        began = names.minted_at(recording)
        if began >= self.window.begin:
            return
        self.backlog.add(recording)
        if self.now - began > self.late_microseconds:
            self.loose.append(
                Finding(Fault.LATE, began, "waits in the spool to be stored, from a day before", recording=recording)
            )

    def _decided(self, recording: RecordingId) -> dict[str, Any] | None:
        text = Spool(self.layout).decided(recording)
        return None if text is None else json.loads(text)

    def _planned(self, recording: RecordingId) -> dict[str, Any]:
        """Return what a sealed call is about to become, if its gate lived to its end."""
        entries, chain = ev.read(Spool(self.layout).journal(recording))
        opened, over = shipment.opened(entries, recording), shipment.ended_at(entries)
        later = {run: over for _, run in shipment.told_by(entries) if run}
        made = shipment.plan(entries, chain, recording, over, self._wavs(recording, entries), later)
        folder = names.object_folder("", recording, opened.at)
        objects = {one.number: Stored(names.segment_object(one.number), "", 0) for one in made.segments}
        return mf.build(made, folder, objects)

    def _wavs(self, recording: RecordingId, entries: list[ev.Entry]) -> dict[TrackKey, Wav]:
        found = {}
        for track in rec.tracks(entries):
            name = names.track_file(track.segment, names.PartyId(track.party))
            if names.parse_track_file(name) and (wav := _wav(self.layout.audio_of(recording) / name)):
                found[track.segment, track.party] = wav
        return found

    def _running(self, into: Gathered, recording: RecordingId) -> None:
        if self.window.near(names.minted_at(recording)) and (opened := _opened(self.layout.calls / recording)):
            self._runs(into, opened)

    def _runs(self, into: Gathered, opened: ev.Opened) -> None:
        if self.window.holds(opened.at):
            into.add_running(opened.channel, opened.at, opened.recording)
        else:
            into.add_known(opened.channel)

    def _scripts(self, into: Gathered) -> None:
        for account in Attested(self.layout).all():
            if account.opened is not None:
                self._runs(into, account.opened)
        for file in Spool(self.layout).fallbacks():
            # What is no note is put aside by ship, which says so.
            with suppress(ValueError, FileNotFoundError):
                note = read_fallback(file, self.node)
                if self.window.holds(note.at):
                    said = mf.build_fallback(note, names.object_folder("", note.recording, note.at))
                    into.add_account(said, waiting=True)
                else:
                    into.add_known(note.channel)

    def _aside(self, into: Gathered, recording: RecordingId) -> None:
        folder = self.layout.quarantine / recording
        if (folder / JOURNAL).exists() or (folder / MANIFEST).exists():
            self._put_aside(into, recording, folder)

    def _put_aside(self, into: Gathered, recording: RecordingId, folder: Path) -> None:
        opened, began = _opened(folder), names.minted_at(recording)
        if self.window.holds(opened.at if opened else began):
            # Of whom nobody knows which call it was is a call of its own.
            into.add_aside(opened.channel if opened else recording, opened.at if opened else began, recording)

    def _sounds(self) -> None:
        scripts = {one.opened.recording for one in Attested(self.layout).all() if one.opened is not None}
        for recording in _ids(self.layout.audio):
            began = names.minted_at(recording)
            if self.now - began <= self.late_microseconds or began >= self.window.end or recording in scripts:
                continue
            folders = (self.layout.calls, self.layout.sealed, self.layout.quarantine)
            if any((folder / recording).is_dir() for folder in folders):
                continue
            what = "lies in the spool as sound that belongs to no call"
            if (self.layout.shipped / recording).is_dir():
                if self.now - began <= self.late_microseconds + self.keep_microseconds:
                    continue
                what = "is stored, and its sound still lies in the spool"
            self.loose.append(Finding(Fault.ORPHANED, began, what, recording=recording))


def _ids(folder: Path) -> Iterator[RecordingId]:
    with suppress(FileNotFoundError):
        for entry in folder.iterdir():
            with suppress(UnsafeNameError):
                yield names.recording_id(entry.name)


def _opened(folder: Path) -> ev.Opened | None:
    """Return a journal's first entry; None if it has none that can be read."""
    try:
        with open_plain(folder / JOURNAL) as stream:
            entries, _ = ev.read(stream.readline())
        opened = entries[0] if entries else None
        if not isinstance(opened, ev.Opened):
            return None
        names.channel_id(opened.channel)
    except (*_UNREADABLE, OSError):
        return None
    return opened


def _wav(file: Path) -> Wav | None:
    """Return a captured file by its header and its size: none of its sound is read."""
    try:
        with open_plain(file) as stream:
            header = stream.read(HEADER_BYTES)
    except FileNotFoundError:
        return None
    status = file.stat()
    whole = len(header) == HEADER_BYTES
    samples = max(0, status.st_size - HEADER_BYTES) // BYTES_PER_SAMPLE
    rate_hz = _RATE.unpack_from(header, _RATE_AT)[0] if whole else _USUAL_HZ
    return Wav(samples, rate_hz or _USUAL_HZ, Instant(status.st_mtime_ns // 1000))
