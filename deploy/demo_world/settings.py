"""What a world is made of besides programs: its lines, its secrets, and the project's configuration file."""

import json
import os
import secrets
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import yaml

from .accounts import Account
from .asterisk import EXTENSIONS
from .errors import WorldError
from .voices import ANNOUNCEMENTS, Announcement

PURPOSES = ["medico-legal", "training", "audit"]
RETENTION = "demo"
"""The one class of retention: so long the recordings of these lines are locked in S3."""

LINES: Mapping[str, Mapping[str, Any]] = {
    "switchboard": {
        "numbers": ["01632960100"],
        "mode": "announce",
        "announcements": ["switchboard-en"],
        "purposes": PURPOSES,
        "retention": RETENTION,
        "capture": "conversation",
        "max_hours": 3,
    },
    "advice-line": {
        "numbers": ["01632960111"],
        "mode": "announce_opt_out",
        "announcements": ["advice-cy", "advice-en"],
        "opt_out_key": "9",
        "repeat_key": "*",
        "language_keys": {"cy": "1", "en": "2"},
        "confirmation": ["declined-cy", "declined-en"],
        "purposes": PURPOSES,
        "retention": RETENTION,
        "capture": "conversation",
        "max_hours": 3,
    },
    "crisis-line": {"numbers": ["01632960199"], "mode": "never", "reason": "anonymous support line"},
    # No number of its own: the LINE of every Dial to the outside, and of the conference's Gosub.
    "outgoing": {
        "mode": "announce",
        "outgoing_announcements": ["calling-en"],
        "purposes": PURPOSES,
        "retention": RETENTION,
    },
    "conference": {
        "mode": "announce",
        "announcements": ["conference-en"],
        "purposes": PURPOSES,
        "retention": RETENTION,
        "on_objection": "leave_out",
    },
}
EMERGENCY_NUMBERS = ("999", "112", "2222")
"""Dialled from the house with a plain Dial (extensions.conf)."""


@dataclass(frozen=True, slots=True)
class Options:
    """What the maker of a world may choose; the demo takes all of it as it is here.

    config: merged over the generated configuration file; a value of None takes a key away.
    asterisk_extra: configuration file name to text that is appended to it.
    """

    lines: Mapping[str, Mapping[str, Any]] = field(default_factory=lambda: LINES)
    announcements: Mapping[str, Announcement] = field(default_factory=lambda: ANNOUNCEMENTS)
    config: Mapping[str, Any] = field(default_factory=dict)
    asterisk_extra: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return what `from_json` takes."""
        text: dict[str, Any] = json.loads(json.dumps(asdict(self), default=str))
        return text

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Options":
        """Read options that an earlier process wrote."""
        announcements = {
            name: Announcement(said["text"], said["language"], Path(said["file"]) if said["file"] else None)
            for name, said in data["announcements"].items()
        }
        return cls(data["lines"], announcements, data["config"], data["asterisk_extra"])

    def routes(self) -> dict[str, str]:
        """Every number and its LINE."""
        return {number: line for line, said in self.lines.items() for number in said.get("numbers", ())}


@dataclass(frozen=True, slots=True)
class Secrets:
    """Random per world. Hexadecimal: safe in URLs, in Asterisk's files and in SQL literals."""

    ari: str
    ami: str
    guard_ari: str
    guard_ami: str
    postgres: str
    postgres_admin: str
    s3_access: str
    s3_secret: str
    s3_admin_access: str
    s3_admin_secret: str
    s3_sse: str
    numbers: str
    signing: str
    phones: Mapping[str, str]

    @classmethod
    def new(cls) -> "Secrets":
        """Draw all of them."""
        token = secrets.token_hex
        phones = {name: token(8) for name in (*EXTENSIONS, "demo-phone")}
        return cls(
            ari=token(20),
            ami=token(20),
            guard_ari=token(20),
            guard_ami=token(20),
            postgres=token(20),
            postgres_admin=token(20),
            s3_access=f"DEMO{token(8).upper()}",
            s3_secret=token(20),
            s3_admin_access=f"DEMO{token(8).upper()}",
            s3_admin_secret=token(20),
            s3_sse=token(32),
            numbers=token(32),
            signing=token(32),
            phones=phones,
        )

    def write(self, path: Path) -> None:
        """Keep them for the next start, readable by whoever started this world alone."""
        write_own(path, json.dumps(asdict(self)))

    @classmethod
    def read(cls, path: Path) -> "Secrets":
        """Read what an earlier start drew."""
        try:
            # A world made by an earlier version lacks what only this one needs.
            return cls(**{**asdict(cls.new()), **json.loads(path.read_text(encoding="utf-8"))})
        except PermissionError as refused:
            raise WorldError(f"this world is another user's: {refused}") from None


def write_own(path: Path, text: str, mode: int = 0o600) -> None:
    """Write a file of whoever runs this, whole or not at all."""
    new = path.with_name(path.name + ".new")
    with os.fdopen(os.open(new, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, mode), "w") as stream:
        stream.write(text)
    new.rename(path)


def secret_files(directory: Path, secrets_: Secrets, dsn: str, account: Account) -> dict[str, Path]:
    """Write the secrets that gate, guard and ship read, each in a file of theirs alone."""
    account.directory(directory, 0o700)
    texts = {
        "ari.password": secrets_.ari,
        "ami.password": secrets_.ami,
        "guard-ari.password": secrets_.guard_ari,
        "guard-ami.password": secrets_.guard_ami,
        "postgres.dsn": dsn,
        "s3.access_key": secrets_.s3_access,
        "s3.secret_key": secrets_.s3_secret,
        "numbers.key": secrets_.numbers,
        "signing.key": secrets_.signing,
    }
    return {name: account.write(directory / name, text + "\n", 0o400) for name, text in texts.items()}


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Return base with over laid on it, mapping by mapping; None takes a key away."""
    result = deepcopy(dict(base))
    for key, value in over.items():
        below = result.get(key)
        if value is None:
            result.pop(key, None)
        elif isinstance(value, Mapping) and isinstance(below, Mapping):
            result[key] = merged(below, value)
        else:
            result[key] = deepcopy(value)
    return result


def to_yaml(config: Mapping[str, Any]) -> str:
    """Return the configuration file's text, keys in the order they were given."""

    class Plain(yaml.SafeDumper):
        """Lists that occur twice are written twice: anchors would puzzle whoever reads the demo's file."""

        def ignore_aliases(self, data: Any) -> bool:  # noqa: ANN401, ARG002  # PyYAML's signature
            return True

    def text_of(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
        # A telephone number in quotes: YAML's rules for what is a number are not for guessing.
        return dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"' if text.isdigit() else None)

    Plain.add_representer(str, text_of)
    text: str = yaml.dump(
        json.loads(json.dumps(config, default=str)), Dumper=Plain, sort_keys=False, allow_unicode=True, width=110
    )
    return text
