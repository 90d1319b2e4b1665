"""Every state of a small world is looked at, until there is no other: nowhere is a promise of the core's broken.

The core is the real one: `topology` (driven by the real `Whereabouts`), `rooms.surrounded`, and `room.step` with all
below it. The world around it is a model: people who come, are told or not, meet, hold, pause, object, are transferred,
masqueraded, and hang up; an Asterisk and a journal that answer well, badly, late, twice or never; timers; lost
connections and restarts (`setting` says which world has what). It keeps the truth beside what the core
believes: who has heard the whole announcement, where everybody is, what runs, what the journal says. The promises are
judged against that truth: in each turn (`call`), in each state (`judge`).

Such a world is finite because of what is abstracted:

* Time is only "of late" or "long ago". Each step happens at one and the same instant; what is remembered of earlier
  ones is moved back to a few fixed instants before it (`canonical`). An event is heard of at once, or so
  late that it is stale, with a stamp older than all that was heard meanwhile. A timer may ring at any time while it is
  set.
* Segments, tokens, questions, playbacks and parties are counted from one again, in an order of their own; a capture
  that is over, or a timer that can mean nothing any more, is forgotten. What can only decide about a permit is
  forgotten once there can be none. Of reasons only those are kept apart that lead to different deeds.
* In most worlds answers come at once, each time well and badly; in some they come in any order, for one capture or two.
  There a recording has not more than so many segments with unanswered orders: the executor's deadlines, and the
  core's own rule about rooms that flap, keep them few.
* The owners' recordings are computed one by one, and each step of one only once (`world`): a state of the
  world is the scene and one state of each recording. It is the same search, only faster.

Not in it: the taking out of Local channels while people talk through them (its tables are in `test_topology`), whoever
listens already when events are lost (no list of Asterisk's says whom they hear), more than two recordings, lines of the
dispatcher's that are not about rooms.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from unit.exploration.call import BrokenPromiseError
from unit.exploration.step import Label, steps
from unit.exploration.world import State, World

MOST_STATES = 1_000_000
MOST_STEPS = 40
"""Twice as deep as any of these worlds is."""

Ways = Mapping[State, tuple[State, Label] | None]
"""From where, and by what, a state was reached first."""


@dataclass(frozen=True)
class Explored:
    """How much there is, looked at to the end."""

    states: int
    transitions: int
    depth: int

    def __str__(self) -> str:
        return f"{self.states} states, {self.transitions} transitions, depth {self.depth}: a fixed point"


def explore(world: World, most_states: int = MOST_STATES) -> Explored:
    """Look at every state that can be reached, the nearest first.

    Raises BrokenPromiseError with the shortest way to it, OverflowError if there seems to be no end.
    """
    start = world.initial()
    ways: dict[State, tuple[State, Label] | None] = {start: None}
    frontier = [start]
    depth = transitions = 0
    while frontier:
        following: list[State] = []
        for state in frontier:
            label: Label = ()
            try:
                for label, after in steps(world, state):
                    transitions += 1
                    if after not in ways:
                        ways[after] = state, label
                        following.append(after)
                        world.judge(after)
            except BrokenPromiseError as broken:
                broken.add_note(way(ways, state, broken.label or label))
                raise
        frontier = following
        depth += bool(frontier)
        if len(ways) > most_states or depth > MOST_STEPS:
            raise OverflowError(f"{len(ways)} states, {depth} steps and no end: something that only counts is kept")
    return Explored(len(ways), transitions, depth)


def way(ways: Ways, state: State, last: Label) -> str:
    """Return how it came to that, a line each."""
    labels = [last]
    while (before := ways[state]) is not None:
        state, label = before
        labels.append(label)
    return "\n".join(", but ".join(str(part) for part in label) for label in reversed(labels))
