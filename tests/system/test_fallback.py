"""No gate is there: a script tells the caller, the guard keeps what it began, and ship stores what that proves."""

import asyncio
from typing import Final

from canary import assert_nothing_before, assert_only, find_reference
from system.agreement import assert_agrees, assert_nothing_missing, assert_nothing_untold, assert_notices
from system.evidence import Evidence
from system.hospital import Hospital, Talk
from system.passage import forget_gate, said
from system.unrecorded import assert_conversing
from telephone import Instant

TALK_SECONDS: Final = 0.8


async def keeper_ready(hospital: Hospital, since: int) -> None:
    """Wait until the guard has taken the dead gate's place."""

    async def ready() -> bool:
        return bool(said(hospital, "guard", since, "keeper.ready"))

    await hospital.until(ready, "the keeper listens")
    await asyncio.sleep(0.3)


def assert_told_and_stored(hospital: Hospital, found: Evidence, talk: Talk, reason: str) -> None:
    """The caller's voice, from after the announcement to what ended it, and nobody else's."""
    assert found.recorded, (found.reason, found.entries)
    assert found.manifest["call"]["attested_by"] == "agi"
    assert [(one["source"], one["attested_by"]) for one in found.rows["recordings"]] == [("fallback", "agi")]
    assert_agrees(found, hospital.world)
    assert_notices(found, hospital.world)
    (permit,) = found.manifest["permits"]
    assert permit["reason"] == reason
    match = assert_only(found.channel(1), talk.caller.sent, {"the house": talk.house.sent})
    assert_nothing_untold(found, talk.caller, hospital.announcements("switchboard"))
    assert_nothing_missing(found, talk.caller, "p01")
    assert match.matched > 0


def test_told_recorded_and_ended_by_a_hold(hospital: Hospital) -> None:
    async def scenario() -> None:
        since = len(hospital.log("guard"))
        await hospital.kill("gate")
        try:
            await keeper_ready(hospital, since)
            async with hospital.house() as house, hospital.conversation(house) as talk:
                _, channel = await hospital.channel_of(talk.number)
                assert len(await hospital.captures(channel)) == 1
                await assert_conversing(talk)
                await asyncio.sleep(TALK_SECONDS)
                held_at = Instant(0)
                await talk.house.hold()
                held_at = Instant(talk.house.sent.instants[-1])

                async def ended() -> bool:
                    return await hospital.captures(channel) == {}

                await hospital.until(ended, "the capture's end")
                await talk.house.unhold()
                await asyncio.sleep(TALK_SECONDS)
                await assert_conversing(talk)
                assert await hospital.captures(channel) == {}, "what a hold has ended is never resumed without a gate"
            (found,) = await hospital.evidence(channel=channel)
            await hospital.do(assert_told_and_stored, hospital, found, talk, "held")
            match = find_reference(found.channel(1), talk.caller.sent)
            assert len(match.spans) > 0
            assert found.covered[1] <= held_at
        finally:
            await hospital.start("gate")

    asyncio.run(scenario())


__all__ = ["assert_nothing_before", "forget_gate"]
