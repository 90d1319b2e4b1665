"""Whose voice is covered, and from when until when: each permit, and in it each party that it names.

The journal is read a second time here, by other rules than those that wrote it: that two programs must agree
before a sample leaves the machine is the point. Two kinds of disagreement are told apart. What the gate must
have known when it wrote a line (nobody is named before they were told, or after they had left or objected) is a
`ContradictionError`, and a person must look. What it can have learnt too late, because an event was late, is no
contradiction: the evidence's own instants cut it away.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from . import evidence as ev
from .choice import Wish
from .evidence import ContradictionError
from .names import Instant, RecordingId, party_id, recording_id
from .policy import Mode
from .reasons import Reason
from .recording import SAFETY_MICROSECONDS
from .standstill import Standstill, surely

OUTSIDE_PARTY = party_id(1)
"""Whose recording it is."""

CONSENTED = Wish.AGREE.value
NEVER = Instant(2**63)
PARTED = frozenset({Reason.HUNG_UP, Reason.LEFT_BRIDGE, Reason.NO_CONVERSATION})
"""Why a permit ends that nobody wished to end: whoever has gone says nothing more, however late Asterisk sees it."""


@dataclass(frozen=True, slots=True)
class Member:
    """A party whom a permit names: their own samples from `since` up to `until` are covered.

    notice: by which they had been told, counted from 1; None: by contract. left_at: when they left the room, if
    the permit went on without them.
    """

    party: str
    since: Instant
    until: Instant
    notice: int | None
    told_at: Instant | None
    left_at: Instant | None


@dataclass(frozen=True, slots=True)
class Permitted:
    """A permit and what of it is proved: up to `until` every event was known, and none ended it."""

    number: int
    granted_at: Instant
    until: Instant
    revoked: ev.PermitRevoked | None
    members: Mapping[str, Member]
    known: Instant | None = None
    """Up to when the run that granted it had handled every event; None if it never said so."""
    revoked_at: Instant | None = None
    """From when its revocation counts: earlier than Asterisk's own stamp of it where that may have stood still."""


def parties_of(entries: Iterable[ev.Entry]) -> dict[str, ev.PartyEntered]:
    """Return everybody who could be heard, by party. Raises ContradictionError."""
    found: dict[str, ev.PartyEntered] = {}
    for entry in entries:
        if isinstance(entry, ev.PartyEntered):
            found.setdefault(entry.party, entry)
    owner = found.get(OUTSIDE_PARTY)
    if owner and owner.recording is not None:
        raise ContradictionError(f"{OUTSIDE_PARTY}, whose recording this is, is said to be recorded elsewhere")
    return found


def elsewhere(party: ev.PartyEntered) -> RecordingId | None:
    """Return the recording that alone holds a guest's voice; None for a party who is no guest here."""
    return None if party.recording is None else recording_id(party.recording)


def notices_of(entries: Iterable[ev.Entry]) -> list[ev.NoticePlayed | ev.NoticeFailed]:
    """Return the announcements, heard and failed; their numbers count from 1 in this order."""
    return [entry for entry in entries if isinstance(entry, ev.NoticePlayed | ev.NoticeFailed)]


def objections_of(entries: Iterable[ev.Entry]) -> dict[str, Instant]:
    """Return since when each objector did not want to be recorded: saying it twice changes nothing."""
    found: dict[str, Instant] = {}
    for entry in entries:
        if isinstance(entry, ev.PartyObjected):
            found[entry.party] = Instant(min(entry.at, found.get(entry.party, entry.at)))
    return found


@dataclass(slots=True)
class _Draft:
    """A permit while the journal is read: what is known of it so far."""

    granted_at: Instant
    run: str = ""
    """Whose permit it is, if not of the run that opened the call."""
    named: dict[str, Instant] = field(default_factory=dict)
    left: dict[str, Instant] = field(default_factory=dict)
    followed_at: Instant | None = None

    def name(self, entry: ev.PermitGranted | ev.PermitWidened, objected: Iterable[str]) -> None:
        for party in entry.parties:
            if party in self.left:
                raise ContradictionError(f"permit {entry.permit} names {party} again, who had left it")
            if party in objected:
                raise ContradictionError(f"permit {entry.permit} names {party}, who had objected by then")
            self.named.setdefault(party, Instant(max(entry.at, self.granted_at)))

    def narrow(self, entry: ev.PermitNarrowed) -> None:
        if not set(entry.parties) <= self.named.keys() - self.left.keys():
            raise ContradictionError(f"permit {entry.permit} is narrowed to somebody whom it does not name")
        for party in self.named.keys() - set(entry.parties):
            self.left[party] = Instant(min(entry.at, self.left.get(party, entry.at)))


