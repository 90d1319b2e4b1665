"""The script that announces without a gate, as Asterisk runs it: what it says, in which order, and where it stops."""

import json
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from unit.script_world import ABOUT, CHANNEL, RUN, SAMPLES, SCRIPT, Asterisk

from ari_app.core import evidence as ev
from ari_app.core.policy import Keys, Mode
from ari_app.guard.vitals import Vitals


def read(journal: Path) -> list[Any]:
    return list(ev.read(journal.read_bytes())[0])


def test_tells_attests_asks_and_captures_in_this_order(tmp_path):
    asterisk = Asterisk(tmp_path)
    assert asterisk.run() == 0, asterisk.complained
    assert asterisk.complained == ""
    stem = str(asterisk.copy).removesuffix(".wav")
    opened, _, notice, granted, asked = read(asterisk.folder / "journal.jsonl")
    recording = opened.recording
    path = asterisk.layout.audio / recording / "seg-001.p01.wav"
    assert asterisk.said == [
        "ANSWER",
        'SET VARIABLE TIMEOUT(absolute) "2.100"',
        "CHANNEL STATUS",
        "GET FULL VARIABLE ${CHANNEL(rtcp,txcount,audio)}",
        f'STREAM FILE {stem} ""',
        'SET VARIABLE TIMEOUT(absolute) "2"',
        "CHANNEL STATUS",
        "GET FULL VARIABLE ${CHANNEL(rtcp,txcount,audio)}",
        f'SET VARIABLE CONSENTGATE_FALLBACK "{recording}"',
        f'EXEC MixMonitor ",br({path})i(CONSENTGATE_MONITOR_ID)"',
        f'SET VARIABLE CONSENTGATE_RECORDING "{recording}"',
        'SET VARIABLE CONSENTGATE_OUTCOME "recording"',
        'SET VARIABLE CONSENTGATE_REASON ""',
    ]
    assert (opened.attested_by, opened.run, opened.channel, opened.asterisk) == ("agi", RUN, CHANNEL, "22.10.1")
    assert granted.at == notice.at <= asked.at
    assert asterisk.folder.stat().st_mode & 0o7777 == 0o2770
    assert Vitals(asterisk.layout).journal(str(path)) == (asterisk.folder / "journal.jsonl").read_bytes()


@pytest.mark.parametrize(
    "changes",
    [
        {"mode": Mode.NEVER},
        {"mode": Mode.OPT_IN},
        {"unusable": "silent"},
        {"announcements": ()},
    ],
)
def test_a_line_that_does_not_simply_announce_is_left_alone(tmp_path, changes):
    asterisk = Asterisk(tmp_path)
    asterisk.write(**changes)
    assert asterisk.run() == 0
    assert asterisk.said == []


OBJECTED = [
    'SET VARIABLE CONSENTGATE_OBJECTED "1"',
    'SET VARIABLE CONSENTGATE_OUTCOME "declined"',
    'SET VARIABLE CONSENTGATE_REASON "objected"',
]


@pytest.mark.parametrize(("at", "words"), [(1, "cy"), (2, "en")])
def test_the_key_for_a_no_ends_it_and_is_confirmed_in_the_language_that_was_heard(tmp_path, at, words):
    asterisk = Asterisk(tmp_path)
    confirmed = tmp_path / "announcements" / f"{words}.wav"
    confirmed.write_bytes(b"words")
    spoken = {one: replace(asterisk.sound(one), language=one) for one in ("cy", "en")}
    found = confirmed.stat()
    stat = found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
    spoken[words] = replace(spoken[words], path=str(confirmed), stat=stat)
    asterisk.offer("cy", "en", confirmation=tuple(spoken.values()))
    asterisk.declines_at = at
    assert asterisk.run() == 0, asterisk.complained
    stem = str(asterisk.copy).removesuffix(".wav")
    assert asterisk.played == [*[f'{stem} "9"'] * at, f'{str(confirmed).removesuffix(".wav")} ""']
    first = asterisk.said.index(OBJECTED[0])
    assert asterisk.said[first : first + 3] == OBJECTED, "the no holds before it is confirmed"
    assert not asterisk.captured()
    assert list(asterisk.layout.fallback.iterdir()) == []


