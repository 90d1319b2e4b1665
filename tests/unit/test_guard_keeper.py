"""The keeper without an Asterisk: what ends a capture, what is not kept, and what ends a run."""

import json
from dataclasses import replace
from typing import Any

import pytest
from unit.calls import AGENT, CALLER, RECORDING, STRANGER
from unit.keeper_world import MONITOR, NAMES, World, scenario

from ari_app import clock
from ari_app.adapters.heartbeats import Heartbeats
from ari_app.core import evidence as ev
from ari_app.core.names import Instant
from ari_app.core.policy import Keys, Mode
from ari_app.core.reasons import Reason
from ari_app.guard import keeper as kp
from ari_app.guard.asterisk import KEPT


def test_a_capture_is_kept_and_ended_by_a_hold(tmp_path):
    world = World(tmp_path)

    async def play():
        world.attest()
        world.ask()
        assert json.loads(world.layout.live_of(CALLER).read_bytes())["run"] == world.run
        assert world.layout.kept_of(RECORDING).exists()
        assert world.vitals.objection(world.run) is None
        world.ears.bridged(AGENT, count=1)
        world.ears.bridged(CALLER, count=2)
        world.ears.say("Hold", AGENT)
        await world.until(lambda: not world.layout.live_of(CALLER).exists())
        world.ears.say("Hangup", CALLER)
        before = world.beats()
        await world.until(lambda: world.beats() > before)

    scenario(world, play)
    assert world.hands.stopped == [MONITOR]
    kinds = [type(one) for one in world.entries()]
    assert kinds == [
        ev.TrackOrigin, ev.PartyEntered, ev.PermitWidened, ev.PermitRevoked, ev.TrackEnded, ev.Ended,
    ]  # fmt: skip
    assert world.vitals.signs.kept == {}


