"""The note of a call without the gate, as Asterisk has it written: one file, in the shape that ship reads."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ari_app.adapters.spool import read_fallback

SCRIPT = Path(__file__).parents[2] / "agi_scripts" / "outcome.py"
CHANNEL = "1800000000.1"
BEGAN = "1800000000"


def run(*arguments):
    # Isolated, as Asterisk's own Python would be: nothing that is installed here may be needed.
    return subprocess.run(
        [sys.executable, "-I", "-S", str(SCRIPT), *map(str, arguments)], capture_output=True, text=True, check=False
    )


def test_a_call_without_the_gate_is_noted_in_the_shape_that_ship_reads(tmp_path):
    before = time.time_ns() // 1000
    done = run(tmp_path, "advice-line", CHANNEL, BEGAN, "gate_away")
    after = time.time_ns() // 1000
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    (file,) = tmp_path.iterdir()
    assert file.name == f"{CHANNEL}.json"
    assert file.stat().st_mode & 0o777 == 0o660
    raw = json.loads(file.read_bytes())
    assert before <= raw.pop("ended_at") <= after
    assert raw == {
        "format": 1,
        "line": "advice-line",
        "channel": CHANNEL,
        "at": 1_800_000_000_000_000,
        "reason": "gate_away",
    }
    found = read_fallback(file, "pbx1")
    assert (found.line, found.channel, found.at, found.reason) == (
        "advice-line",
        CHANNEL,
        1_800_000_000_000_000,
        "gate_away",
    )


@pytest.mark.parametrize("given", ["answering_machine", "hung_up_before_told", "line_never"])
def test_what_the_dialplan_itself_has_decided_is_kept(tmp_path, given):
    assert run(tmp_path, "advice-line", CHANNEL, BEGAN, given).returncode == 0
    assert read_fallback(tmp_path / f"{CHANNEL}.json", "pbx1").reason == given


@pytest.mark.parametrize("given", ["gate_silent", "", "no reason of ours"])
def test_a_reason_that_nobody_lived_to_name_is_the_gates_silence(tmp_path, given):
    assert run(tmp_path, "advice-line", CHANNEL, BEGAN, given).returncode == 0
    assert json.loads((tmp_path / f"{CHANNEL}.json").read_bytes())["reason"] == "gate_silent"


def test_a_second_note_of_the_same_call_takes_the_place_of_the_first(tmp_path):
    for reason in ("line_never", "gate_away", "gate_silent"):
        assert run(tmp_path, "advice-line", CHANNEL, BEGAN, reason).returncode == 0
    assert [file.name for file in tmp_path.iterdir()] == [f"{CHANNEL}.json"]
    assert read_fallback(tmp_path / f"{CHANNEL}.json", "pbx1").reason == "gate_silent"


def test_a_line_of_any_length_is_kept_to_forty_characters(tmp_path):
    assert run(tmp_path, "x" * 500, CHANNEL, BEGAN, "gate_away").returncode == 0
    assert read_fallback(tmp_path / f"{CHANNEL}.json", "pbx1").line == "x" * 40


@pytest.mark.parametrize(
    ("channel", "began"),
    [("../x", BEGAN), ("", BEGAN), ("a/b", BEGAN), ("x" * 101, BEGAN), (CHANNEL, ""), (CHANNEL, "-1"), (CHANNEL, "x")],
)
def test_what_is_not_fit_for_a_record_is_complained_about_and_leaves_no_file(tmp_path, channel, began):
    folder = tmp_path / "fallback"
    folder.mkdir()
    done = run(folder, "advice-line", channel, began, "gate_away")
    assert done.returncode == 1
    assert done.stderr.startswith("outcome.py: no record of call ")
    assert len(done.stderr.splitlines()) == 1
    assert list(folder.iterdir()) == []
    assert [path.name for path in tmp_path.iterdir()] == ["fallback"]


def test_a_folder_that_is_not_there_is_complained_about(tmp_path):
    done = run(tmp_path / "nowhere", "advice-line", CHANNEL, BEGAN, "gate_away")
    assert done.returncode == 1
    assert "No such file" in done.stderr


@pytest.mark.parametrize("arguments", [(), ("one",), ("1", "2", "3", "4", "5", "6")])
def test_too_few_or_too_many_arguments_are_wrong_usage(arguments):
    done = run(*arguments)
    assert done.returncode == 2
    assert done.stderr == f"outcome.py: 5 arguments are needed, {len(arguments)} were given\n"
