"""What the tests of the telephone share: a run that must leave nothing behind, and a network that loses what it is told
to.
"""

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Self

from telephone import Address, Telephone
from telephone.datagram import DatagramSocket, bind


def run(scenario: Coroutine[None, None, None]) -> None:
    """Run a scenario; no task and no socket of it may be left at its end."""

    async def watched() -> None:
        sockets = open_sockets()
        async with asyncio.timeout(12):
            await scenario
        left = asyncio.all_tasks() - {asyncio.current_task()}
        assert not left, f"tasks left behind: {left}"
        assert open_sockets() == sockets, "sockets left behind"

    asyncio.run(watched())


def open_sockets() -> int:
    """How many sockets this process holds."""
    count = 0
    for entry in Path("/proc/self/fd").iterdir():
        try:
            count += str(entry.readlink()).startswith("socket:")
        except FileNotFoundError:
            # The directory's own descriptor is gone by the time it is looked at.
            continue
    return count


def uri(phone: Telephone, user: str = "2001") -> str:
    """Where to call a telephone directly."""
    return f"sip:{user}@{phone.address[0]}:{phone.address[1]}"


class Network:
    """A relay before a telephone's SIP port that loses each datagram for which `lose` says so."""

    def __init__(self, far: Address, lose: Callable[[bytes], bool]) -> None:
        self._far, self._lose = far, lose
        self.lost: list[bytes] = []
        self.carried: list[bytes] = []

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._near: Address | None = None
        self._left = DatagramSocket(loop, bind("127.0.0.1"), self._from_near)
        self._right = DatagramSocket(loop, bind("127.0.0.1"), self._from_far)
        self.address = self._left.address
        return self

    async def __aexit__(self, *_: object) -> None:
        self._left.close()
        self._right.close()

    def _from_near(self, data: bytes, source: Address, arrived_at: int) -> None:
        del arrived_at
        self._near = source
        self._carry(self._right, data, self._far)

    def _from_far(self, data: bytes, source: Address, arrived_at: int) -> None:
        del source, arrived_at
        if self._near is not None:
            self._carry(self._left, data, self._near)

    def _carry(self, way: DatagramSocket, data: bytes, destination: Address) -> None:
        if self._lose(data):
            self.lost.append(data)
        else:
            self.carried.append(data)
            way.send(data, destination)
