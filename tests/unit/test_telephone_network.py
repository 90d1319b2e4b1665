"""The telephone on a network that delays, loses and repeats, with many calls at once, and as a command."""

import asyncio
import json
import os
import resource
import subprocess
import sys
import wave
from pathlib import Path

import numpy as np
import pytest
from telephone import CallRefusedError, Noise, Telephone, answering
from telephone.__main__ import main
from telephone.datagram import bind, bind_pair
from telephone.transactions import new_branch
from unit.telephone_world import Network, run, uri

TESTS = Path(__file__).parents[1]


def test_a_delay_counts_each_way_for_speech_and_signalling() -> None:
    async def scenario() -> None:
        policy = answering(Noise(2))
        async with Telephone("2001", on_call=policy) as house, Telephone("outside", delay_ms=150) as outside:
            call = await outside.call(uri(house), voice=Noise(1))
            await call.answered
            theirs = await house.next_call()
            await asyncio.sleep(0.5)
            await call.hangup()
            # 300 ms for the INVITE there and the 200 back.
            assert 300_000 <= call.at("200") - call.at("INVITE") < 450_000
            assert 150_000 <= theirs.at("BYE received") - call.at("BYE") < 250_000
            there = theirs.heard.arrived_at - np.array(call.sent.instants[: theirs.heard.packets])
            back = call.heard.arrived_at - np.array(theirs.sent.instants[: call.heard.packets])
            for way in (there, back):
                assert way.min() >= 150_000
                assert np.median(way) < 160_000
            assert np.array_equal(theirs.heard.pcm, Noise(1).pcm(len(theirs.heard.pcm)))
            assert np.array_equal(call.heard.pcm, Noise(2).pcm(len(call.heard.pcm)))
            assert call.delay_us == 150_000

    run(scenario())


def test_the_delay_may_spare_the_signalling() -> None:
    async def scenario() -> None:
        async with (
            Telephone("2001", on_call=answering(Noise(2))) as house,
            Telephone("outside", delay_ms=150, delay_sip=False) as outside,
        ):
            call = await outside.call(uri(house), voice=Noise(1))
            await call.answered
            assert call.at("200") - call.at("INVITE") < 150_000
            assert await call.media.first_heard - house.calls[0].sent_at(0) >= 150_000

    run(scenario())


def test_what_the_network_loses_is_said_again() -> None:
    async def once(first_bytes: bytes, cseq: bytes) -> None:
        """The first datagram that begins so is lost; the call comes up and down all the same."""
        lost = False

        def lose(data: bytes) -> bool:
            nonlocal lost
            if not lost and data.startswith(first_bytes) and cseq in data:
                lost = True
                return True
            return False

        async with Telephone("2001", on_call=answering()) as house, Network(house.address, lose) as network:
            async with Telephone("outside") as outside:
                call = await outside.call(f"sip:2001@127.0.0.1:{network.address[1]}")
                await asyncio.wait_for(call.answered, 3)
                await asyncio.sleep(0.7)
                assert len(house.calls) == 1
                await call.hangup()
                assert (await house.calls[0].ended).by == "them"
                assert [event.what for event in call.events].count("200") == 1
            assert len(network.lost) == 1

    async def scenario() -> None:
        await asyncio.gather(
            once(b"INVITE", b"INVITE"),
            once(b"SIP/2.0 100", b"INVITE"),
            once(b"SIP/2.0 200", b"INVITE"),
            once(b"SIP/2.0 200", b"BYE"),
        )

    run(scenario())


def test_a_telephone_that_nobody_answers_gives_up_when_told_to() -> None:
    async def scenario() -> None:
        silent = bind("127.0.0.1")
        try:
            async with Telephone("outside") as outside:
                call = await outside.call(f"sip:2001@127.0.0.1:{silent.getsockname()[1]}")
                await asyncio.sleep(0.05)
                ending = await call.hangup(patience_seconds=0.1)
                assert ending.by == "us"
                with pytest.raises(CallRefusedError):
                    await call.answered
                # A second time nothing more happens.
                assert await call.hangup() is ending
        finally:
            silent.close()

    run(scenario())


def test_a_request_that_comes_twice_is_answered_twice_and_seen_once() -> None:
    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        async with Telephone("2001", on_call=answering()) as house:
            options = (
                f"OPTIONS sip:2001@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1;branch={new_branch()};rport\r\n"
                "f: <sip:a@b>;tag=1\r\nt: <sip:2001@127.0.0.1>\r\ni: twice\r\nCSeq: 1 OPTIONS\r\nl: 0\r\n\r\n"
            ).encode()
            mine = bind("127.0.0.1")
            mine.setblocking(False)
            try:
                answers = []
                for datagram in (options, b"not SIP at all", b"\0\xff" * 30, options):
                    await loop.sock_sendto(mine, datagram, house.address)
                    if datagram is options:
                        answers.append(await asyncio.wait_for(loop.sock_recv(mine, 65536), 1))
                assert answers[0] == answers[1]
                assert answers[0].startswith(b"SIP/2.0 200 OK\r\n")
            finally:
                mine.close()

    run(scenario())


