"""The commands that look at whole days: `consentgate reconcile` and `consentgate sheet`."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from .cli_options import ConfigOption, run

DayOption = Annotated[
    datetime | None,
    typer.Option(
        "--day",
        formats=["%Y-%m-%d"],
        metavar="YYYY-MM-DD",
        help="The calls that began on a day (UTC). Default: yesterday.",
        show_default=False,
    ),
]
ListenOption = Annotated[
    bool, typer.Option("--listen/--no-listen", help="Fetch what is stored, and listen for silent channels.")
]


def register(app: typer.Typer) -> None:
    """Add them to the command line, at this place of its help."""
    app.command()(reconcile)
    app.command()(sheet)


def reconcile(
    config: ConfigOption = None,
    day: DayOption = None,
    since: Annotated[
        datetime | None,
        typer.Option(
            "--from",
            formats=["%Y-%m-%d"],
            metavar="YYYY-MM-DD",
            help="From a day on (with --to, or up to yesterday).",
            show_default=False,
        ),
    ] = None,
    until: Annotated[
        datetime | None,
        typer.Option(
            "--to", formats=["%Y-%m-%d"], metavar="YYYY-MM-DD", help="Up to a day, included.", show_default=False
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="A line of JSON for each finding, and one for the sum.")
    ] = False,
    listen: ListenOption = True,
) -> None:
    """Compare Asterisk's own account of a day's calls with spool, database, S3 and sound; say what is wrong.

    It finds what is missing, late, short, silent, one-sided, header-only, orphaned and duplicate, and changes nothing.

    If the database or S3 is away it compares the others, says what is not known for that, and ends with 4.
    """
    if day is not None and (since is not None or until is not None):
        raise typer.BadParameter("--day, or --from and --to")
    if since is not None and until is not None and since > until:
        raise typer.BadParameter("--from is after --to")
    days = {"day": day and day.date(), "since": since and since.date(), "until": until and until.date()}
    run("commands.reconcile", config, **days, as_json=as_json, listen=listen)


def sheet(
    config: ConfigOption = None,
    day: DayOption = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Write it there, as a page if the name ends in .html. Default: text, on the terminal.",
            show_default=False,
        ),
    ] = None,
    listen: ListenOption = True,
) -> None:
    """Make the day's sheet: how many calls should have been recorded, how many were, each exception with its reason.

    For people who answer for a ward's calls. No caller's number or name is on it. Exit codes: as of reconcile.
    """
    run("commands.sheet", config, day=day and day.date(), output=output, listen=listen)
