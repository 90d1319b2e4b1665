"""Finished calls on their way to ship: each is handed over when a heartbeat has covered its end, and not before."""

import asyncio

from . import log
from .adapters import journal
from .core.names import Instant, RecordingId

_log = log.get("gate")


class Sealing:
    """Calls that are over, with when they ended."""

    def __init__(self, journalist: journal.Journalist) -> None:
        self._journalist = journalist
        self.waiting: list[tuple[Instant, RecordingId]] = []

    def add(self, at: Instant, recording: RecordingId) -> None:
        """A call ended at this instant."""
        self.waiting.append((at, recording))

    def until(self, consumed_at: Instant) -> None:
        """Hand over what ended until then; what cannot be is tried again at the next heartbeat."""
        ready = [one for one in self.waiting if one[0] <= consumed_at]
        self.waiting = [one for one in self.waiting if one[0] > consumed_at]
        for at, recording in ready:
            self._journalist.submit(journal.SealCall(recording, self._sealed(at, recording)))

    def _sealed(self, at: Instant, recording: RecordingId) -> journal.Answered:
        loop = asyncio.get_running_loop()

        def done(ok: bool, why: str) -> None:
            if not ok:
                _log.error("call.not_sealed", recording=recording, why=why)
                loop.call_soon_threadsafe(self.add, at, recording)

        return done
