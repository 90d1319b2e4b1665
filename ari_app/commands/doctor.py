"""`consentgate doctor`: is everything right that a recording rests on, and is there no other door?

What `check` looks at is looked at too, and far more: the running Asterisk by trying, its files by reading, the disk,
the clocks. Nothing is changed but for a channel and a file without a name that are gone again.
"""

import json
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ari_app import announcements, clock, config, policy
from ari_app.announcements import Problem
from ari_app.config import Config
from ari_app.core.guard import Scope
from ari_app.core.policy import Announcement, Mode
from ari_app.doctor import doors_files, site
from ari_app.doctor.catalogue import Found, Grade, exit_code
from ari_app.doctor.folder import Folder
from ari_app.doctor.told import Told
from ari_app.errors import CONFIGURATION, GOOD, UNREACHABLE, ConsentgateError
from ari_app.layout import Layout

from . import check_asterisk, check_keys, check_storage, doctor_asterisk, doctor_machine, selftest_spoken
from .finding import Finding

PIPE_COLUMNS: Final = 160
_MARKS: Final = {
    Grade.GOOD: "[green]good[/green]",
    Grade.UNKNOWN: "[cyan]not known[/cyan]",
    Grade.WARNING: "[yellow]warning[/yellow]",
    Grade.WRONG: "[red]WRONG[/red]",
    Grade.CONFIGURATION: "[red]WRONG[/red]",
    Grade.UNREACHABLE: "[red]AWAY[/red]",
}
_WHY: Final = {
    "check-asterisk": "without it nobody is told and nobody recorded: every call goes on unrecorded",
    "check-keys": "a caller who says no by these keys must be heard, and nobody may come in by a key untold",
    "check-storage": "without it recordings cannot be kept, or somebody could read or change them",
    "check-postgres": "recordings wait in the spool until their rows can be written",
    "check-s3": "recordings wait in the spool until they can be stored",
    "announcements": "a line whose announcement cannot be used is not recorded",
}
"""Why what `check` finds matters."""


def _wrapped(name: str, finding: Finding) -> Found:
    grades = {GOOD: Grade.GOOD, CONFIGURATION: Grade.CONFIGURATION, UNREACHABLE: Grade.UNREACHABLE}
    grade = Grade.WARNING if finding.warning else grades.get(finding.code, Grade.WRONG)
    why = "" if grade is Grade.GOOD else _WHY[name]
    return Found(name, finding.subject, finding.verdict, grade, why, finding.hint)


