"""Errors that an administrator reads.

ConsentgateError          what failed, on what, why, and what to do
├── ConfigurationError    the configuration cannot be used                     exit 3
├── UnreachableError      a dependency does not answer or refuses us           exit 4
│   ├── TransientError    trying again later may help: the retry layer does
│   └── PermanentError    trying again will not help until somebody acts
├── NotThereError         the thing asked for does not exist (an answer, not a failure)
└── SpoolError            the local spool cannot be used as it is              exit 1
"""

GOOD, FINDING, USAGE, CONFIGURATION, UNREACHABLE = 0, 1, 2, 3, 4
"""Exit codes of every command."""


class ConsentgateError(Exception):
    """One line for a person: `what`, `on` which thing, `why`, and a `hint` what to do about it."""

    exit_code = FINDING

    def __init__(self, what: str, *, on: str = "", why: str = "", hint: str = "") -> None:
        self.what, self.on, self.why, self.hint = what, on, why, hint
        super().__init__(str(self))

    def __str__(self) -> str:
        text = self.what + (f" ({self.on})" if self.on else "") + (f": {self.why}" if self.why else "")
        return text + (f". {self.hint}" if self.hint else "")


class ConfigurationError(ConsentgateError):
    """The configuration cannot be used; all of its problems are in the text."""

    exit_code = CONFIGURATION


class UnreachableError(ConsentgateError):
    """PostgreSQL, S3, ARI or AMI does not answer, or refuses us."""

    exit_code = UNREACHABLE


class TransientError(UnreachableError):
    """Trying again later may help."""


class PermanentError(UnreachableError):
    """Trying again will not help until somebody changes something (credentials, rights, a bucket)."""


class NotThereError(ConsentgateError):
    """The thing asked for does not exist."""


class SpoolError(ConsentgateError):
    """The spool cannot be used: another gate owns it, it is full, its rights are wrong."""
