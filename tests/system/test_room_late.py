"""Events that come late, twice or in another order: they cost a recording, never a promise.

Each scene has a recorded conversation first. Then the events of one or of both streams are held, and somebody untold
comes in, the house holds, a call is picked up. What was captured meanwhile is in no object: the evidence's interval
cuts it away, and the manifest says how much that was.
"""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import pytest
from system.case import Verdict
from system.hospital import Hospital
from system.judge import play
from system.passage import AT_ONCE_SECONDS, other_config
from system.proxy import AmiFraming, AriFraming, Proxy
from system.scene import Scenario, Scene
from system.scenes import conferences, rooms, transfers
from system.weather import Weather

from ari_app.core.names import MICROSECONDS
from ari_app.pulse import DEAD_MICROSECONDS

ALIVE_SECONDS: Final = 3
"""The dialplan sends nobody to a gate that has been silent for longer."""

# A stream that is late delays the heartbeat: the guard must then end what runs, and let go whom the gate holds.
pytestmark = pytest.mark.alarms("leg.continued", "capture.stopped stale_heartbeat")

SCENES: Final[dict[str, Scenario]] = {
    "untold newcomer by transfer": transfers.untold_newcomer,
    "untold newcomer in the bridge": rooms.newcomer,
    "hold": rooms.house_holds,
    "pickup": rooms.picked_up,
    "conference": conferences.third_joins,
}


async def caller_in_the_storm(scene: Scene) -> None:
    """A gate whose streams are dead does not say that it lives: whoever calls then reaches the house at once."""
    phone = await scene.phone()
    await scene.act()

    async def old() -> bool:
        found = re.search(r"CONSENTGATE_ALIVE=(\d+)", await scene.hospital.cli("dialplan show globals"))
        # As the dialplan reckons (dialplan/consentgate.conf).
        return found is not None and int(time.time()) - int(found[1]) > ALIVE_SECONDS

    await scene.hospital.until(old, "a sign of life that is old", seconds=12.0)
    # Of a line on which no script speaks in the gate's place.
    caller = await scene.rings(scene.number_of("consent-line", phone), "consent-line")
    caller.refused = ("gate_away",)
    house = await scene.arrival(phone)
    reached = (house.call.at("INVITE received") - caller.call.at("INVITE")) / 1e6
    assert reached < AT_ONCE_SECONDS, f"the house was called {reached:.1f} s after the caller's INVITE"
    await scene.converse(caller, house)
    await scene.talk()


@dataclass(slots=True)
class Ways:
    """The gate's two connections to Asterisk."""

    ami: Proxy
    ari: Proxy

    def clear(self) -> None:
        """Let the sun shine."""
        self.ami.weather = self.ari.weather = None


@contextmanager
def ways(hospital: Hospital) -> Iterator[Ways]:
    """Put a proxy before each of them."""
    ports = hospital.world.ports.asterisk
    with Proxy(("127.0.0.1", ports.ami), AmiFraming) as ami, Proxy(("127.0.0.1", ports.http), AriFraming) as ari:
        yield Ways(ami, ari)


async def behind(hospital: Hospital, on: Ways, work: Callable[[], Awaitable[None]]) -> None:
    """Let the gate run behind the proxies meanwhile."""
    at: dict[str, Any] = {
        "ari_url": "http://{}:{}/ari".format(*on.ari.address),
        "ami_host": on.ami.address[0],
        "ami_port": on.ami.address[1],
    }
    async with other_config(hospital, "gate", {"asterisk": at}):
        await hospital.do(hospital.await_alive)
        try:
            await work()
        finally:
            on.clear()


@pytest.mark.parametrize("seconds", [0.5, 2.0, 5.0])
def test_late(hospital: Hospital, seconds: float) -> None:
    """Each stream for itself, then both."""
    with ways(hospital) as on:

        async def late(*proxies: Proxy) -> Verdict:
            weather = Weather(late_seconds=seconds)

            def storm() -> None:
                for proxy in proxies:
                    proxy.weather = weather

            names = "+".join("AMI" if one is on.ami else "ARI" for one in proxies)
            title = f"{names} late by {seconds} s"
            deaf = on.ami in proxies and seconds * MICROSECONDS > DEAD_MICROSECONDS
            scenes = SCENES | ({"caller in the storm": caller_in_the_storm} if deaf else {})
            # A gate whose streams stay so late would never know what to seal.
            verdict = await play(hospital, scenes, before_acts=storm, afterwards=on.clear, deaf=deaf, title=title)
            assert weather.met, "no event was late"
            return verdict

        async def work() -> None:
            first = await late(on.ami)
            assert first.destroyed_ms > 0, "nothing was captured meanwhile: was anything late?"
            await late(on.ari)
            if seconds == 5.0:
                await late(on.ami, on.ari)

        asyncio.run(behind(hospital, on, work))


@pytest.mark.parametrize(
    "weather", [Weather(twice=True), Weather(shuffle_seconds=0.03)], ids=["doubled", "out of order"]
)
def test_doubled_and_out_of_order(hospital: Hospital, weather: Weather) -> None:
    """All events of both streams twice; and events of different channels overtaking each other."""
    scenes: dict[str, Scenario] = {
        **SCENES,
        "attended transfer": transfers.attended_refer,
        "attended transfer by code": transfers.attended_code,
    }
    with ways(hospital) as on:

        async def work() -> None:
            on.ami.weather = on.ari.weather = weather
            await play(hospital, scenes, title="events twice" if weather.twice else "events out of order")
            assert weather.met

        asyncio.run(behind(hospital, on, work))
