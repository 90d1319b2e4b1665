"""The commands that say what a configuration means before a call does: `consentgate check`, `consentgate explain`."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from .cli_options import ConfigOption, run


def register(app: typer.Typer) -> None:
    """Add them to the command line, at this place of its help."""
    app.command()(check)
    app.command()(explain)


def check(
    config: ConfigOption = None,
    offline: Annotated[bool, typer.Option("--offline", help="Leave out Asterisk, PostgreSQL and S3.")] = False,
    prompts: Annotated[
        bool,
        typer.Option(
            "--prompts", help="Only the announcements: level, clipping, silences, intelligibility, a picture."
        ),
    ] = False,
    prompts_report: Annotated[
        Path | None,
        typer.Option(
            "--prompts-report",
            metavar="FILE.html",
            help="The same, and a page with each waveform and what to do, to look at or to hand on.",
            show_default=False,
        ),
    ] = None,
    asterisk_folder: Annotated[
        Path,
        typer.Option(
            "--asterisk-folder",
            metavar="FOLDER",
            help="Asterisk's own configuration: its keys are compared with the lines', its endpoints with the parties.",
        ),
    ] = Path("/etc/asterisk"),
    as_json: Annotated[
        bool, typer.Option("--json", help="For programs: a line of JSON for each finding, and one for the sum.")
    ] = False,
    schema: Annotated[
        bool,
        typer.Option("--schema", help="Print the configuration's JSON Schema, for your editor, and check nothing."),
    ] = False,
) -> None:
    """Check the configuration, the announcements, the spool, keys and every connection, before the first call does.

    It changes nothing, and may be run while calls go on. All that is wrong with the file is told at once.
    """
    if schema:
        from .config import schema as published  # noqa: PLC0415 - as every command's work

        typer.echo(published.text(), nl=False)
        return
    run(
        "commands.check",
        config,
        offline=offline,
        prompts=prompts,
        prompts_report=prompts_report,
        asterisk_folder=asterisk_folder,
        as_json=as_json,
    )


def explain(
    caller: Annotated[
        str, typer.Option("--from", metavar="N", help="Who calls: a number, or an endpoint as PJSIP/2001.")
    ],
    to: Annotated[
        str,
        typer.Option("--to", metavar="LINE", help="Whom: a line, one of its numbers, an emergency number, a phone."),
    ],
    config: ConfigOption = None,
    transfer_to: Annotated[
        str | None,
        typer.Option(
            "--transfer-to",
            metavar="X",
            help="And to whom the call is transferred then: a number, an endpoint, or a line.",
            show_default=False,
        ),
    ] = None,
    at: Annotated[
        datetime | None,
        typer.Option(
            "--at",
            formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M"],
            metavar="TIME",
            help="When, in this machine's time: 2026-11-29T14:30. Default: now.",
            show_default=False,
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The same for programs, as one line of JSON.")] = False,
) -> None:
    """Say what would come of a call: who hears what, who is recorded from when, what a failure costs, where it is kept.

    It rehearses the call with the very code that decides at run time. Nothing is touched, no connection is opened.
    """
    run("commands.explain", config, caller=caller, to=to, transfer_to=transfer_to, at=at, as_json=as_json)
