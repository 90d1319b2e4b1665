-- What callers and the house chose by key, and the reasons that come of it.

INSERT INTO outcomes (reason) VALUES ('not_consented'), ('stopped_by_staff'), ('private');

-- One line a key: what was chosen, and, of the house's, why and on whose channel. `party` is empty for a channel that
-- was in no recorded room then.
CREATE TABLE choices (
    recording text NOT NULL REFERENCES recordings ON DELETE CASCADE,
    choice integer NOT NULL,
    party text,
    at timestamptz NOT NULL,
    chose text NOT NULL,
    key text,
    language text,
    cause text,
    channel text,
    PRIMARY KEY (recording, choice),
    FOREIGN KEY (recording, party) REFERENCES parties (recording, party) ON DELETE CASCADE,
    -- The same words as in ari_app.core.choice and ari_app.core.hand.
    CHECK (chose IN ('declined', 'consented', 'not_consented', 'repeated', 'information', 'language',
                     'paused', 'resumed', 'stopped')),
    CHECK (key ~ '^[0-9*#A-D]$'),
    CHECK (cause IN ('payment', 'distress', 'child', 'capacity', 'private'))
);
