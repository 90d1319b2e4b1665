"""What answers at the endpoint: two paths, to whoever asks on this machine."""

from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

from .endpoint import Readiness
from .meters import Meters

ASKING_SECONDS: Final = 5.0
"""Whoever asks and does not send the question, or does not read the answer, is let go after so long."""

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


class Server(ThreadingHTTPServer):
    daemon_threads = True
    meters: Meters
    readiness: Callable[[], Readiness]

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: whoever asked and went away is nobody's trouble."""


class Handler(BaseHTTPRequestHandler):
    server: Server
    timeout = ASKING_SECONDS
    server_version, sys_version = "consentgate", ""
    # Kept open by a scraper it would hold a thread for as long as that likes.
    protocol_version = "HTTP/1.0"

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path == "/metrics":
            self._answer(HTTPStatus.OK, CONTENT_TYPE, self.server.meters.text())
        elif path == "/readyz":
            found = self.server.readiness()
            status = HTTPStatus.OK if found.ready else HTTPStatus.SERVICE_UNAVAILABLE
            self._answer(status, "application/json", found.to_json())
        else:
            self._answer(HTTPStatus.NOT_FOUND, "text/plain", b"ask for /metrics or /readyz\n")

    def _answer(self, status: HTTPStatus, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  http.server's name
        """Say nothing: what was asked for is a stranger's text."""
