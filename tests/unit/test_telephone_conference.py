"""A telephone that joins two of its calls: each far end hears both others, and every frame still names its speaker."""

import asyncio

from canary import Voices, find_reference
from telephone import IncomingCall, Noise, Telephone, answering, conference
from unit.telephone_world import run, uri

TALK_SECONDS = 0.6


def test_each_hears_both_others() -> None:
    async def scenario() -> None:
        async with (
            Telephone("left", on_call=answering(Noise(1))) as left,
            Telephone("right", on_call=answering(Noise(2))) as right,
            Telephone("middle") as middle,
        ):
            first = await middle.call(uri(left), voice=Noise(3))
            second = await middle.call(uri(right), voice=Noise(4))
            await asyncio.gather(first.answered, second.answered)
            conference.join(first, second, (Noise(5), Noise(6)))
            await asyncio.sleep(TALK_SECONDS)
            here, there = left.calls[0], right.calls[0]
            said = {"left": here.sent, "right": there.sent, "first": first.sent, "second": second.sent}
            voices = Voices(said)
            assert voices.speakers(here.heard.pcm) == ["right", "first"]
            assert voices.speakers(there.heard.pcm) == ["left", "second"]
            # What is passed on is the other's own words, not the telephone's.
            assert 5 < len(first.sent.passed_on) < len(first.sent.frames)
            for ear, mouth in ((here, there), (there, here)):
                assert find_reference(ear.heard.pcm, mouth.sent).matched >= 5 * 160
            conference.part(first, second, (Noise(7), Noise(8)))
            passed_on = len(first.sent.passed_on)
            await asyncio.sleep(0.1)
            assert len(first.sent.passed_on) == passed_on

    run(scenario())


def test_a_call_is_sent_elsewhere() -> None:
    async def scenario() -> None:
        async def forwards(call: IncomingCall) -> None:
            call.redirect("sip:07700900123@127.0.0.1")

        async with Telephone("2001", on_call=forwards) as phone, Telephone() as caller:
            call = await caller.call(uri(phone))
            ending = await call.ended
            assert (ending.by, ending.status) == ("them", 302)

    run(scenario())
