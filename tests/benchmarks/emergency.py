"""How long a house phone waits for an emergency call, with the suite in whatever state, and without any suite.

Two Asterisks from the same files: one is the hospital's, on the other there is nothing of ours (`plain_pbx`). They are
measured in turns, in blocks of a few calls: gate alive, gate hung (SIGSTOP), gate dead (SIGKILL), and then the
Asterisk without the suite, with gate, guard and ship of the hospital ended, so that they take nothing of the machine
either. A slow minute of the machine hits all four. The phone registers, dials and proves who it is as any; whoever
answers outside does so at once. Set-up time: from the phone's first INVITE to the 180, and to the 200, at the phone.
"""

import asyncio
import signal
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from demo_world import processes
from demo_world.ports import ADDRESS
from demo_world.settings import EMERGENCY_NUMBERS
from demo_world.world import OWN, World
from system.hospital import await_alive
from telephone import OutgoingCall, Telephone, TelephoneError, answering

from .figures import median, percentile

ALIVE, HUNG, DEAD, NONE = "gate_alive", "gate_hung", "gate_dead", "no_suite"
STATES: Final = (ALIVE, HUNG, DEAD, NONE)
BLOCK_CALLS: Final = 20
PHONE: Final = "2001"
PAUSE_SECONDS: Final = 0.02
"""Between two calls, for Asterisk to be done with the first."""
LONGEST_SECONDS: Final = 5.0
SETTLED_SECONDS: Final = 20.0


@dataclass(slots=True)
class SetUp:
    """Calls in one state."""

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

    def describe(self) -> str:
        """One line for whoever watches."""
        calls = len(self.answered_ms)
        ringing, answered = median(self.ringing_ms), median(self.answered_ms)
        return f"{calls} calls, {self.failed} failed, INVITE → 180 {ringing:.2f} ms, → 200 {answered:.2f} ms (medians)"


def blocks(calls: int) -> Iterator[tuple[str, int]]:
    """Return states and how many calls are placed in each, in turns."""
    left = calls
    while left > 0:
        now = min(left, BLOCK_CALLS)
        for state in STATES:
            yield state, now
        left -= now


def block(world: World, plain: World, state: str, calls: int) -> SetUp:
    """Bring the suite into a state and place so many calls. Raises WorldError or OSError."""
    _bring(world, state)
    return asyncio.run(_place(plain if state == NONE else world, calls))


def _bring(world: World, state: str) -> None:
    match state:
        case "gate_alive":
            world.start()
            await_alive(world)
            _quiet(world.spool)
        case "gate_hung":
            gate = world.place("gate").running()
            if gate is None:
                raise OSError(f"the gate has ended; its log is {world.place('gate').log}")
            gate.signal(signal.SIGSTOP)
        case "gate_dead":
            world.stop_one("gate", number=signal.SIGKILL)
        case _:
            for name in OWN:
                world.stop_one(name)


def _quiet(spool: Path) -> None:
    """Wait until ship has done what the calls before left it to do."""
    waiting = [spool / name for name in ("calls", "sealed", "fallback")]
    if not processes.wait_until(lambda: not any(any(one.iterdir()) for one in waiting), SETTLED_SECONDS):
        raise OSError(f"ship has not emptied {spool} within {SETTLED_SECONDS:g} s")


async def _place(world: World, calls: int) -> SetUp:
    at, found = world.ports.asterisk, SetUp()
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(Telephone("exchange", local_port=at.trunk_peer, on_call=answering()))
        phone = await stack.enter_async_context(
            Telephone(PHONE, world.secrets.phones[PHONE], registrar=(ADDRESS, at.house))
        )
        target = f"sip:{EMERGENCY_NUMBERS[0]}@{ADDRESS}:{at.house}"
        # The first of a block is a warm-up: the processes have just changed.
        for number in range(calls + 1):
            call = await phone.call(target)
            good = await _set_up(call)
            if number:
                found.failed += not good
                if good:
                    begun = call.at("INVITE")
                    found.ringing_ms.append((await call.ringing - begun) / 1000)
                    found.answered_ms.append((await call.answered - begun) / 1000)
            await call.hangup()
            await asyncio.sleep(PAUSE_SECONDS)
    return found


async def _set_up(call: OutgoingCall) -> bool:
    try:
        async with asyncio.timeout(LONGEST_SECONDS):
            await call.ringing
            await call.answered
    except (TimeoutError, TelephoneError):
        return False
    return True
