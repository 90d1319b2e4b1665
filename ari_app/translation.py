"""What Asterisk says, in our words: ARI's and AMI's events become facts and sightings. Pure, so that a recorded
stream of a real call is a test.

Stamps are Asterisk's own: ARI's in every event, AMI's only with `timestampevents=yes` in manager.conf. An AMI
event without one is useless as evidence, and the caller is told so by `UnstampedError`.
"""

from collections.abc import Iterable, Iterator, Mapping
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
from ari_app.core.topology import Kind

MARKER: Final = "consentgate-marker"
NEVER: Final = "consentgate-never"
MACHINE: Final = "consentgate-machine"
CHOICES: Final = {
    "consentgate-objected": "objected",
    "consentgate-paused": "paused",
    "consentgate-resumed": "resumed",
}


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
    name: str = ""


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
    kind: Kind
    channel: ChannelId
    endpoint: str
    entered: bool
    count: int


@dataclass(frozen=True, slots=True)
class HoldChange:
    """A telephone holds its other side or takes it back (`music` False), or a channel hears music or no longer."""

    at: Instant
    channel: ChannelId
    endpoint: str
    music: bool
    begins: bool


@dataclass(frozen=True, slots=True)
class LocalChange:
    """The two halves of a Local channel were joined, are being taken out from between two others, or have been."""

    at: Instant
    one: ChannelId
    two: ChannelId
    what: str


@dataclass(frozen=True, slots=True)
class Spied:
    """Somebody begins to listen to a channel (or whisper to it), or ends it."""

    at: Instant
    by: ChannelId
    by_endpoint: str
    spied: ChannelId
    spied_endpoint: str
    begins: bool


@dataclass(frozen=True, slots=True)
class Renamed:
    """A channel has another name: another telephone may be behind it now."""

    at: Instant
    channel: ChannelId
    endpoint: str


@dataclass(frozen=True, slots=True)
class LeavesMessage:
    """A channel is in a voicemail application, which records by itself."""

    at: Instant
    channel: ChannelId
    endpoint: str


@dataclass(frozen=True, slots=True)
class Chosen:
    """Somebody in a call objects, pauses or resumes, by a key that the dialplan acted upon."""

    at: Instant
    channel: ChannelId
    what: str


@dataclass(frozen=True, slots=True)
class MonitorChange:
    """A MixMonitor began, or was stopped, on a channel; whose it was the event does not say."""

    at: Instant
    channel: ChannelId
    began: bool


@dataclass(frozen=True, slots=True)
class Dialled:
    """One channel dials another, `target` by its uniqueid."""

    at: Instant
    channel: ChannelId
    target: ChannelId
    target_endpoint: str
    number: str


@dataclass(frozen=True, slots=True)
class PassedBy:
    """The dialplan let a channel pass without us: its line is never recorded, or an answering machine answered."""

    at: Instant
    channel: ChannelId
    line: str
    number: str
    machine: bool


TopologyChange = BridgeChange | HoldChange | LocalChange | Spied | Renamed | LeavesMessage
Sighting = Arrived | Marker | Replaced | TopologyChange | Chosen | MonitorChange | Dialled | PassedBy

