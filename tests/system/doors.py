"""A PBX on which recordings can begin by every door there is: what the tests of the guard add to the hospital's."""

from dataclasses import replace
from pathlib import Path
from typing import Final

from demo_world.settings import Options
from demo_world.world import World

(
    ECHO, PLAIN, QUEUED, CONFERENCE, RECORDED_CONFERENCE, MIXED, STASIS,
    RECORD, RECORD_NO_KEY, RECORD_BEEP, SCRIPT, SCRIPT_NO_KEY, SCRIPT_EXEC,
) = (f"016329602{number:02}" for number in range(13))  # fmt: skip
"""The numbers behind which the doors are."""

APPLICATION: Final = "guard-test"
TOUCHED: Final = "2004"
"""The house phone with a record key."""

ROOM, RECORDED_ROOM = "open", "recorded"

DIALPLAN: Final = f"""
[from-trunk](+)
; None of these routes passes the gate.
exten => {ECHO},1,Answer()
 same => n,Echo()
exten => {PLAIN},1,Dial(PJSIP/2001&PJSIP/{TOUCHED},30,xX)
 same => n,Hangup()
exten => {QUEUED},1,Answer()
 same => n,Queue(guarded)
exten => {CONFERENCE},1,Answer()
 same => n,ConfBridge({ROOM})
exten => {RECORDED_CONFERENCE},1,Answer()
 same => n,ConfBridge({RECORDED_ROOM},recorded_bridge)
exten => {MIXED},1,Answer()
 same => n,MixMonitor(guard-${{UNIQUEID}}.wav)
 same => n,Echo()
exten => {RECORD},1,Answer()
 same => n,Record(@monitor@/guard-${{UNIQUEID}}.wav,0,60,q)
 same => n,Echo()
exten => {RECORD_NO_KEY},1,Answer()
 same => n,Record(@monitor@/guard-${{UNIQUEID}}.wav,0,60,qx)
 same => n,Echo()
exten => {RECORD_BEEP},1,Answer()
 same => n,Record(@monitor@/guard-${{UNIQUEID}}.wav,0,60)
 same => n,Echo()
exten => {SCRIPT},1,Answer()
 same => n,AGI(@script@,record,@monitor@/guard-${{UNIQUEID}},#)
 same => n,Echo()
exten => {SCRIPT_NO_KEY},1,Answer()
 same => n,AGI(@script@,record,@monitor@/guard-${{UNIQUEID}},)
 same => n,Echo()
exten => {SCRIPT_EXEC},1,Answer()
 same => n,AGI(@script@,exec,@monitor@/guard-${{UNIQUEID}}.wav)
 same => n,Echo()
exten => {STASIS},1,Answer()
 same => n,Stasis({APPLICATION})
 same => n,Hangup()
"""

_SCRIPT: Final = r"""#!/bin/sh
while read -r line && [ -n "$line" ]; do :; done
if [ "$1" = record ]; then
    printf 'RECORD FILE %s wav "%s" 60000 0\n' "$2" "$3"
else
    printf 'EXEC Record "%s,0,60,q"\n' "$2"
fi
read -r answer
"""

_MODULES: Final = (
    "app_record", "app_chanspy", "app_senddtmf", "res_pjsip_one_touch_record_info", "res_rtp_multicast", "chan_rtp",
)  # fmt: skip

_EXTRA: Final = {
    "modules.conf": "\n" + "".join(f"load = {name}.so\n" for name in _MODULES),
    "features.conf": "\n[featuremap](+)\nautomixmon => *3\n",
    "queues.conf": "\n[guarded]\nstrategy = ringall\nmember => PJSIP/2001\nmonitor-format = wav\n",
    "confbridge.conf": "\n[recorded_bridge]\ntype = bridge\nrecord_conference = yes\n",
    "pjsip.conf": f"""
[{TOUCHED}](+type=endpoint)
one_touch_recording = yes
record_on_feature = automixmon
record_off_feature = automixmon
""",
}


def equipped(options: Options) -> Options:
    """Return the options of a world, with the doors."""
    extra = dict(options.asterisk_extra)
    for name, text in _EXTRA.items():
        extra[name] = extra.get(name, "") + text
    return replace(options, asterisk_extra=extra)


def dialplan(world: World) -> str:
    """Return the routes behind which the doors are, and write the AGI script that opens one."""
    script = world.root / "agi" / "guard-test.sh"
    script.write_text(_SCRIPT)
    script.chmod(0o755)
    return DIALPLAN.replace("@monitor@", str(world.asterisk.monitor)).replace("@script@", str(script))


def sound_files(world: World) -> set[Path]:
    """Return every file where Asterisk puts recordings."""
    return {file for folder in world.asterisk.recording_folders for file in folder.rglob("*") if file.is_file()}
