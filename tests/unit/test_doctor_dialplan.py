"""The dialplan is read as Asterisk reads it, and every way past the gate is found in it."""

from pathlib import Path

import pytest

from ari_app.commands.asterisk_files import pattern, read
from ari_app.doctor import arguments
from ari_app.doctor.catalogue import Found
from ari_app.doctor.dialplan import Dialplan
from ari_app.doctor.lookup import Lookup, overlap
from ari_app.doctor.routes import Entry, Walk
from ari_app.doctor.told import Told

TOLD = Told(frozenset({"PJSIP/2001"}), frozenset({"999", "01632960199"}))
GATE = "exten => 1,1,Gosub(consentgate,s,1(advice-line))\n"


def dialplan(folder: Path, text: str) -> Dialplan:
    (folder / "extensions.conf").write_text(text, encoding="utf-8")
    return Dialplan(read(folder, "extensions.conf"))


def routes(folder: Path, text: str, *, outside: bool = True, parked: frozenset[str] = frozenset()) -> list[Found]:
    entry = Entry("in", "pjsip.conf:1 trunk", outside)
    return list(Walk(dialplan(folder, text), TOLD).routes([entry], parked))


def names(found: list[Found]) -> list[tuple[str, str]]:
    return [(one.name, one.subject.rpartition(":")[2]) for one in found]


class TestArguments:
    @pytest.mark.parametrize(
        ("text", "parts"),
        [
            ("a,b,c", ["a", "b", "c"]),
            ('1("x,y"),U(a^b,c),${IF(1?2,3)}', ['1("x,y")', "U(a^b,c)", "${IF(1?2,3)}"]),
            (r"a\,b,c", [r"a\,b", "c"]),
            ("", [""]),
            ("a(b,c", ["a(b,c"]),
            ("a),b", ["a)", "b"]),
        ],
    )
    def test_commas_in_brackets_and_quotes_part_nothing(self, text: str, parts: list[str]) -> None:
        assert arguments.split(text) == parts

    @pytest.mark.parametrize(
        ("options", "found"),
        [
            ("tTU(consentgate-party^x)m", {"t": "", "T": "", "U": "consentgate-party^x", "m": ""}),
            ("${DIAL_OPTIONS}b(f(a)^s^1)p", {"b": "f(a)^s^1", "p": ""}),
            ("L(60000", {"L": "60000"}),
            ("$[1 + 1]x", {"x": ""}),
            ("1!?", {}),
        ],
    )
    def test_options_are_letters_and_a_variable_is_none(self, options: str, found: dict[str, str]) -> None:
        assert arguments.letters(options) == found

    @pytest.mark.parametrize(
        ("text", "parted"),
        [
            ("Dial(a,b)", ("Dial", "a,b")),
            ("Hangup", ("Hangup", "")),
            ("NoOp,a(b)", ("NoOp", "a(b)")),
            ("Set(x=${Y})", ("Set", "x=${Y}")),
            ("Set(x=(y", ("Set", "x=(y")),
        ],
    )
    def test_an_application_and_its_arguments(self, text: str, parted: tuple[str, str]) -> None:
        assert arguments.call(text) == parted

    def test_a_condition_may_hold_question_marks_and_colons(self) -> None:
        assert arguments.branches('$["${A:1}" = "?"]?s,1:b(c:d)') == ('$["${A:1}" = "?"]', "s,1", "b(c:d)")
        assert arguments.branches("1") == ("1", "", "")
        assert arguments.branches("1?a") == ("1", "a", "")


