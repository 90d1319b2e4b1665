"""Who really is where, and what the core's topology has made of it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from enum import Enum
from typing import Any

from unit.driven import Core
from unit.exploration.instants import NOW, SECOND

from ari_app import translation as t
from ari_app.core.names import BridgeId, ChannelId, Instant
from ari_app.whereabouts import Whereabouts

OUT, GONE = "", "gone"
"""Places beside the bridges: in the dialplan or our Stasis; hung up."""

BRIDGES = (BridgeId("b1"), BridgeId("b2"))
CONFERENCES = (BridgeId("c1"), BridgeId("c2"))
"""Of another kind, and so never taken for one of the others."""

TRUNK, HOUSE, WIRE = "PJSIP/trunk", "PJSIP/2001", "Local/2001@house"
STAFF = frozenset({HOUSE})

BEFORE = Instant(-1)
"""The stamp of an event that is heard once more, or out of order, after a later one of the same channel."""

LINES = 2


@dataclass(frozen=True, slots=True)
class Body:
    """Where a channel really is, and behind which telephone. `joined`: it was said which wire it is the half of.

    `marked`: somebody objected on it, in the hearing of a gate that is gone. `hears`: the channel that it listens to.
    """

    endpoint: str
    place: str = OUT
    held: bool = False
    music: bool = False
    joined: bool = False
    marked: bool = False
    hears: str = ""

    @property
    def local(self) -> bool:
        return self.endpoint == WIRE

    @property
    def bridged(self) -> bool:
        return self.place not in {OUT, GONE}

    @property
    def quiet(self) -> bool:
        return self.held or self.music


@dataclass(frozen=True, slots=True)
class Scene:
    """The bodies, and all that the topology remembers."""

    bodies: tuple[tuple[ChannelId, Body], ...]
    known: tuple[tuple[str, Any], ...]

    def body(self, channel: ChannelId) -> Body:
        return dict(self.bodies)[channel]

    def knows(self, channel: ChannelId) -> bool:
        """Tell whether anything was heard of a channel."""
        _, wires = dict(self.known)["wires"]
        return any(one == channel for one, _ in wires)

    def room(self, channel: ChannelId, *, telephones: bool = True) -> set[ChannelId]:
        """Return everybody who really hears a channel, itself included: through bridges, wires and telephones."""
        return {one for one in self._connected(channel, telephones=telephones) if not self.body(one).local}

    def doubtful(self, channel: ChannelId) -> bool:
        """Tell whether a wire is in the room of which it is not known where it leads."""
        bodies = [self.body(one) for one in self._connected(channel, telephones=True)]
        return any(body.local and not body.joined for body in bodies)

    def _connected(self, channel: ChannelId, *, telephones: bool) -> set[ChannelId]:
        bodies = dict(self.bodies)
        found, waiting = {channel}, [channel]
        while waiting:
            here = waiting.pop()
            body = bodies[here]
            near = {one for one, other in self.bodies if _hear(body, other) or (telephones and _joins(body, other))}
            near |= {one for one, other in self.bodies if other.hears == here or body.hears == one}
            waiting += near - found
            found |= near
        return found


def _hear(body: Body, other: Body) -> bool:
    if body.local and other.local:
        return GONE not in {body.place, other.place}
    return body.bridged and other.place == body.place


def _joins(body: Body, other: Body) -> bool:
    """Tell whether one telephone, with these two lines of its own open, may join them."""
    return (
        body.endpoint == other.endpoint == HOUSE and body.bridged and other.bridged and not body.held and not other.held
    )


@dataclass(frozen=True, slots=True)
class Move:
    """Something that really happens to a channel, and the event that says so, stamped `at`."""

    what: str
    channel: ChannelId
    place: str = ""
    at: Instant = NOW

    def __str__(self) -> str:
        late = "" if self.at == NOW else ", of which we hear late"
        return f"{self.channel} {self.what} {self.place}".strip() + late


def begin(core: Core, people: Mapping[ChannelId, str]) -> Scene:
    """Return the scene in which everybody is somewhere in the dialplan, and nobody known."""
    return _scene({one: Body(endpoint) for one, endpoint in people.items()}, _nobody(core))


def moved(core: Core, scene: Scene, move: Move) -> tuple[Scene, set[ChannelId]]:
    """Return the scene after a move, and whose room it may have changed by the word of `Whereabouts`."""
    bodies = dict(scene.bodies)
    channel, body = move.channel, bodies[move.channel]
    whereabouts = of(core, scene)
    match move.what:
        case "enters" | "leaves":
            entered = move.what == "enters"
            bridge = BridgeId(move.place or body.place)
            bodies[channel] = replace(body, place=bridge if entered else OUT)
            near, _ = whereabouts.change(_bridging(core, move.at, channel, bodies, bridge, entered=entered))
        case "goes over":
            bodies[channel] = replace(body, place=move.place)
            enters = _bridging(core, move.at, channel, bodies, BridgeId(move.place), entered=True)
            # Said in the wrong order.
            leaves = _bridging(core, Instant(move.at - 1), channel, bodies, BridgeId(body.place), entered=False)
            near = whereabouts.change(enters)[0] | whereabouts.change(leaves)[0]
        case "holds" | "takes back":
            holds = move.what == "holds"
            bodies[channel] = replace(body, held=holds)
            near, _ = whereabouts.change(t.HoldChange(move.at, channel, body.endpoint, music=False, begins=holds))
        case "hears music" | "hears no music":
            plays = move.what == "hears music"
            bodies[channel] = replace(body, music=plays)
            near, _ = whereabouts.change(t.HoldChange(move.at, channel, body.endpoint, music=True, begins=plays))
        case "is said again to enter" | "is said again to leave":
            entered, bridge = move.what.endswith("enter"), BridgeId(move.place)
            seen = t.BridgeChange(BEFORE, bridge, _kind(core, bridge), channel, body.endpoint, entered, len(bodies) + 1)
            near, _ = whereabouts.change(seen)
        case "is said again to have changed hold":
            near, _ = whereabouts.change(
                t.HoldChange(BEFORE, channel, body.endpoint, music=False, begins=not body.held)
            )
        case "listens to" | "listens no more":
            heard = ChannelId(move.place)
            bodies[channel] = replace(body, hears=heard)
            near = _listening(whereabouts, bodies, channel, at=move.at)
        case "is replaced":
            bodies[channel] = replace(body, endpoint=TRUNK)
            near, _ = whereabouts.change(t.Renamed(move.at, channel, TRUNK))
        case "is joined":
            halves = [one for one, other in bodies.items() if other.local]
            bodies |= {one: replace(bodies[one], joined=True) for one in halves}
            near, _ = whereabouts.change(t.LocalChange(move.at, halves[0], halves[1], "LocalBridge"))
        case "hangs up":
            near = _hung_up(core, whereabouts, bodies, channel)
        case unknown:
            raise ValueError(unknown)
    return _scene(bodies, whereabouts.topology), near


def _listening(
    whereabouts: Whereabouts, bodies: dict[ChannelId, Body], by: ChannelId, at: Instant = NOW
) -> set[ChannelId]:
    """Say whom a channel listens to now; of the end it is not said whom it was about."""
    heard = ChannelId(bodies[by].hears)
    endpoint = bodies[heard].endpoint if heard else ""
    return whereabouts.change(t.Spied(at, by, bodies[by].endpoint, heard, endpoint, begins=bool(heard)))[0]


def _hung_up(core: Core, whereabouts: Whereabouts, bodies: dict[ChannelId, Body], channel: ChannelId) -> set[ChannelId]:
    body = bodies[channel]
    bodies[channel] = Body(body.endpoint, GONE)
    near = whereabouts.gone(channel)
    if body.bridged:
        leaves = _bridging(core, NOW, channel, bodies, BridgeId(body.place), entered=False)
        near |= whereabouts.change(leaves)[0]
    ends = [one for one, other in bodies.items() if other.hears == channel] + ([channel] if body.hears else [])
    for one in ends:
        bodies[one] = replace(bodies[one], hears="")
        near |= _listening(whereabouts, bodies, one)
    return near


def lost(core: Core, scene: Scene, unlisted: ChannelId | None) -> tuple[Scene, set[ChannelId]]:
    """Return the scene after events were lost, and Asterisk's lists read: they say who is in which bridge, not who
    holds. `unlisted` has come or gone meanwhile, so that a list names them and another does not."""
    bodies = {one: replace(body, held=False, music=False) for one, body in scene.bodies}
    whereabouts = of(core, scene)
    whereabouts.forget()
    near: set[ChannelId] = set()
    for channel, body in bodies.items():
        if body.bridged and channel != unlisted:
            change = _bridging(core, NOW, channel, bodies, BridgeId(body.place), entered=True)
            near |= whereabouts.change(change)[0]
    return _scene(bodies, whereabouts.topology), near


def of(core: Core, scene: Scene) -> Whereabouts:
    """Return the real `Whereabouts`, knowing what is known."""
    whereabouts = Whereabouts(STAFF, frozenset({TRUNK}))
    whereabouts.topology = _nobody(core)
    for name, value in scene.known:
        setattr(whereabouts.topology, name, thawed(value))
    return whereabouts


def _nobody(core: Core) -> Any:
    return core.topology.Topology(frozenset({TRUNK}))


def _bridging(
    core: Core, at: Instant, channel: ChannelId, bodies: dict[ChannelId, Body], bridge: BridgeId, *, entered: bool
) -> t.BridgeChange:
    # A conference has an announcer of its own, of whom no event speaks.
    count = sum(one.place == bridge for one in bodies.values()) + (bridge in CONFERENCES)
    return t.BridgeChange(at, bridge, _kind(core, bridge), channel, bodies[channel].endpoint, entered, count)


def _kind(core: Core, bridge: BridgeId) -> Any:
    return core.topology.Kind.CONFERENCE if bridge in CONFERENCES else core.topology.Kind.CONVERSATION


def _scene(bodies: dict[ChannelId, Body], topology: Any) -> Scene:
    """Bridges are named in the order of who is in them, and instants forgotten; so is a hold that joins no lines."""
    names: dict[str, str] = {}
    for body in bodies.values():
        if body.bridged and body.place not in names:
            alike = CONFERENCES if body.place in CONFERENCES else BRIDGES
            names[body.place] = next(one for one in alike if one not in names.values())
    renamed = tuple((one, replace(body, place=names.get(body.place, body.place))) for one, body in bodies.items())
    if sum(body.endpoint == HOUSE for body in bodies.values()) < LINES:
        for channel, wire in list(topology.wires.items()):
            topology.wires[channel] = replace(wire, was_held=False)
    known = {name: frozen(value, names) for name, value in vars(topology).items()}
    return Scene(renamed, tuple(known.items()))


# -- anything in a form that is hashed and compared, and back

Frozen = Any


def frozen(value: Any, names: Mapping[str, str]) -> Frozen:
    """Return a value as (kind, parts), with bridges renamed and every instant long over."""
    match value:
        case Enum() | bool() | None:
            return value
        case int():
            return 0 if value > SECOND else value
        case str():
            return names.get(value, value)
        case dict():
            return dict, tuple(sorted((frozen(key, names), frozen(one, names)) for key, one in value.items()))
        case set() | frozenset():
            return type(value), tuple(sorted(frozen(one, names) for one in value))
        case tuple():
            return tuple, tuple(frozen(one, names) for one in value)
        case _ if is_dataclass(value):
            return type(value), tuple(frozen(getattr(value, one.name), names) for one in fields(value))
        case _:
            raise TypeError(type(value))


def thawed(value: Frozen) -> Any:
    """Return what was frozen."""
    match value:
        case (kind, tuple() as parts) if isinstance(kind, type):
            each: Iterator[Any] = (thawed(one) for one in parts)
            if kind is dict:
                return {thawed(key): thawed(one) for key, one in parts}
            return kind(*each) if is_dataclass(kind) else kind(each)
        case _:
            return value
