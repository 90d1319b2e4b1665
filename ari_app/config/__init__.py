"""The configuration: read once at start, checked whole, then frozen.

`load` gives a tree of plain values (`config.s3.bucket`, `config.lines["advice-line"].mode`); secrets are of the
type `Secret`. Either all of it is right, or nothing of it is used and every problem is told at once:

    ConsentgateError
    └── ConfigurationError               unreadable, not there
        └── InvalidConfigurationError    read, and wrong: `problems`
"""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from . import rules, schema, secrets, yaml
from .lines import AnnouncementChecks, AnnouncementFile, Line, Parties, RetentionClass
from .model import (
    S3,
    AllowedCapture,
    Assurance,
    Asterisk,
    Config,
    Guard,
    Metrics,
    Numbers,
    Postgres,
    Ship,
    Signing,
    Site,
    Spool,
    keys_of,
    section_at,
)
from .problems import InvalidConfigurationError, Problem, did_you_mean
from .secrets import Secret
from .section import Section
from .units import Period
from .yaml import Document

__all__ = [
    "S3",
    "SECTIONS",
    "AllowedCapture",
    "AnnouncementChecks",
    "AnnouncementFile",
    "Asterisk",
    "Config",
    "Guard",
    "InvalidConfigurationError",
    "Line",
    "Metrics",
    "Numbers",
    "Parties",
    "Period",
    "Postgres",
    "Problem",
    "RetentionClass",
    "Secret",
    "Section",
    "Ship",
    "Signing",
    "Site",
    "Spool",
    "default_path",
    "keys_of",
    "load",
]

SECTIONS: tuple[type[Section], ...] = (
    Site, Asterisk, Spool, Ship, S3, Numbers, Signing, Postgres, AnnouncementFile, AnnouncementChecks, Line, Parties,
    RetentionClass, Guard, Assurance, Metrics,
)  # fmt: skip
DEFAULT_PATH = Path("/etc/consentgate/consentgate.yaml")
VARIABLE = "CONSENTGATE_CONFIG"


def default_path(environment: Mapping[str, str] = os.environ) -> Path:
    """Return where the configuration lies if the command line does not say so."""
    return Path(environment.get(VARIABLE) or DEFAULT_PATH)


def load(path: Path, environment: Mapping[str, str] = os.environ) -> Config:
    """Return the configuration in a file, with the secrets that it refers to.

    Announcements' sound files are not read here: a broken one silences its line, not the gate
    (`announcements.prepare`). Raises ConfigurationError (exit 3) with all problems.
    """
    document, problems = yaml.read(path.absolute())
    problems += secrets.resolve(document, environment)
    problems += rules.problems(document)
    try:
        config = Config.model_validate(document.data, context={"folder": document.folder})
    except ValidationError as error:
        for detail in error.errors(include_url=False):
            if detail["loc"] not in document.unreadable:
                problems += _problems(document, detail)
    if problems:
        raise InvalidConfigurationError(str(path), problems)
    return config


def _problems(document: Document, detail: ErrorDetails) -> Iterator[Problem]:
    path, context = detail["loc"], detail.get("ctx", {})
    if path[-1:] == ("[key]",):
        path = path[:-1]
    key = str(path[-1]) if path else ""
    section = section_at(path[:-1])
    keys = keys_of(section) if section else {}
    text = document.texts.get(path)
    match detail["type"]:
        case "consentgate":
            yield document.problem(path, context["problem"], context["hint"])
        case "missing":
            example = keys.get(key)
            yield document.problem(path, "is missing", f"for example {key}: {example}" if example else _inside(path))
        case "extra_forbidden":
            yield document.problem(path, "is not a key of this section", did_you_mean(key, tuple(keys)))
        case "string_type" if text is not None:
            yield document.problem(path, "must be text", f'put it in quotes: "{text}"' if text else "write it out")
        case "literal_error" | "enum":
            words = tuple(str(context["expected"]).replace("'", "").replace(" or ", ", ").split(", "))
            close = did_you_mean(text or "", words)
            hint = close if close.startswith("did") else "choose one of them"
            yield document.problem(path, "is not one of " + ", ".join(words), hint)
        case "model_type" | "dict_type":
            yield document.problem(path, "must be a section of keys", _inside(path))
        case "tuple_type" | "frozen_set_type":
            yield document.problem(path, "must be a list", f"for example {key}: [{text or '…'}]")
        case "date_type" | "date_from_datetime_parsing" | "date_from_datetime_inexact" | "date_parsing":
            yield document.problem(path, "is not a date", "year, month and day: 2026-11-01")
        case _:
            message = detail["msg"].replace("Input should be", "must be").replace("Value should", "must")
            yield document.problem(path, message[:1].lower() + message[1:], schema.hint(path))


def _inside(path: tuple[str | int, ...]) -> str:
    model = section_at(path)
    return f"with the keys {', '.join(keys_of(model))}" if model else "with at least one entry"
