"""A gate that dies or hangs with callers in its hands: the guard lets them go within 2 s, and only then."""

import asyncio
from typing import Final

import pytest
from system.cleanliness import alarms
from system.hospital import Hospital, fresh_noise
from system.unrecorded import longest_silence

pytestmark = pytest.mark.alarms("leg.continued")
LET_GO_SECONDS: Final = 2.0


@pytest.mark.parametrize("how", ["killed", "frozen"])
def test_a_caller_of_a_dead_gate_goes_on(hospital: Hospital, how: str) -> None:
    since = len(hospital.log("guard"))

    async def scenario() -> None:
        async with hospital.house() as house, hospital.outside() as phone:
            caller = await phone.call(hospital.uri("switchboard"), voice=fresh_noise())
            await caller.media.first_heard
            await hospital.kill("gate") if how == "killed" else hospital.freeze("gate")
            await house.call_from(phone.user)
            assert longest_silence(caller) < LET_GO_SECONDS
            await caller.hangup()
            if how == "killed":
                await hospital.start("gate")
            else:
                hospital.thaw("gate")
        await hospital.evidence(phone.user)

    asyncio.run(scenario())
    said = alarms(hospital.world, since)
    assert [(one["event"], one["door"]) for one in said] == [("leg.continued", "stranded_leg")]
