"""The compiled policy, and the two files in which it reaches those who do not read the configuration.

`policy.json` is for the AGI scripts and the guard; `lines.conf` lets the dialplan know with no process of ours
alive that a line is never to be recorded.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import replace

from . import durable
from .announcements import Problem
from .config import Config
from .config import Line as Configured
from .core.policy import Announcement, Line, Mode, Policy, to_json
from .errors import SpoolError
from .layout import Layout

FILE_MODE = 0o640
_LINES_HEADER = """\
; Written by consentgate at each load of its configuration; changes made here are lost.
; Who arrives here: [consentgate], with the name of a line as extension, to learn the line's mode from
; GOSUB_RETVAL. An extension that does not exist is a line that the configuration does not know.
[consentgate-lines]
"""
_SITE_HEADER = """
; Who arrives here: [consentgate-unfinished], to learn where a call without the gate is noted down.
[consentgate-site]
"""


def _line(name: str, line: Configured, prepared: Mapping[str, Announcement | Problem]) -> Line:
    found = [prepared[announcement] for announcement in line.announcements] if line.mode is not Mode.NEVER else []
    problems = [str(item) for item in found if isinstance(item, Problem)]
    return Line(
        name=name,
        mode=line.mode,
        # All of them or none: half of a bilingual announcement tells half of the callers.
        announcements=() if problems else tuple(item for item in found if isinstance(item, Announcement)),
        capture=line.capture,
        numbers=line.numbers,
        purposes=line.purposes,
        retention=line.retention,
        reason=line.reason,
        max_seconds=line.max_seconds,
        discard_window_seconds=line.discard_window_seconds,
        unusable="; ".join(problems) or None,
    )


def compile(config: Config, prepared: Mapping[str, Announcement | Problem]) -> Policy:  # noqa: A001 - always called as policy.compile
    """Return the policy of a configuration and its prepared announcements, with its hash.

    A line whose announcement has a problem keeps its mode and is `unusable`: its callers are not recorded.
    """
    policy = Policy(
        site=config.site.name,
        node=config.site.node,
        lines={name: _line(name, line, prepared) for name, line in config.lines.items()},
        staff=config.parties.staff,
        trunks=config.parties.trunks,
    )
    return replace(policy, sha256=hashlib.sha256(to_json(policy)).hexdigest())


def lines_conf(policy: Policy, layout: Layout) -> bytes:
    """Return the dialplan include: one extension a line, which returns the line's mode, and the fallback's place.

    A line's name is checked by the configuration to be [a-z0-9-], to be none of Asterisk's own extensions,
    and to differ from every other without its dashes, which Asterisk does not compare.
    """
    lines = [f"exten => {name},1,Return({line.mode})\n" for name, line in sorted(policy.lines.items())]
    fallback = f"exten => fallback,1,Return({layout.fallback})\n"
    return (_LINES_HEADER + "".join(lines) + _SITE_HEADER + fallback).encode()


def write(policy: Policy, layout: Layout) -> bool:
    """Write `policy.json`, then `lines.conf`, each whole or not at all. Raises SpoolError.

    Returns whether `lines.conf` is another than it was: Asterisk reads it at its next `dialplan reload`, which is
    the administrator's to do, because it also takes up whatever else they are in the middle of changing.
    """
    lines = lines_conf(policy, layout)
    try:
        changed = layout.lines.read_bytes() != lines
    except OSError:
        changed = True
    for path, content in ((layout.policy, to_json(policy)), (layout.lines, lines)):
        try:
            durable.replace(path, content, mode=FILE_MODE)
        except OSError as error:
            raise SpoolError(
                "a file of the policy cannot be written",
                on=str(path),
                why=error.strerror or type(error).__name__,
                hint="the user of the gate must own the spool, and it must have room",
            ) from None
    return changed
