"""Doors by which somebody comes into a conversation or leaves it for a while: hold, parking, pickup and the like."""

import asyncio

from system.hospital import Hospital
from system.judge import play
from system.scenes import rooms


def test_hold_parking_pickup_pause(hospital: Hospital) -> None:
    """What is said while somebody waits is not kept, and the gap says why; afterwards the recording goes on."""
    scenes = {
        "local hold": rooms.house_holds,
        "remote hold": rooms.caller_holds,
        "parked by REFER": rooms.parked,
        "parked by code": rooms.parked_by_code,
        "pickup": rooms.picked_up,
        "pause": rooms.paused,
        "objection": rooms.objected,
    }
    asyncio.run(play(hospital, scenes))


def test_three_of_them(hospital: Hospital) -> None:
    """Somebody untold in the room ends the capture until they are gone, whichever way they came in."""
    scenes = {
        "telephone's conference": rooms.telephone_conference,
        "telephone's conference with somebody untold": rooms.telephone_conference_untold,
        "newcomer put into the bridge": rooms.newcomer,
        "masquerade": rooms.masqueraded,
        "redirect of both": rooms.redirected,
    }
    asyncio.run(play(hospital, scenes))
