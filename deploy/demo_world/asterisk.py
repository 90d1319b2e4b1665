"""A private Asterisk: its files from the templates in deploy/asterisk, its programs from anywhere.

The templates are also what an administrator copies from; so they are filled in by the simplest rule there
is (a word between at-signs), and a word that nobody fills is an error here rather than a puzzle there.
"""

import contextlib
import re
import resource
import shutil
import socket
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from . import processes
from .accounts import Accounts
from .errors import WorldError
from .ports import ADDRESS, AsteriskPorts
from .programs import AsteriskProgram

TEMPLATES = Path(__file__).resolve().parent.parent / "asterisk"
EXTENSIONS = ("2001", "2002", "2003", "2004")
USER = "consentgate"
GUARD_USER = "consentgate-guard"
START_SECONDS = 30.0
LONGEST_SOCKET_PATH = 107


@dataclass(frozen=True, slots=True)
class Asterisk:
    """The Asterisk of one world."""

    program: AsteriskProgram
    root: Path
    accounts: Accounts
    ports: AsteriskPorts
    spool: Path
    python: Path
    """The virtual environment's `bin`; AGI scripts find their interpreter there."""
    ari_password: str
    ami_password: str
    guard_ari_password: str
    guard_ami_password: str
    phone_passwords: Mapping[str, str]
    routes: Mapping[str, str]
    """Number to LINE."""
    extra: Mapping[str, str] = field(default_factory=dict)
    """Configuration file name to text appended to it; tests add users and rights with it."""

    @property
    def etc(self) -> Path:
        """Where the generated configuration lies."""
        return self.root / "etc" / "asterisk"

    @property
    def state(self) -> Path:
        """Everything that this Asterisk writes, except into the spool."""
        return self.root / "asterisk"

    @property
    def command(self) -> list[str]:
        """The words that address this instance; append `-rx` and a CLI line to talk to it."""
        return [*self.program.program.command, "-C", str(self.etc / "asterisk.conf")]

    @property
    def recording_folders(self) -> tuple[Path, Path]:
        """Where Asterisk's applications, and ARI, put recordings."""
        return self.monitor, self.state / "spool" / "recording"

    @property
    def monitor(self) -> Path:
        """Where an Asterisk application puts a recording that names no directory."""
        return self.state / "spool" / "monitor"

    @property
    def witness(self) -> Path:
        """Where Asterisk notes who came into a conversation and who hung up (cel_custom.conf)."""
        return self.state / "log" / "cel-custom" / "consentgate.csv"

    def configure(self, checkout: Path, music: Path, prompts: Path) -> None:
        """Write the configuration, and copies of the project's dialplan and AGI scripts beside it.

        Copies, because the checkout may lie where Asterisk's user cannot read, and because a running world
        must not change under an editor.
        """
        account = self.accounts.asterisk
        account.directory(self.state, 0o750)
        for name in ("db", "keys", "spool", "cache", "run", "log"):
            account.directory(self.state / name, 0o750)
        for name in ("voicemail", "tmp"):
            account.directory(self.state / "spool" / name, 0o750)
        # What `consentgate reconcile` reads: Asterisk's own account of who was in a conversation.
        account.directory(self.witness.parent, 0o2750, gid=self.accounts.spool_gid)
        # The guard takes away from here what nobody has permitted, so its group may; others do not even come so far.
        for folder in (self.state, self.state / "spool", self.state / "log"):
            account.own(folder, 0o710, gid=self.accounts.spool_gid)
        for name in ("monitor", "recording"):
            account.directory(self.state / "spool" / name, 0o2770, gid=self.accounts.spool_gid)
        control = self.state / "run" / "asterisk.ctl"
        if len(str(control)) > LONGEST_SOCKET_PATH:
            raise WorldError(f"{control} is longer than a socket's path may be; choose a shorter directory")
        self.etc.mkdir(parents=True, exist_ok=True)
        self.etc.chmod(0o755)
        _copy(checkout / "dialplan", self.root / "dialplan")
        # Below Asterisk's AGI directory in a folder of ours, as on a hospital's PBX.
        _copy(checkout / "agi_scripts", self.root / "agi" / "consentgate")
        # What the scripts import lies beside their folder, as in a checkout.
        (self.root / "agi" / "ari_app").mkdir(exist_ok=True)
        shutil.copy(checkout / "ari_app" / "__init__.py", self.root / "agi" / "ari_app")
        _copy(checkout / "ari_app" / "core", self.root / "agi" / "ari_app" / "core")
        values = self._values(music, prompts)
        for template in sorted(TEMPLATES.glob("*.conf")):
            text = fill(template.read_text(encoding="utf-8"), values, template.name)
            account.write(self.etc / template.name, text + self.extra.get(template.name, ""), 0o400)
        for name in sorted(set(self.extra) - {template.name for template in TEMPLATES.glob("*.conf")}):
            account.write(self.etc / name, self.extra[name], 0o400)
        account.write(self.etc / "routes.conf", self._routes(), 0o400)

    def start(self, place: processes.Place) -> processes.Process:
        """Start in the foreground and wait until every module of the list is loaded and AMI answers."""
        messages = self.state / "log" / "messages.log"
        messages.unlink(missing_ok=True)
        # -p, as Debian's asterisk.service has it: nothing else on the machine holds up a call. Where that is not
        # permitted (a container without CAP_SYS_NICE, an ordinary user) it would refuse to start.
        with processes.realtime() as permitted:
            process = processes.start(
                [*self.command, "-f", *(["-p"] if permitted else [])],
                account=self.accounts.asterisk,
                place=place,
                cwd=self.state,
                env={
                    **self.program.program.env,
                    # For AGI scripts; a loader that is given its directories does not look at it.
                    **processes.python_environment(),
                    "PATH": f"{self.python}:/usr/local/bin:/usr/bin:/bin",
                    "HOME": str(self.state),
                },
                # Files are for this user and, in the spool, for its group: ship reads what Asterisk records.
                umask=0o007,
            )
        processes.await_ready("Asterisk", process, self._booted, place, START_SECONDS)
        failed = re.findall(r"ERROR.*(?:loading|loaded|load) .*", messages.read_text() if messages.exists() else "")
        if failed:
            processes.stop(process)
            raise WorldError("Asterisk did not load all its modules:\n" + "\n".join(failed))
        return process

    def stop(self, process: processes.Process) -> None:
        """Stop it; calls in progress are hung up, files are closed."""
        if not processes.stop(process, timeout_seconds=8.0):
            (self.state / "run" / "asterisk.ctl").unlink(missing_ok=True)

    def cli(self, line: str) -> str:
        """Run one CLI command and return what it prints."""
        done = subprocess.run([*self.command, "-rx", line], capture_output=True, text=True, check=False, timeout=30)
        if done.returncode:
            raise WorldError(f"Asterisk's CLI refused {line!r}: {(done.stderr or done.stdout).strip()}")
        return done.stdout

    def write_site_dialplan(self, text: str) -> None:
        """Put text into the world's own include, and let a running Asterisk take it."""
        self.accounts.asterisk.write(self.etc / "site.conf", text, 0o400)
        with contextlib.suppress(WorldError):
            self.cli("dialplan reload")

    def _booted(self) -> bool:
        with socket.socket() as probe:
            probe.settimeout(1)
            if probe.connect_ex((ADDRESS, self.ports.ami)):
                return False
        try:
            return "fully booted" in self.cli("core waitfullybooted")
        except WorldError:
            return False

    def _values(self, music: Path, prompts: Path) -> dict[str, str]:
        ports = self.ports
        client, written_by = "res_websocket_client.so", "res_cdrel_custom.so"
        # A bare semicolon begins a comment in Asterisk's files.
        pattern = f"/{not_port(ports.house)}/".replace(";", "\\;")
        by_uri = self.program.knows("res_pjsip_endpoint_identifier_ip.so", b"match_request_uri")
        return {
            "agi": str(self.root / "agi"),
            "ami_password": self.ami_password,
            "ami_port": str(ports.ami),
            "ari_password": self.ari_password,
            # cel_custom writes by it where it exists (since Asterisk 22.7).
            "cdrel": f"load = {written_by}" if (self.program.modules / written_by).exists() else "",
            "data": str(self.program.data),
            "demo_phone_password": self.phone_passwords["demo-phone"],
            "demo_phone_port": str(ports.demo_phone),
            "dialplan": str(self.root / "dialplan"),
            "etc": str(self.etc),
            "guard_ami_password": self.guard_ami_password,
            "guard_ari_password": self.guard_ari_password,
            "house_port": str(ports.house),
            "http_port": str(ports.http),
            "modules": str(self.program.modules),
            "music": str(music),
            "prompts": str(prompts),
            "open_files": str(resource.getrlimit(resource.RLIMIT_NOFILE)[1]),
            "phones": "\n".join(self._phone(name) for name in EXTENSIONS),
            "ring_others": "\n".join(_ring(name) for name in EXTENSIONS[1:]),
            "rtp_first": str(ports.rtp_first),
            "rtp_last": str(ports.rtp_last),
            "sounds": self.program.sounds,
            "spool": str(self.spool),
            "state": str(self.state),
            # Asterisk before 18.23, 20.8 and 21.3 cannot match the request's own address; the To header holds
            # the same one in every request that opens a call.
            "trunk_match": f"match_request_uri = {pattern}" if by_uri else f"match_header = To: {pattern}",
            "trunk_peer_port": str(ports.trunk_peer),
            "trunk_port": str(ports.trunk),
            # res_ari needs it where it exists (since Asterisk 22.5), and it exists nowhere else.
            "websocket_client": f"load = {client}" if (self.program.modules / client).exists() else "",
        }

    def _phone(self, name: str) -> str:
        return (
            f"[{name}](house-phone)\naors = {name}\nauth = {name}\ncallerid = House {name} <{name}>\n\n"
            f"[{name}](house-aor)\n\n[{name}](house-auth)\nusername = {name}\npassword = {self.phone_passwords[name]}\n"
        )

    def _routes(self) -> str:
        lines = ["; Arrives: every call from the outside trunk, whatever user it claims to be.", "[from-trunk]"]
        for number, line in self.routes.items():
            lines += [f"exten => {number},1,Gosub(consentgate,s,1({line}))", " same => n,Goto(house,s,1)"]
        return "\n".join(lines) + "\n"


