"""Every door of the requirements (§5.8) is found in a configuration that has it, and nothing in one that has none."""

import re
import shutil
from pathlib import Path

import pytest

from ari_app.doctor import doors_files, site
from ari_app.doctor.catalogue import Found, Grade
from ari_app.doctor.doors import DOORS
from ari_app.doctor.folder import Folder
from ari_app.doctor.told import Told

CHECKOUT = Path(__file__).parents[2]
FIXTURES = Path(__file__).parent / "doors"
LOGINS = frozenset({"consentgate", "consentgate-guard"})

DOOR_OF = {
    "mixmonitor": "door-mixmonitor",
    "mixmonitor-mailbox": "door-mixmonitor",
    "mixmonitor-in-execif": "door-mixmonitor",
    "mixmonitor-in-exec": "door-mixmonitor",
    "mixmonitor-by-originate": "door-mixmonitor",
    "mixmonitor-in-template": "door-mixmonitor",
    "mixmonitor-in-include": "door-mixmonitor",
    "monitor": "door-monitor",
    "record": "door-record",
    "voicemail": "door-voicemail",
    "minivm": "door-minivm",
    "dictate": "door-dictate",
    "agi-record-file": "door-agi-record",
    "agi-elsewhere": "door-agi",
    "eagi": "door-eagi",
    "externalivr": "door-externalivr",
    "chanspy-records": "door-chanspy",
    "chanspy-listens": "door-listening",
    "extenspy": "door-chanspy",
    "conference-profile": "door-confbridge",
    "conference-by-function": "door-confbridge",
    "page": "door-page",
    "meetme": "door-meetme",
    "queue": "door-queue",
    "one-touch": "door-one-touch",
    "one-touch-by-function": "door-one-touch",
    "one-touch-of-parked-calls": "door-one-touch",
    "feature-records": "door-mixmonitor",
    "pjsip-one-touch": "door-pjsip-one-touch",
    "pjsip-one-touch-wizard": "door-pjsip-one-touch",
    "sip-one-touch": "door-pjsip-one-touch",
    "name-by-dial": "door-name-recording",
    "name-by-followme": "door-name-recording",
    "audiosocket": "door-audiosocket",
    "audiosocket-dialled": "door-audiosocket",
    "websocket-channel": "door-media-channel",
    "rtp-channel": "door-media-channel",
    "jack": "door-jack",
    "jack-hook": "door-jack",
    "ices": "door-ices",
    "speech": "door-speech",
    "aeap": "door-aeap",
    "stasis": "door-stasis",
    "stasis-broadcast": "door-stasis",
    "system": "door-system",
    "shell": "door-system",
    "ami-user": "door-ami-user",
    "ami-user-of-users-conf": "door-ami-user",
    "ari-user": "door-ari-user",
    "ari-outbound": "door-ari-outbound",
    "console": "door-console",
    "startup": "door-startup",
    "agents": "door-agents",
    "ael": "door-lua-ael",
    "lua": "door-lua-ael",
}
"""One folder of files each, below doors/."""

OF_FREEPBX = {
    *("door-mixmonitor", "door-system", "door-listening", "door-dictate", "door-record", "door-confbridge"),
    *("door-queue", "door-one-touch", "door-ami-user", "door-ari-user", "door-pjsip-one-touch", "door-voicemail"),
}


def house(*, guarded: bool = False) -> site.House:
    ours = doors_files.Ours(ari=LOGINS, ami=LOGINS, guarded=guarded)
    staff = frozenset({"PJSIP/2001", "PJSIP/2002"})
    return site.House(ours, Told(staff, frozenset({"999", "112", "2222"})))


def fixture(name: str, target: Path) -> Folder:
    folder = Path(shutil.copytree(FIXTURES / name, target / name))
    for file in folder.rglob("*.conf"):
        file.write_text(file.read_text(encoding="utf-8").replace("@folder@", str(folder)), encoding="utf-8")
    return Folder(folder)


def doors_of(found: list[Found]) -> set[str]:
    return {one.name for one in found if one.name in DOORS}


@pytest.mark.parametrize("name", DOOR_OF)
def test_each_door_is_found_and_no_other(tmp_path: Path, name: str) -> None:
    found = list(site.recording_doors(fixture(name, tmp_path), house()))
    assert doors_of(found) == {DOOR_OF[name]}, found
    for one in found:
        if one.name in DOORS:
            assert re.fullmatch(r"[\w./-]+:\d+", one.subject), "the file and the line are said"
            assert one.grade is DOORS[one.name].grade
            assert one.why
            assert one.mend


def test_every_fixture_is_used_and_every_door_has_one() -> None:
    assert set(DOOR_OF) | {"freepbx", "freepbx-gated"} == {one.name for one in FIXTURES.iterdir()}
    # Programs that keep packets are no configuration: test_doctor_machine has them.
    assert set(DOOR_OF.values()) == set(DOORS) - {"door-packet-capture"}


def test_a_freepbx_as_it_comes_has_many_doors(tmp_path: Path) -> None:
    assert doors_of(list(site.recording_doors(fixture("freepbx", tmp_path), house()))) == OF_FREEPBX


def test_a_freepbx_with_the_gate_and_without_recorders_has_none(tmp_path: Path) -> None:
    folder = fixture("freepbx-gated", tmp_path)
    assert doors_of(list(site.recording_doors(folder, house()))) == set()
    assert [one for one in site.routes(folder, house()) if one.grade is not Grade.GOOD] == []


def test_a_guard_makes_a_warning_of_what_it_ends(tmp_path: Path) -> None:
    (one,) = [
        one
        for one in site.recording_doors(fixture("mixmonitor", tmp_path), house(guarded=True))
        if one.name == "door-mixmonitor"
    ]
    assert one.grade is Grade.WARNING
    assert one.mend.startswith("the guard ends it")
    (one,) = [
        one for one in site.recording_doors(fixture("jack", tmp_path), house(guarded=True)) if one.name == "door-jack"
    ]
    assert one.grade is Grade.WRONG, "which the guard cannot see"


def test_the_files_to_copy_from_have_only_the_voicemail_that_they_show(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(CHECKOUT / "dialplan" / "examples", tmp_path / "asterisk"))
    for file in folder.glob("*.conf"):
        text = file.read_text(encoding="utf-8").replace("/opt/consentgate", str(CHECKOUT))
        file.write_text(text.replace("#tryinclude /var", "#tryinclude /nowhere"), encoding="utf-8")
    found = list(site.recording_doors(Folder(folder), house()))
    assert doors_of(found) == {"door-voicemail"}
    assert not [one for one in found if one.grade is Grade.UNKNOWN], found
