"""Calls that never come to the gate: each has its record, once, with its reason and the number that was dialled."""

import pytest
from unit.calls import AGENT, CALLER, NEVER, STRANGER, hung_up, line, ms
from unit.switchboard import NUMBERS

from ari_app import translation as t
from ari_app.core import evidence as ev
from ari_app.core.names import ChannelId, RunId
from ari_app.core.policy import Policy
from ari_app.core.reasons import Reason
from ari_app.opening import Identity, Opening
from ari_app.passing import Passing

RULES = Policy(
    "hospital",
    "pbx1",
    {"advice-line": line(), "crisis-line": NEVER},
    staff=frozenset({"PJSIP/2001"}),
    trunks=frozenset({"PJSIP/trunk"}),
    emergency_numbers=frozenset({"999", "112"}),
)


class Desk:
    """Keeps what is written, by recording; `ours` are the channels whose call the gate has."""

    def __init__(self):
        self.written = {}
        self.ours: set[ChannelId] = set()
        opening = Opening(RULES, Identity(RunId("run"), "pbx1", "consentgate 0"), NUMBERS)
        self.passing = Passing(RULES, opening, self.note, self.ours.__contains__)

    def note(self, recording, *entries):
        self.written.setdefault(recording, []).extend(entries)

    def dial(self, at=100, number="01632960002", *, target=AGENT, endpoint="PJSIP/trunk"):
        self.passing.dialled(t.Dialled(ms(at), CALLER, target, endpoint, number))

    def pass_by(self, name="crisis-line", *, channel=CALLER, why=Reason.LINE_NEVER):
        self.passing.passed(t.PassedBy(ms(100), channel, name, "01632960001", why))

    def record(self):
        """Return what is written of the only call, and the number of its other side."""
        ((opened, *rest),) = self.written.values()
        return opened, None if opened.number is None else NUMBERS.decrypt(opened.number), rest


@pytest.fixture
def desk():
    return Desk()


@pytest.mark.parametrize("number", ["999", "112"])
@pytest.mark.parametrize("endpoint", ["PJSIP/trunk", "PJSIP/emergency"])
def test_an_emergency_number_has_its_record_when_it_answers_and_no_work_is_done_before(desk, number, endpoint):
    desk.dial(number=number, endpoint=endpoint)
    assert (desk.written, desk.passing.channels()) == ({}, {CALLER})
    desk.passing.connected(ms(900), CALLER)
    opened, dialled, rest = desk.record()
    assert (opened.direction, opened.channel, opened.line, opened.mode, dialled) == ("outgoing", CALLER, "", "", number)
    assert rest == [ev.NotRecorded(at=ms(100), reason=Reason.EMERGENCY_NUMBER)]


def test_an_emergency_number_that_does_not_answer_has_its_record_when_the_caller_gives_up(desk):
    desk.dial(number="999")
    over = desk.passing.over(hung_up(900, CALLER))
    _, dialled, rest = desk.record()
    assert dialled == "999"
    assert rest == [
        ev.NotRecorded(at=ms(100), reason=Reason.EMERGENCY_NUMBER),
        ev.Ended(at=ms(900), reason=None),
    ]
    assert (list(desk.written), desk.passing.channels()) == ([over], set())


def test_an_emergency_number_that_answers_has_one_record(desk):
    desk.dial(number="999")
    desk.passing.connected(ms(900), AGENT)
    desk.passing.connected(ms(900), CALLER)
    assert len(desk.written) == 1


@pytest.mark.parametrize("number", ["9999", "99", "", "0112"])
def test_a_number_that_only_looks_like_one_is_none(desk, number):
    desk.dial(number=number)
    assert desk.written == {}


def test_who_is_called_and_connected_without_the_gate_has_a_record(desk):
    desk.dial()
    assert desk.written == {}
    desk.passing.connected(ms(900), AGENT)
    opened, dialled, rest = desk.record()
    assert (opened.at, opened.direction, opened.channel, dialled) == (ms(900), "outgoing", AGENT, "01632960002")
    assert rest == [ev.NotRecorded(at=ms(900), reason=Reason.OUTGOING_NOT_GATED)]


