"""What Asterisk says, in our words: ARI's and AMI's events become facts and sightings. Pure, so that a recorded
stream of a real call is a test.

Stamps are Asterisk's own: ARI's in every event, AMI's only with `timestampevents=yes` in manager.conf. An AMI
event without one is useless as evidence, and the caller is told so by `UnstampedError`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from ari_app.core import facts as f
from ari_app.core.names import (
    MICROSECONDS,
    BridgeId,
    ChannelId,
    Instant,
    PlaybackId,
    UnsafeNameError,
    channel_id,
    endpoint_of,
    instant_of,
)

MARKER: Final = "consentgate-marker"
NEVER: Final = "consentgate-never"
CONVERSATION_BRIDGE: Final = "basic"


class UnstampedError(ValueError):
    """AMI's events carry no Timestamp: `timestampevents=yes` is missing in manager.conf."""


@dataclass(frozen=True, slots=True)
class Arrived:
    """A channel came into our application with these arguments (`incoming`, LINE)."""

    at: Instant
    channel: ChannelId
    endpoint: str
    number: str
    arguments: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Marker:
    """Our own marker came back."""

    at: Instant
    number: int


@dataclass(frozen=True, slots=True)
class Replaced:
    """Another process has registered our application's name: this one hears nothing any more."""


@dataclass(frozen=True, slots=True)
class BridgeChange:
    """A channel entered or left a bridge. `count`: the bridge's members by Asterisk's own count."""

    at: Instant
    bridge: BridgeId
    plain: bool
    channel: ChannelId
    endpoint: str
    entered: bool
    count: int


@dataclass(frozen=True, slots=True)
class MonitorChange:
    """A MixMonitor began, or was stopped, on a channel; whose it was the event does not say."""

    at: Instant
    channel: ChannelId
    began: bool


@dataclass(frozen=True, slots=True)
class Dialled:
    """One channel dials another."""

    at: Instant
    channel: ChannelId
    endpoint: str
    target: str
    number: str


@dataclass(frozen=True, slots=True)
class NeverLine:
    """A call came on a line that is never recorded; the dialplan let it pass without us."""

    at: Instant
    channel: ChannelId
    line: str
    number: str


Sighting = Arrived | Marker | Replaced | BridgeChange | MonitorChange | Dialled | NeverLine

_DISTURBANCES: Final = {
    "Hold": ("uniqueid", f.Disturbance.HELD),
    "MusicOnHoldStart": ("uniqueid", f.Disturbance.MUSIC_ON_HOLD),
    "ParkedCall": ("parkeeuniqueid", f.Disturbance.PARKED),
    "BlindTransfer": ("transfereeuniqueid", f.Disturbance.TRANSFERRED),
    "AttendedTransfer": ("transfereeuniqueid", f.Disturbance.TRANSFERRED),
    "Pickup": ("targetuniqueid", f.Disturbance.PICKED_UP),
    "Rename": ("uniqueid", f.Disturbance.RENAMED),
}


def from_ari(event: Mapping[str, Any], now: Instant) -> f.Fact | Sighting | None:
    """Return what an ARI event means to us, or None. Raises UnsafeNameError for a channel id not fit for a path."""
    kind = event["type"]
    if kind == "ApplicationReplaced":
        return Replaced()
    at = instant_of(event["timestamp"])
    match kind:
        case "StasisStart":
            channel = event["channel"]
            return Arrived(
                at,
                channel_id(channel["id"]),
                endpoint_of(channel["name"]),
                str(channel["caller"]["number"]),
                tuple(event["args"]),
            )
        case "StasisEnd":
            return f.LeftStasis(at=at, seen_at=now, channel=ChannelId(event["channel"]["id"]))
        case "ChannelHangupRequest":
            return f.HangupRequested(at=at, seen_at=now, channel=ChannelId(event["channel"]["id"]))
        case "ChannelHold":
            channel = ChannelId(event["channel"]["id"])
            return f.Disturbed(at=at, seen_at=now, channel=channel, by=f.Disturbance.HELD)
        case "PlaybackStarted" | "PlaybackFinished":
            playback = event["playback"]
            name = PlaybackId(playback["id"])
            channel = ChannelId(playback["target_uri"].removeprefix("channel:"))
            if kind == "PlaybackStarted":
                return f.PlaybackBegan(at=at, seen_at=now, channel=channel, playback=name)
            done = playback["state"] == "done"
            return f.PlaybackEnded(at=at, seen_at=now, channel=channel, playback=name, done=done)
        case "ChannelUserevent" if event["eventname"] == MARKER:
            number = str(event["userevent"].get("number", ""))
            return Marker(at, int(number)) if number.isdecimal() else None
        case _:
            return None


def _stamp(message: Mapping[str, Any]) -> Instant:
    text = message.get("timestamp")
    if not text:
        raise UnstampedError(message["event"])
    seconds, _, fraction = str(text).partition(".")
    return Instant(int(seconds) * MICROSECONDS + int(fraction.ljust(6, "0")[:6] or 0))


def from_ami(message: Mapping[str, Any], now: Instant) -> f.Fact | Sighting | None:
    """Return what an AMI event means to us, or None. Raises UnstampedError for an event without a stamp."""
    kind = str(message["event"])
    if kind in _DISTURBANCES:
        header, by = _DISTURBANCES[kind]
        channel = ChannelId(str(message.get(header, "")))
        return f.Disturbed(at=_stamp(message), seen_at=now, channel=channel, by=by)
    match kind:
        case "Hangup":
            return f.HungUp(at=_stamp(message), seen_at=now, channel=ChannelId(message["uniqueid"]))
        case "BridgeEnter" | "BridgeLeave":
            return BridgeChange(
                at=_stamp(message),
                bridge=BridgeId(message["bridgeuniqueid"]),
                plain=message["bridgetype"] == CONVERSATION_BRIDGE,
                channel=ChannelId(message["uniqueid"]),
                endpoint=endpoint_of(message["channel"]),
                entered=kind == "BridgeEnter",
                count=int(message["bridgenumchannels"]),
            )
        case "MixMonitorStart" | "MixMonitorStop":
            return MonitorChange(_stamp(message), ChannelId(message["uniqueid"]), kind == "MixMonitorStart")
        case "DialBegin" if message.get("channel"):
            return Dialled(
                _stamp(message),
                ChannelId(message["uniqueid"]),
                endpoint_of(message["channel"]),
                endpoint_of(message["destchannel"]),
                str(message.get("exten", "")),
            )
        case "UserEvent":
            return _user_event(message)
        case _:
            return None


def _user_event(message: Mapping[str, Any]) -> Sighting | None:
    # Anybody with an AMI login or a line of dialplan makes these, with any headers or none.
    match message.get("userevent"):
        case name if name == MARKER and str(message.get("number", "")).isdecimal():
            return Marker(_stamp(message), int(message["number"]))
        case name if name == NEVER:
            try:
                channel = channel_id(str(message["uniqueid"]))
            except UnsafeNameError:
                return None
            number = str(message.get("calleridnum", ""))
            return NeverLine(_stamp(message), channel, str(message.get("line", "")), number)
        case _:
            return None
