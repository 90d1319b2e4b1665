"""The public notice: everything that the configuration holds is in it, and nothing else is."""

from dataclasses import asdict, fields, replace

import pytest
from unit.driven import REAL, Core

from ari_app.core.policy import Mode, OnObjection


@pytest.fixture
def core() -> Core:
    return REAL


def line(core, **changes):
    notice = core.notice
    plain = {
        "name": "advice-line",
        "mode": Mode.ANNOUNCE_OPT_OUT,
        "numbers": ("01632960111", "01632960112"),
        "purposes": ("training", "audit"),
        "spoken": (notice.Spoken("cy", "Croeso."), notice.Spoken("en", "Welcome.")),
        "spoken_when_called": (notice.Spoken("en", "Hello."),),
        "opt_out_key": "9",
        "opt_out_sequence": "*9",
        "destroyed_seconds": 60,
        "kept": notice.Kept(8, "year", "last_contact", "Records Code", "2026-11-01"),
    }
    return notice.Line(**plain | changes)


def never(core, **changes):
    return line(core, name="crisis-line", mode=Mode.NEVER, numbers=("01632960199",), reason="anonymous", **changes)


def made(core, *lines, emergency=(), **words):
    facts = core.notice.Facts("St Elsewhere", lines or (line(core),), emergency, "2026-11-29")
    return core.notice.compose(facts, replace(core.notice_words.ENGLISH, **words))


def under(notice, heading):
    """Return what stands under the one heading that begins so, a kind's first letter and its text."""
    (section,) = [one for one in notice.sections if one.heading.startswith(heading) and one.heading]
    return [f"{piece.kind.value[0]} {piece.text}" for piece in section.pieces]


def test_the_headings_are_in_the_order_in_which_one_asks(core):
    notice = made(core, line(core), never(core), line(core, name="ward"), emergency=("999",))
    assert [(one.heading, one.level) for one in notice.sections] == [
        ("", 2),
        ("What for, and on which legal basis", 2),
        ("Lines on which calls are recorded", 2),
        ("advice-line: 01632960111, 01632960112", 3),
        ("ward: 01632960111, 01632960112", 3),
        ("Calls that are never recorded", 2),
        ("If you do not want to be recorded", 2),
        ("How long recordings are kept", 2),
        ("Whom to ask", 2),
    ]
    assert (notice.title, notice.language) == ("Recording of telephone calls at St Elsewhere", "en")
    assert notice.made.endswith("on 2026-11-29.")


def test_who_records_and_what_is_promised_to_whoever_is_recorded(core):
    pieces = made(core).sections[0].pieces
    words = core.notice_words.ENGLISH
    assert [piece.text for piece in pieces] == [
        "St Elsewhere records telephone calls on the lines below.",
        words.told_first,
        words.everybody,
        words.call_goes_on,
        words.entry,
    ]
    assert {(piece.kind, piece.language) for piece in pieces} == {(core.notice.Kind.SAID, "en")}


def test_a_site_that_records_nothing_says_so(core):
    notice = made(core, never(core))
    assert [one.heading for one in notice.sections] == ["", "Calls that are never recorded"]
    assert [piece.text for piece in notice.sections[0].pieces] == ["St Elsewhere records no telephone calls."]
    assert notice.blanks == []


def test_purposes_are_said_once_and_a_line_without_any_is_a_blank(core):
    notice = made(core, line(core), line(core, name="ward", purposes=("audit", "research")), line(core, purposes=()))
    assert under(notice, "What for") == [
        "s Calls are recorded for: training, audit, research.",
        "b to be filled in: the purposes of the line advice-line",
        "b to be filled in: the legal basis of recording, for each purpose",
    ]
    assert under(made(core, line(core, purposes=())), "What for")[0].startswith("b ")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"mode": Mode.ANNOUNCE}, "announce"),
        ({"mode": Mode.ANNOUNCE_OPT_OUT}, "announce_opt_out"),
        ({"mode": Mode.OPT_IN, "consent_key": "1"}, "opt_in"),
    ],
)
def test_a_line_says_how_its_callers_are_asked(core, changes, said):
    words = core.notice_words.ENGLISH
    first = under(made(core, line(core, **changes)), "advice-line")[0]
    assert first == f"s {core.notice_words.fill(getattr(words, said), key='1' if said == 'opt_in' else '9')}"


