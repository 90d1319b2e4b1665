"""What several files of the command line share: the options that many commands have, and how a command is run."""

import importlib
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from .errors import FINDING, ConsentgateError

ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        help="The configuration file. Default: $CONSENTGATE_CONFIG, else /etc/consentgate/consentgate.yaml",
        show_default=False,
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="A line of JSON for each, and in a list one for the sum.")]


def run(module: str, config: Path | None, **options: Any) -> None:  # noqa: ANN401 - handed through unread
    """Import a command and end with its exit code; config: None for where it lies by default."""
    from .config import default_path  # noqa: PLC0415 - pydantic costs more than all of --help

    command: Callable[..., int] = importlib.import_module(f"ari_app.{module}").run
    began, code = time.monotonic(), FINDING
    try:
        code = command(config or default_path(), **options)
    except ConsentgateError as failure:
        code = failure.exit_code
        raise
    finally:
        if module.startswith("commands.") and _in_a_journal():
            _say_ended(module.removeprefix("commands."), options.get("action"), code, time.monotonic() - began)
    raise typer.Exit(code)


def _in_a_journal() -> bool:
    """Tell whether standard error is a service manager's journal, as systemd says it: a person wants no JSON."""
    try:
        found = os.fstat(2)
    except OSError:
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{found.st_dev}:{found.st_ino}"


def _say_ended(command: str, action: object, code: int, seconds: float) -> None:
    from . import log  # noqa: PLC0415 - structlog costs as much as all of --help

    log.configure()
    name = f"{command} {action}" if isinstance(action, str) else command
    log.get("command").info("command.ended", command=name, exit_code=code, seconds=round(seconds, 1))
