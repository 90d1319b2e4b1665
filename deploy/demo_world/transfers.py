"""A call that is transferred, as three real telephones make it: the caller, the agent 2001, and whoever the agent
hands the caller on to, by SIP REFER, as a telephone's transfer key does.

Everything is done when it is due, not when a clock says so: who must be told takes as long as their announcement.
The newcomer from outside talks into theirs, as the caller did before: that must be in no recording.
"""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from telephone import Call, IncomingCall, Telephone, TelephoneError, answering
from telephone.voice import Sound, wav

from . import calls
from .asterisk import EXTENSIONS
from .errors import WorldError
from .ports import ADDRESS
from .settings import EMERGENCY_NUMBERS
from .voices import length_seconds
from .world import World

AGENT: Final = EXTENSIONS[0]
CALLER, HOUSE, NEWCOMER = "en-gb+f3", "en-gb+m3", "en-gb+m7"
TOO_EARLY_AGAIN: Final = "Hello? Who is calling?"
HANDING_ON: Final = "One moment, I will put you through."
TAKING_OVER: Final = "Ward four, good morning."
REQUEST: Final = "Good morning. It is about my appointment."
REPLY: Final = "You are on our list for Tuesday. Goodbye."
PAUSE_SECONDS: Final = 0.4
PATIENCE_SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True)
class Cast:
    """Who takes part: where the newcomer's telephone is, and what they must hear before anybody hears them."""

    number: str
    outside: bool
    announcements: tuple[Path, ...]

    @property
    def recordings(self) -> int:
        """The caller's, and one of a newcomer from outside: each holds one outside party's voice."""
        return 2 if self.outside else 1


def cast(world: World, number: str) -> Cast:
    """Find out who is called by a number. Raises WorldError for one that the play has no part for."""
    if number in EXTENSIONS[1:]:
        return Cast(number, False, ())
    if number == AGENT or number in EMERGENCY_NUMBERS or not number.isdecimal() or len(number) <= len(AGENT):
        house = ", ".join(EXTENSIONS[1:])
        raise WorldError(
            f"a caller cannot be transferred to {number!r} here; take a house phone ({house}) or an outside number, "
            "as 07700900456"
        )
    files = world.env()["lines"]["outgoing"]["outgoing_announcements"]
    return Cast(number, True, tuple(map(Path, files)))


class Play:
    """One transferred call: `run` places it and ends when all have hung up."""

    def __init__(self, world: World, line: str, who: Cast, scratch: Path, say: Callable[[str], None]) -> None:
        self._world, self._who, self._say = world, who, say
        self._scratch = scratch
        env = world.env()
        self._agent_password = env["agents"][0]["password"]
        self._passwords = {agent["user"]: agent["password"] for agent in env["agents"]}
        self._house = f"{ADDRESS}:{world.ports.asterisk.house}"
        self._line = f"sip:{env['lines'][line]['number']}@{env['sip']}"

    async def run(self) -> None:
        """Place the call. Raises WorldError if anybody is not reached."""
        try:
            async with AsyncExitStack() as telephones:
                await self._scenes(telephones)
        except TimeoutError:
            raise WorldError(f"nobody answered within {PATIENCE_SECONDS:g} s: see {self._log}") from None
        except (TelephoneError, OSError) as error:
            raise WorldError(f"the call did not succeed: {error}; see {self._log}") from None

    @property
    def _log(self) -> Path:
        return self._world.root / "asterisk" / "log" / "messages.log"

    async def _scenes(self, telephones: AsyncExitStack) -> None:
        agent = await telephones.enter_async_context(self._house_phone(AGENT, ring_seconds=calls.RING_SECONDS))
        caller = await telephones.enter_async_context(Telephone(calls.CALLER_NUMBER))
        call = await caller.call(self._line, voice=self._voice(calls.TOO_EARLY, CALLER, lead_seconds=0.3))
        answered = await self._answered(agent)
        self._say(f"{AGENT} answers.")
        await self._speaks(answered, calls.GREETING, HOUSE)
        await self._speaks(call, calls.QUESTION, CALLER)
        await self._speaks(answered, HANDING_ON, HOUSE)
        # Only now: until here it would have rung at every phone of the house.
        newcomer = await telephones.enter_async_context(self._newcomer())
        self._say(f"{AGENT} transfers the caller to {self._who.number}.")
        await answered.refer(f"sip:{self._who.number}@{self._house}")
        taken = await self._answered(newcomer)
        await answered.hangup()
        if self._who.outside:
            self._say("The newcomer is from outside: they are told before the caller hears them.")
            taken.say(self._voice(TOO_EARLY_AGAIN, NEWCOMER, lead_seconds=0.2))
            await asyncio.sleep(sum(map(length_seconds, self._who.announcements)) + PAUSE_SECONDS)
        await self._speaks(taken, TAKING_OVER, NEWCOMER)
        await self._speaks(call, REQUEST, CALLER)
        await self._speaks(taken, REPLY, NEWCOMER)
        await call.hangup()

    def _house_phone(self, user: str, *, ring_seconds: float) -> Telephone:
        registrar = (ADDRESS, self._world.ports.asterisk.house)
        on_call = answering(ring_seconds=ring_seconds)
        return Telephone(user, self._passwords[user], registrar=registrar, on_call=on_call)

    def _newcomer(self) -> Telephone:
        if not self._who.outside:
            return self._house_phone(self._who.number, ring_seconds=calls.RING_SECONDS)
        port = self._world.ports.asterisk.trunk_peer
        return Telephone(self._who.number, local_port=port, on_call=answering(ring_seconds=calls.RING_SECONDS))

    async def _answered(self, phone: Telephone) -> IncomingCall:
        async with asyncio.timeout(PATIENCE_SECONDS):
            call = await phone.next_call()
            await call.answered
        return call

    async def _speaks(self, call: Call, text: str, voice: str) -> None:
        said = self._voice(text, voice)
        call.say(said)
        await asyncio.sleep(said.seconds + PAUSE_SECONDS)

    def _voice(self, text: str, voice: str, *, lead_seconds: float = 0.0) -> Sound:
        file = self._scratch / f"{abs(hash((text, voice)))}.wav"
        return wav(self._world.studio.speak(text, file, voice=voice, lead_seconds=lead_seconds))


def place(world: World, line: str, number: str, scratch: Path, say: Callable[[str], None]) -> list[str]:
    """Call a line, be transferred to number, and return the ids of the recordings that ship has finished with.

    Raises WorldError if the call does not come about, or if nothing of it was kept.
    """
    calls.check_line(world, line)
    who = cast(world, number)
    before = calls.known(world.spool)
    asyncio.run(Play(world, line, who, scratch, say).run())
    return calls.await_shipped(world.spool, before, who.recordings)
