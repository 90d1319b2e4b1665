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
from ari_app.core.policy import Capture, Mode, OnObjection, Policy, from_json
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


def test_one_side_s_broken_announcement_silences_that_side_alone(tmp_path: Path) -> None:
    neutral = {"file": "neutral.wav", "language": "en", "text": "This call is recorded."}
    calling: list[tuple[str, object]] = [
        ("announcements.neutral", neutral),
        ("lines.advice-line.outgoing_announcements", ["neutral"]),
        ("lines.advice-line.machine_detection", True),
        ("lines.advice-line.on_objection", "leave_out"),
    ]
    line = compiled(tmp_path, *calling)[0].lines["advice-line"]
    assert (line.unusable, [one.name for one in line.announcements]) == (None, ["advice-en"])
    assert (line.outgoing_announcements, line.machine_detection) == ((), False)
    assert "neutral.wav does not exist" in str(line.outgoing_unusable)
    write_wav(tmp_path / "neutral.wav", speech(seed=2))
    (tmp_path / "advice-en.wav").unlink()
    found, layout = compiled(tmp_path, *calling, sound=False)
    line = found.lines["advice-line"]
    assert (line.announcements, line.outgoing_unusable) == ((), None)
    assert "advice-en.wav does not exist" in str(line.unusable)
    assert ([one.name for one in line.outgoing_announcements], line.machine_detection) == (["neutral"], True)
    assert line.on_objection is OnObjection.LEAVE_OUT
    assert b"[consentgate-machine-detection]\nexten => advice-line,1,Return(yes)\n" in policy.lines_conf(found, layout)


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


def test_emergency_numbers_reach_the_policy(tmp_path: Path) -> None:
    found, layout = compiled(tmp_path, ("emergency_numbers", ["999", "2222"]))
    policy.write(found, layout)
    assert found.emergency_numbers == from_json(layout.policy.read_bytes()).emergency_numbers == {"999", "2222"}


def test_the_dialplan_knows_the_house_s_phones_by_names_that_asterisk_compares_exactly(tmp_path: Path) -> None:
    # `_X.` would be a pattern, and stand for everybody; to Asterisk 20-03 is 2003 already.
    staff = ["PJSIP/2001", "PJSIP/_X.", "SIP/2002", "PJSIP/2003", "PJSIP/20-03", "PJSIP/ward.7+a@b"]
    found, layout = compiled(tmp_path, ("parties.staff", staff))
    written = policy.lines_conf(found, layout).decode()
    section = written.partition("[consentgate-staff]\n")[2].partition("\n\n")[0].splitlines()
    assert section == [f"exten => {name},1,Return({name})" for name in ("20-03", "2001", "ward.7+a@b")]


def test_the_dialplan_learns_each_line_s_mode(tmp_path: Path) -> None:
    found, layout = compiled(tmp_path)
    policy.write(found, layout)
    written = [line for line in layout.lines.read_text().splitlines() if not line.startswith(";")]
    assert written == [
        "[consentgate-lines]",
        "exten => advice-line,1,Return(announce)",
        "exten => crisis-line,1,Return(never)",
        "",
        "[consentgate-machine-detection]",
        "",
        "[consentgate-staff]",
        "exten => 2001,1,Return(2001)",
        "exten => 2002,1,Return(2002)",
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
