"""What the keeper writes, in order, on a thread of its own: a slow disk must not delay the stopping of anything.

Order is the point, as in the gate's journal: a heartbeat says that everything up to T is written down, so it is not
written before that is durable; and after one failure no heartbeat of this run ever is.
"""

import fcntl
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Final

from ari_app.core.fallback import CALLER, FILE, SEGMENT
from ari_app.core.incident import FORMAT
from ari_app.core.keeper import Kept
from ari_app.core.names import ChannelId, Instant, RecordingId, RunId
from ari_app.core.policy import canonical
from ari_app.core.standstill import Standstill
from ari_app.layout import Layout

FOLDER_MODE: Final = 0o2750
AUDIO_MODE: Final = 0o2770
FILE_MODE: Final = 0o640


class KeptFiles:
    """The files of one keeper's run. Nothing here raises, but `name`: what failed is in `trouble`."""

    def __init__(self, layout: Layout, run: RunId, written: Callable[[Instant], None]) -> None:
        self._layout, self.run, self._written = layout, run, written
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="keeper")
        self.trouble = ""

    def prepare(self) -> None:
        """Make the folder. Raises OSError."""
        folder = self._layout.keeper
        if not folder.is_dir():
            folder.mkdir(parents=True)
            folder.chmod(FOLDER_MODE)

    def name(self, kept: Kept) -> None:
        """Say in `live/` that this capture may run, and make the place for it. Raises OSError.

        O_EXCL: a channel on which another capture is named is not taken over. The last file is what the script waits
        for before it begins the capture.
        """
        layout = self._layout
        live = {"format": FORMAT, "run": self.run, "recording": kept.recording, "party": CALLER, "permit": SEGMENT}
        descriptor = os.open(layout.live_of(kept.channel), os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE)
        with os.fdopen(descriptor, "wb") as file:
            file.write(canonical(live | {"file": FILE, "keeper": "guard"}))
        try:
            audio = layout.audio_of(kept.recording)
            audio.mkdir()
            audio.chmod(AUDIO_MODE)
            os.close(os.open(layout.kept_of(kept.recording), os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE))
        except OSError:
            layout.live_of(kept.channel).unlink()
            raise

    def append(self, recording: RecordingId, text: bytes) -> None:
        """Add lines to what is known of a capture."""
        self._thread.submit(self._guarded, self._append, recording, text)

    def forget(self, channel: ChannelId) -> None:
        """The capture runs no more."""
        self._thread.submit(self._guarded, self._forget, channel)

    def beat(self, boot: str, consumed_at: Instant, written_at: Instant, stood_still: Standstill | None = None) -> None:
        """Everything up to an instant has been heard, and what was to be written of it comes before this."""
        self._thread.submit(self._guarded, self._beat, boot, consumed_at, written_at, stood_still)

    def close(self) -> None:
        """Finish what is begun."""
        self._thread.shutdown(wait=True)

    def _guarded(self, work: Callable[..., None], *arguments: object) -> None:
        try:
            work(*arguments)
        except OSError as failure:
            self.trouble = self.trouble or f"{failure.strerror or type(failure).__name__}: {failure.filename}"

    def _append(self, recording: RecordingId, text: bytes) -> None:
        # Ship locks the file while it takes it away: what comes after that must not seem to be written.
        path = self._layout.kept_of(recording)
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if not os.path.samestat(path.stat(), os.fstat(descriptor)):
                raise FileNotFoundError(None, "was taken by ship", str(path))
            os.write(descriptor, text)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _forget(self, channel: ChannelId) -> None:
        with suppress(FileNotFoundError):
            self._layout.live_of(channel).unlink()

    def _beat(self, boot: str, consumed_at: Instant, written_at: Instant, stood_still: Standstill | None) -> None:
        if self.trouble:
            return
        still = {"stood_still": [[stood_still.since, stood_still.until]]} if stood_still else {}
        said = {"boot": boot, "consumed_at": consumed_at, "written_at": written_at}
        text = canonical(said | still) + b"\n"
        descriptor = os.open(
            self._layout.keeper / f"{self.run}.jsonl", os.O_WRONLY | os.O_CREAT | os.O_APPEND, FILE_MODE
        )
        try:
            os.write(descriptor, text)
        finally:
            os.close(descriptor)
        self._written(written_at)
