"""How long a house phone waits for an emergency call, with the suite in whatever state, and without any suite.

Two Asterisks from the same files: one is the hospital's, on the other there is nothing of ours (`plain_pbx`): none of
our dialplan, nobody logged in on AMI or ARI. Calls go to both by turns, so a slow second of the machine hits both,
and in blocks: gate alive, gate hung (SIGSTOP), gate dead (SIGKILL), and all of the suite ended, which shows how alike
the two Asterisks are. Both run with `-p`, as Debian starts Asterisk, where the kernel permits it; the report says
whether they did. Ship sleeps (SIGSTOP) in each block and works between them: it takes no part in a call, but what it
does after each would here be done during the next.

The phone registers, dials and proves who it is as any; whoever answers outside does so at once, so no ringing hides
what we cost. Set-up time: from the phone's first INVITE to the 180, and to the 200, at the phone.
"""

import asyncio
import signal
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeVar

from demo_world import processes
from demo_world.ports import ADDRESS
from demo_world.settings import EMERGENCY_NUMBERS
from demo_world.world import OWN, World
from system.hospital import await_alive
from telephone import OutgoingCall, Telephone, TelephoneError, answering

from .figures import median, percentile

ALIVE, HUNG, DEAD, ENDED = "gate_alive", "gate_hung", "gate_dead", "suite_ended"
STATES: Final = (ALIVE, HUNG, DEAD, ENDED)
BLOCK_CALLS: Final = 20
WARM_UP_CALLS: Final = 2
"""At the begin of each block, not counted: processes have just changed."""
PHONE: Final = "2001"
PAUSE_SECONDS: Final = 0.03
"""Between two calls, for Asterisk and gate to be done with the first."""
LONGEST_SECONDS: Final = 5.0
SETTLED_SECONDS: Final = 20.0
Side = TypeVar("Side")


@dataclass(slots=True)
class SetUp:
    """Calls over one Asterisk."""

    ringing_ms: list[float] = field(default_factory=list)
    answered_ms: list[float] = field(default_factory=list)
    failed: int = 0

    def add(self, other: "SetUp") -> None:
        """Take in another block of the same state."""
        self.ringing_ms += other.ringing_ms
        self.answered_ms += other.answered_ms
        self.failed += other.failed

    def figures(self) -> dict[str, float]:
        """Return what is printed."""
        return {
            "calls": len(self.answered_ms),
            "invite_to_180_ms_p50": median(self.ringing_ms),
            "invite_to_200_ms_p50": median(self.answered_ms),
            "invite_to_200_ms_p90": percentile(self.answered_ms, 90),
        }


@dataclass(slots=True)
class Compared:
    """As many calls with the suite as without it, by turns."""

    suite: SetUp = field(default_factory=SetUp)
    plain: SetUp = field(default_factory=SetUp)

    def add(self, other: "Compared") -> None:
        """Take in another block of the same state."""
        self.suite.add(other.suite)
        self.plain.add(other.plain)

    @property
    def ratio(self) -> float:
        """The suite's median over the other."""
        return median(self.suite.answered_ms) / median(self.plain.answered_ms)

    def describe(self) -> str:
        """One line for whoever watches."""
        suite, plain = median(self.suite.answered_ms), median(self.plain.answered_ms)
        return (
            f"{len(self.suite.answered_ms)} calls each, {self.suite.failed + self.plain.failed} failed, INVITE → 200 "
            f"{suite:.2f} ms, without the suite {plain:.2f} ms (medians)"
        )


def blocks(calls: int) -> Iterator[tuple[str, int]]:
    """Return states and how many calls are placed in each, in turns."""
    left = calls
    while left > 0:
        now = min(left, BLOCK_CALLS)
        for state in STATES:
            yield state, now
        left -= now


def block(world: World, plain: World, state: str, calls: int) -> Compared:
    """Bring the suite into a state and place so many calls on either side. Raises WorldError or OSError."""
    _bring(world, state)
    ship = world.place("ship").running()
    if ship:
        ship.signal(signal.SIGSTOP)
    try:
        return asyncio.run(_place(world, plain, calls))
    finally:
        if ship:
            ship.signal(signal.SIGCONT)


def _bring(world: World, state: str) -> None:
    if state == ALIVE:
        world.start()
        await_alive(world)
    elif state == HUNG:
        gate = world.place("gate").running()
        if gate is None:
            raise OSError(f"the gate has ended; its log is {world.place('gate').log}")
        gate.signal(signal.SIGSTOP)
    elif state == DEAD:
        world.stop_one("gate", number=signal.SIGKILL)
    else:
        for name in OWN:
            world.stop_one(name)
    if state != ENDED:
        _quiet(world.spool)


def realtime(world: World) -> bool:
    """Tell whether a world's Asterisk runs with the priority of `-p`. Raises OSError if it does not run."""
    return processes.is_realtime(world.pid("asterisk") or -1)


def _quiet(spool: Path) -> None:
    """Wait until ship has done what the calls before left it to do."""
    waiting = [spool / name for name in ("sealed", "fallback")]
    if not processes.wait_until(lambda: not any(any(one.iterdir()) for one in waiting), SETTLED_SECONDS):
        raise OSError(f"ship has not emptied {spool} within {SETTLED_SECONDS:g} s")


async def _place(world: World, plain: World, calls: int) -> Compared:
    found = Compared()
    async with AsyncExitStack() as stack:
        sides = [(await _phone(stack, world), found.suite), (await _phone(stack, plain), found.plain)]
        for number in range(calls + WARM_UP_CALLS):
            for (phone, target), side in in_turns(sides, number):
                call = await phone.call(target)
                good = await _set_up(call)
                if number >= WARM_UP_CALLS:
                    side.failed += not good
                    if good:
                        begun = call.at("INVITE")
                        side.ringing_ms.append((await call.ringing - begun) / 1000)
                        side.answered_ms.append((await call.answered - begun) / 1000)
                await call.hangup()
                await asyncio.sleep(PAUSE_SECONDS)
    return found


def in_turns(sides: Sequence[Side], number: int) -> list[Side]:
    """Return the sides in the order of this round: neither is always the first."""
    return list(reversed(sides)) if number % 2 else list(sides)


async def _phone(stack: AsyncExitStack, world: World) -> tuple[Telephone, str]:
    """Switch on a house phone, and whoever answers outside; return it, and what it dials."""
    at = world.ports.asterisk
    await stack.enter_async_context(Telephone("exchange", local_port=at.trunk_peer, on_call=answering()))
    password = world.secrets.phones[PHONE]
    phone = await stack.enter_async_context(Telephone(PHONE, password, registrar=(ADDRESS, at.house)))
    return phone, f"sip:{EMERGENCY_NUMBERS[0]}@{ADDRESS}:{at.house}"


async def _set_up(call: OutgoingCall) -> bool:
    try:
        async with asyncio.timeout(LONGEST_SECONDS):
            await call.ringing
            await call.answered
    except (TimeoutError, TelephoneError):
        return False
    return True
