-- Evidence is added and never changed, nor removed: refused to everybody who uses the tables, also to who owns them.
-- What an owner can still do is to alter the tables themselves, which says so in the server's log and in pg_trigger.
--
-- What may happen all the same, and nothing else:
--   calls       a second account of a call widens its summary, in the transaction that enters that account
--   recordings  a script's bare note gives way to an account with evidence of the same call, in one transaction; the
--   calls       call's summary is then made anew
-- A later migration that must rewrite rows (as 0002 did) disables the trigger `append_only` of the table for itself.

CREATE FUNCTION consentgate_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% of % is refused: evidence is added and never changed', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation', TABLE = TG_TABLE_NAME, CONSTRAINT = 'append_only';
END $$;

-- Only a note may go: it says that a call passed, and the account that takes its place says more.
CREATE FUNCTION consentgate_only_a_note_goes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.source = 'fallback' AND OLD.attested_by IS NULL THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'DELETE of % is refused: evidence is added and never changed', TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation', TABLE = TG_TABLE_NAME, CONSTRAINT = 'append_only';
END $$;

-- A summary only grows: earlier, later, recorded after all.
CREATE FUNCTION consentgate_summary_grows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.node, NEW.channel) = (OLD.node, OLD.channel) AND NEW.began_at <= OLD.began_at
        AND NEW.ended_at >= OLD.ended_at AND (NEW.outcome = 'recorded' OR OLD.outcome <> 'recorded') THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'UPDATE of % is refused: a call''s summary grows, and is never taken back', TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation', TABLE = TG_TABLE_NAME, CONSTRAINT = 'append_only';
END $$;

-- Asked when the transaction ends, and of the table's own schema: a session may have others of the same name.
CREATE FUNCTION consentgate_account_came() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    came boolean;
    evidence text := CASE WHEN TG_TABLE_NAME = 'recordings' THEN 'AND r.attested_by IS NOT NULL' ELSE '' END;
BEGIN
    EXECUTE format(
        'SELECT EXISTS (SELECT FROM %I.recordings r JOIN %I.calls c USING (node, channel) '
        'WHERE r.node = $1 AND r.channel = $2 AND r.xmin = pg_current_xact_id()::xid %s)',
        TG_TABLE_SCHEMA, TG_TABLE_SCHEMA, evidence) INTO came USING OLD.node, OLD.channel;
    IF NOT came THEN
        RAISE EXCEPTION '% of % is refused: no account of the call came with it', TG_OP, TG_TABLE_NAME
            USING ERRCODE = 'restrict_violation', TABLE = TG_TABLE_NAME, CONSTRAINT = 'append_only';
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER append_only BEFORE DELETE ON recordings
    FOR EACH ROW EXECUTE FUNCTION consentgate_only_a_note_goes();
CREATE TRIGGER append_only_update BEFORE UPDATE ON recordings
    FOR EACH ROW EXECUTE FUNCTION consentgate_append_only();
CREATE CONSTRAINT TRIGGER append_only_account AFTER DELETE ON recordings DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION consentgate_account_came();

CREATE TRIGGER append_only BEFORE UPDATE ON calls
    FOR EACH ROW EXECUTE FUNCTION consentgate_summary_grows();
CREATE CONSTRAINT TRIGGER append_only_account AFTER UPDATE OR DELETE ON calls DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION consentgate_account_came();

DO $$
DECLARE
    one text;
BEGIN
    FOREACH one IN ARRAY ARRAY['calls', 'recordings', 'parties', 'objections', 'choices', 'notices', 'permits',
        'permit_parties', 'segments', 'tracks', 'gaps', 'foreign_captures', 'incidents', 'incident_files', 'outcomes']
    LOOP
        IF one NOT IN ('calls', 'recordings') THEN
            EXECUTE format('CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON %I '
                'FOR EACH ROW EXECUTE FUNCTION consentgate_append_only()', one);
        END IF;
        EXECUTE format('CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON %I '
            'FOR EACH STATEMENT EXECUTE FUNCTION consentgate_append_only()', one);
        EXECUTE format('REVOKE UPDATE, DELETE, TRUNCATE ON %I FROM PUBLIC', one);
    END LOOP;
END $$;
