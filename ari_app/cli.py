"""The command line: `consentgate COMMAND`.

Every command is imported only when it is asked for: `consentgate --help` must not wait for boto3. No traceback
reaches a user: a known failure is one message and its exit code, an unknown one names a file with the details.
"""

import os
import re
import sys
import tempfile
import traceback
from datetime import datetime
from importlib import metadata
from pathlib import Path
from typing import Annotated

import typer

from . import cli_check, cli_days, cli_doctor, cli_notice, cli_watch
from .cli_options import ConfigOption, JsonOption, run
from .errors import FINDING, ConsentgateError

EPILOG = "Exit codes: 0 good · 1 a finding or a failure · 2 usage · 3 configuration · 4 a dependency cannot be reached"
INTERRUPTED = 130

app = typer.Typer(
    name="consentgate",
    help="Records telephone calls on Asterisk only after everybody who can be heard has been told.",
    epilog=EPILOG,
    no_args_is_help=True,
    add_completion=False,
    # Its tracebacks are for developers, and show the values of local variables.
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(asked: bool) -> None:
    if asked:
        try:
            version = metadata.version("consentgate")
        except metadata.PackageNotFoundError:
            version = "from a source folder, not installed"
        typer.echo(f"consentgate {version}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and end.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Print the details of an unexpected error.")] = False,
) -> None:
    del version
    if debug:
        os.environ["CONSENTGATE_DEBUG"] = "1"


@app.command()
def gate(
    config: ConfigOption = None,
    standby: Annotated[
        bool,
        typer.Option(
            "--standby",
            help="If another gate owns the spool, wait until it ends, then go on with its calls within a second.",
        ),
    ] = False,
) -> None:
    """Run the gate: announce, grant and revoke permits, start and stop captures. Runs until SIGTERM."""
    run("gate", config, standby=standby)


@app.command()
def guard(
    config: ConfigOption = None,
    once: Annotated[
        bool, typer.Option("--once", help="List what is being recorded now, and who allows it; touch nothing.")
    ] = False,
) -> None:
    """Run the guard: end captures that the gate has not named, and let go whom a dead gate holds. Until SIGTERM."""
    run("guard", config, once=once)


@app.command()
def ship(
    config: ConfigOption = None,
    once: Annotated[bool, typer.Option("--once", help="Ship what is there, then end.")] = False,
) -> None:
    """Run ship: bring finished calls from the spool to S3 and PostgreSQL. Runs until SIGTERM."""
    run("ship", config, once=once)


