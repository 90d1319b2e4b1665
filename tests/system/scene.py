"""What happens between a few people: who is there, what they do, and that nobody is dropped.

    async def blind(scene: Scene) -> None:
        first, second = await scene.phone(), await scene.phone()
        caller, house = await scene.incoming(first)
        await scene.refer(house, second)
        await scene.converse(caller, await scene.arrival(second))

A scene says what people do. Who could hear whom meanwhile the judge finds out by itself (`rooms`), so a scene that does
not say what must not be stored is judged all the same.
"""

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final

from canary import NEVER_PLAYED_SAMPLES, find_spoken
from telephone import FRAME_SAMPLES, Call, IncomingCall, Instant, OutgoingCall, Telephone, Voice, now_us
from telephone.mulaw import Pcm

from .hospital import CONNECT_SECONDS, fresh_noise, fresh_number
from .rooms import END_OF_TIME, Joint, Off
from .site import PHONE_PASSWORD, number_of
from .stage import Leg, Outsider, Stage, told_at

TALK_SECONDS: Final = 0.8
"""How long people talk before and after what a scene is about."""
PROMPT_SECONDS: Final = 0.5
"""After a transfer's code, until its prompt has begun."""
_RECENT_PACKETS: Final = 25
_SAID_FRAMES: Final = 100
"""What can be heard in half a second was said in the last two: no way in these tests takes longer."""
_HEARD_SAMPLES: Final = 480
"""So much of somebody's voice in the last half second, and they are heard; in a conference telephone half the frames
are another's."""

Scenario = Callable[["Scene"], Awaitable[None]]


