"""A gate stands by: when the one that owns the spool dies or is stopped, calls that are up go on being recorded.

What was said since its last heartbeat is lost, and the record says so; nothing that must not be is kept, whatever
happened while no gate lived: a hold, a newcomer, an objection, a pause.
"""

import asyncio
import signal
from dataclasses import dataclass
from typing import Final

import pytest
from demo_world import processes
from system.evidence import Evidence
from system.hospital import Hospital
from system.passage import other_config, said
from system.scene import Scenario, Scene
from system.site import LINES, NEWCOMER
from system.stage import Leg
from system.standby import Standby, loss_seconds, played, read_new, shipped, standing_by
from system.unrecorded import RESCUED_SECONDS, longest_silence
from telephone import Instant, now_us

from ari_app.core import evidence as ev
from ari_app.core.names import MICROSECONDS, instant_of
from ari_app.guard.hung import HUNG_TICKS
from ari_app.guard.process import TICK_SECONDS

pytestmark = pytest.mark.alarms("leg.continued", "capture.stopped stale_heartbeat", "capture.stopped other_run")

TAKE_OVER_SECONDS: Final = 1.5
"""The bar for what a recording loses: half a second of heartbeat, and the second of the taking over."""
KEY_US: Final = 100_000
SILENT_SECONDS: Final = 1.0
"""Whoever presses a key hears its tone for 0.4 s, and the other side nothing meanwhile."""
GATELESS_SECONDS: Final = 1.5
GRACE_SECONDS: Final = 2.0
RINGS_SECONDS: Final = 0.3
WAITS_SECONDS: Final = 1.3
"""Twenty times 50 ms, and what twenty turns of the dialplan take on two busy cores."""
BEAT_LOSS_SECONDS: Final = 1.2
"""What comes after a gate's last heartbeat: two to the second, and as much again on two busy cores."""


@pytest.mark.parametrize(("number", "reason"), [(signal.SIGKILL, "gate_restarted"), (signal.SIGTERM, "gate_stopped")])
def test_a_conversation_goes_on_in_its_record(hospital: Hospital, number: int, reason: str) -> None:
    """When the gate is killed, and when it is stopped for an upgrade: one gap; the caller hears nothing of it."""
    talked: list[Leg] = []

    async def scenario() -> list[Evidence]:
        talking = asyncio.Event()
        async with standing_by(hospital) as standby:

            async def talk(scene: Scene) -> None:
                caller, house = await scene.incoming(await scene.phone())
                talked.append(caller)
                talking.set()
                await scene.act()
                await standby.takes_over()
                await scene.talk(2.0)
                await scene.converse(caller, house)

            async def told(scene: Scene) -> None:
                phone = await scene.phone()
                await talking.wait()
                caller = await scene.rings(scene.number_of("switchboard", phone), "switchboard")
                caller.reasons, caller.told_anew = None, True
                talked.append(caller)
                await caller.call.media.first_heard
                await scene.talk(0.3)
                await scene.act()
                await scene.told(caller)
                await scene.converse(caller, await scene.arrival(phone))
                await scene.talk(1.0)

            scenes: dict[str, Scenario] = {"talk": talk, "told": told}
            return await played(hospital, scenes, lambda: hospital.signal("gate", number))

    kept = asyncio.run(scenario())
    found = next(one for one in kept if len(one.manifest["permits"]) > 1)
    assert sorted(one.recorded for one in kept) == [False, True, True], "one record is of who was told anew"
    print(f"lost {loss_seconds(found):.3f} s, silent {longest_silence(talked[0].call):.3f} s; gaps {found.reasons}")
    assert [one["segment"] for one in found.manifest["segments"]] == [1, 2]
    assert next(one["reason"] for one in found.manifest["permits"]) == reason
    assert len(found.of(ev.TakenOver)) == len(found.manifest["journal"]["taken_over"]) == 1
    assert found.reasons.count(reason) == 1
    assert loss_seconds(found) <= TAKE_OVER_SECONDS
    assert max(longest_silence(one.call) for one in talked) <= RESCUED_SECONDS


