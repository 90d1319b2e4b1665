-- What `consentgate doctor self-test` found: nobody's calls, so they are no rows of `calls` by themselves; the test's own
-- recording has its rows as any other, and is known by its caller's endpoint. Kept first in the spool (`selftests/`), from
-- where these rows are made; `sha256` is that of the line there, which names the one before it.
CREATE TABLE self_tests (
    node text NOT NULL,
    line text NOT NULL,
    at timestamptz NOT NULL,
    ok boolean NOT NULL,
    recording text,
    result jsonb NOT NULL,
    sha256 text NOT NULL,
    signature text,
    PRIMARY KEY (node, line, at),
    CHECK (recording ~ '^[0-9A-HJKMNP-TV-Z]{26}$'),
    CHECK (sha256 ~ '^[0-9a-f]{64}$')
);

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON self_tests
    FOR EACH ROW EXECUTE FUNCTION consentgate_append_only();
CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON self_tests
    FOR EACH STATEMENT EXECUTE FUNCTION consentgate_append_only();
REVOKE UPDATE, DELETE, TRUNCATE ON self_tests FROM PUBLIC;
