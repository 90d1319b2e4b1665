"""The world of `./tests/bench gate`: one Asterisk, one gate, the bare loop, and three ways to the same tail.

No ship, database or object store: they work after the call, and would only add noise. The spool lies in the demo's
cache directory, so on a real disk wherever the demo's does; a memory file system would make `fsync` free.
"""

import contextlib
import os
import re
import secrets
import tempfile
import wave
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from demo_world.ports import ADDRESS
from demo_world.progress import Progress
from demo_world.settings import Options
from demo_world.voices import Announcement
from demo_world.world import World
from telephone import read_wav
from telephone.mulaw import Pcm

from ari_app.adapters import ami, ari

from . import journals
from .reference import Reference

NATIVE, BARE, GATE = "native", "bare", "gate"
WAYS: Final = (NATIVE, BARE, GATE)
TAIL_SECONDS: Final = 1.5
LONG_SECONDS: Final = 80
APPLICATION: Final = "bench-bare"
ANNOUNCEMENT_SECONDS: Final = 2.0
_RATE: Final = 8000
_SPOKEN_SECONDS: Final = 1.5
# Numbers of the bench's own: the way, then what stands after it.
SHORT: Final = {NATIVE: "7100", BARE: "7200", GATE: "7300"}
LONG: Final = "7301"
CONVERSATION: Final = "7400"

_LINES: Final = {
    "bench": {
        "numbers": ["01632960170"],
        "mode": "announce",
        "announcements": ["bench"],
        "purposes": ["audit"],
        "capture": "after_announcement",
        "max_hours": 1,
    },
    "bench-conversation": {
        "numbers": ["01632960171"],
        "mode": "announce",
        "announcements": ["bench"],
        "purposes": ["audit"],
        "capture": "conversation",
        "max_hours": 1,
    },
}

_DIALPLAN: Final = """
; Arrives: the benchmark's callers. Three ways to be announced and recorded, each to the same tail.
[from-trunk]
exten => {short[native]},1,Answer()
 same => n,Playback({announcement})
 same => n,MixMonitor(,r({audio}/${{UNIQUEID}}.wav)i(BENCH_MONITOR_ID))
 same => n,Goto(bench-tail,s,1)
exten => {short[bare]},1,Stasis({application})
 same => n,Goto(bench-tail,s,1)
exten => {short[gate]},1,Gosub(consentgate,s,1(bench))
 same => n,Goto(bench-tail,s,1)
exten => {long},1,Gosub(consentgate,s,1(bench))
 same => n,Wait({long_seconds})
 same => n,Hangup()
exten => {conversation},1,Gosub(consentgate,s,1(bench-conversation))
 same => n,Dial(PJSIP/demo-phone,30)
 same => n,Hangup()

; Arrives: a caller who has been announced and is being recorded, whichever way.
[bench-tail]
exten => s,1,Wait({tail_seconds})
 same => n,Hangup()
"""


