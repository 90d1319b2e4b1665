"""What the guard noted, on its way to where it is kept; with both ports in memory."""

import json
import os

import pytest
from sealed_calls import SyntheticSpool, at, incident, minted
from unit.ship_world import World, failing, said

from ari_app.errors import PermanentError
from ari_app.ports import ConflictError

KEY = f"calls/incidents/2026/11/22/{minted(1)}.json"


@pytest.fixture
def synthetic(tmp_path):
    return SyntheticSpool(tmp_path / "spool").prepare()


@pytest.fixture
def world(synthetic):
    return World(synthetic)


def write(world, content=None, name=None):
    content = incident() if content is None else content
    file = world.layout.incidents / (name or f"{content['id']}.json")
    file.write_text(json.dumps(content))
    return file


def test_an_incident_becomes_an_object_and_rows(world, capsys):
    file = write(world)
    text = file.read_bytes()
    assert world.run() == 0
    assert world.store.objects == {KEY: text}
    assert world.database.incidents == {minted(1): incident()}
    assert world.names("incidents") == ["shipped"]
    assert (world.layout.incidents / "shipped" / file.name).read_bytes() == text
    assert "incident.shipped" in said(capsys)


def test_it_is_stored_once_however_often_ship_was_killed(world, monkeypatch):
    write(world)
    with monkeypatch.context() as killed:
        killed.setattr("ari_app.adapters.spool.Spool.finish_incident", failing(KeyboardInterrupt()))
        with pytest.raises(KeyboardInterrupt):
            world.run()
    assert world.names("incidents") == [f"{minted(1)}.json", "shipped"]
    assert world.run() == 0
    assert list(world.database.incidents) == [minted(1)]
    assert world.names("incidents") == ["shipped"]


def test_a_folder_that_is_not_there_is_no_error(world):
    world.layout.incidents.rmdir()
    assert world.run() == 0


def test_damaged_ones_are_put_aside_and_the_others_go_on(world, synthetic, capsys):
    folder = world.layout.incidents
    write(world, incident(2), name=f"{minted(3)}.json")
    write(world, incident(4, why="07700900124"))
    write(world, incident(5, at=at(0) * 1000))
    (folder / "07700900123.json").write_text("{")
    (folder / "large.json").write_text(" " * 70_000)
    (folder / "link.json").symlink_to("/etc/passwd")
    os.mkfifo(folder / "pipe.json")
    (folder / ".half.json").write_text("{")
    (folder / "x.tmp").write_text("{")
    write(world)
    shipped = synthetic.good()
    assert world.run() == 1
    assert world.names("incidents") == [".half.json", "shipped", "x.tmp"]
    quarantined = world.names("quarantine")
    assert len(quarantined) == 7
    assert all(name.startswith("incident-") for name in quarantined)
    assert list(world.database.incidents) == [minted(1)]
    assert world.names("shipped") == [shipped]
    log = said(capsys)
    assert log.count("incident.quarantined") == 7
    assert "07700900" not in log


def test_one_that_cannot_even_be_put_aside_stops_nothing(world, synthetic, monkeypatch, capsys):
    write(world, incident(2), name="x.json")
    monkeypatch.setattr("ari_app.adapters.spool.Spool.quarantine_file", failing(OSError(28, "No space left on device")))
    write(world)
    shipped = synthetic.good()
    assert world.run() == 1
    assert (list(world.database.incidents), world.names("shipped")) == ([minted(1)], [shipped])
    assert said(capsys).count("incident.kept") == 1


@pytest.mark.parametrize("problem", [ConflictError("another account"), OSError(28, "No space left on device")])
def test_what_cannot_be_stored_is_kept_and_tried_again_later(world, synthetic, problem, capsys):
    write(world)
    write(world, incident(2))
    world.database.store_incident = failing(problem, times=1)
    shipped = synthetic.good()
    assert world.run() == 1
    assert world.names("incidents") == [f"{minted(1)}.json", "shipped"]
    assert world.names("shipped") == [shipped]
    assert said(capsys).count("incident.kept") == 1


def test_another_account_of_the_same_incident_is_kept(world, capsys):
    write(world)
    world.run()
    write(world, incident(door="snoop"))
    assert world.run() == 1
    assert world.names("incidents") == [f"{minted(1)}.json", "shipped"]
    assert world.database.incidents[minted(1)]["door"] == "mixmonitor"
    assert "incident.kept" in said(capsys)


def test_where_the_database_stays_away_nothing_is_put_aside(world):
    write(world)
    world.database.store_incident = failing(PermanentError("it refuses us"))
    with pytest.raises(PermanentError):
        world.run()
    assert world.names("incidents") == [f"{minted(1)}.json", "shipped"]
    assert world.names("quarantine") == []


def test_what_was_kept_waits_a_minute(world, monkeypatch):
    """The loop comes by twice a second; a person who must look does not come that fast."""
    write(world)
    calls = []

    def refuse(*_):
        calls.append(1)
        raise ConflictError("another account")

    world.database.store_incident = refuse
    rounds = iter(range(3))
    ship = world.ship()
    ship.once = False

    def wait(_seconds):
        if next(rounds, None) is None:
            ship.stopping.set()

    monkeypatch.setattr(ship.stopping, "wait", wait)
    ship.run()
    assert len(calls) == 1
