"""`consentgate sheet`: a day on one page, for whoever answers for a ward's calls: text here, HTML in `sheet_page`.

No number and no name of a caller is on it: a call is its time and its line, and an id by which it can be found.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Final

import typer

from ari_app import clock, config
from ari_app.core import names
from ari_app.core.assurance import Fault, Finding, Group
from ari_app.core.day import Day
from ari_app.core.names import MICROSECONDS, Instant

from .prompts_page import write
from .reconcile import Days, exit_code, gaps, look, which

WIDE: Final = 100
BAR: Final = 40

MEANS: Final = {
    Fault.MISSING: "There should be a recording, there is none, and nobody knows why",
    Fault.LATE: "The recording has not reached the archive in time",
    Fault.SHORT: "Part of the recording is missing",
    Fault.SILENT: "There is a recording, and nothing can be heard in it",
    Fault.ONE_SIDED: "Only one side of the conversation can be heard",
    Fault.HEADER_ONLY: "A recording was begun, and nothing was recorded",
    Fault.ORPHANED: "The archive and the index do not agree",
    Fault.DUPLICATE: "The same sound is stored twice",
}
"""What a fault means to somebody who has never seen the inside of this."""

GROUPS: Final = {
    Group.RECORDED: "Recorded",
    Group.BY_POLICY: "Never recorded, by decision",
    Group.WITH_REASON: "Not recorded, with a reason",
    Group.UNEXPLAINED: "Not recorded, and nobody knows why",
}


@dataclass(frozen=True, slots=True)
class Sheet:
    """What is on the page. unknown: source, why it was not asked, what is not known for that."""

    site: str
    node: str
    days: Days
    day: Day
    unknown: list[tuple[str, str, str]]
    notes: list[str]
    made: Instant

    @property
    def title(self) -> str:
        return f"Recordings of {dated(self.days.first)}" + (
            "" if self.days.first == self.days.last else f" to {dated(self.days.last)}"
        )

    @property
    def verdict(self) -> str:
        """The one sentence that is read if nothing else is."""
        day = self.day
        if not day.calls:
            return "There was no call."
        if not day.expected:
            return "There was no call that should have been recorded."
        recorded, expected = day.groups[Group.RECORDED], day.expected
        return f"{recorded:,} of {expected:,} calls that should have been recorded were recorded."

    @property
    def state(self) -> str:
        """`bad` if somebody has to look into something, `fair` if not everything could be asked, else `good`."""
        return "bad" if self.day.found else "fair" if self.unknown else "good"

    @property
    def said(self) -> str:
        """`state` in words."""
        found = self.day.found
        looks = f"{found:,} thing{'' if found == 1 else 's'} to look into"
        return {"bad": looks, "fair": "not everything could be compared", "good": "nothing to look into"}[self.state]

    @property
    def reasons(self) -> list[tuple[str, int]]:
        """Why calls were not recorded, the most frequent first."""
        return sorted(self.day.reasons.items(), key=lambda one: (-one[1], one[0]))

    @property
    def oldest(self) -> str:
        day = self.day
        if day.oldest is None:
            return "None: everything is in the archive."
        hours = max(0, self.made - day.oldest.ended) / (3600 * MICROSECONDS)
        waits = f"{day.waiting:,}. The oldest has waited for {hours:.1f} hours"
        return f"{waits}, since {stamp(day.oldest.ended)} ({day.oldest.recording})."


def dated(day: date) -> str:
    """Return `Sunday, 22 November 2026`."""
    return f"{day:%A}, {day.day} {day:%B %Y}"


def stamp(at: Instant) -> str:
    """Return `22 Nov, 09:30`."""
    when = datetime.fromtimestamp(at / MICROSECONDS, UTC)
    return f"{when.day} {when:%b, %H:%M}"


def about(finding: Finding) -> str:
    """Return by what a finding's call can be found."""
    return finding.recording or (f"channel {finding.channel}" if finding.channel else "")


def printable(text: str) -> str:
    """Return a text without what a stranger's object might do to a terminal or a page."""
    return "".join(character if character.isprintable() else "?" for character in text)