@app.command()
def migrate(
    config: ConfigOption = None,
    writer: Annotated[
        str | None,
        typer.Option("--writer", metavar="ROLE", help="Let this role of the server add rows, and change none: ship's."),
    ] = None,
    dsn_file: Annotated[
        Path | None,
        typer.Option(
            "--dsn-file",
            metavar="FILE",
            help="Whose tables they are, where ship writes as another: its DSN instead of the configuration's.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Bring the database's schema to this version. Safe to repeat, and to run on two machines at once."""
    run("commands.migrate", config, writer=writer, dsn_file=dsn_file)


cli_check.register(app)


@app.command()
def verify(
    config: ConfigOption = None,
    recording: Annotated[
        str | None, typer.Argument(metavar="RECORDING", help="One recording, by its id.", show_default=False)
    ] = None,
    day: Annotated[
        datetime | None,
        typer.Option("--day", formats=["%Y-%m-%d"], metavar="YYYY-MM-DD", help="All that began on a day (UTC)."),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="All that lies below s3.prefix.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="A line of JSON for each, and one for the sum.")] = False,
    listed: Annotated[
        bool,
        typer.Option(
            "--without-audio",
            help="Read the manifests from the days' bundles, and of all other objects the names alone.",
        ),
    ] = False,
    journals: Annotated[
        bool,
        typer.Option("--journals", help="Hold the journals that the spool has kept against the manifests."),
    ] = False,
    public_keys: Annotated[
        list[str] | None,
        typer.Option("--public-key", metavar="HEX", help="Believe this key as well, as `check` showed it. Repeatable."),
    ] = None,
    copy: Annotated[
        Path | None,
        typer.Option(
            "--copy", metavar="FOLDER", help="A copy of the bucket instead of S3; then no configuration is needed."
        ),
    ] = None,
    prefix: Annotated[str, typer.Option("--prefix", help="With --copy: what s3.prefix was.")] = "calls",
) -> None:
    """Verify what lies in S3: signatures, hashes, and that all that is stored was permitted. Needs no database."""
    if sum((recording is not None, day is not None, everything)) != 1:
        raise typer.BadParameter("name one RECORDING, or --day YYYY-MM-DD, or --all")
    if not all(re.fullmatch(r"[0-9a-f]{64}", one) for one in public_keys or ()):
        raise typer.BadParameter("--public-key: 64 hexadecimal digits, as `consentgate check` shows them")
    if copy is not None and journals:
        raise typer.BadParameter("--journals: they are in the spool of the PBX, and in no copy of the bucket")
    if copy is not None and not public_keys:
        raise typer.BadParameter("--copy: name the --public-key that you were given")
    run(
        "commands.verify",
        config,
        recording=recording,
        day=f"{day:%Y-%m-%d}" if day else None,
        everything=everything,
        as_json=as_json,
        listed=listed,
        journals=journals,
        copy=copy,
        prefix=prefix,
        public_keys=tuple(public_keys or ()),
    )


@app.command("rebuild-index")
def rebuild_index(
    config: ConfigOption = None,
    unsigned: Annotated[
        bool,
        typer.Option(
            "--unsigned",
            help="Enter also what has no signature (stored before signing.key_file was set); a wrong one never is.",
        ),
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="A line of JSON for each refusal, and one for the sum.")
    ] = False,
) -> None:
    """Make PostgreSQL's rows anew from what lies in S3. Safe to interrupt and to repeat: it enters what is missing."""
    run("commands.rebuild_index", config, unsigned=unsigned, as_json=as_json)


cli_watch.register(app)
cli_days.register(app)
cli_notice.register(app)


quarantine = typer.Typer(
    no_args_is_help=True,
    help="What was taken away because nobody had permitted it. It is never shipped; you decide about it.",
    epilog="First `list`, then `show ID`; keep it while somebody may ask, then `destroy ID`: its account stays.",
)
app.add_typer(quarantine, name="quarantine")
IdArgument = Annotated[str, typer.Argument(metavar="ID", help="As `consentgate quarantine list` names it.")]


@quarantine.command("list")
def quarantine_list(config: ConfigOption = None) -> None:
    """List what lies there: since when, by which door it came, how much it is, and why."""
    run("commands.quarantine", config, action="list")


@quarantine.command("show")
def quarantine_show(identity: IdArgument, config: ConfigOption = None) -> None:
    """Show all that is known of one: its channel, how fast it was stopped, its files and their hashes."""
    run("commands.quarantine", config, action="show", identity=identity)


@quarantine.command("destroy")
def quarantine_destroy(
    identity: IdArgument,
    config: ConfigOption = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Remove one for ever. A line with the hash of each file stays in incidents/destroyed.jsonl."""
    run("commands.quarantine", config, action="destroy", identity=identity, yes=yes)


spool = typer.Typer(
    no_args_is_help=True,
    help="What waits in the spool to be stored, since when and why.",
    epilog="Nothing of it is ever given up: ship tries again by itself. `retry` is for when you have mended something.",
)
app.add_typer(spool, name="spool")
RecordingArgument = Annotated[str, typer.Argument(metavar="RECORDING", help="As `consentgate spool list` names it.")]


@spool.command("list")
def spool_list(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """List what waits: its state, age and size, how often it was tried in vain, and the last reason."""
    run("commands.spool", config, action="list", as_json=as_json)


@spool.command("show")
def spool_show(recording: RecordingArgument, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Show all that is known of one: its files, how far it has come, why it waits, when it is tried again."""
    run("commands.spool", config, action="show", recording=recording, as_json=as_json)


@spool.command("retry")
def spool_retry(
    config: ConfigOption = None,
    recording: Annotated[
        str | None,
        typer.Argument(metavar="RECORDING", help="As `consentgate spool list` names it.", show_default=False),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="All that waits.")] = False,
) -> None:
    """Ask the running ship to try one, or all, at once. A discard window is not cut short by it."""
    if (recording is None) is not everything:
        raise typer.BadParameter("name one RECORDING, or --all")
    run("commands.spool", config, action="retry", recording=recording)


app.add_typer(cli_doctor.app, name="doctor")


def _unexpected(error: BaseException) -> str:
    details = "".join(traceback.format_exception(error))
    if os.environ.get("CONSENTGATE_DEBUG"):
        return details
    try:
        # A name that nobody can foresee, readable by its owner only: a traceback may hold names of callers.
        descriptor, path = tempfile.mkstemp(prefix="consentgate-error-", suffix=".txt")
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(f"consentgate {' '.join(sys.argv[1:])}\n{details}")
        where = f"The details are in {path}; please report them"
    except OSError:
        where = "Run it again with --debug before the command for the details"
    return f"consentgate: an error in consentgate itself ({type(error).__name__}). {where}."


def main() -> None:
    """Run the command line and end the process with the command's exit code."""
    try:
        app(prog_name="consentgate")
    except ConsentgateError as error:
        print(f"consentgate: {error}", file=sys.stderr)  # noqa: T201 - standard error is where a person looks
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except Exception as error:  # noqa: BLE001 - the one place where everything unforeseen ends
        print(_unexpected(error), file=sys.stderr)  # noqa: T201
        sys.exit(FINDING)
