"""The world as chaos needs it: each connection may break, each clock may be wrong, what died is started again.

    with Ground(hospital) as ground:
        with faults.of(blow)(ground):
            …

The project's processes run behind proxies meanwhile, and with a clock that a test may step; nothing else of them is
different from how a site runs them.
"""

import os
import shutil
import signal
import struct
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import psycopg
from demo_world import processes
from demo_world.processes import Place, Process
from demo_world.settings import merged
from demo_world.world import OWN, World
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from system.doors import dialplan, equipped
from system.hospital import Hospital, await_alive
from system.proxy import AmiFraming, AriFraming, PlainFraming, Proxy
from system.site import DIALPLAN, OPTIONS

CLOCK: Final = Path(__file__).parent / "clock"
READY_SECONDS: Final = 20.0
SPOOL_MEGABYTES: Final = 96
STOP_BELOW_FREE: Final = "8MiB"
GATE, GUARD, SHIP = OWN
AMI, ARI = "AMI", "ARI"
PROCESSES: Final = {"PostgreSQL": "postgres", "S3": "s3", "Asterisk": "asterisk"}
"""What the world calls the victims; its own it calls as they are called."""


@contextmanager
def world(packages: Path) -> Iterator[World]:
    """Make a world whose spool is a small disk of its own (as root; else it lies with the rest), and start it."""
    options = replace(OPTIONS, config=merged(OPTIONS.config, {"spool": {"stop_below_free": STOP_BELOW_FREE}}))
    root = Path(tempfile.mkdtemp(prefix="cg-chaos-"))
    root.chmod(0o755)
    spool = root / "w" / "spool"
    spool.mkdir(parents=True)
    mounted = False
    if os.geteuid() == 0:
        size = f"size={SPOOL_MEGABYTES}m,mode=0755"
        mounted = _mount("-t", "tmpfs", "-o", size, "consentgate-chaos", str(spool))
    made = World.create(root / "w", packages_cache=packages, options=equipped(options))
    try:
        made.asterisk.write_site_dialplan(DIALPLAN + dialplan(made))
        made.start()
        await_alive(made)
        yield made
    finally:
        made.stop()
        if mounted:
            subprocess.run(["umount", spool], check=False)
        if os.environ.get("CONSENTGATE_KEEP_WORLD"):
            print(f"kept: {root}")
        else:
            shutil.rmtree(root)


def _mount(*arguments: str) -> bool:
    """Mount something; tells whether the kernel permits that."""
    return subprocess.run(["mount", *arguments], capture_output=True, check=False).returncode == 0


