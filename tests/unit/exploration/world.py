"""All that can happen in a world, each piece of it computed once."""

from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Generic, TypeVar

from unit.driven import REAL, Core
from unit.exploration import scene as scenes
from unit.exploration.call import Call, Deed, Turn
from unit.exploration.canonical import plain, settled
from unit.exploration.deeds import Deeds
from unit.exploration.instants import LATE, NEVER, NOW
from unit.exploration.judge import Judged, Together, judged
from unit.exploration.scene import BRIDGES, CONFERENCES, GONE, OUT, STAFF, TRUNK, Move, Scene
from unit.exploration.setting import PEOPLE, A, B, L, M, Setting

from ari_app.core import evidence as ev
from ari_app.core import facts as f
from ari_app.core.names import ChannelId, Instant, PartyId, RecordingId
from ari_app.core.policy import OnObjection
from ari_app.whereabouts import Whereabouts

Part = TypeVar("Part", bound=Hashable)


class Numbered(Generic[Part]):
    """Each different part has a number, so that a state of the world is a few of them."""

    def __init__(self) -> None:
        self._numbers: dict[Part, int] = {}
        self.parts: list[Part] = []

    def __call__(self, part: Part) -> int:
        number = self._numbers.setdefault(part, len(self.parts))
        if number == len(self.parts):
            self.parts.append(part)
        return number


@dataclass(frozen=True, slots=True)
class View:
    """What is asked of a call again and again, in numbers.

    `answers`: what is answered at once, for each mood, and whether it makes a difference. `said`: what others know of
    its owner. `around`: the room that it was told of last. `segments`: how many of its segments are not over.
    """

    call: Call | None
    deeds: tuple[int, ...] = ()
    answers: Mapping[str, tuple[int, bool]] = field(default_factory=dict)
    said: int = 0
    around: int = 0
    segments: int = 0
    judged: int = 0


State = tuple[int, ...]
"""The scene's number, and the number of each owner's call; the first stands for none."""

What = tuple[object, str, Any]
"""Something that can happen: in words, and the method of `Step` that does it, with what it needs."""