def _drafts(entries: Sequence[ev.Entry], earliest: Instant) -> dict[int, _Draft]:
    drafts: dict[int, _Draft] = {}
    objected: set[str] = set()
    run = ""
    for entry in entries:
        match entry:
            case ev.TakenOver():
                run = entry.run
            case ev.PermitGranted(permit=number):
                if number in drafts:
                    raise ContradictionError(f"permit {number} is granted twice")
                granted_at = Instant(max(entry.at, earliest))
                # The gate grants one permit at a time. If it forgot to revoke, the next one says that it meant to.
                for before in drafts.values():
                    before.followed_at = Instant(min(granted_at, before.followed_at or granted_at))
                drafts[number] = _Draft(granted_at, run)
                drafts[number].name(entry, objected)
            case ev.PermitWidened(permit=number):
                if number not in drafts:
                    raise ContradictionError(f"permit {number} is widened, but was never granted")
                drafts[number].name(entry, objected)
            # A permit whose grant could not be written covers nothing, so less of it is no contradiction.
            case ev.PermitNarrowed(permit=number) if number in drafts:
                drafts[number].narrow(entry)
            case ev.PartyObjected(party=party):
                objected.add(party)
            case _:
                pass
    return drafts


def _revocations(entries: Iterable[ev.Entry]) -> dict[int, ev.PermitRevoked]:
    """Return each permit's earliest revocation; one whose grant could not be written may have one as well."""
    found: dict[int, ev.PermitRevoked] = {}
    for entry in entries:
        if isinstance(entry, ev.PermitRevoked) and (entry.permit not in found or entry.at < found[entry.permit].at):
            found[entry.permit] = entry
    return found


def permits(
    entries: Sequence[ev.Entry],
    last_heartbeat: Instant | None,
    later: Mapping[str, Instant] | None = None,
    stood_still: Sequence[Standstill] = (),
) -> dict[int, Permitted]:
    """Return every permit with what it covers, by number. Raises ContradictionError.

    last_heartbeat: of the run that opened the call; later: those of the runs that took it over, by run. stood_still:
    when Asterisk may have: what somebody wished then counts from its beginning.

    A permit covers [granted, min(revoked - 40 ms, last heartbeat)], a party in it from when it names them to when
    they left the room or objected, less the same 40 ms. Without a heartbeat after the grant nothing is covered:
    nobody can say what happened since.
    """
    parties, notices = parties_of(entries), notices_of(entries)
    objections = {one: surely(at, stood_still) for one, at in objections_of(entries).items()}
    if not objections.keys() <= parties.keys():
        raise ContradictionError(f"{min(objections.keys() - parties.keys())} objected, who never entered")
    earliest = entries[0].at if entries else Instant(0)
    revocations = _revocations(entries)
    destroyed = {party for entry in entries if isinstance(entry, ev.PartyObjected) for party in entry.destroys}
    consented_at = _consent(entries)
    found = {}
    for number, draft in _drafts(entries, earliest).items():
        revoked = revocations.get(number)
        revoked_at = _revoked_at(revoked, stood_still)
        ended = [at for at in (revoked_at, draft.followed_at) if at is not None]
        start = draft.granted_at
        known = (later or {}).get(draft.run) if draft.run else last_heartbeat
        until = _until(start, start if known is None else known, *ended)
        members = {}
        for party, since in draft.named.items():
            if party not in parties:
                raise ContradictionError(f"permit {number} names {party}, who never entered")
            left_at = draft.left.get(party)
            own = [at for at in (left_at, objections.get(party)) if at is not None]
            notice = _told(notices, parties[party], number, since)
            if party == OUTSIDE_PARTY and consented_at is not None and since < consented_at:
                raise ContradictionError(f"permit {number} names {party}, who had not consented by then")
            end = since if party in destroyed else _until(since, until, *own)
            members[party] = Member(party, since, end, *notice, left_at)
        found[number] = Permitted(number, start, until, revoked, members, known, revoked_at)
    return found


def _consent(entries: Sequence[ev.Entry]) -> Instant | None:
    """Return since when the owner's yes was there, on a line where only that counts; a time beyond all if never."""
    first = entries[0] if entries else None
    if not isinstance(first, ev.Opened) or first.mode != Mode.OPT_IN:
        return None
    said = [one.at for one in entries if isinstance(one, ev.Chose) and one.choice == CONSENTED]
    return min(said, default=NEVER)


def _revoked_at(revoked: ev.PermitRevoked | None, stood_still: Sequence[Standstill]) -> Instant | None:
    if revoked is not None and revoked.reason not in PARTED:
        return surely(revoked.at, stood_still)
    return None if revoked is None else revoked.at


def _until(start: Instant, known: Instant, *ended: Instant) -> Instant:
    """Return the end of what is covered; never before its start, so that nothing covered is an empty stretch."""
    return Instant(max(start, min([known, *(at - SAFETY_MICROSECONDS for at in ended)])))


def _told(
    notices: Sequence[ev.NoticePlayed | ev.NoticeFailed], party: ev.PartyEntered, permit: int, since: Instant
) -> tuple[int | None, Instant | None]:
    heard = [
        (number, notice.at)
        for number, notice in enumerate(notices, start=1)
        if isinstance(notice, ev.NoticePlayed) and notice.party == party.party and notice.at <= since
    ]
    if heard:
        return heard[-1]
    if not party.contract:
        raise ContradictionError(f"permit {permit} names {party.party}, who had not been told by then")
    return None, None
