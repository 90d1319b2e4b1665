"""The compiled policy and the two files it is written to."""

import hashlib
import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest
from unit.config_world import SECRETS, speech, write, write_wav

from ari_app import announcements, config, durable, policy
from ari_app.announcements import Problem
from ari_app.core.policy import Capture, Mode, Policy, from_json
from ari_app.errors import SpoolError
from ari_app.layout import Layout


def compiled(folder: Path, *changes: tuple[str, object], sound: bool = True) -> tuple[Policy, Layout]:
    if sound:
        write_wav(folder / "advice-en.wav", speech())
    loaded = config.load(write(folder, *changes), {})
    layout = Layout(folder / "spool")
    return policy.compile(loaded, announcements.prepare(loaded, layout)), layout


def test_a_line_s_rules_reach_the_policy(tmp_path: Path) -> None:
    found, _ = compiled(tmp_path, ("lines.advice-line.discard_window_seconds", 60))
    line = found.lines["advice-line"]
    assert (line.mode, line.capture, line.max_seconds) == (Mode.ANNOUNCE, Capture.CONVERSATION, 10800)
    assert (line.numbers, line.retention, line.discard_window_seconds) == (("01632960111",), "health_record", 60)
    assert [announcement.name for announcement in line.announcements] == ["advice-en"]
    assert line.unusable is None
    assert found.lines["crisis-line"].reason == "anonymous support line"
    assert (found.staff, found.trunks) == (frozenset({"PJSIP/2001", "PJSIP/2002"}), frozenset({"PJSIP/trunk"}))


def test_a_broken_announcement_silences_its_line_and_no_other(tmp_path: Path) -> None:
    second = {"file": "good.wav", "language": "cy", "text": "x"}
    write_wav(tmp_path / "good.wav", speech(seed=2))
    found, _ = compiled(
        tmp_path,
        ("announcements.good", second),
        ("lines.advice-line.announcements", ["good", "advice-en"]),
        ("lines.other-line", {"mode": "announce", "announcements": ["good"]}),
        sound=False,
    )
    line = found.lines["advice-line"]
    assert (line.mode, line.announcements) == (Mode.ANNOUNCE, ())
    assert "advice-en.wav does not exist" in str(line.unusable)
    assert found.lines["other-line"].unusable is None
    assert len(found.lines["other-line"].announcements) == 1


def test_a_never_line_has_no_announcements_and_no_fault_of_theirs(tmp_path: Path) -> None:
    changes = [("lines.advice-line.mode", "never"), ("lines.advice-line.reason", "today's complaint")]
    found, _ = compiled(tmp_path, *changes, sound=False)
    assert found.lines["advice-line"].announcements == ()
    assert found.lines["advice-line"].unusable is None


def test_what_is_written_is_read_back_equal_and_hashes_to_the_policy_s_hash(tmp_path: Path) -> None:
    found, layout = compiled(tmp_path)
    policy.write(found, layout)
    content = layout.policy.read_bytes()
    assert from_json(content) == found
    assert hashlib.sha256(content).hexdigest() == found.sha256 == from_json(content).sha256
    assert json.loads(content)["lines"]["crisis-line"]["mode"] == "never"
    for path in (layout.policy, layout.lines):
        assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert not [path for path in layout.root.iterdir() if path.name.startswith(".")]


def test_the_dialplan_learns_each_line_s_mode(tmp_path: Path) -> None:
    found, layout = compiled(tmp_path)
    policy.write(found, layout)
    written = [line for line in layout.lines.read_text().splitlines() if not line.startswith(";")]
    assert written == [
        "[consentgate-lines]",
        "exten => advice-line,1,Return(announce)",
        "exten => crisis-line,1,Return(never)",
        "",
        "[consentgate-site]",
        f"exten => fallback,1,Return({layout.fallback})",
    ]


def test_asterisk_must_reload_only_when_a_line_s_mode_has_changed(tmp_path: Path) -> None:
    found, layout = compiled(tmp_path)
    other, _ = compiled(tmp_path, ("lines.advice-line.mode", "never"), ("lines.advice-line.reason", "a test"))
    assert [policy.write(one, layout) for one in (found, found, other)] == [True, False, True]


def test_the_same_configuration_has_the_same_hash_and_another_has_another(tmp_path: Path) -> None:
    first, _ = compiled(tmp_path)
    again, _ = compiled(tmp_path)
    other, _ = compiled(tmp_path, ("lines.advice-line.max_hours", 2))
    assert first.sha256 == again.sha256 != other.sha256


def test_no_secret_and_no_key_is_in_the_policy(tmp_path: Path) -> None:
    found, layout = compiled(tmp_path)
    policy.write(found, layout)
    content = layout.policy.read_text() + layout.lines.read_text()
    assert not [secret for secret in SECRETS.values() if secret.strip() in content]


def test_a_spool_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    found, layout = compiled(tmp_path)
    with pytest.raises(SpoolError, match="a file of the policy cannot be written"):
        policy.write(found, Layout(tmp_path / "nowhere"))
    layout.policy.mkdir()
    with pytest.raises(SpoolError, match=r"policy\.json"):
        policy.write(found, layout)


@pytest.mark.parametrize("step", ["write", "fsync", "rename"])
def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    path = tmp_path / "policy.json"
    durable.replace(path, b"old", mode=0o640)

    def fail(*_args: Any, **_options: Any) -> None:
        raise OSError(28, "No space left on device")

    match step:
        case "write":
            monkeypatch.setattr(os, "fchmod", fail)
        case "fsync":
            monkeypatch.setattr(os, "fsync", fail)
        case _:
            monkeypatch.setattr(type(path), "rename", fail)
    with pytest.raises(OSError, match="No space left"):
        durable.replace(path, b"new", mode=0o640)
    assert path.read_bytes() == b"old"
    assert [item.name for item in tmp_path.iterdir()] == ["policy.json"]


def test_a_temporary_file_of_a_killed_process_is_no_obstacle(tmp_path: Path) -> None:
    path = tmp_path / "policy.json"
    (tmp_path / f".policy.json.{os.getpid()}.tmp").write_text("half")
    durable.replace(path, b"new", mode=0o640)
    assert path.read_bytes() == b"new"
    assert [item.name for item in tmp_path.iterdir()] == ["policy.json"]


def test_problem_says_its_hint() -> None:
    assert str(Problem("is silent", "record it again")) == "is silent: record it again"
    assert str(Problem("is silent")) == "is silent"