def fill(template: str, values: Mapping[str, str], name: str) -> str:
    """Replace each `@word@` of a template; a word without a value is a WorldError."""

    def value(found: re.Match[str]) -> str:
        word = found.group(1)
        if word not in values:
            raise WorldError(f"deploy/asterisk/{name} asks for @{word}@, which nothing fills")
        return values[word]

    return re.sub(r"@([a-z_]+)@", value, template)


def not_port(port: int) -> str:
    """Return a POSIX expression for a SIP URI on any port but this one, or on none.

    POSIX expressions cannot say "not", so the digits are walked: a number differs from another of the same
    length at a first place, or it has another length.
    """
    digits = str(port)
    others = []
    for place, digit in enumerate(digits):
        others.append(f"{digits[:place]}[^{digit}:;?>]" + "[0-9]" * (len(digits) - place - 1))
    shorter = f"[0-9]{{1,{len(digits) - 1}}}"
    longer = f"[0-9]{{{len(digits) + 1},}}"
    end = "([;?>]|$)"
    return f"^<?sips?:([^@]*@)?[^@:;?>]+({end}|:({'|'.join([*others, shorter, longer])}){end})"


def _ring(name: str) -> str:
    """Return the dialplan line that adds a phone to those that ring; `&` joins only what is there."""
    contacts = f"${{PJSIP_DIAL_CONTACTS({name})}}"
    joined = "${ring}${IF($[${LEN(${ring})} > 0]?&)}" + contacts
    return f" same => n,ExecIf($[${{LEN({contacts})}} > 0]?Set(ring={joined}))"


def _copy(source: Path, target: Path) -> None:
    """Replace a directory by a fresh copy that every user may read."""
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    if source.is_dir():
        shutil.copytree(source, target, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    for path in (target, *target.rglob("*")):
        path.chmod(0o755 if path.is_dir() or path.suffix == ".py" else 0o644)