def make_announcement(path: Path) -> None:
    """Write 2 s of sound that occurs nowhere else, the last half second of it silence, so that its place is found."""
    draw = np.random.default_rng(2)
    spoken = draw.normal(0, 2500, round(_SPOKEN_SECONDS * _RATE)).clip(-12000, 12000)
    # In syllables, 26 dB between them: what never pauses cannot be understood, and the gate would not use it.
    spoken *= np.where(np.arange(len(spoken)) * 1000 // _RATE % 250 // 80 == 1, 0.05, 1)
    silence = np.zeros(round((ANNOUNCEMENT_SECONDS - _SPOKEN_SECONDS) * _RATE))
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(_RATE)
        file.writeframes(np.concatenate([spoken, silence]).astype("<i2").tobytes())


@dataclass(slots=True)
class GateWorld:
    """A running world; make it with `running`."""

    world: World
    reference: Reference
    audio: Path
    """Where the native dialplan and the bare loop record to."""
    scratch: Path
    announcement: Pcm

    @property
    def target(self) -> str:
        """Where callers call, as host:port."""
        return f"{ADDRESS}:{self.world.ports.asterisk.trunk}"

    def pid(self, name: str) -> int:
        """Return the pid of `gate`, `asterisk` or `bare`. Raises OSError if it has ended."""
        pid = self.reference.pid if name == BARE else self.world.pid(name)
        if pid is None:
            raise OSError(f"{name} has ended; its log is {self.world.place(name).log}")
        return pid

    def forget(self) -> None:
        """Remove what earlier calls left, whichever way they came: the next ones shall be alone."""
        journals.forget(self.world.spool)
        for path in self.audio.iterdir():
            path.unlink()

    def channels(self) -> int:
        """Return how many channels Asterisk has now."""
        found = re.search(r"(\d+) active channel", self.world.asterisk.cli("core show channels count"))
        return int(found[1]) if found else 0


@contextlib.contextmanager
def running(packages: Path, command: tuple[str, ...]) -> Iterator[GateWorld]:
    """Make the world, start it, and remove it in the end. Raises WorldError or OSError."""
    packages.parent.mkdir(parents=True, exist_ok=True)
    root = Path(tempfile.mkdtemp(prefix="bench-", dir=packages.parent))
    root.chmod(0o755)
    wav = root / "bench.wav"
    make_announcement(wav)
    wav.chmod(0o644)
    secret = secrets.token_hex(16)
    audio = root / "reference-audio"
    dialplan = _DIALPLAN.format(
        short=SHORT,
        long=LONG,
        long_seconds=LONG_SECONDS,
        conversation=CONVERSATION,
        announcement=wav.with_suffix(""),
        audio=audio,
        application=APPLICATION,
        tail_seconds=TAIL_SECONDS,
    )
    options = Options(
        lines=_LINES,
        announcements={"bench": Announcement("A sound for measuring.", "en", wav)},
        asterisk_extra={
            "site.conf": dialplan,
            "ari.conf": f"\n[{APPLICATION}]\ntype = user\nread_only = no\npassword = {secret}\n",
            "manager.conf": _manager_user(secret),
        },
    )
    world = World.create(root, packages_cache=packages, options=options, command=command, progress=Progress())
    reference: Reference | None = None
    try:
        world.who.asterisk.directory(audio, 0o750)
        world.start_asterisk()
        world.start_gate()
        # The gate has just written lines.conf.
        world.asterisk.cli("dialplan reload")
        reference = Reference(_settings(world, secret, audio, wav), root)
        yield GateWorld(world, reference, audio, world.who.gate.directory(root / "scratch"), read_wav(wav))
    finally:
        if reference:
            reference.stop()
        if os.environ.get("CONSENTGATE_BENCH_KEEP"):
            world.stop()
        else:
            world.destroy()


def _manager_user(secret: str) -> str:
    """Return a user for the bare loop with exactly the gate's rights."""
    template = (Path(__file__).parents[2] / "deploy" / "asterisk" / "manager.conf").read_text(encoding="utf-8")
    rights = [line for line in template.splitlines() if re.match(r"(deny|permit|read|write)\s*=", line)]
    return "\n".join([f"\n[{APPLICATION}]", f"secret = {secret}", *rights, ""])


def _settings(world: World, secret: str, audio: Path, wav: Path) -> dict[str, object]:
    at = world.env()
    return {
        "ari_url": at["ari"]["url"],
        "ami_host": at["ami"]["host"],
        "ami_port": at["ami"]["port"],
        "user": APPLICATION,
        "secret": secret,
        "application": APPLICATION,
        "announcement": str(wav.with_suffix("")),
        "audio": str(audio),
        "ari_events": list(ari.NEEDED_EVENTS),
        # As the gate asks for it on its own connection.
        "ami_filters": [dict(one) for one in ami.WANTED],
    }
