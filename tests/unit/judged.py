"""A stage as the judge of the system tests sees it: two telephones, their one recording, and what can be wrong."""

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from system.case import Case
from system.evidence import Evidence
from system.heard import judge_leg
from system.rooms import Off
from system.stage import Leg, Stage
from system.stored import judge_recording
from system.witness import Seen
from telephone import Heard, Instant, Noise, Sent
from telephone.media import heard_from
from telephone.mulaw import Pcm, decode

BEGAN_AT = 1_800_000_000_000_000
MS = 1000
FRAME_US = 20 * MS
TOLD, BRIDGED, OVER = 2000, 2100, 6000
CALLER, HOUSE = "PJSIP/trunk-00000001", "PJSIP/2101-00000002"
ANNOUNCED = b"".join(Noise(99).frame(index) for index in range(50))
ANNOUNCEMENT = decode(ANNOUNCED)


def at(milliseconds: float) -> int:
    return BEGAN_AT + round(milliseconds * MS)


def iso(milliseconds: float) -> str:
    return f"{np.datetime64(at(milliseconds), 'us')}Z"


def said(seed: int, begin_ms: int = 0, end_ms: int = OVER) -> Sent:
    sent = Sent()
    for index, moment in enumerate(range(begin_ms, end_ms, 20)):
        sent.instants.append(at(moment))
        sent.frames.append(Noise(seed).frame(index))
    return sent


def hears(*pieces: tuple[int, bytes]) -> Heard:
    """What a telephone heard: from a moment on, these frames one after another."""
    packets: list[tuple[int, bytes]] = []
    for begin_ms, text in pieces:
        for number in range(0, len(text), 160):
            header = bytes([0x80, 0]) + (len(packets) + 1).to_bytes(2, "big") + bytes(8)
            packets.append((at(begin_ms + number // 8), header + text[number : number + 160]))
    return heard_from(packets, None)


class World:
    """A stage with a caller and a house phone, and the one recording of it."""

    def __init__(self) -> None:
        self.sent = {"caller": said(1), "house": said(2, BRIDGED)}
        self.heard = {
            "caller": hears((TOLD - 1000, ANNOUNCED), (BRIDGED + 20, b"".join(self.sent["house"].frames[:150]))),
            "house": hears((BRIDGED + 20, b"".join(self.sent["caller"].frames[106:250]))),
        }
        self.events = [
            Seen(at(BRIDGED), "BridgeEnter", {"channel": CALLER, "bridgeuniqueid": "b", "bridgetype": "basic"}),
            Seen(at(BRIDGED), "BridgeEnter", {"channel": HOUSE, "bridgeuniqueid": "b", "bridgetype": "basic"}),
            Seen(at(OVER), "Hangup", {"channel": HOUSE}),
            Seen(at(OVER), "Hangup", {"channel": CALLER}),
        ]
        self.keys: dict[str, list[int]] = {"caller": [], "house": []}
        """When each key was down and up again, in turn."""
        self.offs: list[Off] = []
        self.thrown: list[Instant] = []
        self.stood_still: list[tuple[Instant, Instant]] = []
        self.deaf = False
        self.refused: tuple[str, ...] = ()
        self.causes: tuple[str, ...] = ()
        self.said: tuple[str, ...] = ()
        self.accounts = 1
        self.since_ms, self.until_ms = TOLD, OVER - 40
        self.stored = {
            "p01": self.of("caller", BRIDGED, self.until_ms),
            "p02": self.of("house", BRIDGED, self.until_ms),
        }

    def of(self, who: str, begin_ms: int, end_ms: int) -> Pcm:
        """What is stored of a voice that is stored as it should be."""
        sent = self.sent[who]
        inside = [number for number, instant in enumerate(sent.instants) if at(begin_ms) <= instant < at(end_ms)]
        return decode(b"".join(sent.frames[number] for number in inside))

    def faults(self) -> list[str]:
        calls = {
            name: SimpleNamespace(
                sent=self.sent[name],
                heard=self.heard[name],
                media=SimpleNamespace(keys_down=self.keys[name][::2], keys_up=self.keys[name][1::2]),
                delay_us=0,
                sent_at=self.sent[name].sent_at,
                dialog=SimpleNamespace(call_id=name),
                events=[],
                ending=None,
                answered=SimpleNamespace(happened=True),
            )
            for name in ("caller", "house")
        }
        legs = [
            Leg(
                "caller",
                cast("Any", calls["caller"]),
                staff=False,
                announcements=(ANNOUNCEMENT,),
                scene="s",
                reasons=(),
                refused=self.refused,
                causes=self.causes,
            ),
            Leg("house", cast("Any", calls["house"]), staff=True, scene="s"),
        ]
        channels = {"caller": CALLER, "house": HOUSE}
        witness = SimpleNamespace(
            call_ids=channels,
            uniqueids={CALLER: "1.1", HOUSE: "1.2"},
            events=self.events,
            name_of=lambda call: channels[call.dialog.call_id],
        )
        stage = SimpleNamespace(
            witness=witness,
            legs=legs,
            offs=self.offs,
            joints=[],
            acted_at=None,
            deaf=self.deaf,
            stood_still=self.stood_still,
            still_us=sum(end - begin for begin, end in self.stood_still),
            lag_us=400 * MS,
            thrown=lambda: {CALLER: self.thrown},
        )
        case = Case(cast("Stage", stage))
        found = self._evidence()
        judge_recording(case, found)
        for leg in legs:
            judge_leg(case, leg.title, leg, [found] * self.accounts)
        return case.verdict.faults

    def _evidence(self) -> Evidence:
        length = max(len(one) for one in self.stored.values())
        columns: list[NDArray[np.int16]] = [
            np.concatenate([one, np.zeros(length - len(one), dtype=np.int16)]) for one in self.stored.values()
        ]
        track = {"segment": 1, "permit": 1, "origin_at": iso(BRIDGED), "destroyed_samples": 0, "short_ms": 0}
        manifest = {
            "call": {"outcome": "recorded"},
            "parties": [
                {"party": "p01", "channel": "1.1", "endpoint": "PJSIP/trunk"},
                {"party": "p02", "channel": "1.2", "endpoint": "PJSIP/2101"},
            ],
            "segments": [{"segment": 1, "samples": length, "rate_hz": 8000, "channels": list(self.stored)}],
            "tracks": [track | {"party": party} for party in self.stored],
            "gaps": [],
            "choices": [{"cause": cause} for cause in (None, *self.said)],
        }
        found = Evidence("r", manifest, b"", [], "", {"channel": "1.1", "reason": None}, {"recordings": [{}]}, {})
        found._decoded[1] = np.stack(columns, axis=1), 8000
        found.__dict__["intervals"] = {(1, party): (at(self.since_ms), at(self.until_ms)) for party in self.stored}
        return found
