"""Ship is killed, or the machine loses power, before every step of everything it does; the next ship ends the same.

Nothing is lost (every recording is stored, or still in the spool), nothing is doubled (the same objects and rows as
without a crash, and not one more), and nothing is left over.
"""

import copy
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from sealed_calls import SECOND, SyntheticSpool, incident, minted
from unit.crashes import Disk, lay_out, tree_of
from unit.ship_world import World
from unit.test_ship_attested import attested, beat
from unit.test_ship_spool import note

from ari_app import clock, strays
from ari_app.adapters.ledger import Ledger
from ari_app.adapters.memory import MemoryDatabase, MemoryStore
from ari_app.core.names import Instant
from ari_app.signing import Signer

SIGNER = Signer(bytes(range(32)))
OWN, GONE = f".{os.getpid()}.tmp", ".4194999.tmp"
"""How a file is called that this process has begun, and one whose process is gone: no machine has so many."""
HOUR, DAY = 3600 * SECOND, 86_400 * SECOND


def outcome(world: World) -> dict[str, object]:
    """Return everything that must be the same."""
    layout = world.layout
    ledger = Ledger(layout.anchors)
    folders = ("sealed", "audio", "shipped", "quarantine", "incidents", "fallback")
    there = {one: sorted(tree_of(layout.root / one)) for one in folders}
    there["keeper"] = sorted(one.name for one in layout.keeper.iterdir() if one.suffix != ".jsonl")
    days = {one.stem for one in layout.anchors.glob("*.jsonl")}
    return {
        "objects": world.store.objects,
        "rows": world.database.manifests,
        "incidents": world.database.incidents,
        "ledger": {day: ledger.manifests(day) for day in days},
        "anchors": sorted(one.name for one in layout.anchors.glob("*")),
        **there,
    }


def good(world):
    world.synthetic.good()


def not_recorded(world):
    (world.layout.fallback / "1763802000.1.json").write_text(note(channel="1763802000.1"))


def by_a_script(world):
    attested(world.synthetic)
    beat(world.synthetic, 9)


def damaged(world):
    recording = world.synthetic.good()
    journal = world.layout.sealed / recording / "journal.jsonl"
    journal.write_bytes(journal.read_bytes().replace(b"switchboard", b"switchbeard"))


def nonsense(world):
    (world.layout.fallback / "x.json").write_text("nonsense")


def found_by_the_guard(world):
    (world.layout.incidents / f"{minted(6)}.json").write_text(json.dumps(incident(6)))


def with_a_stranger(world):
    recording = world.synthetic.good()
    (world.layout.audio_of(recording) / "stranger.wav").write_bytes(b"x")


def yesterday(world):
    ledger = Ledger(world.layout.anchors)
    ledger.note("calls/2026/11/21/x/manifest.json", "ab" * 32, Instant(clock.now() - DAY))


SCENES: list[Callable[[World], None]] = [
    good, not_recorded, by_a_script, damaged, nonsense, found_by_the_guard, with_a_stranger, yesterday,
]  # fmt: skip


class Crashing(World):
    """A world that can be made of what was left of another one."""

    def __init__(self, root: Path) -> None:
        super().__init__(SyntheticSpool(root))
        self.signer = SIGNER

    def outside(self):
        return copy.deepcopy((self.store, self.database))


@pytest.fixture(autouse=True)
def now(monkeypatch):
    """Let no time pass from an hour after the crash: a day's ledger is the same whenever the next ship comes."""
    now = Instant(clock.now() + HOUR)
    monkeypatch.setattr(clock, "now", lambda: now)
    return now


def before(disk, method):
    """Remember how it is before a step on the other side of a port, too."""

    def step(self, *arguments):
        disk.remember(f"{method.__name__}({arguments[0]})")
        return method(self, *arguments)

    return step


@pytest.mark.parametrize("scene", SCENES)
def test_ship_is_cut_off_before_every_step(tmp_path, monkeypatch, scene):
    world = Crashing(tmp_path / "whole")
    world.synthetic.prepare()
    for folder in (
        world.layout.keeper,
        world.layout.incidents / "shipped",
        world.layout.shipped,
        world.layout.quarantine,
    ):
        folder.mkdir(exist_ok=True)
    scene(world)
    disk = Disk(world.layout.root, outside=lambda: [one.__dict__ for one in world.outside()])
    with disk.watched(), pytest.MonkeyPatch.context() as ports:
        for kind, name in ((MemoryStore, "put"), (MemoryStore, "read_back"), (MemoryDatabase, "store")):
            ports.setattr(kind, name, before(disk, getattr(kind, name)))
        world.run()
    expected = outcome(world)
    crashes = disk.crashes()
    assert len(crashes) >= 6
    # What is done from here on need not survive anything.
    for name in ("fsync", "fdatasync"):
        monkeypatch.setattr(os, name, lambda _: None)
    for number, (step, how, tree, outside) in enumerate(crashes):
        again = Crashing(tmp_path / f"crash-{number}")
        lay_out(again.layout.root, {path.replace(OWN, GONE): content for path, content in tree.items()})
        for port, state in zip((again.store, again.database), copy.deepcopy(outside), strict=True):
            port.__dict__.update(state)
        # A second kill in the same place would find the same; what it ends in, the third ship finds done.
        for _ in range(2):
            again.run()
            assert outcome(again) == expected, f"{how}, before {step}"
        (again.layout.heartbeats / "run-1.jsonl").unlink()
        left = [str(one.path.relative_to(again.layout.root)) for one in strays.find(again.layout, age_seconds=0.0)]
        assert left == [], f"{how}, before {step}: these are left over"
