"""`consentgate spool`: what waits in the spool, since when and why, and a person's word to ship to try it now.

It reads names, sizes and what ship says of its tries; no journal, no sound, no number and no name of a caller.
"""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ari_app import attempts, clock, config, safekeeping, strays
from ari_app.attempts import ALL, REACH, Account, Attempt
from ari_app.config.units import size_text
from ari_app.core import names
from ari_app.core.names import MICROSECONDS, Instant, RecordingId, UnsafeNameError
from ari_app.core.strays import TO_DO
from ari_app.errors import FINDING, GOOD, ConsentgateError
from ari_app.layout import JOURNAL, MANIFEST, SIGNATURE, Layout

PIPE_COLUMNS: Final = 160
TAKEN_SECONDS: Final = 3.0
"""So long people wait for ship to take their word."""

POLL_SECONDS: Final = 0.1

IN_PROGRESS, WAITS, KEPT, IN_TURN, STORED, SOUND = "in progress", "waits", "kept", "in turn", "stored", "sound alone"
"""The call is not over; it waits by itself; it was tried in vain; it was not tried yet; only its sound is left; or
only its sound is there."""

_WHY = {
    IN_PROGRESS: "the gate has not handed it over: the call is not over, or no gate runs",
    IN_TURN: "ship has not tried it since it started",
    STORED: "it is stored and proved; ship has still to destroy the sound that lies here",
    SOUND: "the gate has no call to it: it is of a script's, not over yet, or of none",
}
_WAITS = {
    "discard_window": "its line's discard window is not over",
    "audio_open": "Asterisk may still be writing to one of its files",
    "heartbeat": "a heartbeat of its gate that covers its end may still come",
    "stored": "it is stored; its sound stays here (s3.keep_audio_seconds), then S3 is asked once more, and it goes",
}


@dataclass(frozen=True, slots=True)
class Item:
    """A recording, or an incident, that lies in the spool. `since`: when it began, as its id says."""

    id: str
    kind: str
    state: str
    since: Instant
    bytes: int
    files: tuple[Path, ...]
    why: str
    attempt: Attempt | None

    @property
    def attempts(self) -> int | None:
        """How often it was tried in vain; None if nobody knows."""
        return self.attempt.attempts if self.attempt is not None and self.attempt.failed else None


def _ids(folder: Path) -> Iterator[RecordingId]:
    with suppress(FileNotFoundError):
        for entry in folder.iterdir():
            with suppress(UnsafeNameError):
                yield names.recording_id(entry.name.removesuffix(".json"))


def _files(*places: Path) -> tuple[tuple[Path, ...], int]:
    """Return the files at and below some places, and how much they are together; ship may take each away meanwhile."""
    found, size = [], 0
    for place in places:
        with suppress(FileNotFoundError):
            for file in sorted(place.iterdir()) if place.is_dir() else [place]:
                size += file.lstat().st_size
                found.append(file)
    return tuple(found), size


def _waiting(layout: Layout, account: Account | None, recording: RecordingId) -> Item | None:
    """Return where a recording stands; None if it waits for nothing here."""
    attempt, sound = account.found.get(recording) if account else None, layout.audio_of(recording)
    places = ((IN_TURN, layout.sealed), (IN_PROGRESS, layout.calls), (STORED, layout.shipped))
    standing = ((state, folder / recording) for state, folder in places if (folder / recording).is_dir())
    state, place = next(standing, (SOUND, sound))
    if state in {STORED, SOUND} and not sound.is_dir():
        return None
    why = _WHY[state]
    if state == IN_TURN and attempt is not None:
        state, why = (KEPT, attempt.why) if attempt.failed else (WAITS, _WAITS.get(attempt.why, attempt.why))
    elif state == IN_TURN and (place / safekeeping.STORED).exists():
        # Its mark outlives the ship that said so.
        state, why = WAITS, _WAITS["stored"]
    files, size = _files(*dict.fromkeys((place, sound)))
    return Item(recording, "call", state, names.minted_at(recording), size, files, why, attempt)


def _incident(layout: Layout, account: Account | None, identity: RecordingId) -> Item | None:
    file = layout.incidents / f"{identity}.json"
    files, size = _files(file)
    if not files:
        return None
    attempt = account.found.get(file.name) if account else None
    state, why = (KEPT, attempt.why) if attempt else (IN_TURN, _WHY[IN_TURN])
    return Item(identity, "incident", state, names.minted_at(identity), size, files, why, attempt)


