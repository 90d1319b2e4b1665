"""What the guard counts, and what it calls ready: a capture that began now would be seen and ended."""

from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

from ari_app import clock
from ari_app.core.incident import Action, Door

from . import catalogue as m
from .endpoint import Readiness
from .watch import Watch, age

if TYPE_CHECKING:
    from ari_app.guard.process import Guard


class GuardWatch:
    """Looks at the guard once a second, on its loop."""

    def __init__(self, guard: "Guard", port: int | None) -> None:
        self._guard = guard
        self._now: dict[str, int | float | bool | None] = {}
        self.watch = Watch(m.GUARD, port, self._ready)
        for door, action in product(Door, Action):
            self.watch.meters.count(m.INCIDENTS, door, action, by=0)

    def look(self) -> None:
        """Measure what is going on."""
        with self.watch.harmless():
            self._look()

    def _look(self) -> None:
        guard, meters = self._guard, self.watch.meters
        self.watch.turned()
        signs = guard.vitals.signs
        silent, beats = signs.gate_dead(clock.now()), list(signs.beats.values())
        aside = _entries(guard.layout.quarantine)
        self._now = {
            "gate_silent": silent,
            "gate_heartbeat_age_seconds": round(age(max(beats)), 1) if beats else None,
            "kept_captures": guard.keeper.keeps,
            "quarantined": aside,
        }
        meters.set(m.GATE_SILENT, silent)
        meters.set(m.GATE_HEARTBEAT, age(max(beats)) if beats else float("inf"))
        meters.set(m.KEEPING, guard.keeper.keeps)
        meters.set(m.QUARANTINED, aside or 0)
        meters.set(m.CONNECTED, guard.ami.connected, m.GUARD, "ami")
        meters.set(m.CONNECTED, guard.ari.connected, m.GUARD, "ari")
        meters.set(m.CONNECTED, guard.sight.open, m.GUARD, "files")
        self.watch.room(guard.space)

    def _ready(self) -> Readiness:
        guard = self._guard
        checks = {
            "ari": "" if guard.ari.connected else "is not connected",
            "ami": "" if guard.ami.connected else "is not connected",
            "files": "" if guard.sight.open else "recordings of ARI would not be seen",
        }
        return Readiness(checks, {"mode": str(guard.warden.rules.mode), **self._now})


def _entries(folder: Path) -> int | None:
    try:
        return sum(1 for _ in folder.iterdir())
    except OSError:
        return None
