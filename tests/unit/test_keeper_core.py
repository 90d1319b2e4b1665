"""What ends a capture that only the guard keeps: everything but the one plain conversation that was foreseen."""

from dataclasses import replace
from typing import Any

import pytest
from unit.calls import AGENT, CALLER, ENGLISH, P01, P02, RECORDING, SECOND_AGENT, STRANGER, line, ms
from unit.driven import REAL
from unit.test_fallback_core import RULES, RUN, account

from ari_app.core import evidence as ev
from ari_app.core.names import BridgeId, ChannelId, RunId
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
        self.kept = self.k.Kept(CALLER, RECORDING, ms(60_000))
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
    "the gate is back": (lambda k: k.Returned(at=ms(500)), Reason.GATE_RESTARTED),
}


@pytest.mark.parametrize("what", ENDS)
def test_what_ends_it(what, core):
    make, reason = ENDS[what]
    world = World(core).talking()
    assert world.hear(make(world.k)) == (ev.PermitRevoked(at=ms(500), permit=1, reason=reason),)
    assert world.kept.over is reason


@pytest.mark.parametrize(("channel", "party"), [(CALLER, P01), (AGENT, P02)])
def test_an_objection_is_written_down_as_one(channel, party, core):
    world = World(core).talking()
    assert world.hear(world.k.Objected(at=ms(500), channel=channel)) == (
        ev.PartyObjected(at=ms(500), party=party),
        ev.PermitRevoked(at=ms(500), permit=1, reason=Reason.OBJECTED),
    )


def test_a_telephone_may_object_for_its_caller(core):
    world = World(core).talking()
    world.hear(world.k.Objected(at=ms(500), channel=AGENT, for_caller=True))
    assert [one.party for one in world.entries if isinstance(one, ev.PartyObjected)] == [P01]


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


def test_who_left_is_not_there_any_more(core):
    world = World(core)
    world.enters(10, STRANGER)
    world.hear(world.k.Left(at=ms(20), channel=STRANGER))
    world.enters(30, AGENTS_OTHER, ELSEWHERE)
    world.hear(world.k.HungUp(at=ms(40), channel=AGENTS_OTHER))
    world.talking()


# -- what a script asks


def begun(entries=None, *, core=REAL, rules=RULES, run=RUN, channel=CALLER, now=2000):
    return core.keeper.begin(account(core=core) if entries is None else entries, rules, run, channel, ms(now))


def test_a_sound_account_is_kept_to_its_lines_longest_time(core):
    assert begun(core=core) == core.keeper.Kept(CALLER, RECORDING, ms(2000 + 3 * 3600 * 1000))
    assert begun(core=core, now=3000).channel == CALLER


def changed(number, **changes):
    entries = list(account())
    entries[number] = replace(entries[number], **changes)
    return entries


REFUSED: dict[str, tuple[list[ev.Entry] | None, dict[str, Any], str]] = {
    "nothing": ([], {}, "too little"),
    "no opening": ([*account()[1:], account()[4]], {}, "account of this channel"),
    "the gate's": (changed(0, attested_by="gate"), {}, "account of this channel"),
    "another channel": (None, {"channel": AGENT}, "account of this channel"),
    "another keeper": (None, {"run": RunId("01M89EP1ZYXF1YNMXJBPC6YR8S")}, "another keeper"),
    "another policy": (None, {"rules": replace(RULES, sha256="6" * 64)}, "another policy"),
    "no such line": (changed(0, line="nobody-knows"), {}, "another policy"),
    "another announcement": (changed(2, sha256="b" * 64), {}, "every announcement"),
    "no announcement": ([*account()[:2], account()[1], *account()[3:]], {}, "every announcement"),
    "a line without": (
        [*account()[:2], account()[1], *account()[3:]],
        {"rules": replace(RULES, lines={"advice-line": line(unusable="x")})},
        "every announcement",
    ),
    "no permit": ([*account()[:3], account()[1], account()[4]], {}, "somebody else"),
    "another's permit": (changed(3, parties=[P01, P02]), {}, "somebody else"),
    "a second permit": (changed(3, permit=2), {}, "another capture"),
    "second of all": (
        [*account()[:3], replace(account()[3], permit=2), replace(account()[4], permit=2)], {}, "another capture",
    ),
    "another's capture": (changed(4, party=P02), {}, "another capture"),
    "another segment": (changed(4, segment=2), {}, "another capture"),
    "another file": (changed(4, file="seg-001.p02.wav"), {}, "another capture"),
    "not bridged only": (changed(4, bridged_only=False), {}, "another capture"),
    "told later": (changed(2, at=ms(2001)), {}, "had not been told"),
    "stale": (None, {"now": 3000.001}, "this moment"),
    "of the future": (None, {"now": 1999.999}, "this moment"),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_not_kept(what, core):
    entries, changes, why = REFUSED[what]
    with pytest.raises(ValueError, match=why):
        begun(entries, core=core, **changes)


def test_its_lines_follow_from_the_scripts(core):
    text = core.fallback.journal(account(core=core))
    _, previous = ev.read(text)
    more, last = core.keeper.lines((ORIGIN, core.keeper.stopped(ms(900))), previous)
    entries, found = ev.read(text + more)
    assert entries[-2:] == [ORIGIN, ev.TrackEnded(at=ms(900), segment=1, party=P01, closed=True)]
    assert found == last
    assert core.keeper.lines((), previous) == (b"", previous)


def test_the_announcement_of_these_tests_is_the_lines_own():
    assert RULES.lines["advice-line"].announcements == (ENGLISH,)
