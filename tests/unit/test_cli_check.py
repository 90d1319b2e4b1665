"""`consentgate check`: each fault of an administrator gets its own line, its hint and its code."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from unit import fake_asterisk
from unit.config_world import SECRETS, speech, write, write_wav
from unit.fake_asterisk import Faults

from ari_app import config
from ari_app.commands import check, check_asterisk, check_storage
from ari_app.commands.finding import Finding, exit_code
from ari_app.errors import CONFIGURATION, FINDING, GOOD, UNREACHABLE
from ari_app.signing import Signer


@pytest.fixture
def closed_port() -> Iterator[int]:
    """Yield a port of which nobody listens: bound, so that nobody else takes it."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        yield holder.getsockname()[1]


def asterisk(folder: Path, *changes: tuple[str, object]) -> config.Asterisk:
    return config.load(write(folder, *changes), {}).asterisk


def ari(folder: Path, faults: Faults) -> Finding:
    with fake_asterisk.ari(faults) as port:
        return check_asterisk.ari(asterisk(folder, ("asterisk.ari_url", f"http://127.0.0.1:{port}/ari")))


def ami(folder: Path, faults: Faults) -> list[Finding]:
    with fake_asterisk.ami(faults) as port:
        return list(check_asterisk.ami(asterisk(folder, ("asterisk.ami_port", port))))


@pytest.mark.parametrize(
    ("faults", "code", "verdict", "hint"),
    [
        (Faults(), GOOD, "Asterisk 22.10.1, user consentgate", ""),
        (Faults(version="18.3.0"), GOOD, "Asterisk 18.3.0", ""),
        (Faults(version="GIT-master-f0c1c1a"), GOOD, "Asterisk GIT-master", ""),
        (Faults(version="16.28.0"), FINDING, "Asterisk 16.28.0 is too old", "18.3 and later"),
        (Faults(password="another"), UNREACHABLE, "refuses user consentgate or the password", "ari.conf"),
        (Faults(read_only=True), FINDING, "user consentgate may only read", "read_only = no"),
        (Faults(is_ari=False), UNREACHABLE, "something answers there, but not ARI", "res_ari"),
        (Faults(is_asterisk=False), UNREACHABLE, "something answers there, but not ARI", ""),
    ],
)
def test_ari(tmp_path: Path, faults: Faults, code: int, verdict: str, hint: str) -> None:
    found = ari(tmp_path, faults)
    assert (found.code, verdict in found.verdict, hint in found.hint) == (code, True, True), found


def test_ari_that_is_not_there(tmp_path: Path, closed_port: int) -> None:
    found = check_asterisk.ari(asterisk(tmp_path, ("asterisk.ari_url", f"http://127.0.0.1:{closed_port}/ari")))
    assert (found.code, found.verdict) == (UNREACHABLE, "cannot be reached: Connection refused")


def test_ari_that_never_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check_asterisk, "SECONDS", 0.2)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        port = silent.getsockname()[1]
        found = check_asterisk.ari(asterisk(tmp_path, ("asterisk.ari_url", f"http://127.0.0.1:{port}/ari")))
        (other,) = check_asterisk.ami(asterisk(tmp_path, ("asterisk.ami_port", port)))
    assert "no answer within" in found.verdict
    assert "no answer within" in other.verdict