def test_packets_from_strangers_are_not_heard() -> None:
    async def scenario() -> None:
        async with Telephone("2001", on_call=answering(Noise(2))) as house, Telephone("outside") as outside:
            call = await outside.call(uri(house))
            await call.answered
            stranger = bind("127.0.0.1")
            try:
                stranger.sendto(bytes(172), call.media.address)
                await asyncio.sleep(0.1)
            finally:
                stranger.close()
            assert call.media.strays == 1
            assert np.array_equal(call.heard.pcm, Noise(2).pcm(len(call.heard.pcm)))

    run(scenario())


def test_fifty_calls_at_once_in_one_process() -> None:
    """A hundred parties speaking in one loop: nothing lost, every sample in place, the beat kept."""
    calls = 50

    async def scenario() -> None:
        seeds = iter(range(1000, 1000 + calls))
        policy = answering(lambda: Noise(next(seeds)))
        async with Telephone("2001", on_call=policy) as house, Telephone("outside") as outside:
            placed = [await outside.call(uri(house), voice=Noise(seed)) for seed in range(calls)]
            await asyncio.gather(*(call.answered for call in placed))
            cpu_before = _cpu_seconds()
            await asyncio.sleep(1.0)
            cpu_seconds = _cpu_seconds() - cpu_before
            await asyncio.gather(*(call.hangup() for call in placed))
            by_seed = dict(enumerate(placed))
            for seed, call in by_seed.items():
                assert call.heard.lost == 0
                assert call.heard.packets >= 45
                theirs = next(other for other in house.calls if other.dialog.call_id == call.dialog.call_id)
                assert np.array_equal(theirs.heard.pcm, Noise(seed).pcm(len(theirs.heard.pcm)))
            pauses_ms = np.concatenate([np.diff(call.sent.instants) for call in placed]) / 1000
            median_ms, slow_ms = np.median(pauses_ms), np.percentile(pauses_ms, 99)
            print(f"100 streams: {cpu_seconds:.2f} cores, pause p50 {median_ms:.1f} p99 {slow_ms:.1f} ms")
            # The mean, not the worst: a machine that is busy sends late and then makes up for it.
            assert 19 < np.mean(pauses_ms) < 21

    run(scenario())


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def test_rtp_has_an_even_port_and_keeps_the_next_for_rtcp() -> None:
    pairs = [bind_pair("127.0.0.1") for _ in range(20)]
    try:
        for rtp, rtcp in pairs:
            assert rtp.getsockname()[1] % 2 == 0
            assert rtcp.getsockname()[1] == rtp.getsockname()[1] + 1
    finally:
        for rtp, rtcp in pairs:
            rtp.close()
            rtcp.close()


def _command(*arguments: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": str(TESTS)}
    return subprocess.Popen(
        [sys.executable, "-X", "dev", "-W", "error", "-m", "telephone", *arguments],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def test_the_command_answers_and_calls(tmp_path: Path) -> None:
    path = tmp_path / "tone.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", "not compressed"))
        file.writeframes((8000 * np.sin(np.arange(4000) / 5)).astype("<i2").tobytes())
    answering_one = _command("answer", "--ring-seconds", "0.1", "--speak", str(path), "--for-calls", "1")
    try:
        assert answering_one.stdout is not None
        where = answering_one.stdout.readline().split()[-1]
        calling = _command(
            "call", "--to", f"sip:2001@{where}", "--from", "07700900123", "--speak", str(path),
            "--speak-after-seconds", "0.1", "--seconds", "0.4", "--json",
        )  # fmt: skip
        said, complaint = calling.communicate(timeout=10)
        assert (calling.returncode, complaint) == (0, "")
        report = json.loads(said)
        assert report["invited_at"] <= report["ringing_at"] <= report["answered_at"] <= report["first_heard_at"]
        assert report["last_heard_at"] <= report["ended_at"] + 20_000
        assert report["ended_by"] == "us"
        assert report["packets_heard"] >= 15
        said, complaint = answering_one.communicate(timeout=10)
        assert (answering_one.returncode, complaint) == (0, "")
        assert "ended by them" in said
        assert "07700900123" not in said
    finally:
        answering_one.kill()
        answering_one.communicate()


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["call", "--to", "sip:x@127.0.0.1:9", "--speak", "/nowhere.wav"], 2, "cannot read the sound file"),
        (["call", "--to", "nonsense"], 2, "no host in it"),
        (["answer", "--listen", "here"], 2, "is not an address"),
        (["answer", "--password-file", "/nowhere"], 2, "cannot read the password file"),
        (["answer", "--listen", "OCCUPIED"], 1, "telephone: "),
        (["call", "--to", "sip:x@OCCUPIED", "--patience-seconds", "0.1"], 1, "not answered in 0.1 s"),
    ],
    ids=["sound", "target", "address", "password", "port", "nobody"],
)
def test_the_command_says_what_is_wrong(
    arguments: list[str], code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with bind("127.0.0.1") as occupied:
        given = [argument.replace("OCCUPIED", f"127.0.0.1:{occupied.getsockname()[1]}") for argument in arguments]
        try:
            returned: object = main(given)
        except SystemExit as exit_:
            returned = exit_.code
    assert returned == code
    assert said in capsys.readouterr().err
