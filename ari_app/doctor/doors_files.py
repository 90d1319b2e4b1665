"""The doors that are no line of a dialplan: options, logins and files by which a PBX records."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from ari_app.commands.asterisk_files import File

from . import arguments
from .catalogue import Found, Grade
from .doors import RECORDING_NAMES, door, opened
from .folder import Folder, is_true, objects, said

_ONE_TOUCH: Final = ("automon", "automixmon")
_AMI_RIGHTS: Final = ("all", "system", "command", "call", "originate", "agi", "config")
"""Rights of write= by which a recording can be begun: manager.c and app_mixmonitor.c say which action needs which.

call also begins the recording of a conference, and presses keys on a call; config rewrites the dialplan.
"""
_COMMANDS: Final = ("mixmonitor", "confbridge record", "confbridge")
_STARTS: Final = re.compile(r"\b(mixmonitor\s+start|confbridge\s+record\s+start|channel\s+originate)\b", re.IGNORECASE)
_DATABASE: Final = {
    "extensions": "the dialplan",
    "queues": "queues",
    "ps_endpoints": "endpoints",
    "sippeers": "peers",
    "iaxusers": "IAX users",
    "iaxpeers": "IAX peers",
    "confbridge.conf": "conferences",
    "queues.conf": "queues",
    "extensions.conf": "the dialplan",
    "features.conf": "features",
    "manager.conf": "AMI users",
    "pjsip.conf": "endpoints",
    "ari.conf": "ARI users",
}
_RECORDS: Final = re.compile(rf"\b({'|'.join(sorted(RECORDING_NAMES))})\s*\(", re.IGNORECASE)
_COMMENTS: Final = {
    "extensions.ael": re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL),
    "extensions.lua": re.compile(r"--\[\[.*?\]\]|--[^\n]*", re.DOTALL),
}


@dataclass(frozen=True, slots=True)
class Ours:
    """The logins that are consentgate's own, and whether its guard is there."""

    ari: frozenset[str]
    ami: frozenset[str]
    guarded: bool


def in_files(folder: Folder, ours: Ours) -> Iterator[Found]:
    """Yield the doors of every file but extensions.conf, and what was not to be seen."""
    for look in (_features, _queues, _conferences, _endpoints, _ami, _ari, _console, _aeap, _agents, _other_dialplans):
        yield from look(folder, ours)
    yield from _database(folder)


def _features(folder: Folder, ours: Ours) -> Iterator[Found]:
    file = folder.file("features.conf")
    for key in _ONE_TOUCH:
        one = said(file.entries("featuremap"), key)
        if one is not None and one.value:
            yield door("door-one-touch", one.where, f"{key} is {one.value}", guarded=ours.guarded)
    for one in file.entries("applicationmap"):
        parts = arguments.split(one.value)
        if len(parts) > 2:  # noqa: PLR2004 - keys, on whose channel, application
            application, data = arguments.call(parts[2])
            data = data or ",".join(part.strip('"') for part in parts[3:4])
            for name in opened(application.lower(), data):
                yield door(name, one.where, f"{one.key} ({parts[0]}) runs {application}", guarded=ours.guarded)
    parking = folder.file("res_parking.conf")
    for lot in parking.sections:
        one = said(parking.entries(lot), "parkedcallrecording")
        if one is not None and one.value.lower() in {"caller", "callee", "both"}:
            yield door("door-one-touch", one.where, f"parkedcallrecording is {one.value}", guarded=ours.guarded)


def _queues(folder: Folder, ours: Ours) -> Iterator[Found]:
    file = folder.file("queues.conf")
    for queue in file.sections:
        one = said(file.entries(queue), "monitor-format")
        if queue not in file.templates and queue != "general" and one is not None and one.value:
            seen = f"queue {queue}: monitor-format is {one.value}"
            yield door("door-queue", one.where, seen, guarded=ours.guarded)


def _conferences(folder: Folder, ours: Ours) -> Iterator[Found]:
    file = folder.file("confbridge.conf")
    for profile in file.sections:
        one = said(file.entries(profile), "record_conference")
        if profile not in file.templates and one is not None and is_true(one.value):
            yield door("door-confbridge", one.where, f"[{profile}] record_conference is on", guarded=ours.guarded)


def _endpoints(folder: Folder, ours: Ours) -> Iterator[Found]:
    for name, wanted in (("pjsip.conf", "one_touch_recording"), ("pjsip_wizard.conf", "endpoint/one_touch_recording")):
        file = folder.file(name)
        for section in file.sections:
            one = said(file.entries(section), wanted)
            if section not in file.templates and one is not None and is_true(one.value):
                seen = f"endpoint {section}: one_touch_recording is on"
                yield door("door-pjsip-one-touch", one.where, seen, guarded=ours.guarded)
    file = folder.file("sip.conf")
    for section in file.sections:
        one = said(file.entries(section), "recordonfeature")
        if section not in file.templates and one is not None and one.value:
            yield door("door-pjsip-one-touch", one.where, f"{section}: recordonfeature is set", guarded=ours.guarded)


