"""The commands that say what a configuration means before a call does: `consentgate check`, `consentgate explain`."""

from pathlib import Path
from typing import Annotated

import typer

from .cli_options import ConfigOption, run


def register(app: typer.Typer) -> None:
    """Add them to the command line, at this place of its help."""
    app.command()(check)


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
