"""Which tests have many telephones at once, and that one of these is on at a time when two processes play.

Whoever plays scenes on a stage has; others are named here. A process of pytest-xdist is given all of them, one after
the other, and every other test goes to whichever process is free.
"""

import re
from functools import cache
from pathlib import Path
from typing import Final

from xdist.scheduler import LoadScopeScheduling

_STAGED: Final = re.compile(r"^from system\.(?:judge|stage|standby) import ", re.MULTILINE)
_OTHERS: Final = (
    "test_recorded_conversation.py::test_many_at_once_and_nobody_in_another_s_recording",
    "test_rescue.py::test_a_gate_that_dies_or_hangs_costs_two_seconds_at_most",
)


@cache
def _staged(module: str) -> bool:
    file = Path(__file__).parent / Path(module).name
    return file.exists() and _STAGED.search(file.read_text(encoding="utf-8")) is not None


def crowded(nodeid: str) -> bool:
    """Tell whether a test has many telephones at once."""
    return _staged(nodeid.partition("::")[0]) or any(f"system/{one}" in nodeid for one in _OTHERS)


class OneCrowdAtATime(LoadScopeScheduling):  # type: ignore[misc]  # the base is Any where xdist has no types
    """Gives the crowds to one process."""

    def _split_scope(self, nodeid: str) -> str:
        return "crowd" if crowded(nodeid) else nodeid
