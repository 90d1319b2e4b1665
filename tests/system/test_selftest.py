"""`consentgate doctor` and its self-test on a real PBX: what a hospital's timer does each day, and each way to fail."""

import asyncio
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from system.hospital import Hospital

from ari_app import clock, config
from ari_app.commands import selftest, selftest_call
from ari_app.commands.selftest_kept import Results
from ari_app.core.names import iso
from ari_app.doctor.catalogue import Found, Grade

DONE = ["selftest-announced", "selftest-recorded", "selftest-shipped", "selftest-verified", "selftest-removed"]
MOST_SECONDS = 30.0


def told(hospital: Hospital, *arguments: str) -> tuple[int, list[dict[str, Any]]]:
    """Run a command of doctor's as the gate's user; return its code and its lines of JSON."""
    world = hospital.world
    done = world.consentgate("doctor", *arguments, "--json", "--config", str(world.config), timeout_seconds=120)
    assert not done.stderr, done.stderr
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()]


def failed(hospital: Hospital, line: str, shipped_seconds: float = 3.0) -> list[Found]:
    """Test a line here, with less patience for ship than the command has; return its steps."""
    settings = config.load(hospital.world.config)
    with selftest.prepared(settings, line) as (one,):
        began = time.monotonic()
        found = selftest.Test(settings, one, lambda _: None, shipped_seconds).run()
        assert time.monotonic() - began < MOST_SECONDS
        return found


@contextmanager
def without(hospital: Hospital, name: str) -> Iterator[None]:
    asyncio.run(hospital.stop(name))
    try:
        yield
    finally:
        asyncio.run(hospital.start(name))


def test_lines_are_tested_and_nobody_counts_it_as_a_call(hospital: Hospital) -> None:
    world = hospital.world
    day = iso(clock.now())[:10]
    for line in ("switchboard", "consent-line"):
        code, said = told(hospital, "self-test", "--line", line)
        assert [one["finding"] for one in said[:-1]] == DONE, said
        assert (code, said[-1]["ok"]) == (0, True)
        (result,) = Results(world.spool).of(line).results
        assert (result["ok"], len(result["recording"])) == (True, 26)
        recording = result["recording"]
        done = world.consentgate("verify", recording, "--config", str(world.config))
        assert done.returncode == 0, done.stdout
        # As a test it is no patient's call: neither counted, nor missed.
        done = world.consentgate("reconcile", "--day", day, "--json", "--config", str(world.config))
        assert recording not in done.stdout
        assert "Self-tests are nobody's calls" in done.stdout
    code, said = told(hospital, "self-test", "--line", "crisis-line")
    assert (code, said[0]["finding"]) == (0, "selftest-never")
    code, said = told(hospital, "--asterisk-folder", str(world.asterisk.etc))
    wrong = [one for one in said[:-1] if one["grade"] in {"wrong", "unreachable", "configuration"}]
    by_name = {one["finding"] for one in wrong}
    # What the tests' own routes do on purpose: recorders, and ways past the gate.
    assert by_name <= {name for name in by_name if name.startswith(("door-", "route-", "check-keys"))}, wrong
    assert {"asterisk-version", "modules", "rights-tried", "clock", "spool-speed"} <= {
        one["finding"] for one in said[:-1] if one["grade"] == "good"
    }
    last = {one["subject"]: one["grade"] for one in said[:-1] if one["finding"] == "selftest-last"}
    assert last["line switchboard"] == last["line consent-line"] == "good"
    assert last["line advice-line"] == "not known"


def test_no_gate(hospital: Hospital) -> None:
    with without(hospital, "gate"):
        time.sleep(selftest_call.ALIVE_SECONDS + 1.5)
        (one,) = failed(hospital, "switchboard")
    hospital.await_alive()
    assert (one.name, one.grade) == ("selftest-gate", Grade.WRONG)


def test_no_announcement(hospital: Hospital) -> None:
    (one,) = failed(hospital, "outgoing")
    assert (one.name, one.grade) == ("selftest-announced", Grade.WRONG)
    assert "announcement_unusable" in one.seen


def test_s3_away(hospital: Hospital) -> None:
    with without(hospital, "s3"):
        found = failed(hospital, "switchboard")
        assert [one.name for one in found] == DONE[:3]
        assert found[-1].grade is Grade.WRONG
        assert "sealed/" in found[-1].seen
    # Nothing is lost: ship stores it when somebody asks for it, or by itself somewhat later.
    done = hospital.world.consentgate("spool", "retry", "--all", "--config", str(hospital.world.config))
    assert done.returncode == 0, done.stderr

    async def stored() -> bool:
        return not list((hospital.world.spool / "sealed").iterdir())

    asyncio.run(hospital.until(stored, "the recording is stored", 60.0))
