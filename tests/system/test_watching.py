"""What the processes tell of themselves while real calls run, and what they never tell."""

import asyncio
import json
import signal
import socket
from typing import Any

import aiohttp
import pytest
from system.cleanliness import CALLER
from system.hospital import Hospital, fresh_number
from system.passage import other_config, said
from system.standby import standing_by

NAME = "Gwendolyn Prosser"


async def ask(hospital: Hospital, process: str, path: str) -> tuple[int, str]:
    """Return what a process answers on loopback."""
    port = getattr(hospital.world.ports.metrics, process)
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}{path}") as answer:
        return answer.status, await answer.text()


async def value(hospital: Hospital, process: str, series: str) -> float:
    """Return one sample, as `name{label="…"}`; 0 if there is none yet."""
    status, text = await ask(hospital, process, "/metrics")
    assert status == 200
    found = [line.rpartition(" ")[2] for line in text.splitlines() if line.startswith(f"{series} ")]
    return float(found[0]) if found else 0.0


async def ready(hospital: Hospital, process: str) -> dict[str, Any]:
    _, text = await ask(hospital, process, "/readyz")
    told: dict[str, Any] = json.loads(text)
    return told


async def status(hospital: Hospital) -> tuple[int, dict[str, Any]]:
    """Return what `consentgate status` says, and its exit code."""
    done = await hospital.do(hospital.world.consentgate, "status", "--json", "--config", str(hospital.world.config))
    told: dict[str, Any] = json.loads(done.stdout)
    return done.returncode, told


RECORDED = 'consentgate_calls_total{line="switchboard",outcome="recorded",reason=""}'
SHIPPED = 'consentgate_shipments_total{outcome="recorded",reason=""}'


def test_a_call_is_seen_while_it_lasts_and_counted_when_it_is_over(hospital: Hospital) -> None:
    async def scenario() -> None:
        before = await value(hospital, "gate", RECORDED), await value(hospital, "ship", SHIPPED)
        since = {name: len(hospital.log(name)) for name in ("gate", "ship")}
        async with hospital.house() as house:
            async with hospital.conversation(house, display_name=NAME) as talk:
                # The gate looks at itself once a second.
                await asyncio.sleep(2.5)
                code, told = await status(hospital)
                assert (code, told["well"], told["problems"]) == (0, True, [])
                assert [told[name] for name in ("calls", "rooms", "permits", "captures")] == [1, 1, 1, 2]
                assert {one["state"] for one in told["processes"].values()} == {"ready"}
                assert {name: one["pid"] for name, one in told["processes"].items()} == {
                    name: hospital.world.pid(name) for name in ("gate", "guard", "ship")
                }
                assert await value(hospital, "gate", 'consentgate_calls_active{line="switchboard"}') == 1
                assert await value(hospital, "gate", "consentgate_captures_running") == 2
                assert await value(hospital, "gate", "consentgate_heartbeat_age_seconds") < 3
            (found,) = await hospital.evidence(talk.number)
        assert found.recorded

        async def counted() -> bool:
            after = await value(hospital, "gate", RECORDED), await value(hospital, "ship", SHIPPED)
            return after == (before[0] + 1, before[1] + 1)

        await hospital.until(counted, "the call is counted by the gate and by ship")
        (ended,) = said(hospital, "gate", since["gate"], "call.ended")
        assert (ended["line"], ended["outcome"], ended["reason"]) == ("switchboard", "recorded", None)
        (shipped,) = said(hospital, "ship", since["ship"], "call.shipped")
        assert shipped["recording"] == ended["recording"]
        # Two tracks began within the second, and the announcement a moment after the caller came.
        started = await value(hospital, "gate", "consentgate_capture_start_seconds_count")
        assert await value(hospital, "gate", "consentgate_capture_start_seconds_sum") < started
        waited = await value(hospital, "gate", "consentgate_announcement_wait_seconds_count")
        assert await value(hospital, "gate", "consentgate_announcement_wait_seconds_sum") < waited
        for process in ("gate", "guard", "ship"):
            answer, text = await ask(hospital, process, "/metrics")
            assert answer == 200
            assert not CALLER.search(text), process
            assert (await ready(hospital, process))["ready"]
        assert await value(hospital, "ship", 'consentgate_request_seconds_count{operation="put",server="s3"}') > 0

    asyncio.run(scenario())


