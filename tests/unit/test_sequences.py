"""A sequence of keys is heard on each channel for itself, and only if its keys follow one another."""

import pytest
from unit.calls import AGENT, CALLER, ms

from ari_app.sequences import Sequences
from ari_app.translation import KeyReleased


def typed(keys, *, wanted="*9", every_ms=200):
    sequences = Sequences()
    seen = [KeyReleased(ms(number * every_ms), CALLER, key) for number, key in enumerate(keys)]
    return [sequences.completes(one, wanted) for one in seen]


@pytest.mark.parametrize(
    ("keys", "wanted", "heard"),
    [
        ("*9", "*9", [False, True]),
        ("9*9", "*9", [False, False, True]),
        ("**9", "*9", [False, False, True]),
        ("*99", "*9", [False, True, False]),
        ("*9*9", "*9", [False, True, False, True]),
        ("*8", "*9", [False, False]),
        ("9*", "*9", [False, False]),
        ("#12", "#12", [False, False, True]),
        ("*9", "", [False, False]),
    ],
)
def test_the_last_keys_are_the_sequence(keys, wanted, heard):
    assert typed(keys, wanted=wanted) == heard


@pytest.mark.parametrize(("every_ms", "heard"), [(3000, True), (3000.001, False)])
def test_who_thinks_too_long_begins_anew(every_ms, heard):
    assert typed("*9", every_ms=every_ms)[-1] is heard


def test_one_channels_keys_are_not_anothers():
    sequences = Sequences()
    assert not sequences.completes(KeyReleased(ms(0), CALLER, "*"), "*9")
    assert not sequences.completes(KeyReleased(ms(100), AGENT, "9"), "*9")
    sequences.gone(CALLER)
    sequences.gone(CALLER)
    assert not sequences.completes(KeyReleased(ms(200), CALLER, "9"), "*9")