def test_a_no_needs_no_words(tmp_path):
    asterisk = Asterisk(tmp_path)
    asterisk.offer("en")
    asterisk.declines_at = 1
    assert asterisk.run() == 0, asterisk.complained
    assert asterisk.said[-3:] == OBJECTED


def test_who_hears_every_language_without_that_key_is_captured_and_may_yet_object_in_words(tmp_path):
    asterisk = Asterisk(tmp_path)
    asterisk.offer("cy", "en", confirmation=(asterisk.sound("cy"),))
    assert asterisk.run() == 0, asterisk.complained
    stem = str(asterisk.copy).removesuffix(".wav")
    assert asterisk.played == [f'{stem} "9"'] * 2
    assert asterisk.captured()
    assert asterisk.said[-1] == f'SET VARIABLE CONSENTGATE_CONFIRMATION "{stem}"'
    entries = read(asterisk.folder / "journal.jsonl")
    assert [one.language for one in entries if isinstance(one, ev.NoticePlayed)] == ["cy", "en"]
    assert entries[0].mode == "announce_opt_out"


@pytest.mark.parametrize("key", ["", "9"])
def test_where_a_line_only_announces_no_key_ends_that(tmp_path, key):
    asterisk = Asterisk(tmp_path)
    asterisk.offer("en", mode=Mode.ANNOUNCE, keys=Keys(decline=key))
    assert asterisk.run() == 0, asterisk.complained
    assert asterisk.played == [f'{str(asterisk.copy).removesuffix(".wav")} ""']


@pytest.mark.parametrize("key", ["99", "a", '"'])
def test_a_key_that_no_telephone_has_is_not_said_to_asterisk(tmp_path, key):
    asterisk = Asterisk(tmp_path)
    asterisk.offer("en", keys=Keys(decline=key))
    assert asterisk.run() == 1
    assert asterisk.said == []


@pytest.mark.parametrize("damage", [None, b"", b"{", b"[]", b'{"format":2,"lines":{}}', b'{"format":1}'])
def test_a_policy_that_is_missing_old_or_damaged_is_nothing_to_go_by(tmp_path, damage):
    asterisk = Asterisk(tmp_path)
    if damage is None:
        asterisk.layout.policy.unlink()
    else:
        asterisk.layout.policy.write_bytes(damage)
    asterisk.run()
    assert asterisk.said == []
    assert len(asterisk.complained.splitlines()) <= 1


def test_a_line_that_the_policy_does_not_know_is_left_alone(tmp_path):
    asterisk = Asterisk(tmp_path)
    assert asterisk.run("nobody-knows") == 0
    assert asterisk.said == []


def test_a_policy_that_this_version_cannot_read_whole_is_announced_by_and_nothing_is_captured(tmp_path):
    """Two versions on one machine: what is to be played is plain, what it proves is not."""
    asterisk = Asterisk(tmp_path)
    raw = json.loads(asterisk.layout.policy.read_bytes())
    raw["lines"]["advice-line"]["of_a_later_version"] = True
    asterisk.layout.policy.write_text(json.dumps(raw))
    assert asterisk.run() == 1
    assert any(command.startswith("STREAM FILE") for command in asterisk.said)
    assert not asterisk.captured()
    assert list(asterisk.layout.fallback.iterdir()) == []


def test_a_copy_that_is_another_file_is_not_played(tmp_path):
    asterisk = Asterisk(tmp_path)
    asterisk.copy.write_bytes(asterisk.copy.read_bytes())
    assert asterisk.run() == 1
    assert "not the file that was hashed" in asterisk.complained
    assert not any(command.startswith("STREAM FILE") for command in asterisk.said)


