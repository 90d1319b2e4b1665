"""One sealed call on its way out: decide, store, prove, note, and only then let go of the local audio.

    decide    read journal, heartbeats and files; write the objects locally; keep the manifest in the call's folder
    sign      the manifest, by the site's key
    store     each segment's object, the manifest, its signature: PUT with checksum, HEAD for what is there now
    note      all rows in one transaction
    note it   in the day's ledger, from which its anchor is made
    let lie   as long as the site says, then prove once more what S3 holds (`safekeeping`)
    lock      each object in S3, as long as the line's class says
    finish    sealed/ → shipped/ by one rename
    destroy   the local audio, with what was not covered

Killed between any two of them, the next start does the call again from its decision and ends in the same
state. The decision is kept before anything leaves the machine, because heartbeats go on after it.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Any

from ari_app import safekeeping
from ari_app.adapters import audio
from ari_app.adapters.attested import Attested
from ari_app.adapters.heartbeats import Heartbeats
from ari_app.adapters.spool import Spool, read_incident
from ari_app.anchoring import Anchoring
from ari_app.core import evidence as ev
from ari_app.core import manifest as mf
from ari_app.core import names, shipment
from ari_app.core import recording as rec
from ari_app.core.evidence import ContradictionError
from ari_app.core.incident import Incident
from ari_app.core.manifest import Stored
from ari_app.core.names import ChannelId, Instant, PartyId, RecordingId
from ari_app.core.recording import Wav
from ari_app.core.shipment import Segment, TrackKey
from ari_app.layout import MANIFEST, SIGNATURE
from ari_app.ports import Database, Found, ObjectStore
from ari_app.safekeeping import Safekeeping, measure
from ari_app.signing import Signer

HEARTBEAT_PATIENCE = Instant(5 * names.MICROSECONDS)
"""How long a sealed call waits for the heartbeat after its end: lines are at most a second apart, so a gate
that wrote none for so long has died. What it did not live to see is not covered."""

EMPTY_PATIENCE = Instant(60 * names.MICROSECONDS)
"""After so long an empty file counts as closed: there is no more sound, and nobody saw what a dead gate's files did."""
LOST_MICROSECONDS = 60 * names.MICROSECONDS

_UNREADABLE = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError)
"""What the pure core raises on evidence of another shape than the gate's: a person must look at it."""


class Wait(StrEnum):
    """Why a call cannot be shipped yet; each ends by itself."""

    DISCARD_WINDOW = "discard_window"
    AUDIO_OPEN = "audio_open"
    HEARTBEAT = "heartbeat"
    STORED = "stored"


@dataclass(frozen=True, slots=True)
class Waiting:
    """Not now; `until` is when it is worth asking again."""

    why: Wait
    until: Instant


@dataclass(frozen=True, slots=True)
class Shipped:
    """Stored and proved. For the log: no numbers, no names."""

    outcome: str
    reason: str | None
    segments: int
    stored_samples: int
    destroyed_samples: int


class UnshippableError(Exception):
    """The call's evidence or audio is damaged or contradicts itself: quarantine, never ship."""


