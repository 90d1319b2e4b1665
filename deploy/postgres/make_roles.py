"""Make consentgate's database and its two roles: an owner for migrations, and a writer who can change no row.

    python make_roles.py ADMIN_DSN_FILE OWNER_DSN_FILE WRITER_DSN_FILE

Safe to repeat: what is there stays, and the two files keep the passwords that they have. What the writer may do is
granted by `consentgate migrate --writer`, table by table (ari_app/adapters/schema.py). By hand: roles.sql.
"""

import secrets
import sys
from pathlib import Path

import psycopg
from psycopg import conninfo, sql

OWNER, WRITER, DATABASE = "consentgate_owner", "consentgate_writer", "consentgate"
OLDEST = 140000
"""From 14 on the server notices by itself that a migrator was killed (client_connection_check_interval)."""

_OWNER = "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = %s"


def objection(version: int, host: str) -> str:
    """Return why a server of this version (server_version_num) cannot be used; empty if it can."""
    if version >= OLDEST:
        return ""
    return (
        f"this PostgreSQL cannot be used ({host}): it is version {version // 10000}, and consentgate needs 14 or later"
        " (an older one keeps the lock of a migration that was killed). Upgrade it, or name another server's DSN"
    )


def password_in(file: Path) -> str:
    """Return the password of the DSN that a file holds, or a new one."""
    text = file.read_text(encoding="utf-8").strip() if file.exists() else ""
    return str(conninfo.conninfo_to_dict(text).get("password") or "") or secrets.token_hex(24)


def dsn(server: "psycopg.Connection[tuple[object, ...]]", role: str, password: str) -> str:
    """Return how a role reaches the database at the same server."""
    host, port = server.info.host, server.info.port
    # A socket's folder is no host name in a URL.
    where = f"/{DATABASE}?host={host}&port={port}" if host.startswith("/") else f"{host}:{port}/{DATABASE}"
    return f"postgresql://{role}:{password}@{where}\n"


def make(admin: str, owner_file: Path, writer_file: Path) -> None:
    """Do it; what is there stays. Raises psycopg.Error and SystemExit."""
    with psycopg.connect(admin, autocommit=True, connect_timeout=10) as server:
        if refused := objection(server.info.server_version, server.info.host):
            raise SystemExit(refused)
        found = {OWNER: password_in(owner_file), WRITER: password_in(writer_file)}
        for role, password in found.items():
            there = server.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (role,)).fetchone()
            verb = sql.SQL("ALTER ROLE {} LOGIN PASSWORD {}" if there else "CREATE ROLE {} LOGIN PASSWORD {}")
            server.execute(verb.format(sql.Identifier(role), sql.Literal(password)))
        owner = server.execute(_OWNER, (DATABASE,)).fetchone()
        if owner is not None and owner[0] != OWNER:
            raise SystemExit(
                f"the database {DATABASE} is there already ({server.info.host}): it belongs to {owner[0]}. If it is"
                f" ours, give it over: ALTER DATABASE {DATABASE} OWNER TO {OWNER}, and in it: REASSIGN OWNED BY"
                f" {owner[0]} TO {OWNER}"
            )
        if owner is None:
            statement = sql.SQL("CREATE DATABASE {} OWNER {}")
            server.execute(statement.format(sql.Identifier(DATABASE), sql.Identifier(OWNER)))
        # Nobody comes in but who was named: the two, and superusers.
        server.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(sql.Identifier(DATABASE)))
        grant = sql.SQL("GRANT CONNECT ON DATABASE {} TO {}")
        server.execute(grant.format(sql.Identifier(DATABASE), sql.Identifier(WRITER)))
        for file, role in ((owner_file, OWNER), (writer_file, WRITER)):
            file.touch(mode=0o600)
            file.write_text(dsn(server, role, found[role]), encoding="utf-8")


def main(arguments: list[str]) -> None:
    """Run it; a failure is one line."""
    admin, owner, writer = (Path(one) for one in arguments)
    try:
        make(admin.read_text(encoding="utf-8").strip(), owner, writer)
    except (OSError, psycopg.Error) as failure:
        raise SystemExit(f"the database cannot be made ({admin}): {str(failure).strip()}") from None


if __name__ == "__main__":
    main(sys.argv[1:])
