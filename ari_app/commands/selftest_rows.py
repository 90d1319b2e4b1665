"""The results of self-tests in PostgreSQL, made from those in the spool: what was away yesterday is caught up today."""

from typing import Final

from ari_app.adapters import postgres as database
from ari_app.config import Config
from ari_app.core.names import Instant, iso

from .selftest_kept import Results

MOST: Final = 100
"""So many of a line's last results are entered, if they are not there already."""

_INSERT: Final = """
INSERT INTO self_tests (node, line, at, ok, recording, result, sha256, signature)
SELECT r ->> 'node', r ->> 'line', %(at)s::timestamptz, (r ->> 'ok')::boolean, r ->> 'recording', r, %(sha256)s,
    %(signature)s
FROM (SELECT %(result)s::jsonb AS r) AS given
ON CONFLICT DO NOTHING
"""


def store(settings: Config, results: Results, line: str) -> None:
    """Enter a line's results. Raises UnreachableError, ConflictError, OSError; then the next test does it."""
    dsn = settings.postgres.dsn.reveal()
    with database.connect(dsn) as connection, database.classified(dsn), connection.transaction():
        for one in results.lines(line)[-MOST:]:
            values = {
                "at": iso(Instant(one.at)),
                "result": one.result,
                "sha256": one.sha256,
                "signature": one.signature,
            }
            connection.execute(_INSERT, values)
