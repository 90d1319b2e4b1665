"""Conferences of the PBX: who joins has been told; whoever objects is out, or ends the recording for all."""

import asyncio
from typing import Final

from system.hospital import Hospital
from system.judge import play
from system.scenes import conferences

SEED: Final = 1


def test_comings_and_goings(hospital: Hospital) -> None:
    """Five people and a host, who come and go at random; and a conference that ends while somebody is being told."""
    scenes = {
        f"conference of five, seed {SEED}": conferences.comings_and_goings(SEED),
        "conference over while one is told": conferences.over_while_one_is_told,
    }
    asyncio.run(play(hospital, scenes))


def test_hold_that_began_before_the_gate(hospital: Hospital) -> None:
    asyncio.run(play(hospital, {"host holds, gate restarted": conferences.held_before_the_gate_came}))


def test_keys(hospital: Hospital) -> None:
    asyncio.run(play(hospital, {"the house pauses and resumes in a conference": conferences.keys_of_the_house}))


def test_objection(hospital: Hospital) -> None:
    scenes = {
        "objection that ends it for all": conferences.objection(everybody=True),
        "objection that leaves one out": conferences.objection(everybody=False),
    }
    asyncio.run(play(hospital, scenes))
