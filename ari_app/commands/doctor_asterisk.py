"""What `doctor` asks a running Asterisk: its version, modules and clock, and each right, tried on a channel of its own.

The channel is a Local one between two lines of our own dialplan, in no application and no conversation; nobody is rung,
and it is taken away in the end, whatever happened.
"""

import http.client
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from secrets import token_hex
from typing import Final
from urllib.parse import urlencode

from ari_app import clock
from ari_app.config import Asterisk
from ari_app.core.names import MICROSECONDS, Instant
from ari_app.doctor import modules, versions
from ari_app.doctor.catalogue import Found, Grade

from .check_asterisk import GATE, GUARD, Needs, Session, request
from .doctor_machine import seconds_ahead

CONTEXT: Final = "consentgate-selftest-hands"
ENDPOINT: Final = f"Local/listens@{CONTEXT}/n"
"""A line of ours that answers, waits four seconds and hangs up, on both ends: it is gone by itself as well."""

NOWHERE: Final = "/dev/null/consentgate-doctor.wav"
"""No file can be there: MixMonitor answers Success, and nothing of anybody is kept."""

_AWAY: Final = (OSError, http.client.HTTPException)
_NOT_PERMITTED: Final = "Permission denied"


@dataclass(slots=True)
class Look:
    """One conversation with an Asterisk by the logins of one process. `ahead_seconds`: its clock, if it said."""

    asterisk: Asterisk
    needs: Needs = GATE
    records: bool = True
    """Whether a recorder may be tried on the test channel: a guard of the whole PBX would call it a stranger's."""
    ahead_seconds: float | None = None
    _channel: str = field(default_factory=lambda: f"cg-doctor-{token_hex(6)}")

    def everything(self) -> Iterator[Found]:
        """Yield version, modules, and what became of each right. What cannot be reached, `check` has said."""
        with suppress(*_AWAY), closing(Session(self.asterisk.ami_host, self.asterisk.ami_port)) as session:
            session.banner()
            password = self.asterisk.ami_password.reveal()
            if session.ask("Login", Username=self.asterisk.ami_user, Secret=password)["response"] != "Success":
                return
            if self.needs is GATE:
                yield from versions.judge(session.ask("CoreSettings").get("asteriskversion", ""))
                yield from self._modules(session)
                self._clock(session)
            yield from self._tried(session)

    def _modules(self, session: Session) -> Iterator[Found]:
        said = session.output("module show")
        loaded = {
            one.split()[0].removesuffix(".so") for one in said if one.split() and ".so" in one and " Running " in one
        }
        if loaded:
            yield from modules.judge(loaded)
        else:
            why = "what is missing or too much is not known"
            mend = "add command to write= of the user in manager.conf"
            yield Found("modules", "modules", "cannot be listed", Grade.UNKNOWN, why, mend)

    def _clock(self, session: Session) -> None:
        before = clock.now()
        session.ask("UserEvent", UserEvent="ConsentgateDoctor")
        event = session.event("ConsentgateDoctor")
        with suppress(ValueError):
            stamp = float((event or {}).get("timestamp", ""))
            self.ahead_seconds = seconds_ahead(Instant(round(stamp * MICROSECONDS)), before, clock.now())

    def _tried(self, session: Session) -> Iterator[Found]:
        who = f"{self.needs.section} on a test channel"
        words = {"endpoint": ENDPOINT, "context": CONTEXT, "extension": "listens", "priority": "1"}
        words |= {"channelId": self._channel, "otherChannelId": f"{self._channel}-2"}
        try:
            status, _ = request(self.asterisk, "POST", f"/channels?{urlencode(words)}")
            if status != http.client.OK:
                yield self._refused(who, status)
                return
            failed = [*self._by_ari(who), *self._by_ami(who, session)]
            yield from failed
            if not failed:
                yield Found("rights-tried", who, "every action that is needed was done")
        finally:
            for one in (self._channel, f"{self._channel}-2"):
                with suppress(*_AWAY):
                    request(self.asterisk, "DELETE", f"/channels/{one}")

    def _refused(self, who: str, status: int) -> Found:
        if status == http.client.FORBIDDEN:
            return _failed(who, "a channel may not be made", "read_only = no in ari.conf")
        mend = 'add #include "/opt/consentgate/dialplan/consentgate.conf" to extensions.conf, then dialplan reload'
        why = "without our dialplan nobody comes to the gate"
        return Found("rights-tried", who, f"no channel could be made ({status})", Grade.WRONG, why, mend)

    def _by_ari(self, who: str) -> Iterator[Found]:
        path = f"/channels/{self._channel}"
        # The channel is in nobody's hands, so the second is refused for that; who may only read, is refused at all.
        for method, where, what in (
            ("GET", path, "look at a channel"),
            ("POST", f"{path}/variable?variable=CONSENTGATE_DOCTOR&value=1", "set a variable"),
        ):
            status, _ = request(self.asterisk, method, where)
            if status in {http.client.UNAUTHORIZED, http.client.FORBIDDEN}:
                yield _failed(who, f"ARI refuses to {what} ({status})", "read_only = no in ari.conf")

    def _by_ami(self, who: str, session: Session) -> Iterator[Found]:
        needed = {action for action, _, _ in self.needs.actions}
        if "Setvar" in needed:
            answer = session.ask("Setvar", Channel=self._channel, Variable="CONSENTGATE_DOCTOR", Value="2")
            yield from _unless(answer, who, "Setvar", "call")
        if "Getvar" in needed:
            answer = session.ask("Getvar", Channel=self._channel, Variable="CONSENTGATE_DOCTOR")
            yield from _unless(answer, who, "Getvar", "reporting")
        if "MixMonitor" in needed and self.records:
            yield from self._recorder(who, session)
        if "Hangup" in needed:
            yield from _unless(session.ask("Hangup", Channel=self._channel), who, "Hangup", "call")

    def _recorder(self, who: str, session: Session) -> Iterator[Found]:
        started = session.ask("MixMonitor", Channel=self._channel, Options=f"r({NOWHERE})i(CONSENTGATE_MONITOR_ID)")
        identity = started.get("mixmonitorid", "")
        yield from _unless(started, who, "MixMonitor", "system")
        if not identity:
            return
        listed = session.output(f"mixmonitor list {self._channel}")
        if not any(identity in line for line in listed):
            yield _failed(
                who, "a recorder that runs is not in mixmonitor list", "add command to write= in manager.conf"
            )
        stopped = session.ask("StopMixMonitor", Channel=self._channel, MixMonitorID=identity)
        yield from _unless(stopped, who, "StopMixMonitor", "call")


def _unless(answer: dict[str, str], who: str, action: str, privilege: str) -> Iterator[Found]:
    if answer.get("response") != "Success":
        said = answer.get("message", "no answer")
        mend = f"add {privilege} to write= in manager.conf" if said == _NOT_PERMITTED else "see Asterisk's log"
        yield _failed(who, f"{action}: {said[:80]}", mend)


def _failed(who: str, seen: str, mend: str) -> Found:
    why = "what the process must do in a call it may not do"
    return Found("rights-tried", who, seen, Grade.WRONG, why, mend)


def guard_look(asterisk: Asterisk) -> Look:
    """Return the same with the guard's logins and needs."""
    return Look(asterisk, GUARD)
