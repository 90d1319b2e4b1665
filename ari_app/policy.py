"""The compiled policy, and the two files in which it reaches those who do not read the configuration.

`policy.json` is for the AGI scripts and the guard; `lines.conf` lets the dialplan know with no process of ours
alive that a line is never to be recorded, and who belongs to the house.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final

from . import announcements, durable, log
from .announcements import Problem
from .config import Config
from .config import Line as Configured
from .core.policy import Announcement, Keys, Line, Mode, Policy, to_json
from .errors import ConfigurationError, SpoolError
from .layout import Layout

_log = log.get("gate")

FILE_MODE = 0o640
DESTROY_SECONDS = 60
OPT_OUT_SEQUENCE = "*9"
_LINES_HEADER = """\
; Written by consentgate at each load of its configuration; changes made here are lost.
; Who arrives here: [consentgate] and [consentgate-party], with the name of a line as extension, to learn the line's
; mode from GOSUB_RETVAL. An extension that does not exist is a line that the configuration does not know.
[consentgate-lines]
"""
_MACHINES_HEADER = """
; Who arrives here: nobody. [consentgate-party] looks whether the line has an extension here: machine_detection: true.
[consentgate-machine-detection]
"""
_STAFF_HEADER = """
; Who arrives here: [consentgate-party] and [consentgate-join], with the name of a channel's PJSIP endpoint as
; extension. Asterisk passes over dashes when it looks for it, so each returns its own name, to be compared in full.
[consentgate-staff]
"""
_PJSIP = "PJSIP/"
_SITE_HEADER = """
; Who arrives here: [consentgate-unfinished], to learn where a call without the gate is noted down.
[consentgate-site]
"""


def _heard(
    names: tuple[str, ...], prepared: Mapping[str, Announcement | Problem]
) -> tuple[tuple[Announcement, ...], str | None]:
    """Return what is played, or nothing and why: half of a bilingual announcement tells half of the callers."""
    found = [prepared[name] for name in names]
    problems = [str(item) for item in found if isinstance(item, Problem)]
    if problems:
        return (), "; ".join(problems)
    return tuple(item for item in found if isinstance(item, Announcement)), None


def _line(name: str, line: Configured, prepared: Mapping[str, Announcement | Problem]) -> Line:
    told = line.mode is not Mode.NEVER
    announcements, unusable = _heard(line.announcements if told else (), prepared)
    outgoing, outgoing_unusable = _heard(line.outgoing_announcements if told else (), prepared)
    # Whoever cannot be given what a key promises is not asked at all: half a choice is none.
    information, without_information = _heard(line.information if told else (), prepared)
    confirmation, without_confirmation = _heard(line.confirmation if told else (), prepared)
    missing = without_information or without_confirmation
    if missing:
        announcements, unusable, outgoing, outgoing_unusable = (), missing, (), missing
    return Line(
        name=name,
        mode=line.mode,
        announcements=announcements,
        capture=line.capture,
        numbers=line.numbers,
        purposes=line.purposes,
        retention=line.retention,
        reason=line.reason,
        max_seconds=line.max_seconds,
        discard_window_seconds=line.discard_window_seconds,
        unusable=unusable,
        outgoing_announcements=outgoing,
        # Where nobody can be told, listening for a machine first would be a delay for nothing.
        machine_detection=line.machine_detection and bool(outgoing),
        on_objection=line.on_objection,
        keys=_keys(line),
        opt_out_sequence=sequence(line),
        choice_seconds=line.choice_seconds,
        relay_choice_seconds=line.relay_choice_seconds,
        information=information,
        confirmation=confirmation,
        destroy_if_objected_within_seconds=destroys_within_seconds(line),
        max_pause_seconds=line.max_pause_seconds,
        outgoing_unusable=outgoing_unusable,
    )


def _keys(line: Configured) -> Keys:
    return Keys(
        decline=line.opt_out_key or "",
        consent=line.consent_key or "",
        repeat=line.repeat_key or "",
        information=line.information_key or "",
        languages=tuple(sorted((key, language) for language, key in line.language_keys.items())),
    )


def sequence(line: Configured) -> str:
    """Return the keys by which a caller of a line says no at any later time, or "" where there are none."""
    if line.opt_out_sequence is not None:
        return line.opt_out_sequence
    return OPT_OUT_SEQUENCE if line.mode in {Mode.ANNOUNCE_OPT_OUT, Mode.OPT_IN} else ""


def destroys_within_seconds(line: Configured) -> int:
    """Return the site's choice, or that of patients' lines: a no within the first minute is one from the beginning."""
    if line.destroy_if_objected_within_seconds is not None:
        return line.destroy_if_objected_within_seconds
    return DESTROY_SECONDS if line.mode in {Mode.ANNOUNCE_OPT_OUT, Mode.OPT_IN} else 0


def compile(config: Config, prepared: Mapping[str, Announcement | Problem]) -> Policy:  # noqa: A001 - always called as policy.compile
    """Return the policy of a configuration and its prepared announcements, with its hash.

    A line whose announcement has a problem keeps its mode and is `unusable`: its callers are not recorded. The same
    for those whom it calls with an outgoing announcement, without one side troubling the other.
    """
    policy = Policy(
        site=config.site.name,
        node=config.site.node,
        lines={name: _line(name, line, prepared) for name, line in config.lines.items()},
        staff=config.parties.staff,
        trunks=config.parties.trunks,
        emergency_numbers=frozenset(config.emergency_numbers),
    )
    return replace(policy, sha256=hashlib.sha256(to_json(policy)).hexdigest())


def lines_conf(policy: Policy, layout: Layout) -> bytes:
    """Return the dialplan include: lines' modes, which of them listen for machines, staff, and the fallback's place.

    A line's name is checked by the configuration to be [a-z0-9-], to be none of Asterisk's own extensions,
    and to differ from every other without its dashes, which Asterisk does not compare.
    """
    lines = [f"exten => {name},1,Return({line.mode})\n" for name, line in sorted(policy.lines.items())]
    machines = [
        f"exten => {name},1,Return(yes)\n" for name, line in sorted(policy.lines.items()) if line.machine_detection
    ]
    staff = [f"exten => {name},1,Return({name})\n" for name in _staff_extensions(policy)]
    fallback = f"exten => fallback,1,Return({layout.fallback})\n"
    parts = [_LINES_HEADER, *lines, _MACHINES_HEADER, *machines, _STAFF_HEADER, *staff, _SITE_HEADER, fallback]
    return "".join(parts).encode()


def _staff_extensions(policy: Policy) -> list[str]:
    """Return the house's PJSIP endpoints as the dialplan may know them.

    Whoever is left out here (another technology, a name that Asterisk would take for a pattern or for another's)
    goes to the gate instead, which knows every name exactly and lets them pass at once.
    """
    found: dict[str, str] = {}
    for endpoint in sorted(policy.staff):
        name = endpoint.removeprefix(_PJSIP)
        if endpoint.startswith(_PJSIP) and not name.startswith("_"):
            found.setdefault(name.replace("-", ""), name)
    return sorted(found.values())


def publish(policy: Policy, layout: Layout) -> None:
    """Let scripts, guard and dialplan know the rules; say which lines are not recorded although they should be."""
    if write(policy, layout):
        hint = 'Asterisk learns the lines\' modes by: asterisk -rx "dialplan reload"'
        _log.warning("dialplan.reload_needed", on=str(layout.lines), hint=hint)
    for line in policy.lines.values():
        if line.unusable:
            _log.error("line.not_recorded", line=line.name, why=line.unusable, hint="Run `consentgate check`.")
        if line.outgoing_unusable:
            hint = "Run `consentgate check`."
            _log.error("line.called_not_recorded", line=line.name, why=line.outgoing_unusable, hint=hint)


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
            # Whoever takes over a busy gate's calls has no time for a disk that is slow to write what is there.
            if path.is_file() and path.read_bytes() == content:
                continue
            durable.replace(path, content, mode=FILE_MODE)
        except OSError as error:
            raise SpoolError(
                "a file of the policy cannot be written",
                on=str(path),
                why=error.strerror or type(error).__name__,
                hint="the user of the gate must own the spool, and it must have room",
            ) from None
    return changed


_ANNOUNCEMENTS: Final = "Mend the announcement (`consentgate check --prompts`), or give these lines mode: never"


def recompiled(settings: Config, layout: Layout, before: Policy) -> Policy:
    """Return the rules of a configuration that was read again. Raises ConsentgateError.

    A gate starts with lines whose announcement is broken, and records nobody there. One that works does not begin to:
    what it plays is a copy that is whole.
    """
    rules = compile(settings, announcements.prepare(settings, layout))
    worse = [f"{name}: {why}" for name, line in rules.lines.items() for why in _worse(before.lines.get(name), line)]
    if worse:
        raise ConfigurationError("lines would not be recorded any more", why="; ".join(worse), hint=_ANNOUNCEMENTS)
    return rules


def _worse(before: Line | None, after: Line) -> Iterator[str]:
    if after.unusable and not (before and before.unusable):
        yield after.unusable
    elif after.outgoing_unusable and not (before and before.outgoing_unusable):
        yield after.outgoing_unusable
