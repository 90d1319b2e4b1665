"""Who could hear whom, and when, worked out afterwards from everything that Asterisk said: the judge's own view.

It shares no line with the gate's. The gate must decide at once and from what has arrived; this looks back on a complete
and ordered log, so it can be simple: at each moment, who is joined with whom, is anybody of them held, parked or
untold. Pure, and tested in the unit ring.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from telephone import Instant

from .witness import Seen

_TALKING: Final = frozenset({"basic", "ConfBridge"})
"""Bridges in which people talk, by type, or by creator where the type says nothing; in others they wait."""

Span = tuple[Instant, Instant]
END_OF_TIME: Final = Instant(2**62)
ALONE_US: Final = 500_000
"""Whoever is alone in a conference for no longer is between two others."""


@dataclass(frozen=True, slots=True)
class Mouth:
    """Somebody on a telephone: a channel's name, and since when they know that they are recorded.

    `told_at`: None for an outside party who never heard it; staff know by contract, from the beginning of time.
    """

    name: str
    channel: str
    staff: bool = False
    told_at: Instant | None = None

    def told(self, at: Instant) -> bool:
        """Tell whether they may be in a recorded room now."""
        return self.staff or (self.told_at is not None and at >= self.told_at)


@dataclass(frozen=True, slots=True)
class Off:
    """From begin to end nothing of this mouth may be stored; `everybody`: nor of anyone in the room with it."""

    mouth: str
    begin: Instant
    end: Instant
    why: str
    everybody: bool = True


@dataclass(frozen=True, slots=True)
class Joint:
    """A telephone joins two of its calls by itself, from begin to end; the PBX knows nothing of it."""

    first: str
    second: str
    begin: Instant
    end: Instant


@dataclass(slots=True)
class _Now:
    """The PBX at one moment; everything by the channels' names."""

    bridge: dict[str, tuple[str, str]] = field(default_factory=dict)
    held: set[str] = field(default_factory=set)
    music: set[str] = field(default_factory=set)
    pairs: set[frozenset[str]] = field(default_factory=set)

    def take(self, seen: Seen) -> None:
        channel = seen["channel"]
        match seen.kind:
            case "BridgeEnter":
                kind = seen["bridgecreator"] if seen["bridgetype"] == "base" else seen["bridgetype"]
                self.bridge[channel] = seen["bridgeuniqueid"], kind
            case "BridgeLeave":
                if self.bridge.get(channel, ("", ""))[0] == seen["bridgeuniqueid"]:
                    del self.bridge[channel]
            case "Hold":
                self.held.add(channel)
            case "Unhold":
                self.held.discard(channel)
            case "MusicOnHoldStart":
                self.music.add(channel)
            case "MusicOnHoldStop":
                self.music.discard(channel)
            case "LocalBridge":
                self.pairs.add(frozenset((seen["localonechannel"], seen["localtwochannel"])))
            case "Hangup":
                self._gone(channel)
            case "Rename":
                self._renamed(channel, seen["newname"])
            case _:
                pass

    def _gone(self, channel: str) -> None:
        self.bridge.pop(channel, None)
        self.held.discard(channel)
        self.music.discard(channel)
        self.pairs = {one for one in self.pairs if channel not in one}

    def _renamed(self, old: str, new: str) -> None:
        """Take over what is known of the channel: in a masquerade the name goes with the telephone, not with this."""
        if old in self.bridge:
            self.bridge[new] = self.bridge.pop(old)
        for names in (self.held, self.music):
            if old in names:
                names.discard(old)
                names.add(new)


