"""The manifest of a call: what was kept, what was destroyed, and why we were allowed to, in one JSON object.

It is made from the plan of a call (`shipment`) and nothing else; the rows of the database are made from it and
from nothing else, so the manifests in S3 can rebuild the database. `"format": 1`, canonical JSON (sorted keys,
no spaces, UTF-8). Instants are RFC 3339 in UTC with microseconds (`names.iso`), lengths are in samples at the
`rate_hz` of their segment, hashes are lower-case hex.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from . import coverage, names
from . import evidence as ev
from . import gaps as gp
from . import recording as rec
from .coverage import Member, Permitted
from .names import MICROSECONDS, Instant, RecordingId
from .policy import canonical
from .reasons import Reason
from .recording import Wav
from .shipment import Kept, Plan

FORMAT = 1
RECORDED, NOT_RECORDED = "recorded", "not_recorded"
GATE, FALLBACK = "gate", "fallback"


@dataclass(frozen=True, slots=True)
class Stored:
    """A segment's object as it will lie in S3; `name` is below the call's folder."""

    name: str
    sha256: str
    size: int


def build(made: Plan, folder: str, objects: Mapping[int, Stored]) -> dict[str, Any]:
    """Return the manifest of a planned call whose segments have become these objects (by segment number).

    folder: where in S3 the call's objects and this manifest lie; it stays true if the prefix is configured anew.
    """
    stored = [_interval(made, one, segment.rate_hz) for segment in made.segments for one in segment.kept]
    first = made.opened
    # The script's account knows no number: its keeper does.
    caller = next((one for one in made.entries if isinstance(one, ev.NumberSealed)), first)
    reasons = gp.reasons(made.entries, made.permits)
    gaps = gp.gaps(first.at, made.ended_at, stored, reasons)
    return {
        "format": FORMAT,
        "folder": folder,
        "call": {
            "recording": first.recording,
            "source": GATE if first.attested_by == GATE else FALLBACK,
            "attested_by": first.attested_by,
            "run": first.run,
            "node": first.node,
            "line": first.line,
            "mode": first.mode,
            "capture": first.capture,
            "direction": first.direction,
            "channel": first.channel,
            "began_at": names.iso(first.at),
            "ended_at": names.iso(made.ended_at),
            "outcome": RECORDED if stored else NOT_RECORDED,
            "reason": None if stored else _reason(made, gaps),
            "number": caller.number,
            "number_hash": caller.number_hash,
            "policy_sha256": first.policy_sha256,
            "software": first.software,
            "asterisk": first.asterisk,
        },
        "journal": {
            "lines": made.lines,
            "sha256": made.chain,
            "heartbeat_at": _iso(made.heartbeat_at),
            "taken_over": [
                {"run": one.run, "at": names.iso(one.at), "heartbeat_at": _iso(made.later.get(one.run))}
                for one in made.entries
                if isinstance(one, ev.TakenOver)
            ],
        },
        "parties": [
            {
                "party": one.party,
                "side": one.side,
                "channel": one.channel,
                "endpoint": one.endpoint,
                "contract": one.contract,
                "entered_at": names.iso(one.at),
                "recording": coverage.elsewhere(one),
            }
            for one in coverage.parties_of(made.entries).values()
        ],
        "notices": [_notice(number, one) for number, one in enumerate(coverage.notices_of(made.entries), start=1)],
        "objections": [
            {"party": party, "at": names.iso(at)} for party, at in coverage.objections_of(made.entries).items()
        ],
        "choices": [
            {"at": names.iso(one.at), "party": one.party or None, "choice": one.choice, "key": one.key or None}
            | {"language": one.language or None, "cause": one.why or None, "by": one.by or None}
            for one in made.entries
            if isinstance(one, ev.Chose)
        ],
        "permits": [_permit(one) for one in made.permits.values()],
        "segments": _segment_rows(made, objects),
        "tracks": [_track(made, *one) for one in made.cuts],
        "gaps": [
            {"began_at": names.iso(gap.start), "ended_at": names.iso(gap.end), "reason": gap.reason} for gap in gaps
        ],
        "foreign_captures": [
            {"party": one.party, "at": names.iso(one.at)} for one in made.entries if isinstance(one, ev.ForeignCapture)
        ],
    }


def _iso(at: Instant | None) -> str | None:
    return None if at is None else names.iso(at)


def _interval(made: Plan, kept: Kept, rate_hz: int) -> rec.Interval:
    """Return when what is kept was spoken: a file that is longer than its time says nothing after its cover."""
    until = made.permits[kept.track.permit].members[kept.track.party].until
    end = kept.cut.at + kept.samples * MICROSECONDS // rate_hz
    return rec.Interval(kept.cut.at, Instant(min(end, until)))


def _reason(made: Plan, gaps: Iterable[gp.Gap]) -> Reason:
    """Say why nothing of the call is stored."""
    captured = any(wav is not None and wav.samples for _, _, wav in made.cuts)
    seen = any(one.known is not None and one.known > one.granted_at for one in made.permits.values())
    return gp.most_telling(made.entries, gaps, unwatched=captured and not seen)


def _notice(number: int, entry: ev.NoticePlayed | ev.NoticeFailed) -> dict[str, Any]:
    common = {"notice": number, "party": entry.party, "announcement": entry.announcement}
    if isinstance(entry, ev.NoticeFailed):
        return {**common, "failed_at": names.iso(entry.at), "reason": entry.reason}
    return {
        **common,
        "language": entry.language,
        "text": entry.text or None,
        "sha256": entry.sha256,
        "duration_ms": entry.duration_ms,
        "spoken_end_ms": entry.spoken_end_ms,
        "playback": entry.playback,
        "began_at": names.iso(entry.began_at),
        "completed_at": names.iso(entry.at),
        "packets_expected": entry.packets_expected,
        "packets_sent": entry.packets_sent,
    }


def _permit(permit: Permitted) -> dict[str, Any]:
    revoked = permit.revoked
    return {
        "permit": permit.number,
        "granted_at": names.iso(permit.granted_at),
        "revoked_at": names.iso(revoked.at) if revoked else None,
        "reason": revoked.reason if revoked else None,
        "covered_until": names.iso(permit.until),
        "parties": [_member(one) for one in permit.members.values()],
    }


def _member(member: Member) -> dict[str, Any]:
    return {
        "party": member.party,
        "since": names.iso(member.since),
        "notice": member.notice,
        "told_at": _iso(member.told_at),
        "left_at": _iso(member.left_at),
        "covered_until": names.iso(member.until),
    }


def _segment_rows(made: Plan, objects: Mapping[int, Stored]) -> list[dict[str, Any]]:
    return [
        {
            "segment": segment.number,
            "object": objects[segment.number].name,
            "sha256": objects[segment.number].sha256,
            "bytes": objects[segment.number].size,
            "rate_hz": segment.rate_hz,
            "samples": segment.samples,
            "began_at": names.iso(segment.at),
            "channels": list(segment.parties),
        }
        for segment in made.segments
    ]


def _track_ended_at(track: rec.Track, wav: Wav | None) -> Instant | None:
    """Return when a track ended; of one that nobody closed, when its gate says so: what Asterisk held is missing."""
    if track.ended is None or wav is None or wav.truncated:
        return track.ended
    return rec.end_of(track, wav)


def _track(made: Plan, track: rec.Track, cut: rec.Cut, wav: Wav | None) -> dict[str, Any]:
    kept = [
        (one, segment.rate_hz)
        for segment in made.segments
        for one in segment.kept
        if (one.track.segment, one.track.party) == (track.segment, track.party)
    ]
    stored: dict[str, Any] = {"channel": None, "offset": None, "stored_from": None, "stored_until": None}
    for one, rate_hz in kept:
        interval = _interval(made, one, rate_hz)
        stored = {
            "channel": one.channel,
            "offset": one.offset,
            "stored_from": names.iso(interval.start),
            "stored_until": names.iso(interval.end),
        }
    return {
        "segment": track.segment,
        "party": track.party,
        "permit": track.permit,
        "file": wav is not None,
        "origin_at": _iso(track.origin),
        "ended_at": _iso(_track_ended_at(track, wav)),
        "first_sample": cut.first,
        "stored_samples": cut.last - cut.first,
        "destroyed_samples": cut.destroyed,
        **_let_in(track, cut, wav),
        "short_ms": cut.short_microseconds // 1000,
        "long_ms": cut.long_microseconds // 1000,
        **_truncated(made, track, wav),
        "ambiguous": track.ambiguous,
        **stored,
    }


def _let_in(track: rec.Track, cut: rec.Cut, wav: Wav | None) -> dict[str, int | None]:
    """Say how much of the file lay before and after what is covered: what late events had let in, and is destroyed.

    Of a file without a measured beginning nobody can say it.
    """
    if wav is None or track.origin is None:
        return dict.fromkeys(("cut_before_ms", "cut_after_ms"), 0 if wav is None else None)
    return {
        "cut_before_ms": -(-cut.first * 1000 // wav.rate_hz),
        "cut_after_ms": -(-(wav.samples - cut.last) * 1000 // wav.rate_hz),
    }


def _truncated(made: Plan, track: rec.Track, wav: Wav | None) -> dict[str, bool | int | None]:
    """Say whether the file ends where its writer died, and how much of what was covered may be missing there."""
    member = made.permits[track.permit].members[track.party]
    missing = None if wav is None else rec.missing_microseconds(track, rec.Interval(member.since, member.until), wav)
    return {"truncated": missing is not None, "missing_ms": None if missing is None else -(-missing // 1000)}


@dataclass(frozen=True, slots=True)
class Fallback:
    """A call that an AGI script had to let pass because the gate was away or silent."""

    recording: RecordingId
    node: str
    line: str
    channel: str
    at: Instant
    ended_at: Instant
    reason: Reason


def build_fallback(fallback: Fallback, folder: str) -> dict[str, Any]:
    """Return the manifest of a call of which nothing but its passing is known."""
    unknown = dict.fromkeys(
        (
            "attested_by", "run", "mode", "capture", "direction", "number", "number_hash", "policy_sha256", "software",
            "asterisk",
        ),
    )  # fmt: skip
    return {
        "format": FORMAT,
        "folder": folder,
        "call": {
            **unknown,
            "recording": fallback.recording,
            "source": FALLBACK,
            "node": fallback.node,
            "line": fallback.line,
            "channel": fallback.channel,
            "began_at": names.iso(fallback.at),
            "ended_at": names.iso(fallback.ended_at),
            "outcome": NOT_RECORDED,
            "reason": fallback.reason,
        },
        "journal": None,
        **{part: [] for part in _PARTS},
    }


_PARTS = ("parties", "notices", "objections", "choices", "permits", "segments", "tracks", "gaps", "foreign_captures")


def is_note(call: Mapping[str, Any]) -> bool:
    """Tell whether a manifest's call is a script's bare note, which gives way to every account with evidence."""
    return call["source"] == FALLBACK and call.get("attested_by") is None


def to_json(manifest: Mapping[str, Any]) -> tuple[bytes, str]:
    """Return the manifest's bytes, always the same for the same manifest, and their SHA-256."""
    text = canonical(manifest)
    return text, hashlib.sha256(text).hexdigest()
