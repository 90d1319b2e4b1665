"""Does a manifest agree with itself: is every stored sample within what all its parties had been told by then?

It is the third reading of the same evidence, after the gate that granted and ship that cut, and by a third set of
rules: those of what was promised, asked of nothing but the manifest. Each breach is told by the field that shows it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from . import gaps as gp
from . import names
from .coverage import CONSENTED, OUTSIDE_PARTY
from .manifest import GATE, RECORDED
from .names import MICROSECONDS, Instant, instant_of
from .party import EXTRA_PACKETS
from .policy import Mode
from .recording import FRAME_MICROSECONDS, SAFETY_MICROSECONDS, Interval
from .shipment import MAX_CHANNELS

Breach = tuple[str, str]
"""A field's path, and what is wrong there."""

Named = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Account:
    """A manifest whose shape was found right, with what is looked up in it."""

    manifest: Named
    parties: Mapping[str, Named]
    members: Mapping[tuple[int, str], Interval]
    objections: Mapping[str, Instant]
    began: Instant
    ended: Instant

    @property
    def stored(self) -> list[Named]:
        return [one for one in self.manifest["tracks"] if one["stored_samples"]]


def breaches(manifest: Named) -> list[Breach]:
    """Return every contradiction of a manifest of the right shape (`shape.faults`)."""
    call = manifest["call"]
    account = _Account(
        manifest=manifest,
        parties={one["party"]: one for one in manifest["parties"]},
        members={
            (permit["permit"], one["party"]): Interval(instant_of(one["since"]), instant_of(one["covered_until"]))
            for permit in manifest["permits"]
            for one in permit["parties"]
        },
        objections={one["party"]: instant_of(one["at"]) for one in manifest["objections"]},
        began=instant_of(call["began_at"]),
        ended=instant_of(call["ended_at"]),
    )
    found = [*_call(account), *_people(account), *_notices(account), *_permits(account), *_tracks(account)]
    found += _segments(account)
    # What lies nowhere cannot fill a call: its cause has been told.
    return found or list(_time(account))


def _call(account: _Account) -> Iterator[Breach]:
    manifest, call = account.manifest, account.manifest["call"]
    if (call["outcome"] == RECORDED) != bool(account.stored):
        yield "call.outcome", f"is {call['outcome']}, and of {len(account.stored)} tracks something is stored"
    if (call["outcome"] == RECORDED) != (call["reason"] is None):
        yield "call.reason", f"is {call['reason']}, and the outcome is {call['outcome']}"
    if account.ended < account.began:
        yield "call.ended_at", "is before its beginning"
    if (call["number"] is None) != (call["number_hash"] is None):
        yield "call.number_hash", "and the number are not both there"
    if manifest["journal"] is None:
        if call["source"] == GATE:
            yield "journal", "is missing, although the gate attests the call"
        for part in ("parties", "notices", "permits", "segments", "tracks"):
            if manifest[part]:
                yield part, "are told, and there is no journal to prove them"


def _people(account: _Account) -> Iterator[Breach]:
    manifest = account.manifest
    yield from _once("parties", [one["party"] for one in manifest["parties"]])
    owner = account.parties.get(OUTSIDE_PARTY)
    if owner and owner["recording"] is not None:
        yield "parties", f"say that {OUTSIDE_PARTY}, whose recording this is, is recorded elsewhere"
    yield from _once("objections", [one["party"] for one in manifest["objections"]])
    for number, one in enumerate(manifest["objections"]):
        if one["party"] not in account.parties:
            yield f"objections[{number}].party", "never entered the call"


def _once(part: str, listed: list[Any]) -> Iterator[Breach]:
    for number, one in enumerate(listed):
        if one in listed[:number]:
            yield f"{part}[{number}]", f"{one} stands there twice"


def _notices(account: _Account) -> Iterator[Breach]:
    for number, one in enumerate(account.manifest["notices"]):
        path = f"notices[{number}]"
        if one["notice"] != number + 1:
            yield f"{path}.notice", f"is {one['notice']}, and it is the {number + 1}. of the list"
        if one["party"] not in account.parties:
            yield f"{path}.party", "never entered the call"
        if "failed_at" in one:
            continue
        if one["completed_at"] < one["began_at"]:
            yield f"{path}.completed_at", "is before its beginning"
        if not one["packets_expected"] <= one["packets_sent"] <= one["packets_expected"] + EXTRA_PACKETS:
            yield f"{path}.packets_sent", f"is {one['packets_sent']}, and {one['packets_expected']} had to be sent"


