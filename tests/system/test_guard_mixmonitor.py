"""MixMonitors that nobody permitted, by every way to begin one: stopped within 300 ms, and nothing of them stays."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import pytest
from system import doors
from system.guarding import assert_goes_on, assert_shut, call, opened
from system.hospital import Hospital
from system.unrecorded import assert_conversing

pytestmark = pytest.mark.alarms("capture.stopped")
Begin = Callable[[Hospital, str, str], Awaitable[None]]


async def _by_cli(hospital: Hospital, channel: str, name: str) -> None:
    await hospital.cli(f"mixmonitor start {channel} {name}.wav")


async def _by_ami(hospital: Hospital, channel: str, name: str) -> None:
    answer = await hospital.ami("MixMonitor", Channel=channel, File=f"{name}.wav")
    assert answer["response"] == "Success"


async def _by_ami_one_direction(hospital: Hospital, channel: str, name: str) -> None:
    path = hospital.world.asterisk.monitor / f"{name}.wav"
    answer = await hospital.ami("MixMonitor", Channel=channel, Options=f"r({path})")
    assert answer["response"] == "Success"


WAYS: Final[dict[str, Begin]] = {"console": _by_cli, "AMI": _by_ami, "AMI, r()": _by_ami_one_direction}


@pytest.mark.parametrize("way", WAYS)
def test_a_stranger_is_stopped_and_ours_goes_on(hospital: Hospital, way: str) -> None:
    """In a call that the gate records, on the very channel that it captures."""
    since = len(hospital.log("guard"))

    async def scenario() -> None:
        async with hospital.house() as house, hospital.conversation(house) as talk:
            name, channel = await hospital.channel_of(talk.number)
            await asyncio.sleep(0.5)
            ours = await hospital.captures(channel)
            assert len(ours) == 1

            async def begin(number: int) -> None:
                await WAYS[way](hospital, name, f"guard-{number}")

            await opened(hospital, begin)
            assert await hospital.captures(channel) == ours
            await assert_conversing(talk)
        (found,) = await hospital.evidence(talk.number)
        assert found.recorded

    asyncio.run(scenario())
    assert_shut(hospital, f"MixMonitor by {way}", "mixmonitor", since)


def test_by_the_dialplan(hospital: Hospital) -> None:
    since = len(hospital.log("guard"))

    async def once(_: int) -> None:
        async with call(hospital, doors.MIXED) as placed:
            await assert_goes_on(placed)

    asyncio.run(opened(hospital, once))
    assert_shut(hospital, "MixMonitor by dialplan", "mixmonitor", since)


@pytest.mark.parametrize("way", ["feature code", "record key"])
def test_by_a_telephone(hospital: Hospital, way: str) -> None:
    """`automixmon`, and a telephone that asks for it by INFO."""
    since = len(hospital.log("guard"))

    async def scenario() -> None:
        async with hospital.house(doors.TOUCHED) as house, call(hospital, doors.PLAIN) as placed:
            theirs = await house.call_from(placed.phone.user)

            async def press(_: int) -> None:
                if way == "record key":
                    answer = await theirs.request("INFO", [("Record", "on")])
                    assert answer.status == 200
                else:
                    await placed.press("*3")

            # The bridge takes the keys one after the other, and is silent about when it has.
            await opened(hospital, press, pause_seconds=0.3)
            await assert_goes_on(placed)

    asyncio.run(scenario())
    assert_shut(hospital, f"MixMonitor by {way}", "mixmonitor", since)


def test_by_a_queue(hospital: Hospital) -> None:
    since = len(hospital.log("guard"))

    async def scenario() -> None:
        async with hospital.house() as house:

            async def once(_: int) -> None:
                async with call(hospital, doors.QUEUED) as placed:
                    await house.call_from(placed.phone.user)
                    await assert_goes_on(placed)

            await opened(hospital, once)

    asyncio.run(scenario())
    assert_shut(hospital, "Queue with monitor-format", "queue", since)
