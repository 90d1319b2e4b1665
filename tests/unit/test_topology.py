"""Who can hear whom: bridges and their counts, Local channels, and events that come late, twice or not at all."""

import pytest
from unit.calls import ms
from unit.map_of import Map, connected, through_local

from ari_app.core.reasons import Reason

# -- bridges


def test_who_is_known_to_be_in_a_bridge(core):
    where = Map(core)
    where.enter(1000, "ab", count=3)
    assert where.topology.inside("b") == {"a", "b"}
    assert where.topology.inside("c") == set()


def test_who_is_in_one_bridge_hears_one_another_and_nobody_else(core):
    world = connected(core, "abc")
    world.enter(1000, "xy", "c")
    assert (world.people("a"), world.people("b"), world.people("x")) == ("abc", "abc", "xy")


def test_a_channel_of_which_nothing_is_known_has_an_empty_room(core):
    room = Map(core).room("a")
    assert (room.wires, room.strangers, room.quiet, room.lines) == ((), False, None, frozenset())


def test_who_leaves_is_alone_and_the_others_are_still_together(core):
    world = connected(core, "abc")
    world.leave(2000, "b")
    assert (world.people("a"), world.people("b")) == ("ac", "b")


def test_who_is_gone_is_nowhere(core):
    world = connected(core, "abc")
    world.gone("b")
    assert (world.people("a"), world.people("b")) == ("ac", "")
    world.leave(2000, "b")
    assert world.people("a") == "ac"


def test_who_enters_another_bridge_has_left_the_first_without_being_told_so(core):
    world = connected(core, "abc")
    world.enter(2000, "c", "c")
    world.enter(2001, "x", "c")
    assert (world.people("a"), world.people("c")) == ("ab?", "cx")
    world.leave(1999, "c", count=2)
    assert (world.people("a"), world.people("c")) == ("ab", "cx")


def test_since_when_somebody_is_in_a_bridge_is_known(core):
    world = connected(core)
    assert world.topology.wires["a"].joined_at == ms(1000)
    world.leave(2000, "a")
    assert (world.topology.wires["a"].joined_at, world.topology.wires["a"].changed_at) == (None, ms(2000))


@pytest.mark.parametrize("kind", ["PARKING", "OTHER", "CONVERSATION"])
def test_only_in_a_conversation_may_anybody_be_captured(core, kind):
    world = Map(core)
    world.enter(1000, "ab", kind=world.kinds[kind])
    assert world.quiet("a") is {"PARKING": Reason.PARKED, "OTHER": Reason.NO_CONVERSATION}.get(kind)


def test_a_bridge_is_forgotten_with_its_last_member(core):
    world = connected(core)
    world.enter(1000, "x", "park", kind=world.kinds.PARKING)
    world.leave(2000, "a")
    world.gone("b", "x")
    assert world.topology._bridges == {}
    # A bridge of that name is another by now.
    world.enter(3000, "y", "park", count=1)
    assert world.quiet("y") is None


# -- counts


def test_a_bridge_with_more_members_than_are_known_holds_a_stranger(core):
    world = Map(core)
    world.enter(1000, "a", count=2)
    assert world.people("a") == "a?"
    world.enter(1001, "b", count=3)
    assert world.people("a") == "ab?"
    world.leave(2000, "x", count=2)
    assert world.people("a") == "ab"


def test_a_conference_counts_its_own_announcer_who_is_no_stranger(core):
    here = Map(core)
    here.enter(0, "a", count=2, kind=here.kinds.CONFERENCE)
    assert here.room("a").strangers is False
    here.enter(10, "b", count=4, kind=here.kinds.CONFERENCE)
    assert here.room("a").strangers is True


def test_whoever_is_alone_in_a_conference_converses_with_nobody_yet(core):
    here = Map(core)
    here.enter(0, "a", count=2, kind=here.kinds.CONFERENCE)
    assert here.room("a").quiet is Reason.NO_CONVERSATION
    here.enter(10, "b", count=3, kind=here.kinds.CONFERENCE)
    assert here.room("a").quiet is None
    here.enter(20, "c", bridge="basic")
    assert here.room("c").quiet is None


def test_a_stranger_who_proves_to_be_known_is_none(core):
    world = Map(core)
    world.enter(1001, "a", count=2)
    world.enter(1000, "b", count=1)
    assert world.people("a") == "ab"


def test_the_newest_count_holds_whatever_comes_later(core):
    world = Map(core)
    world.enter(1000, "a", count=2)
    world.leave(2000, "x", count=1)
    world.enter(1500, "a", count=3)
    assert world.people("a") == "a"
    world.leave(2000, "y", count=2)
    assert world.people("a") == "a?"


