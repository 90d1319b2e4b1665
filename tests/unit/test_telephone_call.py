"""Two telephones that call each other directly: what each side says, hears and sees of a call."""

import asyncio
import wave
from pathlib import Path

import numpy as np
import pytest
from telephone import (
    CallRefusedError,
    IncomingCall,
    Noise,
    Silence,
    Telephone,
    VoiceError,
    answering,
    read_wav,
    rejecting,
    ringing_for_ever,
    wav,
)
from telephone.mulaw import DECODE, ENCODE, encode
from unit.telephone_world import run, uri


def test_noise_arrives_bit_for_bit_in_both_directions() -> None:
    async def scenario() -> None:
        house_policy = answering(Noise(2), ring_seconds=0.1)
        async with Telephone("2001", on_call=house_policy) as house, Telephone("outside") as outside:
            call = await outside.call(uri(house), voice=Noise(1))
            ringing_at, answered_at = await call.ringing, await call.answered
            theirs = await house.next_call()
            await asyncio.sleep(0.6)
            ending = await call.hangup()
            assert (await theirs.ended).by == "them"
            assert ending.by == "us"
            assert 100_000 <= answered_at - ringing_at < 400_000
            for speaker, hearer, seed in ((call, theirs, 1), (theirs, call, 2)):
                heard = hearer.heard
                assert heard.packets >= 25
                assert heard.lost == 0
                assert np.array_equal(heard.pcm, Noise(seed).pcm(len(heard.pcm)))
                assert np.array_equal(heard.pcm, speaker.sent.pcm[: len(heard.pcm)])
                # Kernel's stamp against the log's: a packet cannot arrive before it left.
                late_us = heard.arrived_at - np.array(speaker.sent.instants[: heard.packets])
                assert late_us.min() >= 0
                assert np.median(late_us) < 5_000
            assert [event.what for event in call.events] == ["INVITE", "100", "180", "200", "BYE", "ended by us"]
            assert [event.at for event in call.events] == sorted(event.at for event in call.events)

    run(scenario())


def test_either_side_may_end_the_call() -> None:
    async def scenario() -> None:
        policy = answering(ring_seconds=0, talk_seconds=0.1)
        async with Telephone("2001", on_call=policy) as house, Telephone("outside") as outside:
            call = await outside.call(uri(house))
            await call.answered
            ending = await call.ended
            assert (ending.by, ending.status) == ("them", 0)
            assert house.calls[0].sent.instants
            assert await call.hangup() is ending

    run(scenario())


def test_a_busy_telephone_refuses() -> None:
    async def scenario() -> None:
        async with Telephone("2001", on_call=rejecting(486)) as house, Telephone("outside") as outside:
            call = await outside.call(uri(house))
            with pytest.raises(CallRefusedError, match="486 Busy Here"):
                await call.answered
            ending = await call.ended
            assert (ending.by, ending.status) == ("them", 486)
            assert not call.sent.instants

    run(scenario())


def test_a_caller_who_gives_up_cancels() -> None:
    async def scenario() -> None:
        async with Telephone("2001", on_call=ringing_for_ever) as house, Telephone("outside") as outside:
            call = await outside.call(uri(house))
            await call.ringing
            ending = await call.hangup()
            assert (ending.by, ending.status) == ("us", 487)
            theirs = await (await house.next_call()).ended
            assert (theirs.by, theirs.status) == ("them", 487)

    run(scenario())


def test_closing_a_telephone_ends_its_calls() -> None:
    async def scenario() -> None:
        async with Telephone("2001", on_call=answering(Noise(2))) as house:
            async with Telephone("outside") as outside:
                call = await outside.call(uri(house))
                await call.answered
            assert call.ended.happened
            theirs = await (await house.next_call()).ended
            assert theirs.by == "them"

    run(scenario())


