"""An incoming call, the whole way: told, connected, recorded, shipped, and every account of it agrees."""

import asyncio

import pytest
from system.agreement import (
    assert_agrees,
    assert_in_step,
    assert_nothing_missing,
    assert_nothing_untold,
    assert_notices,
    assert_parties,
)
from system.evidence import Evidence
from system.hospital import Hospital, Talk


def assert_whole(hospital: Hospital, found: Evidence, talk: Talk, line: str) -> None:
    """Nothing untold, nothing missing, each in their own channel, in step, and all accounts agree."""
    assert found.recorded
    assert_agrees(found, hospital.world)
    assert_notices(found, hospital.world)
    assert_parties(found, talk)
    assert_nothing_untold(found, talk.caller, hospital.announcements(line))
    assert_nothing_missing(found, talk.caller, "p01")
    assert_nothing_missing(found, talk.house, "p02")
    assert_in_step(found, talk)


@pytest.mark.parametrize(
    ("line", "delay_ms"),
    [("switchboard", 0.0)],
)
def test_conversation(hospital: Hospital, line: str, delay_ms: float) -> None:
    async def scenario() -> tuple[Talk, Evidence]:
        async with hospital.house() as house:
            async with hospital.conversation(house, line, delay_ms=delay_ms) as talk:
                await asyncio.sleep(2.0)
            (found,) = await hospital.evidence(talk.number)
            return talk, found

    talk, found = asyncio.run(scenario())
    assert_whole(hospital, found, talk, line)