@dataclass(slots=True)
class Doctor:
    """One look at one site. offline: nobody is asked, files alone are read."""

    config: Config
    folder: Path
    offline: bool = False

    def sections(self) -> Iterator[tuple[str, Callable[[], Iterable[Found]]]]:
        """Yield each part with its name; it is looked at when it is asked for."""
        if not self.offline:
            yield "Asterisk", self._asterisk
        yield "announcements", self._announcements
        yield "spool", self._spool
        if not self.offline:
            yield "PostgreSQL", self._postgres
            yield "S3", lambda: (_wrapped("check-s3", one) for one in check_storage.s3(self.config))
            yield "clocks", self._clocks
        yield "this machine", self._machine
        yield "keys", self._keys
        yield "routes", lambda: self._read(site.routes)
        yield "doors", self._doors
        yield "self-test", lambda: selftest_spoken.last(self.config, clock.now())

    # -- Asterisk

    def _asterisk(self) -> Iterator[Found]:
        asterisk, guard = self.config.asterisk, check_asterisk.guard_of(self.config)
        said = [check_asterisk.ari(asterisk), *check_asterisk.ami(asterisk)]
        if guard is not None:
            said += [check_asterisk.ari(guard, check_asterisk.GUARD), *check_asterisk.ami(guard, check_asterisk.GUARD)]
        yield from (_wrapped("check-asterisk", one) for one in said)
        whole = self.config.guard is not None and self.config.guard.scope is Scope.WHOLE_PBX
        self._look = doctor_asterisk.Look(asterisk, records=not whole)
        yield from self._look.everything()
        if guard is not None:
            yield from doctor_asterisk.guard_look(guard).everything()

    _look: doctor_asterisk.Look | None = None

    def _postgres(self) -> Iterator[Found]:
        from . import doctor_postgres  # noqa: PLC0415 - psycopg is slow to import, and --offline needs none

        said = list(check_storage.postgres(self.config))
        yield from (_wrapped("check-postgres", one) for one in said)
        if all(one.code == GOOD for one in said):
            look = doctor_postgres.Look(self.config)
            yield from look.everything()
            self._ahead_of_rows = look.ahead_seconds

    _ahead_of_rows: float | None = None

    # -- announcements

    def _announcements(self) -> Iterator[Found]:
        with tempfile.TemporaryDirectory(prefix="consentgate-doctor-") as folder:
            prepared = announcements.prepare(self.config, Layout(Path(folder)))
        wrong = 0
        for name, item in prepared.items():
            found = list(self._announcement(name, item))
            wrong += bool(found)
            yield from found
        for line, rules in self.config.lines.items():
            asked = {self.config.announcements[one].language for one in rules.announcements if one in prepared}
            for language in sorted(set(rules.language_keys) - asked) if rules.mode is not Mode.NEVER else ():
                wrong += 1
                seen = f"a key chooses {language}, and no announcement is in {language}"
                mend = f"add an announcement in {language}, or take the key out"
                yield Found("announcements", f"line {line}", seen, Grade.WRONG, _WHY["announcements"], mend)
        if not wrong:
            yield Found("announcements", "announcements", f"all {len(prepared)} can be played")

    def _announcement(self, name: str, item: Announcement | Problem) -> Iterator[Found]:
        subject, why = f"announcement {name}", _WHY["announcements"]
        if isinstance(item, Problem):
            yield Found("announcements", subject, item.problem, Grade.CONFIGURATION, why, item.hint)
            return
        kept = Layout(self.config.spool.path).announcements / f"{item.sha256}.wav"
        try:
            mode = kept.stat().st_mode
            beside = [one.name for one in kept.parent.glob(f"{item.sha256}.*") if one != kept]
        except OSError:
            seen = "has no copy in the spool yet"
            mend = "start the gate, or reload it: it copies what it plays"
            yield Found(
                "announcements", subject, seen, Grade.UNKNOWN, "whether Asterisk can read it is not known", mend
            )
            return
        if not mode & 0o044:
            mend = f"chmod g+r {kept}"
            yield Found("announcements", subject, "Asterisk's group may not read it", Grade.WRONG, why, mend)
        if beside:
            seen = f"{', '.join(sorted(beside))} lies beside it, and Asterisk may play that one"
            mend = "take it away: one file, one format"
            yield Found("announcements", subject, seen, Grade.WRONG, "what is proved is not what was heard", mend)

    # -- the rest of this machine

    def _spool(self) -> Iterator[Found]:
        groups = (
            check_storage.secrets(self.config),
            [check_storage.signing(self.config)],
            check_storage.spool(self.config),
            check_storage.recording_folders(self.config),
        )
        for group in groups:
            yield from (_wrapped("check-storage", one) for one in group)
        yield from doctor_machine.spool(self.config)

    def _clocks(self) -> Iterator[Found]:
        ahead: dict[str, float] = {}
        if self._look is not None and self._look.ahead_seconds is not None:
            ahead["Asterisk"] = self._look.ahead_seconds
        if self._ahead_of_rows is not None:
            ahead["PostgreSQL"] = self._ahead_of_rows
        with suppress(ConsentgateError):  # said where it is looked at itself
            seconds = _s3_ahead(self.config)
            if seconds is not None:
                ahead["S3"] = seconds
        yield from doctor_machine.clock(ahead)
        for name in sorted({"Asterisk", "PostgreSQL", "S3"} - ahead.keys()):
            why = "whether it means the same time as this machine is not known"
            yield Found("clock", name, "did not say its time", Grade.UNKNOWN, why, "see what is said about it above")

    def _machine(self) -> Iterator[Found]:
        yield doctor_machine.host_name()
        found = list(doctor_machine.packets())
        yield from found or [Found("door-packet-capture", "this machine", "no program that keeps packets runs")]

    # -- Asterisk's files

    def _keys(self) -> Iterator[Found]:
        if (missing := self._missing()) is not None:
            yield missing
            return
        nothing = {name: Problem("is not looked at here") for name in self.config.announcements}
        lines = policy.compile(self.config, nothing).lines
        for one in check_keys.look(self.folder, lines, guarded=self.config.guard is not None):
            # Doors are told once, under their own names.
            if "it records whoever is there" not in one.verdict and "whoever picks up" not in one.verdict:
                yield _wrapped("check-keys", one)

    def _doors(self) -> Iterator[Found]:
        return self._read(site.recording_doors)

    def _read(self, look: Callable[[Folder, site.House], Iterable[Found]]) -> Iterator[Found]:
        if (missing := self._missing()) is not None:
            yield missing
            return
        yield from look(Folder(self.folder), house(self.config))

    def _missing(self) -> Found | None:
        try:
            if any(self.folder.iterdir()):
                return None
            seen = "is empty"
        except OSError as error:
            seen = f"cannot be read: {error.strerror}"
        why = "Asterisk's own files were not read: doors, keys and routes are not known"
        mend = "run this on the PBX, as a user who may read them, or name the folder: --asterisk-folder"
        return Found("not-read", str(self.folder), seen, Grade.UNKNOWN, why, mend)


