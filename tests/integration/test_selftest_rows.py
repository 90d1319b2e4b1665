"""Results of self-tests come into PostgreSQL once each, also those of days on which it was away."""

from pathlib import Path

import psycopg
import pytest
import servers
from unit.config_world import write
from unit.test_selftest_kept import SIGNER, result

from ari_app import config
from ari_app.adapters import schema
from ari_app.commands import selftest_rows
from ari_app.commands.selftest_kept import Results
from ari_app.errors import UnreachableError


def settings(folder: Path, dsn: str) -> config.Config:
    file = write(folder, ("spool.path", str(folder)))
    (folder / "postgres.dsn").write_text(dsn, encoding="utf-8")
    return config.load(file)


def test_each_result_is_a_row_once(tmp_path: Path) -> None:
    dsn = servers.running().database()
    results = Results(tmp_path)
    with psycopg.connect(dsn, autocommit=True) as connection:
        schema.migrate(connection)
        with results.alone():
            for number, ok in ((0, True), (1, False)):
                more = {"node": "pbx1", "recording": "01M8KM1YXKCH47J9SB73BR3XMM" if ok else None}
                results.add("advice-line", result(number, ok=ok, **more), SIGNER)
                # As if it had been away the first time.
                if number:
                    for _ in range(2):
                        selftest_rows.store(settings(tmp_path, dsn), results, "advice-line")
        rows = connection.execute(
            "SELECT node, line, ok, recording, sha256, signature, result ->> 'format' FROM self_tests ORDER BY at"
        ).fetchall()
    lines = results.lines("advice-line")
    assert [row[:4] for row in rows] == [
        ("pbx1", "advice-line", True, "01M8KM1YXKCH47J9SB73BR3XMM"),
        ("pbx1", "advice-line", False, None),
    ]
    assert [row[4] for row in rows] == [one.sha256 for one in lines]
    assert [row[5] for row in rows] == [one.signature for one in lines]
    assert {row[6] for row in rows} == {"1"}


def test_a_database_that_is_away_is_told(tmp_path: Path) -> None:
    with pytest.raises(UnreachableError):
        selftest_rows.store(settings(tmp_path, "postgresql://x:y@127.0.0.1:1/z"), Results(tmp_path), "advice-line")
