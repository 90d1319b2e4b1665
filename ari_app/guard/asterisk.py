"""The guard's verbs on Asterisk. Every answer may be missing; then the world is looked at again, never assumed."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from ari_app import clock
from ari_app.adapters.ami import ANSWER_SECONDS, Ami, Filter, Message, passing
from ari_app.adapters.ari import Ari, Reply
from ari_app.core import doors
from ari_app.core.names import APPLICATION, MICROSECONDS, ChannelId, MonitorId, playback_id

GUARD_APPLICATION: Final = "consentgate-guard"
MOST_NOTICES: Final = 8
"""As many announcements as a line may have; each is a playback of its own name."""

RECENT_MICROSECONDS: Final = 3600 * MICROSECONDS
"""A recording that is under way has been written to since."""

WANTED: Final = (
    *map(passing, ("MixMonitorStart", "ConfbridgeRecord", "ChanSpyStart")),
    passing("Newchannel", "Channel: (Snoop/|UnicastRTP/|AudioSocket/|WebSocket/)"),
    passing("VarSet", "Variable: (RECORDED_FILE|RECORD_STATUS|CONSENTGATE_ALIVE|CONSENTGATE_OUTCOME)[[:cntrl:]]"),
    *(passing(name, "Command: (RECORD FILE)") for name in ("AGIExecStart", "AGIExecEnd")),
)
"""Whatever else happens on the PBX never leaves Asterisk: at 50 calls a second it would be thousands of events."""

KEPT: Final = (
    *map(passing, ("BridgeEnter", "BridgeLeave", "ChanSpyStart", "Hangup", "Hold", "MusicOnHoldStart", "Rename")),
    passing("VarSet", "Variable: CONSENTGATE_(ALIVE|FALLBACK|KEEPER|OBJECTED)[[:cntrl:]]"),
    passing("Newexten", "Context: consentgate-(features|payment)[[:cntrl:]]"),
)
"""What the keeper hears, on a connection of its own that is open only while no gate lives."""

RUNNING: Final = ("queued", "recording", "paused")
"""What ARI says of a recording that is not over."""

RIGHTS: Final = "read: call,dialplan,agi,dtmf; write: system,call,command,reporting"
_SEEN: Final = "EVAL(${CHANNEL(linkedid)}|${CONSENTGATE_OUTCOME})"
_ROW_FIELDS: Final = 14


@dataclass(frozen=True, slots=True)
class Seen:
    """A channel as it is now: its call, whether it came to the gate, and what runs on it."""

    linked: str
    outcome: str
    application: str
    data: str

    @property
    def runs(self) -> str:
        """What runs on it, by the name by which a site allows it: an ARI application has one of its own."""
        return self.data.partition(",")[0] if self.application == "Stasis" else self.application

    @property
    def gated(self) -> bool:
        """Whether this channel itself is or was in the gate's hands."""
        return bool(self.outcome) or (self.application == "Stasis" and self.data.partition(",")[0] == APPLICATION)


