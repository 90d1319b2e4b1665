"""A topology that is told in short, for the tests of who can hear whom. One letter is one channel, or one bridge."""

from typing import Any

from unit.calls import ms
from unit.driven import Core

from ari_app.core.names import BridgeId, ChannelId

TRUNK = "PJSIP/trunk"


class Map:
    """Channels have endpoints named after them unless `endpoints` says otherwise; counts are as Asterisk's would be."""

    def __init__(self, core: Core, **endpoints: str) -> None:
        self.kinds = core.topology.Kind
        self.topology: Any = core.topology.Topology(frozenset({TRUNK}))
        self.endpoints = endpoints
        self.counts: dict[str, int] = {}

    def endpoint(self, channel: str) -> str:
        return self.endpoints.get(channel, f"PJSIP/{channel}")

    def enter(self, at: float, channels: str, bridge: str = "b", *, count: int | None = None, kind: Any = None) -> None:
        for one in channels:
            self.counts[bridge] = self.counts.get(bridge, 0) + 1 if count is None else count
            where = BridgeId(bridge), kind or self.kinds.CONVERSATION, self.counts[bridge]
            self.topology.entered(ms(at), ChannelId(one), self.endpoint(one), *where)

    def leave(self, at: float, channels: str, bridge: str = "b", *, count: int | None = None) -> None:
        for one in channels:
            self.counts[bridge] = self.counts[bridge] - 1 if count is None else count
            self.topology.left(ms(at), ChannelId(one), BridgeId(bridge), self.counts[bridge])

    def hold(self, at: float, channel: str, *, held: bool = True) -> None:
        self.topology.held(ms(at), ChannelId(channel), self.endpoint(channel), held=held)

    def music(self, at: float, channel: str, *, plays: bool = True) -> None:
        self.topology.music(ms(at), ChannelId(channel), self.endpoint(channel), plays=plays)

    def voicemail(self, at: float, channel: str) -> None:
        self.topology.voicemail(ms(at), ChannelId(channel), self.endpoint(channel))

    def pair(self, one: str, two: str) -> None:
        self.topology.paired(ChannelId(one), ChannelId(two))

    def optimise(self, at: float, one: str, two: str) -> None:
        self.topology.optimising(ms(at), ChannelId(one), ChannelId(two))

    def optimised(self, one: str, two: str) -> dict[str, float]:
        left = self.topology.optimised(ChannelId(one), ChannelId(two))
        return {channel: (at - ms(0)) / 1000 for channel, at in left.items()}

    def spy(self, spied: str, by: str) -> None:
        self.topology.spied(ChannelId(spied), self.endpoint(spied), ChannelId(by), self.endpoint(by))

    def gone(self, *channels: str) -> None:
        for one in channels:
            self.topology.gone(ChannelId(one))

    def room(self, channel: str) -> Any:
        return self.topology.room(ChannelId(channel))

    def people(self, channel: str) -> str:
        """Return who is in a channel's room, itself included, with a question mark for strangers."""
        room = self.room(channel)
        return "".join(wire.channel for wire in room.wires) + ("?" if room.strangers else "")

    def quiet(self, channel: str) -> Any:
        return self.room(channel).quiet

    def joined(self, channel: str) -> list[str]:
        """Return the rooms that telephones may have joined with this one, each by its people."""
        found = self.topology.joined(self.room(channel))
        return sorted("".join(wire.channel for wire in room.wires) for room in found)

    def mixes(self, channel: str) -> bool:
        mixed: bool = self.topology.mixes(self.topology.wires[ChannelId(channel)])
        return mixed


def connected(core: Core, people: str = "ab", **endpoints: str) -> Map:
    """Return a map on which these have been in one bridge since the first second."""
    found = Map(core, **endpoints)
    found.enter(1000, people)
    return found


def through_local(core: Core, *, pair_first: bool = False) -> Map:
    """Return a map with `a` in one bridge and `z` in another, joined by the halves `l` and `m` of a Local channel."""
    found = Map(core, l="Local/9@ward", m="Local/9@ward")
    if pair_first:
        found.pair("l", "m")
    found.enter(1000, "al", "near")
    found.enter(1000, "mz", "far")
    if not pair_first:
        found.pair("l", "m")
    return found
