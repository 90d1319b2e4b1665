"""A world: one Asterisk, one PostgreSQL, one S3 server, one gate, one guard and one ship, below one directory.

`deploy/demo` keeps one such world; each system test makes its own in a directory of its own, with the same
code, from the same cache of programs. What must survive the process that made it (ports, secrets, pids) is
in files below the root, so any later process can `load` it.
"""

import fcntl
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree
from typing import Any

from . import outward
from . import processes as os_processes
from .accounts import Accounts, accounts, check_entry
from .asterisk import Asterisk
from .errors import WorldError
from .ports import WELL_KNOWN, Ports
from .postgres import Postgres
from .processes import Place
from .programs import Programs, fetch
from .progress import Progress
from .project import Project
from .record import Record
from .seaweed import Key, Seaweed
from .settings import Options, Secrets, merged, secret_files, to_yaml
from .voices import Studio

CHECKOUT = Path(__file__).resolve().parent.parent.parent
OWN = ("gate", "guard", "ship")
SERVERS = ("asterisk", "s3", "postgres")


@dataclass(frozen=True, slots=True)
class World:
    """One world. Make it with `create`, find it again with `load`; starting and stopping may alternate.

    command: the first words of the project's own command, as `/…/venv/bin/consentgate`.
    """

    root: Path
    programs: Programs
    options: Options
    ports: Ports
    secrets: Secrets
    who: Accounts
    command: tuple[str, ...]
    packages_cache: Path
    ignore_installed: bool = False

    @classmethod
    def create(
        cls,
        root: Path,
        *,
        packages_cache: Path,
        options: Options | None = None,
        command: tuple[str, ...] | None = None,
        well_known_ports: bool = False,
        progress: Progress | None = None,
        ignore_installed: bool = False,
    ) -> "World":
        """Make the world below root, or take up the one that is there with its secrets, data and ports.

        options: what is to be different from the demo. command: how to start the project's own processes, by
        default the `consentgate` of the environment this runs in. Configuration files are written afresh;
        nothing is started. Raises WorldError.
        """
        root = root.resolve()
        packages_cache = packages_cache.resolve()
        who = accounts()
        check_entry(root, who)
        check_entry(packages_cache, who)
        root.mkdir(parents=True, exist_ok=True)
        root.chmod(0o755)
        found = fetch(packages_cache, progress or Progress(), ignore_installed=ignore_installed)
        old = Record.read(root)
        running = any(Place(root, name).running() for name in (*OWN, *SERVERS))
        if old is None:
            wanted, secrets = Ports.choose(WELL_KNOWN if well_known_ports else None), Secrets.new()
        else:
            wanted, secrets = (old.ports if running else Ports.choose(old.ports)), Secrets.read(root / "secrets.json")
        world = cls(
            root=root,
            programs=found,
            options=Options() if options is None else options,
            ports=wanted,
            secrets=secrets,
            who=who,
            command=(str(Path(sys.prefix) / "bin" / "consentgate"),) if command is None else command,
            packages_cache=packages_cache,
            ignore_installed=ignore_installed,
        )
        world._lay_out()
        return world

    @classmethod
    def load(cls, root: Path, *, packages_cache: Path) -> "World":
        """Find a world that another process made; nothing is written. Raises WorldError if there is none."""
        root = root.resolve()
        record = Record.read(root)
        if record is None:
            raise WorldError(f"there is no world below {root}: `up` makes one")
        return cls(
            root=root,
            programs=fetch(packages_cache.resolve(), Progress(), ignore_installed=record.ignore_installed),
            options=record.options,
            ports=record.ports,
            secrets=Secrets.read(root / "secrets.json"),
            who=accounts(),
            command=record.command,
            packages_cache=packages_cache.resolve(),
            ignore_installed=record.ignore_installed,
        )

    # ---- places

    @property
    def config(self) -> Path:
        """The project's configuration file."""
        return self.root / "etc" / "consentgate.yaml"

    @property
    def spool(self) -> Path:
        """Where Asterisk, gate and ship meet."""
        return self.root / "spool"

    @property
    def announcements(self) -> Path:
        """Directory of the announcement files, `<name>.wav`."""
        return self.root / "etc" / "announcements"

    def place(self, name: str) -> Place:
        """Log and pid of `asterisk`, `gate`, `guard`, `ship`, `postgres` or `s3`."""
        return Place(self.root, name)

    # ---- the servers

    @property
    def studio(self) -> Studio:
        """Makes speech and music with this world's programs."""
        return Studio(self.programs.espeak, self.programs.sox, self.packages_cache / "voices")

    @property
    def asterisk(self) -> Asterisk:
        """The PBX."""
        return Asterisk(
            program=self.programs.asterisk,
            root=self.root,
            accounts=self.who,
            ports=self.ports.asterisk,
            spool=self.spool,
            python=Path(self.command[0]).parent,
            ari_password=self.secrets.ari,
            ami_password=self.secrets.ami,
            guard_ari_password=self.secrets.guard_ari,
            guard_ami_password=self.secrets.guard_ami,
            phone_passwords=self.secrets.phones,
            routes=self.options.routes(),
            extra=self.options.asterisk_extra,
        )

    @property
    def postgres(self) -> Postgres:
        """The database."""
        return Postgres(
            binaries=self.programs.postgres,
            directory=self.root / "postgres",
            account=self.who.postgres,
            port=self.ports.postgres,
            password=self.secrets.postgres,
            admin_password=self.secrets.postgres_admin,
        )

    @property
    def s3(self) -> Seaweed:
        """The object store."""
        return Seaweed(
            weed=self.programs.weed,
            directory=self.root / "s3",
            account=self.who.s3,
            ports=self.ports.seaweed,
            key=Key(self.secrets.s3_access, self.secrets.s3_secret),
            admin=Key(self.secrets.s3_admin_access, self.secrets.s3_admin_secret),
            sse_key=self.secrets.s3_sse,
        )

    @property
    def project(self) -> Project:
        """The project's own command, with the user it runs as."""
        return Project(self.command, self.root, self.spool, self.who.gate)

    def running(self, name: str) -> bool:
        """Tell whether `asterisk`, `gate`, `guard`, `ship`, `postgres` or `s3` runs."""
        return self.place(name).running() is not None

    def pid(self, name: str) -> int | None:
        """Its pid while it runs."""
        process = self.place(name).running()
        return process.pid if process else None

    def start_asterisk(self) -> None:
        """Start Asterisk unless it runs; ready when all its modules are loaded and AMI answers."""
        self._start("asterisk", self.asterisk.start)

    def start_postgres(self) -> None:
        """Start PostgreSQL unless it runs; ready when the database is there and a wrong password was refused."""
        self._start("postgres", self.postgres.start)

    def start_s3(self) -> None:
        """Start SeaweedFS unless it runs; ready when it stores and has refused unsigned and wrongly signed PUTs."""
        self._start("s3", self.s3.start)

    def start_servers(self) -> None:
        """Start all three, side by side."""
        with ThreadPoolExecutor(max_workers=3) as pool:
            jobs = [pool.submit(start) for start in (self.start_postgres, self.start_s3, self.start_asterisk)]
        for job in jobs:
            job.result()

    # ---- the project's own processes

    def start_gate(
        self, *, config: Path | None = None, env: Mapping[str, str] | None = None, await_ready: bool = True
    ) -> None:
        """Start the gate unless it runs; await_ready: until `<spool>/gate.ready` holds its pid.

        Then Asterisk takes up the lines' modes, which the gate has just written.
        """
        self._start_own("gate", config, env, await_ready)
        if await_ready and self.running("asterisk"):
            self.asterisk.cli("dialplan reload")

    def start_guard(
        self, *, config: Path | None = None, env: Mapping[str, str] | None = None, await_ready: bool = True
    ) -> None:
        """Start the guard unless it runs; await_ready: until `<spool>/guard.ready` holds its pid."""
        self._start_own("guard", config, env, await_ready)

    def start_ship(
        self, *, config: Path | None = None, env: Mapping[str, str] | None = None, await_ready: bool = True
    ) -> None:
        """Start ship unless it runs; await_ready: until `<spool>/ship.ready` holds its pid."""
        self._start_own("ship", config, env, await_ready)

    def consentgate(
        self, *arguments: str, env: Mapping[str, str] | None = None, timeout_seconds: float = 60.0
    ) -> subprocess.CompletedProcess[str]:
        """Run one of the project's commands to its end, as the gate's user; the caller judges the status."""
        return self.project.run(arguments, env or {}, timeout_seconds)

    def migrate(self) -> None:
        """Bring the database's schema up to date."""
        done = self.consentgate("migrate", "--config", str(self.config))
        if done.returncode:
            said = (done.stderr or done.stdout).strip()
            raise WorldError(f"consentgate migrate ended with {done.returncode}: {said}")

    def start(self) -> None:
        """Start everything that does not run: servers, migration, gate, guard, ship."""
        self.start_servers()
        if not self.running("ship"):
            self.migrate()
        with ThreadPoolExecutor(max_workers=3) as pool:
            jobs = [pool.submit(start) for start in (self.start_gate, self.start_guard, self.start_ship)]
        for job in jobs:
            job.result()

    def write_config(self, path: Path, overrides: Mapping[str, Any] | None = None) -> Path:
        """Write a configuration file for gate, guard and ship; overrides are laid over the generated one."""
        config = merged(merged(outward.configuration(self), self.options.config), overrides or {})
        return self.who.gate.write(path, to_yaml(config), 0o640)

    # ---- the end

    def stop_one(self, name: str, *, number: int = signal.SIGTERM) -> None:
        """Stop one of `asterisk`, `gate`, `guard`, `ship`, `postgres`, `s3`; SIGKILL for no chance to tidy up."""
        process = self.place(name).running()
        if process is None:
            return
        if number != signal.SIGTERM or name in OWN:
            os_processes.stop(process, number=number)
        elif name == "asterisk":
            self.asterisk.stop(process)
        elif name == "postgres":
            self.postgres.stop(process)
        else:
            self.s3.stop(process)

    def stop(self) -> None:
        """Stop everything, in the order in which nobody loses what he still needs; nothing is left behind."""
        for name in OWN:
            self.stop_one(name)
        with ThreadPoolExecutor(max_workers=3) as pool:
            list(pool.map(self.stop_one, SERVERS))
        os_processes.end_leftovers(self.root)

    def destroy(self) -> None:
        """Stop everything and remove the world's directory."""
        self.stop()
        rmtree(self.root)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Hold the world's lock: two starts, or a start and a stop, must not run at the same time."""
        with (self.root / "lock").open("w") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX)
            yield

    # ---- what others are told

    def env(self) -> dict[str, Any]:
        """Everything a test or an acceptance script needs, as `deploy/demo env` prints it (DESIGN §5)."""
        return outward.env(self)

    # ---- inside

    def _lay_out(self) -> None:
        """Write all files and directories that start needs, with their owners."""
        gate = self.who.gate
        for name in ("etc", "log"):
            (self.root / name).mkdir(exist_ok=True)
        self.announcements.mkdir(exist_ok=True)
        self.secrets.write(self.root / "secrets.json")
        # The gate makes what lies below. Asterisk passes through by the shared group, others do not.
        gate.directory(self.spool, 0o2750, gid=self.who.spool_gid)
        secret_files(self.root / "etc" / "secrets", self.secrets, self.postgres.dsn, gate)
        for name, wanted in self.options.announcements.items():
            self.studio.announcement(wanted, self.announcements / f"{name}.wav")
        music, prompts = (self.root / "etc" / name for name in ("music", "prompts"))
        self.studio.music(music / "tones.wav")
        self.studio.causes(prompts / "causes.wav")
        self.asterisk.configure(CHECKOUT, music, prompts)
        self.write_config(self.config)
        Record(self.command, self.ignore_installed, self.options, self.ports).write(self.root)

    def _start_own(self, name: str, config: Path | None, env: Mapping[str, str] | None, await_ready: bool) -> None:
        said = config or self.config
        self._start(name, lambda place: self.project.start(place, said, env or {}, await_ready))

    def _start(self, name: str, begin: Callable[[Place], object]) -> None:
        if not self.running(name):
            begin(self.place(name))
