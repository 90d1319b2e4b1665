"""What ends a capture that only the guard keeps: everything but the one plain conversation that was foreseen."""

import pytest
from unit.calls import AGENT, CALLER, P01, P02, RECORDING, SECOND_AGENT, STRANGER, ms
from unit.driven import REAL
from unit.test_fallback_core import account

from ari_app.core import evidence as ev
from ari_app.core.names import BridgeId, ChannelId
from ari_app.core.reasons import Reason

STAFF = frozenset({"PJSIP/2002", "PJSIP/2003"})
ROOM, ELSEWHERE = BridgeId("room"), BridgeId("elsewhere")
ENDPOINTS = {
    CALLER: "PJSIP/trunk",
    AGENT: "PJSIP/2002",
    SECOND_AGENT: "PJSIP/2003",
    STRANGER: "PJSIP/trunk",
    ChannelId("1800000000.20"): "PJSIP/2002",
}
AGENTS_OTHER = ChannelId("1800000000.20")


class World:
    """One capture that is kept, and what was written of it."""

    def __init__(self, core=REAL):
        self.k = core.keeper
        self.kept = self.k.Kept(CALLER, RECORDING, ms(60_000), ms(30_000))
        self.bridges = self.k.Bridges()
        self.entries = []

    def hear(self, fact):
        self.bridges.take(fact)
        self.kept, entries = self.k.step(self.kept, fact, self.bridges, STAFF)
        self.entries += entries
        return entries

    def enters(self, at, channel, bridge=ROOM, *, plain=True, count=None):
        there = sum(where == bridge for one, (where, _) in self.bridges.places.items() if one != channel)
        fact = self.k.Entered(
            at=ms(at), channel=channel, endpoint=ENDPOINTS[channel], bridge=bridge, plain=plain,
            count=there + 1 if count is None else count,
        )  # fmt: skip
        return self.hear(fact)

    def talking(self):
        self.enters(100, AGENT)
        self.enters(110, CALLER)
        assert self.kept.over is None
        return self

    @property
    def revoked(self):
        return [(one.at, one.reason) for one in self.entries if isinstance(one, ev.PermitRevoked)]


def met(at, agent=AGENT):
    return (
        ev.PartyEntered(at=ms(at), party=P02, side="house", channel=agent, endpoint=ENDPOINTS[agent], contract=True),
        ev.PermitWidened(at=ms(at), permit=1, parties=[P01, P02]),
    )


ORIGIN = ev.TrackOrigin(at=ms(110), segment=1, party=P01)


@pytest.mark.parametrize("first", [AGENT, CALLER])
def test_the_plain_conversation_goes_on(first, core):
    world = World(core)
    if first == AGENT:
        assert world.enters(100, AGENT) == ()
        assert world.enters(110, CALLER) == (ORIGIN, *met(110))
    else:
        assert world.enters(110, CALLER) == (ORIGIN,)
        assert world.enters(120, AGENT) == met(120)
    # Others come and go elsewhere.
    world.enters(130, SECOND_AGENT, ELSEWHERE)
    world.enters(140, STRANGER, ELSEWHERE)
    world.hear(world.k.Left(at=ms(150), channel=STRANGER))
    world.hear(world.k.HungUp(at=ms(151), channel=STRANGER))
    world.hear(world.k.Held(at=ms(160), channel=SECOND_AGENT, music=False))
    world.hear(world.k.Replaced(at=ms(170), channel=SECOND_AGENT))
    world.hear(world.k.Spied(at=ms(175), channel=SECOND_AGENT))
    world.hear(world.k.Objected(at=ms(180), channel=SECOND_AGENT))
    world.hear(world.k.Paused(at=ms(185), channel=SECOND_AGENT))
    world.hear(world.k.Failed(at=ms(190), channel=AGENT))
    world.hear(world.k.Woke(at=ms(59_999)))
    assert (world.kept.over, world.revoked) == (None, [])


