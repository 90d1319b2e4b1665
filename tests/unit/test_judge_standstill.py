"""The judge when Asterisk stood still for a while: what came to it meanwhile, it took in afterwards."""

from system.rooms import Off
from unit.test_judge import BRIDGED, World, at


def test_what_was_said_while_asterisk_stood_still_came_to_it_afterwards() -> None:
    """Whether it may be there depends on the room that it came into, and no pause was then."""
    world = World()
    begin, end = at(BRIDGED + 500), at(BRIDGED + 900)
    world.offs = [Off("s: caller", begin, end, "paused")]
    assert world.faults()
    world.stood_still = [(begin, end)]
    assert world.faults() == []
