"""Files that nobody closed: what is there is stored as far as evidence covers it, and what may be missing is said."""

import json
import os

import numpy as np
import pytest
from sealed_calls import RATE_HZ, SECOND, SyntheticSpool, at, good, journal, minted, noise, wav
from unit.ship_world import World, sound

from ari_app.adapters import audio
from ari_app.core import evidence as ev
from ari_app.core.names import instant_of
from ari_app.core.recording import Interval, Track, Wav, cut, missing_microseconds
from ari_app.core.shape import faults
from ari_app.layout import JOURNAL

ORIGIN, KILLED = 4.0, 8.0


@pytest.fixture
def world(tmp_path):
    return World(SyntheticSpool(tmp_path / "spool").prepare())


@pytest.fixture(autouse=True)
def hasty(monkeypatch):
    """Nothing here need survive anything."""
    for name in ("fsync", "fdatasync"):
        monkeypatch.setattr(os, name, lambda _: None)


def killed(number):
    """Return the journal of a call in which Asterisk was killed at 8 s: the kernel says so, and nobody else."""
    entries = [one for one in good(minted(number)) if not isinstance(one, ev.TrackEnded)]
    closed = [ev.TrackClosed(at=at(KILLED), segment=1, party=party) for party in ("p01", "p02")]
    return [*entries[:-1], *closed, entries[-1]]


def left(world, recording, name, seconds):
    """Set when a file was written last."""
    instant = at(seconds) * 1000
    os.utime(world.layout.audio_of(recording) / name, ns=(instant, instant))


def shipped(world, recording):
    return json.loads((world.layout.shipped / recording / "manifest.json").read_bytes())


def tracks(manifest):
    return {one["party"]: one for one in manifest["tracks"]}


def test_what_asterisk_had_written_when_it_was_killed_is_stored_to_the_last_sample(world):
    """The file holds 2.5 s of 4; every sample of it was covered, so none of it is destroyed."""
    file = wav(noise(1, 2.5), closed=False)
    recording = world.synthetic.seal(killed(1), {"seg-001.p01.wav": file})
    left(world, recording, "seg-001.p01.wav", ORIGIN + 2.5)
    assert world.run() == 0
    manifest = shipped(world, recording)
    track = tracks(manifest)["p01"]
    assert (track["stored_samples"], track["destroyed_samples"]) == (20_000, 0)
    # Covered up to 40 ms before the hang-up at 8 s.
    assert (track["truncated"], track["missing_ms"], track["short_ms"]) == (True, 1460, 0)
    assert np.array_equal(sound(world, recording)[:, 0], noise(1, 2.5))
    assert faults(manifest) == []
    # Of a file that never appeared nothing is said that this says.
    assert (tracks(manifest)["p02"]["truncated"], tracks(manifest)["p02"]["missing_ms"]) == (False, None)


def test_a_file_that_was_closed_lacks_nothing(world):
    recording = world.synthetic.good()
    assert world.run() == 0
    assert [(one["truncated"], one["missing_ms"]) for one in shipped(world, recording)["tracks"]] == [(False, None)] * 2


@pytest.mark.parametrize(("boot", "truncated"), [("boot-1", False), ("boot-2", True)])
def test_a_header_alone_was_left_by_a_killed_one_if_there_is_another(world, boot, truncated):
    """A caller who sends nothing leaves the same 44 bytes: they are told apart by Asterisk's own life."""
    recording = world.synthetic.seal(killed(1), {"seg-001.p01.wav": wav(noise(1, 0), closed=False)})
    left(world, recording, "seg-001.p01.wav", ORIGIN)
    world.synthetic.beat(at(61), boot=boot)
    world.run()
    track = tracks(shipped(world, recording))["p01"]
    assert (track["truncated"], track["missing_ms"]) == (truncated, 3960 if truncated else None)


def test_a_header_alone_that_was_stopped_is_whole(world):
    recording = world.synthetic.seal(good(minted(1)), {"seg-001.p01.wav": wav(noise(1, 0), closed=False)})
    world.synthetic.beat(at(61), boot="boot-2")
    world.run()
    assert tracks(shipped(world, recording))["p01"]["truncated"] is False


def test_a_file_cut_off_at_every_byte_is_stored_or_empty_and_never_more_than_it_holds(world):
    whole = wav(noise(7, 0.01), closed=False)
    numbers = range(len(whole) + 1)
    found = {}
    for number in numbers:
        found[number] = world.synthetic.seal(killed(number), {"seg-001.p01.wav": whole[:number]})
        samples = max(0, number - 44) // 2
        left(world, found[number], "seg-001.p01.wav", ORIGIN + samples / RATE_HZ)
    world.synthetic.beat(at(61), boot="boot-2")
    assert world.run() == 0
    assert world.names("quarantine") == []
    for number, recording in found.items():
        samples = max(0, number - 44) // 2
        track = tracks(shipped(world, recording))["p01"]
        assert (track["stored_samples"], track["destroyed_samples"]) == (samples, 0), number
        assert track["truncated"], number
        assert 3940 < track["missing_ms"] <= 3960, number
        if samples:
            assert np.array_equal(sound(world, recording)[:, 0], noise(7, 0.01)[:samples])


