"""What comes to ship from outside the gate: the notes of scripts, and dependencies that stay away."""

import hashlib
import os

import pytest
from sealed_calls import SyntheticSpool, good, minted
from unit.ship_world import World, failing, said
from unit.test_ship_spool import note

from ari_app.core import shipment
from ari_app.errors import PermanentError, TransientError


@pytest.fixture
def synthetic(tmp_path):
    return SyntheticSpool(tmp_path / "spool").prepare()


@pytest.fixture
def world(synthetic):
    return World(synthetic)


# -- what scripts noted


def test_a_scripts_note_becomes_a_row(world, synthetic):
    (synthetic.layout.fallback / "1.json").write_text(note())
    assert world.run() == 0
    assert world.names("fallback") == []
    ((recording, manifest),) = world.database.manifests.items()
    assert list(world.store.objects) == [f"calls/2026/11/22/{recording}/manifest.json"]
    assert (manifest["call"]["node"], manifest["call"]["reason"]) == ("pbx1", "gate_away")


def test_the_gates_account_wins_when_it_comes_first(world, synthetic):
    recording = synthetic.good()
    world.run()
    channel = world.database.manifests[recording]["call"]["channel"]
    (synthetic.layout.fallback / "1.json").write_text(note(channel=channel))
    assert world.run() == 0
    assert list(world.database.manifests) == [recording]
    assert world.names("fallback") == []


def test_the_gates_account_wins_when_it_comes_last(world, synthetic):
    channel = shipment.opened(good(minted(1)), minted(1)).channel
    (synthetic.layout.fallback / "1.json").write_text(note(channel=channel))
    world.run()
    recording = synthetic.good()
    assert world.run() == 0
    assert list(world.database.manifests) == [recording]


def test_hostile_notes_are_put_aside(world, synthetic, capsys):
    fallback = synthetic.layout.fallback
    (fallback / "$(reboot).json").write_text(note(channel="../../../etc/passwd"))
    (fallback / "07700900123.json").write_text("{" * 3000)
    (fallback / "reason.json").write_text(note(reason="07700900123"))
    (fallback / "link.json").symlink_to("/etc/passwd")
    os.mkfifo(fallback / "pipe.json")
    (fallback / "folder.json").mkdir()
    (fallback / "good.json").write_text(note())
    assert world.run() == 1
    assert world.names("fallback") == []
    assert len(world.names("quarantine")) == 6
    assert all(name.startswith("fallback-") for name in world.names("quarantine"))
    assert len(world.database.manifests) == 1
    assert "07700900123" not in said(capsys)


def test_a_note_that_cannot_even_be_put_aside_stops_nothing(world, synthetic, capsys):
    target = world.layout.quarantine / f"fallback-{hashlib.sha256(b'x.json').hexdigest()[:16]}.json"
    (target / "x").mkdir(parents=True)
    (synthetic.layout.fallback / "x.json").mkdir()
    shipped = synthetic.good()
    assert world.run() == 1
    assert world.names("shipped") == [shipped]
    assert "fallback.kept" in said(capsys)


# -- dependencies


@pytest.mark.parametrize("port", ["store", "database"])
def test_once_gives_up_when_a_dependency_stays_away(world, synthetic, port, monkeypatch):
    monkeypatch.setattr("ari_app.retrying.delay_seconds", lambda *_: 0.001)
    waiting = synthetic.good()
    getattr(world, port).reach = failing(TransientError("it cannot be reached"))
    with pytest.raises(TransientError) as caught:
        world.run()
    assert caught.value.exit_code == 4
    assert world.names("sealed") == [waiting]
    assert not world.layout.ready("ship").exists()


def test_once_tries_a_refusal_only_once(world):
    world.store.reach = failing(PermanentError("the key is wrong"), times=1)
    with pytest.raises(PermanentError):
        world.run()


def test_a_short_absence_is_bridged(world, synthetic, monkeypatch, capsys):
    monkeypatch.setattr("ari_app.retrying.delay_seconds", lambda *_: 0.001)
    shipped = synthetic.good()
    world.database.reach = failing(TransientError("it cannot be reached"), times=2)
    assert world.run() == 0
    assert world.names("shipped") == [shipped]
    error = said(capsys)
    assert error.count("ship.not_ready") == 1
    assert error.count("ship.ready_again") == 1
