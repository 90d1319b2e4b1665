"""What is stored: whose voice, spoken when, and whether it may be there; and nothing that is covered is missing."""

from pathlib import Path
from typing import Final

import numpy as np
import soundfile
from canary import Match, unexplained
from numpy.typing import NDArray
from telephone import FRAME_SAMPLES, Instant
from telephone.mulaw import RATE, Pcm

from ari_app.core.names import instant_of

from .agreement import EDGE_MS, FRAME_MS
from .case import FRAME_US, LATE_US, Case, behind_ms, distance
from .evidence import Evidence
from .unrecorded import sound_files

EDGE_US: Final = round(EDGE_MS * 1000)
LEAST_SAMPLES: Final = 16
UNWRITTEN_MS: Final = 2150
"""Asterisk writes sound in pieces of 32 KiB, so that much of it at 8 kHz, and what it has in its hands."""


def judge_recording(case: Case, found: Evidence) -> None:
    """Judge every channel of every object of one recording."""
    owner = case.by_uniqueid.get(found.call["channel"])
    if owner is None or case.legs[owner].staff:
        if found.recorded:
            case.fault(f"recording {found.recording} belongs to no outside party of this stage")
        return
    case.verdict.destroyed_ms += sum(one["destroyed_samples"] for one in found.manifest["tracks"]) * 1000 / RATE
    for segment in found.manifest["segments"]:
        case.verdict.stored_ms += segment["samples"] * 1000 / segment["rate_hz"]
        for number, party in enumerate(segment["channels"], start=1):
            _channel(case, found, owner, party, segment["segment"], found.channel(number, segment["segment"]))


def _channel(case: Case, found: Evidence, owner: str, party: str, segment: int, stored: Pcm) -> None:
    where = f"segment {segment}, {party} of the recording of {owner}"
    (entered,) = [one for one in found.manifest["parties"] if one["party"] == party]
    speaker = case.by_uniqueid.get(entered["channel"])
    matches = case.voices.attribute(stored)
    # A frame that begins or ends at a border leaves a few samples, too few to name anybody.
    if rest := [one for one in unexplained(stored, matches) if one.end - one.start >= LEAST_SAMPLES]:
        ms = sum(one.ms for one in rest)
        case.secret(f"{where}: {ms:.1f} ms that nobody said, the first at sample {rest[0].start}")
    if speaker is None:
        if matches:
            case.secret(f"{where}: its channel is nobody's of this stage, and holds {sorted(matches)}")
        return
    if party == "p01" and speaker != owner:
        case.secret(f"{where}: p01 is {speaker}")
    if not case.legs[speaker].staff and speaker != owner:
        case.secret(f"{where}: an outside party's track in another's recording")
    if case.legs[speaker].endpoint and case.legs[speaker].endpoint != entered["endpoint"]:
        case.fault(f"{where}: the endpoint is {entered['endpoint']}")
    for name, match in matches.items():
        if name != speaker:
            case.secret(f"{where}: {match.matched / 8:.1f} ms of the voice of {name}")
        _spoken(case, where, owner, name, match)
    if speaker in matches:
        _covered(case, where, found, party, segment, speaker, matches[speaker])


def _spoken(case: Case, where: str, owner: str, title: str, match: Match) -> None:
    """Judge every sample by the moment at which it was spoken."""
    arrivals = case.arrivals(title)
    samples = _there(case, title, match)
    case.kept[title] |= samples.reshape(-1)
    counts = samples.sum(axis=1)
    frames = np.flatnonzero(counts)
    at, until, allowed = arrivals[frames], case.kept_until(title)[frames], case.rooms.allowed(owner, title)
    alone = _only_alone(case, owner, title, at, until)
    outside = distance(at, at, allowed)
    wrong = (outside > FRAME_US) & ~(alone & (distance(at, until, allowed) <= LATE_US))
    case.verdict.edge_ms = max(case.verdict.edge_ms, float(outside[~wrong].max(initial=0)) / 1000)
    if wrong.any():
        ms = float(counts[frames[wrong]].sum()) * 1000 / RATE
        case.verdict.forbidden_ms += ms
        first = int(arrivals[frames[wrong][0]])
        case.secret(
            f"{where}: {ms:.1f} ms of {title} that must not be stored, up to {outside.max() / 1000:.1f} ms off, "
            f"the first spoken {_told_text(case, title, first)}; {_why(case, owner, first)}"
        )


def _there(case: Case, title: str, match: Match) -> NDArray[np.bool_]:
    """Of each packet of a voice, which of its samples are stored: only where they are words that name a moment.

    What was passed on counts as silence, and so does what a recording is filled up with: the one matches the other,
    and told of words from before a permit that nobody had said.
    """
    samples = np.zeros(len(case.legs[title].call.sent), dtype=bool)
    for span in match.spans:
        samples[span.sent_start : span.sent_end] = True
    there: NDArray[np.bool_] = samples.reshape(-1, FRAME_SAMPLES) & case.worded[title][:, np.newaxis]
    return there


