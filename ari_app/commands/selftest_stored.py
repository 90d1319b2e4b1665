"""The second half of a self-test: did ship store the recording, is it whole, and can it be taken away again?"""

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from ari_app.adapters import s3
from ari_app.adapters.s3_bucket import S3Bucket
from ari_app.adapters.s3_client import access_of
from ari_app.config import Config
from ari_app.core import self_test
from ari_app.core.names import RecordingId, UnsafeNameError, recording_id
from ari_app.core.policy import Line
from ari_app.doctor.catalogue import Found, Grade
from ari_app.errors import NotThereError
from ari_app.inspection import Inspection, places
from ari_app.layout import Layout
from ari_app.safekeeping import STORED
from ari_app.signing import Keyring, Signer

from . import listening

LOOK_SECONDS: Final = 0.25
VERSIONS: Final = 100
MOST_EARLIER: Final = 14
"""So many tests of a line are looked at again; what is locked for years is not asked for every day."""


def keyring(settings: Config) -> Keyring:
    """Return the public keys that are believed here."""
    signing = settings.signing
    current = [Signer.from_text(signing.key.reveal()).public_key] if signing.key else []
    return Keyring([*signing.public_keys, *current])


@dataclass(slots=True)
class Stored:
    """What becomes of a self-test's recording after its call. seconds: so long ship may take."""

    settings: Config
    line: Line
    seconds: float
    say: Callable[[str], None]
    gone: bool = False
    """Whether the sound was taken away."""

    @property
    def _subject(self) -> str:
        return f"line {self.line.name}"

    def shipped(self, recording: RecordingId) -> Found:
        """Wait until ship has stored it."""
        layout = Layout(self.settings.spool.path)
        window = self.line.discard_window_seconds
        if window > self.seconds:
            seen = f"waits {window} s in the spool, as discard_window_seconds has it"
            why = "so long a call can be discarded, and nothing of it is stored; the rest is not tested"
            return Found("selftest-shipped", self._subject, seen, Grade.UNKNOWN, why, f"consentgate verify {recording}")
        self.say("waiting for ship")
        began = time.monotonic()
        while time.monotonic() - began < self.seconds + window:
            if (layout.shipped / recording).is_dir() or (layout.sealed / recording / STORED).exists():
                seen = f"stored {time.monotonic() - began:.1f} s after the call"
                return Found("selftest-shipped", self._subject, seen)
            time.sleep(LOOK_SECONDS)
        where = "in calls/" if layout.journal_of(recording).exists() else "in sealed/"
        seen = f"not stored within {self.seconds + window:.0f} s: it waits {where}{self._reason(layout, recording)}"
        why = "recordings of patients wait as well; none is lost while the spool has room"
        mend = f"consentgate spool show {recording}; consentgate check for S3 and PostgreSQL; is ship running?"
        return Found("selftest-shipped", self._subject, seen, Grade.WRONG, why, mend)

    @staticmethod
    def _reason(layout: Layout, recording: RecordingId) -> str:
        try:
            said = json.loads(layout.waiting.read_text(encoding="utf-8"))["attempts"]
            about = said.get(recording) or next(iter(said.values()))
            return f" ({str(about['why'])[:200]})"
        except (OSError, ValueError, LookupError, TypeError, AttributeError, StopIteration):
            return ""

    def verified(self, recording: RecordingId) -> Found:
        """Fetch all of it, prove it as `verify` does, and listen to it. Raises UnreachableError."""
        self.say("verifying what is stored")
        inspection = Inspection(s3.configured(self.settings.s3), keyring(self.settings), self.settings.s3.prefix)
        folder, keys = _folder(inspection, recording)
        judged = inspection.verdict(folder, keys)
        faults = [str(one) for one in judged.faults if self.settings.signing.key or not one.object.endswith(".sig")]
        if faults or judged.manifest is None:
            return self._bad(f"is not whole: {'; '.join(faults)[:300] or 'it has no manifest'}")
        if not self_test.is_one(judged.manifest["parties"]):
            return self._bad("is not marked as a self-test: its caller is somebody else")
        sounds = [f"{folder}/{one['object']}" for one in judged.manifest["segments"]]
        seconds = sum(one["samples"] / one["rate_hz"] for one in judged.manifest["segments"])
        if not sounds:
            return self._bad("holds no sound: nothing was captured in the conversation")
        for key in sounds:
            if not any(listening.heard(inspection, key) or ()):
                return self._bad(f"is silent, and its caller was not: {key.rpartition('/')[2]}")
        seen = f"{seconds:.1f} s, signed, whole, within its permits, and not silent"
        return Found("selftest-verified", self._subject, seen)

    def _bad(self, what: str) -> Found:
        why = "what is stored of patients' calls may be the same"
        mend = "consentgate verify --help; see the logs of gate and ship for this recording"
        return Found("selftest-verified", self._subject, f"the recording {what}", Grade.WRONG, why, mend)

    def removed(self, recording: RecordingId) -> Found:
        """Take the sound away; manifest and signature stay, as evidence of the test. Raises UnreachableError."""
        name = "selftest-removed"
        if not (Layout(self.settings.spool.path).shipped / recording).is_dir():
            seconds = self.settings.s3.keep_audio_seconds
            seen = f"stays while ship keeps the audio ({seconds} s), marked as a self-test; the next test takes it away"
            return Found(name, self._subject, seen)
        left = list(sweep(self.settings, recording))
        self.gone = not left
        if self.gone:
            return Found(name, self._subject, "its sound is gone; manifest and signature stay as evidence")
        until = max((one for one in left if one is not None), default=None)
        if until is None:
            seen = "stays, marked as a self-test: ship's key may remove nothing, as it should be"
            return Found(name, self._subject, seen)
        return Found(name, self._subject, f"stays until {until:%Y-%m-%d %H:%M} (Object Lock), marked as a self-test")


