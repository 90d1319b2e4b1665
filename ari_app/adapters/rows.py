"""From manifests to rows: SQL alone, so that what stands in the database is what stands in the manifests.

Each statement takes one part of several manifests as a JSON list (`parts`), each item with the recording that it is
of: so a hundred manifests cost as many statements as one. Only a manifest's object and hash come from elsewhere,
because a manifest cannot hold its own hash.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, LiteralString

from ari_app.ports import Account

KNOWN: Final = "SELECT recording, manifest_sha256 FROM recordings WHERE recording = ANY(%(recordings)s)"

KNOWN_OBJECTS: Final = """
SELECT manifest_object FROM recordings WHERE manifest_object = ANY(%(keys)s)
UNION ALL SELECT object FROM incidents WHERE object = ANY(%(keys)s)
"""

HAS_CALL: Final = "SELECT EXISTS (SELECT FROM calls WHERE node = %(node)s AND channel = %(channel)s)"

THERE: Final = """
SELECT node, channel FROM calls
JOIN unnest(%(nodes)s::text[], %(channels)s::text[]) AS asked(node, channel) USING (node, channel)
"""

ALONE: Final = """
SELECT pg_advisory_xact_lock(lock) FROM (
    SELECT DISTINCT hashtextextended(node || ' ' || channel, 0) AS lock
    FROM unnest(%(nodes)s::text[], %(channels)s::text[]) AS asked(node, channel) ORDER BY lock) AS ordered
"""
"""Accounts of one call, in transactions of their own, are entered one after the other: each sees the others.

The locks are taken in one order, so that two transactions of many calls do not wait for each other.
"""

REPLACE_FALLBACK: Final[tuple[LiteralString, ...]] = (
    """
    DELETE FROM recordings USING unnest(%(nodes)s::text[], %(channels)s::text[]) AS given(node, channel)
    WHERE recordings.node = given.node AND recordings.channel = given.channel
    AND source = 'fallback' AND attested_by IS NULL
    """,
    """
    DELETE FROM calls USING unnest(%(nodes)s::text[], %(channels)s::text[]) AS given(node, channel)
    WHERE calls.node = given.node AND calls.channel = given.channel
    AND NOT EXISTS (SELECT FROM recordings r WHERE r.node = calls.node AND r.channel = calls.channel)
    """,
)
"""Before accounts with evidence: an AGI script's bare note of the same channel gives way to them."""

_LISTS: Final = ("parties", "objections", "choices", "notices", "permits", "segments", "tracks", "gaps")


def parts(accounts: Sequence[Account]) -> dict[str, str]:
    """Return what the statements take, by its name."""
    manifests = [(one.manifest["call"]["recording"], one.manifest) for one in accounts]
    lists: dict[str, list[Mapping[str, Any]]] = {
        "heads": [
            {"call": one.manifest["call"], "journal": one.manifest["journal"] or {}}
            | {"object": one.key, "sha256": one.sha256}
            for one in accounts
        ],
        "members": [
            {"of": of, "permit": permit["permit"], "permit_until": permit["covered_until"], **member}
            for of, manifest in manifests
            for permit in manifest["permits"]
            for member in permit["parties"]
        ],
        **{
            part: [
                {"of": of, "number": number, "folder": manifest["folder"], **item}
                for of, manifest in manifests
                # The first manifests knew no choices.
                for number, item in enumerate(manifest.get(part, ()), start=1)
            ]
            for part in (*_LISTS, "foreign_captures")
        },
    }
    return {name: json.dumps(rows) for name, rows in lists.items()}


