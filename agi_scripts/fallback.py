#!/usr/bin/env -S python3 -I -S
"""Tell a caller while no gate is there, and begin to record them if somebody keeps it.

Asterisk runs it from [consentgate] in dialplan/consentgate.conf, under a TIMEOUT(absolute):

    AGI(consentgate/fallback.py,FALLBACK,LINE)

FALLBACK is the spool's folder `fallback/`, by which all of the spool is found. The order is the gate's:

1. The line's announcements, as `policy.json` names their copies, each by STREAM FILE: where it ended must be the file's
   length, every packet of it must have been sent, and the copy must be the one that was hashed, before and after. The
   line's key for a no ends it: then the channel says so for good, the caller hears that it holds, and nothing begins.
   (In the instant between two files no script hears a key. The keeper does, and then keeps nothing.)
2. `ari_app.core` judges that and grants the permit; no second opinion is formed here.
3. Evidence is durable in `fallback/<uniqueid>/` before anything begins, and is never changed after.
4. Somebody must hear what happens later, for this script is gone by then: the guard. Its heartbeat in `keeper/` must be
   fresh; CONSENTGATE_FALLBACK asks it, and `keeper/<recording>.kept` is its yes (ari_app/guard/keeper.py says who
   revokes, and why nothing can be missed). Without a yes nothing is captured, and what was written is taken back.
5. MixMonitor, of the caller's own voice and only while they are bridged. Its file must appear.

Whatever fails, the call goes on at once: this ends, and the dialplan's next line is the site's own. It raises nothing
and holds nobody: Asterisk itself ends it when the time for its present step is over, as it does for the gate.

Nothing but three small modules is imported before the caller hears something; everything else while they listen.
"""

import os
import sys
import time

MONITOR = "CONSENTGATE_MONITOR_ID"
ARGUMENTS = 2
UP = "6"
KEYS = "0123456789*#"
TOLD_MODES = ("announce", "announce_opt_out")
BEAT_FRESH_MICROSECONDS = 1_500_000
KEPT_SECONDS = 0.4
FILE_SECONDS = 0.3
POLL_SECONDS = 0.002
LIFELINE_SECONDS = 2
MOST_POLICY_BYTES = 1 << 22

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, BinaryIO

    from ari_app.core.evidence import NoticePlayed
    from ari_app.core.names import Instant, RecordingId, RunId


class OverError(Exception):
    """There is nothing more to do here; the text is for Asterisk's console."""


class DeclinedError(Exception):
    """The caller has said no while they heard this language."""


class Agi:
    """Asterisk's side of the two streams: commands out, one answer to each."""

    def __init__(self, stdin: "BinaryIO", stdout: "BinaryIO") -> None:
        self._in, self._out = stdin, stdout
        self.about: dict[str, str] = {}
        while line := self._line():
            name, _, value = line.partition(": ")
            self.about[name] = value

    def _line(self) -> str:
        return self._in.readline(8192).decode("utf-8", "replace").rstrip("\r\n")

    def say(self, command: str) -> None:
        """Send a command; its answer must be read before the next."""
        self._out.write(command.encode() + b"\n")
        self._out.flush()

    def answer(self) -> str:
        """Return what follows `200 `. Raises OverError if the channel is gone or the command was refused."""
        line = self._line()
        if not line.startswith("200 "):
            raise OverError(
                "the channel was hung up" if not line or "HANGUP" in line else f"Asterisk says: {line[:80]}"
            )
        return line[4:]

    def do(self, command: str) -> str:
        """Send a command and return its answer."""
        self.say(command)
        return self.answer()

    def set(self, name: str, value: str) -> None:
        """Set a variable or write a function."""
        self.do(f'SET VARIABLE {name} "{value}"')

    def packets(self) -> int | None:
        """Return how many packets were sent to the caller so far; None where nobody counts."""
        said = self.do("GET FULL VARIABLE ${CHANNEL(rtcp,txcount,audio)}")
        count = said.partition("(")[2].rstrip(")")
        return int(count) if count.isascii() and count.isdecimal() else None

    def up(self) -> bool:
        """Tell whether the channel is answered."""
        return _result(self.do("CHANNEL STATUS")) == UP


def _result(answer: str) -> str:
    return answer.removeprefix("result=").partition(" ")[0]


def now() -> "Instant":
    """Return the wall clock of this machine, which is Asterisk's."""
    microseconds: Any = time.time_ns() // 1000
    return microseconds  # type: ignore[no-any-return]  # names are not imported yet


def wait(seconds: float, ready: "Callable[[], bool]") -> bool:
    """Look often, for a short while."""
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True


