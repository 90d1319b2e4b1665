"""What is left of a crowd when the blow is over: every call, every sample, every object and row, and nothing else."""

import json
import re
from collections import defaultdict
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from typing import Any, Final

import psycopg
from demo_world.seaweed import PREFIX
from system.case import Case
from system.evidence import Evidence
from system.judge import judge
from system.stage import Stage

from ari_app.core.names import instant_of

from .ground import Ground

SAMPLES_PER_MS: Final = 8
OVERLAP_US: Final = 20_000
"""A frame: so much may two accounts of one call both hold."""
_KEY: Final = re.compile(rf"{PREFIX}/(?P<folder>\d{{4}}/\d\d/\d\d/(?P<recording>[0-9A-Z]{{26}}))/(?P<name>[^/]+)\Z")
ALARMS: Final = frozenset(
    {"leg.continued", "capture.stopped stale_heartbeat", "capture.stopped other_run", "capture.stopped not_named"}
)
"""What the guard may say when a gate or Asterisk was struck; anything else is a false alarm."""


@dataclass(slots=True)
class Outcome:
    """What is remembered of a round, and stands in the table."""

    name: str
    points: int = 0
    calls: int = 0
    """In flight when the blow fell."""
    recordings: int = 0
    lost: int = 0
    doubled: int = 0
    secret_samples: int = 0
    failed_calls: int = 0
    excepted: list[str] = field(default_factory=list)
    """Calls that ended with Asterisk itself, by name."""
    faults: list[str] = field(default_factory=list)
    seconds: float = 0.0
    skipped: str = ""

    @property
    def good(self) -> bool:
        """Whether nothing at all is wrong."""
        return not self.faults

    def to_json(self) -> dict[str, Any]:
        """Return what is written down."""
        return asdict(self)


def settle(stage: Stage, found: list[Evidence], outcome: Outcome) -> None:
    """Judge everything that is left."""
    verdict = judge(stage, found)
    outcome.faults += verdict.faults
    outcome.secret_samples += round(verdict.forbidden_ms * SAMPLES_PER_MS)
    outcome.recordings += sum(one.recorded for one in found)
    outcome.lost += sum("missing though covered" in one or "are not stored" in one for one in verdict.faults)
    _accounts(Case(stage), stage, found, outcome)


def _accounts(case: Case, stage: Stage, found: list[Evidence], outcome: Outcome) -> None:
    """Each outside party's call has its account, and none of its time is stored twice."""
    by_channel: dict[str, list[Evidence]] = defaultdict(list)
    for one in found:
        by_channel[one.call["channel"]].append(one)
    for title, leg in case.legs.items():
        if leg.staff or title not in case.channels:
            continue
        uniqueid = stage.witness.uniqueids[case.channels[title]]
        accounts = by_channel.get(uniqueid, [])
        if not accounts:
            outcome.lost += 1
            outcome.faults.append(f"{title}: there is no account of the call")
        spans = sorted(
            (instant_of(track["stored_from"]), instant_of(track["stored_until"]), track["party"])
            for one in accounts
            for track in one.manifest["tracks"]
            if track["stored_from"] is not None and not one.superseded
        )
        for party in {one[2] for one in spans}:
            own = [one for one in spans if one[2] == party]
            if any(second[0] < first[1] - OVERLAP_US for first, second in pairwise(own)):
                outcome.doubled += 1
                outcome.faults.append(f"{title}: {party} is stored twice: {own}")


def known(ground: Ground) -> set[str]:
    """Return every recording that has an object or a row."""
    with psycopg.connect(ground.world.postgres.dsn) as connection:
        rows = {one for (one,) in connection.execute("SELECT recording FROM recordings")}
    matches = (_KEY.match(key) for key in ground.hospital.archive.keys(f"{PREFIX}/"))
    return rows | {one["recording"] for one in matches if one}


def once(ground: Ground, found: list[Evidence], before: set[str], outcome: Outcome) -> None:
    """Look through the bucket: what was not there before lies in one place, has one row, and nothing lies beside it."""
    archive = ground.hospital.archive
    folders: dict[str, set[str]] = defaultdict(set)
    for key in archive.keys(f"{PREFIX}/"):
        matched = _KEY.match(key)
        if matched is None:
            if not key.startswith((f"{PREFIX}/incidents/", f"{PREFIX}/anchors/")):
                outcome.faults.append(f"S3 holds {key}")
            continue
        if matched["recording"] in before:
            continue
        folders[matched["recording"]].add(matched["folder"])
    with psycopg.connect(ground.world.postgres.dsn) as connection:
        rows = {one for (one,) in connection.execute("SELECT recording FROM recordings")} - before
        channels = {one for (one,) in connection.execute("SELECT channel FROM calls")}
    for one in found:
        if len(folders[one.recording]) != 1:
            outcome.lost += not folders[one.recording]
            outcome.doubled += len(folders[one.recording]) > 1
            outcome.faults.append(f"{one.recording} lies in {sorted(folders[one.recording])}")
        if one.recording not in rows and not one.superseded:
            outcome.lost += 1
            outcome.faults.append(f"{one.recording} has no row")
    for recording in sorted(set(folders) - rows):
        # A note of the dialplan gives way to the gate's own account of the same call.
        (folder,) = folders[recording]
        call = json.loads(archive.get(f"{PREFIX}/{folder}/manifest.json"))["call"]
        if call["source"] != "fallback" or call["channel"] not in channels:
            outcome.faults.append(f"in S3 and without a row: {recording}")
    if rows - set(folders):
        outcome.lost += len(rows - set(folders))
        outcome.faults.append(f"rows without objects: {sorted(rows - set(folders))}")


def left_over(ground: Ground, dirt: list[str], outcome: Outcome) -> None:
    """Nothing is left: no channel, process, file or transaction."""
    outcome.faults += [f"left over: {one}" for one in dirt]
    if count := ground.transactions():
        outcome.faults.append(f"left over: {count} transactions")