def _permits(account: _Account) -> Iterator[Breach]:
    permits, journal = account.manifest["permits"], account.manifest["journal"]
    yield from _once("permits", [one["permit"] for one in permits])
    beats = [journal["heartbeat_at"], *(one["heartbeat_at"] for one in journal["taken_over"])] if journal else []
    known = max((instant_of(one) for one in beats if one is not None), default=None)
    for number, one in enumerate(permits):
        path = f"permits[{number}]"
        start, until = instant_of(one["granted_at"]), instant_of(one["covered_until"])
        if start < account.began:
            yield f"{path}.granted_at", "is before the call"
        if start < min((instant_of(member["since"]) for member in one["parties"]), default=start):
            yield f"{path}.granted_at", "is before it names anybody"
        if (one["revoked_at"] is None) != (one["reason"] is None):
            yield f"{path}.reason", "and the revocation are not both there"
        later = [instant_of(other["granted_at"]) for other in permits[number + 1 :]]
        revoked = [instant_of(one["revoked_at"])] if one["revoked_at"] else []
        ends = {"a later permit": later, "its revocation": revoked}
        for what in _beyond(start, until, ends):
            yield f"{path}.covered_until", what
        if until > start and (known is None or until > known):
            yield f"{path}.covered_until", "is after the last heartbeat: nobody watched any more"
        if until > max(start, account.ended):
            yield f"{path}.covered_until", "is after the call"
        yield from _once(f"{path}.parties", [member["party"] for member in one["parties"]])
        for place, member in enumerate(one["parties"]):
            yield from _member(account, f"{path}.parties[{place}]", Interval(start, until), member)


def _beyond(start: Instant, until: Instant, ends: Mapping[str, list[Instant]]) -> Iterator[str]:
    """Say what the end of a stretch comes too near to; a stretch of no length covers nothing."""
    if until < start:
        yield "is before its beginning"
    for what, instants in ends.items():
        if until > start and any(until > at - SAFETY_MICROSECONDS for at in instants):
            yield f"is less than {SAFETY_MICROSECONDS // 1000} ms before {what}"


def _member(account: _Account, path: str, permit: Interval, member: Named) -> Iterator[Breach]:
    party, since = member["party"], instant_of(member["since"])
    until = instant_of(member["covered_until"])
    if party not in account.parties:
        yield f"{path}.party", "never entered the call"
        return
    if since < permit.start:
        yield f"{path}.since", "is before the permit"
    left = [instant_of(member["left_at"])] if member["left_at"] else []
    objected = [account.objections[party]] if party in account.objections else []
    for what in _beyond(since, until, {"the party left": left, "the party objected": objected}):
        yield f"{path}.covered_until", what
    if until > max(since, permit.end):
        yield f"{path}.covered_until", "is after that of the permit"
    yield from _told(account, path, member, since)
    if party == OUTSIDE_PARTY and account.manifest["call"]["mode"] == Mode.OPT_IN:
        said = [one["at"] for one in account.manifest.get("choices", ()) if one["choice"] == CONSENTED]
        if not said or member["since"] < min(said):
            yield f"{path}.since", "is before their yes, on a line where only that counts"


def _told(account: _Account, path: str, member: Named, since: Instant) -> Iterator[Breach]:
    notices, number = account.manifest["notices"], member["notice"]
    if number is None:
        if member["told_at"] is not None or not account.parties[member["party"]]["contract"]:
            yield f"{path}.notice", "is none, and the party is not told by contract"
        return
    notice = notices[number - 1] if 1 <= number <= len(notices) else None
    if notice is None or notice["party"] != member["party"] or "failed_at" in notice:
        yield f"{path}.notice", "is none that this party heard to its end"
    elif notice["completed_at"] != member["told_at"]:
        yield f"{path}.told_at", "is not the end of that notice"
    elif instant_of(notice["completed_at"]) > since:
        yield f"{path}.since", "is before the party had been told"


def _tracks(account: _Account) -> Iterator[Breach]:
    tracks = account.manifest["tracks"]
    segments = {one["segment"]: one for one in account.manifest["segments"]}
    yield from _once("tracks", [f"segment {one['segment']} of {one['party']}" for one in tracks])
    for number, one in enumerate(tracks):
        path = f"tracks[{number}]"
        member = account.members.get((one["permit"], one["party"]))
        party = account.parties.get(one["party"])
        if member is None or party is None or one["segment"] != one["permit"]:
            yield f"{path}.permit", "is none that names this party in this segment"
            continue
        if party["recording"] is not None:
            yield f"{path}.party", "is a guest, whose voice is in their own recording alone"
        laid = [one[name] is not None for name in ("channel", "offset", "stored_from", "stored_until")]
        if laid != [bool(one["stored_samples"])] * len(laid):
            yield f"{path}.stored_samples", f"is {one['stored_samples']}, and it is said otherwise where they lie"
        elif one["stored_samples"]:
            segment = segments.get(one["segment"])
            if segment is None:
                yield f"{path}.segment", "is not stored"
            else:
                yield from _spoken(path, one, segment["rate_hz"], member)
                yield from _laid(path, one, segment)


