"""Emergency calls: no line of ours stands in their way, with the gate alive, hung or dead."""

import asyncio
import signal
from typing import Final

import pytest
from system.hospital import Hospital, await_alive
from system.judge import play
from system.scene import Scenario, Scene
from system.stage import Leg

NUMBERS: Final = ("999", "112", "2222")
ANSWER_SECONDS: Final = 0.1
SETUP_SECONDS: Final = 0.25
"""Less than any announcement, and than any wait of the dialplan's for a gate; `bench rooms` has the bar, as a ratio."""
"""Of this machine, busy; `./tests/bench rooms` compares it with a PBX without the suite."""


def emergency(number: str, *, recorded_as: str | None) -> Scenario:
    """Return a call of a house phone to an emergency number; recorded_as: the reason that its row gives."""

    async def scenario(scene: Scene) -> None:
        phone = await scene.phone(f"200{NUMBERS.index(number) + 1}")
        outsider = scene.outsider(number, ring_seconds=ANSWER_SECONDS)
        house = await scene.dial(phone, outsider)
        called = await scene.answered(outsider)
        if recorded_as is not None:
            house.reasons, house.refused = (), (recorded_as,)
        await scene.converse(house, called)
        _at_once(scene, house, called)
        await scene.talk()

    return scenario


def _at_once(scene: Scene, house: Leg, called: Leg) -> None:
    names = {scene.witness.name_of(leg.call) for leg in (house, called)}
    entered = [one["channel"] for one in scene.witness.of("Newexten")]
    assert not names & set(entered), "an emergency call was in Stasis"
    seconds = (called.call.at("INVITE received") - house.call.at("INVITE")) / 1e6
    assert seconds <= SETUP_SECONDS, f"an emergency call was set up in {seconds:.3f} s"


@pytest.mark.parametrize("gate", ["alive", "hung", "dead"])
def test_emergency(hospital: Hospital, gate: str) -> None:
    reason = "emergency_number" if gate == "alive" else None
    scenes = {f"{number}, gate {gate}": emergency(number, recorded_as=reason) for number in NUMBERS}
    if gate == "alive":
        asyncio.run(play(hospital, scenes))
        return
    number = signal.SIGSTOP if gate == "hung" else signal.SIGKILL
    hospital.signal("gate", number)
    try:
        asyncio.run(play(hospital, scenes))
    finally:
        if gate == "hung":
            hospital.thaw("gate")
        else:
            asyncio.run(hospital.start("gate"))
        await_alive(hospital.world)
