"""What a script attested, on its way out: with its keeper's lines, covered to its keeper's last heartbeat."""

import json
from dataclasses import replace

import pytest
from sealed_calls import BOOT, NUMBER, NUMBER_HASH, SyntheticSpool, at, good, journal, minted, noise, wav
from unit.ship_world import World, sound
from unit.test_ship_spool import note

from ari_app.adapters.attested import Attested
from ari_app.adapters.heartbeats import Heartbeats
from ari_app.adapters.spool import Spool, read_fallback
from ari_app.core import evidence as ev
from ari_app.core.names import ChannelId
from ari_app.core.reasons import Reason
from ari_app.shipping import Shipping

RECORDING = minted(7)
CHANNEL = ChannelId("1763802000.7")
KEEPER, NEXT = "01M89EP1ZYXF1YNMXJBPC6YR8R", "01M89EP1ZYXF1YNMXJBPC6YR8S"
SCRIPTS = 5
"""Lines of the good call that a script writes; its keeper writes the others."""


def entries():
    """Return the good call as a script and its keeper tell it: one voice, and its end."""
    first, *rest = good(RECORDING, run=KEEPER, channel=CHANNEL, attested_by="agi", number=None, number_hash=None)
    left_out = (ev.CaptureStarted, ev.PermitWidened)
    own = [one for one in rest if not isinstance(one, left_out) and getattr(one, "party", "p01") == "p01"]
    kept = SCRIPTS - 1
    called = ev.NumberSealed(at=own[kept].at, number=NUMBER, number_hash=NUMBER_HASH)
    return [first, *own[:kept], called, *own[kept:]]


@pytest.fixture
def synthetic(tmp_path):
    return SyntheticSpool(tmp_path / "spool").prepare()


@pytest.fixture
def world(synthetic):
    synthetic.layout.keeper.mkdir()
    return World(synthetic)


def beat(synthetic, seconds, run=KEEPER, boot=BOOT):
    line = {"boot": boot, "consumed_at": at(seconds), "written_at": at(seconds)}
    with (synthetic.layout.keeper / f"{run}.jsonl").open("a") as file:
        file.write(json.dumps(line) + "\n")


def attested(synthetic, *, kept=None, noted=True):
    """Leave a call as script, keeper and hang-up do; kept: how many of the keeper's lines."""
    layout = synthetic.layout
    text = journal(entries()).splitlines(keepends=True)
    layout.fallback_of(CHANNEL).parent.mkdir()
    layout.fallback_of(CHANNEL).write_bytes(b"".join(text[:SCRIPTS]))
    last = None if kept is None else SCRIPTS + kept
    layout.kept_of(RECORDING).write_bytes(b"".join(text[SCRIPTS:last]))
    layout.audio_of(RECORDING).mkdir()
    (layout.audio_of(RECORDING) / "seg-001.p01.wav").write_bytes(wav(noise(7, 4)))
    if noted:
        (layout.fallback / f"{CHANNEL}.json").write_text(note(channel=CHANNEL, at=at(0), ended_at=at(8.05)))


def left(synthetic):
    layout = synthetic.layout
    return [one.name for folder in (layout.fallback, layout.audio) for one in folder.iterdir()] + [
        one.name for one in layout.keeper.iterdir() if one.suffix != ".jsonl"
    ]


def test_it_is_shipped_as_any_other_and_says_whose_word_it_is(world, synthetic):
    attested(synthetic)
    beat(synthetic, 9)
    assert world.run() == 0
    ((recording, manifest),) = world.database.manifests.items()
    call = manifest["call"]
    assert recording == RECORDING
    assert (call["source"], call["attested_by"], call["run"]) == ("fallback", "agi", KEEPER)
    assert (call["number"], call["number_hash"]) == (NUMBER, NUMBER_HASH)
    assert (call["outcome"], call["reason"], call["ended_at"]) == ("recorded", None, "2026-11-22T09:00:08.100000Z")
    assert len(sound(world, RECORDING)) == round((8 - 0.04 - 4) * 8000)
    assert left(synthetic) == []


