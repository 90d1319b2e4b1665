"""What the guard may and may not touch: the gate's dead captures, other people's calls, what the site has allowed."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any, Final

import pytest
from system import doors
from system.cleanliness import alarms
from system.doors import sound_files
from system.guarding import call, read_incident, settled
from system.hospital import Hospital
from system.passage import other_config
from system.unrecorded import assert_conversing
from telephone import Instant, now_us

STALE_SECONDS: Final = 1.5
TICK_SECONDS: Final = 0.5
QUIET_SECONDS: Final = 1.5
"""So long an alarm would have taken, many times over."""
HOLD_SECONDS: Final = 0.4


async def mixed(hospital: Hospital, channel: str, name: str) -> None:
    """Begin a MixMonitor of somebody's."""
    answer = await hospital.ami("MixMonitor", Channel=channel, File=f"{name}.wav")
    assert answer["response"] == "Success"


async def ended(hospital: Hospital, channel: str) -> None:
    """Stop whatever MixMonitor runs on a channel."""
    for monitor in await hospital.captures(channel):
        await hospital.ami("StopMixMonitor", Channel=channel, MixMonitorID=monitor)


async def listed(hospital: Hospital, config: str) -> tuple[int, str]:
    """Return exit code and table of `consentgate guard --once`."""
    path = hospital.world.root / "etc" / config
    done = await hospital.do(hospital.world.consentgate, "guard", "--once", "--config", str(path))
    assert done.stderr == ""
    return done.returncode, done.stdout


async def proved(hospital: Hospital, at: Instant) -> None:
    """Wait until a heartbeat says that every event up to then is known."""

    async def covered() -> bool:
        lines = [one.read_bytes().splitlines() for one in (hospital.world.spool / "heartbeat").glob("*.jsonl")]
        return any(json.loads(whole[-1])["consumed_at"] >= at for whole in lines if whole)

    await hospital.until(covered, "a heartbeat that covers what is said now")


def forget_sound(hospital: Hospital) -> None:
    """Remove what others were allowed to record."""
    for file in sound_files(hospital.world):
        file.unlink()


@pytest.mark.alarms("capture.stopped stale_heartbeat", "leg.continued")
@pytest.mark.parametrize("how", ["killed", "frozen"])
def test_a_capture_of_a_silent_gate_is_stopped_and_kept_for_evidence(hospital: Hospital, how: str) -> None:
    """Its file stays in audio/, where evidence cuts it; nobody's call is touched."""
    since = len(hospital.log("guard"))

    async def scenario() -> None:
        async with hospital.house() as house, hospital.conversation(house) as talk:
            _, channel = await hospital.channel_of(talk.number)
            await assert_conversing(talk)
            assert len(await hospital.captures(channel)) == 1
            # What no heartbeat has covered is lost with its gate, by design; one comes twice a second.
            await proved(hospital, now_us())
            await hospital.kill("gate") if how == "killed" else hospital.freeze("gate")
            await asyncio.sleep(STALE_SECONDS + TICK_SECONDS)
            assert await hospital.captures(channel) == {}
            await assert_conversing(talk)
            if how == "killed":
                await hospital.start("gate")
            else:
                hospital.thaw("gate")
                await hospital.do(hospital.await_alive)
        (found,) = await hospital.evidence(talk.number)
        assert found.recorded, "what the gate had proved before it died was lost"

    asyncio.run(scenario())
    said = alarms(hospital.world, since)
    assert {(one["event"], one["why"], one["files"]) for one in said} == {("capture.stopped", "stale_heartbeat", 0)}


