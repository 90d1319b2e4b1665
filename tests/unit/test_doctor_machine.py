"""`consentgate doctor` on this machine: the disk, the rights, the clocks, the host's name, who keeps packets."""

import socket
import time
from pathlib import Path

import pytest
from unit.config_world import write

from ari_app import config
from ari_app.commands import doctor_machine
from ari_app.config import Config
from ari_app.core.names import Instant
from ari_app.doctor import modules, versions
from ari_app.doctor.catalogue import Found, Grade, exit_code


def loaded(folder: Path) -> Config:
    spool = folder / "spool"
    spool.mkdir(exist_ok=True)
    return config.load(write(folder, ("spool.path", str(spool))), {})


def wrong(found: list[Found]) -> list[tuple[str, str]]:
    return [(one.name, one.seen) for one in found if one.grade is not Grade.GOOD]


class TestSpool:
    def test_a_spool_as_it_should_be(self, tmp_path: Path) -> None:
        settings = loaded(tmp_path)
        for name, mode in (("audio", 0o2770), ("fallback", 0o2770), ("quarantine", 0o700), ("announcements", 0o2750)):
            (settings.spool.path / name).mkdir()
            (settings.spool.path / name).chmod(mode)
        found = list(doctor_machine.spool(settings))
        assert [one.name for one in found] == ["spool-filesystem", "spool-speed", "spool-rights"]
        assert list(settings.spool.path.glob(".doctor*")) == [], "nothing is left of the try"

    @pytest.mark.parametrize(
        ("name", "mode"),
        [("audio", 0o2750), ("audio", 0o770), ("fallback", 0o700), ("quarantine", 0o750), ("announcements", 0o700)],
    )
    def test_wrong_rights_are_found(self, tmp_path: Path, name: str, mode: int) -> None:
        settings = loaded(tmp_path)
        folder = settings.spool.path / name
        folder.mkdir()
        folder.chmod(mode)
        found = [one for one in doctor_machine.spool(settings) if one.name == "spool-rights"]
        assert found[0].grade is Grade.WRONG
        assert found[0].subject == str(folder)
        assert "chmod" in found[0].mend

    def test_no_spool_is_said_elsewhere(self, tmp_path: Path) -> None:
        settings = loaded(tmp_path)
        settings.spool.path.rmdir()
        assert list(doctor_machine.spool(settings)) == []

    @pytest.mark.parametrize(("seconds", "grade"), [(0.0, Grade.GOOD), (0.03, Grade.WARNING), (0.3, Grade.WRONG)])
    def test_a_slow_disk_is_found(self, tmp_path: Path, monkeypatch, seconds: float, grade: Grade) -> None:
        ticks = iter([float(one) * seconds for one in range(1000)])
        monkeypatch.setattr(time, "monotonic", lambda: next(ticks))
        assert doctor_machine._speed(tmp_path).grade is grade

    def test_a_folder_that_may_not_be_written(self, tmp_path: Path) -> None:
        assert doctor_machine._speed(tmp_path / "none").grade is Grade.UNKNOWN


class TestClock:
    def test_an_hour_is_found_and_whose_clock_it_is(self) -> None:
        found = list(doctor_machine.clock({"Asterisk": 0.01, "PostgreSQL": 3600.5, "S3": 3599.5}))
        assert [(one.subject, one.grade) for one in found] == [
            ("Asterisk", Grade.GOOD),
            ("PostgreSQL", Grade.WRONG),
            ("S3", Grade.WRONG),
        ]
        assert found[1].seen == "is 60 min ahead of this machine's"
        assert found[1].mend.startswith("set this machine's clock"), "the two others agree"
        (one,) = doctor_machine.clock({"S3": -7200.0})
        assert (one.seen, one.grade) == ("is 2.0 h behind this machine's", Grade.WRONG)
        assert one.mend.startswith("set the clock of S3")

    def test_some_seconds_are_a_warning(self) -> None:
        (one,) = doctor_machine.clock({"S3": 5.0})
        assert (one.seen, one.grade) == ("is 5.0 s ahead of this machine's", Grade.WARNING)

    def test_the_middle_of_a_question_counts(self) -> None:
        assert doctor_machine.seconds_ahead(Instant(5_000_000), Instant(1_000_000), Instant(2_000_000)) == 3.5


