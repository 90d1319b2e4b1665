"""The small server of /metrics and /readyz: on loopback, in a thread of its own, never in anybody's way.

In a thread, so that it answers while the process' own loop hangs, and says that it does. A port that is taken is said
once in the log and tried again: the gate that stood by gets it when the other one has ended. Whoever asks from another
machine needs a proxy, because what is on a PBX's network is not to be trusted with how many patients call.
"""

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from ari_app import log

from .meters import Meters

ADDRESS: Final = "127.0.0.1"
RETRY_SECONDS: Final = 5.0
POLL_SECONDS: Final = 0.2


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether a process is ready, with what that rests on. `checks`: name to what is wrong; "" if nothing is."""

    checks: dict[str, str]
    about: dict[str, Any] = field(default_factory=dict)

    @property
    def ready(self) -> bool:
        return not any(self.checks.values())

    def to_json(self) -> bytes:
        said = {"ready": self.ready, "checks": {name: why or "ok" for name, why in self.checks.items()}, **self.about}
        return json.dumps(said).encode() + b"\n"


class Endpoint:
    """Serves until closed; does nothing at all without a port."""

    def __init__(self, process: str, port: int | None, meters: Meters, readiness: Callable[[], Readiness]) -> None:
        self._process, self._port, self._meters, self._readiness = process, port, meters, readiness
        self._closing = threading.Event()
        self.thread: threading.Thread | None = None
        self.serving = False
        """Whether the port is ours."""

    def start(self) -> None:
        """Begin; nobody waits for it."""
        if self._port is not None:
            self.thread = threading.Thread(target=self._keep, name="metrics", daemon=True)
            self.thread.start()

    def close(self) -> None:
        """Let go of the port, soon: nobody waits for that either."""
        self._closing.set()

    def _keep(self) -> None:
        said = ""
        while not self._closing.is_set():
            try:
                self._serve()
                said = ""
            except OSError as failure:
                why = failure.strerror or str(failure)
                if why != said:
                    said = why
                    hint = "All else goes on; it is tried again. Who has the port: ss -ltnp. See section metrics."
                    log.get(self._process).error("metrics.not_served", on=f"{ADDRESS}:{self._port}", why=why, hint=hint)
                self._closing.wait(RETRY_SECONDS)

    def _serve(self) -> None:
        """Raises OSError: the port is not to be had."""
        # Loaded only by whoever has a port: it costs a tenth of the gate's start.
        from .server import Handler, Server  # noqa: PLC0415

        with Server((ADDRESS, self._port or 0), Handler) as server:
            server.meters, server.readiness, server.timeout = self._meters, self._readiness, POLL_SECONDS
            self.serving = True
            try:
                while not self._closing.is_set():
                    server.handle_request()
            finally:
                self.serving = False
