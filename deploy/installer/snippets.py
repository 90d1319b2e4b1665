"""Our own files for Asterisk, and by which line of the site's each is taken in.

What the site says stays as it is: a door that is open is not opened again, a key that it has is not given twice, and
the only thing that is ever appended to a file of the site's is one #tryinclude. FreePBX writes its files itself and
leaves those named `_custom` to the site; so the line goes there.
"""

import re
from pathlib import Path

from .accounts import Accounts
from .places import CHECKOUT, Places
from .site import FREEPBX, Site
from .steps import Directory, Include, Link, OwnFile, Step

HEADER = "; Written by consentgate's installer (deploy/install); it will be written anew, so change nothing here.\n"
RECORDER = (
    "The site's own recorder comes second: whatever it begins on such a call nobody has permitted, and the guard"
    " reports it (mode: report) or ends it (mode: stop)."
)
GATE_READ, GATE_WRITE = "system,call,user,dialplan,dtmf", "system,call,command,reporting,user"
GUARD_READ, GUARD_WRITE = "call,dialplan,agi,dtmf", "system,call,command,reporting"
_CUSTOM = {
    "manager": "manager_custom.conf",
    "ari": "ari_additional_custom.conf",
    "http": "http_custom.conf",
    "features": "features_applicationmap_custom.conf",
    "extensions": "extensions_custom.conf",
    "confbridge": "confbridge_custom.conf",
}


def steps(site: Site, places: Places, who: Accounts, secrets: dict[str, str]) -> list[Step]:
    """Return all of it. secrets: by the name of their credential."""
    found: list[Step] = [Directory(places.snippets, 0o755, who.root())]
    for name, text in texts(site, places, secrets).items():
        target = target_of(places, name)
        # They hold passwords: Asterisk's to read, and nobody's else.
        secret = name in {"manager", "ari"}
        found += [
            OwnFile(target, HEADER + text, 0o640 if secret else 0o644, who.pbx() if secret else who.root()),
            Include(site_file(site, places, name), target, places.asterisk, who.pbx(), _comment(name)),
        ]
    return [*found, Link(site.agi / "consentgate", places.prefix / "agi_scripts")]


def site_file(site: Site, places: Places, name: str) -> Path:
    """Return the site's file that takes ours in."""
    return places.asterisk / (_CUSTOM[name] if site.kind == FREEPBX else f"{name}.conf")


def target_of(places: Places, name: str) -> Path:
    """Return our own file. Debian's manager.conf takes in all of manager.d; elsewhere a line does it."""
    folder = places.asterisk / "manager.d" if name == "manager" else places.snippets
    return folder / ("consentgate.conf" if name == "manager" else f"{name}.conf")


def _comment(name: str) -> str:
    return RECORDER if name == "extensions" else ""


def texts(site: Site, places: Places, secrets: dict[str, str]) -> dict[str, str]:
    """Return what each of our files says; one that has nothing to say is not there."""
    made = {
        "manager": _manager(site, secrets),
        "ari": _ari(site, secrets),
        "http": _http(site),
        "features": _features(site),
        "extensions": _extensions(site, places),
    }
    return {name: text for name, text in made.items() if text}


def _section(site: Site, file: str, name: str, lines: list[str]) -> str:
    """Return lines for a section of the site's: added to the one that is there, else a new one."""
    if not lines:
        return ""
    there = name in site.file(file).sections
    return "\n".join([f"[{name}]{'(+)' if there else ''}", *lines, ""])


def _manager(site: Site, secrets: dict[str, str]) -> str:
    general = []
    if not site.ami.enabled:
        general += ["enabled = yes"]
        general += [] if site.ami.address else ["bindaddr = 127.0.0.1"]
    if (site.file("manager.conf").value("general", "timestampevents") or "").lower() not in {"yes", "true", "1", "on"}:
        general += [
            "; Every event carries Asterisk's own time: permits and tracks are dated by it.",
            "timestampevents = yes",
        ]
    users = [
        ("consentgate", secrets["ami_password"], GATE_READ, GATE_WRITE),
        ("consentgate-guard", secrets["guard_ami_password"], GUARD_READ, GUARD_WRITE),
    ]
    # Where AMI listens on one address alone, this machine comes from that one.
    own = "".join(f"permit = {one}\n" for one in site.addresses)
    return _section(site, "manager.conf", "general", general) + "".join(
        f"\n[{name}]\nsecret = {secret}\ndeny = 0.0.0.0/0.0.0.0\npermit = 127.0.0.1/255.255.255.255\n{own}"
        f"read = {read}\nwrite = {write}\n"
        for name, secret, read, write in users
    )


def _ari(site: Site, secrets: dict[str, str]) -> str:
    off = (site.file("ari.conf").value("general", "enabled") or "yes").lower() in {"no", "false", "0", "off"}
    users = [("consentgate", secrets["ari_password"]), ("consentgate-guard", secrets["guard_ari_password"])]
    return _section(site, "ari.conf", "general", ["enabled = yes"] if off else []) + "".join(
        f"\n[{name}]\ntype = user\nread_only = no\npassword_format = plain\npassword = {secret}\n"
        for name, secret in users
    )


def _http(site: Site) -> str:
    if site.http.enabled:
        return ""
    return _section(
        site, "http.conf", "general", ["enabled = yes", *([] if site.http.address else ["bindaddr = 127.0.0.1"])]
    )


def _features(site: Site) -> str:
    """Return the keys of dialplan/examples/features.conf; nothing where the site has given them already."""
    file = site.file("features.conf")
    if any(one.key.startswith("consent-") for one in file.entries("applicationmap")):
        return ""
    example = (CHECKOUT / "dialplan/examples/features.conf").read_text(encoding="utf-8")
    keys = example.partition("[applicationmap]\n")[2]
    if site.kind == FREEPBX:
        # FreePBX's file is taken in amid its section [applicationmap]: no other may begin in it. So the house's phones
        # get their keys by name, with # between them, and not by a group.
        return keys.partition("\n\n")[0] + "\n"
    return ("[applicationmap](+)\n" if "applicationmap" in file.sections else "[applicationmap]\n") + keys


def _extensions(site: Site, places: Places) -> str:
    """Return the gates and the lines' modes; a site that has them by hand keeps its own lines."""
    main = site.file("extensions.conf")
    gates = [] if "consentgate" in main.sections else ["consentgate.conf"]
    gates += [] if "consentgate-features" in main.sections else ["consentgate-features.conf"]
    included = [f'#tryinclude "{places.prefix}/dialplan/{one}"' for one in gates]
    if "consentgate-lines" not in main.sections or gates:
        included += [
            "; Each line's mode and the house's phones: written by the gate.",
            f'#tryinclude "{places.spool}/lines.conf"',
        ]
    return "\n".join([*included, ""])


def keys_of_house(text: str) -> str:
    """Return DYNAMIC_FEATURES for a phone of the house where there is no group: the keys' names, from their lines."""
    return "#".join(
        one for one in re.findall(r"^(consent-[a-z-]+) => \*", text, re.MULTILINE) if one != "consent-object"
    )
