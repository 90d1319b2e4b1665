"""Captured files as Asterisk leaves them, whole or not, and the FLAC made from them."""

import os
import resource

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sealed_calls import RATE_HZ, noise, wav

from ari_app.adapters import audio
from ari_app.adapters.audio import DamagedAudioError, Lane


@pytest.fixture
def make(tmp_path):
    def write(content, name="seg-001.p01.wav"):
        path = tmp_path / name
        path.write_bytes(content)
        return path

    return write


def test_a_closed_file(make):
    found = audio.inspect(make(wav(noise(1, 2))))
    assert found is not None
    assert (found.wav.samples, found.wav.rate_hz, found.closed_by_header) == (2 * RATE_HZ, RATE_HZ, True)


def test_a_file_under_way_has_its_length_from_its_size(make):
    found = audio.inspect(make(wav(noise(1, 2), closed=False)))
    assert found is not None
    assert (found.wav.samples, found.closed_by_header) == (2 * RATE_HZ, False)


def test_a_file_that_grows_after_its_header_was_written_is_not_closed(make):
    found = audio.inspect(make(wav(noise(1, 2)) + b"\0\0"))
    assert found is not None
    assert not found.closed_by_header


@pytest.mark.parametrize("content", [wav(noise(1, 0)), wav(noise(1, 0), closed=False), b"", b"RIFF", b"x" * 43])
def test_an_empty_file_is_never_judged_by_its_header(make, content):
    found = audio.inspect(make(content))
    assert found is not None
    assert (found.wav.samples, found.closed_by_header) == (0, False)


def test_a_file_that_never_appeared(tmp_path):
    assert audio.inspect(tmp_path / "seg-001.p01.wav") is None


@pytest.mark.parametrize(
    "spoil", [(0, b"JUNK"), (8, b"AVI "), (20, b"\x06"), (22, b"\x02"), (34, b"\x08"), (24, b"\0\0\0\0")]
)
def test_what_is_no_wav_of_ours_is_damaged(make, spoil):
    content = bytearray(wav(noise(1, 1)))
    content[spoil[0] : spoil[0] + len(spoil[1])] = spoil[1]
    with pytest.raises(DamagedAudioError, match="is not a 16-bit mono WAV"):
        audio.inspect(make(bytes(content)))


@pytest.mark.parametrize(
    ("quiet", "silences"),
    [
        ([(0, 160)], ((0, 160),)),
        ([(160, 480), (640, 800)], ((160, 480), (640, 800))),
        ([(100, 300)], ()),  # not by whole frames: somebody said it so
        ([(65_280, 65_760)], ((65_280, 65_760),)),
        ([(0, 131_000)], ((0, 130_880),)),
        ([(139_840, 140_000)], ((139_840, 140_000),)),
        ([(139_840, 140_070)], ((139_840, 140_000),)),
    ],
)
def test_where_nothing_sounds(make, quiet, silences):
    """By the frames that Asterisk writes, and across whatever is read at once."""
    sound = noise(1, 20)[:140_070]
    sound[sound == 0] = 1
    for begin, end in quiet:
        sound[begin:end] = 0
    found = audio.inspect(make(wav(sound)))
    assert found
    assert found.wav.samples == 140_070
    assert found.wav.silences == silences


def test_a_link_is_not_followed(make, tmp_path):
    make(wav(noise(1, 1)), "real.wav")
    (tmp_path / "seg-001.p01.wav").symlink_to(tmp_path / "real.wav")
    with pytest.raises(OSError, match="symbolic links"):
        audio.inspect(tmp_path / "seg-001.p01.wav")


def test_a_pipe_does_not_hang_us(tmp_path):
    os.mkfifo(tmp_path / "seg-001.p01.wav")
    with pytest.raises(OSError, match="not a file"):
        audio.inspect(tmp_path / "seg-001.p01.wav")


def test_each_party_lies_on_their_own_channel_at_their_offset(make, tmp_path):
    caller, house = noise(1, 20), noise(2, 15)
    lanes = [
        Lane(make(wav(caller), "a.wav"), 100, 150_000, 0),
        None,
        Lane(make(wav(house, closed=False), "b.wav"), 0, len(house), 30_000),
    ]
    audio.write_flac(tmp_path / "seg-001.flac", RATE_HZ, 150_000, lanes)
    samples, rate_hz = soundfile.read(tmp_path / "seg-001.flac", dtype="int16")
    assert (samples.shape, rate_hz) == ((150_000, 3), RATE_HZ)
    assert np.array_equal(samples[:149_900, 0], caller[100:150_000])
    assert not samples[149_900:, 0].any()
    assert not samples[:, 1].any()
    assert not samples[:30_000, 2].any()
    assert np.array_equal(samples[30_000:, 2], house)
    assert soundfile.info(tmp_path / "seg-001.flac").subtype == "PCM_16"


def test_the_same_input_gives_the_same_bytes(make, tmp_path):
    lanes = [Lane(make(wav(noise(1, 10))), 0, 80_000, 0), None]
    for name in ("a.flac", "b.flac"):
        audio.write_flac(tmp_path / name, RATE_HZ, 80_000, lanes)
    assert (tmp_path / "a.flac").read_bytes() == (tmp_path / "b.flac").read_bytes()


def test_what_a_killed_ship_left_is_replaced(make, tmp_path):
    (tmp_path / ".seg-001.flac.new").write_bytes(b"half")
    audio.write_flac(tmp_path / "seg-001.flac", RATE_HZ, 80, [Lane(make(wav(noise(1, 1))), 0, 80, 0)])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["seg-001.flac", "seg-001.p01.wav"]


def test_a_file_that_shrinks_is_damaged(make, tmp_path):
    with pytest.raises(DamagedAudioError, match="became shorter"):
        audio.write_flac(tmp_path / "seg-001.flac", RATE_HZ, 9000, [Lane(make(wav(noise(1, 1))), 0, 9000, 0)])


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.integers(0, 140_000), st.integers(0, 140_000), st.integers(0, 140_000), st.integers(1, 140_000))
def test_any_cut_and_any_offset(make, tmp_path, first, last, offset, samples):
    content = noise(7, 140_000 / RATE_HZ)
    first, last = min(first, last), max(first, last)
    audio.write_flac(tmp_path / "x.flac", RATE_HZ, samples, [Lane(make(wav(content)), first, last, offset)])
    expected = np.zeros(samples + 300_000, dtype="int16")
    expected[offset : offset + last - first] = content[first:last]
    found, _ = soundfile.read(tmp_path / "x.flac", dtype="int16")
    assert np.array_equal(found, expected[:samples])


def test_whatever_room_is_missing_no_object_lacks_anything(make, tmp_path):
    """The disk takes ever more bytes: there is an error and no object, or all of it; libsndfile would say less."""
    source = make(wav(noise(1, 0.5)))
    lanes = [Lane(source, 0, 4000, 0)]
    target = tmp_path / "seg-001.flac"
    audio.write_flac(target, RATE_HZ, 4000, lanes)
    whole = target.read_bytes()
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    for room in [*range(0, len(whole), 97), len(whole) - 1]:
        target.unlink(missing_ok=True)
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, before[1]))
        try:
            with pytest.raises(OSError, match="File too large"):
                audio.write_flac(target, RATE_HZ, 4000, lanes)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        assert not target.exists()
    audio.write_flac(target, RATE_HZ, 4000, lanes)
    assert target.read_bytes() == whole
