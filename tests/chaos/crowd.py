"""Twelve calls at once, each in another phase when the blow falls; what people do meanwhile, and that they still talk.

Those whose phase lasts wait for each other. Then two more call, of whom one hears the announcement and the other has
just been permitted as it falls. A transfer, an objection and a hang-up are begun in the very moment before.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Final

from system.case import KEY_US
from system.hospital import CONNECT_SECONDS, fresh_noise
from system.scene import Scenario, Scene
from system.stage import Leg, Stage
from telephone import IncomingCall, Instant, Telephone, now_us

NEAR_SECONDS: Final = 0.03
"""So long before the blow somebody begins to do what it interrupts."""
AFTER_SECONDS: Final = 1.5
HEARS_SECONDS: Final = 12.0
ANNOUNCED_SECONDS: Final = 0.9
"""After the one who has just been permitted when it falls has called, the one calls who hears the announcement."""

Strike = Callable[[], Awaitable[None]]
"""Begins the fault, and returns when it has begun."""


def _taken_in(leg: Leg) -> Instant:
    """When Asterisk can have taken in the last key: what a busy machine's telephone presses too short is drawn out."""
    return Instant(max(leg.key_up, leg.call.media.keys_down[-1] + KEY_US))


@dataclass(slots=True)
class Moment:
    """The moment of the blow, for everybody who waits for it. deadly: whether no call survives it."""

    lasting: int
    passing: int
    deadly: bool = False
    near: list[Callable[[], Coroutine[Any, Any, None]]] = field(default_factory=list)
    settled: asyncio.Event = field(default_factory=asyncio.Event)
    all_here: asyncio.Event = field(default_factory=asyncio.Event)
    struck: asyncio.Event = field(default_factory=asyncio.Event)
    over: asyncio.Event = field(default_factory=asyncio.Event)

    async def here(self) -> None:
        """Say that this call is in its phase, and wait for the blow."""
        self.lasting -= 1
        if self.lasting == 0:
            self.settled.set()
        await self._blow()

    async def passes(self) -> None:
        """Say that this call is in a phase that does not last."""
        self.passing -= 1
        if self.passing == 0:
            self.all_here.set()
        await self._blow()

    async def _blow(self) -> None:
        async with asyncio.timeout(2 * CONNECT_SECONDS):
            await self.struck.wait()

    async def mended(self) -> None:
        """Wait until everything runs again, and a while longer."""
        async with asyncio.timeout(3 * CONNECT_SECONDS):
            await self.over.wait()
        await asyncio.sleep(AFTER_SECONDS)


