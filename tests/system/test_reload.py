"""The configuration is changed while people talk: their calls keep their rules, the next have the new ones."""

import asyncio
import json
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from system.agreement import assert_agrees, assert_nothing_missing, assert_nothing_untold
from system.evidence import Evidence
from system.hospital import Hospital, Talk

from ari_app.core import evidence as ev

SECONDS = 5.0


@asynccontextmanager
async def changed(hospital: Hospital, overrides: dict[str, Any]) -> AsyncIterator[None]:
    """Overlay the configuration that the processes read, and put it back as it was, in force again, at the end."""
    world = hospital.world
    before = world.config.read_bytes()
    await hospital.do(world.write_config, world.config, overrides)
    try:
        yield
    finally:
        world.config.write_bytes(before)
        for process in ("gate", "guard", "ship"):
            await said(hospital, process, "config.taken_up", reload=True)


async def said(hospital: Hospital, process: str, event: str, *, reload: bool) -> dict[str, Any]:
    """Return the line that a process logs of a reload, which is asked for first."""
    since = len(hospital.log(process))
    if reload:
        hospital.signal(process, signal.SIGHUP)
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        for text in hospital.log(process)[since:].splitlines():
            found: dict[str, Any] = json.loads(text) if text.startswith("{") else {}
            if found.get("event") == event:
                return found
        await asyncio.sleep(0.05)
    raise AssertionError(f"{process} does not say {event}: {hospital.log(process)[since:]}")


def assert_whole(hospital: Hospital, talk: Talk, found: Evidence, line: str) -> None:
    """One permit, nothing untold, nothing missing of either, and all accounts agree."""
    assert found.recorded
    assert len(found.manifest["permits"]) == 1, "the reload ended nothing"
    assert_agrees(found, hospital.world)
    assert_nothing_untold(found, talk.caller, hospital.announcements(line))
    assert_nothing_missing(found, talk.caller, "p01")
    assert_nothing_missing(found, talk.house, "p02")


def told(found: Evidence) -> list[str]:
    return [one.announcement for one in found.of(ev.NoticePlayed)]


def policy_of(found: Evidence) -> str:
    (opened,) = found.of(ev.Opened)
    assert found.manifest["call"]["policy_sha256"] == opened.policy_sha256
    return str(opened.policy_sha256)


def test_a_call_keeps_its_rules_over_a_reload_and_the_next_has_the_new_ones(hospital: Hospital) -> None:
    new = {
        "lines": {"switchboard": {"announcements": ["advice-en"], "max_hours": 1}},
        "spool": {"stop_below_free": "1MiB"},
    }

    async def scenario() -> tuple[tuple[Talk, Evidence], tuple[Talk, Evidence], dict[str, Any]]:
        async with hospital.house() as house:
            async with hospital.conversation(house) as first:
                await asyncio.sleep(1.0)
                async with changed(hospital, new):
                    line = await said(hospital, "gate", "config.taken_up", reload=True)
                    await asyncio.sleep(0.5)
                    async with hospital.conversation(house) as second:
                        await asyncio.sleep(1.0)
                await asyncio.sleep(0.5)
            (one,) = await hospital.evidence(first.number)
            (two,) = await hospital.evidence(second.number)
            return (first, one), (second, two), line

    (first, one), (second, two), line = asyncio.run(scenario())
    assert {"lines.switchboard.announcements", "lines.switchboard.max_hours"} <= set(line["changed"])
    assert told(one) == ["switchboard-en"]
    assert told(two) == ["advice-en"]
    assert policy_of(one) != policy_of(two)
    assert_whole(hospital, first, one, "switchboard")
    assert two.recorded
    assert_nothing_missing(two, second.caller, "p01")
    assert_agrees(two, hospital.world)


def test_recordings_on_a_line_that_becomes_never_end_at_once_and_the_calls_go_on(hospital: Hospital) -> None:
    never = {"lines": {"switchboard": {"mode": "never", "reason": "a complaint of today"}}}

    async def scenario() -> tuple[Talk, Evidence, bool]:
        async with hospital.house() as house:
            async with hospital.conversation(house) as talk:
                await asyncio.sleep(1.5)
                async with changed(hospital, never):
                    await said(hospital, "gate", "config.taken_up", reload=True)
                    await asyncio.sleep(1.5)
                    _, channel = await hospital.channel_of(talk.number)
                    runs = bool(await hospital.captures(channel))
                assert talk.caller.state == "up"
            (found,) = await hospital.evidence(talk.number)
            return talk, found, runs

    talk, found, runs = asyncio.run(scenario())
    assert not runs
    assert found.recorded
    (permit,) = found.manifest["permits"]
    assert permit["reason"] == "line_never"
    assert_agrees(found, hospital.world)
    assert_nothing_untold(found, talk.caller, hospital.announcements("switchboard"))


def test_a_wrong_file_changes_nothing_and_its_reason_is_said(hospital: Hospital) -> None:
    wrong = {"lines": {"switchboard": {"announcments": ["advice-en"]}}, "site": {"node": "PBX 1"}}

    async def scenario() -> list[tuple[Talk, Evidence]]:
        async with hospital.house() as house, hospital.conversation(house) as first, changed(hospital, wrong):
            for process in ("gate", "guard", "ship"):
                line = await said(hospital, process, "config.not_taken_up", reload=True)
                assert "did you mean announcements?" in line["why"]
                assert "site.node: is not a name" in line["why"]
                assert "consentgate check" in line["hint"]
            async with hospital.conversation(house) as second:
                await asyncio.sleep(1.0)
        return [(talk, (await hospital.evidence(talk.number))[0]) for talk in (first, second)]

    calls = asyncio.run(scenario())
    for talk, found in calls:
        assert told(found) == ["switchboard-en"]
        assert_whole(hospital, talk, found, "switchboard")
    assert len({policy_of(found) for _, found in calls}) == 1


def test_what_cannot_be_exchanged_is_said_and_stays(hospital: Hospital) -> None:
    """Another spool, another way to Asterisk and to S3: each process says what it needs a restart for."""
    other = {
        "spool": {"path": "/srv/other"},
        "asterisk": {"ami_port": 1},
        "s3": {"bucket": "another", "keep_audio_seconds": 1},
        "guard": {"asterisk_recording_folders": ["/srv"]},
    }

    async def scenario() -> tuple[Talk, Evidence]:
        async with hospital.house() as house:
            async with changed(hospital, other), hospital.conversation(house) as talk:
                for process, keys in {
                    "gate": {"asterisk.ami_port", "spool.path"},
                    "guard": {"asterisk.ami_port", "spool.path", "guard.asterisk_recording_folders"},
                    "ship": {"spool.path", "s3.bucket"},
                }.items():
                    line = await said(hospital, process, "config.needs_restart", reload=True)
                    assert set(line["keys"]) == keys
                await asyncio.sleep(1.0)
            (found,) = await hospital.evidence(talk.number)
            return talk, found

    talk, found = asyncio.run(scenario())
    assert_whole(hospital, talk, found, "switchboard")
