"""All that doctor reads out of one folder of Asterisk's configuration, as one list of findings."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from . import doors, doors_files, outside
from .catalogue import Found, Grade
from .dialplan import Dialplan
from .folder import Folder
from .routes import Entry, Walk
from .told import Told


@dataclass(frozen=True, slots=True)
class House:
    """What the configuration of consentgate says about this PBX."""

    ours: doors_files.Ours
    told: Told
    trunks: frozenset[str] = frozenset()


def recording_doors(folder: Folder, house: House) -> Iterator[Found]:
    """Yield every way by which this PBX could record beside the gate, and what could not be read for it."""
    file = folder.file("extensions.conf")
    found = list(doors.in_dialplan(Dialplan(file), guarded=house.ours.guarded, scripts=_once(folder.script)))
    found += doors_files.in_files(folder, house.ours)
    yield from _unique(found)
    yield from doors_files.switches(file)
    yield from doors_files.unread(folder)
    yield from outside.upstream(house.trunks)
    if not any(one.grade in {Grade.WRONG, Grade.WARNING} for one in found):
        yield Found("doors", str(folder.path), "no other door was found")


def routes(folder: Folder, house: House) -> Iterator[Found]:
    """Yield every way from outside that reaches somebody without the gate, and whom nobody tells who is called."""
    dialplan = Dialplan(folder.file("extensions.conf"))
    entries = list(outside.entries(folder, house.told.staff))
    found = [*outside.pickup(folder), *Walk(dialplan, house.told).routes(entries, outside.parked(folder))]
    yield from found
    # What the doors do not read.
    yield from (one for one in doors_files.unread(folder) if one.seen.startswith(("iax.conf", "chan_dahdi.conf")))
    if not any(one.outside for one in entries):
        why, mend = "where calls come from is not known, so no way was followed", "see pjsip.conf, or --asterisk-folder"
        yield Found("routes", str(folder.path), "no endpoint of the outside was found", Grade.UNKNOWN, why, mend)
    elif not any(one.name.startswith("route-") for one in found):
        yield Found("routes", str(folder.path), f"{_names(entries)}: everybody passes the gate")


def _names(entries: list[Entry]) -> str:
    return ", ".join(sorted({f"[{one.context}]" for one in entries if one.outside}))


def _once(read: Callable[[str], str | None]) -> Callable[[str], str | None]:
    known: dict[str, str | None] = {}

    def script(name: str) -> str | None:
        if name not in known:
            known[name] = read(name)
        return known[name]

    return script


def _unique(found: list[Found]) -> Iterator[Found]:
    """Yield each finding once: an entry of a template stands in every section that is made of it."""
    yield from {(one.name, one.subject, one.seen): one for one in found}.values()
