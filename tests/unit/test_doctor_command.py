"""`consentgate doctor` as a person or a timer sees it: tables, JSON, codes, and what it does where it may not look."""

import json
from pathlib import Path

import pytest
from unit import fake_asterisk
from unit.config_world import speech, write, write_wav
from unit.test_doctor_doors import FIXTURES

from ari_app import announcements
from ari_app.commands import check_storage, doctor, doctor_asterisk, doctor_postgres
from ari_app.config import Config, load
from ari_app.core.policy import Announcement
from ari_app.errors import ConfigurationError
from ari_app.layout import Layout


def site(folder: Path, *changes: tuple[str, object]) -> Path:
    spool = folder / "spool"
    spool.mkdir(exist_ok=True)
    file = write(folder, ("spool.path", str(spool)), ("spool.stop_below_free", "1MiB"), *changes)
    write_wav(folder / "advice-en.wav", speech())
    return file


def told(capsys: pytest.CaptureFixture[str]) -> tuple[list[dict[str, str]], dict[str, object]]:
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    return lines[:-1], lines[-1]


def test_without_asking_anybody(tmp_path: Path, capsys) -> None:
    file = site(tmp_path)
    code = doctor.run(file, as_json=True, offline=True, asterisk_folder=FIXTURES / "freepbx")
    found, whole = told(capsys)
    assert (code, whole["ok"], whole["exit"]) == (1, False, 1)
    assert {one["section"] for one in found} == {
        *("announcements", "spool", "this machine", "keys", "routes", "doors", "self-test"),
    }
    names = {one["finding"] for one in found}
    assert {"door-mixmonitor", "door-ari-user", "route-pickup", "route-ungated", "selftest-last"} <= names
    for one in found:
        assert set(one) == {"section", "finding", "grade", "subject", "what", "why", "mend"}
        assert one["grade"] == "good" or (one["why"] and one["mend"]), one
    pickups = [one for one in found if "pickupexten" in one["what"]]
    assert len(pickups) == 1, "each thing is said once"


def test_as_tables(tmp_path: Path, capsys) -> None:
    code = doctor.run(site(tmp_path), offline=True, asterisk_folder=FIXTURES / "freepbx")
    shown = capsys.readouterr().out
    assert code == 1
    assert "door-one-touch" in shown
    assert "docs/doctor.md explains each finding." in shown


@pytest.mark.parametrize("name", ["none", "empty"])
def test_files_that_are_not_there_are_not_taken_for_good(tmp_path: Path, capsys, name: str) -> None:
    (tmp_path / "empty").mkdir()
    doctor.run(site(tmp_path), as_json=True, offline=True, asterisk_folder=tmp_path / name)
    found, _ = told(capsys)
    assert [one["section"] for one in found if one["finding"] == "not-read"] == ["keys", "routes", "doors"]
    assert {one["grade"] for one in found if one["finding"] == "not-read"} == {"not known"}


def test_an_announcement_that_cannot_be_used(tmp_path: Path, capsys) -> None:
    file = site(tmp_path)
    (tmp_path / "advice-en.wav").unlink()
    assert doctor.run(file, as_json=True, offline=True, asterisk_folder=tmp_path / "none") == 3
    found, _ = told(capsys)
    (one,) = [one for one in found if one["finding"] == "announcements" and one["grade"] == "configuration"]
    assert one["subject"] == "announcement advice-en"


def test_a_file_in_another_format_beside_the_copy(tmp_path: Path, capsys) -> None:
    file = site(tmp_path)
    kept = tmp_path / "spool" / "announcements"
    kept.mkdir()
    doctor.run(file, as_json=True, offline=True, asterisk_folder=tmp_path / "none")
    found, _ = told(capsys)
    assert [one["grade"] for one in found if one["finding"] == "announcements"] == ["not known"]

    prepared = announcements.prepare(load(file), Layout(tmp_path / "spool"))["advice-en"]
    assert isinstance(prepared, Announcement)
    kept.joinpath(f"{prepared.sha256}.ulaw").write_bytes(b"")
    doctor.run(file, as_json=True, offline=True, asterisk_folder=tmp_path / "none")
    found, _ = told(capsys)
    (one,) = [one for one in found if one["finding"] == "announcements" and one["grade"] == "wrong"]
    assert ".ulaw lies beside it" in one["what"]


def test_a_configuration_that_is_wrong_ends_it(tmp_path: Path) -> None:
    file = tmp_path / "consentgate.yaml"
    file.write_text("lines: {}\n", encoding="utf-8")
    with pytest.raises(ConfigurationError):
        doctor.run(file)


def test_everybody_away_is_told_once_and_soon(tmp_path: Path, capsys, monkeypatch) -> None:
    file = site(tmp_path, ("asterisk.ari_url", "http://127.0.0.1:1/ari"), ("asterisk.ami_port", 1))

    def away(_: Config) -> list[object]:
        return []

    monkeypatch.setattr(check_storage, "postgres", away)
    monkeypatch.setattr(check_storage, "s3", away)
    monkeypatch.setattr(doctor_postgres.Look, "everything", lambda _: [])
    monkeypatch.setattr(doctor, "_s3_ahead", lambda _: -3600.0)
    assert doctor.run(file, as_json=True, asterisk_folder=tmp_path / "none") == 4
    found, _ = told(capsys)
    of_asterisk = [one for one in found if one["section"] == "Asterisk"]
    assert {one["grade"] for one in of_asterisk} == {"unreachable"}
    clocks = {one["subject"]: one["grade"] for one in found if one["finding"] == "clock"}
    assert clocks == {"S3": "wrong", "Asterisk": "not known", "PostgreSQL": "not known"}


def test_a_user_who_may_not_act_is_found_by_trying(tmp_path: Path) -> None:

    faults = fake_asterisk.Faults(read_only=True)
    with fake_asterisk.ari(faults) as ari_port, fake_asterisk.ami(faults) as ami_port:
        changes = (("asterisk.ari_url", f"http://127.0.0.1:{ari_port}/ari"), ("asterisk.ami_port", ami_port))
        settings = load(site(tmp_path, *changes))
        found = list(doctor_asterisk.Look(settings.asterisk).everything())
    tried = [one for one in found if one.name == "rights-tried"]
    assert tried, found
    assert all(one.grade == "wrong" for one in tried)
