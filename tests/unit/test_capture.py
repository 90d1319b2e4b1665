"""One capture: asked for only after its evidence, stopped by its id, and never lost sight of."""

from dataclasses import replace

import pytest
from unit.calls import (
    AGENT,
    CALLER,
    MONITOR,
    P01,
    attested,
    capture_answered,
    capture_began,
    capture_ended,
    file_closed,
    hung_up,
    ms,
)

from ari_app.core import evidence as ev
from ari_app.core import orders as o
from ari_app.core.reasons import Reason

FILE = "seg-001.p01.wav"
STOP = o.StopCapture(CALLER, 1, P01, FILE, MONITOR)
STOP_BY_FILE = o.StopCapture(CALLER, 1, P01, FILE, None)


def asked(core, *, bridged_only=True):
    return core.capture.Capturing(P01, CALLER, 1, bridged_only, token=1)


def after(core, *facts, permitted=True, bridged_only=True):
    """Return the last step of a capture that has heard these facts."""
    track, orders, entries = asked(core, bridged_only=bridged_only), [], []
    for fact in facts:
        track, orders, entries = core.capture.step(track, fact, permitted=permitted)
    return track, orders, entries


def starting(core, **changes):
    return replace(after(core, attested(100))[0], **changes)


def running(core, **changes):
    return replace(after(core, attested(100), capture_answered(110))[0], **changes)


def stopping(core, **changes):
    return replace(core.capture.stop(running(core))[0], **changes)


def over(core, track, fact, *, permitted=False):
    return core.capture.step(track, fact, permitted=permitted)


# -- beginning


@pytest.mark.parametrize("bridged_only", [True, False])
def test_durable_evidence_starts_the_capture(core, bridged_only):
    track, orders, entries = after(core, attested(100), bridged_only=bridged_only)
    assert track.phase is core.capture.Phase.STARTING
    assert (orders, entries) == ([o.StartCapture(CALLER, 1, P01, FILE, bridged_only)], [])


@pytest.mark.parametrize(
    ("fact", "permitted", "failure"),
    [
        (attested(100), False, None),
        (attested(100, ok=False), False, None),
        (attested(100, ok=False), True, Reason.JOURNAL_UNWRITABLE),
        (attested(100, seen_at=1100.001), True, Reason.STALE_FACTS),
        (hung_up(100), True, None),
        (hung_up(100), False, None),
    ],
    ids=repr,
)
def test_a_capture_without_evidence_or_permit_never_starts(core, fact, permitted, failure):
    track, orders, entries = after(core, fact, permitted=permitted)
    assert (track.phase, track.closed, track.failure) == (core.capture.Phase.ENDED, True, failure)
    assert (orders, entries) == ([], [])
    again, orders, _ = over(core, track, attested(200), permitted=True)
    assert again == track
    assert [type(order) for order in orders] == [o.Report]


def test_evidence_of_a_second_ago_still_starts_it(core):
    assert len(after(core, attested(100, seen_at=1100))[1]) == 1


def test_evidence_that_comes_twice_starts_it_once(core):
    track, orders, entries = after(core, attested(100), attested(101))
    assert track == starting(core)
    assert (orders, entries) == ([o.Report("Attested for a capture that is starting")], [])


def test_it_runs_once_asterisk_names_the_monitor(core):
    track, orders, entries = after(core, attested(100), capture_answered(110))
    assert (track.phase, track.monitor) == (core.capture.Phase.RUNNING, MONITOR)
    assert orders == []
    assert entries == [ev.CaptureStarted(at=ms(110), segment=1, party=P01, monitor=MONITOR)]


def test_a_capture_of_which_nothing_is_known_is_looked_for_and_stopped(core):
    track, orders, entries = after(core, attested(100), capture_answered(110, None))
    assert (track.phase, track.failure) == (core.capture.Phase.STOPPING, Reason.CAPTURE_FAILED)
    assert (orders, entries) == ([STOP_BY_FILE], [])


def test_a_second_answer_changes_nothing(core):
    track, orders, entries = over(core, running(core), capture_answered(120, None), permitted=True)
    assert track == running(core)
    assert (orders, entries) == ([o.Report("CaptureAnswered for a capture that is running")], [])


# -- the first sample


@pytest.mark.parametrize("state", [starting, running, stopping])
def test_the_beginning_is_taken_in_whatever_comes_first(core, state):
    track, orders, entries = over(core, state(core), capture_began(120))
    assert (track.phase, track.began_at, track.ambiguous) == (state(core).phase, ms(120), False)
    assert (orders, entries) == ([], [])


