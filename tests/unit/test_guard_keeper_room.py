"""The keeper where the spool has too little room: nothing new is kept, and what is kept ends before that is all."""

import pytest
from unit.calls import CALLER, RECORDING
from unit.keeper_world import MONITOR, World, scenario

from ari_app.core import evidence as ev
from ari_app.core.free_space import Level
from ari_app.core.reasons import Reason


@pytest.mark.parametrize("level", [Level.LOW, Level.SCARCE])
def test_with_too_little_room_nothing_is_kept(tmp_path, level):
    world = World(tmp_path)
    world.space.level = level

    async def play():
        world.attest()
        world.ask()

    scenario(world, play)
    assert not world.layout.kept_of(RECORDING).exists()
    assert not world.layout.live_of(CALLER).exists()


@pytest.mark.parametrize(("level", "reasons"), [(Level.LOW, []), (Level.SCARCE, [Reason.SPOOL_FULL])])
def test_what_is_kept_goes_on_until_the_disk_is_nearly_full(tmp_path, level, reasons):
    world = World(tmp_path)

    async def play():
        world.attest()
        world.ask()
        world.ears.bridged(CALLER, count=1)
        world.space.level, before = level, world.beats()
        await world.until(lambda: world.beats() > before + 1)

    scenario(world, play)
    assert [one.reason for one in world.entries() if isinstance(one, ev.PermitRevoked)] == reasons
    assert world.hands.stopped == [MONITOR] * len(reasons)
