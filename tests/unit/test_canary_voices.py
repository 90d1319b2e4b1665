"""Whose voices are in a file: found among many, and nothing that nobody said is passed over."""

import numpy as np
from canary import Voices, unexplained
from canary.match import Span, find_spoken
from telephone import Noise, Sent
from telephone.mulaw import Pcm, decode


def sent(seed: int, frames: int = 100) -> Sent:
    said = Sent()
    said.instants = [1_800_000_000_000_000 + index * 20_000 for index in range(frames)]
    said.frames = [Noise(seed).frame(index) for index in range(frames)]
    return said


def silence(samples: int) -> Pcm:
    return np.zeros(samples, dtype=np.int16)


def test_speakers_are_found_among_many() -> None:
    said = {f"party {seed}": sent(seed) for seed in range(20)}
    voices = Voices(said)
    stored = np.concatenate(
        [silence(77), said["party 7"].pcm[1003:1400], silence(300), said["party 11"].pcm[5000:5040]]
    )
    assert voices.speakers(stored) == ["party 7", "party 11"]
    matches = voices.attribute(stored)
    assert [one.matched for one in matches.values()] == [397, 40]
    assert not unexplained(stored, matches)


def test_what_nobody_said_is_left() -> None:
    said = {"one": sent(1), "two": sent(2)}
    stored = np.concatenate([said["one"].pcm[:800], Noise(3).pcm(160), said["two"].pcm[160:480]])
    (rest,) = unexplained(stored, Voices(said).attribute(stored))
    assert (rest.start, rest.end) == (800, 960)
    (whole,) = unexplained(Noise(3).pcm(160), {})
    assert whole.ms == 20.0


def test_silence_and_short_files_name_nobody() -> None:
    voices = Voices({"one": sent(1)})
    assert voices.speakers(silence(8000)) == []
    assert voices.speakers(sent(1).pcm[:7]) == []
    assert Voices({}).speakers(sent(1).pcm) == []
    assert not unexplained(silence(100), {})


def test_where_a_voice_borders_on_silence_it_names_nobody() -> None:
    """A telephone's conference passes every other frame on; a sound that begins with the same byte is not its voice."""
    relay = sent(2)
    relay.passed_on.update(range(1, 100, 2))
    begins = [decode(relay.frames[index][:3]) for index in range(0, 100, 2)]
    stored = np.concatenate([part for begin in begins for part in (silence(160), begin)])
    voices = Voices({"relay": relay})
    assert voices.speakers(stored) == []
    assert find_spoken(stored, relay.own).spans == ()
    # Its own frames are found all the same, with the silence that stands there for those of others.
    stored = np.concatenate([silence(160), relay.pcm[8000:8160], silence(160)])
    assert voices.attribute(stored)["relay"].spans == (Span(0, 7840, 480),)


def test_what_is_passed_on_is_the_speaker_s() -> None:
    mouth, relay = sent(1), sent(2)
    relay.frames[50] = mouth.frames[40]
    relay.passed_on.add(50)
    assert Voices({"mouth": mouth, "relay": relay}).speakers(relay.pcm[8000:8160]) == ["mouth"]