def _only_alone(
    case: Case, owner: str, title: str, at: NDArray[np.int64], until: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Of each packet, whether nothing else was wrong than that they were not together yet: all were told.

    The monitor looks at the bridge when it takes a packet, and not when the packet comes (`pairing`). To whoever is
    untold, or on hold, within a frame of any moment in between, that grants nothing.
    """
    told = at if case.legs[title].staff else np.full(len(at), case.told[title] or 2**62, dtype=np.int64)
    alone: NDArray[np.bool_] = at >= told
    for begin, end, _ in case.rooms.bad.get(owner, []):
        alone &= (until < begin - FRAME_US) | (at >= end + FRAME_US)
    return alone


def _told_text(case: Case, title: str, at: Instant) -> str:
    told = case.told[title]
    if case.legs[title].staff:
        return f"at {at}"
    return "by somebody who was never told" if told is None else f"{(at - told) / 1e6:.3f} s after they were told"


def _why(case: Case, owner: str, at: Instant) -> str:
    bad = [
        f"{why} ({(at - begin) / 1000:.0f} ms into it)"
        for begin, end, why in case.rooms.bad.get(owner, [])
        if begin <= at < end
    ]
    return f"the room of {owner} then: {bad or 'not together'}"


def _covered(case: Case, where: str, found: Evidence, party: str, segment: int, title: str, match: Match) -> None:
    """Of what evidence covers, nothing is missing, and nothing had reached Asterisk before it begins.

    A file's first packet may be older than its origin says, by what it was kept back before the bridge; but no monitor
    begins before its permit is durable, and none with anything in its hands (`pairing`):
    of 758 tracks the first stored packet came 2.5 ms after the permit at the soonest.
    """
    track = found.track(party, segment)
    covered = found.intervals.get((track["permit"], party))
    if covered is None or track["origin_at"] is None:
        return
    arrivals = case.arrivals(title)
    begin, end = max(covered[0], instant_of(track["origin_at"])), covered[1]
    if case.stage.acted_at is not None and track["ended_at"] is not None:
        # A heartbeat that is late makes the guard end what runs; what is covered behind that is a gap with its reason.
        end = min(end, instant_of(track["ended_at"]))
    behind = behind_ms(match, case.legs[title].call.sent.spoken_at)
    case.behind[title].append(((begin, end), behind))
    wanted = case.own[title] & (arrivals >= begin + EDGE_US) & (arrivals < end - EDGE_US)
    there = _there(case, title, match)
    early = there[arrivals < covered[0]]
    if early.any():
        ahead = (covered[0] - int(arrivals[there.any(axis=1)][0])) / 1000
        case.secret(
            f"{where}: {early.sum() / 8:.1f} ms of {title} from up to {ahead:.1f} ms before the permit covers them"
        )
    missing = wanted & ~there.all(axis=1) & ~case.thrown_away(title)
    # A file that is shorter than its time is cut from the end: what can only be too late is left away.
    ms = float(missing.sum() * FRAME_MS)
    # What an Asterisk that was killed had not written is lost, and said to be.
    unwritten_ms = track.get("missing_ms") or 0
    # It throws away what came while it stood still, or fills in silence for it: nobody can say where in the file.
    unplaced_ms = case.stage.still_us / 1000
    if unwritten_ms > UNWRITTEN_MS:
        case.fault(f"{where}: {unwritten_ms} ms are said not to have been written, which is more than it holds back")
    if ms > track["short_ms"] + behind + unwritten_ms + unplaced_ms:
        at = (int(arrivals[missing][0]) - begin) / 1000
        # By that a packet is told that the telephone itself sent too late, on a machine that is too busy.
        first = int(np.flatnonzero(missing)[0])
        apart_ms = np.diff(arrivals[max(0, first - 2) : first + 3]) // 1000
        case.verdict.missing_ms += ms
        case.fault(
            f"{where}: {ms:.1f} ms of {title} are missing though covered, the first {at:.0f} ms in; "
            f"the track was up to {behind:.1f} ms behind; packets around it came {apart_ms.tolist()} ms apart"
        )


def judge_leftovers(case: Case) -> None:
    """No sound file holds anybody's voice: what is covered is in S3, what is not is destroyed."""
    for file in sound_files(case.stage.hospital.world):
        samples, _ = soundfile.read(file, dtype="int16", always_2d=True)
        for channel in samples.T:
            if speakers := case.voices.speakers(np.ascontiguousarray(channel)):
                case.secret(f"{file} holds the voice of {speakers}")
    if case.stage.messages is not None:
        _messages(case, case.stage.messages)


def _messages(case: Case, folder: Path) -> None:
    """A voice message holds one caller, from after they were told on; the file is taken away."""
    files = [file for file in folder.rglob("*.[wW][aA][vV]") if file.is_file()]
    if len(files) != 1:
        case.fault(f"{len(files)} voice messages")
    for file in files:
        samples, _ = soundfile.read(file, dtype="int16")
        for title, match in case.voices.attribute(samples).items():
            first = case.legs[title].call.sent_at(match.spans[0].sent_start)
            told = case.told[title]
            if told is None or first < told - FRAME_US:
                case.secret(f"a voice message of {title} from before they were told")
        for one in file.parent.glob(f"{file.stem}.*"):
            one.unlink()
