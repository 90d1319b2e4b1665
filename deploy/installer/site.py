"""What this Asterisk is like: FreePBX or plain, its doors, its modules; and what keeps us from installing.

Its files are read as Asterisk reads them, without our own, so that a second run finds what the first found.
"""

import ipaddress
import re
import socket
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ari_app.commands.asterisk_files import File, read

from .errors import InstallError
from .places import Places

PLAIN, FREEPBX = "plain", "freepbx"
MODULES = (
    "res_ari.so", "res_ari_channels.so", "res_ari_events.so", "res_ari_playbacks.so", "res_ari_recordings.so",
    "res_ari_asterisk.so", "res_ari_applications.so", "res_stasis.so", "res_stasis_playback.so", "res_stasis_answer.so",
    "res_stasis_snoop.so", "res_http_websocket.so", "res_agi.so", "app_stasis.so", "app_mixmonitor.so", "app_stack.so",
    "app_userevent.so",
)  # fmt: skip
"""What the gate, the guard and the scripts ask of Asterisk; the rest is every Asterisk's."""
_MODULE_FOLDERS = ("usr/lib/asterisk/modules", "usr/lib64/asterisk/modules", "usr/lib/*/asterisk/modules")
_AGI_FOLDERS = ("usr/share/asterisk/agi-bin", "var/lib/asterisk/agi-bin")
_TRUE = {"yes", "true", "y", "t", "1", "on"}


@dataclass(frozen=True)
class Door:
    """One of Asterisk's servers: whether it is open, and where."""

    enabled: bool
    address: str
    port: int

    @property
    def anywhere(self) -> bool:
        """Tell whether other machines reach it."""
        return self.address not in {"127.0.0.1", "::1", "[::1]", "localhost"}

    @property
    def own_address(self) -> str:
        """The address at which this machine reaches it."""
        return self.address if not self.anywhere or self.address not in {"", "0.0.0.0", "::", "[::]"} else "127.0.0.1"  # noqa: S104 - nothing is bound


