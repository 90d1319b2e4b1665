#!/usr/bin/env python3
"""Keep a record of a call that the gate did not finish: it was dead, hung, or the caller hung up meanwhile.

Asterisk runs it at the hang-up, from [consentgate-unfinished] in dialplan/consentgate.conf:

    AGI(consentgate/outcome.py,FALLBACK,LINE,UNIQUEID,BEGAN,REASON)

FALLBACK is the spool's folder `fallback/`; ship collects what is written there, and drops it if the gate has
kept a record of the same call after all. The standard library alone, so that it starts fast on any Python 3.9.
It never raises: a call that is over must not be troubled by its own record.
"""

import json
import os
import re
import sys
import time
from pathlib import Path

ARGUMENTS = 5
MICROSECONDS = 1_000_000
REASONS = (
    "answering_machine",
    "gate_away",
    "gate_silent",
    "hung_up_before_told",
    "line_never",
    "objected",
    "spool_full",
)


def note(folder: Path, line: str, channel: str, began: str, reason: str, ended_at: int) -> Path:
    """Write the record durably and return its path. Raises OSError, or ValueError for unfit arguments."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", channel) or not began.isdecimal():
        raise ValueError("the channel's id or the call's begin is not fit for a record")
    record = {
        "format": 1,
        "line": line[:40],
        "channel": channel,
        "at": int(began) * MICROSECONDS,
        "ended_at": ended_at,
        # Hung up in the dead gate's hands: nobody lived to name a reason, so it was its silence.
        "reason": reason if reason in REASONS else "gate_silent",
    }
    path = folder / f"{channel}.json"
    unfinished = folder / f".{channel}.{os.getpid()}"
    with unfinished.open("x", encoding="utf-8") as file:
        os.fchmod(file.fileno(), 0o660)
        json.dump(record, file, sort_keys=True, separators=(",", ":"))
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    return path


def main(arguments: list[str]) -> int:
    """Read the arguments as the dialplan gives them; complain to Asterisk's console on standard error."""
    if len(arguments) != ARGUMENTS:
        sys.stderr.write(f"outcome.py: {ARGUMENTS} arguments are needed, {len(arguments)} were given\n")
        return 2
    folder, line, channel, began, reason = arguments
    try:
        note(Path(folder), line, channel, began, reason, time.time_ns() // 1000)
    except (OSError, ValueError) as failure:
        sys.stderr.write(f"outcome.py: no record of call {channel[:40]!r} was kept in {folder}: {failure}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
