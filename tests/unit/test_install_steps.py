"""Each kind of step: it knows when it is done, a second run changes nothing, its way back leaves nothing of ours."""

import stat
from pathlib import Path

import pytest
from installer.console import DIALPLAN, FILES, Reload
from installer.errors import InstallError
from installer.steps import BACKUP, Command, Directory, Include, Link, OwnFile, SiteFile, run
from unit import nobody


def again(step) -> None:
    assert step.needed()
    step.apply()
    assert step.needed() == ""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    return tmp_path / "site.conf"


def include(site: Path) -> Include:
    return Include(site, site.parent / "ours.d/x.conf", site.parent)


@pytest.mark.parametrize("text", ["[a]\nb = c\n", "[a]\nb = c", "", "; caf\u00e9\n", "a=b\r\n"])
def test_a_site_s_file_comes_back_to_the_last_byte(site, text):
    site.write_bytes(text.encode())
    site.chmod(0o600)
    step = include(site)
    again(step)
    assert site.read_bytes().startswith(text.encode())
    assert '#tryinclude "ours.d/x.conf"' in site.read_text()
    assert stat.S_IMODE(site.stat().st_mode) == 0o600
    assert site.with_name(site.name + BACKUP).read_bytes() == text.encode()
    step.undo()
    assert site.read_bytes() == text.encode()
    assert not site.with_name(site.name + BACKUP).exists()
    assert step.undo() == ""


def test_bytes_that_are_no_text_are_left_as_they_are(site):
    site.write_bytes(b"; caf\xe9\n")
    include(site).apply()
    assert site.read_bytes().startswith(b"; caf\xe9\n")


def test_what_somebody_wrote_meanwhile_stays(site):
    site.write_text("[a]\n")
    step = include(site)
    step.apply()
    site.write_text(site.read_text() + "[theirs]\n")
    assert "as it was" in step.undo()
    assert site.read_text() == "[a]\n[theirs]\n"
    assert site.with_name(site.name + BACKUP).read_text() == "[a]\n", "and the copy too, since they differ"


def test_a_file_that_was_not_there_goes_again(site):
    step = include(site)
    again(step)
    step.undo()
    assert not site.exists()


@pytest.mark.parametrize(
    "line",
    [
        '#include "ours.d/x.conf"',
        "#tryinclude ours.d/*.conf",
        "  #include <ours.d/x.conf> ; why",
        "#include {}/ours.d/x.conf",
    ],
)
def test_what_the_site_takes_in_already_is_not_taken_in_twice(site, line):
    site.write_text(line.format(site.parent) + "\n")
    assert include(site).needed() == ""


@pytest.mark.parametrize("line", ["; #include ours.d/x.conf", "#include ours.d/y.conf", "x = #include ours.d/x.conf"])
def test_what_only_looks_like_it_is_not_it(site, line):
    site.write_text(line + "\n")
    assert include(site).needed()


def test_a_backup_is_of_before_the_first_time(site):
    site.write_text("first\n")
    include(site).apply()
    site.write_text("second\n")
    include(site).apply()
    assert site.with_name(site.name + BACKUP).read_text() == "first\n"


def test_a_folder_a_file_and_a_link(tmp_path):
    folder, file = Directory(tmp_path / "a", 0o2750), OwnFile(tmp_path / "a/f", "text", 0o640)
    link = Link(tmp_path / "l", Path("a"))
    for step in (folder, file, link):
        again(step)
    (tmp_path / "a/f").write_text("changed")
    assert "anew" in file.needed()
    assert "point" in Link(tmp_path / "l", Path("b")).needed()
    Link(tmp_path / "l", Path("b")).apply()
    assert link.undo() == "", "it is another's now"
    assert "removed" in Link(tmp_path / "l", Path("a"), wherever=True).undo()
    (tmp_path / "a").chmod(0o700)
    assert "set owner and mode" in folder.needed()
    assert folder.undo() == "", "something lies in it"
    file.undo()
    assert "removed" in folder.undo()
    assert file.undo() == folder.undo() == ""


def test_something_else_where_a_link_goes_is_refused(tmp_path):
    (tmp_path / "l").mkdir()
    with pytest.raises(InstallError, match=r"something else lies where a link of ours goes .*Move it away"):
        Link(tmp_path / "l", Path("a")).needed()


def test_a_site_s_own_file_is_written_once_and_never_taken_away(tmp_path):
    step = SiteFile(tmp_path / "s", lambda: "drawn", 0o640)
    again(step)
    (tmp_path / "s").write_text("theirs")
    (tmp_path / "s").chmod(0o600)
    assert "set owner and mode 640" in step.needed()
    step.apply()
    assert (tmp_path / "s").read_text() == "theirs"
    assert "kept" in step.undo()
    assert (tmp_path / "s").exists()


def test_a_program_that_fails_says_what_it_said():
    with pytest.raises(InstallError, match=r"a program failed \(sh -c .*\): it ended with 7: why not. Do this"):
        run(["sh", "-c", "echo why not >&2; exit 7"], hint="Do this")
    with pytest.raises(InstallError, match="a program is missing"):
        run(["no-such-program-at-all"])
    assert run(["sh", "-c", "echo $X"], env={"X": "said"}) == "said\n"


def test_a_command_s_way_back_never_fails():
    step = Command(["true"], back=["false"])
    assert step.needed() == "run: true"
    step.apply()
    assert step.undo() == "ran: false"
    assert Command(["true"], done=lambda: True).needed() == ""
    assert Command(["true"]).undo() == ""


def test_a_file_that_may_not_be_read_is_one_message():
    with nobody.open_folder() as folder:
        site = folder / "site.conf"
        site.write_text("x")
        site.chmod(0)
        told = nobody.told(lambda: include(site).needed())
    assert told.startswith("InstallError: a file of Asterisk's cannot be read")
    assert "Run this as root" in told


def test_an_asterisk_that_does_not_run_reads_its_files_when_it_starts(tmp_path, capsys):
    Reload(["false"]).apply()
    assert "it reads its files when it starts" in capsys.readouterr().out
    log = tmp_path / "log"
    fake = tmp_path / "asterisk"
    fake.write_text(f'#!/bin/sh\necho "$2" >>{log}\n')
    fake.chmod(0o755)
    assert "dialplan reload" in Reload([str(fake)]).undo()
    assert log.read_text().splitlines()[1:] == [*FILES, DIALPLAN]
    assert Reload([str(fake)], done=lambda: True).needed() == ""
