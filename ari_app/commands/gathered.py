"""Everything that the sources say of some days, side by side in a file of SQLite, to be read call by call.

A day may have a hundred thousand calls: so nothing is kept in memory but what SQLite buffers, and it does the sorting.
The file is this user's alone, lies where temporary files do, and is gone with the process that made it.
"""

import json
import sqlite3
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ari_app.core import accounts
from ari_app.core.accounts import Account
from ari_app.core.assurance import Call, Held, Witnessed
from ari_app.core.names import Instant

CACHE_KIB = 16_384

_TABLES = """
CREATE TABLE seen (channel TEXT PRIMARY KEY, began INT, ended INT, context TEXT, linked TEXT) WITHOUT ROWID;
CREATE TABLE known (channel TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE running (channel TEXT, began INT, recording TEXT);
CREATE TABLE aside (channel TEXT, began INT, recording TEXT);
CREATE TABLE account (recording TEXT PRIMARY KEY, channel TEXT, began INT, waiting INT, row INT, said TEXT, test INT);
CREATE INDEX account_by_channel ON account (channel);
CREATE TABLE named (key TEXT, recording TEXT, sha256 TEXT, waiting INT, PRIMARY KEY (key, recording)) WITHOUT ROWID;
CREATE INDEX running_by_channel ON running (channel);
CREATE INDEX aside_by_channel ON aside (channel);
CREATE INDEX named_by_recording ON named (recording);
CREATE INDEX named_by_sound ON named (sha256);
CREATE TABLE object (key TEXT PRIMARY KEY, recording TEXT) WITHOUT ROWID;
CREATE INDEX object_by_recording ON object (recording);
CREATE TABLE missing (key TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE sound (key TEXT PRIMARY KEY, loud TEXT) WITHOUT ROWID;
"""

_CHANNELS = """
SELECT channel, min(began) AS began FROM (
    SELECT channel, began FROM account WHERE test = 0
    UNION ALL SELECT channel, began FROM running
    UNION ALL SELECT channel, began FROM aside
    UNION ALL SELECT channel, began FROM seen WHERE channel NOT IN (SELECT channel FROM known)
        AND linked NOT IN (SELECT channel FROM account WHERE json_extract(said, '$.call.reason') = 'emergency_number'))
GROUP BY channel ORDER BY began, channel
"""
"""An emergency call has its account under the telephone that dialled: nothing of ours touches the trunk's channel."""

_SHARED = """
SELECT key FROM named WHERE waiting = 0 AND sha256 IN (
    SELECT sha256 FROM named WHERE waiting = 0 AND sha256 IS NOT NULL GROUP BY sha256 HAVING count(*) > 1)
"""

_ABSENT = """
SELECT n.key FROM named n WHERE n.waiting = 0 AND NOT EXISTS (SELECT 1 FROM object o WHERE o.key = n.key) ORDER BY n.key
"""

_TO_HEAR = """
SELECT n.key FROM named n JOIN object o ON o.key = n.key WHERE n.sha256 IS NOT NULL ORDER BY n.key
"""

_FOREIGN = """
CREATE TABLE foreigners AS SELECT recording, key FROM object o
WHERE NOT EXISTS (SELECT 1 FROM account a WHERE a.recording = o.recording)
"""