def _ami(folder: Folder, ours: Ours) -> Iterator[Found]:
    file = folder.file("manager.conf")
    if is_true(file.value("general", "enabled")):
        for user, entries in file.sections.items():
            rights = {
                one.strip().lower() for each in entries if each.key.lower() == "write" for one in each.value.split(",")
            }
            held = [one for one in _AMI_RIGHTS if one in rights]
            if user != "general" and user not in file.templates and user not in ours.ami and held:
                where = next(one.where for one in entries if one.key.lower() == "write")
                seen = f"AMI user {user} may write {', '.join(held)}"
                yield door("door-ami-user", where, seen, guarded=ours.guarded)
    users = folder.file("users.conf")
    for user, entries in users.sections.items():
        manager, write = said(entries, "hasmanager"), said(entries, "managerwrite")
        if user not in users.templates and manager is not None and is_true(manager.value) and write is not None:
            yield door("door-ami-user", write.where, f"user {user} is an AMI user", guarded=ours.guarded)


def _ari(folder: Folder, ours: Ours) -> Iterator[Found]:
    file = folder.file("ari.conf")
    served = is_true(folder.file("http.conf").value("general", "enabled"))
    enabled = (file.value("general", "enabled") or "yes").lower()
    if not is_true(enabled):
        return
    for user, entries in objects(file, "user"):
        only_reads = said(entries, "read_only")
        if served and user not in ours.ari and not (only_reads and is_true(only_reads.value)):
            seen = f"ARI user {user} may do everything"
            yield door("door-ari-user", entries[0].where, seen, guarded=ours.guarded)
    for name, entries in objects(file, "outbound_websocket"):
        apps = said(entries, "apps")
        if apps is None or {one.strip() for one in apps.value.split(",")} - {"consentgate", "consentgate-guard"}:
            seen = f"Asterisk connects to {name} and lets it control calls"
            yield door("door-ari-outbound", entries[0].where, seen, guarded=ours.guarded)


def _console(folder: Folder, ours: Ours) -> Iterator[Found]:
    modes = said(folder.file("asterisk.conf").entries("files"), "astctlpermissions")
    if modes is not None and re.fullmatch(r"0*[0-7]{1,4}", modes.value) and int(modes.value, 8) & 0o22:
        permissions = folder.file("cli_permissions.conf")
        denied = {
            one.value.strip().lower()
            for entries in permissions.sections.values()
            for one in entries
            if one.key.lower() == "deny"
        }
        closed = (permissions.value("general", "default_perm") or "permit").lower() == "deny"
        if not closed and not ("all" in denied or ({_COMMANDS[0]} <= denied and denied & set(_COMMANDS[1:]))):
            seen = f"astctlpermissions is {modes.value}: others than Asterisk's own user may use its console"
            yield door("door-console", modes.where, seen, guarded=ours.guarded)
    for one in folder.file("cli.conf").entries("startup_commands"):
        if _STARTS.search(one.key) and is_true(one.value):
            yield door("door-startup", one.where, f"{one.key} at every start", guarded=ours.guarded)


def _aeap(folder: Folder, ours: Ours) -> Iterator[Found]:
    for name, entries in objects(folder.file("aeap.conf"), "client"):
        yield door("door-aeap", entries[0].where, f"client {name} is given sound", guarded=ours.guarded)


def _agents(folder: Folder, ours: Ours) -> Iterator[Found]:
    file = folder.file("agents.conf")
    for section in file.sections:
        one = said(file.entries(section), "recordagentcalls")
        if one is not None and is_true(one.value):
            yield door("door-agents", one.where, f"[{section}] recordagentcalls is on", guarded=ours.guarded)


def _other_dialplans(folder: Folder, ours: Ours) -> Iterator[Found]:
    for name, comment in _COMMENTS.items():
        text = folder.text(name)
        if text is None:
            continue
        kept = comment.sub(_blank, text)
        for number, line in enumerate(kept.split("\n"), start=1):
            for found in _RECORDS.finditer(line):
                kind = "door-voicemail" if found[1].lower() == "voicemail" else "door-lua-ael"
                yield door(kind, f"{name}:{number}", f"{found[1]} is run here", guarded=ours.guarded)
        if kept.strip():
            yield _unknown(name, "is a dialplan of another kind: only its recorders were looked for")


_blank: Callable[[re.Match[str]], str] = lambda found: re.sub(r"[^\n]", " ", found[0])  # noqa: E731


def _database(folder: Folder) -> Iterator[Found]:
    for one in folder.file("extconfig.conf").entries("settings"):
        if (what := _DATABASE.get(one.key.strip().lower())) is not None:
            yield _unknown(one.where, f"{what} are read from {one.value}")
    sorcery = folder.file("sorcery.conf")
    for entries in sorcery.sections.values():
        for one in entries:
            if one.key.partition("/")[0] == "endpoint" and "realtime" in one.value:
                yield _unknown(one.where, f"endpoints are read from {one.value}")


def _unknown(subject: str, seen: str) -> Found:
    why = "a recorder, a route or an endpoint may stand there that doctor has not seen"
    mend = "look there yourself, or keep it in Asterisk's files"
    return Found("not-read", subject, seen, Grade.UNKNOWN, why, mend)


def unread(folder: Folder) -> Iterator[Found]:
    """Yield what in the files that were read so far could not be."""
    for one in folder.unseen:
        yield _unknown(str(folder.path), one)


def switches(file: File) -> Iterator[Found]:
    """Yield the contexts that are asked elsewhere."""
    for context, entries in file.sections.items():
        for one in entries:
            if one.key.lower() in {"switch", "lswitch", "eswitch"} and context not in file.templates:
                yield _unknown(one.where, f"[{context}] is asked at {one.value}")
