"""Where everything lies in the spool: the contract between the gate, ship, the guard and the AGI scripts.

audio/<recording-id>/seg-NNN.<party>.wav   written by Asterisk; the folder is the gate's (2770, shared group)
live/<uniqueid>                            which capture runs on this channel, and by which gate run
calls/<recording-id>/journal.jsonl         the gate's, while the call lasts; then renamed to
sealed/<recording-id>/                     ready for ship, which makes its objects there and renames it to
shipped/<recording-id>/                    stored and proved; holds journal, manifest and signature, no audio
fallback/<uniqueid>.json                   written by AGI scripts at a hang-up, collected by ship
fallback/<uniqueid>/journal.jsonl          of a call that an AGI script announced, up to the order to capture
keeper/<keeper-run-id>.jsonl               the guard's heartbeat while it keeps such captures, as the gate's
keeper/<recording-id>.kept                 how such a journal goes on, by the guard
heartbeat/<gate-run-id>.jsonl              "every event up to T has been consumed"
announcements/<sha256>.wav                 the copies that Asterisk plays
quarantine/                                what must not be shipped (0700)
incidents/<id>.json                        written by the guard, collected by ship
ship.waiting.json                          what ship has tried in vain, and why; gone while that is nothing
retry-<recording-id>, retry-all            a person's word to ship to try it now, which takes it away at once
spool.full                                 the guard's word to the scripts that there is no room to record anybody
selftests/<line>.jsonl                     what `doctor self-test` found, a signed line a test, each with its hash
anchors/                                   what ship stored on which day, and the signed anchors of each
"""

from dataclasses import dataclass
from pathlib import Path

from .core import signature
from .core.names import ChannelId, RecordingId, RunId

JOURNAL = "journal.jsonl"
MANIFEST = signature.MANIFEST
SIGNATURE = signature.SIGNATURE
KEPT = ".kept"


@dataclass(frozen=True, slots=True)
class Layout:
    """Paths below one spool."""

    root: Path

    @property
    def audio(self) -> Path:
        return self.root / "audio"

    @property
    def live(self) -> Path:
        return self.root / "live"

    @property
    def calls(self) -> Path:
        return self.root / "calls"

    @property
    def sealed(self) -> Path:
        return self.root / "sealed"

    @property
    def shipped(self) -> Path:
        return self.root / "shipped"

    @property
    def fallback(self) -> Path:
        return self.root / "fallback"

    @property
    def keeper(self) -> Path:
        return self.root / "keeper"

    @property
    def heartbeats(self) -> Path:
        return self.root / "heartbeat"

    @property
    def announcements(self) -> Path:
        return self.root / "announcements"

    @property
    def quarantine(self) -> Path:
        return self.root / "quarantine"

    @property
    def incidents(self) -> Path:
        return self.root / "incidents"

    @property
    def selftests(self) -> Path:
        return self.root / "selftests"

    @property
    def anchors(self) -> Path:
        return self.root / "anchors"

    @property
    def waiting(self) -> Path:
        return self.root / "ship.waiting.json"

    @property
    def full(self) -> Path:
        return self.root / "spool.full"

    def retry(self, name: str) -> Path:
        """The file by which a person asks for a recording, or for `all`; "*" for the pattern of them."""
        return self.root / f"retry-{name}"

    @property
    def policy(self) -> Path:
        return self.root / "policy.json"

    @property
    def lines(self) -> Path:
        return self.root / "lines.conf"

    def lock(self, process: str) -> Path:
        """The file that the one running process of a kind holds locked (`flock`)."""
        return self.root / f"{process}.lock"

    def ready(self, process: str) -> Path:
        """The file that says that a process is ready, with its pid; gone while it is not."""
        return self.root / f"{process}.ready"

    def audio_of(self, recording: RecordingId) -> Path:
        return self.audio / recording

    def journal_of(self, recording: RecordingId) -> Path:
        return self.calls / recording / JOURNAL

    def fallback_of(self, channel: ChannelId) -> Path:
        return self.fallback / channel / JOURNAL

    def kept_of(self, recording: RecordingId) -> Path:
        return self.keeper / f"{recording}{KEPT}"

    def live_of(self, channel: ChannelId) -> Path:
        return self.live / channel

    def heartbeat_of(self, run: RunId) -> Path:
        return self.heartbeats / f"{run}.jsonl"