@pytest.mark.parametrize(
    ("say", "reason"),
    [
        (lambda ears: ears.say("VarSet", CALLER, variable="CONSENTGATE_OBJECTED", value="1"), Reason.OBJECTED),
        (lambda ears: ears.say("VarSet", CALLER, variable="CONSENTGATE_FALLBACK", value="failed"),
         Reason.CAPTURE_FAILED),
        (lambda ears: ears.say("MusicOnHoldStart", AGENT), Reason.MUSIC_ON_HOLD),
        (lambda ears: ears.say("Rename", AGENT), Reason.CHANNEL_REPLACED),
        (lambda ears: ears.say("Newexten", AGENT, extension="pause"), Reason.PAUSED),
        (lambda ears: ears.say("Newexten", CALLER, extension="object"), Reason.OBJECTED),
        (lambda ears: ears.say("Newexten", AGENT, extension="caller-objects"), Reason.OBJECTED),
        (lambda ears: ears.say("ChanSpyStart", STRANGER, spyeeuniqueid=CALLER), Reason.ROOM_CHANGED),
        (lambda ears: ears.bridged(AGENT, count=1, entered=False), Reason.LEFT_BRIDGE),
        (lambda ears: ears.bridged(STRANGER, count=3), Reason.NOT_TOLD),
        (lambda ears: ears.say("Hangup", CALLER), Reason.HUNG_UP),
        (lambda ears: ears.say("VarSet", None, variable="CONSENTGATE_ALIVE", value=str(clock.now() // 1_000_000)),
         Reason.GATE_RESTARTED),
    ],
)  # fmt: skip
def test_what_asterisk_says_ends_it(tmp_path, say, reason):
    world = World(tmp_path)

    async def play():
        world.attest()
        world.ask()
        world.ears.bridged(CALLER, count=1)
        world.ears.bridged(AGENT, count=2)
        say(world.ears)
        await world.until(lambda: not world.layout.live_of(CALLER).exists())

    scenario(world, play)
    assert [one.reason for one in world.entries() if isinstance(one, ev.PermitRevoked)] == [reason]
    assert world.hands.stopped == ([] if reason is Reason.HUNG_UP else [MONITOR])


def test_what_others_do_and_old_marks_end_nothing(tmp_path):
    world = World(tmp_path)

    async def play():
        world.attest()
        world.ask()
        world.ears.bridged(CALLER, count=1)
        world.ears.bridged(AGENT, count=2)
        world.ears.say("VarSet", None, variable="CONSENTGATE_ALIVE", value="1")
        world.ears.say("VarSet", None, variable="CONSENTGATE_ALIVE", value="0")
        world.ears.say("VarSet", None, variable="CONSENTGATE_OBJECTED", value="1")
        world.ears.say("VarSet", CALLER, variable="CONSENTGATE_FALLBACK", value="")
        world.ears.say("VarSet", CALLER, variable="SOMETHING", value="1")
        world.ears.say("Newexten", CALLER, extension="resume")
        before = world.beats()
        await world.until(lambda: world.beats() > before)

    scenario(world, play)
    assert not any(isinstance(one, ev.PermitRevoked) for one in world.entries())


@pytest.mark.parametrize("number", ["", "<unknown>"])
def test_a_caller_who_withholds_their_number_has_none(tmp_path, number):
    world = World(tmp_path)

    async def play():
        world.attest()
        world.ask(number)

    scenario(world, play)
    assert world.layout.kept_of(RECORDING).read_bytes() == b""


CHOOSING: dict[str, Any] = {"mode": Mode.ANNOUNCE_OPT_OUT, "keys": Keys(decline="*", repeat="1")}


@pytest.mark.parametrize(
    ("channel", "pressed", "kept"),
    [
        (CALLER, {"direction": "Received", "digit": "*"}, False),
        (CALLER, {"direction": "Sent", "digit": "*"}, True),
        (CALLER, {"direction": "Received", "digit": "1"}, True),
        (AGENT, {"direction": "Received", "digit": "*"}, True),
        (None, {"direction": "Received", "digit": "*"}, True),
    ],
)
def test_a_caller_whose_no_the_script_has_missed_is_not_kept(tmp_path, channel, pressed, kept):
    world = World(tmp_path, **CHOOSING)

    async def play():
        at = clock.now()
        world.ears.say("DTMFEnd", channel, **pressed)
        world.attest(at=at)
        world.ask()
        assert world.layout.live_of(CALLER).exists() is kept

    scenario(world, play)
    assert [one["Filter"] for one in world.ears.wanted if "DTMFEnd" in one["Filter"]] == [
        "^Event: DTMFEnd[[:cntrl:]].*[[:cntrl:]]Digit: [*][[:cntrl:]]"
    ]


def test_a_key_counts_no_longer_than_its_channel_lives(tmp_path):
    world = World(tmp_path, **CHOOSING)

    async def play():
        at = clock.now()
        world.ears.say("DTMFEnd", CALLER, direction="Received", digit="*")
        world.ears.say("Hangup", CALLER)
        world.attest(at=at)
        world.ask()
        assert world.layout.live_of(CALLER).exists()

    scenario(world, play)


def test_whoever_came_before_keys_were_heard_is_not_kept(tmp_path):
    world = World(tmp_path, **CHOOSING)

    async def play():
        world.attest(at=Instant(world.keeper._keypad.since - 1))
        world.ask()
        assert not world.layout.live_of(CALLER).exists()

    scenario(world, play)


@pytest.mark.parametrize(("rules", "kept"), [(CHOOSING, False), ({}, True)])
def test_without_the_right_to_hear_keys_lines_that_have_one_are_not_kept(tmp_path, rules, kept):
    world = World(tmp_path, **rules)
    world.ears.rights.discard("dtmf")

    async def play():
        world.attest()
        world.ask()
        assert world.layout.live_of(CALLER).exists() is kept

    scenario(world, play)


@pytest.mark.parametrize("text", [None, b"{", b"[]", b'{"format":1}'])
def test_by_a_policy_that_cannot_be_read_no_key_is_heard(tmp_path, text):
    world = World(tmp_path, **CHOOSING)
    world.layout.policy.unlink()
    if text is not None:
        world.layout.policy.write_bytes(text)

    async def play():
        assert world.keeper._keypad.keys == frozenset()

    scenario(world, play)
    assert world.ears.wanted == KEPT


def test_after_the_gate_is_back_an_objection_is_heard_for_as_long_as_it_destroys(tmp_path):
    world = World(tmp_path, destroy_if_objected_within_seconds=60)

    async def play():
        world.attest()
        world.ask()
        world.ears.bridged(CALLER, count=1)
        world.ears.say("Hold", CALLER)
        await world.until(lambda: not world.layout.live_of(CALLER).exists())
        (one,) = world.keeper._captures.values()
        assert one.kept.wanted(clock.now())
        world.ears.say("VarSet", CALLER, variable="CONSENTGATE_OBJECTED", value="1")
        before = world.beats()
        await world.until(lambda: world.beats() > before)

    scenario(world, play)
    assert [one.destroys for one in world.entries() if isinstance(one, ev.PartyObjected)] == [["p01"]]


def test_the_longest_time_is_kept(tmp_path):
    world = World(tmp_path)

    async def play():
        world.attest()
        world.ask()
        (one,) = world.keeper._captures.values()
        one.kept = replace(one.kept, until=Instant(clock.now()))
        await world.until(lambda: MONITOR in world.hands.stopped)

    scenario(world, play)
    assert [one.reason for one in world.entries() if isinstance(one, ev.PermitRevoked)] == [Reason.MAX_HOURS]


@pytest.mark.parametrize("trouble", ["nothing attested", "another run", "damaged", "no policy", "bridged", "alive"])
def test_what_cannot_be_proved_is_not_kept(tmp_path, trouble):
    rows = [{"uniqueid": CALLER, "channel": NAMES[CALLER], "bridgeid": "b"}] if trouble == "bridged" else []
    world = World(tmp_path, [*rows, {"uniqueid": "../x", "channel": "x", "bridgeid": "b"}])

    async def play():
        if trouble != "nothing attested":
            world.attest("01M89EP1ZYXF1YNMXJBPC6YR8S" if trouble == "another run" else None)
        if trouble == "damaged":
            world.layout.fallback_of(CALLER).write_bytes(b"{}\n")
        if trouble == "no policy":
            world.layout.policy.unlink()
        if trouble == "alive":
            world.vitals.signs.alive_at = clock.now()
        world.ask()

    scenario(world, play)
    assert not world.layout.kept_of(RECORDING).exists()
    assert list(world.layout.live.iterdir()) == []


def test_an_event_that_cannot_be_read_ends_the_run(tmp_path):
    world = World(tmp_path)

    async def play():
        world.attest()
        world.ask()
        first = world.run
        world.ears.say("BridgeEnter", CALLER)
        await world.until(lambda: world.run != first)
        await world.until(lambda: world.beats() > 0)
        assert first not in world.vitals.signs.kept

    scenario(world, play)


def test_a_connection_that_is_lost_or_deaf_is_another_run(tmp_path, monkeypatch):
    monkeypatch.setattr(kp, "DEAF_MICROSECONDS", 300_000)
    monkeypatch.setattr(kp, "BEAT_SECONDS", 0.1)
    monkeypatch.setattr(kp, "RETRY_SECONDS", 0.05)
    world = World(tmp_path)

    async def play():
        first = world.run
        world.ears.failures = 2
        world.ears.close()
        await world.until(lambda: world.run != first and world.beats() > 0)
        second = world.run
        world.ears.deaf = True
        await world.until(lambda: world.run != second)
        assert world.vitals.signs.kept.keys() <= {world.run}

    scenario(world, play)


@pytest.mark.parametrize("late_ms", [0, 150, 450])
def test_asterisk_that_takes_its_time_with_a_marker_may_have_stood_still(tmp_path, late_ms):
    world = World(tmp_path)

    async def play():
        before = world.beats()
        world.ears.late_us = late_ms * 1000
        await world.until(lambda: world.beats() > before)

    scenario(world, play)
    heard = Heartbeats(world.layout.keeper)
    heard.refresh()
    found = heard.stood_still(world.run)
    assert bool(found) is (late_ms > 200)
    assert all(0 < one.until - one.since < 2_000_000 for one in found)


def test_a_gate_that_is_back_lets_it_rest(tmp_path, monkeypatch):
    monkeypatch.setattr(kp, "LINGER_MICROSECONDS", 100_000)
    monkeypatch.setattr(kp, "BEAT_SECONDS", 0.05)
    world = World(tmp_path)

    async def play():
        world.vitals.signs.alive_at = Instant(clock.now() + 1_000_000)
        await world.until(lambda: not world.ears.connected)
        assert world.ears.connections == 1

    scenario(world, play)


@pytest.mark.parametrize("silent", [2, 7])
def test_a_stop_that_is_not_answered_is_tried_again(tmp_path, monkeypatch, silent):
    monkeypatch.setattr(kp, "RETRY_SECONDS", 0.05)
    world = World(tmp_path)
    world.hands.silent = silent

    async def play():
        world.attest()
        world.ask()
        world.ears.say("Hold", CALLER)
        await world.until(lambda: MONITOR in world.hands.stopped)

    scenario(world, play)


def test_a_channel_that_is_gone_is_not_insisted_on(tmp_path, monkeypatch):
    monkeypatch.setattr(kp, "RETRY_SECONDS", 0.05)
    world = World(tmp_path)
    world.hands.silent = 10_000

    async def play():
        world.attest()
        world.ask()
        world.ears.say("Hold", CALLER)
        world.ears.say("Hangup", CALLER)
        await world.until(lambda: all(task.done() for task in world.tasks))

    scenario(world, play)
    assert world.hands.stopped == []
    assert not world.layout.live_of(CALLER).exists()