def items(layout: Layout, account: Account | None) -> list[Item]:
    """Return what waits, the oldest first."""
    try:
        recordings = {one for folder in (layout.calls, layout.sealed, layout.audio) for one in _ids(folder)}
        found = [_waiting(layout, account, one) for one in recordings]
        found += [_incident(layout, account, one) for one in _ids(layout.incidents)]
    except OSError as failure:
        hint = "Run this as the user of ship, or as root"
        raise ConsentgateError("the spool cannot be read", why=str(failure), hint=hint) from failure
    return sorted((one for one in found if one is not None), key=lambda item: (item.since, item.id))


def _strays(layout: Layout) -> list[strays.Stray]:
    try:
        return strays.find(layout)
    except OSError as failure:
        hint = "Run this as the user of ship, or as root"
        raise ConsentgateError("the spool cannot be read", why=str(failure), hint=hint) from failure


def _one(layout: Layout, account: Account | None, recording: RecordingId) -> Item:
    found = _waiting(layout, account, recording) or _incident(layout, account, recording)
    if found is not None:
        return found
    hint = "`consentgate spool list` names what there is"
    if (layout.quarantine / recording).exists():
        hint = f"It was put aside: `consentgate quarantine show {recording}`"
    elif (layout.shipped / recording).is_dir():
        hint = f"It is stored: `consentgate verify {recording}`"
    raise ConsentgateError("nothing of this recording waits in the spool", on=recording, hint=hint)


def _console() -> Console:
    console = Console(highlight=False, soft_wrap=True)
    return console if console.is_terminal else Console(highlight=False, width=PIPE_COLUMNS, soft_wrap=True)


def age_text(since: Instant, now: Instant) -> str:
    """Return how long ago something was, in its largest two units."""
    seconds = max(0, now - since) // MICROSECONDS
    for unit, smaller, length, part in (("d", "h", 86400, 3600), ("h", "min", 3600, 60), ("min", "s", 60, 1)):
        if seconds >= length:
            return f"{seconds // length} {unit} {seconds % length // part} {smaller}"
    return f"{seconds} s"


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _json(item: Item, layout: Layout) -> str:
    files = [{"file": str(file.relative_to(layout.root)), "bytes": _size(file)} for file in item.files]
    told = {"id": item.id, "kind": item.kind, "state": item.state, "since": names.iso(item.since), "bytes": item.bytes}
    attempt = asdict(item.attempt) if item.attempt else None
    return json.dumps({**told, "attempts": item.attempts, "why": item.why, "attempt": attempt, "files": files})


def _size(file: Path) -> int | None:
    try:
        return file.lstat().st_size
    except FileNotFoundError:
        return None


def show_list(layout: Layout, *, as_json: bool) -> int:
    """Print what waits, and what stands in the way of all of it."""
    account, now = attempts.read(layout), clock.now()
    found = items(layout, account)
    notes = sum(1 for one in layout.fallback.glob("*.json"))
    away = account.found.get(REACH) if account else None
    lost, unstored = _strays(layout), [one for one in found if _unstored(one)]
    if as_json:
        for item in found:
            typer.echo(_json(item, layout))
        size, reach = sum(item.bytes for item in found), asdict(away) if away else None
        belongs_to_nothing = [{"kind": one.kind, "place": one.place, "name": one.name} for one in lost]
        oldest = names.iso(unstored[0].since) if unstored else None
        total = {"waiting": len(found), "bytes": size, "notes": notes, "not_reached": reach}
        lies = {"unstored": len(unstored), "oldest_unstored": oldest}
        typer.echo(json.dumps({**total, **lies, "strays": belongs_to_nothing}))
        return GOOD
    console = _console()
    if account is not None and not account.running:
        console.print(f"The ship that said this is gone: it was so {age_text(account.at, now)} ago.")
    if away is not None:
        tried = f"tried {_times(away.attempts)} in {age_text(away.since, now)}"
        console.print(f"Everything waits, {tried}: {escape(away.why)}")
    if found:
        table = Table(box=None, pad_edge=False)
        for title in ("recording", "state", "age", "size", "tries", "why"):
            table.add_column(title, overflow="fold", no_wrap=title != "why")
        for item in found:
            state = item.state if item.kind == "call" else f"incident, {item.state}"
            tries = "" if item.attempts is None else str(item.attempts)
            table.add_row(item.id, state, age_text(item.since, now), size_text(item.bytes), tries, escape(item.why))
        console.print(table)
        if unstored:
            age = age_text(unstored[0].since, now)
            console.print(f"{len(unstored)} call(s) are over and not stored yet; the oldest of them began {age} ago.")
    else:
        console.print("nothing waits in the spool")
    if notes:
        console.print(f"{notes} note(s) of scripts about calls without a gate wait to be taken up by ship.")
    _show_strays(console, lost)
    return GOOD


