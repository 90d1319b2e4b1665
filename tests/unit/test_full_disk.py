"""A real file system of memory that is full to the last byte, or turns read-only, under a gate and a ship at work."""

import os
import subprocess

import pytest
from sealed_calls import SyntheticSpool
from unit.calls import RECORDING
from unit.journal_desk import CLOSED, ENDED, GRANTED, OPENED, Desk
from unit.ship_world import World, said

from ari_app import strays


def fill(disk, leave=0):
    """Take all of the room but for so many bytes; return the file that takes it."""
    filler = disk / "filler"
    filler.unlink(missing_ok=True)
    with filler.open("wb", buffering=0) as file:
        room = os.statvfs(disk)
        file.write(bytes(max(0, room.f_bavail * room.f_frsize - leave)))
    return filler


@pytest.mark.parametrize("leave", [0, 4096])
def test_a_gate_loses_no_word_on_a_full_disk(disk, leave):
    """An attestation is refused, a note waits; with room again the journal is whole, and has no torn line in it."""
    with Desk(disk) as desk:
        desk.note(OPENED)
        assert desk.attest() == (True, "")
        filler = fill(disk, leave)
        ok, why = desk.attest(*[GRANTED] * 400)
        assert (ok, "No space left" in why) == (False, True)
        desk.beat(4)
        desk.note(CLOSED, ENDED)
        filler.unlink()
        desk.beat(10)
        assert desk.seal() == (True, "")
    assert desk.entries_in(desk.layout.sealed) == [OPENED, CLOSED, ENDED]


def test_a_capture_that_is_refused_on_a_full_disk_leaves_no_name_behind(disk):
    """Nothing would ever take it away: the capture that it names never began."""
    with Desk(disk) as desk:
        desk.note(OPENED)
        desk.layout.audio_of(RECORDING).mkdir(parents=True, exist_ok=True)
        fill(disk)
        ok, why = desk.attest(GRANTED)
        assert (ok, "No space left" in why) == (False, True)
        assert list(desk.layout.live.iterdir()) == []


def test_a_gate_on_a_disk_that_turns_read_only_refuses_and_goes_on_afterwards(disk):
    """As ext4 does by itself after an error (errors=remount-ro)."""
    with Desk(disk) as desk:
        desk.note(OPENED)
        assert desk.attest() == (True, "")
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        ok, why = desk.attest(GRANTED)
        assert (ok, "Read-only file system" in why) == (False, True)
        desk.note(CLOSED, ENDED)
        subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True)
        assert desk.seal() == (True, "")
    assert desk.entries_in(desk.layout.sealed) == [OPENED, CLOSED, ENDED]


def test_a_ship_on_a_disk_with_ever_more_room_stores_the_call_once_and_loses_nothing_before(disk, capsys):
    world = World(SyntheticSpool(disk / "spool").prepare())
    assert world.run() == 0
    recording = world.synthetic.good()
    before = {file: file.read_bytes() for file in (disk / "spool").rglob("*.wav")}
    kept = 0
    for leave in range(0, 300_000, 20_000):
        filler = fill(disk, leave)
        code = world.run()
        if world.names("sealed") == []:
            break
        kept += 1
        assert code == 1
        assert {file: file.read_bytes() for file in (disk / "spool").rglob("*.wav")} == before
    filler.unlink()
    assert world.run() == 0
    assert (world.names("sealed"), world.names("audio"), world.names("quarantine")) == ([], [], [])
    assert world.names("shipped") == [recording]
    assert sorted(world.store.objects) == [
        f"calls/2026/11/22/{recording}/manifest.json",
        f"calls/2026/11/22/{recording}/seg-001.flac",
    ]
    assert kept >= 3
    assert "call.kept" in said(capsys)
    (world.layout.heartbeats / "run-1.jsonl").unlink()
    assert strays.find(world.layout, age_seconds=-1.0) == []