def test_a_header_of_which_any_bit_is_another_stores_nothing_that_is_not_there(world):
    """Every third in turn: it is quarantined, or stored as it lies there; the length in it decides nothing."""
    whole = wav(noise(7, 0.01))
    for number in range(0, 44 * 8, 3):
        spoiled = bytearray(whole)
        spoiled[number // 8] ^= 1 << number % 8
        world.synthetic.seal(killed(number), {"seg-001.p01.wav": bytes(spoiled)})
    world.run()
    aside, stored = world.names("quarantine"), world.names("shipped")
    assert len([one for one in aside if not one.endswith(".audio")]) + len(stored) == len(range(0, 44 * 8, 3))
    assert world.names("sealed") == world.names("audio") == []
    for recording in stored:
        track = tracks(shipped(world, recording))["p01"]
        assert track["stored_samples"] + track["destroyed_samples"] == 80


def test_every_sample_that_is_there_and_no_more(tmp_path):
    whole = wav(noise(3, 0.05), closed=False)
    file = tmp_path / "seg-001.p01.wav"
    for length in range(len(whole) + 1):
        file.write_bytes(whole[:length])
        found = audio.inspect(file)
        assert found is not None
        assert found.wav.samples == max(0, length - 44) // 2
        assert found.left(by_a_killed_one=True).truncated
        assert found.left(by_a_killed_one=False).truncated is (found.wav.samples > 0)


def test_a_sealed_journal_that_was_cut_off_stores_nothing_from_after_its_last_line(world):
    """Whatever else it said, a revocation for one, is not known: so nothing that was said then may be stored."""
    story, whole = good(minted(0)), journal(good(minted(0)))
    ends = [number + 1 for number, one in enumerate(whole) if one == ord("\n")]
    last = {}
    for number, length in enumerate(sorted({end + more for end in ends for more in (-9, -1, 0)}), start=1):
        cut_off = journal(good(minted(number)))[:length]
        recording = world.synthetic.seal(good(minted(number)), {"seg-001.p01.wav": wav(noise(number, 4))})
        (world.layout.sealed / recording / JOURNAL).write_bytes(cut_off)
        last[recording] = story[max(0, cut_off.count(b"\n") - 1)].at
    # Which of them was closed, nobody has written down: another Asterisk tells that.
    world.synthetic.beat(at(61), boot="boot-2")
    world.run()
    assert world.names("sealed") == []
    stored = [shipped(world, one) for one in world.names("shipped")]
    assert len(stored) > len(ends)
    for manifest in stored:
        until = [instant_of(one["stored_until"]) for one in manifest["tracks"] if one["stored_samples"]]
        assert max(until, default=0) <= last[manifest["call"]["recording"]]
    assert any(one["call"]["outcome"] == "recorded" for one in stored)


# -- the arithmetic

TRACK = Track(1, "p01", "seg-001.p01.wav", 1, at(4), at(8), True, False)
COVERED = Interval(at(4), at(7.5))


def truncated(seconds, written):
    return Wav(round(seconds * RATE_HZ), RATE_HZ, at(written), truncated=True)


@pytest.mark.parametrize(
    ("track_ended", "written", "missing"),
    [
        (8.0, 6.5, 1.0),
        (None, 6.5, 1.0),
        # It was written later than what is covered: nothing of that is missing.
        (8.0, 7.9, 0.0),
        # Asterisk's word came before the file's last change: it is the earlier that counts.
        (6.0, 6.5, 1.5),
        # Changed before it began: a clock was set back. More than all of it cannot be missing.
        (8.0, 3.0, 3.5),
    ],
)
def test_how_much_may_be_missing(track_ended, written, missing):
    track = Track(1, "p01", "f", 1, at(4), track_ended and at(track_ended), True, False)
    found = missing_microseconds(track, COVERED, truncated(2.5, written))
    assert found == round(missing * SECOND)


def test_without_an_origin_all_that_is_covered_may_be_missing():
    track = Track(1, "p01", "f", 1, None, None, True, False)
    assert missing_microseconds(track, COVERED, truncated(0, 3.0)) == round(3.5 * SECOND)


def test_of_a_closed_file_nothing_is():
    assert missing_microseconds(TRACK, COVERED, Wav(20_000, RATE_HZ, at(6.5))) is None


def test_a_killed_ones_file_ends_when_it_was_written_last():
    """The kernel's word came 1.5 s later: those are missing at the end, and none of what is there is."""
    found = cut(TRACK, Interval(at(4), at(7.5)), truncated(2.5, 6.5))
    assert (found.first, found.last, found.short_microseconds) == (0, 20_000, 0)
    # One that was closed then ended then as well, whenever we learnt of it.
    whole = cut(TRACK, Interval(at(4), at(7.5)), Wav(20_000, RATE_HZ, at(6.5)))
    assert (whole.last, whole.short_microseconds) == (20_000, 0)
    assert cut(TRACK, Interval(at(4), at(7.5)), Wav(20_000, RATE_HZ, at(8))).last < 20_000


def test_what_was_written_after_a_revocation_is_destroyed_in_such_a_file_too():
    found = cut(TRACK, Interval(at(4), at(6)), truncated(2.5, 6.5))
    assert (found.first, found.last) == (0, 16_000)
