"""Where a telephone heard an announcement, and whether all of it."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from telephone import Heard, Instant
from telephone.mulaw import RATE, Pcm, encode

from .match import LEAST_SPEECH_ANCHORS, SHORTEST_SPEECH, Span, compare

# -------------------------------------------------------------------------------------------------

#: Asterisk 22.10 plays a WAV file without its last 22 samples: its reader counts the header's 44 bytes as sound
#: (observed: the last packet of a file of whole frames has 138 samples). They are not missing at the telephone.
NEVER_PLAYED_SAMPLES: Final = 22

TONE_WIDTH_HZ: Final = 12
MUSIC_SHARE: Final = 0.25


@dataclass(frozen=True, slots=True)
class HeardSpan:
    """Where a telephone heard an announcement, and how much of it."""

    #: First and last sample of it in what the telephone heard (one past the last).
    start: int
    end: int
    #: The announcement's samples that were heard, as spans of (place heard, place in the announcement).
    spans: tuple[Span, ...]
    #: Arrival of the packet with its first and with its last sample.
    started_at: Instant
    ended_at: Instant
    #: Whether every sample that Asterisk plays was heard, in one piece.
    complete: bool
    #: Samples of the announcement that were never heard.
    missing: int


def heard_span(heard: Heard, announcement: Pcm, *, nth: int = 0) -> HeardSpan | None:
    """Where the `nth` playing of an announcement is in what a telephone heard; None if there is no such.

    A packet is heard when it arrives: the last sample's sound ends one frame later, so `ended_at` is the strict
    reading."""
    found = playings(heard, announcement)
    return found[nth] if nth < len(found) else None


def playings(heard: Heard, announcement: Pcm) -> list[HeardSpan]:
    """Where each playing of an announcement is in what a telephone heard."""
    reference = encode(announcement)
    match = compare(heard.pcm, reference, SHORTEST_SPEECH, LEAST_SPEECH_ANCHORS)
    found: list[list[Span]] = []
    for span in match.spans:
        # Going back in the announcement means that it was begun anew.
        if not found or span.sent_start < found[-1][-1].sent_end:
            found.append([])
        found[-1].append(span)
    return [_playing(heard, len(reference), spans) for spans in found]


def _playing(heard: Heard, length: int, spans: list[Span]) -> HeardSpan:
    # What is never played is silence, and so is the beginning of many a packet that comes after the announcement.
    beyond = max(0, spans[-1].sent_end - (length - NEVER_PLAYED_SAMPLES))
    start, end = spans[0].stored_start, spans[-1].stored_end - beyond
    missing = length - sum(span.length for span in spans)
    whole = len(spans) == 1 and spans[0].sent_start == 0 and missing <= NEVER_PLAYED_SAMPLES
    return HeardSpan(start, end, tuple(spans), heard.heard_at(start), heard.heard_at(end - 1), whole, missing)


MUSIC_HZ: Final = (220, 330)
"""The two tones of the music in these tests (`demo_world.voices`)."""


def music_heard(heard: Pcm) -> bool:
    """Tell whether the tests' music is in what a telephone heard."""
    return tone_share(heard, *MUSIC_HZ) > MUSIC_SHARE


def tone_share(heard: Pcm, *tones_hz: float, width_hz: float = TONE_WIDTH_HZ) -> float:
    """Return how much of the power is in these tones, 0 to 1: a voice of the tests' is noise and has none."""
    power = np.abs(np.fft.rfft(heard.astype(np.float64) * np.hanning(len(heard)))) ** 2
    hz = np.fft.rfftfreq(len(heard), 1 / RATE)
    wanted = sum(float(power[np.abs(hz - one) < width_hz].sum()) for one in tones_hz)
    return wanted / max(float(power.sum()), 1.0)


def likeness(heard: Pcm, words: Pcm) -> float:
    """Return how much of what a telephone heard in some place is these words, 0 to 1: with music under them, say."""
    sound, sought = heard.astype(np.float64), words.astype(np.float64)
    if len(sound) < len(sought):
        return 0.0
    size = len(sound) + len(sought)
    product = np.fft.irfft(np.fft.rfft(sound, size) * np.conj(np.fft.rfft(sought, size)), size)
    energy = np.concatenate([[0.0], np.cumsum(sound**2)])
    places = len(sound) - len(sought) + 1
    loudness = np.sqrt((energy[len(sought) :] - energy[:places]) * np.sum(sought**2))
    return float(np.max(product[:places] / np.maximum(loudness, 1.0)))


def times_heard(heard: Heard, announcement: Pcm) -> int:
    """How often an announcement was begun."""
    return len(playings(heard, announcement))