@pytest.mark.parametrize(
    ("faults", "code", "verdict", "hint"),
    [
        (Faults(), GOOD, "rights and event stamps as needed", ""),
        (Faults(secret="another"), UNREACHABLE, "refuses user consentgate or the password", "manager.conf"),
        (Faults(banner="SSH-2.0-OpenSSH"), UNREACHABLE, "but not AMI", "ami_port"),
        (
            Faults(denied={"MixMonitor"}),
            FINDING,
            "MixMonitor is not permitted: recording would",
            "add system to write=",
        ),
        (Faults(denied={"Command"}), FINDING, "running captures could not be listed", "add command to write="),
        (Faults(denied={"Setvar"}), FINDING, "the lifeline could not be armed", "add call to write="),
        (Faults(denied={"UserEvent"}), FINDING, "marker could not be sent", "add user to write="),
        (Faults(reads="all"), GOOD, "rights and event stamps as needed", ""),
        (
            Faults(reads="system,user,dialplan,dtmf"),
            FINDING,
            "class call are not heard: nothing would",
            "add call to read=",
        ),
        (Faults(reads="system,call,user,dtmf"), FINDING, "recorded a second time", "add dialplan to read= of the user"),
        (Faults(unknown={"MixMonitor"}), FINDING, "MixMonitor does not exist there", "app_mixmonitor"),
        (Faults(stamps=False), FINDING, "events carry no time", "timestampevents = yes"),
    ],
)
def test_ami(tmp_path: Path, faults: Faults, code: int, verdict: str, hint: str) -> None:
    found = ami(tmp_path, faults)
    assert len(found) == 1
    assert (found[0].code, verdict in found[0].verdict, hint in found[0].hint) == (code, True, True), found


def test_ami_whose_events_do_not_come_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check_asterisk, "SECONDS", 0.3)
    (found,) = ami(tmp_path, Faults(events=False))
    assert (found.code, "eventfilter" in found.hint) == (FINDING, True)


def test_ami_that_is_not_there(tmp_path: Path, closed_port: int) -> None:
    (found,) = check_asterisk.ami(asterisk(tmp_path, ("asterisk.ami_port", closed_port)))
    assert (found.code, found.verdict) == (UNREACHABLE, "cannot be reached: Connection refused")


def test_several_missing_rights_are_told_together(tmp_path: Path) -> None:
    assert len(ami(tmp_path, Faults(denied={"MixMonitor", "Command"}, stamps=False))) == 3


class TestSpool:
    def found(self, folder: Path, *changes: tuple[str, object]) -> list[Finding]:
        changed = (("spool.path", str(folder / "spool")), *changes)
        return list(check_storage.spool(config.load(write(folder, *changed), {})))

    def test_a_good_one_says_owner_and_room(self, tmp_path: Path) -> None:
        (tmp_path / "spool").mkdir(mode=0o750)
        (only,) = self.found(tmp_path, ("spool.stop_below_free", "1B"))
        assert only.code == GOOD
        assert "iB free" in only.verdict

    def test_one_that_is_not_there_says_how_to_make_it(self, tmp_path: Path) -> None:
        (only,) = self.found(tmp_path)
        assert (only.code, "install -d" in only.hint) == (FINDING, True)

    def test_a_file(self, tmp_path: Path) -> None:
        (tmp_path / "spool").write_text("")
        assert "is not a folder" in self.found(tmp_path)[0].verdict

    def test_no_room(self, tmp_path: Path) -> None:
        (tmp_path / "spool").mkdir(mode=0o750)
        (only,) = self.found(tmp_path, ("spool.stop_below_free", "1000TiB"))
        assert "less than 1000.0 TiB: nothing is recorded" in only.verdict

    def test_one_that_everybody_may_write_or_look_into(self, tmp_path: Path) -> None:
        (tmp_path / "spool" / "audio").mkdir(parents=True)
        (tmp_path / "spool").chmod(0o777)
        (tmp_path / "spool" / "audio").chmod(0o775)
        verdicts = [item.verdict for item in self.found(tmp_path, ("spool.stop_below_free", "1B"))]
        assert len(verdicts) == 2
        assert "may write there" in verdicts[0]
        assert "look into audio/" in verdicts[1]


def test_a_secret_that_everybody_can_read_is_a_finding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = config.load(write(tmp_path), {})
    for name in SECRETS:
        (tmp_path / name).chmod(0o640)
    assert list(check_storage.secrets(loaded)) == []
    (tmp_path / "ami.password").chmod(0o644)
    # The folders of a test are closed to others; the check must not be content with the file's own bits.
    assert list(check_storage.secrets(loaded)) == []
    monkeypatch.setattr(Path, "parents", [Path("/")])
    (only,) = check_storage.secrets(loaded)
    assert (only.subject, only.code) == ("asterisk.ami_password_file", FINDING)