class TestHostName:
    def test_a_name_that_is_found(self, monkeypatch) -> None:
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_: [])
        assert doctor_machine.host_name().grade is Grade.GOOD

    def test_a_name_that_is_not(self, monkeypatch) -> None:
        def fails(*_: object) -> None:
            raise socket.gaierror(-2, "Name or service not known")

        monkeypatch.setattr(socket, "getaddrinfo", fails)
        found = doctor_machine.host_name()
        assert found.grade is Grade.WARNING
        assert "/etc/hosts" in found.mend

    def test_a_resolver_that_does_not_answer(self, monkeypatch) -> None:
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_: time.sleep(0.4))
        assert doctor_machine.host_name(0.05).seen == "no answer within 0 s"
        assert doctor_machine.host_name(2.0).grade is Grade.WARNING


def test_programs_that_keep_packets_are_found(tmp_path: Path) -> None:
    for number, name in (("12", "tcpdump"), ("13", "asterisk"), ("self", "tcpdump")):
        (tmp_path / number).mkdir()
        (tmp_path / number / "comm").write_text(f"{name}\n", encoding="utf-8")
    (one,) = doctor_machine.packets(tmp_path)
    assert (one.name, one.subject, one.grade) == ("door-packet-capture", "tcpdump", Grade.WRONG)


class TestVersions:
    @pytest.mark.parametrize(
        ("text", "names"),
        [
            ("22.10.1+dfsg+~cs6", []),
            ("22.7.0", ["#1673"]),
            ("20.12.0", ["#1673"]),
            ("18.19.0", ["#1673"]),
        ],
    )
    def test_faults_that_concern_us_are_warnings(self, text: str, names: list[str]) -> None:
        found = [one for one in versions.judge(text) if one.name == "asterisk-fault" and one.grade is Grade.WARNING]
        assert [one.seen.partition(":")[0] for one in found] == names

    def test_faults_of_others_are_said(self) -> None:
        seen = " ".join(one.seen for one in versions.judge("18.18.0"))
        assert "#233" in seen
        assert "#233" not in " ".join(one.seen for one in versions.judge("18.20.0"))
        assert "#1279" in " ".join(one.seen for one in versions.judge("20.12.0"))
        assert "t()" in " ".join(one.seen for one in versions.judge("22.10.1"))

    @pytest.mark.parametrize(
        ("text", "grade"),
        [
            ("18.2.0", Grade.WRONG),
            ("16.28.0", Grade.WRONG),
            ("GIT-master-f0c1c1a", Grade.UNKNOWN),
            ("", Grade.UNKNOWN),
            ("23.1.0", Grade.WARNING),
            ("22.10.1", Grade.GOOD),
            ("certified/20.7-cert3", Grade.GOOD),
        ],
    )
    def test_the_version_itself(self, text: str, grade: Grade) -> None:
        assert next(versions.judge(text)).grade is grade


def test_modules_that_are_missing_and_that_are_too_much() -> None:
    whole = set(modules.NEEDED) | set(modules.FOR_KEYS)
    assert wrong(list(modules.judge(whole))) == []
    (one,) = [one for one in modules.judge(whole - {"app_mixmonitor"}) if one.grade is not Grade.GOOD]
    assert (one.subject, one.grade) == ("app_mixmonitor.so", Grade.WRONG)
    (one,) = [one for one in modules.judge(whole | {"app_record"}) if one.grade is not Grade.GOOD]
    assert (one.name, one.grade) == ("module-unwanted", Grade.WARNING)
    (one,) = [one for one in modules.judge(whole - {"func_db"}) if one.grade is not Grade.GOOD]
    assert one.grade is Grade.WARNING


def test_what_is_to_be_mended_first_gives_the_code() -> None:
    def of(*grades: Grade) -> int:
        return exit_code([Found("x", "y", "z", grade) for grade in grades])

    assert of(Grade.GOOD, Grade.WARNING, Grade.UNKNOWN) == 0
    assert of(Grade.WRONG, Grade.GOOD) == 1
    assert of(Grade.WRONG, Grade.UNREACHABLE) == 4
    assert of(Grade.UNREACHABLE, Grade.CONFIGURATION) == 3
