"""Asterisk's REST Interface, over one WebSocket for events and plain HTTP for orders.

A thin adapter of our own, in ari-py's vocabulary where it has one: ari-py itself cannot be imported on Python 3,
and what came after it neither reconnects nor notices a dead socket. Here a failure becomes a `Reply` at the
border: yes, no, or unknown, and nobody above sees an HTTP status. Retrying is not done here: in the middle of an
announcement a late answer is worth nothing.
"""

import json
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from http import HTTPStatus
from typing import Any, Final

import aiohttp

from ari_app.core.names import APPLICATION, ChannelId, PlaybackId
from ari_app.errors import PermanentError, TransientError

NEEDED_EVENTS: Final = (
    "StasisStart",
    "StasisEnd",
    "PlaybackStarted",
    "PlaybackFinished",
    "ChannelHangupRequest",
    "ChannelUserevent",
    "ChannelDtmfReceived",
)
"""Everything else (a VarSet per variable, every state) would only cost us time under load."""

PING_SECONDS: Final = 1.8
"""aiohttp gives a ping half of this again to be answered: a dead socket is known within 3 s."""

ANSWER_SECONDS: Final = 1.0

Event = Mapping[str, Any]


class Reply(Enum):
    """What became of an order. UNKNOWN is not NO: the world has to be looked at."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


class Ari:
    """One connection to one Asterisk. `connect` and `listen` are called again after each loss."""

    def __init__(
        self,
        url: str,
        user: str,
        password: str,
        *,
        application: str = APPLICATION,
        events: Sequence[str] = NEEDED_EVENTS,
        section: str = "asterisk",
    ) -> None:
        """Name the other side."""
        self.url, self.application = url.rstrip("/"), application
        self._user, self._password = user, password
        self._events, self._section = events, section
        self._http: aiohttp.ClientSession | None = None
        self._socket: aiohttp.ClientWebSocketResponse | None = None

    @property
    def connected(self) -> bool:
        """Whether events can arrive."""
        return self._socket is not None and not self._socket.closed

    async def connect(self) -> None:
        """Open the event socket and subscribe to the events needed.

        Raises PermanentError for wrong credentials or missing rights, TransientError for everything else.
        """
        await self.close()
        self._http = self._session()
        try:
            self._socket = await self._http.ws_connect(
                f"{self.url}/events",
                # Never those of every channel: each event of each call would be written in JSON, before any filter.
                params={"app": self.application, "subscribeAll": "false"},
                heartbeat=PING_SECONDS,
                max_msg_size=0,
            )
            allowed = {"allowed": [{"type": name} for name in self._events]}
            path = f"/applications/{self.application}/eventFilter"
            status, answer = await self._request("PUT", path, body=allowed)
            if status is None or status >= HTTPStatus.BAD_REQUEST:
                await self.close()
                raise self._refused(status, str(answer))
        except aiohttp.WSServerHandshakeError as refused:
            await self.close()
            raise self._refused(refused.status, refused.message) from refused
        except (aiohttp.ClientError, OSError, TimeoutError) as failure:
            await self.close()
            why = str(failure) or type(failure).__name__
            hint = "Is Asterisk running, with http.conf enabled and res_ari loaded?"
            raise TransientError("ARI cannot be reached", on=self.url, why=why, hint=hint) from failure

    def _session(self) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            headers={"Authorization": f"Basic {b64encode(f'{self._user}:{self._password}'.encode()).decode()}"},
            timeout=aiohttp.ClientTimeout(total=ANSWER_SECONDS),
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=60),
        )

    def _refused(self, status: int | None, why: str) -> PermanentError | TransientError:
        match status:
            case HTTPStatus.UNAUTHORIZED:
                hint = f"Compare {self._section}.ari_user and its password file with ari.conf."
                return PermanentError("ARI refuses the password", on=f"{self._user} at {self.url}", why=why, hint=hint)
            case HTTPStatus.FORBIDDEN:
                hint = "The user in ari.conf must have read_only=no."
                return PermanentError("ARI refuses the user", on=f"{self._user} at {self.url}", why=why, hint=hint)
            case _:
                hint = "See Asterisk's log; modules res_ari_events and res_stasis must be loaded."
                return TransientError("ARI gives no events", on=self.url, why=f"HTTP {status} {why}", hint=hint)

    async def listen(self, handle: Callable[[Event], None]) -> None:
        """Hand every event to `handle` until the socket is lost. Returns then; never raises for a loss."""
        socket = self._socket
        if socket is None:
            return
        try:
            async for message in socket:
                if message.type is aiohttp.WSMsgType.TEXT:
                    handle(json.loads(message.data))
        except (aiohttp.ClientError, OSError):
            return

    async def close(self) -> None:
        """Close the socket and the session; a channel in our application stays there for the lifeline."""
        socket, self._socket = self._socket, None
        http, self._http = self._http, None
        if socket is not None:
            await socket.close()
        if http is not None:
            await http.close()

    async def _request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: object = None,
        wanted: bool = True,
    ) -> tuple[int | None, object]:
        """Return the status and the decoded answer (if `wanted`); status None if there was no answer."""
        if self._http is None:
            return None, None
        try:
            async with self._http.request(method, self.url + path, params=query, json=body) as response:
                raw = await response.read()
                return response.status, json.loads(raw) if wanted and raw else None
        except (aiohttp.ClientError, OSError, TimeoutError, json.JSONDecodeError) as failure:
            return None, str(failure) or type(failure).__name__

    async def _order(
        self, method: str, path: str, *, query: Mapping[str, str] | None = None, body: object = None
    ) -> Reply:
        status, _ = await self._request(method, path, query=query, body=body, wanted=False)
        if status is None or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return Reply.UNKNOWN
        return Reply.YES if status < HTTPStatus.BAD_REQUEST else Reply.NO

    async def answer(self, channel: ChannelId) -> Reply:
        """Answer the channel; one that is up already stays up and says yes."""
        return await self._order("POST", f"/channels/{channel}/answer")

    async def play(self, channel: ChannelId, playback: PlaybackId, path: str) -> Reply:
        """Play one file, given without its suffix as Asterisk wants it, under an id that we mint."""
        return await self._order(
            "POST", f"/channels/{channel}/play/{playback}", query={"media": f"sound:{path.removesuffix('.wav')}"}
        )

    async def play_tones(self, channel: ChannelId, playback: PlaybackId, tones: str) -> Reply:
        """Play tones, as indications.conf writes them but with `|` between, over and over until they are stopped."""
        return await self._order("POST", f"/channels/{channel}/play/{playback}", query={"media": f"tone:{tones}"})

    async def whisper(self, channel: ChannelId, whisperer: ChannelId) -> Reply:
        """Make a channel of ours that speaks to this one alone and hears nothing, wherever it is; NO: it is gone, or it
        has a whisperer of this name."""
        query = {"app": self.application, "appArgs": "whisper", "spy": "none", "whisper": "out"}
        return await self._order("POST", f"/channels/{channel}/snoop/{whisperer}", query=query)

    async def hang_up(self, channel: ChannelId) -> Reply:
        """End a channel; NO: it is gone."""
        return await self._order("DELETE", f"/channels/{channel}")

    async def stop_playback(self, playback: PlaybackId) -> Reply:
        """Stop a playback; NO means that there is none of this name."""
        return await self._order("DELETE", f"/playbacks/{playback}")

    async def continue_(self, channel: ChannelId, *, label: str = "") -> Reply:
        """Let the channel go on in the dialplan; NO means that it is not in our application any more.

        label: where, in the extension that it is in; a called leg would come back to us without one.
        """
        query = {"label": label} if label else None
        return await self._order("POST", f"/channels/{channel}/continue", query=query)

    async def mark(self, number: int) -> Reply:
        """Send ourselves an event through the event stream: when it comes back, everything before it has come."""
        return await self._order(
            "POST",
            "/events/user/consentgate-marker",
            query={"application": self.application},
            body={"variables": {"number": str(number)}},
        )

    async def stranded(self) -> list[ChannelId] | None:
        """Return the channels that Asterisk holds in our application, or None if it does not say."""
        status, answer = await self._request("GET", f"/applications/{self.application}")
        if status != HTTPStatus.OK or not isinstance(answer, dict):
            return None
        return [ChannelId(one) for one in answer["channel_ids"]]

    async def channels(self) -> list[dict[str, Any]] | None:
        """Return every channel of this Asterisk, or None if it does not say."""
        status, answer = await self._request("GET", "/channels")
        return answer if status == HTTPStatus.OK and isinstance(answer, list) else None

    async def bridges(self) -> list[dict[str, Any]] | None:
        """Return every bridge of this Asterisk with the ids of its channels, or None if it does not say."""
        status, answer = await self._request("GET", "/bridges")
        return answer if status == HTTPStatus.OK and isinstance(answer, list) else None

    async def version(self) -> str:
        """Return Asterisk's version, or "unknown"."""
        status, answer = await self._request("GET", "/asterisk/info", query={"only": "system"})
        if status != HTTPStatus.OK or not isinstance(answer, dict):
            return "unknown"
        return str(answer["system"]["version"])
