"""What Asterisk's words say about a capture: lists, options and commands, read without trusting them.

Every text here may have been written by somebody else's dialplan, and holds what they like. Nothing of it is sent
back to Asterisk or used as a path before it was checked.
"""

import re
from dataclasses import dataclass

from .names import MonitorId

_MONITOR = re.compile(r"(0x[0-9a-fA-F]+)\t([^\t]*)\t?([^\t]*)\t?([^\t]*)")
_OPTION = re.compile(r"([A-Za-z])(?:\(((?:[^()]|\([^()]*\))*)\))?")
_WORD = re.compile(r'"((?:[^"\\]|\\.)*)"|(\S+)')
_AGI_RECORD = ("record", "file")
_AGI_ARGUMENTS = 5

TERMINATOR = "#"


def monitors(lines: list[str]) -> dict[MonitorId, tuple[str, ...]]:
    """Return id → files of each MixMonitor in the answer to `mixmonitor list`, without the files' suffixes."""
    found = (_MONITOR.fullmatch(line.rstrip("\r\n")) for line in lines)
    return {MonitorId(one[1]): tuple(file for file in one.groups()[1:] if file) for one in found if one}


def options(text: str) -> dict[str, str]:
    """Return each option of a dialplan application with its argument, as in `qr(name)`."""
    return {letter: argument or "" for letter, argument in _OPTION.findall(text)}


def spied_into(data: str) -> str | None:
    """Return under which name ChanSpy or ExtenSpy records, by its arguments; None if it does not record."""
    return options(data.partition(",")[2]).get("r") or None


@dataclass(frozen=True, slots=True)
class Recorder:
    """A recording that runs on a channel of its own accord: its file, and a key that ends it, if there is one."""

    file: str
    key: str | None


def recorder(data: str, recorded_file: str) -> Recorder:
    """Read what Record() was given; recorded_file: the variable RECORDED_FILE, the path without its suffix.

    A key ends it as if the caller had pressed it, and the dialplan goes on as it would have. With the option x
    nothing does that would not look like a hang-up to the dialplan.
    """
    name, _, rest = data.partition(",")
    suffix = re.split(r"[.:]", name.rpartition("/")[2])[-1]
    chosen = options(rest.split(",", 2)[2]) if rest.count(",") > 1 else {}
    key = None if "x" in chosen else "*" if "t" in chosen else TERMINATOR
    return Recorder(f"{recorded_file}.{suffix}", key)


def agi_recorder(command: str) -> Recorder | None:
    """Read an AGI command; None if it is not RECORD FILE."""
    words = [quoted.replace('\\"', '"') or bare for quoted, bare in _WORD.findall(command)]
    # An empty argument ("" for no keys) is a word too.
    if len(words) < _AGI_ARGUMENTS or tuple(word.casefold() for word in words[:2]) != _AGI_RECORD:
        return None
    keys = [key for key in words[4] if key in "0123456789*#ABCDabcd"]
    return Recorder(f"{words[2]}.{words[3]}", TERMINATOR if TERMINATOR in keys else next(iter(keys), None))


def spied_channel(name: str) -> str | None:
    """Return which channel `Snoop/<uniqueid>-00000000` listens to."""
    return name.removeprefix("Snoop/").rpartition("-")[0] if name.startswith("Snoop/") else None


def recorded_by_ari(target: str) -> tuple[str, str]:
    """Return ("channel" or "bridge", its id) of a live recording's target."""
    kind, _, identity = target.partition(":")
    return kind, identity
