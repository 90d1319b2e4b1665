"""A PBX of a site's own, as it was before anybody heard of consentgate, and the installer's units run on it.

There is no systemd below the tests, so what it would do is done here, from the unit files alone: the words of
ExecStart, the secrets of LoadCredential in a folder of the service's own, the socket by which it says that it is ready.
"""

import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from shutil import rmtree
from typing import Any, Final

import psycopg
from demo_world import outward, processes
from demo_world.accounts import SPOOL_GROUP
from demo_world.settings import merged, to_yaml
from demo_world.world import CHECKOUT, World
from unit.install_world import FREEPBX

READY_SECONDS: Final = 30.0
ORDINARY: Final = {
    "manager.conf": (
        "[general]\nenabled = yes\nwebenabled = no\nbindaddr = 127.0.0.1\nport = {ami}\n\n"
        "[operator-panel]\nsecret = of-the-site-s-own\npermit = 127.0.0.1/255.255.255.255\nread = call\n"
    ),
    "ari.conf": "[general]\nenabled = yes\n",
    # Closed, as in the package of most distributions.
    "http.conf": "[general]\nbindaddr = 127.0.0.1\nbindport = {http}\n",
    "features.conf": "[general]\n\n[featuremap]\nblindxfer => #1\n\n[applicationmap]\n",
    "confbridge.conf": "[general]\n",
    "extensions.conf": (
        "[general]\nstatic = yes\n\n[globals]\n\n"
        "[from-trunk]\nexten => 01632960100,1,Dial(PJSIP/2001,30)\n same => n,Hangup()\n\n"
        "[from-house]\nexten => _200X,1,Dial(PJSIP/${{EXTEN}},30)\n"
    ),
}
"""The site's files, with this machine's ports; the others are the demo's, which say nothing of consentgate."""
ROUTE: Final = "exten => 01632960100,1,Dial(PJSIP/2001,30)"
FREEPBX_ROUTE: Final = (
    "\n[from-pstn-custom]\nexten => 01632960111,1,Gosub(consentgate,s,1(advice-line))\n"
    " same => n,Goto(ext-did,${EXTEN},1)\n"
)
GATED: Final = "exten => 01632960100,1,Gosub(consentgate,s,1(switchboard))\n same => n,Dial(PJSIP/2001,30)"


