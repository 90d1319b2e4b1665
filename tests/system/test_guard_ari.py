"""ARI's own doors, which AMI knows nothing of: shut within 300 ms, twenty times each."""

import asyncio
import shutil
import time

import pytest
from system import doors, guarding
from system.guarding import application, assert_shut, call, in_stasis, opened
from system.hospital import Hospital

from ari_app.core.names import ChannelId, whisper_id

pytestmark = pytest.mark.alarms("capture.stopped")


def test_a_channel_is_recorded(hospital: Hospital) -> None:
    since = len(hospital.log("guard"))

    async def scenario() -> None:
        async with application(hospital), call(hospital, doors.STASIS) as placed:
            channel = await in_stasis(hospital, placed.phone.user)

            async def record(number: int) -> None:
                path = f"/channels/{channel}/record?name=guard%2F{number}&format=wav"
                assert await hospital.ari("POST", path) == 201

            await opened(hospital, record)

    asyncio.run(scenario())
    assert_shut(hospital, "ARI channel record", "channel_recording", since)


@pytest.mark.parametrize("how", ["append", "overwrite"])
def test_a_channel_is_recorded_into_a_file_that_is_there(hospital: Hospital, how: str) -> None:
    """The kernel tells of no new file: it tells that one is opened."""
    folder = hospital.world.asterisk.recording_folders[1]
    since = len(hospital.log("guard"))

    async def scenario() -> None:
        # What lies there when the guard comes is nobody's secret of today.
        await hospital.stop("guard")
        for number in range(guarding.TIMES):
            file = folder / f"there-{number}.ulaw"
            file.touch()
            shutil.chown(file, folder.owner(), folder.group())
        await hospital.start("guard")
        async with application(hospital), call(hospital, doors.STASIS) as placed:
            channel = await in_stasis(hospital, placed.phone.user)

            async def record(number: int) -> None:
                path = f"/channels/{channel}/record?name=there-{number}&format=ulaw&ifExists={how}"
                assert await hospital.ari("POST", path) == 201

            await opened(hospital, record)

    asyncio.run(scenario())
    assert_shut(hospital, f"ARI channel record, {how}", "channel_recording", since)


def test_a_bridge_is_recorded(hospital: Hospital) -> None:
    since = len(hospital.log("guard"))

    async def scenario() -> None:
        async with (
            application(hospital),
            call(hospital, doors.STASIS) as one,
            call(hospital, doors.STASIS) as other,
        ):
            members = [await in_stasis(hospital, placed.phone.user) for placed in (one, other)]
            assert await hospital.ari("POST", "/bridges/guard-bridge?type=mixing") == 200
            path = f"/bridges/guard-bridge/addChannel?channel={','.join(members)}"
            assert await hospital.ari("POST", path) == 204

            async def record(number: int) -> None:
                path = f"/bridges/guard-bridge/record?name=guard%20{number}&format=wav"
                assert await hospital.ari("POST", path) == 201

            await opened(hospital, record)
            assert await hospital.ari("DELETE", "/bridges/guard-bridge") == 204

    asyncio.run(scenario())
    assert_shut(hospital, "ARI bridge record", "bridge_recording", since)


def test_a_channel_is_snooped_upon(hospital: Hospital) -> None:
    since = len(hospital.log("guard"))

    async def scenario() -> None:
        async with application(hospital), call(hospital, doors.ECHO) as placed:
            _, channel = await hospital.channel_of(placed.phone.user)

            async def snoop(_: int) -> None:
                path = f"/channels/{channel}/snoop?spy=both&app={doors.APPLICATION}"
                assert await hospital.ari("POST", path) == 200

            await opened(hospital, snoop)

    asyncio.run(scenario())
    assert_shut(hospital, "ARI snoop", "snoop", since, files=False)


def test_no_stranger_speaks_in_the_gates_name(hospital: Hospital) -> None:
    """The name of the gate's whisper, in another application, is a door like any other."""
    since = len(hospital.log("guard"))

    async def scenario() -> None:
        async with application(hospital), call(hospital, doors.ECHO) as placed:
            _, channel = await hospital.channel_of(placed.phone.user)

            async def snoop(_: int) -> None:
                path = f"/channels/{channel}/snoop/{whisper_id(ChannelId(channel))}?spy=both&app={doors.APPLICATION}"
                assert await hospital.ari("POST", path) == 200

            await opened(hospital, snoop)

    asyncio.run(scenario())
    assert_shut(hospital, "ARI snoop in the gate's name", "snoop", since, files=False)


@pytest.mark.parametrize("guarded", [True, False])
def test_the_gate_lets_nobody_whisper_in_its_name(hospital: Hospital, *, guarded: bool) -> None:
    """In the gate's own application it is over at once: the gate knows to whom it speaks. Nor is it a call."""

    async def scenario() -> None:
        async with call(hospital, doors.ECHO) as placed:
            _, channel = await hospital.channel_of(placed.phone.user)
            path = f"/channels/{channel}/snoop/{whisper_id(ChannelId(channel))}?spy=both&app=consentgate"
            assert await hospital.ari("POST", path) == 200

            async def over() -> bool:
                return not [one for one in await hospital.channels() if one[0].startswith("Snoop/")]

            await hospital.until(over, "the end of the whisper", 1.0)

    if not guarded:
        hospital.world.stop_one("guard")
    try:
        asyncio.run(scenario())
    finally:
        hospital.world.start_guard()
    # Over sooner than the guard could ask whose it was: what it says of that is this test's, not the next one's.
    time.sleep(0.5)


def test_media_are_sent_elsewhere(hospital: Hospital) -> None:
    since = len(hospital.log("guard"))

    async def scenario() -> None:
        async with application(hospital):

            async def send(_: int) -> None:
                path = f"/channels/externalMedia?app={doors.APPLICATION}&external_host=127.0.0.1:9&format=ulaw"
                assert await hospital.ari("POST", path) == 200

            await opened(hospital, send)

    asyncio.run(scenario())
    assert_shut(hospital, "ARI externalMedia", "external_media", since, files=False)
