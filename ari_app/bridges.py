"""Who is in which bridge, for every channel of this Asterisk: the newcomer enters before the caller does."""

from dataclasses import dataclass, field

from .core import facts as f
from .core.names import BridgeId, ChannelId, Instant
from .translation import BridgeChange


@dataclass(slots=True)
class _Bridge:
    members: dict[ChannelId, f.Member] = field(default_factory=dict)


class Bridges:
    """Kept from AMI's BridgeEnter and BridgeLeave; forgotten when the connection is lost."""

    def __init__(self, staff: frozenset[str]) -> None:
        self._staff = staff
        self._bridges: dict[BridgeId, _Bridge] = {}

    def forget(self) -> None:
        """Know nothing any more: events were lost."""
        self._bridges.clear()

    def change(self, seen: BridgeChange, now: Instant) -> f.Bridged:
        """Take one change in and return the bridge as it is after it."""
        bridge = self._bridges.setdefault(seen.bridge, _Bridge())
        if seen.entered:
            staff = seen.endpoint in self._staff
            bridge.members[seen.channel] = f.Member(seen.channel, seen.endpoint, staff, seen.at)
        else:
            bridge.members.pop(seen.channel, None)
        members = tuple(bridge.members.values())
        if not members:
            del self._bridges[seen.bridge]
        # Members that joined before we listened are not known by name: theirs is no plain conversation.
        plain = seen.plain and seen.count <= len(members)
        return f.Bridged(at=seen.at, seen_at=now, bridge=seen.bridge, plain=plain, members=members)
