"""What `consentgate status` looks at: a real spool, real locks, and whatever answers on the ports."""

import fcntl
import json
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from sealed_calls import BEGAN, SECOND, SyntheticSpool, incident, minted
from unit.status_world import places, synthetic

from ari_app import clock
from ari_app.attempts import REACH, Attempts
from ari_app.commands import situation, status
from ari_app.commands.situation import Look, Places, State
from ari_app.core.names import Instant, minted_at
from ari_app.layout import Layout

__all__ = ["places", "synthetic"]

NOW = Instant(BEGAN + 3_725 * SECOND)


@pytest.fixture(autouse=True)
def frozen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOW)


@contextmanager
def alive(layout: Layout, name: str, *, ready: bool = True, text: str = "") -> Iterator[int]:
    """Be a process of that kind, as far as its files and its lock say."""
    with layout.lock(name).open("w") as lock:
        lock.write(text or f"{os.getpid()} signs\n")
        lock.flush()
        fcntl.flock(lock, fcntl.LOCK_EX)
        os.utime(lock.fileno(), ns=(NOW * 1000, NOW * 1000))
        if ready:
            layout.ready(name).write_text(f"{os.getpid()}\n")
        yield os.getpid()


def states(places: Places) -> dict[str, State]:
    return {one.name: one.state for one in Look(places).now().processes}


def test_all_dead_is_said_and_nothing_is_needed(tmp_path: Path) -> None:
    nowhere = Places("pbx1", Layout(tmp_path / "not-there"), status.DEFAULT_FLOOR, True, {"gate": 1})
    found = Look(nowhere).now()
    assert {one.state for one in found.processes} == {State.DEAD}
    assert (found.calls, found.to_store, found.space, found.alarm, found.unreadable) == (None, None, None, None, False)
    assert len(list(status.problems(found))) == 3


def test_who_holds_a_lock_lives_and_who_has_left_a_mark_is_ready(places: Places) -> None:
    layout = places.layout
    layout.ready("ship").write_text("1\n")
    with alive(layout, "gate") as pid, alive(layout, "guard", ready=False), alive(layout, "gate-standby"):
        found = Look(places).now()
        assert {one.name: one.state for one in found.processes} == {
            "gate": State.READY,
            "standby": State.STANDS_BY,
            "guard": State.NOT_READY,
            # Its mark is of one that was killed.
            "ship": State.DEAD,
        }
        gate = found.process("gate")
        assert gate.pid == pid
        assert gate.since is not None
        assert abs(gate.since - (situation.started(os.getpid()) or 0)) < SECOND
    assert set(states(places).values()) == {State.DEAD}


