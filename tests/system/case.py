"""A stage as it is judged: every voice, whose channel it came over, who was in whose room when, and the verdict."""

import itertools
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from canary import UNTOLD, Match, Voices
from numpy.typing import NDArray
from telephone import Instant
from telephone.mulaw import RATE, SILENCE_BYTE

from ari_app.core.names import MICROSECONDS

from .pairing import kept_until
from .rooms import END_OF_TIME, Mouth, Off, Rooms, Span
from .stage import Leg, Stage, told_at
from .thrown import thrown_away

FRAME_US: Final = 20_000
LATE_US: Final = 10_000
"""So much later than a packet comes Asterisk has read it: 99 % of 7204 within 3.1 ms, the last after 8.1 ms."""
KEY_US: Final = 80_000
"""Asterisk's `mindtmfduration`. A key that comes in less is drawn out by what it lacks, reckoned from its begin, and
the packet that comes then is thrown away for the key's end. Where it lacks less than it has, the repeated packets of
its end are taken for that: of 60 keys of 80 ms 28 were drawn out, and none cost anything; one of 33 ms, on a busy
machine, cost the packet 52 ms after its begin. (A key within 500 ms of one that Asterisk has sent to the same telephone
is taken for its echo until its end comes: it costs 100 ms of speech, 54 of 54. No scene presses keys so.)"""


@dataclass(slots=True)
class Verdict:
    """What was found. `faults` must be empty; `delays`: ms from each good moment to the first stored sample."""

    faults: list[str] = field(default_factory=list)
    forbidden_ms: float = 0.0
    """Stored although it must not be, beyond one frame at each edge."""
    edge_ms: float = 0.0
    """The deepest stored sample within that frame."""
    missing_ms: float = 0.0
    silence_seconds: float = 0.0
    stored_ms: float = 0.0
    destroyed_ms: float = 0.0
    """Captured, and cut away by the evidence."""
    delays: dict[str, list[float]] = field(default_factory=dict)

    def figures(self) -> dict[str, Any]:
        """Return what is quoted."""
        return {
            "forbidden_ms": round(self.forbidden_ms, 1),
            "edge_ms": round(self.edge_ms, 1),
            "missing_ms": round(self.missing_ms, 1),
            "silence_seconds": round(self.silence_seconds, 3),
            "stored_ms": round(self.stored_ms),
            "destroyed_ms": round(self.destroyed_ms),
            "delays_ms": {name: [round(one, 1) for one in found] for name, found in self.delays.items()},
        }


class Case:
    """What is known of a stage when all its calls are shipped."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        witness = stage.witness
        self.legs = {leg.title: leg for leg in stage.legs}
        self.channels = {
            title: witness.name_of(leg.call)
            for title, leg in self.legs.items()
            if leg.call.dialog.call_id in witness.call_ids
        }
        titles = {name: title for title, name in self.channels.items()}
        self.by_uniqueid = {witness.uniqueids[name]: title for name, title in titles.items()}
        mouths = [
            Mouth(title, name, self.legs[title].staff, told_at(self.legs[title]))
            for title, name in self.channels.items()
        ]
        self.told = dict.fromkeys(self.legs) | {mouth.name: mouth.told_at for mouth in mouths}
        # A hold counts by what Asterisk says of it, and by when the telephone asked for it.
        holds = [Off(leg.title, *span, "holds") for leg in self.legs.values() for span in leg.held]
        self.rooms = Rooms(witness.events, mouths, [*stage.offs, *holds], stage.joints)
        self.voices = Voices({title: leg.call.sent for title, leg in self.legs.items()})
        self.worded = {title: _worded_frames(leg) for title, leg in self.legs.items()}
        """Which packets held words of the party's own, by which a moment can be told. Silence is like any other."""
        self.own = {title: _own_frames(leg, self.worded[title]) for title, leg in self.legs.items()}
        """Which of them must be stored if they are covered."""
        self.kept = {title: np.zeros(len(leg.call.sent), dtype=np.bool_) for title, leg in self.legs.items()}
        """Which samples of each voice are stored anywhere in S3."""
        self.behind: dict[str, list[tuple[Span, float]]] = {title: [] for title in self.legs}
        """Of each track of a voice: when it was spoken, and how many ms it came to lie behind its time."""
        self._thrown = stage.thrown()
        self.verdict = Verdict()
        for title, leg in self.legs.items():
            if title not in self.channels and any(event.what == "200" for event in leg.call.events):
                self.fault(f"{title}: Asterisk did not say which channel it was")

    def fault(self, text: str) -> None:
        """Note what is wrong."""
        self.verdict.faults.append(text)

    def secret(self, text: str) -> None:
        """Note that somebody is stored, or heard, who may not be: this no busy machine excuses (`again`)."""
        self.verdict.faults.append(f"{UNTOLD}{text}")

    def arrivals(self, title: str) -> NDArray[np.int64]:
        """When each packet of a voice reached Asterisk: what came while it stood still, when it went on."""
        call = self.legs[title].call
        found = np.array(call.sent.instants, dtype=np.int64) + call.delay_us
        for begin, end in self.stage.stood_still:
            found[(found >= begin) & (found < end)] = end
        return found

    def thrown_away(self, title: str) -> NDArray[np.bool_]:
        """Of each packet of a voice, whether Asterisk says that it threw away what it held then."""
        return thrown_away(self.arrivals(title), self._thrown.get(self.channels[title].partition("~")[0], ()))

    def kept_until(self, title: str) -> NDArray[np.int64]:
        """Until when the monitor on its channel can have kept back each packet of a voice; as it came, if none ran."""
        call, found = self.legs[title].call, self.arrivals(title)
        arrivals, heard = found.tolist(), (call.heard.arrived_at - call.delay_us).tolist()
        begins = [
            one.at
            for one in self.stage.witness.events
            if one.kind == "MixMonitorStart" and one["channel"] == self.channels[title]
        ]
        for begin, over in itertools.pairwise([*sorted(begins), END_OF_TIME]):
            its = slice(bisect_left(arrivals, begin), bisect_left(arrivals, over))
            found[its] = kept_until(arrivals[its], heard, begin)
        return found


