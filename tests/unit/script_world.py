"""The script's Asterisk: a spool with a policy and a keeper, and answers to what the script says."""

import json
import re
import subprocess
import sys
import threading
import time
import wave
from dataclasses import replace
from pathlib import Path

from unit.calls import line

from ari_app.core.policy import Announcement, Keys, Mode, Policy, to_json
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
        self.declines_at = 0
        for folder in ("fallback", "keeper", "audio", "announcements"):
            (root / folder).mkdir()
        self.copy = root / "announcements" / f"{'a' * 64}.wav"
        with wave.open(str(self.copy), "wb") as file:
            file.setparams((1, 2, 8000, 0, "NONE", ""))
            file.writeframes(b"\1\0" * SAMPLES)
        self.write()
        self.beat(0)

    def sound(self, language="en"):
        """Return the one copy, which says the same in every language."""
        found = self.copy.stat()
        stat = found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
        return Announcement(f"advice-{language}", language, "…", "a" * 64, str(self.copy), SAMPLES, 8000, 100, stat)

    def offer(self, *languages, **changes):
        """Let the line offer a key for a no, in these languages."""
        sounds = tuple(map(self.sound, languages))
        keys = Keys(decline="9", repeat="*", languages=(("1", "cy"),))
        self.write(**({"mode": Mode.ANNOUNCE_OPT_OUT, "announcements": sounds, "keys": keys} | changes))

    @property
    def played(self):
        """What was played, and the keys that would have ended it."""
        return [command.removeprefix("STREAM FILE ") for command in self.said if command.startswith("STREAM FILE")]

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
        if command.endswith('"9"') and len(self.played) == self.declines_at:
            return "200 result=57 endpos=800"
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
