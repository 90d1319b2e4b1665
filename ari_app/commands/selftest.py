"""`consentgate doctor self-test`: a real call to each line: told, recorded, stored, verified, and taken away again.

Asterisk calls itself by SIP, from an endpoint that is nobody's, so that the proofs are those of any caller: a Local
channel has no packets to count. The caller makes a sound from its first packet on; of that only what came after the
announcement may be stored. Each step has its time, and what is begun is ended, whatever fails.
"""

import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import typer
from rich.console import Console
from rich.markup import escape

from ari_app import announcements, clock, config, policy
from ari_app.config import Config
from ari_app.core.names import RecordingId
from ari_app.core.policy import Line, Mode
from ari_app.core.self_test import ENDPOINT
from ari_app.doctor.catalogue import Found, Grade, exit_code
from ari_app.errors import ConfigurationError, ConsentgateError, UnreachableError
from ari_app.layout import Layout
from ari_app.signing import Signer

from . import selftest_stored
from .selftest_call import Call, FailedError, fail
from .selftest_kept import Results

SHIPPED_SECONDS: Final = 60.0


@dataclass(slots=True)
class Test:
    """The whole test of one line, and its evidence."""

    settings: Config
    line: Line
    say: Callable[[str], None]
    shipped_seconds: float = SHIPPED_SECONDS
    recording: RecordingId | None = None
    removed: bool = False

    def run(self) -> list[Found]:
        """Do every step until one fails; return what became of each."""
        call = Call(self.settings.asterisk, self.line, self.say)
        stored = selftest_stored.Stored(self.settings, self.line, self.shipped_seconds, self.say)
        found = call.found
        try:
            self._outsider()
            self.recording = call.make()
            for step in (stored.shipped, stored.verified, stored.removed):
                found.append(step(self.recording))
                if found[-1].grade not in {Grade.GOOD, Grade.WARNING}:
                    break
        except FailedError as failure:
            found.append(failure.found)
        except ConsentgateError as failure:
            grade = Grade.UNREACHABLE if isinstance(failure, UnreachableError) else Grade.WRONG
            why = f"{failure.why}; the recording waits in the spool, and ship goes on with it"
            found.append(Found("selftest-stored", f"line {self.line.name}", failure.what, grade, why, failure.hint))
        self.removed = stored.gone
        return found

    def _outsider(self) -> None:
        if ENDPOINT in self.settings.parties.staff:
            why = "the house's own pass the gate untold, so nothing would be tested"
            mend = f"take {ENDPOINT} out of parties.staff"
            raise fail("selftest-endpoint", self.line.name, f"{ENDPOINT} is one of the house", why, mend)

    def earlier(self, results: Results) -> list[str]:
        """Take away what earlier tests had to leave; return which. A store that is away costs nothing."""
        try:
            return selftest_stored.earlier(self.settings, results.of(self.line.name).results)
        except (ConsentgateError, OSError):
            return []

    def rows(self, results: Results) -> list[Found]:
        """Enter the results into PostgreSQL; return what is wrong with that, which is no failure of the test."""
        from . import selftest_rows  # noqa: PLC0415 - psycopg is slow to import, and a call waits for nobody

        try:
            selftest_rows.store(self.settings, results, self.line.name)
        except (ConsentgateError, OSError) as failure:
            why = "its evidence is in the spool alone, until the next test of this line enters it"
            mend = getattr(failure, "hint", "") or "consentgate migrate, and --writer for ship's role"
            seen = f"not entered into PostgreSQL: {failure}"[:300]
            return [Found("selftest-rows", f"line {self.line.name}", seen, Grade.WARNING, why, mend)]
        return []

    def evidence(self, found: list[Found], began: int, gone: list[str]) -> dict[str, Any]:
        """Return what is kept of it."""
        bad = [one for one in found if one.grade not in {Grade.GOOD, Grade.WARNING, Grade.UNKNOWN}]
        return {
            "at": began,
            "ended_at": clock.now(),
            "line": self.line.name,
            "node": self.settings.site.node,
            "recording": self.recording,
            "removed": self.removed,
            "removed_earlier": gone,
            "ok": not bad,
            "steps": [{"step": one.name, "grade": str(one.grade), "what": one.seen} for one in found],
        }


def chosen(settings: Config, name: str | None, layout: Layout) -> list[Line]:
    """Return the lines to test: the one that was named, or all that are recorded. Raises ConfigurationError."""
    if name is not None and name not in settings.lines:
        hint = f"The lines are {', '.join(sorted(settings.lines))}"
        raise ConfigurationError("there is no such line", on=name, hint=hint)
    prepared = announcements.prepare(settings, layout)
    compiled = policy.compile(settings, prepared).lines
    asked = [compiled[name]] if name is not None else list(compiled.values())
    return [
        one for one in asked if name is not None or (one.mode is not Mode.NEVER and (one.announcements or one.unusable))
    ]


@contextmanager
def prepared(settings: Config, name: str | None) -> Iterator[list[Line]]:
    """Give the lines to test, while no other self-test of this machine runs. Raises ConsentgateError."""
    with tempfile.TemporaryDirectory(prefix="consentgate-selftest-") as folder, Results(settings.spool.path).alone():
        yield chosen(settings, name, Layout(Path(folder)))


def _never(line: Line) -> Found:
    return Found("selftest-never", f"line {line.name}", f"is never recorded ({line.reason}): there is nothing to test")


def _console() -> Console:
    return Console(highlight=False, soft_wrap=True)


def _tell(found: list[Found], *, as_json: bool, console: Console) -> None:
    for one in found:
        if as_json:
            typer.echo(json.dumps(one.as_json()))
            continue
        mark = "[green]good[/green]" if one.grade is Grade.GOOD else f"[red]{one.grade}[/red]"
        more = f"\n     {escape(one.why)}\n     {escape(one.mend)}" if one.grade is not Grade.GOOD else ""
        console.print(f"{mark} {one.name} {escape(one.subject)}: {escape(one.seen)}{more}")


def run(config_path: Path, *, line: str | None = None, as_json: bool = False) -> int:
    """Test a line, or every line that is recorded, one after the other; keep each result; return 0, 1, 3 or 4.

    Raises ConsentgateError: the configuration is wrong (3), the spool cannot be used (1).
    """
    settings = config.load(config_path)
    results, console = Results(settings.spool.path), _console()
    signer = Signer.from_text(settings.signing.key.reveal()) if settings.signing.key else None
    everything: list[Found] = []

    def say(what: str) -> None:
        if not as_json:
            typer.echo(f"… {what}", err=True)

    with prepared(settings, line) as lines:
        for one in lines:
            if one.mode is Mode.NEVER:
                found = [_never(one)]
            else:
                test, began = Test(settings, one, say), clock.now()
                gone = test.earlier(results)
                found = test.run()
                results.add(one.name, test.evidence(found, began, gone), signer)
                found += test.rows(results)
            _tell(found, as_json=as_json, console=console)
            everything += found
    code = exit_code(everything)
    if as_json:
        typer.echo(json.dumps({"ok": not code, "exit": code, "steps": len(everything)}))
    return code
