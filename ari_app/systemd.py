"""What the service manager is told (sd_notify(3)): that a process serves, that it lives, that it ends.

Nothing depends on it. Without a service manager, or with another one, NOTIFY_SOCKET is not set and nobody is told.
"""

import asyncio
import os
import socket
from contextlib import suppress
from typing import Final

SIGN_SECONDS: Final = 0.5
WATCHDOG: Final = "WATCHDOG=1"


def notify(text: str) -> None:
    """Tell the service manager, if there is one. It never waits, and nothing depends on it."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as connection:
        connection.setblocking(False)
        connection.sendto(text.encode(), "\0" + address[1:] if address[0] == "@" else address)


async def signs() -> None:
    """Feed the watchdog for as long as the event loop turns: whoever hangs is ended and begun anew."""
    while True:
        notify(WATCHDOG)
        await asyncio.sleep(SIGN_SECONDS)