@pytest.mark.parametrize(("second", "began_at"), [(125, 125), (115, 120), (120, 120)])
def test_of_two_beginnings_the_later_counts_and_is_called_ambiguous(core, second, began_at):
    track, _, _ = over(core, running(core, began_at=ms(120)), capture_began(second))
    assert (track.began_at, track.ambiguous) == (ms(began_at), True)


def test_a_single_beginning_may_be_ambiguous(core):
    assert over(core, running(core), capture_began(120, ambiguous=True))[0].ambiguous


def test_an_ended_capture_has_no_new_beginning(core):
    ended = over(core, stopping(core), capture_ended(200))[0]
    track, orders, _ = over(core, ended, capture_began(210))
    assert track == ended
    assert orders == [o.Report("CaptureBegan for a capture that is ended")]


def measured(core, joined_at, **changes):
    track, orders, entries = core.capture.measure(
        running(core, **changes), None if joined_at is None else ms(joined_at)
    )
    assert orders == []
    return track, entries


def origin(at, *, ambiguous=False):
    return [ev.TrackOrigin(at=ms(at), segment=1, party=P01, ambiguous=ambiguous)]


@pytest.mark.parametrize(
    ("began_at", "joined_at", "bridged_only", "at"),
    [
        (120, 5000, True, 5000),
        (120, 100, True, 120),
        (120, 5000, False, 120),
        (120, None, False, 120),
    ],
)
def test_the_origin_is_the_beginning_or_for_the_bridged_the_later_joining(core, began_at, joined_at, bridged_only, at):
    track, entries = measured(core, joined_at, began_at=ms(began_at), bridged_only=bridged_only)
    assert (track.origin, entries) == (ms(at), origin(at))


@pytest.mark.parametrize(("began_at", "joined_at"), [(None, None), (None, 5000), (120, None)])
def test_an_origin_that_is_not_known_yet_is_not_written(core, began_at, joined_at):
    began = None if began_at is None else ms(began_at)
    track, entries = measured(core, joined_at, began_at=began)
    assert track == running(core, began_at=began)
    assert entries == []


@pytest.mark.parametrize("known", [5000, 5001])
def test_an_origin_is_written_once_and_never_moves_back(core, known):
    track, entries = measured(core, 5000, began_at=ms(120), origin=ms(known))
    assert (track.origin, entries) == (ms(known), [])


def test_an_origin_does_not_move_with_who_is_in_another_bridge_by_now(core):
    track, entries = measured(core, 9000, began_at=ms(120), origin=ms(5000))
    assert (track.origin, entries) == (ms(5000), [])


def test_an_origin_that_proves_later_is_written_again(core):
    track, entries = measured(core, 5000, began_at=ms(5006), origin=ms(5000), ambiguous=True)
    assert (track.origin, entries) == (ms(5006), origin(5006, ambiguous=True))


# -- the end


@pytest.mark.parametrize(
    ("state", "order"), [(starting, STOP_BY_FILE), (running, STOP), (stopping, STOP)], ids=lambda it: str(it)[:20]
)
def test_what_was_asked_for_is_stopped(core, state, order):
    track, orders, entries = core.capture.stop(state(core))
    assert (track.phase, orders, entries) == (core.capture.Phase.STOPPING, [order], [])
    assert track.dismissed


def test_what_was_not_asked_for_or_is_over_needs_no_stop_but_is_dismissed(core):
    for track in (asked(core), over(core, running(core), hung_up(200))[0]):
        assert core.capture.stop(track) == (replace(track, dismissed=True), [], [])


def test_a_capture_that_fails_is_stopped_without_a_failure_if_the_permit_is_gone(core):
    track, orders, _ = over(core, starting(core), capture_answered(110, None), permitted=False)
    assert (track.phase, track.failure, orders) == (core.capture.Phase.STOPPING, None, [STOP_BY_FILE])


@pytest.mark.parametrize("closed", [True, False])
def test_a_stopped_capture_has_ended_when_asterisk_lists_it_no_more(core, closed):
    track, orders, entries = over(core, stopping(core), capture_ended(200, closed=closed))
    assert (track.phase, track.closed, track.failure) == (core.capture.Phase.ENDED, closed, None)
    assert (orders, entries) == ([], [ev.TrackEnded(at=ms(200), segment=1, party=P01, closed=closed)])


@pytest.mark.parametrize("state", [starting, running, stopping])
def test_a_hang_up_ends_it_with_its_file_still_open(core, state):
    track, orders, entries = over(core, state(core), hung_up(200))
    assert (track.phase, track.closed, track.failure) == (core.capture.Phase.ENDED, False, None)
    assert (orders, entries) == ([], [ev.TrackEnded(at=ms(200), segment=1, party=P01, closed=False)])


