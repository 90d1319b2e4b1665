"""The spool is read one version both ways: while a site is upgraded, and when it goes back.

A later version may say more than this one knows. A field more of what was is left alone; an entry, a reason or a format
that is not known is no ground to guess: the call is put aside, whole, with the reason, and the others go on.
"""

import hashlib
import json
from dataclasses import MISSING, fields

import pytest
from sealed_calls import SyntheticSpool, good, journal, minted, noise, wav
from unit.ship_world import World, said, sound
from unit.test_policy import policy

from ari_app.core import evidence as ev
from ari_app.core import policy as policies

AUDIO = {"seg-001.p01.wav": wav(noise(1, 4)), "seg-001.p02.wav": wav(noise(1001, 3.95))}


@pytest.fixture
def world(tmp_path):
    return World(SyntheticSpool(tmp_path / "spool").prepare())


def rewritten(text, change):
    """Return a journal in which each line says what another version would have said; its chain is whole."""
    previous, lines = ev.FIRST, b""
    for raw in text.splitlines():
        line = policies.canonical({**change(json.loads(raw)), "prev": previous})
        previous = hashlib.sha256(line).hexdigest()
        lines += line + b"\n"
    return lines


def seal(world, change):
    """Seal the plain good call as another version would have left it."""
    recording = world.synthetic.seal(good(minted(1)), AUDIO)
    file = world.layout.sealed / recording / "journal.jsonl"
    file.write_bytes(rewritten(file.read_bytes(), change))
    return recording


def as_it_is(tmp_path):
    """Return what is stored of the same call by this version alone."""
    plain = World(SyntheticSpool(tmp_path / "plain").prepare())
    recording = seal(plain, lambda entry: entry)
    assert plain.run() == 0
    return sound(plain, recording)[0].tobytes()


def test_a_field_that_a_later_version_has_added_is_left_alone(world, tmp_path):
    recording = seal(world, lambda entry: {**entry, "later": {"anything": [1]}})
    assert world.run() == 0
    assert sound(world, recording)[0].tobytes() == as_it_is(tmp_path)


def test_what_an_earlier_version_did_not_say_has_its_default(world, tmp_path):
    def earlier(entry):
        new = {one.name for one in fields(ev.KINDS[entry["kind"]]) if one.default is not MISSING}
        return {name: value for name, value in entry.items() if name not in new}

    assert "attested_by" in json.loads(journal(good(minted(1))).splitlines()[0])
    recording = seal(world, earlier)
    assert world.run() == 0
    assert sound(world, recording)[0].tobytes() == as_it_is(tmp_path)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (
            lambda entry: {**entry, "kind": "foreseen"} if entry["kind"] == "permit_widened" else entry,
            "KeyError('foreseen')",
        ),
        (lambda entry: {**entry, "reason": "foreseen"} if "reason" in entry else entry, "foreseen"),
        (lambda entry: {**entry, "format": 2} if entry["kind"] == "opened" else entry, "of another format"),
    ],
)
def test_what_this_version_cannot_read_is_put_aside_whole_and_the_others_go_on(world, capsys, change, why):
    recording = seal(world, change)
    text = (world.layout.sealed / recording / "journal.jsonl").read_bytes()
    world.synthetic.numbers = 1
    other = world.synthetic.good()
    assert world.run() == 1
    assert (world.layout.quarantine / recording / "journal.jsonl").read_bytes() == text
    kept = {one.name: one.read_bytes() for one in (world.layout.quarantine / f"{recording}.audio").iterdir()}
    assert kept == AUDIO
    assert world.names("shipped") == [other]
    told = [line for line in said(capsys).splitlines() if "call.quarantined" in line]
    assert len(told) == 1
    assert why in told[0]


def test_a_heartbeat_that_says_more_is_one(world):
    file = next(world.layout.heartbeats.iterdir())
    lines = [json.dumps({**json.loads(one), "later": 1}) for one in file.read_text().splitlines()]
    file.write_text("".join(f"{one}\n" for one in lines))
    world.synthetic.good()
    assert world.run() == 0


def test_a_rule_that_this_version_does_not_know_holds_everything_until_the_gate_has_written_its_own(world, capsys):
    """It may forbid something, so nobody guesses: the script grants nothing (test_fallback_script), ship waits."""
    recording = world.synthetic.good()
    raw = json.loads(policies.to_json(policy()))
    raw["lines"]["advice-line"]["of_a_later_version"] = True
    world.layout.policy.write_text(json.dumps(raw))
    assert world.run() == 1
    assert world.names("sealed") == [recording]
    assert "Restart the gate: it writes the file anew" in said(capsys)
    world.layout.policy.write_bytes(policies.to_json(policy()))
    assert world.run() == 0
    assert world.names("shipped") == [recording]


def test_a_note_of_another_format_is_kept_for_who_can_read_it(world, capsys):
    note = {"format": 2, "line": "x", "channel": "1.1", "at": 1, "ended_at": 2, "reason": "gate_away", "later": 1}
    (world.layout.fallback / "1.1.json").write_text(json.dumps(note))
    assert world.run() == 1
    (kept,) = [one for one in world.layout.quarantine.iterdir() if one.name.startswith("fallback-")]
    assert json.loads(kept.read_text()) == note
    assert "is not of format 1" in said(capsys)