def test_no_log_of_any_process_holds_a_number_a_name_or_a_telephone(hospital: Hospital) -> None:
    """Of everything that ran in this world so far; `clean` asks the same of each test's own lines."""

    async def scenario() -> None:
        async with hospital.house() as house, hospital.outside(fresh_number()) as phone:
            # One that is recorded, one whose line is never, one to a number of no line, one that hangs up at once.
            async with hospital.conversation(house, "advice-line", display_name=NAME) as talk:
                await asyncio.sleep(1.0)
            for number in ("01632960199", "01632960198"):
                call = await phone.call(hospital.uri(number), display_name=NAME)
                await asyncio.sleep(0.5)
                await call.hangup()
            await hospital.evidence(talk.number)

    asyncio.run(scenario())
    for process in ("gate", "guard", "ship"):
        lines = hospital.log(process).splitlines()
        assert lines
        for line in lines:
            assert json.loads(line)["event"]
            assert not CALLER.search(line), line


def test_a_port_that_is_taken_keeps_no_gate_from_working(hospital: Hospital) -> None:
    async def scenario() -> None:
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            taken = {"metrics": {"gate_port": other.getsockname()[1]}}
            since = len(hospital.log("gate"))
            async with other_config(hospital, "gate", taken), hospital.house() as house:
                async with hospital.conversation(house) as talk:
                    await asyncio.sleep(0.5)
                (found,) = await hospital.evidence(talk.number)
                assert found.recorded
                (line,) = said(hospital, "gate", since, "metrics.not_served")
                assert line["on"] == f"127.0.0.1:{other.getsockname()[1]}"

    asyncio.run(scenario())


@pytest.mark.alarms("leg.continued")
def test_what_is_dead_is_shown_as_dead(hospital: Hospital) -> None:
    async def scenario() -> None:
        for process in ("ship", "gate"):
            await hospital.stop(process)
        try:
            code, told = await status(hospital)
            assert code == 1
            states = {name: one["state"] for name, one in told["processes"].items()}
            assert states == {"gate": "dead", "guard": "ready", "ship": "dead"}
            assert (await ready(hospital, "guard"))["ready"]
            assert [one["what"].split(":")[0] for one in told["problems"]] == ["the gate is dead", "ship is dead"]
            assert told["spool"]["to_store"] == 0
        finally:
            for process in ("ship", "gate"):
                await hospital.start(process)
        hospital.await_alive()

        async def well() -> bool:
            return (await status(hospital))[0] == 0

        await hospital.until(well, "all is well again")

    asyncio.run(scenario())


def test_a_gate_that_takes_over_is_watched_in_the_place_of_the_other(hospital: Hospital) -> None:
    async def scenario() -> None:
        async with standing_by(hospital) as standby:
            _, told = await status(hospital)
            assert told["processes"]["standby"]["state"] == "stands by"
            assert told["processes"]["standby"]["pid"] == standby.process.pid
            hospital.signal("gate", signal.SIGKILL)
            await standby.takes_over()

            async def watched() -> bool:
                try:
                    answered = await ready(hospital, "gate")
                except aiohttp.ClientError:
                    return False
                return bool(answered["pid"] == standby.process.pid and answered["ready"])

            await hospital.until(watched, "the gate that took over answers on the port")
            code, told = await status(hospital)
            assert (code, told["processes"]["gate"]["pid"]) == (0, standby.process.pid)
            assert "standby" not in told["processes"]

    asyncio.run(scenario())
