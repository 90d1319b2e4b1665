"""The judge finds every kind of damage that a stage could have, and nothing where there is none.

A conversation is made up: what Asterisk would have said, what the telephones sent, and what is stored. Then one thing
at a time is wrong.
"""

import numpy as np
import pytest
from system.rooms import Off
from system.witness import Seen
from telephone import Instant, Noise
from unit.judged import ANNOUNCED, BRIDGED, CALLER, HOUSE, OVER, TOLD, World, at, hears


@pytest.fixture
def world() -> World:
    return World()


def test_nothing_is_wrong(world: World) -> None:
    assert world.faults() == []


@pytest.mark.parametrize(
    ("deaf", "refused", "accounts", "expected"),
    [
        (False, (), 0, 1),
        (False, (), 2, 1),
        (False, ("outgoing_not_gated",), 0, 1),
        (True, ("gate_away",), 0, 1),
        (True, (), 0, 1),
        (True, ("outgoing_not_gated",), 1, 0),
    ],
)
def test_how_many_accounts_there_must_be(
    world: World, deaf: bool, refused: tuple[str, ...], accounts: int, expected: int
) -> None:
    world.deaf, world.refused, world.accounts = deaf, refused, accounts
    one(world, f"{accounts} accounts of it, expected {expected}")


def test_a_deaf_gate_cannot_account_for_whom_no_route_sent_to_it(world: World) -> None:
    world.deaf, world.refused, world.accounts = True, ("outgoing_not_gated",), 0
    assert world.faults() == []


def one(world: World, *words: str) -> None:
    faults = world.faults()
    assert any(all(word in fault for word in words) for fault in faults), faults


def test_from_before_the_announcement_s_end(world: World) -> None:
    world.stored["p01"] = np.concatenate([world.of("caller", 1900, BRIDGED), world.stored["p01"]])
    one(world, "p01", "180.0 ms of s: caller that must not be stored")


def monitored(world: World, last_heard_ms: int) -> None:
    """Let the caller's monitor run since 2010 ms, and the caller hear a prompt that ends then."""
    world.events.insert(0, Seen(at(TOLD + 10), "MixMonitorStart", {"channel": CALLER}))
    prompt = b"".join(Noise(98).frame(index) for index in range(3))
    speech = b"".join(world.sent["house"].frames[:150])
    world.heard["caller"] = hears((TOLD - 1000, ANNOUNCED), (last_heard_ms - 40, prompt), (BRIDGED + 20, speech))


def test_from_before_the_bridge_but_for_a_frame(world: World) -> None:
    before = world.stored["p01"]
    world.stored["p01"] = np.concatenate([world.of("caller", BRIDGED - 20, BRIDGED), before])
    assert world.faults() == []
    world.stored["p01"] = np.concatenate([world.of("caller", BRIDGED - 40, BRIDGED), before])
    one(world, "p01", "20.0 ms of s: caller that must not be stored")


def test_from_before_the_bridge_but_kept_back_until_then(world: World) -> None:
    """A prompt ends 45 ms before the bridge: whatever is said after it may wait until then."""
    monitored(world, BRIDGED - 45)
    world.stored["p01"] = np.concatenate([world.of("caller", BRIDGED - 40, BRIDGED), world.stored["p01"]])
    assert world.faults() == []


def test_from_before_the_bridge_and_taken_before_it(world: World) -> None:
    """The same from before a bridge that begins so long after the prompt that nothing can wait any more."""
    monitored(world, BRIDGED - 65)
    world.stored["p01"] = np.concatenate([world.of("caller", BRIDGED - 60, BRIDGED), world.stored["p01"]])
    one(world, "p01", "40.0 ms of s: caller that must not be stored")


def test_nothing_that_waits_is_of_a_hold(world: World) -> None:
    """What was kept back is nothing that may be stored if anybody held meanwhile."""
    monitored(world, BRIDGED - 45)
    world.stored["p01"] = np.concatenate([world.of("caller", BRIDGED - 40, BRIDGED), world.stored["p01"]])
    world.offs.append(Off("s: caller", at(TOLD - 100), at(BRIDGED), "held"))
    world.events.insert(
        0, Seen(at(0), "BridgeEnter", {"channel": CALLER, "bridgeuniqueid": "a", "bridgetype": "basic"})
    )
    one(world, "p01", "20.0 ms of s: caller that must not be stored")


def test_from_before_the_permit(world: World) -> None:
    world.since_ms = BRIDGED + 40
    one(world, "p01", "40.0 ms of s: caller from up to 40.0 ms before the permit covers them")


