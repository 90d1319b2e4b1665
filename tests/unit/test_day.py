"""A day in figures: its arithmetic closes, whatever came."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sealed_calls import BEGAN, at, minted
from unit.assured import account, call, held, judged, unrecorded
from unit.driven import REAL

from ari_app.core import names
from ari_app.core.assurance import Fault, Finding, Group, Judged
from ari_app.core.day import Day
from ari_app.core.names import Instant
from ari_app.core.reasons import Reason
from ari_app.core.words import OTHER_CONTEXT, UNKNOWN, WORDS


def verdict(core, group, reason=None, *, seconds=0.0, findings=()):
    made = core.assurance.Call("1.1", Instant(BEGAN + round(seconds * 1_000_000)))
    return core.assurance.Judged(made, group, reason, tuple(findings))


@given(st.lists(st.tuples(st.sampled_from([*Group, None]), st.sampled_from([*Reason, None]), st.integers(0, 10**6))))
def test_the_arithmetic_closes(found):
    day = Day()
    for group, reason, seconds in found:
        day.add(verdict(REAL, group, reason, seconds=seconds))
    over = [group for group, _, _ in found if group is not None]
    assert day.calls == len(over) == sum(day.groups.values())
    assert day.calls == sum(sum(hour.values()) for hour in day.hours)
    assert day.running == len(found) - len(over)
    assert day.expected == day.calls - day.groups[Group.BY_POLICY]
    assert day.groups[Group.RECORDED] + sum(day.reasons.values()) == day.calls
    for group in Group:
        assert day.groups[group] == over.count(group) == sum(hour[group] for hour in day.hours)


def test_each_call_is_counted_by_its_hour_and_its_reason(core):
    group = core.assurance.Group
    day = core.day.Day()
    day.add(verdict(core, group.RECORDED))
    day.add(verdict(core, group.BY_POLICY, Reason.LINE_NEVER, seconds=3600))
    day.add(verdict(core, group.BY_POLICY, seconds=3600))
    day.add(verdict(core, group.WITH_REASON, Reason.OBJECTED, seconds=14 * 3600 + 3599))
    day.add(verdict(core, group.WITH_REASON, Reason.OBJECTED, seconds=15 * 3600))
    day.add(verdict(core, group.UNEXPLAINED))
    assert [sum(hour.values()) for hour in day.hours] == [1, *[0] * 8, 2, 2, *[0] * 12, 1]
    assert day.hours[9][group.RECORDED] == 1
    assert (day.calls, day.expected, day.running) == (6, 4, 0)
    assert day.reasons == {WORDS[Reason.LINE_NEVER]: 1, OTHER_CONTEXT: 1, WORDS[Reason.OBJECTED]: 2, UNKNOWN: 1}
    told = [(one.why, one.explained) for one in day.unrecorded]
    assert told == [(WORDS[Reason.OBJECTED], True), (WORDS[Reason.OBJECTED], True), (UNKNOWN, False)]
    assert day.unrecorded[0].at == BEGAN + (14 * 3600 + 3599) * 1_000_000


def test_what_is_not_over_is_counted_apart(core):
    day = core.day.Day()
    day.add(verdict(core, None))
    assert (day.calls, day.running, day.unrecorded) == (0, 1, [])


def test_the_oldest_that_waits_is_named(core):
    day = core.day.Day()
    for number, ended in ((1, 30), (2, 20), (3, 25), (4, 20)):
        one = account(core, recording=minted(number), ended=at(ended))
        day.add(judged(core, held(core, one, waiting=True)))
    day.add(judged(core, held(core, account(core, ended=at(1)))))
    assert (day.waiting, day.calls, day.oldest) == (4, 5, core.day.Oldest(at(20), minted(2), "switchboard"))


def test_what_waits_of_earlier_days_is_counted_with_it(core):
    day, older = core.day.Day(), core.day.Oldest(at(-9), minted(8), "")
    day.earlier(3, older)
    day.add(judged(core, held(core, waiting=True)))
    assert (day.waiting, day.oldest, day.calls) == (4, older, 1)


def test_findings_are_counted_with_and_without_a_call(core):
    day = core.day.Day()
    day.add(judged(core, held(core, row=False), aside=(minted(4),)))
    day.loose(core.assurance.Finding(core.assurance.Fault.ORPHANED, at(0), "lies there"))
    assert day.faults == {"missing": 1, "orphaned": 2}
    assert day.found == 3
    assert [one.what for one in day.findings][-1] == "lies there"


def test_memory_does_not_grow_with_the_day(core):
    day, most = core.day.Day(), 500
    finding = Finding(Fault.LATE, at(0), "waits")
    for _ in range(most + 1):
        day.add(verdict(core, core.assurance.Group.UNEXPLAINED, findings=[finding]))
    assert (len(day.unrecorded), len(day.findings), day.found, day.calls) == (most, most, most + 1, most + 1)


def test_every_reason_has_words_that_need_no_dictionary():
    assert set(WORDS) == set(Reason)
    for text in (*WORDS.values(), OTHER_CONTEXT, UNKNOWN):
        assert text[0].isupper()
        assert text.endswith(".")
        ours = ("gate", "permit", "channel", "bridge", "manifest", "spool", "ARI", "AMI", "trunk", "packet")
        assert not [one for one in ours if one in text.replace("mitigate", "")], text


@pytest.mark.parametrize(("group", "reason"), list(itertools.product(Group, [None, Reason.OBJECTED])))
def test_each_group_has_words(group, reason):
    day = Day()
    day.add(Judged(call(REAL), group, reason, ()))
    assert bool(day.reasons) is (group is not Group.RECORDED)
    assert names.iso(at(0)).startswith("2026-11-22T09")
    assert unrecorded(REAL, Reason.PRIVATE).reason is Reason.PRIVATE