@pytest.mark.parametrize(("count", "people"), [(3, "b"), (4, "b?")])
def test_who_hangs_up_is_counted_no_more_although_their_leaving_is_still_to_come(core, count, people):
    world = Map(core)
    world.enter(1000, "abc", count=count)
    world.gone("a")
    world.leave(2000, "c", count=count - 2)
    assert world.people("b") == people
    world = Map(core)
    world.enter(1000, "abc", count=count)
    world.gone("a")
    assert world.people("b") == people.replace("b", "bc")


# -- twice, late, and out of order


def test_what_is_told_twice_changes_nothing(core):
    world = Map(core)
    for _ in range(2):
        world.enter(1000, "a", count=1)
    for _ in range(2):
        world.enter(1001, "b", count=2)
    assert world.people("a") == "ab"
    for _ in range(2):
        world.leave(2000, "b", count=1)
    assert world.people("a") == "a"
    for _ in range(2):
        world.gone("a")
    assert world.people("b") == "b"
    world.gone("b")
    assert (world.topology.wires, world.topology._bridges, world.topology._open_lines) == ({}, {}, {})


def test_an_entering_that_is_older_than_the_leaving_is_over(core):
    world = connected(core)
    world.leave(2000, "a")
    world.enter(1999, "a", count=2)
    assert (world.people("a"), world.people("b")) == ("a", "b")
    world.enter(2000, "a", count=2)
    assert world.people("a") == "ab"


def test_an_entering_of_a_bridge_that_is_over_leaves_nothing_of_it_behind(core):
    world = connected(core)
    world.enter(500, "a", "older", count=1)
    assert set(world.topology._bridges) == {"b"}
    assert world.people("a") == "ab"


def test_a_leaving_that_is_older_than_the_entering_is_over(core):
    world = connected(core)
    world.leave(999, "a", count=1)
    assert world.people("a") == "ab"
    world.leave(1000, "a", count=1)
    assert world.people("a") == "a"


def test_a_leaving_of_another_bridge_says_nothing(core):
    world = connected(core)
    world.leave(2000, "a", "elsewhere", count=1)
    assert world.people("a") == "ab"


def test_a_leaving_of_a_bridge_that_nobody_knows_leaves_nothing_behind(core):
    world = Map(core)
    world.leave(2000, "a", count=1)
    assert (world.topology.wires, world.topology._bridges) == ({}, {})


def test_the_last_to_be_heard_of_in_a_bridge_may_be_somebody_unknown(core):
    world = connected(core, "a")
    world.gone("a")
    world.enter(1000, "b", count=2)
    world.leave(1001, "b", count=1)
    world.leave(2000, "x", count=0)
    assert world.topology._bridges == {}


def test_what_was_known_is_forgotten_when_events_are_lost(core):
    world = through_local(core)
    world.optimise(2000, "l", "m")
    world.leave(2001, "a", "near")
    world.spy("z", "s")
    topology = world.topology
    topology.forget()
    known = (topology.wires, topology._bridges, topology._open_lines, topology._frozen, topology._leaving)
    assert (known, topology._spies) == (({}, {}, {}, {}, {}), set())
    assert topology.overdue(ms(9000)) == {}


# -- Local channels


@pytest.mark.parametrize("pair_first", [True, False])
def test_a_local_channel_joins_two_bridges_and_is_nobody_itself(core, pair_first):
    world = through_local(core, pair_first=pair_first)
    assert (world.people("a"), world.people("z")) == ("az", "az")
    assert world.people("l") == "az"


def test_the_other_half_of_a_local_channel_may_not_be_known(core):
    world = Map(core, l="Local/9@ward")
    world.enter(1000, "al")
    assert world.people("a") == "a?"


def test_a_half_whose_other_is_gone_leads_nowhere(core):
    world = through_local(core)
    world.gone("m")
    assert (world.people("a"), world.people("z")) == ("a", "z")
    world.gone("l", "a", "z")
    assert (world.topology.wires, world.topology._bridges, world.topology._open_lines) == ({}, {}, {})


def test_music_that_a_local_channel_hears_silences_who_is_behind_it(core):
    world = through_local(core)
    world.music(2000, "m")
    assert world.quiet("a") is Reason.MUSIC_ON_HOLD


def test_two_local_channels_of_one_name_are_no_telephone(core):
    world = through_local(core)
    world.enter(1000, "n", "third")
    world.endpoints["n"] = "Local/9@ward"
    world.pair("n", "o")
    assert world.joined("a") == []
