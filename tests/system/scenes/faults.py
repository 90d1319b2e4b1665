"""What nobody should do on a telephone, and what goes wrong in the middle of a transfer."""

import asyncio
from typing import Final

import pytest
from system.scene import Scene
from telephone import RequestFailedError

_BEATS: Final = 60
_BEAT_SECONDS: Final = 0.05


async def hold_storm(scene: Scene) -> None:
    """Hold and take back twenty times a second, for three seconds; then talk on."""
    caller, house = await scene.incoming(await scene.phone())
    caller.reasons = ("held",)
    for _ in range(_BEATS // 2):
        await scene.hold(house)
        await asyncio.sleep(_BEAT_SECONDS)
        await scene.unhold(house)
        await asyncio.sleep(_BEAT_SECONDS)
    await scene.converse(caller, house)
    await scene.talk()


async def transfer_to_nowhere(scene: Scene) -> None:
    """A REFER to what the dialplan does not know is refused, and the call and its recording go on."""
    caller, house = await scene.incoming(await scene.phone())
    with pytest.raises((RequestFailedError, AssertionError), match=r"REFER failed|transfer failed"):
        await scene.refer(house, "no-such-extension")
    await scene.converse(caller, house)
    await scene.talk()


async def transfer_to_a_dead_number(scene: Scene) -> None:
    """The number is well formed, and nobody has it: the caller rings the house again, and is recorded there."""
    phone, other = await scene.phone(), await scene.phone("2003")
    caller, house = await scene.incoming(phone)
    await house.call.refer(scene.uri("07700900998"))
    back = await scene.arrival(other)
    house.released = True
    await scene.converse(caller, back)
    await scene.talk()


async def transfer_to_itself(scene: Scene) -> None:
    """The house refers the caller to its own number: the phone rings again."""
    phone = await scene.phone()
    caller, house = await scene.incoming(phone)
    await scene.refer(house, phone)
    await scene.converse(caller, await scene.arrival(phone))
    await scene.talk()


async def transfer_during_the_announcement(scene: Scene) -> None:
    """The house hangs up while the one whom it asked is still being told: nobody is heard before the announcement."""
    phone, outsider = await scene.phone(), scene.outsider()
    caller, house = await scene.incoming(phone)
    await scene.key(house, "*2", outsider.number)
    called = await scene.answered(outsider, "outgoing")
    await called.call.media.first_heard
    await scene.talk(0.3)
    await scene.hangs_up(house)
    await scene.converse(caller, called)
    await scene.talk()


async def newcomer_gives_up(scene: Scene) -> None:
    """Somebody outside to whom the caller is referred hangs up during the announcement: the caller is not stuck."""
    phone, outsider = await scene.phone(), scene.outsider()
    caller, house = await scene.incoming(phone)
    await scene.refer(house, outsider)
    called = await scene.answered(outsider, "outgoing")
    called.refused = "hung_up_before_told"
    await called.call.media.first_heard
    await scene.talk(0.3)
    await scene.hangs_up(called)
    # The route has nothing after its Dial.
    await scene.released(caller)
