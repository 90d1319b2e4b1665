"""What the gate counts, and what it calls ready: a call that came now would be announced and recorded."""

from collections import Counter
from typing import TYPE_CHECKING

from ari_app.core import capture
from ari_app.core import evidence as ev
from ari_app.core.names import RecordingId
from ari_app.core.room import Room
from ari_app.opening import Call

from . import catalogue as m
from .calls import NOT_RECORDED, Calls
from .catalogue import known_line
from .endpoint import Readiness
from .watch import Watch, age, of_level

if TYPE_CHECKING:
    from ari_app.gate import Gate

FRESH_SECONDS = 3.0
"""As the dialplan: an older alive mark sends nobody to us."""


class GateWatch:
    """Looks at the gate once a second, on its loop; what it has found is told on the endpoint's thread."""

    def __init__(self, gate: "Gate", port: int | None) -> None:
        self._gate = gate
        self._now: dict[str, int] = {}
        self._shown: set[str] = set()
        self.watch = Watch(m.GATE, port, self._ready)
        self._calls = Calls(self.watch.meters, lambda: gate.dispatcher.rules.lines, self._line_of)
        self.watch.meters.follow(m.HEARTBEAT, lambda: age(gate.consumed_at))

    def _line_of(self, recording: RecordingId) -> str:
        call = self._gate.dispatcher.calls.get(recording)
        return call.room.opened.line if call else ""

    def written(self, recording: RecordingId, entries: tuple[ev.Entry, ...]) -> None:
        """Count what goes into a journal."""
        with self.watch.harmless():
            self._calls.written(recording, entries)

    def look(self) -> None:
        """Measure what is going on."""
        with self.watch.harmless():
            self._look()

    def _look(self) -> None:
        gate, meters = self._gate, self.watch.meters
        self.watch.turned()
        calls = list(gate.dispatcher.calls.values())
        rooms = [call.room for call in calls]
        self._now = {
            "calls": len(calls),
            "rooms": sum(1 for room in rooms if _talks(room)),
            "permits": sum(1 for room in rooms if room.permit is not None),
            "captures": sum(map(_captures, rooms)),
        }
        meters.replace(m.CALLS_NOW, dict(Counter(self._label(call) for call in calls)))
        lines = gate.dispatcher.rules.lines
        meters.replace(m.UNUSABLE, {name: float(bool(line.unusable)) for name, line in lines.items()})
        for name in {*lines, m.NO_LINE, m.UNKNOWN_LINE} - self._shown:
            self._shown.add(name)
            meters.count(m.FOREIGN, name, by=0)
            for reason in m.OUR_FAULTS:
                meters.count(m.CALLS, name, NOT_RECORDED, reason, by=0)
        meters.set(m.ROOMS_NOW, self._now["rooms"])
        meters.set(m.PERMITS_NOW, self._now["permits"])
        meters.set(m.CAPTURES_NOW, self._now["captures"])
        meters.set(m.UNSEALED, len(gate.dispatcher.sealing.waiting))
        meters.set(m.JOURNAL, bool(gate.journalist.trouble))
        meters.set(m.CONNECTED, gate.ari.connected, m.GATE, "ari")
        meters.set(m.CONNECTED, gate.ami.connected, m.GATE, "ami")
        self.watch.room(gate.space)

    def _label(self, call: Call) -> str:
        return known_line(call.room.opened.line, self._gate.dispatcher.rules.lines)

    def _ready(self) -> Readiness:
        gate = self._gate
        beat = age(gate.consumed_at)
        stale = f"is {beat:.1f} s old" if beat > FRESH_SECONDS else ""
        journal = gate.journalist.trouble and "the journal cannot be written"
        checks = {
            "ari": "" if gate.ari.connected else "is not connected",
            "ami": "" if gate.ami.connected else "is not connected",
            "heartbeat": stale if gate.consumed_at else "there was none yet",
            "dialplan": "" if gate.is_ready else "does not send callers to this gate yet",
            "spool": journal or of_level(gate.space.level),
        }
        about = {"heartbeat_age_seconds": round(beat, 1) if gate.consumed_at else None}
        return Readiness(checks, {**about, **self._now})


def _talks(room: Room) -> bool:
    """Tell whether somebody is with them, and this recording is the one that speaks for their room."""
    return room.around is not None and bool(room.around.members) and room.around.host


def _captures(room: Room) -> int:
    return sum(1 for track in room.tracks if track.phase is capture.Phase.RUNNING)
