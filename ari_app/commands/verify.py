"""`consentgate verify`: is what lies in S3 what ship signed, and is every stored sample permitted?

It reads the bucket and asks nobody else: no database, no spool, no PBX. What is wrong is judged by the pure
`core.verification`; here it is fetched, by several at once, and told, a line each.
"""

import hashlib
import json
import re
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import chain, groupby
from pathlib import Path
from threading import Event
from typing import TypeVar

import typer

from ari_app import clock, config
from ari_app.adapters import s3
from ari_app.core import names, verification
from ari_app.core.names import UnsafeNameError
from ari_app.core.verification import MANIFEST, SIGNATURE, Fault, Lying, Object, Verdict
from ari_app.errors import FINDING, GOOD, ConsentgateError, NotThereError
from ari_app.ports import Archive
from ari_app.retrying import Patience
from ari_app.signing import Keyring, Signer

ATTEMPTS = 3
WORKERS = 8
AHEAD = 4 * WORKERS
"""So many recordings are asked for before the first of them is told."""

SAY_SECONDS = 5.0
MOST_MANIFEST_BYTES = 64 << 20
"""A manifest of many hours has some hundred kilobytes; what is larger is none, and is not read to its end."""

Result = TypeVar("Result")

_CALL = re.compile(r"(\d{4}/\d\d/\d\d/[0-9A-HJKMNP-TV-Z]{26})/")
_ELSEWHERE = ("incidents",)
"""Below the prefix, and no recordings."""


@dataclass(slots=True)
class Inspection:
    """What is asked, and by which keys signatures are believed."""

    archive: Archive
    keyring: Keyring
    prefix: str
    patience: Patience = field(default_factory=lambda: Patience(Event(), max_attempts=ATTEMPTS))

    def folders(self, below: str) -> Iterator[tuple[str, list[str]]]:
        """Yield each folder below the prefix with its keys."""
        start = "/".join(part for part in (self.prefix, below) if part)

        def begin() -> tuple[Iterator[str], str | None]:
            listed = self.archive.list(f"{start}/" if start else "")
            return listed, next(listed, None)

        # A failure in the midst of a listing is not borne: what was told of it must not be told twice.
        listed, first = self.patience.bear(begin)
        for folder, group in groupby(chain([first], listed) if first is not None else (), key=self._folder_of):
            if self._within(folder).split("/")[0] not in _ELSEWHERE:
                yield folder, list(group)

    def _within(self, key: str) -> str:
        return key.removeprefix(f"{self.prefix}/") if self.prefix else key

    def _folder_of(self, key: str) -> str:
        found = _CALL.match(self._within(key))
        return f"{key.removesuffix(self._within(key))}{found[1]}" if found else key.rpartition("/")[0]

    def verdict(self, folder: str, keys: list[str]) -> Verdict:
        """Fetch what lies in a folder, and judge it."""
        if not _CALL.match(f"{self._within(folder)}/"):
            strange = [Fault(key.rpartition("/")[2], "", "is nothing that consentgate stores") for key in keys]
            return Verdict(folder, tuple(strange))
        manifest = self._content(f"{folder}/{MANIFEST}")
        signed = self._content(f"{folder}/{SIGNATURE}")
        refusal = None if signed is None else self.keyring.refusal(manifest or b"", signed)
        others = [name for key in keys if (name := key.removeprefix(f"{folder}/")) not in {MANIFEST, SIGNATURE}]
        objects = {name: found for name in others if (found := self._object(f"{folder}/{name}")) is not None}
        return verification.judge(Lying(folder, manifest, refusal, objects, clock.now()))

    def _content(self, key: str) -> bytes | None:
        def fetch() -> bytes:
            content = b""
            for chunk in self.archive.read(key):
                content += chunk
                if len(content) > MOST_MANIFEST_BYTES:
                    break
            return content

        return self._fetched(fetch)

    def _object(self, key: str) -> Object | None:
        def fetch() -> Object:
            digest, size, head = hashlib.sha256(), 0, b""
            for chunk in self.archive.read(key):
                digest.update(chunk)
                size += len(chunk)
                head = head if len(head) >= verification.HEAD_BYTES else head + chunk[: verification.HEAD_BYTES]
            return Object(size, digest.hexdigest(), head)

        return self._fetched(fetch)

    def _fetched(self, fetch: Callable[[], Result]) -> Result | None:
        try:
            return self.patience.bear(fetch)
        except NotThereError:
            return None


