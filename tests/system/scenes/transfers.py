"""Transfers of every kind, to colleagues and to the outside; the newcomer is told before anybody hears them."""

from system.scene import Scene
from system.site import UNGATED


async def blind_refer(scene: Scene) -> None:
    """The house refers the caller to a colleague."""
    first, second = await scene.phone(), await scene.phone()
    caller, house = await scene.incoming(first)
    await scene.act()
    await scene.refer(house, second)
    await scene.converse(caller, await scene.arrival(second))
    await scene.talk()


async def blind_refer_far_away(scene: Scene) -> None:
    """The same for a caller at the end of a long line, 150 ms each way."""
    first, second = await scene.phone(), await scene.phone()
    caller, house = await scene.incoming(first, delay_ms=150.0)
    await scene.refer(house, second)
    await scene.converse(caller, await scene.arrival(second))
    await scene.talk()


async def blind_refer_outside(scene: Scene) -> None:
    """The house refers the caller to somebody outside."""
    phone, outsider = await scene.phone(), scene.outsider()
    caller, house = await scene.incoming(phone)
    await scene.act()
    await scene.refer(house, outsider)
    await scene.converse(caller, await scene.answered(outsider, "outgoing"))
    await scene.talk()


async def blind_code(scene: Scene) -> None:
    """The house keys the transfer's code and a colleague's number."""
    first, second = await scene.phone(), await scene.phone()
    caller, house = await scene.incoming(first)
    await scene.act()
    await scene.key(house, "#1", second.user)
    await scene.released(house)
    await scene.converse(caller, await scene.arrival(second))
    await scene.talk()


async def blind_code_outside(scene: Scene) -> None:
    """The house keys the transfer's code and a number outside."""
    phone, outsider = await scene.phone(), scene.outsider()
    caller, house = await scene.incoming(phone)
    await scene.act()
    await scene.key(house, "#1", outsider.number)
    await scene.released(house)
    await scene.converse(caller, await scene.answered(outsider, "outgoing"))
    await scene.talk()


async def attended_code(scene: Scene) -> None:
    """The house asks a colleague first, while the caller waits, and hangs up."""
    first, second = await scene.phone(), await scene.phone()
    caller, house = await scene.incoming(first)
    await scene.act()
    await scene.key(house, "*2", second.user)
    colleague = await scene.arrival(second)
    await scene.converse(house, colleague)
    await scene.talk()
    await scene.hangs_up(house)
    await scene.converse(caller, colleague)
    await scene.talk()


async def attended_code_outside(scene: Scene) -> None:
    """The house asks somebody outside first, who is told before the house can ask."""
    phone, outsider = await scene.phone(), scene.outsider()
    caller, house = await scene.incoming(phone)
    await scene.act()
    await scene.key(house, "*2", outsider.number)
    called = await scene.answered(outsider, "outgoing")
    await scene.converse(house, called)
    await scene.talk()
    await scene.hangs_up(house)
    await scene.converse(caller, called)
    await scene.talk()


async def attended_refer(scene: Scene) -> None:
    """The house holds the caller, asks a colleague on a second line, and puts the two together (Replaces)."""
    first, second = await scene.phone(), await scene.phone()
    caller, house = await scene.incoming(first)
    await scene.act()
    await scene.hold(house)
    asking = await scene.dial(first, second)
    colleague = await scene.arrival(second)
    # Referred in the millisecond of the answer, Asterisk 22.10 joins the two with sound one way alone.
    await scene.converse(asking, colleague)
    await scene.talk()
    await scene.refer(house, second, replaces=asking)
    await scene.converse(caller, colleague)
    await scene.talk()


async def attended_refer_outside(scene: Scene) -> None:
    """The same with somebody outside, who has been told when they were called; that call is a recording of its own."""
    phone, outsider = await scene.phone(), scene.outsider()
    caller, house = await scene.incoming(phone)
    await scene.act()
    await scene.hold(house)
    asking = await scene.dial(phone, outsider)
    called = await scene.answered(outsider, "outgoing")
    await scene.converse(asking, called)
    await scene.talk()
    await scene.refer(house, outsider, replaces=asking)
    await scene.converse(caller, called)
    await scene.talk()


async def untold_newcomer(scene: Scene) -> None:
    """The caller is referred over a route that somebody forgot: nothing of either is stored from then on."""
    phone, outsider = await scene.phone(), scene.outsider()
    caller, house = await scene.incoming(phone)
    await scene.act()
    await scene.refer(house, f"{UNGATED}{outsider.number}")
    called = await scene.answered(outsider)
    called.reasons, called.refused = (), ("outgoing_not_gated",)
    caller.reasons = ("not_told",)
    await scene.converse(caller, called)
    await scene.talk()


async def consultation(scene: Scene) -> None:
    """While the caller is on hold the house asks somebody outside: a recording of its own, and then back."""
    phone, outsider = await scene.phone(), scene.outsider()
    caller, house = await scene.incoming(phone)
    caller.reasons = ("held",)
    async with scene.holding(house):
        asking = await scene.dial(phone, outsider)
        called = await scene.answered(outsider, "outgoing")
        await scene.converse(asking, called)
        await scene.talk()
        await scene.hangs_up(asking)
        await scene.released(called)
    await scene.converse(caller, house)
    await scene.talk()
