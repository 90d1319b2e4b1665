"""`consentgate check`: is everything there that the first call will need?

The configuration is loaded, the announcements are judged (copied to a temporary folder: the live spool is not
touched), every connection is tried with the rights that the processes need. Nothing is changed anywhere.
"""

import dataclasses
import json
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ari_app import announcements, clock, policy
from ari_app.announcements import Problem
from ari_app.config import Config, InvalidConfigurationError, load
from ari_app.core.policy import Announcement, Line, Mode, Policy
from ari_app.errors import CONFIGURATION, GOOD, ConfigurationError
from ari_app.layout import Layout

from . import check_asterisk, check_endpoints, check_keys, check_prompts, check_storage, prompts_page
from .finding import Finding, exit_code

PIPE_COLUMNS = 160
"""Width where there is no terminal: a log or a mail shall not break the lines of the table."""

_MARKS = {GOOD: "[green]good[/green]"}
_BAD = "[red]BAD [/red]"
_WARN = "[yellow]warn[/yellow]"


def _console() -> Console:
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=PIPE_COLUMNS)


def _seconds(milliseconds: int) -> str:
    return f"{milliseconds / 1000:.1f} s"


def _announcement(name: str, prepared: Announcement | Problem) -> str:
    if isinstance(prepared, Problem):
        return f"[red]{name}: cannot be used[/red]"
    spoken, whole = _seconds(prepared.spoken_end_ms), _seconds(prepared.duration_ms)
    return f"{name} ({prepared.language}, {whole}, speech ends at {spoken})"


def _verdict(line: Line) -> str:
    if line.mode is Mode.NEVER:
        return f"never recorded: {escape(line.reason or '')}"
    calling = _side("callers", line.announcements, line.unusable)
    called = _side("called", line.outgoing_announcements, line.outgoing_unusable)
    return f"{calling}\n{called}"


def _side(who: str, heard: tuple[Announcement, ...], unusable: str | None) -> str:
    if unusable:
        return f"[red]{who}: not recorded[/red]"
    return f"{who}: told, then recorded" if heard else f"{who}: not recorded (no announcement)"


def _lines(config: Config, compiled: Policy, prepared: Mapping[str, Announcement | Problem]) -> Table:
    table = Table(title=f"{escape(config.site.name)} ({config.site.node})", title_justify="left")
    for column in ("line", "numbers", "mode", "announcements", "capture", "at most", "verdict"):
        table.add_column(column, overflow="fold")
    for name, line in compiled.lines.items():
        recorded = line.mode is not Mode.NEVER
        rules = config.lines[name]
        heard = [_announcement(item, prepared[item]) for item in rules.announcements]
        heard += [f"called: {_announcement(item, prepared[item])}" for item in rules.outgoing_announcements]
        table.add_row(
            name,
            "\n".join(line.numbers) or "-",
            line.mode,
            "\n".join(heard if recorded else ()) or "-",
            line.capture if recorded else "-",
            f"{line.max_seconds / 3600:g} h" if recorded else "-",
            _verdict(line),
        )
    return table


def _announcements(config: Config, prepared: Mapping[str, Announcement | Problem]) -> Iterator[Finding]:
    for name, item in prepared.items():
        if isinstance(item, Problem):
            uses = check_prompts.uses(config, name)
            silenced = f" (not recorded: {', '.join(uses)})" if uses else " (no line uses it)"
            yield Finding(f"announcement {name}", item.problem + silenced, CONFIGURATION, item.hint)
        found = announcements.examine(config.announcements[name].file, config.announcement_checks)
        # What a file is refused for stands in its problem already.
        for remark in (one for one in found.remarks if not one.refuses):
            yield Finding(f"announcement {name}", remark.problem, hint=remark.hint, warning=True)


def _storage(config: Config) -> Iterator[Finding]:
    yield from check_storage.secrets(config)
    yield check_storage.signing(config)
    yield from check_storage.spool(config)
    yield from check_storage.recording_folders(config)


def _connections(config: Config) -> Iterator[Finding]:
    yield check_asterisk.ari(config.asterisk)
    yield from check_asterisk.ami(config.asterisk)
    if (guard := check_asterisk.guard_of(config)) is not None:
        yield check_asterisk.ari(guard, check_asterisk.GUARD)
        yield from check_asterisk.ami(guard, check_asterisk.GUARD)
    yield from check_storage.postgres(config)
    yield from check_storage.s3(config)


def _keys(console: Console, config: Config, compiled: Policy, folder: Path | None) -> Iterator[Finding]:
    if folder is None:
        return
    if not folder.is_dir():
        # A check on another machine than the PBX is no fault.
        where = f"{escape(str(folder))} is not there (--asterisk-folder)"
        console.print(f"Asterisk's own keys were not compared: {where}.", soft_wrap=True)
        return
    yield from check_keys.look(folder, compiled.lines, guarded=config.guard is not None)


