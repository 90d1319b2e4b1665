"""Whatever stands in Asterisk's files, reading them ends, and soon."""

from itertools import pairwise
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from unit.test_doctor_dialplan import TOLD, routes

from ari_app.commands.asterisk_files import read
from ari_app.doctor import arguments, doors_files, site
from ari_app.doctor.dialplan import Dialplan
from ari_app.doctor.folder import Folder
from ari_app.doctor.routes import Entry, Walk

FRAGMENTS = st.sampled_from(
    [
        *(
            "[in]\n",
            "[a](!)\n",
            "[a](a,b)\n",
            "[b](+)\n",
            "[general]\n",
            "[globals]\nX=${X}\n",
            "[",
            "](",
            ";--",
            "--;",
        ),
        *(
            "exten => s,1,",
            "exten => _X.,n(",
            " same => n,",
            "same => s+",
            "include => in\n",
            "include => a\n",
            "switch => ",
        ),
        *(
            "Goto(",
            "Gosub(a,s,1(",
            "Macro(",
            "ExecIf(",
            "GotoIf($[",
            "Dial(",
            "Set(",
            "?",
            ":",
            ",",
            ")",
            "(",
            "]",
            "}",
        ),
        *(
            "${EXTEN",
            "${",
            "$[",
            '"',
            "\\",
            "\n",
            ";",
            "#include extensions.conf\n",
            "#exec /bin/true\n",
            "#tryinclude x\n",
        ),
        *(
            "MixMonitor(",
            "U(",
            "\x00",
            "\u2028",
            "\r",
            "9" * 30,
            "_",
            "!",
            "[1-",
            "Local/s@a",
            "Background(",
            "Return()\n",
        ),
    ]
)


class TestHostile:
    @settings(deadline=None, max_examples=150)
    @given(parts=st.lists(st.one_of(FRAGMENTS, st.text(max_size=5)), max_size=60))
    def test_whatever_stands_in_the_files_reading_them_ends(self, parts: list[str], tmp_path_factory) -> None:
        folder = tmp_path_factory.mktemp("hostile")
        for name in ("extensions.conf", "pjsip.conf", "features.conf", "manager.conf"):
            (folder / name).write_bytes("".join(parts).encode("utf-8", "surrogatepass"))
        house = site.House(doors_files.Ours(frozenset(), frozenset(), guarded=False), TOLD)
        found = [*site.recording_doors(Folder(folder), house), *site.routes(Folder(folder), house)]
        walk = Walk(Dialplan(Folder(folder).file("extensions.conf")), TOLD)
        found += walk.routes([Entry("in", "x"), Entry("a", "y", outside=False)], frozenset({"a"}))
        assert all(one.name and one.subject for one in found)

    @given(text=st.text(alphabet='a,()[]{}"\\?:$ ', max_size=40))
    def test_what_is_parted_is_the_whole(self, text: str) -> None:
        parts = arguments.split(text)
        assert ",".join(parts).replace(" ", "") == text.replace(" ", "")
        places = [place for place, _ in arguments.outside(text)]
        assert all(one < other for one, other in pairwise(places))
        arguments.letters(text)
        arguments.call(text)
        arguments.branches(text)

    def test_files_that_are_made_of_each_other(self, tmp_path: Path) -> None:
        text = "[a]\nx = 1\n" + "[b](a)\n[a](b)\n" * 60
        (tmp_path / "extensions.conf").write_text(text, encoding="utf-8")
        found = read(tmp_path, "extensions.conf")
        assert "too much is made of other sections" in found.unseen[-1]

    def test_files_that_include_each_other(self, tmp_path: Path) -> None:
        for name in ("extensions.conf", "b.conf", "c.conf", "d.conf"):
            (tmp_path / name).write_text("#include *.conf\n[a]\nexten => s,1,NoOp()\n", encoding="utf-8")
        assert any("more than" in one for one in read(tmp_path, "extensions.conf").unseen)

    def test_a_menu_of_menus_is_walked_once(self, tmp_path: Path) -> None:
        many = "".join(f"exten => {one},1,Background(x)\n same => n,Goto(in,s,1)\n" for one in range(800))
        assert routes(tmp_path, f"[in]\nexten => s,1,WaitExten()\n{many}") == []
