"""Was each call recorded that should have been, and is what was recorded there: facts in, findings out.

One call at a time, by what five sources say of it: the witness (Asterisk's own note of who was in a conversation), the
spool, the rows, the objects, and the sound in them. A source that was not asked says nothing: no answer is not "no". So
every fact from one is None, or not there, if it was not asked, and no rule takes that for an absence.

Every call that is over belongs to exactly one `Group`; `day` adds them up.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from .accounts import Account, Track
from .coverage import OUTSIDE_PARTY
from .names import Instant
from .reasons import Reason

TALK_MS = 5_000
"""In a conversation that is shorter, one side may well have said nothing."""

SHORT_MS = 1_000
"""So much may be missing before anybody is told: what the buffers hold and the cuts cost is less, and a call that was
cut off in mid-air lacks up to 2 s."""


class Fault(StrEnum):
    """What can be wrong with a call's recording."""

    MISSING = "missing"
    LATE = "late"
    SHORT = "short"
    SILENT = "silent"
    ONE_SIDED = "one_sided"
    HEADER_ONLY = "header_only"
    ORPHANED = "orphaned"
    DUPLICATE = "duplicate"


class Group(StrEnum):
    """What became of a call; there is no fifth possibility."""

    RECORDED = "recorded"
    BY_POLICY = "not_recorded_by_policy"
    WITH_REASON = "not_recorded_with_reason"
    UNEXPLAINED = "unexplained"


POLICY = frozenset({Reason.LINE_NEVER, Reason.EMERGENCY_NUMBER})
"""Nobody wants these calls recorded: they are none of those that should have been."""

NO_REASON = Reason.NOTHING_CAPTURED
"""It says that there was every reason to record, and no sound."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that somebody must look at. `what` continues "the call …" or "this …"; no number, no name."""

    fault: Fault
    at: Instant
    what: str
    line: str = ""
    channel: str = ""
    recording: str = ""


@dataclass(frozen=True, slots=True)
class Limits:
    """By what is judged: the clock, when what is not stored is late, and contexts whose calls no line handles."""

    now: Instant
    late_microseconds: int
    contexts: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Witnessed:
    """A trunk's channel came into a conversation, Asterisk says; `ended`: when it hung up, if it has."""

    began: Instant
    ended: Instant | None
    context: str


@dataclass(frozen=True, slots=True)
class Held:
    """An account and what is true of it in the world.

    waiting: it lies in the spool and is to be stored yet. row: None: nobody was asked. missing: objects that it names
    and S3 has not; stray: objects beside them that it does not name. sounds: for each object that was listened to,
    whether there is a sound on each channel.
    """

    account: Account
    waiting: bool = False
    row: bool | None = None
    missing: frozenset[str] = frozenset()
    stray: frozenset[str] = frozenset()
    sounds: Mapping[str, tuple[bool, ...]] = field(default_factory=dict)

    @property
    def lost(self) -> bool:
        """Nothing of what was recorded is there any more."""
        return bool(self.account.pieces) and all(one.object in self.missing for one in self.account.pieces)


@dataclass(frozen=True, slots=True)
class Call:
    """All that is known of one channel. `running`: the gate has not handed it over; `aside`: put into quarantine.

    shared: objects whose sound is, bit for bit, that of another object.
    """

    channel: str
    at: Instant
    held: tuple[Held, ...] = ()
    running: bool = False
    aside: tuple[str, ...] = ()
    witnessed: Witnessed | None = None
    shared: frozenset[str] = frozenset()

    @property
    def line(self) -> str:
        return self.held[0].account.line if self.held else ""


@dataclass(frozen=True, slots=True)
class Judged:
    """What became of a call; group None: it is not over. `reason`: why it was not recorded, if anybody says."""

    call: Call
    group: Group | None
    reason: Reason | None
    findings: tuple[Finding, ...]

    @property
    def waiting(self) -> tuple[Account, ...]:
        """What of it is still to be stored."""
        return tuple(one.account for one in self.call.held if one.waiting)


def judge(call: Call, limits: Limits) -> Judged:
    """Return what became of a call, and everything that is wrong with it."""
    # A script's bare note gives way to every account: so it has no rows, and nothing of it is missed.
    full = tuple(one for one in call.held if not one.account.note)
    call = Call(call.channel, call.at, full or call.held, call.running, call.aside, call.witnessed, call.shared)
    group, reason = _group(call, limits)
    findings = [*_unaccounted(call, group), *_late(call, limits), *_twice(call)]
    for held in call.held:
        findings += [*_orphaned(held), *_tracks(held), *_sounds(held)]
    return Judged(call, group, reason, tuple(findings))


def _group(call: Call, limits: Limits) -> tuple[Group | None, Reason | None]:
    recorded = [one for one in call.held if one.account.recorded]
    if any(not one.lost for one in recorded):
        return Group.RECORDED, None
    if recorded or call.aside:
        return Group.UNEXPLAINED, None
    if call.held:
        # Of two accounts the later one knows how the call ended.
        reason = max(call.held, key=lambda one: one.account.ended).account.reason
        if reason in POLICY:
            return Group.BY_POLICY, reason
        return (Group.UNEXPLAINED if reason is NO_REASON else Group.WITH_REASON), reason
    named = call.witnessed is not None and call.witnessed.context in limits.contexts
    if named and not call.running:
        return Group.BY_POLICY, None
    over = _overdue(call, limits) if call.running else _over(call, limits)
    return (Group.UNEXPLAINED if over else None), None


