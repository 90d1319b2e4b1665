-- The rows of format 1 manifests. Every table but `outcomes` can be rebuilt from the manifests in S3.
-- What this schema refuses must never have been captured: its constraints are the last of three checks (the
-- gate's grant, ship's plan, this), written without triggers so that they can be read.
-- Rows are added and never changed, but for a call's summary, when a second account of the call arrives.

-- Why a call, or a part of one, is not in a recording: fed from ari_app.core.reasons.
CREATE TABLE outcomes (
    reason text PRIMARY KEY
);
INSERT INTO outcomes (reason) VALUES
    ('line_never'), ('line_unknown'), ('announcement_unusable'),
    ('announcement_refused'), ('announcement_failed'), ('announcement_cut_short'), ('announcement_overran'),
    ('announcement_packets_missing'), ('announcement_packets_unprovable'), ('announcement_copy_changed'),
    ('announce_timeout'), ('held_during_announcement'), ('bridged_during_announcement'),
    ('hung_up_before_told'), ('left_before_told'), ('answer_failed'),
    ('stale_facts'), ('events_lost'), ('not_told'),
    ('journal_unwritable'), ('capture_failed'), ('capture_timeout'), ('not_ready'),
    ('hung_up'), ('left_bridge'), ('max_hours'), ('topology_not_supported'), ('gate_restarted'), ('gate_stopped'),
    ('announcement'), ('not_bridged'), ('no_heartbeat'), ('nothing_captured'),
    ('gate_away'), ('gate_silent'), ('outgoing_not_gated');

-- One row per channel that came to us, recorded or not: what a person searches in.
CREATE TABLE calls (
    node text NOT NULL,
    channel text NOT NULL,
    line text NOT NULL,
    direction text,
    began_at timestamptz NOT NULL,
    ended_at timestamptz NOT NULL,
    outcome text NOT NULL,
    reason text REFERENCES outcomes,
    -- AES-GCM ciphertext, and the keyed hash to search by: the number itself is nowhere.
    number bytea,
    number_hash bytea,
    PRIMARY KEY (node, channel),
    CHECK (ended_at >= began_at),
    CHECK (outcome IN ('recorded', 'not_recorded')),
    CHECK ((outcome = 'recorded') = (reason IS NULL)),
    CHECK ((number IS NULL) = (number_hash IS NULL)),
    CHECK (octet_length(number_hash) = 32)
);
CREATE INDEX calls_by_number ON calls (number_hash, began_at);
CREATE INDEX calls_by_time ON calls (began_at);

-- One account of a call: by a run of the gate, or by the AGI script that let it pass without the gate. A call
-- has a second one only if the gate was restarted while the call was with it.
CREATE TABLE recordings (
    recording text PRIMARY KEY,
    node text NOT NULL,
    channel text NOT NULL,
    source text NOT NULL,
    run text,
    mode text,
    capture text,
    began_at timestamptz NOT NULL,
    ended_at timestamptz NOT NULL,
    outcome text NOT NULL,
    reason text REFERENCES outcomes,
    policy_sha256 text,
    software text,
    asterisk text,
    journal_lines integer,
    journal_sha256 text,
    heartbeat_at timestamptz,
    manifest_object text NOT NULL UNIQUE,
    manifest_sha256 text NOT NULL,
    FOREIGN KEY (node, channel) REFERENCES calls,
    UNIQUE (node, channel, run),
    CHECK (recording ~ '^[0-9A-HJKMNP-TV-Z]{26}$'),
    CHECK (source IN ('gate', 'fallback')),
    CHECK ((source = 'gate') = (run IS NOT NULL AND journal_sha256 IS NOT NULL AND policy_sha256 IS NOT NULL)),
    CHECK (source = 'gate' OR outcome = 'not_recorded'),
    CHECK (outcome IN ('recorded', 'not_recorded')),
    CHECK ((outcome = 'recorded') = (reason IS NULL)),
    CHECK (ended_at >= began_at)
);
-- An AGI script's account of a channel exists once, however often the script ran.
CREATE UNIQUE INDEX recordings_one_fallback ON recordings (node, channel) WHERE source = 'fallback';

CREATE TABLE parties (
    recording text NOT NULL REFERENCES recordings ON DELETE CASCADE,
    party text NOT NULL,
    side text NOT NULL,
    channel text NOT NULL,
    endpoint text NOT NULL,
    contract boolean NOT NULL,
    entered_at timestamptz NOT NULL,
    PRIMARY KEY (recording, party),
    UNIQUE (recording, party, contract)
);

CREATE TABLE notices (
    recording text NOT NULL,
    notice integer NOT NULL,
    party text NOT NULL,
    announcement text NOT NULL,
    language text,
    sha256 text,
    duration_ms integer,
    spoken_end_ms integer,
    playback text,
    began_at timestamptz,
    completed_at timestamptz,
    packets_expected integer,
    packets_sent integer,
    failed_at timestamptz,
    reason text REFERENCES outcomes,
    PRIMARY KEY (recording, notice),
    FOREIGN KEY (recording, party) REFERENCES parties ON DELETE CASCADE,
    UNIQUE (recording, notice, party, completed_at),
    -- Completely played with its proof, or failed with its reason.
    CHECK ((completed_at IS NULL) = (failed_at IS NOT NULL) AND (completed_at IS NULL) = (reason IS NOT NULL)),
    CHECK (completed_at IS NULL OR (sha256 IS NOT NULL AND packets_sent IS NOT NULL AND completed_at >= began_at))
);

