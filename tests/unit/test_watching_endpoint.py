"""The small server: it answers on loopback, and whatever becomes of it, it is in nobody's way."""

import json
import socket
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
import structlog

from ari_app.watching import catalogue as m
from ari_app.watching import endpoint, meters
from ari_app.watching.endpoint import Endpoint, Readiness


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def ask(port, path):
    """Return the status, the type and the body."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return answer.status, answer.headers["Content-Type"], answer.read()
    except urllib.error.HTTPError as refusal:
        with refusal:
            return refusal.code, refusal.headers["Content-Type"], refusal.read()


def wait_until(holds, seconds=5.0):
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.fixture
def serving():
    """Make servers that are closed at the end."""
    made = []

    def make(port, checks=None, process=m.SHIP):
        found = checks if checks is not None else {}
        made.append(Endpoint(process, port, meters.of(process, port), lambda: Readiness(dict(found), {"calls": 3})))
        made[-1].start()
        return made[-1]

    yield make
    for one in made:
        one.close()
    for one in made:
        if one.thread:
            one.thread.join(timeout=5)
            assert not one.thread.is_alive()


def test_metrics_are_served_in_prometheus_own_format(serving):
    port = free_port()
    one = serving(port)
    wait_until(lambda: one.serving)
    one._meters.count(m.SHIPPED, "recorded", "")
    status, kind, body = ask(port, "/metrics")
    assert (status, kind) == (200, "text/plain; version=0.0.4; charset=utf-8")
    assert b'consentgate_shipments_total{outcome="recorded",reason=""} 1.0\n' in body
    assert b"_created" not in body


def test_ready_is_200_and_not_ready_is_503_and_says_why(serving):
    port, checks = free_port(), {"s3": "", "postgres": ""}
    one = serving(port, checks)
    wait_until(lambda: one.serving)
    status, _, body = ask(port, "/readyz?verbose")
    assert (status, json.loads(body)) == (200, {"ready": True, "checks": {"s3": "ok", "postgres": "ok"}, "calls": 3})
    checks["s3"] = "cannot be reached"
    status, _, body = ask(port, "/readyz")
    assert (status, json.loads(body)["checks"]["s3"]) == (503, "cannot be reached")


@pytest.mark.parametrize("path", ["/", "/metrics/", "/../etc/passwd", "/readyz/x"])
def test_nothing_else_is_served(serving, path):
    port = free_port()
    one = serving(port)
    wait_until(lambda: one.serving)
    assert ask(port, path)[0] == 404


def test_it_listens_on_loopback_alone(serving):
    port = free_port()
    one = serving(port)
    wait_until(lambda: one.serving)
    table = Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()
    listening = [line.split()[1] for line in table if line.split()[3] == "0A"]
    assert [place for place in listening if place.endswith(f":{port:04X}")] == [f"0100007F:{port:04X}"]


def test_a_port_that_is_taken_is_said_once_and_had_when_it_is_free_again(serving, monkeypatch):
    monkeypatch.setattr(endpoint, "RETRY_SECONDS", 0.05)
    with socket.socket() as other, structlog.testing.capture_logs() as said:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        one = serving(port, process=m.GATE)
        wait_until(lambda: said)
        time.sleep(0.2)
        assert not one.serving
        assert [(line["event"], line["log_level"], line["on"]) for line in said] == [
            ("metrics.not_served", "error", f"127.0.0.1:{port}")
        ]
    wait_until(lambda: one.serving)
    assert ask(port, "/readyz")[0] == 200


def test_without_a_port_there_is_no_thread_and_nothing_is_counted(serving):
    one = serving(None)
    assert one.thread is None
    assert isinstance(one._meters, meters.Silent)
    one._meters.count(m.SHIPPED, "recorded", "")
    assert one._meters.text() == b""


def test_whoever_connects_and_says_nothing_keeps_nobody_waiting(serving):
    port = free_port()
    one = serving(port)
    wait_until(lambda: one.serving)
    with socket.create_connection(("127.0.0.1", port)) as silent:
        silent.sendall(b"GET /met")
        assert ask(port, "/readyz")[0] == 200


def test_whoever_goes_away_before_the_answer_is_nobodys_trouble(serving, capfd):
    port = free_port()
    one = serving(port)
    wait_until(lambda: one.serving)
    for _ in range(20):
        with socket.create_connection(("127.0.0.1", port)) as rude:
            rude.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
            rude.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    assert ask(port, "/readyz")[0] == 200
    assert capfd.readouterr().err == ""
