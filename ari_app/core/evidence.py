"""The journal of a call: what happened, in order, each line holding the hash of the one before.

`calls/<recording-id>/journal.jsonl` is the truth from which manifest and rows are made. It is written by one
process, durable before anything that depends on it is done, and a line that was changed, added or removed
afterwards is found by `read`. A torn last line (the machine lost power while writing) is the one damage that
is not an error: what was not durable was never acted upon.
"""

import hashlib
import json
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar

from .names import Instant, RecordingId
from .policy import canonical
from .reasons import Reason

FORMAT = 1
FIRST = "0" * 64
"""What stands in place of a hash in the first line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line. `at` is Asterisk's own stamp wherever Asterisk told us, our clock on the same machine else."""

    KIND: ClassVar[str]
    at: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened(Entry):
    """The call came to us. Numbers are ciphertext with a keyed hash; clear ones never touch the disk."""

    KIND: ClassVar[str] = "opened"
    recording: RecordingId
    run: str
    node: str
    line: str
    mode: str
    capture: str
    direction: str
    channel: str
    number: str | None
    number_hash: str | None
    policy_sha256: str
    software: str
    asterisk: str
    format: int = FORMAT
    channel_name: str | None = None
    """The channel's whole name: a masquerade that nobody saw has given it another. None in older journals."""
    attested_by: str = "gate"
    """Whose word it is: the gate's, or that of the AGI script that announced while no gate was there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberSealed(Entry):
    """Who called, of a call that was opened by somebody who may not hold the key to the numbers."""

    KIND: ClassVar[str] = "number_sealed"
    number: str
    number_hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenOver(Entry):
    """Another run of the gate goes on with the call: what stands behind this rests on that run's heartbeats."""

    KIND: ClassVar[str] = "taken_over"
    run: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PartyEntered(Entry):
    """Somebody who can be heard: p01 is the outside party. `contract`: told by contract (own staff).

    `recording`: the recording whose outside party this one is, and which alone holds their voice; their notices
    are written here as well, because this recording's permits rest on them.
    """

    KIND: ClassVar[str] = "party_entered"
    party: str
    side: str
    channel: str
    endpoint: str
    contract: bool
    recording: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticePlayed(Entry):
    """An announcement was completely played to a party; `at` is its end. All of DESIGN §4's clauses held.

    text: what it says, as the policy had it; "" in journals of before it was told.
    """

    KIND: ClassVar[str] = "notice_played"
    party: str
    announcement: str
    language: str
    sha256: str
    duration_ms: int
    spoken_end_ms: int
    playback: str
    began_at: Instant
    packets_expected: int
    packets_sent: int
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeFailed(Entry):
    """An announcement was not, or not provably, heard to its end."""

    KIND: ClassVar[str] = "notice_failed"
    party: str
    announcement: str
    reason: Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class PermitGranted(Entry):
    """From `at` on, these parties may be captured: everyone in the room is told."""

    KIND: ClassVar[str] = "permit_granted"
    permit: int
    parties: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class PermitWidened(Entry):
    """From `at` on the permit names a party more, who was told before they joined."""

    KIND: ClassVar[str] = "permit_widened"
    permit: int
    parties: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class PermitNarrowed(Entry):
    """From `at` on the permit names these parties only: the others left the room, and are not covered any more.

    Whoever comes back does so under another permit.
    """

    KIND: ClassVar[str] = "permit_narrowed"
    permit: int
    parties: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class PartyObjected(Entry):
    """The party does not want to be recorded. It holds for the rest of the call: no later permit may name them.

    `destroys`: the parties of whom what was captured before is destroyed as well, by the rule of the line.
    """

    KIND: ClassVar[str] = "party_objected"
    party: str
    destroys: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chose(Entry):
    """Somebody chose by a key: the party, or one of the house for them (`by`: the channel that pressed it).

    `choice`: declined, consented, not_consented, repeated, information, language, paused, resumed, stopped. `key`: what
    was pressed, if it was one key. `why`: what the house gave for it (`reasons.Cause`), if anything.
    """

    KIND: ClassVar[str] = "chose"
    party: str
    choice: str
    key: str = ""
    language: str = ""
    why: str = ""
    by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PermitRevoked(Entry):
    """Nothing from `at` on is covered, whatever a file may hold."""

    KIND: ClassVar[str] = "permit_revoked"
    permit: int
    reason: Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureRequested(Entry):
    """Durable before MixMonitor is asked for, so that no file exists that the journal does not name."""

    KIND: ClassVar[str] = "capture_requested"
    permit: int
    segment: int
    party: str
    file: str
    bridged_only: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureStarted(Entry):
    """Asterisk runs the MixMonitor and its file exists."""

    KIND: ClassVar[str] = "capture_started"
    segment: int
    party: str
    monitor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackOrigin(Entry):
    """The instant of the track's first sample: MixMonitorStart, or BridgeEnter where it waits for a bridge.

    `ambiguous`: another MixMonitor began on the channel in the same moment, and the later stamp was taken.
    """

    KIND: ClassVar[str] = "track_origin"
    segment: int
    party: str
    ambiguous: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackEnded(Entry):
    """No sample of the track is later than `at`: the stop was confirmed, or the channel is gone (`hung_up`).

    `closed`: Asterisk closed the file before it answered our stop.
    """

    KIND: ClassVar[str] = "track_ended"
    segment: int
    party: str
    closed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackClosed(Entry):
    """The kernel reported that the file's writer closed it."""

    KIND: ClassVar[str] = "track_closed"
    segment: int
    party: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignCapture(Entry):
    """A MixMonitor that is not ours began on a party's channel. It is reported, neither stopped nor used."""

    KIND: ClassVar[str] = "foreign_capture"
    party: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NotRecorded(Entry):
    """From `at` on nothing is captured, for this reason; until a permit is granted, if one ever is."""

    KIND: ClassVar[str] = "not_recorded"
    reason: Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended(Entry):
    """The call is over; `reason` is set if no permit was ever granted."""

    KIND: ClassVar[str] = "ended"
    reason: Reason | None


