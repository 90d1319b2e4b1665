"""The gate is killed, or hangs, at twenty moments of a call: the caller reaches the house after 2 s of silence at most.

A dead process sends nothing and a hung one nothing either; what brings the caller on is the dialplan's lifeline, which
the gate arms before each step. Nothing of such a call is ever stored from before its announcement was whole.
"""

import asyncio
import signal
from pathlib import Path
from typing import Final

import pytest
from canary import heard_span
from demo_world import processes
from system.agreement import assert_nothing_untold
from system.evidence import Evidence
from system.hospital import Hospital, House, Talk, fresh_noise, fresh_number
from system.unrecorded import FRAME_SECONDS, RESCUED_SECONDS, assert_conversing, assert_no_voice, longest_silence
from telephone import OutgoingCall, now_us
from telephone.mulaw import RATE

from ari_app.core import evidence as ev

pytestmark = pytest.mark.alarms("leg.continued", "capture.stopped stale_heartbeat")

LINE: Final = "waiting-line"
"""It captures from the announcement's end on, so that a capture begins in the moments that are judged."""


RING_SECONDS: Final = 0.5
"""What the house telephone takes to answer, and more."""
AFTER_ANSWER: Final = (0.0, 0.02, 0.1, 0.4, 0.8)
"""Moments of the death, in seconds after a caller was answered …"""
AROUND_THE_END: Final = (-0.3, -0.05, -0.02, -0.01, 0.0, 0.01, 0.02)
"""… and after the last packet of the announcement: between it and the capture lie a few milliseconds."""
SETUP_SECONDS: Final = 0.01
"""From an INVITE to its answer."""


async def heard_seconds(call: OutgoingCall, seconds: float) -> None:
    """Wait until so many seconds of sound have arrived."""
    while len(call.heard.mulaw) < seconds * RATE:  # noqa: ASYNC110  sound is polled, it sends no event
        await asyncio.sleep(FRAME_SECONDS / 4)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "hung"])
def test_a_gate_that_dies_or_hangs_costs_two_seconds_at_most(hospital: Hospital, number: int) -> None:
    """Twelve callers are on their way when it happens, each at another moment of theirs."""
    (announcement,) = hospital.announcements(LINE)
    length = len(announcement) / RATE
    moments = [*AFTER_ANSWER, *(length + one for one in AROUND_THE_END)]
    happens = max(moments) + SETUP_SECONDS + 0.05

    async def visit(house: House, moment: float) -> tuple[Talk, str]:
        async with hospital.outside(fresh_number()) as phone:
            await asyncio.sleep(happens - moment - SETUP_SECONDS)
            call = await phone.call(hospital.uri(LINE), voice=fresh_noise())
            talk = Talk(phone.user, call, await house.call_from(phone.user))
            _, channel = await hospital.channel_of(phone.user)
            await assert_conversing(talk)
            await call.hangup()
            return talk, channel

    async def scenario() -> tuple[int, list[tuple[Talk, str]]]:
        async with hospital.house() as house:
            visits = [asyncio.ensure_future(visit(house, one)) for one in moments]
            await asyncio.sleep(happens)
            at = now_us()
            hospital.signal("gate", number)
            return at, await asyncio.gather(*visits)

    try:
        at, talks = asyncio.run(scenario())
    finally:
        asyncio.run(revived(hospital, number))
    for talk, _ in talks:
        moment = (at - talk.caller.at("200")) / 1e6
        silent = longest_silence(talk.caller)
        print(f"{moment:6.3f} s after the answer, announcement of {length:.2f} s: {silent:.3f} s of silence")
        assert silent <= RESCUED_SECONDS, f"{silent:.3f} s of silence"
    shipped(hospital)
    for talk, channel in talks:
        recorded = False
        # Of whom it knew for a few milliseconds the dead gate has written nothing: then the dialplan's note is all.
        for found in asyncio.run(hospital.evidence(talk.number, channel=channel)):
            if found.recorded:
                recorded = True
                assert_nothing_untold(found, talk.caller, [announcement])
            else:
                assert found.objects.keys() == {f"{found.folder}/manifest.json{end}" for end in ("", ".sig")}
        if not recorded:
            assert_no_voice(hospital.world, talk.caller.sent.pcm, talk.house.sent.pcm)


def test_a_gate_that_hangs_before_the_call_is_not_waited_for(hospital: Hospital) -> None:
    """Within 3 s the dialplan still believes in it: 2 s of ringing; after that, none."""

    async def scenario() -> list[float]:
        waits = []
        async with hospital.house() as house:
            hospital.freeze("gate")
            try:
                for pause in (0.0, 3.0):
                    await asyncio.sleep(pause)
                    async with hospital.outside(fresh_number()) as phone:
                        begin = now_us()
                        call = await phone.call(hospital.uri(LINE), voice=fresh_noise())
                        talk = Talk(phone.user, call, await house.call_from(phone.user))
                        waits.append((await call.answered - begin) / 1e6)
                        await assert_conversing(talk)
                        await call.hangup()
            finally:
                hospital.thaw("gate")
                await hospital.do(hospital.await_alive)
        return waits

    first, second = asyncio.run(scenario())
    assert first <= RESCUED_SECONDS + RING_SECONDS
    assert second <= RING_SECONDS


