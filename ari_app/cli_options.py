"""What several files of the command line share: the options that many commands have, and how a command is run."""

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

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
    raise typer.Exit(command(config or default_path(), **options))
