"""The hospital that the system tests call: its lines, its announcements, and the routes that a site might have.

Announcements are short, so that a test is; what matters about them (speech, then a tail of silence) is as long as
in a real one.
"""

from typing import Any, Final

from demo_world.asterisk import EXTENSIONS
from demo_world.settings import Options
from demo_world.voices import Announcement

from . import thrown
from .witness import AMI_WITNESS

ANNOUNCEMENTS: Final = {
    "switchboard-en": Announcement("Hospital. All calls are recorded.", "en"),
    "advice-cy": Announcement("Rydym yn recordio galwadau.", "cy"),
    "advice-en": Announcement("We record calls.", "en"),
    "calling-en": Announcement("Hello. We record this call.", "en"),
    "conference-en": Announcement("This conference is recorded.", "en"),
    "choice-cy": Announcement("Pwyswch naw i beidio.", "cy"),
    "choice-en": Announcement("We record. Press nine for no.", "en"),
    "more-cy": Announcement("Wyth mlynedd.", "cy"),
    "more-en": Announcement("For eight years.", "en"),
    "declined-cy": Announcement("Dim recordio.", "cy"),
    "declined-en": Announcement("Not recorded.", "en"),
}

_ANNOUNCED: Final[dict[str, Any]] = {
    "mode": "announce",
    "announcements": ["switchboard-en"],
    "purposes": ["medico-legal", "training", "audit"],
    "capture": "conversation",
    "max_hours": 3,
}
_CALLING: Final[dict[str, Any]] = _ANNOUNCED | {"announcements": [], "outgoing_announcements": ["calling-en"]}

_CHOICE: Final[dict[str, Any]] = _ANNOUNCED | {
    "mode": "announce_opt_out",
    "announcements": ["choice-cy", "choice-en"],
    "opt_out_key": "9",
    "repeat_key": "*",
    "information_key": "0",
    "information": ["more-cy", "more-en"],
    "confirmation": ["declined-cy", "declined-en"],
    "language_keys": {"cy": "1", "en": "2"},
}

_ENGLISH: Final[dict[str, Any]] = _CHOICE | {
    "announcements": ["choice-en"],
    "language_keys": {},
    "information": ["more-en"],
    "confirmation": ["declined-en"],
}

SHORT_SECONDS: Final = 3.0
"""From the end of its announcement on, so long may a call of `short-line` be recorded."""

LINES: Final[dict[str, dict[str, Any]]] = {
    "switchboard": _ANNOUNCED | {"numbers": ["01632960100"]},
    "waiting-line": _ANNOUNCED | {"numbers": ["01632960101"], "capture": "after_announcement"},
    "short-line": _ANNOUNCED | {"numbers": ["01632960102"], "max_hours": SHORT_SECONDS / 3600},
    "advice-line": _ANNOUNCED | {"numbers": ["01632960111"], "announcements": ["advice-cy", "advice-en"]},
    "advice-waiting-line": _ANNOUNCED
    | {"numbers": ["01632960112"], "announcements": ["advice-cy", "advice-en"], "capture": "after_announcement"},
    "crisis-line": {"numbers": ["01632960199"], "mode": "never", "reason": "anonymous support line"},
    "outgoing": _CALLING,
    "machine-line": _CALLING | {"machine_detection": True},
    "silent-line": _ANNOUNCED,
    "conference": _ANNOUNCED | {"announcements": ["conference-en"], "on_objection": "leave_out"},
    "patients-line": _CHOICE,
    "kept-line": _CHOICE | {"destroy_if_objected_within_seconds": 0, "max_pause_seconds": 10},
    "english-line": _ENGLISH,
    "english-waiting-line": _ENGLISH | {"capture": "after_announcement"},
    "consent-line": _ANNOUNCED
    | {
        "mode": "opt_in",
        "announcements": ["choice-en"],
        "consent_key": "5",
        "opt_out_key": "9",
        "repeat_key": "*",
        "confirmation": ["declined-en"],
        "choice_seconds": 3,
    },
    # Nothing is chosen during its announcement, so it has no words for a no.
    "wordless-line": _ANNOUNCED | {"opt_out_sequence": "*9"},
    "strict-conference": _ANNOUNCED | {"announcements": ["conference-en"], "on_objection": "stop"},
}