def read(path: str) -> bytes:
    """Return a file's content. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        return file.read(MOST_POLICY_BYTES)


def script_of(policy: bytes, line: str) -> "dict[str, Any]":
    """Return the rules of a line whose callers are told, else {}; they are read with care while those listen."""
    import json

    raw = json.loads(policy)
    rules: dict[str, Any] = raw["lines"].get(line, {})
    told = raw["format"] == 1 and rules.get("mode") in TOLD_MODES and not rules.get("unusable")
    return rules if told and rules["announcements"] else {}


def no_key(rules: "dict[str, Any]") -> str:
    """Return the key by which a caller of this line says no; "" where there is none."""
    key: str = rules["keys"]["decline"] if rules["mode"] == "announce_opt_out" else ""
    if len(key) > 1 or key not in KEYS:
        raise OverError("the key for a no is none that a telephone has")
    return key


def confirmation(rules: "dict[str, Any]", language: str) -> "dict[str, Any] | None":
    """Return what is heard by who says no, in their language or the first; None where there is nothing."""
    words: list[dict[str, Any]] = rules["confirmation"]
    return next((one for one in words if one["language"] == language), next(iter(words), None))


def intact(sound: "dict[str, Any]") -> bool:
    """Tell whether the copy is still the file that was hashed."""
    try:
        found = os.stat(sound["path"], follow_symlinks=False)
    except OSError:
        return False
    return [found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns] == list(sound["stat"])


def stem_of(sound: "dict[str, Any]") -> str:
    """Return a copy's path as Asterisk plays it. Raises OverError for one that would be more than a path."""
    path = str(sound["path"])
    stem = path.removesuffix(".wav")
    if stem == path or not all(char.isalnum() or char in "/._-" for char in stem):
        raise OverError("an announcement's copy has a name that no copy has")
    return stem


def play(agi: Agi, sound: "dict[str, Any]", key: str, meanwhile: "Callable[[], None]") -> "dict[str, Any]":
    """Play one announcement and return what was measured (`core.fallback.Played`). Raises DeclinedError at the key."""
    stem = stem_of(sound)
    if not intact(sound):
        # Nobody knows what would be heard.
        raise OverError("an announcement's copy is not the file that was hashed")
    # As the gate's: 2 s after the end of its speech, and at least 1 s after the file's.
    spoken, length = int(sound["spoken_end_ms"]) / 1000, int(sound["samples"]) / int(sound["rate_hz"])
    agi.set("TIMEOUT(absolute)", f"{max(spoken + LIFELINE_SECONDS, length + 1):.3f}")
    up, before = agi.up(), agi.packets()
    began_at = now()
    agi.say(f'STREAM FILE {stem} "{key}"')
    meanwhile()
    answer = agi.answer()
    ended_at = now()
    if key and _result(answer) == str(ord(key)):
        raise DeclinedError(sound["language"])
    position = answer.partition("endpos=")[2]
    agi.set("TIMEOUT(absolute)", str(LIFELINE_SECONDS))
    return {
        "began_at": began_at,
        "ended_at": ended_at,
        "completed": _result(answer) == "0",
        "end_position": int(position) if position.isascii() and position.isdecimal() else -1,
        "up": agi.up() and up,
        "packets_before": before,
        "packets_after": agi.packets(),
        "intact": intact(sound),
    }


def core() -> None:
    """Make `ari_app.core` importable: it lies beside this folder, or where this Python keeps packages; and load it."""
    beside = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    for place in (beside, os.path.join(sys.prefix, "lib", version, "site-packages")):
        if os.path.isfile(os.path.join(place, "ari_app", "core", "fallback.py")):
            sys.path.insert(0, place)
            break
    import ari_app.core.fallback  # noqa: F401  so that it is there when the announcement ends


def keeper(folder: str) -> "RunId":
    """Return the run of the keeper that hears Asterisk now. Raises OverError if there is none."""
    from ari_app.core.guard import fresh, last_beat
    from ari_app.core.names import RunId, recording_id

    try:
        name = max(one for one in os.listdir(folder) if one.endswith(".jsonl"))
        run = RunId(recording_id(name.removesuffix(".jsonl")))
        beat = last_beat(read(os.path.join(folder, name))[-600:])
    except (OSError, ValueError) as failure:
        raise OverError(f"no keeper: {failure}") from failure
    if not fresh(beat, now(), BEAT_FRESH_MICROSECONDS):
        raise OverError("no keeper: the guard gives no sign of life")
    return run


