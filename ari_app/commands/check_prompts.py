"""`consentgate check --prompts`: how good each announcement is, in figures and as a picture.

The same files are read, measured and judged as at the gate's start. What cannot be played is decoded by libsndfile all
the same, if that knows it: who has to mend a file shall see it.
"""

import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import soundfile as sf
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from ari_app.announcements import MAX_SECONDS, Examined, examine
from ari_app.config import AnnouncementFile, Config
from ari_app.ear import Heard, Samples, hear

from .drawings import blocks

NARROW_COLUMNS = 120
"""Terminals with less show smaller pictures."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """One announcement: what the configuration says of it, who hears it, what was found, and its samples if any."""

    name: str
    file: AnnouncementFile
    uses: tuple[str, ...]
    examined: Examined
    heard: Heard | None
    samples: Samples | None

    @property
    def verdict(self) -> str:
        """One word or two: `good`, `warning`, `not used`."""
        return "not used" if self.examined.problem else "warning" if self.examined.remarks else "good"

    @property
    def sha256(self) -> str:
        """What the evidence of calls names the file by; empty if it could not be read."""
        return hashlib.sha256(self.examined.content).hexdigest() if self.examined.content else ""


def uses(config: Config, name: str) -> tuple[str, ...]:
    """Return who hears an announcement, and is not recorded without it: callers of lines, and those whom lines call.

    What a key promises (information, confirmation) is needed for both: half a choice is none.
    """
    found = []
    for line, rules in config.lines.items():
        promised = name in (*rules.information, *rules.confirmation)
        if promised or name in rules.announcements:
            found.append(f"callers of {line}")
        if name in rules.outgoing_announcements or (promised and rules.outgoing_announcements):
            found.append(f"called by {line}")
    return tuple(found)


def _decoded(content: bytes) -> tuple[Samples, int] | None:
    """Return samples from -1 to 1, channels mixed, and their rate, of whatever libsndfile can read."""
    try:
        with sf.SoundFile(io.BytesIO(content)) as file:
            rate_hz = int(file.samplerate)
            mixed = file.read(MAX_SECONDS * rate_hz, dtype="float64", always_2d=True).mean(axis=1)
    except (sf.SoundFileError, ValueError):
        return None
    # A WAV of floating point numbers may hold anything that such numbers can be.
    samples = np.clip(np.nan_to_num(mixed), -1, 1)
    return (samples, rate_hz) if len(samples) else None


def look(config: Config) -> list[Prompt]:
    """Examine every announcement of a configuration."""
    found = []
    for name, file in config.announcements.items():
        examined = examine(file.file, config.announcement_checks)
        decoded = _decoded(examined.content)
        heard = examined.heard or (hear(*decoded) if decoded else None)
        found.append(Prompt(name, file, uses(config, name), examined, heard, decoded[0] if decoded else None))
    return found


def _name(prompt: Prompt, columns: int, *, plain: bool) -> Text:
    text = Text(prompt.name, style="bold")
    text.append(f" ({prompt.file.language})", style="not bold")
    if prompt.heard is not None and prompt.samples is not None:
        text.append("\n")
        for character, style in blocks(prompt.samples, prompt.heard, columns, plain=plain):
            text.append(character, style=f"not bold {style}")
    return text


_STYLES = {"good": "green", "warning": "yellow", "not used": "red"}


def _figures(heard: Heard | None) -> tuple[str, ...]:
    if heard is None:
        return ("-",) * 6
    before, after = heard.lead_ms / 1000, heard.tail_ms / 1000
    return (
        f"{heard.duration_ms / 1000:.1f} s\n{heard.rate_hz / 1000:g} kHz",
        f"{heard.level_dbfs:.1f} dBFS",
        f"{heard.clipped_percent:.2g} %\n{len(heard.clipped)} places" if heard.clipped else "-",
        f"{before:.2f} s\n{after:.2f} s",
        f"{heard.above_noise_db:.0f} dB\n{heard.dc_percent:+.1f} %",
        f"{heard.intelligibility:.2f}",
    )


def table(config: Config, prompts: Sequence[Prompt], width: int, *, plain: bool = False) -> Table:
    """Return a row per announcement; `plain` draws for terminals without Unicode."""
    shown = Table(title=f"{escape(config.site.name)}: announcements", title_justify="left")
    shown.add_column("announcement", no_wrap=True)
    for column in ("length", "level", "clipped", "silence\nbefore, after", "over noise\noffset", "intelligibility"):
        shown.add_column(column, justify="right")
    shown.add_column("verdict")
    for prompt in prompts:
        verdict = Text(prompt.verdict.upper() if prompt.examined.problem else prompt.verdict, _STYLES[prompt.verdict])
        name = _name(prompt, 24 if width < NARROW_COLUMNS else 48, plain=plain)
        shown.add_row(name, *_figures(prompt.heard), verdict)
    return shown
