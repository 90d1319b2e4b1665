"""Asterisk's Manager Interface, on panoramisk: captures, variables, and the events of every bridge.

panoramisk keeps what was not answered and sends it again after a reconnect; a MixMonitor that starts minutes
late would be a secret recording, so here nothing is ever sent twice and each loss is a new connection.
A CR or LF in a value forges headers, and a comma in MixMonitor's `File` becomes options and then a shell command
(app_mixmonitor.c, manager_mixmonitor): all three are refused before they reach the library.
"""

import asyncio
import logging
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import panoramisk
from panoramisk.ami_protocol import AMIProtocol

from ari_app import log
from ari_app.core.names import ChannelId, MonitorId
from ari_app.errors import PermanentError, TransientError

ANSWER_SECONDS: Final = 1.0
NEEDED_EVENTS: Final = (
    "BridgeEnter",
    "BridgeLeave",
    "ChanSpyStart",
    "ChanSpyStop",
    "DTMFEnd",
    "DialBegin",
    "Hangup",
    "Hold",
    "LocalBridge",
    "LocalOptimizationBegin",
    "LocalOptimizationEnd",
    "MixMonitorStart",
    "MixMonitorStop",
    "MusicOnHoldStart",
    "MusicOnHoldStop",
    "Rename",
    "Shutdown",
    "Unhold",
    "UserEvent",
)
Filter = Mapping[str, str]
"""What the action Filter is given to let events pass."""


def passing(event: str, holding: str = "") -> Filter:
    """Return what lets events of one name pass; holding: what must follow the begin of a line in it.

    Asterisk compares the name as a number, and searches in no other event: with expressions alone, run over the text
    of some 40 events a call for every login, the set-up of each call on the PBX took a tenth longer. An Asterisk that
    does not know MatchCriteria yet (before 18.26, 20.11, 21.6, 22.1) goes by the expression, so that says it all.
    """
    # Anchored at both ends: `Hangup` alone would bring every HangupHandlerRun along.
    whole = f"^Event: {event}[[:cntrl:]]" + (f".*[[:cntrl:]]{holding}" if holding else "")
    return {"MatchCriteria": f"action(include),name({event}),method(regex)", "Filter": whole}


VOICEMAIL_EVENT: Final = passing("Newexten", "Application: (VoiceMail|MinivmRecord)[[:cntrl:]]")
"""Of every step of every dialplan only those that record by themselves. A caller who forges the line in a value of
theirs ends their own recording, no more."""
WANTED: Final = (*map(passing, NEEDED_EVENTS), VOICEMAIL_EVENT)

FORGED_EVENT: Final[Filter] = {"Filter": "![[:cntrl:]]{3,}[^[:cntrl:]]"}
"""Lets none pass with an empty line in it: a caller has put one into their number, to forge a second event behind it.

Asterisk asks this of every event that would pass otherwise, and of no other. The event is about that caller's own
channel, so leaving it away is no loss to anybody else's call."""

_FORBIDDEN = re.compile(r"[\r\n\0]")
_MONITOR_LINE = re.compile(r"^(0x[0-9a-fA-F]+)\s+(.*)$")

Message = Mapping[str, Any]
_log = log.get("gate")


class Forgery(ValueError):  # noqa: N818  it is an attempt, not a state of ours
    """A value that would forge AMI headers or MixMonitor arguments was about to be sent."""


def checked(action: Mapping[str, str]) -> dict[str, str]:
    """Return the action if all of its names and values are harmless; raises Forgery otherwise."""
    for name, value in action.items():
        if _FORBIDDEN.search(value) or _FORBIDDEN.search(name) or ":" in name:
            raise Forgery(f"AMI header {name!r} holds a line break")
        if name.lower() == "file" and "," in value:
            raise Forgery("AMI header 'File' holds a comma, which MixMonitor would take for options and a command")
    return dict(action)


class _Everything:
    """What panoramisk asks before it queues an action for later: every action may be forgotten."""

    def __contains__(self, _: object) -> bool:
        return True


def forged(message: Message) -> bool:
    """Tell whether an event has a header twice: Asterisk writes none so but those of variables.

    Somebody has put line breaks into their number to speak of other channels. The event is about their own, and there
    is no telling which of its headers are Asterisk's.
    """
    twice = (name for name, value in message.items() if isinstance(value, list))
    return "event" in message and any("variable" not in name.lower() for name in twice)


