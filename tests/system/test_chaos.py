"""The short form of `./tests/run chaos`: one blow to each victim, on calls or on each phase of a shipment."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from chaos.ground import Ground
from chaos.outcome import ALARMS
from chaos.play import play
from chaos.points import Round, short
from demo_world.world import World
from system.figures import report
from system.hospital import Hospital

pytestmark = pytest.mark.alarms(*sorted(ALARMS))


@pytest.fixture(scope="module")
def ground(world: World) -> Iterator[Ground]:
    """The world behind lines that can break, for all points."""
    with Ground(Hospital(world)) as made:
        yield made


@pytest.mark.parametrize("what", short(), ids=lambda one: one.name)
def test_nothing_is_lost_whoever_fails_in_whatever_phase(ground: Ground, what: Round, tmp_path: Path) -> None:
    """Every call goes on, nothing untold is stored, each recording is there once and can be verified."""
    outcome = play(ground, what, tmp_path)
    said = outcome.to_json()
    report(f"chaos, {what.name}", {name: value for name, value in said.items() if name not in {"name", "faults"}})
    assert outcome.points >= len(what.phases)
    assert not outcome.faults, "\n  ".join([f"{len(outcome.faults)} faults, logs in {tmp_path}:", *outcome.faults])
