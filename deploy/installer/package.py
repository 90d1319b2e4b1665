"""`deploy/build-deb`: a Debian package from the same files, for machines that reach no package index.

It holds the checkout's parts and every Python package as a wheel; its scripts run the same installer. So there is one
way in which consentgate is installed. Below /etc it holds nothing: what is there is the site's, and dpkg never asks.
"""

import argparse
import gzip
import os
import shutil
import sys
import tomllib
from pathlib import Path

from . import settings, units
from .errors import InstallError
from .places import CHECKOUT, Places
from .release import PARTS, PIP_HINT, copy, copy_source
from .steps import run

NAME = "consentgate"
SHARE = Path("usr/share/consentgate")
OPTIONS = "CONSENTGATE_SETUP_OPTIONS"
"""Environment variable with more words for the installer: for worlds that are not the machine's own (dpkg --root)."""

_CONTROL = """\
Package: consentgate
Version: {version}
Architecture: {architecture}
Maintainer: the administrators of this site <root@localhost>
Installed-Size: {kilobytes}
Depends: python3 (>= {python}), python3 (<< {next_python}), passwd, util-linux
Recommends: asterisk (>= 1:18.3), systemd (>= 250)
Suggests: postgresql (>= 14)
Section: comm
Priority: optional
Description: records calls on Asterisk only after everybody was told
 Gate, guard and ship for an Asterisk that is there: callers are told, provably, before anything of them is recorded;
 no failure of it costs a call. After the installation: consentgate-setup --dry-run, then consentgate-setup.
"""
_SETUP = f"""\
#!/bin/sh
# The installer of the package: Asterisk's side, the database, the start. Its options: consentgate-setup --help
set -eu
share=$(CDPATH='' cd -- "$(dirname -- "$0")/../share/consentgate" && pwd -P)
CONSENTGATE_PIP=$share/wheels
export CONSENTGATE_PIP
# shellcheck disable=SC2086  # words
exec "$share/source/deploy/install" --packaged --wheels "$share/wheels" ${{{OPTIONS}-}} "$@"
"""
_POSTINST = """\
#!/bin/sh
set -eu
root=${DPKG_ROOT:-}
if [ "$1" = configure ]; then
    # Asterisk's files and the start are for a person to ask for: consentgate-setup.
    "$root/usr/sbin/consentgate-setup" --no-asterisk --no-systemd --no-start ${root:+--root "$root"}
    if [ -z "$root" ] && [ -d /run/systemd/system ]; then systemctl daemon-reload; fi
    if [ -n "${2:-}" ]; then
        echo "consentgate: the new version is laid down; what runs goes on with the old one until: consentgate-setup"
    fi
fi
"""
_PRERM = """\
#!/bin/sh
# It refuses while recordings wait to be stored, and with it dpkg.
set -eu
root=${DPKG_ROOT:-}
if [ "$1" = remove ]; then
    systemd=
    if [ ! -d /run/systemd/system ]; then systemd=--no-systemd; fi
    "$root/usr/sbin/consentgate-setup" --uninstall $systemd ${root:+--root "$root"}
fi
"""


def build(output: Path, python: Path, pip: Path, wheels: Path | None) -> Path:
    """Build the package into a folder, and return its path. Raises InstallError."""
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    architecture = run(["dpkg", "--print-architecture"]).strip()
    tree = output / f".{NAME}.tree"
    shutil.rmtree(tree, ignore_errors=True)
    _lay(tree, python, pip, wheels)
    major, minor = sys.version_info[:2]
    size = sum(one.stat().st_size for one in tree.rglob("*") if one.is_file()) // 1024
    control = _CONTROL.format(
        version=project["version"],
        architecture=architecture,
        kilobytes=size,
        python=f"{major}.{minor}",
        next_python=f"{major}.{minor + 1}",
    )
    for name, text, mode in (("control", control, 0o644), ("postinst", _POSTINST, 0o755), ("prerm", _PRERM, 0o755)):
        _write(tree / "DEBIAN" / name, text, mode)
    package = output / f"{NAME}_{project['version']}_{architecture}.deb"
    run(["dpkg-deb", "--root-owner-group", "-Zgzip", "-z1", "--build", str(tree), str(package)])
    shutil.rmtree(tree)
    return package


def _lay(tree: Path, python: Path, pip: Path, wheels: Path | None) -> None:
    for part in PARTS:
        copy(CHECKOUT / part, tree / SHARE / "source" / part)
    _wheels(tree / SHARE / "wheels", python, pip, wheels)
    _write(tree / "usr/sbin/consentgate-setup", _SETUP, 0o755)
    places = Places()
    (tree / "usr/bin").mkdir(parents=True)
    (tree / "usr/bin/consentgate").symlink_to(places.wrapper)
    words = units.words(places, NAME, NAME, Path("/var/spool/asterisk"), [*settings.GENERATED, *settings.ASKED])
    for one in units.templates():
        _write(tree / "usr/lib/systemd/system" / one.name, units.fill(one, words), 0o644)
    _write(
        tree / "usr/lib/tmpfiles.d/consentgate.conf", units.fill(units.SOURCE / "consentgate.tmpfiles", words), 0o644
    )
    documents = tree / "usr/share/doc/consentgate"
    copy(CHECKOUT / "LICENSE", documents / "copyright")
    copy(CHECKOUT / "docs/install.md", documents / "install.md")
    changes = (CHECKOUT / "CHANGELOG.md").read_bytes()
    (documents / "changelog.gz").write_bytes(gzip.compress(changes, mtime=0))


def _wheels(target: Path, python: Path, pip: Path, wheels: Path | None) -> None:
    """Put every Python package that it needs, and pip, into a folder."""
    target.mkdir(parents=True)
    wheel = max(pip.glob("pip-*.whl"), default=None)
    if wheel is None:
        raise InstallError("there is no pip", on=pip, hint="Install python3-venv (Debian, Ubuntu) and run this again")
    shutil.copy(wheel, target)
    source = target / ".source"
    copy_source(source)
    offline = ["--no-index", "--find-links", str(wheels)] if wheels else []
    lock = ["--constraint", str(CHECKOUT / "requirements.lock")]
    quiet = ["-q", "--no-input", "--progress-bar", "off", "--disable-pip-version-check"]
    command = [
        str(python),
        str(wheel / "pip"),
        "wheel",
        *quiet,
        *offline,
        *lock,
        "--wheel-dir",
        str(target),
        str(source),
    ]
    run(command, hint=PIP_HINT)
    shutil.rmtree(source)
    for one in target.iterdir():
        one.chmod(0o644)


def _write(path: Path, text: str, mode: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)


def main(arguments: list[str]) -> int:
    """Run it; every failure is one message."""
    parser = argparse.ArgumentParser(
        prog="deploy/build-deb", description="Build a Debian package of consentgate for this machine's Python."
    )
    parser.add_argument("--output", type=Path, default=Path(), metavar="DIR", help="where to (default: here)")
    parser.add_argument(
        "--wheels", type=Path, metavar="DIR", help="Python packages from a folder instead of a package index"
    )
    said = parser.parse_args(arguments)
    try:
        said.output.mkdir(parents=True, exist_ok=True)
        pip = Path(os.environ["CONSENTGATE_PIP"])
        print(build(said.output.resolve(), Path(sys.executable), pip, said.wheels and said.wheels.resolve()))
    except InstallError as failure:
        print(f"deploy/build-deb: {failure}", file=sys.stderr)
        return failure.status
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