class GuardAri(Ari):
    """ARI with what the guard needs of it: recordings, bridges, and the gate's stranded callers."""

    hears_all = False
    """Whether this connection is told of every channel's and bridge's recordings."""

    async def connect(self) -> None:
        """Open the event socket. Raises as `Ari.connect` does."""
        self.hears_all = False
        await super().connect()

    async def hear_all(self) -> bool:
        """Ask to be told of what happens to every channel and bridge; Asterisk forgets it with the connection."""
        query = {"eventSource": "channel:,bridge:"}
        done = await self._order("POST", f"/applications/{self.application}/subscription", query=query)
        self.hears_all = done is Reply.YES
        return self.hears_all

    async def look_in(self) -> None:
        """Open no event socket, which would take the name of a guard that runs; ask a question to see who answers.

        Raises PermanentError or TransientError.
        """
        self._http = self._session()
        status, answer = await self._request("GET", "/asterisk/info", query={"only": "status"})
        if status is None or status >= HTTPStatus.BAD_REQUEST:
            await self.close()
            raise self._refused(status, str(answer))

    async def recording_runs(self, name: str) -> bool | None:
        """Tell whether a live recording of this name exists: ARI lists none."""
        status, _ = await self._request("GET", f"/recordings/live/{quote(name, safe='')}")
        return None if status is None else status == HTTPStatus.OK

    async def running(self, channel: ChannelId) -> tuple[str, str] | None:
        """Return the application that runs on a channel and its arguments; None if the channel is gone.

        Never by AMI's `CHANNEL(appname)`: read in the instant in which an application ends it has crashed Asterisk
        (22.10.1, func_channel.c: what was tested before the channel was locked is read again after).
        """
        status, answer = await self._request("GET", f"/channels/{quote(channel, safe='')}")
        if status != HTTPStatus.OK or not isinstance(answer, dict):
            return None
        return str(answer["dialplan"]["app_name"]), str(answer["dialplan"]["app_data"])

    async def live_recording(self, name: str) -> Mapping[str, str] | None:
        """Return format and target of a recording that runs; None if there is none of this name.

        One that was stopped is known for some milliseconds more.
        """
        status, answer = await self._request("GET", f"/recordings/live/{quote(name, safe='')}")
        found = status == HTTPStatus.OK and isinstance(answer, dict)
        return answer if found and isinstance(answer, dict) and answer["state"] in RUNNING else None

    async def stored(self, name: str) -> bool:
        """Tell whether Asterisk finds a file of this name where it keeps recordings."""
        status, _ = await self._request("GET", f"/recordings/stored/{quote(name, safe='')}")
        return status == HTTPStatus.OK

    async def stop_recording(self, name: str) -> Reply:
        """Stop a live recording; its file is closed on success. NO means that there is none."""
        return await self._order("POST", f"/recordings/live/{quote(name, safe='')}/stop")

    async def members(self, bridge: str) -> list[ChannelId] | None:
        """Return who is in a bridge; None if there is no answer."""
        status, answer = await self._request("GET", f"/bridges/{quote(bridge, safe='')}")
        found = status == HTTPStatus.OK and isinstance(answer, dict)
        return [ChannelId(one) for one in answer["channels"]] if found and isinstance(answer, dict) else None

    async def held_by_gate(self) -> list[ChannelId]:
        """Return the channels in the gate's application; none if Asterisk does not know it, or does not say."""
        status, answer = await self._request("GET", f"/applications/{APPLICATION}")
        if status != HTTPStatus.OK or not isinstance(answer, dict):
            return []
        return [ChannelId(one) for one in answer["channel_ids"]]

    async def let_go(self, channel: ChannelId) -> Reply:
        """Send a channel back to the dialplan. NO: it is not in the application any more, which is as good.

        A bare continue would announce to a called party a second time; and while a playback runs it would wait.
        """
        playbacks = (playback_id(channel, number) for number in range(1, MOST_NOTICES + 1))
        await asyncio.gather(*map(self.stop_playback, playbacks))
        return await self._order("POST", f"/channels/{quote(channel, safe='')}/continue", query={"label": "back"})