class Crowd:
    """The calls of one blow."""

    def __init__(self, stage: Stage, *, deadly: bool = False) -> None:
        self.stage = stage
        lasting: dict[str, Scenario] = {
            "ringing": self.ringing,
            "conversation": self.conversation,
            "conversation, two languages": self.bilingual,
            "hold": self.hold,
            "transfer": self.transfer,
            "pause": self.pause,
            "objection": self.objection,
            "objection meanwhile": self.objection_meanwhile,
            "hold meanwhile": self.hold_meanwhile,
            "hang-up": self.hang_up,
        }
        passing: dict[str, Scenario] = {"announcement": self.announcement, "just permitted": self.just_permitted}
        self.moment = Moment(len(lasting), len(passing), deadly)
        self.scenes = lasting | passing | {"next": self.following}
        self.in_flight = len(lasting) + len(passing)
        self.following_legs: list[Leg] = []

    # -- the phases

    async def ringing(self, scene: Scene) -> None:
        """The house phone rings, and is answered after the blow."""
        answered: asyncio.Queue[Leg] = asyncio.Queue()

        async def policy(call: IncomingCall) -> None:
            leg = scene.leg(phone.user, call, staff=True, endpoint=f"PJSIP/{phone.user}")
            call.ring()
            await self.moment.struck.wait()
            await asyncio.sleep(0.3)
            if call.state == "ringing":
                call.accept(fresh_noise())
                answered.put_nowait(leg)

        phone = await scene.phone(on_call=policy)
        caller = await self._calls(scene, phone)
        await scene.ringing(phone)
        await self.moment.here()
        if self.moment.deadly:
            return await self._again(scene)
        async with asyncio.timeout(CONNECT_SECONDS):
            house = await answered.get()
            await house.call.answered
        return await self._goes_on(scene, caller, house)

    async def announcement(self, scene: Scene) -> None:
        """The caller hears the announcement."""
        phone = await scene.phone()
        await self._settled()
        await asyncio.sleep(ANNOUNCED_SECONDS)
        caller = await self._calls(scene, phone)
        caller.told_anew = True
        await caller.call.media.first_heard
        await self.moment.passes()
        await self._arrives(scene, phone, caller)

    async def just_permitted(self, scene: Scene) -> None:
        """The announcement is over, and the house phone begins to ring."""
        phone = await scene.phone(ring_seconds=0.3)
        await self._settled()
        caller = await self._calls(scene, phone)
        caller.told_anew = True
        await scene.ringing(phone)
        await self.moment.passes()
        await self._arrives(scene, phone, caller)

    async def conversation(self, scene: Scene) -> None:
        """Two talk."""
        legs = await self._talk(scene)
        await self.moment.here()
        await self._goes_on(scene, *legs)

    async def bilingual(self, scene: Scene) -> None:
        """Two talk on a line that is announced in two languages."""
        legs = await self._talk(scene, "advice-line")
        await self.moment.here()
        await self._goes_on(scene, *legs)

    async def hold(self, scene: Scene) -> None:
        """The house holds the caller, and takes them back afterwards."""
        caller, house = await self._talk(scene)
        await scene.hold(house)
        await self.moment.here()
        if self.moment.deadly:
            return await self._again(scene)
        await self.moment.mended()
        await scene.unhold(house)
        return await self._goes_on(scene, caller, house)

    async def hold_meanwhile(self, scene: Scene) -> None:
        """The house holds the caller while something is broken."""
        caller, house = await self._talk(scene)
        await self.moment.here()
        if self.moment.deadly:
            return await self._again(scene)
        await asyncio.sleep(0.2)
        await scene.hold(house)
        await self.moment.mended()
        await scene.unhold(house)
        return await self._goes_on(scene, caller, house)

    async def transfer(self, scene: Scene) -> None:
        """The house refers the caller to a colleague in that moment."""
        phone, second = await scene.phone(), await scene.phone()
        caller, house = await self._talk(scene, phone=phone)
        work: list[asyncio.Task[None]] = []

        async def refer() -> None:
            work.append(asyncio.current_task())  # type: ignore[arg-type]
            await scene.refer(house, second)

        self.moment.near.append(refer)
        await self.moment.here()
        if self.moment.deadly:
            return await self._again(scene)
        async with asyncio.timeout(CONNECT_SECONDS):
            await work[0]
            colleague = await scene.arrival(second)
        return await self._goes_on(scene, caller, colleague)

    async def pause(self, scene: Scene) -> None:
        """The house has paused the recording, and resumes it afterwards."""
        caller, house = await self._talk(scene)
        await house.call.press("*52")
        begun = _taken_in(house)
        await asyncio.sleep(0.5)
        await self.moment.here()
        if self.moment.deadly:
            scene.off(house, begun, why="paused")
            return await self._again(scene)
        await self.moment.mended()
        scene.off(house, begun, now_us(), "paused")
        await house.call.press("*50")
        return await self._goes_on(scene, caller, house)

    async def objection(self, scene: Scene) -> None:
        """The caller objects in that moment."""
        legs = await self._talk(scene)
        self.moment.near.append(lambda: self._objects(scene, legs[0]))
        await self.moment.here()
        await self._goes_on(scene, *legs)

    async def objection_meanwhile(self, scene: Scene) -> None:
        """The caller objects while something is broken."""
        legs = await self._talk(scene)
        await self.moment.here()
        if not self.moment.deadly:
            await asyncio.sleep(0.3)
            await self._objects(scene, legs[0])
        await self._goes_on(scene, *legs)

    async def hang_up(self, scene: Scene) -> None:
        """The caller hangs up in that moment."""
        caller, house = await self._talk(scene)

        async def hangs_up() -> None:
            house.released = True
            await scene.hangs_up(caller)

        self.moment.near.append(hangs_up)
        await self.moment.here()
        if self.moment.deadly:
            return await self._again(scene)
        return await scene.released(house, seconds=CONNECT_SECONDS)

    async def following(self, scene: Scene) -> None:
        """Whoever calls when all is mended is told and recorded as ever."""
        phone = await scene.phone()
        async with asyncio.timeout(3 * CONNECT_SECONDS):
            await self.moment.over.wait()
        if self.moment.deadly:
            await phone.register()
        legs = await scene.incoming(phone)
        self.following_legs.append(legs[0])
        await scene.talk(1.0)
        await scene.converse(*legs)

    # -- what they have in common

    async def _settled(self) -> None:
        async with asyncio.timeout(2 * CONNECT_SECONDS):
            await self.moment.settled.wait()

    async def _calls(self, scene: Scene, phone: Telephone, line: str = "switchboard") -> Leg:
        caller = await scene.rings(scene.number_of(line, phone), line)
        # Whether it had to be recorded depends on when it was hit; who has an account is judged elsewhere.
        caller.reasons = None
        return caller

    async def _talk(
        self, scene: Scene, line: str = "switchboard", *, phone: Telephone | None = None
    ) -> tuple[Leg, Leg]:
        legs = await scene.incoming(phone or await scene.phone(), line)
        legs[0].reasons = None
        return legs

    async def _objects(self, scene: Scene, caller: Leg) -> None:
        await caller.call.press("*9")
        scene.off(caller, _taken_in(caller), why="objected")

    async def _arrives(self, scene: Scene, phone: Telephone, caller: Leg) -> None:
        if self.moment.deadly:
            return await self._again(scene)
        return await self._goes_on(scene, caller, await scene.arrival(phone))

    async def _goes_on(self, scene: Scene, caller: Leg, house: Leg) -> None:
        if self.moment.deadly:
            return await self._again(scene)
        if not self.moment.over.is_set():
            await self.moment.mended()
        return await scene.converse(caller, house, seconds=HEARS_SECONDS)

    async def _again(self, scene: Scene) -> None:
        """Asterisk has died with their call: they notice, and call again when there is one."""
        for leg in scene.legs:
            leg.released = True
            leg.call.abandon()
        await self.moment.mended()
        phone = await scene.phone()
        await scene.converse(*await self._talk(scene, phone=phone), seconds=HEARS_SECONDS)

    # -- the blow

    async def struck(self, strike: Strike, mend: Strike) -> None:
        """Wait until each is in its phase; strike, and mend."""
        async with asyncio.timeout(3 * CONNECT_SECONDS):
            await self.moment.all_here.wait()
        self.stage.acted_at = now_us()
        begun = [asyncio.ensure_future(one()) for one in self.moment.near]
        try:
            await asyncio.sleep(NEAR_SECONDS)
            await strike()
            self.moment.struck.set()
            await mend()
        finally:
            self.moment.struck.set()
            self.moment.over.set()
            if self.moment.deadly:
                for one in begun:
                    one.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.gather(*begun, return_exceptions=True)
