"""What the tests of the guard's doors have in common: how many times, how fast, and what must lie where afterwards."""

import asyncio
import base64
import json
import math
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

import aiohttp
from telephone import OutgoingCall

from .cleanliness import alarms
from .doors import APPLICATION, sound_files
from .hospital import Hospital, fresh_noise
from .site import STRANGER
from .unrecorded import longest_silence

TIMES: Final = 20
FILELESS: Final = 2
"""Of so many openings, these at most may be ended before Asterisk has made a file."""
MOST_MS: Final = 300
MOST_BYTES: Final = 44 + 16 * (MOST_MS + 100)
"""Of sound that began to be taken MOST_MS before it was stopped; a file that closes late holds 100 ms more."""
ALIVE_SECONDS: Final = 0.3

Act = Callable[[int], Awaitable[None]]


async def settled(hospital: Hospital, since: int, count: int) -> None:
    """Wait until the guard has said its alarm."""

    async def said() -> bool:
        return len(alarms(hospital.world, since)) >= count

    await hospital.until(said, f"alarm {count}")


async def opened(hospital: Hospital, act: Act, *, pause_seconds: float = 0.0, at_once: int = 1) -> None:
    """Open a door as often as the bar says, so many times at once, and wait until the guard has shut it."""
    since = len(hospital.log("guard"))
    for number in range(0, TIMES, at_once):
        await asyncio.gather(*(act(number + one) for one in range(at_once)))
        await settled(hospital, since, number + at_once)
        await asyncio.sleep(pause_seconds)


@asynccontextmanager
async def call(hospital: Hospital, number: str) -> AsyncIterator[OutgoingCall]:
    """Place a call that does not pass the gate; at its end it must be alive, and the caller hear."""
    async with hospital.outside() as phone:
        placed = await phone.call(hospital.uri(number), voice=fresh_noise())
        await hospital.connected(placed)
        yield placed
        assert placed.state == "up", "the guard has cost a caller the call"
        await placed.hangup()


async def assert_goes_on(placed: OutgoingCall) -> None:
    """The call is up, and its caller hears something."""
    heard = len(placed.heard.mulaw)
    await asyncio.sleep(ALIVE_SECONDS)
    assert placed.state == "up"
    assert len(placed.heard.mulaw) > heard, f"silence, {longest_silence(placed)} s at the longest"


def assert_shut(
    hospital: Hospital, name: str, door: str, since: int, *, files: bool = True, most_bytes: int = MOST_BYTES
) -> list[dict[str, Any]]:
    """Every opening was stopped within the bar, and its files lie in quarantine alone, for the guard alone.

    Prints the times. files: whether this door leaves any.
    """
    said = alarms(hospital.world, since)
    assert len(said) == TIMES, said
    assert {(one["event"], one["door"]) for one in said} == {("capture.stopped", door)}, said
    times = sorted(one["stopped_after_ms"] for one in said)
    p99 = times[math.ceil(0.99 * len(times)) - 1]
    print(f"guard: {name}: begun to stopped, {len(times)} times: median {times[len(times) // 2]} ms, p99 {p99} ms")
    assert p99 <= MOST_MS
    assert times[0] >= 0
    kept = without = 0
    for one in said:
        incident = read_incident(hospital, one["incident"])
        assert (incident["id"], incident["door"], incident["action"]) == (one["incident"], door, "stopped")
        for file in incident["files"]:
            place = hospital.world.spool / "quarantine" / file["quarantined_as"]
            assert (place.stat().st_size, place.stat().st_mode & 0o777) == (file["bytes"], 0o600)
            assert file["bytes"] <= most_bytes, f"{file['bytes']} bytes were taken before it was stopped"
            kept += 1
        # What is ended before Asterisk has made its file has none, and none is left (below).
        without += not incident["files"]
    assert kept == (TIMES - without if files else 0)
    assert without <= (FILELESS if files else TIMES)
    assert sound_files(hospital.world) == set(), "a file was left"
    return said


def read_incident(hospital: Hospital, identity: str) -> dict[str, Any]:
    """Return what the guard has written of an alarm; ship may have stored it meanwhile."""
    folder = hospital.world.spool / "incidents"
    for file in (folder / f"{identity}.json", folder / "shipped" / f"{identity}.json"):
        if file.exists():
            said: dict[str, Any] = json.loads(file.read_bytes())
            return said
    raise AssertionError(f"there is no incident {identity}")


@asynccontextmanager
async def application(hospital: Hospital) -> AsyncIterator[None]:
    """Be somebody else's ARI application."""
    credentials = base64.b64encode(f"{STRANGER}:{STRANGER}".encode()).decode()
    url = f"{hospital.at['ari']['url']}/events"
    async with (
        aiohttp.ClientSession(headers={"Authorization": f"Basic {credentials}"}) as http,
        http.ws_connect(url, params={"app": APPLICATION}),
    ):
        yield


async def in_stasis(hospital: Hospital, number: str) -> str:
    """Return the caller's channel when their ARI application has it."""
    _, channel = await hospital.channel_of(number)

    async def there() -> bool:
        return await hospital.ari("POST", f"/channels/{channel}/ring") == 204

    await hospital.until(there, "the channel in the application")
    return channel