def test_the_public_key_is_shown_and_a_missing_key_is_a_warning(tmp_path: Path) -> None:
    found = check_storage.signing(config.load(write(tmp_path), {}))
    public = Signer.from_text(SECRETS["signing.key"]).public_key
    assert (found.code, found.warning, found.verdict) == (GOOD, False, f"signs; its public key is {public}")
    found = check_storage.signing(config.load(write(tmp_path, ("signing", None)), {}))
    assert (found.code, found.warning) == (GOOD, True)
    assert "stored unsigned" in found.verdict
    assert "openssl rand -hex 32" in found.hint


def test_the_code_is_that_of_what_must_be_mended_first() -> None:
    def code(*codes: int) -> int:
        return exit_code(Finding("x", "y", code) for code in codes)

    assert code() == GOOD
    assert code(GOOD, FINDING) == FINDING
    assert code(FINDING, UNREACHABLE, GOOD) == UNREACHABLE
    assert code(UNREACHABLE, CONFIGURATION, FINDING) == CONFIGURATION


class TestWhole:
    def file(self, folder: Path, *changes: tuple[str, object]) -> Path:
        (folder / "spool").mkdir(mode=0o750, exist_ok=True)
        return write(folder, ("spool.path", str(folder / "spool")), ("spool.stop_below_free", "1B"), *changes)

    def test_offline_and_good(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        write_wav(tmp_path / "advice-en.wav", speech(1000, 600))
        assert check.run(self.file(tmp_path), offline=True) == GOOD
        shown = capsys.readouterr().out
        for text in ("advice-line", "01632960111", "advice-en (en, 1.6 s, speech ends at 1.0 s)", "anonymous support"):
            assert text in shown
        assert "callers: told, then recorded" in shown
        assert "called: not recorded (no announcement)" in shown
        assert "Everything is good. Connections were left out." in shown
        assert list((tmp_path / "spool").iterdir()) == []

    def test_a_broken_announcement_is_a_configuration_finding(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert check.run(self.file(tmp_path), offline=True) == CONFIGURATION
        shown = capsys.readouterr().out
        assert "does not exist (not recorded: callers of advice-line)" in shown
        assert "callers: not recorded" in shown
        assert "1 to mend." in shown

    def test_what_a_called_person_hears_is_judged_apart(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        write_wav(tmp_path / "advice-en.wav", speech())
        neutral = {"file": "neutral.wav", "language": "en", "text": "This call is recorded."}
        changes = [("announcements.neutral", neutral), ("lines.advice-line.outgoing_announcements", ["neutral"])]
        file = self.file(tmp_path, *changes, ("emergency_numbers", ["999", "2222"]))
        assert check.run(file, offline=True) == CONFIGURATION
        shown = capsys.readouterr().out
        assert "does not exist (not recorded: called by advice-line)" in shown
        for text in ("callers: told, then recorded", "called: not recorded", "called: neutral: cannot be used"):
            assert text in shown
        assert "Emergency numbers, never touched: 999, 2222" in shown

    def test_markup_in_a_text_of_the_site_is_text(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        write_wav(tmp_path / "advice-en.wav", speech())
        file = self.file(tmp_path, ("site.name", "[red]St Elsewhere[/red]"), ("lines.crisis-line.reason", "[x]"))
        assert check.run(file, offline=True) == GOOD
        assert "[red]St Elsewhere[/red]" in capsys.readouterr().out

    def test_everything_away_ends_with_4_and_a_line_for_each(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str], closed_port: int
    ) -> None:
        write_wav(tmp_path / "advice-en.wav", speech())
        address = f"http://127.0.0.1:{closed_port}"
        changes = [("asterisk.ari_url", f"{address}/ari"), ("asterisk.ami_port", closed_port)]
        file = self.file(tmp_path, *changes, ("s3.endpoint_url", address))
        (tmp_path / "postgres.dsn").write_text(f"postgresql://u:pg-secret@127.0.0.1:{closed_port}/d")
        assert check.run(file) == UNREACHABLE
        shown = capsys.readouterr().out
        assert shown.count("BAD") == 4
        for word in ("BAD  ARI", "BAD  AMI", "BAD  PostgreSQL", "BAD  S3"):
            assert word in shown
        assert "secret" not in shown.replace("s3.secret_key_file", "")
