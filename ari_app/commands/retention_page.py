"""The records-retention page of a configuration: what is kept where and how long, by which rule, and who removes it.

It is for a records manager, so it says as well what the program does not do: it removes nothing that is stored.
"""

from collections.abc import Iterator
from datetime import date
from typing import Final

from ari_app.config import Config
from ari_app.core.policy import Mode
from ari_app.policy import destroys_within_seconds

STALE_DAYS: Final = 365
"""A rule that nobody has looked at for so long is said to be due."""

_COUNTED: Final = {"call": "the call", "last_contact": "the last contact"}


def page(settings: Config, today: date) -> str:
    """Return the page, as Markdown."""
    return "\n".join(_lines(settings, today)) + "\n"


def _table(heads: list[str], rows: list[list[str]]) -> Iterator[str]:
    for row in (heads, ["---"] * len(heads), *rows):
        # A bar in a citation would begin a new cell.
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |"
    yield ""


def _lines(settings: Config, today: date) -> Iterator[str]:
    yield f"# Records retention: telephone recordings of {settings.site.name}"
    yield ""
    node, day = settings.site.node, today.isoformat()
    yield f"Made from the configuration of {node} on {day} by `consentgate notice --retention`."
    yield ""
    yield "## Classes, and the rule of each"
    yield ""
    yield from _classes(settings, today)
    yield "## Lines"
    yield ""
    yield from _of_lines(settings)
    yield "## What lies where"
    yield ""
    yield from _places(settings)


def _classes(settings: Config, today: date) -> Iterator[str]:
    rows = []
    for name, one in settings.retention.items():
        lines = [line for line, rules in settings.lines.items() if rules.retention == name]
        age_days = (today - one.checked).days
        read = one.checked.isoformat() + (
            f" **[DUE: read it again, {age_days} days old]**" if age_days > STALE_DAYS else ""
        )
        counted = _COUNTED[one.since]
        rows.append([name, str(one.keep), counted, one.citation, read, ", ".join(lines) or "no line"])
    if not rows:
        yield "**[TO DECIDE: there is no class in the configuration, section `retention`]**"
        yield ""
        return
    yield from _table(["class", "kept", "counted from", "rule", "rule read on", "lines"], rows)


def _of_lines(settings: Config) -> Iterator[str]:
    rows = []
    for name, line in settings.lines.items():
        if line.mode is Mode.NEVER:
            rows.append([name, "never recorded", "", ""])
            continue
        young = destroys_within_seconds(line)
        rows.append(
            [
                name,
                line.retention or "**[TO DECIDE: no class]**",
                f"up to {line.discard_window_seconds} s after the call" if line.discard_window_seconds else "at once",
                f"whole, up to {young} s after it began" if young else "from the objection on",
            ]
        )
    yield from _table(["line", "class", "stored", "an objection removes"], rows)
    yield "Of every call, recorded or not, manifest and rows stay: when, which line, who was told what, what is kept."
    yield ""


def _places(settings: Config) -> Iterator[str]:
    s3 = settings.s3
    lock = s3.object_lock or "governance, where the bucket can"
    held = "; and a legal hold on each until somebody takes it away" if s3.legal_hold else ""
    locked = (
        "not locked" if s3.object_lock == "none" else f"locked ({lock}) for its line's class, from the call's end{held}"
    )
    bucket = f"bucket {s3.bucket}, region {s3.region}, below {s3.prefix}/"
    lifecycle = "not by the program: **[WHO, HOW: the bucket's lifecycle, or a person, after its time]**"
    by_hand = "not by the program: **[WHO, HOW]**"
    spool = f"{settings.spool.path} on {settings.site.node}"
    yield from _table(
        ["what", "where", "how long", "removed by"],
        [
            ["sound, manifest, signature of each call", bucket, locked, lifecycle],
            ["anchors, bundles, incidents", bucket, "locked as long as the longest class", lifecycle],
            ["rows, telephone numbers encrypted", "PostgreSQL", "until somebody removes them", by_hand],
            ["sound that waits", spool, f"until it is stored and proved, and {s3.keep_audio_seconds} s longer", "ship"],
            ["journal, manifest of stored calls", f"{spool}, shipped/", "until somebody removes them", by_hand],
            [
                "captures that nobody had permitted",
                f"{spool}, quarantine/",
                "until somebody decides",
                "`consentgate quarantine destroy`",
            ],
            ["results of self-tests", f"{spool}, selftests/, and PostgreSQL", "until somebody removes them", by_hand],
            ["logs of gate, guard and ship, without numbers", "the system's log", "**[HOW LONG]**", "the system's log"],
            ["Asterisk's own call records, voicemail", "Asterisk", "**[HOW LONG]**", "none of ours"],
        ],
    )
    yield "A class that counts from the last contact is locked from the call's end: that is the least that is certain."
