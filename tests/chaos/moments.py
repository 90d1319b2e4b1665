"""The moments of a shipment: not guessed, but told by ship's own requests to a proxy, or by a folder that appears."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from system.proxy import Proxy

from ari_app.core.signature import MANIFEST, SIGNATURE

LOOK_SECONDS: Final = 0.002


@dataclass(slots=True)
class _Watch:
    """Calls `fire` as soon as something is seen; a thread, because the folder says nothing by itself."""

    seen: Callable[[], bool]
    fire: Callable[[], None]
    sprung: bool = False
    _ended: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def begin(self) -> None:
        """Start to look."""
        self._thread = threading.Thread(target=self._look, name="watch", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Look no more."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join(5)

    def _look(self) -> None:
        while not self._ended.is_set():
            if self.seen():
                self.fire()
                self.sprung = True
                return
            time.sleep(LOOK_SECONDS)


@dataclass(slots=True)
class Moments:
    """Lets something happen in one phase of the next shipment; by ship's own lines and spool."""

    s3: Proxy
    postgres: Proxy
    spool: Path
    _watch: _Watch | None = None

    def shipped(self) -> set[Path]:
        """Return the folders of all calls that ship is done with."""
        return set((self.spool / "shipped").iterdir())

    def set(self, phase: str, strike: Callable[[], None]) -> None:
        """Let it happen when a shipment comes to this phase."""
        before, sealed = self.shipped(), self.spool / "sealed"
        match phase:
            case "before decide":
                self._look(lambda: any(not (one / MANIFEST).exists() for one in sealed.iterdir()), strike)
            case "after decide":
                self.s3.set_trap(strike, "PUT /", ".flac")
            case "after first PUT":
                # By HEAD or GET, as the site proves it: it asks for what it has put.
                self.s3.set_trap(strike, ".flac HTTP/", but="PUT /")
            case "after manifest":
                self.s3.set_trap(strike, f"{MANIFEST} HTTP/", but="PUT /")
            case "after rows":
                # A probe commits as well; what is committed next after the signature was proved are the rows.
                self.s3.set_trap(lambda: self._arm(strike), f"{SIGNATURE} HTTP/", but="PUT /")
            case _:
                self._look(lambda: bool(self.shipped() - before), strike)

    def sprung(self) -> bool:
        """Tell whether it has happened."""
        if self._watch is not None:
            return self._watch.sprung
        if self.s3.trap is not None and f"{SIGNATURE} HTTP/".encode() in self.s3.trap.words:
            return self.postgres.trap is not None and self.postgres.trap.sprung
        return self.s3.trap is not None and self.s3.trap.sprung

    def disarm(self) -> None:
        """Let nothing happen any more."""
        if self._watch is not None:
            self._watch.end()
            self._watch = None
        self.s3.trap = self.postgres.trap = None

    def _arm(self, strike: Callable[[], None]) -> None:
        self.postgres.set_trap(strike, "COMMIT", back=True)

    def _look(self, seen: Callable[[], bool], strike: Callable[[], None]) -> None:
        self._watch = _Watch(seen, strike)
        self._watch.begin()
