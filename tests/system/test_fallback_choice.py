"""No gate is there, and callers say no by a key: the script hears it, or its keeper, and what was kept is destroyed.

Every caller hears every language of their line, one after the other.
"""

import asyncio
import os
import signal
from typing import Final

from canary import heard_span, times_heard
from system.evidence import Evidence
from system.hospital import Hospital, Talk, fresh_noise
from system.passage import said
from system.scene import Scene
from system.site import number_of
from system.stage import Leg, Stage
from system.test_fallback import assert_told_and_stored, scripts, without_gate
from system.unrecorded import assert_conversing, assert_unrecorded
from telephone import IncomingCall
from telephone.mulaw import RATE

LINE: Final = "patients-line"
TALK_SECONDS: Final = 1.0
KEY_SECONDS: Final = 0.1
EARLY_SAMPLES: Final = 800
AROUND: Final = (-0.03, -0.01, 0.0, 0.01, 0.03)
"""When the key is let go of, in seconds from where one language ends and the other begins."""


async def call(
    hospital: Hospital, scene: Scene, *, key_after_seconds: float | None = None, objects: bool = False
) -> tuple[Talk, str]:
    """Call, press the key for a no so long after the first sound, talk, and perhaps object in the conversation."""
    phone = await scene.phone()
    async with hospital.outside() as outside:
        caller = await outside.call(hospital.uri(number_of(LINE, phone.user)), voice=fresh_noise())
        await caller.media.first_heard
        _, channel = await hospital.channel_of(outside.user)
        if key_after_seconds is not None:
            await asyncio.sleep(key_after_seconds - (len(caller.heard.mulaw) / RATE))
            await caller.press("9")
        arrived = await scene.arrival(phone)
        assert isinstance(arrived.call, IncomingCall)
        talk = Talk(outside.user, caller, arrived.call)
        await assert_conversing(talk)
        await asyncio.sleep(TALK_SECONDS)
        if objects:
            await caller.press("*9")
            await asyncio.sleep(TALK_SECONDS)
        assert caller.state == "up"
        arrived.released = True
        await caller.hangup()
    return talk, channel


def test_every_language_is_heard_and_a_no_is_one_at_any_instant(hospital: Hospital) -> None:
    first, second = hospital.announcements(LINE)
    boundary = len(first) / RATE

    keys = [0.4, boundary + 0.4, *(boundary - KEY_SECONDS + one for one in AROUND)]
    calls: list[tuple[Talk, str]] = []

    async def play(scene: Scene) -> None:
        told = (call(hospital, scene), call(hospital, scene, objects=True))
        calls.extend(await asyncio.gather(*told, *(call(hospital, scene, key_after_seconds=one) for one in keys)))

    async def scenario() -> list[Evidence]:
        async with without_gate(hospital), Stage(hospital) as stage:
            await Scene(stage, "without a gate").run(play)
            return [(await hospital.evidence(channel=channel))[0] for _, channel in calls]

    recorded, destroyed, *refused = asyncio.run(scenario())
    whole, later, *said_no = [talk for talk, _ in calls]
    for talk in (whole, later):
        spans = [heard_span(talk.caller.heard, one) for one in (first, second)]
        assert all(one is not None and one.complete for one in spans)
    assert_told_and_stored(hospital, recorded, whole, "left_bridge", line=LINE)
    assert (recorded.manifest["call"]["mode"], len(recorded.manifest["notices"])) == ("announce_opt_out", 2)

    assert times_heard(later.caller.heard, hospital.sound("declined-en")) == 1
    assert [one["party"] for one in destroyed.manifest["objections"]] == ["p01"]
    assert_unrecorded(destroyed, hospital.world, [later.caller, later.house], "objected")

    print(f"reasons of those who pressed the key: {[found.reason for found in refused]}")
    for number, (talk, found) in enumerate(zip(said_no, refused, strict=True)):
        # In the instant between two languages only the keeper hears it, and nobody is there to confirm it.
        assert found.reason == "objected" or (found.reason == "gate_away" and number >= len(keys) - len(AROUND))
        assert_unrecorded(found, hospital.world, [talk.caller, talk.house], found.reason)
        words = [times_heard(talk.caller.heard, hospital.sound(f"declined-{one}")) for one in ("cy", "en")]
        assert sum(words) == (found.reason == "objected")
        if number < len(keys) - len(AROUND):
            assert words[number] == 1, "it is confirmed in the language that was heard"


def test_a_key_that_no_script_can_hear_is_heard_by_its_keeper(hospital: Hospital) -> None:
    """The instant between two languages is made longer: the script stands still while the key is pressed."""
    first, _ = hospital.announcements(LINE)
    since = len(hospital.log("guard"))

    async def play(scene: Scene) -> None:
        phone = await scene.phone()
        caller = await scene.rings(number_of(LINE, phone.user), LINE)
        await caller.call.media.first_heard
        (script,) = scripts(hospital)
        while len(caller.call.heard.mulaw) < len(first) - EARLY_SAMPLES:  # noqa: ASYNC110  sound sends no event
            await asyncio.sleep(0.005)
        os.kill(script, signal.SIGSTOP)
        try:
            await asyncio.sleep(EARLY_SAMPLES / RATE + 0.02)
            await caller.call.press("9")
        finally:
            os.kill(script, signal.SIGCONT)
        await scene.converse(caller, await scene.arrival(phone))
        names = {name: channel for name, channel, _ in await hospital.channels()}
        calls.append((names[await scene.witness.channel_of(caller.call)], caller))

    calls: list[tuple[str, Leg]] = []

    async def scenario() -> Evidence:
        async with without_gate(hospital), Stage(hospital) as stage:
            await Scene(stage, "between two languages").run(play)
            return (await hospital.evidence(channel=calls[0][0]))[0]

    found = asyncio.run(scenario())
    assert found.reason == "gate_away"
    (refusal,) = said(hospital, "guard", since, "fallback.not_kept")
    assert "pressed the key for a no" in refusal["why"]
    assert_unrecorded(found, hospital.world, [calls[0][1].call], "gate_away")