def test_hold_is_seen_and_the_holders_voice_goes_on() -> None:
    async def scenario() -> None:
        async with Telephone("2001", on_call=answering(Noise(2))) as house, Telephone("outside") as outside:
            call = await outside.call(uri(house), voice=Noise(1))
            await call.answered
            theirs = await house.next_call()

            def held() -> bool:
                return theirs.held_by_them

            await call.hold()
            assert held()
            sent_when_held, said_when_held = len(theirs.sent), len(call.sent)
            await asyncio.sleep(0.2)
            # Who is held and obeys (RFC 3264) sends nothing; who holds may go on, so that a leak can be found.
            assert len(theirs.sent) <= sent_when_held + 160
            assert len(call.sent) >= said_when_held + 5 * 160
            await call.unhold()
            assert not held()
            await asyncio.sleep(0.1)
            assert len(theirs.sent) > sent_when_held + 160
            await call.hold("inactive")
            said_when_held = len(call.sent)
            await asyncio.sleep(0.1)
            assert len(call.sent) <= said_when_held + 160

    run(scenario())


def test_keys_are_heard_and_speech_pauses_meanwhile() -> None:
    async def scenario() -> None:
        async with Telephone("2001", on_call=answering()) as house, Telephone("outside") as outside:
            call = await outside.call(uri(house), voice=Noise(1))
            await call.answered
            theirs = await house.next_call()
            await asyncio.sleep(0.06)
            await call.press("9*D", duration_ms=80, gap_ms=40)
            await asyncio.sleep(0.06)
            heard = theirs.heard
            assert "".join(digit for _, digit in heard.digits) == "9*D"
            assert all(call.at("presses 9*D") <= at <= call.at("keys released") for at, _ in heard.digits)
            assert heard.lost == 0
            # Three keys of four frames each took the place of speech, and its timestamps know it.
            frames = (heard.timestamp - heard.timestamp[0]) // 160
            assert len(set(range(int(frames[-1]))) - set(frames.tolist())) == 12
            assert np.array_equal(heard.pcm, Noise(1).pcm(len(heard.pcm)))

    run(scenario())


def test_a_muted_telephone_sends_nothing_and_may_speak_later() -> None:
    async def scenario() -> None:
        async with Telephone("2001", on_call=answering(None)) as house, Telephone("outside") as outside:
            call = await outside.call(uri(house), voice=Noise(1))
            await call.answered
            theirs = await house.next_call()
            await asyncio.sleep(0.2)
            assert call.heard.packets == 0
            assert not call.media.first_heard.happened
            theirs.say(Noise(3))
            first_heard_at = await call.media.first_heard
            assert first_heard_at >= theirs.sent_at(0)
            await asyncio.sleep(0.1)
            theirs.say(Silence())
            await asyncio.sleep(0.1)
            said = theirs.sent.pcm
            assert np.array_equal(call.heard.pcm, said[: len(call.heard.pcm)])
            assert said[0] != 0
            assert said[-1] == 0

    run(scenario())


def test_a_sound_file_is_spoken_and_then_silence(tmp_path: Path) -> None:
    tone = (8000 * np.sin(np.arange(1000) / 5)).astype("<i2")
    path = tmp_path / "tone.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", "not compressed"))
        file.writeframes(tone.tobytes())
    spoken = DECODE[encode(tone)]

    async def scenario() -> None:
        async with Telephone("2001", on_call=answering(wav(path))) as house, Telephone("outside") as outside:
            call = await outside.call(uri(house), voice=wav(path, repeat=True))
            await call.answered
            await asyncio.sleep(0.35)
            await call.hangup()
            once, again = call.heard.pcm, house.calls[0].heard.pcm
            assert np.array_equal(once[:1000], spoken)
            assert not once[1000:].any()
            assert np.array_equal(again[1120:2120], spoken)

    run(scenario())
    assert np.array_equal(read_wav(path), tone)