class TestReading:
    def test_priorities_and_labels(self, tmp_path: Path) -> None:
        text = (
            "[a]\nexten => s,1(go),NoOp()\n same => n+3(far),Answer()\n same => s(same),Never()\n"
            "exten => t,50(x),NoOp\nexten => s,hint,PJSIP/1\nexten => s,n,Dial(PJSIP/1)\n same => oops,NoOp()\n"
            " same => n\n"
        )
        (extension, other) = dialplan(tmp_path, text).contexts["a"].extensions.values()
        assert [(one.priority, one.label, one.application) for one in extension.steps.values()] == [
            (1, "go", "NoOp"),
            (4, "far", "Answer"),
            (5, "", "Dial"),
        ]
        assert list(other.steps) == [50]
        assert (extension.label("far"), extension.label("7"), extension.label("no"), extension.label("9" * 99)) == (
            4,
            7,
            None,
            None,
        )
        assert extension.steps[4].where == "extensions.conf:3"

    def test_a_template_is_no_context(self, tmp_path: Path) -> None:
        found = dialplan(tmp_path, "[a](!)\nexten => s,1,NoOp()\n[b](a)\nswitch => DUNDi/x\nsame => n,NoOp()\n")
        assert list(found.contexts) == ["b"]
        assert list(found.contexts["b"].extensions) == ["s"]

    def test_lines_are_numbered_behind_a_block_comment(self, tmp_path: Path) -> None:
        found = dialplan(tmp_path, "[a]\n;-- a\nb\n--;\nexten => s,1,NoOp()\n")
        assert found.steps[0][1].where == "extensions.conf:5"

    @pytest.mark.parametrize(
        ("one", "other", "both"),
        [
            ("_X.", "2001", True),
            ("_X.", "2", False),
            ("_X!", "2", True),
            ("_200X", "_2XXX", True),
            ("_200X", "_3XXX", False),
            ("_2XX", "_2XXX", False),
            ("_X.", "_0!", True),
        ],
    )
    def test_patterns_overlap(self, one: str, other: str, both: bool) -> None:
        assert overlap(pattern(one), pattern(other)) is both
        assert overlap(pattern(other), pattern(one)) is both

    def test_the_nearest_extension_is_taken(self, tmp_path: Path) -> None:
        found = Lookup(
            dialplan(
                tmp_path,
                "[a]\nexten => _X.,1,NoOp()\nexten => _20XX,1,NoOp()\nexten => 2001,1,NoOp()\nexten => s-X,1,NoOp()\n",
            )
        )

        def of(written: str, current: str = "s") -> list[str] | None:
            extensions = found.find("a", written, current)
            return None if extensions is None else [one.written for one in extensions]

        assert of("2001") == ["2001"]
        assert of("2002") == ["_20XX"]
        assert of("99") == ["_X."]
        assert of("x") == []
        assert of("${EXTEN}", "_200X") == ["2001", "_20XX", "_X."]
        assert of("s-${DIALSTATUS}") == ["s-X"]
        assert of("${NUMBER}") is None


