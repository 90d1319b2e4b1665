"""An incoming call, the whole way: told, connected, recorded, shipped, and every account of it agrees."""

import asyncio
import json
from contextlib import AsyncExitStack

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

CANARY_CALLS = 24
"""Calls at the same time, so many times in a row; `./tests/bench gate` counts 200."""


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
    [
        ("switchboard", 0.0),
        ("switchboard", 150.0),
        ("advice-line", 0.0),
        ("advice-line", 150.0),
        ("waiting-line", 0.0),
        ("waiting-line", 150.0),
    ],
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


def test_many_at_once_and_nobody_in_another_s_recording(hospital: Hospital) -> None:
    """Half of them also capture the waiting, where the announcement's end is the only border."""
    lines = ["switchboard", "waiting-line"] * (CANARY_CALLS // 2)

    async def scenario() -> list[tuple[str, Talk, Evidence]]:
        async with hospital.house() as house, AsyncExitStack() as stack:
            placed = []
            for line in lines:
                placed.append(asyncio.ensure_future(stack.enter_async_context(hospital.conversation(house, line))))
                # Not all in one instant: that would only measure the telephones.
                await asyncio.sleep(0.04)
            talks = await asyncio.gather(*placed)
            await asyncio.sleep(1.0)
        found = [await hospital.evidence(talk.number, patience_seconds=40.0) for talk in talks]
        return [(line, talk, one) for line, talk, (one,) in zip(lines, talks, found, strict=True)]

    for line, talk, found in asyncio.run(scenario()):
        assert found.recorded, found.reason
        assert_parties(found, talk)
        assert_nothing_untold(found, talk.caller, hospital.announcements(line))


def test_the_house_hangs_up_first(hospital: Hospital) -> None:
    """The recording ends with the conversation, nothing of it is lost, and `reconcile` finds nothing wrong with it."""

    async def scenario() -> tuple[Talk, Evidence]:
        async with hospital.house(talk_seconds=5.5) as house:
            async with hospital.conversation(house) as talk:
                await hospital.over(talk.house)
                await hospital.over(talk.caller)
            (found,) = await hospital.evidence(talk.number)
            return talk, found

    talk, found = asyncio.run(scenario())
    assert found.recorded
    assert_agrees(found, hospital.world)
    assert_parties(found, talk)
    assert_nothing_untold(found, talk.caller, hospital.announcements("switchboard"))
    assert_nothing_missing(found, talk.house, "p02")
    assert_reconciled(hospital, found)


def assert_reconciled(hospital: Hospital, found: Evidence) -> None:
    """Every source was asked, Asterisk's own note names the call, the sum closes, and nobody misses anything of it."""
    call = found.manifest["call"]
    done = hospital.world.consentgate(
        "reconcile", "--day", call["began_at"][:10], "--json", "--config", str(hospital.world.config)
    )
    *findings, total = [json.loads(line) for line in done.stdout.splitlines()]
    # The other tests of this world make faults, some of them on purpose.
    assert [one for one in findings if call["channel"] in one["channel"] or found.recording == one["recording"]] == []
    assert done.returncode == (1 if findings else 0), done.stderr
    assert total["not_asked"] == {}
    groups = ("recorded", "not_recorded_by_policy", "not_recorded_with_reason", "unexplained")
    assert total["calls"] == sum(total[group] for group in groups) > 0
    noted = hospital.world.asterisk.witness.read_text(encoding="ascii")
    assert f",{call['channel']},{call['channel']},house,PJSIP/trunk-" in noted
    print(f"reconcile: {total['calls']} calls, {len(findings)} findings")
