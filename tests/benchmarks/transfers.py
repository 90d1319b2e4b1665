"""What a transfer costs of the recording: from the moment at which the room is good to the first sample that is stored.

Begin: Asterisk's own stamp (AMI) of what made the room good again, which after a transfer is the BridgeEnter of the
last who came; it is taken from the judge's view of who could hear whom, so somebody who is told only after they
entered, or who is taken off hold, begins it by that. End: the packet with the first sample of that party that lies in
S3 *arrives at Asterisk*, by the telephone's clock (the machine's, as Asterisk's). A packet leaves every 20 ms, so 0 to
20 ms of each figure are the wait for the next one; it is below 0 if Asterisk stored the packet that it held when the
bridge began.

Played and judged are the scenes of the system tests, by their judge; so everything else that they assert holds too.
"""

import asyncio
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from system.case import FRAME_US, Case
from system.heard import SAFETY_US, judge_leg
from system.hospital import Hospital
from system.judge import LAG_US, new_recordings
from system.rooms import Span
from system.scene import Scenario, Scene
from system.scenes import calls, rooms, transfers
from system.stage import Stage
from system.stored import EDGE_US, judge_leftovers, judge_recording
from telephone import FRAME_SAMPLES, Instant, TelephoneError, now_us

from .figures import percentile

KINDS: Final[Mapping[str, Scenario]] = {
    "blind_code": transfers.blind_code,
    "blind_code_outside": transfers.blind_code_outside,
    "blind_refer": transfers.blind_refer,
    "blind_refer_outside": transfers.blind_refer_outside,
    "attended_code": transfers.attended_code,
    "attended_code_outside": transfers.attended_code_outside,
    "attended_refer": transfers.attended_refer,
    "attended_refer_outside": transfers.attended_refer_outside,
    "pickup": rooms.picked_up,
    "park_and_retrieve": rooms.parked,
    "park_and_retrieve_by_code": rooms.parked_by_code,
    "forward_by_dialplan": calls.forwarded_by_the_dialplan,
    "forward_by_telephone": calls.forwarded_by_the_telephone,
}
ATTENDED: Final = ("attended_code", "attended_code_outside")
AT_ONCE: Final = 5
STAGGER_SECONDS: Final = 0.3


@dataclass(frozen=True, slots=True)
class Voice:
    """One party of one conversation after a transfer."""

    kind: str
    delay_ms: float
    """Infinite if nothing of this party is stored."""
    begun_by: str
    """The event that made the room good."""
    lost_ms: float
    """Not stored although the room was good for so long that it had to be."""


@dataclass(slots=True)
class Played:
    """Scenes that were played at once, and what was found of them."""

    scenes: int
    calls: int = 0
    voices: list[Voice] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    """Of scenes in which somebody was dropped, or did not hear whom they had to."""
    faults: list[str] = field(default_factory=list)
    """What the judge found."""
    forbidden_ms: float = 0.0
    incomplete: int = 0
    """Scenes after whose transfer not both voices are complete."""

    def add(self, other: "Played") -> None:
        """Take in what others found."""
        self.scenes += other.scenes
        self.calls += other.calls
        self.incomplete += other.incomplete
        self.forbidden_ms += other.forbidden_ms
        self.voices += other.voices
        self.failures += other.failures
        self.faults += other.faults

    def describe(self) -> str:
        """One line for whoever watches."""
        delays = [one.delay_ms for one in self.voices]
        return (
            f"{self.scenes} scenes, {self.calls} calls, {len(self.failures)} failed, {len(self.faults)} faults, "
            f"{self.incomplete} incomplete; bridge → first sample of {len(delays)} voices: "
            f"p50 {percentile(delays, 50):.1f} p99 {percentile(delays, 99):.1f} ms"
        )


class _Scene(Scene):
    """A scene that knows when what it is about began; one that does not say so is about it from its first moment on."""

    acted_at = Instant(0)

    async def act(self) -> None:
        await super().act()
        self.acted_at = now_us()


def rounds(kinds: Sequence[str], runs: int) -> list[list[str]]:
    """Return what is played at once, run by run: every kind in each of them, and never one of them twice at a time."""
    return [list(kinds[first : first + AT_ONCE]) for _ in range(runs) for first in range(0, len(kinds), AT_ONCE)]


