"""The hospital that the system tests call: its lines, its announcements, and the routes that a site might have.

Announcements are short, so that a test is; what matters about them (speech, then a tail of silence) is as long as
in a real one.
"""

from typing import Any, Final

from demo_world.settings import Options
from demo_world.voices import Announcement

ANNOUNCEMENTS: Final = {
    "switchboard-en": Announcement("Hospital. All calls are recorded.", "en"),
    "advice-cy": Announcement("Rydym yn recordio galwadau.", "cy"),
    "advice-en": Announcement("We record calls.", "en"),
}

_ANNOUNCED: Final[dict[str, Any]] = {
    "mode": "announce",
    "announcements": ["switchboard-en"],
    "purposes": ["medico-legal", "training", "audit"],
    "capture": "conversation",
    "max_hours": 3,
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

[from-house](+)
exten => _{UNGATED}X.,1,Dial(PJSIP/${{FILTER(0-9,${{EXTEN:{len(UNGATED)}}})}}@trunk,60)

[test-newcomer]
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
    asterisk_extra={
        "manager.conf": _AMI_STRANGER,
        "ari.conf": _ARI_STRANGER + _ARI_READER,
        "modules.conf": "\nload = app_bridgeaddchan.so\n",
    },
)
