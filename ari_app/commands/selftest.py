"""`consentgate doctor self-test`: a real call to each line: told, recorded, stored, verified, and taken away again.

Asterisk calls itself by SIP, from an endpoint that is nobody's, so that the proofs are those of any caller: a Local
channel has no packets to count. The caller makes a sound from its first packet on; of that only what came after the
announcement may be stored. Each step has its time, and what is begun is ended, whatever fails.
"""

import http.client
import json
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_hex
from typing import Any, Final
from urllib.parse import quote, urlencode

import typer
from rich.console import Console
from rich.markup import escape

from ari_app import announcements, clock, config, policy
from ari_app.config import Asterisk, Config
from ari_app.core import words
from ari_app.core.names import RecordingId, recording_id
from ari_app.core.policy import Line, Mode
from ari_app.core.reasons import Reason
from ari_app.core.self_test import ENDPOINT
from ari_app.doctor.catalogue import Found, Grade, exit_code
from ari_app.errors import ConfigurationError, ConsentgateError, UnreachableError
from ari_app.layout import Layout
from ari_app.signing import Signer

from . import selftest_stored
from .check_asterisk import request
from .selftest_kept import Results

CONTEXT: Final = "consentgate-selftest-hands"
ALIVE_SECONDS: Final = 3
PATIENCE_SECONDS: Final = 15.0
"""Beyond the length of what is played, so long a call may take to be told, recorded and over."""

SHIPPED_SECONDS: Final = 60.0
LOOK_SECONDS: Final = 0.1
KEY_AGAIN_SECONDS: Final = 1.5
HINT_ENDPOINT: Final = (
    "add the endpoint consentgate-selftest to pjsip.conf, as in dialplan/examples/pjsip.conf; then pjsip reload"
)


class _FailedError(Exception):
    """A step could not be done; the finding says which."""

    def __init__(self, found: Found) -> None:
        super().__init__(found.seen)
        self.found = found


def _fail(name: str, line: str, seen: str, why: str, mend: str, grade: Grade = Grade.WRONG) -> _FailedError:
    return _FailedError(Found(name, f"line {line}", seen, grade, why, mend))