class _Protocol(AMIProtocol):  # type: ignore[misc]  # panoramisk has no types
    """The library's protocol, which would break at an event that has two names."""

    def handle_message(self, message: panoramisk.message.Message) -> None:
        if forged(message):
            hint = "A caller's number holds line breaks, and this call does not pass the gate: clean it in its route."
            _log.warning("event.forged", stream="ami", hint=hint)
        else:
            super().handle_message(message)


class _Manager(panoramisk.Manager):  # type: ignore[misc]  # panoramisk has no types
    """A manager that leaves reconnecting to us: a new connection is a new object."""

    def connection_lost(self, exc: Exception | None) -> None:
        self.on_disconnect(self, exc)

    def login(self, future: "asyncio.Future[object]") -> None:
        # Whoever gave up waiting for the connection has said so already.
        if not future.cancelled():
            super().login(future)


class Ami:
    """One connection to one Asterisk. `connect` and `listen` are called again after each loss."""

    def __init__(
        self,
        host: str,
        port: int,
        user: str,
        secret: str,
        *,
        wanted: Sequence[Filter] = WANTED,
        section: str = "asterisk",
        rights: str = "read and write: system,call,user,command,reporting,dialplan,dtmf",
    ) -> None:
        """Name the other side. wanted: filters, of which an event must pass one; the rest is for error messages."""
        self.host, self.port = host, port
        self.user, self._secret = user, secret
        self.wanted, self._section, self._rights = tuple(wanted), section, rights
        self._manager: _Manager | None = None
        self._lost: asyncio.Event = asyncio.Event()
        self._handle: Callable[[Message], None] = lambda _: None
        self._waiting: set[asyncio.Future[Message]] = set()
        self.boot = ""
        """When this Asterisk process started: another value means that the old process is gone."""

    @property
    def connected(self) -> bool:
        """Whether actions can be sent."""
        return self._manager is not None and not self._lost.is_set()

    async def connect(self, handle: Callable[[Message], None]) -> None:
        """Log in, ask for the needed events alone, and learn which Asterisk process this is.

        Raises PermanentError for a wrong secret or a missing right, TransientError for everything else.
        """
        self.close()
        where = f"{self.host}:{self.port}"
        self._lost, self._handle = asyncio.Event(), handle
        loop = asyncio.get_running_loop()
        quiet = logging.getLogger("panoramisk.quiet")
        quiet.setLevel(logging.CRITICAL)
        manager = _Manager(
            loop=loop,
            username=self.user,
            secret=self._secret,
            # Until the filters are set; else the first moment would bring everything.
            events="off",
            log=quiet,
            forgetable_actions=_Everything(),
            ping_delay=3600,
            ping_interval=3600,
            on_disconnect=self._disconnected,
        )
        manager.register_event("*", self._dispatch)
        opened: asyncio.Future[Any] = loop.create_future()
        try:
            async with asyncio.timeout(2 * ANSWER_SECONDS):
                opened.set_result(await loop.create_connection(_Protocol, self.host, self.port))
                manager.connection_made(opened)
                self._manager = manager
                login = await manager.authenticated_future
        except (OSError, TimeoutError) as failure:
            self.close()
            why = str(failure) or type(failure).__name__
            hint = "Is Asterisk running, with manager.conf enabled and bound to this address?"
            raise TransientError("AMI cannot be reached", on=where, why=why, hint=hint) from failure
        if not login.success:
            self.close()
            hint = f"Compare {self._section}.ami_user and its password file with manager.conf."
            raise PermanentError("AMI refuses the login", on=f"{self.user} at {where}", why=login.message, hint=hint)
        await self._prepare(where)

    async def _prepare(self, where: str) -> None:
        filters = [{"Action": "Filter", "Operation": "Add", **one} for one in (*self.wanted, FORGED_EVENT)]
        answers = list(await asyncio.gather(*map(self.send, filters)))
        answers.append(await self.send({"Action": "Events", "EventMask": "on"}))
        status = await self.send({"Action": "CoreStatus"})
        answers.append(status)
        if status is None or any(one is None or one["response"] != "Success" for one in answers):
            self.close()
            refused = next((one for one in answers if one is not None and one["response"] != "Success"), None)
            why = (refused or {"message": "no answer"}).get("message", "")
            hint = f"The user in manager.conf needs {self._rights}."
            raise PermanentError("AMI refuses what is needed", on=f"{self.user} at {where}", why=why, hint=hint)
        self.boot = f"{status['corestartupdate']}T{status['corestartuptime']}"

    def _dispatch(self, _: panoramisk.Manager, message: panoramisk.message.Message) -> None:
        self._handle(message)

    def _disconnected(self, manager: panoramisk.Manager, _: Exception | None) -> None:
        if manager is self._manager:
            self.close()

    async def listen(self) -> None:
        """Return when the connection is lost; events go to `connect`'s handler meanwhile."""
        await self._lost.wait()

    def close(self) -> None:
        """Drop the connection; whoever waits for an answer is told that there is none."""
        manager, self._manager = self._manager, None
        self._lost.set()
        waiting, self._waiting = self._waiting, set()
        for future in waiting:
            if not future.done():
                future.set_exception(ConnectionResetError("the connection to AMI was lost"))
        if manager is not None:
            manager.close()

    async def send(self, action: Mapping[str, str], *, seconds: float = ANSWER_SECONDS) -> Message | None:
        """Send one action and return its answer, or None if there was none. Nothing is ever sent twice."""
        sound = checked(action)
        manager = self._manager
        if manager is None or self._lost.is_set():
            return None
        future: asyncio.Future[Message] = manager.send_action(sound, as_list=False)
        self._waiting.add(future)
        try:
            async with asyncio.timeout(seconds):
                return await future
        except (TimeoutError, ConnectionResetError):
            return None
        finally:
            self._waiting.discard(future)

    async def get(self, channel: ChannelId | None, expression: str) -> str | None:
        """Return a variable's or a function's value on a channel (None: a global), None if there is no answer."""
        where = {"Channel": channel} if channel else {}
        answer = await self.send({"Action": "Getvar", **where, "Variable": expression})
        return answer.get("value", "") if answer is not None and answer["response"] == "Success" else None

    async def set(self, channel: ChannelId | None, name: str, value: str) -> bool | None:
        """Set a variable or write a function; None if there is no answer."""
        where = {"Channel": channel} if channel else {}
        answer = await self.send({"Action": "Setvar", **where, "Variable": name, "Value": value})
        return None if answer is None else answer["response"] == "Success"

    async def mark(self, number: int) -> bool:
        """Send ourselves an event through the event stream: when it comes back, everything before it has come."""
        answer = await self.send({"Action": "UserEvent", "UserEvent": "consentgate-marker", "Number": str(number)})
        return answer is not None and answer["response"] == "Success"

    async def start_mixmonitor(self, channel: ChannelId, options: str) -> tuple[MonitorId | None, bool]:
        """Start a MixMonitor without a mixed file. Returns its id, and whether there was an answer at all.

        The answer proves little: "Success" is also said of a file that cannot be opened.
        """
        answer = await self.send({"Action": "MixMonitor", "Channel": channel, "Options": options})
        if answer is None:
            return None, False
        monitor = answer.get("mixmonitorid", "")
        return (MonitorId(monitor) if answer["response"] == "Success" and monitor else None), True

    async def stop_mixmonitor(self, channel: ChannelId, monitor: MonitorId) -> bool | None:
        """Stop by id: without one Asterisk stops the newest, whosever it is. Its file is closed on success."""
        answer = await self.send({"Action": "StopMixMonitor", "Channel": channel, "MixMonitorID": monitor})
        return None if answer is None else answer["response"] == "Success"

    async def mixmonitors(self, channel: ChannelId) -> dict[MonitorId, list[str]] | None:
        """Return id → its files, for every MixMonitor on the channel; None if there is no answer.

        This list is the only truth about what runs: the events name neither id nor file. It shows files without
        their suffix.
        """
        answer = await self.send({"Action": "Command", "Command": f"mixmonitor list {channel}"})
        if answer is None:
            return None
        output: str | list[str] = answer.get("output", "")  # a repeated header arrives as a list
        lines = output.splitlines() if isinstance(output, str) else output
        found = (_MONITOR_LINE.match(line.strip()) for line in lines)
        return {MonitorId(match[1]): match[2].split() for match in found if match}
