"""Who presses a sequence of keys while no feature of Asterisk's listens: waiting in a queue, in a menu, on hold.

In a conversation Asterisk acts on the sequence by itself (features.conf), and is quicker; to hear it here as well is to
hear the same twice.
"""

from typing import Final

from .core.names import MICROSECONDS, ChannelId
from .translation import KeyReleased

PATIENCE_MICROSECONDS: Final = 3 * MICROSECONDS
"""Between two keys of a sequence; Asterisk's own patience is a setting of the site's, and usually half of this."""


class Sequences:
    """The last keys of each channel."""

    def __init__(self) -> None:
        self._typed: dict[ChannelId, list[KeyReleased]] = {}

    def completes(self, seen: KeyReleased, wanted: str) -> bool:
        """Take in a key; tell whether it is the last of the wanted sequence ("" is none)."""
        if not wanted:
            return False
        typed = self._typed.setdefault(seen.channel, [])
        if typed and seen.at - typed[-1].at > PATIENCE_MICROSECONDS:
            typed.clear()
        typed.append(seen)
        del typed[: -len(wanted)]
        return "".join(one.key for one in typed) == wanted

    def gone(self, channel: ChannelId) -> None:
        """A channel is hung up."""
        self._typed.pop(channel, None)