@pytest.mark.parametrize(
    ("shape", "samples", "said"),
    [((16000, 2, 1), 160, "16000 Hz"), ((8000, 2, 2), 160, "2 channel"), ((8000, 2, 1), 0, "no samples")],
)
def test_a_sound_file_of_the_wrong_shape_is_refused(
    tmp_path: Path, shape: tuple[int, int, int], samples: int, said: str
) -> None:
    path = tmp_path / "wrong.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((shape[2], shape[1], shape[0], 0, "NONE", "not compressed"))
        file.writeframes(b"\0" * samples * 2)
    with pytest.raises(VoiceError, match=said):
        wav(path)
    with pytest.raises(VoiceError, match="cannot read"):
        wav(tmp_path / "absent.wav")


HOSTILE = ['Anne "O\'Brien" \\', "😀; tag=x, <sip:a@b>", "'; DROP TABLE calls; --", "../../etc/passwd", "n" * 10_000]


@pytest.mark.parametrize("name", HOSTILE, ids=["quotes", "header", "sql", "path", "long"])
def test_any_name_and_number_arrive_as_they_were_given(name: str) -> None:
    async def scenario() -> None:
        async with Telephone("2001", on_call=answering()) as house, Telephone("outside") as outside:
            call = await outside.call(
                uri(house), from_user=f"a\r\nb {name}", display_name=name, headers=[("X-Ward", "7"), ("X-Ward", "8")]
            )
            await call.answered
            theirs = await house.next_call()
            assert theirs.opening is not None
            shown = theirs.opening.get("from")
            assert shown.startswith('"' + name.replace("\\", "\\\\").replace('"', '\\"') + '" <sip:a%0D%0Ab')
            assert theirs.opening.every("x-ward") == ["7", "8"]
            # The dialog works in both directions in spite of it.
            await theirs.hangup()
            assert (await call.ended).by == "them"

    run(scenario())


def test_a_raw_from_header_is_not_touched() -> None:
    async def scenario() -> None:
        async with Telephone("2001", on_call=answering()) as house, Telephone("outside") as outside:
            call = await outside.call(uri(house), from_header='"x" <sip:a@127.0.0.1>\r\nX-Forged: 1\r\nX-Rest: y')
            await asyncio.sleep(0.1)
            await call.hangup(patience_seconds=0.1)
            assert "1" in [
                value for theirs in house.calls if theirs.opening for value in theirs.opening.every("x-forged")
            ]

    run(scenario())


def test_requests_within_and_without_a_call_are_answered() -> None:
    async def scenario() -> None:
        async with Telephone("2001", on_call=answering()) as house, Telephone("outside") as outside:
            call = await outside.call(uri(house))
            await call.answered
            for method in ("OPTIONS", "NOTIFY", "INFO", "UPDATE"):
                assert (await call.request(method)).status == 200
            await call.refer("sip:2002@127.0.0.1:1", replaces=call)
            received = [request.method for request in house.calls[0].requests]
            assert received == ["OPTIONS", "NOTIFY", "INFO", "UPDATE", "REFER"]
            assert "Replaces=" in house.calls[0].requests[-1].get("refer-to")
            await call.hangup()
            assert (await call.request("OPTIONS")).status == 481

    run(scenario())


def test_a_policy_that_fails_is_not_lost() -> None:
    async def broken(call: IncomingCall) -> None:
        call.reject(500, "Server Internal Error")
        raise ZeroDivisionError

    async def scenario() -> None:
        house = await Telephone("2001", on_call=broken).__aenter__()
        async with Telephone("outside") as outside:
            call = await outside.call(uri(house))
            await call.ended
        with pytest.raises(ZeroDivisionError):
            await house.close()

    run(scenario())


def test_mulaw_is_the_one_of_asterisk() -> None:
    # Values of G.711's table 2a at both ends of each segment, and Asterisk's replacement of the all-zero code.
    assert DECODE[[0xFF, 0x7F, 0xFE, 0x80, 0x00, 0xF0, 0xEF]].tolist() == [0, 0, 8, 32124, -32124, 120, 132]
    assert ENCODE[np.array([-32768], dtype=np.int16).view(np.uint16)].tolist() == [2]
    codes = np.array([code for code in range(256) if code not in {0x00, 0x7F}], dtype=np.uint8)
    assert np.array_equal(encode(DECODE[codes]), codes)
