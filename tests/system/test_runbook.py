"""The runbook is tried: a real PBX and the program answer each of its commands, and none of them fails by itself.

What they answer while something is wrong is seen where it is made wrong; here nothing is.
"""

import re
import shlex
import subprocess
from pathlib import Path
from typing import Final

import pytest
from system.hospital import Hospital

CHECKOUT: Final = Path(__file__).parents[2]
RUNBOOK: Final = (CHECKOUT / "docs" / "runbook.md").read_text(encoding="utf-8")
OURS: Final = sorted({one.strip() for one in re.findall(r"^consentgate ([a-z][^|;#>\n]*)", RUNBOOK, re.MULTILINE)})
CONSOLE: Final = sorted(set(re.findall(r"asterisk -rx '([^']+)'", RUNBOOK)))
ASK_THE_WITNESS: Final = {"reconcile", "sheet"}
CALLS: Final = "doctor self-test"
"""It has tests of its own, and takes a call's time."""


@pytest.mark.parametrize("command", [one for one in OURS if not one.startswith(CALLS)])
def test_each_command_of_ours_is_answered(hospital: Hospital, command: str) -> None:
    world = hospital.world
    words = shlex.split(command)
    reads_files = words[0] == "check" or words == ["doctor"]
    folder = ["--asterisk-folder", str(world.asterisk.etc)] if reads_files else []
    done = world.consentgate(*words, *folder, "--config", str(world.config))
    # 1: the recording of the example is not here, or what other tests have left is told. 4: where no call was yet,
    # Asterisk has not begun its note of them, and those who ask for it say so.
    good = {0, 1, 4} if words[0] in ASK_THE_WITNESS else {0, 1}
    assert done.returncode in good, done.stderr or done.stdout
    assert done.stdout.strip() or done.stderr.strip(), "it says nothing"
    assert "an error in consentgate itself" not in done.stderr
    assert "Usage:" not in done.stderr


@pytest.mark.parametrize("line", CONSOLE)
def test_each_command_of_the_console_is_one_of_asterisk_s(hospital: Hospital, line: str) -> None:
    asked = [*hospital.world.asterisk.command, "-rx", line.replace("NUMBER@CONTEXT", "s@consentgate")]
    # It ends with 1 if there is no such channel, which there is not.
    said = subprocess.run(asked, capture_output=True, text=True, check=False, timeout=30).stdout
    assert said.strip()
    assert "No such command" not in said
    assert "Usage:" not in said


def test_the_commands_were_found() -> None:
    assert len(OURS) >= 12
    assert {"dialplan reload", "ari show apps", "mixmonitor stop CHANNEL ID"} <= set(CONSOLE)
