"""`consentgate status`: what a person sees at three in the morning, with everything alive and with nothing alive."""

import json
import os
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from sealed_calls import BEGAN, SECOND, SyntheticSpool
from unit.config_world import write
from unit.status_world import places, synthetic

from ari_app import clock
from ari_app.commands import status
from ari_app.commands.situation import Alarm, Look, Places, Process, Situation, State
from ari_app.core.free_space import Level, Space
from ari_app.core.names import Instant
from ari_app.errors import FINDING, GOOD, ConfigurationError

__all__ = ["places", "synthetic"]

GOLDEN = Path(__file__).parent / "golden"
NOW = Instant(BEGAN + 3_725 * SECOND)
GIB = 1 << 30
AGO = 3 * 3600 * SECOND


@pytest.fixture(autouse=True)
def frozen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOW)


WELL = Situation(
    at=NOW,
    node="pbx1",
    processes=(
        Process("gate", State.READY, 4711, Instant(NOW - AGO)),
        Process("standby", State.STANDS_BY, 4712, Instant(NOW - AGO)),
        Process("guard", State.READY, 4713, Instant(NOW - AGO)),
        Process("ship", State.READY, 4714, Instant(NOW - 90 * SECOND)),
    ),
    calls=3,
    rooms=2,
    permits=2,
    captures=4,
    heartbeat_at=Instant(NOW - SECOND // 2),
    space=Space(1200 * GIB, 2000 * GIB, 10**6),
    level=Level.AMPLE,
    to_store=0,
    oldest=None,
    failing=0,
    away="",
    notes=0,
    incidents=0,
    quarantined=0,
    alarm=None,
    unreadable=False,
)
ILL = replace(
    WELL,
    processes=(
        Process("gate", State.HANGS, 4711, Instant(NOW - AGO)),
        Process("guard", State.DEAD),
        Process("ship", State.NOT_READY, 4714, Instant(NOW - AGO), ("s3 cannot be reached, or refuses us (refused)",)),
    ),
    rooms=None,
    heartbeat_at=Instant(NOW - 72 * SECOND),
    space=Space(GIB, 2000 * GIB, 10**6),
    level=Level.LOW,
    to_store=12,
    oldest=Instant(NOW - 4 * 3600 * SECOND - 720 * SECOND),
    failing=1,
    away="S3",
    notes=1,
    incidents=1,
    quarantined=2,
    alarm=Alarm(Instant(NOW - AGO), "capture.stopped", "door: mixmonitor. See `consentgate quarantine list`"),
)
DEAD = replace(
    WELL,
    processes=(Process("gate", State.DEAD), Process("guard", State.UNUSED), Process("ship", State.DEAD)),
    calls=None,
    rooms=None,
    permits=None,
    captures=None,
    heartbeat_at=None,
    space=None,
    to_store=None,
    notes=None,
    incidents=None,
    quarantined=None,
    failing=None,
    unreadable=True,
)
CASES = {"well": WELL, "ill": ILL, "dead": DEAD}


def shown(found: Situation) -> list[str]:
    console = Console(highlight=False, width=110, color_system=None, force_terminal=False)
    with console.capture() as captured:
        console.print(status.page(found))
    return [line.rstrip() for line in captured.get().splitlines()]


@pytest.mark.parametrize("case", CASES)
def test_what_a_person_sees(case: str) -> None:
    file = GOLDEN / f"status-{case}.txt"
    if os.environ.get("CONSENTGATE_WRITE_GOLDEN"):
        file.write_text("\n".join(shown(CASES[case])) + "\n", encoding="utf-8")
    assert shown(CASES[case]) == file.read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("case", CASES)
def test_programs_get_the_same(case: str) -> None:
    told = json.loads(status.to_json(CASES[case]))
    assert told["well"] is (case == "well")
    assert told["problems"] == [asdict(one) for one in status.problems(CASES[case])]
    assert set(told["processes"]) == {one.name for one in CASES[case].processes}


# -- the command


def test_it_is_printed_once_into_a_pipe(
    tmp_path: Path, synthetic: SyntheticSpool, capsys: pytest.CaptureFixture[str]
) -> None:
    config = write(tmp_path, ("spool.path", str(synthetic.root)))
    capsys.readouterr()
    assert status.run(config) == FINDING
    text = capsys.readouterr().out
    assert text.startswith("consentgate on pbx1")
    assert "the gate is dead" in text
    assert status.run(config, as_json=True) == FINDING
    assert not json.loads(capsys.readouterr().out)["well"]


def test_all_well_is_0(
    tmp_path: Path, synthetic: SyntheticSpool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = write(tmp_path, ("spool.path", str(synthetic.root)))
    monkeypatch.setattr(Look, "now", lambda _: WELL)
    assert status.run(config, once=True) == GOOD
    assert "all is well" in capsys.readouterr().out


def test_a_configuration_that_is_wrong_elsewhere_blinds_nobody(tmp_path: Path, synthetic: SyntheticSpool) -> None:
    file = tmp_path / "consentgate.yaml"
    file.write_text(
        f"site: 5\nspool: {{path: {synthetic.root}, stop_below_free: much}}\nlines: []\nmetrics: {{gate_port: 9771}}\n"
    )
    assert status.places(file) == Places("this PBX", synthetic.layout, status.DEFAULT_FLOOR, False, {"gate": 9771})


@pytest.mark.parametrize("text", ["spool: 5\n", "spool: {path: here}\n", "site: {}\n"])
def test_without_a_spool_there_is_nothing_to_look_at(tmp_path: Path, text: str) -> None:
    file = tmp_path / "consentgate.yaml"
    file.write_text(text)
    with pytest.raises(ConfigurationError, match="where the spool is"):
        status.places(file)


def test_in_a_terminal_it_goes_on_until_it_is_interrupted(
    places: Places, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    looks: list[Any] = []

    def pause(_: float) -> None:
        looks.append(1)
        if len(looks) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(status, "sleep", pause)
    monkeypatch.setattr(Look, "now", lambda _: ILL)
    assert status._live(places, WELL) is ILL
    assert len(looks) == 3
    capsys.readouterr()


@pytest.mark.parametrize(("seconds", "wrong"), [(0.5, False), (5, False), (5.1, True), (None, True)])
def test_a_ready_gate_without_heartbeats_is_a_problem(seconds: float | None, wrong: bool) -> None:
    heard = None if seconds is None else Instant(NOW - round(seconds * SECOND))
    found = list(status.problems(replace(WELL, heartbeat_at=heard)))
    assert [one.what for one in found] == ["no heartbeat: nothing that is said now is covered by evidence"] * wrong
