"""Until when an object is locked: by the calendar, by its line's class, and never for less than is certain."""

import pytest
from unit.driven import REAL, Core

from ari_app.core.names import Instant, instant_of, iso


@pytest.fixture
def core() -> Core:
    return REAL


@pytest.mark.parametrize(
    ("at", "count", "unit", "until"),
    [
        ("2026-11-22T10:00:00.000000Z", 1, "day", "2026-11-23T10:00:00.000000Z"),
        ("2026-11-22T10:00:00.999999Z", 30, "day", "2026-12-22T10:00:00.000000Z"),
        ("2026-12-30T23:59:59.000000Z", 2, "week", "2027-01-13T23:59:59.000000Z"),
        ("2026-11-22T10:00:00.000000Z", 1, "month", "2026-12-22T10:00:00.000000Z"),
        ("2026-12-22T10:00:00.000000Z", 1, "month", "2027-01-22T10:00:00.000000Z"),
        ("2026-11-22T10:00:00.000000Z", 14, "month", "2028-01-22T10:00:00.000000Z"),
        ("2026-01-31T10:00:00.000000Z", 1, "month", "2026-03-03T10:00:00.000000Z"),
        ("2026-11-22T10:00:00.000000Z", 8, "year", "2034-11-22T10:00:00.000000Z"),
        ("2028-02-29T10:00:00.000000Z", 1, "year", "2029-03-01T10:00:00.000000Z"),
        ("2028-02-29T10:00:00.000000Z", 4, "year", "2032-02-29T10:00:00.000000Z"),
    ],
)
def test_a_time_to_keep_is_counted_by_the_calendar(core, at, count, unit, until):
    assert iso(core.retention.Keep(count, unit).after(instant_of(at))) == until


AT = instant_of("2026-11-22T10:00:00.000000Z")


def locking(core, mode, **changes):
    short, long = core.retention.Keep(30, "day"), core.retention.Keep(8, "year")
    rules = {"lines": {"advice-line": long, "switchboard": short}, "classes": (long, short)}
    return core.retention.Locking(core.retention.LockMode(mode), **(rules | changes))


@pytest.mark.parametrize("mode", ["governance", "compliance"])
@pytest.mark.parametrize("demanded", [False, True])
@pytest.mark.parametrize(
    ("line", "until"),
    [("advice-line", "2034-11-22T10:00:00.000000Z"), ("switchboard", "2026-12-22T10:00:00.000000Z")],
)
def test_a_line_has_its_class(core, mode, demanded, line, until):
    assert iso(locking(core, mode, demanded=demanded).until(line, AT)) == until


def test_a_line_without_a_class_is_locked_only_where_that_is_demanded_and_then_the_shortest(core):
    assert locking(core, "governance").until("gone", AT) is None
    assert iso(locking(core, "governance", demanded=True).until("gone", AT)) == "2026-12-22T10:00:00.000000Z"
    assert locking(core, "governance", demanded=True, classes=()).until("gone", AT) is None


def test_what_proves_others_is_locked_as_long_as_any_of_them(core):
    assert iso(locking(core, "governance").until_of_evidence(AT)) == "2034-11-22T10:00:00.000000Z"
    assert locking(core, "governance", classes=()).until_of_evidence(AT) is None


def test_without_locks_nothing_is_locked(core):
    assert locking(core, "none").until("advice-line", AT) is None
    assert locking(core, "none", demanded=True).until_of_evidence(AT) is None
    assert core.retention.Locking().until("advice-line", Instant(0)) is None