@dataclass(slots=True)
class Call:
    """One call to one line, by ARI. `found`: what became of each step that was done."""

    asterisk: Asterisk
    line: Line
    say: Callable[[str], None]
    found: list[Found] = field(default_factory=list)
    _near: str = field(default_factory=lambda: f"cg-selftest-{token_hex(8)}")
    _far: str = ""

    @property
    def _name(self) -> str:
        return self.line.name

    def make(self) -> RecordingId:
        """Call, be told, be recorded, and end. Raises _FailedError; nothing of the call is left in any case."""
        try:
            self._begin()
            return self._told()
        except (OSError, http.client.HTTPException) as error:
            why = "nothing can be announced or recorded while ARI does not answer"
            raise _fail(
                "selftest-call", self._name, f"ARI: {error}", why, "see `consentgate check`", Grade.UNREACHABLE
            ) from error
        finally:
            self._end()

    def _ask(self, method: str, path: str) -> tuple[int, Any]:
        status, body = request(self.asterisk, method, path)
        try:
            return status, json.loads(body) if body else None
        except ValueError:
            return status, None

    def _variable(self, channel: str, name: str) -> str:
        status, said = self._ask("GET", f"/channels/{quote(channel)}/variable?variable={name}")
        return str(said.get("value", "")) if status == http.client.OK and isinstance(said, dict) else ""

    def _begin(self) -> None:
        name = self._name
        status, said = self._ask("GET", "/asterisk/variable?variable=CONSENTGATE_ALIVE")
        alive = str(said.get("value", "")) if status == http.client.OK and isinstance(said, dict) else ""
        age = clock.now() // 1_000_000 - int(alive) if alive.isdecimal() and len(alive) < 13 else None  # noqa: PLR2004
        if age is None or abs(age) > ALIVE_SECONDS:
            seen = "no gate says that it lives" if age is None else f"the gate last said {age} s ago that it lives"
            why = "without a gate callers are told by a script at best; no call was made"
            raise _fail(
                "selftest-gate", name, seen, why, "start the gate: systemctl start consentgate-gate; see its log"
            )
        status, _ = self._ask("GET", f"/endpoints/{ENDPOINT}")
        if status != http.client.OK:
            why = "the call comes from this endpoint, so that it is told apart from a patient's"
            raise _fail("selftest-endpoint", name, f"{ENDPOINT} is not there", why, HINT_ENDPOINT)
        query = {
            "endpoint": f"PJSIP/line-{name}@{ENDPOINT.partition('/')[2]}",
            "context": CONTEXT,
            "extension": "speaks",
            "priority": "1",
            "timeout": "10",
            "channelId": self._near,
        }
        self.say(f"calling {name}")
        status, said = self._ask("POST", f"/channels?{urlencode(query)}")
        if status != http.client.OK:
            why = "without a call nothing can be tested"
            seen = f"Asterisk refuses the call ({status} {said.get('message', '') if isinstance(said, dict) else ''})"
            raise _fail("selftest-call", name, seen, why, "ari.conf: read_only = no; and see Asterisk's log")

    def _told(self) -> RecordingId:
        """Follow the call to its end; return what it was recorded as. Raises _FailedError."""
        sounds = sum(one.duration_ms for one in self.line.announcements) / 1000
        until = (
            time.monotonic() + sounds + (self.line.choice_seconds if self.line.keys.consent else 0) + PATIENCE_SECONDS
        )
        outcome = reason = recording = ""
        press_at = None
        while time.monotonic() < until:
            self._far = self._far or self._find()
            if self._far:
                press_at = self._press(press_at, sounds)
                outcome = self._variable(self._far, "CONSENTGATE_OUTCOME") or outcome
                reason = self._variable(self._far, "CONSENTGATE_REASON") or reason
                recording = self._variable(self._far, "CONSENTGATE_RECORDING") or recording
            if not self._there(self._near):
                break
            time.sleep(LOOK_SECONDS)
        else:
            why = "a call must come through, whatever becomes of its recording"
            raise _fail("selftest-call", self._name, "the call did not end in its time", why, "see Asterisk's log")
        if not self._far:
            why = "the line's own route is not tested by it"
            mend = f"{HINT_ENDPOINT}; its contact must be an address at which this Asterisk listens"
            raise _fail("selftest-call", self._name, "the call did not come back into the dialplan", why, mend)
        if outcome != "recording" or not recording:
            raise self._unrecorded(outcome, reason)
        self.found.append(Found("selftest-announced", f"line {self._name}", f"told by {self._prompts()}"))
        self.found.append(Found("selftest-recorded", f"line {self._name}", f"recorded as {recording}"))
        return recording_id(recording)

    def _prompts(self) -> str:
        return ", ".join(one.name for one in self.line.announcements)

    def _unrecorded(self, outcome: str, reason: str) -> _FailedError:
        try:
            said = f"{reason}: {words.WORDS[Reason(reason)]}"
        except ValueError:
            said = reason or outcome or "the gate never said what became of it"
        why = "a caller of this line would not be recorded either; their call would go on"
        mend = f"consentgate check; then see the gate's log{f' for {self.line.unusable}' if self.line.unusable else ''}"
        return _fail("selftest-announced", self._name, f"not recorded: {said}", why, mend)

    def _find(self) -> str:
        """Return the channel by which our call came back; self-tests are alone, so there is one at most."""
        status, said = self._ask("GET", "/channels")
        for one in said if status == http.client.OK and isinstance(said, list) else ():
            if str(one.get("name", "")).startswith(f"{ENDPOINT}-") and one.get("id") != self._near:
                return str(one["id"])
        return ""

    def _press(self, last: float | None, sounds: float) -> float | None:
        """Say yes by key where a line's callers must, once its announcements have been played."""
        key = self.line.keys.consent if self.line.mode is Mode.OPT_IN else ""
        now = time.monotonic()
        if not key:
            return None
        if last is None:
            return now + sounds + KEY_AGAIN_SECONDS / 2
        if now < last:
            return last
        self._ask("POST", f"/channels/{self._near}/dtmf?{urlencode({'dtmf': key})}")
        return now + KEY_AGAIN_SECONDS

    def _there(self, channel: str) -> bool:
        status, _ = self._ask("GET", f"/channels/{quote(channel)}")
        return status == http.client.OK

    def _end(self) -> None:
        for channel in (self._near, self._far):
            if channel:
                with suppress(OSError, http.client.HTTPException):
                    self._ask("DELETE", f"/channels/{quote(channel)}")


