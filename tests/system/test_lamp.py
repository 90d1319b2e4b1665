"""A house telephone's lamp shows whether its conversation is captured in this moment."""

import asyncio

from system.hospital import Hospital


async def _shows(hospital: Hospital, state: str) -> None:
    async def is_so() -> bool:
        answer = await hospital.ami("Getvar", Variable="DEVICE_STATE(Custom:consentgate-2001)")
        return answer["value"] == state

    await hospital.until(is_so, f"the lamp is {state}", 3.0)


def test_the_lamp_is_lit_while_the_conversation_is_captured(hospital: Hospital) -> None:
    async def scenario() -> None:
        async with hospital.house() as house:
            async with hospital.conversation(house) as talk:
                await _shows(hospital, "INUSE")
                await talk.house.hold()
                await _shows(hospital, "NOT_INUSE")
                await talk.house.unhold()
                await _shows(hospital, "INUSE")
            await _shows(hospital, "NOT_INUSE")
            async with hospital.conversation(house, "crisis-line"):
                await asyncio.sleep(0.5)
                await _shows(hospital, "NOT_INUSE")

    asyncio.run(scenario())
