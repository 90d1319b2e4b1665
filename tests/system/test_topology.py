"""What ends a recording while the call goes on: hold, transfer, parking, a third party, the longest time allowed.

In each case what was said before is stored, nothing said after is, and the call is alive.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

import pytest
from canary import assert_nothing_between, find_reference
from system.agreement import (
    assert_agrees,
    assert_nothing_missing,
    assert_nothing_untold,
    assert_notices,
    assert_parties,
)
from system.evidence import Evidence
from system.hospital import Hospital, Talk, fresh_noise
from system.site import SHORT_SECONDS, UNGATED
from system.unrecorded import assert_conversing, assert_unrecorded
from telephone import Call, Instant, answering, now_us

from ari_app.core.names import instant_of

TALK_SECONDS: Final = 0.8
UNTIL_ENDED_MICROSECONDS: Final = 100_000
"""From the act to Asterisk's stamp of it, the 40 ms that ship leaves away included."""

LAST_SAMPLES: Final = 1600
TOPOLOGY: Final = "topology_not_supported"
Change = Callable[[Talk], Awaitable[tuple[Instant, Talk]]]
"""What is done in a conversation: since when it counts, and who converses after it."""


@asynccontextmanager
async def recorded(hospital: Hospital, line: str = "switchboard") -> AsyncIterator[Talk]:
    """Have a conversation of which something is recorded already."""
    async with hospital.house() as house, hospital.conversation(house, line) as talk:
        await asyncio.sleep(TALK_SECONDS)
        yield talk


async def no_capture(hospital: Hospital, channel: str) -> None:
    """Wait until no MixMonitor runs on a channel."""

    async def ended() -> bool:
        return await hospital.captures(channel) == {}

    await hospital.until(ended, "the capture's end")


def assert_ends(hospital: Hospital, found: Evidence, talk: Talk, at: Instant, *reasons: str) -> None:
    """Everything until the change is stored, nothing of anyone after it, and every account says so."""
    assert found.recorded
    assert_agrees(found, hospital.world)
    assert_notices(found, hospital.world)
    (permit,) = found.manifest["permits"]
    assert permit["reason"] in reasons
    assert found.reasons[-1] == permit["reason"]
    assert abs(found.covered[1] - at) <= UNTIL_ENDED_MICROSECONDS, f"{found.covered[1] - at} us after the change"
    assert_parties(found, talk)
    assert_nothing_untold(found, talk.caller, hospital.announcements("switchboard"))
    for call, party in ((talk.caller, "p01"), (talk.house, "p02")):
        assert_nothing_missing(found, call, party)
        match = find_reference(found.channel(found.track(party)["channel"]), call.sent)
        assert_nothing_between(match, call.sent_at, at, Instant(call.sent.instants[-1] + 1_000_000))


async def ended_by(hospital: Hospital, change: Change, *reasons: str) -> tuple[Evidence, Talk]:
    """Change something in a recorded conversation, prove that the call lives, and judge what is stored of it."""
    async with recorded(hospital) as talk:
        _, channel = await hospital.channel_of(talk.number)
        at, after = await change(talk)
        await no_capture(hospital, channel)
        await assert_conversing(after)
    (found,) = await hospital.evidence(talk.number)
    await hospital.do(assert_ends, hospital, found, talk, at, *(reasons or (TOPOLOGY,)))
    return found, after


def assert_absent(found: Evidence, stranger: Call) -> None:
    """Nothing of somebody is in any channel."""
    for number in (1, 2):
        assert not find_reference(found.channel(number), stranger.sent).spans, "somebody else is in the recording"


async def _hold(call: Call) -> Instant:
    at = now_us()
    await call.hold()
    await asyncio.sleep(TALK_SECONDS / 2)
    await call.unhold()
    return at


@pytest.mark.parametrize("who", ["the caller", "the house"])
def test_hold(hospital: Hospital, who: str) -> None:
    """Whoever holds, and although both go on after it: a second segment is for a later version."""

    async def change(talk: Talk) -> tuple[Instant, Talk]:
        return await _hold(talk.caller if who == "the caller" else talk.house), talk

    asyncio.run(ended_by(hospital, change))


def test_blind_transfer(hospital: Hospital) -> None:
    """The house refers the caller to a colleague: a new party, whom this version does not follow.

    Asterisk reports the transfer and the leaving of the old bridge in either order, here and below.
    """

    async def scenario() -> None:
        async with AsyncExitStack() as later:

            async def change(talk: Talk) -> tuple[Instant, Talk]:
                colleague = await later.enter_async_context(hospital.house("2002"))
                at = now_us()
                await talk.house.refer(f"sip:2002@{hospital.at['agents'][1]['sip']}")
                return at, Talk(talk.number, talk.caller, await colleague.call_from(talk.number))

            found, after = await ended_by(hospital, change, TOPOLOGY, "left_bridge")
            assert_absent(found, after.house)

    asyncio.run(scenario())


