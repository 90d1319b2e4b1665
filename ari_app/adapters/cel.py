"""The witness: Asterisk's own note (CEL, by cel_custom) of which channel came into a conversation and which hung up.

    BRIDGE_ENTER,1795941999.530651,1795941996.0,1795941996.0,house,PJSIP/trunk-00000000
    HANGUP,1795942001.533257,1795941996.0,1795941996.0,house,PJSIP/trunk-00000000

event, seconds, uniqueid, linkedid (the channel with which its call began), context of the dialplan, channel's name
(empty for Local channels): deploy/asterisk/cel_custom.conf. Rotated files lie beside it, and may be compressed. Nothing
of ours writes it, so it tells of calls past a dead gate too.
"""

import gzip
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from ari_app.core.names import MICROSECONDS, Instant, endpoint_of
from ari_app.errors import PermanentError

ENTERED, HUNG_UP = "BRIDGE_ENTER", "HANGUP"

_LINE = re.compile(
    r"(BRIDGE_ENTER|HANGUP),(\d{1,11})\.(\d{6}),([A-Za-z0-9][A-Za-z0-9._-]{0,99}),"
    r"([A-Za-z0-9._-]{0,100}),([A-Za-z0-9_-]{0,80}),([A-Za-z0-9/_.@+-]{0,200})\n",
    re.ASCII,
)
_LONGEST_LINE = 1000


@dataclass(frozen=True, slots=True)
class Event:
    """One line of it. `endpoint`: `PJSIP/trunk`; empty for a Local channel."""

    entered: bool
    at: Instant
    channel: str
    linked: str
    context: str
    endpoint: str


def read(file: Path, since: Instant) -> Iterator[Event]:
    """Yield what was noted since an instant, file by file, the oldest file first. Raises PermanentError.

    Lines of any other shape are passed over: one may be torn by a crash, or be of a mapping that somebody added.
    """
    hint = (
        "Set up cel.conf and cel_custom.conf as docs/assurance.md says, let this user read the file, "
        "or check assurance.witness"
    )
    try:
        found = sorted((one.stat().st_mtime_ns, one) for one in file.parent.iterdir() if one.name.startswith(file.name))
        if not found:
            why = "Asterisk has written nothing there"
            raise PermanentError("the witness cannot be asked", on=str(file), why=why, hint=hint)
        for changed_ns, one in found:
            if changed_ns // 1000 >= since:
                with _opened(one) as stream:
                    yield from _events(stream, since)
    except (OSError, EOFError) as failure:
        why = getattr(failure, "strerror", None) or str(failure)
        raise PermanentError("the witness cannot be asked", on=str(file), why=why, hint=hint) from failure


def _opened(file: Path) -> IO[str]:
    if file.suffix == ".gz":
        return gzip.open(file, "rt", encoding="ascii", errors="replace")
    return file.open(encoding="ascii", errors="replace")


def _events(stream: IO[str], since: Instant) -> Iterator[Event]:
    while line := stream.readline(_LONGEST_LINE):
        if (said := _LINE.fullmatch(line)) is None:
            continue
        at = Instant(int(said[2]) * MICROSECONDS + int(said[3]))
        if at >= since:
            yield Event(said[1] == ENTERED, at, said[4], said[5], said[6], endpoint_of(said[7]))
