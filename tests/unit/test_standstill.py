"""Asterisk that stood still stamps late: what is stamped then counts from before."""

import pytest
from sealed_calls import SECOND, at, entered, guest, minted, narrowed, objected, opened, origin, played

from ari_app.core import coverage, gaps
from ari_app.core import evidence as ev
from ari_app.core.reasons import Reason
from ari_app.core.standstill import Standstill

STILL = Standstill(at(5), at(6))
ENTRIES = [
    opened(minted(1)),
    entered("p01", contract=False),
    entered("p02", contract=True),
    guest("p04", minted(4)),
    played(),
    played("p04"),
    ev.PermitGranted(at=at(3), permit=1, parties=["p01", "p02", "p04"]),
    origin(1, "p01", 3),
]


@pytest.mark.parametrize(
    ("alive", "sent", "stamped", "still"),
    [
        (4.5, 5, 5.004, False),
        (4.5, 5, 5.2, False),
        (4.5, 5, 5.200001, True),
        (4.5, 5.9, 6, False),
        # What came back in between was sent before, and proves as much: it lived when it stamped that.
        (5.9, 5, 6, False),
        (5.5, 5, 6, True),
        # By whatever a clock makes of it, nothing is late that comes before it was sent.
        (4.5, 5, 4.9, False),
    ],
)
def test_a_marker_that_is_late_says_since_when_it_may_have_stood_still(core, alive, sent, stamped, still):
    found = core.standstill.by_marker(at(alive), at(sent), at(stamped), 60 * SECOND)
    assert (found is not None) is still
    if still:
        assert (found.since, found.until) == (at(alive), at(stamped))


@pytest.mark.parametrize(("took", "still"), [(0, False), (200_000, False), (200_001, True)])
def test_what_was_back_at_once_did_not_wait_whatever_the_stamps_say(core, took, still):
    """Its clock and ours are the same, unless somebody sets it in between."""
    assert (core.standstill.by_marker(at(4.5), at(5), at(95), took) is not None) is still


@pytest.mark.parametrize(
    ("seconds", "since"),
    [(4, 4), (5, 5), (5.000001, 5), (6, 5), (6.5, 5), (7, 5), (7.000001, 7.000001), (9, 9)],
)
def test_what_is_stamped_in_it_or_just_after_may_have_waited_since_its_beginning(core, seconds, since):
    assert core.standstill.surely(at(seconds), [STILL]) == at(since)
    assert core.standstill.surely(at(seconds), [STILL, Standstill(at(50), at(60))]) == at(since)
    assert core.standstill.surely(at(seconds), []) == at(seconds)


def test_of_two_the_earlier_counts(core):
    assert core.standstill.surely(at(6.9), [STILL, Standstill(at(6.1), at(6.8))]) == at(5)


def covered(*entries, heartbeat=100.0):
    return coverage.permits([*ENTRIES, *entries], at(heartbeat), None, [STILL])[1]


def revoked(seconds, reason):
    return ev.PermitRevoked(at=at(seconds), permit=1, reason=reason)


@pytest.mark.parametrize("reason", [Reason.OBJECTED, Reason.PAUSED, Reason.HELD, Reason.ROOM_CHANGED])
@pytest.mark.parametrize("seconds", [5.5, 6.01, 7])
def test_whoever_wished_it_meanwhile_is_not_stored_from_its_beginning_on(reason, seconds):
    assert covered(revoked(seconds, reason)).until == at(4.96)


@pytest.mark.parametrize("reason", sorted(coverage.PARTED))
def test_whoever_has_gone_says_nothing_more_that_could_be_stored(reason):
    assert covered(revoked(6.01, reason)).until == at(5.97)


def test_a_wish_after_it_counts_from_its_own_instant():
    assert covered(revoked(7.5, Reason.HELD)).until == at(7.46)
    assert covered(revoked(4.5, Reason.HELD)).until == at(4.46)


def test_who_objects_is_not_stored_from_its_beginning_on_though_the_others_are():
    members = covered(objected(6.01, "p04"), revoked(20, Reason.HUNG_UP)).members
    assert {name: one.until for name, one in members.items()} == {
        "p01": at(19.96),
        "p02": at(19.96),
        "p04": at(4.96),
    }


def test_who_leaves_says_nothing_more():
    members = covered(narrowed(6.01, "p01", "p02"), revoked(20, Reason.HUNG_UP)).members
    assert members["p04"].until == at(5.97)


def test_a_permit_that_began_in_it_covers_nothing_then():
    late = Standstill(at(2), at(6))
    permit = coverage.permits([*ENTRIES, revoked(6.5, Reason.HELD)], at(100), None, [late])[1]
    assert permit.until == permit.granted_at


def test_the_gap_has_the_reason_of_what_ended_it():
    entries = [*ENTRIES, revoked(6.01, Reason.PAUSED)]
    permits = coverage.permits(entries, at(100), None, [STILL])
    assert gaps.reasons(entries, permits)[-1] == (at(4.96), Reason.PAUSED)
    # A heartbeat that ends before it is another reason.
    permits = coverage.permits(entries, at(4), None, [STILL])
    assert gaps.reasons(entries, permits)[-1] == (at(6.01), Reason.PAUSED)
    assert (at(4), Reason.NO_HEARTBEAT) in gaps.reasons(entries, permits)
