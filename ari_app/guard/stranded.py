"""Callers in the hands of a gate that is dead or hung are let go, so that a failure of ours costs nobody their call.

Incoming channels have the dialplan's lifeline as well. Called ones have none: an absolute timeout would hang them up.
"""

import asyncio
from typing import Final

from ari_app import clock, log
from ari_app.adapters.ari import Reply
from ari_app.core.incident import Action, Door, Why
from ari_app.core.names import ChannelId

from .asterisk import GuardAri
from .incidents import Incidents
from .vitals import Vitals

AT_ONCE: Final = 20
_log = log.get("guard")


class Stranded:
    """Watches the gate's signs of life, in every mode and scope: this touches nobody's calls but the gate's."""

    def __init__(self, ari: GuardAri, vitals: Vitals, incidents: Incidents) -> None:
        self._ari, self._vitals, self._incidents = ari, vitals, incidents
        self._silent = False
        self._at_once = asyncio.Semaphore(AT_ONCE)

    async def tick(self) -> None:
        """Let everybody go if the gate is silent."""
        self._vitals.refresh()
        silent = self._vitals.signs.gate_dead(clock.now())
        if silent != self._silent:
            self._silent = silent
            _log.warning("gate.silent" if silent else "gate.heard_again", hint="Calls go on unrecorded meanwhile.")
        if silent:
            await asyncio.gather(*map(self._let_go, await self._ari.held_by_gate()))

    async def _let_go(self, channel: ChannelId) -> None:
        async with self._at_once:
            # While others were let go the gate may have come back.
            silent = self._vitals.signs.gate_dead(clock.now())
            reply = await self._ari.let_go(channel) if silent else Reply.NO
        if reply is Reply.YES:
            self._incidents.raise_alarm(
                self._incidents.mint(), Door.STRANDED_LEG, Action.CONTINUED, Why.STALE_HEARTBEAT, channel=channel
            )
