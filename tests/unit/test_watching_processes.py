"""What the gate, the guard and ship tell of themselves: what they count, and when they are ready and why not."""

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import structlog
from unit.switchboard import Switchboard

from ari_app import clock, log
from ari_app.core.free_space import Floor, Level, Space
from ari_app.core.incident import Action, Door, Why
from ari_app.core.names import Instant
from ari_app.errors import PermanentError
from ari_app.free_space import FreeSpace
from ari_app.guard.incidents import Incidents
from ari_app.layout import Layout
from ari_app.watching import catalogue as m
from ari_app.watching.gate import GateWatch
from ari_app.watching.guard import GuardWatch
from ari_app.watching.ship import ShipWatch
from ari_app.watching.watch import Watch

PORT = 9771
"""None of these listens: only `start` does."""


def value(watch: Watch, name: str, **labels: str) -> float | None:
    meters: Any = watch.meters
    found: float | None = meters.registry.get_sample_value(f"consentgate_{name}", labels)
    return found


def said(watch: Watch) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(watch.readiness().to_json())
    return told


@pytest.fixture
def board(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Switchboard]:
    made = Switchboard(tmp_path, monkeypatch)
    yield made
    made.dispatcher.closed_files._inotify.close()


class GateWorld:
    """A gate whose dispatcher is real, and whose connections say what a test wants."""

    def __init__(self, board: Switchboard) -> None:
        self.board = board
        self.gate = SimpleNamespace(
            dispatcher=board.dispatcher,
            journalist=SimpleNamespace(trouble=""),
            ari=SimpleNamespace(connected=True),
            ami=SimpleNamespace(connected=True),
            space=FreeSpace(Layout(Path("/")), Floor(), "gate"),
            consumed_at=clock.now(),
            is_ready=True,
        )
        gate: Any = self.gate
        self.watching = GateWatch(gate, PORT)
        self.watch = self.watching.watch


@pytest.fixture
def gate(board: Switchboard) -> GateWorld:
    return GateWorld(board)


def test_a_call_is_followed_while_it_lasts(gate: GateWorld) -> None:
    board = gate.board

    async def story() -> None:
        await board.record()
        await board.talk()
        gate.watching.look()

    board.run(story)
    assert value(gate.watch, "calls_active", line="advice-line") == 1
    assert [value(gate.watch, name) for name in ("rooms_active", "permits_active", "captures_running")] == [1, 1, 1]
    gate.watching.written(board.recording, tuple(board.journalist.entries()))
    assert value(gate.watch, "captures_started_total", line="advice-line") == 1
    about = said(gate.watch)
    assert [about[name] for name in ("calls", "rooms", "permits", "captures")] == [1, 1, 1, 1]
    board.dispatcher.calls.clear()
    gate.watching.look()
    # Not 0 for ever: a line that is taken out of the configuration shall not stay.
    assert value(gate.watch, "calls_active", line="advice-line") is None


def test_each_line_says_whether_it_can_be_recorded(gate: GateWorld) -> None:
    gate.watching.look()
    assert value(gate.watch, "line_unusable", line="advice-line") == 0


@pytest.mark.parametrize(
    ("wrong", "check", "why"),
    [
        ({"ari": SimpleNamespace(connected=False)}, "ari", "is not connected"),
        ({"ami": SimpleNamespace(connected=False)}, "ami", "is not connected"),
        ({"consumed_at": Instant(0)}, "heartbeat", "there was none yet"),
        ({"is_ready": False}, "dialplan", "does not send callers to this gate yet"),
        ({"journalist": SimpleNamespace(trouble="No space left")}, "spool", "the journal cannot be written"),
    ],
)
def test_the_gate_is_ready_when_all_is_well_and_says_what_is_not(
    gate: GateWorld, wrong: dict[str, Any], check: str, why: str
) -> None:
    assert said(gate.watch)["ready"]
    assert value(gate.watch, "ready", process="gate") == 1
    for name, one in wrong.items():
        setattr(gate.gate, name, one)
    told = said(gate.watch)
    assert not told["ready"]
    assert {name for name, text in told["checks"].items() if text != "ok"} == {check}
    assert told["checks"][check] == why
    assert value(gate.watch, "ready", process="gate") == 0


