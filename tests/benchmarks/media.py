"""Calls with sound, fifty at once: from the announcement's last packet at the caller's ear to the first stored sample.

All callers speak noise of their own from the first packet on, so each stored sample names who said it and when its
packet left them; nothing here believes the gate. One process holds all telephones, the same for every way.

Each caller has a network path of their own, up to 10 ms each way. The native dialplan's `Answer()` waits for the
caller's first packet, so its announcement stays in step with the caller's packets whatever the path; the gate's does
not, and without paths all its callers would lose nearly nothing or nearly a whole frame, as the machine has it.
"""

import asyncio
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Final

import numpy as np
from canary import find_reference, heard_span
from canary.heard import NEVER_PLAYED_SAMPLES
from telephone import Call, IncomingCall, Noise, OutgoingCall, Policy, Telephone, TelephoneError
from telephone.mulaw import Pcm, encode

from ari_app.core import evidence as ev
from ari_app.layout import Layout

from . import journals
from .bridge_watch import BridgeWatch
from .figures import percentile
from .gate_world import CONVERSATION, GATE, NATIVE, SHORT, GateWorld

AT_ONCE: Final = 50
SPREAD_SECONDS: Final = 1.5
"""Within this all of them call: shorter than the announcement, so that all are up when the first is captured."""
TALK_SECONDS: Final = 1.0
LONGEST_SECONDS: Final = 15.0
CLOSED_SECONDS: Final = 3.0
LONGEST_PATH_MS: Final = 10.0
_WAV_HEADER: Final = 44
_NAMING_SAMPLES: Final = 8
_NUMBERS: Final = {NATIVE: SHORT[NATIVE], GATE: SHORT[GATE], CONVERSATION: CONVERSATION}
_NAMES: Final = {CONVERSATION: "conversation"}
HOUSE: Final = "house"


@dataclass(slots=True)
class Batch:
    """Fifty calls one way."""

    way: str
    calls: int
    failed: int = 0
    unrecorded: int = 0
    gaps_ms: list[float] = field(default_factory=list)
    """Announcement's last packet → first stored sample, both at Asterisk's end of the path."""
    early_ms: list[float] = field(default_factory=list)
    """How long before the caller's ear had that packet the sample left their mouth; below 0: after it."""
    house_gaps_ms: list[float] = field(default_factory=list)
    """House channel's BridgeEnter (Asterisk's stamp) → its first stored sample left the house's telephone."""
    foreign_ms: float = 0.0
    """Sound in the files that their party did not say."""
    own_cpu_percent: float = 0.0

    def describe(self) -> str:
        """One line for whoever watches."""
        words = [f"{_NAMES.get(self.way, self.way)} with sound: {self.calls} calls, {self.failed} failed"]
        words.append(f"{self.unrecorded} unrecorded")
        for name, values in (("announcement", self.gaps_ms), ("bridge", self.house_gaps_ms)):
            if values:
                p50, p99 = percentile(values, 50), percentile(values, 99)
                words.append(f"{name} → first sample min {min(values):.1f} p50 {p50:.1f} p99 {p99:.1f} ms")
        words.append(f"telephones {self.own_cpu_percent:.0f} % CPU")
        return ", ".join(words)


@dataclass(slots=True)
class _Placed:
    callers: list[OutgoingCall]
    houses: list[IncomingCall]
    bridged: dict[str, int]
    failed: int


def batch(at: GateWorld, way: str) -> Batch:
    """Place fifty calls, wait for their end, and compare what is stored with what was said and heard."""
    at.forget()
    began, used = time.monotonic(), time.process_time()
    placed = asyncio.run(_place_all(at, way))
    result = Batch(way, AT_ONCE, failed=placed.failed)
    result.own_cpu_percent = (time.process_time() - used) / (time.monotonic() - began) * 100
    told = [] if way == NATIVE else journals.take(at.world.spool)
    audio = Layout(at.world.spool).audio
    files = list(at.audio.iterdir()) if way == NATIVE else [*audio.glob("*/seg-*.p01.wav")]
    _callers(at, result, placed.callers, files)
    if way == CONVERSATION:
        _houses(result, placed, told, audio)
    return result


# -- calling


async def _place_all(at: GateWorld, way: str) -> _Placed:
    bridged: dict[str, int] = {}
    async with AsyncExitStack() as stack:
        phones = [
            await stack.enter_async_context(
                Telephone(f"07700900{number:03}", delay_ms=LONGEST_PATH_MS * number / AT_ONCE)
            )
            for number in range(AT_ONCE)
        ]
        # Long and short paths mixed over the time in which they call.
        Random(1).shuffle(phones)  # noqa: S311  an order, no secret
        if way != CONVERSATION:
            return await _call_all(at, way, phones, [], bridged)
        seeds = iter(range(10_000, 10_000 + AT_ONCE))
        house = Telephone("demo-phone", local_port=at.world.ports.asterisk.demo_phone, on_call=_answering(seeds))
        async with house, BridgeWatch(at.world.env()["ami"], bridged):
            placed = await _call_all(at, way, phones, house.calls, bridged)
            await asyncio.sleep(0.2)
        return placed


