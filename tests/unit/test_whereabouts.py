"""Each change that Asterisk tells finds the recordings whose room it may have changed, and no others."""

from typing import Any

import pytest
from unit.calls import ENGLISH, P01, RECORDING, heard, line, ms, opened
from unit.map_of import TRUNK

from ari_app import translation as t
from ari_app.core import facts as f
from ari_app.core.facts import Standing
from ari_app.core.names import BridgeId, ChannelId, RecordingId
from ari_app.core.party import Party
from ari_app.core.room import Room
from ari_app.core.topology import Kind
from ari_app.whereabouts import Whereabouts

PHONE = "PJSIP/2001"


class World:
    """`o` owns a recording and is with `s` in a bridge; `x` and `y` are in another."""

    def __init__(self) -> None:
        self.where = Whereabouts(frozenset({PHONE}), frozenset({TRUNK}))
        self.own()
        for channel, endpoint, bridge in (("o", TRUNK, "b"), ("s", PHONE, "b"), ("x", TRUNK, "c"), ("y", TRUNK, "c")):
            self.bridge(1000, channel, bridge, endpoint=endpoint)

    def own(self, channel: str = "o", recording: RecordingId = RECORDING, **caller: Any) -> bool:
        owner = Party(P01, ChannelId(channel), TRUNK, f.Side.OUTSIDE, **caller)
        return self.where.own(recording, Room(opened(line(ENGLISH)), line(ENGLISH), owner))

    def bridge(
        self, at: float, channel: str, bridge: str = "b", *, enters: bool = True, count: int = 2, endpoint: str = TRUNK
    ) -> set[ChannelId]:
        where = BridgeId(bridge), Kind.CONVERSATION
        seen = t.BridgeChange(ms(at), *where, ChannelId(channel), endpoint, enters, count)
        return self.change(seen)

    def local(self, at: float, what: str) -> set[ChannelId]:
        return self.change(t.LocalChange(ms(at), ChannelId("l"), ChannelId("m"), what))

    def spy(self, spied: str, *, begins: bool) -> set[ChannelId]:
        seen = t.Spied(ms(2000), ChannelId("p"), TRUNK, ChannelId(spied), TRUNK if spied else "", begins)
        return self.change(seen)

    def change(self, seen: t.TopologyChange) -> set[ChannelId]:
        near, self.since = self.where.change(seen)
        return near

    def people(self) -> str:
        found = self.where.surrounded(ChannelId("o"), ms(2000), ms(2001))
        return "".join(one.channel for one in found.members)


@pytest.fixture
def world():
    return World()


def test_who_enters_concerns_those_who_were_and_those_who_are_with_them(world):
    assert world.bridge(2000, "x", "b", count=3) == set("osxy")
    assert world.people() == "sx"


def test_who_leaves_concerns_those_who_remain(world):
    assert world.bridge(2000, "s", enters=False, count=1) == set("os")
    assert world.people() == ""


def test_a_stranger_who_leaves_concerns_those_who_remain(world):
    """Of whoever was there before we listened only the count is known."""
    world.bridge(2000, "x", "b", count=4)
    assert world.bridge(3000, "nobody", enters=False, count=3) == {*"osx", "nobody"}
    assert world.bridge(4000, "nobody", "nowhere", enters=False, count=0) == {"nobody"}


def test_who_hangs_up_concerns_those_who_remain_and_is_nobody_any_more(world):
    assert world.where.gone(ChannelId("s")) == {"o"}
    assert world.people() == ""
    assert world.where.gone(ChannelId("nobody")) == set()


@pytest.mark.parametrize(("music", "quiet"), [(False, "held"), (True, "music_on_hold")])
def test_a_hold_and_music_concern_the_room(world, music, quiet):
    assert world.change(t.HoldChange(ms(2000), ChannelId("s"), PHONE, music, begins=True)) == set("os")
    assert world.where.surrounded(ChannelId("o"), ms(2000), ms(2001)).quiet == quiet
    assert world.change(t.HoldChange(ms(3000), ChannelId("s"), PHONE, music, begins=False)) == set("os")
    assert world.where.surrounded(ChannelId("o"), ms(2000), ms(2001)).quiet is None


def test_a_message_concerns_who_leaves_it(world):
    assert world.change(t.LeavesMessage(ms(2000), ChannelId("o"), TRUNK)) == set("os")
    assert world.where.surrounded(ChannelId("o"), ms(2000), ms(2001)).quiet == "voicemail"


