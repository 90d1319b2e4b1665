"""The announcement is unusable, changed, stopped, held, or its end is never told: not recorded, and the call lives."""

import asyncio
import hashlib
from contextlib import AsyncExitStack
from typing import Final

import numpy as np
import pytest
from canary import heard_span
from system.hospital import Hospital
from system.passage import (
    AT_ONCE_SECONDS,
    Act,
    assert_alive_unrecorded,
    assert_row,
    interrupted,
    other_config,
    reached_seconds,
)
from system.proxy import AriFraming, Proxy
from system.unrecorded import RESCUED_SECONDS, assert_unrecorded, longest_silence
from telephone import OutgoingCall, Telephone

from ari_app.announcements import HEADER_BYTES

HALF_WAY_SECONDS: Final = 0.5
"""Into the speech of an announcement."""

ANNOUNCEMENT: Final = "switchboard-en"


def test_unusable_files(hospital: Hospital) -> None:
    """Missing, truncated, empty, unheard: the gate starts all the same, each line's callers reach the house at once."""
    folder = hospital.world.announcements
    whole = (folder / f"{ANNOUNCEMENT}.wav").read_bytes()
    lines = {"switchboard": "missing", "waiting-line": "truncated", "short-line": "empty", "advice-line": "quiet"}
    why = {
        "missing": "does not exist",
        "truncated": "is cut short",
        "empty": "is empty (0 bytes)",
        "quiet": "is too quiet",
    }
    (folder / "truncated.wav").write_bytes(whole[: len(whole) // 2])
    (folder / "empty.wav").write_bytes(b"")
    # 24 dB less, to -45 dBFS: whole, with its silence at the end, and nobody would have understood it.
    samples = np.frombuffer(whole[HEADER_BYTES:], dtype="<i2") // 16
    (folder / "quiet.wav").write_bytes(whole[:HEADER_BYTES] + samples.astype("<i2").tobytes())
    overrides = {
        "announcements": {
            one: {"file": folder / f"{one}.wav", "language": "en", "text": "We record calls."} for one in why
        },
        "lines": {line: {"announcements": [one]} for line, one in lines.items()},
    }

    async def scenario() -> None:
        before = len(hospital.log("gate"))
        async with other_config(hospital, "gate", overrides), hospital.house() as house:
            said = hospital.log("gate")[before:].splitlines()
            for line, one in lines.items():
                assert any("line.not_recorded" in text and line in text and why[one] in text for text in said), line
            async with AsyncExitStack() as calls:
                talks = [await calls.enter_async_context(hospital.conversation(house, line)) for line in lines]
                await asyncio.gather(*(assert_alive_unrecorded(hospital, talk) for talk in talks))
            for talk in talks:
                assert reached_seconds(talk) < AT_ONCE_SECONDS
                found = await assert_row(hospital, talk, "announcement_unusable")
                assert found.manifest["notices"] == []

    try:
        asyncio.run(scenario())
    finally:
        for one in ("truncated", "empty", "quiet"):
            (folder / f"{one}.wav").unlink()


def test_copy_replaced(hospital: Hospital) -> None:
    """The played copy is another file than the one that was hashed: while it plays, and before it is played."""
    world = hospital.world
    own, other = ((world.announcements / f"{one}.wav").read_bytes() for one in (ANNOUNCEMENT, "advice-en"))
    copy = world.spool / "announcements" / f"{hashlib.sha256(own).hexdigest()}.wav"
    assert copy.read_bytes() == own

    def replace() -> None:
        new = copy.with_name(".new")
        new.write_bytes(other)
        new.chmod(0o644)
        new.rename(copy)

    async def act(_: Telephone, __: OutgoingCall) -> None:
        replace()

    async def scenario() -> None:
        async with hospital.house() as house:
            async with interrupted(hospital, house, act) as during:
                await assert_alive_unrecorded(hospital, during)
            async with hospital.conversation(house) as before:
                await assert_alive_unrecorded(hospital, before)
            assert reached_seconds(before) < AT_ONCE_SECONDS
            for talk in (during, before):
                await assert_row(hospital, talk, "announcement_copy_changed")
            await hospital.restart("gate")
            assert copy.read_bytes() == own, "a restarted gate puts the copy right"

    try:
        asyncio.run(scenario())
    finally:
        if copy.read_bytes() != own:
            copy.unlink()
            asyncio.run(hospital.restart("gate"))


def _stop(hospital: Hospital, notice: int) -> Act:
    async def act(phone: Telephone, _: OutgoingCall) -> None:
        channel = (await hospital.channel_of(phone.user))[1]

        async def stopped() -> bool:
            return await hospital.ari("DELETE", f"/playbacks/cg-{channel}-{notice}") == 204

        await hospital.until(stopped, "the announcement that is to be stopped")

    return act


@pytest.mark.parametrize(("line", "notice"), [("switchboard", 1), ("advice-line", 2)])
def test_stopped_by_a_stranger(hospital: Hospital, line: str, notice: int) -> None:
    """Asterisk reports such a playback as done; its length says that it was not. One of two is not told."""

    async def scenario() -> None:
        async with hospital.house() as house:
            async with interrupted(hospital, house, _stop(hospital, notice), line) as talk:
                await assert_alive_unrecorded(hospital, talk)
                assert longest_silence(talk.caller) < RESCUED_SECONDS
            span = heard_span(talk.caller.heard, hospital.announcements(line)[-1])
            assert span is None or not span.complete
            found = await assert_row(hospital, talk, "announcement_cut_short")
            notices = [one.get("reason") for one in found.manifest["notices"]]
            assert notices == [None] * (notice - 1) + ["announcement_cut_short"]

    asyncio.run(scenario())


def test_held_half_way(hospital: Hospital) -> None:
    """A caller on hold hears nothing, while the playback runs on to its end and is done."""

    async def act(_: Telephone, caller: OutgoingCall) -> None:
        await asyncio.sleep(HALF_WAY_SECONDS)
        await caller.hold()

    async def scenario() -> None:
        async with hospital.house() as house:
            async with interrupted(hospital, house, act) as talk:
                await talk.caller.unhold()
                await assert_alive_unrecorded(hospital, talk)
            await assert_row(hospital, talk, "held_during_announcement")

    asyncio.run(scenario())


def test_hung_up_half_way(hospital: Hospital) -> None:
    """Nobody rings for a caller who is gone, and there is a row."""

    async def scenario() -> None:
        async with hospital.house() as house, hospital.outside() as phone:
            caller = await phone.call(hospital.uri("switchboard"))
            await caller.media.first_heard
            await asyncio.sleep(HALF_WAY_SECONDS)
            await caller.hangup()
            (found,) = await hospital.evidence(phone.user)
            await hospital.do(assert_unrecorded, found, hospital.world, [caller], "hung_up_before_told")
            assert house.phone.calls == []

    asyncio.run(scenario())


def test_end_never_reported(hospital: Hospital) -> None:
    """Asterisk says nothing of the end: the gate's own deadline lets the caller go, before their lifeline does."""
    host, port = "127.0.0.1", hospital.world.ports.asterisk.http

    async def scenario(proxy: Proxy) -> None:
        url = "http://{}:{}/ari".format(*proxy.address)
        async with (
            other_config(hospital, "gate", {"asterisk": {"ari_url": url}}),
            hospital.house() as house,
        ):
            lost = proxy.drop("PlaybackFinished", '"playback"')
            async with hospital.conversation(house) as talk:
                await assert_alive_unrecorded(hospital, talk)
                assert longest_silence(talk.caller) < RESCUED_SECONDS
            await assert_row(hospital, talk, "announce_timeout")
            assert len(lost.met) == 1
            span = heard_span(talk.caller.heard, hospital.announcements("switchboard")[0])
            assert span is not None
            assert span.complete

    with Proxy((host, port), AriFraming) as proxy:
        asyncio.run(scenario(proxy))
