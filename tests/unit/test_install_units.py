"""The systemd units: hardened, as systemd itself judges them, and with everything that a restart needs."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from installer import settings, units
from installer.__main__ import parser
from installer.errors import InstallError
from installer.places import CHECKOUT, Places
from installer.services import ALL, GATES, GUARD, SHIP, outdated

WORST = 2.5
SERVICES = sorted(one.name for one in units.templates() if one.suffix == ".service")
WORDS = units.words(
    Places(), "consentgate", "consentgate", Path("/var/spool/asterisk"), [*settings.GENERATED, *settings.ASKED]
)


def rendered(name: str) -> str:
    return units.fill(units.SOURCE / name, WORDS)


def keys(text: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        if "=" in line and not line.startswith("#"):
            found.setdefault(line.partition("=")[0], []).append(line.partition("=")[2])
    return found


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze on this machine")
@pytest.mark.parametrize("name", SERVICES)
def test_systemd_itself_finds_little_that_a_unit_could_do(name, tmp_path):
    file = tmp_path / name.replace("@", "@x")
    file.write_text(rendered(name))
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--threshold=25", str(file)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    found = re.search(r"Overall exposure level for \S+: ([\d.]+)", done.stdout)
    assert found, done.stderr
    assert float(found[1]) <= WORST, done.stdout
    assert done.returncode == 0
    print(f"{name}: {found[1]}")


@pytest.mark.parametrize("name", ["consentgate-gate@.service", GUARD, SHIP])
def test_what_runs_says_that_it_lives_and_is_begun_anew_without_delay(name):
    said = keys(rendered(name))
    assert said["Type"] == ["notify"]
    assert int(said["WatchdogSec"][0]) > 0
    assert said["Restart"] == ["always"]
    assert said["RestartSec"] == ["0"]
    assert said["StartLimitIntervalSec"] == ["0"], "it is never given up"
    assert "Requires" not in said
    assert "BindsTo" not in said


@pytest.mark.parametrize("name", SERVICES)
def test_every_secret_is_handed_over_by_systemd(name):
    given = [one.partition(":") for one in keys(rendered(name))["LoadCredential"]]
    assert {one[0] for one in given} == {*settings.GENERATED, *settings.ASKED}
    assert all(one[2] == f"/etc/consentgate/credentials/{one[0]}" for one in given)


def test_the_credentials_are_those_that_the_configuration_asks_for():
    from ari_app.config.secrets import PLACES  # noqa: PLC0415

    assert {one.credential for one in PLACES} == {*settings.GENERATED, *settings.ASKED}
    assert {one.credential for one in PLACES if not one.required} - {"signing_key"} == settings.OPTIONAL


def test_the_gate_runs_twice_and_either_may_own_the_spool():
    assert len(GATES) == 2
    assert keys(rendered("consentgate-gate@.service"))["ExecStart"] == [
        "/opt/consentgate/venv/bin/consentgate gate --standby --config /etc/consentgate/consentgate.yaml"
    ]


def test_what_shares_a_folder_with_asterisk_may_give_it_the_group_s_bit():
    """RestrictSUIDSGID would forbid the modes 2750 and 2770 that the spool's folders have."""
    assert not any("RestrictSUIDSGID" in keys(rendered(name)) for name in SERVICES)
    assert "ProcSubset" not in keys(rendered(GUARD)), "the guard reads /proc/locks"


def test_ship_may_make_the_code_by_which_it_writes_flac():
    """With MemoryDenyWriteExecute every recording ended in a MemoryError: callbacks are made as it runs."""
    assert [name for name in SERVICES if "MemoryDenyWriteExecute" in keys(rendered(name))] == [
        "consentgate-gate@.service",
        GUARD,
    ]


def test_the_spool_is_never_emptied_by_age():
    rule = units.fill(units.SOURCE / "consentgate.tmpfiles", WORDS).splitlines()[-1].split()
    assert rule == ["d", "/var/spool/consentgate", "2750", "consentgate", "consentgate", "-"]


def test_a_word_that_nobody_fills_is_an_error(tmp_path):
    (tmp_path / "x.service").write_text("ExecStart=@nothing@\n")
    with pytest.raises(InstallError, match="@nothing@, which nothing fills"):
        units.fill(tmp_path / "x.service", WORDS)


def test_an_instance_s_own_role_needs_no_keys_of_s3(tmp_path):
    places = Places(tmp_path)
    places.credentials.mkdir(parents=True)
    (places.credentials / "ari_password").touch()
    assert "s3_access_key" not in settings.present(places)
    assert "postgres_dsn" in settings.present(places)


def test_an_upgrade_begins_the_gate_that_owns_the_spool_last(tmp_path):
    places = Places(tmp_path)
    places.spool.mkdir(parents=True)
    (places.spool / "gate.lock").write_text("11 signs\n")
    pids = {GATES[0]: 11, GATES[1]: 12, GUARD: 13, SHIP: 14}
    old = lambda pid: f"{places.releases}/{'new' if pid == 13 else 'old'}/venv/bin/python"  # noqa: E731
    assert outdated(places, "new", pids, old) == [SHIP, GATES[1], GATES[0]]
    assert outdated(places, "old", {GUARD: 0}, old) == []
    assert set(ALL) == {*pids}


def test_every_message_that_the_documents_name_is_one():
    folders = ("deploy/installer", "deploy/postgres")
    source = " ".join(one.read_text() for folder in folders for one in (CHECKOUT / folder).glob("*.py"))
    table = (CHECKOUT / "docs/install.md").read_text().partition("## What it may say")[2]
    named = [
        name
        for row in table.splitlines()
        if row.startswith("| `")
        for name in re.findall(r"`([^`]+)`", row.split("|")[1])
    ]
    assert len(named) > 9
    assert [one for one in named if one not in source] == []


def test_every_option_that_the_documents_name_is_one():
    said = (CHECKOUT / "docs/install.md").read_text()
    known = {word for action in parser()._actions for word in action.option_strings}
    others = {"--output", "--standby", "--now", "--dsn-file", "--writer"}
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", said)) - others <= known


def test_everything_in_deploy_is_in_its_readme():
    said = (CHECKOUT / "deploy/README.md").read_text()
    there = [one.name for one in (CHECKOUT / "deploy").iterdir() if one.name not in {"README.md", "__pycache__"}]
    assert [one for one in there if f"({one})" not in said and f"({one}/)" not in said] == []


def test_every_unit_is_in_the_documents():
    said = (CHECKOUT / "docs/install.md").read_text()
    assert [one.name for one in units.templates() if one.name not in said] == []
