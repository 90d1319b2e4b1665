-- The spool's file system had less room than spool.stop_below_free: nothing new was captured.
INSERT INTO outcomes (reason) VALUES ('spool_full');

-- A file that its writer never closed (Asterisk was killed, or the machine lost power): what is there was stored, and at
-- most so much of what was covered is missing at its end. NULL: no version before this has looked.
ALTER TABLE tracks
    ADD COLUMN truncated boolean,
    ADD COLUMN missing_ms integer,
    ADD CONSTRAINT tracks_missing_where_truncated CHECK ((truncated IS TRUE) = (missing_ms IS NOT NULL)),
    ADD CONSTRAINT tracks_missing_is_no_gain CHECK (missing_ms >= 0);