def _answering(seeds: Iterator[int]) -> Policy:
    async def policy(call: IncomingCall) -> None:
        call.ring()
        await asyncio.sleep(0.1)
        call.accept(Noise(next(seeds)))

    return policy


async def _call_all(
    at: GateWorld, way: str, phones: list[Telephone], houses: list[Call], bridged: dict[str, int]
) -> _Placed:
    calls = [_one(at, way, phone, number) for number, phone in enumerate(phones)]
    done = await asyncio.gather(*calls)
    callers = [call for call, _ in done]
    incoming = [call for call in houses if isinstance(call, IncomingCall)]
    return _Placed(callers, incoming, bridged, sum(not good for _, good in done))


async def _one(at: GateWorld, way: str, phone: Telephone, number: int) -> tuple[OutgoingCall, bool]:
    await asyncio.sleep(SPREAD_SECONDS * number / AT_ONCE)
    target = f"sip:{_NUMBERS[way]}@{at.target}"
    call = await phone.call(target, voice=Noise(number + 1))
    try:
        async with asyncio.timeout(LONGEST_SECONDS):
            await call.answered
            if way != CONVERSATION:
                ending = await call.ended
                return call, ending.by == "them"
            # Ringing, the bridge, and then a while of talk, all of them still there.
            await asyncio.sleep(2.0 + 0.5 + SPREAD_SECONDS * (1 - number / AT_ONCE) + TALK_SECONDS)
            up = call.state == "up"
            await call.hangup()
            return call, up
    except (TimeoutError, TelephoneError):
        return call, False


# -- comparing


def _callers(at: GateWorld, result: Batch, callers: list[OutgoingCall], files: list[Path]) -> None:
    spoken_in = _by_speaker(files, callers)
    for call in callers:
        if call not in spoken_in:
            result.unrecorded += 1
            continue
        first = _first_left(call, spoken_in[call], result)
        heard = heard_span(call.heard, at.announcement)
        if heard is None or heard.spans[-1].sent_end < len(at.announcement) - NEVER_PLAYED_SAMPLES:
            # Announced, or so we are told; but this telephone did not hear the end of it.
            result.failed += 1
            continue
        after = first - int(heard.ended_at)
        result.early_ms.append(-after / 1000)
        result.gaps_ms.append((after + 2 * call.delay_us) / 1000)


def _houses(result: Batch, placed: _Placed, told: list[journals.Told], audio: Path) -> None:
    bridged_at = {
        one.recording: placed.bridged[entry.channel]
        for one in told
        for entry in one.entries
        if isinstance(entry, ev.PartyEntered) and entry.side == HOUSE and entry.channel in placed.bridged
    }
    spoken_in = _by_speaker(list(audio.glob("*/seg-001.p02.wav")), placed.houses)
    result.unrecorded += AT_ONCE - len(spoken_in)
    for call, path in spoken_in.items():
        result.house_gaps_ms.append((_first_left(call, path, result) - bridged_at[path.parent.name]) / 1000)


def _by_speaker(files: Iterable[Path], calls: Sequence[Call]) -> dict[Call, Path]:
    """Return the file with each call's voice; a file in which nobody's is found is nobody's."""
    known = {frame[:_NAMING_SAMPLES]: call for call in calls for frame in call.sent.frames}
    found = {}
    for path in files:
        text = encode(_stored(path)).tobytes()
        for place in range(len(text) - _NAMING_SAMPLES):
            call = known.get(text[place : place + _NAMING_SAMPLES])
            if call is not None:
                found[call] = path
                break
    return found


def _first_left(call: Call, path: Path, result: Batch) -> int:
    """Return when the packet with the earliest sample that is stored left this party's telephone."""
    match = find_reference(_stored(path), call.sent)
    result.foreign_ms += sum(one.ms for one in match.unmatched)
    return call.sent_at(min(span.sent_start for span in match.spans))


def _stored(path: Path) -> Pcm:
    """Return a file's samples once Asterisk has closed it: then its header says how many there are."""
    deadline = time.monotonic() + CLOSED_SECONDS
    while True:
        content = path.read_bytes()
        if int.from_bytes(content[40:_WAV_HEADER], "little") == len(content) - _WAV_HEADER:
            return np.frombuffer(content[_WAV_HEADER:], dtype="<i2").astype(np.int16)
        if time.monotonic() > deadline:
            raise OSError(f"{path} was not closed within {CLOSED_SECONDS} s of its call's end")
        time.sleep(0.02)
