"""`consentgate quarantine`: what an administrator sees of it, and what stays when it is gone."""

import hashlib
import json
from pathlib import Path

import pytest
from unit.config_world import write

from ari_app.commands import quarantine
from ari_app.core import guard as g
from ari_app.core.incident import Action, Door, Why
from ari_app.core.names import Instant
from ari_app.errors import FINDING, GOOD, ConsentgateError
from ari_app.layout import Layout

FIRST, SECOND, CALL = "01M89EP1ZYXF1YNMXJBPC6YR8E", "01M89EP1ZYXF1YNMXJBPC6YR8F", "01M89EP1ZYXF1YNMXJBPC6YR8G"
NOTE = "fallback-0123456789abcdef"
SOUND = bytes(1000)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A spool in which the guard has stopped two captures and ship has put a call and a note aside."""
    layout = Layout(tmp_path / "spool")
    for folder in (layout.quarantine, layout.incidents / "shipped"):
        folder.mkdir(parents=True)
    for identity, at, shipped in ((FIRST, 1_795_612_413_000_000, True), (SECOND, 1_795_612_414_000_000, False)):
        kept = (g.Quarantined(hashlib.sha256(SOUND).hexdigest(), len(SOUND), f"{identity}.1"),)
        alarm = g.Alarm(
            identity, "pbx1", Instant(at), Door.MIXMONITOR, Action.STOPPED, Why.NOT_NAMED_IN_LIVE, "1.1", 8, kept
        )
        (layout.incidents / ("shipped" if shipped else "") / f"{identity}.json").write_bytes(alarm.to_json())
        (layout.quarantine / f"{identity}.1").write_bytes(SOUND)
    (layout.quarantine / f"{FIRST}.2").write_bytes(SOUND)
    for name in (CALL, f"{CALL}.audio"):
        (layout.quarantine / name).mkdir()
    (layout.quarantine / CALL / "journal.jsonl").write_bytes(b"torn")
    (layout.quarantine / f"{CALL}.audio" / "seg-001.p01.wav").write_bytes(SOUND)
    (layout.quarantine / f"{NOTE}.json").write_bytes(b"{}")
    (layout.quarantine / f".{FIRST}.1.new").write_bytes(b"half")
    return write(tmp_path, ("spool.path", str(tmp_path / "spool")))


def layout_of(config: Path) -> Layout:
    return Layout(config.parent / "spool")


def test_the_list_names_everything_once(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert quarantine.run(config, action="list") == GOOD
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["id", FIRST, SECOND, CALL, NOTE]
    assert "2026-11-25T13:13:33Z" in lines[1]
    assert "mixmonitor" in lines[1]
    assert "2.0 KiB" in lines[1]
    assert "not_named_in_live" in lines[1]
    assert "a call" in lines[3]
    assert "a note" in lines[4]


def test_an_empty_quarantine_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = write(tmp_path, ("spool.path", str(tmp_path / "none")))
    assert quarantine.run(config, action="list") == GOOD
    assert "nothing lies in quarantine" in capsys.readouterr().out


@pytest.mark.parametrize("identity", [FIRST, SECOND])
def test_one_is_shown_with_its_files(config: Path, capsys: pytest.CaptureFixture[str], identity: str) -> None:
    assert quarantine.run(config, action="show", identity=identity) == GOOD
    shown = capsys.readouterr().out
    for word in (identity, f"{identity}.1", "8 ms", "1.1", "stopped", hashlib.sha256(SOUND).hexdigest()):
        assert word in shown


def test_a_call_that_ship_put_there_is_shown_with_all_it_holds(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert quarantine.run(config, action="show", identity=CALL) == GOOD
    shown = capsys.readouterr().out
    assert f"{CALL}/journal.jsonl" in shown
    assert f"{CALL}.audio/seg-001.p01.wav" in shown


@pytest.mark.parametrize("identity", ["nonsense", "../../etc/passwd", FIRST[::-1], "", f"{FIRST}.1"])
def test_what_is_not_there_is_said(config: Path, identity: str) -> None:
    with pytest.raises(ConsentgateError, match="quarantine list"):
        quarantine.run(config, action="show", identity=identity)


@pytest.mark.parametrize("identity", [FIRST, CALL, NOTE])
def test_what_is_destroyed_leaves_its_account(config: Path, identity: str) -> None:
    layout = layout_of(config)
    before = {one.name for one in layout.quarantine.iterdir()}
    assert quarantine.run(config, action="destroy", identity=identity, yes=True) == GOOD
    assert {one.name for one in layout.quarantine.iterdir()} == {one for one in before if not one.startswith(identity)}
    told = json.loads((layout.incidents / "destroyed.jsonl").read_text())
    assert told["id"] == identity
    assert all(len(one["sha256"]) == 64 and one["bytes"] >= 2 for one in told["files"])
    assert len(told["files"]) == {FIRST: 2, CALL: 2, NOTE: 1}[identity]


def test_each_destruction_adds_a_line(config: Path) -> None:
    for identity in (FIRST, SECOND):
        quarantine.run(config, action="destroy", identity=identity, yes=True)
    lines = (layout_of(config).incidents / "destroyed.jsonl").read_text().splitlines()
    assert [json.loads(line)["id"] for line in lines] == [FIRST, SECOND]


@pytest.mark.parametrize(("answer", "code", "left"), [(False, FINDING, True), (True, GOOD, False)])
def test_somebody_must_say_yes(
    config: Path, monkeypatch: pytest.MonkeyPatch, answer: bool, code: int, left: bool
) -> None:
    monkeypatch.setattr("typer.confirm", lambda _: answer)
    assert quarantine.run(config, action="destroy", identity=FIRST) == code
    assert (layout_of(config).quarantine / f"{FIRST}.1").exists() is left


def test_nothing_is_destroyed_without_its_account(config: Path) -> None:
    (layout_of(config).incidents / "destroyed.jsonl").mkdir()
    with pytest.raises(ConsentgateError, match="Nothing was destroyed"):
        quarantine.run(config, action="destroy", identity=FIRST, yes=True)
    assert (layout_of(config).quarantine / f"{FIRST}.1").exists()