class Rooms:
    """Of every mouth, when it was in whose room, and when that room was good."""

    def __init__(
        self,
        events: Iterable[Seen],
        mouths: Sequence[Mouth],
        offs: Sequence[Off] = (),
        joints: Sequence[Joint] = (),
        *,
        alone_us: int = ALONE_US,
    ) -> None:
        self._alone_us = alone_us
        self._mouths, self._offs, self._joints = list(mouths), list(offs), list(joints)
        self._by_channel = {one.channel: one for one in self._mouths}
        self._together: dict[tuple[str, str], list[Span]] = {}
        self._alone: dict[str, list[Span]] = {}
        self.bad: dict[str, list[tuple[Instant, Instant, str]]] = {}
        self._sweep(sorted(events, key=lambda one: one.at))

    # -- what the judge asks

    def allowed(self, owner: str, mouth: str) -> list[Span]:
        """Return when `mouth` could be stored in the recording of `owner`: both in one room, and it was good."""
        alone = [one for one in _joined(self._alone.get(owner, [])) if one[1] - one[0] <= self._alone_us]
        return _joined([*self._together.get((owner, mouth), []), *(alone if owner == mouth else [])])

    def good(self, mouth: str) -> list[Span]:
        """Return when this mouth was in a good room with any outside party who was told.

        For the house a stretch ends and another begins where the outside parties of its room change: it is recorded
        with the one who was there first, and so it may have to change from one recording to another.
        """
        outside = [one.name for one in self._mouths if not one.staff]
        if mouth in outside:
            return _joined(self._together.get((mouth, mouth), []))
        owners: dict[Span, list[str]] = {}
        for owner in outside:
            for span in self._together.get((owner, mouth), []):
                owners.setdefault(span, []).append(owner)
        found: list[Span] = []
        for number, (span, now) in enumerate(ordered := sorted(owners.items())):
            before = ordered[number - 1] if number else None
            if before and before[0][1] == span[0] and before[1] == now:
                found[-1] = found[-1][0], span[1]
            else:
                found.append(span)
        return found

    # -- inside

    def _sweep(self, events: list[Seen]) -> None:
        now = _Now()
        moments = {one.at for one in events}
        moments |= {one.told_at for one in self._mouths if one.told_at is not None}
        moments |= {at for one in self._offs for at in (one.begin, one.end)}
        moments |= {at for one in self._joints for at in (one.begin, one.end)}
        ordered = sorted(moments)
        position = 0
        for number, at in enumerate(ordered):
            while position < len(events) and events[position].at <= at:
                now.take(events[position])
                position += 1
            self._judge(now, at, ordered[number + 1] if number + 1 < len(ordered) else END_OF_TIME)

    def _judge(self, now: _Now, begin: Instant, end: Instant) -> None:
        for owner in self._mouths:
            if owner.staff or owner.channel not in now.bridge:
                continue
            room = self._room(now, owner.channel, begin)
            why = self._why_not(now, room, begin)
            if why:
                self.bad.setdefault(owner.name, []).append((begin, end, why))
                continue
            # Somebody alone in a conference talks to nobody.
            if len(room) < 2:
                self._alone.setdefault(owner.name, []).append((begin, end))
                continue
            for one in room:
                mouth = self._by_channel.get(one)
                # A telephone with two open calls may say on one what it hears on the other: a track holds one voice.
                if mouth and not self._mute(mouth.name, begin) and not self._same_telephone(now, one, begin):
                    self._together.setdefault((owner.name, mouth.name), []).append((begin, end))

    def _room(self, now: _Now, channel: str, at: Instant) -> set[str]:
        """Return everybody who can hear this channel or be heard by it: those of telephones, not of the PBX itself."""
        found: set[str] = set()
        open_ends = [channel]
        while open_ends:
            one = open_ends.pop()
            if one in found:
                continue
            found.add(one)
            if one in now.bridge:
                open_ends += [other for other, bridge in now.bridge.items() if bridge[0] == now.bridge[one][0]]
            open_ends += [other for pair in now.pairs if one in pair for other in pair]
            open_ends += self._same_telephone(now, one, at)
        return {one for one in found if one.startswith("PJSIP/")}

    def _same_telephone(self, now: _Now, channel: str, at: Instant) -> list[str]:
        mouth = self._by_channel.get(channel)
        if mouth is None:
            return []
        joined = [
            {joint.first, joint.second} - {mouth.name}
            for joint in self._joints
            if joint.begin <= at < joint.end and mouth.name in {joint.first, joint.second}
        ]
        others = [one.channel for one in self._mouths if any(one.name in names for names in joined)]
        if mouth.staff and channel in now.bridge and channel not in now.held:
            # It could join its calls without asking anybody, so it counts as if it did.
            telephone = channel.rpartition("-")[0]
            others += [
                one
                for one in now.bridge
                if one != channel and one.rpartition("-")[0] == telephone and one not in now.held
            ]
        return others

    def _why_not(self, now: _Now, room: set[str], at: Instant) -> str:
        """Return why nothing of this room may be stored now; empty if it may."""
        for one in sorted(room):
            mouth = self._by_channel.get(one)
            if mouth is None:
                return f"{one} is nobody the test knows"
            if not mouth.told(at):
                return f"{mouth.name} is untold"
            if one in now.held or one in now.music:
                return f"{mouth.name} holds or is held"
            if one in now.bridge and now.bridge[one][1] not in _TALKING:
                return f"{mouth.name} waits in a bridge of {now.bridge[one][1]}"
            for off in self._offs:
                if off.everybody and off.mouth == mouth.name and off.begin <= at < off.end:
                    return off.why
        return ""

    def _mute(self, mouth: str, at: Instant) -> bool:
        return any(off.mouth == mouth and off.begin <= at < off.end for off in self._offs)


def _joined(spans: list[Span]) -> list[Span]:
    """Return spans in order, those that touch made one."""
    found: list[Span] = []
    for begin, end in sorted(spans):
        if found and begin <= found[-1][1]:
            found[-1] = found[-1][0], max(found[-1][1], end)
        else:
            found.append((begin, end))
    return found
