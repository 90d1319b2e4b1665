"""The hospital as tests see it: telephones that call it and answer in it, its processes to stop, kill and freeze.

    async with hospital.house() as house, hospital.conversation(house, "switchboard") as talk:
        await asyncio.sleep(2)
    (found,) = await hospital.evidence(talk.number)

Every party says noise of its own from the first packet to the last, so that whatever is stored names its speaker.
"""

import asyncio
import base64
import itertools
import re
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, ParamSpec, TypeVar

import aiohttp
from demo_world import processes
from demo_world.world import World
from telephone import Call, IncomingCall, Noise, OutgoingCall, Telephone, Voice, read_wav
from telephone.mulaw import Pcm

from .evidence import Archive, Evidence
from .site import LINES, STRANGER

P = ParamSpec("P")
T = TypeVar("T")

_seeds = itertools.count(1)
# 07700 900000 to 900999 are kept free for drama by the regulator; each test call has one of its own.
_callers = itertools.count(900000)

CONNECT_SECONDS: Final = 20.0


def fresh_noise() -> Noise:
    """Return a voice that nobody else has in this session."""
    return Noise(seed=next(_seeds))


def fresh_number() -> str:
    """Return an outside number that has not called in this session."""
    return f"07700{next(_callers)}"


def await_alive(world: World) -> None:
    """Wait until the dialplan sends callers to the gate: it is ready, and has said since now that it lives."""
    since = time.time() - 1

    def said() -> bool:
        found = re.search(r"CONSENTGATE_ALIVE=(\d+)", world.asterisk.cli("dialplan show globals"))
        return found is not None and int(found[1]) >= since

    assert processes.wait_until(said, 5.0), "the gate is ready but does not say that it lives"


@dataclass(slots=True)
class Talk:
    """An outside call that has reached the house."""

    number: str
    caller: OutgoingCall
    house: IncomingCall


class House:
    """A registered house phone that answers every call with a voice of its own for each."""

    def __init__(self, *, ring_seconds: float, talk_seconds: float | None, voice: Callable[[], Voice | None]) -> None:
        self.phone: Telephone
        self._ring_seconds, self._talk_seconds, self._voice = ring_seconds, talk_seconds, voice
        self._arrived: dict[str, asyncio.Future[IncomingCall]] = {}

    def _place(self, number: str) -> asyncio.Future[IncomingCall]:
        return self._arrived.setdefault(number, asyncio.get_running_loop().create_future())

    async def policy(self, call: IncomingCall) -> None:
        """Ring, answer, speak; note whose call it is."""
        said = re.search(r"sip:([^@>;]+)@", call.opening.get("from") if call.opening else "")
        place = self._place(said[1] if said else "")
        if not place.done():
            place.set_result(call)
        call.ring()
        await asyncio.sleep(self._ring_seconds)
        call.accept(self._voice())
        if self._talk_seconds is not None and call.state == "up":
            await asyncio.sleep(self._talk_seconds)
            await call.hangup()

    async def call_from(self, number: str) -> IncomingCall:
        """Return the call of an outside number when it is answered here."""
        async with asyncio.timeout(CONNECT_SECONDS):
            call = await asyncio.shield(self._place(number))
            await call.answered
        return call


