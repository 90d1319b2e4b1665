"""Facts: all that the core hears. Each is something that has happened, named in the past participle.

(*Fact* and *order*, not "event" and "command": those words already mean something in ARI, AMI and MixMonitor.)
Facts carry two instants: `at`, Asterisk's own stamp where it gave one, and `seen_at`, when we handled it. The
difference matters: a process that was frozen reads stale queues, and a stale fact must grant nothing.
"""

from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Final

from .evidence import NoticePlayed
from .free_space import Level
from .names import ChannelId, Instant, MonitorId, PartyId, PlaybackId, RecordingId
from .reasons import Reason

NOBODY: Final = ChannelId("")
"""Of whom it is not known who they are."""


class Side(StrEnum):
    """Which side of the house a party stands on."""

    OUTSIDE = "outside"
    HOUSE = "house"


class Standing(StrEnum):
    """May this party be captured? Only `TOLD` and `CONTRACT`, and `permit.grant` decides."""

    UNTOLD = "untold"
    TOLD = "told"
    CONTRACT = "told_by_contract"
    OBJECTED = "objected"


class Timer(Enum):
    """What a timer was set for, so that a late one cannot be taken for another."""

    ANSWER = "answer"
    INSPECTION = "inspection"
    ANNOUNCEMENT = "announcement"
    CAPTURE = "capture"
    MAX_HOURS = "max_hours"
    SETTLING = "settling"
    CHOICE = "choice"
    PAUSE = "pause"
    CLOSING = "closing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamped:
    """The two instants that every fact carries."""

    at: Instant
    seen_at: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class Entered(Stamped):
    """The channel is in our Stasis application; `adopted`: it was found there after a restart."""

    channel: ChannelId
    adopted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered(Stamped):
    """Asterisk answered the channel, or would not."""

    channel: ChannelId
    ok: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspected(Stamped):
    """What an `Inspect` found. `packets_sent` is None where the technology cannot count them.

    `objected`: the dialplan has marked the channel as one on which somebody objected, if not in our hearing.
    """

    channel: ChannelId
    question: int
    in_stasis: bool
    packets_sent: int | None
    copy_intact: bool
    objected: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Pressed(Stamped):
    """Somebody in our hands has pressed a key; `at` is when they let go of it."""

    channel: ChannelId
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlayRefused(Stamped):
    """Asterisk would not play (or said nothing): there is no playback of that name."""

    channel: ChannelId
    playback: PlaybackId


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaybackBegan(Stamped):
    """Asterisk began to send the sound."""

    channel: ChannelId
    playback: PlaybackId


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaybackEnded(Stamped):
    """The playback is over. `done` also means stopped or cancelled (res_stasis_playback.c, state_to_string)."""

    channel: ChannelId
    playback: PlaybackId
    done: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftStasis(Stamped):
    """The channel is no longer ours: we continued it, the lifeline did, or somebody redirected it."""

    channel: ChannelId


@dataclass(frozen=True, slots=True, kw_only=True)
class HangupRequested(Stamped):
    """The other end hung up; the channel itself may live a few milliseconds longer."""

    channel: ChannelId


@dataclass(frozen=True, slots=True, kw_only=True)
class HungUp(Stamped):
    """The channel is gone."""

    channel: ChannelId


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody in a recording's room beside its owner.

    `recording`: the one that they own themselves, with the `notices` that they heard in it; `mixed`: their telephone
    joins several of its lines, so that what comes from it is not only theirs. `joined_at`: when they came here.
    """

    channel: ChannelId
    endpoint: str
    standing: Standing
    joined_at: Instant
    recording: RecordingId | None = None
    notices: tuple[NoticePlayed, ...] = ()
    mixed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Surrounded(Stamped):
    """Who can hear the owner of a recording now, and whom the owner can hear: their room without themselves.

    `quiet`: why nobody may be captured although they are connected (hold, music, parking). `joined_at`: since when the
    owner is in a bridge. `mixed`: what `Member` says, of the owner's own telephone. `host`: this is the oldest
    recording in the room, so staff are captured in it.
    """

    channel: ChannelId
    members: tuple[Member, ...] = ()
    quiet: Reason | None = None
    joined_at: Instant | None = None
    mixed: bool = False
    host: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Replaced(Stamped):
    """Another telephone took the channel over (a masquerade): whoever is there now has heard nothing."""

    channel: ChannelId


@dataclass(frozen=True, slots=True, kw_only=True)
class Objected(Stamped):
    """The owner of the recording does not want to be recorded.

    `unanswered`: only we heard the keys. No line of the dialplan ran, so nothing has told them that it was heard.
    """

    channel: ChannelId
    unanswered: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Paused(Stamped):
    """Somebody in the room wants nothing captured until it is `Resumed`. `cause`: why, if they said; `by`: on whose
    channel; `since`: when that was, if it is learnt only now."""

    cause: str = ""
    by: ChannelId = NOBODY
    since: Instant = Instant(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Resumed(Stamped):
    """The pause is over: the one for this `cause`, or every one if none is given."""

    cause: str = ""
    by: ChannelId = NOBODY


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopped(Stamped):
    """One of the house has ended the recording, for the rest of the call."""

    cause: str = ""
    by: ChannelId = NOBODY


@dataclass(frozen=True, slots=True, kw_only=True)
class CaughtUp(Stamped):
    """Every event up to `at` has been handled: the room was at that instant as it is known to be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventsLost(Stamped):
    """Nothing is to be captured after `at` any more, for the `reason`: a connection to Asterisk was lost, so nothing is
    known of then (`at` is the last heartbeat's instant); the gate stops; the line may not be recorded any more."""

    reason: Reason = Reason.EVENTS_LOST


@dataclass(frozen=True, slots=True, kw_only=True)
class Recognised(Stamped):
    """Asterisk was asked who is there since nobody watched: this recording's owner is who they were, and was told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attested(Stamped):
    """The entries of an `Attest` are on the disk, or could not be written."""

    token: int
    ok: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureAnswered(Stamped):
    """Asterisk's word on a `StartCapture`: a monitor's id if it runs *and* its file exists, else None."""

    segment: int
    party: PartyId
    monitor: MonitorId | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureBegan(Stamped):
    """The MixMonitorStart event that belongs to a `StartCapture`; `ambiguous` if more than one might."""

    segment: int
    party: PartyId
    ambiguous: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureEnded(Stamped):
    """The monitor is not in Asterisk's list any more; `closed` if Asterisk answered our stop by id."""

    segment: int
    party: PartyId
    closed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class FileClosed(Stamped):
    """The kernel reported that the writer closed the track's file."""

    segment: int
    party: PartyId


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignCaptureSeen(Stamped):
    """A MixMonitor that we did not ask for began on a party's channel."""

    channel: ChannelId


@dataclass(frozen=True, slots=True, kw_only=True)
class SpaceMeasured(Stamped):
    """The room in the spool's file system has become more or less than what matters."""

    level: Level


@dataclass(frozen=True, slots=True, kw_only=True)
class Woke(Stamped):
    """A timer rang."""

    timer: Timer
    token: int


Fact = (
    Entered | Answered | Inspected | Pressed | PlayRefused | PlaybackBegan | PlaybackEnded | LeftStasis
    | HangupRequested | HungUp | Surrounded | Replaced | Objected | Paused | Resumed | Stopped | CaughtUp | EventsLost
    | Recognised
    | Attested | CaptureAnswered | CaptureBegan | CaptureEnded | FileClosed | ForeignCaptureSeen | SpaceMeasured | Woke
)  # fmt: skip
