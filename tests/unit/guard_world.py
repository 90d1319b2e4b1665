"""A guard without an Asterisk: doors, judge and spool are real, what Asterisk answers is said by the test."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ari_app import clock
from ari_app.core import guard as g
from ari_app.core.names import ChannelId, MonitorId, RunId
from ari_app.guard.asterisk import Seen
from ari_app.guard.calls import Calls
from ari_app.guard.incidents import Incidents
from ari_app.guard.quarantine import Quarantine
from ari_app.guard.vitals import Vitals
from ari_app.guard.warden import Warden
from ari_app.layout import Layout

RUN = RunId("01M89EP1ZYXF1YNMXJBPC6YR8R")
RECORDING = "01M89EP1ZYXF1YNMXJBPC6YR8E"
CHANNEL = ChannelId("1.1")
MINE, THEIRS = MonitorId("0x1"), MonitorId("0x2")


@dataclass
class Ami:
    """Lists that are answered one after the other, the last of them for ever; and what was asked to stop."""

    lists: list[dict[MonitorId, tuple[str, ...]] | None]
    deaf: int = 0
    """So many stops are not answered."""
    stopped: list[str] = field(default_factory=list)
    spool: str = "/nowhere"

    async def captures(self, channel: str) -> dict[MonitorId, tuple[str, ...]] | None:
        assert channel == CHANNEL
        listed = self.lists.pop(0) if len(self.lists) > 1 else self.lists[0]
        return None if listed is None else {one: files for one, files in listed.items() if one not in self.stopped}

    async def stop_mixmonitor(self, channel: str, monitor: MonitorId) -> bool | None:
        assert channel == CHANNEL
        if self.deaf:
            self.deaf -= 1
            return None
        self.stopped.append(monitor)
        return True


@dataclass
class Pbx:
    ami: Ami
    what: Seen | None = None

    async def seen(self, _: ChannelId) -> Seen | None:
        return self.what


class World:
    """One spool with a living gate, and a folder of Asterisk's."""

    def __init__(self, root: Path) -> None:
        self.layout = Layout(root / "spool")
        self.monitor = root / "monitor"
        layout = self.layout
        self.monitor.mkdir()
        for folder in (layout.quarantine, layout.incidents, layout.live, layout.heartbeats, layout.calls):
            folder.mkdir(parents=True)
        (layout.audio / RECORDING).mkdir(parents=True)
        self.beat(100)

    def beat(self, age_ms: int) -> None:
        line = {"boot": "x", "consumed_at": 0, "written_at": clock.now() - age_ms * 1000}
        self.layout.heartbeat_of(RUN).write_text(json.dumps(line) + "\n")

    def name(self, file: str = "seg-001.p01.wav", *, begun: bool = True) -> str:
        """Name a capture in live/ and in its journal, as the gate does; return what Asterisk lists of it."""
        named = {"format": 1, "run": RUN, "recording": RECORDING, "party": "p01", "permit": 1, "file": file}
        self.layout.live_of(CHANNEL).write_text(json.dumps(named))
        folder = self.layout.calls / RECORDING
        folder.mkdir(exist_ok=True)
        (folder / "journal.jsonl").write_text(json.dumps({"file": file}) + "\n")
        if begun:
            (self.layout.audio / RECORDING / file).write_bytes(b"ours")
        return str(self.layout.audio / RECORDING / file).removesuffix(".wav")

    def theirs(self, name: str = "theirs") -> str:
        """Make a stranger's file; return what Asterisk lists of it."""
        (self.monitor / f"{name}.wav").write_bytes(b"secret")
        return str(self.monitor / name)

    def warden(self, pbx: Pbx, *, mode: g.Mode = g.Mode.STOP, scope: g.Scope = g.Scope.WHOLE_PBX) -> Warden:
        vitals = Vitals(self.layout)
        vitals.refresh()
        rules = g.Rules(f"{self.layout.audio}/", mode, scope)
        calls: Any = Calls(pbx, vitals)  # type: ignore[arg-type]  # of both doors a test needs a few words
        return Warden(rules, vitals, calls, Quarantine(self.layout, [self.monitor]), Incidents(self.layout, "pbx1"))

    def incidents(self) -> Iterator[dict[str, Any]]:
        for file in sorted(self.layout.incidents.glob("*.json")):
            yield json.loads(file.read_bytes())

    def told(self) -> list[tuple[str, str, int]]:
        """Return action, reason and number of files of each incident."""
        return [(one["action"], one["why"], len(one["files"])) for one in self.incidents()]
