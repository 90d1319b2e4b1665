"""The configuration to begin with, and the secrets: each in a file named as its systemd credential."""

import re
import secrets
from pathlib import Path

from .places import CHECKOUT, Places
from .site import Site

GENERATED = ("ari_password", "ami_password", "guard_ari_password", "guard_ami_password", "numbers_key", "signing_key")
"""Drawn once, and never again: with another numbers_key nobody could tell whose call a recording is."""
ASKED = ("postgres_dsn", "s3_access_key", "s3_secret_key")
"""What only the site knows: files that wait for it, empty."""
OPTIONAL = frozenset({"s3_access_key", "s3_secret_key"})
"""May be taken away: then S3 is asked for by the machine's own role."""

_SECRET = re.compile(r"^ +\w+_file: secrets/.*\n", re.MULTILINE)
_KEYS_HINT = """\
# No secret stands in here, so this file may be shown to anybody. Each is a file of one line in {credentials},
# which systemd hands to gate, guard and ship (LoadCredential) and the command `consentgate` reads as well:
#   {names}
"""


def drawn() -> str:
    """Return a new secret: 256 bits, safe in Asterisk's files and URLs."""
    return secrets.token_hex(32) + "\n"


def present(places: Places) -> list[str]:
    """Return the names of the credentials that units are given: all, but for optional ones that somebody took away."""
    made = places.credentials.is_dir() and any(places.credentials.iterdir())
    return [
        one for one in (*GENERATED, *ASKED) if one not in OPTIONAL or not made or (places.credentials / one).exists()
    ]


def first_config(places: Places, site: Site) -> str:
    """Return deploy/consentgate.yaml with this machine's doors and folders, and without a place for any secret."""
    text = (CHECKOUT / "deploy/consentgate.yaml").read_text(encoding="utf-8")
    before, _, rest = text.partition("# No secret stands in here")
    after = rest.partition("\n\n")[2]
    hint = _KEYS_HINT.format(credentials=places.credentials, names=", ".join((*GENERATED, *ASKED)))
    text = _SECRET.sub("", before + hint + "\n" + after)
    # Sections that held nothing but a secret's file.
    text = re.sub(r"^(numbers|postgres):\n(?=\n|\Z)", "", text, flags=re.MULTILINE)
    changes = {
        "http://127.0.0.1:8088/ari": site.ari_url,
        "ami_host: 127.0.0.1 ": f"ami_host: {site.ami.own_address or '127.0.0.1'} ",
        "ami_port: 5038 ": f"ami_port: {site.ami.port} ",
        "path: /var/spool/consentgate ": f"path: {places.spool} ",
        "/var/spool/asterisk/": f"{site.spool}/",
    }
    for old, new in changes.items():
        text = text.replace(old, new)
    return text


def spool_of(config: Path) -> Path | None:
    """Return spool.path of a configuration that is there; None if it cannot be told without reading all of YAML."""
    try:
        text = config.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None
    found = re.search(
        r"^spool:\s*(?:\{[^}]*?\bpath:\s*([^\s,}]+)|(?:#.*)?\n(?:[ \t]+.*\n)*?[ \t]+path:\s*(\S+))", text, re.MULTILINE
    )
    said = (found[1] or found[2]).strip("\"'") if found else ""
    return Path(said) if said.startswith("/") else None
