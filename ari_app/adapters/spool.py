"""Ship's side of the spool: what is ready, and the steps after which a step is done.

Every change of state is one rename, made durable before the next step begins, so a kill leaves either the
state before or the state after. Only ship runs this (`lock`); the gate writes the other folders.
"""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path

from ari_app.core import incident, names
from ari_app.core.incident import Incident
from ari_app.core.manifest import Fallback
from ari_app.core.names import Instant, RecordingId, UnsafeNameError
from ari_app.core.reasons import Reason
from ari_app.destroying import destroy_sound
from ari_app.durable import replace, sync_folder
from ari_app.errors import SpoolError
from ari_app.layout import JOURNAL, MANIFEST, SIGNATURE, Layout
from ari_app.mounts import refuse_unfit
from ari_app.untrusted import open_plain

MAX_FALLBACK_BYTES = 4096
MAX_INCIDENT_BYTES = 65_536
MAX_NAME = 64
SHIPPED = "shipped"
"""Below `incidents/`: those that are stored."""

_EARLIEST, _LATEST = Instant(946_684_800 * names.MICROSECONDS), Instant(4_102_444_800 * names.MICROSECONDS)
"""2000 and 2100: a stamp outside is no stamp, and PostgreSQL's years end before an int does."""


def _rename(source: Path, target: Path) -> None:
    source.rename(target)
    sync_folder(target.parent)
    sync_folder(source.parent)


@contextmanager
def lock(layout: Layout, process: str) -> Iterator[None]:
    """Hold the spool for the one running process of a kind. Raises SpoolError if another holds it, or nobody can."""
    refuse_unfit(layout.root)
    path = layout.lock(process)
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o640)
    except OSError as error:
        raise SpoolError(
            "the spool cannot be used",
            on=str(layout.root),
            why=error.strerror or str(error),
            hint="Set spool.path to a folder that the user of the gate and ship owns",
        ) from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise SpoolError(
                f"another {process} owns this spool",
                on=str(layout.root),
                hint="Two would work on the same calls: stop the other one, or give this one a spool of its own",
            ) from error
        yield
    finally:
        os.close(descriptor)


class Spool:
    """The folders that ship reads and changes."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout

    def prepare(self) -> None:
        """Make ship's own folders. Raises SpoolError if the spool is not there or not ours."""
        try:
            for folder, mode in (
                (self.layout.sealed, 0o750),
                (self.layout.shipped, 0o750),
                (self.layout.quarantine, 0o700),
                (self.layout.incidents, 0o750),
                (self.layout.incidents / SHIPPED, 0o750),
            ):
                folder.mkdir(mode=mode, exist_ok=True)
            # What is made durable in a folder is lost all the same with a folder whose own name is not.
            sync_folder(self.layout.root)
            sync_folder(self.layout.incidents)
        except OSError as error:
            raise SpoolError(
                "the spool cannot be used",
                on=str(self.layout.root),
                why=error.strerror or str(error),
                hint="It must exist and belong to the user of the gate and ship",
            ) from error

    def sealed(self) -> list[RecordingId]:
        """Return the calls that wait, the oldest first."""
        return sorted(self._recordings(self.layout.sealed))

    @staticmethod
    def _recordings(folder: Path) -> Iterator[RecordingId]:
        with suppress(FileNotFoundError):
            for entry in folder.iterdir():
                with suppress(UnsafeNameError):
                    yield names.recording_id(entry.name)

    def journal(self, recording: RecordingId) -> bytes:
        """Return the journal's bytes."""
        return (self.layout.sealed / recording / JOURNAL).read_bytes()

    def decided(self, recording: RecordingId) -> bytes | None:
        """Return the manifest that was decided upon in an earlier try, or None."""
        try:
            return (self.layout.sealed / recording / MANIFEST).read_bytes()
        except FileNotFoundError:
            return None

    def decide(self, recording: RecordingId, manifest: bytes) -> Path:
        """Keep the manifest before anything of the call leaves the machine; return its file.

        Later heartbeats or a newer version must not lead to another decision about objects that are out.
        """
        target = self.layout.sealed / recording / MANIFEST
        replace(target, manifest, mode=0o640)
        return target

    def signed(self, recording: RecordingId) -> bytes | None:
        """Return the signature that the manifest was given in an earlier try, or None."""
        try:
            return (self.layout.sealed / recording / SIGNATURE).read_bytes()
        except FileNotFoundError:
            return None

    def sign(self, recording: RecordingId, signature: bytes) -> Path:
        """Keep the manifest's signature before it leaves the machine; return its file.

        By then it may be out already: another key, a minute later, must not sign the same manifest once more.
        """
        target = self.layout.sealed / recording / SIGNATURE
        replace(target, signature, mode=0o640)
        return target

    def finish(self, recording: RecordingId) -> None:
        """Mark a call as stored and proved."""
        _rename(self.layout.sealed / recording, self.layout.shipped / recording)

    def delete_audio(self, recording: RecordingId) -> None:
        """Destroy the local audio of a call: what is stored elsewhere, and what may not be stored at all."""
        destroy_sound(self.layout, recording)

    def destroy_finished(self) -> None:
        """Destroy the audio of calls that are stored: a ship was killed before the last step."""
        for recording in [one for one in self._recordings(self.layout.audio) if (self.layout.shipped / one).is_dir()]:
            self.delete_audio(recording)

    def quarantine(self, recording: RecordingId) -> Path:
        """Put a call, with its audio, where nothing ships it and only ship's user can read it."""
        target = self.layout.quarantine / recording
        audio = self.layout.audio_of(recording)
        # The audio goes first: killed in between, the call is still in sealed/ and comes here again.
        if audio.is_dir():
            _rename(audio, self.layout.quarantine / f"{recording}.audio")
        _rename(self.layout.sealed / recording, target)
        return target

    def fallbacks(self) -> list[Path]:
        """Return the files that AGI scripts have finished writing."""
        return _finished(self.layout.fallback)

    def adopt_fallback(self, file: Path, recording: RecordingId, manifest: bytes) -> None:
        """Turn a fallback file into a sealed call whose manifest is decided; then forget the file.

        Raises SpoolError if the id belongs to another call already.
        """
        target = self.layout.sealed / recording
        if not target.is_dir() and not (self.layout.shipped / recording).is_dir():
            # A folder with another name until its manifest is in it: a sealed call is whole or not there.
            new = self.layout.sealed / f".{recording}.new"
            new.mkdir(mode=0o700, exist_ok=True)
            replace(new / MANIFEST, manifest, mode=0o640)
            _rename(new, target)
        elif self.decided(recording) not in {None, manifest} or (target / JOURNAL).exists():
            raise SpoolError("a fallback file names another call's recording", on=recording)
        file.unlink(missing_ok=True)
        sync_folder(file.parent)

    def quarantine_file(self, file: Path, kind: str) -> Path:
        """Put a fallback or incident file aside, under a name of ours: its own may come from outside."""
        target = self.layout.quarantine / f"{kind}-{sha256(os.fsencode(file.name)).hexdigest()[:16]}.json"
        _rename(file, target)
        return target

    def incidents(self) -> list[Path]:
        """Return the incidents that the guard has written and that are not stored yet, the oldest first."""
        return _finished(self.layout.incidents)

    def finish_incident(self, file: Path) -> None:
        """Mark an incident as stored and proved."""
        _rename(file, self.layout.incidents / SHIPPED / file.name)


