"""`consentgate check` of the keys: the files to copy from are free of findings, and each fault in them is one."""

import shutil
from pathlib import Path

import pytest
from unit.config_world import speech, write, write_wav

from ari_app import config, policy
from ari_app.announcements import Problem
from ari_app.commands import asterisk_files, check, check_keys
from ari_app.commands.finding import Finding
from ari_app.errors import FINDING, GOOD

CHECKOUT = Path(__file__).parents[2]
EXAMPLES = CHECKOUT / "dialplan" / "examples"
QUEUE = "[general]\n[advice]\ncontext = leave\n"


def copy(files: Path, target: Path) -> Path:
    """Copy files of Asterisk's, with what they include of ours."""
    folder = Path(shutil.copytree(files, target))
    for file in folder.glob("*.conf"):
        text = file.read_text(encoding="utf-8")
        for written in ("/opt/consentgate/dialplan/", "@dialplan@/"):
            text = text.replace(f"{written}consentgate-", f"{CHECKOUT / 'dialplan'}/consentgate-")
        file.write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a copy of the examples, in which a test then breaks one thing."""
    return copy(EXAMPLES, tmp_path / "asterisk")


def found(folder: Path, *changes: tuple[str, object], guarded: bool = False) -> list[Finding]:
    """Return what is found beside the line that says what was compared."""
    changed = changes or (("lines.advice-line.opt_out_sequence", "*9"),)
    world = folder.parent / "world"
    world.mkdir(exist_ok=True)
    loaded = config.load(write(world, *changed), {})
    lines = policy.compile(loaded, {"advice-en": Problem("is not looked at here")}).lines
    *findings, last = check_keys.look(folder, lines, guarded=guarded)
    assert (last.code, last.warning, last.subject) == (GOOD, False, f"keys in {folder}")
    return findings


def change(folder: Path, name: str, old: str, new: str) -> None:
    text = (folder / name).read_text(encoding="utf-8")
    assert old in text
    (folder / name).write_text(text.replace(old, new), encoding="utf-8")


def add(folder: Path, name: str, text: str) -> None:
    with (folder / name).open("a", encoding="utf-8") as file:
        file.write(text)


def only(findings: list[Finding]) -> tuple[str, str, int, bool]:
    (one,) = findings
    return one.subject, one.verdict, one.code, one.warning


@pytest.mark.parametrize("files", [EXAMPLES, CHECKOUT / "deploy" / "asterisk"], ids=["examples", "demo"])
def test_the_files_to_copy_from_are_free_of_findings(tmp_path: Path, files: Path) -> None:
    assert found(copy(files, tmp_path / "asterisk")) == []


class TestConversation:
    def test_a_sequence_that_asterisk_does_not_know(self, folder: Path) -> None:
        changes = ("lines.advice-line.opt_out_sequence", "*7")
        assert only(found(folder, changes)) == (
            "features.conf [applicationmap]",
            "has no entry for *7 (advice-line): whoever presses it in a conversation is not heard by Asterisk",
            FINDING,
            False,
        )

    @pytest.mark.parametrize("runs", ['"site-features,other,1"', "consentgate-features,object,1"])
    def test_an_entry_that_does_something_else_with_it(self, folder: Path, runs: str) -> None:
        """Without quotes Asterisk takes what follows the first comma for a class of music."""
        change(folder, "features.conf", '"consentgate-features,object,1"', runs)
        assert "has no entry for *9" in only(found(folder))[1]

    @pytest.mark.parametrize(
        "written",
        [
            '*9, self , Gosub , "consentgate-features,object,1"',
            "*9,self,Gosub(consentgate-features,object,1)",
            '*9,self/caller,gosub("consentgate-features,object,1"),default ; and music for the other',
        ],
    )
    def test_however_it_is_written(self, folder: Path, written: str) -> None:
        change(folder, "features.conf", '*9,self,Gosub,"consentgate-features,object,1"', written)
        assert found(folder) == []

    def test_an_objection_that_runs_on_the_other_side(self, folder: Path) -> None:
        change(folder, "features.conf", "*9,self", "*9,peer")
        assert "consent-object runs on the other one's channel" in only(found(folder))[1]

    def test_keys_that_a_group_gives(self, folder: Path) -> None:
        change(folder, "features.conf", "[consent-house]", "[outside]\nconsent-object => *7\n\n[consent-house]")
        change(folder, "pjsip.conf", "DYNAMIC_FEATURES=consent-object", "DYNAMIC_FEATURES=outside")
        assert found(folder, ("lines.advice-line.opt_out_sequence", "*7")) == []

    def test_without_a_file_there_is_nothing(self, folder: Path) -> None:
        (folder / "features.conf").unlink()
        verdicts = [one.verdict for one in found(folder)]
        assert verdicts[0].startswith("has no entry for *9")
        assert verdicts[1].startswith("pickupexten is *8")
        assert [one.split(",")[0] for one in verdicts[2:]] == ["names consent-object", "names consent-house"]

    def test_a_line_without_a_sequence_needs_nothing(self, folder: Path) -> None:
        change(folder, "features.conf", "consent-object =>", ";consent-object =>")
        change(folder, "pjsip.conf", "set_var = DYNAMIC_FEATURES=consent-object", "")
        assert found(folder, ("site.name", "St Elsewhere")) == []


class TestCollisions:
    @pytest.mark.parametrize(
        ("old", "new", "verdict"),
        [
            ("atxfer => *2", "atxfer => *5", "atxfer (*5) and consent-resume (*50)"),
            ("atxfer => *2", "atxfer => *9", "atxfer (*9) and consent-object (*9)"),
            ("atxfer => *2", "atxfer => *91", "consent-object (*9) and atxfer (*91)"),
            ("=> *51,", "=> *50,", "consent-resume (*50) and consent-pause-payment (*50)"),
            ("=> *54,", "=> *53,", "consent-pause-distress (*53) and consent-pause-child (*53)"),
        ],
    )
    def test_two_codes(self, folder: Path, old: str, new: str, verdict: str) -> None:
        change(folder, "features.conf", old, new)
        assert verdict in found(folder)[0].verdict
        assert {(one.subject, one.code) for one in found(folder)} == {("features.conf", FINDING)}

    def test_what_asterisk_means_where_nothing_is_said_is_a_warning(self, folder: Path) -> None:
        change(folder, "features.conf", "disconnect =\n", "")
        subject, verdict, code, warning = only(found(folder))
        assert (subject, code, warning) == ("features.conf [featuremap]", GOOD, True)
        assert "disconnect is not set, so it is *, with which atxfer (*2), consent-object (*9)" in verdict


class TestQueue:
    @pytest.mark.parametrize(
        ("extension", "typed"),
        [
            ("*", "*"),
            ("*9", "*9"),
            ("9", "9"),
            ("_*X", "*9"),
            ("_[*#]!", "*"),
            ("_N", "9"),
            ("9/2000", "9"),
            ("_.", "*"),
        ],
    )
    def test_an_extension_that_takes_the_caller_away(self, folder: Path, extension: str, typed: str) -> None:
        (folder / "queues.conf").write_text(QUEUE)
        add(folder, "extensions.conf", f"\n[leave]\nexten => {extension},1,Hangup()\n")
        assert only(found(folder)) == (
            "queues.conf [advice]",
            f"whoever presses *9 leaves the queue with {typed}: {extension} in context leave",
            FINDING,
            False,
        )

    @pytest.mark.parametrize("extension", ["0", "#", "_[0-8]", "*99", "_*9X", "_*9.", "s", "99", "_X.", ";9"])
    def test_one_that_does_not(self, folder: Path, extension: str) -> None:
        (folder / "queues.conf").write_text(QUEUE)
        add(folder, "extensions.conf", f"\n[leave]\nexten => {extension},1,Hangup()\n")
        assert found(folder) == []

    def test_includes_templates_and_other_files(self, folder: Path) -> None:
        (folder / "queues.conf").write_text("[all](!)\ncontext => first\n#tryinclude queues.d/*.conf\n")
        (folder / "queues.d").mkdir()
        (folder / "queues.d" / "ours.conf").write_text("[advice](all) ;-- a\ncontext=none\n--; \nstrategy=ringall\n")
        (folder / "more.conf").write_text('[second]\nexten => *9,1,NoOp()\ninclude => first\n#include "more.conf"\n')
        add(
            folder, "extensions.conf", f'\n[first]\ninclude => second,9:00-17:00,*,*,*\n#include "{folder}/more.conf"\n'
        )
        assert {one.subject for one in found(folder)} == {"queues.conf [all]", "queues.conf [advice]"}

    def test_a_menu_that_acts_on_it_as_well_is_a_warning(self, folder: Path) -> None:
        add(
            folder,
            "extensions.conf",
            "\n[ivr]\nexten => s,1,Background(x)\n same => n,WaitExten(5)\nexten => 9,1,NoOp()\n",
        )
        assert only(found(folder)) == (
            "extensions.conf [ivr]",
            "whoever presses *9 in this menu is also taken to 9, by 9",
            GOOD,
            True,
        )


class TestHolders:
    def test_nobody_has_the_key(self, folder: Path) -> None:
        change(folder, "pjsip.conf", "set_var = DYNAMIC_FEATURES=consent-object", "; set_var = DYNAMIC_FEATURES=x")
        assert only(found(folder))[1] == "nobody has *9: consent-object is named nowhere"

    def test_a_name_that_does_not_exist(self, folder: Path) -> None:
        change(folder, "pjsip.conf", "=consent-house", "=consent-house#consent-huose")
        assert only(found(folder))[1].startswith("names consent-huose, which is neither")

    def test_a_group_that_names_what_does_not_exist(self, folder: Path) -> None:
        change(folder, "features.conf", "consent-stop =>\n", "consent-stopp =>\n")
        assert only(found(folder))[:2] == (
            "features.conf [consent-house]",
            "names consent-stopp, which is not in [applicationmap]",
        )

    @pytest.mark.parametrize(
        "line",
        [
            "[globals]\nDYNAMIC_FEATURES => consent-object",
            "[x]\nexten => s,1,Set(__DYNAMIC_FEATURES=${DYNAMIC_FEATURES}#consent-object)",
        ],
    )
    def test_it_may_be_given_by_the_dialplan(self, folder: Path, line: str) -> None:
        change(folder, "pjsip.conf", "DYNAMIC_FEATURES=consent-object", "X=y")
        add(folder, "extensions.conf", f"\n{line}\n")
        assert found(folder) == []

    def test_where_endpoints_are_in_a_database_nobody_can_say(self, folder: Path) -> None:
        change(folder, "pjsip.conf", "DYNAMIC_FEATURES=consent-object", "X=y")
        (folder / "extconfig.conf").write_text("[settings]\nps_endpoints => odbc,asterisk\n")
        assert found(folder) == []


class TestDoors:
    @pytest.mark.parametrize(
        ("name", "old", "new", "verdict"),
        [
            ("features.conf", "automixmon =", "automixmon => *3", "automixmon is *3: it records whoever is there"),
            ("confbridge.conf", "record_conference = no", "record_conference = yes", "record_conference is on"),
        ],
    )
    def test_what_records_by_itself(self, folder: Path, name: str, old: str, new: str, verdict: str) -> None:
        change(folder, name, old, new)
        assert (verdict in only(found(folder))[1], only(found(folder))[2]) == (True, FINDING)
        # The guard ends it, or has been told why it may be.
        assert only(found(folder, guarded=True))[2:] == (GOOD, True)

    def test_a_queue_that_records(self, folder: Path) -> None:
        (folder / "queues.conf").write_text("[advice]\nmonitor-format = wav\n")
        assert only(found(folder))[:2] == (
            "queues.conf [advice]",
            "monitor-format is set: it records whoever is there, told or not",
        )

    @pytest.mark.parametrize("new", ["", "pickupexten = *8"])
    def test_pickup_past_the_gate(self, folder: Path, new: str) -> None:
        change(folder, "features.conf", "pickupexten =", new)
        assert only(found(folder))[1] == "pickupexten is *8: whoever picks up is let in past the gate, untold"


class TestReading:
    def test_what_cannot_be_read_is_said_and_claimed_of_nobody(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        real = Path.read_bytes

        def closed(path: Path) -> bytes:
            if path.name in {"features.conf", "pjsip.conf", "private.conf"}:
                raise PermissionError(13, "Permission denied")
            return real(path)

        (folder / "private.conf").touch()
        add(folder, "extensions.conf", "\n#include private.conf\n#exec /bin/routes\n[x]\nswitch => Realtime/@\n")
        monkeypatch.setattr(Path, "read_bytes", closed)
        loaded = config.load(write(folder.parent), {})
        lines = policy.compile(loaded, {"advice-en": Problem("is not looked at here")}).lines
        (only_one,) = check_keys.look(folder, lines, guarded=False)
        assert only_one.verdict.startswith("no line has a sequence; compared with features.conf, queues.conf")
        for part in (
            "features.conf (Permission denied)",
            "private.conf (Permission denied)",
            "pjsip.conf (Permission denied)",
            "#include /opt/consentgate/dialplan/consentgate.conf",
            "#exec /bin/routes",
            "switch => in [x]",
            "databases",
        ):
            assert part in only_one.verdict

    def test_comments_quotes_and_escapes(self) -> None:
        text = 'a = 1 ; no\nb = "x;y"\nc = x\\;y\n;-- gone\nd = 2\n--;\ne => 3\n;;; \n'
        assert list(asterisk_files.plain(text)) == ["a = 1", 'b = "x', "c = x;y", "e => 3"]

    def test_a_section_goes_on_inherits_and_the_last_word_counts(self, tmp_path: Path) -> None:
        (tmp_path / "x.conf").write_text("[base](!)\na=1\nb=1\n[one](base)\nb=2\n[one](+)\nc=3\n")
        file = asterisk_files.read(tmp_path, "x.conf")
        assert [file.value("one", key) for key in "abcd"] == ["1", "2", "3", None]


class TestCommand:
    def file(self, folder: Path) -> Path:
        world = folder.parent / "command"
        (world / "spool").mkdir(mode=0o750, parents=True)
        write_wav(world / "advice-en.wav", speech())
        changes = [("spool.path", str(world / "spool")), ("spool.stop_below_free", "1B")]
        return write(world, *changes, ("lines.advice-line.opt_out_sequence", "*9"))

    def test_good(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert check.run(self.file(folder), offline=True, asterisk_folder=folder) == GOOD
        shown = capsys.readouterr().out
        assert f"good keys in {folder}: *9 of advice-line; compared with features.conf" in shown
        assert "Everything is good." in shown

    def test_a_fault_is_to_mend(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        change(folder, "features.conf", "=> *9,", "=> *8,")
        assert check.run(self.file(folder), offline=True, asterisk_folder=folder) == FINDING
        shown = capsys.readouterr().out
        assert "BAD  features.conf [applicationmap]: has no entry for *9 (advice-line)" in shown
        assert '\n     consent-object => *9,self,Gosub,"consentgate-features,object,1"\n' in shown

    def test_a_folder_that_is_not_there_changes_nothing(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        shutil.rmtree(folder)
        assert check.run(self.file(folder), offline=True, asterisk_folder=folder) == GOOD
        shown = capsys.readouterr().out
        assert f"Asterisk's own keys were not compared: {folder} is not there (--asterisk-folder)." in shown
        assert "Everything is good." in shown
