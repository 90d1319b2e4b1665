"""The guard: how long a capture that nobody permitted goes on, by every door; and what watching costs.

The doors are those of the system tests (`test_guard_*.py`), opened by the very same code: every test of these modules
is a door. Begin and stop are the guard's own figures, by Asterisk's stamp of the event; the tests also hold what was
taken against the clock: no file may have more samples than the bar has time for.
"""

import contextlib
import inspect
import itertools
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any, Final
from unittest import mock

from demo_world import processes
from system import guarding, test_guard_ari, test_guard_doors, test_guard_mixmonitor
from system.cleanliness import alarms, dirt, settle_alarms
from system.hospital import Hospital
from telephone import TelephoneError

from ari_app.layout import MANIFEST, SIGNATURE

from . import signalling
from .figures import percentile
from .gate_world import GATE, GateWorld
from .process import cpu_ms

MODULES: Final = (test_guard_mixmonitor, test_guard_ari, test_guard_doors)
STOPPED: Final = "capture.stopped"
SETTLED_SECONDS: Final = 12.0
SHUT: Final = {test_guard_ari.test_the_gate_lets_nobody_whisper_in_its_name}
"""Nothing begins there, so nothing is stopped."""

Opening = Callable[[Hospital], None]


@dataclass(slots=True)
class Door:
    """One door, opened so many times."""

    name: str
    stopped_after_ms: list[float] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    shipped: int = 0
    """Objects in S3 that may hold what was captured without a permit: every one that is neither a segment under a
    permit, nor a manifest, nor the guard's account."""
    accounts: int = 0
    """The guard's accounts in S3: one for each opening, of words alone."""

    def describe(self) -> str:
        """One line for whoever watches."""
        times = self.stopped_after_ms
        words = [f"{self.name}: opened {len(times)} times, begun → stopped"]
        words.append(f"p50 {percentile(times, 50):.1f} p99 {percentile(times, 99):.1f} ms, {self.shipped} shipped")
        words.append(f"{self.accounts} accounts of it")
        return ", ".join([*words, *self.faults])


def every_door() -> dict[str, Opening]:
    """Return every test of the guard's doors, each of its parameters one of its own."""
    found: dict[str, Opening] = {}
    for module in MODULES:
        for name, function in _tests(module):
            for given in _parameters(function):
                title = name.removeprefix("test_").replace("_", " ")
                words = [str(value) for value in given.values() if not str(value).isdecimal()]
                found[f"{title} ({', '.join(words)})" if words else title] = partial(function, **given)
    return found


def _tests(module: ModuleType) -> list[tuple[str, Callable[..., None]]]:
    found = inspect.getmembers(module, inspect.isfunction)
    return [(name, one) for name, one in found if name.startswith("test_") and one not in SHUT]


def _parameters(function: Callable[..., None]) -> Iterator[dict[str, Any]]:
    """Return the arguments of every time that pytest would call it, less the world."""
    marks = [mark for mark in getattr(function, "pytestmark", []) if mark.name == "parametrize"]
    rows = [[_named(mark.args[0], row) for row in mark.args[1]] for mark in marks]
    for chosen in itertools.product(*rows):
        yield {name: value for one in chosen for name, value in one.items()}


def _named(names: str | tuple[str, ...], row: Any) -> dict[str, Any]:
    many = [one.strip() for one in names.split(",")] if isinstance(names, str) else list(names)
    return dict(zip(many, row if len(many) > 1 else [row], strict=True))


def opened(hospital: Hospital, name: str, opening: Opening, times: int) -> Door:
    """Open a door so many times, and leave the world as it was."""
    door, since = Door(name), len(hospital.log("guard").encode())
    keys = set(hospital.archive.keys())
    # What the tests print would stand in the benchmark's one line.
    with mock.patch.object(guarding, "TIMES", times), contextlib.redirect_stdout(sys.stderr):
        try:
            opening(hospital)
        except (AssertionError, TimeoutError, TelephoneError) as failure:
            door.faults.append(f"{type(failure).__name__}: {failure}".splitlines()[0])
    said = alarms(hospital.world, since)
    door.stopped_after_ms = [float(one["stopped_after_ms"]) for one in said if one["event"] == STOPPED]
    door.faults += settle_alarms(hospital.world, since, {STOPPED})
    if not processes.wait_until(lambda: not dirt(hospital.world), SETTLED_SECONDS, pause_seconds=0.2):
        door.faults += dirt(hospital.world)
    added = set(hospital.archive.keys()) - keys
    written = accounts(added, {one["incident"] for one in said})
    door.accounts = len(written)
    door.shipped = len(unpermitted(added - written, hospital.archive._shipped()))
    return door


def accounts(keys: Iterable[str], incidents: Collection[str]) -> set[str]:
    """Return the keys of what the guard wrote of these incidents; a sound file of the same name is no account."""
    return {key for key in keys if Path(key).suffix == ".json" and Path(key).stem in incidents}


def unpermitted(keys: Iterable[str], manifests: Iterable[Mapping[str, Any]]) -> set[str]:
    """Return the keys that are neither a manifest nor a segment of which every track was captured under a permit."""
    known = set()
    for manifest in manifests:
        granted = {one["permit"] for one in manifest["permits"]}
        bare = {one["segment"] for one in manifest["tracks"] if one["permit"] not in granted}
        captured = {one["segment"] for one in manifest["tracks"]} - bare
        names = (MANIFEST, SIGNATURE, *(one["object"] for one in manifest["segments"] if one["segment"] in captured))
        known |= {f"{manifest['folder']}/{name}" for name in names}
    return set(keys) - known


@dataclass(frozen=True, slots=True)
class Watched:
    """One burst of gated calls under the guard's eyes."""

    burst: signalling.Round
    guard_cpu_ms: float
    """Per call."""

    def describe(self) -> str:
        """One line for whoever watches."""
        return f"{self.burst.describe()}, guard {self.guard_cpu_ms:.2f} ms/call"


def watched(at: GateWorld, rate: int, seconds: float) -> Watched:
    """Let so many callers a second pass the gate, and measure what the guard used meanwhile."""
    pid = at.pid("guard")
    before = cpu_ms(pid)
    burst = signalling.burst(at, GATE, rate, seconds)
    return Watched(burst, (cpu_ms(pid) - before) / round(rate * seconds))