KINDS: dict[str, type[Entry]] = {
    kind.KIND: kind
    for kind in (
        Opened, NumberSealed, TakenOver, PartyEntered, PartyObjected, Chose, NoticePlayed, NoticeFailed,
        PermitGranted, PermitWidened, PermitNarrowed, PermitRevoked,
        CaptureRequested, CaptureStarted, TrackOrigin, TrackEnded, TrackClosed, ForeignCapture, NotRecorded, Ended,
    )
}  # fmt: skip
_FIELDS = {name: tuple(one.name for one in fields(kind)) for name, kind in KINDS.items()}


class DamagedJournalError(ValueError):
    """The journal was altered or is damaged before its last line: its call must not be shipped."""


class ContradictionError(ValueError):
    """The journal is whole but says something that must not be: its call is not shipped until a person looked."""


def line(entry: Entry, previous: str) -> tuple[bytes, str]:
    """Return the entry's line, with newline, and the hash that the next line must hold."""
    # Flat by construction, so no deep copy: this is done for every entry of every call.
    said = {name: getattr(entry, name) for name in _FIELDS[entry.KIND]}
    text = canonical({"kind": entry.KIND, "prev": previous, **said})
    return text + b"\n", hashlib.sha256(text).hexdigest()


def _entry(raw: dict[str, Any]) -> Entry:
    kind = KINDS[raw.pop("kind")]
    del raw["prev"]
    if raw.get("reason") is not None:
        raw["reason"] = Reason(raw["reason"])
    # A later version may add fields: an older reader leaves them alone, the hash still covers them.
    known = {one.name for one in fields(kind)}
    return kind(**{name: value for name, value in raw.items() if name in known})


def read(text: bytes) -> tuple[list[Entry], str]:
    """Return the entries and the hash of the last line. Raises DamagedJournalError with the line's number."""
    entries: list[Entry] = []
    previous = FIRST
    *whole, torn = text.split(b"\n")
    for number, raw in enumerate(whole, start=1):
        try:
            value = json.loads(raw)
            follows = value["prev"] == previous
            entry = _entry(value)
        # A flipped bit may also break the UTF-8, name an unknown reason or nest brackets without end.
        except (KeyError, TypeError, AttributeError, ValueError, RecursionError) as damage:
            raise DamagedJournalError(f"line {number} cannot be read: {damage!r}") from damage
        if not follows:
            raise DamagedJournalError(f"line {number} does not follow from the line before it")
        entries.append(entry)
        previous = hashlib.sha256(raw).hexdigest()
    if torn and not entries:
        raise DamagedJournalError("the only line is torn: nothing of this call was durable")
    return entries, previous
