"""What a person sees after a call: what happened when, what is stored, how it is proved, where to listen.

Read from what the project left behind (spool, bucket, database), with nothing of the project's own code: so a
mistake there is not repeated here.
"""

import hashlib
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import psycopg
from botocore.exceptions import ClientError
from psycopg.rows import dict_row
from rich.console import Console
from rich.table import Table

from .errors import WorldError
from .seaweed import BUCKET
from .tables import Sheet
from .world import World

if TYPE_CHECKING:  # the stubs are a development tool; the demo's environment has none
    from mypy_boto3_s3 import S3Client

WIDTH = 124
ROW = """
    SELECT r.recording, c.line, c.direction, c.began_at, c.ended_at, c.outcome, c.reason, r.manifest_object,
           r.journal_lines, octet_length(c.number) AS number_encrypted_bytes,
           (SELECT count(*) FROM notices n WHERE n.recording = r.recording AND n.completed_at IS NOT NULL) AS notices,
           (SELECT count(*) FROM tracks t WHERE t.recording = r.recording AND t.stored_samples > 0) AS tracks
    FROM recordings r JOIN calls c USING (node, channel) WHERE r.recording = %s
"""


def tell(world: World, line: str, recordings: Sequence[str]) -> None:
    """Print the evidence of a call's recordings. Raises WorldError if there is none, a failure of the project."""
    if not recordings:
        raise WorldError(
            f"nothing was kept of the call on {line}: see {world.place('gate').log} and {world.place('ship').log}"
        )
    console = Console(width=WIDTH, highlight=False)
    for number, recording_id in enumerate(recordings):
        if number:
            console.rule()
        _tell_one(world, recording_id, console)


def _tell_one(world: World, recording_id: str, console: Console) -> None:
    folder = world.spool / "shipped" / recording_id
    if not folder.is_dir():
        raise WorldError(f"recording {recording_id} was not shipped in time: see {world.place('ship').log}")
    manifest: dict[str, Any] = json.loads((folder / "manifest.json").read_bytes())
    row = _row(world, recording_id)
    sheet = Sheet(manifest, folder)
    console.print(sheet.timeline())
    if manifest["parties"]:
        console.print(sheet.parties())
        console.print(sheet.stretches())
    _objects(world, manifest, console)
    facts = Table(title="The row in PostgreSQL", title_justify="left", box=None, show_header=False)
    for name, value in row.items():
        facts.add_row(name, str(value))
    console.print(facts)


def _row(world: World, recording_id: str) -> dict[str, Any]:
    with psycopg.connect(world.env()["postgres"], row_factory=dict_row) as connection:
        row = connection.execute(ROW, (recording_id,)).fetchone()
    if row is None:
        raise WorldError(f"recording {recording_id} has no row in PostgreSQL: see {world.place('ship').log}")
    return row


def _lock(client: "S3Client", key: str) -> str:
    """Say until when an object cannot be removed, or why it can."""
    try:
        found = client.get_object_retention(Bucket=BUCKET, Key=key)["Retention"]
    except ClientError as error:
        return f"not locked: the bucket of this world was made without Object Lock ({error.response['Error']['Code']})"
    return (
        f"locked ({found['Mode'].lower()}) until {found['RetainUntilDate']:%Y-%m-%d}: as long as its line's class says"
    )


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
        console.print(f"  {_lock(client, key)}")
    console.print(f"[bold]The manifest[/bold]  s3://{BUCKET}/{manifest['folder']}/manifest.json")
    signed = json.loads(client.get_object(Bucket=BUCKET, Key=f"{manifest['folder']}/manifest.json.sig")["Body"].read())
    console.print(f"  signed ({signed['algorithm']}) by the key {signed['key']}\n")
