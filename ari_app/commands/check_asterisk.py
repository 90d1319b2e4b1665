"""Is Asterisk there, does it let us in, and may we do there what the gate must do?

Nothing here changes anything: rights are found out with requests that are refused for another reason if the
right is there (a MixMonitor without a channel, the end of a playback that does not exist).
"""

import base64
import http.client
import json
import re
import socket
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from urllib.parse import urlsplit

from ari_app.config import Asterisk, Config
from ari_app.errors import FINDING, GOOD, UNREACHABLE

from .finding import Finding

SECONDS = 5.0
OK = 200
OLDEST_SUPPORTED = (18, 3)
MAX_ANSWER_BYTES = 1024 * 1024
_UNKNOWN_PLAYBACK = "consentgate-check"

# Each action lacks what it needs, so that it does nothing; with the privilege it answers with another error than
# "Permission denied". Privileges as in manager.conf's write=, sources: the actions' registrations in Asterisk.
_ACTIONS = (
    ("MixMonitor", "system", "recording would not start"),
    ("StopMixMonitor", "call", "recording could not be stopped"),
    ("Setvar", "call", "the lifeline could not be armed"),
    ("Getvar", "reporting", "packet counts could not be read"),
    ("UserEvent", "user", "the gate's own marker could not be sent"),
    ("Command", "command", "running captures could not be listed"),
)

# What the gate must hear. Without a right the events of its kind are simply not there, and nothing says so.
_READS = (
    ("system", "a stop of Asterisk would not be noticed"),
    ("call", "nothing would be permitted: who is in a conversation with whom could not be seen"),
    ("dialplan", "who leaves a message would be recorded a second time"),
    ("dtmf", "whoever objects by key while they wait would not be heard"),
)


@dataclass(frozen=True, slots=True)
class Needs:
    """What one process must be able to do, and in which section of the configuration its logins stand."""

    section: str
    actions: tuple[tuple[str, str, str], ...]
    reads: tuple[tuple[str, str], ...]
    marker: bool
    """Whether it sends itself events."""


GATE = Needs("asterisk", _ACTIONS, _READS, marker=True)
GUARD = Needs(
    "guard",
    (
        ("StopMixMonitor", "call", "a secret recording could not be stopped"),
        ("Hangup", "call", "a channel that listens could not be ended"),
        ("Getvar", "reporting", "whose call it is could not be seen"),
        ("Command", "command", "running captures could not be listed"),
    ),
    (
        ("call", "what begins to record would not be seen"),
        ("dialplan", "Record() would not be seen"),
        ("agi", "RECORD FILE would not be seen"),
        ("dtmf", "while no gate is there, callers of lines with an opt_out_key would be told and not recorded"),
    ),
    marker=False,
)


def guard_of(config: Config) -> Asterisk | None:
    """Return how the guard reaches Asterisk, with its own logins; None if there is none."""
    guard = config.guard
    if guard is None:
        return None
    logins = ("ari_user", "ari_password", "ami_user", "ami_password")
    return config.asterisk.model_copy(update={name: getattr(guard, name) for name in logins})


def request(asterisk: Asterisk, method: str, path: str) -> tuple[int, bytes]:
    """Ask ARI; return the status and the body. Raises OSError or HTTPException."""
    parts = urlsplit(asterisk.ari_url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=SECONDS)
    login = base64.b64encode(f"{asterisk.ari_user}:{asterisk.ari_password.reveal()}".encode()).decode()
    try:
        connection.request(method, parts.path + path, headers={"Authorization": f"Basic {login}"})
        answer = connection.getresponse()
        return answer.status, answer.read(MAX_ANSWER_BYTES)
    finally:
        connection.close()


def _supported(version: str) -> bool:
    found = re.search(r"(\d+)\.(\d+)", version)
    # A build from source control has no number; whoever runs one knows its age.
    return found is None or (int(found[1]), int(found[2])) >= OLDEST_SUPPORTED


def ari(asterisk: Asterisk, needs: Needs = GATE) -> Finding:
    """Ask ARI for Asterisk's version, and whether the user may do more than read."""
    subject = f"ARI {asterisk.ari_url}"
    try:
        status, body = request(asterisk, "GET", "/asterisk/info?only=system")
        changing, _ = request(asterisk, "DELETE", f"/playbacks/{_UNKNOWN_PLAYBACK}")
    except (OSError, http.client.HTTPException) as error:
        hint = "is Asterisk running, http.conf enabled, and asterisk.ari_url right?"
        return Finding(subject, f"cannot be reached: {_reason(error)}", UNREACHABLE, hint)
    version = _version(body)
    match status, changing:
        case 200, 403:
            hint = "set read_only = no in ari.conf: nothing can be announced without it"
            return Finding(subject, f"user {asterisk.ari_user} may only read", FINDING, hint)
        case 200, 404 | 204 if version and not _supported(version):
            return Finding(subject, f"Asterisk {version} is too old", FINDING, "18.3 and later are supported")
        case 200, 404 | 204 if version:
            return Finding(subject, f"Asterisk {version}, user {asterisk.ari_user}", GOOD)
        case 401, _:
            verdict = f"refuses user {asterisk.ari_user} or the password"
            hint = f"compare {needs.section}.ari_user and ari_password_file with ari.conf"
        case ((200 | 404), _):
            verdict = "something answers there, but not ARI"
            hint = "is res_ari loaded, ari.conf enabled, and the prefix in asterisk.ari_url that of http.conf?"
        case _:
            verdict, hint = f"answers {status} and {changing}", "see Asterisk's log"
    return Finding(subject, verdict, UNREACHABLE, hint)


