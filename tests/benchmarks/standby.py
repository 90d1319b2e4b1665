"""What it costs that the gate dies while another stands by: to callers, and to recordings.

In each round the gate is killed (SIGKILL) while six callers talk with the house and two hear the announcement, and two
call: in that moment, and somewhat later. Begin: the signal. End: the first packet that a caller who came after it
hears, at the caller; that all of it was the announcement, and whatever is stored, is judged as in the system tests.
Each next gate stands by again, so the twentieth is as old as any other.
"""

import asyncio
import os
import signal
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from demo_world import processes
from demo_world.progress import Progress
from system.hospital import Hospital, await_alive, fresh_noise
from system.scene import Scenario, Scene
from system.stage import Leg
from system.standby import Standby, loss_seconds, played, stand_by
from system.unrecorded import longest_silence
from telephone import Instant, Telephone, now_us

from ari_app.core import evidence as ev
from ari_app.core import names
from ari_app.core.names import MICROSECONDS

from . import gate_world, rooms_world
from .figures import Report, median, percentile
from .load import Load

KILLS: Final = 20
TALKS: Final = 6
TOLD: Final = 2
NEXT: Final = 2
ROUND_SECONDS: Final = 120.0
FIRST_PACKET_SECONDS: Final = 1.0
LOST_SECONDS: Final = 1.5
CROWD_CALLS: Final = 100
CROWD_SECONDS: Final = 3.0
"""After the new gate is ready: then every journal says whether its capture goes on."""
SILENT_SECONDS: Final = 2.02
"""Two seconds, and the frame after them."""


@dataclass(slots=True)
class Found:
    """What was measured, in seconds."""

    first_packet: list[float] = field(default_factory=list)
    lost: list[float] = field(default_factory=list)
    silent: list[float] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    calls: int = 0
    not_continued: int = 0


class Round:
    """One death of a gate."""

    def __init__(self, hospital: Hospital, found: Found, live: int, standby: Standby, number: int) -> None:
        self.hospital, self.found, self.live, self.standby, self.number = hospital, found, live, standby, number
        self.died_at = Instant(0)
        self.callers: list[Leg] = []
        self.talking = asyncio.Barrier(TALKS + TOLD)

    def dies(self) -> None:
        """Kill the gate."""
        self.died_at = now_us()
        os.kill(self.live, signal.SIGKILL)

    async def talks(self, scene: Scene) -> None:
        """Somebody talks with the house all the time."""
        caller, house = await scene.incoming(await scene.phone())
        self.callers.append(caller)
        await self.talking.wait()
        await scene.act()
        await scene.talk(2.5)
        await scene.converse(caller, house)

    async def told(self, scene: Scene) -> None:
        """Somebody hears the announcement when the gate dies."""
        phone = await scene.phone()
        await self.talking.wait()
        caller = await scene.rings(scene.number_of("switchboard", phone), "switchboard")
        caller.reasons, caller.told_anew = None, True
        self.callers.append(caller)
        await caller.call.media.first_heard
        # From the first words to the moment at which the capture begins.
        await scene.talk(0.3 * (self.number % 10))
        await scene.act()
        await scene.converse(caller, await scene.arrival(phone), seconds=12.0)

    async def comes(self, scene: Scene) -> None:
        """Somebody calls when the gate has just died, or a moment later."""
        phone = await scene.phone()
        await scene.act()
        late = scene.name.endswith("2")
        await asyncio.sleep(0.05 * (self.number % 10) if late else 0.0)
        began = now_us()
        caller = await scene.rings(scene.number_of("switchboard", phone), "switchboard")
        self.callers.append(caller)
        await caller.call.media.first_heard
        first = int(caller.call.heard.arrived_at[0])
        self.found.first_packet.append((first - (began if late else self.died_at)) / 1e6)
        await scene.told(caller)
        await scene.converse(caller, await scene.arrival(phone), seconds=12.0)

    async def run(self) -> None:
        """Play it, and take in what is left of it."""
        kinds = (("talk", self.talks, TALKS), ("told", self.told, TOLD), ("next", self.comes, NEXT))
        scenes: dict[str, Scenario] = {
            f"{name} {number}": scene for name, scene, count in kinds for number in range(1, count + 1)
        }
        self.found.calls += len(scenes)
        try:
            # If one of them fails before all talk, the others would wait for it for ever.
            async with asyncio.timeout(ROUND_SECONDS):
                kept = await played(self.hospital, scenes, self.dies)
        except (AssertionError, TimeoutError, ExceptionGroup) as failure:
            self.found.faults.append(f"round {self.number}: {failure!r}"[:2000])
            return
        self.found.silent += [longest_silence(one.call) for one in self.callers]
        over = names.iso(names.Instant(self.died_at + MICROSECONDS))
        permits = [(one, one.manifest["permits"]) for one in kept]
        lasting = [
            one
            for one, granted in permits
            if granted and granted[0]["granted_at"] < self.at and one.manifest["call"]["ended_at"] > over
        ]
        self.found.not_continued += sum(len(one.manifest["segments"]) < 2 for one in lasting)
        self.found.lost += [loss_seconds(one) for one in lasting if len(one.manifest["segments"]) > 1]

    @property
    def at(self) -> str:
        """When the gate died, as a manifest says it."""
        return names.iso(names.Instant(self.died_at))


