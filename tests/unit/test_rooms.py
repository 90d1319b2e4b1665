"""What a recording is told of its room: who is there, whether they were told, and who captures the house."""

from dataclasses import replace

import pytest
from unit.calls import GUESTS_RECORDING, RECORDING, heard, ms
from unit.map_of import TRUNK, Map

from ari_app.core import facts as f
from ari_app.core.facts import Standing
from ari_app.core.names import ChannelId, Instant
from ari_app.core.reasons import Reason

STAFF = frozenset({"PJSIP/2001", "PJSIP/2002"})
NAMES = {
    "o": TRUNK,
    "p": TRUNK,
    "s": "PJSIP/2001",
    "t": "PJSIP/2001",
    "u": "PJSIP/2002",
    "l": "Local/9@ward",
    "x": "PJSIP/2001-office",
}
NOTICES = (heard(),)


class World:
    """`o` owns the older recording, `p` the younger if they have one."""

    def __init__(self, core, bridges="os", *, guest=None, able=True, guest_able=True):
        self.core = core
        self.map = Map(core, **NAMES)
        for number, people in enumerate(bridges.split()):
            self.map.enter(5000 + number, people, f"bridge {number}")
        owner = core.rooms.Owner
        self.owners = {ChannelId("o"): owner(RECORDING, Standing.TOLD, (heard(),), able)}
        if guest:
            self.owners[ChannelId("p")] = owner(GUESTS_RECORDING, guest, NOTICES, guest_able)

    def surrounded(self, owner="o"):
        found: f.Surrounded = self.core.rooms.surrounded(
            self.map.topology, self.owners, STAFF, ChannelId(owner), ms(6000), ms(6001)
        )
        return found

    def members(self, owner="o"):
        return {one.channel: one for one in self.surrounded(owner).members}


def test_an_owner_of_whom_nothing_is_known_is_alone(core):
    assert World(core, "").surrounded() == f.Surrounded(at=ms(6000), seen_at=ms(6001), channel=ChannelId("o"))


def test_an_owner_with_one_of_the_house(core):
    assert World(core).surrounded() == f.Surrounded(
        at=ms(6000),
        seen_at=ms(6001),
        channel=ChannelId("o"),
        members=(f.Member(ChannelId("s"), "PJSIP/2001", Standing.CONTRACT, ms(5000)),),
        joined_at=ms(5000),
    )


def test_one_of_the_house_is_known_by_the_exact_name_of_their_endpoint(core):
    assert World(core, "ox").members()["x"].standing is Standing.UNTOLD


def test_whoever_has_no_recording_is_untold(core):
    world = World(core, "op")
    assert world.members()["p"] == f.Member(ChannelId("p"), TRUNK, Standing.UNTOLD, ms(5000))


@pytest.mark.parametrize("standing", [Standing.TOLD, Standing.UNTOLD, Standing.OBJECTED])
def test_whoever_has_a_recording_is_what_that_knows_of_them(core, standing):
    world = World(core, "op", guest=standing)
    assert world.members()["p"] == f.Member(ChannelId("p"), TRUNK, standing, ms(5000), GUESTS_RECORDING, NOTICES)


@pytest.mark.parametrize(
    ("standing", "said"),
    [
        (Standing.UNTOLD, Standing.CONTRACT),
        (Standing.TOLD, Standing.TOLD),
        (Standing.OBJECTED, Standing.OBJECTED),
    ],
)
def test_one_of_the_house_who_calls_a_line_is_told_by_contract_and_may_object(core, standing, said):
    world = World(core, "os")
    world.owners[ChannelId("s")] = core.rooms.Owner(GUESTS_RECORDING, standing, (), able=True)
    assert (world.members()["s"].standing, world.members()["s"].recording) == (said, GUESTS_RECORDING)


def test_a_stranger_is_somebody_untold(core):
    world = World(core)
    world.map.enter(5500, "u", "bridge 0", count=4)
    assert world.surrounded().members[-1] == f.Member(core.rooms.STRANGER, "", Standing.UNTOLD, Instant(0))
    assert len(world.surrounded().members) == 3


