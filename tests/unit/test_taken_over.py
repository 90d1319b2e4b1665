"""A journal that two runs of the gate wrote: each permit rests on the heartbeats of the run that granted it."""

import pytest
from sealed_calls import RATE_HZ, at, entered, minted, opened, origin, over, played, requested

from ari_app.core import coverage, names, shipment
from ari_app.core import evidence as ev
from ari_app.core import gaps as gp
from ari_app.core import manifest as mf
from ari_app.core.manifest import Stored
from ari_app.core.reasons import Reason
from ari_app.core.recording import Wav

RECORDING = minted(1)
FIRST = [
    opened(RECORDING),
    entered("p01", contract=False),
    played(),
    ev.PermitGranted(at=at(3), permit=1, parties=["p01"]),
    requested(1, "p01"),
    origin(1, "p01", 4),
]
TAKEN = [
    ev.PermitRevoked(at=at(9), permit=1, reason=Reason.GATE_RESTARTED),
    ev.TakenOver(at=at(9), run="second"),
    ev.PermitGranted(at=at(9.1), permit=2, parties=["p01"]),
    requested(2, "p01", permit=2, seconds=9.1),
    origin(2, "p01", 9.2),
    over(2, "p01", 15),
    ev.PermitRevoked(at=at(15), permit=2, reason=Reason.HUNG_UP),
    ev.Ended(at=at(15), reason=None),
]
JOURNAL = [*FIRST, *TAKEN]
WAVS = {(1, "p01"): Wav(5 * RATE_HZ, RATE_HZ, at(9)), (2, "p01"): Wav(round(5.8 * RATE_HZ), RATE_HZ, at(15))}


def until(first, second):
    later = {} if second is None else {"second": at(second)}
    permits = coverage.permits(JOURNAL, None if first is None else at(first), later)
    return [(one.until, one.known) for one in permits.values()]


def test_each_permit_is_covered_by_its_own_runs_heartbeats():
    assert until(8, 14) == [(at(8), at(8)), (at(14), at(14))]
    assert until(8, 20) == [(at(8), at(8)), (at(14.96), at(20))]
    assert until(20, 20)[0] == (at(8.96), at(20))


def test_a_run_that_never_said_how_far_it_saw_covers_nothing():
    assert until(8, None)[1] == (at(9.1), None)
    assert until(None, 14) == [(at(3), None), (at(14), at(14))]
    assert coverage.permits(JOURNAL, at(8))[2].known is None


def test_that_nobody_watched_is_one_gap_from_the_last_heartbeat_on():
    permits = coverage.permits(JOURNAL, at(8), {"second": at(20)})
    found = [one for one in gp.reasons(JOURNAL, permits) if one[0] >= at(4)]
    assert found[:4] == [
        (at(4), Reason.NOTHING_CAPTURED),
        (at(8), Reason.GATE_RESTARTED),
        (at(9.1), Reason.CAPTURE_STARTING),
        (at(9.2), Reason.NOTHING_CAPTURED),
    ]


def test_a_revocation_of_what_was_never_granted_explains_from_its_own_instant_on():
    journal = [*FIRST[:3], TAKEN[0], ev.Ended(at=at(15), reason=None)]
    assert gp.reasons(journal, coverage.permits(journal, at(8)))[-1][1] is Reason.ANNOUNCEMENT


@pytest.mark.parametrize(
    ("journal", "expected"),
    [
        (JOURNAL, {"": at(9), "second": at(15)}),
        ([*FIRST, *TAKEN[:2]], {"": at(9)}),
        ([*FIRST[:3], TAKEN[1], TAKEN[2]], {"second": at(9.1)}),
    ],
)
def test_a_run_is_waited_for_only_if_it_has_granted_something(journal, expected):
    assert shipment.awaited(journal) == expected


def test_whose_each_entry_is():
    assert [run for _, run in shipment.told_by(JOURNAL)] == [""] * 7 + ["second"] * 7


def test_the_manifest_says_who_took_the_call_over_and_how_far_each_saw():
    made = shipment.plan(JOURNAL, "c" * 64, RECORDING, at(8), WAVS, {"second": at(99)})
    objects = {one.number: Stored(names.segment_object(one.number), "d" * 64, 1000) for one in made.segments}
    manifest = mf.build(made, "calls/x", objects)
    assert manifest["journal"]["heartbeat_at"] == names.iso(at(8))
    second = {"run": "second", "at": names.iso(at(9)), "heartbeat_at": names.iso(at(15))}
    assert manifest["journal"]["taken_over"] == [second]
    assert [one["segment"] for one in manifest["segments"]] == [1, 2]
    assert [one["stored_until"] for one in manifest["tracks"]] == [names.iso(at(8)), names.iso(at(14.96))]


def test_a_call_of_which_only_the_second_run_saw_anything_was_watched():
    made = shipment.plan(JOURNAL, "c" * 64, RECORDING, None, {}, {"second": at(99)})
    assert mf.build(made, "calls/x", {})["call"]["reason"] is Reason.GATE_RESTARTED
