"""One patience for several threads: an outage is one attempt at a time, and one that fails alone stops nobody."""

import threading
import time

import pytest

from ari_app import retrying
from ari_app.errors import PermanentError, TransientError
from ari_app.retrying import AloneError, Patience, StoppedError


class Server:
    """One that is away until it is told otherwise; it counts who asks, and how many at once."""

    def __init__(self):
        self.away, self.asked, self.at_once, self.most = True, 0, 0, 0
        self.broken = threading.local()

    def __call__(self):
        self.asked, self.at_once = self.asked + 1, self.at_once + 1
        self.most = max(self.most, self.at_once)
        time.sleep(0.002)
        self.at_once -= 1
        if self.away:
            raise TransientError("it is away")
        return "good"


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(retrying, "delay_seconds", lambda *_: 0.01)
    monkeypatch.setattr(retrying, "WAIT_SECONDS", 0.02)


@pytest.fixture
def told():
    return []


@pytest.fixture
def patience(told):
    return Patience(threading.Event(), lambda failure: told.append(str(failure)), lambda: told.append("back"))


def together(count, work):
    found = []

    def run():
        try:
            found.append(work())
        except Exception as failure:  # noqa: BLE001
            found.append(failure)

    threads = [threading.Thread(target=run) for _ in range(count)]
    for one in threads:
        one.start()
    return threads, found


def wait_for(there):
    for _ in range(500):
        if there():
            return
        time.sleep(0.01)
    raise AssertionError("it did not come")


def test_an_outage_is_one_attempt_at_a_time_and_over_for_all_at_once(patience, told):
    server = Server()
    with pytest.raises(TransientError):
        server()
    threads, found = together(1, lambda: patience.bear(server))
    wait_for(lambda: len(told) > 2)
    server.most = 0
    more, also = together(8, lambda: patience.bear(server))
    wait_for(lambda: server.asked > 12)
    assert server.most == 1
    assert not found + also
    server.away = False
    for one in [*threads, *more]:
        one.join()
    assert found + also == ["good"] * 9
    assert told.count("back") == 1
    assert told[-1] == "back"


def test_those_that_fail_together_count_once(patience, told):
    server, together_now = Server(), threading.Barrier(5)
    first = threading.local()

    def attempt():
        if not hasattr(first, "done"):
            first.done = True
            together_now.wait()
        return server()

    threads, found = together(5, lambda: patience.bear(attempt))
    wait_for(lambda: told)
    server.away = False
    for one in threads:
        one.join()
    assert found == ["good"] * 5
    # A second one may have begun its attempt before the server was back.
    assert 1 <= told.count("it is away") <= 2


@pytest.mark.parametrize("error", [TransientError, PermanentError])
def test_a_step_that_fails_alone_stops_nobody(patience, told, error):
    def broken():
        raise error("the object is damaged", on="calls/x", why="500", hint="Look at it")

    (worker,), found = together(1, lambda: patience.bear(broken))
    wait_for(lambda: told)
    for _ in range(20):
        assert patience.bear(lambda: "good") == "good"
        time.sleep(0.01)
        if not worker.is_alive():
            break
    worker.join(5)
    (failure,) = found
    assert isinstance(failure, AloneError)
    assert str(failure) == "the object is damaged (calls/x): 500. Look at it"
    assert patience.bear(lambda: "good") == "good"


def test_that_the_server_is_there_does_not_make_a_fault_the_steps_own(patience, told):
    """It lets itself be asked, but stores nothing: that is an outage, however long it takes."""
    denied = [True]

    def put():
        if denied[0]:
            raise PermanentError("it refuses us")
        return "good"

    (worker,), found = together(1, lambda: patience.bear(put))
    wait_for(lambda: told)
    for _ in range(10):
        patience.bear(lambda: None, reaching=True)
    wait_for(lambda: len(told) > 8)
    assert "back" not in told
    denied[0] = False
    worker.join()
    assert found == ["good"]
    assert told[-1] == "back"


def test_where_only_asking_failed_an_answer_is_enough(patience, told):
    server = Server()
    (worker,), _ = together(1, lambda: patience.bear(server, reaching=True))
    wait_for(lambda: told)
    server.away = False
    worker.join()
    assert told[-1] == "back"


def test_with_a_last_attempt_everybody_gives_up(told):
    patience = Patience(threading.Event(), lambda failure: told.append(str(failure)), max_attempts=3)
    threads, found = together(4, lambda: patience.bear(Server()))
    for one in threads:
        one.join()
    assert all(isinstance(one, TransientError) for one in found)
    assert 3 <= len(told) <= 6


def test_all_end_when_they_are_asked_to(patience):
    threads, found = together(4, lambda: patience.bear(Server()))
    time.sleep(0.05)
    patience.stopping.set()
    for one in threads:
        one.join(2)
    assert [type(one) for one in found] == [StoppedError] * 4


def test_another_error_is_nobody_elses(patience):
    def damaged():
        raise ValueError("x")

    with pytest.raises(ValueError, match="x"):
        patience.bear(damaged)
    assert patience.bear(lambda: 1) == 1
