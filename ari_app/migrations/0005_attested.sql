-- Whose word an account with evidence is: the gate's, or that of the AGI script that announced while no gate was there.
-- A script's bare note of a call (source 'fallback', attested by nobody) gives way to every account with evidence.
ALTER TABLE recordings ADD COLUMN attested_by text;
UPDATE recordings SET attested_by = 'gate' WHERE source = 'gate';

-- What only the gate's accounts could have, those of a script can have now.
ALTER TABLE recordings DROP CONSTRAINT recordings_check;
ALTER TABLE recordings DROP CONSTRAINT recordings_check1;
ALTER TABLE recordings
    ADD CONSTRAINT recordings_attested_by_check CHECK (attested_by IN ('gate', 'agi')),
    ADD CONSTRAINT recordings_source_is_attester CHECK ((source = 'gate') = (attested_by IS NOT DISTINCT FROM 'gate')),
    ADD CONSTRAINT recordings_attested_have_evidence CHECK (
        (attested_by IS NOT NULL) = (run IS NOT NULL AND journal_sha256 IS NOT NULL AND policy_sha256 IS NOT NULL)),
    ADD CONSTRAINT recordings_notes_record_nothing CHECK (attested_by IS NOT NULL OR outcome = 'not_recorded');

DROP INDEX recordings_one_fallback;
CREATE UNIQUE INDEX recordings_one_fallback ON recordings (node, channel)
    WHERE source = 'fallback' AND attested_by IS NULL;