def test_another_name_makes_somebody_else_of_a_telephone(world):
    assert world.change(t.Renamed(ms(2000), ChannelId("s"), TRUNK)) == set("os")
    (member,) = world.where.surrounded(ChannelId("o"), ms(2000), ms(2001)).members
    assert member.standing is Standing.UNTOLD


def test_the_other_lines_of_a_telephone_concern_the_room(world):
    assert world.bridge(2000, "t", "d", endpoint=PHONE) == set("ost")
    assert world.bridge(2001, "u", "d", count=2) == set("ostu")
    assert world.where.room_of(ChannelId("u")) == set("ostu")


# -- Local channels and spies


def test_a_local_channel_concerns_those_at_both_ends_when_it_is_joined(world):
    world.bridge(2000, "l", "b", count=3, endpoint="Local/9@ward")
    world.bridge(2000, "m", "c", count=3, endpoint="Local/9@ward")
    assert world.local(2001, "LocalBridge") >= set("osxy")
    assert world.people() == "sxy"


def test_the_end_of_an_optimisation_concerns_those_who_have_left_by_it(world):
    world.bridge(2000, "l", "b", count=3, endpoint="Local/9@ward")
    world.bridge(2000, "m", "c", count=3, endpoint="Local/9@ward")
    world.local(2001, "LocalBridge")
    assert world.local(2002, "LocalOptimizationBegin") >= set("osxy")
    world.bridge(2003, "x", "c", enters=False, count=2)
    assert world.people() == "sxy"
    assert world.since == ms(2003)
    assert world.local(2004, "LocalOptimizationEnd") >= set("osxy")
    assert world.since == ms(2003), "the instant at which they left"
    assert world.people() == "sy"


def test_an_optimisation_that_never_ends_concerns_those_who_have_left_by_it(world):
    world.bridge(2000, "l", "b", count=3, endpoint="Local/9@ward")
    world.local(2001, "LocalBridge")
    world.local(2002, "LocalOptimizationBegin")
    world.bridge(2003, "s", enters=False, count=2)
    assert world.where.overdue(ms(3001)) == (set(), ms(3001))
    assert world.where.overdue(ms(3002)) == ({"s"}, ms(2003))
    assert world.people() == ""


def test_a_spy_concerns_whom_they_listen_to_and_when_they_stop_as_well(world):
    assert world.spy("s", begins=True) == set("osp")
    assert world.people() == "ps"
    assert world.spy("", begins=False) >= set("osp")
    assert world.people() == "s"


# -- owners


def test_of_the_channels_near_those_with_a_recording_are_named_the_oldest_first(world):
    world.own("x", RecordingId("0" * 26))
    assert world.where.owners_near(set("osxy")) == ["x", "o"]
    world.where.disown(ChannelId("o"))
    world.where.disown(ChannelId("nobody"))
    assert world.where.owners_near(set("osxy")) == ["x"]


def test_what_becomes_of_an_owner_is_news_to_the_others_once(world):
    assert not World().own()
    assert world.own(standing=Standing.TOLD, heard=(heard(),))
    assert not world.own(standing=Standing.TOLD, heard=(heard(),))
    owner = world.where.owners[ChannelId("o")]
    assert (owner.recording, owner.standing, owner.notices, owner.able) == (RECORDING, "told", (heard(),), True)
    assert world.own(standing=Standing.OBJECTED, heard=(heard(),))
    assert not world.where.owners[ChannelId("o")].able


def test_a_new_owner_is_no_news_because_the_room_does_not_know_them_yet(world):
    assert not world.own("y", RecordingId("1" * 26))


def test_when_events_were_lost_nobody_is_anywhere(world):
    world.where.forget()
    assert world.people() == ""
    assert world.where.owners_near(set("o")) == ["o"]


def test_who_listened_before_we_did_may_be_in_any_room_until_they_stop(world):
    world.where.lurks(ChannelId("z"), TRUNK)
    around = world.where.surrounded(ChannelId("o"), ms(2000), ms(2001))
    assert [one.standing for one in around.members] == [Standing.CONTRACT, Standing.UNTOLD]
    assert world.where.gone(ChannelId("z")) == {"o"}
    assert world.people() == "s"


def test_who_is_found_listening_and_says_that_they_stop_is_gone_from_every_room(world):
    world.where.lurks(ChannelId("p"), TRUNK)
    assert world.spy("", begins=False) >= {"o"}
    assert world.people() == "s"


def test_the_house_may_have_listened_before_and_nothing_is_remembered_of_a_lost_time(world):
    world.where.lurks(ChannelId("z"), PHONE)
    assert world.people() == "s"
    world.where.lurks(ChannelId("z"), TRUNK)
    world.where.forget()
    assert world.where.gone(ChannelId("z")) == set()
