"""`consentgate rebuild-index`: the rows of a database that was lost, made anew from what lies in S3.

Each manifest is judged as `verify` judges it, but for the sound beside it, and entered by what ship enters it by: so
the rows are those that there were. What is refused is told and has no rows. Each recording is a transaction of its
own and asked for before it is fetched, so an interruption costs nothing and a repetition enters what is missing.
"""

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from itertools import islice
from pathlib import Path

import typer

from ari_app import config
from ari_app.adapters import s3
from ari_app.adapters.postgres import PostgresDatabase
from ari_app.core import anchor, incident
from ari_app.core.anchor import Link
from ari_app.core.incident import Incident
from ari_app.core.signature import MANIFEST
from ari_app.core.verification import Fault, Verdict
from ari_app.errors import FINDING, GOOD
from ari_app.inspection import Inspection, each
from ari_app.ports import ConflictError, Database
from ari_app.retrying import RetryingDatabase
from ari_app.signing import Keyring, Signer

SAY_SECONDS = 5.0
ASKED = 256
"""Of so many the database is asked at once which it has."""

Folder = tuple[str, list[str]]


@dataclass(slots=True)
class Sum:
    """What has become of what was found. `given_way`: scripts' bare notes of calls that have an account.

    missing: recordings that an anchor names, of which S3 holds nothing any more.
    """

    recordings: int = 0
    entered: int = 0
    there: int = 0
    given_way: int = 0
    refused: int = 0
    missing: int = 0
    incidents: int = 0
    incidents_entered: int = 0
    incidents_there: int = 0
    incidents_refused: int = 0


