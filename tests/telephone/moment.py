"""Something that happens once in a call and may be awaited by anybody, any number of times, with any time limit."""

import asyncio
from collections.abc import Generator
from typing import Generic, TypeVar

T = TypeVar("T")


class Moment(Generic[T]):
    """Await it for its value; it raises what it failed with.

    A bare future would be cancelled by the first `asyncio.wait_for` that loses patience, and with it everybody else's.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._future: asyncio.Future[T] = loop.create_future()

    def __await__(self) -> Generator[object, None, T]:
        """Wait until it has happened."""
        return self._wait().__await__()

    async def _wait(self) -> T:
        return await asyncio.shield(self._future)

    @property
    def happened(self) -> bool:
        """Whether it has happened, or failed."""
        return self._future.done()

    def set(self, value: T) -> None:
        """It happens now, unless it already has."""
        if not self._future.done():
            self._future.set_result(value)

    def fail(self, error: Exception) -> None:
        """It will never happen; whoever awaits it gets `error`."""
        if not self._future.done():
            self._future.set_exception(error)
            # Looked at once, so that a test which does not care for this moment gets no complaint about it.
            self._future.exception()