def text(sheet: Sheet) -> str:
    """Return the sheet for a terminal or a mail."""
    return "\n".join(_lines(sheet)) + "\n"


def _lines(sheet: Sheet) -> Iterator[str]:
    day = sheet.day
    yield f"{sheet.title}"
    yield f"{sheet.site} ({sheet.node}). All times are UTC. Made {names.iso(sheet.made)[:16].replace('T', ' ')}."
    yield ""
    yield f"{sheet.verdict} {sheet.said[:1].upper()}{sheet.said[1:]}."
    yield ""
    yield f"  {'All calls':38} {day.calls:>9,}"
    yield from (f"  {words:38} {day.groups[group]:>9,}" for group, words in GROUPS.items())
    if day.running:
        yield f"  {'(not over yet, and not counted':38} {day.running:>9,})"
    yield ""
    yield f"Not in the archive yet: {sheet.oldest}"
    yield from _pictured(day)
    if sheet.reasons:
        yield from ("", "WHY CALLS WERE NOT RECORDED")
        yield from (f"  {number:>7,}  {why}" for why, number in sheet.reasons)
    if day.findings:
        yield from ("", "TO LOOK INTO")
        yield from _found(day)
    if day.unrecorded:
        yield from ("", "EACH CALL THAT SHOULD HAVE BEEN RECORDED AND WAS NOT")
        yield from (f"  {stamp(one.at)}  {one.line or 'no line':16}  {one.why}" for one in day.unrecorded)
        yield from _more(day.expected - day.groups[Group.RECORDED] - len(day.unrecorded))
    if sheet.unknown or sheet.notes:
        yield from ("", "WHAT COULD NOT BE COMPARED")
        yield from (f"  {printable(one)}" for one in unknown(sheet))


def unknown(sheet: Sheet) -> list[str]:
    """Return what could not be compared, a sentence each."""
    said = [f"{name[:1].upper()}{name[1:]} could not be asked: {what}. ({why})" for name, why, what in sheet.unknown]
    return said + sheet.notes


def _found(day: Day) -> Iterator[str]:
    for fault, means in MEANS.items():
        here = [one for one in day.findings if one.fault is fault]
        if here:
            yield f"  {means}: {day.faults[fault]:,}"
            yield from (
                f"    {stamp(one.at)}  {printable(f'{one.line} {about(one)}: {one.what}'.strip())}" for one in here
            )
            yield from _more(day.faults[fault] - len(here))


def _more(number: int) -> Iterator[str]:
    if number > 0:
        yield f"    … and {number:,} more: consentgate reconcile --json names each"


def _pictured(day: Day) -> Iterator[str]:
    """Draw a bar for each hour in which there was a call; nothing is said by colour."""
    most = max((sum(hour.values()) for hour in day.hours), default=0)
    if not most:
        return
    marks = dict(zip(Group, "█·░!", strict=True))
    yield from ("", f"BY THE HOUR    {'   '.join(f'{marks[group]} {GROUPS[group].lower()}' for group in Group)}")
    for number, hour in enumerate(day.hours):
        if total := sum(hour.values()):
            # What is there is seen, however little it is.
            bar = "".join(marks[group] * -(-count * BAR // most) for group, count in hour.items() if count)
            yield f"  {number:02}:00  {total:>7,}  {bar}"


def run(config_path: Path, *, day: date | None = None, output: Path | None = None, listen: bool = True) -> int:
    """Make the sheet of a day, as HTML if the file is named so; return what `reconcile` would."""
    settings, days = config.load(config_path), which(day, None, None)
    found, sources = look(settings, days, listen=listen, told=lambda _: None)
    made = Sheet(settings.site.name, settings.site.node, days, found, gaps(sources), sources.notes, clock.now())
    if output is None:
        typer.echo(text(made), nl=False)
    else:
        from .sheet_page import page  # noqa: PLC0415 - only where there is a page

        write(output, page(made) if output.suffix.lower() in {".html", ".htm"} else text(made))
        typer.echo(f"{made.verdict} The sheet is in {output}.", err=True)
    return exit_code(found, sources)
