"""Whose voice is covered from when until when, and which evidence contradicts itself."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sealed_calls import BEGAN, MS, SECOND, at, entered, guest, minted, narrowed, objected, opened, played, widened

from ari_app.core import coverage
from ari_app.core import evidence as ev
from ari_app.core.evidence import ContradictionError
from ari_app.core.names import Instant
from ari_app.core.reasons import Reason

INSTANTS = st.integers(BEGAN, BEGAN + 120 * SECOND).map(Instant)
TOLD = [
    opened(minted(1)),
    entered("p01", contract=False),
    entered("p02", contract=True),
    entered("p03", contract=True),
    guest("p04", minted(4)),
    played(),
    played("p04"),
]


def granted(seconds, *parties, permit=1):
    return ev.PermitGranted(at=at(seconds), permit=permit, parties=list(parties or ("p01",)))


def revoked(seconds, permit=1, reason=Reason.HUNG_UP):
    return ev.PermitRevoked(at=at(seconds), permit=permit, reason=reason)


def permits(*entries, heartbeat=100.0):
    return coverage.permits([*TOLD, *entries], None if heartbeat is None else at(heartbeat))


def spans(*entries, heartbeat=100.0, permit=1):
    """Return what is covered of each party, in seconds."""
    members = permits(*entries, heartbeat=heartbeat)[permit].members
    return {one.party: ((one.since - BEGAN) / SECOND, (one.until - BEGAN) / SECOND) for one in members.values()}


# -- a permit


def test_covered_until_forty_milliseconds_before_the_revocation():
    (permit,) = permits(granted(3), revoked(8)).values()
    assert (permit.granted_at, permit.until) == (at(3), at(7.96))


def test_the_earliest_of_several_revocations_counts():
    entries = [granted(3), revoked(8), revoked(5, reason=Reason.HELD), revoked(9)]
    (permit,) = permits(*entries).values()
    assert permit.until == at(4.96)
    assert permit.revoked == revoked(5, reason=Reason.HELD)


def test_of_two_revocations_at_one_instant_the_first_says_why():
    entries = [granted(3), revoked(5, reason=Reason.HELD), revoked(5)]
    assert permits(*entries)[1].revoked == revoked(5, reason=Reason.HELD)


def test_a_heartbeat_before_the_revocation_ends_the_coverage():
    assert spans(granted(3), revoked(8), heartbeat=6) == {"p01": (3, 6)}


def test_a_permit_that_was_never_revoked_is_covered_to_the_last_heartbeat():
    assert spans(granted(3), heartbeat=50) == {"p01": (3, 50)}


@pytest.mark.parametrize("heartbeat", [None, 2])
def test_without_a_heartbeat_after_the_grant_nothing_is_covered(heartbeat):
    assert spans(granted(3), revoked(8), heartbeat=heartbeat) == {"p01": (3, 3)}


def test_a_permit_that_was_not_revoked_ends_where_the_next_begins():
    entries = [granted(3), granted(8, permit=2), granted(20, permit=3)]
    assert spans(*entries) == {"p01": (3, 7.96)}
    assert spans(*entries, permit=2) == {"p01": (8, 19.96)}
    assert spans(*entries, permit=3) == {"p01": (20, 100)}


def test_a_revocation_counts_wherever_it_stands():
    assert spans(revoked(8), granted(3)) == {"p01": (3, 7.96)}


def test_what_was_narrowed_and_revoked_but_never_granted_covers_nothing():
    assert permits(narrowed(7, "p01"), revoked(8)) == {}


def test_nothing_is_covered_from_before_the_call():
    early = played(end=-2.0)
    entries = [*TOLD[:2], early, granted(-1)]
    assert coverage.permits(entries, at(9))[1].granted_at == at(0)
    assert coverage.permits(entries, at(9))[1].members["p01"].since == at(0)


def test_no_journal_no_permit():
    assert coverage.permits([], None) == {}


@given(INSTANTS, st.lists(INSTANTS), st.none() | INSTANTS)
def test_coverage_never_leaves_its_limits(start, ends, heartbeat):
    entries = [*TOLD[:5], played(at=BEGAN), ev.PermitGranted(at=start, permit=7, parties=["p01"])]
    entries += [ev.PermitRevoked(at=end, permit=7, reason=Reason.HUNG_UP) for end in ends]
    permit = coverage.permits(entries, heartbeat)[7]
    assert permit.granted_at == start <= permit.until
    if permit.until > start:
        assert heartbeat is not None
        assert permit.until <= heartbeat
        assert all(permit.until <= end - 40 * MS for end in ends)


# -- its parties


def test_who_joins_is_covered_from_then_and_nobody_else_changes():
    assert spans(granted(3), widened(5, "p01", "p02"), widened(6, "p03"), revoked(9)) == {
        "p01": (3, 8.96),
        "p02": (5, 8.96),
        "p03": (6, 8.96),
    }


def test_who_joins_with_an_older_stamp_is_not_covered_from_before_the_permit():
    assert spans(granted(3), widened(2, "p02"), revoked(9))["p02"] == (3, 8.96)


def test_who_leaves_is_covered_until_forty_milliseconds_before():
    entries = [granted(3, "p01", "p02", "p03"), narrowed(5, "p01", "p03"), narrowed(7, "p01"), revoked(9)]
    assert spans(*entries) == {"p01": (3, 8.96), "p02": (3, 4.96), "p03": (3, 6.96)}
    left = {one.party: one.left_at for one in permits(*entries)[1].members.values()}
    assert left == {"p01": None, "p02": at(5), "p03": at(7)}


def test_of_two_accounts_of_a_leaving_the_earlier_counts():
    entries = [granted(3, "p01", "p02"), narrowed(7, "p01"), narrowed(5, "p01"), narrowed(6, "p01")]
    assert spans(*entries)["p02"] == (3, 4.96)


def test_who_left_before_they_joined_by_late_stamps_is_not_covered():
    assert spans(granted(3), widened(5, "p01", "p02"), narrowed(4.9, "p01"))["p02"] == (5, 5)


def test_an_objector_is_covered_until_they_objected_though_nothing_was_revoked():
    assert spans(granted(3, "p01", "p02"), objected(6, "p01"), objected(5, "p01")) == {
        "p01": (3, 4.96),
        "p02": (3, 100),
    }


def test_an_objection_that_was_heard_of_after_the_next_grant_cuts_that_one_too():
    entries = [granted(3), revoked(4), granted(6, permit=2), objected(5, "p01")]
    assert spans(*entries, permit=2) == {"p01": (6, 6)}


def test_the_earliest_objection_of_each_party_counts():
    assert coverage.objections_of([objected(6, "p01"), objected(7, "p02"), objected(5, "p01")]) == {
        "p01": at(5),
        "p02": at(7),
    }


def test_what_an_objection_destroys_is_not_covered_at_all():
    entries = [granted(3, "p01", "p02"), objected(6, "p01", destroys=["p02", "p01"]), granted(8, "p02", permit=2)]
    assert spans(*entries) == {"p01": (3, 3), "p02": (3, 3)}
    assert spans(*entries, permit=2) == {"p02": (8, 8)}


def test_what_it_does_not_destroy_stays():
    assert spans(granted(3, "p01", "p02"), objected(6, "p01", destroys=["p01"])) == {"p01": (3, 3), "p02": (3, 100)}


# -- where only a yes counts


def asked(*entries):
    first = opened(minted(1), mode="opt_in")
    return coverage.permits([first, *TOLD[1:], *entries], at(100))


def said(seconds, choice="consented"):
    return ev.Chose(at=at(seconds), party="p01", choice=choice)


def test_a_yes_before_the_permit_is_enough():
    assert asked(said(3), granted(3))[1].members["p01"].until == at(100)
    assert asked(said(3), said(9), granted(3))[1].members["p01"].until == at(100)


@pytest.mark.parametrize("entries", [(), (said(3.000001),), (said(2, "repeated"),), (said(2, "not_consented"),)])
def test_without_a_yes_a_permit_contradicts_the_line(entries):
    with pytest.raises(ContradictionError, match="permit 1 names p01, who had not consented by then"):
        asked(*entries, granted(3))


def test_a_guest_has_said_yes_or_no_in_their_own_recording():
    assert asked(said(2), granted(3, "p01", "p04"))[1].members["p04"].until == at(100)


def test_a_guest_is_covered_as_everybody_is():
    assert spans(granted(3, "p01", "p04"), narrowed(5, "p01"))["p04"] == (3, 4.96)


# -- contradictions


@pytest.mark.parametrize(
    ("entries", "text"),
    [
        ([granted(3), granted(4)], "granted twice"),
        ([widened(3, "p01")], "widened, but was never granted"),
        ([granted(3, "p01", "p02"), narrowed(4, "p01"), widened(5, "p02")], "names p02 again, who had left it"),
        ([granted(3, "p01", "p02"), narrowed(4, "p01"), narrowed(5, "p02")], "narrowed to somebody"),
        ([granted(3), narrowed(4, "p01", "p02")], "narrowed to somebody"),
        ([objected(2, "p01"), granted(3)], "p01, who had objected by then"),
        ([granted(3), objected(4, "p02"), widened(5, "p01", "p02")], "p02, who had objected by then"),
        ([granted(3, "p01", "p02"), objected(4, "p02"), widened(5, "p02", "p03")], "p02, who had objected by then"),
        ([granted(3, "p01", "p09")], "p09, who never entered"),
        ([objected(3, "p09")], "p09 objected, who never entered"),
        ([granted(2.999)], "had not been told by then"),
        ([granted(3), widened(2.999, "p04"), played("p04", end=3.1)], None),
        ([entered("p05", contract=False), granted(4, "p01", "p05")], "p05, who had not been told by then"),
    ],
)
def test_what_the_gate_must_have_known_is_a_contradiction(entries, text):
    if text is None:
        permits(*entries)
        return
    with pytest.raises(ContradictionError, match=text):
        permits(*entries)


def test_the_owner_is_nobodys_guest():
    with pytest.raises(ContradictionError, match="said to be recorded elsewhere"):
        coverage.permits([TOLD[0], guest("p01", minted(2))], None)


def test_a_guests_recording_is_named_by_an_id_of_ours():
    with pytest.raises(ValueError, match="not a recording id"):
        coverage.elsewhere(guest("p02", "../../etc/passwd"))
    assert coverage.elsewhere(entered("p02", contract=True)) is None
    assert coverage.elsewhere(guest("p02", minted(2))) == minted(2)
