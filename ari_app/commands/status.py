"""`consentgate status`: how everything stands, live in a terminal, once, or as JSON."""

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from time import sleep
from typing import Any, Final

import typer
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from ari_app.config import units, yaml
from ari_app.config.units import size_text
from ari_app.core import names
from ari_app.core.free_space import Floor, Level
from ari_app.core.names import MICROSECONDS, Instant
from ari_app.errors import FINDING, GOOD, ConfigurationError
from ari_app.layout import Layout

from .situation import PROCESSES, Look, Places, Process, Situation, State
from .spool import age_text

REFRESH_SECONDS: Final = 1.0
PIPE_COLUMNS: Final = 110
DEAF_MICROSECONDS: Final = 5 * MICROSECONDS
"""As the alert ConsentgateHeartbeatStale."""

DEFAULT_FLOOR: Final = Floor(2 * 2**30)

_COLOURS: Final = {State.READY: "green", State.STANDS_BY: "green", State.UNUSED: "dim"}
UNITS: Final = {"gate": "'consentgate-gate@*'", "guard": "consentgate-guard", "ship": "consentgate-ship"}
"""As deploy/install names them: of gates there are two, one of which stands by."""

_DEAD: Final = {
    "gate": "the gate is dead: calls go on; where no other stands by, the scripts alone tell and record",
    "guard": "the guard is dead: nobody ends a secret recording",
    "ship": "ship is dead: nothing leaves the spool, and nothing is lost while there is room",
}


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong, and which command comes next."""

    what: str
    to_do: str


def places(config_path: Path) -> Places:
    """Read the little that is needed, and no secret: a configuration that is wrong elsewhere must not blind anybody.

    Raises ConfigurationError.
    """
    document, _ = yaml.read(config_path.absolute())
    data: Any = document.data

    def at(section: str, key: str) -> Any:  # noqa: ANN401  YAML
        found = data.get(section) if isinstance(data, dict) else None
        return found.get(key) if isinstance(found, dict) else None

    path = at("spool", "path")
    if not isinstance(path, str) or not path.startswith("/"):
        raise ConfigurationError(
            "it does not say where the spool is", on=str(config_path), hint="Run `consentgate check`"
        )
    try:
        floor = units.floor(str(at("spool", "stop_below_free")))
    except ValueError:
        floor = DEFAULT_FLOOR
    ports = {name: port for name in PROCESSES if isinstance(port := at("metrics", f"{name}_port"), int)}
    guarded = isinstance(data.get("guard"), dict)
    return Places(str(at("site", "node") or "this PBX"), Layout(Path(path)), floor, guarded, ports)


def problems(found: Situation) -> Iterator[Problem]:
    """Yield what is wrong, the worst first; nothing if all is well."""
    for one in found.processes:
        match one.state:
            case State.DEAD:
                yield Problem(_DEAD[one.name], f"systemctl status {UNITS[one.name]}")
            case State.HANGS:
                yield Problem("the gate hangs, and its callers are let go", f"systemctl restart {UNITS[one.name]}")
            case State.NOT_READY:
                why = "; ".join(one.why) or "its log says why"
                yield Problem(f"{one.name} is not ready: {why}", f"journalctl -e -u {UNITS[one.name]}")
            case _:
                pass
    if found.process("gate").state is State.READY and not found.unreadable and _deaf(found):
        # Of a gate that says nothing on a port it is all that tells a full disk, or a stream that is dead.
        yield Problem(
            "no heartbeat: nothing that is said now is covered by evidence", f"journalctl -e -u {UNITS['gate']}"
        )
    if found.level is not Level.AMPLE:
        what = "nothing is recorded" if found.level is Level.SCARCE else "no new recording begins"
        yield Problem(f"too little room in the spool: {what}", "consentgate spool list   (and delete nothing there)")
    if found.away:
        yield Problem("S3 or PostgreSQL cannot be reached, or refuses us", "consentgate check")
    if found.failing:
        yield Problem(f"{found.failing} tried in vain: a person must look", "consentgate spool list")
    if found.unreadable:
        yield Problem("not all of the spool may be read", "run this as the user of the gate, or as root")


def _deaf(found: Situation) -> bool:
    return found.heartbeat_at is None or found.at - found.heartbeat_at > DEAF_MICROSECONDS


def _number(value: int | None) -> str:
    return "?" if value is None else str(value)


def _of(process: Process, now: Instant) -> str:
    if process.pid is None:
        return ""
    since = f", for {age_text(process.since, now)}" if process.since is not None else ""
    return f"pid {process.pid}{since}"


def page(found: Situation) -> Group:
    """Return what a person sees."""
    now, wrong = found.at, list(problems(found))
    verdict = Text("all is well", "green") if not wrong else Text("something is wrong", "bold red")
    head = Text.assemble(
        (f"consentgate on {found.node}", "bold"), f"  {names.iso(now)[:19].replace('T', ' ')} UTC  ", verdict
    )
    processes = Table(box=None, show_header=False, pad_edge=False)
    for one in found.processes:
        colour = _COLOURS.get(one.state, "bold red")
        processes.add_row(one.name, Text(one.state.value, colour), _of(one, now))
    facts = Table(box=None, show_header=False, pad_edge=False)
    for name, text in _facts(found):
        facts.add_row(name, Text(text))
    parts: list[RenderableType] = [head, Text(), processes, Text(), facts]
    if wrong:
        parts += [Text(), Text("What to do", "bold"), *(Text(f"  {one.what}\n      {one.to_do}") for one in wrong)]
    return Group(*parts)


def _facts(found: Situation) -> Iterator[tuple[str, str]]:
    now = found.at
    rooms = f"{_number(found.rooms)} rooms, {_number(found.permits)} permits, {_number(found.captures)} captures"
    yield "calls now", f"{_number(found.calls)} ({rooms})"
    if found.heartbeat_at is None:
        yield "heartbeat", "none"
    else:
        yield "heartbeat", f"{age_text(found.heartbeat_at, now)} old"
    yield "to be stored", _to_store(found)
    others = f"{_number(found.notes)} notes of scripts, {_number(found.incidents)} incidents to be stored"
    yield "also there", f"{others}, {_number(found.quarantined)} in quarantine"
    if found.space is None:
        yield "room", "not known: the spool is not there"
    else:
        free, total = size_text(found.space.free_bytes), size_text(found.space.total_bytes)
        yield "room", f"{free} free of {total}, {found.level.name.lower()}"
    alarm = found.alarm
    yield "last alarm", "none" if alarm is None else f"{age_text(alarm.at, now)} ago: {alarm.event}. {alarm.hint}"


def _to_store(found: Situation) -> str:
    if found.to_store is None:
        return "not known"
    if found.oldest is None:
        return "nothing"
    vain = f"; {found.failing} tried in vain" if found.failing else ""
    return f"{found.to_store} call(s), the oldest began {age_text(found.oldest, found.at)} ago{vain}"


def to_json(found: Situation) -> str:
    """Return the same for programs, on one line."""

    def iso(at: Instant | None) -> str | None:
        return None if at is None else names.iso(at)

    wrong = list(problems(found))
    alarm, space = found.alarm, found.space
    return json.dumps(
        {
            "at": names.iso(found.at),
            "node": found.node,
            "well": not wrong,
            "problems": [asdict(one) for one in wrong],
            "processes": {
                one.name: {"state": one.state.value, "pid": one.pid, "since": iso(one.since), "why": list(one.why)}
                for one in found.processes
            },
            "calls": found.calls,
            "rooms": found.rooms,
            "permits": found.permits,
            "captures": found.captures,
            "heartbeat_at": iso(found.heartbeat_at),
            "spool": {
                "to_store": found.to_store,
                "oldest": iso(found.oldest),
                "failing": found.failing,
                "notes": found.notes,
                "incidents": found.incidents,
                "quarantined": found.quarantined,
                "free_bytes": space.free_bytes if space else None,
                "size_bytes": space.total_bytes if space else None,
                "level": found.level.name.lower(),
            },
            "last_alarm": None if alarm is None else {"at": iso(alarm.at), "event": alarm.event, "hint": alarm.hint},
        }
    )


def run(config_path: Path, *, once: bool = False, as_json: bool = False) -> int:
    """Show it until interrupted; once or as_json, or into a pipe: a single time.

    Returns 0 if all is well, 1 if something is wrong. Raises ConfigurationError.
    """
    wanted = places(config_path)
    found = Look(wanted).now()
    if as_json:
        typer.echo(to_json(found))
    elif once or not sys.stdout.isatty():
        console = Console(highlight=False)
        console = console if console.is_terminal else Console(highlight=False, width=PIPE_COLUMNS)
        console.print(page(found))
    else:
        found = _live(wanted, found)
    return FINDING if any(problems(found)) else GOOD


def _live(wanted: Places, found: Situation) -> Situation:
    with Live(page(found), auto_refresh=False, screen=True) as screen:
        try:
            while True:
                sleep(REFRESH_SECONDS)
                found = Look(wanted).now()
                screen.update(page(found), refresh=True)
        except KeyboardInterrupt:
            return found
