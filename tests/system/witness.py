"""What really happened on the PBX, heard from Asterisk itself: beside the gate, and never late.

It reads AMI on a connection of its own that goes through no proxy, so a test that delays what the gate hears still
knows when who could hear whom. Which channel is which telephone's call it learns by the SIP Call-ID.
"""

import asyncio
import contextlib
import itertools
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

from telephone import Address, Call, Instant

LOGIN: Final = "witness"
"""User and password of an AMI user who hears everything that is about channels and bridges."""

AMI_WITNESS: Final = f"""
[{LOGIN}]
secret = {LOGIN}
deny = 0.0.0.0/0.0.0.0
permit = 127.0.0.1/255.255.255.255
read = system,call,dialplan,user
write = all
eventfilter = ^Event: (Newchannel|Rename|Hangup|BridgeEnter|BridgeLeave|LocalBridge|LocalOptimizationEnd|Hold|Unhold\
|MusicOnHoldStart|MusicOnHoldStop|ParkedCall|UnParkedCall|Pickup|BlindTransfer|AttendedTransfer|DialBegin\
|MixMonitorStart|MixMonitorStop)[[:cntrl:]]
eventfilter = ^Event: Newexten[[:cntrl:]].*Application: Stasis[[:cntrl:]]
"""
_PATIENCE_SECONDS: Final = 5.0
_TRIES: Final = 50
_PAUSE_SECONDS: Final = 0.02
_CALL_ID: Final = "CHANNEL(pjsip,call-id)"


@dataclass(frozen=True, slots=True)
class Seen:
    """One event, with Asterisk's own stamp."""

    at: Instant
    kind: str
    headers: dict[str, str]

    def __getitem__(self, name: str) -> str:
        """Return a header by its name in lower case, empty if there is none."""
        return self.headers.get(name, "")


class Witness:
    """All events of a run, in the order in which they came."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self.events: list[Seen] = []
        self.call_ids: dict[str, str] = {}
        """SIP Call-ID to the name of the channel."""
        self.uniqueids: dict[str, str] = {}
        """Name of a channel to its uniqueid when it was made."""
        self._lives = 1
        """How many Asterisks there were: each begins its channels' names anew, so those of a later one are marked."""
        self._answers: dict[str, asyncio.Future[dict[str, str]]] = {}
        self._numbers = itertools.count()
        self._asking: set[asyncio.Task[None]] = set()
        self._news = asyncio.Event()

    async def __aenter__(self) -> Self:
        """Log in."""
        await self._login()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Log out; what was seen stays."""
        await self._logout()

    async def another_life(self, died_at: Instant) -> None:
        """Go on with the Asterisk that came after one that died: all its channels ended then."""
        await self._logout()
        names = {*self.uniqueids, *(one["newname"] for one in self.of("Rename"))}
        self.events += [Seen(died_at, "Hangup", {"channel": name}) for name in sorted(names)]
        self._lives += 1
        await self._login()

    async def _login(self) -> None:
        self._reader, self._writer = await asyncio.open_connection(*self.address)
        await self._reader.readline()
        self._reading = asyncio.get_running_loop().create_task(self._read())
        answer = await self.ask("Login", Username=LOGIN, Secret=LOGIN)
        assert answer["response"] == "Success", answer

    async def _logout(self) -> None:
        tasks = [*self._asking, self._reading]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()

    async def ask(self, action: str, **headers: str) -> dict[str, str]:
        """Do an AMI action and return the answer's headers, names in lower case."""
        number = f"w{next(self._numbers)}"
        future = self._answers[number] = asyncio.get_running_loop().create_future()
        lines = {"Action": action, "ActionID": number, **headers}
        self._writer.write("".join(f"{name}: {value}\r\n" for name, value in lines.items()).encode() + b"\r\n")
        return await asyncio.wait_for(future, _PATIENCE_SECONDS)

    async def _read(self) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                raw = (await self._reader.readuntil(b"\r\n\r\n")).decode("utf-8", "replace")
                pairs = (line.partition(": ") for line in raw.split("\r\n") if ":" in line)
                headers = {name.rstrip(":").lower(): value for name, _, value in pairs}
                if "response" in headers:
                    waiting = self._answers.pop(headers.get("actionid", ""), None)
                    if waiting is not None and not waiting.done():
                        waiting.set_result(headers)
                elif "timestamp" in headers:
                    self._take(headers)

    def _take(self, headers: dict[str, str]) -> None:
        seconds, _, fraction = headers["timestamp"].partition(".")
        if self._lives > 1:
            headers = {
                name: f"{value}~{self._lives}" if value.startswith(("PJSIP/", "Local/")) else value
                for name, value in headers.items()
            }
        seen = Seen(int(seconds) * 1_000_000 + int(fraction.ljust(6, "0")[:6] or 0), headers["event"], headers)
        self.events.append(seen)
        if seen.kind == "Newchannel":
            self.uniqueids[seen["channel"]] = seen["uniqueid"]
            if seen["channel"].startswith("PJSIP/"):
                task = asyncio.get_running_loop().create_task(self._name(seen["channel"]))
                self._asking.add(task)
                task.add_done_callback(self._asking.discard)
        self._news.set()
        self._news = asyncio.Event()

    async def _name(self, channel: str) -> None:
        named = channel.partition("~")[0]
        # A channel is announced before its dialog is there; and in the instant of a pickup nobody has its name.
        for _ in range(_TRIES):
            answer = await self.ask("Getvar", Channel=named, Variable=_CALL_ID)
            if call_id := answer.get("value"):
                break
            await asyncio.sleep(_PAUSE_SECONDS)
        if call_id:
            self.call_ids[call_id] = channel
            self._news.set()
            self._news = asyncio.Event()

    # -- what tests ask

    def name_of(self, call: Call) -> str:
        """Return the name of the channel that is Asterisk's end of a telephone's call; KeyError if it had none."""
        return self.call_ids[call.dialog.call_id]

    async def channel_of(self, call: Call) -> str:
        """Return the name, waiting for it."""
        await self.until(lambda: call.dialog.call_id in self.call_ids, "the channel of a call")
        return self.name_of(call)

    def of(self, kind: str, channel: str = "") -> list[Seen]:
        """Return the events of a kind, of one channel if it is named."""
        return [one for one in self.events if one.kind == kind and (not channel or one["channel"] == channel)]

    async def until(self, ready: Callable[[], bool], what: str, seconds: float = _PATIENCE_SECONDS) -> None:
        """Wait until what was seen makes something so."""
        try:
            async with asyncio.timeout(seconds):
                while not ready():
                    await self._news.wait()
        except TimeoutError:
            raise AssertionError(f"not within {seconds} s: {what}") from None

    async def await_event(self, kind: str, channel: str = "", *, count: int = 1, seconds: float = 8.0) -> Seen:
        """Wait for the count-th event of a kind and return it."""
        await self.until(lambda: len(self.of(kind, channel)) >= count, f"{kind} of {channel or 'any channel'}", seconds)
        return self.of(kind, channel)[count - 1]
