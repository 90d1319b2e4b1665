"""One caller, the house and other callers for the tests of the core: who they are, their lines, and facts in short.

Instants are milliseconds after `EPOCH`.
"""

from dataclasses import replace
from typing import Any

from ari_app.core import evidence as ev
from ari_app.core import facts as f
from ari_app.core import names
from ari_app.core.free_space import Level
from ari_app.core.names import ChannelId, Instant, MonitorId, PartyId, RecordingId
from ari_app.core.policy import Announcement, Capture, Line, Mode
from ari_app.core.reasons import Reason

EPOCH = 1_800_000_000_000_000
CALLER = ChannelId("1800000000.1")
AGENT = ChannelId("1800000000.2")
SECOND_AGENT = ChannelId("1800000000.3")
GUEST = ChannelId("1800000000.4")
STRANGER = ChannelId("1800000000.9")
P01, P02, P03 = PartyId("p01"), PartyId("p02"), PartyId("p03")
MONITOR = MonitorId("0x7f0000000001")
SECOND_MONITOR = MonitorId("0x7f0000000002")
RECORDING = RecordingId(names.mint(Instant(EPOCH), b"\0" * 10))
GUESTS_RECORDING = RecordingId(names.mint(Instant(EPOCH + 1_000_000), b"\0" * 10))


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


def line(
    *sounds: Announcement, capture: Capture = Capture.CONVERSATION, mode: Mode = Mode.ANNOUNCE, **changes: Any
) -> Line:
    return Line("advice-line", mode, sounds or (ENGLISH,), capture, **changes)


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
    objected: bool = False,
) -> f.Inspected:
    return f.Inspected(
        **times(at, seen_at),
        channel=CALLER,
        question=question,
        in_stasis=stasis,
        packets_sent=packets,
        copy_intact=intact,
        objected=objected,
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


def heard(party: PartyId = P01, channel: ChannelId = GUEST, at: float = 3000) -> ev.NoticePlayed:
    """Return the announcement that somebody else heard in a recording of their own."""
    return ev.NoticePlayed(
        at=ms(at),
        party=party,
        announcement="advice-en",
        language="en",
        sha256="a" * 64,
        duration_ms=2000,
        spoken_end_ms=1500,
        playback=names.playback_id(channel, 1),
        began_at=ms(at - 2000),
        packets_expected=100,
        packets_sent=100,
    )


def colleague(channel: ChannelId = AGENT, at: float = 5001, **changes: Any) -> f.Member:
    """Return one of the staff, who are told by contract."""
    return replace(f.Member(channel, f"PJSIP/200{channel[-1]}", f.Standing.CONTRACT, ms(at)), **changes)


def guest(channel: ChannelId = GUEST, at: float = 5001, **changes: Any) -> f.Member:
    """Return a told caller with a recording of their own."""
    told = f.Member(channel, "PJSIP/trunk", f.Standing.TOLD, ms(at), GUESTS_RECORDING, (heard(channel=channel),))
    return replace(told, **changes)


def untold(channel: ChannelId = STRANGER, at: float = 5001) -> f.Member:
    return f.Member(channel, "PJSIP/trunk", f.Standing.UNTOLD, ms(at))


def surrounded(
    at: float,
    *members: f.Member,
    joined: float | None = 5000,
    quiet: Reason | None = None,
    mixed: bool = False,
    host: bool = True,
    seen_at: float | None = None,
) -> f.Surrounded:
    """Return the caller's room: who is in it beside them, since when they are bridged, and what silences it."""
    return f.Surrounded(
        **times(at, seen_at),
        channel=CALLER,
        members=members,
        quiet=quiet,
        joined_at=None if joined is None else ms(joined),
        mixed=mixed,
        host=host,
    )


def replaced(at: float, channel: ChannelId = CALLER) -> f.Replaced:
    return f.Replaced(**times(at), channel=channel)


def objected(at: float, channel: ChannelId = CALLER, *, unanswered: bool = False) -> f.Objected:
    return f.Objected(**times(at), channel=channel, unanswered=unanswered)


def paused(at: float, seen_at: float | None = None, *, cause: str = "", by: ChannelId = f.NOBODY) -> f.Paused:
    return f.Paused(**times(at, seen_at), cause=cause, by=by)


def resumed(at: float, seen_at: float | None = None, *, cause: str = "", by: ChannelId = f.NOBODY) -> f.Resumed:
    return f.Resumed(**times(at, seen_at), cause=cause, by=by)


def stopped(at: float, *, cause: str = "", by: ChannelId = f.NOBODY) -> f.Stopped:
    return f.Stopped(**times(at), cause=cause, by=by)


def pressed(at: float, key: str, seen_at: float | None = None) -> f.Pressed:
    return f.Pressed(**times(at, seen_at), channel=CALLER, key=key)


def caught_up(at: float, seen_at: float | None = None) -> f.CaughtUp:
    return f.CaughtUp(**times(at, seen_at))


def recognised(at: float, seen_at: float | None = None) -> f.Recognised:
    return f.Recognised(**times(at, seen_at))


def lost(at: float, reason: Reason = Reason.EVENTS_LOST) -> f.EventsLost:
    return f.EventsLost(**times(at), reason=reason)


def space(at: float, level: Level) -> f.SpaceMeasured:
    return f.SpaceMeasured(**times(at), level=level)


def attested(at: float, token: int = 1, *, ok: bool = True, seen_at: float | None = None) -> f.Attested:
    return f.Attested(**times(at, seen_at), token=token, ok=ok)


def capture_answered(
    at: float, monitor: MonitorId | None = MONITOR, party: PartyId = P01, segment: int = 1
) -> f.CaptureAnswered:
    return f.CaptureAnswered(**times(at), segment=segment, party=party, monitor=monitor)


def capture_began(at: float, party: PartyId = P01, segment: int = 1, *, ambiguous: bool = False) -> f.CaptureBegan:
    return f.CaptureBegan(**times(at), segment=segment, party=party, ambiguous=ambiguous)


def capture_ended(at: float, party: PartyId = P01, segment: int = 1, *, closed: bool = True) -> f.CaptureEnded:
    return f.CaptureEnded(**times(at), segment=segment, party=party, closed=closed)


def file_closed(at: float, party: PartyId = P01, segment: int = 1) -> f.FileClosed:
    return f.FileClosed(**times(at), segment=segment, party=party)


def foreign(at: float, channel: ChannelId = CALLER) -> f.ForeignCaptureSeen:
    return f.ForeignCaptureSeen(**times(at), channel=channel)


def woke(at: float, timer: f.Timer, token: int = 1) -> f.Woke:
    return f.Woke(**times(at), timer=timer, token=token)