class TestRoutes:
    def test_the_gate_comes_first(self, tmp_path: Path) -> None:
        assert routes(tmp_path, f"[in]\n{GATE} same => n,Dial(PJSIP/2001)\n") == []

    def test_a_party_before_the_gate(self, tmp_path: Path) -> None:
        text = f"[in]\nexten => 1,1,Dial(PJSIP/2001)\n{GATE.replace(',1,', ',n,', 1)}"
        assert names(routes(tmp_path, text)) == [("route-ungated", "2")]

    @pytest.mark.parametrize(
        "way",
        [
            "Goto(party,1)",
            "Goto(other,2,1)",
            "Goto(other,${EXTEN},1)",
            "GotoIf($[1]?:other,2,1)",
            "GotoIfTime(9:00-17:00,mon-fri,*,*?other,2,1)",
            "Gosub(other,2,1(a,b))",
            "GosubIf($[1]?other,2,1(a):nowhere,1,1)",
            "Macro(ring,2001)",
            "ExecIf($[1]?Dial(PJSIP/2001))",
            "ExecIf($[1]?Goto(other,2,1):NoOp())",
            "TryExec(Queue(advice))",
            "Background(hello,,,menu)",
            "DISA(no-password,menu)",
            "Directory(default,menu)",
            "Dial(Local/2@other/n)",
            "GosubIf($[1]?consentgate,s,1(x))",
            "VoiceMail(2001)",
            "ParkedCall(default,701)",
        ],
    )
    def test_every_way_past_the_gate_is_found(self, tmp_path: Path, way: str) -> None:
        text = (
            f"[in]\nexten => 1,1,{way}\n same => n,ConfBridge(1)\nexten => party,1,Page(PJSIP/2001)\n"
            "[other]\nexten => 2,1,Pickup(2001)\n same => n,Return()\nexten => 1,1,Queue(advice)\n"
            "[macro-ring]\nexten => s,1,Dial(PJSIP/2001)\n[menu]\nexten => 5,1,Dial(PJSIP/2001)\n"
        )
        found = routes(tmp_path, text)
        assert "route-ungated" in {one.name for one in found}, found

    @pytest.mark.parametrize("way", ["Goto(${WHERE},1,1)", "Goto(in,${NUMBER},1)", "${APP}(x)", "Goto(gone,1,1)"])
    def test_what_only_a_call_knows_is_said(self, tmp_path: Path, way: str) -> None:
        assert names(routes(tmp_path, f"[in]\nexten => 1,1,{way}\n")) == [("dialplan-not-followed", "2")]

    def test_a_subroutine_with_the_gate_in_it_counts(self, tmp_path: Path) -> None:
        text = (
            "[in]\nexten => 1,1,Gosub(first,s,1)\n same => n,Macro(second)\n same => n,Dial(PJSIP/2001)\n"
            "[first]\nexten => s,1,Gosub(consentgate,s,1(x))\n same => n,Return()\n"
            "[macro-second]\nexten => s,1,NoOp()\n"
        )
        assert routes(tmp_path, text) == []
        half = text.replace("s,1,Gosub(consentgate", "s,1,ExecIf($[1]?Return())\n same => n,Gosub(consentgate")
        assert names(routes(tmp_path, half)) == [("route-ungated", "4")]

    def test_a_subroutine_that_calls_itself_is_not_taken_for_good(self, tmp_path: Path) -> None:
        ring = "exten => 1,1,Gosub(a,s,1)\n same => n,Dial(PJSIP/2001)\n"
        text = f"[in]\n{ring}[a]\nexten => s,1,Gosub(a,s,1)\n same => n,Return()\n"
        assert names(routes(tmp_path, text)) == [("dialplan-not-followed", "5"), ("route-ungated", "3")]

    def test_a_subroutine_in_which_the_way_is_lost_may_return(self, tmp_path: Path) -> None:
        text = "[in]\nexten => 1,1,Gosub(a,s,1)\n same => n,Dial(PJSIP/2001)\n[a]\nexten => s,1,Goto(${ARG1},1)\n"
        assert names(routes(tmp_path, text)) == [("dialplan-not-followed", "5"), ("route-ungated", "3")]
        behind = text.replace("n,Dial", "n,Gosub(b,s,1)\n same => n,Dial")
        behind += "[b]\nexten => s,1,Gosub(a,s,1)\n same => n,Gosub(consentgate,s,1(x))\n same => n,Return()\n"
        assert names(routes(tmp_path, behind)) == [("dialplan-not-followed", "6")]

    def test_subroutines_without_end(self, tmp_path: Path) -> None:
        chain = "".join(f"[a{one}]\nexten => s,1,Gosub(a{one + 1},s,1)\n same => n,Return()\n" for one in range(99))
        found = routes(tmp_path, f"[in]\nexten => 1,1,Gosub(a0,s,1)\n same => n,Dial(PJSIP/2001)\n{chain}")
        assert {one.name for one in found} == {"dialplan-not-followed", "route-ungated"}

    def test_numbers_that_are_never_recorded_need_no_gate(self, tmp_path: Path) -> None:
        text = (
            "[in]\nexten => 01632960199,1,Dial(PJSIP/2001)\nexten => 5,1,WaitExten()\nexten => 999,1,Dial(PJSIP/1@x)\n"
        )
        assert routes(tmp_path, text) == []

    def test_parked_calls_are_taken_without_a_line_of_dialplan(self, tmp_path: Path) -> None:
        found = routes(tmp_path, "[in]\ninclude => b\n[b]\ninclude => parkedcalls\n", parked=frozenset({"parkedcalls"}))
        assert [one.name for one in found] == ["route-ungated"]

    def test_whoever_is_called_is_told(self, tmp_path: Path) -> None:
        text = (
            "[in]\nexten => _0X.,1,Dial(PJSIP/${EXTEN}@trunk,60,mU(consentgate-party^outgoing))\n"
            "exten => 2001,1,Dial(PJSIP/2001,20)\nexten => _1X.,1,Dial(PJSIP/${EXTEN}@trunk)\n"
            "exten => 3,1,Dial(Local/1234@in)\nexten => 999,1,Dial(PJSIP/999@trunk)\n"
        )
        found = routes(tmp_path, text, outside=False)
        assert names(found) == [("called-untold", "4")]

    def test_an_end_is_an_end(self, tmp_path: Path) -> None:
        text = "[in]\nexten => 1,1,Hangup()\n same => n,Dial(PJSIP/2001)\nexten => h,1,Dial(PJSIP/2001)\n"
        assert routes(tmp_path, text) == []
