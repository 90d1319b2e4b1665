"""A failed test is played once more only where a busy machine can be the reason."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from again import MOST, Again
from canary import UNTOLD

LATE = "AssertionError: 20.0 ms of what was said are not in the file"
UNCLEAN = "the world is not clean after this test:\n  a channel"


@pytest.mark.parametrize(
    ("reports", "again"),
    [
        ([], []),
        ([("a", LATE)], ["a"]),
        ([("a", LATE), ("a", "ERROR at teardown")], ["a"]),
        ([(str(number), LATE) for number in range(MOST)], [str(number) for number in range(MOST)]),
        ([(str(number), LATE) for number in range(MOST + 1)], []),
        ([("a", f"1 faults:\n  {UNTOLD}21.2 ms of the caller that must not be stored")], []),
        ([("a", LATE), ("b", f"{UNTOLD}the file holds 40.0 ms of the voice of the house")], []),
        ([("a", LATE), ("a", UNCLEAN)], []),
    ],
)
def test_what_is_played_once_more(tmp_path: Path, reports: list[tuple[str, str]], again: list[str]) -> None:
    listening = Again(tmp_path / "failed")
    for nodeid, text in reports:
        listening.pytest_runtest_logreport(SimpleNamespace(failed=True, nodeid=nodeid, longreprtext=text))  # type: ignore[arg-type]
    listening.pytest_runtest_logreport(SimpleNamespace(failed=False, nodeid="good", longreprtext=""))  # type: ignore[arg-type]
    listening.pytest_sessionfinish()
    assert listening.file.read_text(encoding="utf-8").splitlines() == again
