"""What the gate leaves in the spool: its heartbeats, the captures it names, and its journals. Read only."""

import os
from contextlib import suppress
from pathlib import Path

from ari_app import clock
from ari_app.core import guard as g
from ari_app.core.incident import Why
from ari_app.core.names import ChannelId, Instant, RecordingId, RunId
from ari_app.layout import JOURNAL, Layout
from ari_app.untrusted import open_plain

MOST_JOURNAL_BYTES = 65_536
"""Of a script's account: it holds one call's beginning."""

_TAIL_BYTES = 600
"""More than two heartbeat lines, so that one is whole."""


class Vitals:
    """The spool as the guard sees it. Nothing here raises: what cannot be read proves nothing."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self.signs = g.Signs()
        self.newest = RunId("")
        """The gate's run of today."""

    def refresh(self) -> None:
        """Read the last heartbeat of every run that may still live."""
        # Run ids sort by time, so the last name is the run of today; those before it are dead.
        newest = max((name for name in self._names(self._layout.heartbeats) if name.endswith(".jsonl")), default="")
        if newest:
            self.newest = RunId(newest.removesuffix(".jsonl"))
            self._read(self.newest)

    def objection(self, run: RunId) -> Why | None:
        """Return what speaks against this run's captures, by its last heartbeat as it is on the disk now."""
        now = clock.now()
        if self.signs.objection(run, now) is None:
            return None
        self._read(run)
        return self.signs.objection(run, now)

    def _read(self, run: RunId) -> None:
        with suppress(OSError), self._layout.heartbeat_of(run).open("rb") as stream:
            stream.seek(max(0, stream.seek(0, os.SEEK_END) - _TAIL_BYTES))
            beat = g.last_beat(stream.read())
            if beat is not None:
                self.signs.beats[run] = beat

    def live(self, channel: ChannelId) -> g.Live | None:
        """Return which capture is named for this channel."""
        try:
            return g.read_live(self._layout.live_of(channel).read_bytes())
        except OSError:
            return None

    @staticmethod
    def _names(folder: Path) -> list[str]:
        try:
            # Not Path.iterdir: at 50 calls a second this is what the guard does most.
            return os.listdir(folder)  # noqa: PTH208
        except OSError:
            return []

    def channels(self) -> set[ChannelId]:
        """Return every channel that has a file in `live/`."""
        return {channel for name in self._names(self._layout.live) if (channel := g.channel_of(name))}

    def began(self, live: g.Live) -> bool:
        """Tell whether the file of a capture that is named exists: Asterisk makes it when the capture begins."""
        return (self._layout.audio_of(live.recording) / live.file).exists()

    def journal(self, file: str) -> bytes | None:
        """Return the journal of the recording in whose folder below audio/ a file lies; None if there is none."""
        inside = file.removeprefix(f"{self._layout.audio}/")
        recording = inside.partition("/")[0]
        if inside == file or g.read_recording(recording) is None:
            return None
        for stage in (self._layout.calls, self._layout.sealed, self._layout.shipped):
            with suppress(OSError), open_plain(stage / RecordingId(recording) / JOURNAL) as stream:
                return stream.read()
        return self._of_a_script(recording)

    def _of_a_script(self, recording: str) -> bytes | None:
        """Look through the few journals of AGI scripts, which are named after their channels."""
        for channel in self._names(self._layout.fallback):
            with suppress(OSError), open_plain(self._layout.fallback / channel / JOURNAL) as stream:
                text = stream.read(MOST_JOURNAL_BYTES)
                if f'"recording":"{recording}"'.encode() in text:
                    return text
        return None

    def account(self, channel: ChannelId) -> bytes:
        """Return the journal of a script that announced on this channel. Raises OSError."""
        with open_plain(self._layout.fallback_of(channel)) as stream:
            return stream.read(MOST_JOURNAL_BYTES)


def instant_of(value: str) -> Instant | None:
    """Return what the gate's mark in Asterisk says, in seconds; None if it says that nobody lives."""
    return Instant(int(value) * 1_000_000) if value.isdecimal() and int(value) else None
