"""What a caller finds whom the gate lets go: the house, and a conversation of which nothing is kept."""

import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

from canary import heard_span
from telephone import OutgoingCall, Telephone

from .agreement import assert_agrees
from .evidence import Evidence
from .hospital import Hospital, House, Talk, fresh_noise
from .unrecorded import assert_conversing, assert_no_voice, assert_unrecorded

AT_ONCE_SECONDS: Final = 0.6
"""From the caller's INVITE to the house phone's: 30 to 60 ms on an idle machine, no announcement takes so little."""

FRESH_SECONDS: Final = 0.6

Act = Callable[[Telephone, OutgoingCall], Awaitable[None]]


def reached_seconds(talk: Talk) -> float:
    """How long after the caller's INVITE the house's telephone was called."""
    return (talk.house.at("INVITE received") - talk.caller.at("INVITE")) / 1e6


async def assert_alive_unrecorded(hospital: Hospital, talk: Talk) -> None:
    """Both converse, nothing captures the caller's channel, and nothing of them is in any file meanwhile."""
    await assert_conversing(talk)
    assert await hospital.captures((await hospital.channel_of(talk.number))[1]) == {}
    await hospital.do(assert_no_voice, hospital.world, talk.caller.sent.pcm, talk.house.sent.pcm)


async def assert_row(hospital: Hospital, talk: Talk, reason: str, *, channel: str | None = None) -> Evidence:
    """After the call: one account of it, with the reason, and no voice anywhere; found by its channel if it has one."""
    (found,) = await hospital.evidence(None if channel else talk.number, channel=channel)
    calls = (talk.caller, talk.house)
    await hospital.do(assert_unrecorded, found, hospital.world, calls, reason)
    return found


@asynccontextmanager
async def interrupted(hospital: Hospital, house: House, act: Act, line: str = "switchboard") -> AsyncIterator[Talk]:
    """Call, do something as soon as the announcement is heard, then wait for the house."""
    async with hospital.outside() as phone:
        caller = await phone.call(hospital.uri(line), voice=fresh_noise())
        await caller.media.first_heard
        await act(phone, caller)
        yield Talk(phone.user, caller, await house.call_from(phone.user))
        await caller.hangup()


async def passed_by(hospital: Hospital, house: House, line: str = "switchboard") -> tuple[Talk, str]:
    """Call where no gate is: the house at once, and nobody captures the conversation. Returns the channel's id too."""
    async with hospital.conversation(house, line) as talk:
        _, channel = await hospital.channel_of(talk.number)
        await assert_alive_unrecorded(hospital, talk)
    assert reached_seconds(talk) < AT_ONCE_SECONDS
    return talk, channel


async def kept_instead(hospital: Hospital, since: int) -> None:
    """Wait until the guard has taken the place of a gate that ended after this place in the guard's log."""

    async def listens() -> bool:
        if not said(hospital, "guard", since, "gate.silent"):
            return False
        beats = [one.stat().st_mtime for one in (hospital.world.spool / "keeper").glob("*.jsonl")]
        return time.time() - max(beats, default=0.0) < FRESH_SECONDS

    await hospital.until(listens, "the keeper listens")


async def told_by_script(hospital: Hospital, house: House, line: str = "switchboard") -> tuple[Talk, str]:
    """Call where no gate is, on a line that announces: the caller hears it whole, and reaches the house."""
    async with hospital.conversation(house, line) as talk:
        _, channel = await hospital.channel_of(talk.number)
        await assert_conversing(talk)
        for announcement in hospital.announcements(line):
            span = heard_span(talk.caller.heard, announcement)
            assert span is not None
            assert span.complete
    return talk, channel


async def assert_accounted(hospital: Hospital, channel: str) -> Evidence:
    """After such a call: one account of it, recorded by the script's word, or not because no gate was there."""
    (found,) = await hospital.evidence(channel=channel)
    assert [one["source"] for one in found.rows["recordings"]] == ["fallback"]
    if found.recorded:
        assert found.manifest["call"]["attested_by"] == "agi"
        await hospital.do(assert_agrees, found, hospital.world)
    else:
        assert found.reason == "gate_away"
    return found


async def forget_gate(hospital: Hospital) -> None:
    """Let Asterisk believe that the gate's last sign of life was long ago."""
    await hospital.cli("dialplan set global CONSENTGATE_ALIVE 1")


def said(hospital: Hospital, process: str, since: int, action: str) -> list[dict[str, Any]]:
    """Return the lines of one action that a process has written since a place in its log."""
    lines = [json.loads(one) for one in hospital.log(process)[since:].splitlines() if one.startswith("{")]
    return [one for one in lines if one["event"] == action]


@asynccontextmanager
async def other_config(
    hospital: Hospital, process: str, overrides: Mapping[str, Any], **start: Any
) -> AsyncIterator[None]:
    """Run the gate or ship with another configuration meanwhile; options as `World.start_gate` has them."""
    world = hospital.world
    path = world.root / "etc" / "other.yaml"
    await hospital.do(world.write_config, path, overrides)
    try:
        await hospital.restart(process, config=path, **start)
        yield
    finally:
        await hospital.restart(process)
        path.unlink()
