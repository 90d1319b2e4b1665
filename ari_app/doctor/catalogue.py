"""Every finding of `doctor`: its name, what it means, how it is mended. docs/doctor.md has a heading for each."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from ari_app.errors import CONFIGURATION, FINDING, GOOD, UNREACHABLE


class Grade(StrEnum):
    """How bad it is. UNKNOWN: it could not be seen, which is never taken for good."""

    GOOD = "good"
    UNKNOWN = "not known"
    WARNING = "warning"
    WRONG = "wrong"
    CONFIGURATION = "configuration"
    UNREACHABLE = "unreachable"


_CODES: Final = {Grade.CONFIGURATION: CONFIGURATION, Grade.UNREACHABLE: UNREACHABLE, Grade.WRONG: FINDING}


@dataclass(frozen=True, slots=True)
class Found:
    """One thing that was looked at: the finding's name, on what, what was seen, why it matters, how to mend it."""

    name: str
    subject: str
    seen: str
    grade: Grade = Grade.GOOD
    why: str = ""
    mend: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return it for programs."""
        return {
            "finding": self.name,
            "grade": str(self.grade),
            "subject": self.subject,
            "what": self.seen,
            "why": self.why,
            "mend": self.mend,
        }


def exit_code(found: Iterable[Found]) -> int:
    """Return the code of what is to be mended first: a wrong configuration explains the others."""
    grades = {one.grade for one in found}
    return next((code for grade, code in _CODES.items() if grade in grades), GOOD)
