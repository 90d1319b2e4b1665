"""What lies in the spool and belongs to nothing there: which names may stand where, and what to do about the others.

Every file on the disk has a record, or somebody is told of it. This knows the names of every folder and what a sound
needs beside it; the shell (`ari_app.strays`) looks, and waits a while before it calls anything a stray, for whatever is
being written now is without its record for a moment.
"""

import re
from collections.abc import Callable, Container, Mapping
from enum import StrEnum
from typing import Final

from .names import UnsafeNameError, channel_id, recording_id

Rule = Callable[[str], bool]


class Kind(StrEnum):
    """In which way something belongs to nothing."""

    SOUND_ALONE = "sound_alone"
    UNFINISHED = "unfinished"
    UNKNOWN = "unknown"
    KEPT_ALONE = "kept_alone"
    NOT_ATTESTED = "not_attested"
    NAMED_ALONE = "named_alone"
    TAKEN_ALONE = "taken_alone"


TO_DO: Final[Mapping[Kind, str]] = {
    Kind.SOUND_ALONE: "Sound without any account of its call: ship never stores it. Nobody can say that whoever speaks "
    "there was told, so destroy it, unless you have its journal in a copy: then put that back into sealed/.",
    Kind.UNFINISHED: "A process was ended while it wrote this, and it was written anew since. It can be removed.",
    Kind.UNKNOWN: "Nothing of ours has such a name. Find out who put it there, and move it away.",
    Kind.KEPT_ALONE: "The guard kept a capture of whose script there is no account: nothing of it is stored. If there "
    "is a folder of the same id in audio/, destroy both.",
    Kind.NOT_ATTESTED: "A script was ended before it had written whom it told: nothing was captured. Remove it.",
    Kind.NAMED_ALONE: "A capture is named whose call is over. Unless Asterisk's `mixmonitor list` shows it, remove it.",
    Kind.TAKEN_ALONE: "The guard took this away from a capture without a permit, and was ended before it could say so: "
    "there is no incident. `consentgate quarantine list` shows it; judge it, and destroy it.",
}


def _minted(name: str) -> bool:
    try:
        return bool(recording_id(name))
    except UnsafeNameError:
        return False


def _channel(name: str) -> bool:
    try:
        return bool(channel_id(name))
    except UnsafeNameError:
        return False


def _with(*suffixes: str, stem: Rule) -> Rule:
    return lambda name: any(name.endswith(one) and stem(name.removesuffix(one)) for one in suffixes)


def _like(pattern: str) -> Rule:
    return lambda name: re.fullmatch(pattern, name) is not None


def _none(_: str) -> bool:
    return False


_FOLDERS: Final = (
    "audio|live|calls|sealed|shipped|fallback|keeper|heartbeat|announcements|quarantine|incidents|anchors|selftests|"
    "lost.found"
)
_FILES: Final = r"policy\.json|lines\.conf|spool\.full|[a-z-]+\.(lock|ready)|ship\.[a-z]+\.json|retry-[0-9A-Za-z]+"
_SHA256: Final = _like(r"[0-9a-f]{64}")
_INCIDENT: Final = _with(".json", stem=_minted)

KNOWN: Final[Mapping[str, tuple[Rule, Rule]]] = {
    "": (_like(_FOLDERS), _like(_FILES)),
    "audio": (_minted, _none),
    "calls": (_minted, _none),
    "sealed": (_minted, _none),
    "shipped": (_minted, _none),
    "live": (_none, _channel),
    # A note of a channel is a file; a folder of that name would be of a channel that nobody has.
    "fallback": (lambda name: _channel(name) and not name.endswith(".json"), _with(".json", stem=_channel)),
    "keeper": (_none, _with(".jsonl", ".kept", ".taken", stem=_minted)),
    "heartbeat": (_none, _with(".jsonl", stem=_minted)),
    "announcements": (_none, _with(".wav", stem=_SHA256)),
    "incidents": (_like("shipped"), lambda name: name == "destroyed.jsonl" or _INCIDENT(name)),
    "anchors": (_none, _like(r"\d{4}-\d\d-\d\d\.[a-z0-9.]+")),
    "selftests": (_none, _like(r"\.lock|[a-z0-9][a-z0-9-]*\.jsonl")),
}
"""By folder of the spool: which folders and which files may be in it. In `quarantine/` anything may be."""


def of_name(folder: str, name: str, *, is_folder: bool) -> Kind | None:
    """Return what is wrong with a name in a folder of the spool; None if it may be there."""
    if name.startswith("."):
        return Kind.UNFINISHED
    folders, files = KNOWN[folder]
    return None if (folders if is_folder else files)(name) else Kind.UNKNOWN


def of_sound(recording: str, accounts: Container[str]) -> Kind | None:
    """Return whether the sound of a recording lies there alone. accounts: of which calls something is written."""
    return None if recording in accounts else Kind.SOUND_ALONE


def of_taken(name: str, incidents: Container[str]) -> Kind | None:
    """Return whether a file in quarantine was taken there by the guard, and nothing says why."""
    identity, _, number = name.partition(".")
    taken = _minted(identity) and re.fullmatch(r"\d{1,4}", number) is not None
    return Kind.TAKEN_ALONE if taken and identity not in incidents else None


def begun_copy(name: str) -> bool:
    """Tell whether a file in quarantine is a copy that the guard had not finished."""
    return name.startswith(".") and name.endswith(".new")


def begun_note(name: str) -> tuple[str, int] | None:
    """Return of which channel, and by which process, a script's note was begun; None if it is none."""
    found = re.fullmatch(r"\.(.+)\.(\d{1,10})", name)
    return (found[1], int(found[2])) if found and _channel(found[1]) else None


def sweepable(name: str) -> int | None:
    """Return by which process a file was begun that is ours to remove if that is gone; None for every other."""
    found = re.fullmatch(r"\..+\.(\d{1,10})\.tmp", name)
    return int(found[1]) if found else None
