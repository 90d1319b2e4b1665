"""What a finished call has left behind: journal, manifest, rows, objects, and the audio in them."""

import io
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import numpy as np
import psycopg
import soundfile
from botocore.config import Config
from demo_world.seaweed import BUCKET, REGION
from demo_world.world import World
from numpy.typing import NDArray
from psycopg.rows import dict_row

from ari_app.core import evidence as ev
from ari_app.core.names import Instant, instant_of
from ari_app.numbers import Numbers

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

Pcm = NDArray[np.int16]

PATIENCE_SECONDS = 20.0
SAFETY_US = 40_000
DRAWN_OUT_US = 1_000_000
"""So long after it stood still Asterisk may still stamp what came in meanwhile."""
GONE = {"hung_up", "left_bridge", "no_conversation"}
"""Why a permit ends without anybody's wish."""
TABLES = (
    "recordings", "parties", "notices", "objections", "permits", "permit_parties", "segments", "tracks", "gaps",
    "foreign_captures",
)  # fmt: skip


@dataclass
class Evidence:
    """Everything that is known of one account of one call, read back from where it is kept."""

    recording: str
    manifest: dict[str, Any]
    manifest_bytes: bytes
    entries: list[ev.Entry]
    chain: str
    call: dict[str, Any]
    """The row in `calls`."""
    rows: dict[str, list[dict[str, Any]]]
    """The rows of every other table, by its name."""
    objects: dict[str, bytes]
    """Everything that S3 holds below the call's folder, by key."""
    accounts: list[dict[str, Any]] = field(default_factory=list)
    """The rows in `recordings` of all accounts of the same call, the latest last."""
    stood_still: tuple[tuple[Instant, Instant], ...] = ()
    """When Asterisk may have, by the heartbeats."""
    _decoded: dict[int, tuple[Pcm, int]] = field(default_factory=dict)

    @property
    def folder(self) -> str:
        return str(self.manifest["folder"])

    @property
    def superseded(self) -> bool:
        """Whether there is a better account of the same call, so that this one has no rows."""
        return not self.rows["recordings"]

    @property
    def recorded(self) -> bool:
        outcome: str = self.manifest["call"]["outcome"]
        return outcome == "recorded"

    @property
    def reason(self) -> str | None:
        """Why nothing is recorded, by the row."""
        reason: str | None = self.call["reason"]
        return reason

    def decoded(self, segment: int = 1) -> tuple[Pcm, int]:
        """Return a segment's samples (one column per channel) and their rate."""
        if segment not in self._decoded:
            stored = next(one for one in self.manifest["segments"] if one["segment"] == segment)
            samples, rate_hz = soundfile.read(
                io.BytesIO(self.objects[f"{self.folder}/{stored['object']}"]), dtype="int16", always_2d=True
            )
            self._decoded[segment] = samples, int(rate_hz)
        return self._decoded[segment]

    def channel(self, number: int, segment: int = 1) -> Pcm:
        """Return what is on a channel of a segment's object; 1 is the outside party, 2 the house."""
        return np.ascontiguousarray(self.decoded(segment)[0][:, number - 1])

    def of(self, kind: type[ev.Entry]) -> list[Any]:
        """Return the journal's entries of one kind, in order."""
        return [entry for entry in self.entries if isinstance(entry, kind)]

    def origin(self, party: str, segment: int = 1) -> Instant:
        """When the first sample of a party's file was spoken, by the journal."""
        return Instant(
            next(e.at for e in reversed(self.of(ev.TrackOrigin)) if (e.party, e.segment) == (party, segment))
        )

    def track(self, party: str, segment: int = 1) -> dict[str, Any]:
        """Return the manifest's account of a track."""
        found: dict[str, Any] = next(
            one for one in self.manifest["tracks"] if (one["party"], one["segment"]) == (party, segment)
        )
        return found

    @property
    def covered(self) -> tuple[Instant, Instant]:
        """Begin and end of the one permit's evidence."""
        (permit,) = self.manifest["permits"]
        return instant_of(permit["granted_at"]), instant_of(permit["covered_until"])

    @cached_property
    def intervals(self) -> dict[tuple[int, str], tuple[Instant, Instant]]:
        """Begin and end of what is covered of each party under each permit, worked out from the journal anew.

        An end that Asterisk told lies 40 ms before that; nothing is covered after the last heartbeat. What somebody
        wished while it stood still ends from the beginning of that.
        """
        journal = self.manifest["journal"] or {}
        beats: dict[str | None, str | None] = {None: journal.get("heartbeat_at")}
        beats |= {one["run"]: one["heartbeat_at"] for one in journal.get("taken_over", [])}
        run: str | None = None
        known: dict[int, Instant | None] = {}
        begins: dict[tuple[int, str], Instant] = {}
        ends: dict[tuple[int, str], list[Instant]] = {}
        granted: dict[int, Instant] = {}

        def end(at: Instant, *, of: int | None = None, but: Sequence[str] = (), only: str | None = None) -> None:
            for key in begins:
                if of in {None, key[0]} and key[1] not in but and only in {None, key[1]}:
                    ends.setdefault(key, []).append(at)

        for entry in self.entries:
            match entry:
                case ev.PermitGranted(permit=number, at=at, parties=parties):
                    # There is one permit at a time, whether or not the end of the one before was written.
                    end(at)
                    granted[number] = at
                    beat = beats[run]
                    known[number] = instant_of(beat) if beat else None
                    begins |= {(number, party): at for party in parties}
                case ev.TakenOver(run=run):
                    pass
                case ev.PermitWidened(permit=number, at=at, parties=parties):
                    for party in parties:
                        begins.setdefault((number, party), Instant(max(at, granted[number])))
                case ev.PermitNarrowed(permit=number, at=at, parties=parties):
                    end(at, of=number, but=parties)
                case ev.PermitRevoked(permit=number, at=at, reason=reason):
                    end(at if reason in GONE else self._wished(at), of=number)
                case ev.PartyObjected(party=objector, at=at, destroys=destroyed):
                    end(self._wished(at), only=objector)
                    for party in destroyed:
                        end(Instant(0), only=party)
                case _:
                    pass
        return {key: (begin, self._until(begin, known[key[0]], ends.get(key, []))) for key, begin in begins.items()}

    def _wished(self, at: Instant) -> Instant:
        return min([at, *(since for since, until in self.stood_still if at <= until + DRAWN_OUT_US)])

    @staticmethod
    def _until(begin: Instant, known: Instant | None, ends: list[Instant]) -> Instant:
        return Instant(max(begin, min([begin if known is None else known, *(at - SAFETY_US for at in ends)])))

    @property
    def reasons(self) -> list[str]:
        """The reasons of the gaps, in order."""
        return [gap["reason"] for gap in self.manifest["gaps"]]


