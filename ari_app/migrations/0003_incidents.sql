-- What the guard stopped, reported or could not stop. Rows are added once and never changed.

CREATE TABLE incidents (
    incident text PRIMARY KEY,
    node text NOT NULL,
    at timestamptz NOT NULL,
    door text NOT NULL,
    action text NOT NULL,
    why text NOT NULL,
    channel text,
    stopped_after_ms bigint,
    object text NOT NULL UNIQUE,
    sha256 text NOT NULL,
    CHECK (incident ~ '^[0-9A-HJKMNP-TV-Z]{26}$'),
    -- The same words as in ari_app.core.incident.
    CHECK (door IN ('mixmonitor', 'channel_recording', 'bridge_recording', 'snoop', 'external_media', 'confbridge',
                    'queue', 'record_application', 'chanspy', 'file', 'stranded_leg')),
    CHECK (action IN ('stopped', 'reported', 'failed', 'continued')),
    CHECK (why IN ('not_named_in_live', 'stale_heartbeat', 'other_run', 'not_allowed')),
    CHECK (stopped_after_ms >= 0)
);
CREATE INDEX incidents_by_time ON incidents (at);
CREATE INDEX incidents_by_channel ON incidents (node, channel);

-- The files that were taken away: their names in the spool's quarantine/, which nothing ships from.
CREATE TABLE incident_files (
    incident text NOT NULL REFERENCES incidents ON DELETE CASCADE,
    file integer NOT NULL,
    sha256 text NOT NULL,
    bytes bigint NOT NULL,
    quarantined_as text NOT NULL,
    PRIMARY KEY (incident, file),
    CHECK (sha256 ~ '^[0-9a-f]{64}$' AND bytes >= 0)
);
