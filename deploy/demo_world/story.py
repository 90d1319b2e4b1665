"""What a person sees after a call: what happened when, what is stored, how it is proved, where to listen.

Read from what the project left behind (spool, bucket, database), with nothing of the project's own code: so a
mistake there is not repeated here.
"""

import hashlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import dict_row
from rich.console import Console
from rich.table import Table

from .calls import PlacedCall
from .errors import WorldError
from .seaweed import BUCKET
from .world import World

SHORT_HASH = 16
ROW = """
    SELECT r.recording, c.line, c.direction, c.began_at, c.ended_at, c.outcome, c.reason, r.manifest_object,
           r.journal_lines, octet_length(c.number) AS number_encrypted_bytes,
           (SELECT count(*) FROM notices n WHERE n.recording = r.recording AND n.completed_at IS NOT NULL) AS notices,
           (SELECT count(*) FROM tracks t WHERE t.recording = r.recording AND t.stored_samples > 0) AS tracks
    FROM recordings r JOIN calls c USING (node, channel) WHERE r.recording = %s
"""


def tell(world: World, recording_id: str | None, placed: PlacedCall) -> None:
    """Print the evidence of one call. Raises WorldError if there is none, which is a failure of the project."""
    if recording_id is None:
        raise WorldError(
            f"nothing was kept of the call on {placed.line}: "
            f"see {world.place('gate').log} and {world.place('ship').log}"
        )
    folder = world.spool / "shipped" / recording_id
    if not folder.is_dir():
        raise WorldError(f"recording {recording_id} was not shipped in time: see {world.place('ship').log}")
    manifest: dict[str, Any] = json.loads((folder / "manifest.json").read_bytes())
    row = _row(world, recording_id)
    console = Console(width=118, highlight=False)
    began = _at(manifest["call"]["began_at"])
    table = Table(title=f"Call on {placed.line}: {manifest['call']['outcome']}", title_justify="left", box=None)
    table.add_column("seconds", justify="right", style="cyan")
    table.add_column("what happened")
    table.add_column("proof")
    for at, what, proof in sorted(_timeline(manifest, folder)):
        table.add_row(f"{(at - began).total_seconds():.3f}", what, proof)
    console.print(table)
    _objects(world, manifest, console)
    facts = Table(title="The row in PostgreSQL", title_justify="left", box=None, show_header=False)
    for name, value in row.items():
        facts.add_row(name, str(value))
    console.print(facts)


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _moment(path: Path) -> datetime:
    return datetime.fromtimestamp(path.stat().st_ctime, UTC)


def _row(world: World, recording_id: str) -> dict[str, Any]:
    with psycopg.connect(world.env()["postgres"], row_factory=dict_row) as connection:
        row = connection.execute(ROW, (recording_id,)).fetchone()
    if row is None:
        raise WorldError(f"recording {recording_id} has no row in PostgreSQL: see {world.place('ship').log}")
    return row


def _timeline(manifest: dict[str, Any], folder: Path) -> Iterator[tuple[datetime, str, str]]:
    call = manifest["call"]
    yield _at(call["began_at"]), "the call came in", f"recording {call['recording']}"
    for notice in manifest["notices"]:
        name = f"{notice['announcement']} ({notice.get('language', '')})"
        if "failed_at" in notice:
            yield _at(notice["failed_at"]), f"announcement not heard: {name}", notice["reason"]
            continue
        yield _at(notice["began_at"]), f"announcement begins: {name}", f"file sha256 {notice['sha256'][:SHORT_HASH]}…"
        sent = f"{notice['packets_sent']} of {notice['packets_expected']} packets sent"
        yield _at(notice["completed_at"]), "TOLD: announcement completely played", sent
    for permit in manifest["permits"]:
        yield _at(permit["granted_at"]), "permit granted", "written to disk before anything was captured"
        if permit["revoked_at"]:
            yield _at(permit["revoked_at"]), "permit revoked", permit["reason"]
    sides = {party["party"]: f"the {party['side']} party" for party in manifest["parties"]}
    for track in manifest["tracks"]:
        if track["stored_from"]:
            kept = f"{track['stored_samples']} samples kept, {track['destroyed_samples']} destroyed"
            yield _at(track["stored_from"]), f"RECORDING begins: {sides[track['party']]}", kept
    if call["reason"]:
        yield _at(call["ended_at"]), "not recorded", call["reason"]
    yield _at(call["ended_at"]), "hung up", ""
    sealed = datetime.fromtimestamp((folder / "manifest.json").stat().st_mtime, UTC)
    yield (
        sealed,
        "sealed: what may be stored is decided",
        f"journal of {manifest['journal']['lines']} lines" if manifest["journal"] else "noted by the dialplan alone",
    )
    yield _moment(folder), "in S3 and in PostgreSQL, verified; local audio deleted", ""


def _objects(world: World, manifest: dict[str, Any], console: Console) -> None:
    """Fetch each object back, compare its hash, and say where to listen to it."""
    client = world.s3.client()
    listen = world.root / "listen"
    listen.mkdir(exist_ok=True)
    for segment in manifest["segments"]:
        key = f"{manifest['folder']}/{segment['object']}"
        content = client.get_object(Bucket=BUCKET, Key=key)["Body"].read()
        if hashlib.sha256(content).hexdigest() != segment["sha256"]:
            raise WorldError(f"s3://{BUCKET}/{key} is not what the manifest says it is")
        copy = listen / f"{manifest['call']['recording']}-{segment['object']}"
        copy.write_bytes(content)
        seconds = segment["samples"] / segment["rate_hz"]
        channels = ", ".join(f"{number} = {party}" for number, party in enumerate(segment["channels"], start=1))
        console.print(f"\n[bold]The object[/bold]  s3://{BUCKET}/{key}")
        console.print(f"  {len(content)} bytes, {seconds:.2f} s, channels {channels}, sha256 {segment['sha256']}")
        console.print(f"  fetched back and compared: the same. Listen to it: {copy}")
    console.print(f"[bold]The manifest[/bold]  s3://{BUCKET}/{manifest['folder']}/manifest.json\n")