def attest(folder: str, text: bytes) -> None:
    """Put the journal where guard and ship look for it, durably. Raises OSError, also if it was there before."""
    os.mkdir(folder)
    os.chmod(folder, 0o2770)
    descriptor = os.open(os.path.join(folder, "journal.jsonl"), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o640)
    try:
        os.fchmod(descriptor, 0o660)
        os.write(descriptor, text)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    for one in (folder, os.path.dirname(folder)):
        descriptor = os.open(one, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def take_back(folder: str) -> None:
    """Remove evidence on the strength of which nothing was done."""
    for remove, path in ((os.unlink, os.path.join(folder, "journal.jsonl")), (os.rmdir, folder)):
        try:
            remove(path)
        except OSError as failure:
            sys.stderr.write(f"fallback.py: {failure}\n")


def capture(agi: Agi, spool: str, channel: str, recording: "RecordingId", text: bytes) -> None:
    """Attest, have it kept, capture. Raises OverError, OSError."""
    from ari_app.core.fallback import FILE

    folder = os.path.join(spool, "fallback", channel)
    attest(folder, text)
    agi.set("CONSENTGATE_FALLBACK", recording)
    if not wait(KEPT_SECONDS, lambda: os.path.exists(os.path.join(spool, "keeper", f"{recording}.kept"))):
        take_back(folder)
        raise OverError("the guard does not keep this capture")
    path = os.path.join(spool, "audio", recording, FILE)
    answer = agi.do(f'EXEC MixMonitor ",br({path})i({MONITOR})"')
    if _result(answer) != "0" or not wait(FILE_SECONDS, lambda: os.path.exists(path)):
        agi.set("CONSENTGATE_FALLBACK", "failed")
        raise OverError("MixMonitor made no file")
    agi.set("CONSENTGATE_RECORDING", recording)
    agi.set("CONSENTGATE_OUTCOME", "recording")
    agi.set("CONSENTGATE_REASON", "")


def decline(agi: Agi, words: "dict[str, Any] | None") -> None:
    """Let the no hold for as long as the channel lives, whoever asks; only then let the caller hear that it does."""
    for name, value in (("OBJECTED", "1"), ("OUTCOME", "declined"), ("REASON", "objected")):
        agi.set(f"CONSENTGATE_{name}", value)
    if words is not None:
        play(agi, words, "", lambda: None)


def tell(agi: Agi, spool: str, line: str) -> None:
    """Do all of it, as far as it goes. Raises OverError, OSError, or what a damaged policy leads to."""
    at, text = now(), read(os.path.join(spool, "policy.json"))
    if not (rules := script_of(text, line)):
        return
    if os.path.exists(os.path.join(spool, "spool.full")):
        # Nothing would be kept, and whom nobody records nobody tells that they might be.
        agi.set("CONSENTGATE_REASON", "spool_full")
        return
    key = no_key(rules)
    if _result(agi.do("ANSWER")) != "0":
        raise OverError("the channel cannot be answered")
    try:
        played = [play(agi, sound, key, core) for sound in rules["announcements"]]
    except DeclinedError as no:
        decline(agi, confirmation(rules, str(no)))
        return
    record(agi, spool, line, at, text, played)
    if words := confirmation(rules, rules["announcements"][-1]["language"]):
        # For the key for a no in the conversation, which the dialplan takes.
        agi.set("CONSENTGATE_CONFIRMATION", stem_of(words))


def record(agi: Agi, spool: str, line: str, at: "Instant", text: bytes, played: "list[dict[str, Any]]") -> None:
    """Have it judged what was heard, and capture if it was all. Raises OverError, OSError, ValueError."""
    from ari_app.core import evidence, fallback, names, policy

    rules = policy.from_json(text)
    known = rules.lines[line]
    channel = names.channel_id(agi.about["agi_uniqueid"])
    heard: list[NoticePlayed] = []
    for number, (sound, measured) in enumerate(zip(fallback.script(known), played, strict=True), start=1):
        one = fallback.notice(sound, fallback.Played(**measured), channel, number)
        if not isinstance(one, evidence.NoticePlayed):
            raise OverError(f"the announcement was not heard: {one}")
        heard.append(one)
    endpoint = names.endpoint_of(agi.about["agi_channel"])
    stay = fallback.Stay(at, channel, endpoint, agi.about.get("agi_version", "unknown"), "consentgate fallback.py")
    run = keeper(os.path.join(spool, "keeper"))
    recording = names.RecordingId(names.mint(at, os.urandom(10)))
    entries = fallback.account(rules, known, stay, heard, run, recording, now())
    if not isinstance(entries, tuple):
        raise OverError(f"no permit: {entries}")
    capture(agi, spool, channel, recording, fallback.journal(entries))


def main(arguments: list[str]) -> int:
    """Speak to Asterisk; complain to its console on standard error."""
    if len(arguments) != ARGUMENTS:
        sys.stderr.write(f"fallback.py: {ARGUMENTS} arguments are needed, {len(arguments)} were given\n")
        return 2
    try:
        tell(Agi(sys.stdin.buffer, sys.stdout.buffer), os.path.dirname(arguments[0].rstrip("/")), arguments[1])
    except Exception as failure:  # noqa: BLE001  whatever it is, the call goes on
        sys.stderr.write(f"fallback.py: {type(failure).__name__}: {failure}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