class GuardAmi(Ami):
    """AMI with what the guard needs of it."""

    def __init__(self, host: str, port: int, user: str, secret: str, wanted: Sequence[Filter] = WANTED) -> None:
        super().__init__(host, port, user, secret, wanted=wanted, section="guard", rights=RIGHTS)
        self._rows: dict[str, list[Message]] = {}
        self._complete: dict[str, asyncio.Event] = {}
        self._lists = itertools.count(1)
        self.spool = ""
        """Asterisk's spool folder, below which `monitor` and `recording` lie."""

    async def connect(self, handle: Callable[[Message], None]) -> None:
        """Log in; rows of lists that were asked for do not reach the handler."""

        def sort(message: Message) -> None:
            rows = self._rows.get(str(message.get("actionid", "")))
            if rows is None:
                handle(message)
            elif message["event"] == "CoreShowChannelsComplete":
                self._complete[message["actionid"]].set()
            else:
                rows.append(message)

        await super().connect(sort)
        self.spool = await self._folder() or self.spool

    async def channels(self) -> list[Message] | None:
        """Return every channel with its call and what runs on it; None if the answer is not whole."""
        name = f"guard-{next(self._lists)}"
        self._rows[name], self._complete[name] = [], asyncio.Event()
        try:
            answer = await self.send({"Action": "CoreShowChannels", "ActionID": name})
            if answer is None or answer["response"] != "Success":
                return None
            async with asyncio.timeout(2 * ANSWER_SECONDS):
                await self._complete[name].wait()
            return self._rows[name]
        except TimeoutError:
            return None
        finally:
            del self._rows[name], self._complete[name]

    async def alive(self) -> bool:
        """Tell whether Asterisk answers."""
        return await self.send({"Action": "Ping"}) is not None

    async def _command(self, command: str) -> list[str] | None:
        answer = await self.send({"Action": "Command", "Command": command})
        if answer is None:
            return None
        output: str | list[str] = answer.get("output", "")  # a repeated header arrives as a list
        return output.splitlines() if isinstance(output, str) else output

    async def captures(self, channel: str) -> dict[MonitorId, tuple[str, ...]] | None:
        """Return id → files of every MixMonitor on a channel (its name or uniqueid), file by file."""
        lines = await self._command(f"mixmonitor list {channel}")
        return None if lines is None else doors.monitors(lines)

    async def conference_recorders(self) -> list[tuple[str, str]]:
        """Return the channels that record conferences, and their bridges; no event and no other list names them."""
        rows = [line.split("!") for line in await self._command("core show channels concise") or []]
        return [(row[0], row[-2]) for row in rows if row[0].startswith("CBRec/") and len(row) >= _ROW_FIELDS]

    async def reads(self, right: str) -> bool:
        """Tell whether events of a class reach this login: of a right that is missing Asterisk says nothing."""
        lines = await self._command(f"manager show user {self.user}") or []
        told = (line.partition(":")[2] for line in lines if "read perm:" in line)
        return not {right, "all"}.isdisjoint(one.strip() for text in told for one in text.split(","))

    async def _folder(self) -> str:
        for line in await self._command("core show settings") or []:
            name, _, value = line.partition(":")
            if name.strip() == "Spool directory":
                return value.strip()
        return ""

    async def call_of(self, channel: ChannelId) -> tuple[str, str] | None:
        """Return a channel's linked id, and the outcome that the gate has set on it; None if it is gone."""
        linked, _, outcome = (await self.get(channel, _SEEN) or "").partition("|")
        return (linked, outcome) if linked else None

    async def hang_up(self, channel: ChannelId) -> bool | None:
        """End a channel that is no party of a conversation; None if there is no answer."""
        return self._yes(await self.send({"Action": "Hangup", "Channel": channel}))

    async def press(self, channel: ChannelId, key: str) -> bool | None:
        """Do as if the caller had pressed a key."""
        action = {"Action": "PlayDTMF", "Channel": channel, "Digit": key, "Duration": "100", "Receive": "true"}
        return self._yes(await self.send(action))

    async def stop_conference(self, conference: str) -> bool | None:
        """Stop the recording of a conference."""
        return self._yes(await self.send({"Action": "ConfbridgeStopRecord", "Conference": conference}))

    @staticmethod
    def _yes(answer: Mapping[str, Any] | None) -> bool | None:
        return None if answer is None else answer["response"] == "Success"


class Pbx:
    """Both doors to one Asterisk."""

    def __init__(self, ami: GuardAmi, ari: GuardAri) -> None:
        self.ami, self.ari = ami, ari

    async def seen(self, channel: ChannelId) -> Seen | None:
        """Look at a channel; None if it is gone. Without ARI it is not known what runs there."""
        call, running = await asyncio.gather(self.ami.call_of(channel), self.ari.running(channel))
        if call is None:
            return None
        return Seen(*call, *(running or ("", "")))

    async def live_recordings(self) -> AsyncIterator[tuple[str, str, str]]:
        """Yield name, suffix and target of ARI's recordings. As it lists none, each recent file is asked after."""
        folder = Path(self.ami.spool) / "recording"
        for file in await asyncio.to_thread(_recent, folder):
            name, _, suffix = str(file.relative_to(folder)).rpartition(".")
            live = await self.ari.live_recording(name) if name else None
            if live is not None:
                yield name, suffix, live["target_uri"]


def _recent(folder: Path) -> list[Path]:
    since = clock.now() - RECENT_MICROSECONDS
    return [one for one in sorted(folder.rglob("*")) if one.is_file() and one.stat().st_mtime_ns // 1000 > since]
