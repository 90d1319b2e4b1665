"""Announcements: what is judged, what is measured, and that the copy is what was hashed."""

import dataclasses
import hashlib
import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.config_world import Samples, speech, write, write_wav

from ari_app import announcements, config, ear
from ari_app.announcements import Problem, intact, measure, prepare
from ari_app.core.policy import Announcement
from ari_app.errors import SpoolError
from ari_app.layout import Layout

TONE = (8000 * np.sin(np.arange(8000) * 2 * np.pi * 440 / 8000)).astype(np.int16)


def prepared(folder: Path, samples: Samples | None = None, **form: int) -> Announcement | Problem:
    """Prepare the one announcement of the sample configuration in folder/spool."""
    file = write(folder)
    if samples is not None:
        write_wav(folder / "advice-en.wav", samples, **form)
    return prepare(config.load(file, {}), Layout(folder / "spool"))["advice-en"]


def usable(folder: Path, samples: Samples | None = None) -> Announcement:
    found = prepared(folder, samples)
    assert isinstance(found, Announcement)
    return found


def wav_bytes(folder: Path, samples: npt.NDArray[Any]) -> bytes:
    return write_wav(folder / "x.wav", samples).read_bytes()


def test_a_good_file_is_copied_under_its_hash(tmp_path: Path) -> None:
    found = usable(tmp_path, speech(1000, 600))
    content = (tmp_path / "advice-en.wav").read_bytes()
    copy = tmp_path / "spool" / "announcements" / f"{hashlib.sha256(content).hexdigest()}.wav"
    assert isinstance(found, Announcement)
    assert found.path == str(copy)
    assert copy.read_bytes() == content
    assert copy.stat().st_mode & 0o777 == 0o444
    assert (found.samples, found.rate_hz, found.spoken_end_ms, found.duration_ms) == (12800, 8000, 1000, 1600)
    assert (found.name, found.language, found.text) == ("advice-en", "en", "This call may be recorded.")
    assert intact(found)
    assert sorted(path.name for path in copy.parent.iterdir()) == [copy.name]


def test_a_second_start_leaves_the_copy_as_it_is(tmp_path: Path) -> None:
    first = usable(tmp_path, speech())
    assert usable(tmp_path) == first


@pytest.mark.parametrize("damage", ["content", "mode", "symlink"])
def test_a_copy_that_is_not_its_hash_is_replaced(tmp_path: Path, damage: str) -> None:
    first = usable(tmp_path, speech())
    copy = Path(first.path)
    content = copy.read_bytes()
    match damage:
        case "content":
            copy.chmod(0o644)
            copy.write_bytes(content[:1000] + b"\1\1" + content[1002:])
            copy.chmod(0o444)
        case "mode":
            copy.chmod(0o666)
        case _:
            copy.unlink()
            (tmp_path / "elsewhere.wav").write_bytes(content)
            copy.symlink_to(tmp_path / "elsewhere.wav")
    assert not intact(first)
    second = usable(tmp_path)
    assert (second.sha256, second.path) == (first.sha256, first.path)
    assert copy.read_bytes() == content
    assert not copy.is_symlink()
    assert intact(second)
    assert not intact(first)


@pytest.mark.parametrize(
    "act",
    [
        lambda path: path.unlink(),
        lambda path: os.utime(path, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns + 1)),
        lambda path: (path.chmod(0o600), path.write_bytes(path.read_bytes())),
        lambda path: (path.rename(path.with_suffix(".old")), path.write_bytes(b"another")),
        lambda path: (path.unlink(), path.symlink_to("/dev/zero")),
        lambda path: os.truncate(path, 100),
    ],
    ids=["gone", "mtime", "same bytes again", "another inode", "symlink", "truncated"],
)
def test_whatever_happened_to_the_copy_since_is_seen(tmp_path: Path, act: Callable[[Path], object]) -> None:
    found = usable(tmp_path, speech())
    act(Path(found.path))
    assert not intact(found)


def test_a_second_format_beside_the_copy_is_refused(tmp_path: Path) -> None:
    first = usable(tmp_path, speech())
    (tmp_path / "spool" / "announcements" / f"{first.sha256}.ulaw").write_bytes(b"\0" * 100)
    found = prepared(tmp_path)
    assert isinstance(found, Problem)
    assert f"has a second file beside its copy: {first.sha256}.ulaw" in found.problem


@pytest.mark.parametrize(
    ("samples", "form", "expected"),
    [
        (np.zeros(16000, np.int16), {}, "is silent: its loudest moment has -180 dBFS"),
        (np.full(16000, 4000, np.int16), {}, "is silent"),
        (speech(level=60), {}, "is silent: its loudest moment has -5"),
        (np.zeros(0, np.int16), {}, "is silent"),
        (speech(200, 600), {}, "holds only 200 ms of sound"),
        (speech(1000, 0), {}, "ends with 0 ms of silence; 400 to 1000 ms are needed: sox "),
        (speech(1000, 390), {}, "ends with 390 ms of silence"),
        (speech(1000, 1010), {}, "ends with 1010 ms of silence"),
        (speech(), {"rate": 16000}, "has 16000 Hz, 1 channel, 16 bits; the telephone needs 8000 Hz"),
        (speech(), {"channels": 2}, "has 8000 Hz, 2 channels, 16 bits; the telephone needs"),
        (speech(), {"width": 1}, "has 8000 Hz, 1 channel, 8 bits; the telephone needs"),
        (speech(181_000, 600), {}, "lasts longer than 180 s"),
    ],
    ids=[
        "zeros",
        "constant",
        "quiet",
        "nothing",
        "click",
        "no-tail",
        "short-tail",
        "long-tail",
        "16k",
        "stereo",
        "8-bit",
        "long",
    ],
)
def test_a_file_that_cannot_serve_says_why_and_what_to_do(
    tmp_path: Path, samples: Samples, form: dict[str, int], expected: str
) -> None:
    found = prepared(tmp_path, samples, **form)
    assert isinstance(found, Problem)
    assert expected in str(found)
    assert found.problem.startswith(str(tmp_path / "advice-en.wav"))
    assert found.hint
    folder = tmp_path / "spool" / "announcements"
    assert list(folder.iterdir()) == []