INSERT: Final[tuple[LiteralString, ...]] = (
    # A second account (the gate was restarted during the call) adds to the summary: recorded if either is. Of what
    # they may differ in, line and direction are the earliest account's, the reason is the latest's, whichever came here
    # first: so the rows are the same when they are made anew from S3, in its order. Their numbers are one number,
    # encrypted twice; the lesser is as good as the other, and always the same.
    """
    UPDATE calls SET
        (line, direction) = (
            SELECT CASE WHEN earliest THEN c.line ELSE calls.line END,
                   CASE WHEN earliest THEN c.direction ELSE calls.direction END
            FROM (SELECT (c.began_at, c.recording COLLATE "C") < ALL (
                SELECT r.began_at, r.recording COLLATE "C" FROM recordings r
                WHERE r.node = c.node AND r.channel = c.channel)) AS e(earliest)),
        began_at = least(calls.began_at, c.began_at),
        ended_at = greatest(calls.ended_at, c.ended_at),
        outcome = CASE WHEN 'recorded' IN (calls.outcome, c.outcome) THEN 'recorded' ELSE 'not_recorded' END,
        reason = CASE WHEN 'recorded' IN (calls.outcome, c.outcome) THEN NULL
                      WHEN (c.began_at, c.recording COLLATE "C") > ALL (
                          SELECT r.began_at, r.recording COLLATE "C" FROM recordings r
                          WHERE r.node = c.node AND r.channel = c.channel)
                      THEN c.reason ELSE calls.reason END,
        number = least(calls.number, decode(c.number, 'base64')),
        number_hash = CASE WHEN calls.number <= decode(c.number, 'base64') OR c.number IS NULL THEN calls.number_hash
                           ELSE decode(c.number_hash, 'hex') END
    FROM json_to_recordset(%(heads)s::json) AS h(call json),
         json_to_record(h.call) AS c(
             recording text, node text, channel text, line text, direction text, began_at timestamptz,
             ended_at timestamptz, outcome text, reason text, number text, number_hash text)
    WHERE calls.node = c.node AND calls.channel = c.channel
    """,
    """
    INSERT INTO calls (node, channel, line, direction, began_at, ended_at, outcome, reason, number, number_hash)
    SELECT node, channel, line, direction, began_at, ended_at, outcome, reason,
           decode(number, 'base64'), decode(number_hash, 'hex')
    FROM json_to_recordset(%(heads)s::json) AS h(call json),
         json_to_record(h.call) AS c(
             node text, channel text, line text, direction text, began_at timestamptz, ended_at timestamptz,
             outcome text, reason text, number text, number_hash text)
    ON CONFLICT (node, channel) DO NOTHING
    """,
    """
    INSERT INTO recordings (
        recording, node, channel, source, attested_by, run, mode, capture, began_at, ended_at, outcome, reason,
        policy_sha256, software, asterisk, journal_lines, journal_sha256, heartbeat_at, manifest_object,
        manifest_sha256)
    SELECT recording, node, channel, source,
           -- Manifests of the first version do not say it.
           coalesce(attested_by, CASE source WHEN 'gate' THEN 'gate' END),
           run, mode, capture, began_at, ended_at, outcome, reason, policy_sha256,
           software, asterisk, lines, j.sha256, heartbeat_at, h.object, h.sha256
    FROM json_to_recordset(%(heads)s::json) AS h(call json, journal json, object text, sha256 text),
         json_to_record(h.call) AS c(
             recording text, node text, channel text, source text, attested_by text, run text, mode text,
             capture text, began_at timestamptz, ended_at timestamptz, outcome text, reason text, policy_sha256 text,
             software text, asterisk text),
         json_to_record(h.journal) AS j(lines integer, sha256 text, heartbeat_at timestamptz)
    """,
    """
    INSERT INTO parties (recording, party, side, channel, endpoint, contract, entered_at, recorded_in, objected_at)
    SELECT p.of, p.party, side, channel, endpoint, contract, entered_at, p.recording, o.at
    FROM json_to_recordset(%(parties)s::json) AS p(
        of text, party text, side text, channel text, endpoint text, contract boolean, entered_at timestamptz,
        recording text)
    LEFT JOIN json_to_recordset(%(objections)s::json) AS o(of text, party text, at timestamptz) USING (of, party)
    """,
    """
    INSERT INTO objections (recording, party, at)
    SELECT of, party, at FROM json_to_recordset(%(objections)s::json) AS o(of text, party text, at timestamptz)
    """,
    """
    INSERT INTO choices (recording, choice, party, at, chose, key, language, cause, channel)
    SELECT of, number, party, at, choice, key, language, cause, by
    FROM json_to_recordset(%(choices)s::json) AS c(
        of text, number integer, party text, at timestamptz, choice text, key text, language text, cause text, by text)
    """,
    """
    INSERT INTO notices (recording, notice, party, announcement, language, sha256, duration_ms, spoken_end_ms,
                         playback, began_at, completed_at, packets_expected, packets_sent, failed_at, reason)
    SELECT of, notice, party, announcement, language, sha256, duration_ms, spoken_end_ms,
           playback, began_at, completed_at, packets_expected, packets_sent, failed_at, reason
    FROM json_to_recordset(%(notices)s::json) AS n(
        of text, notice integer, party text, announcement text, language text, sha256 text, duration_ms integer,
        spoken_end_ms integer, playback text, began_at timestamptz, completed_at timestamptz,
        packets_expected integer, packets_sent integer, failed_at timestamptz, reason text)
    """,
    """
    INSERT INTO permits (recording, permit, granted_at, revoked_at, reason, covered_until)
    SELECT of, permit, granted_at, revoked_at, reason, covered_until
    FROM json_to_recordset(%(permits)s::json) AS p(
        of text, permit integer, granted_at timestamptz, revoked_at timestamptz, reason text,
        covered_until timestamptz)
    """,
    # Whether a party is told by contract, and since when they objected, is read from their own row, not from what the
    # permit says of them.
    """
    INSERT INTO permit_parties (recording, permit, party, since, contract, notice, told_at, left_at, objected,
                                objected_at, permit_until, covered_until)
    SELECT n.of, n.permit, n.party, n.since, parties.contract, n.notice, n.told_at, n.left_at,
           parties.objected, parties.objected_at, n.permit_until, n.covered_until
    FROM json_to_recordset(%(members)s::json) AS n(
        of text, permit integer, permit_until timestamptz, party text, since timestamptz, notice integer,
        told_at timestamptz, left_at timestamptz, covered_until timestamptz)
    LEFT JOIN parties ON parties.recording = n.of AND parties.party = n.party
    """,
    """
    INSERT INTO segments (recording, segment, object, sha256, bytes, rate_hz, samples, began_at, channels)
    SELECT of, segment, folder || '/' || object, sha256, bytes, rate_hz, samples, began_at, channels
    FROM json_to_recordset(%(segments)s::json) AS s(
        of text, folder text, segment integer, object text, sha256 text, bytes bigint, rate_hz integer, samples bigint,
        began_at timestamptz, channels text[])
    """,
    # Left joins: a track without its permit must fail on NOT NULL, not vanish.
    """
    INSERT INTO tracks (recording, segment, party, permit, file, origin_at, ended_at, first_sample, stored_samples,
                        destroyed_samples, cut_before_ms, cut_after_ms, short_ms, ambiguous, channel, "offset",
                        stored_from, stored_until, truncated, missing_ms, permit_since, permit_until,
                        stored_segment)
    SELECT t.of, t.segment, t.party, t.permit, t.file, t.origin_at, t.ended_at, t.first_sample,
           t.stored_samples, t.destroyed_samples, t.cut_before_ms, t.cut_after_ms, t.short_ms, t.ambiguous, t.channel,
           t."offset", t.stored_from, t.stored_until, t.truncated, t.missing_ms, n.since, n.covered_until,
           CASE WHEN t.stored_samples > 0 THEN t.segment END
    FROM json_to_recordset(%(tracks)s::json) AS t(
        of text, segment integer, party text, permit integer, file boolean, origin_at timestamptz, ended_at timestamptz,
        first_sample bigint, stored_samples bigint, destroyed_samples bigint, cut_before_ms integer,
        cut_after_ms integer, short_ms integer, ambiguous boolean, channel integer, "offset" bigint,
        stored_from timestamptz, stored_until timestamptz, truncated boolean, missing_ms integer)
    LEFT JOIN permit_parties n ON n.recording = t.of AND n.permit = t.permit AND n.party = t.party
    """,
    """
    INSERT INTO gaps (recording, began_at, ended_at, reason)
    SELECT of, began_at, ended_at, reason
    FROM json_to_recordset(%(gaps)s::json) AS g(of text, began_at timestamptz, ended_at timestamptz, reason text)
    """,
    """
    INSERT INTO foreign_captures (recording, party, at)
    SELECT of, party, at
    FROM json_to_recordset(%(foreign_captures)s::json) AS f(of text, party text, at timestamptz)
    """,
)
"""All rows of manifests of which no two are of one call, in the order that the foreign keys ask for."""

KNOWN_INCIDENT: Final = "SELECT sha256 FROM incidents WHERE incident = %(id)s"

INSERT_INCIDENT: Final[tuple[LiteralString, ...]] = (
    """
    INSERT INTO incidents (incident, node, at, door, action, why, channel, stopped_after_ms, object, sha256)
    SELECT id, node, 'epoch'::timestamptz + at * interval '1 microsecond', door, action, why, channel,
           stopped_after_ms, %(object)s, %(sha256)s
    FROM jsonb_to_record(%(incident)s::jsonb) AS i(
        id text, node text, at bigint, door text, action text, why text, channel text, stopped_after_ms bigint)
    """,
    """
    INSERT INTO incident_files (incident, file, sha256, bytes, quarantined_as)
    SELECT %(id)s, number, sha256, bytes, quarantined_as
    FROM jsonb_array_elements(%(incident)s::jsonb -> 'files') WITH ORDINALITY AS f(file, number),
         jsonb_to_record(file) AS r(sha256 text, bytes bigint, quarantined_as text)
    """,
)
"""All rows of an incident, in the order that the foreign keys ask for."""
