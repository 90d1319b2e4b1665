"""`consentgate verify`: is what lies in S3 what ship signed, and is every stored sample permitted?

It asks neither the database nor the spool nor the PBX. What is looked at is told a line for each fault.
"""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import typer

from ari_app import config
from ari_app.adapters import s3
from ari_app.adapters.folder import FolderArchive
from ari_app.bundles import Bundles
from ari_app.core import anchor, verification
from ari_app.core.anchor import Anchored, Packed
from ari_app.core.signature import MANIFEST
from ari_app.core.verification import Fault, Verdict
from ari_app.errors import FINDING, GOOD, ConsentgateError
from ari_app.inspection import Inspection, each, places
from ari_app.layout import Layout
from ari_app.signing import Keyring, Signer

SAY_SECONDS = 5.0


def _told(found: Verdict, *, as_json: bool) -> None:
    if as_json:
        faults = [{"object": one.object, "field": one.field, "what": one.what} for one in found.faults]
        name = found.folder.rpartition("/")[2]
        about = {"recording": name} if name != anchor.FOLDER else {}
        typer.echo(json.dumps({**about, "folder": found.folder, "whole": not faults, "faults": faults}))
        return
    for fault in found.faults:
        # Whatever a stranger wrote into a bucket must not move the cursor of who reads this.
        typer.echo("".join(character if character.isprintable() else "?" for character in f"{found.folder}/{fault}"))


WHOLE = "signed, unaltered, and all that is stored lies within the permits of all its parties"


UNHEARD = "signed and anchored, and all that is stored lies within the permits of all its parties; no sound was fetched"


def _sum(looked: int, faulty: int, *, listed: bool) -> str:
    whole = UNHEARD if listed else WHOLE
    if not looked:
        return "There is no recording."
    if looked == 1:
        return "The recording is not whole." if faulty else f"The recording is whole: {whole}."
    if not faulty:
        return f"{looked} recordings, all whole: {whole}."
    return f"{looked} recordings: {faulty} {'is' if faulty == 1 else 'are'} not whole."


def _sum_of_anchors(looked: int, faulty: int) -> str:
    if not looked:
        return ""
    days = f"{looked} day{'' if looked == 1 else 's'} anchored"
    return f" {days}: {faulty} not whole." if faulty else f" {days}, unbroken."


def run(
    config_path: Path,
    *,
    recording: str | None = None,
    day: str | None = None,
    everything: bool = False,
    as_json: bool = False,
    listed: bool = False,
    journals: bool = False,
    copy: Path | None = None,
    prefix: str = "",
    public_keys: Sequence[str] = (),
) -> int:
    """Verify one recording, those of a day (YYYY-MM-DD), or all; print what is wrong, and return 0 or 1.

    listed: the manifests are read from the days' bundles, of all other objects the names alone.
    journals: those that ship kept in the spool are held against their manifests as well.
    copy: a folder into which the bucket was copied, with its prefix and the public keys that are believed; then no
    configuration is read, and nobody asked.
    Raises ConsentgateError: nothing is known of the recording, the configuration is wrong (3), S3 is away (4).
    """
    shipped: Path | None = None
    if copy is not None:
        inspection = Inspection(FolderArchive(copy), Keyring(public_keys), prefix.strip("/"))
    else:
        settings = config.load(config_path)
        signing = settings.signing
        current = [Signer.from_text(signing.key.reveal()).public_key] if signing.key else []
        known = Keyring([*signing.public_keys, *current, *public_keys])
        inspection = Inspection(s3.configured(settings.s3), known, settings.s3.prefix)
        shipped = Layout(settings.spool.path).shipped if journals else None
    return inspect(
        inspection,
        recording=recording,
        day=day,
        everything=everything,
        as_json=as_json,
        listed=listed,
        shipped=shipped,
    )


def _one(inspection: Inspection, recording: str) -> str:
    """Return where a recording lies. Raises ConsentgateError."""
    for place in places(recording):
        if any(inspection.folders(place)):
            return place
    raise ConsentgateError(
        "S3 holds nothing of this recording",
        on=recording,
        why=f"there is no object of it below {inspection.prefix}/",
        hint="If it lies in the spool (sealed/) it is still to be shipped; if it has a row, it was removed",
    )


