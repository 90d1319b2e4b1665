"""The call of a self-test: made by ARI, followed to its end, and ended whatever fails."""

import http.client
import json
import time
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass, field
from secrets import token_hex
from typing import Any, Final
from urllib.parse import quote, urlencode

from ari_app import clock
from ari_app.config import Asterisk
from ari_app.core import words
from ari_app.core.names import RecordingId, recording_id
from ari_app.core.policy import Line, Mode
from ari_app.core.reasons import Reason
from ari_app.core.self_test import ENDPOINT
from ari_app.doctor.catalogue import Found, Grade

from .check_asterisk import Session, request

CONTEXT: Final = "consentgate-selftest-hands"
ALIVE_SECONDS: Final = 3
PATIENCE_SECONDS: Final = 15.0
"""Beyond the length of what is played, so long a call may take to be told, recorded and over."""

LOOK_SECONDS: Final = 0.1
KEY_AGAIN_SECONDS: Final = 1.5
HINT_ENDPOINT: Final = (
    "add the endpoint to pjsip.conf: #include /opt/consentgate/dialplan/consentgate-pjsip.conf; then pjsip reload"
)


class FailedError(Exception):
    """A step could not be done; the finding says which."""

    def __init__(self, found: Found) -> None:
        super().__init__(found.seen)
        self.found = found


def fail(name: str, line: str, seen: str, why: str, mend: str, grade: Grade = Grade.WRONG) -> FailedError:
    return FailedError(Found(name, f"line {line}", seen, grade, why, mend))


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
        """Call, be told, be recorded, and end. Raises FailedError; nothing of the call is left in any case."""
        try:
            self._begin()
            return self._told()
        except (OSError, http.client.HTTPException) as error:
            why = "nothing can be announced or recorded while ARI does not answer"
            raise fail(
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
            raise fail(
                "selftest-gate", name, seen, why, "start the gate: systemctl start consentgate-gate@a; see its log"
            )
        status, _ = self._ask("GET", f"/endpoints/{ENDPOINT}")
        if status != http.client.OK:
            why = "the call comes from this endpoint, so that it is told apart from a patient's"
            raise fail("selftest-endpoint", name, f"{ENDPOINT} is not there", why, HINT_ENDPOINT)
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
            raise fail("selftest-call", name, seen, why, "ari.conf: read_only = no; and see Asterisk's log")

    def _told(self) -> RecordingId:
        """Follow the call to its end; return what it was recorded as. Raises FailedError."""
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
            raise fail("selftest-call", self._name, "the call did not end in its time", why, "see Asterisk's log")
        if not self._far:
            why = "the line's own route is not tested by it"
            mend = f"{HINT_ENDPOINT}; its contact must be an address at which this Asterisk listens"
            raise fail("selftest-call", self._name, "the call did not come back into the dialplan", why, mend)
        if outcome != "recording" or not recording:
            raise self._unrecorded(outcome, reason)
        self.found.append(Found("selftest-announced", f"line {self._name}", f"told by {self._prompts()}"))
        self.found.append(Found("selftest-recorded", f"line {self._name}", f"recorded as {recording}"))
        return recording_id(recording)

    def _prompts(self) -> str:
        return ", ".join(one.name for one in self.line.announcements)

    def _unrecorded(self, outcome: str, reason: str) -> FailedError:
        try:
            said = f"{reason}: {words.WORDS[Reason(reason)]}"
        except ValueError:
            said = reason or outcome or "the gate never said what became of it"
        why = "a caller of this line would not be recorded either; their call would go on"
        mend = f"consentgate check; then see the gate's log{f' for {self.line.unusable}' if self.line.unusable else ''}"
        return fail("selftest-announced", self._name, f"not recorded: {said}", why, mend)

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
        # By AMI: ARI presses keys only on channels that are in its own hands.
        with closing(Session(self.asterisk.ami_host, self.asterisk.ami_port)) as session:
            session.banner()
            session.ask("Login", Username=self.asterisk.ami_user, Secret=self.asterisk.ami_password.reveal())
            answer = session.ask("PlayDTMF", Channel=self._near, Digit=key, Duration="100")
        if answer.get("response") != "Success" and self._there(self._near):
            why = "callers of this line must say yes by a key, and the test could not"
            mend = "load app_senddtmf; in manager.conf the gate's user needs call in write="
            seen = f"key {key} could not be pressed: {answer.get('message', '')[:80]}"
            raise fail("selftest-key", self._name, seen, why, mend)
        return now + KEY_AGAIN_SECONDS

    def _there(self, channel: str) -> bool:
        status, _ = self._ask("GET", f"/channels/{quote(channel)}")
        return status == http.client.OK

    def _end(self) -> None:
        for channel in (self._near, self._far):
            if channel:
                with suppress(OSError, http.client.HTTPException):
                    self._ask("DELETE", f"/channels/{quote(channel)}")