@pytest.mark.alarms("capture.stopped stale_heartbeat")
def test_a_gate_that_hangs_is_ended_and_its_calls_go_on(hospital: Hospital) -> None:
    """The guard ends it, so that its lock falls: the recording goes on, and whoever calls next is told as ever."""
    talked: list[Leg] = []
    since = len(hospital.log("guard"))
    hung_at: list[Instant] = []

    async def scenario() -> list[Evidence]:
        hangs = {"guard": {"ends_hung_gate": True}}
        async with other_config(hospital, "guard", hangs), standing_by(hospital) as standby:

            async def talk(scene: Scene) -> None:
                legs = await scene.incoming(await scene.phone())
                talked.append(legs[0])
                await scene.act()
                await standby.takes_over()
                await scene.talk(2.0)
                await scene.converse(*legs)

            async def calls_next(scene: Scene) -> None:
                phone = await scene.phone()
                await scene.act()
                await standby.takes_over()
                legs = await scene.incoming(phone)
                await scene.told(legs[0])
                talked.append(legs[0])

            def hang() -> None:
                hung_at.append(now_us())
                hospital.freeze("gate")

            return await played(hospital, {"talk": talk, "next": calls_next}, hang)

    found, following = asyncio.run(scenario())
    assert len(said(hospital, "guard", since, "gate.ended")) == 1
    assert following.recorded
    assert not following.of(ev.TakenOver)
    assert [one["segment"] for one in found.manifest["segments"]] == [1, 2]
    assert found.reasons.count("gate_restarted") == 1
    kept_until = instant_of(found.track("p01", 1)["stored_until"])
    before, lost = (hung_at[0] - kept_until) / MICROSECONDS, loss_seconds(found)
    silent = max(longest_silence(one.call) for one in talked)
    print(f"kept until {before:.3f} s before it hung, lost {lost:.3f} s, silent {silent:.3f} s; gaps {found.reasons}")
    assert 0 <= before <= BEAT_LOSS_SECONDS
    assert lost <= HUNG_TICKS * TICK_SECONDS + TAKE_OVER_SECONDS
    assert silent <= SILENT_SECONDS


@dataclass(slots=True)
class Gateless:
    """Scenes in which something happens while no gate lives. `callers`: of each, by its name."""

    standby: Standby
    callers: dict[str, Leg]
    gateless_seconds: float = GATELESS_SECONDS

    def happens(self) -> None:
        """Kill the gate, and let the other come a while later."""
        self.standby.process.signal(signal.SIGSTOP)
        self.standby.hospital.signal("gate", signal.SIGKILL)
        loop = asyncio.get_running_loop()
        loop.call_later(self.gateless_seconds, self.standby.process.signal, signal.SIGCONT)

    async def begun(self, scene: Scene, line: str = "switchboard") -> tuple[Leg, Leg]:
        """Let two talk."""
        caller, house = await scene.incoming(await scene.phone(), line)
        self.callers[scene.name] = caller
        return caller, house

    async def goes_on(self, scene: Scene, *legs: Leg) -> None:
        """Let them talk on."""
        await scene.talk(1.5)
        await scene.converse(*legs)

    async def held(self, scene: Scene) -> None:
        """The house holds, and takes the caller back long after."""
        legs = await self.begun(scene)
        await scene.act()
        async with scene.holding(legs[1]):
            await self.standby.takes_over()
            await scene.talk(1.0)
        await self.goes_on(scene, *legs)

    async def newcomer(self, scene: Scene) -> None:
        """Somebody untold comes, and leaves long after."""
        legs = await self.begun(scene)
        outsider = scene.outsider()
        channel = await scene.witness.channel_of(legs[0].call)
        join = {"Context": NEWCOMER, "Exten": "join", "Priority": "1", "Async": "true"}
        with_whom = {"Channel": f"PJSIP/{outsider.number}@trunk", "Variable": f"BRIDGE_WITH={channel}"}
        await scene.act()
        await scene.done("Originate", **join, **with_whom)
        stranger = await scene.answered(outsider)
        await self.standby.takes_over()
        await scene.talk(1.0)
        await scene.hangs_up(stranger)
        await self.goes_on(scene, *legs)

    async def objected(self, scene: Scene) -> None:
        """The caller objects."""
        legs = await self.begun(scene)
        await scene.act()
        await legs[0].call.press("*9")
        scene.off(legs[0], now_us() - KEY_US, why="objected")
        await self.standby.takes_over()
        await self.goes_on(scene, *legs)

    async def paused(self, scene: Scene) -> None:
        """The house pauses, and resumes long after."""
        legs = await self.begun(scene)
        await scene.act()
        await legs[1].call.press("*52")
        await self._resumed(scene, *legs)

    async def paused_before(self, scene: Scene) -> None:
        """The house has paused before the gate died, and resumes when the next has said that this is too long."""
        legs = await self.begun(scene, "kept-line")
        await legs[1].call.press("*52")
        begun = now_us()
        await scene.talk(0.5)
        await scene.act()

        async def alarmed() -> bool:
            return '"paused_too_long"' in self.standby.place.log.read_text(encoding="utf-8")

        longest = LINES["kept-line"]["max_pause_seconds"]
        await scene.hospital.until(alarmed, "a pause that lasts too long is said aloud", longest + GRACE_SECONDS)
        # The channel's mark, which outlives a gate, tells whole seconds.
        assert now_us() - begun >= (longest - 1) * MICROSECONDS - KEY_US
        await self._resumed(scene, *legs, since=begun)

    async def _resumed(self, scene: Scene, caller: Leg, house: Leg, since: Instant | None = None) -> None:
        begin = (since or now_us()) - KEY_US
        await self.standby.takes_over()
        await scene.talk(1.0)
        scene.off(house, begin, now_us(), "paused")
        await house.call.press("*50")
        await self.goes_on(scene, caller, house)