@pytest.mark.parametrize("state", [starting, running])
@pytest.mark.parametrize("fact", [capture_ended(200), hung_up(200)], ids=["ended", "hung up"])
def test_a_capture_that_ends_unasked_has_failed(core, state, fact):
    assert over(core, state(core), fact, permitted=True)[0].failure is Reason.CAPTURE_FAILED


def test_one_that_we_stop_has_not_failed_and_an_old_failure_stays(core):
    assert over(core, stopping(core), capture_ended(200), permitted=True)[0].failure is None
    failed = stopping(core, failure=Reason.CAPTURE_FAILED)
    assert over(core, failed, capture_ended(200))[0].failure is Reason.CAPTURE_FAILED


def test_an_end_that_comes_twice_changes_nothing(core):
    ended = over(core, stopping(core), capture_ended(200))[0]
    for fact in (capture_ended(210), hung_up(210), file_closed(210), attested(210), capture_answered(210)):
        track, orders, entries = over(core, ended, fact)
        assert (track, entries) == (ended, [])
        assert orders == [o.Report(f"{type(fact).__name__} for a capture that is ended")]


@pytest.mark.parametrize("state", [starting, running, stopping])
def test_the_kernel_says_that_the_file_is_closed(core, state):
    track, orders, entries = over(core, state(core), file_closed(210))
    assert (track.phase, track.closed) == (state(core).phase, True)
    assert (orders, entries) == ([], [ev.TrackClosed(at=ms(210), segment=1, party=P01)])
    again = over(core, track, file_closed(220))
    assert (again[0], again[2]) == (track, [])
    # What is closed stays closed, also if the stop was never answered.
    assert over(core, track, hung_up(230))[0].closed


def test_a_file_that_was_not_asked_for_yet_is_not_closed(core):
    track, _, entries = over(core, asked(core), file_closed(210))
    assert (track, entries) == (asked(core), [])


def test_the_file_of_an_ended_capture_is_closed_later(core):
    ended = over(core, running(core), hung_up(200))[0]
    track, _, entries = over(core, ended, file_closed(210))
    assert (track.phase, track.closed) == (core.capture.Phase.ENDED, True)
    assert entries == [ev.TrackClosed(at=ms(210), segment=1, party=P01)]


# -- a stop that overtook its start


def test_a_monitor_that_answers_after_the_stop_is_stopped_by_its_id(core):
    overtaken = core.capture.stop(starting(core))[0]
    track, orders, entries = over(core, overtaken, capture_answered(120))
    assert (track.phase, track.monitor) == (core.capture.Phase.STOPPING, MONITOR)
    assert (orders, entries) == ([STOP], [])


def test_a_monitor_that_answers_after_the_end_is_stopped_all_the_same(core):
    ended = over(core, core.capture.stop(starting(core))[0], capture_ended(115, closed=False))[0]
    track, orders, entries = over(core, ended, capture_answered(120))
    assert (track.phase, track.monitor) == (core.capture.Phase.STOPPING, MONITOR)
    assert (orders, entries) == ([STOP], [])
    assert over(core, track, capture_ended(130))[0].phase is core.capture.Phase.ENDED


@pytest.mark.parametrize("ended", [False, True])
def test_without_an_answer_it_is_looked_for_once_more_after_the_stop(core, ended):
    overtaken = core.capture.stop(starting(core))[0]
    if ended:
        overtaken = over(core, overtaken, capture_ended(115, closed=False))[0]
    track, orders, entries = over(core, overtaken, capture_answered(120, None))
    assert (track.phase, track.monitor, track.failure) == (core.capture.Phase.STOPPING, None, None)
    assert (orders, entries) == ([STOP_BY_FILE], [])
    assert over(core, track, capture_ended(130))[0].phase is core.capture.Phase.ENDED


def test_without_an_answer_nothing_is_looked_for_on_a_channel_that_hung_up(core):
    ended = over(core, starting(core), hung_up(115))[0]
    track, orders, _ = over(core, ended, capture_answered(120, None))
    assert track == ended
    assert orders == [o.Report("CaptureAnswered for a capture that is ended")]


def test_an_answer_to_a_stopped_monitor_that_was_known_stops_nothing_twice(core):
    track, orders, _ = over(core, stopping(core), capture_answered(120))
    assert track == stopping(core)
    assert [type(order) for order in orders] == [o.Report]


def test_a_capture_writes_into_a_file_of_its_segment_and_party(core):
    track = core.capture.Capturing("p03", AGENT, 2, bridged_only=True, token=1)
    assert track.file == "seg-002.p03.wav"


def test_a_phase_that_nobody_thought_of_is_an_error(core):
    with pytest.raises(AssertionError):
        core.capture.stop(replace(asked(core), phase="elsewhere"))