def test_a_line_says_what_is_heard_and_what_is_recorded(core):
    assert under(made(core), "advice-line")[1:] == [
        "s Only the conversation is recorded, not the waiting before it.",
        "s For: training, audit.",
        "s You hear:",
        "q Croeso.",
        "q Welcome.",
        "s If we call you from this line, you hear an announcement when you answer, and are recorded only after it.",
        "s You hear, if we call you:",
        "q Hello.",
    ]
    (section,) = [one for one in made(core).sections if one.level == 3]
    assert [one.language for one in section.pieces if one.kind is core.notice.Kind.QUOTED] == ["cy", "en", "en"]


def test_a_line_that_records_the_waiting_and_tells_nobody_whom_it_calls_says_so(core):
    quiet = line(core, records_waiting=True, spoken_when_called=(), spoken=(), purposes=(), numbers=())
    assert under(made(core, quiet), "advice-line")[0::1] == [
        "b to be filled in: the telephone numbers of the line advice-line",
        f"s {core.notice_words.fill(core.notice_words.ENGLISH.announce_opt_out, key='9')}",
        "s You are recorded from the end of the announcement on, also while you wait for somebody to answer.",
        "s If we call you from this line, you are not recorded.",
    ]
    (section,) = [one for one in made(core, quiet).sections if one.level == 3]
    assert section.heading == "advice-line"


def test_what_is_never_recorded_is_named_with_its_reason(core):
    notice = made(core, line(core), never(core), replace(never(core), numbers=()), emergency=("999", "112"))
    assert under(notice, "Calls that are never") == [
        "s crisis-line (01632960199): anonymous.",
        "s crisis-line: anonymous.",
        "s Calls to 999, 112 (emergency numbers).",
    ]
    assert "never recorded" not in "".join(one.heading for one in made(core).sections)
    blank = made(core, line(core), replace(never(core), reason=""))
    assert under(blank, "Calls that are never") == [
        "b to be filled in: why the line crisis-line is never recorded",
    ]
    assert under(made(core, emergency=("999",)), "Calls that are never") == ["s Calls to 999 (emergency numbers)."]


def test_how_to_say_no_by_key(core):
    fill, words = core.notice_words.fill, core.notice_words.ENGLISH
    assert under(made(core), "If you do not want") == [
        "s Saying no needs no reason and changes nothing else: the call goes on as any other.",
        "s advice-line: press 9 during the announcement.",
        "s advice-line: at any later time press *9 on your telephone.",
        f"s {fill(words.destroyed, line='advice-line', seconds=60)}",
        "s advice-line: a no ends the recording of everybody in the call.",
    ]


def test_how_to_say_no_where_a_yes_is_asked_for_and_what_came_before_is_kept(core):
    asked = line(
        core,
        mode=Mode.OPT_IN,
        opt_out_key="",
        consent_key="1",
        destroyed_seconds=0,
        on_objection=OnObjection.LEAVE_OUT,
    )
    assert under(made(core, asked), "If you do not want")[1:] == [
        "s advice-line: do nothing, or press any key but 1.",
        "s advice-line: at any later time press *9 on your telephone.",
        "s advice-line: what was recorded before is kept.",
        "s advice-line: a no ends the recording of your voice; others in the call who were told are recorded on.",
    ]


def test_a_line_without_a_key_for_a_no_is_a_blank_until_the_site_has_said_how(core):
    told = line(core, mode=Mode.ANNOUNCE, opt_out_key="", opt_out_sequence="")
    blank = "to be filled in: how somebody says no on the line advice-line, which has no key for it"
    assert under(made(core, told), "If you do not want")[1:] == [f"b {blank}"]
    filled = made(core, told, without_key="Tell whoever answers.")
    assert under(filled, "If you do not want")[1:] == ["s advice-line: Tell whoever answers."]


