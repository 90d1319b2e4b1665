"""The script that announces without a gate, as Asterisk runs it: what it says, in which order, and where it stops."""

import json
import re
import subprocess
import sys
import threading
import time
import wave
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from unit.calls import line

from ari_app.core import evidence as ev
from ari_app.core.policy import Announcement, Mode, Policy, to_json
from ari_app.guard.vitals import Vitals
from ari_app.layout import Layout

SCRIPT = Path(__file__).parents[2] / "agi_scripts" / "fallback.py"
CHANNEL = "1800000000.1"
RUN = "01M89EP1ZYXF1YNMXJBPC6YR8R"
SAMPLES = 4000
PACKETS = 25
ABOUT = {"agi_uniqueid": CHANNEL, "agi_channel": "PJSIP/trunk-00000001", "agi_version": "22.10.1"}


class Asterisk:
    """A spool with a policy and a keeper, and Asterisk's answers; `changes` are commands that go otherwise."""

    def __init__(self, root, **changes):
        self.layout = Layout(root)
        self.changes = changes
        self.said = []
        self.packets = 0
        self.status = "6"
        self.keeps = True
        for folder in ("fallback", "keeper", "audio", "announcements"):
            (root / folder).mkdir()
        self.copy = root / "announcements" / f"{'a' * 64}.wav"
        with wave.open(str(self.copy), "wb") as file:
            file.setparams((1, 2, 8000, 0, "NONE", ""))
            file.writeframes(b"\1\0" * SAMPLES)
        self.write()
        self.beat(0)

    def sound(self):
        found = self.copy.stat()
        stat = found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
        return Announcement("advice-en", "en", "…", "a" * 64, str(self.copy), SAMPLES, 8000, 100, stat)

    def write(self, **changes):
        rules = replace(line(self.sound()), **changes)
        policy = Policy(site="St Elsewhere", node="pbx1", lines={"advice-line": rules})
        self.layout.policy.write_bytes(to_json(policy))

    def beat(self, age_seconds):
        at = time.time_ns() // 1000 - age_seconds * 1_000_000
        text = json.dumps({"boot": "x", "consumed_at": at, "written_at": at}) + "\n"
        (self.layout.keeper / f"{RUN}.jsonl").write_text(text)

    def answer(self, command):
        for start, said in self.changes.items():
            if command.startswith(start.replace("_", " ")):
                return said
        if command.startswith("STREAM FILE"):
            time.sleep(SAMPLES / 8000)
            self.packets += PACKETS
            self.beat(0)
            return f"200 result=0 endpos={SAMPLES}"
        if command.startswith("GET FULL VARIABLE"):
            return f"200 result=1 ({self.packets})"
        if command.startswith("SET VARIABLE CONSENTGATE_FALLBACK") and "failed" not in command and self.keeps:
            recording = re.findall(r'"(\w+)"', command)[0]
            (self.layout.audio / recording).mkdir()
            self.layout.kept_of(recording).touch()
        if command.startswith("EXEC MixMonitor"):
            Path(re.findall(r"r\((.*?)\)", command)[0]).touch()
            return "200 result=0"
        return f"200 result={self.status if command == 'CHANNEL STATUS' else 0}"

    def run(self, line="advice-line", *, about=ABOUT, fallback=None):
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(SCRIPT), str(fallback or self.layout.fallback), line],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, bufsize=1,
        )  # fmt: skip
        watchdog = threading.Timer(20, process.kill)
        watchdog.start()
        with process:
            assert process.stdin
            assert process.stdout
            assert process.stderr
            process.stdin.write("".join(f"{name}: {value}\n" for name, value in about.items()) + "\n")
            for raw in process.stdout:
                command = raw.rstrip("\n")
                self.said.append(command)
                said = self.answer(command)
                if said is None:
                    process.stdin.close()
                    break
                process.stdin.write(said + "\n")
            self.complained = process.stderr.read()
        watchdog.cancel()
        return process.returncode

    @property
    def folder(self):
        return self.layout.fallback / CHANNEL

    def captured(self):
        return any(command.startswith("EXEC MixMonitor") for command in self.said)


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
        {"unusable": "silent"},
        {"announcements": ()},
    ],
)
def test_a_line_that_does_not_simply_announce_is_left_alone(tmp_path, changes):
    asterisk = Asterisk(tmp_path)
    asterisk.write(**changes)
    assert asterisk.run() == 0
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
