"""What the gate wrote about its calls, read from its spool."""

import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from ari_app.core import evidence as ev
from ari_app.layout import JOURNAL, Layout

SEALED_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class Told:
    """One call's journal."""

    recording: str
    entries: list[ev.Entry]

    def first(self, kind: type[ev.Entry], party: str | None = None) -> int | None:
        """Return the place of the first entry of a kind (and a party) in the journal."""
        for place, entry in enumerate(self.entries):
            if isinstance(entry, kind) and (party is None or getattr(entry, "party", party) == party):
                return place
        return None

    def at(self, kind: type[ev.Entry], party: str | None = None) -> int | None:
        """Return the instant of the first entry of a kind (and a party)."""
        place = self.first(kind, party)
        return None if place is None else self.entries[place].at

    @property
    def captured(self) -> bool:
        """Whether Asterisk confirmed a capture of the caller."""
        return self.first(ev.CaptureStarted, "p01") is not None

    @property
    def step_ms(self) -> float | None:
        """PlaybackFinished (Asterisk's stamp) → MixMonitor confirmed."""
        played, started = self.at(ev.NoticePlayed, "p01"), self.at(ev.CaptureStarted, "p01")
        return None if played is None or started is None else (started - played) / 1000

    @property
    def evidence_first(self) -> bool:
        """Whether told, permitted and requested stand in this order before the capture, and none is later than it.

        The journal's one writer appends in order and makes an entry durable before the order to capture goes out
        (`CaptureRequested`, with `live/`); so an entry behind the capture's would be one that came too late.
        """
        kinds = (ev.NoticePlayed, ev.PermitGranted, ev.CaptureRequested, ev.CaptureStarted)
        places = [self.first(kind) for kind in kinds]
        instants = [self.at(kind) for kind in (*kinds[:3], ev.TrackOrigin)]
        known = [place for place in places if place is not None]
        then = [instant for instant in instants if instant is not None]
        return len(known) + len(then) == len(places) + len(instants) and (known, then) == (sorted(known), sorted(then))

    @property
    def outcome(self) -> str:
        """Why it was not captured, for the log."""
        for entry in self.entries:
            if isinstance(entry, ev.NotRecorded):
                return str(entry.reason)
        return "recorded" if self.captured else "unknown"


def take(spool: Path) -> list[Told]:
    """Wait until every call is sealed, and return the journals of all calls; they and their audio stay."""
    layout = Layout(spool)
    deadline = time.monotonic() + SEALED_SECONDS
    while any(layout.calls.iterdir()) and time.monotonic() < deadline:
        time.sleep(0.1)
    found = []
    for folder in (*sorted(layout.sealed.iterdir()), *sorted(layout.calls.iterdir())):
        journal = folder / JOURNAL
        if journal.exists():
            found.append(Told(folder.name, ev.read(journal.read_bytes())[0]))
    return found


def forget(spool: Path) -> None:
    """Remove what is sealed, with its audio: the next round's calls shall be alone."""
    layout = Layout(spool)
    for folder in list(layout.sealed.iterdir()):
        shutil.rmtree(folder)
        shutil.rmtree(layout.audio / folder.name, ignore_errors=True)
