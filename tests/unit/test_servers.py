"""The servers of the contract and integration rings: started once, also where that fails."""

import atexit

import pytest
import servers
from demo_world.errors import WorldError


class Started:
    """Servers that do not start, as on a machine that is too busy."""

    def __init__(self):
        self.attempts = self.stops = 0

    def start(self, made):
        assert made is self
        self.attempts += 1
        raise WorldError("SeaweedFS was not ready within 40 s")

    def stop(self):
        self.stops += 1


@pytest.fixture
def started(tmp_path, monkeypatch):
    started = Started()
    monkeypatch.setenv("CONSENTGATE_DEMO_DIR", str(tmp_path))
    monkeypatch.setattr(servers, "_made", lambda: started)
    monkeypatch.setattr(servers, "_start", started.start)
    servers._attempt.cache_clear()
    yield started
    servers._attempt.cache_clear()
    atexit.unregister(started.stop)


def test_servers_that_do_not_start_are_stopped_and_not_started_again_by_each_test(started):
    """Twenty pairs of servers ran at once, each of them because the ones before had left no time for it to start."""
    for _ in range(3):
        with pytest.raises(WorldError, match="did not start: SeaweedFS was not ready"):
            servers.running()
    assert (started.attempts, started.stops) == (1, 1)
