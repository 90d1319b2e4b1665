"""`consentgate doctor`: what is wrong with what consentgate rests on, found by trying it."""

from pathlib import Path
from typing import Annotated

import typer

from .cli_options import ConfigOption, run

app = typer.Typer(
    invoke_without_command=True,
    help="What is wrong with what consentgate rests on, found by trying it, and what to do. Alone: everything.",
    epilog="Nothing is changed; docs/doctor.md explains each finding. Exit codes as everywhere: 0, 1, 3, 4.",
)


@app.callback()
def _everything(
    context: typer.Context,
    config: ConfigOption = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="A line of JSON for each finding, and one for the sum.")
    ] = False,
    offline: Annotated[
        bool, typer.Option("--offline", help="Ask nobody: leave out Asterisk, PostgreSQL, S3 and the clocks.")
    ] = False,
    asterisk_folder: Annotated[
        Path, typer.Option("--asterisk-folder", metavar="FOLDER", help="Asterisk's own configuration.")
    ] = Path("/etc/asterisk"),
) -> None:
    """Look at everything, unless one thing was named."""
    if context.invoked_subcommand is None:
        run("commands.doctor", config, as_json=as_json, offline=offline, asterisk_folder=asterisk_folder)


@app.command("self-test")
def self_test(
    config: ConfigOption = None,
    line: Annotated[
        str | None,
        typer.Option(
            "--line", metavar="LINE", help="This line alone. Default: all that are recorded.", show_default=False
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="A line of JSON for each step, and one for the sum.")] = False,
) -> None:
    """Call a line: is its caller told, recorded, stored, and the recording whole? The result is kept as evidence."""
    run("commands.selftest", config, line=line, as_json=as_json)


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
