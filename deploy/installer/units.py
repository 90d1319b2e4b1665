"""The systemd units: the files of deploy/systemd with this machine's paths in them.

They are filled in by the rule of deploy/asterisk: a word between at-signs, and one that nobody fills is an error.
"""

import re
from pathlib import Path

from .errors import InstallError
from .places import CHECKOUT, Places

SOURCE = CHECKOUT / "deploy" / "systemd"


def templates() -> list[Path]:
    """Return the units, as they lie in the checkout."""
    return sorted(one for one in SOURCE.iterdir() if one.suffix in {".service", ".timer"})


def words(places: Places, user: str, group: str, asterisk_spool: Path, credentials: list[str]) -> dict[str, str]:
    """Return what the words stand for. credentials: the names of the secrets that there are."""
    hardening = (SOURCE / "hardening.conf").read_text(encoding="utf-8").splitlines()
    return {
        "user": user,
        "group": group,
        "program": str(places.program),
        "config": str(places.config),
        "release": str(places.current),
        "spool": str(places.spool),
        "asterisk_spool": str(asterisk_spool),
        "credentials": "\n".join(f"LoadCredential={one}:{places.credentials / one}" for one in credentials),
        "hardening": "\n".join(one for one in hardening if not one.startswith("#")),
    }


def fill(template: Path, said: dict[str, str]) -> str:
    """Replace each `@word@` of a template."""

    def value(found: re.Match[str]) -> str:
        if found[1] not in said:
            raise InstallError(f"deploy/systemd/{template.name} asks for @{found[1]}@, which nothing fills")
        return said[found[1]]

    return re.sub(r"@([a-z_]+)@", value, template.read_text(encoding="utf-8"))
