"""Which calls ship takes, which wait, which are put aside; with both ports in memory."""

import hashlib
import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sealed_calls import BEGAN, RATE_HZ, SECOND, SyntheticSpool, at, good, journal, minted, noise, opened, wav
from unit.ship_world import World, failing, said, sound

from ari_app import clock
from ari_app.adapters.memory import MemoryStore
from ari_app.core import evidence as ev
from ari_app.core import policy
from ari_app.core.names import Instant
from ari_app.core.policy import Line, Mode, Policy
from ari_app.core.reasons import Reason
from ari_app.errors import TransientError
from ari_app.shipping import EMPTY_PATIENCE


@pytest.fixture
def synthetic(tmp_path):
    return SyntheticSpool(tmp_path / "spool").prepare()


@pytest.fixture
def world(synthetic):
    return World(synthetic)


def test_a_good_call_is_stored_to_the_sample_and_leaves_no_audio_here(world, synthetic):
    recording = synthetic.good()
    assert world.run() == 0
    stored = sound(world, recording)
    caller, house = noise(1, 4), noise(1001, 3.95)
    kept = round(3.96 * RATE_HZ)
    assert stored.shape == (kept, 2)
    assert np.array_equal(stored[:, 0], caller[:kept])
    assert not stored[:400, 1].any()
    assert np.array_equal(stored[400:, 1], house[: kept - 400])
    assert (world.names("sealed"), world.names("audio")) == ([], [])
    assert world.names("shipped") == [recording]
    assert sorted(path.name for path in (world.layout.shipped / recording).iterdir()) == [
        "journal.jsonl",
        "manifest.json",
    ]
    local = (world.layout.shipped / recording / "manifest.json").read_bytes()
    assert world.store.objects[f"calls/2026/11/22/{recording}/manifest.json"] == local
    assert world.database.manifests[recording] == json.loads(local)


def test_nothing_to_do_is_fine(world):
    assert world.run() == 0
    assert world.store.objects == {}


def test_a_call_that_was_not_recorded_has_a_manifest_and_no_audio(world, synthetic):
    recording = synthetic.seal([opened(minted(9), mode="never"), ev.Ended(at=at(3), reason=Reason.LINE_NEVER)], {})
    assert world.run() == 0
    assert list(world.store.objects) == [f"calls/2026/11/22/{recording}/manifest.json"]
    assert world.database.manifests[recording]["call"]["reason"] == "line_never"


def renumbered(entry):
    """The same in the second permit and segment."""
    changes: dict[str, Any] = {name: 2 for name in ("permit", "segment") if hasattr(entry, name)}
    if isinstance(entry, ev.CaptureRequested):
        changes["file"] = entry.file.replace("001", "002")
    return replace(entry, **changes)


def unclosed(number, *, sound_seconds=4.0, closed=False):
    """A good call whose files nobody saw closed."""
    entries = [
        ev.TrackEnded(at=one.at, segment=one.segment, party=one.party, closed=False)
        if isinstance(one, ev.TrackEnded)
        else one
        for one in good(minted(number))
    ]
    audio = {f"seg-001.{party}.wav": wav(noise(number, sound_seconds), closed=closed) for party in ("p01", "p02")}
    return entries, audio


@pytest.mark.parametrize("seconds", [4.0, 0.0])
def test_a_file_that_may_be_open_waits_and_the_others_go_on(world, synthetic, seconds, capsys):
    waiting = synthetic.seal(*unclosed(50, sound_seconds=seconds))
    shipped = synthetic.good()
    assert world.run() == 0
    assert (world.names("sealed"), world.names("shipped")) == ([waiting], [shipped])
    assert said(capsys).count("audio_open") == 1


def test_an_empty_closed_header_proves_nothing(world, synthetic):
    waiting = synthetic.seal(*unclosed(50, sound_seconds=0.0, closed=True))
    world.run()
    assert world.names("sealed") == [waiting]