def test_looking_at_a_lock_never_takes_it(places: Places) -> None:
    with alive(places.layout, "gate"):
        Look(places).now()
    with places.layout.lock("gate").open("w") as lock:
        Look(places).now()
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_a_gate_whose_loop_does_not_turn_hangs(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    with alive(places.layout, "gate"):
        monkeypatch.setattr(clock, "now", lambda: Instant(NOW + 6 * SECOND))
        assert states(places)["gate"] is State.HANGS
    places.layout.ready("gate").unlink()
    with alive(places.layout, "gate", ready=False, text=f"{os.getpid()} no-signs\n"):
        # It starts or stops, and may take its time.
        assert states(places)["gate"] is State.NOT_READY


def test_a_site_without_a_guard_misses_none(places: Places) -> None:
    found = Look(replace(places, guarded=False)).now()
    assert found.process("guard").state is State.UNUSED
    assert not [one for one in status.problems(found) if "guard" in one.what]


def test_what_lies_in_the_spool_is_counted(places: Places, synthetic: SyntheticSpool) -> None:
    layout = places.layout
    first = synthetic.good()
    (layout.calls / minted(7)).mkdir(parents=True)
    stored = minted(8)
    (layout.sealed / stored).mkdir()
    (layout.sealed / stored / "stored").write_text("0")
    layout.live.mkdir(exist_ok=True)
    for number, permit in enumerate((1, 1, 2)):
        (layout.live / f"pbx1-1.{number}").write_text(json.dumps({"recording": first, "permit": permit}))
    layout.fallback.mkdir(exist_ok=True)
    (layout.fallback / "1.1.json").write_text("{}")
    layout.heartbeats.mkdir(exist_ok=True)
    (layout.heartbeats / "run.jsonl").write_text(f'{{"written_at":{NOW - SECOND}}}\n')
    assert (Look(places).now().to_store, Look(places).now().oldest) == (1, minted_at(first))
    account = Attempts(layout)
    account.unshipped(7, Instant(NOW - 90 * SECOND))
    account.note(first, "S3 holds another object", NOW, NOW, failed=True)
    account.note(REACH, "PostgreSQL is away", NOW, NOW, failed=True)
    account.write(NOW, at_once=True)
    found = Look(places).now()
    assert (found.calls, found.captures, found.permits, found.rooms) == (1, 3, 2, None)
    # A ship that runs knows best.
    assert (found.to_store, found.failing, found.notes, found.away) == (7, 1, 1, "PostgreSQL is away")
    assert found.oldest == NOW - 90 * SECOND
    assert found.heartbeat_at == NOW - SECOND


def test_the_last_incident_is_the_last_alarm_also_when_it_is_stored(places: Places) -> None:
    file = places.layout.incidents
    file.mkdir(exist_ok=True)
    (file / f"{minted(5)}.json").write_bytes(json.dumps(incident(5)).encode())
    found = Look(places).now().alarm
    assert found is not None
    assert found.event.startswith("capture.")
    shipped = places.layout.incidents / "shipped"
    shipped.mkdir(exist_ok=True)
    for file in places.layout.incidents.glob("*.json"):
        file.rename(shipped / file.name)
    assert Look(places).now().alarm == found


def test_what_may_not_be_read_is_told(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Path) -> Iterator[Path]:
        raise PermissionError(13, "no")

    monkeypatch.setattr(Path, "iterdir", refuse)
    found = Look(places).now()
    assert found.unreadable
    assert (found.calls, found.to_store, found.captures) == (None, None, None)
    assert "not all of the spool may be read" in [one.what for one in status.problems(found)]


# -- what processes say


@contextmanager
def answering(said: object) -> Iterator[int]:
    """Answer whatever is asked."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(said if isinstance(said, bytes) else json.dumps(said).encode())

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


def test_what_the_gate_says_is_believed_before_the_files(places: Places) -> None:
    alarm = {"at": "2026-11-22T09:00:00.000000Z", "event": "gate.connection_lost", "hint": "hint"}
    said = {"calls": 5, "rooms": 4, "permits": 3, "captures": 2, "checks": {"ami": "is not connected", "ari": "ok"}}
    with answering(said | {"last_alarm": alarm}) as port, alive(places.layout, "gate"):
        found = Look(replace(places, ports={"gate": port})).now()
    assert (found.calls, found.rooms, found.permits, found.captures) == (5, 4, 3, 2)
    assert found.process("gate").state is State.NOT_READY
    assert found.process("gate").why == ("ami is not connected",)
    assert found.alarm is not None
    assert found.alarm.event == "gate.connection_lost"


@pytest.mark.parametrize(
    "said",
    [
        b"", b"\xff\xfe", b"[1]", b'"x"', b"{" * 100_000,
        {"checks": 5, "last_alarm": "x", "calls": "many"},
        {"checks": {"a\x1b[2J": "b\x07"}, "last_alarm": {"at": "never", "event": 1, "hint": 2}},
    ],
)  # fmt: skip
def test_whoever_has_the_port_may_say_what_they_like(places: Places, said: object) -> None:
    with answering(said) as port, alive(places.layout, "gate"):
        found = Look(replace(places, ports={"gate": port})).now()
    assert found.calls in {0, None}
    for one in found.processes:
        assert all(text.isprintable() for text in one.why)
    assert found.alarm is None


def test_whoever_takes_the_question_and_never_answers_is_not_waited_for() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        assert situation.ask(silent.getsockname()[1]) is None
