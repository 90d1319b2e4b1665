"""What silences a channel, who listens to it, and which other lines its telephone has open."""

import pytest
from unit.calls import ms
from unit.map_of import TRUNK, Map, connected, through_local

from ari_app.core.reasons import Reason

# -- hold and music


def test_a_hold_silences_the_whole_room_until_it_is_over(core):
    world = through_local(core)
    world.hold(2000, "a")
    assert (world.quiet("a"), world.quiet("z")) == (Reason.HELD, Reason.HELD)
    world.hold(3000, "a", held=False)
    assert world.quiet("z") is None


def test_music_silences_the_room_until_it_is_over(core):
    world = connected(core)
    world.music(2000, "b")
    assert world.quiet("a") is Reason.MUSIC_ON_HOLD
    world.music(3000, "b", plays=False)
    assert world.quiet("a") is None


@pytest.mark.parametrize("what", ["hold", "music"])
@pytest.mark.parametrize(("at", "over"), [(1999, False), (2000, True)])
def test_an_end_that_is_older_than_the_beginning_ends_nothing(core, what, at, over):
    world = connected(core)
    getattr(world, what)(2000, "a")
    getattr(world, what)(at, "a", **({"held": False} if what == "hold" else {"plays": False}))
    assert (world.quiet("a") is None) is over


def test_hold_and_music_have_stamps_of_their_own_and_the_bridges_have_theirs(core):
    world = connected(core)
    world.hold(9000, "a", held=False)
    world.music(2000, "a")
    assert world.quiet("a") is Reason.MUSIC_ON_HOLD
    world.hold(9001, "b", held=False)
    world.music(9000, "b", plays=False)
    world.hold(9002, "b")
    world.music(9001, "a", plays=False)
    assert world.quiet("a") is Reason.HELD
    world.leave(2500, "b")
    assert world.quiet("a") is None


def test_an_end_of_a_hold_that_nobody_began_is_nothing(core):
    world = connected(core, "ab", a="PJSIP/2001", x="PJSIP/2001")
    world.hold(2000, "a", held=False)
    world.enter(2000, "xy", "c")
    assert (world.quiet("a"), world.mixes("a")) == (None, False)


def test_a_channel_that_holds_before_it_is_in_a_bridge_holds_there(core):
    world = Map(core)
    world.hold(500, "a")
    world.music(600, "b")
    world.enter(1000, "a")
    assert world.quiet("a") is Reason.HELD
    world.enter(1000, "b", "c")
    assert world.quiet("b") is Reason.MUSIC_ON_HOLD


@pytest.mark.parametrize(
    ("doings", "quiet"),
    [
        ("vo", Reason.NO_CONVERSATION),
        ("vmo", Reason.MUSIC_ON_HOLD),
        ("vmho", Reason.HELD),
        ("vmhp", Reason.PARKED),
        ("hp", Reason.PARKED),
        ("v", Reason.VOICEMAIL),
        ("mh", Reason.HELD),
        ("", None),
    ],
)
def test_of_several_things_that_silence_a_room_the_most_telling_is_named(core, doings, quiet):
    world = Map(core)
    kinds = {"p": world.kinds.PARKING, "o": world.kinds.OTHER}
    kind = next((kinds[one] for one in doings if one in kinds), world.kinds.CONVERSATION)
    world.enter(1000, "abcd", kind=kind)
    for one, channel in (("v", "b"), ("m", "c"), ("h", "d")):
        if one in doings:
            {"v": world.voicemail, "m": world.music, "h": world.hold}[one](2000, channel)
    assert world.quiet("a") is quiet


@pytest.mark.parametrize(
    ("doings", "quiet"), [("hmv", Reason.HELD), ("mv", Reason.MUSIC_ON_HOLD), ("v", Reason.VOICEMAIL), ("", None)]
)
def test_of_several_things_that_silence_one_channel_as_well(core, doings, quiet):
    world = connected(core)
    for one, do in (("h", world.hold), ("m", world.music), ("v", world.voicemail)):
        if one in doings:
            do(2000, "b")
    assert world.quiet("a") is quiet


