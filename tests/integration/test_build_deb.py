"""The Debian package: what is in it, what it asks for, and that dpkg installs and removes it by our installer."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from demo_world.accounts import accounts
from installer import units
from installer.places import CHECKOUT

pytestmark = pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="no dpkg-deb on this machine")


def tool(*words: str, **environment: str) -> str:
    done = subprocess.run(words, capture_output=True, text=True, check=False, env={**os.environ, **environment})
    assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(tool(str(CHECKOUT / "deploy/build-deb"), "--output", str(tmp_path_factory.mktemp("deb"))).strip())


def field(package: Path, name: str) -> str:
    return tool("dpkg-deb", "--field", str(package), name).strip()


def test_it_holds_the_same_files_and_none_of_the_site_s(package):
    listed = [one.split(maxsplit=5) for one in tool("dpkg-deb", "--contents", str(package)).splitlines()]
    names = {one[5].split(" -> ")[0] for one in listed}
    assert {one[1] for one in listed} == {"root/root"}
    for one in units.templates():
        assert f"./usr/lib/systemd/system/{one.name}" in names
    for part in ("ari_app/gate.py", "agi_scripts/fallback.py", "dialplan/consentgate.conf", "deploy/install"):
        assert f"./usr/share/consentgate/source/{part}" in names
    assert any("/wheels/consentgate-" in one for one in names)
    assert any("/wheels/psycopg_binary-" in one for one in names)
    assert {"./usr/sbin/consentgate-setup", "./usr/bin/consentgate", "./usr/lib/tmpfiles.d/consentgate.conf"} <= names
    # What is there is the site's: so there is no conffile, and dpkg asks nobody whose version to keep.
    assert not [one for one in names if one.startswith(("./etc/", "./var/", "./opt/"))]
    assert "conffiles" not in tool("dpkg-deb", "--info", str(package))
    assert not [one for one in names if "__pycache__" in one]


def test_it_asks_for_the_python_that_its_wheels_are_for(package):
    depends = field(package, "Depends")
    python = subprocess.run(["/usr/bin/python3", "-V"], capture_output=True, text=True, check=False).stdout.split()
    major, minor = (python[1] if python else ".".join(map(str, sys.version_info[:2]))).split(".")[:2]
    assert f"python3 (>= {major}.{minor}), python3 (<< {major}.{int(minor) + 1})" in depends
    assert "asterisk (>= 1:18.3)" in field(package, "Recommends")
    assert field(package, "Architecture") == tool("dpkg", "--print-architecture").strip()


def test_dpkg_installs_and_removes_it_and_is_refused_while_something_waits(package, tmp_path):
    """In a root of its own, without a network: its wheels are all that it needs."""
    if os.geteuid() != 0:
        pytest.skip("dpkg --root is root's")
    who, root = accounts(), tmp_path / "root"
    (root / "var/lib/dpkg/updates").mkdir(parents=True)
    (root / "var/lib/dpkg/info").mkdir()
    (root / "var/lib/dpkg/status").touch()
    users = f"--user {who.gate.name} --group consentgate-demo-spool --asterisk-user {who.asterisk.name}"
    environment = {"CONSENTGATE_SETUP_OPTIONS": users, "PIP_NO_INDEX": "1", "PIP_INDEX_URL": "http://127.0.0.1:9/"}
    dpkg = ["dpkg", f"--root={root}", "--force-script-chrootless", "--force-depends", "--force-not-root"]
    tool(*dpkg, "--install", str(package), **environment)
    said = tool(str(root / "opt/consentgate/bin/consentgate"), "--version")
    assert said.strip() == f"consentgate {field(package, 'Version')}"
    assert (root / "usr/bin/consentgate").is_symlink()
    assert (root / "etc/consentgate/credentials/numbers_key").stat().st_mode & 0o777 == 0o400
    config = root / "etc/consentgate/consentgate.yaml"
    config.write_text("# the site's own\n")
    # The same once more, as an upgrade: nothing of the site's is touched.
    tool(*dpkg, "--install", str(package), **environment)
    assert config.read_text() == "# the site's own\n"

    waiting = root / "var/spool/consentgate/sealed/X"
    waiting.mkdir(parents=True)
    refused = subprocess.run(
        [*dpkg, "--remove", "consentgate"], capture_output=True, text=True, check=False, env=os.environ | environment
    )
    assert refused.returncode != 0
    assert "consentgate is not removed" in refused.stderr
    assert (root / "opt/consentgate/bin/consentgate").exists()
    waiting.rmdir()
    tool(*dpkg, "--remove", "consentgate", **environment)
    assert not (root / "opt/consentgate").exists()
    assert not (root / "usr/share/consentgate/source/deploy/install").exists()
    assert config.exists()
    assert (root / "etc/consentgate/credentials/numbers_key").exists()
