"""Synthetic sealed calls: a journal as the gate writes it, WAV files as Asterisk does, heartbeats.

The default is the plain good case: an outside party told by an announcement, a house party told by contract,
both captured from the moment they were bridged until the outside party hung up.
"""

import json
import struct
import wave
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from ari_app.core import evidence as ev
from ari_app.core import names
from ari_app.core.names import Instant, RecordingId
from ari_app.core.reasons import Reason
from ari_app.layout import JOURNAL, Layout

BEGAN = names.instant_of("2026-11-22T09:00:00.000000Z")
RATE_HZ = 8000
MS = 1000
SECOND = 1_000_000
RUN = "run-1"
BOOT = "boot-1"
NUMBER, NUMBER_HASH = "AQID", "ab" * 32


def minted(number: int, at: Instant = BEGAN) -> RecordingId:
    return RecordingId(names.mint(at, number.to_bytes(10)))


def at(seconds: float) -> Instant:
    """Return an instant, in seconds from the call's beginning."""
    return Instant(BEGAN + round(seconds * SECOND))


def noise(seed: int, seconds: float) -> "np.ndarray[Any, np.dtype[np.int16]]":
    return np.random.default_rng(seed).integers(-9000, 9000, round(seconds * RATE_HZ)).astype("<i2")


