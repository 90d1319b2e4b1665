"""What keeps the installer from going on is one clear message: what, on what, why, what to do. Never a traceback."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from installer import __main__ as command
from installer import settings
from installer.errors import InstallError
from installer.places import CHECKOUT, Places
from installer.release import COMPLETE, Release
from installer.services import ALL, Started
from installer.settings import present
from postgres import make_roles
from unit.install_world import Machine, installer, machine

__all__ = ["machine"]


def refused(*arguments: str) -> str:
    """Run deploy/install, which must refuse; return its one message."""
    done = installer(*arguments)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    lines = done.stderr.splitlines()
    assert all(one.startswith("deploy/install: ") for one in lines), done.stderr
    return "\n".join(lines)


def of(machine: Machine, *more: str) -> list[str]:
    users = ["--user", "root", "--group", "root", "--asterisk-user", "root"]
    return ["--root", str(machine.root), *users, *more]


def test_an_asterisk_that_lacks_much_is_told_in_one_go_and_nothing_is_touched(machine):
    (machine.modules / "app_mixmonitor.so").unlink()
    machine.write({"modules.conf": "[modules]\nnoload => res_ari.so\n"})
    before = machine.files()
    said = refused(*of(machine))
    assert "this Asterisk lacks modules" in said
    assert "Asterisk does not load what is needed" in said
    assert machine.files() == before


def test_a_dry_run_says_each_step_and_touches_nothing(machine):
    before = machine.files()
    done = installer(*of(machine, "--dry-run"))
    assert done.returncode == 0, done.stderr
    assert machine.files() == before
    steps = done.stdout.splitlines()
    assert all(one.startswith("would ") for one in steps[:-1])
    assert steps[-1] == f"{len(steps) - 1} steps; nothing was touched"
    for named in ("consentgate-gate@.service", "consentgate.d/extensions.conf", "credentials/numbers_key", "releases/"):
        assert named in done.stdout


def test_asterisk_s_configuration_may_not_be_read(machine):
    """As an ordinary user, who is not Asterisk's."""
    machine.etc.chmod(0o700)
    words = [str(CHECKOUT / "deploy/install"), "--root", str(machine.root), "--dry-run"]
    if os.geteuid() == 0:
        os.chown(machine.root, 65534, 65534)
        for one in machine.root.parents:
            if "pytest-of-" in str(one):
                one.chmod(0o755)
        words = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--", *words]
    else:
        machine.etc.chmod(0)
    try:
        environment = os.environ | {"CONSENTGATE_PYTHON": "/usr/bin/python3" if os.geteuid() == 0 else sys.executable}
        done = subprocess.run(words, capture_output=True, text=True, check=False, env=environment)
    finally:
        machine.etc.chmod(0o755)
    if "ermission denied" in done.stderr and "deploy/install:" not in done.stderr:
        pytest.skip("this checkout lies where nobody else may go")
    assert done.returncode == 1
    assert done.stderr.startswith("deploy/install: Asterisk's configuration may not be read"), done.stderr
    assert "Run this as root" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("root", "euid", "message"),
    [
        (True, 0, "this machine is not run by systemd ({}): it is not there. Run it again with --no-systemd"),
        (False, 1000, "this must be run as root. sudo deploy/install"),
    ],
)
def test_the_machine_itself(tmp_path, monkeypatch, capsys, root, euid, message):
    monkeypatch.setattr(command, "SYSTEMD", tmp_path / "run")
    monkeypatch.setattr(os, "geteuid", lambda: euid)
    arguments = ["--dry-run", "--no-asterisk"] + ([] if root else ["--no-systemd"])
    command.main(arguments)
    said = capsys.readouterr().err
    assert f"deploy/install: {message.format(tmp_path / 'run')}" in said


def test_a_clone_where_the_program_goes(machine):
    (machine.places.prefix / ".git").mkdir(parents=True)
    assert "a clone lies where the program goes" in refused(*of(machine))


@pytest.mark.parametrize("name", ["a b", "per%cent", "semi;colon"])
def test_a_folder_that_systemd_or_asterisk_would_read_otherwise(machine, name):
    assert "the folder's name cannot be used" in refused(*of(machine, "--spool", str(machine.root / name)))


def test_a_configuration_that_is_not_there(machine):
    done = installer(*of(machine, "--config", str(machine.root / "no.yaml"), "--dry-run"))
    assert done.returncode == 0
    with pytest.raises(InstallError, match=r"the configuration cannot be read .*no.yaml"):
        command.do([("x", lambda: [step_of(machine)])], dry=False)


