"""`consentgate doctor s3`: what the real bucket can do, proved by doing it; `--apply` sets what it should be set to."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ari_app import config
from ari_app.adapters.s3_bucket import S3Bucket, caller
from ari_app.adapters.s3_client import Access, access_of
from ari_app.config.secrets import read_file
from ari_app.errors import FINDING, GOOD, ConfigurationError

from .doctor_apply import Change, Settings
from .doctor_probes import Capability, Probes

PIPE_COLUMNS = 160
_MARKS = {True: "[green]yes[/green]", False: "[red]no[/red]", None: "?"}


def _administrator(access: Access, access_key_file: Path | None, secret_key_file: Path | None) -> Access:
    """Return the way of who sets the bucket: with keys of their own, or ship's."""
    if access_key_file is None and secret_key_file is None:
        return access
    keys = []
    for option, file in (("--access-key-file", access_key_file), ("--secret-key-file", secret_key_file)):
        if file is None:
            raise ConfigurationError("an administrator's key has two parts", hint=f"Name the other one with {option}")
        try:
            keys.append(read_file(file))
        except Exception as failure:
            raise ConfigurationError(f"{option} cannot be used", on=str(file), why=str(failure.args[0])) from failure
    return replace(access, access_key=keys[0], secret_key=keys[1])


def _console() -> Console:
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=PIPE_COLUMNS)


def _show(console: Console, where: str, found: list[Capability]) -> None:
    table = Table(title=escape(where), title_justify="left")
    for title in ("capability", "needed", "there", "seen", "what to do"):
        table.add_column(title, overflow="fold")
    for one in found:
        needed = "yes" if one.needed else "no"
        table.add_row(one.name, needed, _MARKS[one.met], escape(one.seen), escape(one.todo))
    console.print(table)


def _show_changes(console: Console, changes: list[Change], *, dry_run: bool) -> None:
    for one in changes:
        mark = "[red]not done[/red]" if not one.done else "would be" if dry_run else "[green]done[/green]"
        console.print(f"{mark} {one.setting}: {escape(one.what)}{escape(f' ({one.why})' if one.why else '')}")
    if not changes:
        console.print("The bucket is set as it should be: nothing to change.")


def run(
    config_path: Path,
    *,
    apply: bool = False,
    dry_run: bool = False,
    as_json: bool = False,
    writer: str | None = None,
    access_key_file: Path | None = None,
    secret_key_file: Path | None = None,
) -> int:
    """Set the bucket if asked to, then try it with ship's own rights; return 1 if something that is needed is missing.

    Raises ConsentgateError: a wrong configuration (3), a bucket that cannot be reached (4).
    """
    settings = config.load(config_path).s3
    access = access_of(settings)
    ship = S3Bucket(access)
    changes: list[Change] = []
    if apply or dry_run:
        administrator = S3Bucket(_administrator(access, access_key_file, secret_key_file))
        setter = Settings(administrator, ship, settings, writer or caller(access), dry_run=dry_run)
        changes = list(setter.apply())
    probes = Probes(ship, settings)
    found = list(probes.capabilities())
    missing = [one for one in found if one.needed and not one.met]
    failed = [one for one in changes if not one.done]
    if as_json:
        said = {
            "bucket": settings.bucket,
            "capabilities": [asdict(one) for one in found],
            "changes": [asdict(one) for one in changes],
            "dry_run": dry_run,
            "left": probes.left,
            "ok": not missing and not failed,
        }
        typer.echo(json.dumps(said))
        return FINDING if missing or failed else GOOD
    console = _console()
    if apply or dry_run:
        _show_changes(console, changes, dry_run=dry_run)
    _show(console, ship.where, found)
    if probes.left:
        console.print(f"Left behind, because it could not be removed: {escape(', '.join(probes.left))}")
    wished = sum(1 for one in found if not one.needed and one.met is False)
    console.print(
        f"Missing, and needed: {', '.join(one.name for one in missing)}." if missing else "All that is needed is there."
    )
    if wished:
        console.print(f"{wished} more would make it safer.")
    return FINDING if missing or failed else GOOD
