"""The day's sheet, as text and as a page: what is on it, and what must never be."""

import re
from datetime import date
from html.parser import HTMLParser

import pytest
from sealed_calls import BEGAN, at, minted
from unit.assured import account, held, judged, unrecorded
from unit.driven import REAL

from ari_app.commands import sheet as sh
from ari_app.commands.reconcile import Days
from ari_app.commands.sheet import Sheet
from ari_app.commands.sheet_page import page
from ari_app.core.assurance import Fault, Finding, Group, Witnessed
from ari_app.core.day import MOST, Day
from ari_app.core.names import Instant
from ari_app.core.reasons import Reason

VOID = {"meta", "br", "path", "rect", "line"}


def filled():
    """Return a day with a call of every kind, and something of every fault."""
    day = Day()
    for _ in range(7):
        day.add(judged(REAL, held(REAL)))
    day.add(judged(REAL, held(REAL, unrecorded(REAL, Reason.LINE_NEVER, line="crisis-line"))))
    for _ in range(3):
        day.add(judged(REAL, held(REAL, unrecorded(REAL, Reason.OBJECTED))))
    day.add(judged(REAL, held(REAL, unrecorded(REAL, Reason.GATE_AWAY, line="<b>"))))
    day.add(judged(REAL, witnessed=Witnessed(at(4), at(9), "house")))
    day.add(judged(REAL, running=True))
    day.add(judged(REAL, held(REAL, account(REAL, ended=at(-8000)), waiting=True, heard=(True, False))))
    for fault in Fault:
        day.loose(Finding(fault, at(0), "is <script>\x1b[31m wrong", "switchboard", "", minted(3)))
    return day


def made(day=None, **changes):
    plain = {
        "site": "St Elsewhere <Hospital>",
        "node": "pbx1",
        "days": Days(date(2026, 11, 22), date(2026, 11, 22)),
        "day": day or filled(),
        "unknown": [("S3", "it does not answer", "whether what is stored is there is not known")],
        "notes": ["A note."],
        "made": at(3600),
    }
    return Sheet(**{**plain, **changes})


class Checked(HTMLParser):
    """Fails on what is not closed, and keeps what a reader of the page would be sent to."""

    def __init__(self, text):
        super().__init__()
        self.open: list[str] = []
        self.links: list[str | None] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()
        # Like the page of announcements it leaves out the tags that HTML lets one leave out.
        assert self.open in ([], ["html"]), self.open

    def handle_starttag(self, tag, attrs):
        self.links += [value for name, value in attrs if name in {"src", "href", "action", "data"}]
        assert not [name for name, _ in attrs if name.startswith("on")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)


def test_the_text_closes_its_sum():
    text = sh.text(made())
    figures = {
        words: int(number) for words, number in re.findall(r"^  ([A-Z][a-z ,]+?) {2,}(\d+)$", text, re.MULTILINE)
    }
    whole = figures.pop("All calls")
    assert figures == dict(zip(sh.GROUPS.values(), (8, 1, 4, 1), strict=True))
    assert sum(figures.values()) == whole == 14
    assert "8 of 13 calls that should have been recorded were recorded. 11 things to look into." in text
    assert "(not over yet, and not counted                 1)" in text


def test_the_text_says_each_exception_and_why_the_most_frequent_reason_first():
    text = sh.text(made())
    reasons = text[text.index("WHY CALLS") :].splitlines()[1:5]
    assert reasons == [
        "        3  The caller did not want to be recorded.",
        "        1  Calls of this line are never recorded.",
        "        1  Nobody knows why. Somebody has to look into it.",
        "        1  The recording system was not running.",
    ]
    each = text[text.index("EACH CALL") :]
    assert each.count("22 Nov, 09:00  ") == 5
    assert "no line           Nobody knows why." in each
    assert f"Not in the archive yet: 1. The oldest has waited for 3.2 hours, since 22 Nov, 06:46 ({minted(1)})." in text
    assert "S3 could not be asked: whether what is stored is there is not known. (it does not answer)" in text


def test_the_text_draws_the_hours_without_colour():
    day = filled()
    text = sh.text(made(day))
    (bar,) = [line for line in text.splitlines() if line.startswith("  09:00")]
    assert bar.split()[1] == "14"
    assert {mark for mark in "█·░!" if mark in bar} == set("█·░!")
    assert "BY THE HOUR" not in sh.text(made(Day()))


def test_nothing_moves_a_reader_s_cursor_and_nothing_runs():
    assert "\x1b" not in sh.text(made())
    text = page(made())
    assert "\x1b" not in text
    assert "<script" not in text
    assert "St Elsewhere &lt;Hospital&gt;" in text
    assert "&lt;b&gt;" in text


def test_the_page_is_whole_and_loads_nothing():
    text = page(made())
    checked = Checked(text)
    assert checked.links == []
    assert "url(http" not in text
    assert "default-src 'none'" in text
    assert '<html lang="en">' in text
    assert 'name="viewport"' in text


def test_the_page_has_the_figures_of_the_picture_in_words():
    text = page(made())
    assert "role=img" in text
    assert ">Calls by the hour" in text
    assert "<th scope=row>09:00</th><td class=n>8</td><td class=n>1</td><td class=n>4</td><td class=n>1</td>" in text
    assert "<b>All calls</b></th><td class=n><b>14</b>" in text
    for means in sh.MEANS.values():
        assert means in text
    assert "@media print" in text


@pytest.mark.parametrize(
    ("groups", "said"),
    [
        ([], "There was no call."),
        ([Group.BY_POLICY], "There was no call that should have been recorded."),
        ([Group.RECORDED], "1 of 1 calls that should have been recorded were recorded."),
    ],
)
def test_a_quiet_day_has_a_sentence_too(groups, said):
    day = Day()
    for group in groups:
        day.add(REAL.assurance.Judged(REAL.assurance.Call("1.1", Instant(BEGAN)), group, None, ()))
    quiet = made(day, unknown=[], notes=[])
    assert quiet.verdict == said
    assert quiet.said == "nothing to look into"
    assert said in sh.text(quiet)
    assert "None: everything is in the archive." in page(quiet)
    Checked(page(quiet))


def test_what_could_not_be_asked_is_no_good_news():
    assert made(Day()).state == "fair"
    assert made(Day(), unknown=[]).state == "good"
    assert made().state == "bad"


def test_more_than_anybody_reads_is_counted():
    day = Day()
    for _ in range(MOST + 3):
        day.add(judged(REAL, witnessed=Witnessed(at(4), at(9), "house")))
    for text in (sh.text(made(day)), page(made(day))):
        assert text.count("… and 3 more") == 2
    Checked(page(made(day)))


def test_several_days_have_one_sheet():
    both = made(days=Days(date(2026, 11, 21), date(2026, 11, 22)))
    assert both.title == "Recordings of Saturday, 21 November 2026 to Sunday, 22 November 2026"
