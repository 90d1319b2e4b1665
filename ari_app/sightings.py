"""What Asterisk says that is no fact of one recording's: who is where, who dials, who chose something by a key.

Facts (`core.facts`) are about a recording; these are about channels, and become facts once it is known whose.
"""

from dataclasses import dataclass

from ari_app.core.names import BridgeId, ChannelId, Instant
from ari_app.core.reasons import Reason
from ari_app.core.topology import Kind


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
    """Somebody in a call objects, pauses, resumes or stops, by a key that the dialplan acted upon. `cause`: why.

    `unanswered`: it did not act, and only we heard the keys.
    """

    at: Instant
    channel: ChannelId
    what: str
    cause: str = ""
    unanswered: bool = False


@dataclass(frozen=True, slots=True)
class KeyReleased:
    """Somebody on a channel, wherever it is, has let go of a key."""

    at: Instant
    channel: ChannelId
    key: str


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
    """The dialplan let a channel pass without us: its line is never recorded, an answering machine answered, or whoever
    dialled wants the call to be private."""

    at: Instant
    channel: ChannelId
    line: str
    number: str
    why: Reason


TopologyChange = BridgeChange | HoldChange | LocalChange | Spied | Renamed | LeavesMessage
Sighting = Arrived | Marker | Replaced | TopologyChange | Chosen | KeyReleased | MonitorChange | Dialled | PassedBy