def test_who_listens_and_is_in_no_bridge_came_when_they_last_changed(core):
    world = World(core)
    world.map.enter(5500, "u", "elsewhere")
    world.map.leave(5600, "u", "elsewhere")
    world.map.spy("o", "u")
    assert world.members()["u"].joined_at == ms(5600)


def test_what_silences_the_room_silences_its_owner(core):
    world = World(core)
    world.map.hold(5500, "s")
    assert world.surrounded().quiet is Reason.HELD


def test_a_pause_of_anybody_elses_silences_the_room_and_ones_own_is_known_already(core):
    world = World(core, "osp", guest=Standing.TOLD)
    owner = world.owners[ChannelId("p")]
    world.owners[ChannelId("p")] = replace(owner, paused=True)
    assert (world.surrounded("o").quiet, world.surrounded("p").quiet) == (Reason.PAUSED, None)
    world.map.hold(5500, "s")
    assert world.surrounded("o").quiet is Reason.HELD


def test_a_pause_on_another_open_line_of_a_telephone_silences_this_one(core):
    world = World(core, "os tp", guest=Standing.TOLD)
    world.owners[ChannelId("p")] = replace(world.owners[ChannelId("p")], paused=True)
    assert world.surrounded("o").quiet is Reason.PAUSED


# -- who captures the house


@pytest.mark.parametrize(
    ("able", "guest_able", "hosts"), [(True, True, "o"), (False, True, "p"), (True, False, "o"), (False, False, "op")]
)
def test_the_oldest_recording_that_can_capture_is_the_host(core, able, guest_able, hosts):
    world = World(core, "osp", guest=Standing.TOLD, able=able, guest_able=guest_able)
    assert [one for one in "op" if world.surrounded(one).host] == list(hosts)


def test_a_recording_in_another_room_hosts_its_own(core):
    world = World(core, "os pu", guest=Standing.TOLD)
    assert (world.surrounded("o").host, world.surrounded("p").host) == (True, True)


# -- telephones with other lines


@pytest.mark.parametrize(
    ("others", "guest", "quiet"),
    [
        ("tu", None, None),
        ("t", None, None),
        ("tp", Standing.TOLD, None),
        ("tp", None, Reason.TELEPHONE_CONFERENCE),
        ("tp", Standing.UNTOLD, Reason.TELEPHONE_CONFERENCE),
        ("tp", Standing.OBJECTED, Reason.TELEPHONE_CONFERENCE),
        ("tx", None, Reason.TELEPHONE_CONFERENCE),
        ("tl", None, Reason.TELEPHONE_CONFERENCE),
    ],
)
def test_whoever_is_on_another_open_line_of_a_telephone_must_be_told_as_well(core, others, guest, quiet):
    world = World(core, f"os {others}", guest=guest)
    assert (world.surrounded().quiet, list(world.members())) == (quiet, ["s"])


def test_what_silences_another_open_line_silences_this_one(core):
    world = World(core, "os tp", guest=Standing.TOLD)
    world.map.music(5500, "p")
    assert world.surrounded().quiet is Reason.MUSIC_ON_HOLD
    world.map.hold(5600, "s")
    assert world.surrounded().quiet is Reason.HELD


def test_lines_are_asked_after_one_by_one(core):
    world = World(core, "ous tp", guest=None)
    world.map.endpoints["v"] = "PJSIP/2002"
    world.map.enter(5500, "v", "third")
    assert world.surrounded().quiet is Reason.TELEPHONE_CONFERENCE


def test_a_telephone_that_joins_its_lines_is_said_to_mix_them(core):
    world = World(core, "os tu")
    assert not world.members()["s"].mixed
    world.map.hold(5500, "t")
    world.map.hold(5600, "t", held=False)
    assert world.members()["s"].mixed
    assert not world.surrounded().mixed


def test_an_owner_whose_telephone_joins_its_lines_is_said_to_mix_them(core):
    world = World(core, "su tp")
    world.owners = {ChannelId("s"): replace(world.owners[ChannelId("o")])}
    assert not world.surrounded("s").mixed
    world.map.hold(5500, "s")
    world.map.hold(5600, "s", held=False)
    assert world.surrounded("s").mixed
