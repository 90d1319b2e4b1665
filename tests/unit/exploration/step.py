"""One step of a world: what happens, and what the gate makes of it, as the dispatcher and `settling` do."""

from collections.abc import Callable, Hashable, Iterator
from typing import Any

from unit.exploration.call import BrokenPromiseError, Call, Deed, promise
from unit.exploration.instants import LONG_AGO, NOW
from unit.exploration.scene import Move
from unit.exploration.world import State, View, World

from ari_app.core import facts as f
from ari_app.core.names import ChannelId, Instant

MOST_ANSWERS = 60
SPOILT = (("spoilt", True),)

Label = tuple[object, ...]


def steps(world: World, state: State) -> Iterator[tuple[Label, State]]:
    """Yield everything that can happen now, with what the world is like after it. Raises BrokenPromiseError."""
    views = world.views(state)
    for what, how, about in world.possible(state, views):
        for mood in world.setting.moods:
            step = Step(world, state, views, mood)
            label = (what, mood) if mood else (what,)
            try:
                getattr(step, how)(about)
                step.settle()
            except BrokenPromiseError as broken:
                broken.label = label
                raise
            # So many segments with unanswered orders come of deadlines that are longer than what a room may change in.
            if not step.too_many:
                yield label, step.state
            if not step.moody:
                break


class Step:
    """From what happens to what has come of it. `mood`: how Asterisk and the journal answer at once."""

    def __init__(self, world: World, state: State, views: list[View], mood: str) -> None:
        self.world, self.mood = world, mood
        self.scene, self.calls = state[0], list(state[1:])
        self.views = views.copy()
        self.moody = self.too_many = self.mute = False

    @property
    def state(self) -> State:
        return (self.scene, *self.calls)

    def _call(self, index: int) -> Call | None:
        return self.views[index].call

    def _become(self, index: int, number: int) -> View:
        self.calls[index] = number
        view = self.views[index] = self.world.view(index, number)
        return view

    # -- as the dispatcher does

    def _tell(self, index: int, deed: int, at: Instant = NOW) -> None:
        world = self.world
        before, number = self.views[index], self.calls[index]
        told = world.told(index, number, deed, mute=self.mute)
        if told == number:
            # Nothing became of it.
            self.too_many |= before.segments > world.setting.segments
            return
        after = self._become(index, told)
        self.too_many |= after.segments > world.setting.segments
        if after.said != before.said and before.call and after.call:
            # Whether this one is told, or objects, is a matter of everybody else's in the room.
            near = world.near(self.scene, world.owners[index])
            self._look_around(tuple(one for one in near if one != index), at)

    def _look_around(self, near: tuple[int, ...], at: Instant = NOW) -> None:
        for index in near:
            view = self.views[index]
            if view.call is not None:
                deed, around = self.world.surrounded(self.scene, self.views, index, at)
                if around != view.around:
                    self._tell(index, deed, at)

    def _one(self, index: int, what: Hashable, make: Callable[[], Deed], at: Instant = NOW) -> None:
        if self._call(index):
            world = self.world
            self._tell(index, world.once(("deed", what), lambda: world.deeds(make())), at)

    # -- what happens

    def happen(self, about: tuple[int, int]) -> None:
        """Something happens to one recording."""
        self._tell(*about)

    def move(self, about: tuple[Move, int, tuple[int, ...]]) -> None:
        """Somebody is elsewhere, or holds, or is somebody else, or hangs up."""
        move, self.scene, near = about
        world, channel, at = self.world, move.channel, move.at
        index = world.index.get(channel)
        if move.what == "hangs up":
            self._hang_up(channel, index, near)
            return
        if move.what == "is replaced":
            for one in range(len(self.calls)):
                if one != index and self._follows(one, channel):
                    self._one(one, ("another", channel), lambda: Deed("", another=channel), at)
        if index is not None and move.what == "is replaced":
            replaced = f.Replaced(at=at, seen_at=NOW, channel=channel)
            truth = *SPOILT, ("told", False), ("understands", False)
            self._one(index, move, lambda: Deed("", (replaced,), truth, another=channel), at)
        elif index is not None and world.setting.seized:
            self._one(index, "seized", lambda: Deed("", (), SPOILT), at)
        self._look_around(near, at)

    def _hang_up(self, channel: ChannelId, index: int | None, near: tuple[int, ...]) -> None:
        fact = f.HungUp(at=NOW, seen_at=NOW, channel=channel)
        others = [one for one in range(len(self.calls)) if one != index and self._follows(one, channel)]
        for one in others:
            self._one(one, ("dead", channel), lambda: Deed("", dead=channel))
        if index is not None:
            gone = (*SPOILT, ("gone", True), ("here", False))
            self._one(index, ("gone", channel), lambda: Deed("", (fact,), gone, dead=channel))
        self._look_around(near)
        for one in others:
            self._one(one, ("hung up", channel), lambda: Deed("", (fact,)))

    def _follows(self, index: int, channel: ChannelId) -> bool:
        call = self._call(index)
        return call is not None and any(one.channel == channel for one in call.room.others)

    def arrive(self, index: int, *, adopted: bool = False) -> None:
        """An owner comes into our Stasis, or is found there."""
        if not self._call(index):
            self._become(index, self.world.opened(index))
        call, deeds = self._call(index), self.world.deeds_of[index]
        if call:
            marked = self.world.marked(self.scene, index)
            what = "arrives", index, self.calls[index], adopted, marked
            self._one(index, what, lambda: deeds.arrival(call, adopted=adopted, marked=marked))
            # Somebody may have listened to it before.
            self._look_around((index,))

    def press(self, about: tuple[ChannelId, bool]) -> None:
        """Somebody pauses what is recorded in their room, or resumes it."""
        channel, pauses = about
        kind: Any = f.Paused if pauses else f.Resumed
        fact = kind(at=NOW, seen_at=NOW)
        for index in self.world.near(self.scene, channel):
            self._one(index, ("pauses", pauses), lambda: Deed("", (fact,), (("paused", pauses),)))

    def lose(self, mute: bool) -> None:
        """A connection is lost, what is ordered then with it (`mute`); after it is made again, both sides agree."""
        lost = f.EventsLost(at=LONG_AGO, seen_at=NOW)
        self.mute = mute
        for index in range(len(self.calls)):
            self._one(index, "lost", lambda: Deed("", (lost,), SPOILT))
        self.mute = False
        self._find()
        for index in range(len(self.calls)):
            self._one(index, "strangers", lambda: Deed("", strangers=True))
            call = self._call(index)
            if call and call.truth.here:
                self.arrive(index, adopted=True)

    def restart(self, _: None) -> None:
        """Another gate takes over: it knows nothing, and tells whoever is in our Stasis anew."""
        here = [index for index in range(len(self.calls)) if (call := self._call(index)) and call.truth.here]
        objected = [index for index in range(len(self.calls)) if (call := self._call(index)) and call.truth.objected]
        self.scene = self.world.mark(self.scene, objected)
        for index, view in enumerate(self.views):
            if view.call:
                self._become(index, 0)
        self._find()
        for index in here:
            self.arrive(index, adopted=True)

    def _find(self) -> None:
        self.scene, near = self.world.lost(self.scene)
        self._look_around(near)

    # -- answers

    def settle(self) -> None:
        """Let everything be answered that is answered at once."""
        for _ in range(MOST_ANSWERS):
            for index, view in enumerate(self.views):
                answer = view.answers.get(self.mood)
                if answer is not None:
                    self.moody |= answer[1]
                    self._tell(index, answer[0])
                    break
            else:
                return
        promise(False, "orders come to an end")
