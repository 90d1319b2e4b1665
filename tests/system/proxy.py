"""A TCP proxy between the gate and Asterisk that knows messages, so that one of them can be lost or late.

A network does not lose or reorder bytes of a connection: it delays them, with everything behind them, or it ends.
So `hold` holds the message *and all that follows on that connection*, as a congested path does; `drop` is for what
a peer never sent (Asterisk sends no PlaybackFinished for some files), and no real network does it.

It lives in a thread of its own: a test that blocks its event loop must not look like a broken network.
"""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Final, Protocol, Self, TypeVar

from telephone import Address, Instant, now_us

from .weather import Sky, Weather

T = TypeVar("T")

CHUNK_BYTES: Final = 65536
_SHORT, _MEDIUM, _LONG = 126, 2, 8


class Framing(Protocol):
    """Cuts what Asterisk sends on one connection into messages; a new one for each connection."""

    def feed(self, data: bytes) -> list[bytes]:
        """Take bytes in and return the messages that are whole now; their concatenation is what came in."""
        ...


class PlainFraming:
    """No messages: bytes pass as they come, for a server of which no word is to be lost or late by itself."""

    def feed(self, data: bytes) -> list[bytes]:
        """Return them as they are."""
        return [data]


class AmiFraming:
    """AMI: headers until an empty line. Its greeting is a single line, and goes with the first message."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[bytes]:
        """Return the whole messages; the greeting is let pass at once, because the client waits for it."""
        *whole, self._rest = (self._rest + data).split(b"\r\n\r\n")
        messages = [one + b"\r\n\r\n" for one in whole]
        if not messages and self._rest.startswith(b"Asterisk Call Manager") and self._rest.endswith(b"\r\n"):
            messages, self._rest = [self._rest], b""
        return messages


class AriFraming:
    """ARI: answers in plain HTTP pass as they come; after a 101 each WebSocket frame is a message (RFC 6455 5.2)."""

    def __init__(self) -> None:
        self._rest = b""
        self._frames = False

    def feed(self, data: bytes) -> list[bytes]:
        """Return HTTP bytes as they are, or the whole frames, header included."""
        self._rest += data
        messages: list[bytes] = []
        if not self._frames:
            if not self._rest.startswith(b"HTTP/1.1 101"):
                plain, self._rest = self._rest, b""
                return [plain]
            head, separator, rest = self._rest.partition(b"\r\n\r\n")
            if not separator:
                return []
            messages, self._rest, self._frames = [head + separator], rest, True
        while (size := _frame_bytes(self._rest)) and len(self._rest) >= size:
            messages.append(self._rest[:size])
            self._rest = self._rest[size:]
        return messages


def _frame_bytes(data: bytes) -> int:
    """Return the size of the frame that data begins with, 0 if not even that can be said yet."""
    if len(data) < 2:
        return 0
    length, header = data[1] & 0x7F, 2
    if length >= _SHORT:
        extra = _MEDIUM if length == _SHORT else _LONG
        if len(data) < header + extra:
            return 0
        length, header = int.from_bytes(data[header : header + extra], "big"), header + extra
    return header + length + (4 if data[1] & 0x80 else 0)


@dataclass(slots=True)
class Rule:
    """What happens to messages that hold all of `words`; `met` are those it happened to, with the instant."""

    words: tuple[bytes, ...]
    hold_seconds: float | None
    times: int | None
    met: list[tuple[Instant, str]] = field(default_factory=list)

    def takes(self, message: bytes) -> bool:
        """Tell whether the rule is for this message, and note it."""
        if (self.times is not None and len(self.met) >= self.times) or any(one not in message for one in self.words):
            return False
        self.met.append((now_us(), message.decode("utf-8", "replace")))
        return True


@dataclass(slots=True)
class Trap:
    """Something that happens, once, before the first bytes to the server that hold all of `words` are passed on.

    `back`: not then, but before the server's next answer is passed back. `fire` runs in a thread of its own, and may do
    anything to the proxy.
    """

    words: tuple[bytes, ...]
    fire: Callable[[], None]
    back: bool = False
    but: bytes = b""
    """What must not be among them."""
    sprung: bool = False
    _met: bool = False

    def takes(self, data: bytes, *, upward: bool) -> bool:
        """Tell whether this is the moment."""
        if self.sprung:
            return False
        if upward and all(one in data for one in self.words) and not (self.but and self.but in data):
            self._met = True
            self.sprung = not self.back
        elif not upward and self._met:
            self.sprung = True
        return self.sprung


class Proxy:
    """Listens on a free loopback port and passes everything to `upstream`; use it as `with Proxy(…) as proxy`."""

    def __init__(self, upstream: Address, framing: Callable[[], Framing]) -> None:
        self.upstream, self._framing = upstream, framing
        self.rules: list[Rule] = []
        self.trap: Trap | None = None
        #: What whoever connects is told instead of what they asked for.
        self.refusal: bytes | None = None
        #: What happens to all events from now on.
        self.weather: Weather | None = None
        self.address: Address = ("127.0.0.1", 0)
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._flowing = asyncio.Event()
        self._open = True
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)

    def __enter__(self) -> Self:
        """Start to listen."""
        self._thread.start()
        self._do(self._listen())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End every connection, the port and the thread."""
        self._do(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    # -- what a test orders

    def drop(self, *words: str, times: int | None = None) -> Rule:
        """Lose messages from Asterisk that hold all words (at most `times` of them)."""
        return self._rule(Rule(tuple(one.encode() for one in words), None, times))

    def hold(self, seconds: float, *words: str, times: int | None = None) -> Rule:
        """Delay messages from Asterisk that hold all words, and everything behind them on their connection."""
        return self._rule(Rule(tuple(one.encode() for one in words), seconds, times))

    def obey(self) -> None:
        """Forget all rules."""
        self.rules = []

    def set_trap(self, fire: Callable[[], None], *words: str, back: bool = False, but: str = "") -> Trap:
        """Let something happen in the very moment at which the client says these words; takes the place of another."""
        self.trap = Trap(tuple(one.encode() for one in words), fire, back, but.encode())
        return self.trap

    @contextmanager
    def refused(self, answer: bytes) -> Iterator[None]:
        """Answer every request so meanwhile, and end its connection: what is under way too."""
        self.refusal = answer
        self.cut()
        try:
            yield
        finally:
            self.refusal = None

    @contextmanager
    def stalled(self) -> Iterator[None]:
        """Let no byte pass in either direction meanwhile; connections stay open, and nothing is lost."""
        self._do(_call(self._flowing.clear))
        try:
            yield
        finally:
            self._do(_call(self._flowing.set))

    def cut(self) -> None:
        """Reset every connection; new ones are let in."""
        self._do(_call(self._cut))

    @contextmanager
    def severed(self) -> Iterator[None]:
        """Reset every connection, and each new one at once, meanwhile."""
        self._open = False
        self.cut()
        try:
            yield
        finally:
            self._open = True

    # -- inside; on the proxy's own thread

    def _rule(self, rule: Rule) -> Rule:
        self.rules = [*self.rules, rule]
        return rule

    def _do(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _listen(self) -> None:
        self._flowing.set()
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.address = self._server.sockets[0].getsockname()[:2]

    async def _end(self) -> None:
        self._server.close()
        self._cut()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._loop.shutdown_default_executor()

    def _cut(self) -> None:
        for writer in self._writers:
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        if not self._open:
            writer.transport.abort()
            return
        self._writers.add(writer)
        if self.refusal is not None:
            await self._refuse(reader, writer, self.refusal)
            return
        far: asyncio.StreamWriter | None = None
        try:
            far_reader, far = await asyncio.open_connection(*self.upstream)
            self._writers.add(far)
            sky = Sky(writer)
            both = (self._pump(reader, far, None, None), self._pump(far_reader, writer, self._framing(), sky))
            tasks = [asyncio.ensure_future(one) for one in both]
            events = asyncio.ensure_future(sky.deliver())
            try:
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            finally:
                tasks.append(events)
                for one in tasks:
                    one.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            for one_writer in (writer, far):
                if one_writer is not None:
                    self._writers.discard(one_writer)
                    one_writer.transport.abort()

    async def _refuse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answer: bytes) -> None:
        with suppress(OSError, asyncio.CancelledError):
            if await reader.read(CHUNK_BYTES):
                writer.write(answer)
                writer.write_eof()
                # What else they send is theirs to lose, but a reset would take the answer with it.
                while await reader.read(CHUNK_BYTES):
                    pass
        self._writers.discard(writer)
        writer.transport.abort()

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, framing: Framing | None, sky: Sky | None
    ) -> None:
        with suppress(OSError):
            while data := await reader.read(CHUNK_BYTES):
                await self._flowing.wait()
                if (trap := self.trap) is not None and trap.takes(data, upward=sky is None):
                    await asyncio.to_thread(trap.fire)
                    await self._flowing.wait()
                for message in [data] if framing is None else framing.feed(data):
                    rule = None if framing is None else next((one for one in self.rules if one.takes(message)), None)
                    if rule is not None and rule.hold_seconds is None:
                        continue
                    if rule is not None and rule.hold_seconds:
                        await asyncio.sleep(rule.hold_seconds)
                    await self._flowing.wait()
                    if sky is not None and sky.takes(message, self.weather):
                        continue
                    writer.write(message)
                    await writer.drain()
            # What was passed must arrive before the end does.
            writer.write_eof()
            await asyncio.sleep(0.05)


async def _call(what: Callable[[], None]) -> None:
    what()
