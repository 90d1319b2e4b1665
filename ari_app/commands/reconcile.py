"""`consentgate reconcile`: was every call of a day recorded that should have been, and is what was recorded there?

Five accounts of the same calls are held against each other: Asterisk's own note of conversations, the spool, the rows,
the objects, and the sound in them. It changes nothing, and says which of them it could not ask.
"""

import json
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import typer

from ari_app import clock, config
from ari_app.config import Config
from ari_app.core import names
from ari_app.core.assurance import Fault, Finding, Group, Limits, judge
from ari_app.core.day import Day, Oldest
from ari_app.core.names import MICROSECONDS, Instant
from ari_app.errors import FINDING, GOOD, UNREACHABLE

from .gathered import gathered
from .sources import NOT_COMPARED, Sources
from .spooled import Window

SAY_SECONDS: Final = 5.0

FAULTS: Final = {
    Fault.MISSING: "missing",
    Fault.LATE: "late",
    Fault.SHORT: "short",
    Fault.SILENT: "silent",
    Fault.ONE_SIDED: "one-sided",
    Fault.HEADER_ONLY: "header-only",
    Fault.ORPHANED: "orphaned",
    Fault.DUPLICATE: "duplicate",
}


@dataclass(frozen=True, slots=True)
class Days:
    """Which days (UTC), both included."""

    first: date
    last: date

    @property
    def window(self) -> Window:
        return Window(_midnight(self.first), _midnight(self.last + timedelta(days=1)))

    def __str__(self) -> str:
        return f"{self.first}" if self.first == self.last else f"{self.first} to {self.last}"


def _midnight(day: date) -> Instant:
    return Instant(round(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * MICROSECONDS)


def yesterday(now: Instant) -> date:
    """Return the last day that is over: what a nightly run looks at."""
    return date.fromisoformat(names.iso(now)[:10]) - timedelta(days=1)


def which(day: date | None, since: date | None, until: date | None) -> Days:
    """Return the days that were asked for; without a word, yesterday."""
    if since is not None or until is not None:
        first = since or until or yesterday(clock.now())
        return Days(first, until or max(first, yesterday(clock.now())))
    one = day or yesterday(clock.now())
    return Days(one, one)


def _progress() -> Callable[[str], None]:
    said_at = time.monotonic()

    def say(what: str) -> None:
        nonlocal said_at
        if time.monotonic() - said_at >= SAY_SECONDS:
            said_at = time.monotonic()
            typer.echo(what, err=True)

    return say


def look(settings: Config, days: Days, *, listen: bool, told: Callable[[Finding], None]) -> tuple[Day, Sources]:
    """Ask all sources and judge every call; `told` hears of each finding as it is found."""
    now, say = clock.now(), _progress()
    assurance = settings.assurance
    limits = Limits(now, assurance.late_after_seconds * MICROSECONDS, frozenset(assurance.unrecorded_contexts))
    sources, day = Sources(settings, days.window, now, listen=listen, progress=say), Day()
    with closing(sources), gathered() as into:
        spooled = sources.gather(into)
        for finding in sources.loose:
            told(finding)
            day.loose(finding)
        if spooled.backlog.oldest is not None:
            oldest = spooled.backlog.oldest
            day.earlier(spooled.backlog.count, Oldest(names.minted_at(oldest), oldest, ""))
        for call in into.calls():
            judged = judge(call, limits)
            for finding in judged.findings:
                told(finding)
            day.add(judged)
            say(f"{day.calls} calls compared, {day.found} findings")
    return day, sources


def exit_code(day: Day, sources: Sources) -> int:
    """Return 4 if a source was away (whatever was found, more may be wrong), 1 if anything was found, else 0."""
    if sources.away:
        return UNREACHABLE
    return FINDING if day.found else GOOD


def gaps(sources: Sources) -> list[tuple[str, str, str]]:
    """Return each source that gave no whole answer, why, and what is therefore not known."""
    away = {name: f"{failure}".rstrip(".") for name, failure in sources.away.items()}
    return [(name, why, NOT_COMPARED[name]) for name, why in {**sources.not_asked, **away}.items()]


def counted(number: int, thing: str) -> str:
    """Return `1 call`, `2 calls`."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def _line(finding: Finding) -> str:
    said = (
        names.iso(finding.at)[:19].replace("T", " "),
        f"{FAULTS[finding.fault]:11}",
        finding.line,
        finding.recording,
    )
    about = "" if finding.recording or not finding.channel else f" (channel {finding.channel})"
    text = "  ".join([*(one for one in said if one), f"{finding.what}{about}"])
    # Whatever a stranger wrote into a bucket must not move the cursor of who reads this.
    return "".join(character if character.isprintable() else "?" for character in text)


def _as_json(finding: Finding) -> str:
    about = {"line": finding.line, "channel": finding.channel, "recording": finding.recording}
    return json.dumps({"fault": finding.fault, "at": names.iso(finding.at), **about, "what": finding.what})


def summary(days: Days, day: Day, sources: Sources) -> dict[str, Any]:
    """Return the sum as programs read it."""
    oldest = day.oldest
    return {
        "from": f"{days.first}",
        "to": f"{days.last}",
        "calls": day.calls,
        "should_have_been_recorded": day.expected,
        **{str(group): day.groups[group] for group in Group},
        "not_over": day.running,
        "waiting": day.waiting,
        "oldest_waiting": oldest and {"recording": oldest.recording, "ended_at": names.iso(oldest.ended)},
        "findings": {str(fault): day.faults.get(fault, 0) for fault in Fault},
        "reasons": day.reasons,
        "not_asked": {name: why for name, why, _ in gaps(sources)},
        "notes": sources.notes,
    }


def in_words(days: Days, day: Day, sources: Sources) -> list[str]:
    """Return the sum as people read it."""
    told = [f"{days} (UTC): {counted(day.calls, 'call')}, {day.expected:,} of which should have been recorded"]
    rows = (
        (Group.RECORDED, "recorded"),
        (Group.BY_POLICY, "not recorded by policy"),
        (Group.WITH_REASON, "not recorded, with a reason"),
        (Group.UNEXPLAINED, "unexplained"),
    )
    told += [f"  {words:28} {day.groups[group]:>9,}" for group, words in rows]
    if day.running:
        told.append(f"{counted(day.running, 'call')} not over yet, and not among these.")
    if day.oldest is not None:
        told.append(f"{day.waiting:,} to be stored yet, the oldest since {names.iso(day.oldest.ended)[:19]}Z.")
    found = ", ".join(f"{words} {day.faults[fault]:,}" for fault, words in FAULTS.items() if day.faults.get(fault))
    told.append(f"{counted(day.found, 'finding')}: {found}." if found else "Nothing is wrong with what was compared.")
    told += [f"Not asked: {name} ({why}), so {unknown}." for name, why, unknown in gaps(sources)]
    return told + sources.notes


def run(
    config_path: Path,
    *,
    day: date | None = None,
    since: date | None = None,
    until: date | None = None,
    as_json: bool = False,
    listen: bool = True,
) -> int:
    """Compare, print what is wrong and the sum; return 0, 1 (findings) or 4 (a source was away)."""
    settings, days = config.load(config_path), which(day, since, until)
    found, sources = look(
        settings, days, listen=listen, told=lambda one: typer.echo(_as_json(one) if as_json else _line(one))
    )
    if as_json:
        typer.echo(json.dumps(summary(days, found, sources)))
    else:
        for line in in_words(days, found, sources):
            typer.echo(line)
    return exit_code(found, sources)