def _folder(inspection: Inspection, recording: RecordingId) -> tuple[str, list[str]]:
    for place in places(recording):
        for folder, keys in inspection.folders(place):
            return folder, keys
    hint = "It has been shipped by the spool's account; compare s3.prefix and the bucket"
    raise NotThereError("S3 holds nothing of the self-test", on=recording, why="no object of it is listed", hint=hint)


def sweep(settings: Config, recording: RecordingId) -> Iterator[datetime | None]:
    """Remove the sound of a self-test, all its versions; yield for each that stays until when it is locked.

    None: it may not be removed for another reason. Raises UnreachableError.
    """
    bucket = S3Bucket(access_of(settings.s3))
    inspection = Inspection(s3.configured(settings.s3), keyring(settings), settings.s3.prefix)
    _, keys = _folder(inspection, recording)
    for key in (one for one in keys if one.endswith(".flac")):
        versions = bucket.ask("list_object_versions", Prefix=key, MaxKeys=VERSIONS)
        listed: list[dict[str, Any]] = versions.data.get("Versions", []) if versions.good else []
        for one in listed or [{"Key": key}]:
            about = {"Key": key, **({"VersionId": one["VersionId"]} if one.get("VersionId") else {})}
            until = _locked_until(bucket, about)
            if until is not None:
                # Governance could be got round by a privileged key; a test is no reason for that.
                yield until
            elif not bucket.ask("delete_object", **about).good:
                yield None


def earlier(settings: Config, results: Iterable[Mapping[str, Any]]) -> list[str]:
    """Take away the sound of tests made before, which could not be then; return which of them are gone now.

    results: a line's, the oldest first. Raises UnreachableError.
    """
    waiting: dict[str, None] = {}
    for one in results:
        if isinstance(one.get("recording"), str) and not one.get("removed"):
            waiting[one["recording"]] = None
        for done in one.get("removed_earlier", ()):
            waiting.pop(done, None)
    gone: list[str] = []
    shipped = Layout(settings.spool.path).shipped
    for recording in list(waiting)[-MOST_EARLIER:]:
        with suppress(NotThereError, UnsafeNameError):
            # What lies elsewhere in the spool still needs its sound: ship proves once more that it is there.
            if (shipped / recording).is_dir() and not list(sweep(settings, recording_id(recording))):
                gone.append(recording)
    return gone


def _locked_until(bucket: S3Bucket, about: dict[str, Any]) -> datetime | None:
    found = bucket.ask("get_object_retention", **about)
    until = found.data.get("Retention", {}).get("RetainUntilDate") if found.good else None
    return until if isinstance(until, datetime) and until > datetime.now(until.tzinfo) else None
