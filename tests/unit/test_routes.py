"""dialplan/README.md: each route that it names is one that the dialplan has, and each has an example to copy."""

import re

import pytest
from unit.pages import CHECKOUT, tables

DIALPLAN = CHECKOUT / "dialplan"
README = (DIALPLAN / "README.md").read_text(encoding="utf-8")
EXAMPLES = "\n".join(file.read_text(encoding="utf-8") for file in sorted((DIALPLAN / "examples").glob("*.conf")))
SHIPPED = "\n".join(file.read_text(encoding="utf-8") for file in sorted(DIALPLAN.glob("*.conf")))
INNER = {
    "consentgate-mode",
    "consentgate-house",
    "consentgate-tone",
    "consentgate-unfinished",
    "consentgate-conference",
}
"""Contexts that only contexts of ours, and the menu of ours, lead to."""
SHOWN = {
    "a caller from outside": r"^exten => \d+,1,Gosub\(consentgate,s,1\(advice-line\)\)\n same => n,Dial\(",
    "a call to the outside": r"^exten => _0X\.,1,.*\n same => n,Dial\(.*@trunk,60,mTKU\(consentgate-party\^",
    "an answering machine": "",
    "a colleague": r"^exten => _200X,1,Dial\(.*U\(consentgate-party\^",
    "blind transfer, by key or REFER": r"^set_var = TRANSFER_CONTEXT=from-inside$",
    "attended transfer, by key or REFER with Replaces": r"^set_var = TRANSFER_CONTEXT=from-inside$",
    "forwarding to an outside number": r"Dial\(PJSIP/07700900999@trunk,60,mU\(consentgate-party\^",
    "pickup": r"Gosub\(consentgate-join,s,1\(advice-line\)\)\n same => n,PickupChan\(",
    "parking": r"^exten => 700,1,Park\(",
    "retrieval": r"Gosub\(consentgate-join,s,1\(advice-line\)\)\n same => n,ParkedCall\(",
    "conference": r"Gosub\(consentgate-join,s,1\(conference\)\)\n same => n,ConfBridge\(.*,consentgate-menu\)",
    "queue": r'Gosub\(consentgate,s,1\(advice-line\)\)\n same => n,Queue\(.*,"consentgate-party,advice-line"\)',
    "voicemail": r"Gosub\(consentgate,s,1\(advice-line\)\)\n same => n,Dial\(.*\n same => n,VoiceMail\(",
    "a line of mode `never`": r"Gosub\(consentgate,s,1\(crisis-line\)\)",
    "an emergency number": r"^exten => 999,1,Dial\(PJSIP/999@trunk\)\n same => n,Hangup",
}
"""How the example of each topology looks; an answering machine is the line's setting, not the route's."""


def contexts() -> dict[str, str]:
    """Each context that the dialplan ships, and its lines."""
    parts = re.split(r"^\[([\w-]+)\]$", SHIPPED, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_each_topology_of_the_page_has_an_example_that_does_it() -> None:
    (table,) = [rows for rows in tables(README) if rows[0][0] == "topology"]
    assert [row[0] for row in table[1:]] == list(SHOWN)
    for topology, looks in SHOWN.items():
        assert re.search(looks, EXAMPLES, re.MULTILINE), topology


def test_each_way_in_that_the_dialplan_has_stands_on_the_page() -> None:
    ways = set(contexts()) - INNER
    assert {"consentgate", "consentgate-join", "consentgate-party", "consentgate-features", "consentgate-menu"} <= ways
    assert [context for context in sorted(ways) if context not in README] == []


@pytest.mark.parametrize("text", [README, EXAMPLES, (CHECKOUT / "README.md").read_text(encoding="utf-8")])
def test_whatever_one_copies_leads_to_an_extension_that_there_is(text: str) -> None:
    there = contexts()
    led = set(re.findall(r"Gosub[(,]\"?(consentgate[\w-]*),([\w-]+),1", text))
    assert led
    for context, extension in led:
        assert re.search(rf"^exten => {re.escape(extension)},1,", there[context], re.MULTILINE), (context, extension)
    for context in re.findall(r"\bU\((consentgate[\w-]*)\^", text):
        assert re.search(r"^exten => s,1,", there[context], re.MULTILINE), context


def test_nothing_on_the_way_to_an_emergency_number_is_ours() -> None:
    """Neither in the examples nor in what the page says of it; the dialplan has no pattern that could catch one."""
    (table,) = [rows for rows in tables(README) if rows[0][0] == "topology"]
    (row,) = [row for row in table if row[0] == "an emergency number"]
    assert row[1].startswith("**nothing**")
    names = re.findall(r"^exten => ([^,]+),", SHIPPED, re.MULTILINE)
    assert len(names) > 20
    # X, Z and N stand for digits in a pattern, in either case.
    assert [name for name in names if not re.match(r"[a-zA-Z]|_[a-mo-wyA-MO-WY]", name)] == []


def test_what_the_page_says_the_dead_gate_costs_is_what_the_dialplan_waits() -> None:
    """The lifeline's seconds, and the age of the last sign of life at which Stasis is not entered any more."""
    assert re.search(r"TIMEOUT\(absolute\)=2\b", SHIPPED)
    assert "2 s of silence | `TIMEOUT(absolute)`" in README
    assert "3 s after the gate's last sign of life" in README
    ages = re.findall(r"\$\{age\} ([<>]=?) (\d+)", SHIPPED)
    assert set(ages) == {(">", "3")}
