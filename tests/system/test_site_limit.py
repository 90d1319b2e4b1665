"""A site's own TIMEOUT(absolute) is lent to the gate for the announcement, and holds again afterwards."""

import asyncio

from system.agreement import assert_agrees, seconds
from system.hospital import Hospital, Talk
from system.site import LIMITED_NUMBER, SITE_LIMIT_SECONDS
from system.unrecorded import assert_conversing

TOLERANCE_SECONDS = 1.2
"""The dialplan reckons in whole seconds."""


def test_the_site_s_own_limit_ends_the_call_when_it_would_have(hospital: Hospital) -> None:
    async def scenario() -> Talk:
        async with hospital.house() as house, hospital.conversation(house, LIMITED_NUMBER) as talk:
            await assert_conversing(talk)
            await hospital.over(talk.caller, SITE_LIMIT_SECONDS + TOLERANCE_SECONDS)
            return talk

    talk = asyncio.run(scenario())
    lasted = seconds(talk.caller.at("200"), talk.caller.ending.at) if talk.caller.ending else 0.0
    assert abs(lasted - SITE_LIMIT_SECONDS) <= TOLERANCE_SECONDS
    (found,) = asyncio.run(hospital.evidence(talk.number))
    assert found.recorded
    assert_agrees(found, hospital.world)