class World:
    """All that can happen in a setting, to the core given."""

    def __init__(self, setting: Setting, core: Core = REAL) -> None:
        self.setting, self.core = setting, core
        self.owners = tuple(one for one in setting.people if one in {A, B})
        self.index = {owner: index for index, owner in enumerate(self.owners)}
        self.oldest_first = sorted(range(len(self.owners)), key=self.recording)
        self.deeds_of = [
            Deeds(core, owner, free=frozenset(one for whose, one in setting.free if whose == owner), fine=setting.fine)
            for owner in self.owners
        ]
        self.scenes, self.calls, self.deeds = Numbered[Scene](), Numbered[Call | None](), Numbered[Deed]()
        self.said, self.around, self.judged = Numbered[Any](), Numbered[Any](), Numbered[Judged | None]()
        for each in (self.calls, self.said, self.around, self.judged):
            each(None)
        self._once: dict[Hashable, Any] = {}
        self._views: list[dict[int, View]] = [{} for _ in self.owners]
        self._told: list[dict[tuple[int, int, bool], int]] = [{} for _ in self.owners]
        self._near: dict[tuple[int, int], tuple[int, ...]] = {}
        self._surrounded: dict[tuple[int, ...], tuple[int, int]] = {}

    def once(self, what: Hashable, make: Callable[[], Any]) -> Any:
        """Return what is made the first time that it is asked for."""
        found = self._once.get(what)
        if found is None:
            found = self._once[what] = make()
        return found

    def initial(self) -> State:
        """Return the state in which nothing has happened."""
        scene = scenes.begin(self.core, {one: PEOPLE[one] for one in self.setting.people})
        return (self.scenes(scene), *(0 for _ in self.owners))

    def recording(self, index: int) -> RecordingId:
        """Return an owner's recording; their names are in the order of their age."""
        return RecordingId("R1" if (index == 0) != self.setting.younger else "R2")

    # -- what can happen

    def possible(self, state: State, views: list[View]) -> Iterator[What]:
        """Yield everything that can happen now."""
        inside = frozenset(
            one for one, view in zip(self.owners, views, strict=True) if view.call and view.call.truth.here
        )
        recorded = any(view.call for view in views)
        scene = state[0]
        yield from self.once(("possible", scene, inside, recorded), lambda: list(self._in(scene, inside, recorded)))
        for index, view in enumerate(views):
            for deed in view.deeds:
                yield f"{self.owners[index]} {self.deeds.parts[deed].what}", "happen", (index, deed)

    def _in(self, number: int, inside: frozenset[ChannelId], recorded: bool) -> Iterator[What]:
        setting, may, scene = self.setting, self.setting.may, self.scenes.parts[number]
        for channel, body in scene.bodies:
            if body.place == GONE:
                continue
            for move in self._moves(scene, channel, inside=channel in inside):
                yield move, "move", (move, *self.moved(number, move))
            # On hold nothing is sent: the count of packets would tell.
            busy = body.quiet or body.hears
            if channel in self.index and body.place == OUT and channel not in inside and not busy:
                yield f"{channel} comes to the gate", "arrive", self.index[channel]
            if "pause" in may and channel in setting.presses and recorded:
                yield f"{channel} pauses", "press", (channel, True)
                yield f"{channel} resumes", "press", (channel, False)
        if "lose" in may:
            yield "a connection is lost, and made again", "lose", False
            yield "a connection is lost with what is ordered, and made again", "lose", True
        # In a bridge somebody else's packets are sent as well: the count would tell.
        disturbed = any(channel in inside and (body.bridged or body.quiet) for channel, body in scene.bodies)
        if "restart" in may and not disturbed:
            yield "the gate is restarted", "restart", None

    def _moves(self, scene: Scene, channel: ChannelId, *, inside: bool) -> Iterator[Move]:
        setting, body = self.setting, scene.body(channel)
        places = {one.place for _, one in scene.bodies}
        alike = BRIDGES[: setting.bridges], CONFERENCES[: setting.conferences]
        bridges = [one for each in alike for one in each]
        found: list[tuple[str, str]] = []
        if body.hears:
            found.append(("listens no more", ""))
        elif body.place == OUT and (setting.seized or not inside):
            empty = [one for each in alike for one in [one for one in each if one not in places][:1]]
            found += [("enters", one) for one in bridges if one in places or one in empty]
        if body.place == OUT and not body.hears and not inside:
            heard = [one for spy, one in setting.spies if spy == channel and scene.body(one).place != GONE]
            found += [("listens to", one) for one in heard]
        if body.bridged:
            found.append(("leaves", ""))
            found += [("goes over", one) for one in bridges if one != body.place]
        if body.bridged or (setting.seized and inside):
            if channel in setting.holds:
                found.append(("takes back" if body.held else "holds", ""))
            if channel in setting.listens:
                found.append(("hears no music" if body.music else "hears music", ""))
        for what, place in found:
            yield Move(what, channel, place)
            if "late" in setting.may and what != "goes over":
                yield Move(what, channel, place, LATE)
        if "old" in setting.may and scene.knows(channel):
            yield from (Move("is said again to enter", channel, one) for one in bridges if one != body.place)
            yield Move("is said again to have changed hold", channel)
            if body.bridged:
                yield Move("is said again to leave", channel, body.place)
        if channel in setting.changes and (channel in self.index or body.endpoint in STAFF):
            yield Move("is replaced", channel)
        if channel == L and not body.joined and scene.body(M).place != GONE:
            yield Move("is joined", channel)
        yield Move("hangs up", channel)

    # -- computed once

    def views(self, state: State) -> list[View]:
        """Return what is asked of the owners' calls."""
        return [self.view(index, number) for index, number in enumerate(state[1:])]

    def view(self, index: int, number: int) -> View:
        """Return what is asked of an owner's call again and again."""
        found = self._views[index].get(number)
        if found is None:
            found = self._views[index][number] = self._view(index, self.calls.parts[number])
        return found

    def _view(self, index: int, call: Call | None) -> View:
        if call is None or call.sealed:
            return View(None)
        room, caller = call.room, call.room.caller
        answers = {mood: self.deeds_of[index].answer(call, mood) for mood in self.setting.moods}
        return View(
            call,
            tuple(self.deeds(one) for one in self.deeds_of[index].chances(call, self.setting.may)),
            {mood: (self.deeds(found[0]), found[1]) for mood, found in answers.items() if found},
            self.said((caller.standing, caller.heard, room.able, room.paused)),
            self.around(room.around),
            len({track.segment for track in room.tracks}),
            self.judged(judged(self.core, call)),
        )

    def told(self, index: int, number: int, deed: int, *, mute: bool) -> int:
        """Return a call after something happened to it."""
        known, key = self._told[index], (number, deed, mute)
        found = known.get(key)
        if found is None:
            call = self.calls.parts[number]
            found = number
            if call is not None and not call.sealed:
                turn = Turn(self.core, call, mute)
                turn.suffer(self.deeds.parts[deed])
                found = self.calls(settled(turn, hurried=self.setting.hurried, changes=self.setting.changes))
            known[key] = found
        return found

    def moved(self, number: int, move: Move) -> tuple[int, tuple[int, ...]]:
        """Return the scene after a move, and the owners whose room it may have changed, the oldest recording first."""

        def make() -> tuple[int, tuple[int, ...]]:
            scene, near = scenes.moved(self.core, self.scenes.parts[number], move)
            return self.scenes(scene), self._owners_among(near)

        found: tuple[int, tuple[int, ...]] = self.once((number, move), make)
        return found

    def mark(self, number: int, objected: list[int]) -> int:
        """Return the scene in which the channels say that somebody objected on them."""
        scene, owners = self.scenes.parts[number], {self.owners[index] for index in objected}
        if not owners:
            return number
        bodies = tuple((one, replace(body, marked=body.marked or one in owners)) for one, body in scene.bodies)
        return self.scenes(replace(scene, bodies=bodies))

    def marked(self, number: int, index: int) -> bool:
        """Tell whether an owner's channel says that somebody objected on it."""
        return self.scenes.parts[number].body(self.owners[index]).marked

    def lost(self, number: int) -> tuple[int, tuple[int, ...]]:
        """Return the scene after a loss of events, and the owners who are heard of again."""

        def make() -> tuple[int, tuple[int, ...]]:
            scene, near = scenes.lost(self.core, self.scenes.parts[number], self.setting.unlisted)
            return self.scenes(scene), self._owners_among(near)

        found: tuple[int, tuple[int, ...]] = self.once(("lost", number), make)
        return found

    def near(self, number: int, channel: ChannelId) -> tuple[int, ...]:
        """Return the owners in a channel's room, as far as is known."""

        def make() -> tuple[int, ...]:
            return self._owners_among(self._whereabouts(number).room_of(channel))

        found: tuple[int, ...] = self.once(("near", number, channel), make)
        return found

    def _whereabouts(self, number: int) -> Whereabouts:
        """Return what is known in a scene, to be asked and not to be changed."""
        found: Whereabouts = self.once(("of", number), lambda: scenes.of(self.core, self.scenes.parts[number]))
        return found

    def _owners_among(self, near: set[ChannelId]) -> tuple[int, ...]:
        return tuple(index for index in self.oldest_first if self.owners[index] in near)

    def surrounded(self, scene: int, views: list[View], index: int, at: Instant) -> tuple[int, int]:
        """Return what an owner's recording is told of its room: as a deed, and without its instants, in numbers."""
        owner = self.owners[index]
        near = self._near.get((scene, index))
        if near is None:
            near = self._near[scene, index] = self.near(scene, owner)
        # What is known of owners elsewhere says nothing of this room.
        key = scene, index, at, *[views[one].said for one in near]
        found = self._surrounded.get(key)
        if found is None:
            whereabouts = self._whereabouts(scene)
            whereabouts.owners.clear()
            for one in near:
                call = views[one].call
                if call is not None:
                    whereabouts.own(self.recording(one), call.room)
            fact = self.core.rooms.surrounded(whereabouts.topology, whereabouts.owners, STAFF, owner, at, NOW)
            known = plain(fact)
            deed = Deed("hears of the room", (replace(known, at=at, seen_at=NOW),))
            found = self._surrounded[key] = self.deeds(deed), self.around(known)
        return found

    def opened(self, index: int) -> int:
        """Return a new recording of an owner's, as the dispatcher makes it."""
        owner, called = self.owners[index], self.owners[index] == B

        def make() -> int:
            opened = ev.Opened(
                at=NEVER, recording=self.recording(index), run="", node="", line="", mode="", capture="", direction="",
                channel=owner, number=None, number_hash=None, policy_sha256="", software="", asterisk="",
            )  # fmt: skip
            caller = self.core.party.Party(PartyId("p01"), owner, TRUNK, f.Side.OUTSIDE)
            room = self.core.room.Room(opened, self.setting.line, caller, called)
            asking = self.setting.line.asking(called=called, relayed=False)
            return self.calls(Call(replace(room, caller=replace(caller, script=asking.announcements, asking=asking))))

        found: int = self.once(("opened", index), make)
        return found

    # -- what must hold

    def judge(self, state: State) -> None:
        """Promise what must hold in a state, and that whoever is in our hands in it is let go."""
        views = self.views(state)
        self.once(("judged", state[0], *(view.judged for view in views)), lambda: self._together(state[0], views))
        for index, view in enumerate(views):
            if view.call is not None and (view.call.truth.here or view.call.truth.gone):
                self.once(("ends", index, state[1 + index]), partial(self.deeds_of[index].ends, view.call))

    def _together(self, scene: int, views: list[View]) -> bool:
        calls = {
            owner: found
            for owner, view in zip(self.owners, views, strict=True)
            if (found := self.judged.parts[view.judged]) is not None
        }
        leave_out = self.setting.line.on_objection is OnObjection.LEAVE_OUT
        Together(self.scenes.parts[scene], calls, leave_out=leave_out).judge()
        return True
