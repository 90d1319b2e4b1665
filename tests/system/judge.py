"""The verdict on a stage: whatever is stored, whose it is, when it was spoken, and whether it may be there.

It looks at every object in S3 and every sound file on the disk that were not there before, not only at those that a
scene expects. What may be stored follows from who could hear whom (`rooms`), from what each telephone really heard,
and from the telephones' own clocks.
"""

import asyncio
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import soundfile
from canary import Match, Voices, times_heard, unexplained
from numpy.typing import NDArray
from telephone import FRAME_SAMPLES, Instant
from telephone.mulaw import RATE, SILENCE_BYTE, Pcm

from ari_app.core.names import instant_of, recording_id

from .agreement import EDGE_MS, FRAME_MS, assert_agrees
from .evidence import Evidence
from .figures import report
from .hospital import Hospital
from .rooms import Mouth, Off, Rooms, Span
from .scene import Scenario, play_all
from .stage import Leg, Stage, told_at
from .unrecorded import sound_files

_FRAME_US: Final = round(FRAME_MS * 1000)
_EDGE_US: Final = round(EDGE_MS * 1000)
LAG_US: Final = 300_000
"""How long after a room became good its capture may begin in a test, on two busy cores; the bench has its own bar."""
SAFETY_US: Final = 40_000
SILENT_SECONDS: Final = 2.0
"""Beyond its longest announcement, nobody hears nothing for longer."""


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


