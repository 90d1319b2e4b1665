"""MixMonitors that nobody permitted, by every way to begin one: stopped within 300 ms, and nothing of them stays."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import pytest
from system.cleanliness import alarms
from system.guarding import TIMES, assert_in_time, quarantined, settled
from system.hospital import Hospital

pytestmark = pytest.mark.alarms("capture.stopped")
Begin = Callable[[Hospital, str, str], Awaitable[None]]


async def _by_cli(hospital: Hospital, channel: str, name: str) -> None:
    await hospital.cli(f"mixmonitor start {channel} {name}.wav")


async def _by_ami(hospital: Hospital, channel: str, name: str) -> None:
    answer = await hospital.ami("MixMonitor", Channel=channel, File=f"{name}.wav")
    assert answer["response"] == "Success"


WAYS: Final = {"console": _by_cli, "AMI": _by_ami}


@pytest.mark.parametrize("way", WAYS)
def test_a_stranger_is_stopped_and_ours_goes_on(hospital: Hospital, way: str) -> None:
    monitor = hospital.world.asterisk.monitor
    before, since = set(monitor.iterdir()), len(hospital.log("guard"))

    async def scenario() -> None:
        async with hospital.house() as house, hospital.conversation(house) as talk:
            name, channel = await hospital.channel_of(talk.number)
            await asyncio.sleep(0.5)
            ours = await hospital.captures(channel)
            assert len(ours) == 1
            for number in range(TIMES):
                await WAYS[way](hospital, name, f"guard-{way}-{number}")
                await settled(hospital, since, number + 1)
                assert await hospital.captures(channel) == ours
        await hospital.evidence(talk.number)

    asyncio.run(scenario())
    said = alarms(hospital.world, since)
    assert_in_time(way, said)
    assert {one["door"] for one in said} == {"mixmonitor"}
    assert len(quarantined(hospital, said)) == TIMES
    assert set(monitor.iterdir()) == before