def test_attended_transfer(hospital: Hospital) -> None:
    """The house asks a colleague first, while the caller waits on hold, and then puts the two together."""

    async def scenario() -> None:
        async with AsyncExitStack() as later:

            async def change(talk: Talk) -> tuple[Instant, Talk]:
                colleague = await later.enter_async_context(hospital.house("2002"))
                at = now_us()
                await talk.house.hold()
                asking = await talk.house.phone.call(f"sip:2002@{hospital.at['agents'][1]['sip']}", voice=fresh_noise())
                asked = await colleague.phone.next_call()
                await hospital.connected(asking)
                # Referred in the millisecond of the answer, Asterisk 22.10 joins the two with sound one way alone.
                await assert_conversing(Talk("", asking, asked))
                await talk.house.refer(f"sip:2002@{hospital.at['agents'][1]['sip']}", replaces=asking)

                async def joined() -> bool:
                    return any(b"200" in one.body for one in talk.house.requests if one.method == "NOTIFY")

                await hospital.until(joined, "the transfer's success")
                await asyncio.gather(talk.house.hangup(), asking.hangup())

                async def audible() -> bool:
                    return bool(find_reference(talk.caller.heard.pcm[-LAST_SAMPLES:], asked.sent).spans)

                await hospital.until(audible, "the colleague's voice", 3.0)
                return at, Talk(talk.number, talk.caller, asked)

            found, after = await ended_by(hospital, change, TOPOLOGY, "left_bridge")
            assert_absent(found, after.house)

    asyncio.run(scenario())


def test_parked(hospital: Hospital) -> None:
    """A parking lot is a bridge, so a capture of bridged sound would go on in it. Then the house takes the call back.

    Asterisk reports the parking and the leaving of the old bridge in either order.
    """

    async def change(talk: Talk) -> tuple[Instant, Talk]:
        name, _ = await hospital.channel_of(talk.number)
        at = now_us()
        await _done(hospital, "Park", Channel=name, Timeout="60000")
        await hospital.over(talk.house)
        await asyncio.sleep(TALK_SECONDS / 2)
        await _done(hospital, "Redirect", Channel=name, Context="house", Exten="s", Priority="1")
        while (again := await asyncio.wait_for(talk.house.phone.next_call(), 5.0)) is talk.house:
            pass
        await hospital.connected(again)
        return at, Talk(talk.number, talk.caller, again)

    async def scenario() -> None:
        found, after = await ended_by(hospital, change, TOPOLOGY, "left_bridge")
        assert_absent(found, after.house)

    asyncio.run(scenario())


async def _done(hospital: Hospital, action: str, **headers: str) -> None:
    answer = await hospital.ami(action, **headers)
    assert answer["response"] == "Success", answer


def test_third_party(hospital: Hospital) -> None:
    """Somebody from outside, whom nobody told, is put into the conversation and leaves it again."""

    async def scenario() -> None:
        port = hospital.world.ports.asterisk.trunk_peer

        async def change(talk: Talk) -> tuple[Instant, Talk]:
            name, _ = await hospital.channel_of(talk.number)
            join = {"Context": "test-newcomer", "Exten": "join", "Priority": "1", "Async": "true"}
            with_whom = {"Channel": f"PJSIP/{newcomer.user}@trunk", "Variable": f"BRIDGE_WITH={name}"}
            await _done(hospital, "Originate", **join, **with_whom)
            joined = await newcomer.next_call()
            at = await joined.answered
            await joined.media.first_heard
            await asyncio.sleep(TALK_SECONDS / 2)
            await joined.hangup()
            return at, talk

        async with hospital.outside(local_port=port, on_call=answering(fresh_noise)) as newcomer:
            found, _ = await ended_by(hospital, change)
            (joined,) = newcomer.calls
            assert joined.heard.packets
            assert_absent(found, joined)

    asyncio.run(scenario())


def test_longest_time(hospital: Hospital) -> None:
    """`max_hours` ends the recording, not the call."""

    async def scenario() -> None:
        async with recorded(hospital, "short-line") as talk:
            _, channel = await hospital.channel_of(talk.number)
            await no_capture(hospital, channel)
            await assert_conversing(talk)
        (found,) = await hospital.evidence(talk.number)
        told = instant_of(found.manifest["notices"][-1]["completed_at"])
        end = Instant(told + round(SHORT_SECONDS * 1_000_000))
        await hospital.do(assert_ends, hospital, found, talk, end, "max_hours")

    asyncio.run(scenario())


def test_outgoing(hospital: Hospital) -> None:
    """A house phone calls out past the gate: nobody told the person called, so there is a row and no recording."""

    async def scenario() -> None:
        port = hospital.world.ports.asterisk.trunk_peer
        async with (
            hospital.house() as house,
            hospital.outside(local_port=port, on_call=answering(fresh_noise)) as outsider,
        ):
            dialled = UNGATED + outsider.user
            caller = await house.phone.call(f"sip:{dialled}@{hospital.at['agents'][0]['sip']}", voice=fresh_noise())
            called = await outsider.next_call()
            await hospital.connected(caller)
            await assert_conversing(Talk(outsider.user, caller, called))
            assert all([await hospital.captures(channel) == {} for _, channel, _ in await hospital.channels()])
            await caller.hangup()
            (found,) = await hospital.evidence(dialled)
            await hospital.do(assert_unrecorded, found, hospital.world, [caller, called], "outgoing_not_gated")
            assert found.call["direction"] == "outgoing"

    asyncio.run(scenario())
