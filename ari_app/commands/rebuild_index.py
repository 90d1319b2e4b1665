"""`consentgate rebuild-index`: the rows of a database that was lost, made anew from what lies in S3.

Each manifest is judged as `verify` judges it, but for the sound beside it, and entered by what ship enters it by: so
the rows are those that there were. What is refused is told and has no rows. Where the day's bundle has a manifest it is
not fetched by itself. A few hundred recordings are a transaction, and each is asked for before it is read: so an
interruption costs a second, and a repetition enters what is missing.
"""

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from itertools import islice
from pathlib import Path
from threading import Event

import typer

from ari_app import config
from ari_app.adapters import s3
from ari_app.adapters.postgres import PostgresDatabase
from ari_app.bundles import Bundles
from ari_app.core import anchor, incident
from ari_app.core.anchor import Anchored, Packed
from ari_app.core.incident import Incident
from ari_app.core.signature import MANIFEST
from ari_app.core.verification import Fault, Verdict
from ari_app.errors import FINDING, GOOD
from ari_app.inspection import ATTEMPTS, Inspection, each
from ari_app.ports import Account, ConflictError, Database
from ari_app.retrying import Patience, RetryingDatabase
from ari_app.signing import Keyring, Signer

SAY_SECONDS = 5.0
ASKED = 256
"""Of so many the database is asked at once which it has, and so many are entered at once."""

Folder = tuple[str, list[str], Packed | None]


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
    at_once: int = ASKED
    sum: Sum = field(default_factory=Sum)
    _seen: set[str] = field(default_factory=set)
    _said_at: float = field(default_factory=time.monotonic)

    def run(self) -> int:
        """Enter everything that is missing. Returns 0, or 1 if something was refused or is missing in S3.

        Raises UnreachableError: S3 or PostgreSQL is away; what was entered until then stays.
        """
        self.database.reach()
        anchors, anchored, bundles = self._anchors()
        for faulty in anchors:
            self._refused(faulty)
        self._incidents()
        self._recordings(anchored, bundles)
        for gone in anchor.missing(anchored, self._seen):
            self.sum.missing += 1
            self._refused(gone)
        torn = list(bundles.verdicts())
        for faulty in torn:
            self._refused(faulty)
        typer.echo(json.dumps(asdict(self.sum)) if self.as_json else _in_words(self.sum))
        refused = self.sum.refused or self.sum.incidents_refused
        return FINDING if refused or self.sum.missing or anchors or torn else GOOD

    def _anchors(self) -> tuple[list[Verdict], Mapping[str, Anchored], Bundles]:
        """Return what is wrong with the anchors, the manifests below the prefix that they name, and the bundles."""
        judged = self.inspection.anchors("", whole=True)
        folder, below = self.inspection.below(anchor.FOLDER), self.inspection.below("")
        named = {key: link for key, link in judged.anchored.items() if key.startswith(f"{below}/" if below else "")}
        bundles = Bundles(self.inspection, judged.shares, judged.anchored, judged.stray)
        return [Verdict(folder, one.faults) for one in judged.verdicts if one.faults], named, bundles

    # -- recordings

    def _recordings(self, anchored: Mapping[str, Anchored], bundles: Bundles) -> None:
        inspection = self.inspection

        def look(found: Folder) -> Verdict:
            return inspection.account(*found, unsigned=self.unsigned)

        batch: list[Verdict] = []
        try:
            missing = self._missing(inspection.folders(""), bundles)
            for verdict in each(inspection, missing, look, at_hand=lambda found: found[2] is not None):
                batch.append(anchor.compare(verdict, anchored, f"{verdict.folder}/{MANIFEST}"))
                if len(batch) >= self.at_once:
                    self._enter(batch)
        finally:
            # What was read before S3 went away is entered all the same.
            self._enter(batch)

    def _missing(self, folders: Iterator[tuple[str, list[str]]], bundles: Bundles) -> Iterator[Folder]:
        """Yield the folders whose manifest has no rows, and what the bundles have of it."""
        while batch := list(islice(folders, ASKED)):
            known = self.database.known([f"{folder}/{MANIFEST}" for folder, _ in batch])
            for folder, keys in batch:
                self.sum.recordings += 1
                self._seen.add(folder)
                key = f"{folder}/{MANIFEST}"
                if key in known:
                    self.sum.there += 1
                    self._progress(folder)
                else:
                    # What an anchor names and is gone is missing, though its bundle has it.
                    yield folder, keys, bundles.of(key) if key in keys else None

    def _enter(self, verdicts: list[Verdict]) -> None:
        """Enter those in the list and empty it, whatever happens."""
        accounts: list[Account] = []
        taken, verdicts[:] = verdicts[:], []
        for verdict in taken:
            if verdict.faults or verdict.manifest is None:
                self.sum.refused += 1
                self._refused(verdict)
            else:
                accounts.append(Account(verdict.manifest, f"{verdict.folder}/{MANIFEST}", verdict.sha256))
        outcomes = self.database.store_all(accounts) if accounts else []
        for account, outcome in zip(accounts, outcomes, strict=True):
            folder = account.key.removesuffix(f"/{MANIFEST}")
            if outcome is True:
                self.sum.entered += 1
            elif outcome is False:
                self.sum.given_way += 1
            elif self.database.known([account.key]):
                # A ship that runs beside us has entered it a moment ago.
                self.sum.there += 1
            else:
                self.sum.refused += 1
                self._refused(Verdict(folder, (Fault(MANIFEST, "", f"has no rows: {outcome}"),)))
            self._progress(folder)

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
        # A patience of its own: what was read is entered also when S3 has gone away.
        patience = Patience(Event(), max_attempts=ATTEMPTS)
        return Rebuilding(inspection, RetryingDatabase(database, patience), unsigned, as_json).run()
    finally:
        database.close()
