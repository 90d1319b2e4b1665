"""What the installer finds at an Asterisk, what it writes for it, and what keeps it from going on."""

import socket

import pytest
from installer import plan, snippets
from installer.plan import phases
from installer.removal import remove, unshipped
from installer.settings import ASKED, GENERATED, drawn, first_config, spool_of
from installer.site import FREEPBX as FREEPBX_KIND
from installer.site import PLAIN as PLAIN_KIND
from installer.steps import OwnFile
from unit.install_world import FREEPBX, PLAIN, SECRETS, Machine, machine

from ari_app import config
from ari_app.commands.asterisk_files import read

__all__ = ["machine"]


def lay(machine: Machine) -> int:
    """Do what is needed of Asterisk's part; return how many steps that were."""
    steps = snippets.steps(machine.site, machine.places, machine.wishes.who, SECRETS)
    needed = [one for one in steps if one.needed()]
    for one in needed:
        one.apply()
    return len(needed)


@pytest.fixture
def freepbx(tmp_path):
    return Machine(tmp_path / "f", FREEPBX)


def test_which_is_which(machine, freepbx):
    assert machine.site.kind == PLAIN_KIND
    assert freepbx.site.kind == FREEPBX_KIND


@pytest.mark.parametrize("files", [PLAIN, FREEPBX])
def test_afterwards_asterisk_has_all_that_the_gate_needs(tmp_path, files):
    machine = Machine(tmp_path / "m", files)
    lay(machine)
    manager, ari = read(machine.etc, "manager.conf"), read(machine.etc, "ari.conf")
    assert manager.value("general", "timestampevents") == "yes"
    assert manager.value("consentgate", "write") == snippets.GATE_WRITE
    assert manager.value("consentgate-guard", "read") == snippets.GUARD_READ
    assert ari.value("consentgate", "read_only") == "no"
    assert read(machine.etc, "http.conf").value("general", "enabled") == "yes"
    keys = {one.key for one in read(machine.etc, "features.conf").entries("applicationmap")}
    assert {"consent-object", "consent-caller-objects"} <= keys
    main = (machine.etc / snippets.site_file(machine.site, machine.places, "extensions").name).read_text()
    assert '#tryinclude "consentgate.d/extensions.conf"' in main
    assert "The site's own recorder comes second" in main
    ours = (machine.etc / "consentgate.d/extensions.conf").read_text()
    assert f'"{machine.places.prefix}/dialplan/consentgate.conf"' in ours
    assert f'"{machine.places.spool}/lines.conf"' in ours


@pytest.mark.parametrize("files", [PLAIN, FREEPBX])
def test_a_second_time_there_is_nothing_to_do(tmp_path, files):
    machine = Machine(tmp_path / "m", files)
    assert lay(machine) > 5
    before = machine.files()
    assert lay(machine) == 0
    assert machine.files() == before


@pytest.mark.parametrize("files", [PLAIN, FREEPBX])
def test_the_way_back_leaves_every_file_as_it_was(tmp_path, files):
    machine = Machine(tmp_path / "m", files)
    before = machine.files()
    lay(machine)
    remove(machine.wishes, dry=False, leave=False)
    assert {name: said for name, said in machine.files().items() if "asterisk" in name} == {
        name: said for name, said in before.items() if "asterisk" in name
    }


def test_what_is_the_site_s_is_only_ever_appended_to(machine):
    before = {one.name: one.read_text() for one in machine.etc.glob("*.conf")}
    lay(machine)
    for name, text in before.items():
        now = (machine.etc / name).read_text()
        assert now.startswith(text)
        assert now[len(text) :].count("#tryinclude") <= 1
    assert (machine.etc / "manager.conf").read_text() == PLAIN["manager.conf"], "Debian's takes in manager.d by itself"


def test_freepbx_s_own_files_are_never_touched(freepbx):
    lay(freepbx)
    generated = [name for name in FREEPBX if "custom" not in name]
    assert all((freepbx.etc / name).read_text() == FREEPBX[name] for name in generated)
    ours = (freepbx.etc / "consentgate.d/features.conf").read_text()
    assert "[" not in ours.replace("[from", ""), "it is taken in amid a section of FreePBX's"