def house(settings: Config) -> site.House:
    """Return what a configuration says about the PBX."""
    guard = settings.guard
    ours = doors_files.Ours(
        ari=frozenset({settings.asterisk.ari_user, *([guard.ari_user] if guard else [])}),
        ami=frozenset({settings.asterisk.ami_user, *([guard.ami_user] if guard else [])}),
        guarded=guard is not None,
    )
    never = {number for line in settings.lines.values() if line.mode is Mode.NEVER for number in line.numbers}
    exempted = frozenset(str(one).lstrip("+") for one in {*settings.emergency_numbers, *never})
    staff = frozenset(str(one) for one in settings.parties.staff)
    return site.House(ours, Told(staff, exempted), frozenset(str(one) for one in settings.parties.trunks))


def _s3_ahead(settings: Config) -> float | None:
    from ari_app.adapters.s3_bucket import S3Bucket  # noqa: PLC0415 - as above
    from ari_app.adapters.s3_client import access_of  # noqa: PLC0415

    bucket = S3Bucket(access_of(settings.s3))
    bucket.ask("head_bucket")
    # It says by how much we are ahead of the store.
    return None if bucket.clock_ahead_seconds is None else -bucket.clock_ahead_seconds


def _console() -> Console:
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=PIPE_COLUMNS)


def _table(name: str, found: list[Found]) -> Table:
    table = Table(title=escape(name), title_justify="left", title_style="bold", show_lines=False)
    for column in ("", "finding", "on", "seen", "why, and what to do"):
        table.add_column(column, overflow="fold")
    for one in found:
        words = f"{escape(one.why)}\n[bold]{escape(one.mend)}[/bold]" if one.mend else escape(one.why)
        table.add_row(_MARKS[one.grade], one.name, escape(_printable(one.subject)), escape(_printable(one.seen)), words)
    return table


def _printable(text: str) -> str:
    # Whatever stands in somebody's dialplan must not move the cursor of who reads this.
    return "".join(one if one.isprintable() else "?" for one in text)


def run(config_path: Path, *, as_json: bool = False, offline: bool = False, asterisk_folder: Path | None = None) -> int:
    """Look at everything and tell it; return 0, or the code of what is to be mended first (3, 4, 1).

    Raises ConfigurationError if the configuration cannot be read: then nothing can be looked at.
    """
    doctor = Doctor(config.load(config_path), asterisk_folder or Path("/etc/asterisk"), offline)
    console = _console()
    everything: list[Found] = []
    for name, look in doctor.sections():
        found = list(look())
        everything += found
        if as_json:
            for one in found:
                typer.echo(json.dumps({"section": name, **one.as_json()}))
        else:
            console.print(_table(name, found))
    code = exit_code(everything)
    counted = {str(grade): sum(one.grade is grade for one in everything) for grade in Grade}
    if as_json:
        typer.echo(json.dumps({"ok": code == GOOD, "exit": code, "grades": counted}))
    else:
        wrong = sum(one.grade in {Grade.WRONG, Grade.CONFIGURATION, Grade.UNREACHABLE} for one in everything)
        whole = f"{wrong} to mend." if wrong else "Nothing to mend."
        unknown = f" Not known: {counted['not known']}." if counted["not known"] else ""
        console.print(f"{whole} Warnings: {counted['warning']}.{unknown} docs/doctor.md explains each finding.")
    return code