def test_who_is_connected_twice_has_one_record(desk):
    desk.dial()
    desk.passing.connected(ms(900), AGENT)
    desk.passing.connected(ms(950), AGENT)
    assert len(desk.written) == 1


def test_who_was_told_by_the_gate_has_none_of_these(desk):
    desk.dial()
    desk.ours.add(AGENT)
    desk.passing.connected(ms(900), AGENT)
    assert desk.written == {}


@pytest.mark.parametrize("endpoint", ["PJSIP/2002", "PJSIP/trunk-2", "PJSIP/trun", "Local/9@ward"])
def test_a_house_telephone_that_is_called_has_none(desk, endpoint):
    desk.dial(endpoint=endpoint)
    desk.passing.connected(ms(900), AGENT)
    assert desk.written == {}


def test_who_is_connected_and_was_not_called_has_none(desk):
    desk.dial()
    desk.passing.connected(ms(900), STRANGER)
    assert desk.written == {}


def test_the_number_of_who_is_called_is_the_one_that_was_dialled(desk):
    desk.dial()
    assert desk.passing.number_of(AGENT, "otherwise") == "01632960002"
    assert desk.passing.number_of(CALLER, "otherwise") == "otherwise"
    desk.passing.over(hung_up(900, AGENT))
    assert desk.passing.number_of(AGENT, "otherwise") == "otherwise"


def test_a_line_that_is_never_recorded_is_written_down_as_such(desk):
    desk.pass_by()
    opened, number, rest = desk.record()
    assert (opened.direction, opened.line, opened.mode, number) == ("incoming", "crisis-line", "never", "01632960001")
    assert rest == [ev.NotRecorded(at=ms(100), reason=Reason.LINE_NEVER)]


def test_an_answering_machine_is_written_down_with_the_number_that_was_dialled(desk):
    desk.dial(target=CALLER)
    desk.pass_by("advice-line", why=Reason.ANSWERING_MACHINE)
    opened, number, rest = desk.record()
    assert (opened.direction, opened.line, opened.mode, number) == (
        "outgoing",
        "advice-line",
        "announce",
        "01632960002",
    )
    assert rest == [ev.NotRecorded(at=ms(100), reason=Reason.ANSWERING_MACHINE)]
    desk.passing.connected(ms(900), CALLER)
    assert len(desk.written) == 1


def test_who_is_called_on_a_line_that_is_never_recorded_is_no_caller(desk):
    desk.dial()
    desk.pass_by(channel=AGENT)
    opened, dialled, rest = desk.record()
    assert (opened.direction, opened.channel, dialled) == ("outgoing", AGENT, "01632960002")
    assert rest == [ev.NotRecorded(at=ms(100), reason=Reason.LINE_NEVER)]


def test_a_line_that_nobody_knows_is_written_down_by_its_name(desk):
    desk.pass_by("unheard-of")
    opened, _, _ = desk.record()
    assert (opened.line, opened.mode) == ("unheard-of", "")


def test_a_call_that_is_ours_does_not_pass_by(desk):
    desk.ours.add(CALLER)
    desk.pass_by()
    assert desk.written == {}


def test_a_call_that_is_over_is_to_be_sealed_once(desk):
    desk.pass_by()
    (recording,) = desk.written
    assert desk.passing.over(hung_up(800, STRANGER)) is None
    assert desk.passing.over(hung_up(900)) == recording
    assert desk.written[recording][-1] == ev.Ended(at=ms(900), reason=None)
    assert desk.passing.over(hung_up(901)) is None


def test_the_same_channel_may_pass_by_again_as_another_call(desk):
    desk.pass_by()
    desk.passing.over(hung_up(900))
    desk.pass_by()
    assert len(desk.written) == 2
