"""From a clone to a gated call on a PBX that is there: two commands beside the configuration, and under ten minutes.

The PBX has its own ordinary configuration; the installer is the one that administrators run; the services run as it
laid them down; the telephones, the database and S3 are real.
"""

import asyncio
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from demo_world import processes
from demo_world.accounts import SPOOL_GROUP
from demo_world.world import CHECKOUT, World
from installer import snippets
from installer.accounts import Accounts
from installer.places import Places
from installer.site import FREEPBX, Site
from servers import alone, packages_cache
from system.agreement import (
    assert_agrees,
    assert_nothing_missing,
    assert_nothing_untold,
    assert_notices,
    assert_parties,
)
from system.evidence import Evidence
from system.hospital import Hospital, Talk, await_alive
from system.installed import Pbx, rows
from system.site import OPTIONS

MOST_SECONDS = 600.0
GENERATED = ("extensions.conf", "manager.conf", "ari.conf", "http.conf", "features.conf")


@pytest.fixture(autouse=True)
def clean() -> None:
    """The session's world is not asked for: this test has a machine of its own."""


@pytest.fixture
def pbx() -> Iterator[Pbx]:
    """A site that has never heard of consentgate: its Asterisk, PostgreSQL and S3, for a test to start."""
    root = Path(tempfile.mkdtemp(prefix="cg-install-"))
    root.chmod(0o755)
    with alone():
        cache = Path(os.environ.get("CONSENTGATE_PACKAGES_CACHE") or packages_cache())
        world = World.create(root / "w", packages_cache=cache, options=OPTIONS)
        made = Pbx(world)
        made.make_ordinary()
    try:
        yield made
    finally:
        made.stop()
        world.stop()
        shutil.rmtree(root)


def call(hospital: Hospital) -> tuple[Talk, Evidence]:
    """Call the switchboard from outside; somebody answers in the house; both are recorded."""

    async def scenario() -> tuple[Talk, Evidence]:
        async with hospital.house() as house:
            async with hospital.conversation(house, "switchboard") as talk:
                await asyncio.sleep(2.0)
            (found,) = await hospital.evidence(talk.number)
            return talk, found

    return asyncio.run(scenario())


def files(pbx: Pbx) -> dict[str, bytes]:
    """Return what the site's own files say."""
    return {name: (pbx.world.asterisk.etc / name).read_bytes() for name in GENERATED}


def test_from_a_clone_to_a_gated_call_and_back(pbx: Pbx) -> None:
    pbx.world.start_servers()
    before = files(pbx)
    words = pbx.what_only_the_site_knows()
    it_is_killed_amid_its_work(pbx, words)
    began = time.monotonic()
    # The first command.
    done = pbx.install(*words)
    assert done.returncode == 0, done.stdout + done.stderr
    run_all(pbx)
    installed = time.monotonic()
    # The second.
    pbx.add_the_line()
    await_alive(pbx.world)
    with psycopg.connect(pbx.world.postgres.admin_dsn, autocommit=True) as server:
        # For the test's own eyes.
        server.execute("GRANT consentgate_writer TO consentgate")
    hospital = Hospital(pbx.world)
    talk, found = call(hospital)
    took = time.monotonic() - began
    judged(hospital, talk, found)
    print(f"installed and running after {installed - began:.1f} s, a gated call stored after {took:.1f} s")
    assert took < MOST_SECONDS
    asterisk_took_it(pbx)
    secrets_are_kept(pbx)
    a_second_time_changes_nothing(pbx)
    another_gate_takes_over(pbx)
    it_goes_without_a_trace(pbx, before)


def judged(hospital: Hospital, talk: Talk, found: Evidence) -> None:
    """Told first, recorded whole, every account of it agrees. (How the voices lie to each other is asked elsewhere.)"""
    assert found.recorded, found.reason
    assert_agrees(found, hospital.world)
    assert_notices(found, hospital.world)
    assert_parties(found, talk)
    assert_nothing_untold(found, talk.caller, hospital.announcements("switchboard"))
    assert_nothing_missing(found, talk.caller, "p01")
    assert_nothing_missing(found, talk.house, "p02")


