"""Is everybody whom the configuration calls staff, or a trunk, somebody whom Asterisk knows, and the right one?

Staff are told by contract, so a wrong entry there is the worst that a configuration can hold: a trunk among them would
let everybody outside pass for told. A running Asterisk knows its endpoints whatever they were made from; without one
its files are asked, which say besides who is a trunk.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path
from typing import Final

from ari_app.config import Asterisk, Config
from ari_app.config import yaml as documents
from ari_app.config.problems import did_you_mean
from ari_app.core.self_test import ENDPOINT
from ari_app.errors import CONFIGURATION, GOOD

from . import check_asterisk
from .asterisk_files import Entry, File, read
from .finding import Finding

PJSIP: Final = "PJSIP"
FILES: Final = ("pjsip.conf", "pjsip_wizard.conf")
KNOWN: Final = frozenset({"PJSIP", "SIP", "IAX2"})
"""Technologies whose endpoints Asterisk lists; of others (DAHDI, say) nobody can say which there are."""
_TRUE = {"yes", "true", "y", "t", "1", "on"}


@dataclass(frozen=True, slots=True)
class Known:
    """Whom Asterisk knows. trunks: who is one, and by what that is seen; by_address: who needs no password."""

    source: str
    endpoints: frozenset[str]
    trunks: Mapping[str, str] = field(default_factory=dict)
    by_address: frozenset[str] = frozenset()
    whole: bool = True
    """Whether there can be no others: files that include what is not seen, or a database, may leave some out."""


def running(asterisk: Asterisk) -> Known | None:
    """Ask a running Asterisk; None if it does not answer as it should, which is told of it elsewhere."""
    try:
        status, body = check_asterisk.request(asterisk, "GET", "/endpoints")
        rows = json.loads(body) if status == check_asterisk.OK else None
        names = frozenset(f"{row['technology']}/{row['resource']}" for row in rows or ())
    except (OSError, ValueError, KeyError, TypeError, HTTPException):
        return None
    return Known("this Asterisk", names) if rows is not None else None


def in_files(folder: Path) -> Known | None:
    """Read Asterisk's own files; None if none of them is there, or none names an endpoint: then they are elsewhere."""
    files = [read(folder, name) for name in FILES if (folder / name).exists()]
    if not files:
        return None
    endpoints: set[str] = set()
    trunks: dict[str, str] = {}
    addressed: set[str] = set()
    for file in files:
        for name, entries in file.sections.items():
            kinds = {one.value.lower() for one in entries if one.key.lower() == "type"}
            if kinds & {"endpoint", "wizard"}:
                endpoints.add(f"{PJSIP}/{name}")
            for of, why in _trunks(name, kinds, entries):
                trunks.setdefault(f"{PJSIP}/{of}", why)
            if "identify" in kinds:
                addressed |= {f"{PJSIP}/{one.value}" for one in entries if one.key.lower() == "endpoint"}
    if not endpoints - {ENDPOINT}:
        # Of all there are only our own is here.
        return None
    realtime = _by_database(read(folder, "sorcery.conf"))
    unseen = [what for file in files for what in file.unseen]
    return Known(f"{folder}", frozenset(endpoints), trunks, frozenset(addressed), whole=not realtime and not unseen)


def _trunks(name: str, kinds: set[str], entries: list[Entry]) -> Iterator[tuple[str, str]]:
    """Yield who is a trunk by this section: whoever registers at somebody else's, or proves who they are there."""
    said = {one.key.lower(): one.value for one in entries}
    if "registration" in kinds:
        yield said.get("endpoint", name), "it registers at a provider"
    if "endpoint" in kinds and said.get("outbound_auth"):
        yield name, "it logs in at the other side"
    if "wizard" in kinds and {said.get("sends_registrations", "").lower(), said.get("sends_auth", "").lower()} & _TRUE:
        yield name, "it registers at a provider"


def _by_database(sorcery: File) -> bool:
    entries = sorcery.entries("res_pjsip")
    return any(one.key.lower() == "endpoint" and not one.value.lower().startswith("config") for one in entries)


def look(file: Path, config: Config, known: Known | None, files: Known | None) -> Iterator[Finding]:
    """Compare the section `parties` with whom Asterisk knows. known: the running one; files: what is on its disk."""
    document, _ = documents.read(file.absolute())
    listed = {role: document.data.get("parties", {}).get(role) or [] for role in ("staff", "trunks")}
    faults = False
    for role, names in listed.items():
        for index, endpoint in enumerate(names):
            line = document.line(("parties", role, index))
            subject = f"{file}:{line}: parties.{role}[{index}] {endpoint}"
            for found in _one(subject, endpoint, role, known, files):
                faults = faults or found.code != GOOD
                yield found
    source = known or files
    if source is not None and not faults and (config.parties.staff or config.parties.trunks):
        staff, trunks = len(config.parties.staff), len(config.parties.trunks)
        yield Finding("parties", f"{staff} staff and {trunks} trunks, known to {source.source}")


def _one(subject: str, endpoint: str, role: str, known: Known | None, files: Known | None) -> Iterator[Finding]:
    technology = endpoint.partition("/")[0]
    source = known or files
    there = {one for one in source.endpoints if one.startswith(f"{technology}/")} if source else set()
    if source and technology in KNOWN and endpoint not in there:
        hint = did_you_mean(endpoint, sorted(there)) if there else f"there is no endpoint of {technology} at all"
        verdict = f"is no endpoint of {source.source}: " + (
            "whoever uses it is not taken for staff, and must hear the announcement"
            if role == "staff"
            else "calls by it are not seen to go outside"
        )
        if source.whole:
            yield Finding(subject, verdict, CONFIGURATION, f"{hint}; names are compared letter by letter")
        else:
            # Some of them are in a database or behind #exec: only the running Asterisk can say.
            yield Finding(subject, verdict, hint="ask the running Asterisk: check without --offline", warning=True)
    if role != "staff" or files is None:
        return
    if why := files.trunks.get(endpoint):
        verdict = f"is a trunk ({why}): everybody outside would pass for told"
        yield Finding(subject, verdict, CONFIGURATION, "move it to parties.trunks")
    elif endpoint in files.by_address:
        verdict = "is known by its address alone: whoever sends from there passes for staff"
        hint = "give it a password (auth), or take it out of parties.staff"
        yield Finding(subject, verdict, hint=hint, warning=True)