def test_from_a_hold(world: World) -> None:
    world.events += [Seen(at(3000), "Hold", {"channel": HOUSE}), Seen(at(3500), "Unhold", {"channel": HOUSE})]
    one(world, "p02", "of s: house that must not be stored", "holds")


def test_from_after_an_objection(world: World) -> None:
    world.offs.append(Off("s: caller", at(5000), at(OVER), "objected"))
    one(world, "p02", "of s: house that must not be stored", "objected")


def test_another_s_voice(world: World) -> None:
    world.stored["p02"] = world.stored["p01"]
    one(world, "p02", "of the voice of s: caller")


def test_what_nobody_said(world: World) -> None:
    world.stored["p01"] = np.concatenate([world.stored["p01"], Noise(77).pcm(160)])
    one(world, "p01", "20.0 ms that nobody said")


def test_a_hole_in_what_is_covered(world: World) -> None:
    whole = world.stored["p01"].copy()
    whole[8000:8640] = 0
    world.stored["p01"] = whole
    one(world, "p01", "80.0 ms of s: caller are missing though covered")
    one(world, "s: caller: 80 ms of a good room are not stored")


def test_what_asterisk_held_back_may_be_lost_at_the_end_and_no_more(world: World) -> None:
    """Silence in the middle, and the voice behind it as it was said: as much may be missing where the monitor ends."""
    whole = world.stored["p01"]
    late = np.concatenate([whole[:8000], np.zeros(1280, dtype=np.int16), whole[8000:]])
    world.stored["p01"] = late[: len(whole)]
    assert world.faults() == []
    world.stored["p01"] = late[: len(whole) - 640]
    one(world, "p01", "180.0 ms of s: caller are missing though covered", "up to 160.0 ms behind")


@pytest.mark.parametrize(("down_ms", "missing"), [(80, True), (50, True), (33, False)])
def test_a_key_that_was_let_go_at_once(world: World, down_ms: int, missing: bool) -> None:
    """Asterisk draws it out, and throws away the packet that comes as it is over; a longer key costs nothing."""
    world.keys["caller"] = [at(3995 - down_ms), at(3995)]
    before, after = world.of("caller", BRIDGED, 4000), world.of("caller", 4020, world.until_ms)
    world.stored["p01"] = np.concatenate([before, np.zeros(160, dtype=np.int16), after])
    faults = world.faults()
    assert any("20.0 ms of s: caller are missing though covered" in one for one in faults) is missing, faults


@pytest.mark.parametrize(("thrown_ms", "missing_ms"), [(2560, 0), (2590, 20), (2540, 20), (2700, 40)])
def test_what_asterisk_says_that_it_threw_away(world: World, thrown_ms: int, missing_ms: int) -> None:
    """Two packets that lay there in that moment; whatever else is missing is a fault."""
    whole = world.stored["p01"]
    begin = (2540 - BRIDGED) * 8
    world.stored["p01"] = np.concatenate([whole[:begin], whole[begin + 320 :]])
    world.thrown = [Instant(at(thrown_ms))]
    if missing_ms:
        one(world, f"{missing_ms}.0 ms of s: caller are missing though covered")
    else:
        assert world.faults() == []


def test_a_recording_that_begins_late(world: World) -> None:
    world.stored["p02"] = world.of("house", BRIDGED + 600, world.until_ms)
    one(world, "s: house", "of a good room are not stored, from 400 ms on")


def test_who_was_not_told(world: World) -> None:
    world.heard["caller"] = hears((BRIDGED + 20, b"".join(world.sent["house"].frames[:150])))
    one(world, "s: caller: was not told")
    one(world, "by somebody who was never told")
    one(world, "s: house are stored although s: caller heard them untold")


def test_what_a_pause_was_for(world: World) -> None:
    world.causes = world.said = ("child",)
    assert world.faults() == []
    world.said = ("child", "payment")
    one(world, "the causes are ('child', 'payment'), expected ('child',)")


def test_who_was_told_twice(world: World) -> None:
    world.heard["caller"] = hears((0, ANNOUNCED), (TOLD - 1000, ANNOUNCED))
    one(world, "heard the announcements [2] times")


def test_who_heard_somebody_before_the_announcement(world: World) -> None:
    world.heard["caller"] = hears((0, b"".join(world.sent["house"].frames[:10])), (TOLD - 1000, ANNOUNCED))
    one(world, "heard ['s: house'] before they were told")


def test_what_was_said_while_asterisk_stood_still_came_to_it_afterwards(world: World) -> None:
    """Whether it may be there depends on the room that it came into, and no pause was then."""
    begin, end = at(BRIDGED + 500), at(BRIDGED + 900)
    world.offs = [Off("s: caller", begin, end, "paused")]
    assert world.faults()
    world.stood_still = [(begin, end)]
    assert world.faults() == []