def test_an_empty_file_of_a_gate_that_died_keeps_no_recording_here_for_ever(world, synthetic, monkeypatch):
    """It died while the house phone rang, and nobody saw the file closed; the next one's segment is whole."""
    entries = good(minted(50))
    first = [
        ev.PermitGranted(at=at(3), permit=1, parties=["p01"]),
        ev.CaptureRequested(at=at(3), permit=1, segment=1, party="p01", file="seg-001.p01.wav", bridged_only=True),
        ev.PermitRevoked(at=at(3.5), permit=1, reason=Reason.GATE_RESTARTED),
    ]
    place = next(number for number, one in enumerate(entries) if isinstance(one, ev.PermitGranted))
    later = [renumbered(one) for one in entries[place:]]
    audio = {f"seg-002.{party}.wav": wav(noise(50, 4.0)) for party in ("p01", "p02")}
    recording = synthetic.seal([*entries[:place], *first, *later], audio | {"seg-001.p01.wav": wav(noise(50, 0.0))})
    file = world.layout.audio_of(recording) / "seg-001.p01.wav"
    assert file.stat().st_size == 44
    world.run()
    assert world.names("sealed") == [recording]
    now = Instant(file.stat().st_mtime_ns // 1000 + EMPTY_PATIENCE)
    monkeypatch.setattr(clock, "now", lambda: now)
    world.run()
    assert world.names("shipped") == [recording]
    assert len(sound(world, recording, 2)) > 0


def test_a_header_that_agrees_with_the_size_proves_that_a_file_is_closed(world, synthetic):
    shipped = synthetic.seal(*unclosed(50, closed=True))
    world.run()
    assert world.names("shipped") == [shipped]


def test_a_new_asterisk_closes_what_a_killed_one_left(world, synthetic):
    shipped = synthetic.seal(*unclosed(50))
    synthetic.beat(at(61), boot="boot-2")
    world.run()
    assert world.names("shipped") == [shipped]
    assert sound(world, shipped).shape == (round(3.96 * RATE_HZ), 2)


def test_the_kernels_word_is_enough(world, synthetic):
    entries, audio = unclosed(50)
    closes = [ev.TrackClosed(at=at(8.05), segment=1, party=party) for party in ("p01", "p02")]
    shipped = synthetic.seal([*entries[:-1], *closes, entries[-1]], audio)
    world.run()
    assert world.names("shipped") == [shipped]


def test_nothing_leaves_before_its_discard_window_is_over(world, synthetic):
    line = Line("switchboard", Mode.ANNOUNCE, discard_window_seconds=100 * 365 * 86400)
    world.layout.policy.write_bytes(policy.to_json(Policy("site", "pbx1", {"switchboard": line})))
    waiting = synthetic.good()
    other = synthetic.good(line="unknown-by-now")
    assert world.run() == 0
    assert (world.names("sealed"), world.names("shipped")) == ([waiting], [other])


def test_an_unreadable_policy_lets_nothing_out(world, synthetic, capsys):
    world.layout.policy.write_bytes(b"{")
    waiting = synthetic.good()
    assert world.run() == 1
    assert world.names("sealed") == [waiting]
    assert "the policy cannot be read" in said(capsys)


def heartbeat_of(synthetic, seconds):
    (synthetic.layout.heartbeats / "run-1.jsonl").unlink()
    synthetic.beat(at(seconds))


def test_a_dead_gates_call_is_shipped_up_to_its_last_heartbeat(world, synthetic, monkeypatch):
    heartbeat_of(synthetic, 6)
    shipped = synthetic.good()
    ship = world.ship()
    waited: list[float] = []
    monkeypatch.setattr(ship.stopping, "wait", waited.append)
    monkeypatch.setattr(clock, "now", lambda: Instant(BEGAN + 10**9 + len(waited) * SECOND))
    assert ship.run() == 0
    assert sound(world, shipped).shape[0] == 2 * RATE_HZ
    # It waited for a heartbeat that might still have come, but not for ever: a second in each round.
    assert 4 <= len(waited) <= 8


def test_of_a_gate_that_died_after_the_clock_was_set_back_nothing_more_is_stored_than_it_heard(world, synthetic):
    """Its heartbeats from before say that it has heard everything until long after its death."""
    file = synthetic.layout.heartbeats / "run-1.jsonl"
    file.unlink()
    for seconds in (3600, 6):
        synthetic.beat(at(seconds))
    synthetic.beat(at(7), run="run-2")
    shipped = synthetic.good()
    assert world.run() == 0
    assert sound(world, shipped).shape[0] == 2 * RATE_HZ


def test_a_new_gate_run_ends_the_wait_at_once(world, synthetic):
    heartbeat_of(synthetic, 6)
    synthetic.beat(at(7), run="run-2")
    shipped = synthetic.good()
    assert world.run() == 0
    assert sound(world, shipped).shape[0] == 2 * RATE_HZ


# -- what is put aside


def spoilt(kind):
    text = journal(good(minted(70)))
    lines = text.splitlines(keepends=True)
    match kind:
        case "a line is missing":
            return b"".join(lines[:3] + lines[4:])
        case "a value was changed":
            return text.replace(b'"packets_sent":125', b'"packets_sent":126')
        case "garbage":
            return b"\xff\xfe\x00" * 100 + b"\n"
        case "empty":
            return b""
        case "torn and alone":
            return text[:30]
        case "another call's":
            return journal(good(minted(71)))
        case "a reason of a later version":
            entry = text.replace(b'"hung_up"', b'"astral_projection"')
            return rechained(entry)
        case "a track that was never asked for":
            return journal([one for one in good(minted(70)) if not isinstance(one, ev.CaptureRequested)])
        case "never told":
            return journal([one for one in good(minted(70)) if not isinstance(one, ev.NoticePlayed)])
        case _:
            return journal([ev.Ended(at=at(1), reason=None)])


def rechained(text):
    """Recompute the chain, as somebody who knows the format would."""
    previous, out = ev.FIRST, b""
    for raw in text.splitlines():
        value = json.loads(raw)
        value["prev"] = previous
        canonical = policy.canonical(value)
        out += canonical + b"\n"
        previous = hashlib.sha256(canonical).hexdigest()
    return out


KINDS = [
    "a line is missing",
    "a value was changed",
    "garbage",
    "empty",
    "torn and alone",
    "another call's",
    "a reason of a later version",
    "a track that was never asked for",
    "never told",
    "no opening",
]


@pytest.mark.parametrize("kind", KINDS)
def test_damaged_evidence_is_put_aside_with_its_audio_and_the_others_go_on(world, synthetic, kind, capsys):
    damaged = synthetic.seal(good(minted(70)), {"seg-001.p01.wav": wav(noise(70, 4))})
    (world.layout.sealed / damaged / "journal.jsonl").write_bytes(spoilt(kind))
    shipped = synthetic.good()
    assert world.run() == 1
    assert world.names("quarantine") == [damaged, f"{damaged}.audio"]
    assert (world.names("sealed"), world.names("shipped"), world.names("audio")) == ([], [shipped], [])
    assert not any(damaged in key for key in world.store.objects)
    assert "call.quarantined" in said(capsys)
    assert world.run() == 0


def test_damaged_audio_is_put_aside(world, synthetic):
    damaged = synthetic.seal(
        good(minted(70)), {"seg-001.p01.wav": b"this is no sound file, but is long enough to be one"}
    )
    assert world.run() == 1
    assert world.names("quarantine") == [damaged, f"{damaged}.audio"]


def test_a_call_that_cannot_be_read_is_kept(world, synthetic, capsys):
    kept = synthetic.seal(good(minted(70)), {})
    (world.layout.sealed / kept / "journal.jsonl").unlink()
    shipped = synthetic.good()
    assert world.run() == 1
    assert (world.names("sealed"), world.names("shipped")) == ([kept], [shipped])
    assert "call.kept" in said(capsys)


def test_another_object_under_our_name_is_kept_and_told(world, synthetic, capsys):
    recording = synthetic.good()
    key = f"calls/2026/11/22/{recording}/seg-001.flac"
    world.store.objects[key] = b"somebody else's"
    shipped = synthetic.good()
    assert world.run() == 1
    assert world.store.objects[key] == b"somebody else's"
    assert (world.names("sealed"), world.names("shipped")) == ([recording], [shipped])
    assert recording in world.names("audio")
    assert recording not in world.database.manifests
    error = said(capsys)
    assert "S3 holds another object" in error
    assert "Find out where it came from" in error


def test_a_file_that_changed_after_the_decision_is_put_aside(world, synthetic):
    recording = synthetic.good()
    world.store.put = failing(TransientError("S3 cannot be reached"))
    with pytest.raises(TransientError):
        world.run()
    world.store = MemoryStore()
    (world.layout.sealed / recording / "seg-001.flac").write_bytes(b"changed")
    assert world.run() == 1
    assert world.names("quarantine") == [recording, f"{recording}.audio"]