async def _rounds(hospital: Hospital, kills: int, progress: Progress) -> Found:
    found = Found()
    live = hospital.world.pid("gate") or 0
    for number in range(kills):
        standby = await stand_by(hospital)
        await Round(hospital, found, live, standby, number).run()
        await standby.takes_over()
        live = standby.process.pid
        progress.say(f"kill {number + 1}: first packet {found.first_packet[-2:]} s, lost {found.lost[-TALKS:]} s")
    await hospital.do(processes.stop, standby.process)
    return found


def crowd(packages: Path, command: tuple[str, ...], progress: Progress, calls: int) -> dict[str, Any]:
    """Kill the gate while so many calls are recorded at once (SIPp, silent); who calls then, and how many go on?"""
    with gate_world.running(packages, command) as place:
        load = Load(place.world.programs.sipp, place.target, gate_world.LONG, place.scratch, rate=20, calls=calls)
        try:
            if not processes.wait_until(lambda: place.channels() >= calls, calls / 20 + 15.0):
                raise OSError(f"only {place.channels()} of {calls} calls are up")
            return asyncio.run(_crowd(place, progress, calls))
        finally:
            load.kill()


async def _crowd(place: gate_world.GateWorld, progress: Progress, calls: int) -> dict[str, Any]:
    hospital = Hospital(place.world)
    # The last of them hears the announcement, and its capture begins.
    await asyncio.sleep(gate_world.ANNOUNCEMENT_SECONDS + 1.0)
    standby = await stand_by(hospital)
    before = len(_started(place.world.spool, 1))
    died_at = now_us()
    os.kill(place.pid("gate"), signal.SIGKILL)
    async with Telephone("07700900001") as phone:
        call = await phone.call(f"sip:{gate_world.LONG}@{place.target}", voice=fresh_noise())
        await call.media.first_heard
        first = (int(call.heard.arrived_at[0]) - died_at) / 1e6
        await standby.takes_over()
        await asyncio.sleep(CROWD_SECONDS)
        begun = [(at - died_at) / 1e6 for at in _started(place.world.spool, 2)]
        await call.hangup()
    await hospital.do(processes.stop, standby.process)
    found = {
        "calls": calls,
        "recorded_before": before,
        "continued": len(begun),
        "first_packet_seconds": first,
        "killed_to_second_segment_seconds": {"p50": median(begun), "max": max(begun, default=99.0)},
    }
    progress.say(f"crowd: {found}")
    return found


def _started(spool: Path, segment: int) -> list[int]:
    """Return when Asterisk confirmed each call's capture of this segment, by the journals of the calls that are up."""
    entries = [entry for one in (spool / "calls").glob("*/journal.jsonl") for entry in ev.read(one.read_bytes())[0]]
    return [one.at for one in entries if isinstance(one, ev.CaptureStarted) and one.segment == segment]


def measure(packages: Path, command: tuple[str, ...], progress: Progress, runs: int | None, crowded: int) -> Report:
    """Kill so many gates; then one with so many calls at once (0: none). Raises WorldError or OSError."""
    report = Report("standby")
    kills = KILLS if runs is None else runs
    if crowded:
        many = report.reference["crowd"] = crowd(packages, command, progress, crowded)
        report.at_most("crowd_killed_to_first_packet_seconds", many["first_packet_seconds"], FIRST_PACKET_SECONDS)
        report.at_most("crowd_not_continued", many["recorded_before"] - many["continued"], 0)
    if not kills:
        return report
    with rooms_world.hospital(packages, command) as hospital:
        await_alive(hospital.world)
        found = asyncio.run(_rounds(hospital, kills, progress))
    figures: dict[str, Any] = {
        "kills": kills,
        "calls": found.calls,
        "first_packet_seconds": {"p50": median(found.first_packet), "max": max(found.first_packet, default=99.0)},
        "lost_seconds": {
            "p50": median(found.lost),
            "p90": percentile(found.lost, 90),
            "max": max(found.lost, default=99.0),
        },
        "silent_seconds_max": max(found.silent, default=99.0),
        "continued": len(found.lost),
        "faults": found.faults,
    }
    report.figures = figures
    report.at_most("killed_to_first_packet_seconds", figures["first_packet_seconds"]["max"], FIRST_PACKET_SECONDS)
    report.at_most("recording_lost_seconds", figures["lost_seconds"]["max"], LOST_SECONDS)
    report.at_most("silent_longer_than_2_s", sum(one > SILENT_SECONDS for one in found.silent), 0)
    report.at_most("recordings_not_continued", found.not_continued, 0)
    report.at_most("faults", len(found.faults), 0)
    return report