class Hospital:
    """One world, with what a test does to it. Nothing here blocks the telephones: slow things run in a thread."""

    def __init__(self, world: World) -> None:
        self.world, self.archive = world, Archive(world)
        self.at = world.env()

    # -- telephones

    def uri(self, line_or_number: str) -> str:
        """Return where to call a line, or any number of the trunk."""
        numbers: list[str] = LINES[line_or_number]["numbers"] if line_or_number in LINES else [line_or_number]
        return f"sip:{numbers[0]}@{self.at['sip']}"

    def announcements(self, line: str) -> list[Pcm]:
        """Return what a line's callers must hear, as it is in the files."""
        return [read_wav(Path(one)) for one in self.at["lines"][line]["announcements"]]

    def outgoing_announcements(self, line: str) -> list[Pcm]:
        """Return what those must hear whom the house calls over a line."""
        named = self.world.options.lines[line].get("outgoing_announcements", [])
        return [read_wav(self.world.announcements / f"{one}.wav") for one in named]

    def sound(self, name: str) -> Pcm:
        """Return an announcement by its name."""
        return read_wav(self.world.announcements / f"{name}.wav")

    def prompt(self, name: str) -> Pcm:
        """Return what a house phone hears from a menu, by its name."""
        return read_wav(self.world.root / "etc" / "prompts" / f"{name}.wav")

    @asynccontextmanager
    async def house(
        self,
        user: str = "2001",
        *,
        ring_seconds: float = 0.1,
        talk_seconds: float | None = None,
        voice: Callable[[], Voice | None] = fresh_noise,
        **telephone: Any,
    ) -> AsyncIterator[House]:
        """Register a house phone; talk_seconds: it hangs up itself after so long."""
        agent = next(one for one in self.at["agents"] if one["user"] == user)
        host, port = agent["sip"].split(":")
        house = House(ring_seconds=ring_seconds, talk_seconds=talk_seconds, voice=voice)
        options: dict[str, Any] = {"registrar": (host, int(port)), "on_call": house.policy} | telephone
        async with Telephone(user, agent["password"], **options) as house.phone:
            yield house

    @asynccontextmanager
    async def outside(self, number: str | None = None, **telephone: Any) -> AsyncIterator[Telephone]:
        """Give a telephone on the outside, with a number of its own; options as `Telephone` has them."""
        async with Telephone(number or fresh_number(), **telephone) as phone:
            yield phone

    @asynccontextmanager
    async def conversation(
        self,
        house: House,
        line: str = "switchboard",
        *,
        number: str | None = None,
        voice: Callable[[], Voice | None] = fresh_noise,
        delay_ms: float = 0.0,
        **call: Any,
    ) -> AsyncIterator[Talk]:
        """Call from outside and wait until the house has answered; the caller hangs up at the end."""
        async with self.outside(number, delay_ms=delay_ms) as phone:
            placed = await phone.call(self.uri(line), voice=voice(), **call)
            yield Talk(phone.user, placed, await house.call_from(phone.user))
            await placed.hangup()

    async def connected(self, call: Call) -> None:
        """Wait until a call is answered."""
        async with asyncio.timeout(CONNECT_SECONDS):
            await call.answered

    async def over(self, call: Call, seconds: float = CONNECT_SECONDS) -> None:
        """Wait until a call has ended, by whomever."""
        async with asyncio.timeout(seconds):
            await call.ended

    # -- what is left of a call

    async def evidence(
        self, number: str | None = None, *, channel: str | None = None, count: int = 1, patience_seconds: float = 20.0
    ) -> list[Evidence]:
        """Wait until the calls of a number (or of a channel) are shipped and read everything back."""
        return await self.do(
            self.archive.await_shipped, number, channel, count=count, patience_seconds=patience_seconds
        )

    # -- Asterisk

    async def do(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run something that blocks in a thread."""
        return await asyncio.to_thread(work, *args, **kwargs)

    async def cli(self, line: str) -> str:
        """Run a command on Asterisk's console."""
        return await self.do(self.world.asterisk.cli, line)

    async def channels(self) -> list[tuple[str, str, str]]:
        """Return name, uniqueid and caller's number of every channel."""
        lines = [one.split("!") for one in (await self.cli("core show channels concise")).splitlines() if "!" in one]
        return [(one[0], one[-1], one[7]) for one in lines]

    async def channel_of(self, number: str) -> tuple[str, str]:
        """Return name and uniqueid of the outside caller's own channel."""
        found = [one for one in await self.channels() if one[2] == number and one[0].startswith("PJSIP/trunk-")]
        assert len(found) == 1, f"{len(found)} channels of that caller"
        return found[0][0], found[0][1]

    async def ami(self, action: str, **headers: str) -> dict[str, str]:
        """Do one AMI action as somebody else's program; return the answer's headers, names in lower case."""
        reader, writer = await asyncio.open_connection(self.at["ami"]["host"], self.at["ami"]["port"])
        try:
            await reader.readline()
            login = {"Action": "Login", "Username": STRANGER, "Secret": STRANGER, "Events": "off"}
            for number, packet in enumerate((login, {"Action": action, **headers})):
                text = "".join(f"{name}: {value}\r\n" for name, value in (packet | {"ActionID": f"t{number}"}).items())
                writer.write(f"{text}\r\n".encode())
                answer: dict[str, str] = {}
                while answer.get("actionid") != f"t{number}":
                    raw = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5.0)
                    pairs = (line.partition(": ") for line in raw.decode().split("\r\n") if ": " in line)
                    answer = {name.lower(): value for name, _, value in pairs}
                assert number or answer["response"] == "Success", answer
        finally:
            writer.close()
            await writer.wait_closed()
        return answer

    async def ari(self, method: str, path: str) -> int:
        """Do one ARI request as somebody else's program; return its status."""
        credentials = base64.b64encode(f"{STRANGER}:{STRANGER}".encode()).decode()
        async with (
            aiohttp.ClientSession(headers={"Authorization": f"Basic {credentials}"}) as http,
            http.request(method, self.at["ari"]["url"] + path) as answer,
        ):
            return answer.status

    async def captures(self, channel: str) -> dict[str, str]:
        """Return every MixMonitor on a channel, whosever it is: id and what it writes."""
        lines = [one.split(maxsplit=1) for one in (await self.cli(f"mixmonitor list {channel}")).splitlines()]
        return {one[0]: one[-1] for one in lines if one and one[0].startswith("0x")}

    async def until(self, ready: Callable[[], Awaitable[bool]], what: str, seconds: float = 8.0) -> None:
        """Wait until something that can only be asked for is so; AssertionError with `what` if it never is."""
        deadline = time.monotonic() + seconds
        while not await ready():
            assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
            await asyncio.sleep(0.05)

    # -- processes

    async def stop(self, name: str) -> None:
        """Stop `gate`, `ship`, `asterisk`, `postgres` or `s3` kindly."""
        await self.do(self.world.stop_one, name)

    async def kill(self, name: str) -> None:
        """End a process without any warning."""
        await self.do(self.world.stop_one, name, number=signal.SIGKILL)

    async def start(self, name: str, **options: Any) -> None:
        """Start it, and wait until it serves; options as `World.start_gate` has them."""
        await self.do(getattr(self.world, f"start_{name}"), **options)
        if name == "gate" and options.get("await_ready", True):
            await self.do(await_alive, self.world)

    async def restart(self, name: str, **options: Any) -> None:
        """Stop it kindly and start it again."""
        await self.stop(name)
        await self.start(name, **options)

    def freeze(self, name: str) -> None:
        """Let a process hang."""
        self.signal(name, signal.SIGSTOP)

    def thaw(self, name: str) -> None:
        """Let a frozen process go on."""
        self.signal(name, signal.SIGCONT)

    def await_alive(self) -> None:
        """Wait until the dialplan sends callers to the gate."""
        await_alive(self.world)

    def signal(self, name: str, number: int) -> None:
        """Send a signal to a process, and do not wait for what it does."""
        process = self.world.place(name).running()
        assert process is not None, f"{name} does not run"
        process.signal(number)

    def log(self, name: str) -> str:
        """Return what a process has said so far."""
        return self.world.place(name).log.read_text(encoding="utf-8", errors="replace")