_HOLDS: Final = {
    # event: (is it music?, does it begin?)
    "Hold": (False, True),
    "Unhold": (False, False),
    "MusicOnHoldStart": (True, True),
    "MusicOnHoldStop": (True, False),
}
_LOCALS: Final = ("LocalBridge", "LocalOptimizationBegin", "LocalOptimizationEnd")


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
                str(channel["name"]),
            )
        case "StasisEnd":
            return f.LeftStasis(at=at, seen_at=now, channel=ChannelId(event["channel"]["id"]))
        case "ChannelHangupRequest":
            return f.HangupRequested(at=at, seen_at=now, channel=ChannelId(event["channel"]["id"]))
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
    if kind in _LOCALS or kind.startswith("ChanSpy"):
        return _between(kind, message)
    match kind:
        case "Hangup":
            return f.HungUp(at=_stamp(message), seen_at=now, channel=ChannelId(message["uniqueid"]))
        case "BridgeEnter" | "BridgeLeave":
            return BridgeChange(
                at=_stamp(message),
                bridge=BridgeId(message["bridgeuniqueid"]),
                kind=_kind(message["bridgetype"], message.get("bridgecreator", "")),
                channel=ChannelId(message["uniqueid"]),
                endpoint=endpoint_of(message["channel"]),
                entered=kind == "BridgeEnter",
                count=int(message["bridgenumchannels"]),
            )
        case "Hold" | "Unhold" | "MusicOnHoldStart" | "MusicOnHoldStop":
            music, begins = _HOLDS[kind]
            return HoldChange(_stamp(message), *_who(message), music, begins)
        case "Newexten":
            # Only of voicemail do we ask for these.
            return LeavesMessage(_stamp(message), *_who(message))
        case "Rename":
            return Renamed(_stamp(message), ChannelId(message["uniqueid"]), endpoint_of(message["newname"]))
        case "MixMonitorStart" | "MixMonitorStop":
            return MonitorChange(_stamp(message), ChannelId(message["uniqueid"]), kind == "MixMonitorStart")
        case "DialBegin" if message.get("channel"):
            return Dialled(
                _stamp(message),
                ChannelId(message["uniqueid"]),
                ChannelId(message["destuniqueid"]),
                endpoint_of(message["destchannel"]),
                str(message.get("exten", "")),
            )
        case "UserEvent":
            return _user_event(message)
        case _:
            return None


def _who(message: Mapping[str, Any]) -> tuple[ChannelId, str]:
    return ChannelId(message["uniqueid"]), endpoint_of(message["channel"])


def _kind(bridge_class: str, creator: str) -> Kind:
    # A conference is of the same class as the bridges in which channels only wait; who made it tells them apart.
    match bridge_class, creator:
        case "basic", _:
            return Kind.CONVERSATION
        case "base", "ConfBridge":
            return Kind.CONFERENCE
        case "parking", _:
            return Kind.PARKING
        case _:
            return Kind.OTHER


def found(
    bridges: Iterable[Mapping[str, Any]], channels: Iterable[Mapping[str, Any]], at: Instant
) -> Iterator[BridgeChange]:
    """Yield who is in which bridge, from ARI's lists, as if they entered when we asked (`at`)."""
    endpoints = {str(one["id"]): endpoint_of(str(one["name"])) for one in channels}
    for bridge in bridges:
        kind = _kind(str(bridge["bridge_class"]), str(bridge["creator"]))
        for channel in bridge["channels"]:
            # Somebody in the one list and not in the other has come or gone meanwhile, and events say so.
            if channel in endpoints:
                name, count = BridgeId(str(bridge["id"])), len(bridge["channels"])
                yield BridgeChange(at, name, kind, ChannelId(str(channel)), endpoints[channel], True, count)


def _between(kind: str, message: Mapping[str, Any]) -> Sighting:
    """What is about two channels at once."""
    at = _stamp(message)
    if kind in _LOCALS:
        one, two = ChannelId(message["localoneuniqueid"]), ChannelId(message["localtwouniqueid"])
        return LocalChange(at, one, two, kind)
    return Spied(
        at,
        ChannelId(message["spyeruniqueid"]),
        endpoint_of(message["spyerchannel"]),
        # Its end does not always say whom it was about.
        ChannelId(message.get("spyeeuniqueid", "")),
        endpoint_of(message.get("spyeechannel", "")),
        begins=kind == "ChanSpyStart",
    )


def _user_event(message: Mapping[str, Any]) -> Sighting | None:
    # Anybody with an AMI login or a line of dialplan makes these, with any headers or none.
    name = message.get("userevent")
    if name == MARKER and str(message.get("number", "")).isdecimal():
        return Marker(_stamp(message), int(message["number"]))
    if name not in {NEVER, MACHINE, *CHOICES}:
        return None
    try:
        channel = channel_id(str(message["uniqueid"]))
    except UnsafeNameError:
        return None
    if name in CHOICES:
        return Chosen(_stamp(message), channel, CHOICES[name])
    number = str(message.get("calleridnum", ""))
    return PassedBy(_stamp(message), channel, str(message.get("line", "")), number, machine=name == MACHINE)
