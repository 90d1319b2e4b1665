"""Waiting grows, is capped, and never overflows."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_app.core.backoff import delay_seconds


@pytest.mark.parametrize(("attempt", "expected"), [(1, 0.2), (2, 0.4), (5, 3.2), (7, 12.8), (8, 15.0), (10_000, 15.0)])
def test_doubles_up_to_the_cap(attempt, expected):
    assert delay_seconds(attempt, 0.0) == pytest.approx(expected)


@given(st.integers(1, 10**9), st.floats(0, 1))
def test_jitter_takes_off_at_most_half(attempt, jitter):
    full = delay_seconds(attempt, 0.0)
    assert full / 2 <= delay_seconds(attempt, jitter) <= full <= 15.0


@pytest.mark.parametrize(("attempt", "jitter"), [(0, 0.5), (1, -0.1), (1, 1.1)])
def test_nonsense_is_refused(attempt, jitter):
    with pytest.raises(ValueError, match="attempt counts from 1"):
        delay_seconds(attempt, jitter)
