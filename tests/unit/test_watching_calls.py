"""Calls are counted by their journals, and each ends with one line: no number, name or telephone is in either."""

from dataclasses import fields
from typing import Any, get_args, get_type_hints

import pytest
import structlog
from unit.calls import CALLER, ms

from ari_app.core import evidence as ev
from ari_app.core.names import Instant, RecordingId
from ari_app.core.reasons import Reason
from ari_app.watching import catalogue as m
from ari_app.watching import meters
from ari_app.watching.calls import Calls

ONE, TWO = RecordingId("one"), RecordingId("two")


def opened(line="advice-line", at=0):
    return ev.Opened(
        at=ms(at),
        recording=ONE,
        run="run",
        node="pbx1",
        line=line,
        mode="announce",
        capture="conversation",
        direction="incoming",
        channel=CALLER,
        number="sealed",
        number_hash="hash",
        policy_sha256="5" * 64,
        software="consentgate 0",
        asterisk="22",
    )


def played(at, party="p01"):
    return ev.NoticePlayed(
        at=ms(at + 4000),
        party=party,
        announcement="advice-en",
        language="en",
        sha256="1" * 64,
        duration_ms=4000,
        spoken_end_ms=3500,
        playback="cg-1",
        began_at=ms(at),
        packets_expected=200,
        packets_sent=200,
    )


class Counted:
    """Calls with a registry, and the lines that they said."""

    def __init__(self):
        self.meters = meters.Registry(m.GATE)
        self.calls = Calls(self.meters, lambda: {"advice-line", "crisis-line"}, lambda _: "advice-line")
        self.said = []

    def hear(self, *entries, recording=ONE):
        with structlog.testing.capture_logs() as said:
            self.calls.written(recording, entries)
        self.said += said

    def value(self, name, **labels):
        return self.meters.registry.get_sample_value(f"consentgate_{name}", labels)


@pytest.fixture
def counted():
    return Counted()


RECORDED = (
    opened(),
    played(120),
    ev.PermitGranted(at=ms(6000), permit=1, parties=["p01", "p02"]),
    ev.CaptureStarted(at=ms(6010), segment=1, party="p01", monitor="0x1"),
    ev.TrackOrigin(at=ms(6030), segment=1, party="p01"),
    ev.TrackOrigin(at=ms(9000), segment=1, party="p02"),
    ev.PermitRevoked(at=ms(20000), permit=1, reason=Reason.HUNG_UP),
    ev.Ended(at=ms(20500), reason=None),
)


def test_a_recorded_call_is_counted_and_said_once(counted):
    counted.hear(*RECORDED)
    assert counted.value("calls_total", line="advice-line", outcome="recorded", reason="") == 1
    assert counted.value("announcements_total", line="advice-line", result="played", reason="") == 1
    assert counted.value("permits_granted_total", line="advice-line") == 1
    assert counted.value("permits_revoked_total", line="advice-line", reason="hung_up") == 1
    assert counted.value("captures_started_total", line="advice-line") == 1
    # What nobody heard, and what was said before the first sample.
    assert counted.value("announcement_wait_seconds_sum") == pytest.approx(0.12)
    assert counted.value("capture_start_seconds_sum") == pytest.approx(0.03)
    assert counted.value("capture_start_seconds_count") == 1
    assert counted.said == [
        {
            "event": "call.ended",
            "log_level": "info",
            "component": "gate",
            "recording": ONE,
            "line": "advice-line",
            "outcome": "recorded",
            "reason": None,
            "seconds": 20.5,
            "announcements": 1,
            "permits": 1,
        }
    ]
    assert counted.calls._calls == {}


@pytest.mark.parametrize(
    ("reason", "outcome"),
    [(Reason.OBJECTED, "declined"), (Reason.NOT_CONSENTED, "declined"), (Reason.CAPTURE_FAILED, "not_recorded")],
)
def test_a_call_without_a_recording_has_its_reason(counted, reason, outcome):
    counted.hear(opened(), ev.NotRecorded(at=ms(5), reason=reason), ev.Ended(at=ms(9), reason=reason))
    assert counted.value("calls_total", line="advice-line", outcome=outcome, reason=reason) == 1
    assert [(line["outcome"], line["reason"]) for line in counted.said] == [(outcome, reason)]