def wav(samples: "np.ndarray[Any, np.dtype[np.int16]]", *, closed: bool = True) -> bytes:
    """Return a file as Asterisk writes it; not closed: both lengths in the header are still 0."""
    content = BytesIO()
    with wave.open(content, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(RATE_HZ)
        writer.writeframes(samples.tobytes())
    raw = bytearray(content.getvalue())
    if not closed:
        struct.pack_into("<I", raw, 4, 0)
        struct.pack_into("<I", raw, 40, 0)
    return bytes(raw)


def opened(
    recording: RecordingId, *, mode: str = "announce", capture: str = "conversation", **changes: Any
) -> ev.Opened:
    return ev.Opened(
        **{
            "at": BEGAN, "recording": recording, "run": RUN, "node": "pbx1", "line": "switchboard", "mode": mode,
            "capture": capture, "direction": "incoming", "channel": f"1763802000.{recording[-4:]}",
            "number": NUMBER, "number_hash": NUMBER_HASH, "policy_sha256": "0" * 64, "software": "0.1.0",
            "asterisk": "22.10.0", **changes,
        },
    )  # fmt: skip


def played(party: str = "p01", *, end: float = 3.0, **changes: Any) -> ev.NoticePlayed:
    return ev.NoticePlayed(
        **{
            "at": at(end), "party": party, "announcement": "welcome-en", "language": "en", "sha256": "1" * 64,
            "duration_ms": 2500, "spoken_end_ms": 2000, "playback": "cg-1-1", "began_at": at(end - 2.5),
            "packets_expected": 125, "packets_sent": 125, "text": "Calls are recorded.", **changes,
        },
    )  # fmt: skip


def entered(party: str, *, contract: bool, seconds: float = 0.1) -> ev.PartyEntered:
    side = "house" if contract else "outside"
    return ev.PartyEntered(
        at=at(seconds),
        party=party,
        side=side,
        channel=f"176.{party}",
        endpoint=f"PJSIP/{side}",
        contract=contract,
    )


def guest(party: str, recording: str, seconds: float = 0.1) -> ev.PartyEntered:
    """Return the entry of an outside party whose voice is in another recording."""
    return replace(entered(party, contract=False, seconds=seconds), recording=recording)


def widened(seconds: float, *parties: str, permit: int = 1) -> ev.PermitWidened:
    return ev.PermitWidened(at=at(seconds), permit=permit, parties=list(parties))


def narrowed(seconds: float, *parties: str, permit: int = 1) -> ev.PermitNarrowed:
    return ev.PermitNarrowed(at=at(seconds), permit=permit, parties=list(parties))


def objected(seconds: float, party: str, *, destroys: Sequence[str] = ()) -> ev.PartyObjected:
    return ev.PartyObjected(at=at(seconds), party=party, destroys=list(destroys))


def requested(segment: int, party: str, *, permit: int = 1, seconds: float = 3.02) -> ev.CaptureRequested:
    file = names.track_file(segment, names.PartyId(party))
    return ev.CaptureRequested(
        at=at(seconds),
        permit=permit,
        segment=segment,
        party=party,
        file=file,
        bridged_only=True,
    )


def origin(segment: int, party: str, seconds: float, *, ambiguous: bool = False) -> ev.TrackOrigin:
    return ev.TrackOrigin(at=at(seconds), segment=segment, party=party, ambiguous=ambiguous)


def over(segment: int, party: str, seconds: float, *, closed: bool = True) -> ev.TrackEnded:
    return ev.TrackEnded(at=at(seconds), segment=segment, party=party, closed=closed)


def good(recording: RecordingId, **changes: Any) -> list[ev.Entry]:
    """Told until 3 s; bridged at 4 s; the house's capture starts 50 ms later; hung up at 8 s."""
    return [
        opened(recording, **changes),
        entered("p01", contract=False),
        played(),
        ev.PermitGranted(at=at(3), permit=1, parties=["p01"]),
        requested(1, "p01"),
        ev.CaptureStarted(at=at(3.05), segment=1, party="p01", monitor="m1"),
        entered("p02", contract=True, seconds=4),
        ev.PermitWidened(at=at(4), permit=1, parties=["p02"]),
        origin(1, "p01", 4),
        requested(1, "p02", seconds=4.01),
        ev.CaptureStarted(at=at(4.05), segment=1, party="p02", monitor="m2"),
        origin(1, "p02", 4.05),
        ev.PermitRevoked(at=at(8), permit=1, reason=Reason.HUNG_UP),
        over(1, "p01", 8),
        over(1, "p02", 8),
        ev.Ended(at=at(8.1), reason=None),
    ]


def incident(number: int = 1, **changes: Any) -> dict[str, Any]:
    """Return what the guard writes about a MixMonitor that it stopped."""
    return {
        "format": 1,
        "id": minted(number),
        "node": "pbx1",
        "at": at(7.000_001),
        "door": "mixmonitor",
        "action": "stopped",
        "channel": "1763802000.7",
        "stopped_after_ms": 12,
        "files": [{"sha256": "a" * 64, "bytes": 1644, "quarantined_as": f"{minted(number)}-1.wav"}],
        "why": "not_named_in_live",
        **changes,
    }


def journal(entries: list[ev.Entry]) -> bytes:
    text, previous = b"", ev.FIRST
    for entry in entries:
        raw, previous = ev.line(entry, previous)
        text += raw
    return text


@dataclass(slots=True)
class SyntheticSpool:
    """A spool as the gate leaves it."""

    root: Path
    numbers: int = 0
    sent: dict[str, Any] = field(default_factory=dict)

    @property
    def layout(self) -> Layout:
        return Layout(self.root)

    def prepare(self) -> "SyntheticSpool":
        layout = self.layout
        for folder in (layout.audio, layout.sealed, layout.heartbeats, layout.fallback, layout.incidents):
            folder.mkdir(parents=True, exist_ok=True)
        self.beat(at(60))
        return self

    def beat(
        self,
        consumed: Instant,
        *,
        run: str = RUN,
        boot: str = BOOT,
        written: Instant | None = None,
        stood_still: tuple[tuple[Instant, Instant], ...] = (),
    ) -> None:
        line = {"boot": boot, "consumed_at": consumed, "written_at": consumed if written is None else written}
        line |= {"stood_still": stood_still} if stood_still else {}
        with (self.layout.heartbeats / f"{run}.jsonl").open("a") as stream:
            stream.write(json.dumps(line) + "\n")

    def seal(self, entries: list[ev.Entry], audio: dict[str, bytes]) -> RecordingId:
        first = entries[0]
        assert isinstance(first, ev.Opened)
        folder = self.layout.sealed / first.recording
        folder.mkdir(parents=True)
        (folder / JOURNAL).write_bytes(journal(entries))
        if audio:
            self.layout.audio_of(first.recording).mkdir(parents=True)
        for name, content in audio.items():
            (self.layout.audio_of(first.recording) / name).write_bytes(content)
        return first.recording

    def good(self, **changes: Any) -> RecordingId:
        """Seal the plain good call; its audio is noise seeded by its number."""
        self.numbers += 1
        recording = minted(self.numbers)
        audio = {
            "seg-001.p01.wav": wav(noise(self.numbers, 4)),
            "seg-001.p02.wav": wav(noise(self.numbers + 1000, 3.95)),
        }
        return self.seal(good(recording, **changes), audio)
