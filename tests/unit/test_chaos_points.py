"""The table of what is tried says what it must: every victim, every phase, every fault, and enough of them."""

from pathlib import Path

import pytest
from chaos.__main__ import Memory, chosen, table
from chaos.outcome import Outcome
from chaos.points import BLOWS, CALL, CALL_PHASES, ROUNDS, SHIPMENT, SHIPMENT_PHASES, short

VICTIMS = {"gate", "guard", "ship", "Asterisk", "PostgreSQL", "S3"}


def test_at_least_a_hundred_points_and_each_is_another_one() -> None:
    points = [point for one in ROUNDS for point in one.points]
    assert len(points) == len(set(points)) >= 100


def test_every_server_and_process_is_killed_and_frozen_in_every_phase_of_a_call() -> None:
    points = {point for one in ROUNDS for point in one.points}
    for phase in CALL_PHASES:
        for fault in ("kill -9", "SIGSTOP"):
            hit = {victim for victim, where, how in points if where == phase and how.startswith(fault)}
            assert hit == VICTIMS, (phase, fault)


def test_whoever_has_to_do_with_storing_fails_in_every_phase_of_a_shipment() -> None:
    struck = {one.blow.victim for one in ROUNDS if one.kind == SHIPMENT}
    assert struck == {"ship", "PostgreSQL", "S3", "disk"}
    assert all(one.phases == SHIPMENT_PHASES for one in ROUNDS if one.kind == SHIPMENT)


def test_rounds_are_remembered_by_name_so_no_two_have_the_same() -> None:
    assert len({one.name for one in ROUNDS}) == len(ROUNDS)
    assert len({one.name for one in BLOWS}) == len(BLOWS)


def test_a_part_of_it_is_named_by_numbers() -> None:
    assert chosen("3") == [ROUNDS[2]]
    assert chosen("12,1..3") == [ROUNDS[11], *ROUNDS[:3]]
    with pytest.raises(IndexError):
        chosen("1..1000")


def test_the_table_ends_with_the_sum_and_names_what_was_skipped(tmp_path: Path) -> None:
    memory = Memory(tmp_path / "chaos" / "commit.jsonl")
    memory.note(Outcome(ROUNDS[0].name, points=9, calls=12, recordings=13))
    memory.note(Outcome(ROUNDS[1].name, calls=12, faults=["a fault"], lost=1))
    memory.note(Outcome(ROUNDS[2].name, skipped="needs root"))
    assert [memory.done(one) for one in ROUNDS[:4]] == [True, False, True, False]
    lines = table(ROUNDS, Memory(memory.file)).splitlines()
    assert lines[0].split() == [
        "point",
        "calls",
        "recordings",
        "lost",
        "doubled",
        "secret",
        "samples",
        "failed",
        "calls",
    ]
    assert len(lines) == 1 + 9 + 9 + 1 + 1
    assert lines[-2].split() == ["all", "18", "points", "24", "13", "1", "0", "0", "0"]
    assert lines[-1] == f"skipped: {ROUNDS[2].name}: needs root"


def test_the_short_form_strikes_each_victim_once() -> None:
    chosen = short()
    assert {one.blow.victim for one in chosen} == VICTIMS
    assert len(chosen) == len(VICTIMS)
    assert sum(len(one.points) for one in chosen) >= 12
    assert {one.kind for one in chosen} == {CALL, SHIPMENT}
