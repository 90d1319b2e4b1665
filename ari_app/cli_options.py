"""What every command of the command line has in common: where its configuration is, and how its module is run."""

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
        help="The configuration file. [default: $CONSENTGATE_CONFIG, else /etc/consentgate/consentgate.yaml]",
        show_default=False,
    ),
]


def run(module: str, config: Path | None, **options: Any) -> None:  # noqa: ANN401 - handed through unread
    """Import a command's module, run it and end with its exit code."""
    from .config import default_path  # noqa: PLC0415 - pydantic costs more than all of --help

    command: Callable[..., int] = importlib.import_module(f"ari_app.{module}").run
    raise typer.Exit(command(config or default_path(), **options))