# -- voicemail


def test_who_leaves_a_message_is_not_to_be_captured_until_they_are_in_a_conversation(core):
    world = connected(core)
    world.leave(2000, "a")
    world.voicemail(2500, "a")
    assert world.quiet("a") is Reason.VOICEMAIL
    world.enter(3000, "a")
    assert world.quiet("a") is None


@pytest.mark.parametrize(("at", "quiet"), [(999, None), (1000, Reason.VOICEMAIL)])
def test_a_message_that_was_left_before_the_conversation_is_over(core, at, quiet):
    world = connected(core)
    world.voicemail(at, "a")
    assert world.quiet("a") is quiet


# -- who listens


def test_who_listens_to_a_channel_is_in_its_room_until_they_stop(core):
    world = connected(core)
    world.spy("b", "s")
    assert (world.people("a"), world.people("b")) == ("abs", "abs")
    assert world.topology.spied_no_more("s") == {"b"}
    assert world.people("a") == "ab"
    assert world.topology.spied_no_more("s") == set()
    assert world.topology.wires["b"].spied_by == frozenset()


def test_who_listens_hears_those_they_listen_to(core):
    """Else somebody from outside who listens would be recorded as if alone."""
    world = connected(core, "abc")
    world.spy("a", "s")
    assert world.people("s") == "abcs"
    world.topology.spied_no_more("s")
    assert world.people("s") == "s"


def test_whom_several_listen_to_is_listened_to_until_the_last_has_stopped(core):
    world = connected(core)
    world.spy("a", "s")
    world.spy("a", "t")
    world.topology.spied_no_more("s")
    assert world.people("b") == "abt"


def test_who_listens_to_several_stops_all_of_it(core):
    world = connected(core, "abc")
    world.spy("a", "s")
    world.spy("b", "s")
    world.spy("c", "t")
    assert world.topology.spied_no_more("s") == {"a", "b"}
    assert world.people("a") == "abct"


def test_who_listens_in_a_bridge_brings_its_people_along(core):
    world = connected(core)
    world.enter(1000, "st", "c")
    world.spy("a", "s")
    assert world.people("b") == "abst"


def test_who_listens_and_hangs_up_listens_no_more(core):
    world = connected(core)
    world.spy("a", "s")
    world.gone("s")
    assert (world.people("b"), world.topology.wires["a"].spied_by, world.topology._spies) == ("ab", frozenset(), set())


def test_a_spy_of_whom_nothing_else_is_known_has_an_endpoint(core):
    world = Map(core, s="PJSIP/2009")
    world.spy("a", "s")
    assert [(wire.channel, wire.endpoint) for wire in world.room("a").wires] == [("a", "PJSIP/a"), ("s", "PJSIP/2009")]


# -- the lines of telephones


def two_lines(core, *, endpoint="PJSIP/2001"):
    """Return a map on which one telephone talks with `p` on its line `a` and with `q` on its line `b`."""
    world = Map(core, a=endpoint, b=endpoint, c=endpoint)
    world.enter(1000, "ap", "first")
    world.enter(1000, "bq", "second")
    return world


def test_a_telephone_with_two_open_lines_may_join_them(core):
    world = two_lines(core)
    assert (world.people("p"), world.room("p").lines) == ("ap", {"b"})
    assert (world.joined("p"), world.joined("q")) == (["bq"], ["ap"])


def test_a_line_on_hold_or_not_connected_is_joined_with_nothing(core):
    world = two_lines(core)
    world.hold(2000, "b")
    assert (world.joined("p"), world.joined("q")) == ([], [])
    world.hold(3000, "b", held=False)
    world.leave(3500, "b", "second")
    assert world.joined("p") == []
    assert world.room("b").lines == set()


def test_the_lines_of_a_trunk_are_different_people(core):
    world = two_lines(core, endpoint=TRUNK)
    assert (world.room("p").lines, world.joined("p"), world.mixes("a")) == (set(), [], False)