def test_what_happens_while_no_gate_lives_holds_for_the_next(hospital: Hospital) -> None:
    """A hold, a newcomer whom nobody told, an objection, a pause, and a pause from before: all in that second."""

    async def scenario() -> tuple[dict[str, Leg], list[Evidence]]:
        async with standing_by(hospital) as standby:
            stage = Gateless(standby, {})
            scenes: dict[str, Scenario] = {
                "held": stage.held,
                "newcomer": stage.newcomer,
                "objected": stage.objected,
                "paused": stage.paused,
                "paused before": stage.paused_before,
            }
            return stage.callers, await played(hospital, scenes, stage.happens)

    callers, found = asyncio.run(scenario())
    for caller in callers.values():
        assert longest_silence(caller.call) <= SILENT_SECONDS
    segments = sorted(len(one.manifest["segments"]) for one in found)
    assert segments == [1, 2, 2, 2, 2], "only the objector's recording does not go on"


@pytest.mark.parametrize(("gateless_seconds", "told"), [(0.7, True), (3.0, False)], ids=["in time", "too late"])
def test_whoever_is_called_waits_for_the_gate_that_stands_by(
    hospital: Hospital, gateless_seconds: float, told: bool
) -> None:
    """Their gate dies before they answer; they wait a second for the next one, and no longer."""

    async def scenario() -> tuple[Leg, list[Evidence]]:
        async with standing_by(hospital) as standby:
            stage = Gateless(standby, {}, gateless_seconds)

            async def calls(scene: Scene) -> None:
                phone, outsider = await scene.phone(), scene.outsider(ring_seconds=RINGS_SECONDS)
                placed = await scene.dial(phone, outsider)
                await scene.act()
                called = stage.callers["called"] = await scene.answered(outsider, "outgoing" if told else None)
                if told:
                    await scene.told(called)
                await scene.converse(placed, called)
                await standby.takes_over()
                await scene.talk(1.0)

            before = shipped(hospital)
            await played(hospital, {"calls": calls}, stage.happens)
            # The dialplan's own note of a call is imported in ship's time.
            return stage.callers["called"], await read_new(hospital, before, 1)

    called, (found,) = asyncio.run(scenario())
    print(f"whoever was called heard nothing for {longest_silence(called.call):.3f} s")
    assert longest_silence(called.call) <= WAITS_SECONDS
    assert found.recorded is told
    assert told or found.reason == "gate_away"


def test_a_second_gate_ends_and_one_that_stands_by_ends_when_told(hospital: Hospital) -> None:
    """Neither disturbs the one that owns the spool."""
    world = hospital.world
    second = world.consentgate("gate", "--config", str(world.config))
    assert second.returncode == 1
    assert "--standby" in second.stderr

    async def scenario() -> None:
        gate = world.pid("gate")
        async with standing_by(hospital) as standby:
            begun = now_us()
            assert await hospital.do(processes.stop, standby.process), "it had to be killed"
            assert now_us() - begun < MICROSECONDS
        assert world.pid("gate") == gate

    asyncio.run(scenario())
