"""All that can happen in small worlds, to the fixed point: no promise is broken. A core with a slip breaks one."""

import sys
from functools import cache

import pytest
from unit import mutants
from unit.driven import Core
from unit.exploration.call import BrokenPromiseError
from unit.exploration.search import explore
from unit.exploration.setting import SMALL_WORLDS, WORLDS, A, B, S, X
from unit.exploration.world import World

ENOUGH_STATES = 30_000
"""More than any of the small worlds has."""


@pytest.fixture(autouse=True)
def untraced():
    """Measuring coverage here would double the time, and other tests' rows show it."""
    tracer = sys.gettrace()
    sys.settrace(None)
    yield
    sys.settrace(tracer)


@pytest.mark.parametrize("name", WORLDS)
def test_no_promise_is_broken_whatever_happens(name):
    print(f"\n{name}: {explore(World(WORLDS[name]))}, no promise broken")


def test_the_worlds_are_rich_enough_to_mean_something():
    """Somebody is recorded in them, with others, and is not; else nothing would be promised there."""
    world = World(SMALL_WORLDS["who objects is left out"])
    explore(world)
    permits = {one.named for one in world.judged.parts if one}
    assert {None, frozenset({A}), frozenset({A, S}), frozenset({A, B}), frozenset({A, B, S})} <= permits
    assert any(one.objected for one in world.judged.parts if one)
    stranger = World(SMALL_WORLDS["a stranger"])
    explore(stranger)
    assert {None, frozenset({A}), frozenset({A, S})} == {one.named for one in stranger.judged.parts if one}
    assert any(scene.room(A) == {A, S, X} for scene in stranger.scenes.parts)


def test_a_world_without_an_end_is_reported():
    with pytest.raises(OverflowError, match="no end"):
        explore(World(WORLDS["one call"]), most_states=100)


# -- whatever is forgotten is found

FORGOTTEN = {
    "telling": {"drop the case"},
    "objection": {"do not do"},
    "permit": {"drop the case", "drop the guard", "turn the comparison"},
    "capture": {"drop the case"},
    "segments": {"do not do"},
    "room": {"drop the case"},
    "rooms": {"do not do", "negate"},
    "topology": {"do not do", "do not add"},
}
"""Slips: a case that is not there, something that is not done, a question that is answered the wrong way round."""

LIKELIEST = {
    "telling": ("step by step", "somebody takes a guest's place"),
    "objection": ("who objects is left out", "somebody takes their place"),
    "permit": ("who objects is not left out", "who objects is left out"),
    "capture": ("the owner's answers", "the house's answers"),
    "segments": ("somebody takes a guest's place", "who objects is left out", "the house's answers"),
    "room": ("the owner's answers", "a room that flaps", "one call", "somebody takes a guest's place"),
    "rooms": ("one call", "a stranger", "two lines"),
    "topology": ("a conference", "one call", "somebody listens", "a stranger", "two lines", "a wire"),
}
"""In which worlds a module's slips are found soonest: the others are looked at after these, so nothing rests on it."""

OPTIMISATION = "no Local channels are taken out of a conversation in these worlds"
REACHED = "only a mode, or standing, that is not there gets so far"
EMPTY = "an empty bridge that is remembered concerns nobody"
REASON = "it only says more exactly why"

INDIFFERENT = {
    "_": REACHED,
    "assert_never(line.mode)": REACHED,
    "assert_never(one.standing)": REACHED,
    "0 <= now - at <= STALE_MICROSECONDS": "nothing is exactly a second old, or happens before it is seen",
    "owner.standing is Standing.OBJECTED": REASON,
    "[_, f.HangupRequested() | f.HungUp()]": "the room ends anyway",
    "[_, f.LeftStasis()]": "the room lets nobody go who is not there",
    "[_, f.EventsLost(reason=reason)]": "the room ends anyway",
    "[_, f.Surrounded()]": "an empty room is reported instead of passed over",
    "[_, f.Stopped()]": "the room ends anyway",
    "[Phase.ATTESTING, f.HungUp()]": "it ends when its evidence is there",
    "[Phase.STARTING | Phase.RUNNING | Phase.STOPPING, f.CaptureBegan(at=at, ambiguous=ambiguous)]": (
        "when a track began is measured on real samples"
    ),
    "f.ForeignCaptureSeen(channel=channel)": "it is written down, and decides nothing",
    "f.HangupRequested() | f.LeftStasis()": "it is reported instead of passed over",
    "f.Recognised(at=at)": "in these worlds a lost connection is for good; that a call goes on after it has tables",
    "f.SpaceMeasured(level=level)": "no disk is full in these worlds; what follows from that has tables",
    "f.Woke(timer=f.Timer.PAUSE)": "it is said aloud, and decides nothing",
    "turn.orders.append(o.Confirm(caller.channel, choice.confirmation(caller)))": "it is said, and decides nothing",
    "_rest(turn)": "a flapping room is waited for, if not so patiently",
    "turn.give_up(Reason.TOO_MANY_SEGMENTS)": "no world has a thousand segments",
    "self._spies.discard(by)": "whoever listens to nobody is looked for in vain: it only saves the time",
    "self.spied_no_more(channel)": "whoever is gone is in no room, whomever they are thought to listen to",
    "self._leaving.pop(wire.channel, None)": OPTIMISATION,
    "self._frozen.clear()": OPTIMISATION,
    "self._leave(self.wires[channel], at)": OPTIMISATION,
    "self._tidy(bridge)": EMPTY,
    "self._tidy(wire.bridge)": EMPTY,
    "self._put(replace(wire, voicemail=True))": "nor does anybody leave a message",
    "quiet += _QUIET[place.kind]": "nor is anybody parked",
    "self._close(wire)": "nor is a telephone with two lines masqueraded",
}
"""What breaks no promise of these worlds if it is forgotten, and why; the core's tables find it all the same."""


@cache
def slips(module: str) -> list[mutants.Mutant]:
    return [one for one in mutants.of(module) if one.what in FORGOTTEN[module] and one.where not in INDIFFERENT]


def broken(core: Core, module: str) -> str:
    """Return which promise this core breaks first, and where; empty if none."""
    for name in dict.fromkeys((*LIKELIEST[module], *SMALL_WORLDS)):
        try:
            explore(World(SMALL_WORLDS[name], core), ENOUGH_STATES)
        except BrokenPromiseError as found:
            return f"{name}: {found}"
        except Exception as found:  # noqa: BLE001  a mutant may fail in any way
            return f"{name}: {found!r}"
    return ""


def test_there_are_slips_enough():
    assert sum(len(slips(module)) for module in FORGOTTEN) >= 80


@pytest.mark.parametrize("module", FORGOTTEN)
def test_whatever_is_forgotten_breaks_a_promise(module):
    found = [(str(slip), broken(mutants.load(slip), module)) for slip in slips(module)]
    for slip, promise in found:
        print(f"\n{slip}\n    {promise}", end="")
    assert [slip for slip, promise in found if not promise] == [], "no promise is broken without these"


def test_the_way_to_a_broken_promise_is_told():
    slip = next(one for one in mutants.of("permit") if one.where == "owner.standing is not Standing.TOLD")
    with pytest.raises(BrokenPromiseError) as raised:
        explore(World(SMALL_WORLDS["one call"], mutants.load(slip)))
    assert raised.value.__notes__[0].splitlines()[0] == f"{A} comes to the gate"
