"""`consentgate doctor`: what is wrong with what consentgate rests on, found by trying it."""

from pathlib import Path
from typing import Annotated

import typer

from .cli_options import ConfigOption, run

app = typer.Typer(
    no_args_is_help=True,
    help="What is wrong with what consentgate rests on, found by trying it, and what to do.",
    epilog="Nothing is changed without --apply; with it every change is said, and a second run changes nothing.",
)


@app.callback()
def _several() -> None:
    """Keep the name of what is looked at a word of its own, also while there is only one."""


@app.command("s3")
def s3(
    config: ConfigOption = None,
    apply: Annotated[
        bool, typer.Option("--apply", help="Set versions, lock, lifecycle and policy where they are not so yet.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what --apply would set, and set nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The same for programs, as one line of JSON.")] = False,
    writer: Annotated[
        str | None,
        typer.Option(
            "--writer",
            metavar="ARN",
            help="Ship's own identity, which the policy forbids to remove. Default: asked of Amazon.",
            show_default=False,
        ),
    ] = None,
    access_key_file: Annotated[
        Path | None,
        typer.Option(
            "--access-key-file",
            metavar="FILE",
            help="An administrator's key for --apply, if ship's own may not set the bucket.",
            show_default=False,
        ),
    ] = None,
    secret_key_file: Annotated[
        Path | None,
        typer.Option("--secret-key-file", metavar="FILE", help="And the secret one.", show_default=False),
    ] = None,
) -> None:
    """Prove on the bucket itself what it can do: a table of what is needed, what is there, and what to do."""
    run(
        "commands.doctor_s3",
        config,
        apply=apply,
        dry_run=dry_run,
        as_json=as_json,
        writer=writer,
        access_key_file=access_key_file,
        secret_key_file=secret_key_file,
    )
