"""A private PostgreSQL cluster: loopback only, a password for everybody, data on disk between starts.

`postgres` is started directly, not through pg_ctl: pg_ctl's grandchild becomes an orphan, and where PID 1
does not reap, a killed one blocks the next start ("another server might be running"). For the same reason a
stale postmaster.pid is removed here, once no process works in the cluster's directory any more.
"""

import secrets
import shutil
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

from . import processes
from .accounts import Account
from .errors import WorldError
from .ports import ADDRESS

ROLE = DATABASE = "consentgate"
START_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Postgres:
    """The cluster of one world."""

    binaries: Path
    directory: Path
    account: Account
    port: int
    password: str
    admin_password: str

    @property
    def dsn(self) -> str:
        """What the project connects with: owner of its own database, nothing else."""
        return f"postgresql://{ROLE}:{self.password}@{ADDRESS}:{self.port}/{DATABASE}"

    @property
    def admin_dsn(self) -> str:
        """The superuser; for tests that make databases of their own."""
        return f"postgresql://postgres:{self.admin_password}@{ADDRESS}:{self.port}/postgres"

    @property
    def data(self) -> Path:
        """The cluster's directory."""
        return self.directory / "data"

    def start(self, place: processes.Place) -> processes.Process:
        """Start the server (making the cluster first if there is none) and prove who is let in."""
        if not (self.data / "PG_VERSION").exists():
            self._initialise()
        if not processes.wait_until(lambda: not processes.working_in(self.data), 10.0):
            raise WorldError(f"PostgreSQL already works in {self.data}: ./deploy/demo down ends it")
        (self.data / "postmaster.pid").unlink(missing_ok=True)
        process = processes.start(
            [self.binaries / "postgres", "-D", self.data, "-p", str(self.port)],
            account=self.account,
            place=place,
            cwd=self.data,
            env={},
        )
        processes.await_ready("PostgreSQL", process, self._answers, place, START_SECONDS)
        self._ensure_database()
        self._prove_refusal()
        return process

    @staticmethod
    def stop(process: processes.Process) -> None:
        """Fast shutdown: open sessions are ended, everything committed is on disk."""
        processes.stop(process, number=signal.SIGINT)

    def _initialise(self) -> None:
        shutil.rmtree(self.data, ignore_errors=True)
        self.account.directory(self.directory)
        password = self.account.write(self.directory / "initdb.password", self.admin_password)
        arguments = ["--username=postgres", "--auth=scram-sha-256", "--locale=C.UTF-8", "--encoding=UTF8"]
        identity = processes.identity(self.account)
        done = subprocess.run(
            [self.binaries / "initdb", "-D", self.data, f"--pwfile={password}", *arguments, "--no-instructions"],
            cwd=self.directory,
            env={"PATH": "/usr/bin:/bin"},
            capture_output=True,
            text=True,
            check=False,
            user=identity.user,
            group=identity.group,
            extra_groups=identity.extra_groups,
        )
        password.unlink()
        if done.returncode:
            raise WorldError(f"initdb failed: {done.stderr.strip()}")
        settings = {
            "listen_addresses": f"'{ADDRESS}'",
            # No socket file: its default directory is shared, and with it the port would be.
            "unix_socket_directories": "''",
            "password_encryption": "'scram-sha-256'",
            "max_connections": "60",
            "shared_buffers": "'64MB'",
        }
        with (self.data / "postgresql.conf").open("a", encoding="utf-8") as stream:
            stream.writelines(f"{name} = {value}\n" for name, value in settings.items())
        self.account.write(
            self.data / "pg_hba.conf",
            f"# Everybody needs a password, on loopback too.\nhost all all {ADDRESS}/32 scram-sha-256\n",
        )

    def _answers(self) -> bool:
        try:
            with psycopg.connect(self.admin_dsn, connect_timeout=2):
                return True
        except psycopg.OperationalError:
            return False

    def _ensure_database(self) -> None:
        with psycopg.connect(self.admin_dsn, autocommit=True) as connection:
            # Each for itself: a start may have been killed between the two.
            if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (ROLE,)).fetchone():
                # A literal, not a parameter: DDL takes none. Our own passwords are hexadecimal.
                connection.execute(
                    sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(sql.Identifier(ROLE), sql.Literal(self.password))
                )
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (DATABASE,)).fetchone():
                connection.execute(
                    sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(DATABASE), sql.Identifier(ROLE))
                )

    def _prove_refusal(self) -> None:
        wrong = self.dsn.replace(self.password, secrets.token_hex(16))
        try:
            psycopg.connect(wrong, connect_timeout=2).close()
        except psycopg.OperationalError as refused:
            if "password authentication failed" in str(refused):
                return
            raise WorldError(f"PostgreSQL did not refuse a wrong password but said: {refused}") from refused
        raise WorldError("PostgreSQL let a wrong password in: this world must not be used")