def _over(call: Call, limits: Limits) -> bool:
    """Tell whether a call that only the witness knows is over; one whose end it did not see, after a long time."""
    seen = call.witnessed
    return seen is not None and (seen.ended is not None or limits.now - seen.began > limits.late_microseconds)


def _overdue(call: Call, limits: Limits) -> bool:
    """Tell whether a call that the gate has not handed over has been over for too long."""
    seen = call.witnessed
    return seen is not None and seen.ended is not None and limits.now - seen.ended > limits.late_microseconds


def _about(call: Call, fault: Fault, what: str, recording: str = "") -> Finding:
    return Finding(fault, call.at, what, call.line, call.channel, recording)


def _of(held: Held, fault: Fault, what: str) -> Finding:
    account = held.account
    return Finding(fault, account.began, what, account.line, account.channel, account.recording)


def _unaccounted(call: Call, group: Group | None) -> Iterator[Finding]:
    for recording in call.aside:
        yield _about(call, Fault.MISSING, "was put aside: its evidence or its sound cannot be used", recording)
    if group is not Group.UNEXPLAINED or call.aside:
        return
    if not call.held and not call.running:
        yield _about(call, Fault.MISSING, "was a conversation, and nothing gives account of it")
    for held in call.held:
        if held.account.reason is NO_REASON:
            yield _of(held, Fault.MISSING, "was permitted to be recorded, nothing was captured, and nobody says why")


def _late(call: Call, limits: Limits) -> Iterator[Finding]:
    for held in call.held:
        if held.waiting and limits.now - held.account.ended > limits.late_microseconds:
            yield _of(held, Fault.LATE, "waits in the spool to be stored")
    if call.running and _overdue(call, limits):
        yield _about(call, Fault.LATE, "is over, and the gate has not handed it over to be stored")


def _twice(call: Call) -> Iterator[Finding]:
    kept = [(one, one.account.kept) for one in call.held if one.account.kept is not None]
    for number, (held, mine) in enumerate(kept):
        for other, theirs in kept[:number]:
            if mine.start < theirs.end and theirs.start < mine.end:
                what = f"is stored twice: {other.account.recording} holds the same time of the same channel"
                yield _of(held, Fault.DUPLICATE, what)
    for held in call.held:
        for piece in held.account.pieces:
            if piece.object in call.shared:
                name = piece.object.rpartition("/")[2]
                yield _of(held, Fault.DUPLICATE, f"has sound ({name}) that another object holds as well, bit for bit")


def _orphaned(held: Held) -> Iterator[Finding]:
    if held.row is False and not held.waiting:
        yield _of(held, Fault.ORPHANED, "has no row in the database")
    for key in sorted(held.missing):
        yield _of(held, Fault.ORPHANED, f"lacks an object in S3: {key}")
    for key in sorted(held.stray):
        yield _of(held, Fault.ORPHANED, f"has an object in S3 beside it that it does not name: {key}")


def _tracks(held: Held) -> Iterator[Finding]:
    tracks = held.account.tracks
    for one in tracks:
        where = f"segment {one.segment}, {side(one.party)}"
        if one.empty:
            if one.due_ms >= SHORT_MS or _beside(one, tracks):
                yield _of(held, Fault.HEADER_ONLY, f"has a file with a header and no sound ({where})")
        elif one.file and one.due_ms - one.stored_ms >= SHORT_MS:
            lacks = f"{(one.due_ms - one.stored_ms) / 1000:.1f} of {one.due_ms / 1000:.1f} s"
            yield _of(held, Fault.SHORT, f"lacks {lacks} that were permitted ({where})")


def _beside(track: Track, tracks: tuple[Track, ...]) -> bool:
    """Tell whether somebody else was recorded while this file got nothing."""
    return any(one.segment == track.segment and one.stored_ms >= SHORT_MS for one in tracks)


def side(party: str) -> str:
    """Return who a party is, in words that name nobody."""
    return "the person outside" if party == OUTSIDE_PARTY else f"the house ({party})"


def _sounds(held: Held) -> Iterator[Finding]:
    account = held.account
    stored = {party: account.stored_ms(party) for party in account.covered_ms}
    if max(stored.values(), default=0) < TALK_MS or held.lost:
        return
    mute = {party for party, length in stored.items() if length and _mute(held, party)}
    if mute and all(party in mute for party, length in stored.items() if length):
        yield _of(held, Fault.SILENT, "has no sound at all on any channel")
        return
    for party in sorted(account.covered_ms):
        if account.covered_ms[party] < TALK_MS:
            continue
        if not stored[party]:
            yield _of(held, Fault.ONE_SIDED, f"has nothing of {side(party)}")
        elif party in mute:
            yield _of(held, Fault.ONE_SIDED, f"has no sound of {side(party)}")


def _mute(held: Held, party: str) -> bool:
    """Tell whether every object with this party's channel was listened to, and none has a sound on it."""
    pieces = [one for one in held.account.pieces if party in one.channels]
    heard = [held.sounds[one.object][one.channels.index(party)] for one in pieces if one.object in held.sounds]
    return len(heard) == len(pieces) > 0 and not any(heard)
