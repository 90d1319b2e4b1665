"""The command line: what a person sees, and with which code it ends."""

import os
import subprocess
import sys
import tempfile
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ari_app import cli, errors

CHECK: dict[str, object] = {"offline": False, "prompts": False, "prompts_report": None, "as_json": False}
CHECK["asterisk_folder"] = Path("/etc/asterisk")
EXPLAIN = {"caller": "07700900123", "to": "advice-line", "transfer_to": None, "at": None, "as_json": False}
RUN = [sys.executable, "-c", "from ari_app.cli import main; main()"]


def end(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["consentgate", *arguments])
    with pytest.raises(SystemExit) as caught:
        cli.main()
    return int(caught.value.code or 0)


def pretend(monkeypatch: pytest.MonkeyPatch, module: str, outcome: object) -> list[tuple[Any, dict[str, Any]]]:
    """Put a command's module in place that notes its call, and returns or raises the outcome."""
    calls: list[tuple[Any, dict[str, Any]]] = []

    def run(path: Path, **options: object) -> object:
        calls.append((path, options))
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    monkeypatch.setitem(sys.modules, f"ari_app.{module}", SimpleNamespace(run=run))
    return calls


def test_help_names_every_command_and_what_the_codes_mean(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert end(monkeypatch, "--help") == 0
    shown = capsys.readouterr().out
    for word in (
        "gate",
        "guard",
        "ship",
        "migrate",
        "check",
        "explain",
        "verify",
        "quarantine",
        "doctor",
        "--version",
        "Exit codes",
    ):
        assert word in shown


@pytest.mark.parametrize("command", ["gate", "guard", "ship", "migrate", "check", "explain", "verify"])
def test_each_command_explains_its_configuration(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    assert end(monkeypatch, command, "--help") == 0
    assert "--config" in capsys.readouterr().out


def test_help_waits_for_no_library_of_a_command() -> None:
    heavy = ["boto3", "psycopg", "pydantic", "numpy", "aiohttp", "panoramisk", "yaml"]
    program = (
        "import sys\nfrom ari_app.cli import main\nsys.argv = ['consentgate', '--help']\n"
        f"try:\n    main()\nexcept SystemExit:\n    print([name for name in {heavy} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_version(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert end(monkeypatch, "--version") == 0
    assert capsys.readouterr().out.startswith("consentgate ")


@pytest.mark.parametrize(
    "arguments", [["bogus"], ["check", "--nonsense"], ["explain", "--from", "1"], ["gate", "surplus"]]
)
def test_wrong_usage_ends_with_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    assert end(monkeypatch, *arguments) == errors.USAGE
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "module", "options"),
    [
        (["gate"], "gate", {"standby": False}),
        (["gate", "--standby"], "gate", {"standby": True}),
        (["guard"], "guard", {"once": False}),
        (["guard", "--once"], "guard", {"once": True}),
        (["quarantine", "list"], "commands.quarantine", {"action": "list"}),
        (["quarantine", "show", "ID"], "commands.quarantine", {"action": "show", "identity": "ID"}),
        (
            ["quarantine", "destroy", "ID", "--yes"],
            "commands.quarantine",
            {"action": "destroy", "identity": "ID", "yes": True},
        ),
        (["ship"], "ship", {"once": False}),
        (["ship", "--once"], "ship", {"once": True}),
        (["migrate"], "commands.migrate", {"writer": None, "dsn_file": None}),
        (["migrate", "--writer", "ship"], "commands.migrate", {"writer": "ship", "dsn_file": None}),
        (["check"], "commands.check", CHECK),
        (["check", "--offline"], "commands.check", CHECK | {"offline": True}),
        (["check", "--prompts"], "commands.check", CHECK | {"prompts": True}),
        (["explain", "--from", "07700900123", "--to", "advice-line"], "commands.explain", EXPLAIN),
        (
            ["explain", "--from", "1", "--to", "x", "--transfer-to", "2", "--at", "2026-11-29T14:30", "--json"],
            "commands.explain",
            {"caller": "1", "to": "x", "transfer_to": "2", "at": datetime(2026, 11, 29, 14, 30), "as_json": True},  # noqa: DTZ001 - the machine's own time
        ),
        (["check", "--json"], "commands.check", CHECK | {"as_json": True}),
        (
            ["check", "--prompts-report", "/root/x.html"],
            "commands.check",
            CHECK | {"prompts_report": Path("/root/x.html")},
        ),
        (["check", "--asterisk-folder", "/srv/pbx"], "commands.check", CHECK | {"asterisk_folder": Path("/srv/pbx")}),
    ],
)
def test_a_command_gets_its_options_and_its_code_is_the_end(
    monkeypatch: pytest.MonkeyPatch, arguments: list[str], module: str, options: dict[str, object]
) -> None:
    calls = pretend(monkeypatch, module, 4)
    assert end(monkeypatch, *arguments, "--config", "/etc/other.yaml") == errors.UNREACHABLE
    assert calls == [(Path("/etc/other.yaml"), options)]


def test_the_configuration_is_where_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = pretend(monkeypatch, "ship", 0)
    monkeypatch.setattr("ari_app.config.default_path", lambda: Path("/from/environment.yaml"))
    assert end(monkeypatch, "ship") == errors.GOOD
    assert calls[0][0] == Path("/from/environment.yaml")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.ConfigurationError("it is wrong", on="x.yaml", hint="Mend it"), errors.CONFIGURATION),
        (errors.PermanentError("S3 refuses us"), errors.UNREACHABLE),
        (errors.SpoolError("another gate works on this spool"), errors.FINDING),
    ],
)
def test_a_known_failure_is_one_message_and_its_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: errors.ConsentgateError, code: int
) -> None:
    pretend(monkeypatch, "gate", error)
    assert end(monkeypatch, "gate") == code
    assert capsys.readouterr().err == f"consentgate: {error}\n"


