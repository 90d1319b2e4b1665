"""The doors by which a PBX records, beside the gate: each with its name, why it matters, and how it is closed.

They are those of the requirements (§5.8) and R36, R37, R44. What a dialplan runs is judged here by its application and
arguments alone, whether anybody can reach it or not: a recorder in a forgotten context is found by the next one who
forgets.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from . import arguments
from .catalogue import Found, Grade
from .dialplan import Dialplan, Step

_UNTOLD: Final = "it records whoever is there, told or not, and no evidence of ours covers it"
_AWAY: Final = "everything that is said leaves Asterisk as sound, to a program that may keep it"


@dataclass(frozen=True, slots=True)
class Door:
    """One way to record. guarded: our guard sees and ends it, so that it is a warning where there is a guard."""

    why: str
    mend: str
    guarded: bool = True
    grade: Grade = Grade.WRONG


DOORS: Final = {
    "door-mixmonitor": Door(_UNTOLD, "take the line out: consentgate starts MixMonitor itself, after the announcement"),
    "door-monitor": Door(_UNTOLD, "take the line out, and noload app_monitor", guarded=False),
    "door-record": Door(_UNTOLD, "take the line out, or tell the caller before it and keep it out of patients' calls"),
    "door-voicemail": Door(
        "a message is a recording too: it is right only if the greeting says so, and played to its end",
        "let the greeting say it; no line of ours records while the caller is in VoiceMail",
        grade=Grade.WARNING,
    ),
    "door-minivm": Door(_UNTOLD, "take the line out, or noload app_minivm", guarded=False),
    "door-dictate": Door(_UNTOLD, "noload app_dictate"),
    "door-agi-record": Door(_UNTOLD, "take RECORD FILE out of the script"),
    "door-agi": Door(
        "an AGI script may record with RECORD FILE, or run MixMonitor, and what it does cannot be read from here",
        "read the script; a script in another place than astagidir, or behind agi://, is read by nobody else",
        grade=Grade.UNKNOWN,
    ),
    "door-eagi": Door(_AWAY, "use AGI instead of EAGI, or take the line out"),
    "door-externalivr": Door(_AWAY, "noload app_externalivr"),
    "door-chanspy": Door("it keeps what it overhears, and nobody of those who are heard is told", "take r() out"),
    "door-listening": Door(
        "somebody listens to a conversation whose parties do not know it; whoever listens counts as a party (R37)",
        "take it out, or tell everybody by the announcement that calls may be listened to, and keep a list of who did",
        grade=Grade.WARNING,
    ),
    "door-confbridge": Door(_UNTOLD, "record_conference = no; consentgate records each party of a conference itself"),
    "door-page": Door(_UNTOLD, "take the option r out of Page"),
    "door-meetme": Door(_UNTOLD, "use ConfBridge behind consentgate-join, and noload app_meetme", guarded=False),
    "door-queue": Door(_UNTOLD, "take monitor-format out of the queue: consentgate records the parties itself"),
    "door-one-touch": Door(_UNTOLD, "automon and automixmon empty in features.conf, parkedcallrecording = no"),
    "door-pjsip-one-touch": Door(
        "a telephone that sends INFO with Record: on presses the one-touch key itself", "one_touch_recording = no"
    ),
    "door-name-recording": Door(
        "the caller's name is recorded before anybody told them anything", "take the privacy option out"
    ),
    "door-audiosocket": Door(_AWAY, "take the line out, and noload app_audiosocket and chan_audiosocket"),
    "door-media-channel": Door(_AWAY, "take the line out, and noload chan_rtp and chan_websocket"),
    "door-jack": Door(_AWAY, "noload app_jack", guarded=False),
    "door-ices": Door(_AWAY, "noload app_ices", guarded=False),
    "door-speech": Door(_AWAY, "take the line out: recognition needs a purpose and a notice of its own", guarded=False),
    "door-aeap": Door(_AWAY, "take the client out of aeap.conf, and noload res_speech_aeap", guarded=False),
    "door-stasis": Door(
        "another ARI application has the caller in its hands, and may record, snoop or take the media away",
        "take the line out, or make sure that this application does none of it",
    ),
    "door-system": Door(
        "a program of the machine runs in the middle of a call, and what it does cannot be read from here",
        "take it out, or see that it only does what you know; never give it anything that a caller can say",
        guarded=False,
        grade=Grade.WARNING,
    ),
    "door-ami-user": Door(
        "who logs in with it can start MixMonitor, a conference's recording, or any application on a call",
        "take the rights out of its write=, or the user out: reading needs none of them",
    ),
    "door-ari-user": Door(
        "who logs in with it can record channels and bridges, snoop, and take media away (externalMedia)",
        "read_only = yes for everybody but consentgate and its guard",
    ),
    "door-ari-outbound": Door(
        "Asterisk itself connects to a program that controls calls, and can record them",
        "take the outbound connection out of ari.conf",
    ),
    "door-console": Door(
        "who may write to Asterisk's control socket can say `mixmonitor start` and `confbridge record start`",
        "deny = mixmonitor and deny = confbridge record in cli_permissions.conf, or astctlpermissions = 0600",
    ),
    "door-startup": Door(_UNTOLD, "take the command out of cli.conf"),
    "door-agents": Door(_UNTOLD, "recordagentcalls = no", guarded=False),
    "door-lua-ael": Door(_UNTOLD, "take it out; what else these files do is not known to doctor"),
    "door-packet-capture": Door(
        "a program on this machine keeps packets, and a call's packets are its sound",
        "end it; what captures elsewhere (a mirrored port, an SBC, the carrier) no PBX can see",
        guarded=False,
    ),
}
"""Every door that doctor knows. Root, a mirrored port and a recorder upstream are the limits of what a PBX can see."""


def door(name: str, subject: str, seen: str, *, guarded: bool) -> Found:
    """Return the finding of an open door, as a warning where the guard closes it after each opening."""
    known = DOORS[name]
    if guarded and known.guarded and known.grade is Grade.WRONG:
        return Found(name, subject, seen, Grade.WARNING, known.why, f"the guard ends it each time; {known.mend}")
    return Found(name, subject, seen, known.grade, known.why, known.mend)


Judge = Callable[[str], str | None]
_RECORDS_CONFERENCE: Final = re.compile(r"CONFBRIDGE\(\s*bridge\s*,\s*record_conference\s*\)", re.IGNORECASE)
_ONE_TOUCH: Final = re.compile(r"FEATUREMAP\(\s*(automon|automixmon)\s*\)\s*=\s*\S", re.IGNORECASE)
_JACK: Final = re.compile(r"JACK_HOOK\(", re.IGNORECASE)
_SHELL: Final = re.compile(r"\bSHELL\(", re.IGNORECASE)
_MEDIA: Final = re.compile(r"\b(UnicastRTP|MulticastRTP|WebSocket)/", re.IGNORECASE)
_SOCKET: Final = re.compile(r"\bAudioSocket/", re.IGNORECASE)
_AGI_OURS: Final = re.compile(r"\s*consentgate/")
_STASIS_OURS: Final = re.compile(r"\s*consentgate\s*(,|$)")
_FALSE: Final = {"no", "false", "n", "f", "0", "off", ""}


def _always(name: str) -> Judge:
    return lambda _: name


def _option(place: int, wanted: str, name: str, otherwise: str | None = None) -> Judge:
    def judge(data: str) -> str | None:
        parts = arguments.split(data)
        options = arguments.letters(parts[place]) if len(parts) > place else {}
        return name if set(wanted) & set(options) else otherwise

    return judge


def _set(data: str) -> str | None:
    name, _, value = data.partition("=")
    if _RECORDS_CONFERENCE.search(name):
        return None if value.strip().strip('"').lower() in _FALSE else "door-confbridge"
    if _ONE_TOUCH.search(data):
        return "door-one-touch"
    return "door-jack" if _JACK.search(name) else None


_JUDGES: Final[dict[str, Judge]] = {
    **dict.fromkeys(("mixmonitor",), _always("door-mixmonitor")),
    **dict.fromkeys(("monitor", "changemonitor"), _always("door-monitor")),
    "record": _always("door-record"),
    "voicemail": _always("door-voicemail"),
    **dict.fromkeys(("minivmrecord", "minivmaccmess"), _always("door-minivm")),
    "dictate": _always("door-dictate"),
    **dict.fromkeys(("agi", "deadagi"), lambda data: None if _AGI_OURS.match(data) else "door-agi"),
    "eagi": _always("door-eagi"),
    "externalivr": _always("door-externalivr"),
    **dict.fromkeys(("chanspy", "extenspy"), _option(1, "r", "door-chanspy", "door-listening")),
    "broadcast": _always("door-listening"),
    "page": _option(1, "r", "door-page"),
    **dict.fromkeys(("meetme", "meetmechanneladmin"), _always("door-meetme")),
    **dict.fromkeys(("dial", "retrydial"), _option(2, "pP", "door-name-recording")),
    "followme": _option(1, "a", "door-name-recording"),
    "audiosocket": _always("door-audiosocket"),
    "jack": _always("door-jack"),
    "ices": _always("door-ices"),
    **dict.fromkeys(
        ("speechcreate", "speechbackground", "speechstart", "mrcprecog", "synthandrecog"), _always("door-speech")
    ),
    "stasis": lambda data: None if _STASIS_OURS.match(data) else "door-stasis",
    "stasisbroadcast": _always("door-stasis"),
    **dict.fromkeys(("system", "trysystem"), _always("door-system")),
    **dict.fromkeys(("set", "mset"), _set),
}
RECORDING_NAMES: Final = frozenset(_JUDGES) - {
    *("agi", "deadagi", "page", "dial", "retrydial", "followme", "set", "mset", "stasis")
}
"""Applications that are a door whatever their arguments are: for files that are read as text only (AEL, Lua)."""


def opened(application: str, data: str) -> Iterator[str]:
    """Yield the names of the doors that an application with these arguments is. Its name is in lower case."""
    judge = _JUDGES.get(application)
    if judge is not None and (name := judge(data)) is not None:
        yield name
    for pattern, name in ((_SOCKET, "door-audiosocket"), (_MEDIA, "door-media-channel"), (_SHELL, "door-system")):
        if pattern.search(data):
            yield name


def in_dialplan(dialplan: Dialplan, *, guarded: bool, scripts: Callable[[str], str | None]) -> Iterator[Found]:
    """Yield every door in extensions.conf.

    scripts: what an AGI script says, by its name as AGI() has it; None if it cannot be read.
    """
    for context, step in dialplan.steps:
        for application, data in step.applications():
            if "$" in application:
                yield _hidden(context, step, application)
            for name in opened(application, dialplan.value(data)):
                said = f"[{context}] {step.extension}: {application}({data})"
                yield _judged(name, step, said, data, guarded=guarded, scripts=scripts)


def _judged(
    name: str, step: Step, said: str, data: str, *, guarded: bool, scripts: Callable[[str], str | None]
) -> Found:
    if name != "door-agi":
        return door(name, step.where, said, guarded=guarded)
    script = arguments.split(data)[0].strip('"')
    text = scripts(script)
    if text is None:
        return door(name, step.where, f"{said}: the script cannot be read", guarded=guarded)
    if records(text):
        return door("door-agi-record", step.where, f"{said}: the script records", guarded=guarded)
    return Found(name, step.where, f"{said}: the script was read, and names no recording", Grade.GOOD)


_AGI_RECORDS: Final = re.compile(
    r"record[\s_]*file|\bmixmonitor\b|\bexec\b.{0,20}\b(record|monitor|chanspy)\b", re.IGNORECASE
)


def records(script: str) -> bool:
    """Tell whether an AGI script's text names a way to record."""
    return bool(_AGI_RECORDS.search(script))


def _hidden(context: str, step: Step, application: str) -> Found:
    return Found(
        "dialplan-not-followed",
        step.where,
        f"[{context}] {step.extension}: which application {application} is, only a call knows",
        Grade.UNKNOWN,
        "it may be one that records, or one that reaches a party without the gate",
        "write the application's name",
    )