def shipped(hospital: Hospital) -> None:
    """Wait until nothing is left of what scripts have captured of callers whom they told."""
    folders = [hospital.world.spool / name for name in ("audio", "fallback", "sealed")]
    assert processes.wait_until(lambda: not any(any(one.iterdir()) for one in folders), 20.0), "it is not shipped"


async def gates_account(hospital: Hospital, number: str) -> Evidence:
    """Wait for what the gate says of a caller of whom a script may have an account of its own."""
    found: list[Evidence] = []

    async def there() -> bool:
        accounts = await hospital.evidence(number)
        found[:] = [one for one in accounts if one.manifest["call"]["attested_by"] == "gate"]
        return bool(found)

    await hospital.until(there, "the gate's account")
    (one,) = found
    return one


async def revived(hospital: Hospital, number: int) -> None:
    """Let the gate go on, or start another in its place."""
    if number == signal.SIGSTOP:
        hospital.thaw("gate")
        await hospital.do(hospital.await_alive)
    else:
        await hospital.start("gate")


def test_a_gate_that_is_back_in_time_announces_afresh(hospital: Hospital) -> None:
    """The stranded caller hears the whole announcement from its beginning, and is recorded after it."""
    (announcement,) = hospital.announcements("switchboard")

    async def scenario() -> Talk:
        async with hospital.house() as house, hospital.outside(fresh_number()) as phone:
            call = await phone.call(hospital.uri("switchboard"), voice=fresh_noise())
            await hospital.connected(call)
            await asyncio.sleep(0.3)
            await hospital.kill("gate")
            await hospital.start("gate")
            talk = Talk(phone.user, call, await house.call_from(phone.user))
            await asyncio.sleep(1.0)
            await call.hangup()
            return talk

    talk = asyncio.run(scenario())
    found = asyncio.run(hospital.evidence(talk.number, count=2))
    first, second = sorted(found, key=lambda one: one.recording)
    assert (first.call["outcome"], second.recorded) == ("recorded", True)
    assert [one.reason for one in first.of(ev.NotRecorded)] == ["gate_restarted"]
    assert not first.manifest["segments"]
    whole = [heard_span(talk.caller.heard, announcement, nth=nth) for nth in (0, 1)]
    assert [one is not None and one.complete for one in whole] == [False, True]
    assert longest_silence(talk.caller) <= RESCUED_SECONDS


def test_a_thawed_gate_grants_nothing_from_stale_facts(hospital: Hospital) -> None:
    """Frozen at the announcement's last packet and thawed after the house has answered: it captures nothing.

    A script has told the caller meanwhile; what it attested is an account of its own, and ends as the gate is back.
    """
    (announcement,) = hospital.announcements(LINE)

    async def scenario() -> Talk:
        async with hospital.house() as house, hospital.outside(fresh_number()) as phone:
            call = await phone.call(hospital.uri(LINE), voice=fresh_noise())
            await hospital.connected(call)
            await heard_seconds(call, len(announcement) / RATE - 0.2)
            hospital.freeze("gate")
            try:
                talk = Talk(phone.user, call, await house.call_from(phone.user))
            finally:
                hospital.thaw("gate")
            await asyncio.sleep(0.5)
            await assert_conversing(talk)
            await call.hangup()
            return talk

    talk = asyncio.run(scenario())
    found = asyncio.run(gates_account(hospital, talk.number))
    assert not found.recorded
    assert not found.of(ev.CaptureRequested)
    shipped(hospital)
    assert_no_voice(hospital.world, talk.caller.sent.pcm, talk.house.sent.pcm)


def test_a_gate_killed_in_a_conversation_loses_a_stretch_of_recording_and_no_call(hospital: Hospital) -> None:
    """What its heartbeats cover is stored; the new gate goes on with the next segment; the parties notice nothing."""

    async def scenario() -> Talk:
        async with hospital.house() as house, hospital.conversation(house) as talk:
            await asyncio.sleep(2.0)
            await hospital.kill("gate")
            await hospital.start("gate")
            await assert_conversing(talk)
            captures = await hospital.captures((await hospital.channel_of(talk.number))[0])
            assert [Path(one.strip()).name for one in captures.values()] == ["seg-002.p01"]
            return talk

    talk = asyncio.run(scenario())
    (found,) = asyncio.run(hospital.evidence(talk.number))
    assert found.recorded
    assert_nothing_untold(found, talk.caller, hospital.announcements("switchboard"))
    assert next(one["reason"] for one in found.manifest["permits"]) == "gate_restarted"
    assert [one["segment"] for one in found.manifest["segments"]] == [1, 2]
    stored = found.manifest["segments"][0]["samples"] / RATE
    assert stored >= 0.5, stored