ENDS = {
    "hold by the telephone": (lambda k: k.Held(at=ms(500), channel=AGENT, music=False), Reason.HELD),
    "hold by the caller": (lambda k: k.Held(at=ms(500), channel=CALLER, music=False), Reason.HELD),
    "music": (lambda k: k.Held(at=ms(500), channel=CALLER, music=True), Reason.MUSIC_ON_HOLD),
    "the caller leaves": (lambda k: k.Left(at=ms(500), channel=CALLER), Reason.LEFT_BRIDGE),
    "the telephone leaves": (lambda k: k.Left(at=ms(500), channel=AGENT), Reason.LEFT_BRIDGE),
    "the telephone is gone": (lambda k: k.HungUp(at=ms(500), channel=AGENT), Reason.LEFT_BRIDGE),
    "the caller is replaced": (lambda k: k.Replaced(at=ms(500), channel=CALLER), Reason.CHANNEL_REPLACED),
    "the telephone is replaced": (lambda k: k.Replaced(at=ms(500), channel=AGENT), Reason.CHANNEL_REPLACED),
    "somebody listens to the caller": (lambda k: k.Spied(at=ms(500), channel=CALLER), Reason.ROOM_CHANGED),
    "somebody listens to the telephone": (lambda k: k.Spied(at=ms(500), channel=AGENT), Reason.ROOM_CHANGED),
    "a pause by the telephone": (lambda k: k.Paused(at=ms(500), channel=AGENT), Reason.PAUSED),
    "a pause by the caller": (lambda k: k.Paused(at=ms(500), channel=CALLER), Reason.PAUSED),
    "the script's capture failed": (lambda k: k.Failed(at=ms(500), channel=CALLER), Reason.CAPTURE_FAILED),
    "the disk is nearly full": (lambda k: k.Full(at=ms(500)), Reason.SPOOL_FULL),
    "the gate is back": (lambda k: k.Returned(at=ms(500)), Reason.GATE_RESTARTED),
}


@pytest.mark.parametrize("what", ENDS)
def test_what_ends_it(what, core):
    make, reason = ENDS[what]
    world = World(core).talking()
    assert world.hear(make(world.k)) == (ev.PermitRevoked(at=ms(500), permit=1, reason=reason),)
    assert world.kept.over is reason


@pytest.mark.parametrize("at", [60_000, 61_000])
def test_the_longest_time_ends_it_at_its_own_instant(at, core):
    world = World(core).talking()
    world.hear(world.k.Woke(at=ms(at)))
    assert world.revoked == [(ms(60_000), Reason.MAX_HOURS)]


@pytest.mark.parametrize(
    ("channel", "reason"),
    [
        (STRANGER, Reason.NOT_TOLD),
        (SECOND_AGENT, Reason.ROOM_CHANGED),
        (AGENTS_OTHER, Reason.ROOM_CHANGED),
    ],
)
def test_a_third_in_the_room_ends_it(channel, reason, core):
    world = World(core).talking()
    world.enters(500, channel)
    assert world.revoked == [(ms(500), reason)]


def test_a_telephone_that_talks_elsewhere_too_ends_it(core):
    world = World(core).talking()
    world.enters(500, AGENTS_OTHER, ELSEWHERE)
    assert world.revoked == [(ms(500), Reason.ROOM_CHANGED)]


def test_a_telephone_that_talked_elsewhere_before_ends_it(core):
    world = World(core)
    world.enters(50, AGENTS_OTHER, ELSEWHERE)
    world.enters(100, AGENT)
    world.enters(110, CALLER)
    assert world.revoked == [(ms(110), Reason.ROOM_CHANGED)]


def test_a_stranger_in_the_first_bridge_ends_it(core):
    world = World(core)
    world.enters(100, STRANGER)
    assert world.enters(110, CALLER) == (ORIGIN, ev.PermitRevoked(at=ms(110), permit=1, reason=Reason.NOT_TOLD))


def test_two_in_the_first_bridge_end_it_once(core):
    world = World(core)
    world.enters(90, STRANGER)
    world.enters(100, AGENT)
    world.enters(110, CALLER)
    assert world.revoked == [(ms(110), Reason.NOT_TOLD)]


@pytest.mark.parametrize("shape", [{"plain": False}, {"count": 3}, {"count": 1}])
@pytest.mark.parametrize("last", [CALLER, AGENT])
def test_a_bridge_of_another_kind_or_with_somebody_unknown_ends_it(shape, last, core):
    world = World(core)
    world.enters(100, AGENT if last == CALLER else CALLER)
    world.enters(110, last, **shape)
    assert world.revoked == [(ms(110), Reason.TOPOLOGY_NOT_SUPPORTED)]