def it_is_killed_amid_its_work(pbx: Pbx, words: list[str]) -> None:
    """What is half made is no hindrance: the same command, once more, does the rest."""
    child = subprocess.Popen(
        pbx.command(*words), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    releases = pbx.root / "opt/consentgate/releases"
    assert processes.wait_until(lambda: bool([*releases.glob("*/venv/bin/python")]), 30.0)
    os.killpg(child.pid, signal.SIGKILL)
    child.wait()
    assert not [*releases.glob("*/.complete")]


def run_all(pbx: Pbx) -> None:
    """Start all four units, and wait until each serves."""
    world = pbx.world
    for unit, name in (("gate@a", "gate"), ("guard", "guard"), ("ship", "ship"), ("gate@b", "standby")):
        pbx.start(f"consentgate-{unit}", name=name)
    for name in ("gate", "guard", "ship"):
        ready(pbx, name, name)
    assert world.place("standby").running() is not None


def ready(pbx: Pbx, name: str, mark: str) -> None:
    """Wait until a process says by its mark that it serves."""
    process = pbx.world.place(name).running()
    assert process is not None, processes.tail(pbx.world.place(name).log)
    file = pbx.world.spool / f"{mark}.ready"
    assert processes.wait_until(lambda: processes.ready_pid(file) == str(process.pid), 20.0), name


def asterisk_took_it(pbx: Pbx) -> None:
    """Of what was written for it Asterisk has nothing to say."""
    log = (pbx.world.asterisk.state / "log" / "messages.log").read_text(errors="replace")
    told = [one for one in log.splitlines() if "ERROR" in one or ("WARNING" in one and "consentgate" in one)]
    assert [one for one in told if "Abnormal 'Gosub" not in one] == []


def secrets_are_kept(pbx: Pbx) -> None:
    """Ship writes as a role that can change nothing, and Asterisk, which shares the group, reads no key."""
    world = pbx.world
    assert "consentgate_writer" in (pbx.credentials / "postgres_dsn").read_text()
    owners = rows(world, "SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'public'")
    assert owners == [("consentgate_owner",)]
    assert rows(world, "SELECT has_table_privilege('consentgate_writer', 'notices', 'UPDATE, DELETE')") == [(False,)]
    if world.who.separate:
        assert {one.stat().st_mode & 0o777 for one in pbx.credentials.iterdir()} == {0o400}


def a_second_time_changes_nothing(pbx: Pbx) -> None:
    settled = files(pbx)
    again = pbx.install()
    assert again.returncode == 0, again.stderr
    done = [one for one in again.stdout.splitlines() if one.startswith(("folders", "program", "settings", "Asterisk:"))]
    assert done == []
    assert files(pbx) == settled


def another_gate_takes_over(pbx: Pbx) -> None:
    owner = pbx.world.place("gate").running()
    assert owner is not None
    processes.stop(owner)
    ready(pbx, "standby", "gate")


def it_goes_without_a_trace(pbx: Pbx, before: dict[str, bytes]) -> None:
    """It is not removed while something waits to be stored; then only keys, configuration and evidence stay."""
    world, etc = pbx.world, pbx.world.asterisk.etc
    waiting = world.spool / "sealed" / "01M817QNM00000000000000001"
    waiting.mkdir()
    refused = pbx.install("--uninstall")
    assert refused.returncode == 1
    assert "consentgate is not removed" in refused.stderr
    assert "consentgate spool list" in refused.stderr
    waiting.rmdir()
    pbx.stop()
    pbx.take_the_line_out()
    # The clone may be gone by then.
    removed = pbx.install("--uninstall", by=pbx.root / "opt/consentgate/current/deploy/install")
    assert removed.returncode == 0, removed.stderr
    assert files(pbx) == before
    assert not (etc / "consentgate.d").exists()
    assert not (pbx.root / "opt/consentgate").exists()
    assert not list(pbx.units.iterdir())
    assert (pbx.credentials / "numbers_key").exists()
    assert list((world.spool / "shipped").iterdir()), "evidence stays"


def test_freepbx_s_asterisk_takes_it_in(pbx: Pbx) -> None:
    """Into the files that FreePBX leaves to the site; its route goes through the gate first, and then to its own."""
    world = pbx.world
    pbx.make_freepbx()
    places = Places(pbx.root, world.asterisk.etc, world.spool)
    shutil.copytree(CHECKOUT / "dialplan", places.prefix / "dialplan")
    who = Accounts(world.who.gate.name, SPOOL_GROUP, world.who.asterisk.name, private=True)
    site = Site(places)
    assert (site.kind, site.problems()) == (FREEPBX, [])
    passwords = dict.fromkeys(("ari_password", "ami_password", "guard_ari_password", "guard_ami_password"), "p" * 40)
    for step in snippets.steps(site, places, who, passwords):
        if step.needed():
            step.apply()
    world.start_asterisk()
    assert "consentgate-guard" in world.asterisk.cli("manager show users")
    assert "consent-object" in world.asterisk.cli("features show")
    assert "consentgate-guard" in world.asterisk.cli("ari show users")
    assert "s" in world.asterisk.cli("dialplan show consentgate-join")
    route = world.asterisk.cli("dialplan show 01632960111@from-trunk")
    assert route.index("Gosub(consentgate,s,1(advice-line))") < route.index("sub-record-check")
    asterisk_took_it(pbx)
