"""What `./tests/bench choice` plays and how it adds up, without a server."""

import math
from collections import Counter

from benchmarks import choice, keys
from benchmarks.figures import Report
from benchmarks.keys import Pressed


def test_every_code_is_pressed_as_often_as_its_bar_asks() -> None:
    played = keys.rounds(keys.TIMES)
    assert Counter(kind for one in played for kind in one) == dict.fromkeys(keys.KINDS, keys.TIMES)
    assert max(len(one) for one in played) == keys.AT_ONCE


def test_what_is_played_one_after_the_other_adds_up() -> None:
    first, second = Pressed(3, unmeasured=["pause 1"], forbidden_ms=20.0), Pressed(3, faults=["a fault"])
    first.last_ms["opt_out"].append(-44.0)
    second.last_ms["opt_out"].append(12.0)
    first.add(second)
    assert first.last_ms == {"opt_out": [-44.0, 12.0], "pause": [], "staff_stop": []}
    assert (first.calls, first.unmeasured, first.faults, first.forbidden_ms) == (6, ["pause 1"], ["a fault"], 20.0)


def test_a_code_that_was_not_measured_is_no_quick_one() -> None:
    assert math.isnan(keys.spread([])["p99"])
    assert keys.spread([-40.0, 3.0])["max"] == 3.0


def test_every_part_says_how_often_it_measures() -> None:
    assert dict(choice.RUNS) == {name: runs for name, (_, runs) in choice.PARTS.items()}
    assert all(runs > 0 for runs in choice.RUNS.values())


def test_another_benchmark_is_taken_in_with_its_bars() -> None:
    whole, part = Report("choice", {"asterisk": "22"}), Report("standby", {"kills": 2}, {"crowd": 100})
    part.at_most("faults", 1, 0)
    whole.take(part)
    assert whole.figures == {"asterisk": "22", "standby": {"kills": 2}}
    assert whole.reference == {"standby": {"crowd": 100}}
    assert list(whole.bars) == ["standby_faults"]
    assert not whole.ok
