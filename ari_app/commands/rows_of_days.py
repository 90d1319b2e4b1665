"""What the database says of the calls of some days, in the shape of the manifests that its rows were made from.

An index finds the calls (`calls_by_time`), each recording's parts are found by their primary keys, and a cursor hands
them over by the hundred.
"""

from typing import Final

ROWS: Final = """
SELECT jsonb_build_object(
    'folder', '',
    'manifest', r.manifest_object,
    'call', jsonb_build_object('recording', r.recording, 'channel', r.channel, 'line', c.line, 'outcome', r.outcome,
        'reason', r.reason, 'began_at', r.began_at, 'ended_at', r.ended_at, 'source', r.source,
        'attested_by', r.attested_by),
    'parties', coalesce((SELECT jsonb_agg(jsonb_build_object('party', p.party, 'recording', p.recorded_in,
            'endpoint', p.endpoint))
        FROM parties p WHERE p.recording = r.recording), '[]'),
    'permits', coalesce((SELECT jsonb_agg(jsonb_build_object('permit', n.permit, 'parties', jsonb_build_array(
            jsonb_build_object('party', n.party, 'since', n.since, 'covered_until', n.covered_until))))
        FROM permit_parties n WHERE n.recording = r.recording), '[]'),
    'segments', coalesce((SELECT jsonb_agg(jsonb_build_object('segment', s.segment, 'object', s.object,
            'sha256', s.sha256, 'rate_hz', s.rate_hz, 'channels', s.channels) ORDER BY s.segment)
        FROM segments s WHERE s.recording = r.recording), '[]'),
    'tracks', coalesce((SELECT jsonb_agg(jsonb_build_object('segment', t.segment, 'party', t.party, 'permit', t.permit,
            'file', t.file, 'origin_at', t.origin_at, 'ended_at', t.ended_at, 'stored_samples', t.stored_samples,
            'destroyed_samples', t.destroyed_samples, 'stored_from', t.stored_from, 'stored_until', t.stored_until)
            ORDER BY t.segment, t.party)
        FROM tracks t WHERE t.recording = r.recording), '[]'))
FROM calls c JOIN recordings r USING (node, channel)
WHERE c.node = %(node)s AND c.began_at >= %(begin)s AND c.began_at < %(end)s
"""

CHANNELS_AROUND: Final = """
SELECT channel FROM calls WHERE node = %(node)s
AND (began_at >= %(begin)s::timestamptz - interval '1 day' AND began_at < %(begin)s
     OR began_at >= %(end)s AND began_at < %(end)s::timestamptz + interval '1 day')
"""
