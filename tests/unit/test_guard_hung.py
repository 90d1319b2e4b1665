"""A hung gate is ended by the guard, and nobody else is."""

import os
import subprocess
import sys

import pytest

from ari_app.guard.hung import HUNG_TICKS, Hung
from ari_app.layout import Layout

HOLDER = """
import fcntl, os, sys, time
file = open(sys.argv[1], "a")
if sys.argv[2] == "holds":
    fcntl.flock(file, fcntl.LOCK_EX)
print("ready", flush=True)
time.sleep(60)
"""


class Gate:
    """A process that holds a lock, or does not, and of which the lock file says something."""

    def __init__(self, layout, holds="holds"):
        self.file = layout.lock("gate")
        self.process = subprocess.Popen(
            [sys.executable, "-c", HOLDER, str(self.file), holds], stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout
        assert self.process.stdout.readline() == "ready\n"

    def says(self, signs="signs"):
        self.file.write_text(f"{self.process.pid} {signs}\n")
        return self

    def lives(self):
        return self.process.poll() is None

    def end(self):
        self.process.kill()
        self.process.wait(10)
        assert self.process.stdout
        self.process.stdout.close()


@pytest.fixture
def gates(tmp_path):
    made = []

    def make(*options):
        made.append(Gate(Layout(tmp_path), *options))
        return made[-1]

    yield make
    for one in made:
        one.end()


def looked(tmp_path, ticks, between=lambda _: None):
    hung = Hung(Layout(tmp_path))
    for number in range(ticks):
        hung.tick()
        between(number)


def test_a_gate_that_gives_no_sign_for_five_seconds_is_ended(tmp_path, gates):
    gate = gates().says()
    looked(tmp_path, HUNG_TICKS)
    assert gate.lives()
    looked(tmp_path, HUNG_TICKS + 1)
    assert gate.process.wait(5) == -9


def test_a_gate_that_gives_signs_is_not(tmp_path, gates):
    gate = gates().says()
    looked(tmp_path, 4 * HUNG_TICKS, lambda number: os.utime(gate.file, ns=(number + 1, number + 1)))
    assert gate.lives()


def test_one_that_starts_or_stops_is_not(tmp_path, gates):
    gate = gates().says("no-signs")
    looked(tmp_path, 4 * HUNG_TICKS)
    assert gate.lives()


def test_one_that_does_not_hold_the_lock_is_not(tmp_path, gates):
    holder = gates()
    other = gates("stranger").says()
    looked(tmp_path, 2 * HUNG_TICKS)
    assert other.lives()
    assert holder.lives()


@pytest.mark.parametrize("text", ["", "nobody signs", "999999999 signs"])
def test_what_names_no_process_ends_none(tmp_path, gates, text):
    gate = gates()
    gate.file.write_text(text)
    looked(tmp_path, 2 * HUNG_TICKS)
    assert gate.lives()


def test_without_a_lock_there_is_nobody_to_end(tmp_path):
    looked(tmp_path, HUNG_TICKS + 1)