CREATE TABLE permits (
    recording text NOT NULL REFERENCES recordings ON DELETE CASCADE,
    permit integer NOT NULL,
    granted_at timestamptz NOT NULL,
    revoked_at timestamptz,
    reason text REFERENCES outcomes,
    covered_until timestamptz NOT NULL,
    PRIMARY KEY (recording, permit),
    UNIQUE (recording, permit, covered_until),
    CHECK ((revoked_at IS NULL) = (reason IS NULL)),
    CHECK (covered_until >= granted_at),
    -- The safety margin of DESIGN §3, unless nothing is covered at all.
    CHECK (covered_until = granted_at OR revoked_at IS NULL OR covered_until <= revoked_at - interval '40 milliseconds')
);

-- Whom a permit names, since when, and how they had been told by then.
CREATE TABLE permit_parties (
    recording text NOT NULL,
    permit integer NOT NULL,
    party text NOT NULL,
    since timestamptz NOT NULL,
    contract boolean NOT NULL,
    notice integer,
    told_at timestamptz,
    PRIMARY KEY (recording, permit, party),
    UNIQUE (recording, permit, party, since),
    FOREIGN KEY (recording, permit) REFERENCES permits ON DELETE CASCADE,
    FOREIGN KEY (recording, party, contract) REFERENCES parties (recording, party, contract) ON DELETE CASCADE,
    FOREIGN KEY (recording, notice, party, told_at) REFERENCES notices (recording, notice, party, completed_at),
    CHECK ((notice IS NULL) = (told_at IS NULL)),
    CHECK (contract OR notice IS NOT NULL),
    CHECK (told_at <= since)
);

CREATE TABLE segments (
    recording text NOT NULL REFERENCES recordings ON DELETE CASCADE,
    segment integer NOT NULL,
    object text NOT NULL UNIQUE,
    sha256 text NOT NULL,
    bytes bigint NOT NULL,
    rate_hz integer NOT NULL,
    samples bigint NOT NULL,
    began_at timestamptz NOT NULL,
    channels text[] NOT NULL,
    PRIMARY KEY (recording, segment),
    CHECK (samples > 0 AND bytes > 0 AND rate_hz > 0),
    CHECK (cardinality(channels) BETWEEN 1 AND 8)
);

CREATE TABLE tracks (
    recording text NOT NULL,
    segment integer NOT NULL,
    party text NOT NULL,
    permit integer NOT NULL,
    file boolean NOT NULL,
    origin_at timestamptz,
    ended_at timestamptz,
    first_sample bigint NOT NULL,
    stored_samples bigint NOT NULL,
    destroyed_samples bigint NOT NULL,
    short_ms integer NOT NULL,
    ambiguous boolean NOT NULL,
    channel integer,
    "offset" bigint,
    stored_from timestamptz,
    stored_until timestamptz,
    -- Copies of the permit's limits, kept true by the foreign keys, so that a CHECK can compare with them.
    permit_since timestamptz NOT NULL,
    permit_until timestamptz NOT NULL,
    -- Empty for a track of which nothing is stored, so that the key below does not ask for its segment.
    stored_segment integer,
    PRIMARY KEY (recording, segment, party),
    FOREIGN KEY (recording, permit, party, permit_since)
        REFERENCES permit_parties (recording, permit, party, since) ON DELETE CASCADE,
    FOREIGN KEY (recording, permit, permit_until)
        REFERENCES permits (recording, permit, covered_until) ON DELETE CASCADE,
    FOREIGN KEY (recording, stored_segment) REFERENCES segments ON DELETE CASCADE,
    UNIQUE (recording, segment, channel),
    CHECK (first_sample >= 0 AND stored_samples >= 0 AND destroyed_samples >= 0 AND short_ms >= 0),
    CHECK ((stored_samples > 0) = (stored_from IS NOT NULL)),
    CHECK ((stored_from IS NULL) = (stored_until IS NULL) AND (stored_from IS NULL) = (channel IS NULL)),
    CHECK ((stored_from IS NULL) = (stored_segment IS NULL) AND (stored_from IS NULL) = ("offset" IS NULL)),
    CHECK (stored_segment = segment),
    CHECK (channel BETWEEN 1 AND 8),
    -- Capture only within a permit.
    CHECK (stored_from IS NULL OR (stored_from >= permit_since AND stored_until <= permit_until
                                   AND stored_from < stored_until))
);

CREATE TABLE gaps (
    recording text NOT NULL REFERENCES recordings ON DELETE CASCADE,
    began_at timestamptz NOT NULL,
    ended_at timestamptz NOT NULL,
    reason text NOT NULL REFERENCES outcomes,
    PRIMARY KEY (recording, began_at),
    CHECK (ended_at > began_at)
);

CREATE TABLE foreign_captures (
    recording text NOT NULL,
    party text NOT NULL,
    at timestamptz NOT NULL,
    FOREIGN KEY (recording, party) REFERENCES parties ON DELETE CASCADE
);
CREATE INDEX foreign_captures_by_recording ON foreign_captures (recording);