def test_a_call_that_passed_us_by_has_the_reason_of_its_beginning(counted):
    begun = (opened("crisis-line"), ev.NotRecorded(at=ms(0), reason=Reason.LINE_NEVER))
    counted.hear(*begun, ev.Ended(at=ms(9000), reason=None))
    assert counted.value("calls_total", line="crisis-line", outcome="not_recorded", reason="line_never") == 1
    assert counted.value("calls_total", line="crisis-line", outcome="recorded", reason="") is None


def test_a_call_that_was_refused_first_and_then_recorded_is_recorded(counted):
    counted.hear(opened(), ev.NotRecorded(at=ms(1), reason=Reason.NOT_BRIDGED), *RECORDED[1:])
    assert counted.value("calls_total", line="advice-line", outcome="recorded", reason="") == 1


def test_a_failed_announcement_has_its_reason(counted):
    failed = ev.NoticeFailed(at=ms(5), party="p01", announcement="x", reason=Reason.ANNOUNCEMENT_CUT_SHORT)
    counted.hear(opened(), failed)
    name = {"line": "advice-line", "result": "failed", "reason": "announcement_cut_short"}
    assert counted.value("announcements_total", **name) == 1


def test_what_others_in_the_room_heard_is_counted_where_they_heard_it(counted):
    counted.hear(opened(), played(100, party="p02"))
    assert counted.value("announcements_total", line="advice-line", result="played", reason="") is None


def test_a_call_of_a_dead_run_goes_on_under_its_line_and_is_no_second_wait(counted):
    counted.hear(ev.TakenOver(at=ms(0), run="next"), played(9000), ev.Ended(at=ms(20000), reason=None))
    assert counted.value("calls_total", line="advice-line", outcome="recorded", reason="") == 1
    assert counted.value("announcement_wait_seconds_count") == 0


def test_what_a_dead_run_left_unrecorded_is_not_recorded(counted):
    counted.hear(ev.NotRecorded(at=ms(0), reason=Reason.GATE_RESTARTED), ev.Ended(at=ms(9), reason=None))
    assert counted.value("calls_total", line="advice-line", outcome="not_recorded", reason="gate_restarted") == 1


def test_objections_and_other_recorders_are_counted(counted):
    counted.hear(opened(), ev.PartyObjected(at=ms(1), party="p01"), ev.ForeignCapture(at=ms(2), party="p01"))
    assert counted.value("objections_total", line="advice-line") == 1
    assert counted.value("foreign_captures_total", line="advice-line") == 1


def test_two_calls_are_two(counted):
    counted.hear(opened())
    counted.hear(opened("crisis-line"), recording=TWO)
    counted.hear(ev.Ended(at=ms(1), reason=Reason.HUNG_UP_BEFORE_TOLD))
    counted.hear(ev.Ended(at=ms(1), reason=Reason.LINE_NEVER), recording=TWO)
    assert [(line["recording"], line["line"]) for line in counted.said] == [(ONE, "advice-line"), (TWO, "crisis-line")]


@pytest.mark.parametrize(("line", "shown"), [("01632960111", "unknown"), ("Mary Smith", "unknown"), ("", "none")])
def test_a_dialplan_that_gives_a_number_for_a_line_makes_no_label_and_no_log_of_it(counted, line, shown):
    counted.hear(opened(line), ev.Ended(at=ms(9), reason=Reason.LINE_UNKNOWN))
    assert counted.value("calls_total", line=shown, outcome="not_recorded", reason="line_unknown") == 1
    everything = counted.meters.text().decode() + str(counted.said)
    assert not line or line not in everything


def test_no_entry_of_a_journal_is_a_surprise(counted):
    """Each kind, with whatever its fields can hold, is taken without a fault."""
    samples = {Instant: ms(1), int: 1, bool: True, Reason: Reason.HELD, list[str]: ["p01"], str: "x"}
    for kind in ev.KINDS.values():
        hints = get_type_hints(kind)
        wanted = {one.name: hints[one.name] for one in fields(kind)}
        # Of `str | None` the first.
        values: dict[str, Any] = {
            name: samples.get(hint, samples.get((get_args(hint) or (str,))[0], "x")) for name, hint in wanted.items()
        }
        counted.hear(kind(**values))
