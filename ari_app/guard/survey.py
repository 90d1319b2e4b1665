"""`consentgate guard --once`: what is being recorded now, and who allows it. Touches nothing."""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Final

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ari_app import clock
from ari_app.adapters.ami import Message
from ari_app.core import doors as words
from ari_app.core import guard as g
from ari_app.core.incident import Door
from ari_app.core.names import ChannelId
from ari_app.errors import FINDING, GOOD

from .asterisk import Pbx
from .calls import Calls
from .taps import EXTERNAL, SPIES
from .vitals import Vitals

PIPE_COLUMNS: Final = 160
_NUMBER: Final = re.compile(r"\d{6,}")


@dataclass(frozen=True, slots=True)
class Row:
    """One running capture. `allowed_by` is empty if nobody allows it."""

    door: str
    channel: str
    where: str
    allowed_by: str


def shown(file: str, channel: str) -> str:
    """Return a path for a terminal or a cron mail: without anything that may be a telephone number."""
    return channel.join(_NUMBER.sub("…", part) for part in file.split(channel)) if channel else _NUMBER.sub("…", file)


class Survey:
    """Looks at everything once."""

    def __init__(self, pbx: Pbx, vitals: Vitals, rules: g.Rules) -> None:
        self._pbx, self._vitals, self._rules = pbx, vitals, rules
        self._calls = Calls(pbx, vitals)

    async def rows(self) -> list[Row]:
        """Return every capture that runs."""
        self._vitals.refresh()
        rows: list[Row] = []
        for row in await self._pbx.ami.channels() or []:
            channel = g.channel_of(str(row["uniqueid"]))
            if channel is not None:
                rows += [one async for one in self._of_channel(channel, row)]
        for name, _ in await self._pbx.ami.conference_recorders():
            for files in (await self._pbx.ami.captures(name) or {}).values():
                capture = g.Capture(Door.CONFBRIDGE, files, "ConfBridge")
                rows.append(await self._judged(capture, None, []))
        rows += [one async for one in self._live_recordings()]
        return rows

    async def _of_channel(self, channel: ChannelId, row: Message) -> AsyncIterator[Row]:
        name, application = str(row["channel"]), str(row["application"])
        for files in (await self._pbx.ami.captures(channel) or {}).values():
            live = self._vitals.live(channel)
            door = Door.QUEUE if application == "Queue" else Door.MIXMONITOR
            capture = g.Capture(door, files, application)
            yield await self._judged(capture, channel, [live] if live else [])
        data = str(row.get("applicationdata", ""))
        runs = data.partition(",")[0] if application == "Stasis" else application
        if (spied := words.spied_channel(name)) is not None:
            capture = g.Capture(Door.SNOOP, (), runs)
            judged = await self._judged(capture, g.channel_of(spied), [])
            mine = g.whispers(capture, channel, g.channel_of(spied), 0)
            yield replace(judged, allowed_by="the gate: it speaks to somebody who waits") if mine else judged
        elif name.startswith(EXTERNAL):
            yield await self._judged(g.Capture(Door.EXTERNAL_MEDIA, (), runs), channel, [])
        if application in SPIES and (into := words.spied_into(data)):
            capture = g.Capture(Door.CHANSPY, (f"{self._pbx.ami.spool}/monitor/{into}",), application)
            yield await self._judged(capture, channel, [])
        if application == "Record":
            file = await self._pbx.ami.get(channel, "RECORDED_FILE") or ""
            yield await self._judged(g.Capture(Door.RECORD_APPLICATION, (file,), application), channel, [])

    async def _live_recordings(self) -> AsyncIterator[Row]:
        async for name, suffix, target in self._pbx.live_recordings():
            kind, identity = words.recorded_by_ari(target)
            door = Door.CHANNEL_RECORDING if kind == "channel" else Door.BRIDGE_RECORDING
            capture = g.Capture(door, (f"{self._pbx.ami.spool}/recording/{name}.{suffix}",))
            yield await self._judged(capture, g.channel_of(identity), [])

    async def _judged(self, capture: g.Capture, channel: ChannelId | None, lives: list[g.Live]) -> Row:
        where = ", ".join(shown(file, channel or "") for file in capture.files)
        for live in lives:
            self._vitals.objection(live.run)
        why = g.objection(capture, lives, self._vitals.signs, self._rules, clock.now())
        allowance = self._rules.allowance(capture)
        mine = next((live for live in lives if g.named(capture, live, self._rules)), None)
        if why is None and mine is not None:
            allowed_by = f"the gate: recording {mine.recording}, permit {mine.permit}"
        elif why is None:
            allowed_by = f"guard.allowed_captures: {allowance.reason if allowance else ''}"
        elif self._rules.scope is g.Scope.GATED_CALLS and channel and not await self._calls.gated(channel):
            allowed_by = "guard.scope gated_calls: this call never came to the gate"
        else:
            allowed_by = ""
        return Row(capture.door, channel or "", where, allowed_by)


def show(rows: list[Row]) -> int:
    """Print the table; return 1 if anything is not permitted."""
    console = Console(highlight=False)
    console = console if console.is_terminal else Console(highlight=False, width=PIPE_COLUMNS)
    if not rows:
        console.print("nothing is being recorded on this PBX now")
        return GOOD
    table = Table(box=None, pad_edge=False)
    for title in ("door", "channel", "into", "allowed by"):
        table.add_column(title, overflow="fold")
    for row in rows:
        verdict = escape(row.allowed_by) if row.allowed_by else "[red]NOBODY[/red]"
        table.add_row(escape(row.door), escape(row.channel), escape(row.where), verdict)
    console.print(table)
    secret = sum(not row.allowed_by for row in rows)
    if secret:
        console.print(
            f"{secret} of {len(rows)} without a permit. With guard.mode stop the guard ends them; what is right is "
            "allowed, with its reason, by guard.allowed_captures."
        )
    return FINDING if secret else GOOD