def _finished(folder: Path) -> list[Path]:
    """Return the JSON files that are whole: unfinished ones have another suffix or a dot."""
    with suppress(FileNotFoundError):
        return sorted(file for file in folder.iterdir() if file.suffix == ".json" and file.name[0] != ".")
    return []


def _content(file: Path, most_bytes: int) -> bytes:
    """Read a small plain file. Raises ValueError for a link, a pipe, or a large one."""
    try:
        with open_plain(file) as stream:
            content = stream.read(most_bytes + 1)
    except OSError as error:
        raise ValueError(f"cannot be opened: {error.strerror}") from error
    if len(content) > most_bytes:
        raise ValueError(f"is larger than {most_bytes} bytes")
    return content


def read_incident(file: Path) -> tuple[Incident, bytes]:
    """Read what the guard wrote, and its bytes. Raises ValueError for anything but its exact shape and name."""
    content = _content(file, MAX_INCIDENT_BYTES)
    found = incident.read(content)
    if file.stem != found.id:
        raise ValueError("is named after another incident")
    if not _EARLIEST <= found.at <= _LATEST:
        raise ValueError("has no instant of this century")
    return found, content


def read_fallback(file: Path, node: str) -> Fallback:
    """Read what an AGI script wrote on this node. Raises ValueError for anything but its exact shape.

    The folder is writable for Asterisk's user, so the file may be a link, a pipe, huge or nonsense.
    """
    try:
        raw = json.loads(_content(file, MAX_FALLBACK_BYTES))
    except RecursionError as error:
        raise ValueError("is nested too deeply") from error
    keys = {"format", "line", "channel", "at", "ended_at", "reason"}
    if not isinstance(raw, dict) or set(raw) != keys or type(raw["format"]) is not int or raw["format"] != 1:
        raise ValueError("is not of format 1")
    if any(type(raw[key]) is not int or not _EARLIEST <= raw[key] <= _LATEST for key in ("at", "ended_at")):
        raise ValueError("has no instants of this century")
    if not all(isinstance(raw[key], str) for key in ("line", "channel", "reason")):
        raise ValueError("has a value that is not text")
    if raw["reason"] not in set(Reason):
        # Not Reason("…"), whose error would say the word, and with it whatever a stranger wrote there.
        raise ValueError("has an unknown reason")
    at, channel = Instant(raw["at"]), names.channel_id(raw["channel"])
    return Fallback(
        recording=_fallback_recording(node, channel, at),
        node=node,
        # Empty for a LINE of which the dialplan's filter left nothing.
        line=_name(raw["line"]) if raw["line"] else "",
        channel=channel,
        at=at,
        # A clock that was set back between the two must not make a call that ends before it begins.
        ended_at=Instant(max(at, raw["ended_at"])),
        reason=Reason(raw["reason"]),
    )


def _fallback_recording(node: str, channel: str, at: Instant) -> RecordingId:
    """Mint the id from the call itself: the same note, read again after a kill, is the same recording."""
    return RecordingId(names.mint(at, sha256(f"{node}\n{channel}\n{at}".encode()).digest()[:10]))


def _name(text: str) -> str:
    return names.channel_id(text)[:MAX_NAME]
