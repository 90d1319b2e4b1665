"""Many recordings of one minute, as the gate and Asterisk leave them for ship: two legs, speech in turns, 8 kHz.

The sound of a few is linked into all of them, and a journal that is never read into those that only wait: so a hundred
thousand fit on a disk. Ship removes its link alone. What it makes and stores of them is as much as of any others.
"""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import soundfile
from demo_world.accounts import Account
from sealed_calls import (
    RATE_HZ,
    SyntheticSpool,
    at,
    entered,
    journal,
    minted,
    opened,
    origin,
    over,
    played,
    requested,
    wav,
    widened,
)

from ari_app.core import evidence as ev
from ari_app.core.names import RecordingId
from ari_app.core.reasons import Reason
from ari_app.layout import JOURNAL, Layout

SECONDS: Final = 60
SOUNDS: Final = 16
"""So many different recordings there are; a file may have 65,000 names on ext4."""

TURN_SECONDS: Final = 3
SPOKEN: Final = Path(__file__).parents[1] / "unit" / "golden" / "spoken"

Sound = "np.ndarray[Any, np.dtype[np.int16]]"


def minute(recording: RecordingId) -> list[ev.Entry]:
    """Return the journal of a call in which two were recorded for a minute."""
    end = 4 + SECONDS
    return [
        opened(recording),
        entered("p01", contract=False),
        played(),
        ev.PermitGranted(at=at(3), permit=1, parties=["p01"]),
        requested(1, "p01"),
        ev.CaptureStarted(at=at(3.05), segment=1, party="p01", monitor="m1"),
        entered("p02", contract=True, seconds=4),
        widened(4, "p02"),
        origin(1, "p01", 4),
        requested(1, "p02", seconds=4.01),
        ev.CaptureStarted(at=at(4.05), segment=1, party="p02", monitor="m2"),
        origin(1, "p02", 4.05),
        ev.PermitRevoked(at=at(end), permit=1, reason=Reason.HUNG_UP),
        over(1, "p01", end),
        over(1, "p02", end),
        ev.Ended(at=at(end + 0.1), reason=None),
    ]


def _leg(seed: int, seconds: float) -> Any:
    """Return what one side says: speech in its turns, and a telephone's noise throughout."""
    chance = np.random.default_rng(seed)
    spoken = np.concatenate([soundfile.read(file, dtype="int16")[0] for file in sorted(SPOKEN.glob("*.flac"))])
    samples = round(seconds * RATE_HZ)
    sound = np.roll(np.tile(spoken, samples // len(spoken) + 2), chance.integers(len(spoken)))[:samples].astype(float)
    turn = np.arange(samples) // (TURN_SECONDS * RATE_HZ) % 2 == seed % 2
    return (sound * turn + chance.normal(0, 12, samples)).clip(-32768, 32767).astype("<i2")


@dataclass(slots=True)
class Backlog:
    """A spool for ship alone; make it, add to it, and let ship have it."""

    root: Path
    account: Account
    made: int = 0

    @property
    def layout(self) -> Layout:
        """Where everything lies."""
        return Layout(self.root)

    def prepare(self) -> "Backlog":
        """Make the folders and the sounds."""
        self.account.directory(self.root, 0o2750)
        SyntheticSpool(self.root).prepare().beat(at(SECONDS + 60))
        layout = self.layout
        for folder in (layout.audio, layout.sealed, layout.heartbeats, layout.fallback, layout.incidents):
            self._own(folder)
        (self.root / "sounds").mkdir()
        for number in range(SOUNDS):
            for party, seconds in (("p01", float(SECONDS)), ("p02", SECONDS - 0.05)):
                leg = wav(_leg(2 * number + (party == "p02"), seconds))
                (self.root / "sounds" / f"{number}.{party}.wav").write_bytes(leg)
            (self.root / "sounds" / f"{number}.jsonl").write_bytes(journal(minute(minted(0))))
        return self

    def _own(self, folder: Path) -> None:
        os.chown(folder, self.account.uid, self.account.gid)

    def add(self, count: int, *, whole: bool = True) -> list[RecordingId]:
        """Seal so many more, each later than those before; return them. Not whole: their journals are never read."""
        found = []
        for _ in range(count):
            self.made += 1
            # Later ones sort later, and so are shipped later.
            recording = minted(self.made)
            found.append(recording)
            audio, new = self.layout.audio_of(recording), self.root / "sounds" / recording
            audio.mkdir()
            new.mkdir()
            number = self.made % SOUNDS
            for party in ("p01", "p02"):
                os.link(self.root / "sounds" / f"{number}.{party}.wav", audio / f"seg-001.{party}.wav")
            if whole:
                (new / JOURNAL).write_bytes(journal(minute(recording)))
            else:
                os.link(self.root / "sounds" / f"{number}.jsonl", new / JOURNAL)
            self._own(audio)
            self._own(new)
            new.rename(self.layout.sealed / recording)
        return found

    def hide(self) -> Path:
        """Take all sealed calls out of ship's sight, and return the folder that `show` wants."""
        hidden = self.root / "hidden"
        self.layout.sealed.rename(hidden)
        self.layout.sealed.mkdir(mode=0o750)
        self._own(self.layout.sealed)
        return hidden

    def show(self, hidden: Path) -> None:
        """Give ship all that was hidden, each by one rename, as the gate does it."""
        for folder in sorted(hidden.iterdir()):
            folder.rename(self.layout.sealed / folder.name)
        hidden.rmdir()

    def waiting(self) -> int:
        """Return how many are sealed and not shipped."""
        return len(os.listdir(self.layout.sealed))  # noqa: PTH208  # a hundred thousand paths would take their time

    def forget(self) -> None:
        """Remove everything."""
        shutil.rmtree(self.root, ignore_errors=True)