def test_an_unknown_failure_names_a_file_with_the_details(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    pretend(monkeypatch, "gate", RuntimeError("something nobody thought of"))
    assert end(monkeypatch, "gate") == errors.FINDING
    (details,) = tmp_path.iterdir()
    said = capsys.readouterr().err
    assert str(details) in said
    assert "RuntimeError" in said
    assert "Traceback" not in said
    assert "something nobody thought of" in details.read_text()
    assert details.stat().st_mode & 0o777 == 0o600


def test_an_unknown_failure_without_a_place_for_details(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    pretend(monkeypatch, "gate", RuntimeError("x"))
    assert end(monkeypatch, "gate") == errors.FINDING
    assert "--debug" in capsys.readouterr().err


def test_debug_prints_the_details(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("CONSENTGATE_DEBUG", "")
    pretend(monkeypatch, "gate", RuntimeError("something nobody thought of"))
    assert end(monkeypatch, "--debug", "gate") == errors.FINDING
    assert "something nobody thought of" in capsys.readouterr().err


def test_the_keyboard_ends_it_without_a_word_too_many(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pretend(monkeypatch, "gate", KeyboardInterrupt())
    assert end(monkeypatch, "gate") == 130
    assert "Traceback" not in capsys.readouterr().err


def test_a_missing_configuration_as_a_real_process(tmp_path: Path) -> None:
    environment = {**os.environ, "CONSENTGATE_CONFIG": str(tmp_path / "nothing.yaml")}
    done = subprocess.run([*RUN, "check"], capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == errors.CONFIGURATION
    assert done.stderr.startswith("consentgate: the configuration cannot be read")
    assert len(done.stderr.splitlines()) == 1


def test_the_schema_is_printed_without_a_configuration(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert end(monkeypatch, "check", "--schema", "--config", "/nowhere.yaml") == 0
    published = (Path(__file__).parents[2] / "deploy" / "consentgate.schema.json").read_text(encoding="utf-8")
    assert capsys.readouterr().out == published


def test_doctor_alone_looks_at_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = pretend(monkeypatch, "commands.doctor", 1)
    assert end(monkeypatch, "doctor", "--json", "--offline", "--asterisk-folder", "/srv/asterisk") == 1
    ((_, options),) = calls
    assert options == {"as_json": True, "offline": True, "asterisk_folder": Path("/srv/asterisk")}


def test_a_part_of_doctor_is_that_part_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    whole, part = pretend(monkeypatch, "commands.doctor", 1), pretend(monkeypatch, "commands.selftest", 0)
    assert end(monkeypatch, "doctor", "self-test", "--line", "advice-line") == 0
    assert whole == []
    ((_, options),) = part
    assert options == {"line": "advice-line", "as_json": False}
