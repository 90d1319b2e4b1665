"""Sounds that a world needs: announcements and telephone voices by espeak-ng, music by sox.

All are 8 kHz, mono, 16 bit WAV: the format that Asterisk plays to a PCMU or PCMA caller as it is. Announcements
end in silence, because what a caller says in the first round trip was said before they had heard the end.
"""

import hashlib
import tempfile
import wave
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from .programs import Program

TAIL_SECONDS = 0.6
"""Silence after the speech; the project asks for 0.4 to 1 s."""
WORDS_PER_MINUTE = 165


@dataclass(frozen=True, slots=True)
class Announcement:
    """What is said before a call may be recorded. `file` replaces the synthetic voice by a WAV of your own."""

    text: str
    language: str
    file: Path | None = None


ANNOUNCEMENTS: Mapping[str, Announcement] = {
    "switchboard-en": Announcement(
        "Saint Elsewhere Hospital. We record calls for medico-legal purposes, training and audit.",
        "en",
    ),
    "advice-cy": Announcement(
        "Llinell gyngor yr ysbyty. Rydym yn recordio galwadau at ddibenion meddygol-gyfreithiol, hyfforddi "
        "ac archwilio. Os nad ydych am hyn, pwyswch naw.",
        "cy",
    ),
    "advice-en": Announcement(
        "Hospital advice line. We record calls for medico-legal purposes, training and audit. "
        "If you do not want this, press nine.",
        "en",
    ),
    "declined-cy": Announcement("Ni fydd yr alwad hon yn cael ei recordio.", "cy"),
    "declined-en": Announcement("This call will not be recorded.", "en"),
    # For people who are called: whoever answers must not learn from it that a hospital called.
    "calling-en": Announcement("Hello. This call is recorded for training and audit.", "en"),
    "conference-en": Announcement("This conference is recorded for training and audit.", "en"),
}

CAUSES = (
    "Paused. Payment, press one. Distress, three. A child, four. Somebody who cannot decide, six. Private, seven. "
    "Anything else, hash."
)
"""What one of the house hears who pauses by the menu; the keys are those of `agi_scripts/cause_menu.py`."""


def length_seconds(path: Path) -> float:
    """Return how long a WAV file lasts."""
    with wave.open(str(path), "rb") as source:
        return source.getnframes() / source.getframerate()


@dataclass(frozen=True, slots=True)
class Studio:
    """Makes the sounds."""

    espeak: Program
    sox: Program
    cache: Path
    """What was made once is kept here: another world costs no second synthesis."""

    def speak(
        self, text: str, target: Path, *, voice: str, lead_seconds: float = 0.0, tail_seconds: float = 0.0
    ) -> Path:
        """Say text into target. voice: an espeak-ng voice, as `en-gb`, `cy` or `en-gb+f3`."""
        asked = f"{voice} {WORDS_PER_MINUTE} {lead_seconds} {tail_seconds} {text} {self.espeak.version}"

        def make(new: Path) -> None:
            with tempfile.TemporaryDirectory(prefix="consentgate-voice-") as scratch:
                spoken = Path(scratch) / "spoken.wav"
                self.espeak.run("-v", voice, "-s", str(WORDS_PER_MINUTE), "-w", spoken, text)
                # espeak-ng adds silences of its own, of a length that depends on its version: they are cut,
                # and the tail is then exactly what was asked for. -3 dB leaves the resampler headroom.
                trim = ("silence", "1", "0.01", "0.2%")
                pad = ("pad", f"{lead_seconds:.3f}", f"{tail_seconds:.3f}")
                form = ("-r", "8000", "-c", "1", "-b", "16")
                self.sox.run("-D", spoken, *form, new, *trim, "reverse", *trim, "reverse", "norm", "-3", *pad)

        return self._kept(asked, make, target)

    def announcement(self, wanted: Announcement, target: Path) -> Path:
        """Make one announcement, or copy the site's own file to target."""
        if wanted.file is not None:
            target.write_bytes(wanted.file.read_bytes())
            return target
        voice = {"en": "en-gb"}.get(wanted.language, wanted.language)
        return self.speak(wanted.text, target, voice=voice, tail_seconds=TAIL_SECONDS)

    def music(self, target: Path) -> Path:
        """Ten seconds of two soft tones, for whoever is on hold."""
        tones = ("synth", "10", "sine", "220", "sine", "330", "remix", "-", "gain", "-18", "fade", "0.2", "10", "0.2")

        def make(new: Path) -> None:
            self.sox.run("-D", "-n", "-r", "8000", "-c", "1", "-b", "16", new, *tones)

        return self._kept(" ".join(tones), make, target)

    def causes(self, target: Path) -> Path:
        """Ask one of the house what a pause is for."""
        return self.speak(CAUSES, target, voice="en-gb", tail_seconds=TAIL_SECONDS)

    def _kept(self, asked: str, make: Callable[[Path], None], target: Path) -> Path:
        kept = self.cache / f"{hashlib.sha256(asked.encode()).hexdigest()[:24]}.wav"
        if not kept.exists():
            self.cache.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=self.cache) as scratch:
                new = Path(scratch) / "new.wav"
                make(new)
                new.rename(kept)
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(kept.read_bytes())
        target.chmod(0o644)
        return target