class Archive:
    """Finds the evidence of a call: by the caller's number, or by the channel for a call without one."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._numbers = Numbers.from_text(world.secrets.numbers)
        self._manifests: dict[str, dict[str, Any]] = {}

    @cached_property
    def s3(self) -> "S3Client":
        at = self.world.env()["s3"]
        return boto3.client(
            "s3",
            endpoint_url=at["endpoint"],
            region_name=REGION,
            aws_access_key_id=at["access_key"],
            aws_secret_access_key=at["secret_key"],
            config=Config(s3={"addressing_style": "path"}),
        )

    def _shipped(self) -> Iterator[dict[str, Any]]:
        for folder in sorted((self.world.spool / "shipped").iterdir()):
            if folder.name not in self._manifests:
                file = folder / "manifest.json"
                # A call of which a better account exists leaves a folder without rows; it is found all the same.
                if not file.exists():
                    continue
                self._manifests[folder.name] = json.loads(file.read_bytes())
            yield self._manifests[folder.name]

    def search(self, number: str | None = None, channel: str | None = None) -> list[str]:
        """Return the ids of the shipped recordings of a caller, or of a channel."""
        wanted = self._numbers.hash(number) if number else None
        return [
            call["recording"]
            for call in (manifest["call"] for manifest in self._shipped())
            if (wanted and call["number_hash"] == wanted) or (channel and call["channel"] == channel)
        ]

    def await_shipped(
        self,
        number: str | None = None,
        channel: str | None = None,
        *,
        count: int = 1,
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> list[Evidence]:
        """Return all evidence of a caller (or channel) when `count` recordings are shipped; AssertionError if not."""
        deadline = time.monotonic() + patience_seconds
        while len(found := self.search(number, channel)) < count:
            assert time.monotonic() < deadline, (
                f"{len(found)} of {count} recordings shipped within {patience_seconds} s; calls in the spool: "
                + ", ".join(f"{one.parent.name}/{one.name}" for one in self._waiting())
            )
            time.sleep(0.05)
        return [self.read(one) for one in found]

    def _waiting(self) -> list[Path]:
        return [one for state in ("calls", "sealed", "quarantine") for one in (self.world.spool / state).glob("*")]

    def read(self, recording: str) -> Evidence:
        """Read everything back that is kept of a shipped recording."""
        folder = self.world.spool / "shipped" / recording
        text = (folder / "manifest.json").read_bytes()
        manifest = json.loads(text)
        journal = folder / "journal.jsonl"
        entries, chain = ev.read(journal.read_bytes()) if journal.exists() else ([], "")
        key = {"node": manifest["call"]["node"], "channel": manifest["call"]["channel"], "recording": recording}
        with psycopg.connect(self.world.postgres.dsn, row_factory=dict_row) as connection:
            call = connection.execute(
                "SELECT * FROM calls WHERE node = %(node)s AND channel = %(channel)s", key
            ).fetchone()
            rows = {
                table: connection.execute(f"SELECT * FROM {table} WHERE recording = %(recording)s", key).fetchall()  # noqa: S608  a constant of ours
                for table in TABLES
            }
            accounts = connection.execute(
                "SELECT * FROM recordings WHERE node = %(node)s AND channel = %(channel)s "
                'ORDER BY began_at, recording COLLATE "C"',
                key,
            ).fetchall()
        assert call is not None, f"no row for {recording}"
        objects = {name: self.get(name) for name in self.keys(manifest["folder"] + "/")}
        still = tuple(self._stood_still())
        return Evidence(recording, manifest, text, entries, chain, call, rows, objects, accounts, still)

    def _stood_still(self) -> Iterator[tuple[Instant, Instant]]:
        for file in [one for name in ("heartbeat", "keeper") for one in (self.world.spool / name).glob("*.jsonl")]:
            for line in file.read_text(encoding="utf-8").splitlines():
                for since, until in json.loads(line).get("stood_still", ()):
                    yield Instant(since), Instant(until)

    def keys(self, prefix: str = "") -> list[str]:
        """Return every key in the bucket that begins so."""
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=prefix)
        return [one["Key"] for page in pages for one in page.get("Contents", [])]

    def get(self, key: str) -> bytes:
        """Return an object."""
        body: bytes = self.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()
        return body
