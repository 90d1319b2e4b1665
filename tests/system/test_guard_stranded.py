"""A gate that dies or hangs with people in its hands: the guard lets them go within 2 s, and only then."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import pytest
from system.cleanliness import alarms
from system.hospital import Hospital, Talk, fresh_noise, fresh_number
from system.unrecorded import FRAME_SECONDS, assert_conversing, longest_silence
from telephone import IncomingCall, Telephone

LET_GO_SECONDS: Final = 2.0
SETTLED_SECONDS: Final = 0.1

pytestmark = pytest.mark.alarms("leg.continued")


@asynccontextmanager
async def without_gate(hospital: Hospital, how: str) -> AsyncIterator[None]:
    """Kill or freeze the gate, and have one again afterwards."""
    await hospital.kill("gate") if how == "killed" else hospital.freeze("gate")
    try:
        yield
    finally:
        if how == "killed":
            await hospital.start("gate")
        else:
            hospital.thaw("gate")
            await hospital.do(hospital.await_alive)


@asynccontextmanager
async def called(hospital: Hospital) -> AsyncIterator[Talk]:
    """A house phone calls somebody outside, who has answered and hears the announcement."""
    rang: asyncio.Future[IncomingCall] = asyncio.get_running_loop().create_future()

    async def answer(call: IncomingCall) -> None:
        call.accept(fresh_noise())
        rang.set_result(call)

    number = fresh_number()
    port = hospital.world.ports.asterisk.trunk_peer
    async with Telephone("exchange", local_port=port, on_call=answer), hospital.house() as house:
        placed = await house.phone.call(f"sip:{number}@{hospital.at['agents'][0]['sip']}", voice=fresh_noise())
        outsider = await rang
        await outsider.media.first_heard
        yield Talk(number, placed, outsider)
        await placed.hangup()


@pytest.mark.parametrize("how", ["killed", "frozen"])
def test_a_caller_of_a_dead_gate_goes_on(hospital: Hospital, how: str) -> None:
    since = len(hospital.log("guard"))

    async def scenario() -> None:
        async with hospital.house() as house, hospital.outside() as phone:
            caller = await phone.call(hospital.uri("switchboard"), voice=fresh_noise())
            await caller.media.first_heard
            async with without_gate(hospital, how):
                talk = Talk(phone.user, caller, await house.call_from(phone.user))
                assert longest_silence(caller) < LET_GO_SECONDS
                await assert_conversing(talk)
                await caller.hangup()
        await hospital.evidence(phone.user)

    asyncio.run(scenario())
    said = alarms(hospital.world, since)
    assert [(one["event"], one["door"]) for one in said] == [("leg.continued", "stranded_leg")]


@pytest.mark.parametrize("how", ["killed", "frozen"])
def test_whoever_was_called_is_let_go_too(hospital: Hospital, how: str) -> None:
    """They have no lifeline in the dialplan; without the guard both would wait until one gives up."""
    since = len(hospital.log("guard"))

    async def scenario() -> float:
        async with called(hospital) as talk:
            died_at = time.monotonic()
            async with without_gate(hospital, how):
                await hospital.connected(talk.caller)
                waited = time.monotonic() - died_at
                await assert_conversing(talk)
                assert len(talk.house.heard.mulaw) > 0
        await hospital.evidence(talk.number)
        return waited

    waited = asyncio.run(scenario())
    print(f"guard: a called leg in a {how} gate was let go after {waited:.3f} s")
    assert waited < LET_GO_SECONDS + FRAME_SECONDS
    said = alarms(hospital.world, since)
    assert [(one["event"], one["door"]) for one in said] == [("leg.continued", "stranded_leg")]


def test_a_guard_that_starts_calls_no_living_gate_dead(hospital: Hospital) -> None:
    """With a caller in the gate's hands; and it ends within a second when it is told to."""
    since = len(hospital.log("guard"))

    async def scenario() -> None:
        async with called(hospital) as talk:
            began = time.monotonic()
            await hospital.stop("guard")
            assert time.monotonic() - began < 1.0 + SETTLED_SECONDS
            await hospital.start("guard")
            await hospital.connected(talk.caller)
            await assert_conversing(talk)
        await hospital.evidence(talk.number)

    asyncio.run(scenario())
    assert alarms(hospital.world, since) == []