@dataclass(slots=True)
class Rebuilding:
    """One run: where it reads, where it enters, and what it has said."""

    inspection: Inspection
    database: Database
    unsigned: bool = False
    as_json: bool = False
    sum: Sum = field(default_factory=Sum)
    _seen: set[str] = field(default_factory=set)
    _said_at: float = field(default_factory=time.monotonic)

    def run(self) -> int:
        """Enter everything that is missing. Returns 0, or 1 if something was refused or is missing in S3.

        Raises UnreachableError: S3 or PostgreSQL is away; what was entered until then stays.
        """
        self.database.reach()
        anchors, anchored = self._anchors()
        for faulty in anchors:
            self._refused(faulty)
        self._incidents()
        self._recordings(anchored)
        for gone in anchor.missing(anchored, self._seen):
            self.sum.missing += 1
            self._refused(gone)
        typer.echo(json.dumps(asdict(self.sum)) if self.as_json else _in_words(self.sum))
        refused = self.sum.refused or self.sum.incidents_refused
        return FINDING if refused or self.sum.missing or anchors else GOOD

    def _anchors(self) -> tuple[list[Verdict], Mapping[str, Link]]:
        """Return what is wrong with the anchors, and the manifests below the prefix that they name."""
        found, anchored = anchor.judge(self.inspection.anchors(""), whole=True)
        folder, below = self.inspection.below(anchor.FOLDER), self.inspection.below("")
        named = {key: link for key, link in anchored.items() if key.startswith(f"{below}/" if below else "")}
        return [Verdict(folder, one.faults) for one in found if one.faults], named

    # -- recordings

    def _recordings(self, anchored: Mapping[str, Link]) -> None:
        inspection = self.inspection

        def look(found: Folder) -> Verdict:
            return inspection.account(*found, unsigned=self.unsigned)

        for verdict in each(inspection, self._missing(inspection.folders("")), look):
            key = f"{verdict.folder}/{MANIFEST}"
            self._enter(anchor.compare(verdict, anchored, key), key)
            self._progress(verdict.folder)

    def _missing(self, folders: Iterator[Folder]) -> Iterator[Folder]:
        """Yield the folders whose manifest has no rows."""
        while batch := list(islice(folders, ASKED)):
            known = self.database.known([f"{folder}/{MANIFEST}" for folder, _ in batch])
            for folder, keys in batch:
                self.sum.recordings += 1
                self._seen.add(folder)
                if f"{folder}/{MANIFEST}" in known:
                    self.sum.there += 1
                    self._progress(folder)
                else:
                    yield folder, keys

    def _enter(self, verdict: Verdict, key: str) -> None:
        if verdict.faults or verdict.manifest is None:
            self.sum.refused += 1
            self._refused(verdict)
            return
        try:
            if self.database.store(verdict.manifest, key, verdict.sha256):
                self.sum.entered += 1
            else:
                self.sum.given_way += 1
        except ConflictError as conflict:
            # A ship that runs beside us may have entered it a moment ago.
            if self.database.known([key]):
                self.sum.there += 1
                return
            self.sum.refused += 1
            self._refused(Verdict(verdict.folder, (Fault(MANIFEST, "", f"has no rows: {conflict}"),)))

    # -- incidents

    def _incidents(self) -> None:
        inspection = self.inspection
        start = f"{inspection.below('incidents')}/"
        keys = inspection.patience.bear(lambda: list(inspection.archive.list(start)))
        for at in range(0, len(keys), ASKED):
            batch = keys[at : at + ASKED]
            known = self.database.known(batch)
            self.sum.incidents += len(batch)
            self.sum.incidents_there += len(known)
            missing = [key for key in batch if key not in known]
            for key, content in zip(missing, each(inspection, missing, inspection.content), strict=True):
                self._enter_incident(key, content or b"")
                self._progress(key)

    def _enter_incident(self, key: str, content: bytes) -> None:
        folder, _, name = key.rpartition("/")
        try:
            found = self._incident_of(key, content)
            self.database.store_incident(found.content, key, sha256(content).hexdigest())
        except ValueError as damage:
            # Not a JSON error or an unsafe name, which would quote what came from outside.
            self._refused_incident(folder, name, str(damage) if type(damage) is ValueError else "cannot be read")
        except ConflictError as conflict:
            self._refused_incident(folder, name, f"has no rows: {conflict}")
        else:
            self.sum.incidents_entered += 1

    def _incident_of(self, key: str, content: bytes) -> Incident:
        """Read an incident. Raises ValueError for anything but what ship stores under this key."""
        found = incident.read(content)
        try:
            place = found.object_name(self.inspection.prefix)
        except (ValueError, OverflowError, OSError):
            raise ValueError("has no instant of this century") from None
        if place != key:
            raise ValueError("is another one's, or of another day")
        return found

    def _refused_incident(self, folder: str, name: str, why: str) -> None:
        self.sum.incidents_refused += 1
        self._refused(Verdict(folder, (Fault(name, "", why),)))

    # -- what is said

    def _refused(self, verdict: Verdict) -> None:
        if self.as_json:
            faults = [{"object": one.object, "field": one.field, "what": one.what} for one in verdict.faults]
            typer.echo(json.dumps({"folder": verdict.folder, "faults": faults}))
            return
        for fault in verdict.faults:
            # Whatever a stranger wrote into a bucket must not move the cursor of who reads this.
            text = f"{verdict.folder}/{fault}"
            typer.echo("".join(character if character.isprintable() else "?" for character in text))

    def _progress(self, where: str) -> None:
        if time.monotonic() - self._said_at < SAY_SECONDS:
            return
        self._said_at = time.monotonic()
        done = f"{self.sum.entered} entered, {self.sum.there} were there, {self.sum.refused} refused"
        typer.echo(f"{self.sum.recordings} recordings looked at: {done}; now at {ascii(where)[1:-1]}", err=True)


def _in_words(total: Sum) -> str:
    parts = [
        f"{total.recordings} recordings in S3: {total.entered} entered, {total.there} were there",
        *([f"{total.given_way} gave way to the account of its call"] if total.given_way else []),
        f"{total.refused} refused",
        *([f"{total.missing} anchored and missing"] if total.missing else []),
    ]
    entered = f"{total.incidents_entered} entered, {total.incidents_there} were there"
    return f"{', '.join(parts)}. {total.incidents} incidents: {entered}, {total.incidents_refused} refused."


def run(config_path: Path, *, unsigned: bool = False, as_json: bool = False) -> int:
    """Rebuild the rows of the configured database from the configured bucket. Returns the exit code.

    Raises ConsentgateError: the configuration is wrong (3), S3 or PostgreSQL is away or refuses us (4).
    """
    settings = config.load(config_path)
    signing = settings.signing
    current = [Signer.from_text(signing.key.reveal()).public_key] if signing.key else []
    inspection = Inspection(s3.configured(settings.s3), Keyring([*signing.public_keys, *current]), settings.s3.prefix)
    database = PostgresDatabase(settings.postgres.dsn.reveal())
    try:
        return Rebuilding(inspection, RetryingDatabase(database, inspection.patience), unsigned, as_json).run()
    finally:
        database.close()
