"""What unit tests share: the core, in whose place `test_mutants.py` puts its mutants, and a small disk."""

import subprocess

import pytest
from unit import driven

pytest.register_assert_rewrite("unit.talks")


@pytest.fixture
def core():
    return driven.REAL


NOT_ALLOWED = ("permission denied", "must be superuser", "operation not permitted")


@pytest.fixture
def disk(tmp_path):
    """Give the test a real file system of one MiB, to fill and to turn read-only.

    Who may not mount (an ordinary user, most containers) cannot play these; everybody else does, and whatever else goes
    wrong with the mount is a failure. The run from a clean clone plays all of them.
    """
    point = tmp_path / "disk"
    point.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={1 << 20},mode=0750", "tmpfs", str(point)]
    done = subprocess.run(mount, check=False, capture_output=True, text=True)
    if done.returncode and any(words in done.stderr.lower() for words in NOT_ALLOWED):
        pytest.skip(f"nothing may be mounted here: {done.stderr.strip()}")
    assert not done.returncode, done.stderr
    yield point
    subprocess.run(["umount", str(point)], check=True)
