"""Alarms: one line in the log, and one file that ship carries on. Neither holds a path, a name or a number.

What a full or read-only disk does not take is kept here, and written as soon as it does; the log has said it at once.
"""

import os

from ari_app import clock, durable, log
from ari_app.core import guard as g
from ari_app.core.incident import Action, Door, Why
from ari_app.core.names import mint
from ari_app.layout import Layout
from ari_app.watching import catalogue as m
from ari_app.watching.meters import SILENT, Meters

_log = log.get("guard")
_HINTS = {
    Action.STOPPED: "Somebody recorded without a permit. `consentgate quarantine show` tells what was taken away.",
    Action.REPORTED: "It goes on. With guard.mode stop it would be stopped; guard.allowed_captures lets it be.",
    Action.FAILED: "It may still run. Look at this channel: `consentgate guard --once`.",
    Action.CONTINUED: "The gate is dead or hung: its caller goes on, unrecorded. Look at its log.",
}


class Incidents:
    """Writes `incidents/<id>.json`."""

    def __init__(self, layout: Layout, node: str) -> None:
        self._layout, self._node = layout, node
        self._unwritten: dict[str, bytes] = {}
        self.meters: Meters = SILENT

    def mint(self) -> str:
        """Return the id of a new incident, which names its files as well."""
        return mint(clock.now(), os.urandom(10))

    def raise_alarm(
        self,
        identity: str,
        door: Door,
        action: Action,
        why: Why,
        *,
        channel: str | None = None,
        stopped_after_ms: int | None = None,
        files: tuple[g.Quarantined, ...] = (),
        trouble: str = "",
    ) -> None:
        """Say it in the log and keep it. An incident that cannot be written is written later (`retry`)."""
        alarm = g.Alarm(identity, self._node, clock.now(), door, action, why, channel, stopped_after_ms, files)
        self.meters.count(m.INCIDENTS, door, action)
        if stopped_after_ms is not None:
            self.meters.observe(m.STOP_TIME, stopped_after_ms / 1000, door)
        event = "leg.continued" if action is Action.CONTINUED else f"capture.{action}"
        details = {"trouble": trouble} if trouble else {}
        _log.error(
            event,
            incident=identity,
            door=str(door),
            why=str(why),
            channel=channel,
            stopped_after_ms=stopped_after_ms,
            files=len(files),
            hint=_HINTS[action],
            **details,
        )
        if failure := self._write(identity, alarm.to_json()):
            hint = "It is kept and tried again. The guard's user must own the spool, and it must have room."
            _log.error("incident.not_written", incident=identity, why=failure, hint=hint)

    def retry(self) -> None:
        """Try again to write what could not be written, the oldest first."""
        for identity, text in list(self._unwritten.items()):
            if self._write(identity, text):
                return
            _log.info("incident.written", incident=identity)

    def _write(self, identity: str, text: bytes) -> str:
        """Return why not; empty if it is written."""
        try:
            durable.replace(self._layout.incidents / f"{identity}.json", text, mode=0o640)
        except OSError as failure:
            self._unwritten[identity] = text
            return str(failure)
        self._unwritten.pop(identity, None)
        return ""
