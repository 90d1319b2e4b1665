"""`consentgate notice`: what the public is told about recorded calls, made from the configuration as it is.

Run it after each change of the configuration: then the notice says what the system does.
"""

import json
import textwrap
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import typer
import yaml

from ari_app import clock, config, policy
from ari_app.config import Config
from ari_app.core.names import MICROSECONDS
from ari_app.core.notice import Facts, Kept, Kind, Line, Notice, Piece, Spoken, compose
from ari_app.core.notice_words import ENGLISH, Wording, problems
from ari_app.core.policy import Capture
from ari_app.errors import FINDING, GOOD, ConfigurationError

WIDE: Final = 100
BUILT_IN: Final = {ENGLISH.language: ENGLISH}
TO_COPY: Final = "docs/deployers-pack/notice-wording.yaml"


def facts(settings: Config, made: str) -> Facts:
    """Return what the public may know of a configuration."""
    lines = tuple(_line(settings, name) for name in settings.lines)
    return Facts(settings.site.name, lines, settings.emergency_numbers, made)


def _line(settings: Config, name: str) -> Line:
    line = settings.lines[name]
    keep = settings.retention.get(line.retention or "")
    kept = None
    if keep:
        kept = Kept(keep.keep.count, keep.keep.unit, keep.since, keep.citation, keep.checked.isoformat())

    def spoken(names: tuple[str, ...]) -> tuple[Spoken, ...]:
        files = (settings.announcements[one] for one in names)
        return tuple(Spoken(one.language, " ".join(one.text.split())) for one in files)

    return Line(
        name=name,
        mode=line.mode,
        numbers=line.numbers,
        purposes=line.purposes,
        spoken=spoken(line.announcements),
        spoken_when_called=spoken(line.outgoing_announcements),
        opt_out_key=line.opt_out_key or "",
        consent_key=line.consent_key or "",
        opt_out_sequence=policy.sequence(line),
        destroyed_seconds=policy.destroys_within_seconds(line),
        on_objection=line.on_objection,
        records_waiting=line.capture is Capture.AFTER_ANNOUNCEMENT,
        kept=kept,
        reason=line.reason or "",
    )


def wording(file: Path) -> Wording:
    """Return the wording in a file. Raises ConfigurationError (exit 3) with all that is wrong with it."""
    hint = f"Begin with a copy of {TO_COPY}."
    try:
        given: Any = yaml.safe_load(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(
            "the wording cannot be read", on=str(file), why=error.strerror or "", hint=hint
        ) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        why = " ".join(str(error).split())
        raise ConfigurationError("the wording is not YAML", on=str(file), why=why, hint=hint) from None
    if not isinstance(given, dict) or not all(isinstance(key, str) for key in given):
        raise ConfigurationError("the wording is not a list of sentences by their names", on=str(file), hint=hint)
    if wrong := problems(given):
        why = "".join(f"\n  {one}" for one in wrong)
        raise ConfigurationError("the wording cannot be used", on=str(file), why=why, hint=f"\n{hint}")
    return Wording(**{name: text.strip() for name, text in given.items()})


def text(made: Notice) -> str:
    """Return the notice as text, for a leaflet or a mail; a blank is a line that nobody overlooks."""
    return "\n".join(_lines(made)) + "\n"


def _lines(made: Notice) -> Iterator[str]:
    yield made.title
    yield "=" * len(made.title)
    for section in made.sections:
        if section.heading:
            yield from ("", section.heading, ("-" if section.level == 2 else "~") * len(section.heading))  # noqa: PLR2004
        if section.pieces:
            yield ""
        for piece in section.pieces:
            yield from _wrapped(piece, made.language)
    yield from ("", made.made)


def _wrapped(piece: Piece, language: str) -> list[str]:
    match piece.kind:
        case Kind.QUOTED:
            of = "" if piece.language == language else f"({piece.language}) "
            return textwrap.wrap(f"{of}“{piece.text}”", WIDE, initial_indent="    ", subsequent_indent="    ")
        case Kind.BLANK:
            return [f"[[ {piece.text} ]]"]
        case Kind.SAID:
            return [line for one in piece.text.splitlines() for line in textwrap.wrap(one, WIDE)]


def run(
    config_path: Path,
    *,
    language: str | None = None,
    html: Path | None = None,
    wording_file: Path | None = None,
    as_json: bool = False,
    retention: bool = False,
) -> int:
    """Print the notice, or write it as a page; 1 if it still has blanks, and what they are on stderr.

    retention: print the page for a records manager instead.
    """
    settings = config.load(config_path)
    today = datetime.fromtimestamp(clock.now() / MICROSECONDS, UTC).date()
    if retention:
        from .retention_page import page as retention_page  # noqa: PLC0415

        typer.echo(retention_page(settings, today), nl=False)
        return GOOD
    words = wording(wording_file) if wording_file else _built_in(language or settings.site.default_language, language)
    if language and words.language != language:
        raise ConfigurationError(
            f"the wording is in {words.language}, not in {language}", on=str(wording_file), hint="Correct one of them."
        )
    known = facts(settings, today.isoformat())
    made = compose(known, words)
    if html is not None:
        from .notice_page import page  # noqa: PLC0415 - only where there is a page
        from .prompts_page import write  # noqa: PLC0415

        write(html, page(made))
        typer.echo(f"The notice is in {html}.", err=True)
    if as_json:
        typer.echo(json.dumps({**asdict(made), "blanks": made.blanks, "facts": asdict(known)}, ensure_ascii=False))
    elif html is None:
        typer.echo(text(made), nl=False)
    for blank in made.blanks:
        typer.echo(f"not ready: {blank}", err=True)
    return FINDING if made.blanks else GOOD


def _built_in(language: str, asked: str | None) -> Wording:
    """Return the wording in a language; English where nobody asked and the site's own is another."""
    if language not in BUILT_IN and asked:
        raise ConfigurationError(
            f"there is no wording in {language} here",
            why=f"only in {', '.join(BUILT_IN)}",
            hint=f"Have {TO_COPY} translated, and name the translation with --wording.",
        )
    return BUILT_IN.get(language, ENGLISH)