def test_freepbx_s_open_doors_are_left_as_they_are(freepbx):
    lay(freepbx)
    assert not (freepbx.etc / "consentgate.d/http.conf").exists()
    assert freepbx.site.ari_url == "http://127.0.0.1:8088/ari"
    assert "enabled" not in (freepbx.etc / "manager.d/consentgate.conf").read_text()
    assert "bindaddr" not in (freepbx.etc / "manager.d/consentgate.conf").read_text()


def test_doors_on_an_address_of_the_machine_s_own_are_gone_through_by_it(machine):
    machine.write({
        "manager.conf": "[general]\nenabled = yes\nbindaddr = 10.0.0.5\n",
        "http.conf": "[general]\nenabled=yes\nbindaddr=10.0.0.5\n",
    })  # fmt: skip
    lay(machine)
    assert machine.site.addresses == ["10.0.0.5"]
    assert (machine.etc / "manager.d/consentgate.conf").read_text().count("permit = 10.0.0.5\n") == 2
    made = {one.path: one.content for one in plan._units(machine.wishes, machine.site) if isinstance(one, OwnFile)}
    for unit in ("consentgate-gate@.service", "consentgate-guard.service"):
        assert made[machine.places.units / f"{unit}.d/addresses.conf"] == "[Service]\nIPAddressAllow=10.0.0.5\n"


def test_doors_on_loopback_or_everywhere_need_no_address(machine, freepbx):
    for one in (machine, freepbx):
        assert one.site.addresses == []
        assert not any("addresses.conf" in str(step) for step in plan._units(one.wishes, one.site))


def test_doors_that_are_closed_are_opened_on_loopback_alone(machine):
    machine.write({"manager.conf": "[general]\nenabled = no\n", "http.conf": "", "ari.conf": "[general]\nenabled=no\n"})
    lay(machine)
    assert read(machine.etc, "manager.conf").value("general", "bindaddr") == "127.0.0.1"
    assert read(machine.etc, "http.conf").value("general", "bindaddr") == "127.0.0.1"
    assert read(machine.etc, "ari.conf").value("general", "enabled") == "yes"
    assert (machine.etc / "consentgate.d/http.conf").read_text().splitlines()[1] == "[general]"


def test_a_site_that_has_it_by_hand_keeps_its_own_lines(machine):
    machine.write(
        {
            "extensions.conf": "[consentgate]\nexten => s,1,Return()\n[consentgate-features]\n[consentgate-lines]\n",
            "features.conf": "[applicationmap]\nconsent-object => *8,self,Gosub,x\n",
        }
    )
    lay(machine)
    assert not (machine.etc / "consentgate.d/features.conf").exists()
    assert not (machine.etc / "consentgate.d/extensions.conf").exists()


def test_keys_of_the_house_where_there_is_no_group(freepbx):
    lay(freepbx)
    names = snippets.keys_of_house((freepbx.etc / "consentgate.d/features.conf").read_text()).split("#")
    assert "consent-resume" in names
    assert "consent-object" not in names


# ---- what keeps it from going on


def said(machine: Machine) -> list[str]:
    return [str(one) for one in machine.site.problems()]


def test_of_a_usual_asterisk_nothing_is_said(machine, freepbx):
    assert said(machine) == said(freepbx) == []


@pytest.mark.parametrize("name", ["res_ari.so", "app_mixmonitor.so"])
def test_an_asterisk_without_a_module(machine, name):
    (machine.modules / name).unlink()
    (message,) = said(machine)
    assert message.startswith(f"this Asterisk lacks modules ({machine.modules}): {name}. Install ")


@pytest.mark.parametrize(
    ("text", "named"), [("autoload=yes\nnoload = res_ari\n", "res_ari.so"), ("autoload=no\n", "app_mixmonitor.so")]
)
def test_an_asterisk_that_does_not_load_one(machine, text, named):
    machine.write({"modules.conf": f"[modules]\n{text}"})
    (message,) = said(machine)
    assert "Asterisk does not load what is needed" in message
    assert f"load = {named}" in message


def test_no_asterisk_at_all(tmp_path):
    machine = Machine(tmp_path / "m")
    machine.places = type(machine.places)(tmp_path / "elsewhere")
    (message,) = said(machine)
    assert message.startswith("there is no configuration of Asterisk's")
    assert "--asterisk-folder" in message


