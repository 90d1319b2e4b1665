"""Every other door of Asterisk's, twenty times each: shut within 300 ms, its file taken away, and no call ended."""

import asyncio

import pytest
from system import doors
from system.doors import sound_files
from system.guarding import MOST_BYTES, assert_goes_on, assert_shut, call, opened
from system.hospital import Hospital

pytestmark = pytest.mark.alarms("capture.stopped")


def test_a_conference_that_records_by_its_profile(hospital: Hospital) -> None:
    since = len(hospital.log("guard"))

    async def once(_: int) -> None:
        async with call(hospital, doors.RECORDED_CONFERENCE) as placed:
            await asyncio.sleep(0.2)
            assert placed.state == "up"

    asyncio.run(opened(hospital, once))
    assert_shut(hospital, "ConfBridge record_conference", "confbridge", since)


def test_a_conference_that_is_recorded_by_ami(hospital: Hospital) -> None:
    since = len(hospital.log("guard"))

    async def scenario() -> None:
        async with call(hospital, doors.CONFERENCE), call(hospital, doors.CONFERENCE) as placed:

            async def begin(_: int) -> None:
                answer = await hospital.ami("ConfbridgeStartRecord", Conference=doors.ROOM)
                assert answer["response"] == "Success", answer

            # Its file is named by the second.
            await opened(hospital, begin, pause_seconds=0.3)
            await assert_goes_on(placed)

    asyncio.run(scenario())
    assert_shut(hospital, "AMI ConfbridgeStartRecord", "confbridge", since)


def test_chanspy_that_records(hospital: Hospital) -> None:
    """Who spies is hung up; who is spied upon talks on."""
    since = len(hospital.log("guard"))

    async def scenario() -> None:
        async with call(hospital, doors.ECHO) as placed:
            name, _ = await hospital.channel_of(placed.phone.user)

            async def spy(number: int) -> None:
                answer = await hospital.ami(
                    "Originate",
                    Channel="Local/speak@test-newcomer",
                    Application="ChanSpy",
                    Data=f"{name},qr(guard-{number})",
                    Async="true",
                )
                assert answer["response"] == "Success", answer

            await opened(hospital, spy)
            await assert_goes_on(placed)

    asyncio.run(scenario())
    assert_shut(hospital, "ChanSpy with r()", "chanspy", since)


@pytest.mark.parametrize(
    ("number", "name"),
    [
        (doors.RECORD, "Record()"),
        (doors.RECORD_NO_KEY, "Record() that no key ends"),
        (doors.RECORD_BEEP, "Record() after a beep"),
        (doors.SCRIPT, "AGI RECORD FILE"),
        (doors.SCRIPT_NO_KEY, "AGI RECORD FILE that no key ends"),
        (doors.SCRIPT_EXEC, "AGI EXEC Record"),
    ],
)
def test_an_application_that_records(hospital: Hospital, number: str, name: str) -> None:
    """The caller stays in the call, and the dialplan goes on as if a key had been pressed."""
    since = len(hospital.log("guard"))

    async def once(_: int) -> None:
        async with call(hospital, number) as placed:
            await asyncio.sleep(0.4)
            if number not in {doors.RECORD_NO_KEY, doors.SCRIPT_NO_KEY}:
                await assert_goes_on(placed)

    asyncio.run(opened(hospital, once, at_once=4))
    assert_shut(hospital, name, "record_application", since)


def test_files_that_somebody_writes(hospital: Hospital) -> None:
    """Doors that nobody has thought of: a program that puts sound where recordings lie."""
    since = len(hospital.log("guard"))
    folder = hospital.world.asterisk.monitor / "2026"

    async def write(number: int) -> None:
        # As Asterisk's user makes them: the guard's may read them, and others may not.
        account = hospital.world.who.asterisk
        account.directory(folder, 0o2770, gid=hospital.world.who.spool_gid)
        file = folder / f"by-hand-{number}.wav"
        file.write_bytes(bytes(1000))
        account.own(file, 0o660, gid=hospital.world.who.spool_gid)

    asyncio.run(opened(hospital, write))
    folder.rmdir()
    assert_shut(hospital, "a file in monitor/", "file", since, most_bytes=MOST_BYTES)
    assert sound_files(hospital.world) == set()
