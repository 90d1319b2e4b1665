"""The guard is killed, or the machine loses power, while it takes a capture without a permit away.

Whatever was left: what was captured is where it was or in quarantine and nowhere else, and somebody is told of it, by
the incident or by ship's look through the spool.
"""

import json
import os
from pathlib import Path

import pytest
from sealed_calls import SECOND, SyntheticSpool, minted, noise, wav
from unit.crashes import Disk, lay_out
from unit.ship_world import World

from ari_app import clock, strays
from ari_app.core.incident import Action, Door, Why
from ari_app.core.names import Instant
from ari_app.core.strays import Kind
from ari_app.guard.incidents import Incidents
from ari_app.guard.quarantine import Quarantine
from ari_app.layout import Layout

RECORDING, INCIDENT = minted(1), minted(9)
VOICE = wav(noise(1, 0.5))
NAME = f"{INCIDENT}.1"


def taken_away(layout: Layout) -> None:
    quarantine = Quarantine(layout, [])
    held = quarantine.take(layout.audio_of(RECORDING) / "stranger.wav", NAME)
    assert held
    files = (quarantine.settle(held),)
    Incidents(layout, "pbx1").raise_alarm(INCIDENT, Door.MIXMONITOR, Action.STOPPED, Why.NOT_NAMED_IN_LIVE, files=files)


def prepared(root: Path) -> Layout:
    layout = SyntheticSpool(root).prepare().layout
    for folder in (layout.quarantine, layout.keeper, layout.live, layout.shipped, layout.incidents / "shipped"):
        folder.mkdir()
    layout.audio_of(RECORDING).mkdir()
    (layout.audio_of(RECORDING) / "stranger.wav").write_bytes(VOICE)
    return layout


def test_what_is_taken_away_is_kept_once_and_told_of(tmp_path, monkeypatch):
    layout = prepared(tmp_path / "spool")
    disk = Disk(layout.root)
    with disk.watched(), pytest.MonkeyPatch.context() as patch:
        # Nobody's: whoever looks at it later must find that it is gone.
        patch.setattr(os, "getpid", lambda: 4_194_999)
        taken_away(layout)
    later = Instant(clock.now() + 3600 * SECOND)
    monkeypatch.setattr(clock, "now", lambda: later)
    crashes = disk.crashes()
    assert len(crashes) >= 6
    for number, (step, how, tree, _) in enumerate(crashes):
        where = f"{how}, before {step}"
        world = World(SyntheticSpool(tmp_path / f"crash-{number}"))
        lay_out(world.layout.root, tree)
        world.run()
        root = world.layout.root
        kept = [one for one in root.rglob("*") if one.is_file() and one.read_bytes() == VOICE]
        assert len(kept) == 1, where
        told = {one.path: one.kind for one in strays.find(world.layout, age_seconds=0.0) if one.place != "heartbeat"}
        incident = world.database.incidents.get(INCIDENT)
        if kept[0].parent == world.layout.quarantine:
            assert incident or told == {kept[0]: Kind.TAKEN_ALONE}, where
        else:
            assert list(told.values()) == [Kind.SOUND_ALONE], where
        assert not [one for one in root.rglob(".*") if one.is_file()], where
        if incident:
            assert json.loads(json.dumps(incident))["files"][0]["quarantined_as"] == NAME
            assert told == {}, where