def test_it_waits_while_its_keeper_may_have_more_to_say(world, synthetic):
    attested(synthetic, kept=1)
    beat(synthetic, 8.09)
    assert world.run() == 0
    assert world.database.manifests == {}
    assert f"{CHANNEL}.json" in left(synthetic)
    # Another keeper listens: the first one never will again. What it had not heard to its end is not covered.
    beat(synthetic, 20, run=NEXT)
    assert world.run() == 0
    (manifest,) = world.database.manifests.values()
    assert manifest["call"]["ended_at"] == "2026-11-22T09:00:08.050000Z"
    assert manifest["permits"][0]["covered_until"] == "2026-11-22T09:00:08.050000Z"
    assert left(synthetic) == []


def test_a_keeper_that_died_is_not_waited_for_longer_than_a_gate(world, synthetic):
    attested(synthetic, kept=1)
    beat(synthetic, 6)
    heartbeats = Heartbeats(synthetic.layout.heartbeats, synthetic.layout.keeper)
    heartbeats.refresh()
    spool = Spool(synthetic.layout)
    spool.prepare()
    shipping = Shipping(
        spool, heartbeats, Attested(synthetic.layout), world.store, world.database, "calls", lambda _: 0
    )
    file = synthetic.layout.fallback / f"{CHANNEL}.json"
    told = read_fallback(file, "pbx1")
    assert shipping.adopt_attested(told, file, at(100)) is None
    assert shipping.adopt_attested(told, file, at(104.9)) is None
    assert shipping.adopt_attested(told, file, at(105)) is True
    assert shipping.adopt_attested(told, file, at(106)) is False


def test_without_a_keepers_word_nothing_of_it_is_stored(world, synthetic):
    attested(synthetic)
    synthetic.layout.kept_of(RECORDING).unlink()
    assert world.run() == 0
    (manifest,) = world.database.manifests.values()
    assert (manifest["call"]["outcome"], manifest["call"]["reason"]) == ("not_recorded", "gate_away")
    assert manifest["call"]["attested_by"] is None
    assert [one for one in left(synthetic) if one != RECORDING] == []


def test_without_a_heartbeat_nothing_of_it_is_stored(world, synthetic):
    attested(synthetic)
    beat(synthetic, 20, run=NEXT)
    assert world.run() == 0
    (manifest,) = world.database.manifests.values()
    assert (manifest["call"]["outcome"], manifest["call"]["attested_by"]) == ("not_recorded", "agi")
    assert manifest["call"]["reason"] == "no_heartbeat"
    assert left(synthetic) == []


def test_a_keepers_line_that_was_changed_is_put_aside_with_the_audio(world, synthetic):
    attested(synthetic)
    beat(synthetic, 9)
    kept = synthetic.layout.kept_of(RECORDING)
    kept.write_bytes(kept.read_bytes().replace(b'"permit":1', b'"permit":2'))
    assert world.run() == 1
    assert world.database.manifests == {}
    assert {RECORDING, f"{RECORDING}.audio"} <= set(world.names("quarantine"))


def test_of_an_asterisk_that_is_gone_nobody_waits_for_a_hang_up(world, synthetic):
    attested(synthetic, kept=1, noted=False)
    beat(synthetic, 6)
    world.run()
    assert world.database.manifests == {}
    synthetic.beat(at(30), run="run-2", boot="boot-2")
    assert world.run() == 0
    (manifest,) = world.database.manifests.values()
    assert manifest["call"]["attested_by"] == "agi"
    assert manifest["permits"][0]["covered_until"] == "2026-11-22T09:00:06.000000Z"
    assert left(synthetic) == []


def test_the_gates_own_account_stands_beside_it(world, synthetic):
    """The gate had begun with the caller, and died: two accounts of one call, and neither takes the other's place."""
    attested(synthetic)
    beat(synthetic, 9)
    synthetic.seal(_gates(), {})
    assert world.run() == 0
    assert {one["call"]["attested_by"] for one in world.database.manifests.values()} == {"gate", "agi"}


def _gates():
    opened, party, *_ = good(minted(8), channel=CHANNEL)
    ended = ev.Ended(at=at(1), reason=Reason.GATE_RESTARTED)
    return [replace(opened), party, ended]
