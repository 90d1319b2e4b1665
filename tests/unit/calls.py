"""One caller and one house telephone for the tests of the core: facts in short, and a call that can be driven.

Everything that is mutated (`test_mutants.py`) is reached through a `Core`, so that the same tables judge the real
modules and each of their mutants. Instants are milliseconds after `EPOCH`.
"""

from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from ari_app.core import capture, names, party, permit, room
from ari_app.core import evidence as ev
from ari_app.core import facts as f
from ari_app.core import orders as o
from ari_app.core.names import BridgeId, ChannelId, Instant, MonitorId, PartyId, RecordingId
from ari_app.core.policy import Announcement, Capture, Line, Mode
from ari_app.core.reasons import Reason

EPOCH = 1_800_000_000_000_000
CALLER = ChannelId("1800000000.1")
AGENT = ChannelId("1800000000.2")
SECOND_AGENT = ChannelId("1800000000.3")
STRANGER = ChannelId("1800000000.9")
P01, P02 = PartyId("p01"), PartyId("p02")
BRIDGE = BridgeId("bridge-1")
MONITOR = MonitorId("0x7f0000000001")
RECORDING = RecordingId(names.mint(Instant(EPOCH), b"\0" * 10))


@dataclass(frozen=True)
class Core:
    """The modules whose mutants must be found."""

    party: ModuleType | Any
    permit: ModuleType | Any
    capture: ModuleType | Any
    room: ModuleType | Any


REAL = Core(party, permit, capture, room)


def ms(milliseconds: float) -> Instant:
    return Instant(EPOCH + round(milliseconds * 1000))


def sound(name: str = "advice-en", *, seconds: int = 2, language: str = "en") -> Announcement:
    return Announcement(
        name=name,
        language=language,
        text="This call may be recorded.",
        sha256=name[0] * 64,
        path=f"/spool/announcements/{name}.wav",
        samples=8000 * seconds,
        rate_hz=8000,
        spoken_end_ms=seconds * 1000 - 500,
        stat=(1, 2, 3, 4),
    )


ENGLISH = sound()
WELSH = sound("cymraeg", seconds=3, language="cy")


def line(*sounds: Announcement, capture: Capture = Capture.CONVERSATION, **changes: Any) -> Line:
    return Line("advice-line", Mode.ANNOUNCE, sounds or (ENGLISH,), capture, **changes)


NEVER = Line("crisis-line", Mode.NEVER)


def opened(line: Line | None) -> ev.Opened:
    return ev.Opened(
        at=ms(0),
        recording=RECORDING,
        run="run",
        node="pbx1",
        line=line.name if line else "nobody-knows",
        mode=line.mode.value if line else "",
        capture=line.capture.value if line else "",
        direction="incoming",
        channel=CALLER,
        number=None,
        number_hash=None,
        policy_sha256="0" * 64,
        software="consentgate 0",
        asterisk="22",
    )


def times(at: float, seen_at: float | None = None) -> dict[str, Instant]:
    return {"at": ms(at), "seen_at": ms(at if seen_at is None else seen_at)}


def entered(at: float = 0, *, channel: ChannelId = CALLER, adopted: bool = False) -> f.Entered:
    return f.Entered(**times(at), channel=channel, adopted=adopted)


def answered(at: float = 10, *, ok: bool = True) -> f.Answered:
    return f.Answered(**times(at), channel=CALLER, ok=ok)


def inspected(
    at: float,
    question: int,
    packets: int | None = 0,
    *,
    seen_at: float | None = None,
    stasis: bool = True,
    intact: bool = True,
) -> f.Inspected:
    return f.Inspected(
        **times(at, seen_at),
        channel=CALLER,
        question=question,
        in_stasis=stasis,
        packets_sent=packets,
        copy_intact=intact,
    )


def refused(at: float, notice: int = 1) -> f.PlayRefused:
    return f.PlayRefused(**times(at), channel=CALLER, playback=names.playback_id(CALLER, notice))


def began(at: float, notice: int = 1, *, channel: ChannelId = CALLER) -> f.PlaybackBegan:
    return f.PlaybackBegan(**times(at), channel=channel, playback=names.playback_id(channel, notice))


def ended(
    at: float, notice: int = 1, *, done: bool = True, channel: ChannelId = CALLER, seen_at: float | None = None
) -> f.PlaybackEnded:
    return f.PlaybackEnded(
        **times(at, seen_at), channel=channel, playback=names.playback_id(channel, notice), done=done
    )


def left_stasis(at: float, channel: ChannelId = CALLER) -> f.LeftStasis:
    return f.LeftStasis(**times(at), channel=channel)


def hangup_requested(at: float, channel: ChannelId = CALLER) -> f.HangupRequested:
    return f.HangupRequested(**times(at), channel=channel)


def hung_up(at: float, channel: ChannelId = CALLER) -> f.HungUp:
    return f.HungUp(**times(at), channel=channel)


def member(channel: ChannelId, at: float, *, staff: bool = True) -> f.Member:
    return f.Member(channel, f"PJSIP/{channel[-1]}", staff, ms(at))


