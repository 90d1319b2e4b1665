"""Local channels are taken out from between two others: who is with whom meanwhile, and after it."""

import pytest
from unit.calls import ms
from unit.map_of import connected, through_local


def test_while_a_local_channel_is_taken_out_nobody_leaves(core):
    world = through_local(core)
    world.optimise(2000, "l", "m")
    world.leave(2001, "al", "near")
    world.leave(2001, "m", "far")
    assert (world.people("a"), world.people("z")) == ("az", "az")


def test_who_arrives_meanwhile_is_there_when_it_is_over(core):
    world = through_local(core)
    world.optimise(2000, "l", "m")
    world.leave(2001, "al", "near")
    world.leave(2001, "m", "far")
    world.enter(2002, "a", "far")
    assert world.optimised("l", "m") == {"l": 2001, "m": 2001}
    world.gone("l", "m")
    assert (world.people("a"), world.people("z")) == ("az", "az")
    assert set(world.topology._bridges) == {"far"}


def test_who_has_not_arrived_when_it_is_over_has_left_at_their_own_instant(core):
    world = through_local(core)
    world.optimise(2000, "l", "m")
    world.leave(2001, "z", "far")
    assert world.optimised("m", "l") == {"z": 2001}
    assert (world.people("a"), world.people("z")) == ("a", "z")
    assert world.topology.wires["z"].changed_at == ms(2001)
    world.enter(2000, "z", "far", count=2)
    assert world.people("a") == "a"


def test_who_hangs_up_meanwhile_is_gone_when_it_is_over(core):
    world = through_local(core)
    world.optimise(2000, "l", "m")
    world.leave(2001, "z", "far")
    world.gone("z")
    assert world.people("a") == "a"
    assert world.optimised("l", "m") == {}


def test_after_it_leavings_are_believed_again(core):
    world = through_local(core)
    world.optimise(2000, "l", "m")
    assert world.optimised("l", "m") == {}
    world.leave(2500, "a", "near")
    assert world.people("a") == "a"


def test_bridges_that_are_empty_are_forgotten_once_it_is_over(core):
    world = through_local(core)
    world.optimise(2000, "l", "m")
    world.gone("a", "l")
    assert set(world.topology._bridges) == {"near", "far"}
    world.optimised("l", "m")
    assert set(world.topology._bridges) == {"far"}


def test_other_bridges_are_not_held_up_by_it(core):
    world = through_local(core)
    world.enter(1000, "xy")
    world.optimise(2000, "l", "m")
    world.leave(2001, "x")
    assert (world.people("x"), world.people("y")) == ("x", "y")


@pytest.mark.parametrize(("now", "left"), [(2999.999, {}), (3000, {"z": ms(2001)})])
def test_an_optimisation_whose_end_never_comes_is_over_after_a_second(core, now, left):
    world = through_local(core)
    world.optimise(2000, "l", "m")
    world.leave(2001, "z", "far")
    assert world.topology.overdue(ms(now)) == left
    assert world.people("z") == ("z" if left else "az")


def test_the_end_of_one_optimisation_is_not_that_of_another(core):
    """Else somebody untold would be believed to have left who is only being put through."""
    world = through_local(core)
    world.optimise(2000, "l", "m")
    world.optimise(2000, "v", "w")
    world.leave(2001, "z", "far")
    assert world.optimised("v", "w") == {}
    assert world.people("a") == "az"
    assert world.optimised("l", "m") == {"z": 2001}


def test_a_bridge_between_two_of_them_is_still_until_both_are_over(core):
    world = through_local(core)
    world.enter(1500, "n", "far")
    world.endpoints["n"] = "Local/10@ward"
    world.enter(1500, "o", "beyond")
    world.optimise(2000, "l", "m")
    world.optimise(2100, "n", "o")
    world.leave(2101, "z", "far")
    assert world.optimised("l", "m") == {}
    assert world.optimised("n", "o") == {"z": 2101}


def test_an_overdue_optimisation_takes_no_other_with_it(core):
    world = through_local(core)
    world.enter(1500, "xyn", "third")
    world.optimise(2000, "l", "m")
    world.optimise(2900, "n", "o")
    world.leave(2950, "x", "third")
    assert world.topology.overdue(ms(3000)) == {}
    assert world.people("y") == "nxy"
    assert world.topology.overdue(ms(3900)) == {"x": ms(2950)}


def test_halves_that_are_not_known_or_in_no_bridge_are_optimised_without_harm(core):
    world = connected(core)
    world.pair("l", "m")
    world.optimise(2000, "l", "nobody")
    world.leave(2001, "a")
    assert world.people("a") == "a"
    assert world.topology.overdue(ms(9000)) == {}
