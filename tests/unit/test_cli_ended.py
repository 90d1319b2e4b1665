"""A command that a service manager runs ends with one line in its journal; a person gets none."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]
MAIN = "from ari_app.cli import main; main()"


def ran(folder: Path, config: str, *, journal: bool) -> tuple[int, list[str]]:
    """Run `consentgate spool list` with standard error into a file; return its exit code and what stands there."""
    (folder / "consentgate.yaml").write_text(config, encoding="utf-8")
    with (folder / "stderr").open("wb") as stream:
        found = os.fstat(stream.fileno())
        said = f"{found.st_dev}:{found.st_ino}" if journal else f"{found.st_dev}:{found.st_ino + 1}"
        done = subprocess.run(
            [sys.executable, "-c", MAIN, "status", "--once", "--config", str(folder / "consentgate.yaml")],
            env={**os.environ, "JOURNAL_STREAM": said},
            stdout=subprocess.DEVNULL,
            stderr=stream,
            cwd=CHECKOUT,
            check=False,
        )
    return done.returncode, (folder / "stderr").read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize(("config", "code"), [("spool: {path: /nowhere/at/all}", 1), ("site: {}", 3)])
def test_it_is_said_once_with_its_exit_code(tmp_path: Path, config: str, code: int) -> None:
    returned, lines = ran(tmp_path, config, journal=True)
    ended = [json.loads(line) for line in lines if line.startswith("{")]
    assert returned == code
    (said,) = ended
    assert (said["event"], said["component"], said["command"]) == ("command.ended", "command", "status")
    assert (said["exit_code"], said["level"]) == (code, "info")
    assert said["seconds"] < 60


def test_a_person_is_not_bothered(tmp_path: Path) -> None:
    assert ran(tmp_path, "spool: {path: /nowhere/at/all}", journal=False) == (1, [])
