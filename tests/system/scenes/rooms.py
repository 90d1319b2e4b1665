"""More than two, or somebody who waits: hold, parking, pickup, a telephone's own conference, newcomers, masquerades."""

from system.hospital import fresh_noise
from system.scene import Scene
from system.site import NEWCOMER, UNGATED, WAITING_NUMBER
from telephone import conference, now_us


async def house_holds(scene: Scene) -> None:
    """The house holds the caller, who hears music meanwhile."""
    caller, house = await scene.incoming(await scene.phone())
    caller.reasons = ("held",)
    await scene.act()
    async with scene.holding(house):
        await scene.talk()
    await scene.converse(caller, house)
    await scene.talk()


async def caller_holds(scene: Scene) -> None:
    """The caller holds the house."""
    caller, house = await scene.incoming(await scene.phone())
    caller.reasons = ("held",)
    await scene.act()
    async with scene.holding(caller):
        await scene.talk()
    await scene.converse(caller, house)
    await scene.talk()


async def paused(scene: Scene) -> None:
    """The house pauses the recording by a key, and resumes it by another."""
    caller, house = await scene.incoming(await scene.phone())
    caller.reasons = ("paused",)
    await house.call.press("*52")
    begin = house.key_up
    await scene.talk()
    await house.call.press("*50")
    scene.off(house, begin, house.key_up, "paused")
    await scene.talk()


async def objected(scene: Scene) -> None:
    """The caller does not want to be recorded: nothing of anybody from then on, and the call goes on."""
    caller, house = await scene.incoming(await scene.phone())
    caller.reasons = ("objected",)
    await caller.call.press("*9")
    scene.off(caller, caller.key_up, why="objected")
    await scene.talk()
    await scene.converse(caller, house)


async def parked(scene: Scene) -> None:
    """The house parks the caller, and a colleague takes the call back."""
    first, second = await scene.phone(), await scene.phone()
    caller, house = await scene.incoming(first)
    caller.reasons = ("parked",)
    await scene.act()
    await scene.refer(house, "700")
    slot = await scene.slot_of(caller)
    await scene.talk()
    colleague = await scene.dial(second, f"*{slot}")
    await scene.converse(caller, colleague)
    await scene.talk()


async def parked_by_code(scene: Scene) -> None:
    """The same by the feature's code."""
    first, second = await scene.phone(), await scene.phone()
    caller, house = await scene.incoming(first)
    caller.reasons = ("parked",)
    await scene.act()
    await scene.key(house, "#7")
    slot = await scene.slot_of(caller)
    await scene.released(house)
    await scene.talk()
    colleague = await scene.dial(second, f"*{slot}")
    await scene.converse(caller, colleague)
    await scene.talk()


async def picked_up(scene: Scene) -> None:
    """A caller rings at one phone, and a colleague takes the call at another."""
    first, second = await scene.phone(answers=False), await scene.phone()
    caller = await scene.rings(scene.number_of("switchboard", first), "switchboard")
    await scene.ringing(first)
    await scene.act()
    colleague = await scene.dial(second, f"*8{first.user}")
    await scene.converse(caller, colleague)
    await scene.talk()


async def telephone_conference(scene: Scene) -> None:
    """The house phone itself joins a caller and somebody whom it called; both are told."""
    phone, outsider = await scene.phone(), scene.outsider()
    caller, house = await scene.incoming(phone)
    await scene.hold(house)
    second = await scene.dial(phone, outsider)
    called = await scene.answered(outsider, "outgoing")
    await scene.converse(second, called)
    begin = now_us()
    await scene.unhold(house)
    conference.join(house.call, second.call, (fresh_noise(), fresh_noise()))
    await scene.converse(caller, called)
    await scene.converse(caller, house)
    await scene.talk()
    scene.joint(house, second, begin)


async def telephone_conference_untold(scene: Scene) -> None:
    """The same with somebody whom nobody told: nothing of anybody is stored while the three can hear each other."""
    phone, outsider = await scene.phone(), scene.outsider()
    caller, house = await scene.incoming(phone)
    caller.reasons = ("held", "telephone_conference")
    await scene.hold(house)
    second = await scene.dial(phone, f"{UNGATED}{outsider.number}")
    called = await scene.answered(outsider)
    called.reasons, called.refused = (), ("outgoing_not_gated",)
    await scene.converse(second, called)
    begin = now_us()
    await scene.unhold(house)
    conference.join(house.call, second.call, (fresh_noise(), fresh_noise()))
    await scene.converse(caller, called)
    await scene.talk()
    conference.part(house.call, second.call, (fresh_noise(), fresh_noise()))
    await scene.hangs_up(second)
    await scene.released(called)
    scene.joint(house, second, begin, now_us())
    await scene.converse(caller, house)
    await scene.talk()


async def newcomer(scene: Scene) -> None:
    """Somebody untold is put into the conversation and leaves it again: between, nothing is stored; then it goes on."""
    outsider = scene.outsider()
    caller, house = await scene.incoming(await scene.phone())
    caller.reasons = ("not_told",)
    channel = await scene.witness.channel_of(caller.call)
    await scene.act()
    join = {"Context": NEWCOMER, "Exten": "join", "Priority": "1", "Async": "true"}
    with_whom = {"Channel": f"PJSIP/{outsider.number}@trunk", "Variable": f"BRIDGE_WITH={channel}"}
    await scene.done("Originate", **join, **with_whom)
    stranger = await scene.answered(outsider)
    await stranger.call.media.first_heard
    await scene.talk()
    await scene.hangs_up(stranger)
    await scene.converse(caller, house)
    await scene.talk()


async def masqueraded(scene: Scene) -> None:
    """A caller who waits in the dialplan is put together with a house phone that waits as well, by AMI.

    Neither is bridged before, so Asterisk moves each telephone onto another channel.
    """
    phone = await scene.phone()
    caller = await scene.rings(WAITING_NUMBER, "switchboard")
    house = await scene.dial(phone, WAITING_NUMBER)
    await scene.told(caller)
    await house.call.answered
    names = [await scene.witness.channel_of(leg.call) for leg in (caller, house)]

    async def passed() -> bool:
        answer = await scene.witness.ask("Getvar", Channel=names[0], Variable="CONSENTGATE_PASSED")
        return answer.get("value") == "1"

    # Who has heard the end is told; the gate knows it some ms later, and a call that overtakes it is not recorded.
    await scene.hospital.until(passed, "the gate is done with the caller")
    await scene.done("Bridge", Channel1=names[0], Channel2=names[1], Tone="no")
    await scene.converse(caller, house)
    await scene.talk()


async def redirected(scene: Scene) -> None:
    """The called house phone is sent elsewhere by AMI in the middle of the call, the caller to another phone."""
    first, second = await scene.phone(), await scene.phone()
    caller, house = await scene.incoming(first)
    await scene.act()
    names = [await scene.witness.channel_of(leg.call) for leg in (caller, house)]
    await scene.done(
        "Redirect",
        Channel=names[0],
        Context="test-house",
        Exten=second.user,
        Priority="1",
        ExtraChannel=names[1],
        ExtraContext="test-wait",
        ExtraExten="s",
        ExtraPriority="1",
    )
    await scene.converse(caller, await scene.arrival(second))
    await scene.talk()
