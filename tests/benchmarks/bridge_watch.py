"""When each channel entered a bridge, by Asterisk's stamp, heard on a manager connection of the benchmark's own."""

import asyncio
import contextlib
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from ari_app.core.names import MICROSECONDS


class BridgeWatch:
    """Fills `bridged` (uniqueid → microseconds since 1970 UTC of its first BridgeEnter) while it is entered."""

    def __init__(self, ami: Mapping[str, Any], bridged: dict[str, int]) -> None:
        self._ami, self._bridged = ami, bridged

    async def __aenter__(self) -> Self:
        """Log in and listen. Raises OSError if Asterisk refuses."""
        self._reader, self._writer = await asyncio.open_connection(self._ami["host"], self._ami["port"])
        await self._reader.readline()
        said = f"Action: Login\r\nUsername: {self._ami['user']}\r\nSecret: {self._ami['secret']}\r\n\r\n"
        self._writer.write(said.encode())
        answer = await self._packet()
        if answer.get("Response") != "Success":
            raise OSError(f"AMI refuses the benchmark: {answer.get('Message')}")
        self._task = asyncio.create_task(self._listen())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Listen no more."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()

    async def _packet(self) -> dict[str, str]:
        raw = await self._reader.readuntil(b"\r\n\r\n")
        pairs = (line.partition(": ") for line in raw.decode(errors="replace").split("\r\n"))
        return {name: value for name, _, value in pairs}

    async def _listen(self) -> None:
        while True:
            event = await self._packet()
            if event.get("Event") == "BridgeEnter":
                at = round(float(event["Timestamp"]) * MICROSECONDS)
                self._bridged.setdefault(event["Uniqueid"], at)