@dataclass(slots=True)
class Test:
    """The whole test of one line, and its evidence."""

    settings: Config
    line: Line
    say: Callable[[str], None]
    shipped_seconds: float = SHIPPED_SECONDS
    recording: RecordingId | None = None
    removed: bool = False

    def run(self) -> list[Found]:
        """Do every step until one fails; return what became of each."""
        call = Call(self.settings.asterisk, self.line, self.say)
        stored = selftest_stored.Stored(self.settings, self.line, self.shipped_seconds, self.say)
        found = call.found
        try:
            self._outsider()
            self.recording = call.make()
            for step in (stored.shipped, stored.verified, stored.removed):
                found.append(step(self.recording))
                if found[-1].grade not in {Grade.GOOD, Grade.WARNING}:
                    break
        except _FailedError as failure:
            found.append(failure.found)
        except ConsentgateError as failure:
            grade = Grade.UNREACHABLE if isinstance(failure, UnreachableError) else Grade.WRONG
            why = f"{failure.why}; the recording waits in the spool, and ship goes on with it"
            found.append(Found("selftest-stored", f"line {self.line.name}", failure.what, grade, why, failure.hint))
        self.removed = stored.gone
        return found

    def _outsider(self) -> None:
        if ENDPOINT in self.settings.parties.staff:
            why = "the house's own pass the gate untold, so nothing would be tested"
            mend = f"take {ENDPOINT} out of parties.staff"
            raise _fail("selftest-endpoint", self.line.name, f"{ENDPOINT} is one of the house", why, mend)

    def earlier(self, results: Results) -> list[str]:
        """Take away what earlier tests had to leave; return which. A store that is away costs nothing."""
        try:
            return selftest_stored.earlier(self.settings, results.of(self.line.name).results)
        except (ConsentgateError, OSError):
            return []

    def evidence(self, found: list[Found], began: int, gone: list[str]) -> dict[str, Any]:
        """Return what is kept of it."""
        bad = [one for one in found if one.grade not in {Grade.GOOD, Grade.WARNING, Grade.UNKNOWN}]
        return {
            "at": began,
            "ended_at": clock.now(),
            "line": self.line.name,
            "node": self.settings.site.node,
            "recording": self.recording,
            "removed": self.removed,
            "removed_earlier": gone,
            "ok": not bad,
            "steps": [{"step": one.name, "grade": str(one.grade), "what": one.seen} for one in found],
        }


def chosen(settings: Config, name: str | None, layout: Layout) -> list[Line]:
    """Return the lines to test: the one that was named, or all that are recorded. Raises ConfigurationError."""
    if name is not None and name not in settings.lines:
        hint = f"The lines are {', '.join(sorted(settings.lines))}"
        raise ConfigurationError("there is no such line", on=name, hint=hint)
    prepared = announcements.prepare(settings, layout)
    compiled = policy.compile(settings, prepared).lines
    asked = [compiled[name]] if name is not None else list(compiled.values())
    return [
        one for one in asked if name is not None or (one.mode is not Mode.NEVER and (one.announcements or one.unusable))
    ]


@contextmanager
def prepared(settings: Config, name: str | None) -> Iterator[list[Line]]:
    """Give the lines to test, while no other self-test of this machine runs. Raises ConsentgateError."""
    with tempfile.TemporaryDirectory(prefix="consentgate-selftest-") as folder, Results(settings.spool.path).alone():
        yield chosen(settings, name, Layout(Path(folder)))


def _never(line: Line) -> Found:
    return Found("selftest-never", f"line {line.name}", f"is never recorded ({line.reason}): there is nothing to test")


def _console() -> Console:
    return Console(highlight=False, soft_wrap=True)


def _tell(found: list[Found], *, as_json: bool, console: Console) -> None:
    for one in found:
        if as_json:
            typer.echo(json.dumps(one.as_json()))
            continue
        mark = "[green]good[/green]" if one.grade is Grade.GOOD else f"[red]{one.grade}[/red]"
        more = f"\n     {escape(one.why)}\n     {escape(one.mend)}" if one.grade is not Grade.GOOD else ""
        console.print(f"{mark} {one.name} {escape(one.subject)}: {escape(one.seen)}{more}")


def run(config_path: Path, *, line: str | None = None, as_json: bool = False) -> int:
    """Test a line, or every line that is recorded, one after the other; keep each result; return 0, 1, 3 or 4.

    Raises ConsentgateError: the configuration is wrong (3), the spool cannot be used (1).
    """
    settings = config.load(config_path)
    results, console = Results(settings.spool.path), _console()
    signer = Signer.from_text(settings.signing.key.reveal()) if settings.signing.key else None
    everything: list[Found] = []

    def say(what: str) -> None:
        if not as_json:
            typer.echo(f"… {what}", err=True)

    with prepared(settings, line) as lines:
        for one in lines:
            if one.mode is Mode.NEVER:
                found = [_never(one)]
            else:
                test, began = Test(settings, one, say), clock.now()
                gone = test.earlier(results)
                found = test.run()
                results.add(one.name, test.evidence(found, began, gone), signer)
            _tell(found, as_json=as_json, console=console)
            everything += found
    code = exit_code(everything)
    if as_json:
        typer.echo(json.dumps({"ok": not code, "exit": code, "steps": len(everything)}))
    return code
