"""The five sources of `reconcile`, asked one after the other; one that is away does not keep the others from speaking.

The order is that in which a recording moves: what it leaves while we look is found at the next place. What was not
found although it should be there is asked for once more, because it may have come since.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any, Final

from ari_app.adapters import cel, postgres, s3, schema
from ari_app.adapters.postgres import PostgresDatabase
from ari_app.config import Config
from ari_app.core import accounts, names
from ari_app.core.assurance import Fault, Finding
from ari_app.core.names import MICROSECONDS, Instant, UnsafeNameError
from ari_app.core.signature import MANIFEST
from ari_app.errors import NotThereError, UnreachableError
from ari_app.inspection import Inspection, each
from ari_app.layout import Layout
from ari_app.signing import Keyring

from . import listening
from .gathered import Gathered
from .rows_of_days import CHANNELS_AROUND, ROWS
from .spooled import Spooled, Window

ASKED: Final = 256
_UNREADABLE: Final = (ValueError, LookupError, TypeError, AttributeError)

NOT_COMPARED: Final = {
    "the witness": "a call that nobody gives account of is not found",
    "the spool": "what waits, what was put aside and what is left over is not known",
    "the database": "whether what is stored has its rows is not known",
    "S3": "whether what is stored is there, and what can be heard in it, is not known",
    "the sound": "what is silent or one-sided is not found",
}
"""What is not known if a source could not be asked."""


@dataclass(slots=True)
class Sources:
    """What is asked, and what became of it. `away`: why a source gave no whole answer; `notes`: what else to know."""

    config: Config
    window: Window
    now: Instant
    listen: bool = True
    away: dict[str, UnreachableError] = field(default_factory=dict)
    not_asked: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    loose: list[Finding] = field(default_factory=list)
    inspection: Inspection | None = None
    progress: Callable[[str], None] = lambda _: None
    _database: PostgresDatabase | None = None

    def gather(self, into: Gathered) -> Spooled:
        """Ask all of them, and return what was seen of the spool besides the calls."""
        late = self.config.assurance.late_after_seconds * MICROSECONDS
        keep = self.config.s3.keep_audio_seconds * MICROSECONDS
        spooled = Spooled(Layout(self.config.spool.path), self.config.site.node, self.window, self.now, late, keep)
        self._ask("the witness", lambda: self._witness(into))
        self._ask("the spool", lambda: spooled.gather(into))
        if not self._ask("S3", lambda: self._objects(into)):
            into.forget_objects()
        if not self._ask("the database", lambda: self._rows(into)):
            into.forget_rows()
        self._ask("the spool", lambda: self._shipped(into, spooled))
        if "S3" not in self.away and not self._ask("S3", lambda: self._compare(into, spooled)):
            into.forget_objects()
        self._sound(into)
        self.loose += spooled.loose
        if {"the witness", "the database"}.isdisjoint({*self.away, *self.not_asked}) and (count := into.unseen()):
            self.notes.append(f"The witness has not seen {count} of the recorded calls: was it written all day?")
        if tests := into.tests():
            self.notes.append(f"Self-tests are nobody's calls, and not counted: {tests}.")
        return spooled

    def _ask(self, name: str, question: Callable[[], None]) -> bool:
        self.progress(f"asking {name}")
        try:
            question()
        except UnreachableError as failure:
            self.away[name] = failure
            return False
        return True

    def close(self) -> None:
        """End the connection that was kept for single questions."""
        if self._database is not None:
            self._database.close()

    # -- the witness

    def _witness(self, into: Gathered) -> None:
        file, trunks = self.config.assurance.witness, self.config.parties.trunks
        if file is None or not trunks:
            self.not_asked["the witness"] = (
                "assurance.witness is not set" if file is None else "parties.trunks is empty"
            )
            return
        for event in cel.read(file, self.window.begin):
            if event.endpoint not in trunks:
                continue
            if not event.entered:
                into.add_hung_up(event.channel, event.at)
            elif event.at < self.window.end:
                into.add_seen(event.channel, event.at, event.context, event.linked)

    # -- S3

    def _objects(self, into: Gathered) -> None:
        self.inspection = Inspection(s3.configured(self.config.s3), Keyring([]), self.config.s3.prefix)
        for day in days(self.window):
            for folder, keys in self.inspection.folders(day.replace("-", "/")):
                into.add_objects(_recording(folder), keys)
        into.objects_listed = True

    def _compare(self, into: Gathered, spooled: Spooled) -> None:
        """Read the accounts of what nobody else knows, and look once more for what is not there."""
        inspection, store = self._inspected(), s3.configured(self.config.s3)

        def gone(key: str) -> str | None:
            try:
                inspection.patience.bear(lambda: store.head(key))
            except NotThereError:
                return key
            return None

        for recording, keys in _batches(into.foreign()):
            self._foreign(into, spooled, recording, keys)
        for key in [key for key in each(inspection, into.absent(), gone) if key is not None]:
            into.add_missing(key)

    def _inspected(self) -> Inspection:
        if self.inspection is None:
            raise RuntimeError("S3 is compared after it was listed")
        return self.inspection

    def _foreign(self, into: Gathered, spooled: Spooled, recording: str, keys: list[str]) -> None:
        """Account for objects that neither rows nor the spool know."""
        manifest = next((key for key in keys if key.endswith(f"/{MANIFEST}")), None)
        asked = "the database" not in self.away
        if (manifest and asked and self._known([manifest])) or (recording and spooled.there(recording)):
            return
        try:
            said = names_its_objects(self._inspected().content(manifest) if manifest else None)
            if said["call"]["node"] == self.config.site.node:
                into.add_account(said, row=False if asked else None)
                return
        except _UNREADABLE:
            said = None
        if asked or said is None:
            began = names.minted_at(names.recording_id(recording)) if recording else self.window.begin
            what = f"lies in S3 without an account that can be read: {keys[0]}"
            if said is not None:
                what = f"of another node lies in S3 and has no row: {keys[0]}"
            self.loose.append(Finding(Fault.ORPHANED, began, what, recording=recording))

    # -- the database

    def _rows(self, into: Gathered) -> None:
        dsn = self.config.postgres.dsn.reveal()
        around = {
            "node": self.config.site.node,
            "begin": _moment(self.window.begin),
            "end": _moment(self.window.end),
        }
        with postgres.connect(dsn) as connection, postgres.classified(dsn):
            schema.require_current(connection)
            with connection.cursor("rows_of_days") as cursor:
                cursor.itersize = ASKED
                cursor.execute(ROWS, around)
                for (said,) in cursor:
                    into.add_account(said, row=True)
            with connection.cursor("channels_around") as cursor:
                cursor.execute(CHANNELS_AROUND, around)
                for (channel,) in cursor:
                    into.add_known(channel)

    def _known(self, keys: list[str]) -> set[str]:
        if self._database is None:
            self._database = PostgresDatabase(self.config.postgres.dsn.reveal())
        return self._database.known(keys)

    # -- what ship has finished with

    def _shipped(self, into: Gathered, spooled: Spooled) -> None:
        for recording, said in spooled.shipped():
            if into.has(recording):
                continue
            try:
                began = accounts.read(said).began
                if not self.window.holds(began):
                    into.add_known(said["call"]["channel"])
                    continue
                into.add_account(said, row=self._has_row(said))
            except _UNREADABLE:
                what = "has a manifest in the spool that cannot be read"
                self.loose.append(Finding(Fault.ORPHANED, names.minted_at(recording), what, recording=recording))

    def _has_row(self, said: dict[str, Any]) -> bool | None:
        """Tell whether a recording has its rows by now; None if nobody can be asked."""
        if "the database" in self.away:
            return None
        key = f"{said['folder']}/{MANIFEST}"
        return key in self._known([key])

    # -- the sound

    def _sound(self, into: Gathered) -> None:
        if not self.listen:
            self.not_asked["the sound"] = "--no-listen"
            return
        if self.inspection is None or "S3" in self.away:
            return
        unheard = 0

        def question() -> None:
            nonlocal unheard
            for number, (key, loud) in enumerate(listening.listen(self._inspected(), into.to_hear())):
                if loud is None:
                    unheard += 1
                else:
                    into.add_sound(key, loud)
                self.progress(f"listened to {number + 1} objects")

        self._ask("the sound", question)
        if unheard:
            self.notes.append(f"{unheard} objects could not be listened to: `consentgate verify` says what they are.")


def names_its_objects(text: bytes | None) -> dict[str, Any]:
    """Read a manifest. Raises ValueError for what is none."""
    said = json.loads(text or b"")
    accounts.read(said)
    if not isinstance(said, dict):
        raise ValueError("is no manifest")  # noqa: TRY004
    return said


def days(window: Window) -> list[str]:
    """Return each day of the window, YYYY-MM-DD."""
    first, last = _moment(window.begin), _moment(window.end)
    return [f"{first + timedelta(days=number):%Y-%m-%d}" for number in range((last - first).days)]


def _moment(at: Instant) -> datetime:
    return datetime.fromtimestamp(at / MICROSECONDS, UTC)


def _recording(folder: str) -> str:
    """Return the id in a folder's name; "" if it is no recording's."""
    try:
        return names.recording_id(folder.rpartition("/")[2])
    except UnsafeNameError:
        return ""


def _batches(foreign: Iterator[tuple[str, str]]) -> Iterator[tuple[str, list[str]]]:
    for recording, group in groupby(foreign, key=lambda one: one[0]):
        yield recording, [key for _, key in group]