def step_of(machine: Machine):
    from installer.plan import _read  # noqa: PLC0415
    from installer.steps import SiteFile  # noqa: PLC0415

    return SiteFile(machine.places.config, lambda: _read(machine.root / "no.yaml"))


@pytest.mark.parametrize(("status", "goes_on"), [(0, True), (1, True), (3, False), (2, False), (-9, False)])
def test_a_finding_is_told_and_a_configuration_that_cannot_be_used_starts_nothing(
    machine, capsys, monkeypatch, status, goes_on
):
    wishes = machine.wishes
    fake = wishes.places.wrapper
    fake.parent.mkdir(parents=True)
    fake.write_text(f"#!/bin/sh\necho said by $1 $2\n{f'exit {status}' if status >= 0 else 'kill -9 $$'}\n")
    fake.chmod(0o755)
    for one in (machine.root, *machine.root.parents):
        if "pytest-of-" in str(one):
            one.chmod(0o755)

    def started():
        print("started")
        return []

    monkeypatch.setattr(command, "phases", lambda _: [("program", list)])
    monkeypatch.setattr(command, "last_phases", lambda _: [("start", started)])
    machine.places.etc.mkdir(parents=True)
    machine.places.config.touch()
    if goes_on:
        assert command.install(wishes, dry=False) == 0
    else:
        with pytest.raises(InstallError, match="the configuration is not right yet") as refused:
            command.install(wishes, dry=False)
        assert refused.value.status == 3
    said = capsys.readouterr().out
    assert ("started" in said) == goes_on
    assert ("said by check --offline" in said) == (status != 0)


def test_a_release_that_is_half_made_is_none(machine):
    release = Release(machine.places, Path(sys.executable), Path("/nowhere"))
    assert release.needed().startswith(f"make {release.folder}")
    release.folder.mkdir(parents=True)
    (release.folder / "venv").mkdir()
    assert "anew: an earlier run ended amid it" in release.needed()
    (release.folder / COMPLETE).touch()
    assert release.needed() == ""
    assert "removed" in release.undo()


def test_without_pip_it_says_which_package_brings_it(machine, tmp_path):
    release = Release(machine.places, Path(sys.executable), tmp_path)
    with pytest.raises(InstallError, match=r"there is no pip .*Install python3-venv"):
        release.apply()
    assert release.needed(), "it is not taken for made"


def test_only_the_present_release_and_the_one_before_are_kept(machine):
    release = Release(machine.places, Path(sys.executable), Path("/nowhere"))
    for number, name in enumerate(("1", "2", "3", "half")):
        folder = machine.places.releases / name
        folder.mkdir(parents=True)
        if name != "half":
            (folder / COMPLETE).touch()
            os.utime(folder / COMPLETE, (number, number))
    machine.places.current.symlink_to(Path("releases") / "1")
    release._forget()
    assert sorted(one.name for one in machine.places.releases.iterdir()) == ["1", "2", "3"], "1 still runs"


@pytest.mark.parametrize(
    ("version", "said"), [(130016, "version 13"), (90624, "version 9"), (140000, ""), (180001, "")]
)
def test_a_postgresql_of_another_version(version, said):
    found = make_roles.objection(version, "db1")
    assert (said in found) if said else not found
    assert not said or found.startswith("this PostgreSQL cannot be used (db1)")


def test_services_are_enabled_and_what_runs_the_old_release_is_begun_anew(tmp_path, monkeypatch):
    log, fake = tmp_path / "log", tmp_path / "systemctl"
    fake.write_text(f'#!/bin/sh\necho "$*" >>{log}\nif [ "$1" = show ]; then echo {os.getpid()}; fi\n')
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    step = Started(Places(tmp_path), "new")
    assert "enable and start" in step.needed()
    step.apply()
    said = log.read_text().splitlines()
    assert said[0] == f"enable --now {' '.join(ALL)}"
    restarted = [one.split()[1] for one in said if one.startswith("restart")]
    assert restarted[:2] == [ALL[3], ALL[2]]
    assert set(restarted) == set(ALL)
    assert "stopped and disabled" in step.undo()
    fake.write_text(fake.read_text() + 'if [ "$1" = disable ]; then exit 1; fi\n')
    with pytest.raises(InstallError, match="disable --now"):
        step.undo()
    fake.write_text("#!/bin/sh\nif [ $1 = show ]; then echo 0; else exit 1; fi\n")
    assert step.undo() == "", "nothing runs"


def test_what_is_drawn_is_drawn_once(machine):
    assert len({settings.drawn() for _ in range(9)}) == 9
    assert set(present(machine.places)) == {*settings.GENERATED, *settings.ASKED}
