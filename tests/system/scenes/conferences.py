"""Conferences of the PBX: people come and go at random, and one of them may not want to be recorded."""

import asyncio
import random
from typing import Final

from system.scene import Scenario, Scene
from system.site import CONFERENCE_NUMBER, STRICT_NUMBER
from system.stage import Leg

_STAY_SECONDS: Final = (1.0, 2.5)
_AWAY_SECONDS: Final = (0.2, 0.8)


def comings_and_goings(seed: int, *, people: int = 5, rounds: int = 2) -> Scenario:
    """Return a conference of so many outside parties who come and go by this seed."""

    async def person(scene: Scene, number: int, chance: random.Random) -> None:
        for turn in range(rounds):
            await scene.talk(chance.uniform(*_AWAY_SECONDS))
            leg = await scene.rings(CONFERENCE_NUMBER, "conference", name=f"{number}, time {turn + 1}")
            await scene.told(leg)
            await scene.talk(chance.uniform(*_STAY_SECONDS))
            await scene.hangs_up(leg)

    async def scenario(scene: Scene) -> None:
        chances = [random.Random(seed * 100 + number) for number in range(people)]  # noqa: S311  not for secrets
        host = await scene.dial(await scene.phone(), "2600")
        await host.call.answered
        await asyncio.gather(*(person(scene, number, chance) for number, chance in enumerate(chances)))

    return scenario


async def _meeting(scene: Scene, number: str, line: str, people: int) -> list[Leg]:
    legs = [await scene.rings(number, line, name=f"joiner {one}") for one in range(people)]
    await asyncio.gather(*(scene.told(leg) for leg in legs))
    await scene.talk(1.0)
    return legs


def objection(*, everybody: bool) -> Scenario:
    """Return a conference in which one presses the key: it ends the recording for all, or for that one alone."""
    number, line = (STRICT_NUMBER, "strict-conference") if everybody else (CONFERENCE_NUMBER, "conference")

    async def scenario(scene: Scene) -> None:
        legs = await _meeting(scene, number, line, 3)
        objector = legs[1]
        if everybody:
            for leg in legs:
                leg.reasons = ("objected",)
        await objector.call.press("*9")
        scene.off(objector, objector.key_up, why="objected", everybody=everybody)
        await scene.talk(1.5)
        await scene.hangs_up(objector)
        await scene.talk(1.5)

    return scenario


async def keys_of_the_house(scene: Scene) -> None:
    """One of the house pauses and resumes; whoever presses that from outside does not; their no ends it for all."""
    host = await scene.dial(await scene.phone(), "2601")
    await host.call.answered
    legs = await _meeting(scene, STRICT_NUMBER, "strict-conference", 2)
    for leg in legs:
        leg.reasons, leg.causes = ("paused", "objected"), ("capacity",)
    await host.call.press("*56")
    begin = host.key_up
    await scene.talk(0.8)
    await legs[0].call.press("*50")
    await scene.talk(0.8)
    await host.call.press("*50")
    scene.off(host, begin, host.key_up, "paused")
    await scene.talk(1.5)
    # Nor can anybody from outside pause it.
    await legs[0].call.press("*51")
    await scene.talk(1.5)
    await legs[1].call.press("*9")
    scene.off(legs[1], legs[1].key_up, why="objected")
    await scene.talk(1.0)


async def over_while_one_is_told(scene: Scene) -> None:
    """The last two leave while a third hears the announcement: the third finds an empty conference, and is alive."""
    legs = await _meeting(scene, STRICT_NUMBER, "strict-conference", 2)
    late = await scene.rings(STRICT_NUMBER, "strict-conference", name="latecomer")
    await late.call.media.first_heard
    await scene.talk(0.3)
    await scene.hangs_up(*legs)
    await scene.told(late)
    late.reasons, late.refused = (), ("no_conversation",)
    await scene.talk(1.0)


async def third_joins(scene: Scene) -> None:
    """Two talk in a conference, and a third, who has been told, comes in."""
    legs = await _meeting(scene, STRICT_NUMBER, "strict-conference", 2)
    late = await scene.rings(STRICT_NUMBER, "strict-conference", name="third")
    await late.call.media.first_heard
    await scene.act()
    await scene.told(late)
    await scene.talk(1.0)
    await scene.hangs_up(legs[0])
    await scene.talk(1.0)


async def held_before_the_gate_came(scene: Scene) -> None:
    """The host holds while the gate is restarted: whoever joins then is told, and recorded once the host is back."""
    host = await scene.dial(await scene.phone(), "2600")
    await host.call.answered
    await scene.talk(0.3)
    await scene.hold(host)
    await scene.hospital.restart("gate")
    late = await scene.rings(CONFERENCE_NUMBER, "conference", name="latecomer")
    late.reasons = ("held",)
    await scene.told(late)
    await scene.talk(1.5)
    await scene.unhold(host)
    await scene.talk(1.5)
    await scene.hangs_up(late)
