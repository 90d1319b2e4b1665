"""The gate is not there, may not act, cannot write, or has nothing to do: the call goes on, and there is a row."""

import asyncio
import stat

from canary import heard_span
from system.hospital import Hospital, Talk
from system.passage import (
    AT_ONCE_SECONDS,
    assert_accounted,
    assert_alive_unrecorded,
    assert_row,
    forget_gate,
    other_config,
    passed_by,
    reached_seconds,
    said,
    told_by_script,
)
from system.site import READER, UNKNOWN_NUMBER


def test_gate_not_running(hospital: Hospital) -> None:
    """Callers are told all the same: in the first seconds, when the dialplan still believes in it, and later."""

    async def scenario() -> None:
        await hospital.stop("gate")
        try:
            async with hospital.house() as house:
                _, first = await told_by_script(hospital, house)
                await forget_gate(hospital)
                _, second = await told_by_script(hospital, house)
                # Ship collects what the dialplan's scripts have kept, and needs no gate for it.
                for channel in (first, second):
                    found = await assert_accounted(hospital, channel)
                    assert found.call["line"] == "switchboard"
                # A line that is never recorded has its row too, and its reason is not the gate.
                never, channel = await passed_by(hospital, house, "crisis-line")
                await assert_row(hospital, never, "line_never", channel=channel)
        finally:
            await hospital.start("gate")

    asyncio.run(scenario())


def test_ari_user_without_rights(hospital: Hospital) -> None:
    """A user who may only look can announce nothing: the gate says so, is not ready, and costs no call anything."""
    world = hospital.world
    password = world.who.gate.write(world.root / "etc" / "secrets" / "reader.password", f"{READER}\n", 0o400)
    overrides = {"asterisk": {"ari_user": READER, "ari_password_file": password}}

    async def scenario() -> None:
        since = len(hospital.log("gate"))
        async with other_config(hospital, "gate", overrides, await_ready=False), hospital.house() as house:

            async def complained() -> bool:
                return bool(said(hospital, "gate", since, "gate.not_ready"))

            await hospital.until(complained, "a line in the log")
            await forget_gate(hospital)
            _, channel = await told_by_script(hospital, house)
            await assert_accounted(hospital, channel)
            (line,) = said(hospital, "gate", since, "gate.not_ready")
            assert "ARI refuses the user" in line["why"]
            assert "read_only=no" in line["why"]
            assert world.running("gate")
            assert not (world.spool / "gate.ready").exists()

    try:
        asyncio.run(scenario())
    finally:
        password.unlink()


async def _told_but_not_captured(hospital: Hospital) -> Talk:
    """Call and hear the announcement whole; nothing is captured all the same."""
    async with hospital.house() as house, hospital.conversation(house, "waiting-line") as talk:
        await assert_alive_unrecorded(hospital, talk)
    span = heard_span(talk.caller.heard, hospital.announcements("waiting-line")[0])
    assert span is not None
    assert span.complete
    return talk


def test_journal_not_writable(hospital: Hospital) -> None:
    """The account of the call is kept in memory until the folder can be written again, after the call's end."""
    calls = hospital.world.spool / "calls"
    mode = stat.S_IMODE(calls.stat().st_mode)

    async def scenario() -> None:
        calls.chmod(0o500)
        try:
            talk = await _told_but_not_captured(hospital)
            assert list(calls.iterdir()) == []
        finally:
            calls.chmod(mode)
        found = await assert_row(hospital, talk, "journal_unwritable")
        assert len(found.manifest["notices"]) == 1

    asyncio.run(scenario())


def test_lines_that_are_not_recorded(hospital: Hospital) -> None:
    """An unknown line passes the gate at once; a line that is never recorded passes it by, and the house answers it."""

    async def scenario() -> None:
        async with hospital.house() as house:
            async with (
                hospital.conversation(house, UNKNOWN_NUMBER) as unknown,
                hospital.conversation(house, "crisis-line") as never,
            ):
                await asyncio.gather(*(assert_alive_unrecorded(hospital, one) for one in (unknown, never)))
            for talk in (unknown, never):
                assert reached_seconds(talk) < AT_ONCE_SECONDS
            assert never.caller.at("200") >= never.house.at("200"), "somebody else than the house has answered"
            found = await assert_row(hospital, unknown, "line_unknown")
            assert found.call["line"] == "no-such-line"
            found = await assert_row(hospital, never, "line_never")
            assert found.call["line"] == "crisis-line"
            assert found.manifest["notices"] == found.manifest["parties"] == []

    asyncio.run(scenario())
