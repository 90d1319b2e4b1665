"""Somebody else's MixMonitor on a call of ours: not stopped by our stop, not mistaken for ours, and reported.

The site has allowed both of them, or the guard would end them (test_guard_mixmonitor)."""

import asyncio
from pathlib import Path
from typing import Final

from canary import find_reference
from system.agreement import assert_agrees, assert_parties
from system.evidence import Evidence
from system.hospital import Hospital, Talk
from system.passage import other_config, said
from system.site import STRANGER_NUMBER
from system.unrecorded import assert_conversing
from telephone import read_wav

TALK_SECONDS: Final = 0.8
LAST_MICROSECONDS: Final = 200_000


async def _scenario(hospital: Hospital, second: Path) -> tuple[Evidence, Talk]:
    """One began before the gate, by the site's dialplan; one begins in the conversation, by AMI."""
    ours = f"{hospital.world.spool}/"
    async with hospital.house() as house, hospital.conversation(house, STRANGER_NUMBER) as talk:
        name, channel = await hospital.channel_of(talk.number)
        await asyncio.sleep(TALK_SECONDS)
        before = await hospital.captures(channel)
        answer = await hospital.ami("MixMonitor", Channel=name, Options=f"r({second})")
        assert answer["response"] == "Success", answer
        running = await hospital.captures(channel)
        strangers = {one: files for one, files in running.items() if not files.startswith(ours)}
        assert (len(before), len(running), len(strangers)) == (2, 3, 2), running
        await talk.house.hold()

        async def ours_ended() -> bool:
            return len(await hospital.captures(channel)) < len(running)

        await hospital.until(ours_ended, "the end of our capture")
        assert await hospital.captures(channel) == strangers, "our stop has hit somebody else's capture"
        await talk.house.unhold()
        await assert_conversing(talk)
        after = await hospital.captures(channel)
        assert {one: files for one, files in after.items() if not files.startswith(ours)} == strangers
    (found,) = await hospital.evidence(talk.number)
    return found, talk


async def _allowed(hospital: Hospital, second: Path) -> tuple[Evidence, Talk]:
    allowed = {"path": str(second.parent / "stranger-*"), "reason": "told by the site's own announcement"}
    async with other_config(hospital, "guard", {"guard": {"allowed_captures": [allowed]}}):
        return await _scenario(hospital, second)


def test_strangers_go_on_and_are_reported(hospital: Hospital) -> None:
    monitor = hospital.world.asterisk.monitor
    before, since = set(monitor.iterdir()), len(hospital.log("gate"))
    second = monitor / "stranger-second.wav"
    found, talk = asyncio.run(_allowed(hospital, second))
    assert found.recorded
    assert_agrees(found, hospital.world)
    assert_parties(found, talk)
    assert "held" in found.reasons
    assert [one["party"] for one in found.rows["foreign_captures"]] == ["p01", "p01"]
    assert [one["recording"] for one in said(hospital, "gate", since, "capture.foreign")][-1:] == [found.recording]
    theirs = find_reference(read_wav(second), talk.caller.sent)
    until = talk.caller.sent_at(theirs.spans[-1].sent_end - 1)
    assert talk.caller.at("BYE") - until < LAST_MICROSECONDS, "their capture did not go on to the end of the call"
    for file in set(monitor.iterdir()) - before:
        file.unlink()
