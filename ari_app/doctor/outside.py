"""Into which contexts calls come: from the endpoints of pjsip.conf, the peers of sip.conf and iax.conf, DAHDI.

An endpoint that is not one of the house's (parties.staff) is the outside: a trunk, a neighbour, a guest.
"""

from collections.abc import Iterator
from typing import Final

from ari_app.commands.asterisk_files import Entry as Line
from ari_app.commands.asterisk_files import File

from .catalogue import Found, Grade
from .folder import Folder, is_true, objects, said
from .routes import Entry

_DEFAULT: Final = "default"
_PEERS: Final = {"peer", "user", "friend"}
UPSTREAM: Final = (
    "a recorder at the carrier, in an SBC or on a mirrored port is not to be seen from a PBX",
    "ask whoever runs it, and let the announcement cover what they record",
)


def entries(folder: Folder, staff: frozenset[str]) -> Iterator[Entry]:
    """Yield each context into which calls come, once; staff: endpoints by exact name, as PJSIP/2001."""
    seen: set[tuple[str, bool]] = set()
    for one in (*_pjsip(folder, staff), *_wizard(folder, staff), *_sip(folder, staff), *_iax(folder), *_dahdi(folder)):
        if (one.context, one.outside) not in seen:
            seen.add((one.context, one.outside))
            yield one


def _entry(kind: str, name: str, section: list[Line], key: str, staff: frozenset[str]) -> Iterator[Entry]:
    context = said(section, key)
    where = context.where if context else section[0].where if section else kind
    outside = f"{kind}/{name}" not in staff
    yield Entry(context.value if context else _DEFAULT, f"{where} {name}", outside)
    # Whom a telephone transfers is looked up here (TRANSFER_CONTEXT), and who is called there must be told as well.
    for one in section:
        variable, _, value = one.value.partition("=")
        if one.key.lower().endswith("set_var") and variable.strip().lstrip("_") == "TRANSFER_CONTEXT" and value.strip():
            yield Entry(value.strip(), f"{one.where} {name}", outside=False)


def _pjsip(folder: Folder, staff: frozenset[str]) -> Iterator[Entry]:
    for name, section in objects(folder.file("pjsip.conf"), "endpoint"):
        yield from _entry("PJSIP", name, section, "context", staff)


def _wizard(folder: Folder, staff: frozenset[str]) -> Iterator[Entry]:
    for name, section in objects(folder.file("pjsip_wizard.conf"), "wizard"):
        yield from _entry("PJSIP", name, section, "endpoint/context", staff)


def _sip(folder: Folder, staff: frozenset[str]) -> Iterator[Entry]:
    file = folder.file("sip.conf")
    if not file.sections:
        return
    allows = file.value("general", "allowguest")
    if allows is None or is_true(allows):
        yield from _entry("SIP", "guests", file.entries("general"), "context", frozenset())
    yield from _peers("SIP", file, staff)


def _iax(folder: Folder) -> Iterator[Entry]:
    yield from _peers("IAX2", folder.file("iax.conf"), frozenset())


def _peers(kind: str, file: File, staff: frozenset[str]) -> Iterator[Entry]:
    general = said(file.entries("general"), "context")
    for name, section in file.sections.items():
        one = said(section, "type")
        if name != "general" and name not in file.templates and one is not None and one.value.lower() in _PEERS:
            inherited = [general] if general is not None else []
            yield from _entry(kind, name, [*inherited, *section], "context", staff)


def _dahdi(folder: Folder) -> Iterator[Entry]:
    file = folder.file("chan_dahdi.conf")
    for name, section in file.sections.items():
        context = _DEFAULT
        where = ""
        for one in section:
            if one.key.lower() == "context":
                context, where = one.value, one.where
            elif one.key.lower() in {"channel", "dahdichan"}:
                # A channel has what was said before it.
                yield Entry(context, f"{where or one.where} DAHDI {name}")


def parked(folder: Folder) -> frozenset[str]:
    """Return the contexts in which Asterisk itself makes the extensions of parked calls."""
    file = folder.file("res_parking.conf")
    named = {one.value for lot in file.sections for one in file.entries(lot) if one.key.lower() == "context"}
    return frozenset({"parkedcalls", *named})


def pickup(folder: Folder) -> Iterator[Found]:
    """Yield the code by which anybody comes into a ringing call without any line of dialplan."""
    file = folder.file("features.conf")
    one = said(file.entries("general"), "pickupexten")
    if one is None or one.value:
        seen = f"pickupexten is {one.value if one else '*8, because nothing is said'}"
        why = "whoever picks up is let in past the gate, untold: no line of dialplan can stand before it"
        mend = 'write "pickupexten =" and give pickup a route of its own: dialplan/README.md'
        yield Found("route-pickup", one.where if one else "features.conf", seen, Grade.WRONG, why, mend)


def upstream(trunks: frozenset[str]) -> Iterator[Found]:
    """Say of each trunk what no PBX can see."""
    for trunk in sorted(trunks):
        yield Found(
            "door-upstream", trunk, "what its other side records is not to be seen here", Grade.UNKNOWN, *UPSTREAM
        )
