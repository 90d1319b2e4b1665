"""The shell's look at a real file system, and what it says of it."""

import os

import pytest
import structlog

from ari_app import free_space
from ari_app.core.free_space import Floor, Level
from ari_app.layout import Layout

GIB = 1 << 30
BLOCKS = 100 * GIB // 4096


class FileSystem:
    """What `statvfs` says: four of its fields matter."""

    def __init__(self, monkeypatch):
        self.free = BLOCKS
        self.f_frsize, self.f_blocks, self.f_files, self.f_favail = 4096, BLOCKS, 10**6, 10**6
        monkeypatch.setattr(os, "statvfs", self.say)

    @property
    def f_bavail(self):
        return self.free

    def say(self, _):
        if self.free < 0:
            raise OSError
        return self

    def leave(self, free_bytes):
        self.free = free_bytes // 4096


@pytest.fixture
def disk(monkeypatch):
    return FileSystem(monkeypatch)


def looks(tmp_path, floor=None):
    return free_space.FreeSpace(Layout(tmp_path), floor or Floor(2 * GIB), "gate")


def test_a_change_is_said_once_and_aloud(tmp_path, disk):
    space = looks(tmp_path)
    with structlog.testing.capture_logs() as said:
        for free in (10 * GIB, GIB, GIB, 1 << 20, 1 << 20, 10 * GIB, 10 * GIB):
            disk.leave(free)
            space.look()
    assert [(one["event"], one["log_level"]) for one in said] == [
        ("spool.low", "error"),
        ("spool.scarce", "error"),
        ("spool.has_room", "info"),
    ]
    assert (said[0]["free"], said[0]["stop_below_free"]) == ("1.0 GiB", "2.0 GiB")
    assert "nothing is deleted" in said[0]["hint"]
    assert "Make room" in said[1]["hint"]


def test_whoever_asks_is_told_whether_it_has_changed(tmp_path, disk):
    space = looks(tmp_path)
    assert (space.look(), space.level) == (False, Level.AMPLE)
    disk.leave(GIB)
    assert (space.look(), space.level) == (True, Level.LOW)
    assert (space.look(), space.level) == (False, Level.LOW)
    disk.free = -1
    assert (space.look(), space.level) == (False, Level.LOW), "what cannot be asked has not changed"


def test_without_inodes_there_is_no_room_but_where_none_are_counted(tmp_path, disk):
    disk.f_favail = 3
    space = looks(tmp_path)
    assert (space.look(), space.level) == (True, Level.SCARCE)
    disk.f_files = 0
    assert (space.look(), space.level) == (True, Level.AMPLE)


def test_a_part_of_the_file_system(tmp_path, disk):
    space = looks(tmp_path, Floor(percent=5))
    disk.leave(6 * GIB)
    assert not space.look()
    disk.leave(5 * GIB - 4096)
    assert space.look()


def test_the_scripts_find_a_mark_for_as_long_as_there_is_no_room(tmp_path):
    layout = Layout(tmp_path)
    free_space.leave_mark(layout, Level.AMPLE)
    assert not layout.full.exists()
    for level in (Level.LOW, Level.SCARCE, Level.LOW):
        free_space.leave_mark(layout, level)
        assert layout.full.exists()
    free_space.leave_mark(layout, Level.AMPLE)
    assert not layout.full.exists()
    free_space.leave_mark(Layout(tmp_path / "nowhere"), Level.LOW)