@pytest.mark.parametrize(
    ("count", "unit", "period"),
    [
        (1, "day", "1 day"),
        (2, "day", "2 days"),
        (1, "week", "1 week"),
        (2, "week", "2 weeks"),
        (1, "month", "1 month"),
        (6, "month", "6 months"),
        (1, "year", "1 year"),
        (8, "year", "8 years"),
    ],
)
@pytest.mark.parametrize(("since", "begins"), [("call", "the call"), ("last_contact", "the last contact")])
def test_how_long_recordings_are_kept_and_by_which_rule(core, count, unit, period, since, begins):
    kept = core.notice.Kept(count, unit, since, "Records Code", "2026-11-01")
    assert under(made(core, line(core, kept=kept)), "How long") == [
        f"s advice-line: {period} from {begins}. The rule: Records Code (read on 2026-11-01).",
    ]


def test_a_line_without_a_class_is_a_blank(core):
    blank = "b to be filled in: how long recordings of the line advice-line are kept, and by which rule"
    notice = made(core, line(core, kept=None), line(core, name="ward"))
    assert under(notice, "How long")[0] == blank
    assert under(notice, "How long")[1].startswith("s ward: 8 years")


def test_what_no_program_can_know_is_blank_until_it_is_written(core):
    assert made(core).blanks == [
        "to be filled in: the legal basis of recording, for each purpose",
        "to be filled in: who answers questions, requests to hear or delete a recording, and complaints",
        "to be filled in: who may listen to recordings, and to whom they are given",
    ]
    written = made(core, legal_basis="Article 6(1)(e).", contact="Write to us.", recipients="The ward's managers.")
    assert written.blanks == []
    assert under(written, "Whom to ask")[:2] == ["s Write to us.", "s The ward's managers."]
    assert under(written, "What for")[1:] == ["s Article 6(1)(e)."]
    twice = made(core, line(core, purposes=()), line(core, purposes=()))
    assert len(twice.blanks) == 4, "each blank is told once"


def test_a_sentence_takes_what_is_meant_for_it_and_leaves_the_rest(core):
    fill = core.notice_words.fill
    assert fill("{a} and {b}, {a}", a=1, b="{a}") == "1 and {a}, 1"
    assert fill("{line.__class__} {nobody}", line="x") == "{line.__class__} {nobody}"


def whole(core, **changes):
    return asdict(core.notice_words.ENGLISH) | changes


def test_the_english_wording_is_right_but_for_what_the_site_must_write(core):
    assert core.notice_words.problems(whole(core)) == []
    given = {name: text for name, text in whole(core).items() if name not in core.notice_words.FILLED}
    assert core.notice_words.problems(given) == [], "the site need not write what it leaves blank"
    assert {one.name for one in fields(core.notice_words.Wording)} >= core.notice_words.FILLED
    assert frozenset({"legal_basis", "recipients", "contact", "without_key"}) == core.notice_words.FILLED


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"title": "Recording"}, "title has not {site}"),
        ({"title": "{site} {line}"}, "title cannot have {line}"),
        ({"contact": "Ask {site}"}, "contact cannot have {site}"),
        ({"heard": ""}, "heard is empty"),
        ({"heard": " \n"}, "heard is empty"),
        ({"heard": False}, "heard is not text: put it in quotes"),
        ({"language": False}, "language is not text: put it in quotes"),
        ({"language": "Welsh"}, "language is not a language, as en, cy or en-GB"),
        ({"heard": "a\x1b[31m"}, "heard is longer than 4000 characters, or holds some that cannot be printed"),
        ({"heard": "a" * 4001}, "heard is longer than 4000 characters, or holds some that cannot be printed"),
        ({"hared": "You hear:"}, "hared is not known"),
    ],
)
def test_a_wrong_wording_is_told(core, changes, problem):
    assert core.notice_words.problems(whole(core, **changes)) == [problem]


def test_a_wording_may_be_long_and_of_several_lines_and_each_missing_sentence_is_told(core):
    assert core.notice_words.problems(whole(core, heard="a\n" * 2000, language="en-GB", contact="")) == []
    given = whole(core)
    del given["title"], given["heard"], given["contact"]
    assert core.notice_words.problems(given) == ["title is missing", "heard is missing"]