class Pbx:
    """The site's machine: a root for the installer, and the servers of a world without consentgate."""

    def __init__(self, world: World) -> None:
        self.world, self.root = world, world.root / "root"
        self.credentials = self.root / "etc/consentgate/credentials"
        self.units = self.root / "etc/systemd/system"
        self._order: list[str] = []

    def make_ordinary(self) -> None:
        """Take away all that the demo's Asterisk has of consentgate, and write the site's own files."""
        world, asterisk = self.world, self.world.asterisk
        for folder in (world.root / "dialplan", world.root / "agi" / "consentgate", world.root / "agi" / "ari_app"):
            rmtree(folder)
        for name in ("routes.conf", "site.conf"):
            (asterisk.etc / name).unlink(missing_ok=True)
        at = world.ports.asterisk
        for name, text in ORDINARY.items():
            world.who.asterisk.write(asterisk.etc / name, text.format(ami=at.ami, http=at.http), 0o400)

    def what_only_the_site_knows(self) -> list[str]:
        """Write the site's configuration, its S3 keys and its database's superuser; return the installer's words."""
        said = outward.configuration(self.world)
        for section in said.values():
            for key in [one for one in section if one.endswith("_file") and "secrets" in str(section[one])]:
                del section[key]
        del said["assurance"]
        (self.world.root / "site.yaml").write_text(
            to_yaml(merged(said, {"numbers": None, "postgres": None, "signing": None}))
        )
        self.credentials.mkdir(parents=True)
        secrets = self.world.secrets
        known = {"s3_access_key": secrets.s3_access, "s3_secret_key": secrets.s3_secret}
        # Of an installation before: what is there is kept.
        known |= {"numbers_key": secrets.numbers, "signing_key": secrets.signing}
        for name, text in known.items():
            (self.credentials / name).write_text(text + "\n")
        (self.world.root / "admin.dsn").write_text(self.world.postgres.admin_dsn + "\n")
        with psycopg.connect(self.world.postgres.admin_dsn, autocommit=True) as server:
            # The demo's own, which no site has.
            server.execute("DROP DATABASE consentgate")
        return ["--config", str(self.world.root / "site.yaml"), "--database", str(self.world.root / "admin.dsn")]

    def make_freepbx(self) -> None:
        """Write Asterisk's files as FreePBX does, with its inbound route and our line where it looks first."""
        at, asterisk = self.world.ports.asterisk, self.world.asterisk
        for name, text in FREEPBX.items():
            if name in {"asterisk.conf", "modules.conf"}:
                continue
            said = text.replace("port = 5038", f"port = {at.ami}").replace("bindport=8088", f"bindport={at.http}")
            # This machine's own, and no other's.
            said = said.replace("bindaddr = 0.0.0.0", "bindaddr = 127.0.0.1").replace(
                "bindaddr=::", "bindaddr=127.0.0.1"
            )
            self.world.who.asterisk.write(asterisk.etc / name, said, 0o400)
        route = f"{FREEPBX['extensions_custom.conf']}{FREEPBX_ROUTE}"
        self.world.who.asterisk.write(asterisk.etc / "extensions_custom.conf", route, 0o400)

    def install(self, *words: str, by: Path = CHECKOUT / "deploy/install") -> "subprocess.CompletedProcess[str]":
        """Run deploy/install to its end; the caller judges the status."""
        return subprocess.run([str(by), *self.command(*words)[1:]], capture_output=True, text=True, check=False)

    def command(self, *words: str) -> list[str]:
        """Return the words that run the installer here."""
        who = self.world.who
        group = SPOOL_GROUP if who.separate else "nobody-asks"
        where = [
            "--root",
            str(self.root),
            "--asterisk-folder",
            str(self.world.asterisk.etc),
            "--spool",
            str(self.world.spool),
        ]
        users = ["--user", who.gate.name, "--group", group, "--asterisk-user", who.asterisk.name]
        console = ["--asterisk-command", " ".join(self.world.asterisk.command)]
        return [str(CHECKOUT / "deploy/install"), *where, *users, *console, *words]

    def add_the_line(self) -> None:
        """Write the one line into the route, and let Asterisk read its dialplan."""
        file = self.world.asterisk.etc / "extensions.conf"
        self.world.who.asterisk.write(file, file.read_text().replace(ROUTE, GATED), 0o400)
        self.world.asterisk.cli("dialplan reload")

    def take_the_line_out(self) -> None:
        """Undo that."""
        file = self.world.asterisk.etc / "extensions.conf"
        self.world.who.asterisk.write(file, file.read_text().replace(GATED, ROUTE), 0o400)

    # -- what systemd does

    def start(self, unit: str, *, name: str) -> processes.Process:
        """Start a unit and wait until it says that it is ready. name: of its log and pid in the world."""
        template, _, instance = unit.partition("@")
        file = self.units / f"{template}@.service" if instance else self.units / f"{unit}.service"
        said = _keys(file.read_text(), instance)
        handed = self.world.root / "handed" / name
        folder = self.world.who.gate.directory(handed, 0o500)
        for one in said["LoadCredential"]:
            identity, _, source = one.partition(":")
            self.world.who.gate.write(folder / identity, Path(source).read_text(), 0o400)
        assert said["Type"] == ["notify"]
        with _listening(self.world.root / f"{name}.sock") as (address, connection):
            process = processes.start(
                [*_denied(said), *said["ExecStart"][0].split()],
                account=self.world.who.gate,
                place=self.world.place(name),
                cwd=Path("/"),
                env={"CREDENTIALS_DIRECTORY": str(folder), "NOTIFY_SOCKET": address, **processes.python_environment()},
                umask=int(said["UMask"][0], 8),
            )
            self._order.append(name)
            heard = b""
            while b"READY=1" not in heard:
                assert process.alive(), processes.tail(self.world.place(name).log)
                heard = connection.recv(1000)
        return process

    def stop(self) -> None:
        """Stop what was started here, the last one first."""
        for name in reversed(self._order):
            if (process := self.world.place(name).running()) is not None:
                processes.stop(process)
        self._order.clear()


def _denied(said: Mapping[str, Sequence[str]]) -> list[str]:
    """Return what a command begins with that shall do without memory which is written and run (Linux 6.3 or later)."""
    if said.get("MemoryDenyWriteExecute") != ["yes"]:
        return []
    deny = "import ctypes, os, sys; ctypes.CDLL(None).prctl(65, 1, 0, 0, 0); os.execv(sys.argv[1], sys.argv[1:])"
    return [sys.executable, "-I", "-c", deny]


def _keys(text: str, instance: str) -> Mapping[str, Sequence[str]]:
    found: dict[str, list[str]] = {}
    for line in text.replace("%i", instance).splitlines():
        if "=" in line and not line.startswith("#"):
            found.setdefault(line.partition("=")[0], []).append(line.partition("=")[2])
    return found


@contextmanager
def _listening(path: Path) -> Iterator[tuple[str, socket.socket]]:
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as connection:
        connection.bind(str(path))
        path.chmod(0o777)
        connection.settimeout(READY_SECONDS)
        yield str(path), connection


def rows(world: World, statement: str) -> list[tuple[Any, ...]]:
    """Ask the installed database as its superuser."""
    dsn = world.postgres.admin_dsn.rsplit("/", 1)[0] + "/consentgate"
    with psycopg.connect(dsn, autocommit=True) as server:
        return server.execute(statement.encode()).fetchall()
