"""Whose MixMonitorStart was it? The event names neither id nor file, so the order of asking has to tell.

One that we have asked for on its channel, and not seen yet, is ours; every other is somebody else's.
"""

from .core.names import ChannelId, PartyId, RecordingId

Key = tuple[RecordingId, int, PartyId]
"""A capture of ours: recording, segment, party."""


class Monitors:
    """What was asked for and what was seen, channel by channel."""

    def __init__(self) -> None:
        self._asked: dict[ChannelId, list[Key]] = {}
        self._latest: dict[ChannelId, Key] = {}
        self._strangers: set[ChannelId] = set()

    def ask(self, channel: ChannelId, key: Key) -> None:
        """We ask for a capture now."""
        self._asked.setdefault(channel, []).append(key)

    def over(self, channel: ChannelId, key: Key) -> None:
        """A capture has ended. One whose start was never seen came to nothing: the next start is not its own."""
        waiting = self._asked.get(channel, [])
        if key in waiting:
            waiting.remove(key)

    def began(self, channel: ChannelId) -> Key | None:
        """Asterisk says that a MixMonitor began: return which capture of ours that is, None for a stranger's."""
        waiting = self._asked.get(channel)
        if not waiting:
            self._strangers.add(channel)
            return None
        self._latest[channel] = waiting.pop(0)
        return self._latest[channel]

    def latest(self, channel: ChannelId) -> Key | None:
        """Return the capture of ours that was last seen to begin here."""
        return self._latest.get(channel)

    def stranger_on(self, channel: ChannelId) -> bool:
        """Tell whether somebody else's MixMonitor has begun here."""
        return channel in self._strangers

    def gone(self, channel: ChannelId) -> None:
        """The channel is hung up."""
        self._asked.pop(channel, None)
        self._latest.pop(channel, None)
        self._strangers.discard(channel)
