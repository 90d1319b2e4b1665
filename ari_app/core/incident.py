"""An incident: somebody's voice was being taken without a permit, and what the guard did about it.

The guard writes each into the spool as a small JSON file; ship stores it for good. Ship reads it as strictly as if
a stranger had written it: nothing may come through into objects and rows but ids, instants, hashes and these words,
because a stranger chooses the names of files and callers their own.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from . import names
from .names import Instant

FORMAT = 1
MOST_FILES = 100
MOST = 2**62
"""What the database's integers hold."""

_KEYS = {"format", "id", "node", "at", "door", "action", "channel", "stopped_after_ms", "files", "why"}
_FILE_KEYS = {"sha256", "bytes", "quarantined_as"}
_SHA256 = re.compile(r"[0-9a-f]{64}\Z")


class Door(StrEnum):
    """By which of Asterisk's interfaces the voice was being taken; or a called leg that hung in a dead gate."""

    MIXMONITOR = "mixmonitor"
    CHANNEL_RECORDING = "channel_recording"
    BRIDGE_RECORDING = "bridge_recording"
    SNOOP = "snoop"
    EXTERNAL_MEDIA = "external_media"
    CONFBRIDGE = "confbridge"
    QUEUE = "queue"
    RECORD_APPLICATION = "record_application"
    CHANSPY = "chanspy"
    FILE = "file"
    STRANDED_LEG = "stranded_leg"


class Action(StrEnum):
    """What the guard did: FAILED and REPORTED captures may go on."""

    STOPPED = "stopped"
    REPORTED = "reported"
    FAILED = "failed"
    CONTINUED = "continued"


class Why(StrEnum):
    """Why it was not permitted."""

    NOT_NAMED_IN_LIVE = "not_named_in_live"
    STALE_HEARTBEAT = "stale_heartbeat"
    OTHER_RUN = "other_run"
    NOT_ALLOWED = "not_allowed"


@dataclass(frozen=True, slots=True)
class Incident:
    """One incident, checked. `content` is all that the file said, as JSON holds it."""

    id: str
    at: Instant
    door: Door
    action: Action
    content: Mapping[str, Any]

    def object_name(self, prefix: str) -> str:
        """Return where in S3 it lies: by the day (UTC), beside the recordings."""
        return names.object_folder(f"{prefix.strip('/')}/incidents", names.recording_id(self.id), self.at) + ".json"


def read(text: bytes) -> Incident:
    """Read a file of the guard's. Raises ValueError for anything but its exact shape, without quoting it."""
    try:
        raw = json.loads(text)
    except RecursionError as error:
        raise ValueError("is nested too deeply") from error
    if not isinstance(raw, dict) or set(raw) != _KEYS or type(raw["format"]) is not int or raw["format"] != FORMAT:
        raise ValueError("is not of format 1")
    names.channel_id(_text(raw["node"]))
    if raw["channel"] is not None:
        names.channel_id(_text(raw["channel"]))
    if not _count(raw["at"]) or not (raw["stopped_after_ms"] is None or _count(raw["stopped_after_ms"])):
        raise ValueError("has a time that is no number")
    if not isinstance(raw["files"], list) or len(raw["files"]) > MOST_FILES:
        raise ValueError(f"has no list of files, or more than {MOST_FILES}")
    for file in raw["files"]:
        _check_file(file)
    # Not Door("…"), whose error would say the word.
    for name, words in (("door", set(Door)), ("action", set(Action)), ("why", set(Why))):
        if _text(raw[name]) not in words:
            raise ValueError(f"has an unknown {name}")
    identity = names.recording_id(_text(raw["id"]))
    return Incident(identity, Instant(raw["at"]), Door(raw["door"]), Action(raw["action"]), raw)


def _check_file(file: object) -> None:
    if not isinstance(file, dict) or set(file) != _FILE_KEYS or not _count(file["bytes"]):
        raise ValueError("has a file of another shape")
    if not _SHA256.match(_text(file["sha256"])):
        raise ValueError("has a file without a hash")
    names.channel_id(_text(file["quarantined_as"]))


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _count(value: object) -> bool:
    # True is an int as well.
    return type(value) is int and 0 <= value <= MOST