@dataclass(slots=True)
class Shipping:
    """The steps, with everything they need of the outside."""

    spool: Spool
    heartbeats: Heartbeats
    attested: Attested
    store: ObjectStore
    database: Database
    prefix: str
    discard_window_seconds: Callable[[str], int]
    node: str = ""
    signer: Signer | None = None
    keeping: Safekeeping = field(init=False)
    _seen: dict[RecordingId, Instant] = field(default_factory=dict)
    _anchors: Anchoring = field(init=False)

    def __post_init__(self) -> None:
        self.keeping = Safekeeping(self.store)
        layout = self.spool.layout
        # A call whose sound is still kept here is stored and not finished.
        self._anchors = Anchoring(layout.anchors, (layout.shipped, layout.sealed))

    def ship(self, recording: RecordingId, now: Instant) -> Shipped | Waiting:
        """Do all steps of a sealed call that are not done yet.

        Raises UnshippableError (quarantine it), ConflictError (keep it, tell a person), StoppedError, OSError.
        """
        text = self.spool.decided(recording)
        if text is None:
            if (waiting := self._decide(recording, now)) is not None:
                return waiting
            text = self.spool.decided(recording) or b""
        manifest = json.loads(text)
        if not self._superseded(manifest):
            # Once, for the terms may be others in a moment: what is not proved now is proved before its audio goes.
            later = self.keeping.lies(sound=bool(manifest["segments"]))
            if safekeeping.stored_at(self.spool.layout.sealed / recording, now) is None:
                self._store(recording, manifest, text, later=later)
                if self.signer is not None:
                    key, digest = f"{manifest['folder']}/{MANIFEST}", hashlib.sha256(text).hexdigest()
                    self._anchors.note(key, digest, now)
            waiting = self._keep_safe(recording, manifest, text, now, later=later)
            if waiting is not None:
                return waiting
        self.spool.finish(recording)
        self.spool.delete_audio(recording)
        self._seen.pop(recording, None)
        tracks = manifest["tracks"]
        return Shipped(
            outcome=manifest["call"]["outcome"],
            reason=manifest["call"]["reason"],
            segments=len(manifest["segments"]),
            stored_samples=sum(track["stored_samples"] for track in tracks),
            destroyed_samples=sum(track["destroyed_samples"] for track in tracks),
        )

    def adopt(self, file: Path, fallback: mf.Fallback) -> None:
        """Make a sealed call of what an AGI script noted. Raises SpoolError if its id is taken."""
        folder = names.object_folder(self.prefix, fallback.recording, fallback.at)
        text, _ = mf.to_json(mf.build_fallback(fallback, folder))
        self.spool.adopt_fallback(file, fallback.recording, text)

    def adopt_attested(self, fallback: mf.Fallback, note: Path, now: Instant) -> bool | None:
        """Make a sealed call of what an AGI script attested on the channel of its note, if it attested anything.

        Returns whether it did: then the note says nothing more. None: that must wait, for its keeper may still have
        something to say. It writes down what it has heard before it says up to when it has heard everything, so that
        is awaited, and read first.
        """
        found = self.attested.of(ChannelId(fallback.channel))
        if found is None:
            return False
        opened = found.opened
        if found.kept and not found.done and opened is not None and not self.heartbeats.superseded(opened.run):
            last = self.heartbeats.last(opened.run)
            seen = self._seen.setdefault(opened.recording, now)
            if not (found.ended and last is not None and last >= found.ended) and now - seen < HEARTBEAT_PATIENCE:
                return None
        return self.attested.adopt(found, fallback.ended_at, note)

    def adopt_orphans(self, now: Instant) -> None:
        """Adopt what was attested in an Asterisk that is gone: it has told nobody of a hang-up."""
        for found in self.attested.all():
            opened = found.opened
            if opened is not None and (found.done or self._gone(opened, now)):
                self.attested.adopt(found, self.heartbeats.last(opened.run) or opened.at)

    def _gone(self, opened: ev.Opened, now: Instant) -> bool:
        # Of its keeper a script has read a heartbeat before: if there is none, a power cut took it, and Asterisk.
        lost = self.heartbeats.last(opened.run) is None and now - opened.at > LOST_MICROSECONDS
        return lost or self.heartbeats.asterisk_gone(opened.run, opened.at)

    def take_incident(self, file: Path, now: Instant) -> Incident:
        """Store what the guard noted, as an object and as rows, and put the file where the stored ones are.

        Raises ValueError (quarantine it), ConflictError (keep it, tell a person), StoppedError, OSError.
        """
        incident, content = read_incident(file)
        key = incident.object_name(self.prefix)
        wanted = Found(len(content), hashlib.sha256(content).hexdigest())
        self.keeping.put(key, file, wanted, "application/json")
        self.database.store_incident(incident.content, key, wanted.sha256)
        self.keeping.lock_evidence([key], incident.at, now)
        self.spool.finish_incident(file)
        return incident

    def anchor(self, now: Instant) -> Iterator[str]:
        """Make, sign and store the anchor of each day that is over; yield each that is stored and proved.

        Raises ConflictError (keep it, tell a person), StoppedError, OSError.
        """
        if self.signer is not None:
            yield from self._anchors.store(self.keeping, self.signer, self.node, self.prefix, now)

    def _superseded(self, manifest: Mapping[str, Any]) -> bool:
        """Tell whether the gate's own account of this channel, or an earlier script's, is there already."""
        call = manifest["call"]
        if not mf.is_note(call) or not self.database.has_call(call["node"], call["channel"]):
            return False
        # Our own rows, of a ship that was killed just after, supersede nothing: the day's ledger must name it too.
        return not self.database.known({f"{manifest['folder']}/{MANIFEST}"})

    # -- decide

    def _decide(self, recording: RecordingId, now: Instant) -> Waiting | None:
        try:
            entries, chain = ev.read(self.spool.journal(recording))
            opened = shipment.opened(entries, recording)
            if (waiting := self._too_early(recording, entries, opened, now)) is not None:
                return waiting
            wavs, still_open = self._captured(recording, entries, opened.run, now)
            heard = partial(self.heartbeats.last, since=Instant(min(entry.at for entry in entries)))
            later = {by: at for _, by in shipment.told_by(entries) if by and (at := heard(by)) is not None}
            stood_still = [one for run in {opened.run, *later} for one in self.heartbeats.stood_still(run)]
            if still_open:
                return Waiting(Wait.AUDIO_OPEN, Instant(now + names.MICROSECONDS))
            made = shipment.plan(entries, chain, recording, heard(opened.run), wavs, later, stood_still)
            folder = names.object_folder(self.prefix, recording, opened.at)
            objects = {segment.number: self._encode(recording, segment) for segment in made.segments}
            text, _ = mf.to_json(mf.build(made, folder, objects))
        except _UNREADABLE as damage:
            raise UnshippableError(str(damage) or type(damage).__name__) from damage
        self.spool.decide(recording, text)
        return None

    def _too_early(
        self, recording: RecordingId, entries: list[ev.Entry], opened: ev.Opened, now: Instant
    ) -> Waiting | None:
        window = self.discard_window_seconds(opened.line) * names.MICROSECONDS
        due = Instant(shipment.ended_at(entries) + window)
        if now < due:
            return Waiting(Wait.DISCARD_WINDOW, due)
        awaited = shipment.awaited(entries).items()
        if all(self._heard_all(run or opened.run, until) for run, until in awaited):
            return None
        seen = self._seen.setdefault(recording, now)
        return Waiting(Wait.HEARTBEAT, now) if now - seen < HEARTBEAT_PATIENCE else None

    def _heard_all(self, run: str, until: Instant) -> bool:
        """Tell whether no heartbeat that this run may still write can add anything."""
        last = self.heartbeats.last(run)
        return (last is not None and last >= until) or self.heartbeats.superseded(run)

    def _captured(
        self, recording: RecordingId, entries: list[ev.Entry], run: str, now: Instant
    ) -> tuple[dict[TrackKey, Wav], bool]:
        """Return the files that exist, and whether one of them may still be written to."""
        wavs: dict[TrackKey, Wav] = {}
        still_open, over = False, shipment.ended_at(entries)
        requested = {
            (entry.segment, entry.party): (by or run, entry.at)
            for entry, by in shipment.told_by(entries)
            if isinstance(entry, ev.CaptureRequested)
        }
        for track in rec.tracks(entries):
            key = (track.segment, track.party)
            if (found := audio.inspect(self._wav(recording, track.segment, track.party))) is None:
                continue
            gone = self.heartbeats.asterisk_gone(*requested[key])
            empty = not found.wav.samples and now - max(over, found.wav.latest) >= EMPTY_PATIENCE
            still_open |= not (track.closed or found.closed_by_header or gone or empty)
            wavs[key] = found.left(by_a_killed_one=gone and not track.stopped)
        return wavs, still_open

    def _wav(self, recording: RecordingId, segment: int, party: str) -> Path:
        # The name is made anew, not taken from the journal, and read back: no path can come in by it.
        name = names.track_file(segment, PartyId(party))
        if names.parse_track_file(name) != (segment, party):
            raise ContradictionError("a track's segment or party has no file name")
        return self.spool.layout.audio_of(recording) / name

    def _encode(self, recording: RecordingId, segment: Segment) -> Stored:
        lanes: list[audio.Lane | None] = [None] * len(segment.parties)
        for kept in segment.kept:
            file = self._wav(recording, segment.number, kept.track.party)
            lanes[kept.channel - 1] = audio.Lane(file, kept.cut.first, kept.cut.last, kept.offset)
        name = names.segment_object(segment.number)
        # In a folder of our own: into audio/ Asterisk may write as well, and the guard watches who does.
        target = self.spool.layout.sealed / recording / name
        audio.write_flac(target, segment.rate_hz, segment.samples, lanes)
        found = measure(target)
        return Stored(name, found.sha256, found.size)

    # -- store, note

    def _store(self, recording: RecordingId, manifest: Mapping[str, Any], text: bytes, *, later: bool) -> None:
        folder = manifest["folder"]
        for segment in manifest["segments"]:
            file = self.spool.layout.sealed / recording / segment["object"]
            wanted = Found(segment["bytes"], segment["sha256"])
            try:
                intact = measure(file) == wanted
            except FileNotFoundError:
                intact = False
            if not intact:
                raise UnshippableError(f"{segment['object']} changed on disk after its hash was decided")
            self.keeping.put(f"{folder}/{segment['object']}", file, wanted, "audio/flac", later=later)
        key = f"{folder}/{MANIFEST}"
        wanted = Found(len(text), hashlib.sha256(text).hexdigest())
        file = self.spool.layout.sealed / recording / MANIFEST
        self.keeping.put(key, file, wanted, "application/json", later=later)
        # Before its rows: whatever a person finds in the database can be proved.
        self._sign(recording, folder, text, later=later)
        self.database.store(manifest, key, wanted.sha256)

    def _sign(self, recording: RecordingId, folder: str, text: bytes, *, later: bool) -> None:
        signed = self.spool.signed(recording)
        if signed is None and self.signer is not None:
            signed = self.signer.sign(text)
            self.spool.sign(recording, signed)
        if signed is not None:
            wanted = Found(len(signed), hashlib.sha256(signed).hexdigest())
            file = self.spool.layout.sealed / recording / SIGNATURE
            self.keeping.put(f"{folder}/{SIGNATURE}", file, wanted, "application/json", later=later)

    def _keep_safe(
        self, recording: RecordingId, manifest: Mapping[str, Any], text: bytes, now: Instant, *, later: bool
    ) -> Waiting | None:
        """Lock and let lie what is stored; tell how long its audio must stay here."""
        call = manifest["call"]
        wanted = safekeeping.objects_of(manifest, text, self.spool.signed(recording))
        locked_until = self.keeping.terms.locking.until(call["line"], names.instant_of(call["ended_at"]))
        sealed = self.spool.layout.sealed / recording
        until = self.keeping.settle(sealed, wanted, locked_until, now, later=later)
        return None if until is None else Waiting(Wait.STORED, until)