def bridged(
    at: float,
    *members: f.Member,
    bridge: BridgeId = BRIDGE,
    plain: bool = True,
    seen_at: float | None = None,
) -> f.Bridged:
    return f.Bridged(**times(at, seen_at), bridge=bridge, plain=plain, members=members)


def left_bridge(at: float, channel: ChannelId = CALLER) -> f.LeftBridge:
    return f.LeftBridge(**times(at), channel=channel)


def disturbed(at: float, by: f.Disturbance = f.Disturbance.HELD, channel: ChannelId = CALLER) -> f.Disturbed:
    return f.Disturbed(**times(at), channel=channel, by=by)


def lost(at: float, reason: Reason = Reason.EVENTS_LOST) -> f.EventsLost:
    return f.EventsLost(**times(at), reason=reason)


def attested(at: float, token: int = 1, *, ok: bool = True, seen_at: float | None = None) -> f.Attested:
    return f.Attested(**times(at, seen_at), token=token, ok=ok)


def capture_answered(
    at: float, monitor: MonitorId | None = MONITOR, party: PartyId = P01, segment: int = 1
) -> f.CaptureAnswered:
    return f.CaptureAnswered(**times(at), segment=segment, party=party, monitor=monitor)


def capture_began(at: float, party: PartyId = P01, *, ambiguous: bool = False) -> f.CaptureBegan:
    return f.CaptureBegan(**times(at), segment=1, party=party, ambiguous=ambiguous)


def capture_ended(at: float, party: PartyId = P01, *, closed: bool = True) -> f.CaptureEnded:
    return f.CaptureEnded(**times(at), segment=1, party=party, closed=closed)


def file_closed(at: float, party: PartyId = P01) -> f.FileClosed:
    return f.FileClosed(**times(at), segment=1, party=party)


def foreign(at: float, channel: ChannelId = CALLER) -> f.ForeignCaptureSeen:
    return f.ForeignCaptureSeen(**times(at), channel=channel)


def woke(at: float, timer: f.Timer, token: int = 1) -> f.Woke:
    return f.Woke(**times(at), timer=timer, token=token)


@dataclass
class Call:
    """A call that is driven: each fact's orders are returned, and all of them kept."""

    core: Core = REAL
    line: Line | None = field(default_factory=line)
    notice: int = 1
    room: Any = None
    orders: list[Any] = field(default_factory=list)
    facts: list[f.Fact] = field(default_factory=list)

    def __post_init__(self) -> None:
        script = self.line.announcements if self.line else ()
        caller = self.core.party.Party(P01, CALLER, "PJSIP/trunk", f.Side.OUTSIDE, script=script, notice=self.notice)
        self.room = self.core.room.Room(opened(self.line), self.line, caller)

    def hear(self, *facts: f.Fact) -> list[Any]:
        """Return the orders of the last of these facts."""
        orders: list[Any] = []
        for fact in facts:
            self.room, orders = self.core.room.step(self.room, fact)
            self.facts.append(fact)
            self.orders += orders
        return orders

    # The way of a call on which nothing goes wrong, with a two-second announcement.

    def playing(self) -> list[Any]:
        return self.hear(entered(0), answered(10), inspected(12, 1, 0), began(20))

    def told(self) -> list[Any]:
        self.playing()
        return self.hear(ended(2020), inspected(2022, 2, 100))

    def starting(self) -> list[Any]:
        self.told()
        return self.hear(attested(2022, seen_at=2030))

    def running(self) -> list[Any]:
        self.starting()
        return self.hear(capture_began(2031), capture_answered(2033))

    def talking(self) -> list[Any]:
        """The caller is with 2001, and both are captured."""
        self.running()
        both = (member(CALLER, 5000), member(AGENT, 5001))
        self.hear(left_stasis(2040), bridged(5000, both[0]), bridged(5001, *both), attested(5001, 2, seen_at=5005))
        return self.hear(capture_began(5006, P02), capture_answered(5007, MonitorId("0x7f0000000002"), P02))


def entries(orders: list[Any]) -> list[ev.Entry]:
    """Return the journal's entries among the orders, in order."""
    return [entry for order in orders if isinstance(order, o.Note | o.Attest) for entry in order.entries]


def only(orders: list[Any], *kinds: type) -> list[Any]:
    return [order for order in orders if isinstance(order, kinds)]


def released(orders: list[Any]) -> list[tuple[o.Outcome, Reason | None]]:
    return [(order.outcome, order.reason) for order in only(orders, o.Release)]


# What a room orders for its caller's own capture.

FILE = "seg-001.p01.wav"
START = o.StartCapture(CALLER, 1, P01, FILE, bridged_only=True)
STOP = o.StopCapture(CALLER, 1, P01, FILE, MONITOR)
STOP_BY_FILE = o.StopCapture(CALLER, 1, P01, FILE, None)
RELEASED = o.Release(CALLER, o.Outcome.RECORDING, None)


def not_recorded(reason):
    return o.Release(CALLER, o.Outcome.NOT_RECORDED, reason)


def revoked(at, reason):
    return o.Note(
        (ev.PermitRevoked(at=ms(at), permit=1, reason=reason), ev.NotRecorded(at=ms(at), reason=reason)),
    )