@pytest.mark.parametrize(
    "changes",
    [
        {"ANSWER": "200 result=-1"},
        {"STREAM_FILE": "200 result=-1 endpos=800"},
        {"STREAM_FILE": "200 result=0 endpos=800"},
        {"STREAM_FILE": f"200 result=0 endpos={SAMPLES}"},
        {"STREAM_FILE": "200 result=0 endpos=x"},
        {"STREAM_FILE": "510 Invalid or unknown command"},
        {"STREAM_FILE": "HANGUP"},
        {"STREAM_FILE": None},
        {"GET_FULL_VARIABLE": "200 result=0"},
        {"GET_FULL_VARIABLE": "200 result=1 ()"},
        {"CHANNEL_STATUS": "200 result=5"},
    ],
)
def test_whatever_is_not_proved_captures_nothing(tmp_path, changes):
    asterisk = Asterisk(tmp_path, **changes)
    assert asterisk.run() == 1
    assert len(asterisk.complained.splitlines()) == 1
    assert not asterisk.captured()
    assert list(asterisk.layout.fallback.iterdir()) == []


@pytest.mark.parametrize("trouble", ["none", "old", "torn", "of another", "unreadable"])
def test_without_a_keeper_that_lives_nothing_is_attested(tmp_path, trouble):
    asterisk = Asterisk(tmp_path)
    file = asterisk.layout.keeper / f"{RUN}.jsonl"

    def beat(_):
        match trouble:
            case "old":
                file.write_text(json.dumps({"written_at": time.time_ns() // 1000 - 1_600_000}) + "\n")
            case "torn":
                file.write_text(json.dumps({"written_at": time.time_ns() // 1000}))
            case "of another":
                (asterisk.layout.keeper / "zzz.jsonl").write_bytes(file.read_bytes())
            case _:
                file.unlink(missing_ok=True)

    vars(asterisk)["beat"] = beat
    beat(0)
    assert asterisk.run() == 1
    assert "no keeper" in asterisk.complained
    assert any(command.startswith("STREAM FILE") for command in asterisk.said), "callers are told all the same"
    assert list(asterisk.layout.fallback.iterdir()) == []


def test_where_there_is_no_room_nobody_is_told_that_they_might_be_recorded(tmp_path):
    world = Asterisk(tmp_path)
    world.layout.full.touch()
    assert world.run() == 0
    assert world.said == ['SET VARIABLE CONSENTGATE_REASON "spool_full"']
    assert not world.folder.exists()


def test_a_guard_that_does_not_answer_gets_no_capture_to_keep(tmp_path):
    asterisk = Asterisk(tmp_path)
    asterisk.keeps = False
    assert asterisk.run() == 1
    assert "does not keep" in asterisk.complained
    assert not asterisk.captured()
    assert list(asterisk.layout.fallback.iterdir()) == []


@pytest.mark.parametrize("answer", ["200 result=-2", "200 result=0"])
def test_a_mixmonitor_that_makes_no_file_is_told_to_the_keeper(tmp_path, answer):
    asterisk = Asterisk(tmp_path, EXEC_MixMonitor=answer)
    assert asterisk.run() == 1
    assert asterisk.said[-1] == 'SET VARIABLE CONSENTGATE_FALLBACK "failed"'


def test_a_spool_that_cannot_be_written_captures_nothing(tmp_path):
    asterisk = Asterisk(tmp_path)
    asterisk.layout.fallback.rmdir()
    asterisk.layout.fallback.write_text("in the way")
    assert asterisk.run() == 1
    assert any(command.startswith("STREAM FILE") for command in asterisk.said)
    assert not asterisk.captured()


def test_a_channel_is_attested_once(tmp_path):
    asterisk = Asterisk(tmp_path)
    asterisk.folder.mkdir()
    (asterisk.folder / "journal.jsonl").write_text("of before")
    assert asterisk.run() == 1
    assert not asterisk.captured()
    assert (asterisk.folder / "journal.jsonl").read_text() == "of before"


def test_a_channel_whose_name_is_no_file_name_captures_nothing(tmp_path):
    asterisk = Asterisk(tmp_path)
    assert asterisk.run(about=ABOUT | {"agi_uniqueid": "../../x"}) == 1
    assert not asterisk.captured()
    assert list(asterisk.layout.fallback.iterdir()) == []


@pytest.mark.parametrize("arguments", [(), ("one",), ("1", "2", "3")])
def test_too_few_or_too_many_arguments_are_wrong_usage(arguments):
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(SCRIPT), *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr == f"fallback.py: 2 arguments are needed, {len(arguments)} were given\n"