def test_telephones_join_near_and_far(core):
    world = two_lines(core)
    world.endpoints |= {"q": "PJSIP/2002", "r": "PJSIP/2002"}
    world.topology.renamed("q", "PJSIP/2002")
    world.enter(1000, "rs", "third")
    assert world.joined("p") == ["bq", "rs"]
    assert world.joined("s") == ["ap", "bq"]


def test_lines_in_one_room_are_one_room(core):
    world = Map(core, a="PJSIP/2001", b="PJSIP/2001")
    world.enter(1000, "abp")
    assert (world.room("p").lines, world.joined("p")) == (set(), [])


def test_two_telephones_of_a_room_that_lead_to_the_same_other_find_it_once(core):
    world = two_lines(core)
    world.endpoints |= {"p": "PJSIP/2003", "q": "PJSIP/2003"}
    world.topology.renamed("p", "PJSIP/2003")
    world.topology.renamed("q", "PJSIP/2003")
    assert world.joined("a") == ["bq"]


@pytest.mark.parametrize(("lines", "joined"), [(8, 7), (9, 0)])
def test_an_endpoint_with_more_than_eight_open_lines_is_no_telephone(core, lines, joined):
    world = Map(core, **dict.fromkeys("abcdefghi", "PJSIP/2001"))
    for one in "abcdefghi"[:lines]:
        world.enter(1000, one, f"bridge of {one}")
    world.hold(1500, "b")
    world.hold(1600, "b", held=False)
    assert len(world.room("a").lines) == joined
    assert world.mixes("a") is (lines == 8)


def test_lines_on_hold_do_not_count_among_the_eight(core):
    world = Map(core, **dict.fromkeys("abcdefghi", "PJSIP/2001"))
    for one in "abcdefghi":
        world.enter(1000, one, f"bridge of {one}")
    world.hold(1500, "i")
    assert len(world.room("a").lines) == 7


def test_a_telephone_mixes_its_lines_once_it_took_one_back_from_hold(core):
    world = two_lines(core)
    assert not world.mixes("a")
    world.hold(2000, "b")
    assert not world.mixes("a")
    assert not world.mixes("b")
    world.hold(3000, "b", held=False)
    assert world.mixes("a")
    assert world.mixes("b")
    world.leave(4000, "b", "second")
    assert not world.mixes("a")
    assert not world.mixes("b")


def test_a_telephone_with_one_line_that_was_on_hold_mixes_nothing(core):
    world = connected(core)
    world.hold(2000, "a")
    world.hold(3000, "a", held=False)
    assert not world.mixes("a")


# -- other names


def test_a_channel_with_another_name_is_another_telephones_line(core):
    world = two_lines(core)
    world.topology.renamed("b", "PJSIP/2005")
    assert (world.joined("p"), world.topology.wires["b"].endpoint) == ([], "PJSIP/2005")
    world.topology.renamed("b", "PJSIP/2001")
    assert world.joined("p") == ["bq"]
    assert world.people("q") == "bq"


def test_a_channel_that_is_first_heard_of_by_its_new_name_has_it(core):
    world = Map(core)
    world.topology.renamed("x", "PJSIP/2005")
    world.enter(1000, "x")
    assert world.topology.wires["x"].endpoint == "PJSIP/2005"


def test_telephones_are_forgotten_with_their_last_line(core):
    world = two_lines(core)
    world.gone("a")
    assert (world.joined("q"), world.topology._open_lines["PJSIP/2001"]) == ([], {"b"})
    world.gone("b", "p", "q")
    assert (world.topology._open_lines, world.topology.wires) == ({}, {})


def test_who_was_renamed_leaves_nothing_of_their_old_name_behind(core):
    world = connected(core, "a")
    world.topology.renamed("a", "PJSIP/2005")
    assert set(world.topology._open_lines) == {"PJSIP/2005"}
    assert world.topology.wires["a"].joined_at == ms(1000)