UNKNOWN_NUMBER: Final = "01632960198"
"""Routed to a line that the gate's configuration does not have."""

LIMITED_NUMBER: Final = "01632960103"
SITE_LIMIT_SECONDS: Final = 7
"""The route of LIMITED_NUMBER sets the site's own TIMEOUT(absolute) to this before the gate."""

STRANGER_NUMBER: Final = "01632960104"
"""Its route begins a MixMonitor of the site's own, into Asterisk's monitor folder, before the gate."""

UNGATED: Final = "*9"
"""Dialled from the house before an outside number: a route without the gate, as a site may have forgotten one."""

HOUSE_PHONES: Final = tuple(f"21{number:02}" for number in range(1, 41))
"""House phones of the tests, beside the demo's: each scene has its own, so that several can be played at once."""

PHONE_PASSWORD: Final = "of-a-phone-that-exists-in-tests-alone"  # noqa: S105  it protects nothing
OFFICE: Final = "2001-office"
"""A trunk to another office, whose name begins like the house phone's: nobody behind it is staff."""

QUEUE_NUMBER, CONFERENCE_NUMBER, VOICEMAIL_NUMBER, FORWARDED_NUMBER = (f"0163296012{number}" for number in range(1, 5))
"""Routes of the demo's (deploy/asterisk/extensions.conf)."""
FORWARD_TO: Final = "07700900999"
STRICT_NUMBER: Final = "01632960125"
"""A conference in which one objection ends the recording for everybody."""

WAITING_NUMBER: Final = "01632960126"
"""Whoever calls it from outside is told and waits; a house phone that dials it only waits."""
NEWCOMER: Final = "test-newcomer"
"""A context whose `join` puts a channel into the bridge of the channel named by its variable."""

_CODES: Final = {
    "switchboard": 1,
    "advice-line": 2,
    "patients-line": 3,
    "kept-line": 4,
    "english-line": 5,
    "consent-line": 6,
}
PATIENTS_QUEUE_NUMBER: Final = "01632960127"
MUSIC_NUMBER: Final = "01632960128"
"""Whoever calls it is told, and then hears music for as long as they like."""


def number_of(line: str, user: str) -> str:
    """Return the number outside that leads over a line to one house phone of the tests."""
    return f"016329{_CODES[line]}{user}"


def _phone(user: str) -> str:
    said = {
        f"{user}](house-phone": [
            f"aors = {user}",
            f"auth = {user}",
            f"callerid = Test {user} <{user}>",
            "context = test-house",
            "set_var = TRANSFER_CONTEXT=test-house",
        ],
        f"{user}](house-aor": [],
        f"{user}](house-auth": [f"username = {user}", f"password = {PHONE_PASSWORD}"],
    }
    return "".join("\n".join([f"\n[{head})", *lines, ""]) for head, lines in said.items())


_PJSIP: Final = f"""
[{OFFICE}]
type = endpoint
transport = trunk
context = from-trunk
aors = trunk
disallow = all
allow = ulaw
direct_media = no
""" + "".join(_phone(user) for user in HOUSE_PHONES)

_DIRECT: Final = "\n".join(
    f"exten => _016329{code}21XX,1,Gosub(consentgate,s,1({line}))\n same => n,Dial(PJSIP/${{EXTEN:-4}},30,tkx)"
    for line, code in _CODES.items()
)

