"""From a manifest to rows: SQL alone, so that what stands in the database is what stands in the manifest.

Each statement takes the whole manifest as `%(manifest)s` and picks its part. Only the manifest's object and
hash come from elsewhere, because a manifest cannot hold its own hash.
"""

from typing import Final, LiteralString

KNOWN: Final = "SELECT manifest_sha256 FROM recordings WHERE recording = %(recording)s"

KNOWN_OBJECTS: Final = """
SELECT manifest_object FROM recordings WHERE manifest_object = ANY(%(keys)s)
UNION ALL SELECT object FROM incidents WHERE object = ANY(%(keys)s)
"""

HAS_CALL: Final = "SELECT EXISTS (SELECT FROM calls WHERE node = %(node)s AND channel = %(channel)s)"

ALONE: Final = "SELECT pg_advisory_xact_lock(hashtextextended(%(node)s || ' ' || %(channel)s, 0))"
"""Accounts of one call, each in a transaction of its own, are entered one after the other: each sees the others."""

REPLACE_FALLBACK: Final[tuple[LiteralString, ...]] = (
    """
    DELETE FROM recordings WHERE node = %(node)s AND channel = %(channel)s
    AND source = 'fallback' AND attested_by IS NULL
    """,
    """
    DELETE FROM calls WHERE node = %(node)s AND channel = %(channel)s
    AND NOT EXISTS (SELECT FROM recordings r WHERE r.node = calls.node AND r.channel = calls.channel)
    """,
)
"""Before an account with evidence: an AGI script's bare note of the same channel gives way to it."""