class Judge:
    """Judges one stage whose calls are all shipped."""

    def __init__(self, stage: Stage, found: Sequence[Evidence]) -> None:
        self.stage, self.found = stage, found
        witness = stage.witness
        self.legs = {leg.title: leg for leg in stage.legs if leg.call.dialog.call_id in witness.call_ids}
        self.channels = {title: witness.name_of(leg.call) for title, leg in self.legs.items()}
        titles = {name: title for title, name in self.channels.items()}
        self.by_uniqueid = {witness.uniqueids[name]: titles[name] for name in titles if name in witness.uniqueids}
        mouths = [Mouth(title, self.channels[title], leg.staff, told_at(leg)) for title, leg in self.legs.items()]
        self.told = {mouth.name: mouth.told_at for mouth in mouths}
        # A hold counts by what Asterisk says of it, and by when the telephone asked for it.
        holds = [Off(leg.title, *span, "holds") for leg in self.legs.values() for span in leg.held]
        self.rooms = Rooms(witness.events, mouths, [*stage.offs, *holds], stage.joints)
        self.voices = Voices({title: leg.call.sent for title, leg in self.legs.items()})
        self.verdict = Verdict()
        self.kept: dict[str, NDArray[np.bool_]] = {
            title: np.zeros(len(leg.call.sent), dtype=bool) for title, leg in self.legs.items()
        }
        """Which samples of each voice are stored anywhere in S3."""
        self.own = {title: _own_frames(leg) for title, leg in self.legs.items()}
        """Which packets held the party's own words."""

    def judge(self) -> Verdict:
        """Do all of it."""
        for one in self.found:
            if not one.superseded:
                assert_agrees(one, self.stage.hospital.world)
            self._recording(one)
        self._leftovers()
        for title, leg in self.legs.items():
            self._told_first(title, leg)
            self._complete(title)
            self._account(title, leg)
            self._silence(leg)
        return self.verdict

    def fault(self, text: str) -> None:
        """Note what is wrong."""
        self.verdict.faults.append(text)

    # -- what is stored

    def _recording(self, found: Evidence) -> None:
        owner = self.by_uniqueid.get(found.call["channel"])
        if owner is None or self.legs[owner].staff:
            if found.recorded:
                self.fault(f"recording {found.recording} belongs to no outside party of this stage")
            return
        self.verdict.destroyed_ms += sum(one["destroyed_samples"] for one in found.manifest["tracks"]) * 1000 / RATE
        for segment in found.manifest["segments"]:
            self.verdict.stored_ms += segment["samples"] * 1000 / segment["rate_hz"]
            for number, party in enumerate(segment["channels"], start=1):
                self._channel(found, owner, party, segment["segment"], found.channel(number, segment["segment"]))

    def _channel(self, found: Evidence, owner: str, party: str, segment: int, stored: Pcm) -> None:
        where = f"segment {segment}, {party} of the recording of {owner}"
        (entered,) = [one for one in found.manifest["parties"] if one["party"] == party]
        speaker = self.by_uniqueid.get(entered["channel"])
        matches = self.voices.attribute(stored)
        if rest := unexplained(stored, matches):
            ms = sum(one.ms for one in rest)
            self.fault(f"{where}: {ms:.1f} ms that nobody said, the first at sample {rest[0].start}")
        if speaker is None:
            if matches:
                self.fault(f"{where}: its channel is nobody's of this stage, and holds {sorted(matches)}")
            return
        if party == "p01" and speaker != owner:
            self.fault(f"{where}: p01 is {speaker}")
        if not self.legs[speaker].staff and speaker != owner:
            self.fault(f"{where}: an outside party's track in another's recording")
        if self.legs[speaker].endpoint and self.legs[speaker].endpoint != entered["endpoint"]:
            self.fault(f"{where}: the endpoint is {entered['endpoint']}")
        for name, match in matches.items():
            if name != speaker and not self._passes_on(speaker, name):
                self.fault(f"{where}: {match.matched / 8:.1f} ms of the voice of {name}")
            self._spoken(where, owner, name, match)
        if speaker in matches:
            self._covered(where, found, party, segment, speaker, matches[speaker])

    def _passes_on(self, speaker: str, name: str) -> bool:
        """Tell whether a telephone's own conference brings this voice into another call of the telephone's."""
        return any(
            speaker in (joint.first, joint.second) and name not in (joint.first, joint.second)
            for joint in self.stage.joints
        )

    def _arrivals(self, title: str) -> NDArray[np.int64]:
        """When each packet of a voice reached Asterisk."""
        call = self.legs[title].call
        return np.array(call.sent.instants, dtype=np.int64) + call.delay_us

    def _spoken(self, where: str, owner: str, title: str, match: Match) -> None:
        """Judge every sample by the moment at which it was spoken."""
        arrivals = self._arrivals(title)
        samples = np.zeros(len(self.legs[title].call.sent), dtype=bool)
        for span in match.spans:
            samples[span.sent_start : span.sent_end] = True
        self.kept[title] |= samples
        counts = samples.reshape(-1, FRAME_SAMPLES).sum(axis=1)
        frames = np.flatnonzero(counts)
        outside = _distance(arrivals[frames], self.rooms.allowed(owner, title))
        wrong = outside > _FRAME_US
        self.verdict.edge_ms = max(self.verdict.edge_ms, float(outside[~wrong].max(initial=0)) / 1000)
        if wrong.any():
            ms = float(counts[frames[wrong]].sum()) * 1000 / RATE
            self.verdict.forbidden_ms += ms
            first = int(arrivals[frames[wrong][0]])
            self.fault(
                f"{where}: {ms:.1f} ms of {title} that must not be stored, up to {outside.max() / 1000:.1f} ms off, "
                f"the first spoken {self._told_text(title, first)}; {self._why(owner, first)}"
            )

    def _told_text(self, title: str, at: Instant) -> str:
        told = self.told[title]
        if self.legs[title].staff:
            return f"at {at}"
        return "by somebody who was never told" if told is None else f"{(at - told) / 1e6:.3f} s after they were told"

    def _why(self, owner: str, at: Instant) -> str:
        bad = [
            f"{why} ({(at - begin) / 1000:.0f} ms into it)"
            for begin, end, why in self.rooms.bad.get(owner, [])
            if begin <= at < end
        ]
        return f"the room of {owner} then: {bad or 'not together'}"

    def _covered(self, where: str, found: Evidence, party: str, segment: int, title: str, match: Match) -> None:
        """Of what evidence covers, nothing is missing."""
        track = found.track(party, segment)
        covered = found.intervals.get((track["permit"], party))
        if covered is None or track["origin_at"] is None:
            return
        arrivals = self._arrivals(title)
        begin = max(covered[0], instant_of(track["origin_at"]))
        wanted = self.own[title] & (arrivals >= begin + _EDGE_US) & (arrivals < covered[1] - _EDGE_US)
        there = np.zeros(len(arrivals) * FRAME_SAMPLES, dtype=bool)
        for span in match.spans:
            there[span.sent_start : span.sent_end] = True
        missing = wanted & ~there.reshape(-1, FRAME_SAMPLES).all(axis=1)
        if missing.any():
            ms = float(missing.sum() * FRAME_MS)
            at = (int(arrivals[missing][0]) - begin) / 1000
            self.verdict.missing_ms += ms
            self.fault(f"{where}: {ms:.1f} ms of {title} are missing though covered, the first {at:.0f} ms in")

    def _leftovers(self) -> None:
        """No sound file holds anybody's voice: what is covered is in S3, what is not is destroyed."""
        for file in sound_files(self.stage.hospital.world):
            samples, _ = soundfile.read(file, dtype="int16", always_2d=True)
            for channel in samples.T:
                if speakers := self.voices.speakers(np.ascontiguousarray(channel)):
                    self.fault(f"{file} holds the voice of {speakers}")
        if self.stage.messages is not None:
            self._messages(self.stage.messages)

    def _messages(self, folder: Path) -> None:
        """A voice message holds one caller, from after they were told on; the file is taken away."""
        files = [file for file in folder.rglob("*.[wW][aA][vV]") if file.is_file()]
        if len(files) != 1:
            self.fault(f"{len(files)} voice messages")
        for file in files:
            samples, _ = soundfile.read(file, dtype="int16")
            for title, match in self.voices.attribute(samples).items():
                first = self.legs[title].call.sent_at(match.spans[0].sent_start)
                told = self.told[title]
                if told is None or first < told - _FRAME_US:
                    self.fault(f"a voice message of {title} from before they were told")
            for one in file.parent.glob(f"{file.stem}.*"):
                one.unlink()

    # -- what must be stored, and said

    def _told_first(self, title: str, leg: Leg) -> None:
        """Who must be told hears it once, whole, and before anybody else; whose call is not recorded may hear none."""
        if leg.staff or not leg.announcements or not leg.call.answered.happened:
            return
        heard, told = leg.call.heard, self.told[title]
        if told is None:
            if leg.reasons is not None and leg.refused is None:
                self.fault(f"{title}: was not told")
            return
        times = [times_heard(heard, one) for one in leg.announcements]
        if times != [1] * len(times):
            self.fault(f"{title}: heard the announcements {times} times")
        until = heard.first_sample_from(told - (0 if leg.call.delay_us else _FRAME_US))
        if early := self.voices.speakers(heard.pcm[:until]):
            self.fault(f"{title}: heard {early} before they were told")

    def _complete(self, title: str) -> None:
        """Whoever was in a good room for longer than a capture takes to begin is stored from then on."""
        arrivals, kept = self._arrivals(title), self.kept[title].reshape(-1, FRAME_SAMPLES).all(axis=1)
        for begin, end in self.rooms.good(title):
            inside = (arrivals >= begin + self.stage.lag_us) & (arrivals < end - SAFETY_US - _EDGE_US)
            if not inside.any():
                continue
            after = np.flatnonzero(
                self.kept[title].reshape(-1, FRAME_SAMPLES).any(axis=1) & (arrivals >= begin - _FRAME_US)
            )
            if len(after):
                self.verdict.delays.setdefault(title, []).append((int(arrivals[after[0]]) - begin) / 1000)
            lost = inside & ~kept & self.own[title]
            if lost.any():
                at = (int(arrivals[np.flatnonzero(lost)[0]]) - begin) / 1000
                self.fault(
                    f"{title}: {int(lost.sum()) * FRAME_MS:.0f} ms of a good room are not stored, from {at:.0f} ms on"
                )

    def _account(self, title: str, leg: Leg) -> None:
        """Every outside party has one account, and it says why what is missing is."""
        if leg.staff or leg.reasons is None:
            return
        uniqueid = self.stage.witness.uniqueids[self.channels[title]]
        mine = [one for one in self.found if one.call["channel"] == uniqueid and not one.superseded]
        if len(mine) != 1:
            self.fault(f"{title}: {len(mine)} accounts of it")
            return
        (one,) = mine
        if (one.reason if not one.recorded else None) != leg.refused:
            self.fault(f"{title}: recorded={one.recorded}, reason={one.reason}, expected {leg.refused}")
        reasons = iter(one.reasons)
        if not all(any(wanted == had for had in reasons) for wanted in leg.reasons):
            self.fault(f"{title}: the gaps are {one.reasons}, expected {list(leg.reasons)} among them in this order")

    def _silence(self, leg: Leg) -> None:
        call = leg.call
        if call.state == "calling" or not call.answered.happened or call.ending is None:
            return
        try:
            answered = call.at("200")
        except KeyError:
            return
        longest = max((len(one) / RATE for one in leg.announcements), default=self.stage.longest_announcement)
        points = np.concatenate([[answered], call.heard.arrived_at[call.heard.arrived_at > answered], [call.ending.at]])
        for begin, end in itertools.pairwise(points):
            if any(first <= end and last >= begin for first, last in leg.held):
                continue
            seconds = float(end - begin) / 1e6
            self.verdict.silence_seconds = max(self.verdict.silence_seconds, seconds)
            if seconds > longest + SILENT_SECONDS:
                self.fault(f"{leg.title}: heard nothing for {seconds:.1f} s")


