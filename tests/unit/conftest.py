"""What the tests of the core are run against: the real modules here, each of their mutants in `test_mutants.py`."""

import pytest
from unit import driven

pytest.register_assert_rewrite("unit.talks")


@pytest.fixture
def core():
    return driven.REAL