@dataclass(slots=True)
class Gathered:
    """What the sources say. Methods that begin with `add` take what one source says; a repetition replaces it."""

    _tables: sqlite3.Connection
    objects_listed: bool = False
    """All objects of the days are there: only then is one that is not there missing."""

    def add_seen(self, channel: str, at: Instant, context: str, linked: str) -> None:
        """Note that a channel came into a conversation; only its first counts. linked: with which its call began."""
        self._tables.execute("INSERT OR IGNORE INTO seen VALUES (?, ?, NULL, ?, ?)", (channel, at, context, linked))

    def add_hung_up(self, channel: str, at: Instant) -> None:
        self._tables.execute("UPDATE seen SET ended = ? WHERE channel = ?", (at, channel))

    def add_known(self, channel: str) -> None:
        """Note a channel whose call belongs to another day."""
        self._tables.execute("INSERT OR IGNORE INTO known VALUES (?)", (channel,))

    def add_running(self, channel: str, began: Instant, recording: str) -> None:
        self._tables.execute("INSERT INTO running VALUES (?, ?, ?)", (channel, began, recording))

    def add_aside(self, channel: str, began: Instant, recording: str) -> None:
        self._tables.execute("INSERT INTO aside VALUES (?, ?, ?)", (channel, began, recording))

    def add_account(self, said: dict[str, Any], *, waiting: bool = False, row: bool | None = None) -> None:
        """Take what a manifest, or the rows of one, say. Raises what `accounts.read` raises."""
        account = accounts.read(said)
        part = {name: said.get(name) for name in ("folder", "manifest", *_PARTS)}
        values = (account.recording, account.channel, account.began, waiting, row, json.dumps(part), account.test)
        self._tables.execute("INSERT OR REPLACE INTO account VALUES (?, ?, ?, ?, ?, ?, ?)", values)
        self._tables.execute("DELETE FROM named WHERE recording = ?", (account.recording,))
        if account.test:
            # Nobody's call, and its sound may be gone already: there is nothing to compare.
            return
        named: list[tuple[str, str, str | None, bool]] = [(account.manifest, account.recording, None, waiting)]
        named += [(one.object, account.recording, one.sha256, waiting) for one in account.pieces]
        self._tables.executemany("INSERT OR REPLACE INTO named VALUES (?, ?, ?, ?)", named)

    def add_objects(self, recording: str, keys: Iterable[str]) -> None:
        self._tables.executemany("INSERT OR IGNORE INTO object VALUES (?, ?)", ((key, recording) for key in keys))

    def add_missing(self, key: str) -> None:
        self._tables.execute("INSERT OR IGNORE INTO missing VALUES (?)", (key,))

    def add_sound(self, key: str, loud: tuple[bool, ...]) -> None:
        """Note on which channels of an object there is a sound."""
        self._tables.execute("INSERT OR REPLACE INTO sound VALUES (?, ?)", (key, json.dumps(loud)))

    def forget_rows(self) -> None:
        """Drop what the database has said so far: it went away in the midst of it, and half an answer is none."""
        self._tables.execute("DELETE FROM named WHERE recording IN (SELECT recording FROM account WHERE row = 1)")
        self._tables.execute("DELETE FROM account WHERE row = 1")

    def forget_objects(self) -> None:
        """Drop what S3 has listed so far, for the same reason."""
        self._tables.execute("DELETE FROM object")
        self._tables.execute("DELETE FROM missing")
        self.objects_listed = False

    def has(self, recording: str) -> bool:
        """Tell whether somebody gives account of a recording."""
        return bool(self._tables.execute("SELECT 1 FROM account WHERE recording = ?", (recording,)).fetchone())

    def absent(self) -> Iterator[str]:
        """Yield the objects that accounts name and that were not listed."""
        return self._column(_ABSENT)

    def to_hear(self) -> Iterator[str]:
        """Yield the objects with sound that are there."""
        return self._column(_TO_HEAR)

    def foreign(self) -> Iterator[tuple[str, str]]:
        """Yield each listed object of which there is no account, with its recording ("": it is of none)."""
        # A copy: what is added of one must not move the others.
        self._tables.execute(_FOREIGN)
        yield from self._tables.execute("SELECT recording, key FROM foreigners ORDER BY recording, key")

    def unseen(self) -> int:
        """Return of how many recorded calls the witness, if it was asked, says nothing."""
        recorded = (
            "SELECT count(DISTINCT channel) FROM account "
            "WHERE json_extract(said, '$.call.outcome') = 'recorded' AND test = 0"
        )
        (count,) = self._tables.execute(f"{recorded} AND channel NOT IN (SELECT channel FROM seen)").fetchone()  # noqa: S608
        return int(count)

    def tests(self) -> int:
        """Return how many of the accounts are of our own tests of a line."""
        return int(self._tables.execute("SELECT count(*) FROM account WHERE test = 1").fetchone()[0])

    def _column(self, statement: str) -> Iterator[str]:
        for (value,) in self._tables.execute(statement):
            yield value

    def calls(self) -> Iterator[Call]:
        """Yield every call of the days, the first one first."""
        shared = frozenset(self._column(_SHARED))
        for channel, began in self._tables.execute(_CHANNELS):
            held = tuple(self._held(*row) for row in self._rows("account", "recording, waiting, row, said", channel))
            seen = self._rows("seen", "began, ended, context", channel)
            yield Call(
                channel=channel,
                at=Instant(began),
                held=held,
                running=bool(self._rows("running", "1", channel)),
                aside=tuple(recording for (recording,) in self._rows("aside", "recording", channel)),
                witnessed=Witnessed(*seen[0]) if seen else None,
                shared=shared and shared & {one.object for each in held for one in each.account.pieces},
            )

    def _rows(self, table: str, columns: str, channel: str) -> list[Any]:
        statement = f"SELECT {columns} FROM {table} WHERE channel = ?"  # noqa: S608 - words of ours
        return self._tables.execute(f"{statement} ORDER BY 1", (channel,)).fetchall()

    def _held(self, recording: str, waiting: int, row: int | None, said: str) -> Held:
        account = accounts.read(json.loads(said))
        missing: set[str] = set()
        stray: set[str] = set()
        if self.objects_listed and not waiting:
            gone = "SELECT m.key FROM named n JOIN missing m ON m.key = n.key WHERE n.recording = ?"
            missing = {key for (key,) in self._tables.execute(gone, (recording,))}
            there = self._tables.execute("SELECT key FROM object WHERE recording = ?", (recording,))
            stray = {key for (key,) in there} - account.objects - {f"{account.manifest}.sig"}
        return Held(
            account=account,
            waiting=bool(waiting),
            row=None if row is None else bool(row),
            missing=frozenset(missing),
            stray=frozenset(stray),
            sounds={one: loud for one in account.objects if (loud := self._sound(account, one)) is not None},
        )

    def _sound(self, account: Account, key: str) -> tuple[bool, ...] | None:
        found = self._tables.execute("SELECT loud FROM sound WHERE key = ?", (key,)).fetchone()
        channels = next((one.channels for one in account.pieces if one.object == key), ())
        loud = tuple(json.loads(found[0])) if found else ()
        # With another number of channels than was meant it is another object: `verify` says so.
        return loud if found and len(loud) == len(channels) else None


_PARTS = ("call", "parties", "permits", "segments", "tracks")


@contextmanager
def gathered(report: Callable[[Path], None] = lambda _: None) -> Iterator[Gathered]:
    """Make an empty one, and take it away in the end."""
    with tempfile.TemporaryDirectory(prefix="consentgate-reconcile-") as folder:
        file = Path(folder, "gathered.sqlite")
        report(file)
        tables = sqlite3.connect(file, isolation_level=None)
        try:
            # It is worth nothing after a crash, so nothing is done to make it survive one.
            for setting in ("journal_mode = OFF", "synchronous = OFF", f"cache_size = -{CACHE_KIB}"):
                tables.execute(f"PRAGMA {setting}")
            tables.executescript(_TABLES)
            tables.execute("BEGIN EXCLUSIVE")
            yield Gathered(tables)
        finally:
            tables.close()