def test_an_old_heartbeat_is_no_readiness(gate: GateWorld) -> None:
    gate.gate.consumed_at = Instant(clock.now() - 3_100_000)
    assert said(gate.watch)["checks"]["heartbeat"] == "is 3.1 s old"
    assert value(gate.watch, "heartbeat_age_seconds") == pytest.approx(3.1)


@pytest.mark.parametrize("level", [Level.LOW, Level.SCARCE])
def test_a_gate_without_room_is_not_ready(gate: GateWorld, level: Level) -> None:
    gate.gate.space.level, gate.gate.space.space = level, Space(1000, 4000, 50)
    gate.watching.look()
    assert "room is left in the spool" in said(gate.watch)["checks"]["spool"]
    names = ("spool_level", "spool_free_bytes", "spool_size_bytes", "spool_free_files")
    assert [value(gate.watch, name, process="gate") for name in names] == [level, 1000, 4000, 50]


def test_a_loop_that_hangs_is_told_by_whoever_does_not(gate: GateWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    gate.watching.look()
    later = clock.ticks() + 6_000_000
    monkeypatch.setattr(clock, "ticks", lambda: later)
    assert said(gate.watch)["checks"]["loop"] == "has not turned for 6 s"


def test_a_fault_in_the_counting_is_said_once_and_costs_nothing_else(gate: GateWorld) -> None:
    gate.gate.dispatcher = None
    with structlog.testing.capture_logs() as lines:
        gate.watching.look()
        gate.watching.look()
    assert [line["event"] for line in lines] == ["metrics.failed"]
    assert lines[0]["why"].startswith("AttributeError at gate.py:")


def test_warnings_and_errors_are_counted_and_the_last_alarm_is_kept(gate: GateWorld) -> None:
    for level, event in (("error", "gate.not_ready"), ("warning", "gate.owner"), ("info", "gate.ready")):
        gate.watch._said(level, event, {"hint": f"the hint of {event}"})
    assert value(gate.watch, "log_events_total", process="gate", level="error", event="gate.not_ready") == 1
    assert value(gate.watch, "log_events_total", process="gate", level="warning", event="gate.owner") == 1
    assert value(gate.watch, "log_events_total", process="gate", level="info", event="gate.ready") is None
    alarm = said(gate.watch)["last_alarm"]
    assert (alarm["event"], alarm["hint"]) == ("gate.not_ready", "the hint of gate.not_ready")


def test_every_line_that_is_said_comes_to_the_observers(monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[tuple[str, str]] = []
    monkeypatch.setattr(log, "_observers", [lambda level, event, _: heard.append((level, event))])
    event = {"event": "x.y", "why": "z"}
    assert log._tell(None, "error", event) is event
    assert heard == [("error", "x.y")]


# -- the guard


def guard(tmp_path: Path, *, silent: bool = False, beats: dict[str, Instant] | None = None) -> Any:
    signs = SimpleNamespace(gate_dead=lambda _: silent, beats=beats or {})
    return SimpleNamespace(
        layout=Layout(tmp_path),
        vitals=SimpleNamespace(signs=signs),
        keeper=SimpleNamespace(keeps=2),
        ami=SimpleNamespace(connected=True),
        ari=SimpleNamespace(connected=True),
        sight=SimpleNamespace(open=True),
        warden=SimpleNamespace(rules=SimpleNamespace(mode="stop")),
        space=FreeSpace(Layout(tmp_path), Floor(), "guard"),
    )


def test_the_guard_tells_what_it_sees_of_the_gate(tmp_path: Path) -> None:
    (tmp_path / "quarantine").mkdir()
    (tmp_path / "quarantine" / "x.1").touch()
    watching = GuardWatch(guard(tmp_path, beats={"run": Instant(clock.now() - 1_000_000)}), PORT)
    watching.look()
    names = ("gate_silent", "keeper_captures", "quarantine_entries")
    assert [value(watching.watch, name) for name in names] == [0, 2, 1]
    assert value(watching.watch, "gate_heartbeat_age_seconds") == pytest.approx(1, abs=0.5)
    told = said(watching.watch)
    assert told["ready"]
    assert (told["mode"], told["gate_silent"], told["quarantined"]) == ("stop", False, 1)


def test_a_guard_that_never_heard_of_a_gate_says_so(tmp_path: Path) -> None:
    watching = GuardWatch(guard(tmp_path, silent=True), PORT)
    watching.look()
    assert value(watching.watch, "gate_silent") == 1
    assert value(watching.watch, "gate_heartbeat_age_seconds") == float("inf")
    told = said(watching.watch)
    assert (told["gate_heartbeat_age_seconds"], told["quarantined"]) == (None, None)


@pytest.mark.parametrize(("ear", "check"), [("ami", "ami"), ("ari", "ari"), ("sight", "files")])
def test_a_guard_that_is_deaf_on_one_ear_is_not_ready(tmp_path: Path, ear: str, check: str) -> None:
    one = guard(tmp_path)
    setattr(one, ear, SimpleNamespace(connected=False, open=False))
    told = said(GuardWatch(one, PORT).watch)
    assert {name for name, text in told["checks"].items() if text != "ok"} == {check}


def test_incidents_are_counted_by_door_and_action(tmp_path: Path) -> None:
    (tmp_path / "incidents").mkdir()
    incidents, watching = Incidents(Layout(tmp_path), "pbx1"), GuardWatch(guard(tmp_path), PORT)
    incidents.meters = watching.watch.meters
    incidents.raise_alarm(
        incidents.mint(), Door.MIXMONITOR, Action.STOPPED, Why.NOT_NAMED_IN_LIVE, channel="1.1", stopped_after_ms=40
    )
    assert value(watching.watch, "incidents_total", door="mixmonitor", action="stopped") == 1
    assert value(watching.watch, "stop_seconds_sum", door="mixmonitor") == pytest.approx(0.04)


# -- what the log says of what nobody foresaw


def test_a_failure_that_quotes_a_caller_is_told_without_them() -> None:
    try:
        int("01632960001 Mary")
    except ValueError as failure:
        told = log.said(failure)
    assert told.startswith("ValueError at test_watching_processes.py:")
    assert log.said(KeyError("01632960001")) == "KeyError"
    assert log.said(PermissionError(13, "no", "/x")) == "PermissionError 13"
    assert log.said(PermanentError("what", why="why")) == "what: why"


def test_every_gauge_and_counter_is_of_a_process_that_has_it() -> None:
    assert {one for metric in m.METRICS for one in metric.by} == set(m.PROCESSES)
    assert len({metric.name for metric in m.METRICS}) == len(m.METRICS)


def test_what_alerts_wait_for_is_0_before_it_happens(gate: GateWorld, tmp_path: Path) -> None:
    """To Prometheus a counter that appears has not risen."""
    gate.watching.look()
    for line in ("advice-line", "none", "unknown"):
        assert value(gate.watch, "foreign_captures_total", line=line) == 0
        for reason in m.OUR_FAULTS:
            assert value(gate.watch, "calls_total", line=line, outcome="not_recorded", reason=reason) == 0
    guarding = GuardWatch(guard(tmp_path), PORT).watch
    for door in Door:
        for action in Action:
            assert value(guarding, "incidents_total", door=door, action=action) == 0
    for watch in (gate.watch, guarding, ShipWatch(PORT).watch):
        for event in m.ALARMS[watch.process]:
            assert value(watch, "log_events_total", process=watch.process, level="error", event=event) == 0