class Scene:
    """What happens between a few people."""

    def __init__(self, stage: Stage, name: str) -> None:
        self.stage, self.name = stage, name
        self.hospital, self.witness = stage.hospital, stage.witness
        self.legs: list[Leg] = []
        self._open = AsyncExitStack()
        self._arrived: dict[str, asyncio.Queue[Leg]] = {}

    # -- who is there

    async def phone(
        self,
        user: str | None = None,
        *,
        ring_seconds: float = 0.1,
        answers: bool = True,
        forwards_to: str | None = None,
        **telephone: Any,
    ) -> Telephone:
        """Register a house phone of this scene's own, which answers every call with a voice of its own for each.

        user: one of the demo's phones instead, which only one scene can have.
        """
        known = {one["user"]: one["password"] for one in self.hospital.at["agents"]}
        user = user or self.stage.next_phone()
        arrived = self._arrived[user] = asyncio.Queue()

        async def policy(call: IncomingCall) -> None:
            if forwards_to is not None:
                call.redirect(self.uri(forwards_to))
                return
            leg = self.leg(user, call, staff=True, endpoint=f"PJSIP/{user}")
            call.ring()
            await asyncio.sleep(ring_seconds)
            if answers and call.state == "ringing":
                call.accept(fresh_noise())
                arrived.put_nowait(leg)

        host, port = self.hospital.at["agents"][0]["sip"].split(":")
        options: dict[str, Any] = {"registrar": (host, int(port)), "on_call": policy} | telephone
        return await self._open.enter_async_context(Telephone(user, known.get(user, PHONE_PASSWORD), **options))

    def outsider(
        self, number: str | None = None, *, voice: Callable[[], Voice | None] = fresh_noise, ring_seconds: float = 0.1
    ) -> Outsider:
        """Give somebody outside whom the house can call."""
        outsider = Outsider(number or fresh_number(), voice, ring_seconds)
        self.stage.outsiders[outsider.number] = outsider
        return outsider

    def leg(
        self, name: str, call: Call, *, staff: bool, endpoint: str = "", announcements: tuple[Pcm, ...] = ()
    ) -> Leg:
        """Let the judge know of a call."""
        names = {one.name for one in self.legs}
        if name in names:
            name = next(one for number in itertools.count(2) if (one := f"{name} ({number})") not in names)
        leg = Leg(name, call, staff, announcements, endpoint, self.name)
        self.legs.append(leg)
        self.stage.legs.append(leg)
        return leg

    # -- calls

    def uri(self, to: Telephone | Outsider | str) -> str:
        """Return what a house phone dials for a colleague, somebody outside, or any number."""
        host = self.hospital.at["agents"][0]["sip"]
        number = to if isinstance(to, str) else to.user if isinstance(to, Telephone) else to.number
        return f"sip:{number}@{host}"

    async def rings(
        self, number: str, line: str, *, name: str = "caller", voice: Voice | None = None, **phone: Any
    ) -> Leg:
        """Let somebody outside call a number of the trunk, which belongs to this line."""
        telephone = await self._open.enter_async_context(self.hospital.outside(**phone))
        call = await telephone.call(self.hospital.uri(number), voice=voice or fresh_noise())
        told = tuple(self.hospital.announcements(line))
        leg = self.leg(name, call, staff=False, endpoint="PJSIP/trunk", announcements=told)
        leg.reasons = ()
        return leg

    async def incoming(
        self, phone: Telephone, line: str = "switchboard", *, name: str = "caller", **telephone: Any
    ) -> tuple[Leg, Leg]:
        """Let somebody outside call a house phone, and wait until both have talked for a while."""
        leg = await self.rings(number_of(line, phone.user), line, name=name, **telephone)
        house = await self.arrival(phone)
        await self.converse(leg, house)
        await asyncio.sleep(TALK_SECONDS)
        return leg, house

    async def arrival(self, phone: Telephone) -> Leg:
        """Return the next call that this house phone has answered."""
        async with asyncio.timeout(CONNECT_SECONDS):
            leg = await self._arrived[phone.user].get()
            await leg.call.answered
        return leg

    async def answered(self, outsider: Outsider, line: str | None = None, *, endpoint: str = "PJSIP/trunk") -> Leg:
        """Return the next call that somebody outside has answered; `line`: whose announcement they must hear."""
        told = tuple(self.hospital.outgoing_announcements(line)) if line else ()
        async with asyncio.timeout(CONNECT_SECONDS):
            call = await outsider.rang.get()
            leg = self.leg(outsider.number, call, staff=False, endpoint=endpoint, announcements=told)
            leg.reasons = () if line else None
            await call.answered
        return leg

    async def dial(self, phone: Telephone, to: Telephone | Outsider | str, *, voice: Voice | None = None) -> Leg:
        """Let a house phone call a colleague, somebody outside or any number; the call may not be up yet."""
        call: OutgoingCall = await phone.call(self.uri(to), voice=voice or fresh_noise())
        return self.leg(phone.user, call, staff=True, endpoint=f"PJSIP/{phone.user}")

    def number_of(self, line: str, phone: Telephone) -> str:
        """Return the number outside that leads over a line to a house phone."""
        return number_of(line, phone.user)

    async def ringing(self, phone: Telephone) -> None:
        """Wait until a house phone rings."""

        async def rings() -> bool:
            return any(call.state == "ringing" for call in phone.calls)

        await self.hospital.until(rings, f"{phone.user} rings")

    async def told(self, leg: Leg) -> Instant:
        """Wait until somebody outside has heard all of the announcement."""
        least = sum(len(one) - NEVER_PLAYED_SAMPLES for one in leg.announcements)

        async def told() -> bool:
            # To look is work, and while one looks no telephone of this process speaks: not before there can be enough.
            return leg.call.media.packets * FRAME_SAMPLES >= least and told_at(leg) is not None

        await self.hospital.until(told, f"{leg.title} hears the announcement")
        return told_at(leg) or Instant(0)

    # -- what people do

    async def act(self) -> None:
        """Say that what this scene is about comes now."""
        await self.stage.act()

    async def talk(self, seconds: float = TALK_SECONDS) -> None:
        """Let everybody talk for a while."""
        await asyncio.sleep(seconds)

    async def converse(self, *legs: Leg, seconds: float = 8.0) -> None:
        """Wait until each of them hears each other one; AssertionError if it does not come to that."""
        pairs = itertools.permutations(legs, 2)
        await asyncio.gather(*(self.hears(ear, mouth, seconds=seconds) for ear, mouth in pairs))

    async def hears(self, ear: Leg, mouth: Leg, *, seconds: float = 8.0) -> Instant:
        """Wait until one hears the other, and return when that was noticed."""

        async def heard() -> bool:
            for one in (ear, mouth):
                assert one.call.state not in {"ending", "ended"}, f"{one.title} is in no call: {one.call.events}"
            recent, said = ear.call.media.lately(_RECENT_PACKETS).pcm, mouth.call.sent.lately(_SAID_FRAMES)
            return find_spoken(recent, said).matched >= _HEARD_SAMPLES

        await self.hospital.until(heard, f"{ear.title} hears {mouth.name}", seconds)
        return now_us()

    async def hold(self, leg: Leg) -> None:
        """Hold the other side: from now on nothing of anybody concerned may be stored, by the telephone's own clock."""
        leg.held.append((now_us(), END_OF_TIME))
        await leg.call.hold()

    async def unhold(self, leg: Leg) -> None:
        """Take the other side back."""
        leg.held[-1] = leg.held[-1][0], now_us()
        await leg.call.unhold()

    @asynccontextmanager
    async def holding(self, leg: Leg) -> AsyncIterator[None]:
        """Hold the other side meanwhile."""
        await self.hold(leg)
        yield
        await self.unhold(leg)

    async def done(self, action: str, **headers: str) -> None:
        """Do an AMI action as somebody else's program."""
        answer = await self.hospital.ami(action, **headers)
        assert answer["response"] == "Success", answer

    async def slot_of(self, leg: Leg) -> str:
        """Wait until somebody is parked, and return where."""
        name = await self.witness.channel_of(leg.call)

        def slots() -> list[str]:
            return [one["parkingspace"] for one in self.witness.of("ParkedCall") if one["parkeechannel"] == name]

        await self.witness.until(lambda: bool(slots()), f"{leg.title} is parked")
        return slots()[-1]

    def expect_message(self) -> None:
        """Say that a caller leaves a voice message, which voicemail and nobody else keeps."""
        self.stage.messages = self.hospital.world.asterisk.state / "spool" / "voicemail"

    def off(
        self, leg: Leg, begin: Instant, end: Instant = END_OF_TIME, why: str = "", *, everybody: bool = True
    ) -> None:
        """Note that nothing of this one, or of anybody in the room with them, may be stored from begin to end."""
        self.stage.offs.append(Off(leg.title, begin, end, f"{leg.name}: {why}", everybody))

    def joint(self, first: Leg, second: Leg, begin: Instant, end: Instant = END_OF_TIME) -> None:
        """Note that a telephone joined two of its calls by itself."""
        self.stage.joints.append(Joint(first.title, second.title, begin, end))

    async def refer(self, leg: Leg, to: Telephone | Outsider | str, *, replaces: Leg | None = None) -> None:
        """Transfer the other side of a house phone's call by REFER; hang up when Asterisk says that it worked."""
        since = len(leg.call.requests)
        await leg.call.refer(self.uri(to), replaces=replaces.call if replaces else None)

        async def told() -> bool:
            notes = [one.body.decode() for one in leg.call.requests[since:] if one.method == "NOTIFY"]
            final = [one for one in notes if not one.startswith("SIP/2.0 1")]
            assert all(one.startswith("SIP/2.0 200") for one in final), f"{leg.title}: the transfer failed: {notes}"
            return bool(final)

        await self.hospital.until(told, f"the success of the transfer by {leg.title}")
        over = [leg, *([replaces] if replaces else [])]
        for one in over:
            # Asterisk may be quicker to end what is over.
            one.released = True
        await self.hangs_up(*over)

    async def key(self, leg: Leg, code: str, number: str = "") -> None:
        """Press a feature's code, and after its prompt a number."""
        await leg.call.press(code)
        if number:
            await self.talk(PROMPT_SECONDS)
            await leg.call.press(number)

    async def released(self, *legs: Leg, seconds: float = 8.0) -> None:
        """Wait until Asterisk has ended these calls, as it should."""
        for leg in legs:
            await self.hospital.over(leg.call, seconds)
            leg.released = True

    async def hangs_up(self, *legs: Leg) -> None:
        """Let these hang up."""
        await asyncio.gather(*(leg.call.hangup() for leg in legs))

    # -- the end

    async def run(self, scenario: Scenario) -> None:
        """Play it; at its end everybody who should be in a call still is, and then hangs up."""
        async with self._open:
            try:
                await scenario(self)
                self.legs_alive()
            finally:
                up = [leg for leg in self.legs if leg.call.state not in {"ended", "ending"}]
                await asyncio.gather(*(leg.call.hangup() for leg in up if not leg.staff))
                await asyncio.gather(*(leg.call.hangup() for leg in up if leg.staff))

    def legs_alive(self) -> None:
        """Nobody was dropped."""
        dropped = []
        for leg in self.legs:
            ending = leg.call.ending
            answered = any(event.what == "200" for event in leg.call.events)
            if ending is not None and answered and ending.by != "us" and not leg.released:
                dropped.append(leg.name)
        said = "\n  ".join(f"{leg.name}: {[(at, what) for at, what in leg.call.events]}" for leg in self.legs)
        assert not dropped, f"{self.name}: dropped: {dropped}\n  {said}"


async def play_all(stage: Stage, scenarios: Mapping[str, Scenario]) -> None:
    """Play every scene at the same time, and wait until nothing is left of them; fails with what failed first."""
    scenes = {name: Scene(stage, name) for name in scenarios}

    async def one(number: int, name: str) -> None:
        # Not all in one instant: that would only measure the telephones.
        await asyncio.sleep(number * 0.15)
        try:
            await scenes[name].run(scenarios[name])
        except (AssertionError, TimeoutError) as failure:
            failure.add_note(f"in the scene: {name}")
            raise

    works: list[Coroutine[Any, Any, None]] = [one(number, name) for number, name in enumerate(scenarios)]
    results = await asyncio.gather(*works, return_exceptions=True)
    failures = [one for one in results if isinstance(one, BaseException)]
    if len(failures) > 1 and all(isinstance(one, Exception) for one in failures):
        raise ExceptionGroup("several scenes failed", [one for one in failures if isinstance(one, Exception)])
    for failure in failures:
        raise failure
    stage.afterwards()
    await stage.settle()
