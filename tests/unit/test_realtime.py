"""The demo's Asterisk runs before everything else where that is permitted, and nothing else does."""

import os
import subprocess
import sys

from demo_world import processes


def policy_of_a_child() -> int:
    """Return how a process that is started now is scheduled."""
    code = "import os; print(os.sched_getscheduler(0))"
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)
    return int(done.stdout)


def test_what_is_started_inside_inherits_it_and_nothing_after_it() -> None:
    before = os.sched_getscheduler(0)
    with processes.realtime() as permitted:
        assert policy_of_a_child() == (os.SCHED_RR if permitted else before)
        assert processes.is_realtime(os.getpid()) is permitted
    assert os.sched_getscheduler(0) == policy_of_a_child() == before


def test_where_it_is_not_permitted_all_is_as_before(monkeypatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError

    before = os.sched_getscheduler(0)
    monkeypatch.setattr(os, "sched_setscheduler", refuse)
    with processes.realtime() as permitted:
        assert not permitted
        assert policy_of_a_child() == before
