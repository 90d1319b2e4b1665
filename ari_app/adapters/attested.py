"""What AGI scripts have attested, on its way from `fallback/` to `sealed/`: the script's lines, then its keeper's.

Both are one chain: the keeper's first line holds the hash of the script's last one. From there on the call is shipped
as any other; what contradicts itself or was changed is found there, and put aside with its audio.
"""

import fcntl
import json
import os
import shutil
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

from ari_app.core import evidence as ev
from ari_app.core import fallback, guard, names
from ari_app.core.names import ChannelId, Instant, RecordingId
from ari_app.durable import replace, sync_folder
from ari_app.layout import JOURNAL, Layout
from ari_app.untrusted import open_plain

MOST_BYTES: Final = 1 << 20
TAKEN: Final = ".taken"


@dataclass(frozen=True, slots=True)
class Account:
    """A script's account of a channel. opened: None if it is none. ended: as its keeper has it, so far.

    done: it was made a call before, by a ship that was killed before it had forgotten this.
    """

    folder: Path
    opened: ev.Opened | None
    kept: bool
    ended: Instant | None
    done: bool = False


class Attested:
    """The folders `fallback/<uniqueid>/`, each with what its keeper says of it."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    def all(self) -> list[Account]:
        """Return what scripts have attested and nobody has taken yet."""
        with suppress(FileNotFoundError):
            channels = (guard.channel_of(one) for one in os.listdir(self._layout.fallback))  # noqa: PTH208
            found = [self.of(one) for one in channels if one]
            return [one for one in found if one]
        return []

    def of(self, channel: ChannelId) -> Account | None:
        """Return what a script has attested of a channel; None if it has not."""
        folder = self._layout.fallback / channel
        if not folder.is_dir() or folder.is_symlink():
            return None
        opened = _opened(self._text(folder), channel)
        kept = self._kept(opened.recording) if opened else None
        done = opened is not None and self._done(opened.recording)
        return Account(folder, opened, kept is not None or done, _ended(kept) if kept else None, done)

    def _done(self, recording: RecordingId) -> bool:
        return any((place / recording).is_dir() for place in (self._layout.sealed, self._layout.shipped))

    def adopt(self, account: Account, ended_at: Instant, note: Path | None = None) -> bool:
        """Make a sealed call of it, then forget the folder, and the note of the hang-up; tell whether it was worth one.

        What nobody kept is no evidence of anything: no capture began on the strength of it.
        """
        opened = account.opened
        if opened is not None and account.kept:
            self._seal(account.folder, opened.recording, ended_at)
        elif opened is None and b"\n" in self._text(account.folder):
            name = f"fallback-{sha256(os.fsencode(account.folder.name)).hexdigest()[:16]}.json"
            (account.folder / JOURNAL).rename(self._layout.quarantine / name)
        worth = opened is not None and account.kept
        if worth and note is not None:
            # Before the folder: a note without one is taken for a call of which nothing else is known.
            note.unlink(missing_ok=True)
        shutil.rmtree(account.folder)
        sync_folder(self._layout.fallback)
        return worth

    @staticmethod
    def _text(folder: Path) -> bytes:
        try:
            with open_plain(folder / JOURNAL) as stream:
                return stream.read(MOST_BYTES)
        except OSError:
            return b""

    def _kept(self, recording: RecordingId) -> Path | None:
        """Return the keeper's lines, or what a ship that was killed had taken of them."""
        kept = self._layout.kept_of(recording)
        return next((one for one in (kept, kept.with_suffix(TAKEN)) if one.is_file()), None)

    def _seal(self, folder: Path, recording: RecordingId, ended_at: Instant) -> None:
        layout = self._layout
        taken = layout.kept_of(recording).with_suffix(TAKEN)
        target = layout.sealed / recording
        if not self._done(recording):
            new = layout.sealed / f".{recording}.new"
            new.mkdir(mode=0o700, exist_ok=True)
            text = self._text(folder) + self._take(layout.kept_of(recording), taken)
            replace(new / JOURNAL, _closed(text, ended_at), mode=0o600)
            new.rename(target)
            sync_folder(layout.sealed)
        # By both names: a power cut may have taken back the other one.
        for one in (taken, layout.kept_of(recording)):
            one.unlink(missing_ok=True)
        sync_folder(layout.keeper)

    @staticmethod
    def _take(kept: Path, taken: Path) -> bytes:
        """Read the keeper's lines under another name, so that it notices if it would write another one after."""
        with suppress(FileNotFoundError), kept.open("rb") as stream:
            fcntl.flock(stream.fileno(), fcntl.LOCK_EX)
            kept.rename(taken)
        return taken.read_bytes()


def _ended(kept: Path) -> Instant | None:
    last = kept.read_bytes().rpartition(b"\n")[0].rpartition(b"\n")[2]
    with suppress(ValueError, KeyError, TypeError):
        raw = json.loads(last)
        if raw["kind"] == ev.Ended.KIND:
            return Instant(int(raw["at"]))
    return None


def _opened(text: bytes, channel: ChannelId) -> ev.Opened | None:
    try:
        entries, _ = ev.read(text)
        opened = entries[0]
        if not isinstance(opened, ev.Opened) or (opened.attested_by, opened.channel) != (fallback.AGI, channel):
            return None
        names.recording_id(opened.recording)
    except (ValueError, LookupError, TypeError):
        return None
    return opened


def _closed(text: bytes, ended_at: Instant) -> bytes:
    """Return a journal that ends; what cannot be read is left as it is, for a person to look at."""
    whole = text[: text.rfind(b"\n") + 1]
    try:
        entries, previous = ev.read(whole)
    except ValueError:
        return text
    if any(isinstance(entry, ev.Ended) for entry in entries):
        return whole
    last = max(entry.at for entry in entries)
    return whole + ev.line(ev.Ended(at=Instant(max(last, ended_at)), reason=None), previous)[0]