def _version(body: bytes) -> str:
    try:
        return str(json.loads(body)["system"]["version"])[:40]
    except (ValueError, KeyError, TypeError):
        return ""


def _reason(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return f"no answer within {SECONDS:.0f} s"
    said = getattr(error, "strerror", None) or str(error).partition("\n")[0].strip() or type(error).__name__
    return said if said.isprintable() else ascii(said)


class Session:
    """One short conversation with AMI."""

    def __init__(self, host: str, port: int) -> None:
        self._socket = socket.create_connection((host, port), timeout=SECONDS)
        self._file = self._socket.makefile("rb")

    def close(self) -> None:
        self._file.close()
        self._socket.close()

    def banner(self) -> str:
        """Return the first line, by which AMI says that it is AMI."""
        return self._line()

    def _line(self) -> str:
        line = self._file.readline(MAX_ANSWER_BYTES)
        if not line:
            raise ConnectionError("the connection was closed")
        return line.decode("utf-8", "replace").rstrip("\r\n")

    def send(self, action: str, **values: str) -> None:
        # The configuration has made sure that no value holds a line's end.
        lines = [f"Action: {action}", *(f"{key}: {value}" for key, value in values.items())]
        self._socket.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())

    def message(self) -> dict[str, str]:
        found: dict[str, str] = {}
        while line := self._line():
            key, _, value = line.partition(":")
            found.setdefault(key.strip().lower(), value.strip())
        return found

    def ask(self, action: str, **values: str) -> dict[str, str]:
        """Return the answer; events in between are passed over."""
        self.send(action, **values)
        while "response" not in (message := self.message()):
            pass
        return message

    def output(self, command: str) -> list[str]:
        """Return what a command of the console prints; nothing if we may not ask."""
        self.send("Command", Command=command)
        found: list[str] = []
        answered = False
        while not answered:
            while line := self._line():
                key, _, value = line.partition(":")
                answered |= key == "Response"
                found += [value] if key == "Output" else []
        return found

    def event(self, name: str) -> dict[str, str] | None:
        """Return the next event of that name, or None if it does not come within the time of the socket."""
        try:
            while True:
                message = self.message()
                if message.get("event") == "UserEvent" and message.get("userevent") == name:
                    return message
        except TimeoutError:
            return None


def ami(asterisk: Asterisk, needs: Needs = GATE) -> Iterator[Finding]:
    """Log in to AMI and look at the user's rights and the events' stamps."""
    subject = f"AMI {asterisk.ami_host}:{asterisk.ami_port}"
    try:
        with closing(Session(asterisk.ami_host, asterisk.ami_port)) as session:
            yield from _ami(subject, session, asterisk, needs)
    except OSError as error:
        hint = "is Asterisk running, manager.conf enabled, and asterisk.ami_host and ami_port right?"
        yield Finding(subject, f"cannot be reached: {_reason(error)}", UNREACHABLE, hint)


def _ami(subject: str, session: Session, asterisk: Asterisk, needs: Needs) -> Iterator[Finding]:
    if not session.banner().startswith("Asterisk Call Manager"):
        yield Finding(subject, "something answers there, but not AMI", UNREACHABLE, "see asterisk.ami_port")
        return
    login = session.ask("Login", Username=asterisk.ami_user, Secret=asterisk.ami_password.reveal())
    if login["response"] != "Success":
        hint = (
            f"compare {needs.section}.ami_user and ami_password_file with manager.conf, and its permit with our address"
        )
        yield Finding(subject, f"refuses user {asterisk.ami_user} or the password", UNREACHABLE, hint)
        return
    findings = [
        *_rights(subject, session, needs),
        *_reads(subject, session, asterisk.ami_user, needs),
        *(_stamps(subject, session) if needs.marker else ()),
    ]
    seen = "rights and event stamps" if needs.marker else "rights"
    yield from findings or [Finding(subject, f"user {asterisk.ami_user}, {seen} as needed", GOOD)]


def _rights(subject: str, session: Session, needs: Needs) -> Iterator[Finding]:
    for action, privilege, consequence in needs.actions:
        said = session.ask(action).get("message", "")
        if said == "Permission denied":
            yield Finding(
                subject,
                f"action {action} is not permitted: {consequence}",
                FINDING,
                f"add {privilege} to write= of the user in manager.conf",
            )
        elif said.startswith("Invalid/unknown command"):
            yield Finding(
                subject,
                f"action {action} does not exist there: {consequence}",
                FINDING,
                "load the module that brings it (app_mixmonitor for both MixMonitor actions)",
            )


def _reads(subject: str, session: Session, user: str, needs: Needs) -> Iterator[Finding]:
    told = [line.partition(":")[2] for line in session.output(f"manager show user {user}") if "read perm:" in line]
    granted = {right.strip() for right in ",".join(told).split(",")}
    for right, consequence in needs.reads:
        if told and not {right, "all"} & granted:
            verdict, hint = f"events of class {right} are not heard: {consequence}", f"add {right} to read= of the user"
            yield Finding(subject, verdict, FINDING, f"{hint} in manager.conf")


def _stamps(subject: str, session: Session) -> Iterator[Finding]:
    name = "ConsentgateCheck"
    answer = session.ask("UserEvent", UserEvent=name)
    if answer["response"] != "Success":
        return  # said already among the rights
    event = session.event(name)
    if event is None:
        hint = "add user to read=, and let an eventfilter pass UserEvent"
        yield Finding(subject, "our own event does not come back: nothing would be permitted", FINDING, hint)
    elif "timestamp" not in event:
        hint = "set timestampevents = yes in the section [general] of manager.conf"
        yield Finding(subject, "events carry no time: nothing could be proved", FINDING, hint)