def _print(console: Console, finding: Finding) -> None:
    hint = f"\n     {escape(finding.hint)}" if finding.hint else ""
    mark = _WARN if finding.warning else _MARKS.get(finding.code, _BAD)
    console.print(f"{mark} {escape(finding.subject)}: {escape(finding.verdict)}{hint}", soft_wrap=True)


def _parties(config_path: Path, config: Config, folder: Path | None, *, offline: bool) -> Iterator[Finding]:
    known = None if offline else check_endpoints.running(config.asterisk)
    files = check_endpoints.in_files(folder) if folder is not None else None
    yield from check_endpoints.look(config_path, config, known, files)


def _say(finding: Finding) -> None:
    typer.echo(json.dumps({"kind": "finding", **dataclasses.asdict(finding)}))


def _refused(error: ConfigurationError) -> int:
    """Say for programs why there is nothing to check."""
    told: list[dict[str, object]] = []
    if isinstance(error, InvalidConfigurationError):
        told = [{"file": error.file, **dataclasses.asdict(one)} for one in error.problems]
    for one in told or [{"file": error.on, "line": None, "path": "", "problem": error.why, "hint": error.hint}]:
        typer.echo(json.dumps({"kind": "problem", "value": None, **one, "code": CONFIGURATION}))
    return _sum(max(len(told), 1), 0, CONFIGURATION)


def _sum(to_mend: int, warnings: int, code: int) -> int:
    typer.echo(json.dumps({"kind": "sum", "to_mend": to_mend, "warnings": warnings, "exit_code": code}))
    return code


def _told(console: Console, groups: Iterable[Iterable[Finding]], left_out: str, *, as_json: bool) -> int:
    findings: list[Finding] = []
    say = _say if as_json else partial(_print, console)
    for group in groups:
        for finding in group:
            # One at a time, as they come: a connection that hangs shall be seen to be the one.
            say(finding)
            findings.append(finding)
    bad = sum(finding.code != GOOD for finding in findings)
    warnings = sum(finding.warning for finding in findings)
    if as_json:
        return _sum(bad, warnings, exit_code(findings))
    whole = f"{bad} to mend." if bad else "Nothing to mend." if warnings else "Everything is good."
    console.print(whole + (f" Warnings: {warnings}." if warnings else "") + left_out)
    return exit_code(findings)


def _prompts(
    console: Console,
    config: Config,
    prepared: Mapping[str, Announcement | Problem],
    report: Path | None,
    *,
    as_json: bool,
) -> int:
    found = check_prompts.look(config)
    plain = not console.encoding.lower().startswith("utf")
    console.print(check_prompts.table(config, found, console.width, plain=plain))
    if report is not None:
        prompts_page.write(report, prompts_page.page(config, found, clock.now()))
        console.print(f"The report is in {escape(str(report))}", soft_wrap=True)
    return _told(
        console, [_announcements(config, prepared)], " Only the announcements were looked at.", as_json=as_json
    )


def run(
    config_path: Path,
    *,
    offline: bool = False,
    prompts: bool = False,
    prompts_report: Path | None = None,
    asterisk_folder: Path | None = None,
    as_json: bool = False,
) -> int:
    """Print what was found; return 0, 3 (configuration), 4 (something cannot be reached) or 1 (anything else).

    With a folder of Asterisk's own configuration, its keys are compared with the lines', and its endpoints with the
    parties. With `prompts`, or a file for their report, only the announcements are looked at, and all of their figures
    shown. as_json: a line for each finding, and one for the sum, instead.
    Raises ConfigurationError if there is nothing to check, ConsentgateError if the report cannot be written.
    """
    console = Console(quiet=True) if as_json else _console()
    try:
        config = load(config_path)
    except ConfigurationError as error:
        if as_json:
            return _refused(error)
        raise
    with tempfile.TemporaryDirectory(prefix="consentgate-check-") as folder:
        prepared = announcements.prepare(config, Layout(Path(folder)))
    if prompts or prompts_report is not None:
        return _prompts(console, config, prepared, prompts_report, as_json=as_json)
    compiled = policy.compile(config, prepared)
    console.print(_lines(config, compiled, prepared))
    if config.emergency_numbers:
        console.print(f"Emergency numbers, never touched: {', '.join(config.emergency_numbers)}")
    groups = (
        _announcements(config, prepared),
        _storage(config),
        _keys(console, config, compiled, asterisk_folder),
        _parties(config_path, config, asterisk_folder, offline=offline),
        () if offline else _connections(config),
    )
    left_out = " Connections were left out." if offline else ""
    return _told(console, groups, left_out, as_json=as_json)
