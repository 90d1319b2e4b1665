"""How each fault is made on real things, and how it is mended: context managers that block, never for long.

A disk that is read-only: the kernel refuses to make a file system read-only while files are open for writing. So a
read-only view of the spool is laid over it: every path below is read-only, what is open already goes on.
"""

import os
import re
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Final

import psycopg
from psycopg import sql
from system.proxy import Proxy

from .ground import AMI, ARI, GATE, GUARD, SHIP, Ground, _mount
from .points import CUT, EXPIRE, FREEZE, FULL, KILL, READ_ONLY, STALL, STEP, Blow

WRONG: Final = "another-password"
EXPIRED: Final = (
    b"HTTP/1.1 403 Forbidden\r\nContent-Type: application/xml\r\nConnection: close\r\nContent-Length: 112\r\n\r\n"
    + b"<Error><Code>ExpiredToken</Code><Message>The provided token has expired.</Message></Error>".ljust(112)
)
"""What S3 says to whoever comes with credentials of yesterday."""


class ImpossibleError(Exception):
    """This machine does not permit the fault (a mount needs root)."""


def of(ground: Ground, blow: Blow) -> AbstractContextManager[None]:
    """Return the fault: it begins on entering, and is over, but not forgotten, on leaving."""
    makers: dict[str, Callable[[Ground, Blow], AbstractContextManager[None]]] = {
        KILL: _killed,
        FREEZE: _frozen,
        CUT: _cut,
        STALL: _stalled,
        EXPIRE: _expired,
        STEP: _stepped,
        FULL: _full,
        READ_ONLY: _read_only,
    }
    return makers[blow.fault](ground, blow)


def _line(ground: Ground, blow: Blow) -> Proxy:
    if blow.victim in {GATE, GUARD}:
        return ground.lines[blow.victim, blow.line]
    return ground.lines[SHIP, blow.victim]


@contextmanager
def _killed(ground: Ground, blow: Blow) -> Iterator[None]:
    ground.kill(blow.victim)
    yield
    if not blow.standby:
        ground.start(blow.victim)


@contextmanager
def _frozen(ground: Ground, blow: Blow) -> Iterator[None]:
    ground.signal(blow.victim, signal.SIGSTOP)
    yield
    ground.signal(blow.victim, signal.SIGCONT)


@contextmanager
def _cut(ground: Ground, blow: Blow) -> Iterator[None]:
    with _line(ground, blow).severed():
        yield


@contextmanager
def _stalled(ground: Ground, blow: Blow) -> Iterator[None]:
    with _line(ground, blow).stalled():
        yield


@contextmanager
def _stepped(ground: Ground, blow: Blow) -> Iterator[None]:
    ground.clocks[blow.victim].step(blow.step_seconds)
    yield
    ground.clocks[blow.victim].step(0.0)


def _expired(ground: Ground, blow: Blow) -> AbstractContextManager[None]:
    if blow.victim == "S3":
        return _line(ground, blow).refused(EXPIRED)
    if blow.victim == "PostgreSQL":
        return _other_password(ground)
    return _other_secret(ground, blow)


@contextmanager
def _other_password(ground: Ground) -> Iterator[None]:
    """Give ship's role another password in PostgreSQL, and end its sessions."""
    password = ground.world.secrets.postgres

    def say(word: str) -> None:
        with psycopg.connect(ground.world.postgres.admin_dsn, autocommit=True) as connection:
            connection.execute(sql.SQL("ALTER ROLE consentgate PASSWORD {}").format(sql.Literal(word)))
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'consentgate'"
            ).fetchall()

    say(WRONG)
    yield
    say(password)


@contextmanager
def _other_secret(ground: Ground, blow: Blow) -> Iterator[None]:
    """Give the process's user another password in Asterisk, and end its session."""
    secrets = ground.world.secrets
    mine = {
        (GATE, AMI): secrets.ami,
        (GATE, ARI): secrets.ari,
        (GUARD, AMI): secrets.guard_ami,
        (GUARD, ARI): secrets.guard_ari,
    }[blow.victim, blow.line]
    name, module = {AMI: ("manager.conf", "manager"), ARI: ("ari.conf", "res_ari.so")}[blow.line]
    file = ground.world.asterisk.etc / name
    before = file.read_text(encoding="utf-8")

    def say(text: str) -> None:
        # In place: owner and mode stay.
        file.write_text(text, encoding="utf-8")
        ground.world.asterisk.cli(f"module reload {module}")
        _line(ground, blow).cut()

    assert mine in before
    say(re.sub(rf"(?<== ){re.escape(mine)}(?=\n)", WRONG, before))
    yield
    say(before)


@contextmanager
def _full(ground: Ground, _: Blow) -> Iterator[None]:
    """Fill the spool's disk to the last byte, as somebody else's program does."""
    spool = ground.world.spool
    if not os.path.ismount(spool):
        raise ImpossibleError("the spool is no disk of its own here: that needs root")
    filler = spool / ".filler"
    with filler.open("wb", buffering=0) as stream, suppress(OSError):
        while True:
            stream.write(bytes(1 << 16))
    with filler.open("ab", buffering=0) as stream, suppress(OSError):
        while True:
            stream.write(bytes(1))
    yield
    filler.unlink()


@contextmanager
def _read_only(ground: Ground, _: Blow) -> Iterator[None]:
    spool: Path = ground.world.spool
    if not _mount("--bind", str(spool), str(spool)):
        raise ImpossibleError("a mount needs root")
    assert _mount("-o", "remount,bind,ro", str(spool)), "the view cannot be made read-only"
    yield
    subprocess.run(["umount", "--lazy", spool], check=True)