def places(recording: str) -> list[str]:
    """Return where a recording may lie, the most likely first. Raises ConsentgateError if it is no id."""
    hint = "It is the last folder of a manifest's key, and the column recording of the database"
    try:
        known = names.recording_id(recording)
        day = date.fromisoformat(names.iso(names.minted_at(known))[:10])
        # A call belongs to the day on which it began, its id to the instant in which we heard of it.
        return [f"{day + timedelta(days=shift):%Y/%m/%d}/{known}" for shift in (0, -1, 1)]
    except UnsafeNameError as failure:
        raise ConsentgateError("this is no recording", why=str(failure), hint=hint) from None
    except (ValueError, OverflowError):
        raise ConsentgateError("this is no recording", on=recording, why="it has no date", hint=hint) from None


def verdicts(inspection: Inspection, below: list[str]) -> Iterator[Verdict]:
    """Judge every folder below these, several at once, and yield in the order of their keys."""
    waiting: deque[Future[Verdict]] = deque()
    with ThreadPoolExecutor(WORKERS) as pool:
        try:
            for folder, keys in chain.from_iterable(inspection.folders(one) for one in below):
                waiting.append(pool.submit(inspection.verdict, folder, keys))
                if len(waiting) >= AHEAD:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            inspection.patience.stopping.set()
            pool.shutdown(cancel_futures=True)


def _told(found: Verdict, *, as_json: bool) -> None:
    if as_json:
        faults = [{"object": one.object, "field": one.field, "what": one.what} for one in found.faults]
        recording = found.folder.rpartition("/")[2]
        typer.echo(json.dumps({"recording": recording, "folder": found.folder, "whole": not faults, "faults": faults}))
        return
    for fault in found.faults:
        # Whatever a stranger wrote into a bucket must not move the cursor of who reads this.
        typer.echo("".join(character if character.isprintable() else "?" for character in f"{found.folder}/{fault}"))


def _sum(looked: int, faulty: int, *, as_json: bool) -> str:
    if as_json:
        return json.dumps({"recordings": looked, "whole": looked - faulty})
    if not looked:
        return "There is no recording."
    if looked == 1:
        return "The recording is not whole." if faulty else f"The recording is whole: {WHOLE}."
    if not faulty:
        return f"{looked} recordings, all whole: {WHOLE}."
    return f"{looked} recordings: {faulty} {'is' if faulty == 1 else 'are'} not whole."


WHOLE = "signed, unaltered, and all that is stored lies within the permits of all its parties"


def run(
    config_path: Path, *, recording: str | None = None, day: str | None = None, everything: bool = False, as_json: bool
) -> int:
    """Verify one recording, those of a day (YYYY-MM-DD), or all; print what is wrong, and return 0 or 1.

    Raises ConsentgateError: nothing is known of the recording, the configuration is wrong (3), S3 is away (4).
    """
    settings = config.load(config_path)
    signing = settings.signing
    current = [Signer.from_text(signing.key.reveal()).public_key] if signing.key else []
    inspection = Inspection(s3.configured(settings.s3), Keyring([*signing.public_keys, *current]), settings.s3.prefix)
    return inspect(inspection, recording=recording, day=day, everything=everything, as_json=as_json)


def inspect(inspection: Inspection, *, recording: str | None, day: str | None, everything: bool, as_json: bool) -> int:
    """Do what `run` does, of an archive at hand."""
    if recording is not None:
        below = [next((one for one in places(recording) if any(inspection.folders(one))), "")]
        if below == [""]:
            where = f"below {inspection.prefix}/" if inspection.prefix else "there"
            raise ConsentgateError(
                "S3 holds nothing of this recording",
                on=recording,
                why=f"there is no object of it {where}",
                hint="If it lies in the spool (sealed/) it is still to be shipped; if it has a row, it was removed",
            )
    else:
        below = ["" if everything or day is None else day.replace("-", "/")]
    looked, faulty, said_at = 0, 0, time.monotonic()
    for found in verdicts(inspection, below):
        looked += 1
        faulty += bool(found.faults)
        if found.faults or as_json:
            _told(found, as_json=as_json)
        if time.monotonic() - said_at >= SAY_SECONDS:
            said_at = time.monotonic()
            typer.echo(f"{looked} recordings looked at, {faulty} are not whole", err=True)
    typer.echo(_sum(looked, faulty, as_json=as_json))
    return FINDING if faulty else GOOD