def _show_strays(console: Console, lost: list[strays.Stray]) -> None:
    for one in lost:
        place = f"{one.place}/{one.name}".lstrip("/")
        console.print(f"stray: {escape(place)}\n    {TO_DO[one.kind]}")


def _unstored(item: Item) -> bool:
    """Tell whether a call is over and not in S3 and PostgreSQL: its only copy lies here."""
    lies = item.state == WAITS and item.attempt is not None and item.attempt.why == "stored"
    return item.kind == "call" and item.state in {WAITS, KEPT, IN_TURN} and not lies


def show_one(layout: Layout, recording: RecordingId, *, as_json: bool) -> int:
    """Print everything about one of them."""
    account, now = attempts.read(layout), clock.now()
    item = _one(layout, account, recording)
    if as_json:
        typer.echo(_json(item, layout))
        return GOOD
    lines = [("recording" if item.kind == "call" else "incident", item.id), ("began", names.iso(item.since))]
    lines += [("state", item.state), ("why", item.why), ("stands", _stands(item))]
    if item.attempt is not None:
        attempt = item.attempt
        lines.append(("tried", f"{_times(attempt.attempts)} since {names.iso(attempt.since)}"))
        lines.append(("last tried", f"{names.iso(attempt.tried_at)}, {age_text(attempt.tried_at, now)} ago"))
        lines.append(("next try", names.iso(attempt.next_at)))
    console = _console()
    for name, text in lines:
        console.print(f"{name:14} {escape(text)}")
    for file in item.files:
        console.print(f"{'file':14} {escape(str(file.relative_to(layout.root)))}  {size_text(_size(file) or 0)}")
    return GOOD


def _stands(item: Item) -> str:
    """Return how far its shipment has come, as its files tell it."""
    there = {file.name for file in item.files}
    if item.state == STORED:
        return "stored and proved"
    if safekeeping.STORED in there:
        return "stored, proved and entered; its sound is still here"
    if MANIFEST in there:
        signed = ", and signed" if SIGNATURE in there else ""
        return f"what is stored of it is decided{signed}; some of it may be in S3 already"
    return "nothing of it has left this machine" if JOURNAL in there else "it is to be stored as it is"


def retry(layout: Layout, recording: RecordingId | None, *, pause: Callable[[float], None] = time.sleep) -> int:
    """Ask ship to try one, or all, now. Returns 0 if it has taken the word, 1 if it has not within three seconds."""
    if recording is not None:
        item = _one(layout, attempts.read(layout), recording)
        if item.state in {IN_PROGRESS, SOUND}:
            hint = "Ship gets it when the call is over"
            raise ConsentgateError("ship cannot try this recording yet", on=recording, why=item.why, hint=hint)
    path = attempts.ask(layout, recording or ALL)
    for _ in range(round(TAKEN_SECONDS / POLL_SECONDS)):
        if not path.exists():
            typer.echo("Ship tries it now. What comes of it: `consentgate spool list`.")
            return GOOD
        pause(POLL_SECONDS)
    why = "it does not run, or is busy with a long recording or a server that hangs"
    typer.echo(f"Ship has not taken the word within {TAKEN_SECONDS:g} s: {why}. It tries as soon as it can.", err=True)
    return FINDING


def run(config_path: Path, *, action: str, recording: str | None = None, as_json: bool = False) -> int:
    """Do one of `list`, `show`, `retry` (without a recording: all). Returns the exit code; raises ConsentgateError."""
    layout = Layout(config.load(config_path).spool.path)
    if action == "list":
        return show_list(layout, as_json=as_json)
    try:
        known = None if recording is None else names.recording_id(recording)
    except UnsafeNameError as failure:
        raise ConsentgateError("this is no id", why=str(failure), hint="see `consentgate spool list`") from None
    if action == "show" and known is not None:
        return show_one(layout, known, as_json=as_json)
    return retry(layout, known)
