"""Which failed tests may be played once more, alone: those that a busy machine can explain, and only a few.

The rings with real telephones judge packets of 20 ms on two cores that two worlds, and whatever else the machine has to
do, share. A packet that comes late there is stored late, or not. So a test that failed is played again by itself, and
the second verdict counts; both are shown. Not so where the machine excuses nothing: somebody is stored who may not be
(`canary.UNTOLD`), something was left over, or a process said that it has a bug. And not where many fail: that is one
cause, and it is ours.
"""

from pathlib import Path
from typing import Final

import pytest
from canary import UNTOLD

MOST: Final = 3
NEVER: Final = (UNTOLD, "the world is not clean after this test")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Take the name of the file that `tests/run` reads."""
    parser.addoption("--failed-file", type=Path, help="Where the failed tests go that may be played once more.")


def pytest_configure(config: pytest.Config) -> None:
    """Listen where the reports of all processes come together."""
    file = config.getoption("--failed-file")
    if file is not None and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Again(file), "played-again")


class Again:
    """Collects what failed."""

    def __init__(self, file: Path) -> None:
        """Write what may be played once more into a file, a line each, when all is over."""
        self.file = file
        self.failed: dict[str, list[str]] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note a failure of any phase."""
        if report.failed:
            self.failed.setdefault(report.nodeid, []).append(report.longreprtext)

    def pytest_sessionfinish(self) -> None:
        """Say what may be played once more: all that failed, or nothing."""
        self.file.write_text("".join(f"{one}\n" for one in self.again()), encoding="utf-8")

    def again(self) -> list[str]:
        """Return the tests to play once more; none if that could change nothing."""
        said = [text for texts in self.failed.values() for text in texts]
        excused = len(self.failed) <= MOST and not any(never in text for text in said for never in NEVER)
        return list(self.failed) if excused else []