DIALPLAN: Final = f"""
[from-trunk](+)
exten => {UNKNOWN_NUMBER},1,Gosub(consentgate,s,1(no-such-line))
 same => n,Goto(house,s,1)
exten => {LIMITED_NUMBER},1,Set(TIMEOUT(absolute)={SITE_LIMIT_SECONDS})
 same => n,Gosub(consentgate,s,1(switchboard))
 same => n,Goto(house,s,1)
exten => {STRANGER_NUMBER},1,MixMonitor(stranger-${{UNIQUEID}}.wav)
 same => n,Gosub(consentgate,s,1(switchboard))
 same => n,Goto(house,s,1)
exten => {STRICT_NUMBER},1,Gosub(consentgate-join,s,1(strict-conference))
 same => n,ConfBridge(strict,default_bridge,default_user,consentgate-menu)
exten => {WAITING_NUMBER},1,Gosub(consentgate,s,1(switchboard))
 same => n,Wait(30)
exten => {PATIENTS_QUEUE_NUMBER},1,Gosub(consentgate,s,1(english-waiting-line))
 same => n,Goto(house,queue,1)
exten => {MUSIC_NUMBER},1,Gosub(consentgate,s,1(wordless-line))
 same => n,MusicOnHold()
{_DIRECT}

[from-house](+)
exten => _{UNGATED}X.,1,Dial(PJSIP/${{FILTER(0-9,${{EXTEN:{len(UNGATED)}}})}}@trunk,60)

[test-house]
; Arrives: a house phone of the tests that dials, or transfers somebody. What is not here is as for the demo's phones.
exten => *57,1,Goto(from-house,*57,1)
exten => _21XX,1,Dial(PJSIP/${{EXTEN}},30,tTkKU(consentgate-party^outgoing))
exten => _*821XX,1,Gosub(consentgate-join,s,1(switchboard))
 same => n,PickupChan(PJSIP/${{FILTER(0-9,${{EXTEN:2}})}},p)
exten => 2601,1,Gosub(consentgate-join,s,1(strict-conference))
 same => n,ConfBridge(strict,default_bridge,default_user,consentgate-menu)
exten => {WAITING_NUMBER},1,Answer()
 same => n,Wait(30)
; Lines that listen for machines, that have nothing to say to those who are called, and over the other office's trunk.
exten => _81X.,1,Dial(PJSIP/${{FILTER(0-9,${{EXTEN:2}})}}@trunk,30,mTKU(consentgate-party^machine-line))
exten => _82X.,1,Dial(PJSIP/${{FILTER(0-9,${{EXTEN:2}})}}@trunk,30,mTKU(consentgate-party^silent-line))
exten => _83X.,1,Dial(PJSIP/${{FILTER(0-9,${{EXTEN:2}})}}@{OFFICE},30,mTKU(consentgate-party^outgoing))
include => from-house

[test-wait]
; Arrives: whoever a test sends away from a conversation.
exten => s,1,MusicOnHold()

[{NEWCOMER}]
; Arrives: a Local channel that a test sends into the bridge of the channel named by its extension's variable.
exten => join,1,Answer()
 same => n,BridgeAdd(${{BRIDGE_WITH}})
 same => n,Hangup()
exten => speak,1,Answer()
 same => n,Echo()
"""

STRANGER: Final = "stranger"
"""User and password of somebody else's program, on ARI and on AMI alike, with every right."""

_AMI_STRANGER: Final = f"""
[{STRANGER}]
secret = {STRANGER}
deny = 0.0.0.0/0.0.0.0
permit = 127.0.0.1/255.255.255.255
read =
write = all
"""
_ARI_STRANGER: Final = f"""
[{STRANGER}]
type = user
read_only = no
password = {STRANGER}
"""

READER: Final = "reader"
"""User and password of an ARI user who may look but not act."""

_ARI_READER: Final = f"""
[{READER}]
type = user
read_only = yes
password = {READER}
"""

OPTIONS: Final = Options(
    lines=LINES,
    announcements=ANNOUNCEMENTS,
    config={
        "parties": {
            "staff": [f"PJSIP/{name}" for name in (*EXTENSIONS, "demo-phone", *HOUSE_PHONES)],
            "trunks": ["PJSIP/trunk", f"PJSIP/{OFFICE}"],
        }
    },
    asterisk_extra={
        "manager.conf": _AMI_STRANGER + AMI_WITNESS,
        "pjsip.conf": _PJSIP,
        # Three seconds after the last key of a transfer's number, a person wonders; a test only waits.
        "features.conf": "\n[general](+)\ntransferdigittimeout = 1\n",
        "ari.conf": _ARI_STRANGER + _ARI_READER,
        "modules.conf": "\nload = app_bridgeaddchan.so\n",
        **thrown.EXTRA,
    },
)