@pytest.mark.alarms("capture.stopped")
def test_a_strangers_file_in_our_spool_is_taken_away_in_every_mode(hospital: Hospital) -> None:
    """Into the very folder of a recording, beside the track that the journal names."""
    since = len(hospital.log("guard"))

    async def scenario() -> None:
        report = {"guard": {"mode": "report", "scope": "gated_calls"}}
        async with (
            other_config(hospital, "guard", report),
            hospital.house() as house,
            hospital.conversation(house) as talk,
        ):
            name, channel = await hospital.channel_of(talk.number)
            await asyncio.sleep(HOLD_SECONDS)
            (ours,) = (await hospital.captures(channel)).values()
            folder = ours.strip().rpartition("/")[0]
            answer = await hospital.ami("MixMonitor", Channel=name, Options=f"t({folder}/seg-009.p09.wav)")
            assert answer["response"] == "Success"
            await settled(hospital, since, 1)
            assert [one.strip() for one in (await hospital.captures(channel)).values()] == [ours.strip()]
            (hospital.world.spool / "audio" / "planted.wav").write_bytes(bytes(100))
            await settled(hospital, since, 2)
        (found,) = await hospital.evidence(talk.number)
        assert found.recorded

    asyncio.run(scenario())
    said = alarms(hospital.world, since)
    assert [(one["event"], one["door"], one["files"]) for one in said] == [
        ("capture.stopped", "mixmonitor", 1),
        ("capture.stopped", "file", 1),
    ]


@pytest.mark.alarms("capture.stopped")
def test_with_gated_calls_other_peoples_calls_are_left_alone(hospital: Hospital) -> None:
    """A call that never came to the gate may be recorded; one that did may not, on any of its channels."""
    since = len(hospital.log("guard"))

    async def scenario() -> None:
        async with (
            other_config(hospital, "guard", {"guard": {"scope": "gated_calls"}}),
            call(hospital, doors.ECHO) as placed,
        ):
            other, _ = await hospital.channel_of(placed.phone.user)
            await mixed(hospital, other, "theirs")
            await asyncio.sleep(QUIET_SECONDS)
            assert len(await hospital.captures(other)) == 1
            async with hospital.house() as house, hospital.conversation(house) as talk:
                for name, _, _ in await hospital.channels():
                    if name.startswith(("PJSIP/2001", "PJSIP/trunk")) and name != other:
                        await mixed(hospital, name, f"gated-{name.rpartition('-')[2]}")
                await settled(hospital, since, 2)
                assert len(await hospital.captures(other)) == 1
            await hospital.evidence(talk.number)
            await ended(hospital, other)

    asyncio.run(scenario())
    assert [one["door"] for one in alarms(hospital.world, since)] == ["mixmonitor", "mixmonitor"]
    assert {one.name for one in sound_files(hospital.world)} == {"theirs.wav"}
    forget_sound(hospital)


@pytest.mark.alarms("capture.reported")
def test_a_first_installation_reports_and_touches_nothing(hospital: Hospital) -> None:
    since = len(hospital.log("guard"))

    async def scenario() -> None:
        async with other_config(hospital, "guard", {"guard": {"mode": "report"}}), call(hospital, doors.ECHO) as placed:
            other, _ = await hospital.channel_of(placed.phone.user)
            await mixed(hospital, other, "theirs")
            await settled(hospital, since, 1)
            await asyncio.sleep(QUIET_SECONDS)
            assert len(await hospital.captures(other)) == 1
            await ended(hospital, other)

    asyncio.run(scenario())
    (said,) = alarms(hospital.world, since)
    assert read_incident(hospital, said["incident"])["action"] == "reported"
    assert {one.name for one in sound_files(hospital.world)} == {"theirs.wav"}
    forget_sound(hospital)