def test_a_second_bridge_ends_it(core):
    world = World(core).talking()
    world.enters(500, CALLER, ELSEWHERE)
    assert world.revoked == [(ms(500), Reason.TOPOLOGY_NOT_SUPPORTED)]


def test_before_the_conversation_music_is_nothing_and_a_hold_is_an_end(core):
    world = World(core)
    assert world.hear(world.k.Held(at=ms(50), channel=CALLER, music=True)) == ()
    assert world.hear(world.k.Held(at=ms(60), channel=CALLER, music=False)) != ()
    assert world.revoked == [(ms(60), Reason.HELD)]


def test_before_the_conversation_others_mean_nothing(core):
    world = World(core)
    world.enters(10, STRANGER, ELSEWHERE)
    world.hear(world.k.Left(at=ms(20), channel=STRANGER))
    world.hear(world.k.Held(at=ms(30), channel=STRANGER, music=False))
    assert world.kept == World(core).kept


def test_the_hang_up_ends_everything(core):
    world = World(core).talking()
    assert world.hear(world.k.HungUp(at=ms(900), channel=CALLER)) == (
        ev.PermitRevoked(at=ms(900), permit=1, reason=Reason.HUNG_UP),
        ev.Ended(at=ms(900), reason=None),
    )


def test_what_is_over_stays_over_until_the_hang_up(core):
    world = World(core).talking()
    world.hear(world.k.Held(at=ms(500), channel=AGENT, music=False))
    for make, _ in ENDS.values():
        assert world.hear(make(world.k)) == ()
    assert world.enters(600, CALLER) == ()
    assert world.kept.over is Reason.HELD
    assert world.hear(world.k.HungUp(at=ms(900), channel=CALLER)) == (ev.Ended(at=ms(900), reason=None),)


@pytest.mark.parametrize(
    ("at", "channel", "for_caller", "party", "destroys"),
    [
        (30_000, CALLER, False, P01, [P01]),
        (30_001, CALLER, False, P01, []),
        (500, AGENT, True, P01, [P01]),
        (500, AGENT, False, P02, []),
    ],
)
def test_an_objection_destroys_what_is_young_and_the_callers(core, at, channel, for_caller, party, destroys):
    world = World(core).talking()
    said = world.k.Objected(at=ms(at), channel=channel, for_caller=for_caller)
    assert world.hear(said) == (
        ev.PartyObjected(at=ms(at), party=party, destroys=destroys),
        ev.PermitRevoked(at=ms(at), permit=1, reason=Reason.OBJECTED),
    )
    assert world.hear(said) == ()
    assert world.kept.over is Reason.OBJECTED


def test_an_objection_after_the_end_destroys_as_well(core):
    world = World(core).talking()
    assert world.kept.wanted(ms(40_000))
    world.hear(world.k.Held(at=ms(500), channel=AGENT, music=False))
    assert world.kept.wanted(ms(30_000))
    assert not world.kept.wanted(ms(30_001))
    assert world.hear(world.k.Objected(at=ms(600), channel=AGENT)) == ()
    said = world.k.Objected(at=ms(700), channel=CALLER)
    assert world.hear(said) == (ev.PartyObjected(at=ms(700), party=P01, destroys=[P01]),)
    assert world.hear(said) == ()
    assert not world.kept.wanted(ms(800))
    assert world.kept.over is Reason.HELD


def test_who_left_is_not_there_any_more(core):
    world = World(core)
    world.enters(10, STRANGER)
    world.hear(world.k.Left(at=ms(20), channel=STRANGER))
    world.enters(30, AGENTS_OTHER, ELSEWHERE)
    world.hear(world.k.HungUp(at=ms(40), channel=AGENTS_OTHER))
    world.talking()


def test_its_lines_follow_from_the_scripts(core):
    text = core.fallback.journal(account(core=core))
    _, previous = ev.read(text)
    more, last = core.keeper.lines((ORIGIN, core.keeper.stopped(ms(900))), previous)
    entries, found = ev.read(text + more)
    assert entries[-2:] == [ORIGIN, ev.TrackEnded(at=ms(900), segment=1, party=P01, closed=True)]
    assert found == last
    assert core.keeper.lines((), previous) == (b"", previous)
