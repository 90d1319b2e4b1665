"""The command by which a person watches: `consentgate status`."""

from typing import Annotated

import typer

from .cli_options import ConfigOption, run


def register(app: typer.Typer) -> None:
    """Add it to the command line, at this place of its help."""
    app.command()(status)


def status(
    config: ConfigOption = None,
    once: Annotated[bool, typer.Option("--once", help="Print it once, and end.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The same for programs, once, as one line of JSON.")] = False,
) -> None:
    """Show how everything stands, anew each second: processes, calls, spool, last alarm. Works when all is dead."""
    run("commands.status", config, once=once, as_json=as_json)