class Clock:
    """By how much one process of ours is wrong about the time."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.step(0.0)
        file.chmod(0o644)

    def step(self, seconds: float) -> None:
        """Let it be wrong by so much from now on."""
        # In place: the process has it mapped.
        with self.file.open("r+b" if self.file.exists() else "wb") as stream:
            stream.write(struct.pack("<q", round(seconds * 1e9)))


class Ground:
    """A running world whose own processes are behind what can break."""

    def __init__(self, hospital: Hospital) -> None:
        self.hospital, self.world = hospital, hospital.world
        self.lines: dict[tuple[str, str], Proxy] = {}
        """By whose it is and what it leads to."""
        self.clocks: dict[str, Clock] = {}
        self.standby: tuple[Place, Process] | None = None
        self._configs: dict[str, Path] = {}
        self._open = ExitStack()

    def __enter__(self) -> Self:
        """Start the project's processes anew, behind the proxies."""
        etc = self.world.root / "etc"
        asterisk = self.world.ports.asterisk
        dsn = conninfo_to_dict(self.world.postgres.dsn)
        for name in (GATE, GUARD):
            self.lines[name, AMI] = Proxy(("127.0.0.1", asterisk.ami), AmiFraming)
            self.lines[name, ARI] = Proxy(("127.0.0.1", asterisk.http), AriFraming)
        self.lines[SHIP, "PostgreSQL"] = Proxy(("127.0.0.1", self.world.ports.postgres), PlainFraming)
        self.lines[SHIP, "S3"] = Proxy(("127.0.0.1", self.world.ports.seaweed.s3), PlainFraming)
        for line in self.lines.values():
            self._open.enter_context(line)
        host, port = self.lines[SHIP, "PostgreSQL"].address
        dsn_file = self.world.who.gate.write(
            etc / "secrets" / "chaos.dsn", make_conninfo("", **(dsn | {"host": host, "port": port})) + "\n", 0o400
        )
        endpoint = "http://{}:{}".format(*self.lines[SHIP, "S3"].address)
        for name in OWN:
            self.clocks[name] = Clock(etc / f"chaos-{name}.clock")
            at: dict[str, Any] = {"postgres": {"dsn_file": dsn_file}, "s3": {"endpoint_url": endpoint}}
            if name != SHIP:
                ami, ari = (self.lines[name, one].address for one in (AMI, ARI))
                url = "http://{}:{}/ari".format(*ari)
                at["asterisk"] = {"ari_url": url, "ami_host": ami[0], "ami_port": ami[1]}
            self._configs[name] = self.world.write_config(etc / f"chaos-{name}.yaml", at)
            self.world.stop_one(name)
        for name in (GUARD, GATE, SHIP):
            self.start(name)
        self.await_ready()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give the world its own processes again, as they were."""
        self.dismiss()
        for name in OWN:
            self.world.stop_one(name)
        self._open.close()
        for name in OWN:
            getattr(self.world, f"start_{name}")()
        await_alive(self.world)

    @property
    def said(self) -> tuple[str, str]:
        """How a command is told ship's configuration."""
        return "--config", str(self._configs[SHIP])

    # -- processes

    def start(self, victim: str, *, await_ready: bool = True) -> None:
        """Start one again, as a service manager would."""
        name = PROCESSES.get(victim, victim)
        if name in OWN:
            env = {"PYTHONPATH": str(CLOCK), "CHAOS_CLOCK": str(self.clocks[name].file)}
            getattr(self.world, f"start_{name}")(config=self._configs[name], env=env, await_ready=await_ready)
        else:
            getattr(self.world, f"start_{name}")()

    def pids(self, victim: str) -> list[int]:
        """Return every process of a victim: PostgreSQL's are many, and each is in a session of its own."""
        return processes.marked(self.world.root, PROCESSES.get(victim, victim))

    def signal(self, victim: str, number: int) -> None:
        """Send a signal to all of a victim's processes."""
        for pid in self.pids(victim):
            os.kill(pid, number)

    def kill(self, victim: str) -> None:
        """End it at once, and wait until it is gone."""
        self.signal(victim, signal.SIGKILL)
        assert processes.wait_until(lambda: not self.pids(victim), 5.0, pause_seconds=0.01), f"{victim} does not end"

    def stand_by(self) -> None:
        """Start a second gate that waits."""
        place = Place(self.world.root, "standby")
        begun = place.log.stat().st_size if place.log.exists() else 0
        process = processes.start(
            [*self.world.command, "gate", "--standby", "--config", self.world.config],
            account=self.world.who.gate,
            place=place,
            cwd=Path("/"),
            env=self.world.project._environment(),
            umask=0o027,
        )
        self.standby = place, process
        said = processes.wait_until(lambda: b'"gate.stands_by"' in place.log.read_bytes()[begun:], READY_SECONDS)
        assert said, f"the second gate does not stand by: {processes.tail(place.log)}"

    def dismiss(self) -> None:
        """Let the second gate end, and the world have its own again."""
        if self.standby is not None:
            _, process = self.standby
            self.standby = None
            processes.stop(process)
            if not self.world.running(GATE):
                self.start(GATE)
                await_alive(self.world)

    def await_ready(self) -> None:
        """Wait until all are ready, and the dialplan sends callers to the gate."""

        def unready() -> list[str]:
            gates = {str(self.world.pid(GATE)), str(self.standby[1].pid if self.standby else None)}
            marks = {name: processes.ready_pid(self.world.spool / f"{name}.ready") for name in OWN}
            own = {name: {str(self.world.pid(name))} for name in OWN} | {GATE: gates}
            return [name for name in OWN if marks[name] not in own[name]]

        assert processes.wait_until(lambda: not unready(), READY_SECONDS), f"not ready again: {unready()}"
        await_alive(self.world)

    def transactions(self) -> int:
        """Return how many sessions of ours hold a transaction open and do nothing."""
        with psycopg.connect(self.world.postgres.admin_dsn) as connection:
            query = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'consentgate' AND state LIKE 'idle in%'"
            row = connection.execute(query).fetchone()
        return int(row[0]) if row else 0
