"""Callers from outside and the house that answers them, and how a test proves that a call is alive or unrecorded.

Each call has two voices of its own, seeded by its caller's number, so that with many calls at once it is known
whose voice is heard, and stored, where. The house answers at once: what the caller waits for is the gate alone.
"""

import asyncio
import json
import urllib.request
from base64 import b64encode
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import numpy as np
import psycopg
import soundfile
from canary import find_reference
from demo_world.outward import BUCKET
from demo_world.world import World
from psycopg.rows import dict_row
from telephone import IncomingCall, Instant, Noise, OutgoingCall, Telephone, now_us
from telephone.mulaw import RATE, Pcm

FRAME_SECONDS: Final = 0.02
RESCUED_SECONDS: Final = 2.0 + FRAME_SECONDS
"""The bar for a caller's silence with a dead or hung gate, from the last announcement packet or the answer."""
REACHED_SECONDS: Final = 12.0
PROOF_SECONDS: Final = 0.4
PROOF_SAMPLES: Final = 1600
SHIPPED_SECONDS: Final = 25.0

_numbers = count(1)


async def until(ready: Callable[[], object], seconds: float, what: str) -> None:
    """Wait until `ready` gives something true; fail with `what` if it does not in time."""
    try:
        async with asyncio.timeout(seconds):
            while not ready():
                await asyncio.sleep(FRAME_SECONDS)
    except TimeoutError:
        raise AssertionError(f"not within {seconds:g} s: {what}") from None


@dataclass(slots=True)
class Visit:
    """One call from outside: the caller's side, the house's side once it is reached, and its channel's uniqueid."""

    number: str
    seed: int
    call: OutgoingCall
    channel: str = ""
    house: IncomingCall | None = None

    @property
    def alive(self) -> bool:
        """Whether both telephones are in the call."""
        return self.call.state == "up" and self.house is not None and self.house.state == "up"

    @property
    def house_call(self) -> IncomingCall:
        """The house's side of it; only after it was reached."""
        assert self.house is not None, "the caller has not reached the house"
        return self.house

    def voices(self) -> dict[str, Pcm]:
        """Everything that anyone in this call has said."""
        said = {"caller": self.call.sent.pcm}
        if self.house is not None:
            said["house"] = self.house.sent.pcm
        return said

    def silences(self) -> list[tuple[Instant, float]]:
        """Return (begin, seconds) of every stretch from the answer to the last packet in which nothing was heard."""
        arrived = self.call.heard.arrived_at
        points = np.concatenate([[self.call.at("answered")], arrived[arrived > self.call.at("answered")]])
        return [(int(at), float(gap) / 1e6) for at, gap in zip(points[:-1], np.diff(points), strict=True)]

    def longest_silence(self) -> float:
        """Return the longest of them, in seconds."""
        return max((seconds for _, seconds in self.silences()), default=0.0)


class Callers:
    """The outside world and the house of one test; use it as `async with Callers(world) as callers`."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._stack = AsyncExitStack()
        self.visits: dict[str, Visit] = {}
        self.on_house: Callable[[IncomingCall], Awaitable[None]] = _stay

    async def __aenter__(self) -> Self:
        """Register the house telephone."""
        agent = self.world.env()["agents"][0]
        host, port = agent["sip"].split(":")
        self._house = await self._stack.enter_async_context(
            Telephone(agent["user"], agent["password"], registrar=(host, int(port)), on_call=self._answer)
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Hang up, and leave nothing behind."""
        await self._stack.aclose()

    async def _answer(self, call: IncomingCall) -> None:
        said = call.opening.get("from") if call.opening is not None else ""
        visit = next((one for number, one in self.visits.items() if f":{number}@" in said), None)
        if visit is None:
            raise AssertionError(f"the house was rung by nobody we know: {said}")
        visit.house = call
        call.accept(Noise(seed=visit.seed + 1))
        await self.on_house(call)

    async def visit(self, number: str) -> Visit:
        """Call a number of the hospital; returns when the call is answered and its channel is known."""
        index = next(_numbers)
        caller, seed = f"07700{900000 + index}", 100 * index
        phone = await self._stack.enter_async_context(Telephone(caller))
        target = f"sip:{number}@{self.world.env()['sip']}"
        call = await phone.call(target, voice=Noise(seed=seed))
        visit = self.visits[caller] = Visit(caller, seed, call)
        async with asyncio.timeout(10):
            await call.answered
        found = await ari(self.world, "GET", "/channels")
        visit.channel = next(one["id"] for one in found if one["caller"]["number"] == caller)
        return visit

    async def reached(self, *visits: Visit, seconds: float = REACHED_SECONDS) -> None:
        """Wait until every caller is through to the house; the call was never hung up."""
        await until(
            lambda: all(one.alive for one in visits),
            seconds,
            f"the house is reached; {[(one.number, one.call.state, one.call.events) for one in visits if not one.alive]}",
        )

    async def talk(self, *visits: Visit, seconds: float = PROOF_SECONDS) -> None:
        """Let them talk, and prove by both voices that each heard the other all the time."""
        begin = now_us()
        await asyncio.sleep(seconds + 2 * FRAME_SECONDS)
        least = int(seconds * RATE) - PROOF_SAMPLES
        for one in visits:
            house = one.house_call
            assert one.alive, f"the call is not up any more: {one.call.events} {house.events}"
            for ear, mouth, who in ((one.call, house, "the caller"), (house, one.call, "the house")):
                heard = ear.heard
                match = find_reference(heard.pcm[heard.first_sample_from(begin) :], mouth.sent)
                assert match.matched >= max(least, PROOF_SAMPLES), f"{who} does not hear the other side: {match}"


