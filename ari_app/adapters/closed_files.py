"""The kernel's word on who still writes a recording: inotify's IN_CLOSE_WRITE, without asking Asterisk.

On a hang-up Asterisk closes a MixMonitor's file on its own thread, some time later, and tells nobody. Age and
size say nothing (it writes in steps of 32 KiB), so the gate watches the folder from before the capture begins.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path

from inotify_simple import INotify, flags

from ari_app.core.names import RecordingId


class ClosedFiles:
    """Calls `closed(recording, file name)` in the event loop whenever a writer closes a file in a watched folder."""

    def __init__(self, closed: Callable[[RecordingId, str], None]) -> None:
        self._closed = closed
        self._inotify = INotify()
        self._recordings: dict[int, RecordingId] = {}
        self._watches: dict[RecordingId, int] = {}

    def start(self) -> None:
        """Begin to listen; needs a running event loop."""
        asyncio.get_running_loop().add_reader(self._inotify.fileno(), self._read)

    def watch(self, recording: RecordingId, folder: Path) -> None:
        """Watch a recording's folder; once is enough. Raises OSError if the kernel allows no more watches."""
        if recording not in self._watches:
            number = self._inotify.add_watch(folder, flags.CLOSE_WRITE)
            self._watches[recording], self._recordings[number] = number, recording

    def forget(self, recording: RecordingId) -> None:
        """Stop watching a recording that is sealed."""
        number = self._watches.pop(recording, None)
        if number is not None:
            self._recordings.pop(number, None)
            try:
                self._inotify.rm_watch(number)
            except OSError:
                # ship was faster: with the folder the kernel has removed its watch.
                return

    def close(self) -> None:
        """Stop listening."""
        asyncio.get_running_loop().remove_reader(self._inotify.fileno())
        self._inotify.close()

    def _read(self) -> None:
        for event in self._inotify.read(timeout=0):
            recording = self._recordings.get(event.wd)
            if recording is not None and event.mask & flags.CLOSE_WRITE:
                self._closed(recording, event.name)
