"""What Asterisk says, in our words: ARI's and AMI's events become facts and sightings. Pure, so that a recorded
stream of a real call is a test.

Stamps are Asterisk's own: ARI's in every event, AMI's only with `timestampevents=yes` in manager.conf. An AMI
event without one is useless as evidence, and the caller is told so by `UnstampedError`.
"""

from collections.abc import Mapping
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
from ari_app.core.reasons import Cause, Reason
from ari_app.core.topology import Kind

from .sightings import (
    Arrived,
    BridgeChange,
    Chosen,
    Dialled,
    HoldChange,
    KeyReleased,
    LeavesMessage,
    LocalChange,
    Marker,
    MonitorChange,
    PassedBy,
    Renamed,
    Replaced,
    Sighting,
    Spied,
    TopologyChange,
)

__all__ = [
    "CHOICES",
    "MARKER",
    "PASSED",
    "Arrived",
    "BridgeChange",
    "Chosen",
    "Dialled",
    "HoldChange",
    "KeyReleased",
    "LeavesMessage",
    "LocalChange",
    "Marker",
    "MonitorChange",
    "PassedBy",
    "Renamed",
    "Replaced",
    "Sighting",
    "Spied",
    "TopologyChange",
    "UnstampedError",
    "from_ami",
    "from_ari",
    "kind_of",
    "meant",
]

MARKER: Final = "consentgate-marker"
PASSED: Final = {
    "consentgate-never": Reason.LINE_NEVER,
    "consentgate-machine": Reason.ANSWERING_MACHINE,
    "consentgate-private": Reason.PRIVATE,
}
CHOICES: Final = {
    "consentgate-objected": "objected",
    "consentgate-paused": "paused",
    "consentgate-resumed": "resumed",
    "consentgate-stopped": "stopped",
    "consentgate-caller-objects": "caller-objects",
}


class UnstampedError(ValueError):
    """AMI's events carry no Timestamp: `timestampevents=yes` is missing in manager.conf."""


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
        case "ChannelDtmfReceived":
            key, channel = str(event["digit"]), ChannelId(event["channel"]["id"])
            return f.Pressed(at=at, seen_at=now, channel=channel, key=key)
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


def from_ami(  # noqa: C901  one case per event
    message: Mapping[str, Any], now: Instant
) -> f.Fact | Sighting | None:
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
                kind=kind_of(message["bridgetype"], message.get("bridgecreator", "")),
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
        case "DTMFEnd" if message["direction"] == "Received":
            return KeyReleased(_stamp(message), ChannelId(message["uniqueid"]), str(message["digit"]))
        case "UserEvent":
            return _user_event(message)
        case _:
            return None


def _who(message: Mapping[str, Any]) -> tuple[ChannelId, str]:
    return ChannelId(message["uniqueid"]), endpoint_of(message["channel"])


def kind_of(bridge_class: str, creator: str) -> Kind:
    """Return what a bridge is for."""
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


def meant(seen: Chosen, owner: ChannelId, now: Instant) -> f.Fact:
    """Return what somebody's choice means to the recording of somebody from outside in their room.

    Of the house nobody objects for themselves: whoever of them presses that key wants an end of it.
    """
    match seen.what:
        case "objected" if seen.channel == owner:
            return f.Objected(at=seen.at, seen_at=now, channel=owner, unanswered=seen.unanswered)
        case "caller-objects":
            # Said by the house for whoever is there from outside: of several nobody knows who was meant.
            return f.Objected(at=seen.at, seen_at=now, channel=owner)
        case "resumed":
            return f.Resumed(at=seen.at, seen_at=now, cause=seen.cause, by=seen.channel)
        case "stopped":
            return f.Stopped(at=seen.at, seen_at=now, cause=seen.cause, by=seen.channel)
        case _:
            return f.Paused(at=seen.at, seen_at=now, cause=seen.cause, by=seen.channel)


def _user_event(message: Mapping[str, Any]) -> Sighting | None:
    # Anybody with an AMI login or a line of dialplan makes these, with any headers or none.
    name = message.get("userevent")
    if name == MARKER and str(message.get("number", "")).isdecimal():
        return Marker(_stamp(message), int(message["number"]))
    if name not in {*PASSED, *CHOICES}:
        return None
    try:
        channel = channel_id(str(message["uniqueid"]))
    except UnsafeNameError:
        return None
    if name in CHOICES:
        cause = str(message.get("cause", ""))
        return Chosen(_stamp(message), channel, CHOICES[name], cause if cause in set(Cause) else "")
    number = str(message.get("calleridnum", ""))
    return PassedBy(_stamp(message), channel, str(message.get("line", "")), number, PASSED[name])