def test_tails_at_both_bounds_are_taken(tmp_path: Path) -> None:
    assert measure(wav_bytes(tmp_path, speech(1000, 400)), "x").spoken_end_ms == 1000
    assert measure(wav_bytes(tmp_path, speech(1000, 1000)), "x").spoken_end_ms == 1000


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (lambda _: b"", "is empty (0 bytes)"),
        (lambda good: good[:20], "is not a PCM WAV file"),
        (lambda good: b"ID3" + good, "is not a PCM WAV file"),
        (lambda good: good[:20] + struct.pack("<H", 7) + good[22:], "is not a PCM WAV file"),
        (lambda good: good[:-1000], "is cut short: 12300 of 12800 samples are there: copy it again"),
        (lambda good: good[:-999], "is cut short"),
        (lambda good: good + b"LIST\4\0\0\0INFO", "holds more than a plain header and its samples"),
        (
            lambda good: b"RIFF\xff\xff\0\0" + good[8:36] + b"fact\4\0\0\0\0\0\0\0" + good[36:],
            "holds more than a plain header",
        ),
    ],
    ids=["zero bytes", "header only", "mp3", "mulaw", "truncated", "odd", "chunk behind", "chunk in front"],
)
def test_a_damaged_file(tmp_path: Path, content: Callable[[bytes], bytes], expected: str) -> None:
    good = wav_bytes(tmp_path, speech(1000, 600))
    (tmp_path / "advice-en.wav").write_bytes(content(good))
    found = prepared(tmp_path)
    assert isinstance(found, Problem)
    assert expected in str(found)


def test_a_missing_file_and_a_folder(tmp_path: Path) -> None:
    assert "does not exist: put it there" in str(prepared(tmp_path))
    (tmp_path / "advice-en.wav").mkdir()
    assert "cannot be read: Is a directory" in str(prepared(tmp_path))


def test_a_copy_that_cannot_be_made_is_the_line_s_problem_and_no_folder_at_all_the_spool_s(tmp_path: Path) -> None:
    content = write_wav(tmp_path / "advice-en.wav", speech()).read_bytes()
    taken = tmp_path / "spool" / "announcements" / f"{hashlib.sha256(content).hexdigest()}.wav"
    taken.mkdir(parents=True)
    assert "cannot be copied to" in str(prepared(tmp_path))
    (tmp_path / "other").write_text("a file")
    loaded = config.load(write(tmp_path), {})
    with pytest.raises(SpoolError, match="the user of the gate must own the spool"):
        prepare(loaded, Layout(tmp_path / "other"))


def test_weak_last_sounds_still_count_as_speech(tmp_path: Path) -> None:
    """A word that ends in f or s ends 30 dB below its vowels; the caller has to hear it all the same."""
    vowel = TONE.astype(float)
    fricative = np.random.default_rng(1).normal(0, 1, 1600) * vowel.std() / 10 ** (30 / 20)
    samples = np.concatenate([vowel, fricative, np.zeros(4000)]).astype(np.int16)
    assert measure(wav_bytes(tmp_path, samples), "x").spoken_end_ms == 1200


def test_the_noise_of_a_studio_is_not_speech_and_that_of_a_ward_is(tmp_path: Path) -> None:
    """Too much noise makes the end later, never earlier: the file is refused for its tail, with what mends it."""
    for decibels, spoken_end_ms in ((-60, 1000), (-30, None)):
        noise = np.random.default_rng(1).normal(0, TONE.std() * 10 ** (decibels / 20), 12000)
        noise[:8000] += TONE
        content = wav_bytes(tmp_path, noise.astype(np.int16))
        if spoken_end_ms is None:
            with pytest.raises(announcements._UnusableError, match="ends with 0 ms of silence"):
                measure(content, "x")
        else:
            assert measure(content, "x").spoken_end_ms == spoken_end_ms


@given(
    spoken_ms=st.integers(300, 3000),
    tail_ms=st.integers(410, 990),
    level=st.integers(1000, 9000),
    seed=st.integers(0, 99),
)
def test_the_measured_end_is_within_a_frame_after_the_real_one(
    tmp_path_factory: pytest.TempPathFactory, spoken_ms: int, tail_ms: int, level: int, seed: int
) -> None:
    file = tmp_path_factory.mktemp("wav") / "x.wav"
    samples = speech(spoken_ms, tail_ms, level=level, seed=seed)
    found = measure(write_wav(file, samples).read_bytes(), "x")
    assert spoken_ms <= found.spoken_end_ms < spoken_ms + ear.FRAME_MS
    assert found.samples == len(samples)


@given(st.binary(max_size=200))
def test_no_bytes_end_in_anything_but_a_measure_or_a_problem(content: bytes) -> None:
    for whole in (content, b"RIFF" + content, b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0" + content):
        with pytest.raises(announcements._UnusableError):
            measure(whole, "x")


def test_identity_is_a_plain_tuple(tmp_path: Path) -> None:
    found = usable(tmp_path, speech())
    assert len(found.stat) == 4
    assert not intact(dataclasses.replace(found, stat=(0, 0, 0, 0)))
