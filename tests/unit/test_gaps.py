"""Gaps: the call is what is stored and they, to the microsecond, and each says why."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sealed_calls import BEGAN, SECOND, at, entered, minted, objected, opened, origin, played
from unit.test_coverage import granted, revoked

from ari_app.core import coverage
from ari_app.core import evidence as ev
from ari_app.core import gaps as gp
from ari_app.core.names import Instant
from ari_app.core.reasons import Reason
from ari_app.core.recording import Interval

INSTANTS = st.integers(BEGAN - 20 * SECOND, BEGAN + 120 * SECOND).map(Instant)
R = Reason
CALL_SECONDS = 60.0


def test_gaps_bear_their_reasons():
    reasons = [
        (at(0), R.ANNOUNCEMENT),
        (at(3), R.NOT_BRIDGED),
        (at(4), R.NOTHING_CAPTURED),
        (at(7.96), R.HUNG_UP),
    ]
    assert gp.gaps(at(0), at(9), [Interval(at(4), at(7.96))], reasons) == [
        gp.Gap(at(0), at(3), R.ANNOUNCEMENT),
        gp.Gap(at(3), at(4), R.NOT_BRIDGED),
        gp.Gap(at(7.96), at(9), R.HUNG_UP),
    ]


def test_the_end_of_a_file_just_before_its_coverage_ended_is_no_gap_of_its_own():
    stored, reasons = [Interval(at(0), at(7.9599))], [(at(0), R.NOTHING_CAPTURED), (at(7.96), R.HELD)]
    assert gp.gaps(at(0), at(9), stored, reasons) == [gp.Gap(at(7.9599), at(9), R.HELD)]


def test_a_file_that_lacks_its_end_leaves_a_gap():
    stored, reasons = [Interval(at(0), at(7))], [(at(0), R.NOTHING_CAPTURED), (at(7.96), R.HELD)]
    assert gp.gaps(at(0), at(9), stored, reasons) == [
        gp.Gap(at(7), at(7.96), R.NOTHING_CAPTURED),
        gp.Gap(at(7.96), at(9), R.HELD),
    ]


def test_a_gap_that_nobody_explained_until_later_bears_the_first_reason_within():
    assert gp.gaps(at(0), at(9), [], [(at(5), R.EVENTS_LOST)]) == [gp.Gap(at(0), at(9), R.EVENTS_LOST)]


def test_a_gap_that_nobody_explained_captured_nothing():
    assert gp.gaps(at(0), at(9), [], []) == [gp.Gap(at(0), at(9), R.NOTHING_CAPTURED)]


def test_a_reason_at_the_very_end_is_no_gap():
    reasons = [(at(0), R.ANNOUNCEMENT), (at(9), R.HUNG_UP)]
    assert gp.gaps(at(0), at(9), [], reasons) == [gp.Gap(at(0), at(9), R.ANNOUNCEMENT)]


def test_a_call_stored_from_end_to_end_has_no_gap():
    assert gp.gaps(at(0), at(9), [Interval(at(0), at(9))], []) == []


@given(
    call=st.tuples(INSTANTS, st.integers(0, 100 * SECOND)),
    stored=st.lists(st.tuples(st.integers(0, 100 * SECOND), st.integers(0, 50 * SECOND)), max_size=5),
    reasons=st.lists(st.tuples(INSTANTS, st.sampled_from(list(Reason))), max_size=6, unique_by=lambda one: one[0]),
)
def test_gaps_and_stored_stretches_fill_the_call_exactly(call, stored, reasons):
    begin, end = call[0], Instant(call[0] + call[1])
    inside = [
        Interval(Instant(min(begin + start, end)), Instant(min(begin + start + length, end)))
        for start, length in stored
    ]
    reasons.sort(key=lambda one: one[0])
    gaps = gp.gaps(begin, end, inside, reasons)
    assert all(gap.start < gap.end for gap in gaps)
    assert all(earlier.end <= later.start for earlier, later in itertools.pairwise(gaps))
    union, position = 0, begin
    for interval in sorted(inside, key=lambda one: one.start):
        union += max(0, interval.end - max(interval.start, position))
        position = max(position, interval.end)
    assert sum(gap.end - gap.start for gap in gaps) + union == end - begin


# -- reasons


def reasons(*entries, heartbeat=CALL_SECONDS, **changes):
    """Return the reasons and since when each holds, in seconds, of a call told at 3 s."""
    parties = [entered("p01", contract=False), *(entered(party, contract=True) for party in ("p02", "p03"))]
    journal = [opened(minted(1), **changes), *parties, played(), *entries]
    beat = None if heartbeat is None else at(heartbeat)
    found = gp.reasons(journal, coverage.permits(journal, beat), beat)
    # What comes after the call's end is in no gap.
    return [((since - BEGAN) / SECOND, reason) for since, reason in found if since < at(CALL_SECONDS)]


def failed(seconds, party="p01"):
    reason = R.ANNOUNCEMENT_CUT_SHORT
    return ev.NoticeFailed(at=at(seconds), party=party, announcement="welcome-cy", reason=reason)


def refused(seconds, reason):
    return ev.NotRecorded(at=at(seconds), reason=reason)


TOLD = (0, R.ANNOUNCEMENT)
FIRST = [granted(3), origin(1, "p01", 4), revoked(8, reason=R.HELD)]
HELD = [TOLD, (3, R.NOT_BRIDGED), (4, R.NOTHING_CAPTURED), (7.96, R.HELD)]


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        pytest.param([], [TOLD], id="nothing but an announcement"),
        pytest.param([failed(1)], [TOLD, (1, R.ANNOUNCEMENT_CUT_SHORT)], id="the announcement failed"),
        pytest.param(FIRST, HELD, id="held"),
        pytest.param([*FIRST, failed(9), origin(1, "p02", 9.5)], HELD, id="a revocation holds until the next grant"),
        pytest.param(
            [*FIRST, refused(9, R.NOT_TOLD)], [*HELD, (9, R.NOT_TOLD)], id="unless the gate says what else it is now"
        ),
        pytest.param(
            [*FIRST, refused(8, R.HELD), granted(12, "p01", "p02", permit=2), origin(2, "p02", 12.1)],
            [*HELD, (12, R.CAPTURE_STARTING), (12.1, R.NOTHING_CAPTURED)],
            id="the next segment",
        ),
        pytest.param(
            [*FIRST, granted(12, permit=2)], [*HELD, (12, R.CAPTURE_STARTING)], id="the next is in a conversation"
        ),
        pytest.param(
            [granted(3), revoked(5, reason=R.PAUSED), granted(7, permit=2), origin(2, "p01", 9)],
            [TOLD, (3, R.NOT_BRIDGED), (4.96, R.PAUSED), (7, R.NOT_BRIDGED), (9, R.NOTHING_CAPTURED)],
            id="the next while still nobody is there",
        ),
        pytest.param([failed(1, party="p02")], [TOLD], id="somebody else's announcement failed"),
        pytest.param(
            [granted(3, "p01", "p02"), origin(1, "p02", 3.1)],
            [TOLD, (3, R.CAPTURE_STARTING), (3.1, R.NOTHING_CAPTURED)],
            id="the first permit while others are there",
        ),
        pytest.param(
            [granted(3), origin(1, "p02", 3.5), origin(1, "p01", 4)],
            [TOLD, (3, R.NOT_BRIDGED), (4, R.NOTHING_CAPTURED)],
            id="only the owner's own track ends the waiting for a bridge",
        ),
        pytest.param(
            [granted(3), origin(1, "p01", 4), objected(6, "p01"), origin(1, "p02", 6.5)],
            [TOLD, (3, R.NOT_BRIDGED), (4, R.NOTHING_CAPTURED), (5.96, R.OBJECTED)],
            id="an objection after which nothing was revoked",
        ),
        pytest.param(
            [granted(3), origin(1, "p01", 4), objected(6, "p01", destroys=["p01"])],
            [TOLD, (3, R.NOT_BRIDGED), (4, R.OBJECTED)],
            id="an objection by which what was captured is destroyed",
        ),
        pytest.param(
            [granted(3, "p01", "p02"), origin(1, "p01", 4), objected(6, "p01", destroys=["p02"])],
            [TOLD, (3, R.CAPTURE_STARTING), (4, R.NOTHING_CAPTURED), (5.96, R.OBJECTED)],
            id="an objection by which a colleague's voice is destroyed",
        ),
        pytest.param(
            [*FIRST, objected(9, "p01")], HELD, id="an objection while nothing is captured anyway changes nothing"
        ),
        pytest.param(
            [granted(3, "p01", "p02"), origin(1, "p01", 4), objected(6, "p02")],
            [TOLD, (3, R.CAPTURE_STARTING), (4, R.NOTHING_CAPTURED)],
            id="a colleague's objection ends no voice but theirs",
        ),
        pytest.param(
            [granted(3), revoked(3.02, reason=R.HELD), granted(3.03, permit=2), revoked(3.05, 2, reason=R.HELD)],
            [TOLD, (3, R.HELD)],
            id="held and unheld faster than a capture can begin is one gap",
        ),
        pytest.param(
            [*FIRST, granted(7.9, permit=2)],
            [*HELD[:3], (7.9, R.CAPTURE_STARTING)],
            id="a revocation after the next grant explains nothing",
        ),
        pytest.param(
            [granted(3), refused(5, R.NOT_TOLD)], [TOLD, (3, R.NOT_BRIDGED)], id="a permit in force is not refused"
        ),
        pytest.param([refused(0, R.EMERGENCY_NUMBER)], [(0, R.EMERGENCY_NUMBER)], id="the last of an instant holds"),
        pytest.param([refused(-5, R.OUTGOING_NOT_GATED)], [(0, R.OUTGOING_NOT_GATED)], id="nothing before the call"),
    ],
)
def test_what_explains_a_gap(entries, expected):
    assert reasons(*entries) == expected


def test_after_the_announcement_there_is_no_bridge_to_wait_for():
    entries = [granted(3), origin(1, "p01", 3.02)]
    assert reasons(*entries, capture="after_announcement") == [
        TOLD,
        (3, R.CAPTURE_STARTING),
        (3.02, R.NOTHING_CAPTURED),
    ]


def test_a_never_line_says_so_from_the_beginning():
    assert reasons(mode="never") == [(0, R.LINE_NEVER)]


@pytest.mark.parametrize(
    ("heartbeat", "expected"),
    [
        (None, [TOLD, (3, R.NO_HEARTBEAT), (8, R.HELD), (12, R.NO_HEARTBEAT)]),
        (2, [TOLD, (3, R.NO_HEARTBEAT), (8, R.HELD), (12, R.NO_HEARTBEAT)]),
        (
            6,
            [TOLD, (3, R.NOT_BRIDGED), (4, R.NOTHING_CAPTURED), (6, R.NO_HEARTBEAT), (8, R.HELD), (12, R.NO_HEARTBEAT)],
        ),
        (9, [*HELD, (12, R.NO_HEARTBEAT)]),
        (13, [*HELD, (12, R.CAPTURE_STARTING), (12.1, R.NOTHING_CAPTURED), (13, R.NO_HEARTBEAT)]),
    ],
)
def test_where_nobody_watched_a_permit_explains_nothing(heartbeat, expected):
    assert reasons(*FIRST, granted(12, permit=2), origin(2, "p01", 12.1), heartbeat=heartbeat) == expected


# -- the most telling of them


def telling(*given_, lengths=(), ended=None):
    entries = [
        revoked(index, index, reason=reason) if index % 2 else refused(index, reason)
        for index, reason in enumerate(given_)
    ]
    gaps = [gp.Gap(at(0), at(seconds), reason) for reason, seconds in lengths]
    return gp.most_telling([*entries, ev.Ended(at=at(9), reason=ended)], gaps)


@pytest.mark.parametrize(
    ("given_", "lengths", "expected"),
    [
        ([], [], R.NOTHING_CAPTURED),
        ([], [(R.ANNOUNCEMENT, 9)], R.NOTHING_CAPTURED),
        ([R.HUNG_UP], [(R.HUNG_UP, 9)], R.HUNG_UP),
        ([R.NOT_TOLD, R.HELD, R.HUNG_UP], [(R.NOT_TOLD, 3), (R.HELD, 2), (R.HELD, 2), (R.HUNG_UP, 9)], R.HELD),
        ([R.NOT_TOLD, R.HELD], [(R.NOT_TOLD, 3), (R.HELD, 3)], R.NOT_TOLD),
        ([R.HELD, R.NOT_TOLD], [(R.NOT_TOLD, 9), (R.HELD, 1), (R.HELD, 1)], R.NOT_TOLD),
        ([R.HUNG_UP, R.GATE_STOPPED], [], R.GATE_STOPPED),
    ],
)
def test_what_lasted_longest_says_why_nothing_is_stored(given_, lengths, expected):
    assert telling(*given_, lengths=lengths) is expected


@pytest.mark.parametrize(
    ("given_", "ended", "expected"),
    [
        ([R.NOT_READY], R.NOT_TOLD, R.NOT_TOLD),
        ([R.STALE_FACTS], R.HUNG_UP, R.STALE_FACTS),
        ([], R.HUNG_UP, R.HUNG_UP),
    ],
)
def test_why_no_permit_was_ever_granted_says_more_unless_it_was_a_hang_up(given_, ended, expected):
    assert telling(*given_, ended=ended) is expected
