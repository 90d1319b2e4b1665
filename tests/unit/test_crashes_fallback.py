"""Script, keeper and ship while no gate is there: each is killed, or the machine loses power, at every step.

Whatever was left, the next ship brings it to an end: the call is stored as far as its keeper's last heartbeat, or has
its row and a reason; and of sound of which no account survived somebody is told.
"""

import importlib.util
import itertools
import json
import os
from pathlib import Path
from typing import Any

import pytest
from sealed_calls import BOOT, SECOND, SyntheticSpool, at, journal, noise, wav
from unit.crashes import Disk, Left, Tree, lay_out, tree_of
from unit.ship_world import World
from unit.test_ship_attested import CHANNEL, KEEPER, RECORDING, SCRIPTS, entries

from ari_app import clock, strays
from ari_app.core.keeper import Kept
from ari_app.core.names import Instant, RunId
from ari_app.core.strays import Kind
from ari_app.guard.kept_files import KeptFiles
from ari_app.layout import Layout

HOUR = 3600 * SECOND
WHOLE = round((8 - 0.04 - 4) * 8000)


def script(name: str) -> Any:
    """Return an AGI script as a module."""
    path = Path(__file__).parents[2] / "agi_scripts" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"agi_{name}", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def live_through(layout: Layout) -> None:
    """Do what script, guard, Asterisk and the hang-up do of one call, in their order."""
    lines = journal(entries()).splitlines(keepends=True)
    files = KeptFiles(layout, RunId(KEEPER), lambda _: None)
    files.prepare()
    files.beat(BOOT, at(2.5), at(2.5))
    files.close()
    files = KeptFiles(layout, RunId(KEEPER), lambda _: None)
    script("fallback").attest(str(layout.fallback / CHANNEL), b"".join(lines[:SCRIPTS]))
    files.name(Kept(CHANNEL, RECORDING, at(3600), at(0)))
    (layout.audio_of(RECORDING) / "seg-001.p01.wav").write_bytes(wav(noise(7, 4)))
    files.append(RECORDING, b"".join(lines[SCRIPTS:]))
    files.beat(BOOT, at(9), at(9))
    files.forget(CHANNEL)
    files.close()
    began = str(at(0) // SECOND)
    script("outcome").note(layout.fallback, "switchboard", CHANNEL, began, "gate_away", at(8.05))


@pytest.fixture(scope="module")
def crashes(tmp_path_factory):
    synthetic = SyntheticSpool(tmp_path_factory.mktemp("whole") / "spool").prepare()
    layout = synthetic.layout
    for folder in ("live", "keeper", "quarantine", "shipped", "incidents/shipped"):
        (layout.root / folder).mkdir()
    disk = Disk(layout.root, lucky="keeper/01M89EP1ZYXF1YNMXJBPC6YR8R")
    with disk.watched(), pytest.MonkeyPatch.context() as patch:
        # Nobody's: whoever looks at it later must find that it is gone.
        patch.setattr(os, "getpid", lambda: 4_194_999)
        live_through(layout)
    return disk.crashes()


@pytest.fixture(autouse=True)
def later(monkeypatch):
    """Come an hour later, and in haste: nothing from here on need survive anything."""
    seconds = itertools.count(clock.now() + HOUR, SECOND)
    monkeypatch.setattr(clock, "now", lambda: Instant(next(seconds)))
    for name in ("fsync", "fdatasync"):
        monkeypatch.setattr(os, name, lambda _: None)


def beaten(tree: Tree) -> bool:
    return any(str(at(9)).encode() in (content or b"") for path, content in tree.items() if path.endswith(".jsonl"))


def test_the_next_ship_brings_whatever_was_left_to_an_end(crashes, tmp_path):
    assert len(crashes) > 15
    stored = 0
    for number, (step, how, tree, _) in enumerate(crashes):
        where = f"{how}, before {step}"
        world = World(SyntheticSpool(tmp_path / f"crash-{number}" / "spool"))
        lay_out(world.layout.root, tree)
        # Asterisk died with it, and another one has come.
        world.synthetic.beat(at(61), run="run-2", boot="boot-2")
        world.run()
        layout = world.layout
        assert world.names("sealed") == [], where
        assert tree_of(layout.fallback) == {}, where
        kinds = {one.kind for one in strays.find(layout, age_seconds=0.0) if one.place != "heartbeat"}
        assert kinds <= {Kind.SOUND_ALONE, Kind.NAMED_ALONE}, where
        recordings = list(world.database.manifests.values())
        assert len(recordings) <= 1, f"{where}: one call is stored twice"
        samples = sum(track["stored_samples"] for one in recordings for track in one["tracks"])
        assert samples in {0, WHOLE}, where
        assert not samples or beaten(tree), f"{where}: stored without a heartbeat"
        stored += samples > 0
        if how == Left.KILLED and "keeper/" + RECORDING + ".kept" in tree and beaten(tree):
            assert samples == WHOLE, f"{where}: what was promised is not stored"
        sound = any(path.startswith("audio/") and content for path, content in tree.items())
        assert not sound or recordings or Kind.SOUND_ALONE in kinds, f"{where}: nobody is told of sound that is there"
    assert stored >= 3


def test_what_was_kept_for_a_script_that_did_not_wait_goes_with_its_call(tmp_path):
    world = World(SyntheticSpool(tmp_path / "spool").prepare())
    layout = world.layout
    (layout.root / "keeper").mkdir()
    ended = json.dumps({"kind": "ended"}).encode() + b"\n"
    for name, lines in (("0" * 26, ended), ("1" * 26, b'{"kind":"party_entered"}\n'), ("2" * 26, ended)):
        (layout.keeper / f"{name}.kept").write_bytes(lines)
        (layout.audio / name).mkdir()
    (layout.audio / ("2" * 26) / "seg-001.p01.wav").write_bytes(b"x")
    world.run()
    assert sorted(one.name[0] for one in layout.keeper.iterdir()) == ["1", "2"]
    assert sorted(one.name[0] for one in layout.audio.iterdir()) == ["1", "2"]