def test_modules_that_are_nowhere(machine):
    for one in machine.modules.iterdir():
        one.unlink()
    machine.modules.rmdir()
    (message,) = said(machine)
    assert message.startswith("Asterisk's modules were not found")


def test_a_port_that_another_program_has(machine):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        machine.write({"http.conf": f"[general]\nbindaddr=127.0.0.1\nbindport={port}\n"})
        (message,) = said(machine)
    assert message.startswith(f"the port is taken (127.0.0.1:{port}, {machine.etc}/http.conf): another program listens")
    assert "another bindport into http.conf" in message


def test_a_port_of_asterisk_s_own_is_no_matter(machine):
    with socket.create_server(("127.0.0.1", 0)) as other:
        machine.write({"http.conf": f"[general]\nenabled=yes\nbindaddr=127.0.0.1\nbindport={other.getsockname()[1]}\n"})
        assert said(machine) == []


def test_a_port_that_an_earlier_run_has_opened_is_asterisk_s_own(machine):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        machine.write({"http.conf": f"[general]\nbindaddr=127.0.0.1\nbindport={port}\n"})
        assert said(machine)
        lay(machine)
        assert said(machine) == []


def test_everything_is_told_at_once(machine):
    (machine.modules / "res_ari.so").unlink()
    machine.write({"modules.conf": "[modules]\nnoload = app_mixmonitor.so\n"})
    assert len(said(machine)) == 2


# ---- the configuration to begin with, and the way back


def test_the_first_configuration_is_this_machine_s(machine, monkeypatch):
    machine.write({"http.conf": "[general]\nenabled=yes\nbindport=8099\nprefix=pbx\n"})
    text = first_config(machine.places, machine.site)
    assert 'ari_url: "http://127.0.0.1:8099/pbx/ari"' in text
    assert spool_of_text(machine, text) == machine.places.spool
    for one in (*GENERATED, *ASKED):
        machine.root.joinpath(one).write_text("postgresql://w:x@127.0.0.1/d" if "dsn" in one else drawn())
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(machine.root))
    settings = config.load(machine.root / "c.yaml")
    assert settings.spool.path == machine.places.spool
    assert settings.s3.access_key, "no file is named, so systemd's credential is taken"


def spool_of_text(machine: Machine, text: str):
    machine.root.joinpath("c.yaml").write_text(text)
    return spool_of(machine.root / "c.yaml")


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("spool: {path: /srv/s, stop_below_free: 1GiB}\n", "/srv/s"),
        ("a: b\nspool:   # here\n  stop_below_free: 1GiB\n  path: '/srv/t'\n", "/srv/t"),
        ("spool:\n  path: relative\n", None),
        ("s3:\n  path: /no\n", None),
    ],
)
def test_where_a_configuration_s_spool_is(machine, text, path):
    found = spool_of_text(machine, text)
    assert (str(found) if found else None) == path
    assert spool_of(machine.root / "not-there") is None


@pytest.mark.parametrize("lying", ["sealed/X", "calls/X", "audio/X", "fallback/1.1.json", "incidents/i.json"])
def test_nothing_is_taken_away_while_something_is_not_stored(machine, lying):
    lay(machine)
    file = machine.places.spool / lying
    file.parent.mkdir(parents=True)
    file.touch()
    before = machine.files()
    with pytest.raises(Exception, match=r"is not removed .*1 recordings .*consentgate spool list.*--leave-unshipped"):
        remove(machine.wishes, dry=False, leave=False)
    assert machine.files() == before
    assert remove(machine.wishes, dry=False, leave=True)
    assert file.exists()


def test_what_is_stored_or_put_aside_keeps_nobody(machine):
    for one in ("shipped/X", "quarantine/X", "incidents/destroyed.jsonl"):
        (machine.places.spool / one).parent.mkdir(parents=True, exist_ok=True)
        (machine.places.spool / one).touch()
    assert unshipped(machine.places.spool) == []
    assert unshipped(machine.places.root / "no-spool") == []


def test_a_dry_run_touches_nothing(machine):
    before = machine.files()
    assert len([step for _, make in phases(machine.wishes) for step in make() if step.needed()]) > 30
    lay(machine)
    laid = machine.files()
    assert remove(machine.wishes, dry=True, leave=False)
    assert machine.files() == laid != before