def _anchored(inspection: Inspection, day: str | None) -> tuple[list[Verdict], Bundles, dict[str, Anchored]]:
    """Judge the anchors; of a day's recordings those from the day before it on: none was stored before it was made.

    Returns with it the bundles, and all that the anchors say, of the recordings that are looked at.
    """
    since = str(date.fromisoformat(day) - timedelta(days=1)) if day else ""
    judged = inspection.anchors(since, whole=day is None)
    folder, below = inspection.below(anchor.FOLDER), inspection.below((day or "").replace("-", "/"))
    named = {key: link for key, link in judged.anchored.items() if key.startswith(f"{below}/" if below else "")}
    used = {link.bundle for link in named.values()}
    shares = {name: share for name, share in judged.shares.items() if name in used}
    # A bundle may hold calls of other days as well.
    whole = judged.anchored if day else named
    return (
        [replace(one, folder=folder) for one in judged.verdicts],
        Bundles(inspection, shares, whole, judged.stray),
        named,
    )


def _looked_at(
    inspection: Inspection, below: str, bundles: Bundles, named: Mapping[str, Anchored], *, listed: bool
) -> Iterator[Verdict]:
    def packed() -> Iterator[tuple[str, list[str], Packed | None]]:
        for folder, keys in inspection.folders(below):
            yield folder, keys, bundles.of(f"{folder}/{MANIFEST}")

    seen: set[str] = set()
    look = inspection.listed if listed else inspection.verdict
    for found in each(inspection, packed(), lambda one: look(*one), at_hand=lambda one: listed and one[2] is not None):
        seen.add(found.folder)
        yield anchor.compare(found, named, f"{found.folder}/{MANIFEST}")
    yield from anchor.missing(named, seen)


def _with_journal(found: Verdict, shipped: Path) -> Verdict:
    if found.manifest is None:
        return found
    try:
        text = (shipped / found.manifest["call"]["recording"] / verification.JOURNAL).read_bytes()
    except FileNotFoundError:
        return found
    except OSError as problem:
        fault = Fault(verification.JOURNAL, "", f"cannot be read: {problem.strerror}")
        return replace(found, faults=(*found.faults, fault))
    return verification.journal(found, text)


def inspect(
    inspection: Inspection,
    *,
    recording: str | None,
    day: str | None,
    everything: bool,
    as_json: bool,
    listed: bool = False,
    shipped: Path | None = None,
) -> int:
    """Do what `run` does, of an archive at hand; shipped: where the journals of what was stored are kept."""
    anchors: list[Verdict] = []
    bundles, named = Bundles(inspection, {}, {}), dict[str, Anchored]()
    if recording is not None:
        below = _one(inspection, recording)
    else:
        below = "" if everything or day is None else day.replace("-", "/")
        anchors, bundles, named = _anchored(inspection, day)
    wrong = [one for one in anchors if one.faults]
    for one in wrong:
        _told(one, as_json=as_json)
    looked, faulty, said_at = 0, 0, time.monotonic()
    for verdict in _looked_at(inspection, below, bundles, named, listed=listed):
        found = verdict if shipped is None else _with_journal(verdict, shipped)
        looked += 1
        faulty += bool(found.faults)
        if found.faults or as_json:
            _told(found, as_json=as_json)
        if time.monotonic() - said_at >= SAY_SECONDS:
            said_at = time.monotonic()
            typer.echo(f"{looked} recordings looked at, {faulty} are not whole", err=True)
    bundles.read_all()
    torn = list(bundles.verdicts())
    for one in torn:
        _told(one, as_json=as_json)
    if as_json:
        recordings = {"recordings": looked, "whole": looked - faulty}
        packed = {"bundles": bundles.total, "bundles_whole": bundles.total - len(torn)}
        days = {"anchors": len(anchors), "anchors_whole": len(anchors) - len(wrong)}
        typer.echo(json.dumps({**recordings, **days, **packed}))
    else:
        of_bundles = f" {len(torn)} of {bundles.total} bundles not whole." if torn else ""
        typer.echo(_sum(looked, faulty, listed=listed) + _sum_of_anchors(len(anchors), len(wrong)) + of_bundles)
    return FINDING if faulty or wrong or torn else GOOD
