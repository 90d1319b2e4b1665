"""A connection to Asterisk is lost and comes back: recordings go on, in their records, with a gap of that length."""

import asyncio

import pytest
from system.evidence import Evidence
from system.hospital import Hospital
from system.scene import Scenario, Scene
from system.standby import loss_seconds, played
from system.test_room_late import behind, ways

from ari_app.core import evidence as ev

pytestmark = pytest.mark.alarms("leg.continued", "capture.stopped stale_heartbeat")

LOST_SECONDS = 3.0
"""Half a second of heartbeat, the gate's wait before it connects anew, and what reconciling takes on a busy machine."""


@pytest.mark.parametrize("stream", ["ami", "ari"])
def test_a_lost_connection_costs_a_gap_and_no_recording(hospital: Hospital, stream: str) -> None:
    """Whoever objects while nobody listens is heard afterwards."""
    kept: list[Evidence] = []

    async def talk(scene: Scene) -> None:
        caller, house = await scene.incoming(await scene.phone())
        await scene.act()
        await scene.talk(4.0)
        await scene.converse(caller, house)

    async def objects(scene: Scene) -> None:
        caller, house = await scene.incoming(await scene.phone())
        await scene.act()
        await caller.call.press("*9")
        scene.off(caller, caller.key_up, why="objected")
        await scene.talk(4.0)
        await scene.converse(caller, house)

    with ways(hospital) as on:

        async def work() -> None:
            scenes: dict[str, Scenario] = {"talk": talk, "objects": objects}
            kept.extend(await played(hospital, scenes, (on.ami if stream == "ami" else on.ari).cut))

        asyncio.run(behind(hospital, on, work))
    # The key may be pressed before or after the connection is back: the objector has one segment or two.
    goes_on = next(one for one in kept if not one.of(ev.PartyObjected))
    assert [one["segment"] for one in goes_on.manifest["segments"]] == [1, 2]
    print(f"{stream}: lost {loss_seconds(goes_on):.3f} s; gaps {goes_on.reasons}")
    assert goes_on.reasons.count("events_lost") == 1
    assert loss_seconds(goes_on) <= LOST_SECONDS
