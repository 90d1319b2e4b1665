"""What a command that looks for faults has found, one thing at a time."""

from collections.abc import Iterable
from dataclasses import dataclass

from ari_app.errors import CONFIGURATION, FINDING, GOOD, UNREACHABLE


@dataclass(frozen=True, slots=True)
class Finding:
    """A subject, what is true of it, the exit code that this calls for, and what to do.

    A warning is something that works and should be better: nothing has to be mended for it.
    """

    subject: str
    verdict: str
    code: int = GOOD
    hint: str = ""
    warning: bool = False


def exit_code(findings: Iterable[Finding]) -> int:
    """Return the code of the finding to be mended first: a wrong configuration explains the others."""
    codes = {finding.code for finding in findings}
    return next((code for code in (CONFIGURATION, UNREACHABLE, FINDING) if code in codes), GOOD)