def _spoken(path: str, track: Named, rate_hz: int, member: Interval) -> Iterator[Breach]:
    """Judge when the samples that are stored were spoken."""
    start, until = instant_of(track["stored_from"]), instant_of(track["stored_until"])
    first, samples = track["first_sample"], track["stored_samples"]
    if start < member.start:
        yield f"{path}.stored_from", "is before the permit names this party"
    if until > member.end:
        yield f"{path}.stored_until", "is after what is covered of this party"
    if track["origin_at"] is None:
        yield f"{path}.origin_at", "is not known: nobody can say when its samples were spoken"
    elif start != instant_of(track["origin_at"]) + first * MICROSECONDS // rate_hz:
        yield f"{path}.stored_from", "is not where its first sample lies"
    if until != min(start + samples * MICROSECONDS // rate_hz, member.end):
        yield f"{path}.stored_until", "is not where its last sample lies"


def _laid(path: str, track: Named, segment: Named) -> Iterator[Breach]:
    """Judge what of its file is stored, and where it lies in the segment."""
    first, rate_hz = track["first_sample"], segment["rate_hz"]
    behind = track["destroyed_samples"] - first
    if behind < 0:
        yield f"{path}.destroyed_samples", "are less than what lies before the first stored one"
    for name, cut in (("cut_before_ms", first), ("cut_after_ms", max(0, behind))):
        if track[name] != -(-cut * 1000 // rate_hz):
            yield f"{path}.{name}", f"is {track[name]}, and {cut} samples were cut"
    channel = track["channel"]
    if not 1 <= channel <= len(segment["channels"]) or segment["channels"][channel - 1] != track["party"]:
        yield f"{path}.channel", "is not this party's in its segment"
    lag = instant_of(segment["began_at"]) + track["offset"] * MICROSECONDS // rate_hz
    lag -= instant_of(track["stored_from"])
    # It is laid where it most likely was spoken, up to a frame after the earliest instant, and to the sample.
    if not -(MICROSECONDS // rate_hz) - 1 <= lag <= FRAME_MICROSECONDS:
        yield f"{path}.offset", f"lays it {lag / 1000:.1f} ms from where it was spoken"


def _segments(account: _Account) -> Iterator[Breach]:
    segments = account.manifest["segments"]
    yield from _once("segments", [one["segment"] for one in segments])
    for number, one in enumerate(segments):
        path = f"segments[{number}]"
        here = [track for track in account.manifest["tracks"] if track["segment"] == one["segment"]]
        ends = [track["offset"] + track["stored_samples"] for track in here if track["offset"] is not None]
        if one["object"] != names.segment_object(one["segment"]):
            yield f"{path}.object", "is not the name of this segment"
        if max(ends, default=0) != one["samples"]:
            yield f"{path}.samples", f"is {one['samples']}, and its tracks end at {max(ends, default=0)}"
        expected = sorted({OUTSIDE_PARTY, *(track["party"] for track in here)})
        if one["channels"] != expected or len(expected) > MAX_CHANNELS:
            yield f"{path}.channels", f"are {', '.join(one['channels'])}, and its tracks {', '.join(expected)}"


def _time(account: _Account) -> Iterator[Breach]:
    """Every microsecond of the call is stored or in a gap; of a call that only a script noted nothing is known."""
    if account.manifest["journal"] is None:
        return
    kept = [Interval(instant_of(one["stored_from"]), instant_of(one["stored_until"])) for one in account.stored]
    told: list[Interval] = []
    for number, one in enumerate(account.manifest["gaps"]):
        gap = Interval(instant_of(one["began_at"]), instant_of(one["ended_at"]))
        if gap.end <= gap.start:
            yield f"gaps[{number}].ended_at", "is not after its beginning"
        if told and told[-1].end == gap.start:
            gap = Interval(told.pop().start, gap.end)
        told.append(gap)
    holes = [Interval(one.start, one.end) for one in gp.gaps(account.began, account.ended, kept, ())]
    for missing in (one for one in holes if one not in told):
        stretch = f"{names.iso(missing.start)} to {names.iso(missing.end)}"
        yield "gaps", f"do not say why nothing is stored from {stretch}"
    for more in (one for one in told if one not in holes):
        stretch = f"{names.iso(more.start)} to {names.iso(more.end)}"
        yield "gaps", f"say that nothing is stored from {stretch}, which is not so"