def play(hospital: Hospital, kinds: Iterable[tuple[str, str]]) -> Played:
    """Play scenes (name, kind) at once, each party saying what nobody else says, and judge what is stored."""
    return asyncio.run(_play(hospital, dict(kinds)))


async def _play(hospital: Hospital, kinds: Mapping[str, str]) -> Played:
    played = Played(len(kinds))
    async with Stage(hospital) as stage:
        stage.lag_us = LAG_US
        scenes = {name: _Scene(stage, name) for name in kinds}

        async def one(number: int, name: str) -> None:
            await asyncio.sleep(number * STAGGER_SECONDS)
            try:
                await scenes[name].run(KINDS[kinds[name]])
            except (AssertionError, TimeoutError, TelephoneError) as failure:
                played.failures.append(f"{name}: {failure or type(failure).__name__}")

        await asyncio.gather(*(one(number, name) for number, name in enumerate(scenes)))
        try:
            await stage.settle()
        except AssertionError as failure:
            raise OSError(f"after {', '.join(kinds)}: {failure}") from failure
        case = await hospital.do(judged, stage)
    played.calls = len(stage.legs)
    played.faults = case.verdict.faults
    played.forbidden_ms = case.verdict.forbidden_ms
    for name, scene in scenes.items():
        found = list(_voices(case, scene, kinds[name]))
        played.voices += found
        # Both, and each of them whole.
        played.incomplete += len(found) < 2 or any(voice.lost_ms for voice in found)
    return played


def judged(stage: Stage) -> Case:
    """Judge a stage whose calls are all shipped, and return it with all that is known of it."""
    case = Case(stage)
    found = list(new_recordings(stage))
    for one in found:
        judge_recording(case, one)
    judge_leftovers(case)
    for title, leg in case.legs.items():
        judge_leg(case, title, leg, found)
    return case


def _voices(case: Case, scene: _Scene, kind: str) -> Iterable[Voice]:
    """Return everybody who was in a good room with the caller after the transfer, once for each time."""
    caller = f"{scene.name}: caller"
    for leg in scene.legs:
        if leg.title not in case.channels:
            continue
        arrivals = case.arrivals(leg.title)
        kept = case.kept[leg.title].reshape(-1, FRAME_SAMPLES)
        for begin, end in joined(case.rooms.allowed(caller, leg.title)):
            must = (arrivals >= begin + LAG_US) & (arrivals < end - SAFETY_US - EDGE_US) & case.own[leg.title]
            if begin < scene.acted_at or not must.any():
                continue
            stored = arrivals[kept.any(axis=1) & (arrivals >= begin - FRAME_US) & (arrivals < end)]
            delay_ms = float(stored[0] - begin) / 1000 if len(stored) else math.inf
            lost = must & ~kept.all(axis=1)
            yield Voice(kind, delay_ms, _begun_by(case, begin), float(np.count_nonzero(lost)) * FRAME_US / 1000)


def joined(spans: Iterable[Span]) -> list[Span]:
    """Return spans in order, made one where no packet fits between them.

    When Asterisk takes a Local channel out of the path, people change bridges within microseconds: that is no new
    conversation, and its first sample comes from a capture that has long begun.
    """
    found: list[Span] = []
    for begin, end in spans:
        if found and begin - found[-1][1] < FRAME_US:
            found[-1] = found[-1][0], end
        else:
            found.append((begin, end))
    return found


def _begun_by(case: Case, begin: Instant) -> str:
    """Return the event at this very moment; a moment of which Asterisk says nothing is a telephone's."""
    kinds = sorted({one.kind for one in case.stage.witness.events if one.at == begin})
    return "+".join(kinds) or "told or taken off hold"


def spread(voices: Sequence[Voice]) -> dict[str, object]:
    """Return what describes the delays of many voices."""
    delays = [one.delay_ms for one in voices]
    return {
        "voices": len(delays),
        "min": min(delays, default=math.nan),
        "p50": percentile(delays, 50),
        "p90": percentile(delays, 90),
        "p99": percentile(delays, 99),
        "max": max(delays, default=math.nan),
        "begun_by": dict(Counter(one.begun_by for one in voices)),
    }
