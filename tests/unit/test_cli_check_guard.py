"""`consentgate check` of the guard: its logins, what they must be able to do, and the folders it takes from."""

from pathlib import Path
from typing import Any

import pytest
from unit import fake_asterisk
from unit.config_world import write
from unit.fake_asterisk import Faults

from ari_app import config
from ari_app.commands import check_asterisk, check_storage
from ari_app.commands.check_asterisk import GUARD
from ari_app.commands.finding import Finding
from ari_app.errors import FINDING, GOOD, UNREACHABLE

USER = "consentgate-guard"


def settings(folder: Path, *changes: tuple[str, object]) -> config.Config:
    section: dict[str, Any] = {
        "ari_user": USER,
        "ari_password_file": "guard-ari.password",
        "ami_user": USER,
        "ami_password_file": "guard-ami.password",
        "asterisk_recording_folders": [str(folder / "monitor")],
    }
    return config.load(write(folder, ("guard", section), *changes), {})


def asterisk(folder: Path, *changes: tuple[str, object]) -> config.Asterisk:
    found = check_asterisk.guard_of(settings(folder, *changes))
    assert found is not None
    return found


def test_without_a_guard_there_is_nothing_to_check(tmp_path: Path) -> None:
    loaded = config.load(write(tmp_path), {})
    assert check_asterisk.guard_of(loaded) is None
    assert list(check_storage.recording_folders(loaded)) == []


@pytest.mark.parametrize(
    ("faults", "code", "text"),
    [
        (Faults(user=USER, password="guard-ari-secret"), GOOD, f"user {USER}"),
        (Faults(user=USER, password="another"), UNREACHABLE, "guard.ari_user"),
        (Faults(user=USER, password="guard-ari-secret", read_only=True), FINDING, "read_only = no"),
    ],
)
def test_ari(tmp_path: Path, faults: Faults, code: int, text: str) -> None:
    with fake_asterisk.ari(faults) as port:
        found = check_asterisk.ari(asterisk(tmp_path, ("asterisk.ari_url", f"http://127.0.0.1:{port}/ari")), GUARD)
    assert (found.code, text in found.verdict + found.hint) == (code, True), found


def ami(folder: Path, faults: Faults) -> list[Finding]:
    with fake_asterisk.ami(faults) as port:
        return list(check_asterisk.ami(asterisk(folder, ("asterisk.ami_port", port)), GUARD))


@pytest.mark.parametrize(
    ("faults", "code", "text"),
    [
        (Faults(secret="guard-ami-secret", reads="call,dialplan,agi,dtmf"), GOOD, "rights as needed"),
        (Faults(secret="another"), UNREACHABLE, "guard.ami_user"),
        (Faults(secret="guard-ami-secret", reads="call,dialplan,dtmf"), FINDING, "RECORD FILE would not be seen"),
        (Faults(secret="guard-ami-secret", reads="call,agi,dtmf"), FINDING, "Record() would not be seen"),
        (Faults(secret="guard-ami-secret", reads="call,dialplan,agi"), FINDING, "would be told and not recorded"),
        (
            Faults(secret="guard-ami-secret", reads="all", denied={"StopMixMonitor"}),
            FINDING,
            "a secret recording could not be stopped",
        ),
    ],
)
def test_ami(tmp_path: Path, faults: Faults, code: int, text: str) -> None:
    (found,) = ami(tmp_path, faults)
    assert (found.code, text in found.verdict + found.hint) == (code, True), found


def test_recording_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = settings(tmp_path)
    (missing,) = check_storage.recording_folders(loaded)
    assert (missing.code, missing.verdict) == (FINDING, "is no folder")
    (tmp_path / "monitor").mkdir()
    (there,) = check_storage.recording_folders(loaded)
    assert there.code == GOOD
    monkeypatch.setattr("os.access", lambda *_: False)
    (closed,) = check_storage.recording_folders(loaded)
    assert (closed.code, "chmod 2770" in closed.hint) == (FINDING, True)
