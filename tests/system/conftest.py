"""One world for all tests of a process, and after each test the proof that it was left as it was found.

Two processes play side by side, each in its world (`tests/run`): a test mostly waits for what takes real time. Where
many telephones talk at once and each packet is judged, that is not so: of such tests one is on at a time (`crowds`).
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from demo_world import processes
from demo_world.world import OWN, World
from servers import alone, packages_cache
from system.cleanliness import CALLER, dirt, settle_alarms
from system.crowds import OneCrowdAtATime
from system.doors import dialplan, equipped
from system.hospital import Hospital, await_alive
from system.site import DIALPLAN, OPTIONS

SETTLED_SECONDS = 12.0
_BUGS = ("Traceback", "order.failed", "fact_failed", "guard.failed", "incident.not_written")


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> OneCrowdAtATime:
    """Say which of two processes gets which test."""
    return OneCrowdAtATime(config, log)


@pytest.fixture(scope="session")
def world() -> Iterator[World]:
    """Asterisk, PostgreSQL, S3, gate, guard and ship, all running and ready."""
    cache = Path(os.environ.get("CONSENTGATE_PACKAGES_CACHE") or packages_cache())
    # pytest's own temporary folders may not be entered by the servers' users.
    root = Path(tempfile.mkdtemp(prefix="cg-system-"))
    root.chmod(0o755)
    with ExitStack() as end:
        end.callback(_leave, root)
        with alone():
            made = World.create(root / "w", packages_cache=cache, options=equipped(OPTIONS))
            end.callback(made.stop)
            made.asterisk.write_site_dialplan(DIALPLAN + dialplan(made))
            made.start()
        await_alive(made)
        yield made


def _leave(root: Path) -> None:
    if os.environ.get("CONSENTGATE_KEEP_WORLD"):
        print(f"kept: {root}")
    else:
        shutil.rmtree(root)


@pytest.fixture
def hospital(world: World) -> Hospital:
    """Return the world with telephones."""
    return Hospital(world)


@pytest.fixture(autouse=True)
def clean(world: World, request: pytest.FixtureRequest) -> Iterator[None]:
    """After each test: no channel, no process, no call in the spool; all ready; no bug and no caller in a log, no false
    alarm.

    Which alarms of the guard a test expects, it says by `@pytest.mark.alarms(…)`.
    """
    logs = {name: world.place(name).log for name in OWN}
    before = {name: log.stat().st_size for name, log in logs.items()}
    yield
    expected = {alarm for mark in request.node.iter_markers("alarms") for alarm in mark.args}
    settle_alarms(world, before["guard"], expected)
    processes.wait_until(lambda: not dirt(world), SETTLED_SECONDS, pause_seconds=0.2)
    found = dirt(world) + settle_alarms(world, before["guard"], expected)
    for name, log in logs.items():
        said = log.read_bytes()[before[name] :].decode(errors="replace")
        found += [f"{name}'s log: {line[:300]}" for line in said.splitlines() if any(bug in line for bug in _BUGS)]
        found += [f"{name}'s log holds a caller: {line[:300]}" for line in said.splitlines() if CALLER.search(line)]
    if found:
        _heal(world)
        pytest.fail("the world is not clean after this test:\n  " + "\n  ".join(found), pytrace=False)


def _heal(world: World) -> None:
    """Give the next test a world that it can blame for nothing."""
    for name in OWN:
        if (process := world.place(name).running()) is not None:
            processes.stop(process)
    if world.running("asterisk"):
        world.asterisk.cli("channel request hangup all")
    kept = world.root / "dirt"
    kept.mkdir(exist_ok=True)
    for folder in ("live", "calls", "sealed", "fallback", "audio", "quarantine", "incidents", "keeper"):
        pattern = {"incidents": "*.json", "keeper": "*.kept"}.get(folder, "*")
        for one in (world.spool / folder).glob(pattern):
            one.rename(kept / f"{folder}-{one.name}-{len(list(kept.iterdir()))}")
    print(f"the world was put right; what lay in its spool is in {kept}")
    world.start()
    await_alive(world)
