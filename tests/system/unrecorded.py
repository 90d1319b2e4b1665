"""How a test proves that a call lives although nothing of it is recorded, and how long its caller heard nothing."""

import asyncio
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import numpy as np
import soundfile
from canary import find_reference
from demo_world.world import World
from telephone import Call, Instant, now_us
from telephone.mulaw import RATE, Pcm

from .evidence import Evidence
from .hospital import Talk

FRAME_SECONDS: Final = 0.02
RESCUED_SECONDS: Final = 2.0 + FRAME_SECONDS
"""The bar for a caller's silence with a dead or hung gate, from the last announcement packet or the answer."""
PROOF_SECONDS: Final = 0.4
PROOF_SAMPLES: Final = 1600


def silences(call: Call) -> list[tuple[Instant, float]]:
    """Return (begin, seconds) of every stretch from the answer to the last packet in which nothing was heard."""
    answered = call.at("200")
    arrived = call.heard.arrived_at
    points = np.concatenate([[answered], arrived[arrived > answered]])
    return [(Instant(int(at)), float(gap) / 1e6) for at, gap in zip(points[:-1], np.diff(points), strict=True)]


def longest_silence(call: Call) -> float:
    """Return the longest of them, in seconds."""
    return max((seconds for _, seconds in silences(call)), default=0.0)


async def assert_conversing(talk: Talk, seconds: float = PROOF_SECONDS) -> None:
    """Both are in the call, and in this moment each hears the other's voice."""
    begin = now_us()
    await asyncio.sleep(seconds + 2 * FRAME_SECONDS)
    least = max(int(seconds * RATE) - PROOF_SAMPLES, PROOF_SAMPLES)
    for ear, mouth, who in ((talk.caller, talk.house, "the caller"), (talk.house, talk.caller, "the house")):
        assert ear.state == "up", f"{who} is not in the call any more: {ear.events}"
        heard = ear.heard
        match = find_reference(heard.pcm[heard.first_sample_from(begin) :], mouth.sent)
        assert match.matched >= least, f"{who} does not hear the other side: {match}"


def assert_unrecorded(found: Evidence, world: World, calls: Iterable[Call], reason: str) -> None:
    """The row says why, the manifest says the same, S3 holds the signed manifest alone, and no file holds a voice."""
    assert (found.call["outcome"], found.call["reason"]) == ("not_recorded", reason)
    assert (found.manifest["call"]["outcome"], found.manifest["call"]["reason"]) == ("not_recorded", reason)
    assert found.manifest["segments"] == []
    assert [key.rpartition("/")[2] for key in found.objects] == ["manifest.json", "manifest.json.sig"]
    assert_no_voice(world, *(call.sent.pcm for call in calls))


def assert_no_voice(world: World, *voices: Pcm) -> None:
    """No sound file of the spool or of Asterisk holds anything of these voices."""
    for file in sound_files(world):
        try:
            samples, _ = soundfile.read(file, dtype="int16")
        except soundfile.LibsndfileError:
            # Ship is done with some other call of this test meanwhile.
            assert not file.exists(), f"{file} cannot be read"
            continue
        for said in voices:
            assert not find_reference(samples, said).spans, f"{file} holds a voice"


def sound_files(world: World) -> list[Path]:
    """Every sound file that could hold a voice."""
    places = (world.spool / "audio", world.spool / "quarantine", world.spool / "sealed", world.asterisk.monitor)
    return [file for place in places if place.is_dir() for file in place.rglob("*.[wW][aA][vV]")]
