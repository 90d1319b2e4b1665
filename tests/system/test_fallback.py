"""No gate is there: a script tells the caller, the guard keeps what it began, and ship stores what that proves."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final

import pytest
from canary import assert_only, find_reference, heard_span
from demo_world import processes
from system.agreement import assert_agrees, assert_nothing_missing, assert_nothing_untold, assert_notices
from system.evidence import Evidence
from system.hospital import Hospital, House, Talk, fresh_noise
from system.passage import assert_row, kept_instead
from system.site import NEWCOMER
from system.unrecorded import assert_conversing, longest_silence
from telephone import OutgoingCall, now_us

from ari_app.core.names import Instant
from ari_app.layout import JOURNAL
from ari_app.numbers import Numbers

TALK_SECONDS: Final = 0.8
LINE: Final = "switchboard"
RESCUED_SECONDS: Final = 2.1
ENDED_SECONDS: Final = 0.5

Act = Callable[[Hospital, Talk, str], Awaitable[Any]]


@asynccontextmanager
async def without_gate(hospital: Hospital) -> AsyncIterator[House]:
    """Kill the gate, wait until the guard has taken its place, and start it again afterwards."""
    since = len(hospital.log("guard"))
    await hospital.kill("gate")
    try:
        await kept_instead(hospital, since)
        async with hospital.house() as house:
            yield house
    finally:
        if not hospital.world.running("gate"):
            await hospital.start("gate")


def assert_told_and_stored(
    hospital: Hospital,
    found: Evidence,
    talk: Talk,
    reason: str | None,
    end: Instant | None = None,
    *,
    line: str = LINE,
) -> None:
    """The caller's voice, from after the announcement to what ended it, and nobody else's."""
    assert found.recorded, (found.reason, found.entries)
    assert found.manifest["call"]["attested_by"] == "agi"
    assert [(one["source"], one["attested_by"]) for one in found.rows["recordings"]] == [("fallback", "agi")]
    numbers = Numbers.from_text(hospital.world.secrets.numbers)
    assert numbers.decrypt(found.manifest["call"]["number"]) == talk.number
    assert found.call["number_hash"].hex() == numbers.hash(talk.number)
    journal = hospital.world.spool / "shipped" / found.manifest["call"]["recording"] / JOURNAL
    assert talk.number not in journal.read_text(encoding="ascii")
    assert_agrees(found, hospital.world)
    assert_notices(found, hospital.world)
    (permit,) = found.manifest["permits"]
    assert permit["reason"] == reason
    assert_only(found.channel(1), talk.caller.sent, {"the house": talk.house.sent})
    assert_nothing_untold(found, talk.caller, hospital.announcements(line))
    assert_nothing_missing(found, talk.caller, "p01", end=end)


async def _hold(_: Hospital, talk: Talk, __: str) -> None:
    await talk.house.hold()


async def _objects(hospital: Hospital, _: Talk, channel: str) -> None:
    await hospital.ami("Setvar", Channel=channel, Variable="CONSENTGATE_OBJECTED", Value="1")


async def _pauses(_: Hospital, talk: Talk, __: str) -> None:
    await talk.house.press("*52")


async def _stranger(hospital: Hospital, _: Talk, channel: str) -> None:
    name = next(name for name, uniqueid, _ in await hospital.channels() if uniqueid == channel)
    await hospital.ami(
        "Originate",
        Channel=f"Local/join@{NEWCOMER}",
        Context=NEWCOMER,
        Exten="speak",
        Priority="1",
        Variable=f"BRIDGE_WITH={name}",
        Async="true",
    )


async def _transfers(hospital: Hospital, talk: Talk, _: str) -> None:
    await talk.house.refer(f"sip:{'01632960126'}@{hospital.at['agents'][0]['sip']}")


async def _gate_returns(hospital: Hospital, _: Talk, __: str) -> None:
    await hospital.start("gate")


ENDS: Final[dict[str, tuple[Act, str]]] = {
    "hold": (_hold, "held"),
    "objection": (_objects, "objected"),
    "a pause by key": (_pauses, "paused"),
    "a third in the bridge": (_stranger, "not_told"),
    "the gate is back": (_gate_returns, "gate_restarted"),
}


@pytest.mark.parametrize("what", ENDS)
def test_told_recorded_and_ended(hospital: Hospital, what: str) -> None:
    act, reason = ENDS[what]

    async def scenario() -> None:
        async with without_gate(hospital) as house, hospital.conversation(house) as talk:
            _, channel = await hospital.channel_of(talk.number)
            assert len(await hospital.captures(channel)) == 1
            await assert_conversing(talk)
            await asyncio.sleep(TALK_SECONDS)
            await act(hospital, talk, channel)
            acted_at = now_us()

            async def ended() -> bool:
                return await hospital.captures(channel) == {}

            await hospital.until(ended, "the capture's end")
            if what == "hold":
                await talk.house.unhold()
                await assert_conversing(talk)
            await asyncio.sleep(TALK_SECONDS)
            assert await hospital.captures(channel) == {}, "what has ended is not resumed without a gate"
            assert talk.caller.state == "up"
            # While the gate is away still, unless it is what came back.
            await talk.caller.hangup()
            (found,) = await hospital.evidence(channel=channel)
        await hospital.do(assert_told_and_stored, hospital, found, talk, reason)
        assert found.covered[1] <= acted_at + ENDED_SECONDS * 1e6
        if what == "hold":
            assert found.covered[1] <= acted_at

    asyncio.run(scenario())


def test_a_hang_up_ends_it_and_nothing_is_missing(hospital: Hospital) -> None:
    async def scenario() -> None:
        async with without_gate(hospital) as house, hospital.conversation(house) as talk:
            _, channel = await hospital.channel_of(talk.number)
            await assert_conversing(talk)
            await asyncio.sleep(TALK_SECONDS)
            await talk.caller.hangup()
            (found,) = await hospital.evidence(channel=channel)
        await hospital.do(assert_told_and_stored, hospital, found, talk, "left_bridge")
        assert [one["party"] for one in found.manifest["parties"]] == ["p01", "p02"]

    asyncio.run(scenario())


def test_a_guard_that_is_killed_ends_what_is_covered(hospital: Hospital) -> None:
    """Nobody hears what happens: what is stored ends with its last heartbeat, and the call goes on."""

    async def scenario() -> None:
        async with without_gate(hospital) as house, hospital.conversation(house) as talk:
            _, channel = await hospital.channel_of(talk.number)
            await assert_conversing(talk)
            await asyncio.sleep(TALK_SECONDS)
            await hospital.kill("guard")
            killed_at = now_us()
            try:
                await talk.house.hold()
                await asyncio.sleep(TALK_SECONDS)
                await talk.house.unhold()
                await assert_conversing(talk)
                await talk.caller.hangup()
                (found,) = await hospital.evidence(channel=channel)
            finally:
                await hospital.start("guard")
        # When the file ended nobody has measured, so it is cut with more care.
        end = Instant(found.covered[1] - 100_000)
        await hospital.do(assert_told_and_stored, hospital, found, talk, None, end)
        assert found.covered[1] <= killed_at

    asyncio.run(scenario())


def test_without_a_guard_callers_are_told_and_not_recorded(hospital: Hospital) -> None:
    async def scenario() -> None:
        async with without_gate(hospital) as house:
            await hospital.stop("guard")
            try:
                async with hospital.conversation(house) as talk:
                    _, channel = await hospital.channel_of(talk.number)
                    await assert_conversing(talk)
                    assert await hospital.captures(channel) == {}
                span = heard_span(talk.caller.heard, hospital.announcements(LINE)[0])
                assert span is not None
                assert span.complete
                await assert_row(hospital, talk, "gate_away", channel=channel)
            finally:
                await hospital.start("guard")

    asyncio.run(scenario())


def scripts(hospital: Hospital) -> list[int]:
    """Return the scripts that run in this world."""
    found = []
    for pid in processes.marked(hospital.world.root):
        with suppress(OSError):
            if b"consentgate/fallback.py" in Path(f"/proc/{pid}/cmdline").read_bytes():
                found.append(pid)
    return found


async def _kill_script(hospital: Hospital, _: OutgoingCall) -> None:
    (pid,) = scripts(hospital)
    os.kill(pid, signal.SIGKILL)


async def _freeze_script(hospital: Hospital, _: OutgoingCall) -> None:
    (pid,) = scripts(hospital)
    os.kill(pid, signal.SIGSTOP)


@pytest.mark.parametrize("act", [_kill_script, _freeze_script])
def test_a_script_that_dies_or_hangs_costs_no_call(hospital: Hospital, act: Callable[..., Awaitable[None]]) -> None:
    async def scenario() -> None:
        async with without_gate(hospital) as house:
            async with hospital.outside() as phone:
                caller = await phone.call(hospital.uri(LINE), voice=fresh_noise())
                await caller.media.first_heard
                await asyncio.sleep(0.1)
                _, channel = await hospital.channel_of(phone.user)
                pids = scripts(hospital)
                await act(hospital, caller)
                talk = Talk(phone.user, caller, await house.call_from(phone.user))
                await assert_conversing(talk)
                assert await hospital.captures(channel) == {}
                await caller.hangup()
            for pid in pids:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            print(f"{act.__name__}: {longest_silence(caller):.3f} s of silence")
            assert longest_silence(caller) <= RESCUED_SECONDS
            await assert_row(hospital, talk, "gate_away", channel=channel)

    asyncio.run(scenario())


def test_hung_up_during_the_announcement(hospital: Hospital) -> None:
    async def scenario() -> None:
        async with without_gate(hospital), hospital.outside() as phone:
            caller = await phone.call(hospital.uri(LINE), voice=fresh_noise())
            await caller.media.first_heard
            _, channel = await hospital.channel_of(phone.user)
            await caller.hangup()
            (found,) = await hospital.evidence(channel=channel)
        assert found.reason == "hung_up_before_told"

    asyncio.run(scenario())


def test_a_key_during_the_announcement_changes_nothing(hospital: Hospital) -> None:
    async def scenario() -> None:
        async with without_gate(hospital) as house:
            async with hospital.outside() as phone:
                caller = await phone.call(hospital.uri(LINE), voice=fresh_noise())
                await caller.media.first_heard
                await caller.press("1")
                talk = Talk(phone.user, caller, await house.call_from(phone.user))
                _, channel = await hospital.channel_of(phone.user)
                await assert_conversing(talk)
                await asyncio.sleep(TALK_SECONDS)
                await caller.hangup()
            (found,) = await hospital.evidence(channel=channel)
        assert found.recorded, found.reason
        match = find_reference(found.channel(1), talk.caller.sent)
        assert match.spans

    asyncio.run(scenario())
