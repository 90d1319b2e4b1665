-- Rooms: parties of other recordings, permits that narrow, and what suspends a capture.

INSERT INTO outcomes (reason) VALUES
    ('outgoing_announcement_missing'), ('answering_machine'), ('too_many_segments'),
    ('held'), ('music_on_hold'), ('parked'), ('no_conversation'), ('voicemail'), ('telephone_conference'),
    ('channel_replaced'), ('paused'), ('objected'), ('room_changed'), ('capture_starting'), ('emergency_number');

ALTER TABLE calls ADD CHECK (direction IN ('incoming', 'outgoing', 'join'));

-- A guest is the outside party of another recording (`recorded_in`), which alone holds their voice. No foreign key:
-- that recording may be shipped later than this one.
ALTER TABLE parties
    ADD COLUMN recorded_in text,
    ADD COLUMN guest boolean NOT NULL GENERATED ALWAYS AS (recorded_in IS NOT NULL) STORED,
    ADD COLUMN objected_at timestamptz,
    ADD COLUMN objected boolean NOT NULL GENERATED ALWAYS AS (objected_at IS NOT NULL) STORED,
    ADD UNIQUE (recording, party, guest),
    ADD UNIQUE (recording, party, objected),
    ADD UNIQUE (recording, party, objected_at),
    ADD CHECK (recorded_in ~ '^[0-9A-HJKMNP-TV-Z]{26}$' AND recorded_in <> recording),
    -- The first party is the one whose recording it is.
    ADD CHECK (party <> 'p01' OR recorded_in IS NULL);

CREATE TABLE objections (
    recording text NOT NULL,
    party text NOT NULL,
    at timestamptz NOT NULL,
    PRIMARY KEY (recording, party),
    FOREIGN KEY (recording, party, at) REFERENCES parties (recording, party, objected_at) ON DELETE CASCADE
);

-- Each party's own end within a permit: the permit's, or earlier for who left the room or objected.
ALTER TABLE permit_parties
    ADD COLUMN left_at timestamptz,
    -- Copies, kept true by the foreign keys below, so that a CHECK can compare with them. `objected` is one because a
    -- key with an empty `objected_at` is not looked up: an objection must not be passed over by leaving it out.
    ADD COLUMN objected boolean NOT NULL DEFAULT false,
    ADD COLUMN objected_at timestamptz,
    ADD COLUMN permit_until timestamptz,
    ADD COLUMN covered_until timestamptz;
UPDATE permit_parties SET permit_until = p.covered_until, covered_until = greatest(since, p.covered_until)
FROM permits p WHERE (p.recording, p.permit) = (permit_parties.recording, permit_parties.permit);
ALTER TABLE permit_parties
    ALTER COLUMN permit_until SET NOT NULL,
    ALTER COLUMN covered_until SET NOT NULL,
    ADD UNIQUE (recording, permit, party, since, covered_until),
    ADD FOREIGN KEY (recording, permit, permit_until)
        REFERENCES permits (recording, permit, covered_until) ON DELETE CASCADE,
    ADD FOREIGN KEY (recording, party, objected) REFERENCES parties (recording, party, objected) ON DELETE CASCADE,
    ADD FOREIGN KEY (recording, party, objected_at)
        REFERENCES parties (recording, party, objected_at) ON DELETE CASCADE,
    ADD CHECK (objected = (objected_at IS NOT NULL)),
    ADD CHECK (covered_until >= since),
    -- The safety margin of DESIGN §3, unless nothing is covered at all.
    ADD CHECK (covered_until = since OR (
        covered_until <= permit_until
        AND (objected_at IS NULL OR covered_until <= objected_at - interval '40 milliseconds')
        AND (left_at IS NULL OR covered_until <= left_at - interval '40 milliseconds')));

ALTER TABLE tracks
    -- How much of the file lay before and after what is covered; empty where nobody can say it.
    ADD COLUMN cut_before_ms integer,
    ADD COLUMN cut_after_ms integer,
    ADD COLUMN guest boolean NOT NULL DEFAULT false,
    DROP CONSTRAINT tracks_recording_permit_party_permit_since_fkey,
    DROP CONSTRAINT tracks_recording_permit_permit_until_fkey;
UPDATE tracks SET permit_until = n.covered_until
FROM permit_parties n WHERE (n.recording, n.permit, n.party) = (tracks.recording, tracks.permit, tracks.party);
ALTER TABLE tracks
    -- The limits that the CHECK compares with are the party's own now, not the permit's.
    ADD FOREIGN KEY (recording, permit, party, permit_since, permit_until)
        REFERENCES permit_parties (recording, permit, party, since, covered_until) ON DELETE CASCADE,
    -- No guest has a track.
    ADD FOREIGN KEY (recording, party, guest) REFERENCES parties (recording, party, guest) ON DELETE CASCADE,
    ADD CHECK (NOT guest),
    ADD CHECK (permit = segment),
    ADD CHECK (cut_before_ms >= 0 AND cut_after_ms >= 0),
    ADD CHECK ((cut_before_ms IS NULL) = (cut_after_ms IS NULL));
