"""Passwords and keys: where they may come from, and a type that cannot be printed by accident.

The configuration file itself never holds a secret, so that it can be kept in version control, mailed to a
colleague and shown in a meeting. A secret is looked for in this order, the first place that has it wins:

1. the file that the configuration names: `ari_password_file: /etc/consentgate/ari.password`
2. a systemd credential: `LoadCredential=ari_password:…` puts it at `$CREDENTIALS_DIRECTORY/ari_password`
3. the environment: `CONSENTGATE_ARI_PASSWORD`
"""

import hmac
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from .problems import Problem
from .yaml import Document

MAX_BYTES = 64 * 1024


class Secret:
    """A text that prints as `***`; only `reveal` gives it out, so that each use can be found by its name."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Return the text itself: for the call that needs it, never for a message or a log."""
        return self._text

    def __repr__(self) -> str:
        return "***"

    def __bool__(self) -> bool:
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        # The comparison must not tell by its duration how much of a guess was right.
        return isinstance(other, Secret) and hmac.compare_digest(self._text.encode(), other._text.encode())

    def __hash__(self) -> int:
        return hash((Secret, self._text))

    def __reduce__(self) -> str:
        raise TypeError("a secret is not written to a file or sent to another process")


@dataclass(frozen=True, slots=True)
class Place:
    """One secret: its section and key in the tree, and its name as systemd credential."""

    section: str
    key: str
    credential: str
    required: bool = True

    @property
    def file_key(self) -> str:
        """The key in the configuration that names the secret's file."""
        return f"{self.key}_file"

    @property
    def variable(self) -> str:
        """The environment variable that may hold the secret."""
        return f"CONSENTGATE_{self.credential.upper()}"


PLACES: Final = (
    Place("asterisk", "ari_password", "ari_password"),
    Place("asterisk", "ami_password", "ami_password"),
    # Without keys boto3 looks for them itself: an instance's role, a profile.
    Place("s3", "access_key", "s3_access_key", required=False),
    Place("s3", "secret_key", "s3_secret_key", required=False),
    Place("numbers", "key", "numbers_key"),
    # Without it recordings go out unsigned, as they did before there were signatures: ship says so.
    Place("signing", "key", "signing_key", required=False),
    Place("postgres", "dsn", "postgres_dsn"),
    Place("guard", "ari_password", "guard_ari_password"),
    Place("guard", "ami_password", "guard_ami_password"),
)


class _UnusableError(Exception):
    """A secret's source is there but cannot be used: (problem, hint)."""


def _cleaned(text: str) -> str:
    # Every editor ends a file with a newline, which is not part of the password. One inside it would forge
    # a header of the AMI login.
    text = text.rstrip("\r\n")
    if not text:
        raise _UnusableError("is empty", "write the secret into it")
    if not text.isprintable():
        raise _UnusableError("holds more than one line, or characters that cannot be printed", "one line, nothing else")
    return text


def is_path(value: object) -> bool:
    """Tell whether a value is a path that the system can be asked about at all."""
    if not isinstance(value, str) or not value or "\0" in value:
        return False
    try:
        os.fsencode(value)
    except UnicodeEncodeError:
        return False
    return True


def read_file(path: Path) -> str:
    """Return the one line of a secret's file. Raises with problem and hint if it cannot be used."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise _UnusableError("names a file that does not exist", "create it, mode 0400, user consentgate") from None
    except OSError as error:
        problem = f"names a file that cannot be read: {error.strerror or type(error).__name__}"
        raise _UnusableError(problem, "the user of the gate must read it") from None
    if len(content) > MAX_BYTES:
        raise _UnusableError(f"names a file of more than {MAX_BYTES} bytes", "name the file of one secret")
    try:
        return _cleaned(content.decode())
    except UnicodeDecodeError:
        raise _UnusableError("names a file that is not UTF-8 text", "name the file of one secret") from None


def _elsewhere(place: Place, environment: Mapping[str, str]) -> str | None:
    folder = environment.get("CREDENTIALS_DIRECTORY")
    # os.path: a folder that this user may not enter holds no credential of theirs, and is no error.
    if folder and os.path.exists(credential := Path(folder) / place.credential):  # noqa: PTH110
        return read_file(credential)
    text = environment.get(place.variable)
    return _cleaned(text) if text is not None else None


def resolve(document: Document, environment: Mapping[str, str] = os.environ) -> list[Problem]:
    """Put each secret into the document's tree as a `Secret`; return the problems with those that are missing.

    Where there is a problem an empty secret takes its place, so that it is reported once.
    """
    problems: list[Problem] = []
    for section_of_secrets in ("numbers", "signing", "postgres"):
        # They need nothing else, so a site that gives credentials by systemd need not write them at all.
        document.data.setdefault(section_of_secrets, {})
    for place in PLACES:
        # A section that is missing or no mapping is the model's finding.
        section = document.data.get(place.section)
        if isinstance(section, dict):
            problems += _resolve(place, section, document, environment)
    return problems


def _resolve(
    place: Place, section: dict[str, Any], document: Document, environment: Mapping[str, str]
) -> list[Problem]:
    path = (place.section, place.key)
    elsewhere = f"or give it as systemd credential {place.credential} or as {place.variable}"
    hint = f"write {place.file_key}: /path/to/its/file, {elsewhere}"
    if place.key in section:
        section[place.key] = Secret("")
        return [document.problem(path, "a secret does not stand in the configuration itself", hint)]
    named = section.get(place.file_key)
    try:
        if is_path(named):
            path = (place.section, place.file_key)
            text: str | None = read_file(document.folder / str(named))
        else:
            text = _elsewhere(place, environment)
    except _UnusableError as error:
        section[place.key] = Secret("")
        return [document.problem(path, *error.args)]
    if text is not None:
        section[place.key] = Secret(text)
    elif place.required:
        section[place.key] = Secret("")
        # A file key of the wrong type is the model's finding; saying "missing" as well would be false.
        return [] if named is not None else [document.problem(path, "is missing", hint)]
    return []
