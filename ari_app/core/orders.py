"""Orders: all that the core says. Each is something the shell must do, in the imperative, in the order given."""

from dataclasses import dataclass
from enum import StrEnum

from .evidence import Entry
from .facts import Timer
from .names import ChannelId, Instant, MonitorId, PartyId, PlaybackId
from .policy import Announcement
from .reasons import Reason


class Outcome(StrEnum):
    """What the dialplan reads in CONSENTGATE_OUTCOME."""

    RECORDING = "recording"
    DECLINED = "declined"
    NOT_RECORDED = "not_recorded"


@dataclass(frozen=True, slots=True)
class Answer:
    """Answer the channel: on an unanswered one a playback is early media, which many networks drop."""

    channel: ChannelId


@dataclass(frozen=True, slots=True)
class Inspect:
    """Ask for what proves a play: still in our Stasis? packets sent so far? the copy untouched?"""

    channel: ChannelId
    announcement: Announcement
    question: int


@dataclass(frozen=True, slots=True)
class Play:
    """Play one file, as one playback: a list of files hides a missing one."""

    channel: ChannelId
    playback: PlaybackId
    announcement: Announcement


@dataclass(frozen=True, slots=True)
class StopPlayback:
    """Stop a playback; one that is not there is as good as stopped."""

    playback: PlaybackId


@dataclass(frozen=True, slots=True)
class ArmLifeline:
    """Let the dialplan take the channel back after this time, with no process of ours alive."""

    channel: ChannelId
    milliseconds: int


@dataclass(frozen=True, slots=True)
class WakeAt:
    """Send `Woke` with this timer and token at that instant."""

    at: Instant
    timer: Timer
    token: int


@dataclass(frozen=True, slots=True)
class Live:
    """What stands in `live/<uniqueid>` while a capture runs."""

    channel: ChannelId
    party: PartyId
    permit: int
    file: str


@dataclass(frozen=True, slots=True)
class Attest:
    """Make the entries durable, name the capture in `live/`, then say `Attested`; nothing starts before."""

    token: int
    entries: tuple[Entry, ...]
    live: Live


@dataclass(frozen=True, slots=True)
class Note:
    """Append the entries to the journal, before any later heartbeat; nobody waits for it."""

    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class StartCapture:
    """Start MixMonitor with `[b]r(file)` on the party's own channel, nothing else."""

    channel: ChannelId
    segment: int
    party: PartyId
    file: str
    bridged_only: bool


@dataclass(frozen=True, slots=True)
class StopCapture:
    """Stop it by its id, or, where the id is not known, by the file's name in Asterisk's list."""

    channel: ChannelId
    segment: int
    party: PartyId
    file: str
    monitor: MonitorId | None


@dataclass(frozen=True, slots=True)
class Release:
    """Set the result variables and let the channel continue in the dialplan.

    called: it is a called leg, which has no dialplan of its own and must be told where to go on: without that it
    would enter our Stasis a second time. confirmation: what it hears if it objects later, by the dialplan's own hand.
    """

    channel: ChannelId
    outcome: Outcome
    reason: Reason | None
    called: bool = False
    confirmation: Announcement | None = None


@dataclass(frozen=True, slots=True)
class Confirm:
    """Let somebody hear that their no was heard, without taking them from where they wait: these words, or a tone."""

    channel: ChannelId
    words: Announcement | None


@dataclass(frozen=True, slots=True)
class Lamp:
    """Show at a house telephone whether its conversation is captured now."""

    endpoint: str
    lit: bool


@dataclass(frozen=True, slots=True)
class Seal:
    """The call is over: when a heartbeat has covered `at`, hand its folder to ship."""

    at: Instant


class Trouble(StrEnum):
    """What somebody has to look after, because nothing here can."""

    PAUSED_TOO_LONG = "paused_too_long"


@dataclass(frozen=True, slots=True)
class Alarm:
    """Say aloud that somebody has to look after a call."""

    trouble: Trouble


@dataclass(frozen=True, slots=True)
class Report:
    """A fact came late, twice or out of order: it changed nothing."""

    what: str


Order = (
    Answer | Inspect | Play | StopPlayback | ArmLifeline | WakeAt | Attest | Note | StartCapture | StopCapture
    | Release | Confirm | Lamp | Seal | Alarm | Report
)  # fmt: skip
