"""The longest time that a line may record: it ends the recording, and not the call."""

import asyncio
from typing import Final

from canary import assert_nothing_between, find_reference
from system.agreement import (
    assert_agrees,
    assert_nothing_missing,
    assert_nothing_untold,
    assert_notices,
    assert_parties,
)
from system.evidence import Evidence
from system.hospital import Hospital, Talk
from system.site import SHORT_SECONDS
from system.unrecorded import assert_conversing
from telephone import Instant

from ari_app.core.names import instant_of

TALK_SECONDS: Final = 0.8
UNTIL_ENDED_MICROSECONDS: Final = 100_000
"""From the end to Asterisk's stamp of it, the 40 ms that ship leaves away included."""


def assert_ends(hospital: Hospital, found: Evidence, talk: Talk, at: Instant, reason: str) -> None:
    """Everything until then is stored, nothing of anyone after it, and every account says so."""
    assert found.recorded
    assert_agrees(found, hospital.world)
    assert_notices(found, hospital.world)
    (permit,) = found.manifest["permits"]
    assert permit["reason"] == reason
    assert found.reasons[-1] == reason
    assert abs(found.covered[1] - at) <= UNTIL_ENDED_MICROSECONDS, f"{found.covered[1] - at} us after the end"
    assert_parties(found, talk)
    assert_nothing_untold(found, talk.caller, hospital.announcements("switchboard"))
    for call, party in ((talk.caller, "p01"), (talk.house, "p02")):
        assert_nothing_missing(found, call, party)
        match = find_reference(found.channel(found.track(party)["channel"]), call.sent)
        assert_nothing_between(match, call.sent_at, at, Instant(call.sent.instants[-1] + 1_000_000))


def test_longest_time(hospital: Hospital) -> None:
    async def scenario() -> None:
        async with hospital.house() as house, hospital.conversation(house, "short-line") as talk:
            await asyncio.sleep(TALK_SECONDS)
            _, channel = await hospital.channel_of(talk.number)

            async def ended() -> bool:
                return await hospital.captures(channel) == {}

            await hospital.until(ended, "the capture's end")
            await assert_conversing(talk)
        (found,) = await hospital.evidence(talk.number)
        told = instant_of(found.manifest["notices"][-1]["completed_at"])
        end = Instant(told + round(SHORT_SECONDS * 1_000_000))
        await hospital.do(assert_ends, hospital, found, talk, end, "max_hours")

    asyncio.run(scenario())