def _own_frames(leg: Leg) -> NDArray[np.bool_]:
    own = np.ones(len(leg.call.sent.frames), dtype=bool)
    own[sorted(leg.call.sent.passed_on)] = False
    # Silence cannot be told from silence.
    own &= np.array([any(byte != SILENCE_BYTE for byte in frame) for frame in leg.call.sent.frames], dtype=bool)
    return own


def _distance(at: NDArray[np.int64], spans: Sequence[Span]) -> NDArray[np.int64]:
    """How far each moment lies outside of all spans; 0 within one."""
    far = np.full(len(at), 2**40, dtype=np.int64)
    for begin, end in spans:
        far = np.minimum(far, np.maximum(0, np.maximum(begin - at, at - end)))
    return far


def new_recordings(stage: Stage) -> Iterator[Evidence]:
    """Read back every call that was shipped since the stage began, whoever's it is."""
    for folder in sorted(set((stage.hospital.world.spool / "shipped").iterdir()) - stage.before):
        yield stage.hospital.archive.read(recording_id(folder.name))


async def play(
    hospital: Hospital,
    scenarios: Mapping[str, Scenario],
    *,
    lag_us: int = LAG_US,
    before_acts: Callable[[], None] | None = None,
    title: str = "",
) -> Verdict:
    """Play scenes at the same time, judge all that is left of them, and return the verdict.

    lag_us: how long after a room became good its capture may begin. before_acts: what happens when all scenes have come
    to what they are about. title: of the line of figures.
    """
    async with Stage(hospital) as stage:
        stage.lag_us = lag_us
        if before_acts is not None:
            stage.delicate = asyncio.Barrier(len(scenarios)), before_acts
        await play_all(stage, scenarios)
        found = await hospital.do(lambda: list(new_recordings(stage)))
        verdict = await hospital.do(Judge(stage, found).judge)
    report(title or ", ".join(scenarios), verdict.figures())
    assert not verdict.faults, "\n  ".join([f"{len(verdict.faults)} faults:", *verdict.faults])
    return verdict
