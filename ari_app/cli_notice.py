"""The command for the public: `consentgate notice`."""

from pathlib import Path
from typing import Annotated

import typer

from .cli_options import ConfigOption, run


def register(app: typer.Typer) -> None:
    """Add it to the command line, at this place of its help."""
    app.command()(notice)


def notice(
    config: ConfigOption = None,
    language: Annotated[
        str | None,
        typer.Option(
            "--language",
            metavar="LANGUAGE",
            help="The notice's own language. Default: site.default_language, where there is a wording in it, else en.",
            show_default=False,
        ),
    ] = None,
    html: Annotated[
        Path | None,
        typer.Option("--html", metavar="FILE", help="Write it there as a page, instead of text on the terminal."),
    ] = None,
    wording: Annotated[
        Path | None,
        typer.Option(
            "--wording",
            metavar="FILE.yaml",
            help="Your own sentences, blanks filled in or in another language: a copy of "
            "docs/deployers-pack/notice-wording.yaml.",
            show_default=False,
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="One line of JSON: the notice, and the facts in it by their names.")
    ] = False,
    retention: Annotated[
        bool,
        typer.Option(
            "--retention", help="Instead the page for a records manager: what is kept where, how long, by which rule."
        ),
    ] = False,
) -> None:
    """Make the public notice of the configuration: who records, what for, how to say no, how long it is kept.

    What the configuration does not say is a blank, marked as one. Ends with 1 while there is any.
    """
    if retention and (language or html or wording or as_json):
        raise typer.BadParameter("--retention is a page of its own: none of the other options goes with it")
    run(
        "commands.notice",
        config,
        language=language,
        html=html,
        wording_file=wording,
        as_json=as_json,
        retention=retention,
    )
