"""ARI and AMI as far as `check` asks them, with the faults that an administrator makes."""

import base64
import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Faults:
    version: str = "22.10.1"
    user: str = "consentgate"
    password: str = "ari-secret"  # noqa: S105 - that of config_world
    secret: str = "ami-secret"  # noqa: S105
    read_only: bool = False
    is_ari: bool = True
    is_asterisk: bool = True
    banner: str = "Asterisk Call Manager/11.0.0"
    denied: set[str] = field(default_factory=set)
    unknown: set[str] = field(default_factory=set)
    stamps: bool = True
    events: bool = True
    endpoints: tuple[str, ...] = ()
    reads: str = "system,call,user,dialplan,dtmf"


@contextmanager
def _served(server: socketserver.BaseServer) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def ari(faults: Faults) -> Iterator[int]:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            pass

        def _answer(self, status: int, content: object) -> None:
            body = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def _known(self) -> bool:
            expected = base64.b64encode(f"{faults.user}:{faults.password}".encode()).decode()
            if not faults.is_ari or not self.path.startswith("/ari/"):
                self._answer(404, {})
            elif self.headers["Authorization"] != f"Basic {expected}":
                self._answer(401, {"message": "Authentication required"})
            else:
                return True
            return False

        def do_GET(self) -> None:
            if self._known() and self.path.endswith("/endpoints"):
                rows = [dict(zip(("technology", "resource"), one.split("/"), strict=True)) for one in faults.endpoints]
                self._answer(200, rows)
            elif self._known():
                self._answer(200, {"system": {"version": faults.version}} if faults.is_asterisk else [])

        def do_DELETE(self) -> None:
            if self._known():
                self._answer(403 if faults.read_only else 404, {})

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    with _served(server):
        yield server.server_address[1]


class _Ami(socketserver.StreamRequestHandler):
    faults: Faults

    def handle(self) -> None:
        self.wfile.write(f"{self.faults.banner}\r\n".encode())
        action: dict[str, str] = {}
        for raw in self.rfile:
            line = raw.decode().strip()
            if line:
                key, _, value = line.partition(": ")
                action[key] = value
            elif not self.answer(action):
                return
            else:
                action = {}

    def say(self, **fields: str) -> None:
        self.wfile.write("".join(f"{key}: {value}\r\n" for key, value in fields.items()).encode() + b"\r\n")

    def answer(self, action: dict[str, str]) -> bool:
        faults = self.faults
        match action["Action"]:
            case "Login" if action["Secret"] != faults.secret:
                self.say(Response="Error", Message="Authentication failed")
                return False
            case "Login":
                self.say(Response="Success", Message="Authentication accepted")
                self.say(Event="FullyBooted", Status="Fully Booted")
            case name if name in faults.denied:
                self.say(Response="Error", Message="Permission denied")
            case name if name in faults.unknown:
                self.say(Response="Error", Message=f"Invalid/unknown command: {name}. Use Action: ListCommands")
            case "Command" if "Command" in action:
                shown = [
                    f"          username: {action['Command'].rpartition(' ')[2]}",
                    f"         read perm: {faults.reads}",
                ]
                lines = ["Response: Success", "Message: Command output follows", *(f"Output: {one}" for one in shown)]
                self.say(Event="Hangup", Privilege="call,all")
                self.wfile.write("".join(f"{line}\r\n" for line in lines).encode() + b"\r\n")
            case "UserEvent":
                self.say(Response="Success", Message="Event Sent")
                if faults.events:
                    stamp = {"Timestamp": "1795349829.123456"} if faults.stamps else {}
                    self.say(Event="Hangup", Privilege="call,all", **stamp)
                    self.say(Event="UserEvent", Privilege="user,all", **stamp, UserEvent=action.get("UserEvent", ""))
            case _:
                self.say(Response="Error", Message="Channel not specified")
        return True


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True


@contextmanager
def ami(faults: Faults) -> Iterator[int]:
    server = _Server(("127.0.0.1", 0), type("Handler", (_Ami,), {"faults": faults}))
    with _served(server):
        yield server.server_address[1]
