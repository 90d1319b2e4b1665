"""The spool's file system has little room: calls go on, nobody is told in vain, and what is recorded is whole."""

import asyncio
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from canary import heard_span
from system.agreement import assert_agrees, assert_nothing_missing, assert_nothing_untold
from system.hospital import Hospital, Talk
from system.passage import (
    AT_ONCE_SECONDS,
    assert_alive_unrecorded,
    assert_row,
    forget_gate,
    other_config,
    passed_by,
    reached_seconds,
    said,
)

LARGER_THAN_ANY_DISK: Final = {"spool": {"stop_below_free": "1000TiB"}}
GIB: Final = 1 << 30
ROOM: Final = 2 * GIB
"""So much the tests beside this one may take away meanwhile."""


@contextmanager
def filled(spool: Path, free_bytes: int) -> Iterator[None]:
    """Leave less than this free on the spool's file system, for a while."""
    file = spool.parent / "filled"
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        os.posix_fallocate(descriptor, 0, shutil.disk_usage(spool).free - free_bytes)
        yield
    finally:
        os.close(descriptor)
        with suppress(FileNotFoundError):
            file.unlink()


def assert_told_nothing(hospital: Hospital, talk: Talk, line: str = "switchboard") -> None:
    assert reached_seconds(talk) < AT_ONCE_SECONDS
    assert all(heard_span(talk.caller.heard, one) is None for one in hospital.announcements(line))


def test_nobody_is_told_in_vain(hospital: Hospital) -> None:
    """With less room than `spool.stop_below_free` nothing is captured, so nobody is told that they might be."""

    async def scenario() -> None:
        since = len(hospital.log("gate"))
        async with other_config(hospital, "gate", LARGER_THAN_ANY_DISK), hospital.house() as house:
            async with hospital.conversation(house, "waiting-line") as talk:
                await assert_alive_unrecorded(hospital, talk)
            assert_told_nothing(hospital, talk, "waiting-line")
            found = await assert_row(hospital, talk, "spool_full")
            assert found.manifest["notices"] == found.manifest["permits"] == []
            assert said(hospital, "gate", since, "spool.scarce")[0]["level"] == "error"

    asyncio.run(scenario())


def test_a_conversation_goes_on_being_recorded_and_the_next_is_not(hospital: Hospital) -> None:
    """The disk fills in the middle of one: it is recorded to its end, and whoever calls then passes at once."""
    spool = hospital.world.spool

    async def scenario() -> None:
        free = shutil.disk_usage(spool).free
        below = {"spool": {"stop_below_free": f"{free - ROOM} B"}}
        since = len(hospital.log("gate"))
        async with other_config(hospital, "gate", below), hospital.house() as house:
            async with hospital.conversation(house) as first:
                await asyncio.sleep(0.5)
                with filled(spool, free - 2 * ROOM):

                    async def low() -> bool:
                        return bool(said(hospital, "gate", since, "spool.low"))

                    await hospital.until(low, "the gate says that there is little room")
                    async with hospital.conversation(house) as second:
                        await assert_alive_unrecorded(hospital, second)
                    await asyncio.sleep(0.5)
            assert_told_nothing(hospital, second)
            await assert_row(hospital, second, "spool_full")
            (found,) = await hospital.evidence(first.number)
            assert found.recorded
            assert_agrees(found, hospital.world)
            assert_nothing_untold(found, first.caller, hospital.announcements("switchboard"))
            assert_nothing_missing(found, first.caller, "p01")
            assert_nothing_missing(found, first.house, "p02")

    asyncio.run(scenario())


def test_without_a_gate_nobody_is_told_in_vain_either(hospital: Hospital) -> None:
    """The guard leaves a mark for the script that would tell callers."""

    async def scenario() -> None:
        async with other_config(hospital, "guard", LARGER_THAN_ANY_DISK):
            await hospital.stop("gate")
            try:
                await forget_gate(hospital)
                async with hospital.house() as house:
                    talk, channel = await passed_by(hospital, house)
                    assert_told_nothing(hospital, talk)
                    await assert_row(hospital, talk, "spool_full", channel=channel)
            finally:
                await hospital.start("gate")
        assert not (hospital.world.spool / "spool.full").exists()

    asyncio.run(scenario())