@pytest.mark.parametrize("by", ["path", "application"])
def test_what_the_site_allows_goes_on_without_a_word(hospital: Hospital, by: str) -> None:
    folder = hospital.world.asterisk.monitor
    allowed: Mapping[str, Any] = {"path": f"{folder}/theirs*"} if by == "path" else {"application": "Echo"}
    overrides = {"guard": {"allowed_captures": [{**allowed, "reason": "a test"}]}}

    async def scenario() -> None:
        async with other_config(hospital, "guard", overrides), call(hospital, doors.ECHO) as placed:
            other, _ = await hospital.channel_of(placed.phone.user)
            await mixed(hospital, other, "theirs")
            await asyncio.sleep(QUIET_SECONDS)
            assert len(await hospital.captures(other)) == 1
            code, table = await listed(hospital, "other.yaml")
            assert (code, "guard.allowed_captures: a test" in table) == (0, True)
            await ended(hospital, other)

    asyncio.run(scenario())
    forget_sound(hospital)


@pytest.mark.alarms("capture.stopped")
def test_what_began_while_the_guard_was_away_is_found(hospital: Hospital) -> None:
    since = len(hospital.log("guard"))

    async def scenario() -> None:
        async with call(hospital, doors.ECHO) as placed:
            other, _ = await hospital.channel_of(placed.phone.user)
            await hospital.kill("guard")
            try:
                await mixed(hospital, other, "meanwhile")
                code, table = await listed(hospital, "consentgate.yaml")
                assert (code, "NOBODY" in table, placed.phone.user in table) == (1, True, False)
            finally:
                await hospital.start("guard")
            await settled(hospital, since, 1)
            assert await hospital.captures(other) == {}

    asyncio.run(scenario())
    (said,) = alarms(hospital.world, since)
    assert (said["door"], said["stopped_after_ms"], said["files"]) == ("mixmonitor", None, 1)


@pytest.mark.alarms("capture.stopped")
def test_a_new_asterisk_is_guarded_as_the_old_one(hospital: Hospital) -> None:
    """The guard comes back by itself, on AMI and on ARI."""
    since = len(hospital.log("guard"))

    async def scenario() -> None:
        await hospital.kill("asterisk")

        async def missed() -> bool:
            return not (hospital.world.spool / "guard.ready").exists()

        await hospital.until(missed, "a guard that is not ready")
        await hospital.start("asterisk")

        async def ready() -> bool:
            return (hospital.world.spool / "guard.ready").exists()

        await hospital.until(ready, "a guard that is ready", seconds=15.0)
        await hospital.do(hospital.await_alive)
        async with call(hospital, doors.ECHO) as placed:
            other, _ = await hospital.channel_of(placed.phone.user)
            await mixed(hospital, other, "again")
            await settled(hospital, since, 1)

    asyncio.run(scenario())


@pytest.mark.alarms("capture.stopped")
def test_an_administrator_looks_and_destroys(hospital: Hospital) -> None:
    """`consentgate quarantine`: what was taken is listed, shown, and destroyed once somebody says so."""
    since = len(hospital.log("guard"))
    world = hospital.world

    async def scenario() -> None:
        async with call(hospital, doors.ECHO) as placed:
            other, _ = await hospital.channel_of(placed.phone.user)
            await mixed(hospital, other, "secret")
            await settled(hospital, since, 1)

    asyncio.run(scenario())
    identity = alarms(world, since)[0]["incident"]

    def quarantine(*arguments: str) -> tuple[int, str]:
        done = world.consentgate("quarantine", *arguments, "--config", str(world.config))
        return done.returncode, done.stdout

    code, listed = quarantine("list")
    assert (code, identity in listed, "mixmonitor" in listed) == (0, True, True)
    code, shown = quarantine("show", identity)
    assert (code, "not_named_in_live" in shown, f"{identity}.1" in shown) == (0, True, True)
    assert quarantine("destroy", identity)[0] == 1, "nobody has said yes"
    assert (world.spool / "quarantine" / f"{identity}.1").exists()
    assert quarantine("destroy", identity, "--yes")[0] == 0
    assert list((world.spool / "quarantine").glob(f"{identity}*")) == []
    assert quarantine("show", identity)[0] == 1
    assert identity in (world.spool / "incidents" / "destroyed.jsonl").read_text()
