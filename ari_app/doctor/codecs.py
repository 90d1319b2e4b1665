"""In which codecs of the endpoints an announcement can be played at all: Asterisk must be able to translate it."""

import re
from collections.abc import Iterable, Iterator
from typing import Final

from .catalogue import Found, Grade
from .folder import Folder, objects

COMMAND: Final = "core show translation paths slin"
_PATH: Final = re.compile(r"\bTo\s+([A-Za-z0-9_.-]+)(?::\d+)?\s*:\s*(.*\S)\s*$")
_NONE: Final = "no translation path"


def unreachable(said: Iterable[str]) -> set[str]:
    """Return the codecs into which Asterisk says that it cannot translate; one rate that it can is enough."""
    can: set[str] = set()
    cannot: set[str] = set()
    for line in said:
        if found := _PATH.search(line):
            (cannot if found[2].lower().startswith(_NONE) else can).add(found[1].lower())
    return cannot - can


def allowed(folder: Folder) -> dict[str, str]:
    """Return each codec that an endpoint allows, and where that is written first."""
    found: dict[str, str] = {}
    for file, kind, key in (("pjsip.conf", "endpoint", "allow"), ("pjsip_wizard.conf", "wizard", "endpoint/allow")):
        for name, entries in objects(folder.file(file), kind):
            for one in entries:
                if one.key.lower() == key:
                    for word in re.split(r"[,&|]", one.value):
                        found.setdefault(word.strip().lstrip("!").partition(":")[0].lower(), f"{one.where} {name}")
    return {codec: where for codec, where in found.items() if codec not in {"", "all"}}


def judge(said: Iterable[str], folder: Folder) -> Iterator[Found]:
    """Yield each codec that an endpoint allows and in which nobody can be told. said: the answer to COMMAND."""
    cannot = unreachable(said)
    for codec, where in allowed(folder).items():
        if codec in cannot:
            why = "a caller whose call is in this codec alone hears no announcement, and is not recorded"
            mend = f"install Asterisk's module for {codec}, or take it out of allow="
            yield Found("announcement-codec", where, f"nothing can be played in {codec}", Grade.WARNING, why, mend)