class Site:
    """The site's own Asterisk."""

    def __init__(self, places: Places, kind: str | None = None) -> None:
        self.places, self._kind = places, kind

    @cached_property
    def kind(self) -> str:
        """FreePBX writes Asterisk's files itself, anew at each Apply, and leaves the `_custom` ones to the site."""
        if self._kind is not None:
            return self._kind
        marks = (self.places.root / "etc/freepbx.conf", self.places.asterisk / "extensions_override_freepbx.conf")
        main = self._text("extensions.conf")
        written = "extensions_additional.conf" in main and "extensions_custom.conf" in main
        return FREEPBX if any(one.exists() for one in marks) or written else PLAIN

    @cached_property
    def ours(self) -> frozenset[Path]:
        """Our own files, as they are or will be."""
        names = ("manager", "ari", "http", "features", "extensions", "confbridge")
        folder = self.places.snippets
        return frozenset(
            {self.places.asterisk / "manager.d/consentgate.conf", *(folder / f"{one}.conf" for one in names)}
        )

    def file(self, name: str) -> File:
        """Return one of the site's files, with what it includes and without what is ours."""
        return read(self.places.asterisk, name, without=self.ours)

    def _text(self, name: str) -> str:
        try:
            return (self.places.asterisk / name).read_text(encoding="utf-8", errors="replace")
        except OSError:
            return ""

    # -- doors

    @cached_property
    def ami(self) -> Door:
        """manager.conf."""
        return self._door("manager.conf", "port", 5038)

    @cached_property
    def http(self) -> Door:
        """http.conf, behind which ARI is."""
        return self._door("http.conf", "bindport", 8088)

    def _door(self, name: str, key: str, usual: int) -> Door:
        file = self.file(name)
        port = file.value("general", key) or ""
        enabled = (file.value("general", "enabled") or "no").lower() in _TRUE
        return Door(enabled, file.value("general", "bindaddr") or "", int(port) if port.isdigit() else usual)

    @property
    def ari_url(self) -> str:
        """Where ARI answers, or will."""
        prefix = (self.file("http.conf").value("general", "prefix") or "").strip("/")
        return f"http://{self.http.own_address}:{self.http.port}/{f'{prefix}/' if prefix else ''}ari"

    @property
    def addresses(self) -> list[str]:
        """Addresses of this machine beside loopback at which a door is open, as where it is bound to one alone."""
        found = set()
        for door in (self.ami, self.http):
            with suppress(ValueError):
                found.add(ipaddress.ip_address(door.own_address.strip("[]")))
        return sorted(str(one) for one in found if not one.is_loopback)

    # -- folders

    def _directory(self, key: str, usual: tuple[str, ...]) -> Path | None:
        said = self.file("asterisk.conf").value("directories", key)
        if said and Path(said).is_dir():
            return Path(said)
        found = [one for pattern in usual for one in sorted(self.places.root.glob(pattern)) if one.is_dir()]
        return found[0] if found else None

    @cached_property
    def modules(self) -> Path | None:
        """Where Asterisk's modules lie."""
        return self._directory("astmoddir", _MODULE_FOLDERS)

    @cached_property
    def agi(self) -> Path:
        """Where Asterisk looks for AGI scripts."""
        return self._directory("astagidir", _AGI_FOLDERS) or self.places.root / _AGI_FOLDERS[0]

    @cached_property
    def spool(self) -> Path:
        """Asterisk's own spool, where it records what nobody permitted."""
        said = self.file("asterisk.conf").value("directories", "astspooldir")
        return Path(said) if said else self.places.root / "var/spool/asterisk"

    # -- what keeps us from installing

    def problems(self) -> list[InstallError]:
        """Return everything at once, so that nobody mends one thing only to be told of the next."""
        folder = self.places.asterisk
        if not _exists(folder):
            hint = "Install Asterisk first, or say where it is configured: --asterisk-folder DIR"
            return [InstallError("there is no configuration of Asterisk's", on=folder, hint=hint)]
        unreadable = sorted({one for name in self._names() for one in self.file(name).unseen if "denied" in one})
        if unreadable or not _readable(folder):
            hint = "Run this as root, or as who owns Asterisk's configuration"
            on = ", ".join(unreadable) or folder
            return [InstallError("Asterisk's configuration may not be read", on=on, why="permission denied", hint=hint)]
        return [*self._lacking(), *self._left_out(), *self._taken()]

    def _names(self) -> tuple[str, ...]:
        return ("manager.conf", "http.conf", "ari.conf", "features.conf", "extensions.conf", "modules.conf")

    def _lacking(self) -> list[InstallError]:
        if self.modules is None:
            hint = "Set astmoddir in [directories] of asterisk.conf"
            return [InstallError("Asterisk's modules were not found", on=self.places.asterisk, hint=hint)]
        lacking = [one for one in MODULES if not (self.modules / one).exists()]
        if not lacking:
            return []
        hint = "Install Asterisk's package of modules (Debian: asterisk-modules), or build it with them, from 18.3 on"
        return [InstallError("this Asterisk lacks modules", on=self.modules, why=", ".join(lacking), hint=hint)]

    def _left_out(self) -> list[InstallError]:
        file = self.file("modules.conf")
        said = {kind: {_so(one.value) for one in file.entries("modules") if one.key == kind} for kind in _LOADS}
        listed = set().union(*(said[kind] for kind in _LOADS if kind != "noload"))
        automatic = (file.value("modules", "autoload") or "yes").lower() in _TRUE
        out = [one for one in MODULES if one in said["noload"] or not (automatic or one in listed)]
        if not out:
            return []
        why = f"it does not load {', '.join(out)}"
        hint = "Take out their noload lines, and where autoload=no add: " + ", ".join(f"load = {one}" for one in out)
        return [InstallError("Asterisk does not load what is needed", on=file_of(self, "modules"), why=why, hint=hint)]

    def _taken(self) -> list[InstallError]:
        found = []
        for name, key, door in (("manager", "port", self.ami), ("http", "bindport", self.http)):
            # One that is open already, by the site or by an earlier run of ours, is Asterisk's own.
            opened = (read(self.places.asterisk, f"{name}.conf").value("general", "enabled") or "no").lower() in _TRUE
            if not opened and _in_use(door.own_address or "127.0.0.1", door.port):
                hint = f"End what listens there (ss -ltnp), or write another {key} into {name}.conf, and run this again"
                why = "another program listens there, and Asterisk's own server is to be turned on"
                on = f"{door.own_address or '127.0.0.1'}:{door.port}, {file_of(self, name)}"
                found.append(InstallError("the port is taken", on=on, why=why, hint=hint))
        return found


_LOADS = ("noload", "load", "preload", "require", "preload-require")


def file_of(site: Site, name: str) -> Path:
    """Return the path of one of the site's files."""
    return site.places.asterisk / f"{name}.conf"


def _so(name: str) -> str:
    return re.sub(r"(\.so)?$", ".so", name.strip(), count=1)


def _exists(folder: Path) -> bool:
    """Tell whether it is there, as far as can be seen: behind a closed door it is."""
    try:
        return folder.is_dir()
    except PermissionError:
        return True


def _readable(folder: Path) -> bool:
    try:
        next(folder.iterdir(), None)
    except OSError:
        return False
    return True


def _in_use(address: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((address, port)) == 0