async def _stay(_: IncomingCall) -> None:
    """Talk until the caller hangs up."""


# -- what Asterisk, database and store hold ------------------------------------------------------------------------


async def ari(world: World, method: str, path: str, *, user: str = "", password: str = "") -> Any:
    """Ask Asterisk's REST interface itself (past any proxy), as another application might."""
    said = world.env()["ari"]
    token = b64encode(f"{user or said['user']}:{password or said['password']}".encode()).decode()

    def ask() -> Any:
        request = urllib.request.Request(said["url"] + path, method=method, headers={"Authorization": f"Basic {token}"})
        with urllib.request.urlopen(request, timeout=5) as response:
            raw = response.read()
            return json.loads(raw) if raw else None

    return await asyncio.to_thread(ask)


@dataclass(frozen=True, slots=True)
class Account:
    """One account of a call as it was shipped: its row, its manifest, and the objects below its folder in S3."""

    row: Mapping[str, Any]
    manifest: Mapping[str, Any]
    objects: Mapping[str, bytes]


def _rows(world: World, channel: str) -> list[dict[str, Any]]:
    with psycopg.connect(world.postgres.dsn, row_factory=dict_row) as connection:
        return connection.execute(
            "SELECT recordings.*, calls.line FROM recordings JOIN calls USING (node, channel) WHERE channel = %s"
            " ORDER BY recording",
            [channel],
        ).fetchall()


def _objects(world: World, folder: str) -> dict[str, bytes]:
    client = world.s3.client()
    found = client.list_objects_v2(Bucket=BUCKET, Prefix=folder).get("Contents", [])
    return {one["Key"]: client.get_object(Bucket=BUCKET, Key=one["Key"])["Body"].read() for one in found}


async def accounts(world: World, visit: Visit, *, wanted: int = 1, seconds: float = SHIPPED_SECONDS) -> list[Account]:
    """Return what was shipped of a finished call, oldest first; fails if fewer than `wanted` come in time."""
    deadline = asyncio.get_running_loop().time() + seconds
    while len(rows := await asyncio.to_thread(_rows, world, visit.channel)) < wanted:
        if asyncio.get_running_loop().time() > deadline:
            raise AssertionError(f"call {visit.channel} has {len(rows)} of {wanted} accounts after {seconds:g} s")
        await asyncio.sleep(0.1)
    found = []
    for row in rows:
        text = await asyncio.to_thread((world.spool / "shipped" / row["recording"] / "manifest.json").read_bytes)
        manifest = json.loads(text)
        found.append(Account(row, manifest, await asyncio.to_thread(_objects, world, manifest["folder"])))
    return found


def stored(account: Account) -> list[Pcm]:
    """Return every channel of every stored segment."""
    found: list[Pcm] = []
    for key, content in account.objects.items():
        if key.endswith(".flac"):
            import io

            samples, rate = soundfile.read(io.BytesIO(content), dtype="int16", always_2d=True)
            assert rate == RATE
            found += [np.ascontiguousarray(samples[:, index]) for index in range(samples.shape[1])]
    return found


def assert_unrecorded(world: World, visit: Visit, account: Account, reason: str) -> None:
    """Nothing of anyone is stored anywhere, and the row says why."""
    assert (account.row["outcome"], account.row["reason"]) == ("not_recorded", reason)
    assert account.manifest["segments"] == []
    assert [key.rpartition("/")[2] for key in account.objects] == ["manifest.json"]
    assert_no_voice(world, visit)


def assert_no_voice(world: World, visit: Visit) -> None:
    """No WAV of spool or Asterisk holds anything of either voice."""
    for file in wavs(world):
        samples, _ = soundfile.read(file, dtype="int16")
        for who, said in visit.voices().items():
            assert not find_reference(samples, said).spans, f"{file} holds the voice of the {who}"


def wavs(world: World) -> list[Path]:
    """Every sound file that could hold a voice."""
    places = (world.spool / "audio", world.spool / "quarantine", world.spool / "sealed", world.asterisk.monitor)
    return [file for place in places if place.is_dir() for file in place.rglob("*.[wW][aA][vV]")]
