"""What `doctor` asks PostgreSQL beside `check`: its version, its clock, and what ship's role could do beside adding."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import psycopg

from ari_app import clock
from ari_app.adapters import postgres as database
from ari_app.config import Config
from ari_app.core.names import iso
from ari_app.doctor.catalogue import Found, Grade
from ari_app.errors import ConsentgateError

from .doctor_machine import seconds_ahead

OLDEST: Final = 13
"""The triggers that keep evidence need pg_current_xact_id(), which is of this version."""

CARED_FOR: Final = {13: "2025-11", 14: "2026-11", 15: "2027-11", 16: "2028-11", 17: "2029-11", 18: "2030-11"}
"""Until when each version gets fixes."""

_ROLE: Final = """
SELECT r.rolsuper,
    (SELECT count(*) FROM pg_tables t WHERE t.schemaname = current_schema() AND t.tablename <> 'schema_migrations'
        AND (t.tablename NOT IN ('calls', 'recordings')
             AND has_table_privilege(format('%I.%I', t.schemaname, t.tablename), 'DELETE')
             OR has_table_privilege(format('%I.%I', t.schemaname, t.tablename), 'TRUNCATE'))),
    (SELECT count(*) FROM pg_tables t WHERE t.schemaname = current_schema() AND t.tableowner = current_user),
    coalesce((SELECT s.ssl FROM pg_stat_ssl s WHERE s.pid = pg_backend_pid()), false),
    inet_server_addr() IS NOT NULL
        AND NOT inet_server_addr() <<= inet '127.0.0.0/8' AND inet_server_addr() <> inet '::1'
FROM pg_roles r WHERE r.rolname = current_user
"""
"""Of calls and recordings a bare note may go for the account that takes its place: triggers see to it (0006)."""

_CLOCK: Final = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint"


@dataclass(slots=True)
class Look:
    """One conversation with the server. `ahead_seconds`: its clock, once it was asked."""

    settings: Config
    ahead_seconds: float | None = None

    def everything(self) -> Iterator[Found]:
        """Yield what was found. What cannot be reached, `check` has said."""
        dsn = self.settings.postgres.dsn.reveal()
        try:
            with database.connect(dsn, autocommit=True) as connection, database.classified(dsn):
                found = [self._version(connection), *self._role(connection)]
                before = clock.now()
                row = connection.execute(_CLOCK).fetchone()
                self.ahead_seconds = seconds_ahead(row[0], before, clock.now()) if row else None
        except ConsentgateError:
            return
        yield from found

    @staticmethod
    def _version(connection: psycopg.Connection[Any]) -> Found:
        number = connection.info.server_version // 10000
        subject = f"PostgreSQL {number}"
        if number < OLDEST:
            why = "the triggers that keep evidence from being changed cannot be made there"
            mend = "update it, best to 15 or later"
            return Found("postgres-version", subject, "is too old", Grade.WRONG, why, mend)
        until = CARED_FOR.get(number)
        if until is not None and until < _today():
            why = "faults that lose data are not mended any more"
            return Found("postgres-version", subject, f"gets no fixes since {until}", Grade.WARNING, why, "update it")
        return Found("postgres-version", subject, f"fixes until {until}" if until else "is newer than this version")

    @staticmethod
    def _role(connection: psycopg.Connection[Any]) -> Iterator[Found]:
        row = connection.execute(_ROLE).fetchone()
        if row is None:
            return
        superuser, removes, owns, encrypted, elsewhere = row
        subject = f"role {connection.info.user}"
        why = "whoever gets hold of ship's password could remove evidence, or the triggers that protect it"
        mend = "a role of its own for ship: consentgate migrate --writer ROLE, as the owner of the tables"
        if superuser or owns or removes:
            what = "is a superuser" if superuser else "owns the tables" if owns else f"may remove from {removes} tables"
            yield Found("postgres-role", subject, what, Grade.WARNING, why, mend)
        else:
            yield Found("postgres-role", subject, "may add and read, and no more")
        if elsewhere and not encrypted:
            why = "what callers said yes to, and their encrypted numbers, cross the network readable"
            yield Found("postgres-tls", subject, "is not encrypted", Grade.WRONG, why, "sslmode=verify-full in the DSN")


def _today() -> str:
    return iso(clock.now())[:7]
