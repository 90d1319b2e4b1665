"""ARI's recordings by whatever name, and where the guard cannot see their folder: stopped all the same."""

import asyncio
from typing import Final

import pytest
from system import doors
from system.cleanliness import alarms
from system.doors import sound_files
from system.guarding import MOST_MS, application, call, in_stasis, settled
from system.hospital import Hospital

pytestmark = pytest.mark.alarms("capture.stopped")

TOLD: Final = "recordings.by_events"
NAMES: Final = {
    "name=ward%2F7%2Fbed.2&format=gsm": "channel_recording",
    "name=plain&format=wav&beep=true": "channel_recording",
    # By these names Asterisk cannot be asked for what lies at the path: the file is taken away under its hands.
    "name=.%2Fdotted&format=ulaw": "file",
    "name=ward%2F%2F7%2Fbed&format=sln": "file",
}


async def recorded(hospital: Hospital, query: str, since: int) -> None:
    """Record a channel by another's application, until the guard has said so."""
    async with application(hospital), call(hospital, doors.STASIS) as placed:
        channel = await in_stasis(hospital, placed.phone.user)
        assert await hospital.ari("POST", f"/channels/{channel}/record?{query}") == 201
        await settled(hospital, since, 1)


@pytest.mark.parametrize(("query", "door"), NAMES.items())
def test_whatever_it_is_called(hospital: Hospital, query: str, door: str) -> None:
    since = len(hospital.log("guard"))
    asyncio.run(recorded(hospital, query, since))
    (said,) = alarms(hospital.world, since)
    assert (said["event"], said["door"], said["files"]) == ("capture.stopped", door, 1)
    assert said["stopped_after_ms"] <= MOST_MS
    assert sound_files(hospital.world) == set()


def test_where_its_folder_cannot_be_seen_asterisk_tells(hospital: Hospital) -> None:
    """A link in it leads where nobody is told what is written."""
    link = hospital.world.asterisk.recording_folders[1] / "link"
    since = len(hospital.log("guard"))

    async def scenario() -> None:
        link.symlink_to(hospital.world.asterisk.monitor)
        try:
            await hospital.restart("guard")

            async def told() -> bool:
                return TOLD in hospital.log("guard")[since:]

            await hospital.until(told, "the guard says that it goes by events")
            await recorded(hospital, "name=seen&format=wav", since)
        finally:
            link.unlink()
            await hospital.restart("guard")

    asyncio.run(scenario())
    (said,) = alarms(hospital.world, since)
    assert (said["event"], said["door"], said["files"]) == ("capture.stopped", "channel_recording", 1)
    assert said["stopped_after_ms"] <= MOST_MS
    assert hospital.log("guard")[since:].count(TOLD) == 1, "the world goes on by events"
