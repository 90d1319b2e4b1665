"""A journalist at work on a real disk, and a call for it to write about."""

import json
import threading

from unit.calls import CALLER, P01, RECORDING, line, ms, opened

from ari_app.adapters.journal import Append, Beat, Forget, Journalist, SealCall
from ari_app.core import evidence as ev
from ari_app.core.names import RecordingId, RunId, mint
from ari_app.core.orders import Live
from ari_app.core.reasons import Reason
from ari_app.layout import JOURNAL, Layout

OPENED = opened(line())
CLOSED = ev.NotRecorded(at=ms(5), reason=Reason.EVENTS_LOST)
ENDED = ev.Ended(at=ms(9), reason=Reason.EVENTS_LOST)
GRANTED = ev.PermitGranted(at=ms(3), permit=1, parties=["p01"])
FORGET = Forget(CALLER, RECORDING, "seg-001.p01.wav")
LIVE = Live(CALLER, P01, 1, "seg-001.p01.wav")
SECOND = RecordingId(mint(ms(1), b"\1" * 10))
RUN, DEAD_RUN = RunId("run-2"), RunId("run-1")


class Desk:
    """A journalist at work, and what it has answered."""

    def __init__(self, folder, run=RUN):
        self.layout = Layout(folder / "spool")
        self.journalist = Journalist(self.layout, run)
        self.answers: list[tuple[bool, str]] = []
        self.told = threading.Semaphore(0)

    def __enter__(self):
        self.journalist.start()
        return self

    def __exit__(self, *_):
        self.journalist.close()

    def done(self, ok, why):
        self.answers.append((ok, why))
        self.told.release()

    def note(self, *entries, recording=RECORDING):
        self.journalist.submit(Append(recording, entries))

    def attest(self, *entries, live=LIVE):
        self.journalist.submit(Append(RECORDING, entries, live, self.done))
        return self.answer()

    def seal(self):
        self.journalist.submit(SealCall(RECORDING, self.done))
        return self.answer()

    def answer(self):
        assert self.told.acquire(timeout=5)
        return self.answers[-1]

    def beat(self, at):
        self.journalist.submit(Beat(ms(at), ms(at + 1), "boot"))

    def entries(self, recording=RECORDING):
        return ev.read(self.layout.journal_of(recording).read_bytes())[0]

    def entries_in(self, folder, recording=RECORDING):
        return ev.read((folder / recording / JOURNAL).read_bytes())[0]

    def beats(self):
        file = self.layout.heartbeat_of(self.journalist.run)
        return [json.loads(one)["consumed_at"] for one in file.read_bytes().splitlines()] if file.exists() else []

    def live(self):
        return json.loads(self.layout.live_of(CALLER).read_bytes())