def _worded_frames(leg: Leg) -> NDArray[np.bool_]:
    # Silence cannot be told from silence, and what was passed on is laid out as silence.
    worded = np.array([any(byte != SILENCE_BYTE for byte in frame) for frame in leg.call.sent.frames], dtype=bool)
    worded[sorted(leg.call.sent.passed_on)] = False
    return worded


def _own_frames(leg: Leg, worded: NDArray[np.bool_]) -> NDArray[np.bool_]:
    own = worded.copy()
    instants, media = leg.call.sent.instants, leg.call.media
    # A key that was let go at once, as a telephone on a busy machine does: the last one may be down still.
    for down, up in zip(media.keys_down, media.keys_up, strict=False):
        if up - down < KEY_US // 2 + LATE_US:
            own[bisect_left(instants, up) : bisect_left(instants, Instant(2 * down + KEY_US - up)) + 1] = False
    # On a busy machine a frame on either side of a key was missing all the same, where no key was short: not explained.
    # And where a telephone on a busy machine paused for longer than Asterisk waits (40 ms), of the two packets that it
    # holds meanwhile the older one was gone: once in each of 6 of 32 rounds of chaos, and in all 4 that were looked at
    # the packet after it was followed by a pause of 63 to 168 ms.
    pauses = np.flatnonzero(np.diff(np.array(instants, dtype=np.int64)) > 2 * FRAME_US + LATE_US)
    own[np.maximum(pauses - 1, 0)] = own[pauses] = own[pauses + 1] = False
    return own


def behind_ms(match: Match, spoken_at: Callable[[int], Instant]) -> float:
    """Return how far a voice comes to lie behind its time in a track, in ms, since its first sample there.

    While a party's frames are late, Asterisk writes silence, and lays them behind it (audiohook.c). What it still holds
    when the monitor ends, and what it throws away to be in step again, is lost: as much as it was behind, and no more.
    """
    places = [
        (stored * MICROSECONDS // RATE - spoken_at(sent)) / 1000
        for span in match.spans
        for stored, sent in ((span.stored_start, span.sent_start), (span.stored_end - 1, span.sent_end - 1))
    ]
    # Where nothing is anybody's words, nothing is behind.
    return max(places) - places[0] if places else 0.0


def distance(at: NDArray[np.int64], until: NDArray[np.int64], spans: Sequence[Span]) -> NDArray[np.int64]:
    """How far each stretch from `at` to `until` lies outside of all spans; 0 where one begins before it is over."""
    far = np.full(len(at), 2**40, dtype=np.int64)
    for begin, end in spans:
        far = np.minimum(far, np.maximum(0, np.maximum(begin - until, at - end)))
    return far