INSERT: Final[tuple[LiteralString, ...]] = (
    # A second account (the gate was restarted during the call) adds to the summary: recorded if either is. Of what
    # they may differ in, line and direction are the earliest account's, the reason is the latest's, whichever came here
    # first: so the rows are the same when they are made anew from S3, in its order. Their numbers are one number,
    # encrypted twice; the lesser is as good as the other, and always the same.
    """
    INSERT INTO calls (node, channel, line, direction, began_at, ended_at, outcome, reason, number, number_hash)
    SELECT node, channel, line, direction, began_at, ended_at, outcome, reason,
           decode(number, 'base64'), decode(number_hash, 'hex')
    FROM jsonb_to_record(%(manifest)s::jsonb -> 'call') AS c(
        node text, channel text, line text, direction text, began_at timestamptz, ended_at timestamptz,
        outcome text, reason text, number text, number_hash text)
    ON CONFLICT (node, channel) DO UPDATE SET
        (line, direction) = (
            SELECT CASE WHEN earliest THEN excluded.line ELSE calls.line END,
                   CASE WHEN earliest THEN excluded.direction ELSE calls.direction END
            FROM (SELECT (excluded.began_at, %(recording)s COLLATE "C") < ALL (
                SELECT r.began_at, r.recording COLLATE "C" FROM recordings r
                WHERE r.node = excluded.node AND r.channel = excluded.channel)) AS e(earliest)),
        began_at = least(calls.began_at, excluded.began_at),
        ended_at = greatest(calls.ended_at, excluded.ended_at),
        outcome = CASE WHEN 'recorded' IN (calls.outcome, excluded.outcome) THEN 'recorded' ELSE 'not_recorded' END,
        reason = CASE WHEN 'recorded' IN (calls.outcome, excluded.outcome) THEN NULL
                      WHEN (excluded.began_at, %(recording)s COLLATE "C") > ALL (
                          SELECT r.began_at, r.recording COLLATE "C" FROM recordings r
                          WHERE r.node = excluded.node AND r.channel = excluded.channel)
                      THEN excluded.reason ELSE calls.reason END,
        number = least(calls.number, excluded.number),
        number_hash = CASE WHEN calls.number <= excluded.number OR excluded.number IS NULL THEN calls.number_hash
                           ELSE excluded.number_hash END
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
           software, asterisk, lines, sha256, heartbeat_at, %(object)s, %(sha256)s
    FROM jsonb_to_record(%(manifest)s::jsonb -> 'call') AS c(
             recording text, node text, channel text, source text, attested_by text, run text, mode text,
             capture text, began_at timestamptz, ended_at timestamptz, outcome text, reason text, policy_sha256 text,
             software text, asterisk text),
         jsonb_to_record(coalesce(nullif(%(manifest)s::jsonb -> 'journal', 'null'), '{}')) AS j(
             lines integer, sha256 text, heartbeat_at timestamptz)
    """,
    """
    INSERT INTO parties (recording, party, side, channel, endpoint, contract, entered_at, recorded_in, objected_at)
    SELECT %(recording)s, p.party, side, channel, endpoint, contract, entered_at, p.recording, o.at
    FROM jsonb_to_recordset(%(manifest)s::jsonb -> 'parties') AS p(
        party text, side text, channel text, endpoint text, contract boolean, entered_at timestamptz, recording text)
    LEFT JOIN jsonb_to_recordset(%(manifest)s::jsonb -> 'objections') AS o(party text, at timestamptz) USING (party)
    """,
    """
    INSERT INTO objections (recording, party, at)
    SELECT %(recording)s, party, at
    FROM jsonb_to_recordset(%(manifest)s::jsonb -> 'objections') AS o(party text, at timestamptz)
    """,
    """
    INSERT INTO choices (recording, choice, party, at, chose, key, language, cause, channel)
    SELECT %(recording)s, number, value ->> 'party', (value ->> 'at')::timestamptz, value ->> 'choice', value ->> 'key',
           value ->> 'language', value ->> 'cause', value ->> 'by'
    FROM jsonb_array_elements(coalesce(%(manifest)s::jsonb -> 'choices', '[]'::jsonb))
         WITH ORDINALITY AS c(value, number)
    """,
    """
    INSERT INTO notices (recording, notice, party, announcement, language, sha256, duration_ms, spoken_end_ms,
                         playback, began_at, completed_at, packets_expected, packets_sent, failed_at, reason)
    SELECT %(recording)s, notice, party, announcement, language, sha256, duration_ms, spoken_end_ms,
           playback, began_at, completed_at, packets_expected, packets_sent, failed_at, reason
    FROM jsonb_to_recordset(%(manifest)s::jsonb -> 'notices') AS n(
        notice integer, party text, announcement text, language text, sha256 text, duration_ms integer,
        spoken_end_ms integer, playback text, began_at timestamptz, completed_at timestamptz,
        packets_expected integer, packets_sent integer, failed_at timestamptz, reason text)
    """,
    """
    INSERT INTO permits (recording, permit, granted_at, revoked_at, reason, covered_until)
    SELECT %(recording)s, permit, granted_at, revoked_at, reason, covered_until
    FROM jsonb_to_recordset(%(manifest)s::jsonb -> 'permits') AS p(
        permit integer, granted_at timestamptz, revoked_at timestamptz, reason text, covered_until timestamptz)
    """,
    # Whether a party is told by contract, and since when they objected, is read from their own row, not from what the
    # permit says of them.
    """
    INSERT INTO permit_parties (recording, permit, party, since, contract, notice, told_at, left_at, objected,
                                objected_at, permit_until, covered_until)
    SELECT %(recording)s, p.permit, n.party, n.since, parties.contract, n.notice, n.told_at, n.left_at,
           parties.objected, parties.objected_at, p.covered_until, n.covered_until
    FROM jsonb_to_recordset(%(manifest)s::jsonb -> 'permits') AS p(
        permit integer, covered_until timestamptz, parties jsonb)
    CROSS JOIN LATERAL jsonb_to_recordset(p.parties) AS n(
        party text, since timestamptz, notice integer, told_at timestamptz, left_at timestamptz,
        covered_until timestamptz)
    LEFT JOIN parties ON parties.recording = %(recording)s AND parties.party = n.party
    """,
    """
    INSERT INTO segments (recording, segment, object, sha256, bytes, rate_hz, samples, began_at, channels)
    SELECT %(recording)s, segment, %(manifest)s::jsonb ->> 'folder' || '/' || object, sha256, bytes, rate_hz, samples,
           began_at, channels
    FROM jsonb_to_recordset(%(manifest)s::jsonb -> 'segments') AS s(
        segment integer, object text, sha256 text, bytes bigint, rate_hz integer, samples bigint,
        began_at timestamptz, channels text[])
    """,
    # Left joins: a track without its permit must fail on NOT NULL, not vanish.
    """
    INSERT INTO tracks (recording, segment, party, permit, file, origin_at, ended_at, first_sample, stored_samples,
                        destroyed_samples, cut_before_ms, cut_after_ms, short_ms, ambiguous, channel, "offset",
                        stored_from, stored_until, truncated, missing_ms, permit_since, permit_until,
                        stored_segment)
    SELECT %(recording)s, t.segment, t.party, t.permit, t.file, t.origin_at, t.ended_at, t.first_sample,
           t.stored_samples, t.destroyed_samples, t.cut_before_ms, t.cut_after_ms, t.short_ms, t.ambiguous, t.channel,
           t."offset", t.stored_from, t.stored_until, t.truncated, t.missing_ms, n.since, n.covered_until,
           CASE WHEN t.stored_samples > 0 THEN t.segment END
    FROM jsonb_to_recordset(%(manifest)s::jsonb -> 'tracks') AS t(
        segment integer, party text, permit integer, file boolean, origin_at timestamptz, ended_at timestamptz,
        first_sample bigint, stored_samples bigint, destroyed_samples bigint, cut_before_ms integer,
        cut_after_ms integer, short_ms integer, ambiguous boolean, channel integer, "offset" bigint,
        stored_from timestamptz, stored_until timestamptz, truncated boolean, missing_ms integer)
    LEFT JOIN permit_parties n ON n.recording = %(recording)s AND n.permit = t.permit AND n.party = t.party
    """,
    """
    INSERT INTO gaps (recording, began_at, ended_at, reason)
    SELECT %(recording)s, began_at, ended_at, reason
    FROM jsonb_to_recordset(%(manifest)s::jsonb -> 'gaps') AS g(
        began_at timestamptz, ended_at timestamptz, reason text)
    """,
    """
    INSERT INTO foreign_captures (recording, party, at)
    SELECT %(recording)s, party, at
    FROM jsonb_to_recordset(%(manifest)s::jsonb -> 'foreign_captures') AS f(party text, at timestamptz)
    """,
)
"""All rows of a manifest, in the order that the foreign keys ask for."""

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
