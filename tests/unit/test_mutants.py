"""The tables of the core are judged: every small slip in its source must make one of them fail."""

import contextlib
import itertools
import signal
import sys
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest
from unit import (
    mutants,
    test_accounts,
    test_anchor,
    test_assurance,
    test_capture,
    test_choice,
    test_choice_turns,
    test_day,
    test_fallback_core,
    test_free_space,
    test_hand,
    test_keeper_asked,
    test_keeper_core,
    test_notice,
    test_objection,
    test_party,
    test_party_doubts,
    test_permit,
    test_recognised,
    test_restored,
    test_retention,
    test_room,
    test_room_end,
    test_rooms,
    test_segments,
    test_segments_late,
    test_segments_left,
    test_segments_tracks,
    test_segments_waiting,
    test_signature,
    test_standstill,
    test_strays,
    test_topology,
    test_topology_lines,
    test_topology_optimised,
    test_verification,
    test_verification_arithmetic,
    test_verification_shape,
)
from unit.driven import REAL, Core

Case = tuple[Callable[..., None], dict[str, Any]]


def cases(module: ModuleType) -> Iterator[Case]:
    """Yield each test of the core in a module with each row of its tables."""
    for name, function in vars(module).items():
        marks = getattr(function, "pytestmark", [])
        if not name.startswith("test_"):
            continue
        tables = [rows(*mark.args) for mark in marks if mark.name == "parametrize"]
        for combination in itertools.product(*tables):
            arguments = {key: value for row in combination for key, value in row.items()}
            if "core" in function.__code__.co_varnames[: function.__code__.co_argcount]:
                yield function, arguments


def rows(names: str | tuple[str, ...], values: Any) -> list[dict[str, Any]]:
    if isinstance(names, str):
        return [{names: value} for value in values]
    return [dict(zip(names, row, strict=True)) for row in values]


TABLES = {
    module: list(cases(module))
    for module in (
        test_room_end,
        test_room,
        test_segments,
        test_segments_left,
        test_segments_late,
        test_segments_tracks,
        test_segments_waiting,
        test_capture,
        test_choice,
        test_choice_turns,
        test_hand,
        test_objection,
        test_permit,
        test_party_doubts,
        test_party,
        test_topology,
        test_topology_lines,
        test_topology_optimised,
        test_rooms,
        test_restored,
        test_recognised,
        test_fallback_core,
        test_keeper_asked,
        test_keeper_core,
        test_signature,
        test_standstill,
        test_strays,
        test_verification,
        test_verification_arithmetic,
        test_verification_shape,
        test_anchor,
        test_accounts,
        test_assurance,
        test_day,
        test_free_space,
        test_retention,
        test_notice,
    )
}
NEAREST = {
    "telling": (test_party, test_party_doubts),
    "party": (test_party, test_choice),
    "choice": (test_choice, test_choice_turns),
    "objection": (test_objection,),
    "hand": (test_hand,),
    "permit": (test_permit,),
    "capture": (test_capture,),
    "segments": (
        test_segments,
        test_segments_left,
        test_segments_late,
        test_segments_tracks,
        test_segments_waiting,
        test_free_space,
    ),
    "room": (test_room, test_room_end, test_segments_tracks),
    "topology": (test_topology, test_topology_lines, test_topology_optimised),
    "rooms": (test_rooms,),
    "restored": (test_restored, test_recognised),
    "fallback": (test_fallback_core,),
    "keeper": (test_keeper_core, test_keeper_asked),
    "signature": (test_signature,),
    "shape": (test_verification_shape, test_verification),
    "arithmetic": (test_verification_arithmetic,),
    "verification": (test_verification, test_verification_arithmetic),
    "anchor": (test_anchor,),
    "accounts": (test_accounts,),
    "assurance": (test_assurance,),
    "day": (test_day,),
    "free_space": (test_free_space,),
    "standstill": (test_standstill,),
    "strays": (test_strays,),
    "retention": (test_retention,),
    "notice_words": (test_notice,),
    "notice": (test_notice,),
    "self_test": (test_accounts, test_verification),
}
"""Where a mutant of a module is found the fastest."""


@contextlib.contextmanager
def limited(seconds: float) -> Iterator[None]:
    """Fail what takes so much of the processor: a mutant that looks for the same channel for ever is found as well."""

    def fail(*_: object) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGPROF, fail)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def survives(core: Core, module: str) -> bool:
    """Tell whether every row of every table holds for this core; the tables of the module itself come first."""
    order = sorted(TABLES, key=lambda table: table not in NEAREST[module])
    with limited(TABLES_SECONDS):
        return _holds(core, order)


def _holds(core: Core, order: list[ModuleType]) -> bool:
    for case, arguments in itertools.chain.from_iterable(TABLES[table] for table in order):
        try:
            case(core=core, **arguments)
        except (Exception, pytest.fail.Exception):  # noqa: BLE001  a mutant may fail in any way
            return False
    return True


TABLES_SECONDS = 3.0
"""All of them take a tenth of a second."""

EQUIVALENT = {
    "drop the alternative: Phase.ASKED in Phase.ASKED | Phase.PLAYING": (
        "an end without a beginning fails with the same reason two cases further down"
    ),
    "do not set: standing in replace(party, script=party.asking.announcements, standing=Standing.UNTOLD, "
    "phase=Phase.ARRIVED, notice=party.notice + 1, heard=(), failure=None, turns=0, agreed_at=Instant(0))": (
        "the room tells nobody anew who is not untold"
    ),
    "drop the element: capturing.Phase.ENDED in {capturing.Phase.STOPPING, capturing.Phase.ENDED}": (
        "what has ended is stopped without an order"
    ),
}
"""Mutants that are no slip: they decide exactly as the source does."""


def test_the_tables_hold_for_the_core_itself():
    assert sum(len(table) for table in TABLES.values()) > 550
    # Twice: a table that was used up by the first mutant would find every later one.
    assert survives(REAL, "room")
    assert survives(REAL, "room")


@pytest.mark.parametrize(
    ("module", "at_least"),
    [
        ("party", 15),
        ("telling", 100),
        ("choice", 60),
        ("objection", 5),
        ("hand", 5),
        ("permit", 15),
        ("capture", 70),
        ("segments", 100),
        ("room", 150),
        ("topology", 100),
        ("rooms", 20),
        ("restored", 30),
        ("fallback", 15),
        ("keeper", 60),
        ("signature", 3),
        ("shape", 20),
        ("arithmetic", 100),
        ("verification", 50),
        ("anchor", 70),
        ("accounts", 20),
        ("assurance", 60),
        ("day", 10),
        ("free_space", 10),
        ("standstill", 4),
        ("strays", 5),
        ("retention", 10),
        ("notice_words", 10),
        ("notice", 20),
        ("self_test", 2),
    ],
)
def test_every_mutant_is_found(module, at_least):
    made = list(mutants.of(module))
    assert len(made) >= at_least
    survivors = [mutant for mutant in made if survives(mutants.load(mutant), module)]
    unknown = [str(mutant) for mutant in survivors if f"{mutant.what}: {mutant.where}" not in EQUIVALENT]
    assert unknown == [], "no table of the core notices these changes: write the row that does"


def test_a_mutant_is_loaded_with_what_rests_on_it_and_leaves_nothing_behind():
    mutant = next(mutants.of("permit"))
    core = mutants.load(mutant)
    assert core.permit is not REAL.permit
    assert core.room.permits is core.permit
    assert core.party is REAL.party
    assert [name for name in sys.modules if name.startswith("mutant.")] == []
