"""An S3 that answers what a test wrote down: for what the real server cannot be made to say."""

import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


@dataclass
class Answer:
    """One answer: its status, S3's word for what is wrong, more of its body, more headers."""

    status: int
    code: str = ""
    message: str = "as the test wants it"
    body: str = "<Nothing/>"
    headers: dict[str, str] = field(default_factory=dict)
    ahead_seconds: float = 0.0
    """How far the server's clock is ahead of ours."""

    def text(self) -> bytes:
        if self.code:
            more = self.body.replace("<Nothing/>", "")
            return f"<Error><Code>{self.code}</Code><Message>{self.message}</Message>{more}</Error>".encode()
        return self.body.encode()


@dataclass
class Scripted:
    """A running one: where it is, and what it was asked, as `METHOD /path`. The last answer is given for ever."""

    endpoint: str
    answers: list[Answer]
    asked: list[str] = field(default_factory=list)


@contextmanager
def scripted(*answers: Answer, certificate: Path | None = None) -> Iterator[Scripted]:
    """Serve on loopback; certificate: a PEM with its key, for TLS."""
    said = Scripted("", list(answers))

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            said.asked.append(f"{self.command} {self.path}")
            answer = said.answers.pop(0) if len(said.answers) > 1 else said.answers[0]
            text = answer.text()
            self.send_response_only(answer.status)
            clock = formatdate(time.time() + answer.ahead_seconds, usegmt=True)
            whole = {"Date": clock, "Content-Length": str(len(text)), "Connection": "close"} | answer.headers
            for name, value in whole.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(b"" if self.command == "HEAD" else text)
            self.close_connection = True

        do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = answer  # noqa: N815  the names are http.server's

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    said.endpoint = f"{'https' if certificate else 'http'}://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield said
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
